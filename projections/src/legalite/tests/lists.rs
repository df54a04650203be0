//! Lists: what is asked for, what may be seen, page after page.

use super::*;

const COLLECTIVITES: [(&str, &str); 4] =
    [(COMMUNE, "045"), (OTHER_COMMUNE, "007"), (PREFECTURE, "045"), ("213500010", "02A")];
const NATURES: [&str; 3] = ["AR", "BF", "DE"];

/// Act number `n`, of one of four collectivités in three départements.
fn id(n: usize) -> String {
    let (siren, departement) = COLLECTIVITES[n * 7 % 11 % 4];
    format!("{departement}-{siren}-20170717-{n}-{}", NATURES[n * 5 % 7 % 3])
}

fn post(story: &mut Story, n: usize) {
    let id = id(n);
    let id: &IdActe = &id.parse().unwrap();
    let pieces = json!({ "matiere": "7.1", "classification": "2016-01-01",
        "pieces": [{ "role": "acte", "type": "application/pdf", "taille": 12, "engagement": hex("ac") }] });
    story.post(id.siren.as_str(), &id.dossier(), &Data::ActeTransmis(serde_json::from_value(pieces).unwrap()));
    if n % 3 == 1 {
        story.signed(&id.to_string(), "2017-07-18");
    }
}

/// Sixty acts, a third of them received.
fn sixty() -> (Story, View) {
    let mut story = Story::default();
    (0..60).for_each(|n| post(&mut story, n));
    let view = story.view();
    (story, view)
}

fn everything() -> Filtre {
    Filtre {
        siren: None,
        departement: None,
        nature: None,
        etat: None,
        acces: Acces::Tout,
        apres: None,
        limite: LIMITE_MAX,
    }
}

fn partiel(sirens: &[&str], departements: &[&str]) -> Acces {
    let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    Acces::Partiel { sirens: owned(sirens), departements: owned(departements), prefectures: Vec::new() }
}

fn listed(view: &View, filtre: &Filtre) -> Vec<ActeRow> {
    view.runner.reader().read(|conn, _| list(conn, filtre, MAINTENANT_MS)).unwrap()
}

fn indexes(view: &View, filtre: &Filtre) -> Vec<u64> {
    listed(view, filtre).iter().map(|acte| acte.index).collect()
}

/// What a page must hold, by looking at every act.
fn expected(all: &[ActeRow], filtre: &Filtre) -> Vec<u64> {
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
    let may_see = |acte: &ActeRow| match &filtre.acces {
        Acces::Tout => true,
        Acces::Partiel { sirens, departements, .. } => {
            sirens.contains(&acte.siren) || departements.contains(&acte.departement)
        }
    };
    all.iter()
        .filter(|acte| is(&filtre.siren, &acte.siren) && is(&filtre.departement, &acte.departement))
        .filter(|acte| is(&filtre.nature, &acte.nature) && is(&filtre.etat, acte.etat.as_str()))
        .filter(|acte| may_see(acte) && filtre.apres.is_none_or(|apres| acte.index < apres))
        .map(|acte| acte.index)
        .take(filtre.limite as usize)
        .collect()
}

#[test]
fn every_filter_right_and_page_gives_what_looking_at_all_acts_would() {
    let (_, view) = sixty();
    let all = listed(&view, &everything());
    assert_eq!(all.len(), 60);
    assert!(all.is_sorted_by(|newer, older| newer.index > older.index));
    let rights = [
        Acces::Tout,
        partiel(&[], &[]),
        partiel(&[COMMUNE], &[]),
        partiel(&[], &["045"]),
        partiel(&[COMMUNE, COMMUNE, OTHER_COMMUNE], &["045", "971"]),
        partiel(&[OTHER_COMMUNE], &["02A", "045"]),
    ];
    let choices = |values: &[&str]| {
        std::iter::once(None).chain(values.iter().map(|&value| Some(value.to_owned()))).collect::<Vec<_>>()
    };
    let mut filled = 0;
    for acces in rights {
        for siren in choices(&[COMMUNE, OTHER_COMMUNE, "000000000"]) {
            for departement in choices(&["045", "007", "974"]) {
                for nature in choices(&["DE", "BF", "AU"]) {
                    for etat in choices(&["transmis", "recu", "annule", "perdu"]) {
                        for (apres, limite) in [(None, 1_000), (None, 4), (Some(41), 5), (Some(0), 5), (None, 0)] {
                            let (siren, departement) = (siren.clone(), departement.clone());
                            let (nature, etat, acces) = (nature.clone(), etat.clone(), acces.clone());
                            let filtre = Filtre { siren, departement, nature, etat, acces, apres, limite };
                            let page = indexes(&view, &filtre);
                            filled += usize::from(page.len() > 3);
                            assert_eq!(page, expected(&all, &filtre), "{filtre:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(filled > 100, "the filters must find something: {filled}");
}

#[test]
fn pages_neither_skip_nor_repeat_while_acts_arrive() {
    let (mut story, mut view) = sixty();
    let wanted = Filtre { acces: partiel(&[OTHER_COMMUNE], &["045"]), limite: 7, ..everything() };
    let at_start = indexes(&view, &Filtre { limite: LIMITE_MAX, ..wanted.clone() });
    let mut seen = Vec::new();
    let mut next = wanted.clone();
    for n in 60..120 {
        let page = indexes(&view, &next);
        let Some(last) = page.last() else { break };
        next.apres = Some(*last);
        seen.extend(page);
        post(&mut story, n);
        view.follow(&story);
    }
    assert!(seen.len() > 21);
    assert_eq!(seen, at_start);
}

#[test]
fn the_acts_of_others_stay_invisible() {
    let (_, view) = sixty();
    let acts_of = |acces: Acces| listed(&view, &Filtre { acces, ..everything() });
    let own = acts_of(partiel(&[COMMUNE], &[]));
    assert!(!own.is_empty() && own.iter().all(|acte| acte.siren == COMMUNE));
    let departement = acts_of(partiel(&[], &["045"]));
    assert!(departement.iter().all(|acte| acte.departement == "045"));
    assert!(own.iter().all(|acte| departement.contains(acte)) && departement.len() > own.len());
    // To ask for another's is to find nothing.
    let theirs = Filtre { siren: Some(OTHER_COMMUNE.to_owned()), acces: partiel(&[COMMUNE], &["045"]), ..everything() };
    assert_eq!(listed(&view, &theirs), []);

    let id = &departement[0].id;
    let found = |id: &str, acces: &Acces| {
        view.runner.reader().read(|conn, _| find(conn, id, acces, MAINTENANT_MS)).unwrap().is_some()
    };
    for (acces, visible) in [
        (Acces::Tout, true),
        (partiel(&[&departement[0].siren], &[]), true),
        (partiel(&[], &["007", "045"]), true),
        (partiel(&[OTHER_COMMUNE], &["007"]), false),
        (partiel(&[], &[]), false),
    ] {
        assert_eq!(found(id, &acces), visible, "{acces:?}");
    }
    assert!(!found("045-214502494-20170717-999-DE", &Acces::Tout));
}

#[test]
fn what_looks_like_sql_is_a_value() {
    let (_, view) = sixty();
    for hostile in
        ["' OR 1=1 --", "%", "_________", "045' UNION SELECT 1 --", "\"", "\0", "; DROP TABLE actes", "NULL", ""]
    {
        let text = Some(hostile.to_owned());
        for filtre in [
            Filtre { siren: text.clone(), ..everything() },
            Filtre { departement: text.clone(), ..everything() },
            Filtre { nature: text.clone(), ..everything() },
            Filtre { etat: text.clone(), ..everything() },
            Filtre { siren: Some(COMMUNE.to_owned()), departement: text.clone(), ..everything() },
            Filtre { acces: partiel(&[hostile], &[hostile]), ..everything() },
        ] {
            assert_eq!(listed(&view, &filtre), [], "{filtre:?}");
        }
        assert_eq!(view.find(hostile), None);
    }
    assert_eq!(listed(&view, &everything()).len(), 60);
}

#[test]
fn no_limit_and_no_cursor_is_out_of_bounds() {
    let mut story = Story::default();
    (0..=LIMITE_MAX as usize).for_each(|n| post(&mut story, n));
    let view = story.view();
    let page = listed(&view, &Filtre { limite: u32::MAX, apres: Some(u64::MAX), ..everything() });
    assert_eq!(page.len(), LIMITE_MAX as usize);
    assert_eq!(indexes(&view, &Filtre { apres: Some(page[999].index), ..everything() }), [0]);
    assert_eq!(listed(&view, &Filtre { apres: Some(0), ..everything() }), []);
}
