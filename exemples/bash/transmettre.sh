#!/usr/bin/env bash
# Transmet un acte et son PDF à un registre Greffe. Il faut bash, curl (≥ 7.71) et openssl (≥ 1.1.1).
#
#   transmettre.sh ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf
#
# ENVOI est un dossier, un par acte : ce qui est signé y est gardé avant d'être envoyé, le reçu y est gardé après. Relancer
# la même commande renvoie les mêmes octets : rien n'est enregistré deux fois.
# Code de retour : 0 enregistré, 1 refusé (ENVOI/refus.json dit pourquoi), 2 rien n'a été envoyé : réglage, clé ou
# fichier à corriger, 75 indisponible (relancer plus tard la même commande).
set -Eeuo pipefail
trap 'exit 2' ERR
umask 077

arreter() { echo "erreur : $1" >&2; exit 2; }
[ $# -eq 6 ] || { sed -n '4p' "$0" >&2; exit 2; }
envoi=$1 id_acte=$2 matiere=$3 classification=$4 objet=$5 pdf=$6
[ -n "${GREFFE_URL:-}" ] || arreter "GREFFE_URL n'est pas défini : l'adresse du nœud, https://…"
[ -n "${GREFFE_REGISTRE:-}" ] || arreter "GREFFE_REGISTRE n'est pas défini : le nom du registre"
[ -r "${GREFFE_CLE:-}" ] || arreter "GREFFE_CLE : « ${GREFFE_CLE:-} » n'est pas un fichier lisible (la clé, en PEM)"
[[ $id_acte =~ ^[^-]+-[0-9]{9}-[0-9]{8}-[^-]+-[A-Z]{2}$ ]] ||
  arreter "« $id_acte » n'est pas de la forme DÉPARTEMENT-SIREN-AAAAMMJJ-NUMÉRO-NATURE"
GREFFE_URL=${GREFFE_URL%/}
TYPE_CHARGE=application/vnd.greffe.event+json

hexa() { od -An -v -tx1 | tr -d ' \n'; }
sha256() { openssl dgst -sha256 -binary "$1" | hexa; }
octets() { wc -c < "$1" | tr -d ' '; }
base64_url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# openssl pkeyutl veut un fichier : Ed25519 lit le message deux fois.
signer() { openssl pkeyutl -sign -rawin -inkey "$GREFFE_CLE" -in "$1"; }
texte_json() {
  [[ $1 != *[[:cntrl:]]* ]] || { echo "un texte contient un caractère de contrôle" >&2; return 2; }
  local texte=${1//\\/\\\\}
  printf '"%s"' "${texte//\"/\\\"}"
}
# SHA-256( "greffe-piece-v1" ‖ sel ‖ SHA-256(fichier) )
engagement() {
  { printf 'greffe-piece-v1'; printf '%b' "$(sed 's/../\\x&/g' "$2")"; openssl dgst -sha256 -binary "$1"; } |
    openssl dgst -sha256 -binary | hexa
}
uuid_v7() {
  local temps hasard
  temps=$(printf '%012x' "$(date +%s%3N)") hasard=$(openssl rand -hex 10)
  printf '%s-%s-7%s-%x%s-%s' "${temps:0:8}" "${temps:8:4}" "${hasard:0:3}" $((8 + 0x${hasard:3:1} % 4)) \
    "${hasard:4:3}" "${hasard:7:12}"
}
cle_publique() { openssl pkey -in "$GREFFE_CLE" -pubout -outform DER | tail -c 32 | hexa; }

# jeton CHEMIN SEL : un jeton signé par notre clé, valable cinq minutes et pour ce dépôt seul.
jeton() {
  local maintenant tete requete
  requete=$(printf 'PUT\n%s\n%s\n\n' "$1" "$2" | openssl dgst -sha256 -binary | hexa)
  maintenant=$(date +%s)
  tete=$(printf '{"alg":"EdDSA","typ":"JWT","kid":"ed25519:%s"}' "$(cle_publique)" | base64_url)
  printf '%s.%s' "$tete" "$(printf '{"aud":"%s","iat":%d,"exp":%d,"req":"%s"}' "$GREFFE_REGISTRE" \
    "$maintenant" $((maintenant + 300)) "$requete" | base64_url)" > "$envoi/jeton.tmp"
  printf '%s.%s' "$(cat "$envoi/jeton.tmp")" "$(signer "$envoi/jeton.tmp" | base64_url)"
  rm "$envoi/jeton.tmp"
}

# Envoie, et renvoie les mêmes octets tant que le nœud ne répond pas, répond 503 ou 429 (curl attend Retry-After).
# Écrit la réponse dans ENVOI/reponse.json et affiche son code.
requete() {
  curl --silent --show-error --output "$envoi/reponse.json" --write-out '%{http_code}' --connect-timeout 10 \
    --retry 8 --retry-all-errors --retry-max-time 120 "$@"
}

# Dit pourquoi, dans les mots du nœud (application/problem+json), et s'arrête.
echouer() {
  local champ
  champ() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$envoi/reponse.json" | head -n 1; }
  local motif
  motif="$(champ titre) [$(champ code)] $(champ champ)
  $(champ conseil)"
  case $1 in 408 | 429 | 5??) echo "indisponible : $motif" >&2; exit 75 ;; esac
  echo "refusé : $motif" >&2
  mv "$envoi/reponse.json" "$envoi/refus.json"
  exit 1
}

# 1. Préparer, une seule fois. L'enveloppe est écrite en dernier : sans elle, rien n'a pu être envoyé.
preparer() {
  local nature=${id_acte##*-} siren piece cle
  siren=$(cut -d- -f2 <<< "$id_acte")
  cp "$pdf" "$envoi/acte.pdf"
  # L'objet peut nommer quelqu'un : il part dans une pièce à part, dont l'événement ne porte que l'engagement.
  printf '{"objet":%s}' "$(texte_json "$objet")" > "$envoi/objet.json"
  openssl rand -hex 32 | tr -d '\n' > "$envoi/objet.sel"
  rm -f "$envoi/acte.sel"
  case $nature in
    DE | AR | BF) # Communicable à tous : nom et empreinte figurent dans l'événement.
      piece="\"nom\":\"99_$nature-$id_acte-1-1_1.pdf\",\"sha256\":\"$(sha256 "$envoi/acte.pdf")\"" ;;
    *)
      openssl rand -hex 32 | tr -d '\n' > "$envoi/acte.sel"
      piece="\"engagement\":\"$(engagement "$envoi/acte.pdf" "$envoi/acte.sel")\"" ;;
  esac
  printf '%s' '{"specversion":"1.0","id":"'"$(uuid_v7)"'","source":"urn:siren:'"$siren"'",' \
    '"type":"greffe.acte.transmis.v1","subject":"acte/'"$id_acte"'","time":"'"$(date -u +%FT%TZ)"'",' \
    '"datacontenttype":"application/json","registre":"'"$GREFFE_REGISTRE"'","data":{' \
    '"matiere":"'"$matiere"'","classification":"'"$classification"'","pieces":[' \
    '{"role":"acte","type":"application/pdf","typologie":"99_'"$nature"'","taille":'"$(octets "$envoi/acte.pdf"),$piece"'},' \
    '{"role":"confidentiel","finalite":"objet","type":"application/json","taille":'"$(octets "$envoi/objet.json")"',' \
    '"engagement":"'"$(engagement "$envoi/objet.json" "$envoi/objet.sel")"'"}]}}' > "$envoi/evenement.json"
  { printf 'DSSEv1 %d %s %d ' ${#TYPE_CHARGE} $TYPE_CHARGE "$(octets "$envoi/evenement.json")"
    cat "$envoi/evenement.json"; } > "$envoi/pae.tmp"
  cle=$(cle_publique)
  printf '{"payloadType":"%s","payload":"%s","signatures":[{"keyid":"ed25519:%s","sig":"%s"}]}' $TYPE_CHARGE \
    "$(openssl base64 -A -in "$envoi/evenement.json")" "$cle" "$(signer "$envoi/pae.tmp" | openssl base64 -A)" \
    > "$envoi/enveloppe.tmp"
  rm "$envoi/pae.tmp"
  sync "$envoi"/*
  mv "$envoi/enveloppe.tmp" "$envoi/enveloppe.json"
}

# 2. Déposer une pièce ; la déposer encore ne change rien. 410 : elle a été effacée depuis, l'événement rend encore son reçu.
deposer() {
  local fichier=$1 chemin sel='' code
  chemin=/v1/pieces/$(sha256 "$fichier")
  [ ! -f "${fichier%.*}.sel" ] || sel=$(cat "${fichier%.*}.sel")
  local entetes=(--header "Authorization: Bearer $(jeton "$chemin" "$sel")" --header "Content-Type: application/octet-stream")
  [ -z "$sel" ] || entetes+=(--header "Greffe-Sel: $sel")
  code=$(requete "${entetes[@]}" --upload-file "$fichier" "$GREFFE_URL$chemin") || exit 75
  case $code in 201 | 410) ;; *) echouer "$code" ;; esac
}

# 3. Poster l'enveloppe, et garder le reçu : 201 enregistré à l'instant, 200 enregistré déjà.
poster() {
  local code
  code=$(requete --header 'Content-Type: application/json' --data-binary "@$envoi/enveloppe.json" \
    "$GREFFE_URL/v1/events") || exit 75
  case $code in 200 | 201) ;; *) echouer "$code" ;; esac
  # La feuille du reçu se termine par les octets de notre événement.
  sed 's/.*"leaf":"\([^"]*\)".*/\1/' "$envoi/reponse.json" | openssl base64 -d -A | tail -c "$(octets "$envoi/evenement.json")" |
    cmp -s - "$envoi/evenement.json" || { echo "le reçu n'est pas celui de notre événement" >&2; exit 1; }
  sync "$envoi/reponse.json"
  mv "$envoi/reponse.json" "$envoi/recu.json"
}

mkdir -p "$envoi"
[ -f "$envoi/enveloppe.json" ] || preparer
deposer "$envoi/acte.pdf"
deposer "$envoi/objet.json"
poster
echo "$id_acte enregistré à l'indice $(sed 's/.*"index":\([0-9]*\).*/\1/' "$envoi/recu.json")"
