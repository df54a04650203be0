//! Who may say what, played through the command line: a commune with its key, one without any whose gateway signs for it, a
//! prefecture with a key and one without, an operator whose key is lost and replaced. Each step has its receipt, each forbidden
//! step its reason, and a stranger verifies the whole.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use node::*;
use serde_json::{Value, json};
use support::{COMMUNE, OPERATOR, PREFECTURE, VOISINE};

const ORIGIN: &str = "greffe.essai.invalid";
/// Carries files for communes without anybody for such things.
const PASSERELLE: &str = "urn:siren:130005481";
/// Its prefecture has no key here: what it writes arrives as files.
const AUTRE_PREFECTURE: &str = "urn:siren:173000019";

/// The people of the play: one folder, one running node, a key file each.
struct Play {
    root: tempfile::TempDir,
    ledger: Initialised,
    url: String,
    drafts: Cell<u32>,
}

impl Play {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        let file = self.path(&format!("{name}.pem"));
        if !file.exists() {
            succeed(&["key", "new", arg(&file)]);
        }
        file
    }

    fn public(&self, name: &str) -> String {
        succeed(&["key", "show", arg(&self.key(name))]).trim().to_owned()
    }

    fn recovery(&self, n: u8) -> PathBuf {
        self.path(&format!("registre.hors-ligne/recouvrement-{n}.pem"))
    }

    /// A draft in a file of its own.
    fn draft(&self, event_type: &str, source: &str, subject: &str, data: &Value) -> PathBuf {
        let n = self.drafts.replace(self.drafts.get() + 1);
        let file = self.path(&format!("{n:03}-{event_type}.json"));
        let draft =
            json!({ "type": format!("greffe.{event_type}.v1"), "source": source, "subject": subject, "data": data });
        std::fs::write(&file, draft.to_string()).unwrap();
        file
    }

    fn post(&self, file: &Path, keys: &[&Path]) -> std::process::Output {
        let mut args = vec!["post", "--url", &self.url];
        for key in keys {
            args.extend(["--key", arg(key)]);
        }
        args.push(arg(file));
        run(&args)
    }

    /// Posts what must be recorded, and has a stranger verify its receipt under the log's key of the day.
    fn recorded(&self, event_type: &str, source: &str, subject: &str, data: &Value, keys: &[&Path]) -> PathBuf {
        let file = self.draft(event_type, source, subject, data);
        let output = self.post(&file, keys);
        let said = text(&output.stdout);
        assert!(output.status.success() && said.contains("enregistré"), "{event_type}: {said}{}", text(&output.stderr));
        let receipt = PathBuf::from(format!("{}.recu.json", arg(&file)));
        succeed(&["verify", arg(&receipt), "--vkey", &self.ledger.vkey]);
        receipt
    }

    /// Posts what must be refused, for that reason.
    fn refused(&self, event_type: &str, source: &str, subject: &str, data: &Value, keys: &[&Path], code: &str) {
        let file = self.draft(event_type, source, subject, data);
        let output = self.post(&file, keys);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{event_type}: {said}");
        assert!(said.contains(&format!("[{code}]")), "{event_type} should be refused with {code}: {said}");
    }

    /// The status of what that key asks for.
    fn status(&self, path: &str, key: &Path) -> u16 {
        let token = succeed(&["token", "--url", &self.url, "--key", arg(key)]);
        let request =
            ureq::get(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", token.trim()));
        request.config().http_status_as_error(false).build().call().unwrap().status().as_u16()
    }

    fn import(&self, file: &Path, key: &Path) -> (bool, String) {
        let output = run(&["actes", "import", arg(file), "--key", arg(key), "--url", &self.url]);
        (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    fn imported(&self, file: &Path, key: &Path) {
        let (ok, said) = self.import(file, key);
        assert!(ok && said.contains("1 enregistré"), "{said}");
    }

    fn import_refused(&self, file: &Path, key: &Path, code: &str) {
        let (ok, said) = self.import(file, key);
        assert!(!ok && said.contains(&format!("[{code}]")), "should be refused with {code}: {said}");
    }

    fn member(&self, operator: &Path, organisation: &str, categorie: &str, departement: &str) {
        let data = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme d'essai",
                           "departement": departement });
        self.recorded("adherent.inscrit", OPERATOR, &adherent(organisation), &data, &[operator]);
    }

    fn first_key(&self, operator: &Path, organisation: &str, name: &str, role: &str) {
        let data = self.enrolment(organisation, name, role);
        self.recorded("cle.enrolee", OPERATOR, &adherent(organisation), &data, &[operator, &self.key(name)]);
    }

    fn enrolment(&self, organisation: &str, name: &str, role: &str) -> Value {
        json!({ "organisation": organisation, "cle": self.public(name), "roles": [role],
                "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z" })
    }
}

fn adherent(organisation: &str) -> String {
    format!("adherent/{}", &organisation[10..])
}

#[test]
#[allow(clippy::too_many_lines, reason = "one story, told from end to end")]
fn everybody_speaks_for_themselves_and_for_whom_they_may() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let mut play = Play { url: node.url.clone(), ledger, root, drafts: Cell::new(0) };
    let operator = play.ledger.operator_key.clone();
    let (commune, passerelle, prefecture) = (play.key("commune"), play.key("passerelle"), play.key("prefecture"));

    // Who there is. The neighbour and the other prefecture are members, and never had a key.
    play.member(&operator, COMMUNE, "commune", "045");
    play.member(&operator, VOISINE, "commune", "073");
    play.member(&operator, PREFECTURE, "prefecture", "045");
    play.member(&operator, AUTRE_PREFECTURE, "prefecture", "073");
    play.member(&operator, PASSERELLE, "operateur", "045");
    play.first_key(&operator, COMMUNE, "commune", "collectivite");
    play.first_key(&operator, PREFECTURE, "prefecture", "prefecture:045");
    play.first_key(&operator, PASSERELLE, "passerelle", "transmetteur");

    // The commune speaks for itself; its prefecture acknowledges, with its own key.
    let own = archive::sample(play.root.path(), "045", COMMUNE, "A1");
    play.imported(&own, &commune);
    let own_subject = archive::subject("045", COMMUNE, "A1");
    let accuse = json!({ "date_reception": "2026-07-18" });
    play.refused("acte.accuse-reception", PREFECTURE, &own_subject, &accuse, &[&commune], "key-other-organisation");
    play.recorded("acte.accuse-reception", PREFECTURE, &own_subject, &accuse, &[&prefecture]);

    // Nobody speaks for the neighbour yet: no key of its own, no delegation.
    let theirs = archive::sample(play.root.path(), "073", VOISINE, "B1");
    play.import_refused(&theirs, &commune, "key-other-organisation");
    play.import_refused(&theirs, &passerelle, "delegation-missing");
    play.import_refused(&theirs, &operator, "key-other-organisation");

    // It signs a mandate on paper; the operator records it, with the scan.
    let mandat = play.path("mandat.pdf");
    std::fs::write(&mandat, b"%PDF-1.7\nmandat\n").unwrap();
    let put = ["piece", "put", arg(&mandat), "--role", "mandat", "--type", "application/pdf", "--url", &play.url];
    let citation: Value = serde_json::from_str(&succeed(&[&put[..], &["--key", arg(&operator)]].concat())).unwrap();
    let par_mandat = json!({ "organisation": VOISINE, "delegataire": PASSERELLE, "familles": ["actes"],
                             "jusqu": "2027-01-01T00:00:00Z", "pieces": [citation] });
    let voisine = adherent(VOISINE);
    play.refused("delegation.accordee", OPERATOR, &voisine, &par_mandat, &[&passerelle], "key-other-organisation");
    play.recorded("delegation.accordee", OPERATOR, &voisine, &par_mandat, &[&operator]);

    // Now the gateway transmits the neighbour's act in its name, and states what its prefecture's file says.
    let (ok, said) = play.import(&theirs, &passerelle);
    assert!(ok && said.contains("1 enregistré"), "{said}");
    // It reads again what it signed, with its receipt; others don't.
    let index = said.split("enregistré à l'indice ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let path = format!("/v1/events/{index}/receipt");
    assert_eq!((play.status(&path, &passerelle), play.status(&path, &commune)), (200, 404));
    let their_subject = archive::subject("073", VOISINE, "B1");
    play.refused("acte.accuse-reception", PREFECTURE, &their_subject, &accuse, &[&prefecture], "key-not-entitled");
    play.imported(&archive::accuse(play.root.path(), "073", VOISINE, "B1"), &passerelle);
    // For the commune, which delegated nothing, it says nothing.
    play.import_refused(&archive::sample(play.root.path(), "045", COMMUNE, "A2"), &passerelle, "delegation-missing");

    // The commune grants itself, for one family, and takes it back.
    let subject = adherent(COMMUNE);
    let granted = json!({ "organisation": COMMUNE, "delegataire": PASSERELLE, "familles": ["actes"], "jusqu": "2027-01-01T00:00:00Z" });
    play.recorded("delegation.accordee", COMMUNE, &subject, &granted, &[&commune]);
    play.imported(&archive::sample(play.root.path(), "045", COMMUNE, "A2"), &passerelle);
    let taken = json!({ "organisation": COMMUNE, "delegataire": PASSERELLE });
    play.recorded("delegation.retiree", COMMUNE, &subject, &taken, &[&commune]);
    play.import_refused(&archive::sample(play.root.path(), "045", COMMUNE, "A3"), &passerelle, "delegation-missing");

    // The operator's key is lost. One recovery key is not enough, two and the new key are: signed in three places.
    let registre = format!("registre/{ORIGIN}");
    let replaced = json!({ "cle": play.public("operateur-2") });
    let (first, second, new) = (play.recovery(1), play.recovery(2), play.key("operateur-2"));
    play.refused("registre.operateur-remplace", OPERATOR, &registre, &replaced, &[&first, &new], "signature-missing");
    play.refused(
        "registre.operateur-remplace",
        OPERATOR,
        &registre,
        &replaced,
        &[&operator, &first, &new],
        "key-not-entitled",
    );
    let draft = play.draft("registre.operateur-remplace", OPERATOR, &registre, &replaced);
    succeed(&["event", "sign", arg(&draft), "--origin", ORIGIN, "--key", arg(&first)]);
    let envelope = PathBuf::from(format!("{}.dsse.json", arg(&draft)));
    succeed(&["event", "sign", arg(&envelope), "--key", arg(&new)]);
    succeed(&["event", "sign", arg(&envelope), "--key", arg(&second), "--place", "2"]);
    // The draft itself is not signed anew over what was gathered; the envelope needs no key any more.
    let output = play.post(&draft, &[&new]);
    assert!(
        !output.status.success() && text(&output.stderr).contains("d'autres signatures"),
        "{}",
        text(&output.stderr)
    );
    let output = play.post(&envelope, &[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let change = json!({ "organisation": VOISINE, "categorie": "commune", "denomination": "Commune nouvelle", "departement": "073" });
    play.refused("adherent.modifie", OPERATOR, &voisine, &change, &[&operator], "key-revoked");
    let operator = new;
    play.recorded("adherent.modifie", OPERATOR, &voisine, &change, &[&operator]);

    // The commune's key: a second one with the first one's help, then the first is revoked.
    let further = play.enrolment(COMMUNE, "commune-2", "collectivite");
    let second_key = play.key("commune-2");
    play.refused("cle.enrolee", OPERATOR, &subject, &further, &[&operator, &second_key], "signature-missing");
    play.recorded("cle.enrolee", OPERATOR, &subject, &further, &[&operator, &commune, &second_key]);
    let revoked = json!({ "organisation": COMMUNE, "cle": play.public("commune"), "motif": "remplacement" });
    play.recorded("cle.revoquee", COMMUNE, &subject, &revoked, &[&second_key]);
    play.import_refused(&archive::sample(play.root.path(), "045", COMMUNE, "A3"), &commune, "token-key-not-in-force");
    play.refused("delegation.accordee", COMMUNE, &subject, &granted, &[&commune], "key-revoked");
    play.imported(&archive::sample(play.root.path(), "045", COMMUNE, "A3"), &second_key);

    // Somebody has the operator recover "lost" keys: nothing for 72 hours, and the commune objects.
    let recovered = play.enrolment(COMMUNE, "intrus", "collectivite");
    let intruder = play.key("intrus");
    play.recorded("cle.recouvree", OPERATOR, &subject, &recovered, &[&operator, &intruder]);
    let wanted = archive::sample(play.root.path(), "045", COMMUNE, "A4");
    play.import_refused(&wanted, &intruder, "token-key-not-in-force");
    play.refused("delegation.accordee", COMMUNE, &subject, &granted, &[&intruder], "key-pending");
    let objection = json!({ "organisation": COMMUNE, "cle": play.public("intrus") });
    play.recorded("cle.opposition", COMMUNE, &subject, &objection, &[&second_key]);
    play.refused("delegation.accordee", COMMUNE, &subject, &granted, &[&intruder], "key-revoked");
    play.imported(&wanted, &second_key);

    // The neighbour leaves: its gateway says nothing more for it.
    play.recorded(
        "adherent.sorti",
        OPERATOR,
        &voisine,
        &json!({ "organisation": VOISINE, "motif": "depart" }),
        &[&operator],
    );
    play.import_refused(&archive::sample(play.root.path(), "073", VOISINE, "B2"), &passerelle, "adherent-sorti");

    // A stranger verifies everything, from afar and on the folder.
    succeed(&["verify", &play.url, "--key", arg(&operator), "--vkey", &play.ledger.vkey]);
    node.stop();
    succeed(&["verify", arg(&play.ledger.dir), "--vkey", &play.ledger.vkey]);
    play.url.clear();
}
