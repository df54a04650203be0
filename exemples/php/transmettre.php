#!/usr/bin/env php
<?php
// Transmet un acte et son PDF à un registre Greffe. Il faut PHP (≥ 8.1), dont l'extension sodium fait partie.
//
//   transmettre.php ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf
//
// ENVOI est un dossier, un par acte : ce qui est signé y est gardé avant d'être envoyé, le reçu y est gardé après. Relancer
// la même commande renvoie les mêmes octets : rien n'est enregistré deux fois.
// Code de retour : 0 enregistré, 1 refusé (ENVOI/refus.json dit pourquoi), 2 rien n'a été envoyé : réglage, clé ou
// fichier à corriger, 75 indisponible (relancer plus tard la même commande).

declare(strict_types=1);

const TYPE_CHARGE = 'application/vnd.greffe.event+json';
const ESSAIS_MAX = 8;
// Plus long qu'un incident passager : le rendre à l'appelant, qui relancera.
const ATTENTE_MAX_S = 60;
const JSON = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR;

/** Le nœud a dit non : le renvoyer tel quel n'y changera rien. */
final class Refus extends Exception
{
    public function __construct(string $motif, public readonly int $statut = 0, public readonly string $reponse = '')
    {
        parent::__construct($motif);
    }
}
/** Le nœud ne répond pas, ou pas maintenant : renvoyer plus tard les mêmes octets. */
final class Indisponible extends Exception {}

final class Cle
{
    private string $secrete;
    public string $keyid;

    public function __construct(string $fichier)
    {
        // PKCS#8 d'une clé Ed25519 (RFC 8410) : 16 octets d'en-tête, puis les 32 octets de la graine.
        $pem = preg_replace('/-----[^-]+-----|\s/', '', lire($fichier));
        $der = base64_decode($pem, true);
        if ($der === false || strlen($der) !== 48 || !str_starts_with($der, hex2bin('302e020100300506032b657004220420'))) {
            throw new RuntimeException("la clé n'est pas une clé Ed25519 en PKCS#8 (openssl genpkey -algorithm ed25519)");
        }
        $paire = sodium_crypto_sign_seed_keypair(substr($der, 16));
        $this->secrete = sodium_crypto_sign_secretkey($paire);
        $this->keyid = 'ed25519:' . bin2hex(sodium_crypto_sign_publickey($paire));
    }

    public function signer(string $message): string
    {
        return sodium_crypto_sign_detached($message, $this->secrete);
    }

    /** Un jeton signé par notre clé, valable cinq minutes et pour ce dépôt seul. */
    public function jeton(string $registre, string $chemin, string $sel): string
    {
        $requete = hash('sha256', "PUT\n$chemin\n$sel\n\n");
        $base64Url = fn (string $octets) => rtrim(strtr(base64_encode($octets), '+/', '-_'), '=');
        $signe = $base64Url(json_encode(['alg' => 'EdDSA', 'typ' => 'JWT', 'kid' => $this->keyid], JSON)) . '.'
            . $base64Url(json_encode(['aud' => $registre, 'iat' => time(), 'exp' => time() + 300, 'req' => $requete], JSON));
        return $signe . '.' . $base64Url($this->signer($signe));
    }
}

function uuid_v7(): string
{
    $octets = substr(pack('J', (int) (microtime(true) * 1000)), 2) . random_bytes(10);
    $octets[6] = chr(ord($octets[6]) & 0x0f | 0x70);
    $octets[8] = chr(ord($octets[8]) & 0x3f | 0x80);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($octets), 4));
}

function engagement(string $octets, string $sel): string
{
    return hash('sha256', 'greffe-piece-v1' . $sel . hash('sha256', $octets, true));
}

function lire(string $fichier): string
{
    $octets = @file_get_contents($fichier);
    return $octets !== false ? $octets : throw new RuntimeException("$fichier n'est pas lisible");
}

function reglage(string $variable): string
{
    return getenv($variable) ?: throw new RuntimeException("la variable $variable n'est pas définie");
}

/** Écrit tout ou rien, et jusqu'au disque. */
function garder(string $fichier, string $octets): void
{
    $sortie = fopen("$fichier.tmp", 'wb');
    if ($sortie === false || fwrite($sortie, $octets) !== strlen($octets) || !fsync($sortie) || !fclose($sortie)
        || !rename("$fichier.tmp", $fichier)) {
        throw new RuntimeException("$fichier n'a pas pu être écrit");
    }
}

/** Une seule fois. L'enveloppe est écrite en dernier : sans elle, rien n'a pu être envoyé. */
function preparer(string $envoi, Cle $cle, string $registre, string $id_acte, string $matiere, string $classification,
    string $objet, string $pdf): void
{
    if (!preg_match('/^[^-]+-(\d{9})-\d{8}-[^-]+-([A-Z]{2})$/', $id_acte, $parties)) {
        throw new RuntimeException("« $id_acte » n'est pas de la forme DÉPARTEMENT-SIREN-AAAAMMJJ-NUMÉRO-NATURE");
    }
    [, $siren, $nature] = $parties;
    $acte = lire($pdf);
    garder("$envoi/acte.pdf", $acte);
    $piece = ['role' => 'acte', 'type' => 'application/pdf', 'typologie' => "99_$nature", 'taille' => strlen($acte)];
    if (in_array($nature, ['DE', 'AR', 'BF'], true)) {
        // Communicable à tous : nom et empreinte figurent dans l'événement.
        $piece += ['nom' => "99_$nature-$id_acte-1-1_1.pdf", 'sha256' => hash('sha256', $acte)];
    } else {
        $sel = random_bytes(32);
        garder("$envoi/acte.sel", bin2hex($sel));
        $piece += ['engagement' => engagement($acte, $sel)];
    }
    // L'objet peut nommer quelqu'un : il part dans une pièce à part, dont l'événement ne porte que l'engagement.
    $sel = random_bytes(32);
    $confidentiel = json_encode(['objet' => $objet], JSON);
    garder("$envoi/objet.json", $confidentiel);
    garder("$envoi/objet.sel", bin2hex($sel));
    $evenement = json_encode([
        'specversion' => '1.0',
        'id' => uuid_v7(),
        'source' => "urn:siren:$siren",
        'type' => 'greffe.acte.transmis.v1',
        'subject' => "acte/$id_acte",
        'time' => gmdate('Y-m-d\TH:i:s\Z'),
        'datacontenttype' => 'application/json',
        'registre' => $registre,
        'data' => ['matiere' => $matiere, 'classification' => $classification, 'pieces' => [$piece, [
            'role' => 'confidentiel', 'finalite' => 'objet', 'type' => 'application/json',
            'taille' => strlen($confidentiel), 'engagement' => engagement($confidentiel, $sel),
        ]]],
    ], JSON);
    $pae = 'DSSEv1 ' . strlen(TYPE_CHARGE) . ' ' . TYPE_CHARGE . ' ' . strlen($evenement) . ' ' . $evenement;
    garder("$envoi/enveloppe.json", json_encode([
        'payloadType' => TYPE_CHARGE,
        'payload' => base64_encode($evenement),
        'signatures' => [['keyid' => $cle->keyid, 'sig' => base64_encode($cle->signer($pae))]],
    ], JSON));
}

/** Envoie, et renvoie les mêmes octets tant que le nœud ne répond pas, répond 503 ou 429 (attend Retry-After). */
function requete(string $methode, string $url, string $octets, array $entetes): string
{
    $contexte = stream_context_create(['http' => ['method' => $methode, 'header' => $entetes, 'content' => $octets,
        'timeout' => 120, 'ignore_errors' => true, 'follow_location' => 0]]);
    for ($essai = 1, $attente = 1; ; $essai++, $attente = min(2 * $attente, ATTENTE_MAX_S)) {
        $reponse = @file_get_contents($url, false, $contexte);
        $recues = $http_response_header ?? [];
        $code = preg_match('~^HTTP/\S+ (\d{3})~', $recues[0] ?? '', $trouve) ? (int) $trouve[1] : 0;
        if ($code >= 200 && $code < 300 && $reponse !== false && $reponse !== '') {
            return $reponse;
        }
        if ($code >= 400 && $code < 500 && $code !== 408 && $code !== 429) {
            throw new Refus(dire((string) $reponse), $code, (string) $reponse);
        }
        $annonce = $attente;
        foreach ($recues as $entete) {
            if (preg_match('/^retry-after:\s*(\d+)/i', $entete, $trouve)) {
                $annonce = (int) $trouve[1];
            }
        }
        if ($essai === ESSAIS_MAX || $annonce > ATTENTE_MAX_S) {
            throw new Indisponible($code === 0 ? 'le nœud ne répond pas' : dire((string) $reponse));
        }
        unset($http_response_header);
        sleep($annonce);
    }
}

/** Pourquoi, dans les mots du nœud (application/problem+json). */
function dire(string $probleme): string
{
    $lu = json_decode($probleme, true);
    return isset($lu['titre'], $lu['code'], $lu['conseil'])
        ? "{$lu['titre']} [{$lu['code']}] " . ($lu['champ'] ?? '') . "\n  {$lu['conseil']}" : 'réponse illisible';
}

/** Dépose une pièce ; la déposer encore ne change rien. 410 : effacée depuis, l'événement rend encore son reçu. */
function deposer(string $url, string $registre, Cle $cle, string $fichier): void
{
    $octets = lire($fichier);
    $chemin = '/v1/pieces/' . hash('sha256', $octets);
    $garde = preg_replace('/\.[a-z]+$/', '.sel', $fichier);
    $sel = is_file($garde) ? lire($garde) : '';
    $entetes = ["Authorization: Bearer {$cle->jeton($registre, $chemin, $sel)}", 'Content-Type: application/octet-stream'];
    if ($sel !== '') {
        $entetes[] = "Greffe-Sel: $sel";
    }
    try {
        requete('PUT', $url . $chemin, $octets, $entetes);
    } catch (Refus $refus) {
        $refus->statut === 410 || throw $refus;
    }
}

/** Poste l'enveloppe, et garde le reçu : 201 enregistré à l'instant, 200 enregistré déjà. */
function poster(string $url, string $envoi): int
{
    $enveloppe = lire("$envoi/enveloppe.json");
    $recu = requete('POST', "$url/v1/events", $enveloppe, ['Content-Type: application/json']);
    $lu = json_decode($recu, true, flags: JSON);
    // La feuille du reçu se termine par les octets de notre événement.
    if (!str_ends_with(base64_decode($lu['leaf']), base64_decode(json_decode($enveloppe, true)['payload']))) {
        throw new Refus("le reçu n'est pas celui de notre événement");
    }
    garder("$envoi/recu.json", $recu);
    return $lu['index'];
}

if ($argc !== 7) {
    fwrite(STDERR, "transmettre.php ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf\n");
    exit(2);
}
umask(0077);
$envoi = $argv[1];
try {
    [$url, $registre] = [rtrim(reglage('GREFFE_URL'), '/'), reglage('GREFFE_REGISTRE')];
    $cle = new Cle(reglage('GREFFE_CLE'));
    is_dir($envoi) || @mkdir($envoi, recursive: true) || throw new RuntimeException("$envoi n'a pas pu être créé");
    is_file("$envoi/enveloppe.json") || preparer($envoi, $cle, $registre, ...array_slice($argv, 2));
    deposer($url, $registre, $cle, "$envoi/acte.pdf");
    deposer($url, $registre, $cle, "$envoi/objet.json");
    $indice = poster($url, $envoi);
    echo "$argv[2] enregistré à l'indice $indice\n";
} catch (Refus $refus) {
    $refus->reponse === '' || garder("$envoi/refus.json", $refus->reponse);
    fwrite(STDERR, "refusé : {$refus->getMessage()}\n");
    exit(1);
} catch (Indisponible $motif) {
    fwrite(STDERR, "indisponible : {$motif->getMessage()}\n");
    exit(75);
} catch (Throwable $erreur) {
    fwrite(STDERR, "erreur : {$erreur->getMessage()}\n");
    exit(2);
}
