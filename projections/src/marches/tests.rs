//! A tender from its creation to its opening, as each of those around it sees it.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::essais::{Histoire, Vue, assert_rebuildable, hex, organisation};
use crate::liste::{Acces, CHACUN, Tranche};

const ACHETEUR: &str = "214502494";
const FOURNISSEUR: &str = "491011698";
const CONCURRENT: &str = "130004955";
const ID: &str = "214502494_2026-M12";
/// Opens after the first leaves of the tests, which are a second apart from 2026-11-20T10:15:30Z.
const LIMITE: &str = "2026-11-20T10:15:45Z";

fn tranche() -> Tranche {
    Tranche { apres: None, limite: 100 }
}

fn of(siren: &str) -> Acces {
    Acces::De(vec![organisation(siren).to_string(), CHACUN.to_owned()])
}

fn dit(story: &mut Histoire, source: &str, event_type: &str, data: &serde_json::Value) -> u64 {
    story.dit(source, event_type, &format!("consultation/{ID}"), data)
}

fn creee(story: &mut Histoire) -> u64 {
    let objet = json!({ "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": 9, "engagement": hex("aa") });
    let data = json!({ "procedure": "adaptee", "nature": "marche", "categorie": "travaux", "objet_phase": "offres",
        "date_limite": LIMITE, "lots": [{ "numero": 1 }, { "numero": 2 }], "pieces": [objet] });
    dit(story, ACHETEUR, "consultation.creee", &data)
}

fn publiee(story: &mut Histoire) -> u64 {
    let dce = json!({ "version": 1, "pieces": [{ "role": "dce", "type": "application/zip", "taille": 9, "engagement": hex("ab") }] });
    dit(story, ACHETEUR, "consultation.dce-publie", &dce)
}

fn pli_id(siren: &str) -> String {
    format!("{ID}_{siren}_01990000-0000-7000-8000-000000000001")
}

fn depose(story: &mut Histoire, siren: &str) -> u64 {
    let piece =
        json!({ "role": "pli", "type": "application/octet-stream", "taille": 123_457, "engagement": hex("cd") });
    let data = json!({ "phase": 1, "lots": [2], "intention": "nouveau",
        "fichiers": [{ "piece": hex("cd"), "enveloppe": "unique", "empreinte": hex("ce") }], "pieces": [piece] });
    story.dit(siren, "pli.depose", &format!("pli/{}", pli_id(siren)), &data)
}

fn seen(view: &Vue, acces: &Acces) -> Vec<PliRow> {
    view.read(|conn| plis(conn, acces, ID, tranche())).map(|page| page.lignes).unwrap_or_default()
}

#[test]
fn a_view_of_every_type_is_the_same_when_it_is_built_again() {
    assert_rebuildable(|| Marches, &[]);
}

#[test]
fn before_the_opening_nobody_but_the_bidder_reads_anything_of_a_submission() {
    let mut story = Histoire::default();
    creee(&mut story);
    publiee(&mut story);
    let deposit = depose(&mut story, FOURNISSEUR);
    let view = Vue::of(Marches, &story);
    for acces in [Acces::Tout, of(ACHETEUR)] {
        let rows = seen(&view, &acces);
        assert_eq!((rows.len(), rows[0].index, rows[0].phase), (1, deposit, Some(1)));
        assert_eq!(rows[0].depot.as_ref().unwrap().verdict, "en-temps");
        let whole = view.read(|conn| find(conn, &acces, ID)).unwrap();
        let text = serde_json::to_string(&(rows, whole)).unwrap();
        // Who, which lots, how large, under which name: nothing.
        for secret in [FOURNISSEUR, "123457", &hex("cd"), &hex("ce"), "01990000", "pli.depose"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert_eq!(seen(&view, &of(CONCURRENT)), []);
    let own = seen(&view, &of(FOURNISSEUR));
    assert_eq!(own[0].contenu.as_ref().unwrap().id, pli_id(FOURNISSEUR));

    for _ in 0..15 {
        dit(
            &mut story,
            ACHETEUR,
            "consultation.avis-publie",
            &json!({ "nature": "initial", "support": "boamp", "date": "2026-11-20" }),
        );
    }
    let content = |view: &Vue, acces: &Acces| seen(view, acces)[0].contenu.clone();
    assert_eq!(content(&Vue::of(Marches, &story), &of(ACHETEUR)), None, "the deadline alone opens nothing");
    let seance = dit(&mut story, ACHETEUR, "consultation.seance-ouverte", &json!({ "phase": 1, "objet": "offres" }));
    // From the session on, as its leaves are: what is to be opened has to be named. And the same once it is open.
    let begun = Vue::of(Marches, &story);
    let ouvert = json!({ "seance": format!("01935a4c-0000-7000-8000-{seance:012x}") });
    story.dit(ACHETEUR, "pli.ouvert", &format!("pli/{}", pli_id(FOURNISSEUR)), &ouvert);
    for view in [begun, Vue::of(Marches, &story)] {
        for acces in [Acces::Tout, of(ACHETEUR)] {
            let content = content(&view, &acces).unwrap();
            assert_eq!(content.soumissionnaire, organisation(FOURNISSEUR).to_string());
            assert_eq!(content.evenements[0].pieces[0].taille, 123_457);
        }
        assert_eq!(seen(&view, &of(CONCURRENT)), []);
    }
}

#[test]
fn what_was_withdrawn_in_time_is_never_the_buyers_to_read() {
    let mut story = Histoire::default();
    creee(&mut story);
    publiee(&mut story);
    depose(&mut story, FOURNISSEUR);
    depose(&mut story, CONCURRENT);
    story.dit(FOURNISSEUR, "pli.retire", &format!("pli/{}", pli_id(FOURNISSEUR)), &json!({}));
    for _ in 0..15 {
        let avis = json!({ "nature": "initial", "support": "boamp", "date": "2026-11-20" });
        dit(&mut story, ACHETEUR, "consultation.avis-publie", &avis);
    }
    dit(&mut story, ACHETEUR, "consultation.seance-ouverte", &json!({ "phase": 1, "objet": "offres" }));
    let view = Vue::of(Marches, &story);
    let whose: Vec<_> = seen(&view, &of(ACHETEUR))
        .into_iter()
        .map(|row| (row.retrait.is_some(), row.contenu.map(|contenu| contenu.soumissionnaire)))
        .collect();
    assert_eq!(whose, [(false, Some(organisation(CONCURRENT).to_string())), (true, None)]);
}

#[test]
fn a_tender_is_the_buyers_until_it_is_published_and_its_registers_stay_so() {
    let mut story = Histoire::default();
    let created = creee(&mut story);
    let listed = |view: &Vue, acces: &Acces| -> Vec<u64> {
        let page = view.read(|conn| list(conn, acces, &Filtre::default(), tranche()));
        page.lignes.iter().map(|row| row.index).collect()
    };
    let view = Vue::of(Marches, &story);
    assert_eq!((listed(&view, &of(ACHETEUR)), listed(&view, &of(CONCURRENT))), (vec![created], vec![]));
    assert_eq!(view.read(|conn| find(conn, &of(CONCURRENT), ID)), None);

    let published = publiee(&mut story);
    let data = json!({ "version": 1, "complet": true });
    let withdrawal = dit(&mut story, FOURNISSEUR, "consultation.dce-retire", &data);
    let question = json!({ "pieces": [{ "role": "confidentiel", "finalite": "texte", "type": "application/json", "taille": 9, "engagement": hex("ef") }] });
    dit(&mut story, CONCURRENT, "consultation.question-posee", &question);
    depose(&mut story, FOURNISSEUR);
    let view = Vue::of(Marches, &story);
    assert_eq!(listed(&view, &of(CONCURRENT)), [created]);
    let events = |acces: &Acces| -> Vec<u64> {
        let row = view.read(|conn| find(conn, acces, ID)).unwrap();
        row.evenements.unwrap().iter().map(|event| event.index).collect()
    };
    assert_eq!(events(&of(ACHETEUR)), [created, published, withdrawal, withdrawal + 1]);
    assert_eq!(events(&of(FOURNISSEUR)), [created, published, withdrawal], "its own word, not another's question");
    assert_eq!(events(&of("210703385")), [created, published]);
    let register = |acces: &Acces| view.read(|conn| retraits(conn, acces, ID, tranche()));
    for acces in [Acces::Tout, of(ACHETEUR)] {
        let page = register(&acces).unwrap();
        assert_eq!((page.lignes.len(), page.lignes[0].index), (1, withdrawal));
        assert_eq!(page.lignes[0].signe_par, Some(organisation(FOURNISSEUR).to_string()));
        let row = view.read(|conn| find(conn, &acces, ID)).unwrap();
        assert_eq!((row.retraits, row.questions, row.plis), (Some(1), Some(1), Some(1)));
    }
    for siren in [FOURNISSEUR, CONCURRENT] {
        assert_eq!(register(&of(siren)), None);
        let row = view.read(|conn| find(conn, &of(siren), ID)).unwrap();
        assert_eq!((row.retraits, row.questions, row.plis), (None, None, None));
    }
}

#[test]
fn a_tender_is_shown_with_its_rounds_and_lots() {
    let mut story = Histoire::default();
    creee(&mut story);
    publiee(&mut story);
    let report = json!({ "phase": 1, "date_limite": "2026-12-20T10:00:00Z", "motif": "dce-modifie" });
    dit(&mut story, ACHETEUR, "consultation.delai-reporte", &report);
    let sans_suite = json!({ "lots": [2], "motif": "budget", "date": "2026-11-21" });
    dit(&mut story, ACHETEUR, "consultation.sans-suite", &sans_suite);
    let view = Vue::of(Marches, &story);
    let row = view.read(|conn| find(conn, &of(CONCURRENT), ID)).unwrap();
    assert_eq!((row.date_limite.as_deref(), row.dce_version, row.terminee), (Some("2026-12-20T10:00:00Z"), 1, false));
    assert_eq!(row.lots, [LotRow { numero: Some(1), etat: "ouvert" }, LotRow { numero: Some(2), etat: "sans-suite" }]);
    assert_eq!(row.phases.len(), 1);
    let text = |value: &str| Some(value.to_owned());
    let at_ms = 1_797_000_000_000;
    for (filtre, found) in [
        (Filtre { ouverte_a_ms: Some(at_ms), ..Filtre::default() }, true),
        (Filtre { ouverte_a_ms: Some(at_ms + 90 * 86_400_000), ..Filtre::default() }, false),
        (Filtre { acheteur: text("urn:siren:214502494"), ..Filtre::default() }, true),
        (Filtre { acheteur: text("urn:siren:491011698"), ..Filtre::default() }, false),
        (Filtre { procedure: text("adaptee"), ..Filtre::default() }, true),
        (Filtre { procedure: text("concours"), ..Filtre::default() }, false),
    ] {
        let page = view.read(|conn| list(conn, &Acces::Tout, &filtre, tranche()));
        assert_eq!(page.lignes.len(), usize::from(found), "{filtre:?}");
    }
}
