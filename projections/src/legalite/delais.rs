//! Since when an act is executory, and until when the prefect can refer it to the administrative court (déféré): pure,
//! from the facts of the act and the calendar of its place.
//!
//! | rule | source |
//! |---|---|
//! | executory = published, or notified where it concerns a person, **and** transmitted; the AR proves it, it is no condition | CGCT L2131-1, L2131-2 |
//! | an act that needs no transmission is executory on publication alone | CGCT L2131-3 |
//! | déféré within two months of reception | CGCT L2131-6 |
//! | the delay is *franc*; a last day on a Saturday, Sunday or public holiday moves to the next working day | CE 5/6/2009 n°312682; CE 15/12/2023 n°472836 |
//!
//! This is the first, simple form: what prolongs a delay (requests for documents, letters) has no event yet. Where the law is
//! unsettled both answers are given: received on a day that the second month after lacks, doctrine says that month's last
//! day, the wording of the Conseil d'État the day after.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use serde::Serialize;

/// Whether an act is executory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Executoire {
    /// Since which day, `YYYY-MM-DD`; none where it is not.
    pub le: Option<String>,
    /// Why, or why not.
    pub motif: Motif,
    /// Whether the prefecture's acknowledgement proves the transmission.
    pub prouve: bool,
}

/// Why an act is executory, or is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Motif {
    /// Published and transmitted.
    PublieEtTransmis,
    /// Notified and transmitted.
    NotifieEtTransmis,
    /// Published; nothing here says that it had to be transmitted.
    PublieSansTransmission,
    /// Nothing says that it was published.
    #[default]
    NonPublie,
    /// It concerns a person and nothing says that it was notified.
    NonNotifie,
    /// Its transmission was rejected.
    TransmissionRejetee,
    /// It was cancelled.
    Annule,
}

/// The last day on which the prefect can refer the act to the court.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Defere {
    /// Counted shortest, `YYYY-MM-DD`: what to sort on, so as not to miss it.
    pub au_plus_tot: String,
    /// Counted longest: after it nothing can come any more.
    pub au_plus_tard: String,
    /// Why the two differ, where they do.
    pub incertitude: Option<Incertitude>,
}

/// What the law leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Incertitude {
    /// Received on a day that the second month after does not have.
    QuantiemeAbsent,
}

/// The facts of an act that count.
#[derive(Debug, Clone, Copy)]
pub struct Faits<'a> {
    /// Two letters.
    pub nature: &'a str,
    /// Three characters.
    pub departement: &'a str,
    /// When its transmission was recorded, Unix ms; none if it never was.
    pub transmis_le_ms: Option<u64>,
    /// The last transmission was rejected.
    pub rejete: bool,
    /// Cancelled.
    pub annule: bool,
    /// Day of reception by the prefecture.
    pub recu_le: Option<Date>,
    /// First publication.
    pub publie_le: Option<Date>,
    /// First notification.
    pub notifie_le: Option<Date>,
}

/// Individual decisions are executory on notification, contracts on either (CGCT L2131-1).
const INDIVIDUEL: &str = "AI";
const CONTRAT: &str = "CC";

/// Whether the act is executory, since when, and why.
pub fn executoire(faits: &Faits<'_>) -> Executoire {
    let is_not = |motif| Executoire { le: None, motif, prouve: false };
    if faits.annule {
        return is_not(Motif::Annule);
    }
    let (known_le, known, missing) = match faits.nature {
        INDIVIDUEL => (faits.notifie_le, Motif::NotifieEtTransmis, Motif::NonNotifie),
        CONTRAT if faits.publie_le.is_none() => (faits.notifie_le, Motif::NotifieEtTransmis, Motif::NonNotifie),
        _ => (faits.publie_le, Motif::PublieEtTransmis, Motif::NonPublie),
    };
    let Some(known_le) = known_le else { return is_not(missing) };
    if faits.rejete {
        return is_not(Motif::TransmissionRejetee);
    }
    let (le, motif) = match (faits.recu_le, faits.transmis_le_ms) {
        (Some(recu_le), _) => (known_le.max(recu_le), known),
        (None, Some(transmis_le_ms)) => (known_le.max(jour_civil(transmis_le_ms, faits.departement)), known),
        (None, None) => (known_le, Motif::PublieSansTransmission),
    };
    Executoire { le: Some(le.to_string()), motif, prouve: faits.recu_le.is_some() }
}

/// The last day of déféré; none before reception, or once the act is cancelled.
pub fn defere(faits: &Faits<'_>) -> Option<Defere> {
    let recu_le = faits.recu_le.filter(|_| !faits.annule)?;
    let (au_plus_tot, au_plus_tard) = dernier_jour(recu_le, faits.departement)?;
    let incertitude = (au_plus_tot != au_plus_tard).then_some(Incertitude::QuantiemeAbsent);
    Some(Defere { au_plus_tot: au_plus_tot.to_string(), au_plus_tard: au_plus_tard.to_string(), incertitude })
}

/// Two months, franc, rolled to a working day: counted shortest and longest. None at the end of the calendar.
fn dernier_jour(recu_le: Date, departement: &str) -> Option<(Date, Date)> {
    // Where the month is too short jiff gives its last day.
    let quantieme = recu_le.checked_add(Span::new().months(2)).ok()?;
    let franc = quantieme.tomorrow().ok()?;
    let shortest = if quantieme.day() == recu_le.day() { franc } else { quantieme };
    Some((jour_ouvrable(shortest, departement)?, jour_ouvrable(franc, departement)?))
}

/// That day, or the next on which offices work.
fn jour_ouvrable(mut jour: Date, departement: &str) -> Option<Date> {
    while matches!(jour.weekday(), Weekday::Saturday | Weekday::Sunday) || est_ferie(jour, departement) {
        jour = jour.tomorrow().ok()?;
    }
    Some(jour)
}

/// Public holidays (code du travail L3133-1), those of Alsace-Moselle (L3134-13) and overseas (L3422-2) by département.
pub fn est_ferie(jour: Date, departement: &str) -> bool {
    const PARTOUT: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    let day = (jour.month(), jour.day());
    let after_easter = jour.since(paques(jour.year())).map(|span| span.get_days());
    let alsace_moselle = matches!(departement, "057" | "067" | "068");
    // Abolition of slavery.
    let abolition = match departement {
        "971" => Some((5, 27)),
        "972" => Some((5, 22)),
        "973" => Some((6, 10)),
        "974" => Some((12, 20)),
        "976" => Some((4, 27)),
        "977" => Some((10, 9)),
        "978" => Some((5, 28)),
        _ => None,
    };
    PARTOUT.contains(&day)
        || abolition == Some(day)
        // Easter Monday, Ascension, Whit Monday.
        || matches!(after_easter, Ok(1 | 39 | 50))
        || alsace_moselle && (matches!(after_easter, Ok(-2)) || day == (12, 26))
}

/// Easter Sunday (Gregorian; Meeus/Jones/Butcher).
#[allow(clippy::many_single_char_names, reason = "the letters of the published algorithm")]
fn paques(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let (month, day) = ((h + l - 7 * m + 114) / 31, (h + l - 7 * m + 114) % 31 + 1);
    // March or April, within the month.
    let narrow = |n: i32| i8::try_from(n).unwrap_or(1);
    date(year, narrow(month), narrow(day))
}

/// The civil day of an instant (Unix ms) where the département lies.
pub fn jour_civil(ms: u64, departement: &str) -> Date {
    let hours = |hours| TimeZone::fixed(Offset::constant(hours));
    let rule = |text| TimeZone::posix(text).unwrap_or(TimeZone::UTC);
    let zone = match departement {
        "971" | "972" | "977" | "978" => hours(-4),
        "973" => hours(-3),
        "974" => hours(4),
        "975" => rule("<-03>3<-02>,M3.2.0,M11.1.0"),
        "976" => hours(3),
        "986" => hours(12),
        "987" => hours(-10),
        "988" => hours(11),
        // Europe/Paris, as it is since 1996.
        _ => rule("CET-1CEST,M3.5.0,M10.5.0/3"),
    };
    let instant = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    instant.unwrap_or(Timestamp::MAX).to_zoned(zone).date()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn between(recu_le: &str, departement: &str) -> (String, String) {
        let (shortest, longest) = dernier_jour(day(recu_le), departement).unwrap();
        (shortest.to_string(), longest.to_string())
    }

    #[test]
    fn the_delay_is_franc_and_ends_on_a_working_day() {
        for (recu_le, last) in [
            ("2017-01-09", "2017-03-10"),
            ("2021-01-03", "2021-03-04"),
            ("2007-10-01", "2007-12-03"),
            ("2022-11-03", "2023-01-04"),
            ("2024-11-12", "2025-01-13"),
            // Through Christmas, and the first of January on a Sunday.
            ("2026-10-24", "2026-12-28"),
            ("2022-10-31", "2023-01-02"),
        ] {
            assert_eq!(between(recu_le, "045"), (last.to_owned(), last.to_owned()), "{recu_le}");
        }
    }

    #[test]
    fn where_the_month_is_too_short_both_days_are_given() {
        for (recu_le, shortest, longest) in [
            ("2025-12-30", "2026-03-02", "2026-03-02"),
            ("2024-12-31", "2025-02-28", "2025-03-03"),
            ("2023-12-31", "2024-02-29", "2024-03-01"),
            ("2023-12-29", "2024-03-01", "2024-03-01"),
        ] {
            assert_eq!(between(recu_le, "045"), (shortest.to_owned(), longest.to_owned()), "{recu_le}");
        }
    }

    #[test]
    fn each_place_has_its_holidays() {
        for (jour, departement, expected) in [
            ("2026-04-06", "045", true),
            ("2026-05-14", "045", true),
            ("2026-05-25", "045", true),
            ("2026-05-26", "045", false),
            ("2026-04-05", "045", false),
            ("2024-04-01", "045", true),
            ("2027-03-29", "045", true),
            ("2026-04-03", "045", false),
            ("2026-04-03", "067", true),
            ("2026-12-26", "057", true),
            ("2026-12-26", "045", false),
            ("2026-05-22", "972", true),
            ("2026-05-22", "971", false),
            ("2026-12-20", "974", true),
        ] {
            assert_eq!(est_ferie(day(jour), departement), expected, "{jour} {departement}");
        }
    }

    #[test]
    fn a_day_begins_at_the_midnight_of_its_place() {
        // 2026-11-20T22:30:00Z and 23:30:00Z, then in summer time 2026-07-14T22:30:00Z.
        for (ms, departement, expected) in [
            (1_795_213_800_000, "045", "2026-11-20"),
            (1_795_217_400_000, "045", "2026-11-21"),
            (1_784_068_200_000, "045", "2026-07-15"),
            (1_795_217_400_000, "971", "2026-11-20"),
            (1_795_213_800_000, "974", "2026-11-21"),
            (1_795_213_800_000, "988", "2026-11-21"),
        ] {
            assert_eq!(jour_civil(ms, departement), day(expected), "{ms} {departement}");
        }
    }

    #[test]
    fn an_act_is_executory_once_it_is_published_and_transmitted() {
        const TRANSMIS: Option<u64> = Some(1_795_169_730_000);
        let none = Faits {
            nature: "DE",
            departement: "045",
            transmis_le_ms: None,
            rejete: false,
            annule: false,
            recu_le: None,
            publie_le: None,
            notifie_le: None,
        };
        let (publie, recu) = (Some(day("2026-11-18")), Some(day("2026-11-21")));
        let sent = Faits { transmis_le_ms: TRANSMIS, ..none };
        for (faits, le, motif, prouve) in [
            (none, None, Motif::NonPublie, false),
            (sent, None, Motif::NonPublie, false),
            (Faits { publie_le: publie, ..none }, Some("2026-11-18"), Motif::PublieSansTransmission, false),
            (Faits { publie_le: publie, ..sent }, Some("2026-11-20"), Motif::PublieEtTransmis, false),
            (Faits { publie_le: publie, recu_le: recu, ..sent }, Some("2026-11-21"), Motif::PublieEtTransmis, true),
            (Faits { publie_le: publie, rejete: true, ..sent }, None, Motif::TransmissionRejetee, false),
            (Faits { publie_le: publie, recu_le: recu, annule: true, ..sent }, None, Motif::Annule, false),
            (Faits { nature: "AI", publie_le: publie, ..sent }, None, Motif::NonNotifie, false),
            (Faits { nature: "AI", notifie_le: publie, ..sent }, Some("2026-11-20"), Motif::NotifieEtTransmis, false),
            (Faits { nature: "CC", notifie_le: publie, ..sent }, Some("2026-11-20"), Motif::NotifieEtTransmis, false),
            (Faits { nature: "DE", notifie_le: publie, ..sent }, None, Motif::NonPublie, false),
        ] {
            let expected = Executoire { le: le.map(str::to_owned), motif, prouve };
            assert_eq!(executoire(&faits), expected, "{faits:?}");
        }
        assert_eq!(defere(&Faits { publie_le: publie, ..sent }), None);
        assert_eq!(defere(&Faits { recu_le: recu, annule: true, ..sent }), None);
        assert_eq!(defere(&Faits { recu_le: recu, ..sent }).unwrap().au_plus_tot, "2027-01-22");
    }
}
