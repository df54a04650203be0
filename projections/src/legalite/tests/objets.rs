//! The objet: taken where it can be read, missed without harm where it can't.

use super::*;

impl Pieces {
    pub(super) fn add(&self, siren: &str, byte: &str, bytes: &[u8]) {
        self.0.lock().unwrap().insert((organisation(siren), hex(byte).parse().unwrap()), bytes.to_vec());
    }
}

pub(super) fn citation(byte: &str, taille: u64) -> Value {
    json!([{ "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": taille,
        "engagement": hex(byte) }])
}

fn objet_of(citation: Value, deposited_by: &str, piece: &[u8]) -> Option<String> {
    let mut story = Story::default();
    story.pieces.add(deposited_by, "cd", piece);
    story.transmis_with(ACTE, citation);
    story.transmis("007-210703385-20170717-1-AR");
    let view = story.view();
    assert_eq!(view.runner.position(), 2, "whatever the piece, the view goes on");
    view.acte(ACTE).objet
}

#[test]
fn an_objet_that_cant_be_read_costs_the_act_nothing_else() {
    let good = br#"{"objet":"Tarifs"}"#.as_slice();
    assert_eq!(objet_of(citation("cd", 18), COMMUNE, good).as_deref(), Some("Tarifs"));
    let huge = format!(r#"{{"objet":"{}"}}"#, "x".repeat(10_000_000)).into_bytes();
    let padded = format!(r#"{{"objet":"Tarifs"}}{}"#, " ".repeat(10_000_000)).into_bytes();
    let contact = json!([{ "role": "confidentiel", "finalite": "contact", "type": "application/json", "taille": 18,
        "engagement": hex("cd") }]);
    for (why, citation, siren, piece) in [
        ("not cited", json!([]), COMMUNE, good),
        ("cited, but for another purpose", contact, COMMUNE, good),
        ("absent or erased", citation("ce", 18), COMMUNE, good),
        ("another organisation's", citation("cd", 18), OTHER_COMMUNE, good),
        ("malformed", citation("cd", 18), COMMUNE, br#"{"objet":"Tarifs"#),
        ("not UTF-8", citation("cd", 18), COMMUNE, b"{\"objet\":\"\xe9\"}"),
        ("10 MB, as cited", citation("cd", 10_000_012), COMMUNE, &huge),
        ("10 MB, cited as small", citation("cd", 18), COMMUNE, &huge),
        ("10 MB of white space", citation("cd", 18), COMMUNE, &padded),
    ] {
        assert_eq!(objet_of(citation, siren, piece), None, "{why}");
    }
}

#[test]
fn a_large_or_erased_piece_is_not_even_read() {
    struct Forbidden;
    impl PieceSource for Forbidden {
        fn read(&self, _: &Organisation, _: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable> {
            panic!("this piece must not be read")
        }
    }
    let mut story = Story::default();
    story.transmis_with(ACTE, citation("cd", OBJET_PIECE_BYTES_MAX + 1));
    story.nomination();
    story.erase(COMMUNE, "ce");
    let view = story.view();
    for id in [ACTE, NOMINATION] {
        let mut acte = view.read(|conn| find(conn, id, &Acces::Tout, MAINTENANT_MS)).unwrap();
        Objets(Forbidden).fill(&mut acte);
        assert_eq!(acte.objet, None);
    }
}

const NOMINATION: &str = "045-214502494-20170718-D201718-AI";

/// Two acts, each with its objet in a piece of its own: `cd`, and `ce` of an individual decision.
fn two_acts() -> Story {
    let mut story = Story::default();
    story.pieces.add(COMMUNE, "cd", br#"{"objet":"Tarifs"}"#);
    story.pieces.add(COMMUNE, "ce", br#"{"objet":"Nomination"}"#);
    story.transmis_with(ACTE, citation("cd", 18));
    story.nomination();
    story
}

impl Story {
    fn nomination(&mut self) {
        // Individual decisions cite everything by engagement.
        let citation = json!({ "matiere": "4.1", "classification": "2016-01-01", "pieces": [
            { "role": "acte", "type": "application/pdf", "taille": 12, "engagement": hex("ac") }, citation("ce", 22)[0] ] });
        let data = Data::ActeTransmis(serde_json::from_value(citation).unwrap());
        self.post(COMMUNE, &NOMINATION.parse::<IdActe>().unwrap().dossier(), &data);
    }

    /// The leaf that erases a piece; the file is another matter.
    fn erase(&mut self, siren: &str, byte: &str) -> u64 {
        let data =
            json!({ "demandeur": "personne-concernee", "motif": "droit-effacement", "base_legale": "rgpd-17-1-a" });
        let subject = organisation(siren).dossier_piece(hex(byte).parse().unwrap());
        self.post(PREFECTURE, &subject, &Data::PieceEffacee(serde_json::from_value(data).unwrap()))
    }

    fn lose(&self, byte: &str) {
        self.pieces.0.lock().unwrap().remove(&(organisation(COMMUNE), hex(byte).parse().unwrap())).unwrap();
    }
}

#[test]
fn a_view_that_saw_the_piece_and_one_built_after_its_erasure_are_the_same() {
    let mut story = two_acts();
    let mut live = story.view();
    assert_eq!(live.acte(NOMINATION).objet.as_deref(), Some("Nomination"));
    let erasure = story.erase(COMMUNE, "ce");
    live.follow(&story);
    // Built between the leaf and the removal, and after the removal.
    let between = story.view();
    story.lose("ce");
    let after = story.view();
    assert_eq!((live.digest(), between.digest()), (after.digest(), after.digest()));
    live.vue.runner.rebuild(&story.histoire, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(live.digest(), after.digest());
    for view in [&live, &between, &after] {
        assert_eq!((view.acte(NOMINATION).objet, view.acte(ACTE).objet.as_deref()), (None, Some("Tarifs")));
        let pieces = view.acte(NOMINATION).pieces;
        let erased: Vec<Option<u64>> = pieces.iter().map(|piece| piece.effacee_index).collect();
        assert_eq!(erased, [None, Some(erasure)]);
    }
}

#[test]
fn an_objet_cited_while_it_was_being_erased_is_blank_whenever_the_view_was_built() {
    let mut story = Story::default();
    story.pieces.add(COMMUNE, "ce", br#"{"objet":"Nomination"}"#);
    story.erase(COMMUNE, "ce");
    story.nomination();
    let before = story.view();
    story.lose("ce");
    let after = story.view();
    assert_eq!((before.acte(NOMINATION).objet.clone(), before.digest()), (None, after.digest()));
}

#[test]
fn another_organisation_s_erasure_takes_nothing() {
    let mut story = two_acts();
    story.erase(OTHER_COMMUNE, "ce");
    let view = story.view();
    assert_eq!(view.acte(NOMINATION).objet.as_deref(), Some("Nomination"));
    assert!(view.acte(NOMINATION).pieces.iter().all(|piece| piece.effacee_index.is_none()));
}

#[test]
fn nothing_of_a_confidential_piece_stands_in_the_file_of_a_view() {
    let view = two_acts().view();
    assert_eq!(view.acte(ACTE).objet.as_deref(), Some("Tarifs"));
    let path = crate::file::path(view.dir.path(), &Legalite);
    Connection::open(&path).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("D201717") && !holds("Tarifs") && !holds("Nomination"));
}

#[test]
fn a_disk_that_fails_costs_an_objet_and_nothing_else() {
    struct Failing;
    impl PieceSource for Failing {
        fn read(&self, _: &Organisation, _: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable> {
            Err(PieceUnreadable("input/output error".into()))
        }
    }
    let view = two_acts().view();
    let mut acte = view.read(|conn| find(conn, ACTE, &Acces::Tout, MAINTENANT_MS)).unwrap();
    Objets(Failing).fill(&mut acte);
    assert_eq!((acte.objet, acte.pieces[1].effacee_index), (None, None), "and it is not said to be erased");
}
