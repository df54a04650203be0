// Transmet un acte et son PDF à un registre Greffe. Il faut Java (≥ 17), rien d'autre.
//
//   java Transmettre.java ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf
//
// ENVOI est un dossier, un par acte : ce qui est signé y est gardé avant d'être envoyé, le reçu y est gardé après. Relancer
// la même commande renvoie les mêmes octets : rien n'est enregistré deux fois.
// Code de retour : 0 enregistré, 1 refusé (ENVOI/refus.json dit pourquoi), 2 rien n'a été envoyé : réglage, clé ou
// fichier à corriger, 75 indisponible (relancer plus tard la même commande).
//
// La bibliothèque standard ne sait pas déduire une clé publique Ed25519 de la clé privée : GREFFE_CLE_PUBLIQUE nomme son
// fichier, que fait « openssl pkey -in cle.pem -pubout -out cle.pub.pem ».

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Set;
import java.util.regex.Pattern;

public final class Transmettre {
    static final String TYPE_CHARGE = "application/vnd.greffe.event+json";
    static final int ESSAIS_MAX = 8;
    /** Plus long qu'un incident passager : le rendre à l'appelant, qui relancera. */
    static final long ATTENTE_MAX_S = 60;
    static final SecureRandom HASARD = new SecureRandom();

    /** Le nœud a dit non : le renvoyer tel quel n'y changera rien. */
    static final class Refus extends Exception {
        final int statut;
        final String reponse;

        Refus(String motif, int statut, String reponse) {
            super(motif);
            this.statut = statut;
            this.reponse = reponse;
        }
    }

    /** Le nœud ne répond pas, ou pas maintenant : renvoyer plus tard les mêmes octets. */
    static final class Indisponible extends Exception {
        Indisponible(String motif) { super(motif); }
    }

    final HttpClient client =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();
    final String url = reglage("GREFFE_URL").replaceAll("/+$", "");
    final String registre = reglage("GREFFE_REGISTRE");
    final PrivateKey cle;
    final String keyid;
    final Path envoi;

    Transmettre(Path envoi) throws IOException, GeneralSecurityException {
        this.envoi = envoi;
        var fabrique = KeyFactory.getInstance("Ed25519");
        cle = fabrique.generatePrivate(new PKCS8EncodedKeySpec(pem(reglage("GREFFE_CLE"))));
        byte[] publique = pem(reglage("GREFFE_CLE_PUBLIQUE"));
        // SubjectPublicKeyInfo (RFC 8410) : les 32 derniers octets sont la clé.
        keyid = "ed25519:" + hexa(Arrays.copyOfRange(publique, publique.length - 32, publique.length));
        byte[] essai = octets("la clé publique est celle de la clé privée");
        var verification = Signature.getInstance("Ed25519");
        verification.initVerify(fabrique.generatePublic(new X509EncodedKeySpec(publique)));
        verification.update(essai);
        if (!verification.verify(signer(essai))) {
            throw new GeneralSecurityException("GREFFE_CLE_PUBLIQUE n'est pas la clé publique de GREFFE_CLE");
        }
    }

    static String reglage(String variable) {
        String valeur = System.getenv(variable);
        if (valeur == null || valeur.isEmpty()) {
            throw new IllegalArgumentException("la variable " + variable + " n'est pas définie");
        }
        return valeur;
    }

    static byte[] pem(String fichier) throws IOException {
        return Base64.getDecoder().decode(Files.readString(Path.of(fichier)).replaceAll("-----[^-]+-----|\\s", ""));
    }

    byte[] signer(byte[] message) throws GeneralSecurityException {
        var signature = Signature.getInstance("Ed25519");
        signature.initSign(cle);
        signature.update(message);
        return signature.sign();
    }

    /** Un jeton signé par notre clé, valable cinq minutes et pour ce dépôt seul. */
    String jeton(String chemin, String sel) throws GeneralSecurityException {
        String requete = hexa(sha256(octets("PUT\n" + chemin + "\n" + sel + "\n\n")));
        var base64Url = Base64.getUrlEncoder().withoutPadding();
        long maintenant = Instant.now().getEpochSecond();
        String tete = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"" + keyid + "\"}";
        String corps = "{\"aud\":" + texteJson(registre) + ",\"iat\":" + maintenant + ",\"exp\":" + (maintenant + 300)
            + ",\"req\":\"" + requete + "\"}";
        String signe = base64Url.encodeToString(octets(tete)) + "." + base64Url.encodeToString(octets(corps));
        return signe + "." + base64Url.encodeToString(signer(octets(signe)));
    }

    /** Une seule fois. L'enveloppe est écrite en dernier : sans elle, rien n'a pu être envoyé. */
    void preparer(String idActe, String matiere, String classification, String objet, Path pdf)
            throws IOException, GeneralSecurityException {
        if (!idActe.matches("[^-]+-\\d{9}-\\d{8}-[^-]+-[A-Z]{2}")) {
            throw new IllegalArgumentException("« " + idActe + " » n'est pas de la forme DÉPARTEMENT-SIREN-AAAAMMJJ-NUMÉRO-NATURE");
        }
        String siren = idActe.split("-")[1], nature = idActe.split("-")[4];
        byte[] acte = Files.readAllBytes(pdf);
        garder("acte.pdf", acte);
        String piece;
        if (Set.of("DE", "AR", "BF").contains(nature)) {
            // Communicable à tous : nom et empreinte figurent dans l'événement.
            piece = "\"nom\":" + texteJson("99_" + nature + "-" + idActe + "-1-1_1.pdf") + ",\"sha256\":\"" + hexa(sha256(acte)) + "\"";
        } else {
            byte[] sel = hasard(32);
            garder("acte.sel", octets(hexa(sel)));
            piece = "\"engagement\":\"" + engagement(acte, sel) + "\"";
        }
        // L'objet peut nommer quelqu'un : il part dans une pièce à part, dont l'événement ne porte que l'engagement.
        byte[] sel = hasard(32), confidentiel = octets("{\"objet\":" + texteJson(objet) + "}");
        garder("objet.json", confidentiel);
        garder("objet.sel", octets(hexa(sel)));
        byte[] evenement = octets("""
            {"specversion":"1.0","id":"%s","source":"urn:siren:%s","type":"greffe.acte.transmis.v1","subject":%s,\
            "time":"%s","datacontenttype":"application/json","registre":%s,"data":{"matiere":%s,"classification":%s,\
            "pieces":[{"role":"acte","type":"application/pdf","typologie":"99_%s","taille":%d,%s},\
            {"role":"confidentiel","finalite":"objet","type":"application/json","taille":%d,"engagement":"%s"}]}}"""
            .formatted(uuidV7(), siren, texteJson("acte/" + idActe), Instant.now().truncatedTo(ChronoUnit.SECONDS),
                texteJson(registre), texteJson(matiere), texteJson(classification), nature, acte.length, piece,
                confidentiel.length, engagement(confidentiel, sel)));
        byte[] tete = octets("DSSEv1 " + TYPE_CHARGE.length() + " " + TYPE_CHARGE + " " + evenement.length + " ");
        byte[] pae = ByteBuffer.allocate(tete.length + evenement.length).put(tete).put(evenement).array();
        var base64 = Base64.getEncoder();
        garder("enveloppe.json", octets("""
            {"payloadType":"%s","payload":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}"""
            .formatted(TYPE_CHARGE, base64.encodeToString(evenement), keyid, base64.encodeToString(signer(pae)))));
    }

    /** Envoie, et renvoie les mêmes octets tant que le nœud ne répond pas, répond 503 ou 429 (attend Retry-After). */
    String requete(HttpRequest.Builder requete) throws Refus, Indisponible, InterruptedException {
        long attente = 1;
        for (int essai = 1; ; essai++) {
            long annonce = attente;
            String motif;
            try {
                HttpResponse<String> reponse = client.send(requete.timeout(Duration.ofSeconds(120)).build(), BodyHandlers.ofString());
                int code = reponse.statusCode();
                if (code >= 200 && code < 300) {
                    return reponse.body();
                }
                motif = dire(reponse.body());
                if (code < 500 && code != 408 && code != 429) {
                    throw new Refus(motif, code, reponse.body());
                }
                annonce = reponse.headers().firstValue("Retry-After").filter(s -> s.matches("\\d{1,6}")).map(Long::valueOf).orElse(attente);
            } catch (IOException erreur) {
                motif = "le nœud ne répond pas : " + erreur.getMessage();
            }
            if (essai == ESSAIS_MAX || annonce > ATTENTE_MAX_S) {
                throw new Indisponible(motif);
            }
            Thread.sleep(Duration.ofSeconds(annonce).toMillis());
            attente = Math.min(2 * attente, ATTENTE_MAX_S);
        }
    }

    /** Dépose une pièce ; la déposer encore ne change rien. 410 : effacée depuis, l'événement rend encore son reçu. */
    void deposer(String nom) throws Exception {
        byte[] octets = Files.readAllBytes(envoi.resolve(nom));
        String chemin = "/v1/pieces/" + hexa(sha256(octets));
        Path garde = envoi.resolve(nom.replaceAll("\\.[a-z]+$", ".sel"));
        String sel = Files.exists(garde) ? Files.readString(garde) : "";
        var requete = HttpRequest.newBuilder(URI.create(url + chemin))
            .header("Authorization", "Bearer " + jeton(chemin, sel))
            .header("Content-Type", "application/octet-stream")
            .PUT(BodyPublishers.ofByteArray(octets));
        if (!sel.isEmpty()) {
            requete.header("Greffe-Sel", sel);
        }
        try {
            requete(requete);
        } catch (Refus refus) {
            if (refus.statut != 410) {
                throw refus;
            }
        }
    }

    /** Poste l'enveloppe, et garde le reçu : 201 enregistré à l'instant, 200 enregistré déjà. */
    String poster() throws Exception {
        String enveloppe = Files.readString(envoi.resolve("enveloppe.json"));
        String recu = requete(HttpRequest.newBuilder(URI.create(url + "/v1/events"))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(enveloppe)));
        byte[] feuille = Base64.getDecoder().decode(champ(recu, "leaf"));
        byte[] evenement = Base64.getDecoder().decode(champ(enveloppe, "payload"));
        // La feuille du reçu se termine par les octets de notre événement.
        int debut = feuille.length - evenement.length;
        if (debut < 0 || !Arrays.equals(feuille, debut, feuille.length, evenement, 0, evenement.length)) {
            throw new Refus("le reçu n'est pas celui de notre événement", 0, recu);
        }
        garder("recu.json", octets(recu));
        return trouver(recu, "\"index\":(\\d+)");
    }

    /** Écrit tout ou rien, et jusqu'au disque. */
    void garder(String nom, byte[] octets) throws IOException {
        Path provisoire = envoi.resolve(nom + ".tmp");
        try (var sortie = FileChannel.open(provisoire, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            var reste = ByteBuffer.wrap(octets);
            while (reste.hasRemaining()) {
                sortie.write(reste);
            }
            sortie.force(true);
        }
        Files.move(provisoire, envoi.resolve(nom), StandardCopyOption.ATOMIC_MOVE);
    }

    static String uuidV7() {
        byte[] octets = ByteBuffer.allocate(16).putLong(System.currentTimeMillis() << 16).putLong(0).array();
        System.arraycopy(hasard(10), 0, octets, 6, 10);
        octets[6] = (byte) (octets[6] & 0x0f | 0x70);
        octets[8] = (byte) (octets[8] & 0x3f | 0x80);
        return hexa(octets).replaceFirst("(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5");
    }

    static String engagement(byte[] fichier, byte[] sel) throws GeneralSecurityException {
        var empreinte = MessageDigest.getInstance("SHA-256");
        empreinte.update(octets("greffe-piece-v1"));
        empreinte.update(sel);
        return hexa(empreinte.digest(sha256(fichier)));
    }

    /** Pourquoi, dans les mots du nœud (application/problem+json). */
    static String dire(String probleme) {
        String titre = champ(probleme, "titre");
        return titre.isEmpty() ? "réponse illisible" : titre + " [" + champ(probleme, "code") + "] " + champ(probleme, "champ")
            + "\n  " + champ(probleme, "conseil");
    }

    /** Un champ de texte, sans échappement, d'une réponse du nœud : de quoi se passer d'une bibliothèque JSON. */
    static String champ(String json, String nom) {
        return trouver(json, "(?<!\\\\)\"" + nom + "\":\"([^\"\\\\]*)\"");
    }

    static String trouver(String texte, String motif) {
        var trouve = Pattern.compile(motif).matcher(texte);
        return trouve.find() ? trouve.group(1) : "";
    }

    static String texteJson(String texte) {
        if (texte.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("un texte contient un caractère de contrôle");
        }
        return '"' + texte.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    static byte[] octets(String texte) { return texte.getBytes(StandardCharsets.UTF_8); }

    static byte[] sha256(byte[] octets) throws GeneralSecurityException {
        return MessageDigest.getInstance("SHA-256").digest(octets);
    }

    static byte[] hasard(int taille) {
        byte[] octets = new byte[taille];
        HASARD.nextBytes(octets);
        return octets;
    }

    static String hexa(byte[] octets) { return HexFormat.of().formatHex(octets); }

    public static void main(String[] args) throws Exception {
        if (args.length != 6) {
            System.err.println("java Transmettre.java ENVOI ID_ACTE MATIERE CLASSIFICATION OBJET FICHIER.pdf");
            System.exit(2);
        }
        Path envoi = Path.of(args[0]);
        try {
            Files.createDirectories(envoi);
            var acte = new Transmettre(envoi);
            if (!Files.exists(acte.envoi.resolve("enveloppe.json"))) {
                acte.preparer(args[1], args[2], args[3], args[4], Path.of(args[5]));
            }
            acte.deposer("acte.pdf");
            acte.deposer("objet.json");
            System.out.println(args[1] + " enregistré à l'indice " + acte.poster());
        } catch (Refus refus) {
            Files.writeString(envoi.resolve("refus.json"), refus.reponse);
            System.err.println("refusé : " + refus.getMessage());
            System.exit(1);
        } catch (Indisponible motif) {
            System.err.println("indisponible : " + motif.getMessage());
            System.exit(75);
        } catch (IOException | GeneralSecurityException | IllegalArgumentException erreur) {
            System.err.println("erreur : " + erreur.getMessage());
            System.exit(2);
        }
    }
}
