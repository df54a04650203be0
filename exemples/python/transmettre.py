#!/usr/bin/env python3
"""Transmet un acte et son PDF à un registre Greffe. Il faut Python (≥ 3.9) et le paquet `cryptography`.

    transmettre.py ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf

ENVOI est un dossier, un par acte : ce qui est signé y est gardé avant d'être envoyé, le reçu y est gardé après. Relancer
la même commande renvoie les mêmes octets : rien n'est enregistré deux fois.
Code de retour : 0 enregistré, 1 refusé (ENVOI/refus.json dit pourquoi), 2 rien n'a été envoyé : réglage, clé ou
fichier à corriger, 75 indisponible (relancer plus tard la même commande).
"""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

TYPE_CHARGE = "application/vnd.greffe.event+json"
ESSAIS_MAX = 8
ATTENTE_MAX_S = 60  # Plus long qu'un incident passager : le rendre à l'appelant, qui relancera.


class Refus(Exception):
    """Le nœud a dit non : le renvoyer tel quel n'y changera rien."""

    def __init__(self, motif, statut=None, reponse=None):
        super().__init__(motif)
        self.statut, self.reponse = statut, reponse


class Indisponible(Exception):
    """Le nœud ne répond pas, ou pas maintenant : renvoyer plus tard les mêmes octets."""


def charger_cle(fichier):
    cle = load_pem_private_key(Path(fichier).read_bytes(), password=None)
    if not isinstance(cle, Ed25519PrivateKey):
        raise ValueError(f"{fichier} n'est pas une clé Ed25519")
    return cle


def keyid(cle):
    return "ed25519:" + cle.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def jeton(cle, registre, chemin, sel):
    """Un jeton signé par notre clé, valable cinq minutes et pour ce dépôt seul."""
    maintenant = int(time.time())
    requete = hashlib.sha256(f"PUT\n{chemin}\n{sel}\n\n".encode()).hexdigest()
    parties = [{"alg": "EdDSA", "typ": "JWT", "kid": keyid(cle)},
               {"aud": registre, "iat": maintenant, "exp": maintenant + 300, "req": requete}]
    base64_url = lambda octets: base64.urlsafe_b64encode(octets).rstrip(b"=")
    signe = b".".join(base64_url(json.dumps(partie).encode()) for partie in parties)
    return (signe + b"." + base64_url(cle.sign(signe))).decode()


def uuid_v7():
    octets = bytearray(int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))
    octets[6] = octets[6] & 0x0F | 0x70
    octets[8] = octets[8] & 0x3F | 0x80
    texte = octets.hex()
    return "-".join((texte[:8], texte[8:12], texte[12:16], texte[16:20], texte[20:]))


def engagement(octets, sel):
    return hashlib.sha256(b"greffe-piece-v1" + sel + hashlib.sha256(octets).digest()).hexdigest()


def garder(fichier, octets):
    """Écrit tout ou rien, et jusqu'au disque."""
    provisoire = fichier.with_suffix(".tmp")
    with open(provisoire, "wb") as sortie:
        sortie.write(octets)
        sortie.flush()
        os.fsync(sortie.fileno())
    os.replace(provisoire, fichier)
    dossier = os.open(fichier.parent, os.O_RDONLY)
    os.fsync(dossier)
    os.close(dossier)


def preparer(envoi, cle, registre, id_acte, matiere, classification, objet, pdf):
    """Une seule fois. L'enveloppe est écrite en dernier : sans elle, rien n'a pu être envoyé."""
    if not re.fullmatch("[^-]+-[0-9]{9}-[0-9]{8}-[^-]+-[A-Z]{2}", id_acte):
        raise ValueError(f"« {id_acte} » n'est pas de la forme DÉPARTEMENT-SIREN-AAAAMMJJ-NUMÉRO-NATURE")
    _, siren, _, _, nature = id_acte.split("-")
    acte = Path(pdf).read_bytes()
    garder(envoi / "acte.pdf", acte)
    piece = {"role": "acte", "type": "application/pdf", "typologie": f"99_{nature}", "taille": len(acte)}
    if nature in ("DE", "AR", "BF"):
        # Communicable à tous : nom et empreinte figurent dans l'événement.
        piece["nom"] = f"99_{nature}-{id_acte}-1-1_1.pdf"
        piece["sha256"] = hashlib.sha256(acte).hexdigest()
    else:
        sel = secrets.token_bytes(32)
        garder(envoi / "acte.sel", sel.hex().encode())
        piece["engagement"] = engagement(acte, sel)
    # L'objet peut nommer quelqu'un : il part dans une pièce à part, dont l'événement ne porte que l'engagement.
    sel, confidentiel = secrets.token_bytes(32), json.dumps({"objet": objet}, ensure_ascii=False).encode()
    garder(envoi / "objet.json", confidentiel)
    garder(envoi / "objet.sel", sel.hex().encode())
    evenement = json.dumps({
        "specversion": "1.0",
        "id": uuid_v7(),
        "source": f"urn:siren:{siren}",
        "type": "greffe.acte.transmis.v1",
        "subject": f"acte/{id_acte}",
        "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "registre": registre,
        "data": {"matiere": matiere, "classification": classification, "pieces": [piece, {
            "role": "confidentiel", "finalite": "objet", "type": "application/json",
            "taille": len(confidentiel), "engagement": engagement(confidentiel, sel),
        }]},
    }).encode()
    pae = f"DSSEv1 {len(TYPE_CHARGE)} {TYPE_CHARGE} {len(evenement)} ".encode() + evenement
    enveloppe = {
        "payloadType": TYPE_CHARGE,
        "payload": base64.b64encode(evenement).decode(),
        "signatures": [{"keyid": keyid(cle), "sig": base64.b64encode(cle.sign(pae)).decode()}],
    }
    garder(envoi / "enveloppe.json", json.dumps(enveloppe).encode())


def requete(methode, url, octets, entetes):
    """Envoie, et renvoie les mêmes octets tant que le nœud ne répond pas, répond 503 ou 429 (attend Retry-After)."""
    attente = 1
    for essai in range(ESSAIS_MAX):
        annonce = attente
        try:
            envoi = urllib.request.Request(url, data=octets, method=methode, headers=entetes)
            with urllib.request.urlopen(envoi, timeout=120) as reponse:
                return reponse.read()
        except urllib.error.HTTPError as reponse:
            probleme = reponse.read()
            if reponse.code < 500 and reponse.code not in (408, 429):
                raise Refus(dire(probleme), reponse.code, probleme) from None
            motif, entete = dire(probleme), reponse.headers.get("Retry-After", "")
            annonce = int(entete) if entete.isdigit() else attente
        except (OSError, http.client.HTTPException) as erreur:
            motif = str(erreur)
        if essai + 1 == ESSAIS_MAX or annonce > ATTENTE_MAX_S:
            break
        time.sleep(annonce)
        attente = min(2 * attente, ATTENTE_MAX_S)
    raise Indisponible(motif)


def dire(probleme):
    """Pourquoi, dans les mots du nœud (application/problem+json)."""
    try:
        probleme = json.loads(probleme)
        return f"{probleme['titre']} [{probleme['code']}] {probleme.get('champ', '')}\n  {probleme['conseil']}"
    except (ValueError, KeyError):
        return "réponse illisible"


def deposer(url, registre, cle, fichier):
    """Dépose une pièce ; la déposer encore ne change rien. 410 : effacée depuis, l'événement rend encore son reçu."""
    octets, garde = fichier.read_bytes(), fichier.with_suffix(".sel")
    chemin = f"/v1/pieces/{hashlib.sha256(octets).hexdigest()}"
    sel = garde.read_text() if garde.exists() else ""
    entetes = {"Authorization": f"Bearer {jeton(cle, registre, chemin, sel)}", "Content-Type": "application/octet-stream"}
    if sel:
        entetes["Greffe-Sel"] = sel
    try:
        requete("PUT", url + chemin, octets, entetes)
    except Refus as refus:
        if refus.statut != 410:
            raise


def poster(url, envoi):
    """Poste l'enveloppe, et garde le reçu : 201 enregistré à l'instant, 200 enregistré déjà."""
    enveloppe = (envoi / "enveloppe.json").read_bytes()
    recu = requete("POST", f"{url}/v1/events", enveloppe, {"Content-Type": "application/json"})
    # La feuille du reçu se termine par les octets de notre événement.
    if not base64.b64decode(json.loads(recu)["leaf"]).endswith(base64.b64decode(json.loads(enveloppe)["payload"])):
        raise Refus("le reçu n'est pas celui de notre événement")
    garder(envoi / "recu.json", recu)
    return json.loads(recu)["index"]


def main():
    if len(sys.argv) != 7:
        print(__doc__, file=sys.stderr)
        return 2
    os.umask(0o077)
    envoi = Path(sys.argv[1])
    try:
        url, registre = os.environ["GREFFE_URL"].rstrip("/"), os.environ["GREFFE_REGISTRE"]
        cle = charger_cle(os.environ["GREFFE_CLE"])
        envoi.mkdir(parents=True, exist_ok=True)
        if not (envoi / "enveloppe.json").exists():
            preparer(envoi, cle, registre, *sys.argv[2:])
        deposer(url, registre, cle, envoi / "acte.pdf")
        deposer(url, registre, cle, envoi / "objet.json")
        print(f"{sys.argv[2]} enregistré à l'indice {poster(url, envoi)}")
    except Refus as refus:
        if refus.reponse:
            garder(envoi / "refus.json", refus.reponse)
        print(f"refusé : {refus}", file=sys.stderr)
        return 1
    except Indisponible as motif:
        print(f"indisponible : {motif}", file=sys.stderr)
        return 75
    except KeyError as variable:
        print(f"erreur : la variable {variable} n'est pas définie", file=sys.stderr)
        return 2
    except (OSError, ValueError) as erreur:
        print(f"erreur : {erreur}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
