#!/usr/bin/env python3
"""Reçoit les webhooks d'un registre Greffe. Il faut Python (≥ 3.9) et le paquet `cryptography`.

    recevoir.py PORT DOSSIER CLE WEBHOOK

CLE est la clé publique qui les signe (whpk_…), WEBHOOK l'identifiant du vôtre. Chaque message vérifié est gardé dans
DOSSIER/<webhook-id>/ (corps, timestamp, signature), une fois, avant d'être accusé ; le reste est refusé. TLS est l'affaire du mandataire placé devant.
"""

import base64
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CORPS_MAX = 64 * 1024
ECART_MAX_S = 300  # Un message plus vieux peut être un message rejoué.


def verifier(cle, entetes, corps):
    """Le message, si l'une de ses signatures est de cette clé (Standard Webhooks, v1a) ; sinon ValueError."""
    ident, instant = entetes.get("webhook-id", ""), entetes.get("webhook-timestamp", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", ident) or not re.fullmatch(r"[0-9]{1,12}", instant):
        raise ValueError("en-têtes")
    if abs(time.time() - int(instant)) > ECART_MAX_S:
        raise ValueError("instant")
    # Les octets reçus, jamais le JSON relu et réécrit.
    signe = f"{ident}.{instant}.".encode() + corps
    for signature in entetes.get("webhook-signature", "").split(" "):
        if signature.startswith("v1a,"):
            try:
                cle.verify(base64.b64decode(signature[4:], validate=True), signe)
                return ident, json.loads(corps)
            except (InvalidSignature, ValueError):
                continue
    raise ValueError("signature")


def garder(dossier, ident, entetes, corps):
    """Garde un message une fois : le renommage est entier ou n'est pas."""
    final = dossier / ident
    if final.exists():
        return
    essai = dossier / f".{ident}.{os.getpid()}.{time.monotonic_ns()}"
    essai.mkdir(parents=True)
    (essai / "corps").write_bytes(corps)
    (essai / "timestamp").write_text(entetes["webhook-timestamp"])
    (essai / "signature").write_text(entetes["webhook-signature"])
    try:
        essai.rename(final)
    except OSError:
        pass  # Le même message, reçu au même instant par ailleurs.


def recepteur(cle, webhook, dossier):
    class Recepteur(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def do_POST(self):
            longueur = int(self.headers.get("content-length", -1))
            if not 0 <= longueur <= CORPS_MAX:
                return self.repondre(413)
            corps = self.rfile.read(longueur)
            try:
                ident, message = verifier(cle, self.headers, corps)
            except ValueError as faute:
                self.log_message("refusé : %s", faute)
                return self.repondre(400)
            # Un message destiné à un autre webhook du même nœud est bien signé, mais n'est pas pour vous.
            if message["data"]["abonnement"] != webhook:
                return self.repondre(400)
            garder(dossier, ident, self.headers, corps)
            print(json.dumps(message), flush=True)
            self.repondre(204)

        def repondre(self, statut):
            self.send_response(statut)
            self.send_header("content-length", "0")
            if statut == 413:
                self.close_connection = True
            self.end_headers()

    return Recepteur


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    port, dossier, cle, webhook = sys.argv[1:]
    cle = Ed25519PublicKey.from_public_bytes(base64.b64decode(cle.removeprefix("whpk_")))
    Path(dossier).mkdir(exist_ok=True)
    ThreadingHTTPServer(("127.0.0.1", int(port)), recepteur(cle, webhook, Path(dossier))).serve_forever()


if __name__ == "__main__":
    main()
