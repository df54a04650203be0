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
fn a_large_piece_is_not_even_read() {
    struct Forbidden;
    impl PieceSource for Forbidden {
        fn read(&self, _: &Organisation, _: Empreinte) -> Option<Vec<u8>> {
            panic!("a piece of {} bytes must not be read", OBJET_PIECE_BYTES_MAX + 1)
        }
    }
    let mut story = Story::default();
    story.transmis_with(ACTE, citation("cd", OBJET_PIECE_BYTES_MAX + 1));
    let dir = tempfile::tempdir().unwrap();
    let mut runner = Runner::open(dir.path(), Box::new(Actes::new(Box::new(Forbidden)))).unwrap();
    assert_eq!(runner.catch_up(&story, |_| ControlFlow::Continue(())).unwrap().position, 1);
}

#[test]
fn blanking_an_objet_is_one_delete_and_gives_the_view_built_after_the_erasure() {
    let mut story = Story::default();
    let other = "045-214502494-20170718-D201718-AI";
    story.pieces.add(COMMUNE, "cd", br#"{"objet":"Tarifs"}"#);
    story.pieces.add(COMMUNE, "ce", br#"{"objet":"Nomination"}"#);
    story.transmis_with(ACTE, citation("cd", 18));
    // Individual decisions cite everything by engagement.
    let citation = json!({ "matiere": "4.1", "classification": "2016-01-01", "pieces": [
        { "role": "acte", "type": "application/pdf", "taille": 12, "engagement": hex("ac") }, citation("ce", 22)[0] ] });
    let data = Data::ActeTransmis(serde_json::from_value(citation).unwrap());
    story.post(COMMUNE, &other.parse::<IdActe>().unwrap().dossier(), &data);
    let mut view = story.view();
    let before = view.digest();
    assert_eq!(view.acte(other).objet.as_deref(), Some("Nomination"));

    // The file goes; what the view took from it goes by one delete.
    story.pieces.0.lock().unwrap().remove(&(organisation(COMMUNE), hex("ce").parse().unwrap()));
    assert_eq!(view.digest(), before, "a view built before the erasure is what it was");
    assert_eq!(view.execute(&format!("DELETE FROM objets WHERE id = '{other}'")), 1);
    let blanked = view.digest();
    assert_ne!(blanked, before);
    view.runner.rebuild(&story, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(view.digest(), blanked);
    assert_eq!((view.acte(other).objet, view.acte(ACTE).objet.as_deref()), (None, Some("Tarifs")));
}
