//! A small log of real leaves, the view of it, and the life of one act.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lists;
mod objets;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use greffe_events::catalogue::{AdherentInscrit, Categorie};
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Digest, Failure, Log, LogError, RunError, Runner};

const NOW_MS: u64 = 1_795_169_730_000;
const COMMUNE: &str = "214502494";
const OTHER_COMMUNE: &str = "210703385";
const PREFECTURE: &str = "214400152";
const ACTE: &str = "045-214502494-20170717-D201717-DE";
const NOM: &str = "045-214502494-20170717-D201717-DE-1-1_1.pdf";

/// The log, and the pieces beside it.
#[derive(Clone, Default)]
struct Story {
    leaves: Vec<Vec<u8>>,
    pieces: Pieces,
}

#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Files>>);

type Files = HashMap<(Organisation, Empreinte), Vec<u8>>;

impl PieceSource for Pieces {
    fn read(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable> {
        Ok(self.0.lock().unwrap().get(&(organisation.clone(), reference)).cloned())
    }
}

impl Log for Story {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.leaves.len() as u64)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, LogError> {
        // Short pages: the batches of two buildings differ.
        Ok(self.leaves.iter().skip(usize::try_from(from).unwrap()).take(max.min(3)).cloned().collect())
    }
}

impl Story {
    fn post(&mut self, source: &str, subject: &Subject, data: &Data) -> u64 {
        self.post_changed(source, subject, data, "", "")
    }

    /// Posts the event with one text in it replaced.
    fn post_changed(&mut self, source: &str, subject: &Subject, data: &Data, from: &str, to: &str) -> u64 {
        let index = self.leaves.len() as u64;
        let recorded_at_ms = NOW_MS + 1_000 * index;
        let id = format!("01935a4c-0000-7000-8000-{index:012x}").parse().unwrap();
        let time = Horodatage::from_unix_ms(recorded_at_ms);
        let payload = Event::write(id, &organisation(source), subject, time, &"greffe.example".parse().unwrap(), data);
        let payload = String::from_utf8(payload).unwrap().replacen(from, to, 1).into_bytes();
        let envelope = Envelope::sign(payload, &[&SecretKey::from_seed(&[1; 32])]).unwrap();
        let leaf = Leaf { recorded_at_ms, received_at_ms: recorded_at_ms, previous: None, rank: 0, envelope };
        self.leaves.push(leaf.encode());
        index
    }

    /// Transmits an act without objet, by the collectivité that its identifier names.
    fn transmis(&mut self, id: &str) -> u64 {
        self.transmis_with(id, json!([]))
    }

    /// Transmits an act that cites more pieces than itself.
    fn transmis_with(&mut self, id: &str, pieces: Value) -> u64 {
        let id: IdActe = id.parse().unwrap();
        self.post(id.siren.as_str(), &id.dossier(), &transmission(&id, pieces))
    }

    fn signed(&mut self, id: &str, reception: &str) -> u64 {
        let id: IdActe = id.parse().unwrap();
        self.post(PREFECTURE, &id.dossier(), &accuse_of(json!({ "date_reception": reception })))
    }

    fn constat(&mut self, id: &str, reception: &str) -> u64 {
        let id: IdActe = id.parse().unwrap();
        let data = json!({
            "date_reception": reception, "auteur_declare": { "qualite": "sous-prefecture", "departement": "045", "arrondissement": 2 },
            "pieces": [{ "role": "message", "type": "application/xml", "taille": 900, "engagement": hex("ef") }],
        });
        self.post(id.siren.as_str(), &id.dossier(), &accuse_of(data))
    }

    fn view(&self) -> View {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner::open(dir.path(), Box::new(Actes::new(Box::new(self.pieces.clone())))).unwrap();
        let mut view = View { dir, runner };
        view.follow(self);
        assert_eq!(view.runner.status().failure, None);
        view
    }
}

struct View {
    dir: TempDir,
    runner: Runner,
}

impl View {
    fn follow(&mut self, story: &Story) {
        self.runner.catch_up(story, |_| ControlFlow::Continue(())).unwrap();
    }

    fn digest(&self) -> Digest {
        self.runner.digest().unwrap()
    }

    fn find(&self, id: &str) -> Option<ActeRow> {
        self.runner.reader().read(|conn, _| find(conn, id, &Acces::Tout)).unwrap()
    }

    fn acte(&self, id: &str) -> ActeRow {
        self.find(id).expect("the act is there")
    }

    /// What a hand in the file, or an erasure, would do.
    fn execute(&self, sql: &str) -> usize {
        let path = self.dir.path().join("actes-v2.sqlite");
        Connection::open(path).unwrap().execute(sql, []).unwrap()
    }
}

fn organisation(siren: &str) -> Organisation {
    format!("urn:siren:{siren}").parse().unwrap()
}

fn hex(byte: &str) -> String {
    byte.repeat(32)
}

fn transmission(id: &IdActe, more_pieces: Value) -> Data {
    let mut pieces = vec![json!({ "role": "acte", "type": "application/pdf", "taille": 12, "typologie": "99_DE",
        "nom": format!("{id}-1-1_1.pdf"), "sha256": hex("ab") })];
    pieces.extend(serde_json::from_value::<Vec<Value>>(more_pieces).unwrap());
    let data = json!({ "matiere": "7.1", "classification": "2016-01-01", "arrondissement": 1, "pieces": pieces });
    Data::ActeTransmis(serde_json::from_value(data).unwrap())
}

fn accuse_of(data: Value) -> Data {
    Data::ActeAccuseReception(serde_json::from_value(data).unwrap())
}

fn subject() -> Subject {
    ACTE.parse::<IdActe>().unwrap().dossier()
}

#[test]
fn an_act_is_shown_with_all_that_its_events_say() {
    let mut story = Story::default();
    let member = AdherentInscrit {
        organisation: organisation(COMMUNE),
        categorie: Categorie::Commune,
        denomination: None,
        departement: None,
    };
    story.post(PREFECTURE, &organisation(COMMUNE).dossier(), &Data::AdherentInscrit(member));
    let annexe = json!([{ "role": "annexe", "type": "image/png", "taille": 7, "engagement": hex("cd") }]);
    story.transmis_with(ACTE, annexe);
    story.constat(ACTE, "2017-07-19");
    story.signed(ACTE, "2017-07-18");
    let expected = json!({
        "id": ACTE, "siren": COMMUNE, "departement": "045", "arrondissement": 1, "nature": "DE", "numero": "D201717",
        "date_decision": "2017-07-17", "matiere": "7.1", "classification": "2016-01-01", "objet": null,
        "etat": "recu", "transmis_index": 1, "transmis_le": "2026-11-20T10:15:31Z", "date_reception": "2017-07-18",
        "accuses": [
            { "index": 2, "enregistre_le": "2026-11-20T10:15:32Z", "date_reception": "2017-07-19", "signe_par": null,
              "constate_par": "urn:siren:214502494",
              "auteur_declare": { "qualite": "sous-prefecture", "departement": "045", "arrondissement": 2 } },
            { "index": 3, "enregistre_le": "2026-11-20T10:15:33Z", "date_reception": "2017-07-18",
              "signe_par": "urn:siren:214400152", "constate_par": null, "auteur_declare": null },
        ],
        "pieces": [
            { "role": "acte", "finalite": null, "type": "application/pdf", "typologie": "99_DE", "taille": 12,
              "nom": NOM, "reference": hex("ab"), "publique": true, "index": 1, "effacee_index": null },
            { "role": "annexe", "finalite": null, "type": "image/png", "typologie": null, "taille": 7,
              "nom": null, "reference": hex("cd"), "publique": false, "index": 1, "effacee_index": null },
            { "role": "message", "finalite": null, "type": "application/xml", "typologie": null, "taille": 900,
              "nom": null, "reference": hex("ef"), "publique": false, "index": 2, "effacee_index": null },
        ],
    });
    assert_eq!(serde_json::to_value(story.view().acte(ACTE)).unwrap(), expected);
}

#[test]
fn the_prefectures_own_word_comes_first_in_any_order() {
    type Post = fn(&mut Story) -> u64;
    let transmis: Post = |story| story.transmis(ACTE);
    let signed: Post = |story| story.signed(ACTE, "2017-07-20");
    let constat: Post = |story| story.constat(ACTE, "2017-07-18");
    for (events, date_reception) in [
        (vec![transmis], None),
        (vec![transmis, constat], Some("2017-07-18")),
        (vec![transmis, signed], Some("2017-07-20")),
        (vec![transmis, constat, signed], Some("2017-07-20")),
        (vec![transmis, signed, constat], Some("2017-07-20")),
        // Orders that admission forbids.
        (vec![constat, transmis], Some("2017-07-18")),
        (vec![constat, signed, transmis], Some("2017-07-20")),
        (vec![signed, transmis, constat], Some("2017-07-20")),
    ] {
        let mut story = Story::default();
        for post in &events {
            post(&mut story);
        }
        let acte = story.view().acte(ACTE);
        assert_eq!(acte.date_reception.as_deref(), date_reception);
        assert_eq!(acte.etat, if date_reception.is_some() { Etat::Recu } else { Etat::Transmis });
        assert_eq!(acte.accuses.len(), events.len() - 1);
    }
}

#[test]
fn what_admission_forbids_is_kept_and_stops_nothing() {
    let mut story = Story::default();
    story.constat(ACTE, "2017-07-18");
    let view = story.view();
    assert_eq!(view.find(ACTE), None, "an acknowledgement is no act");
    story.transmis(ACTE);
    story.transmis_with(ACTE, json!([{ "role": "autre", "type": "text/csv", "taille": 1, "engagement": hex("99") }]));
    story.signed(ACTE, "2017-07-20");
    story.signed(ACTE, "2017-07-19");
    let acte = story.view().acte(ACTE);
    assert_eq!((acte.transmis_index, acte.date_reception.as_deref()), (1, Some("2017-07-20")), "the first of each");
    assert_eq!(acte.accuses.iter().map(|accuse| accuse.index).collect::<Vec<_>>(), [0, 3, 4]);
    assert_eq!(acte.pieces.iter().map(|piece| piece.index).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_type_of_a_later_version_is_passed_over_and_an_unreadable_act_stops_the_view() {
    let mut story = Story::default();
    let data = transmission(&ACTE.parse().unwrap(), json!([]));
    story.post_changed(COMMUNE, &subject(), &data, "acte.transmis.v1", "acte.anomalie.v7");
    story.post_changed(COMMUNE, &"flux/1".parse().unwrap(), &data, "acte.transmis.v1", "flux.transmis.v1");
    let mut view = story.view();
    assert_eq!((view.runner.position(), view.find(ACTE)), (2, None));

    story.post_changed(COMMUNE, &subject(), &data, r#""matiere":"7.1""#, r#""matiere":"7""#);
    view.follow(&story);
    let status = view.runner.status();
    assert!(matches!(status.failure, Some(Failure { index: 2, .. })), "{status:?}");
    assert_eq!(status.position, 2);
}

#[test]
fn the_digest_is_the_logs_and_shows_any_changed_row() {
    let mut story = Story::default();
    story.pieces.add(COMMUNE, "cd", br#"{"objet":"Tarifs"}"#);
    let mut followed = story.view();
    story.transmis_with(ACTE, objets::citation("cd", 18));
    followed.follow(&story);
    story.constat(ACTE, "2017-07-18");
    followed.follow(&story);
    story.transmis("007-210703385-20170717-1-AR");
    story.signed(ACTE, "2017-07-18");
    followed.follow(&story);

    let expected = story.view().digest();
    assert_eq!(expected.position, 4);
    assert_eq!(followed.digest(), expected);
    followed.runner.rebuild(&story, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(followed.digest(), expected);

    for change in [
        "UPDATE actes SET numero = 'D201718' WHERE transmis_index = 0",
        "UPDATE actes SET date_reception = '2017-07-19' WHERE transmis_index = 0",
        "DELETE FROM actes WHERE transmis_index = 2",
        "UPDATE accuses SET organisation = 'urn:siren:210703385' WHERE idx = 1",
        "UPDATE accuses SET qualite = 'prefecture' WHERE idx = 1",
        "UPDATE pieces SET taille = taille + 1 WHERE idx = 0 AND rang = 0",
        "UPDATE pieces SET reference = zeroblob(32) WHERE idx = 1",
        "UPDATE objets SET objet = 'Tarif'",
    ] {
        let view = story.view();
        assert_eq!(view.digest(), expected);
        assert_eq!(view.execute(change), 1, "{change}");
        assert_ne!(view.digest(), expected, "{change}");
    }
}
