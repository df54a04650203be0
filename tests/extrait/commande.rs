//! `greffe export` and `greffe verify`, run as their users run them: on a folder, and against a node with a key.

use std::path::Path;

use crate::monde::*;
use crate::node::*;
use crate::support::*;

fn pem(monde: &Monde, seed: u8) -> String {
    let path = monde.path(&format!("{seed}.pem"));
    if !path.exists() {
        greffe::ledger::folder::write_secret_key(&path, &key(seed)).unwrap();
    }
    arg(&path).to_owned()
}

#[test]
fn the_operator_s_folder_and_the_member_s_key_give_the_same_file_which_a_stranger_verifies() {
    let monde = Monde::new();
    let (dir, out) = (arg(monde.folder.root()).to_owned(), monde.path("dossier.tar"));
    let vkey = monde.vkey.to_string();
    succeed(&["export", "--siren", abrege(COMMUNE), "--dir", &dir, "--out", arg(&out)]);
    let said = succeed(&["verify", arg(&out), "--vkey", &vkey]);
    assert!(said.starts_with("The extract is verified / L'extrait est vérifié"), "{said}");
    assert!(said.contains("4 in the period, 0 before it, 4 in all"), "{said}");
    assert!(said.contains("not proved: what other organisations said"), "{said}");
    let json = succeed(&["verify", arg(&out), "--vkey", &vkey, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["verdict"], &json["paroles"]["total"]), (&"good".into(), &4.into()));

    let node = Serving::start(monde.folder.root());
    let export = |seed: u8, siren: &str, name: &str, more: &[&str]| {
        let path = monde.path(name);
        let key = pem(&monde, seed);
        let mut args = vec!["export", "--siren", siren, "--url", &node.url, "--key", &key, "--out", arg(&path)];
        args.extend(more);
        let output = run(&args);
        (output.status.code(), text(&output.stderr), path)
    };
    for (seed, name) in [(10, "membre.tar"), (1, "operateur.tar")] {
        let (code, said, path) = export(seed, abrege(COMMUNE), name, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&out).unwrap(), "{name} is another file");
    }
    // A period, without files; a day before there was anything.
    let (code, said, path) = export(10, abrege(COMMUNE), "periode.tar", &["--from", "0", "--to", "9", "--sans-pieces"]);
    assert_eq!(code, Some(0), "{said}");
    succeed(&["verify", arg(&path), "--vkey", &vkey]);
    // To anybody else it is not there: a neighbour, the prefecture, the gateway; nor an organisation that nobody knows.
    for (seed, siren) in [(11, COMMUNE), (12, COMMUNE), (CLE_PASSERELLE, COMMUNE), (1, "urn:siren:491011698")] {
        let (code, said, path) = export(seed, abrege(siren), "refuse.tar", &[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("ne montre pas") && !path.exists(), "{said}");
    }
    let (code, said, _) = export(99, abrege(COMMUNE), "refuse.tar", &[]);
    assert!(code == Some(1) && said.contains("token-key-unknown"), "{said}");
    node.stop();
}

#[test]
fn wrong_words_are_told_in_french_and_leave_no_file() {
    let monde = Monde::new();
    let dir = arg(monde.folder.root()).to_owned();
    let siren = abrege(COMMUNE);
    let out = monde.path("x.tar");
    let out = arg(&out);
    let nowhere = monde.path("nulle-part");
    let keyless = monde.path("copie");
    copy_without_keys(monde.folder.root(), &keyless);
    let table: [(&[&str], i32, &str); 11] = [
        (&["--siren", "214502495", "--dir", &dir], 2, "neuf chiffres d'un SIREN"),
        (&["--siren", siren, "--dir", &dir, "--from", "hier"], 2, "un jour AAAA-MM-JJ, ou l'indice"),
        (&["--siren", siren, "--dir", &dir, "--to", "2026-02-30"], 2, "un jour AAAA-MM-JJ, ou l'indice"),
        (
            &["--siren", siren, "--dir", &dir, "--from", "2026-02-02", "--to", "2026-02-01"],
            1,
            "finit avant de commencer",
        ),
        (&["--siren", "491011698", "--dir", &dir], 1, "inconnu de ce registre"),
        (&["--siren", siren, "--dir", arg(&nowhere)], 1, "n'est pas un dossier"),
        (&["--siren", siren, "--dir", arg(monde.dir.path())], 1, "illisible"),
        (&["--siren", siren, "--dir", arg(&keyless)], 1, "la clé du journal"),
        (&["--siren", siren], 1, "donnez --key"),
        (&["--siren", siren, "--key", "/absente.pem"], 1, "/absente.pem"),
        (&["--dir", &dir], 2, "--siren"),
    ];
    for (args, code, expected) in table {
        let said = fail(&[&["export", "--out", out][..], args].concat(), code);
        assert!(said.contains(expected), "{args:?}: {expected} in\n{said}");
        assert!(!Path::new(out).exists(), "{args:?}");
    }
    std::fs::write(out, "déjà là").unwrap();
    let said = fail(&["export", "--siren", siren, "--dir", &dir, "--out", out], 1);
    assert!(said.contains("existe déjà"), "{said}");
    assert_eq!(std::fs::read_to_string(out).unwrap(), "déjà là");
    assert_eq!(
        std::fs::read_dir(monde.dir.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp") })
            .count(),
        0,
        "no half-written file is left"
    );
}

fn copy_without_keys(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["registre.sqlite", "checkpoint"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn verify_tells_doubts_by_their_codes_and_ends_with_theirs() {
    let monde = Monde::new();
    let extrait = monde.de(COMMUNE);
    let vkey = monde.vkey.to_string();
    let good = write(&monde.path("bon.tar"), &extrait);
    succeed(&["verify", arg(&good), "--vkey", &vkey]);
    let said = fail(&["verify", arg(&good)], 3);
    assert!(said.contains("aucune clé de registre n'était épinglée"), "{said}");
    let files = fichiers(&extrait);
    let own = places_de(&files, COMMUNE);
    let gap = write(&monde.path("trou.tar"), &rassemble(&sans(&files, own[1])));
    let said = fail(&["verify", arg(&gap), "--vkey", &vkey], 1);
    for expected in
        ["rank-gap", "Il manque une feuille de l'organisme", "extract-contradicted", "L'extrait est mis en doute"]
    {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let cut = write(&monde.path("coupe.tar"), &extrait[..extrait.len() / 2]);
    let said = fail(&["verify", arg(&cut), "--vkey", &vkey], 1);
    assert!(said.contains("extract-malformed") && said.contains("received whole"), "{said}");
    let other = Monde::new();
    let said = fail(&["verify", arg(&good), "--vkey", &other.vkey.to_string()], 1);
    assert!(said.contains("vkey-other"), "{said}");
    // Any other archive.
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_link(&mut header, "demande.json", "/etc/passwd").unwrap();
    let link = write(&monde.path("lien.tar"), &builder.into_inner().unwrap());
    let said = fail(&["verify", arg(&link), "--vkey", &vkey], 1);
    assert!(said.contains("extract-malformed"), "{said}");
    let said = fail(&["verify", arg(&good), "--vkey", &vkey, "--since", arg(&good)], 2);
    assert!(said.contains("--since ne s'applique pas"), "{said}");
}
