//! A member's life: keys that come and end, delegations, an exit and a return.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::essais::{Histoire, NOW_MS, Vue, assert_rebuildable, cle, organisation};
use crate::liste::{Acces, Tranche, du_departement};

const OPERATEUR: &str = "219600012";
const COMMUNE: &str = "214502494";
const PASSERELLE: &str = "210703385";
const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn dossier(siren: &str) -> String {
    format!("adherent/{siren}")
}

fn membre(story: &mut Histoire, siren: &str, departement: &str) -> u64 {
    let data = json!({ "organisation": organisation(siren), "categorie": "commune", "denomination": "Commune", "departement": departement });
    story.dit(OPERATEUR, "adherent.inscrit", &dossier(siren), &data)
}

fn dit_cle(story: &mut Histoire, event_type: &str, seed: u8, more: &Value) -> u64 {
    let mut data = json!({ "organisation": organisation(COMMUNE), "cle": cle(seed) });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story.dit(OPERATEUR, event_type, &dossier(COMMUNE), &data)
}

fn valable() -> Value {
    json!({ "roles": ["collectivite", "acheteur"], "valable_du": "2026-01-01T00:00:00Z", "valable_jusqu": "2029-01-01T00:00:00Z" })
}

fn delegation(story: &mut Histoire, jusqu: &str) -> u64 {
    let data = json!({ "organisation": organisation(COMMUNE), "delegataire": organisation(PASSERELLE),
        "familles": ["actes", "comptabilite"], "jusqu": jusqu });
    story.dit(COMMUNE, "delegation.accordee", &dossier(COMMUNE), &data)
}

fn commune(view: &Vue, now_ms: u64) -> AdherentRow {
    let name = organisation(COMMUNE).to_string();
    view.read(|conn| find(conn, &Acces::Tout, &name, now_ms)).unwrap()
}

fn etats(view: &Vue, now_ms: u64) -> Vec<EtatCle> {
    commune(view, now_ms).cles.unwrap().iter().map(|key| key.etat).collect()
}

#[test]
fn a_view_of_every_type_is_the_same_when_it_is_built_again() {
    assert_rebuildable(|| Adherents, &["pieces"]);
}

#[test]
fn a_key_is_shown_with_all_that_happened_to_it() {
    use EtatCle::{EnVigueur, Expiree, PasEncoreValable, Terminee};
    let mut story = Histoire::default();
    membre(&mut story, COMMUNE, "045");
    dit_cle(&mut story, "cle.enrolee", 2, &valable());
    dit_cle(&mut story, "cle.enrolee", 3, &valable());
    let future = json!({ "roles": ["collectivite"], "valable_du": "2028-01-01T00:00:00Z", "valable_jusqu": "2029-01-01T00:00:00Z" });
    dit_cle(&mut story, "cle.enrolee", 4, &future);
    let revoquee = dit_cle(&mut story, "cle.revoquee", 2, &json!({ "motif": "vol" }));
    let compromise = dit_cle(&mut story, "cle.compromise", 2, &json!({ "depuis": "2026-11-19T00:00:00Z" }));
    dit_cle(&mut story, "cle.compromise", 2, &json!({ "depuis": "2026-11-20T00:00:00Z" }));
    let view = Vue::of(Adherents, &story);
    assert_eq!(etats(&view, NOW_MS), [Terminee, EnVigueur, PasEncoreValable]);
    assert_eq!(etats(&view, NOW_MS + 800 * DAY_MS), [Terminee, Expiree, Expiree]);
    let member = commune(&view, NOW_MS);
    let first = &member.cles.unwrap()[0];
    let end = first.fin.as_ref().unwrap();
    assert_eq!(
        (end.par.as_str(), end.index, end.motif.as_deref()),
        (REVOQUEE, revoquee, Some("vol")),
        "the first end counts"
    );
    assert_eq!(first.compromise_depuis.as_deref(), Some("2026-11-19T00:00:00Z"), "the earliest");
    assert_eq!((first.compromise_index, first.roles.len()), (Some(compromise), 2));
    assert_eq!(member.evenements.unwrap().len(), 7);
}

#[test]
fn a_recovery_ends_the_keys_before_it_unless_somebody_objects() {
    use EtatCle::{EnAttente, EnVigueur, PerdueParRecouvrement, Terminee};
    let (before, after) = (NOW_MS + DAY_MS, NOW_MS + 4 * DAY_MS);
    let mut story = Histoire::default();
    membre(&mut story, COMMUNE, "045");
    dit_cle(&mut story, "cle.enrolee", 2, &valable());
    dit_cle(&mut story, "cle.recouvree", 3, &valable());
    dit_cle(&mut story, "cle.enrolee", 4, &valable());
    let view = Vue::of(Adherents, &story);
    assert_eq!(etats(&view, before), [EnVigueur, EnAttente, EnVigueur]);
    assert_eq!(etats(&view, after), [PerdueParRecouvrement, EnVigueur, EnVigueur]);
    dit_cle(&mut story, "cle.opposition", 3, &json!({}));
    let view = Vue::of(Adherents, &story);
    assert_eq!(etats(&view, after), [EnVigueur, Terminee, EnVigueur]);
}

#[test]
fn a_delegation_ends_by_time_by_withdrawal_by_the_next_or_with_either_side() {
    let name = organisation(PASSERELLE).to_string();
    let ends = |view: &Vue, now_ms| -> Vec<(EtatDelegation, Option<String>)> {
        let given = commune(view, now_ms).delegations.unwrap();
        given.into_iter().map(|one| (one.etat, one.fin.map(|fin| fin.par))).collect()
    };
    let delegators = |view: &Vue, now_ms| view.read(|conn| delegants(conn, &name, now_ms)).len();
    let by = |fin: &str| (EtatDelegation::Terminee, Some(fin.to_owned()));
    let mut story = Histoire::default();
    membre(&mut story, COMMUNE, "045");
    membre(&mut story, PASSERELLE, "045");
    delegation(&mut story, "2027-01-01T00:00:00Z");
    delegation(&mut story, "2028-01-01T00:00:00Z");
    let view = Vue::of(Adherents, &story);
    assert_eq!(ends(&view, NOW_MS), [by(REMPLACEE), (EtatDelegation::EnVigueur, None)]);
    assert_eq!(ends(&view, NOW_MS + 600 * DAY_MS)[1], (EtatDelegation::Expiree, None));
    assert_eq!((delegators(&view, NOW_MS), delegators(&view, NOW_MS + 600 * DAY_MS)), (1, 0));
    let gone = |siren: &str, story: &Histoire| {
        let mut story = story.clone();
        let data = json!({ "organisation": organisation(siren), "motif": "depart" });
        story.dit(OPERATEUR, "adherent.sorti", &dossier(siren), &data);
        membre(&mut story, siren, "045");
        Vue::of(Adherents, &story)
    };
    for siren in [COMMUNE, PASSERELLE] {
        let view = gone(siren, &story);
        assert_eq!(
            (ends(&view, NOW_MS)[1].clone(), delegators(&view, NOW_MS)),
            (by(SORTIE), 0),
            "a return revives nothing"
        );
    }
    let data = json!({ "organisation": organisation(COMMUNE), "delegataire": organisation(PASSERELLE) });
    story.dit(COMMUNE, "delegation.retiree", &dossier(COMMUNE), &data);
    let view = Vue::of(Adherents, &story);
    assert_eq!((ends(&view, NOW_MS)[1].clone(), delegators(&view, NOW_MS)), (by(RETIREE), 0));
}

#[test]
fn members_are_seen_by_themselves_and_where_they_lie() {
    let mut story = Histoire::default();
    let (first, second) = (membre(&mut story, COMMUNE, "045"), membre(&mut story, PASSERELLE, "007"));
    let data = json!({ "organisation": organisation(PASSERELLE), "categorie": "epci", "denomination": "Passerelle", "departement": "039" });
    story.dit(OPERATEUR, "adherent.modifie", &dossier(PASSERELLE), &data);
    let sorti = json!({ "organisation": organisation(COMMUNE), "motif": "fusion" });
    story.dit(OPERATEUR, "adherent.sorti", &dossier(COMMUNE), &sorti);
    let view = Vue::of(Adherents, &story);
    let of = |name: String| Acces::De(vec![name]);
    let listed = |acces: &Acces, filtre: &Filtre| -> Vec<u64> {
        let page = view.read(|conn| list(conn, acces, filtre, Tranche { apres: None, limite: 10 }));
        page.lignes.iter().map(|row| row.index).collect()
    };
    let none = Filtre::default;
    for (acces, filtre, expected) in [
        (Acces::Tout, none(), vec![second, first]),
        (of(organisation(COMMUNE).to_string()), none(), vec![first]),
        (of(du_departement("045")), none(), vec![first]),
        (of(du_departement("007")), none(), vec![]),
        (of(du_departement("039")), none(), vec![second]),
        (Acces::Tout, Filtre { membre: Some(true), ..none() }, vec![second]),
        (Acces::Tout, Filtre { membre: Some(false), ..none() }, vec![first]),
        (Acces::Tout, Filtre { categorie: Some("epci".to_owned()), ..none() }, vec![second]),
        (Acces::Tout, Filtre { departement: Some("045".to_owned()), ..none() }, vec![first]),
    ] {
        assert_eq!(listed(&acces, &filtre), expected, "{acces:?} {filtre:?}");
    }
    assert_eq!(commune(&view, NOW_MS).sortie.unwrap().motif.as_deref(), Some("fusion"));
}
