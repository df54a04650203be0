//! A small log of real leaves, the view of it, and the life of one act.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lists;
mod objets;
mod travail;

use std::collections::HashMap;
use std::ops::{ControlFlow, Deref, DerefMut};
use std::sync::{Arc, Mutex};

use greffe_events::catalogue::{AdherentInscrit, Categorie};
use greffe_events::ident::{Organisation, Subject};
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};

use super::*;
use crate::Failure;
use crate::essais::{Histoire, Vue, assert_rebuildable, hex, organisation};

const COMMUNE: &str = "214502494";
const OTHER_COMMUNE: &str = "210703385";
const PREFECTURE: &str = "214400152";
const ACTE: &str = "045-214502494-20170717-D201717-DE";
const NOM: &str = "045-214502494-20170717-D201717-DE-1-1_1.pdf";
/// A day after the story, Unix ms: 2026-11-21T10:15:30Z.
const MAINTENANT_MS: u64 = 1_795_256_130_000;

/// The log, and the pieces beside it.
#[derive(Clone, Default)]
struct Story {
    histoire: Histoire,
    pieces: Pieces,
}

impl Deref for Story {
    type Target = Histoire;

    fn deref(&self) -> &Histoire {
        &self.histoire
    }
}

impl DerefMut for Story {
    fn deref_mut(&mut self) -> &mut Histoire {
        &mut self.histoire
    }
}

#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Files>>);

type Files = HashMap<(Organisation, Empreinte), Vec<u8>>;

impl PieceSource for Pieces {
    fn read(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable> {
        Ok(self.0.lock().unwrap().get(&(organisation.clone(), reference)).cloned())
    }
}

impl Story {
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
        View { vue: Vue::of(Legalite, &self.histoire), objets: Objets(self.pieces.clone()) }
    }
}

struct View {
    vue: Vue,
    objets: Objets<Pieces>,
}

impl Deref for View {
    type Target = Vue;

    fn deref(&self) -> &Vue {
        &self.vue
    }
}

impl View {
    fn follow(&mut self, story: &Story) {
        self.vue.follow(&story.histoire);
    }

    fn find(&self, id: &str) -> Option<ActeRow> {
        let mut acte = self.read(|conn| find(conn, id, &Acces::Tout, MAINTENANT_MS))?;
        self.objets.fill(&mut acte);
        Some(acte)
    }

    fn acte(&self, id: &str) -> ActeRow {
        self.find(id).expect("the act is there")
    }

    /// What a hand in the file would do.
    fn execute(&self, sql: &str) -> usize {
        let path = crate::file::path(self.dir.path(), &Legalite);
        Connection::open(path).unwrap().execute(sql, []).unwrap()
    }
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
    let mut expected = json!({
        "id": ACTE, "siren": COMMUNE, "departement": "045", "arrondissement": 1, "nature": "DE", "numero": "D201717",
        "date_decision": "2017-07-17", "matiere": "7.1", "classification": "2016-01-01", "objet": null,
        "etat": "recu", "index": 1, "transmis_index": 1, "transmis_le": "2026-11-20T10:15:31Z", "transmissions": 1,
        "date_reception": "2017-07-18", "anomalies": [], "publications": [], "annulation": null,
        "executoire": { "le": null, "motif": "non-publie", "prouve": false },
        "defere": { "etat": "purge", "au_plus_tot": "2017-09-19", "au_plus_tard": "2017-09-19", "incertitudes": [], "depot": null,
            "etapes": [
                { "feuille": 3, "le": "2017-07-18", "quoi": "reception", "effet": "ouvre", "raison": null,
                  "source": "CGCT L2131-6", "au_plus_tot": "2017-09-19", "au_plus_tard": "2017-09-19", "incertitudes": [] },
                { "feuille": 2, "le": "2017-07-19", "quoi": "reception", "effet": "sans-effet", "raison": "deja-recu",
                  "source": "CGCT L2131-6", "au_plus_tot": "2017-09-19", "au_plus_tard": "2017-09-19", "incertitudes": [] },
            ] },
        "echeances": [
            { "regle": "reponse-de-la-prefecture", "source": "usage de S²LOW", "inference": false,
              "au_plus_tot": "2026-12-20", "au_plus_tard": "2026-12-20", "incertitudes": [], "condition": null,
              "etat": "tenue", "jours": null },
            { "regle": "saisine-chambre-comptes", "source": "CGCT L1612-5", "inference": true,
              "au_plus_tot": "2017-08-17", "au_plus_tard": "2017-08-17", "incertitudes": [],
              "condition": "budget-desequilibre", "etat": "passee", "jours": null },
        ],
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
    for (name, value) in
        [("correspondance", json!([])), ("attend", Value::Null), ("classification_plus_recente", Value::Null)]
    {
        expected[name] = value;
    }
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
    assert_eq!(
        (acte.transmis_index, acte.date_reception.as_deref()),
        (Some(1), Some("2017-07-20")),
        "the first of each"
    );
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
    followed.vue.runner.rebuild(&story.histoire, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(followed.digest(), expected);

    for change in [
        "UPDATE actes SET matiere = '7.2' WHERE idx = 0",
        "UPDATE actes SET etat = 'annule' WHERE idx = 0",
        "DELETE FROM actes WHERE idx = 2",
        "UPDATE faits SET date = '2017-07-19' WHERE idx = 1",
        "UPDATE faits SET organisation = 'urn:siren:210703385' WHERE idx = 1",
        "UPDATE faits SET qualite = 'prefecture' WHERE idx = 1",
        "UPDATE pieces SET pieces = '[]' WHERE idx = 0",
        "UPDATE pieces SET organisation = 'urn:siren:210703385' WHERE idx = 1",
    ] {
        let view = story.view();
        assert_eq!(view.digest(), expected);
        assert_eq!(view.execute(change), 1, "{change}");
        assert_ne!(view.digest(), expected, "{change}");
    }
}

#[test]
fn a_view_of_every_type_is_the_same_when_it_is_built_again() {
    assert_rebuildable(|| Legalite, &[]);
}

/// One thing that is said about the act.
fn said(story: &mut Story, what: &str) -> u64 {
    let id: IdActe = ACTE.parse().unwrap();
    let auteur = json!({ "qualite": "prefecture", "departement": "045" });
    let message = json!([{ "role": "message", "type": "application/xml", "taille": 900, "engagement": hex("ef") }]);
    let (source, event_type, data) = match what {
        "transmis" => return story.transmis(ACTE),
        "recu" => return story.signed(ACTE, "2017-07-20"),
        "anomalie" => (PREFECTURE, "acte.anomalie", json!({ "date": "2017-07-19", "code": "008", "portee": "acte" })),
        "anomalie constatee" => (
            COMMUNE,
            "acte.anomalie",
            json!({ "date": "2017-07-19", "code": "008", "portee": "acte", "auteur_declare": auteur, "pieces": message }),
        ),
        "publie" => (COMMUNE, "acte.publie", json!({ "mode": "affichage", "date": "2017-07-21" })),
        "notifie" => (COMMUNE, "acte.publie", json!({ "mode": "notification", "date": "2017-07-22" })),
        "demande" => (COMMUNE, "acte.annulation-demandee", json!({})),
        "annule" => (PREFECTURE, "acte.annulation-acquittee", json!({ "date_reception": "2017-07-25" })),
        other => panic!("{other}"),
    };
    story.dit(source, event_type, id.dossier().as_str(), &data)
}

#[test]
fn the_state_of_an_act_is_what_was_said_last_of_what_counts() {
    for (events, etat, index, executoire, defere) in [
        (&["publie"][..], Etat::Publie, 0, Some("2017-07-21"), None),
        (&["publie", "transmis"], Etat::Transmis, 1, Some("2026-11-20"), None),
        (&["transmis", "publie"], Etat::Transmis, 0, Some("2026-11-20"), None),
        (&["transmis", "recu", "publie"], Etat::Recu, 0, Some("2017-07-21"), Some("2017-09-21")),
        (&["transmis", "recu", "notifie"], Etat::Recu, 0, None, Some("2017-09-21")),
        (&["transmis", "anomalie", "publie"], Etat::Anomalie, 0, None, None),
        (&["transmis", "anomalie constatee"], Etat::Anomalie, 0, None, None),
        (&["transmis", "anomalie", "transmis"], Etat::Transmis, 2, None, None),
        (&["transmis", "anomalie", "transmis", "recu"], Etat::Recu, 2, None, Some("2017-09-21")),
        (&["transmis", "anomalie", "recu"], Etat::Recu, 0, None, Some("2017-09-21")),
        (&["transmis", "recu", "anomalie"], Etat::Recu, 0, None, Some("2017-09-21")),
        (&["transmis", "recu", "transmis"], Etat::Recu, 0, None, Some("2017-09-21")),
        (
            &["transmis", "recu", "publie", "demande"],
            Etat::AnnulationDemandee,
            0,
            Some("2017-07-21"),
            Some("2017-09-21"),
        ),
        (&["transmis", "recu", "publie", "demande", "annule"], Etat::Annule, 0, None, None),
    ] {
        let mut story = Story::default();
        for what in events {
            said(&mut story, what);
        }
        let acte = story.view().acte(ACTE);
        let (le, last) =
            (acte.executoire.le.map(|le| le.to_string()), acte.defere.au_plus_tot.map(|last| last.to_string()));
        assert_eq!(
            (acte.etat, acte.index, le.as_deref(), last.as_deref()),
            (etat, index, executoire, defere),
            "{events:?}"
        );
        let count = |what: &str| events.iter().filter(|event| event.starts_with(what)).count();
        assert_eq!(acte.anomalies.len(), count("anomalie"), "{events:?}");
        assert_eq!(acte.publications.len(), count("publie") + count("notifie"), "{events:?}");
        assert_eq!(acte.annulation.is_some(), count("demande") > 0, "{events:?}");
    }
}
