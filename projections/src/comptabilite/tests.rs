//! Flows and invoices: their states, their amounts, who sees them.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::essais::{Histoire, Vue, assert_rebuildable, hex, organisation};
use crate::liste::{Acces, Tranche};

const COMMUNE: &str = "214502494";
const COMPTABLE: &str = "130004955";
const FOURNISSEUR: &str = "491011698";
const BUDGET: &str = "21450249400005";
const OTHER_BUDGET: &str = "21450249400013";

fn id_flux(budget: &str, n: u8) -> String {
    format!("{budget}_{}", format!("{n:02x}").repeat(16))
}

fn bordereau(numero: u64, exercice: u16, ht: &str) -> Value {
    json!({ "sens": "depense", "exercice": exercice, "type": "01", "numero": numero, "date": "2026-11-10",
        "nombre_pieces": 2, "montant_ht": ht, "montant_tva": "0.10" })
}

fn transmis(story: &mut Histoire, id: &str, bordereaux: &[Value]) -> u64 {
    let data = json!({ "type_flux": "PESALR2", "domaines": ["depense"], "poste": "045022", "collectivite": "123",
        "budget": "00", "comptable": organisation(COMPTABLE), "signature": "aucune", "bordereaux": bordereaux,
        "bordereaux_total": bordereaux.len(), "pieces_total": 2, "justificatifs_total": 3,
        "pieces": [{ "role": "flux", "type": "application/xml", "taille": 9, "engagement": hex("ab") }] });
    story.dit(COMMUNE, "flux.transmis", &format!("flux/{id}"), &data)
}

fn acquitte(story: &mut Histoire, id: &str, resultat: &str, elements: &Value) -> u64 {
    let data =
        json!({ "resultat": resultat, "elements": elements, "justificatifs_acceptes": 0, "justificatifs_rejetes": 0 });
    story.dit(COMPTABLE, "flux.acquitte", &format!("flux/{id}"), &data)
}

fn shown(view: &Vue, id: &str) -> FluxRow {
    view.read(|conn| flux(conn, &Acces::Tout, id)).unwrap()
}

fn tranche() -> Tranche {
    Tranche { apres: None, limite: 100 }
}

#[test]
fn a_view_of_every_type_is_the_same_when_it_is_built_again() {
    assert_rebuildable(|| Comptabilite, &[]);
}

#[test]
fn a_flow_is_shown_with_what_acquits_say_of_each_bordereau() {
    let id = id_flux(BUDGET, 1);
    let element = |numero: u64, accepte: bool| json!({ "sens": "depense", "exercice": 2026, "numero": numero, "accepte": accepte });
    let two = [bordereau(7, 2026, "10.00"), bordereau(8, 2026, "20.55")];
    let acquits = |view: &Vue| -> Vec<Option<String>> {
        shown(view, &id).bordereaux.into_iter().map(|bordereau| bordereau.acquit).collect()
    };
    let said = |words: [Option<&str>; 2]| words.map(|word| word.map(str::to_owned)).to_vec();
    let mut story = Histoire::default();
    let opened = transmis(&mut story, &id, &two);
    let view = Vue::of(Comptabilite, &story);
    assert_eq!((shown(&view, &id).etat.as_str(), acquits(&view)), ("transmis", said([None, None])));

    for (resultat, elements, expected) in [
        ("accepte", json!([]), [Some("accepte"), Some("accepte")]),
        ("rejete", json!([]), [Some("rejete"), Some("rejete")]),
        ("partiel", json!([element(7, true), element(8, false)]), [Some("accepte"), Some("rejete")]),
        ("partiel", json!([element(8, false)]), [None, Some("rejete")]),
    ] {
        let mut story = story.clone();
        acquitte(&mut story, &id, resultat, &elements);
        let view = Vue::of(Comptabilite, &story);
        assert_eq!((shown(&view, &id).etat.as_str(), acquits(&view)), (resultat, said(expected)));
    }

    acquitte(&mut story, &id, "rejete", &json!([element(70, false)]));
    assert_eq!(shown(&Vue::of(Comptabilite, &story), &id).bordereaux_inconnus, 1);
    let again = transmis(&mut story, &id, &[bordereau(9, 2026, "1.00")]);
    let view = Vue::of(Comptabilite, &story);
    let row = shown(&view, &id);
    assert_eq!(
        (row.index, row.transmis_index, row.transmissions, row.etat.as_str()),
        (opened, Some(again), 2, "transmis")
    );
    assert_eq!((row.bordereaux.len(), row.bordereaux_inconnus), (1, 0));
    assert_eq!(row.evenements.unwrap().len(), 3);
}

#[test]
fn totals_are_exact_and_of_what_the_reader_sees() {
    let mut story = Histoire::default();
    for n in 0..30 {
        let budget = if n % 3 == 0 { OTHER_BUDGET } else { BUDGET };
        let year = 2025 + u16::from(n % 2);
        transmis(&mut story, &id_flux(budget, n), &[bordereau(u64::from(n), year, "0.10")]);
    }
    acquitte(&mut story, &id_flux(BUDGET, 1), "accepte", &json!([]));
    let view = Vue::of(Comptabilite, &story);
    let totals = |acces: &Acces, budget: &str| view.read(|conn| totaux_flux(conn, acces, budget));
    let of = |siren: &str| Acces::De(vec![organisation(siren).to_string()]);
    let all = totals(&Acces::Tout, COMMUNE);
    let amounts: Vec<_> = all
        .iter()
        .map(|total| (total.budget.as_str(), total.exercice, total.bordereaux, total.montant_ht.as_str()))
        .collect();
    assert_eq!(
        amounts,
        [
            (BUDGET, 2025, 10, "1.00"),
            (BUDGET, 2026, 10, "1.00"),
            (OTHER_BUDGET, 2025, 5, "0.50"),
            (OTHER_BUDGET, 2026, 5, "0.50")
        ]
    );
    assert_eq!(
        (all[1].accepte_ht.as_str(), all[1].rejete_ht.as_str(), all[1].montant_tva.as_str()),
        ("0.10", "0.00", "1.00")
    );
    assert_eq!(totals(&Acces::Tout, OTHER_BUDGET).len(), 2);
    assert_eq!(totals(&of(COMMUNE), COMMUNE), all);
    assert_eq!(totals(&of(COMPTABLE), COMMUNE), all, "the accountant that is named");
    assert_eq!(totals(&of(FOURNISSEUR), COMMUNE), []);
    assert_eq!(totals(&Acces::Tout, "999999999"), []);
}

#[test]
fn a_flow_is_seen_by_its_owner_and_the_accountant_that_it_names() {
    let id = id_flux(BUDGET, 1);
    let mut story = Histoire::default();
    transmis(&mut story, &id, &[bordereau(1, 2026, "1.00")]);
    let view = Vue::of(Comptabilite, &story);
    for (siren, sees) in [(COMMUNE, true), (COMPTABLE, true), (FOURNISSEUR, false)] {
        let acces = Acces::De(vec![organisation(siren).to_string()]);
        assert_eq!(view.read(|conn| flux(conn, &acces, &id)).is_some(), sees, "{siren}");
        let page = view.read(|conn| liste_flux(conn, &acces, &FiltreFlux::default(), tranche()));
        assert_eq!(page.lignes.len(), usize::from(sees), "{siren}");
    }
    let text = |value: &str| Some(value.to_owned());
    let none = FiltreFlux::default;
    for (filtre, found) in [
        (FiltreFlux { budget: text(COMMUNE), ..none() }, true),
        (FiltreFlux { budget: text(BUDGET), ..none() }, true),
        (FiltreFlux { budget: text(OTHER_BUDGET), ..none() }, false),
        (FiltreFlux { etat: text("transmis"), ..none() }, true),
        (FiltreFlux { etat: text("accepte"), ..none() }, false),
        (FiltreFlux { exercice: Some(2026), ..none() }, true),
        (FiltreFlux { exercice: Some(2025), ..none() }, false),
    ] {
        let page = view.read(|conn| liste_flux(conn, &Acces::Tout, &filtre, tranche()));
        assert_eq!(page.lignes.len(), usize::from(found), "{filtre:?}");
    }
}

fn facture_id() -> String {
    format!("{FOURNISSEUR}_{COMMUNE}_2026_{}", "ab".repeat(16))
}

fn deposee(story: &mut Histoire, source: &str, ttc: &str) -> u64 {
    let mut data = json!({ "format": "ubl", "type_document": 380, "date_facture": "2026-11-10", "devise": "EUR",
        "montant_ht": "100.00", "montant_tva": "20.00", "montant_ttc": ttc, "montant_a_payer": ttc,
        "pieces": [{ "role": "facture", "type": "application/xml", "taille": 9, "engagement": hex("ab") }] });
    if source == COMMUNE {
        data["auteur_declare"] = json!({ "qualite": "vendeur" });
    }
    story.dit(source, "facture.deposee", &format!("facture/{}", facture_id()), &data)
}

fn statut(story: &mut Histoire, code: &str, le: &str, more: &Value) -> u64 {
    let mut data = json!({ "liste": "chorus", "code": code, "survenu_le": le });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story.dit(COMMUNE, "facture.statut", &format!("facture/{}", facture_id()), &data)
}

fn invoice(story: &Histoire) -> FactureRow {
    Vue::of(Comptabilite, story).read(|conn| facture(conn, &Acces::Tout, &facture_id())).unwrap()
}

#[test]
fn an_invoice_follows_its_statuses_and_its_payments() {
    let mut story = Histoire::default();
    deposee(&mut story, COMMUNE, "120.00");
    assert_eq!((invoice(&story).etat.as_str(), invoice(&story).depot_constate), ("sans-statut", Some(true)));
    let own = deposee(&mut story, FOURNISSEUR, "121.00");
    let row = invoice(&story);
    assert_eq!(
        (row.deposee_index, row.montant_ttc.as_deref()),
        (Some(own), Some("121.00")),
        "the seller's own word first"
    );
    statut(&mut story, "SERVICE_FAIT", "2026-11-12T08:00:00Z", &json!({ "comptable": organisation(COMPTABLE) }));
    assert_eq!(invoice(&story).etat, "service-fait");
    statut(&mut story, "SUSPENDUE", "2026-11-13T08:00:00Z", &json!({ "motifs": ["JUSTIF_ABS"] }));
    assert_eq!(invoice(&story).etat, "suspendue");
    let mandat = json!({ "budget": BUDGET, "exercice": 2026, "bordereau": 1, "piece": 2 });
    statut(&mut story, "MANDATEE", "2026-11-14T08:00:00Z", &json!({ "mandat": mandat }));
    for (nature, montant) in [("avance", "20.50"), ("principal", "100.00"), ("interets-moratoires", "3.00")] {
        let data = json!({ "nature": nature, "date": "2026-11-15", "montant": montant, "devise": "EUR" });
        story.dit(COMPTABLE, "facture.paiement", &format!("facture/{}", facture_id()), &data);
    }
    let row = invoice(&story);
    assert_eq!((row.etat.as_str(), row.montant_paye.as_str()), ("mandatee", "120.50"), "interest is not of the price");
    assert_eq!((row.budget.as_deref(), row.exercice), (Some(BUDGET), Some(2026)));
    assert_eq!(row.evenements.unwrap().len(), 8);
    let view = Vue::of(Comptabilite, &story);
    for (siren, sees) in [(COMMUNE, true), (FOURNISSEUR, true), (COMPTABLE, true), ("210703385", false)] {
        let acces = Acces::De(vec![organisation(siren).to_string()]);
        assert_eq!(view.read(|conn| facture(conn, &acces, &facture_id())).is_some(), sees, "{siren}");
        let totals = view.read(|conn| totaux_factures(conn, &acces, &organisation(COMMUNE).to_string()));
        let expected = if sees { vec![(1, "121.00".to_owned(), "120.50".to_owned())] } else { vec![] };
        assert_eq!(
            totals.into_iter().map(|t| (t.factures, t.montant_ttc, t.montant_paye)).collect::<Vec<_>>(),
            expected
        );
    }
}
