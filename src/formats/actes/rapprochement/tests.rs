//! One table: what a message says, which acts are known, what it is about.
#![allow(clippy::unwrap_used)]

use greffe_events::ident::Nature;
use jiff::civil::date;

use super::*;
use crate::formats::actes::lecture::Lu;

fn id(text: &str) -> IdActe {
    text.parse().unwrap()
}

const A: &str = "045-214502494-20170717-D1-DE";
const MEME_NUMERO: &str = "045-214502494-20180101-D1-DE";
const AUTRE_NATURE: &str = "045-214502494-20170717-D1-AR";
const AUTRE: &str = "045-214502494-20170717-D2-DE";
const VOISINE: &str = "045-210703385-20170717-D1-DE";

fn dit(acte: Option<&str>) -> Identifiants {
    let id_acte = acte.map(|text| Lu { brut: text.to_owned(), valeur: text.parse().ok() });
    Identifiants { id_acte, siren: "214502494".parse().ok(), ..Identifiants::default() }
}

fn parts(numero: Option<&str>, jour: Option<Date>, nature: Option<Nature>) -> Identifiants {
    Identifiants { numero: numero.map(|text| text.parse().unwrap()), date: jour, nature, ..dit(None) }
}

#[test]
fn a_message_finds_its_act_or_says_why_not() {
    use MotifQuarantaine as M;
    let day = || Some(date(2017, 7, 17));
    let cites = |names: &[&str]| Identifiants { cites: names.iter().map(|&nom| nom.to_owned()).collect(), ..dit(None) };
    let sans_siren = Identifiants { siren: None, ..parts(Some("D1"), day(), Some(Nature::De)) };
    let named = |nom: &str| Identifiants { nom: NomFichier::parse(nom), ..parts(None, day(), None) };
    let other = |identifiants: Identifiants| Identifiants { siren: "210703385".parse().ok(), ..identifiants };
    let repeats = |numero: &str| Identifiants { numero: numero.parse().ok(), ..dit(Some(A)) };
    #[allow(clippy::type_complexity, reason = "the columns of the table")]
    let table: Vec<(&str, Identifiants, Vec<&str>, Result<Vec<&str>, M>)> = vec![
        ("its IDActe", dit(Some(A)), vec![A, AUTRE], Ok(vec![A])),
        ("an IDActe with the date of sending", dit(Some("045-214502494-20170720-D1-DE")), vec![A, AUTRE], Ok(vec![A])),
        ("an IDActe in other letters", dit(Some("045-214502494-20170717-d1-DE")), vec![A], Ok(vec![A])),
        ("two years of one number", dit(Some("045-214502494-20170720-D1-DE")), vec![A, MEME_NUMERO], Ok(vec![A])),
        ("another year's number", dit(Some("045-214502494-20200720-D1-DE")), vec![A], Err(M::ActeInconnu)),
        ("an IDActe of another nature", dit(Some(AUTRE_NATURE)), vec![A], Err(M::ActeInconnu)),
        ("an unknown IDActe", dit(Some(AUTRE)), vec![A], Err(M::ActeInconnu)),
        ("another collectivité's", other(dit(Some(A))), vec![A, VOISINE], Err(M::AutreDestinataire)),
        ("an IDActe and what is another act", repeats("D2"), vec![A, AUTRE], Err(M::IdentifiantsContradictoires)),
        ("an IDActe and a number of no act", repeats("D9"), vec![A, AUTRE], Ok(vec![A])),
        (
            "number, date and nature",
            parts(Some("D1"), day(), Some(Nature::De)),
            vec![A, MEME_NUMERO, AUTRE_NATURE],
            Ok(vec![A]),
        ),
        ("number and date", parts(Some("D1"), day(), None), vec![A, MEME_NUMERO], Ok(vec![A])),
        ("number and date of two natures", parts(Some("D1"), day(), None), vec![A, AUTRE_NATURE], Err(M::ActeAmbigu)),
        (
            "number and nature of two years",
            parts(Some("D1"), None, Some(Nature::De)),
            vec![A, MEME_NUMERO],
            Err(M::ActeAmbigu),
        ),
        ("a number alone", parts(Some("D1"), None, None), vec![A], Err(M::SansIdentifiant)),
        ("no number", parts(None, day(), Some(Nature::De)), vec![A], Err(M::SansIdentifiant)),
        ("the number of its name", named("045-214502494-20170717-D1-DE-1-3_1.xml"), vec![A], Ok(vec![A])),
        ("no collectivité", sans_siren, vec![A], Err(M::SansIdentifiant)),
        (
            "a neighbour's act of that number",
            parts(Some("D1"), day(), Some(Nature::De)),
            vec![VOISINE],
            Err(M::ActeInconnu),
        ),
        (
            "an envelope of two acts",
            cites(&["045-214502494-20170720-D1-DE-1-1_0.xml", "045-214502494-20170717-D2-DE-1-1_0.xml"]),
            vec![A, AUTRE],
            Ok(vec![A, AUTRE]),
        ),
        (
            "an envelope, two years of one number",
            cites(&["045-214502494-20180101-D1-DE-1-1_0.xml"]),
            vec![A, MEME_NUMERO],
            Ok(vec![MEME_NUMERO]),
        ),
        (
            "an envelope, a day of neither",
            cites(&["045-214502494-20190101-D1-DE-1-1_0.xml"]),
            vec![A, MEME_NUMERO],
            Err(M::ActeInconnu),
        ),
        (
            "an envelope of two acts, one of them unknown",
            cites(&["045-214502494-20170717-D1-DE-1-1_0.xml", "045-214502494-20170717-D2-DE-1-1_0.xml", "x.xml"]),
            vec![A, A],
            Ok(vec![A, "?", "?"]),
        ),
        (
            "an envelope of unknown acts",
            cites(&["045-214502494-20190101-D7-DE-1-1_0.xml"]),
            vec![A],
            Err(M::ActeInconnu),
        ),
    ];
    for (what, identifiants, connus, expected) in table {
        let connus: Vec<IdActe> = connus.into_iter().map(id).collect();
        let found = match rapproche(&identifiants, &connus) {
            Rapprochement::Actes { connus, manquent } => {
                let named = connus.iter().map(ToString::to_string);
                Ok(named.chain(std::iter::repeat_n("?".to_owned(), manquent)).collect::<Vec<_>>())
            }
            Rapprochement::Quarantaine(motif, _) => Err(motif),
        };
        assert_eq!(found, expected.map(|actes| actes.into_iter().map(ToOwned::to_owned).collect()), "{what}");
    }
}

#[test]
fn what_a_message_names_is_told_even_if_nobody_knows_it() {
    let whole = Identifiants {
        departement: "045".parse().ok(),
        ..parts(Some("D1"), Some(date(2017, 7, 17)), Some(Nature::De))
    };
    for (identifiants, named) in [(dit(Some(AUTRE)), Some(AUTRE)), (whole, Some(A)), (dit(None), None)] {
        assert_eq!(designe(&identifiants), named.map(id));
    }
}
