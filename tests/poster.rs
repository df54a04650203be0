//! docs/POSTER.md holds true: it shows the very programs of `exemples/`, and each of them transmits an act to a real node through
//! a line that loses answers.
//!
//! `GREFFE_WRITE_POSTER=1 cargo test --test poster` writes programs and limits into the page after a deliberate change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/node.rs"]
mod node;
#[path = "support/relais.rs"]
mod relais;
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use greffe::http::problem::Cause;
use greffe_events::Code;
use node::*;
use relais::{Relais, Sort};
use serde_json::Value;
use support::{COMMUNE, PREFECTURE};

const ORIGIN: &str = "greffe.essai.invalid";
/// What a hurried form field holds: quotes, backslash, percent, accents, an emoji.
const OBJET: &str = r#"Garantie d'emprunt « été » \ à 50 %n pour "l'Office" 🏛"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Puts what belongs there behind each marker of the page.
fn page_of(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find("<!-- ") {
        let end = at + rest[at..].find(" -->\n").unwrap() + " -->\n".len();
        let marker = rest[at + "<!-- ".len()..end - " -->\n".len()].to_owned();
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        let (block, closing) = if marker == "limites" {
            (limites(), "\n\n")
        } else {
            let path = marker.strip_prefix("exemple: ").unwrap_or_else(|| panic!("marker {marker}"));
            let code = std::fs::read_to_string(root().join(path)).unwrap();
            let language = Path::new(path).parent().and_then(Path::file_name).unwrap().to_str().unwrap();
            (format!("```{language}\n{code}```"), "\n```\n")
        };
        // What stands there now: a table up to the empty line, a program up to its fence.
        if rest.starts_with("```") || rest.starts_with('|') {
            let end = rest.find(closing).unwrap() + closing.len();
            rest = &rest[end - usize::from(closing == "\n\n")..];
        }
        out.push_str(&block);
        out.push('\n');
    }
    out + rest
}

fn limites() -> String {
    use greffe::http::auth::TOKEN_SECONDS_MAX;
    use greffe::http::bounds::{BODY_SILENCE_MAX, ENVELOPE_WAIT_MAX, HEADERS_MAX, PIECE_WAIT_MAX, UPLOADS_MAX};
    use greffe_events::dsse::{ENVELOPE_BYTES_MAX, PAYLOAD_BYTES_MAX};
    use greffe_events::event::{TIME_FUTURE_MS_MAX, TIME_PAST_MS_MAX};
    use greffe_events::piece::{PIECE_BYTES_MAX, PIECES_MAX};
    let day_ms = 24 * 3_600 * 1_000;
    let rows = [
        ("un événement", format!("{PAYLOAD_BYTES_MAX} octets")),
        ("une enveloppe", format!("{ENVELOPE_BYTES_MAX} octets, reçue en moins de {} s", ENVELOPE_WAIT_MAX.as_secs())),
        ("une pièce", format!("{PIECE_BYTES_MAX} octets, reçue en moins de {} s", PIECE_WAIT_MAX.as_secs())),
        ("un silence pendant l'envoi d'un corps", format!("{} s", BODY_SILENCE_MAX.as_secs())),
        ("pièces citées par un événement", format!("{PIECES_MAX}")),
        ("dépôts à la fois sur tout le nœud", format!("{UPLOADS_MAX} ; au-delà, 503")),
        ("en-têtes d'une requête", format!("{HEADERS_MAX}")),
        (
            "`time`, à l'enregistrement",
            format!("{} jours avant, {} minutes après", TIME_PAST_MS_MAX / day_ms, TIME_FUTURE_MS_MAX / 60_000),
        ),
        ("durée d'un jeton", format!("{TOKEN_SECONDS_MAX} s")),
    ];
    let rows: Vec<String> = rows.iter().map(|(what, limit)| format!("| {what} | {limit} |")).collect();
    format!("| quoi | au plus |\n|---|---|\n{}", rows.join("\n"))
}

#[test]
fn the_page_shows_the_programs_that_are_run_and_the_limits_that_are_kept() {
    let path = root().join("docs/POSTER.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let written = page_of(&page);
    if std::env::var_os("GREFFE_WRITE_POSTER").is_some() {
        std::fs::write(&path, &written).unwrap();
        return;
    }
    assert!(page == written, "docs/POSTER.md differs from exemples/ or from the limits: GREFFE_WRITE_POSTER=1");
    for langue in ["bash", "php", "python", "java"] {
        assert!(page.contains(&format!("\n```{langue}\n")), "{langue} is not on the page");
    }
}

#[test]
fn every_code_that_the_page_explains_exists() {
    let page = std::fs::read_to_string(root().join("docs/POSTER.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("5. Les refus")).unwrap();
    let mut explained = 0;
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap();
        for code in cell.split('`').skip(1).step_by(2) {
            let exists = code.parse::<Code>().is_ok() || Cause::ALL.iter().any(|cause| cause.as_str() == code);
            assert!(exists, "no such code: {code}");
            explained += 1;
        }
    }
    assert!(explained > 20, "{explained}");
}

/// A program of `exemples/`, and how it is started.
struct Programme {
    langue: &'static str,
    commande: Vec<String>,
}

/// The command, where what it needs is here; else says what is missing.
fn programme(langue: &'static str) -> Option<Programme> {
    let works = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    let start: Option<Vec<&str>> = match langue {
        "bash" => (works("bash", &["--version"]) && works("openssl", &["version"]) && works("curl", &["--version"]))
            .then(|| vec!["bash"]),
        "php" => works("php", &["-r", "exit(extension_loaded('sodium') && PHP_VERSION_ID >= 80100 ? 0 : 1);"])
            .then(|| vec!["php"]),
        "python" => ["python3", "/usr/bin/python3"]
            .into_iter()
            .find(|python| works(python, &["-c", "import cryptography"]))
            .map(|python| vec![python]),
        _ => works("java", &["--list-modules"])
            .then(|| Command::new("java").arg("--list-modules").output().unwrap())
            .filter(|output| text(&output.stdout).contains("jdk.compiler@"))
            .filter(|output| {
                let version = text(&output.stdout);
                let version = version.split("jdk.compiler@").nth(1).unwrap();
                version.split(['.', '\n']).next().unwrap().parse().is_ok_and(|major: u32| major >= 17)
            })
            .map(|_| vec!["java"]),
    };
    let Some(start) = start else {
        eprintln!("skipped: {langue} is not installed with what POSTER.md asks for (its program transmits an act)");
        return None;
    };
    let file = match langue {
        "java" => "exemples/java/Transmettre.java",
        "bash" => "exemples/bash/transmettre.sh",
        "php" => "exemples/php/transmettre.php",
        _ => "exemples/python/transmettre.py",
    };
    let mut commande: Vec<String> = start.into_iter().map(ToOwned::to_owned).collect();
    commande.push(arg(&root().join(file)).to_owned());
    Some(Programme { langue, commande })
}

/// An editor's place: its folder, its key, its PDF.
struct Editeur {
    dir: PathBuf,
    cle: PathBuf,
    programme: Programme,
}

impl Editeur {
    /// Runs the program as the page says; `envoi` is its folder.
    fn transmettre(&self, url: &str, envoi: &str, id_acte: &str) -> Output {
        self.commande(url, envoi, id_acte).output().unwrap()
    }

    fn commande(&self, url: &str, envoi: &str, id_acte: &str) -> Command {
        let publique = self.dir.join("cle.pub.pem");
        let mut commande = Command::new(&self.programme.commande[0]);
        commande
            .args(&self.programme.commande[1..])
            .args([envoi, id_acte, "7.3.2", "2026-01-01", OBJET, "deliberation.pdf"])
            .current_dir(&self.dir)
            .env("GREFFE_URL", url)
            .env("GREFFE_REGISTRE", ORIGIN)
            .env("GREFFE_CLE", &self.cle)
            .env("GREFFE_CLE_PUBLIQUE", publique)
            .env("LC_ALL", "C.UTF-8");
        commande
    }

    /// What is wrong on this side is told in a line, with a code of its own: nothing was sent.
    fn corrige_ici(&self, url: &str) {
        let acte = "045-214502494-20261120-ARR2026_9-AR";
        std::fs::create_dir(self.dir.join("ailleurs")).unwrap();
        let commande = |id_acte| self.commande(url, "envoi/9", id_acte);
        let (mut sans_cle, mut sans_registre, mut sans_acte) = (commande(acte), commande(acte), commande(acte));
        sans_cle.env("GREFFE_CLE", "absente.pem");
        sans_registre.env_remove("GREFFE_REGISTRE");
        sans_acte.current_dir(self.dir.join("ailleurs"));
        for (mut commande, mot) in [
            (sans_cle, "absente.pem"),
            (sans_registre, "GREFFE_REGISTRE"),
            (sans_acte, "deliberation.pdf"),
            (commande("ARR2026_9"), "DÉPARTEMENT-SIREN"),
        ] {
            let output = commande.output().unwrap();
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{} {mot}: {said}", self.programme.langue);
            assert!(said.contains(mot) && said.lines().count() <= 2, "{} {mot}: {said}", self.programme.langue);
        }
    }

    #[track_caller]
    fn enregistre(&self, url: &str, envoi: &str, id_acte: &str) -> u64 {
        let output = self.transmettre(url, envoi, id_acte);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{}: {said}{}", self.programme.langue, text(&output.stderr));
        said.trim().strip_prefix(&format!("{id_acte} enregistré à l'indice ")).expect(&said).parse().unwrap()
    }

    #[track_caller]
    fn refuse(&self, url: &str, envoi: &str, id_acte: &str, code: i32) -> String {
        let output = self.transmettre(url, envoi, id_acte);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{}: {said}", self.programme.langue);
        assert!(!self.dir.join(envoi).join("recu.json").exists(), "no receipt without a record");
        said
    }
}

fn get(node: &Serving, key: &Path, path: &str) -> Vec<u8> {
    let token = succeed(&["token", "--url", &node.url, "--key", arg(key)]);
    let answer = ureq::get(format!("{}{path}", node.url)).header("Authorization", format!("Bearer {}", token.trim()));
    answer.call().unwrap_or_else(|error| panic!("{path}: {error}")).body_mut().read_to_vec().unwrap()
}

fn transmits_an_act_through_a_bad_line(langue: &'static str) {
    let Some(programme) = programme(langue) else { return };
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let cle = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let dir = root.path().join("editeur");
    std::fs::create_dir(&dir).unwrap();
    let pdf = [b"%PDF-1.7\n\x00\xff\r\n".as_slice(), &vec![b'x'; 200_000]].concat();
    std::fs::write(dir.join("deliberation.pdf"), &pdf).unwrap();
    if langue == "java" {
        // As the program's own head says; an SPKI is its 12 bytes and the key (RFC 8410).
        let public = succeed(&["key", "show", arg(&cle)]);
        let public = data_encoding::HEXLOWER.decode(public.trim().trim_start_matches("ed25519:").as_bytes()).unwrap();
        let spki = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), &public].concat();
        let spki = data_encoding::BASE64.encode(&spki);
        std::fs::write(
            dir.join("cle.pub.pem"),
            format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"),
        )
        .unwrap();
    }
    let editeur = Editeur { dir, cle: cle.clone(), programme };

    // The first upload is sent away for a second, the first answer to the event is lost.
    let relais = Relais::vers(&node.url, |methode, nth| match (methode, nth) {
        ("PUT", 0) => Sort::Refuse(1),
        ("POST", 0) => Sort::Perd,
        _ => Sort::Passe,
    });
    let id = "045-214502494-20261120-DEL2026_041-DE";
    let index = editeur.enregistre(&relais.url, "envoi/1", id);
    let posts = relais.vues("POST");
    assert_eq!(posts.iter().map(|vue| vue.statut).collect::<Vec<_>>(), [Some(201), Some(200)], "recorded, then known");
    assert_eq!(posts[0].corps, posts[1].corps, "the same bytes");
    assert_eq!(relais.vues("PUT").len(), 3, "two pieces, one of them twice");
    let receipt = editeur.dir.join("envoi/1/recu.json");
    succeed(&["verify", arg(&receipt), "--vkey", &ledger.vkey]);

    // Again, whenever: the same bytes, the same place.
    assert_eq!(editeur.enregistre(&format!("{}/", node.url), "envoi/1", id), index);
    editeur.corrige_ici(&node.url);
    // A second event about the same act is a mistake, said in the node's words.
    let said = editeur.refuse(&node.url, "envoi/2", id, 1);
    assert!(said.contains(Code::ActeDejaTransmis.titre()) && said.contains("[acte-deja-transmis]"), "{said}");
    assert!(said.contains("subject") && said.contains(Code::ActeDejaTransmis.conseil()), "{said}");
    let refus = std::fs::read(editeur.dir.join("envoi/2/refus.json")).unwrap();
    let refus: Value = serde_json::from_slice(&refus).unwrap();
    assert_eq!(refus["refus"]["receipt"]["index"], index + 1, "the proof of the refusal is kept");
    // A node that says "in an hour" gets its hour: nothing is lost, and the same command goes on.
    let later = Relais::vers(&node.url, |methode, _| if methode == "POST" { Sort::Refuse(3_600) } else { Sort::Passe });
    let individuel = "045-214502494-20261120-ARR2026_7-AI";
    editeur.refuse(&later.url, "envoi/3", individuel, 75);
    let kept = std::fs::read(editeur.dir.join("envoi/3/enveloppe.json")).unwrap();
    assert_eq!(editeur.enregistre(&node.url, "envoi/3", individuel), index + 2, "after the refusal's own leaf");
    assert_eq!(std::fs::read(editeur.dir.join("envoi/3/enveloppe.json")).unwrap(), kept);

    // Read back: what was typed, byte for byte, and none of it in the leaf.
    for (id, envoi, index) in [(id, "envoi/1", index), (individuel, "envoi/3", index + 2)] {
        let acte: Value =
            serde_json::from_slice(&get(&node, &cle, &format!("/v1/actes/{id}?at_least={index}"))).unwrap();
        assert_eq!(acte["objet"], OBJET);
        let piece = acte["pieces"].as_array().unwrap().iter().find(|piece| piece["role"] == "acte").unwrap();
        assert!(get(&node, &cle, &format!("/v1/pieces/{}", piece["reference"].as_str().unwrap())) == pdf);
        let receipt: Value =
            serde_json::from_slice(&std::fs::read(editeur.dir.join(envoi).join("recu.json")).unwrap()).unwrap();
        let leaf = text(&data_encoding::BASE64.decode(receipt["leaf"].as_str().unwrap().as_bytes()).unwrap());
        assert!(!leaf.contains("emprunt"), "the objet stands in the leaf");
        let digest = greffe_events::piece::Empreinte::of(&pdf).to_string();
        assert_eq!(leaf.contains(&digest), id.ends_with("DE"), "only a public act shows its digest");
    }

    // A piece is erased and the receipt lost: the same command brings it back.
    let enveloppe: Value =
        serde_json::from_slice(&std::fs::read(editeur.dir.join("envoi/1/enveloppe.json")).unwrap()).unwrap();
    let evenement = data_encoding::BASE64.decode(enveloppe["payload"].as_str().unwrap().as_bytes()).unwrap();
    let evenement: Value = serde_json::from_slice(&evenement).unwrap();
    let objet = evenement["data"]["pieces"][1]["engagement"].as_str().unwrap();
    let effacement = root.path().join("effacement.json");
    let effacee = serde_json::json!({
        "type": "greffe.piece.effacee.v1", "source": support::OPERATOR,
        "subject": format!("piece/{}/{objet}", &COMMUNE[10..]),
        "data": { "demandeur": "personne-concernee", "motif": "droit-effacement", "base_legale": "rgpd-17-1-a" },
    });
    std::fs::write(&effacement, effacee.to_string()).unwrap();
    succeed(&["post", arg(&effacement), "--url", &node.url, "--key", arg(&ledger.operator_key)]);
    std::fs::remove_file(&receipt).unwrap();
    assert_eq!(editeur.enregistre(&node.url, "envoi/1", id), index);
    succeed(&["verify", arg(&receipt), "--vkey", &ledger.vkey]);
    node.stop();
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
}

#[test]
fn the_acknowledgement_and_the_publication_of_the_page_make_an_act_executory() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let prefecture = enrol(root.path(), &node, &ledger.operator_key, PREFECTURE, "prefecture", "prefecture:045");
    let draft = |name: &str, text: &str| {
        let file = root.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let post = |file: &Path, key: &Path| succeed(&["post", arg(file), "--url", &node.url, "--key", arg(key)]);
    let example = |name: &str| {
        let text = std::fs::read_to_string(self::root().join("exemples/json").join(name)).unwrap();
        let subject = serde_json::from_str::<Value>(&text).unwrap()["subject"].as_str().unwrap().to_owned();
        (draft(name, &text), subject)
    };
    let ((accuse, subject), (publication, published)) = (example("accuse-reception.json"), example("publication.json"));
    assert_eq!(subject, published);
    let pdf = draft("99_DE-045-214502494-20261120-DEL2026_041-DE-1-1_1.pdf", "%PDF-1.7");
    let put = ["piece", "put", arg(&pdf), "--role", "acte", "--type", "application/pdf", "--public"];
    let cited: Value =
        serde_json::from_str(&succeed(&[&put[..], &["--url", &node.url, "--key", arg(&commune)]].concat())).unwrap();
    let transmis = serde_json::json!({ "type": "greffe.acte.transmis.v1", "source": COMMUNE, "subject": subject,
        "data": { "matiere": "7.1", "classification": "2026-01-01", "pieces": [cited] } });
    post(&draft("acte.json", &transmis.to_string()), &commune);
    post(&publication, &commune);
    let last = post(&accuse, &prefecture);
    let index = last.trim().rsplit(' ').next().unwrap();
    let id = subject.strip_prefix("acte/").unwrap();
    let acte: Value =
        serde_json::from_slice(&get(&node, &commune, &format!("/v1/actes/{id}?at_least={index}"))).unwrap();
    assert_eq!((acte["etat"].as_str(), acte["date_reception"].as_str()), (Some("recu"), Some("2026-11-20")));
    assert_eq!(acte["executoire"]["le"], "2026-11-21", "{acte}");
    assert_eq!(acte["accuses"][0]["signe_par"], PREFECTURE);
}

#[test]
fn the_bash_program_transmits_an_act_through_a_line_that_loses_answers() {
    transmits_an_act_through_a_bad_line("bash");
}

#[test]
fn the_php_program_transmits_an_act_through_a_line_that_loses_answers() {
    transmits_an_act_through_a_bad_line("php");
}

#[test]
fn the_python_program_transmits_an_act_through_a_line_that_loses_answers() {
    transmits_an_act_through_a_bad_line("python");
}

#[test]
fn the_java_program_transmits_an_act_through_a_line_that_loses_answers() {
    transmits_an_act_through_a_bad_line("java");
}
