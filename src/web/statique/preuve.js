// Verifies the receipt of an act in the browser: leaf → leaf hash → inclusion proof → root → checkpoint signed by the log's key; the
// event's own signatures too. The formats are those of docs/FORMAT.md (C2SP tlog-proof, tlog-checkpoint, signed-note; DSSE). Nothing is
// sent anywhere; what is shown is text. The same as `greffe verify`, but for who trusts the page that this script came with.
'use strict';

const PAYLOAD_TYPE = 'application/vnd.greffe.event+json';
const utf8 = new TextEncoder();

class Faux extends Error {}

function exige(condition, raison) {
  if (!condition) throw new Faux(raison);
}

function octets(base64) {
  exige(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64), "une partie du reçu n'est pas lisible");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function joints(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const egaux = (a, b) => a.length === b.length && a.every((byte, n) => byte === b[n]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', joints(...parts)));

async function estSigne(cle, signature, message) {
  const imported = await crypto.subtle.importKey('raw', cle, { name: 'Ed25519' }, false, ['verify']);
  return crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, message);
}

// c2sp.org/tlog-proof: the index, the hashes, and the checkpoint as it was signed.
function lisPreuve(texte) {
  const at = texte.indexOf('\n\n');
  exige(at > 0, "la preuve n'est pas lisible");
  const [entete, ...lignes] = texte.slice(0, at).split('\n');
  exige(entete === 'c2sp.org/tlog-proof@v1', "la preuve n'est pas lisible");
  const premiere = lignes.shift() ?? '';
  exige(/^index (0|[1-9][0-9]*)$/.test(premiere), "la preuve n'est pas lisible");
  return { indice: BigInt(premiere.slice(6)), haches: lignes.map(octets), point: texte.slice(at + 2) };
}

// A signed note: the last blank line separates text and signatures.
async function tete(point, vkey) {
  const at = point.lastIndexOf('\n\n');
  exige(at > 0, "la tête signée n'est pas lisible");
  const [texte, lignes] = [point.slice(0, at + 1), point.slice(at + 2).split('\n')];
  const [nom, identifiant, ...reste] = vkey.split('+');
  const cle = octets(reste.join('+'));
  exige(cle.length === 33 && cle[0] === 1, "la clé du registre n'est pas lisible");
  const calcule = (await sha256(utf8.encode(`${nom}\n`), cle)).subarray(0, 4);
  exige(identifiant === Array.from(calcule, (byte) => byte.toString(16).padStart(2, '0')).join(''), "la clé du registre n'est pas lisible");
  const ligne = lignes.find((l) => l.startsWith(`— ${nom} `) && egaux(octets(l.split(' ')[2] ?? '').subarray(0, 4), calcule));
  exige(ligne, "la tête n'est pas signée par la clé de ce registre");
  const signature = octets(ligne.split(' ')[2]).subarray(4);
  exige(await estSigne(cle.subarray(1), signature, utf8.encode(texte)), 'la signature de la tête est fausse');
  const [origine, taille, racine] = texte.split('\n');
  exige(origine === nom && /^(0|[1-9][0-9]*)$/.test(taille), "la tête signée n'est pas celle de ce registre");
  return { taille: BigInt(taille), racine: octets(racine) };
}

// RFC 9162 §2.1.3.2.
async function racineDepuis(hache, indice, taille, haches) {
  exige(indice < taille, "l'indice dépasse la tête signée");
  let [fn, sn, r] = [indice, taille - 1n, hache];
  for (const p of haches) {
    exige(sn !== 0n && p.length === 32, "la preuve d'inclusion est trop longue");
    if ((fn & 1n) === 1n || fn === sn) {
      r = await sha256(Uint8Array.of(1), p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = await sha256(Uint8Array.of(1), r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  exige(sn === 0n, "la preuve d'inclusion est trop courte");
  return r;
}

// Leaf v1: the event, and its own signatures by the keys that it names.
async function evenement(feuille) {
  exige(feuille.length > 34 && feuille[0] === 1, "l'événement n'est pas lisible");
  const [n, debut] = [feuille[33], 34];
  const contenu = feuille.subarray(debut + n * 97);
  exige(n >= 1 && n <= 4 && contenu.length > 0, "l'événement n'est pas lisible");
  const pae = joints(utf8.encode(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${contenu.length} `), contenu);
  for (let k = 0; k < n; k += 1) {
    const place = feuille.subarray(debut + k * 97, debut + (k + 1) * 97);
    exige(place[0] === 1 && (await estSigne(place.subarray(1, 33), place.subarray(33), pae)), "une signature de l'événement est fausse");
  }
  const enregistre = new DataView(feuille.buffer, feuille.byteOffset).getBigUint64(1);
  return { dit: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(contenu)), enregistre: Number(enregistre) };
}

async function verifie({ recu: adresse, vkey, sujet }, note) {
  const reponse = await fetch(adresse, { credentials: 'same-origin', redirect: 'error' });
  exige(reponse.ok, "le reçu n'a pas pu être lu");
  const recu = await reponse.json();
  const preuve = lisPreuve(recu.proof);
  const feuille = octets(recu.leaf);
  const signee = await tete(preuve.point, vkey);
  note(`La tête du registre, qui compte ${signee.taille} événements, est signée par sa clé.`);
  const racine = await racineDepuis(await sha256(Uint8Array.of(0), feuille), preuve.indice, signee.taille, preuve.haches);
  exige(egaux(racine, signee.racine), "cet événement n'est pas dans le registre tel qu'il est signé");
  exige(BigInt(recu.index) === preuve.indice && adresse === `/recus/${preuve.indice}`, "le reçu est celui d'un autre événement");
  note(`L'événement n° ${preuve.indice} y est, octet pour octet.`);
  const { dit, enregistre } = await evenement(feuille);
  exige(dit.id === recu.id && dit.subject === sujet, "le reçu est celui d'un autre dossier");
  exige(Date.parse(recu.recorded_at) === enregistre, "le reçu donne une autre heure que l'événement");
  note('Il porte les signatures des clés qu\'il nomme, et il parle bien de cet acte.');
}

async function montre() {
  const place = document.getElementById('verification');
  if (!place) return;
  const [verdict, etapes] = [document.getElementById('verdict'), document.getElementById('etapes')];
  const note = (texte) => {
    const ligne = document.createElement('li');
    ligne.textContent = `✓ ${texte}`;
    etapes.append(ligne);
  };
  verdict.textContent = 'Vérification en cours…';
  try {
    exige(globalThis.crypto?.subtle, "ce navigateur ne vérifie qu'à une adresse en https://");
    await verifie(place.dataset, note);
    verdict.textContent = '✓ Vérifié par ce navigateur : cet acte est dans le registre, tel quel.';
    place.className = 'bon';
  } catch (erreur) {
    const inconnu = erreur instanceof DOMException && erreur.name === 'NotSupportedError';
    if (inconnu || !globalThis.crypto?.subtle) {
      verdict.textContent = '– Ce navigateur ne sait pas vérifier ce reçu : employez la commande ci-dessous.';
      return;
    }
    const raison = erreur instanceof Faux ? erreur.message : "le reçu n'est pas lisible";
    verdict.textContent = `✗ Non vérifié : ${raison}. Téléchargez le reçu et prévenez votre opérateur.`;
    place.className = 'alerte';
  }
}

montre();
