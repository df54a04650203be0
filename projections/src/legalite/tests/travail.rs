//! Work lists, statistics and classifications follow what is said, and nothing that is to be done is missed.

use greffe_events::horodatage::Horodatage;
use serde_json::{Value, json};

use crate::essais::{Histoire, Vue, assert_rebuildable, hex, organisation};
use crate::legalite::travail::{A_EXAMINER, A_PUBLIER, A_REPONDRE, ATTENDUS, INCERTAINS, REFUSES, SANS_ACCUSE};
use crate::legalite::*;

const COMMUNE: &str = "214502494";
const PREFECTURE: &str = "214400152";
const PASSERELLE: &str = "130004955";

fn id(n: u32) -> String {
    format!("045-{COMMUNE}-20261110-D{n}-DE")
}

fn dit(story: &mut Histoire, n: u32, source: &str, event_type: &str, data: &Value) -> u64 {
    story.dit(source, &format!("acte.{event_type}"), &format!("acte/{}", id(n)), data)
}

fn transmis(story: &mut Histoire, n: u32) -> u64 {
    let piece = json!({ "role": "acte", "type": "application/pdf", "taille": 12, "engagement": hex("ab") });
    let data = json!({ "matiere": "5.2.1", "classification": "2026-01-01", "arrondissement": 2, "pieces": [piece] });
    dit(story, n, COMMUNE, "transmis", &data)
}

fn recu(story: &mut Histoire, n: u32, day: &str) -> u64 {
    dit(story, n, PREFECTURE, "accuse-reception", &json!({ "date_reception": day }))
}

fn ms(instant: &str) -> u64 {
    instant.parse::<Horodatage>().unwrap().unix_ms()
}

/// Which acts are in a list at noon of that day, page after page.
fn liste(view: &Vue, liste: ListeDeTravail, day: &str, limite: u32) -> Vec<u32> {
    let lieu = if liste.est_de_la_collectivite() {
        Lieu::Siren(COMMUNE.to_owned())
    } else {
        Lieu::Departement("045".to_owned())
    };
    let (mut seen, mut apres) = (Vec::new(), None);
    loop {
        let at = ms(&format!("{day}T12:00:00Z"));
        let page = view.read(|conn| travail(conn, liste, &lieu, &Acces::Tout, apres.as_ref(), limite, at)).unwrap();
        assert!(page.actes.len() <= limite as usize);
        let number = |acte: &ActeRow| acte.numero.trim_start_matches('D').parse::<u32>().unwrap();
        seen.extend(page.actes.iter().map(number));
        apres = page.suite;
        if apres.is_none() {
            return seen;
        }
    }
}

fn constat() -> Value {
    json!({ "qualite": "prefecture", "departement": "045" })
}

fn message() -> Value {
    json!([{ "role": "message", "type": "application/xml", "taille": 900, "engagement": hex("ef") }])
}

#[test]
fn each_act_is_where_somebody_has_to_do_something() {
    use ListeDeTravail as L;
    let mut story = Histoire::default();
    // 1 waits for its receipt; 2 is received; 3 is rejected; 4 has a request for documents; 5 a letter of observations that is answered.
    for n in 1..=6 {
        transmis(&mut story, n);
    }
    recu(&mut story, 2, "2026-11-20");
    let anomalie = json!({ "date": "2026-11-20", "code": "002", "portee": "acte" });
    dit(&mut story, 3, PREFECTURE, "anomalie", &anomalie);
    recu(&mut story, 4, "2026-11-18");
    dit(&mut story, 4, PREFECTURE, "demande-pieces", &json!({ "date": "2026-11-19" }));
    recu(&mut story, 5, "2026-11-17");
    let mut stated = json!({ "date": "2026-11-18", "auteur_declare": constat(), "pieces": message() });
    dit(&mut story, 5, COMMUNE, "lettre-observations", &stated);
    dit(&mut story, 5, PREFECTURE, "lettre-observations", &json!({ "date": "2026-11-18" }));
    // 6 is published before anything else.
    dit(&mut story, 6, COMMUNE, "publie", &json!({ "mode": "affichage", "date": "2026-11-20" }));
    let mut view = Vue::of(Legalite, &story);
    let all = |view: &Vue, day: &str| L::ALL.map(|one| (one.as_str(), liste(view, one, day, 2)));
    assert_eq!(
        all(&view, "2026-11-21"),
        [
            ("a-acquitter", vec![1, 6]),
            ("silencieux", vec![]),
            // 2 waits for nothing; of the others, the letter to 5 is the older.
            ("a-examiner", vec![2, 5, 4]),
            ("a-suivre", vec![]),
            ("expirent", vec![]),
            ("pieces-attendues", vec![4]),
            ("a-repondre", vec![4, 5]),
            ("refuses", vec![3]),
            ("a-publier", vec![1, 2, 4, 5]),
        ]
    );
    // Thirty days later two acts are still without a receipt.
    assert_eq!(liste(&view, L::Silencieux, "2026-12-21", 10), [1, 6]);

    // The commune answers; the prefecture examines; what came after an examination is new.
    let answer = dit(&mut story, 4, COMMUNE, "pieces-complementaires", &json!({ "courrier": "2026-11-19" }));
    dit(
        &mut story,
        5,
        COMMUNE,
        "reponse-lettre-observations",
        &json!({ "courrier": "2026-11-17", "suite": "maintien" }),
    );
    let examine = |story: &mut Histoire, n, jusqu_a: u64, suite: &str| {
        let data = json!({ "jusqu_a": jusqu_a, "suite": suite });
        story.dit(PREFECTURE, "acte.examine", &format!("examen/{}", id(n)), &data)
    };
    examine(&mut story, 2, 7, "sans-observation");
    examine(&mut story, 4, answer - 1, "sans-observation");
    view.follow(&story);
    assert_eq!(liste(&view, L::PiecesAttendues, "2026-11-21", 10), Vec::<u32>::new());
    // The answer to the observations names another day than the letter's: it waits still.
    assert_eq!(liste(&view, L::ARepondre, "2026-11-21", 10), [5]);
    // The documents came, two months run; of the observations, silence is awaited first.
    assert_eq!(liste(&view, L::AExaminer, "2026-11-21", 1), [4, 5]);
    examine(&mut story, 4, answer, "a-suivre");
    dit(&mut story, 5, COMMUNE, "rejet-lettre-observations", &json!({ "courrier": "2026-11-18" }));
    view.follow(&story);
    assert_eq!(
        (liste(&view, L::AExaminer, "2026-11-21", 10), liste(&view, L::ASuivre, "2026-11-21", 10)),
        (vec![5], vec![4])
    );
    assert_eq!(liste(&view, L::ARepondre, "2026-11-21", 10), Vec::<u32>::new());
    let found = |acces: &Acces| view.read(|conn| find(conn, &id(4), acces, 0)).unwrap().examen;
    assert_eq!(found(&Acces::Tout).map(|examen| (examen.jusqu_a, examen.nouveau)), Some((answer, false)));
    let neighbour = |prefectures: &[&str]| Acces::Partiel {
        sirens: vec![COMMUNE.to_owned()],
        departements: vec!["045".to_owned()],
        prefectures: prefectures.iter().map(|&one| one.to_owned()).collect(),
    };
    assert!(found(&neighbour(&[])).is_none() && found(&neighbour(&["039"])).is_none());
    assert!(found(&neighbour(&["045"])).is_some());

    // The last days come, and go.
    let tot =
        |n| view.read(|conn| find(conn, &id(n), &Acces::Tout, ms("2028-01-01T12:00:00Z"))).unwrap().defere.au_plus_tot;
    let day = |n| tot(n).unwrap().to_string();
    assert_eq!(liste(&view, L::Expirent, &day(4), 10), [4, 5]);
    let after = (0..400).find_map(|add| {
        let day = "2026-11-21".parse::<jiff::civil::Date>().unwrap().checked_add(jiff::Span::new().days(add)).unwrap();
        let is_empty = liste(&view, L::AExaminer, &day.to_string(), 10).is_empty();
        is_empty.then(|| day.to_string())
    });
    assert!(after.unwrap() > day(5), "once it can't come any more it is in no list");
    // A rejected act that is transmitted again is no longer among the rejected.
    transmis(&mut story, 3);
    stated["date"] = json!("2026-11-20");
    dit(&mut story, 3, COMMUNE, "courrier-simple", &stated);
    view.follow(&story);
    assert_eq!(liste(&view, L::Refuses, "2026-11-21", 10), Vec::<u32>::new());
    assert_eq!(liste(&view, L::AAcquitter, "2026-11-21", 10), [1, 6, 3]);
}

#[test]
fn what_follows_another_way_is_the_same_row() {
    // The same things said, in every order that a log may have, end in the same derived columns.
    let says: [(&str, Value); 5] = [
        ("accuse-reception", json!({ "date_reception": "2026-11-20" })),
        ("demande-pieces", json!({ "date": "2026-11-20" })),
        ("pieces-complementaires", json!({ "courrier": "2026-11-20" })),
        ("accuse-pieces", json!({ "courrier": "2026-11-20", "date_reception": "2026-11-20" })),
        ("publie", json!({ "mode": "affichage", "date": "2026-11-20" })),
    ];
    let columns = |view: &Vue| {
        let sql = "SELECT etat, attend, a_publier, au_plus_tot, au_plus_tard, a_examiner FROM actes";
        view.read(|conn| {
            conn.query_row(sql, [], |row| {
                let text = |at| row.get::<_, Option<String>>(at);
                Ok((
                    text(0)?,
                    text(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    text(3)?,
                    text(4)?,
                    row.get::<_, Option<i64>>(5)?,
                ))
            })
        })
    };
    let mut seen = Vec::new();
    for start in 0..says.len() {
        for step in [1, 2, 3, 4] {
            let mut story = Histoire::default();
            transmis(&mut story, 1);
            for k in 0..says.len() {
                let (event_type, data) = &says[(start + k * step) % says.len()];
                let source = if event_type.starts_with("pieces") { COMMUNE } else { PREFECTURE };
                dit(&mut story, 1, source, event_type, data);
            }
            seen.push(columns(&Vue::of(Legalite, &story)));
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    assert_eq!(seen[0].0.as_deref(), Some("recu"));
}

#[test]
fn each_thing_is_counted_once_where_and_when_it_was_said() {
    let mut story = Histoire::default();
    for n in 1..=3 {
        transmis(&mut story, n);
    }
    // Signed and stated from a file: received once.
    dit(
        &mut story,
        1,
        COMMUNE,
        "accuse-reception",
        &json!({ "date_reception": "2026-11-20", "auteur_declare": constat(), "pieces": message() }),
    );
    recu(&mut story, 1, "2026-11-20");
    recu(&mut story, 2, "2026-11-20");
    let letter = json!({ "date": "2026-11-20" });
    dit(&mut story, 1, PREFECTURE, "demande-pieces", &letter);
    dit(
        &mut story,
        1,
        COMMUNE,
        "demande-pieces",
        &json!({ "date": "2026-11-20", "auteur_declare": constat(), "pieces": message() }),
    );
    dit(&mut story, 1, PREFECTURE, "demande-pieces", &json!({ "date": "2026-11-19" }));
    dit(&mut story, 3, PREFECTURE, "anomalie", &json!({ "date": "2026-11-20", "code": "002", "portee": "acte" }));
    dit(&mut story, 2, PREFECTURE, "defere", &json!({ "date_depot": "2026-11-20", "suspension_demandee": true }));
    let view = Vue::of(Legalite, &story);
    let filtre = |par: &[Dimension]| FiltreStatistiques { departements: None, du: None, au: None, par: par.to_vec() };
    let sums = |filtre: &FiltreStatistiques| view.read(|conn| statistiques(conn, filtre)).0;
    let [one] = sums(&filtre(&[])).try_into().unwrap();
    assert_eq!((one.transmis, one.recus, one.demandes_pieces, one.anomalies, one.deferes), (3, 2, 2, 1, 1));
    let all = filtre(&Dimension::ALL);
    let [row] = sums(&all).try_into().unwrap();
    assert_eq!(
        (row.departement.as_deref(), row.arrondissement, row.nature.as_deref()),
        (Some("045"), Some(2), Some("DE"))
    );
    assert_eq!((row.matiere.as_deref(), row.mois.as_deref(), row.transmis), (Some("5.2"), Some("2026-11"), 3));
    for (departements, du, au) in
        [(Some(vec!["039".to_owned()]), None, None), (None, Some("2026-12"), None), (None, None, Some("2026-10"))]
    {
        let none = FiltreStatistiques { departements, du: du.map(Into::into), au: au.map(Into::into), ..all.clone() };
        assert_eq!(sums(&none), []);
    }
    let referred = view.read(|conn| find(conn, &id(2), &Acces::Tout, 0)).unwrap().correspondance;
    assert_eq!(referred[0].suspension_demandee, Some(true));
}

#[test]
fn an_act_under_a_stale_classification_is_shown_so() {
    let mut story = Histoire::default();
    let version = |date: &str| json!({ "date": date, "departement": "045", "natures": [], "matieres": ["5.2"] });
    let published = |story: &mut Histoire, owner: &str, date: &str, constat_of: bool| {
        let mut data = version(date);
        if constat_of {
            data["auteur_declare"] = constat();
            data["pieces"] = message();
        }
        story.dit(owner, "classification.publiee", &format!("classification/{owner}"), &data)
    };
    transmis(&mut story, 1);
    published(&mut story, PREFECTURE, "2025-12-01", false);
    // What another commune received is nothing to this one.
    published(&mut story, PASSERELLE, "2026-06-01", true);
    transmis(&mut story, 2);
    published(&mut story, COMMUNE, "2026-02-01", true);
    transmis(&mut story, 3);
    published(&mut story, PREFECTURE, "2026-03-01", false);
    transmis(&mut story, 4);
    let view = Vue::of(Legalite, &story);
    let newer = |n| view.read(|conn| find(conn, &id(n), &Acces::Tout, 0)).unwrap().classification_plus_recente;
    let day = |text: &str| Some(text.to_owned());
    assert_eq!([1, 2, 3, 4].map(newer), [None, None, day("2026-02-01"), day("2026-03-01")]);
    let dates = |departement: &str, of: Option<&str>| {
        let of = of.map(|siren| organisation(siren).to_string());
        let rows = view.read(|conn| classifications(conn, departement, of.as_deref()));
        rows.into_iter().map(|row| row.date).collect::<Vec<_>>()
    };
    assert_eq!(dates("045", None), ["2026-03-01", "2025-12-01"]);
    assert_eq!(dates("", Some(COMMUNE)), ["2026-02-01"]);
    assert_eq!(dates("039", None), Vec::<String>::new());
}

#[test]
fn no_work_list_scans_a_table_or_sorts() {
    let view = assert_rebuildable(|| Legalite, &[]);
    let all = [SANS_ACCUSE, A_EXAMINER, INCERTAINS, ATTENDUS, A_REPONDRE, REFUSES, A_PUBLIER]
        .into_iter()
        .chain([classification::DE, classification::DU]);
    for sql in all {
        view.read(|conn| {
            crate::liste::assert_searches(conn, sql);
            Ok(())
        });
    }
}

#[test]
fn an_act_sent_again_is_shown_whatever_was_asked_before_and_keeps_its_first_files() {
    let mut story = Histoire::default();
    let first = transmis(&mut story, 1);
    dit(&mut story, 1, COMMUNE, "annulation-demandee", &json!({}));
    dit(&mut story, 1, PREFECTURE, "anomalie", &json!({ "date": "2026-11-20", "code": "002", "portee": "acte" }));
    let second = transmis(&mut story, 1);
    let view = Vue::of(Legalite, &story);
    let acte = view.read(|conn| find(conn, &id(1), &Acces::Tout, 0)).unwrap();
    assert_eq!((acte.etat, acte.transmis_index, acte.transmissions), (Etat::Transmis, Some(second), 2));
    assert_eq!(acte.pieces.iter().map(|piece| piece.index).collect::<Vec<_>>(), [second, first]);
    assert_eq!(liste(&view, ListeDeTravail::AAcquitter, "2026-11-21", 10), [1]);
}

#[test]
fn an_act_whose_last_day_is_open_stays_to_be_examined_until_the_later_one() {
    let mut story = Histoire::default();
    transmis(&mut story, 1);
    // Received on 30 December: the last day of February, or the day after, which is a Saturday.
    recu(&mut story, 1, "2024-12-30");
    let view = Vue::of(Legalite, &story);
    let on = |day| liste(&view, ListeDeTravail::AExaminer, day, 10);
    assert_eq!((on("2025-02-28"), on("2025-03-03"), on("2025-03-04")), (vec![1], vec![1], vec![]));
}
