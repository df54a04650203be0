#!/usr/bin/env bash
# Suit le fil d'un registre Greffe, page par page. Il faut bash, curl (≥ 7.76), jq et greffe (pour le jeton).
#
#   suivre.sh CURSEUR [FILTRE]
#
# Écrit chaque événement sur la sortie standard, un objet JSON par ligne. CURSEUR est un fichier : où l'on en est, écrit une fois
# les événements de la page rendus. Relancée, la commande reprend là : un arrêt au mauvais moment redonne une page, n'en perd aucune.
# FILTRE s'écrit comme dans l'adresse : 'type=greffe.acte.*&departement=045'. UNE_FOIS=1 s'arrête quand tout est lu.
set -euo pipefail
: "${GREFFE_URL:?l\'adresse du nœud}" "${GREFFE_KEY:?la clé enrôlée, fichier PEM}"
curseur=$1 filtre=${2:-}

while :; do
  apres=$(cat "$curseur" 2>/dev/null || true)
  page=$(curl --silent --show-error --fail-with-body --retry 8 --retry-all-errors --max-time 60 \
    --header "Authorization: Bearer $(greffe token)" \
    "${GREFFE_URL%/}/v1/events?limit=100${apres:+&after=$apres}${filtre:+&$filtre}")
  jq --compact-output '.evenements[]' <<< "$page"
  jq .suite <<< "$page" > "$curseur.neuf"
  mv "$curseur.neuf" "$curseur"
  if [ "$(jq .a_jour <<< "$page")" = true ]; then
    [ -z "${UNE_FOIS:-}" ] || exit 0
    sleep "${PAUSE_S:-30}"
  fi
done
