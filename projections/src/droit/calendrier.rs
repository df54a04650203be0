//! The calendar of a place: its civil days, its public holidays, and delays counted in it.
//!
//! | rule | source |
//! |---|---|
//! | public holidays | code du travail L3133-1 |
//! | Good Friday and 26 December in Alsace-Moselle | code du travail L3134-13. Good Friday only where a Protestant or shared church stands: it does where the court of the three départements sits, Strasbourg |
//! | abolition of slavery | code du travail L3422-2 |
//! | the delay to go to court is *franc*: its last day is the day after that of the same number, in the last month | CE 15/12/2023 n°472836 |
//! | a last day on a Saturday, a Sunday or a holiday moves to the next working day | CE 5/6/2009 n°312682 |
//!
//! Saint-Martin keeps 27 May by the text, 28 May by the State's circulars since 2018; the Pacific has labour codes of its own.
//! Such days are [`Ferie::Discute`]: a delay that ends on one is given with and without it. The Muslim feasts that Mayotte
//! keeps by usage depend on the moon and are not known here.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, ToSpan as _};

use super::plage::{Incertitude, Plage};

/// The calendar of a place.
#[derive(Debug, Clone)]
pub struct Calendrier {
    /// Its civil time.
    pub zone: TimeZone,
    /// Its own holidays, beside those of all France.
    pub propres: &'static [JourPropre],
}

/// A holiday of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JourPropre {
    /// On which day of each year.
    pub quand: Quand,
    /// First year.
    pub depuis: i16,
    /// Last year.
    pub jusqu_en: i16,
    /// Whether it is beyond doubt.
    pub ferie: Ferie,
}

/// A day of each year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quand {
    /// Month and day.
    Fixe(i8, i8),
    /// So many days after Easter Sunday.
    Paques(i16),
}

/// Whether a day is a public holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ferie {
    /// No.
    Non,
    /// By some texts or usages.
    Discute,
    /// Yes.
    Oui,
}

const PARTOUT: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];

/// Easter Monday, Ascension, Whit Monday: days after Easter.
const MOBILES: [i16; 3] = [1, 39, 50];

const fn ferie(month: i8, day: i8) -> JourPropre {
    JourPropre { quand: Quand::Fixe(month, day), depuis: i16::MIN, jusqu_en: i16::MAX, ferie: Ferie::Oui }
}

const fn discute(quand: Quand) -> JourPropre {
    JourPropre { quand, depuis: i16::MIN, jusqu_en: i16::MAX, ferie: Ferie::Discute }
}

const VENDREDI_SAINT: JourPropre = JourPropre { quand: Quand::Paques(-2), ..ferie(1, 1) };
const ALSACE_MOSELLE: &[JourPropre] = &[VENDREDI_SAINT, ferie(12, 26)];
const SAINT_MARTIN: &[JourPropre] = &[
    JourPropre { jusqu_en: 2017, ..ferie(5, 27) },
    JourPropre { depuis: 2018, ..discute(Quand::Fixe(5, 27)) },
    JourPropre { depuis: 2018, ..discute(Quand::Fixe(5, 28)) },
];
const WALLIS_ET_FUTUNA: &[JourPropre] = &[discute(Quand::Fixe(4, 28)), discute(Quand::Fixe(7, 29))];
const POLYNESIE: &[JourPropre] = &[
    discute(Quand::Fixe(3, 5)),
    discute(Quand::Paques(-2)),
    discute(Quand::Fixe(6, 29)),
    discute(Quand::Fixe(11, 20)),
];

/// Europe/Paris, as it is since 1996.
static PARIS: LazyLock<TimeZone> = LazyLock::new(|| rule("CET-1CEST,M3.5.0,M10.5.0/3"));
static MIQUELON: LazyLock<TimeZone> = LazyLock::new(|| rule("<-03>3<-02>,M3.2.0,M11.1.0"));

fn rule(text: &str) -> TimeZone {
    TimeZone::posix(text).unwrap_or(TimeZone::UTC)
}

impl Calendrier {
    /// That of a département, three characters (`045`, `02A`, `974`); that of Paris where the code is not known.
    pub fn du_departement(code: &str) -> Self {
        let hours = |hours| TimeZone::fixed(Offset::constant(hours));
        let (zone, propres): (TimeZone, &'static [JourPropre]) = match code {
            "057" | "067" | "068" => (PARIS.clone(), ALSACE_MOSELLE),
            "971" => (hours(-4), const { &[ferie(5, 27)] }),
            "972" => (hours(-4), const { &[ferie(5, 22)] }),
            "973" => (hours(-3), const { &[ferie(6, 10)] }),
            "974" => (hours(4), const { &[ferie(12, 20)] }),
            "975" => (MIQUELON.clone(), &[]),
            "976" => (hours(3), const { &[ferie(4, 27)] }),
            "977" => (hours(-4), const { &[ferie(10, 9)] }),
            "978" => (hours(-4), SAINT_MARTIN),
            "986" => (hours(12), WALLIS_ET_FUTUNA),
            "987" => (hours(-10), POLYNESIE),
            "988" => (hours(11), const { &[discute(Quand::Fixe(9, 24))] }),
            _ => (PARIS.clone(), &[]),
        };
        Self { zone, propres }
    }

    /// The civil day of an instant, Unix ms.
    pub fn jour_civil(&self, ms: u64) -> Date {
        let instant = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        self.zone.to_datetime(instant.unwrap_or(Timestamp::MAX)).date()
    }

    /// Whether that day is a public holiday here.
    pub fn ferie(&self, jour: Date) -> Ferie {
        let day = (jour.month(), jour.day());
        let after_easter = jour.day_of_year() - paques(jour.year()).day_of_year();
        if PARTOUT.contains(&day) || MOBILES.contains(&after_easter) {
            return Ferie::Oui;
        }
        let falls = |propre: &&JourPropre| {
            let is_that_day = match propre.quand {
                Quand::Fixe(month, of_month) => (month, of_month) == day,
                Quand::Paques(days) => days == after_easter,
            };
            is_that_day && (propre.depuis..=propre.jusqu_en).contains(&jour.year())
        };
        self.propres.iter().filter(falls).map(|propre| propre.ferie).max().unwrap_or(Ferie::Non)
    }

    /// That day, or the next on which offices work: where holidays in doubt are days like others, and where they are not.
    pub(super) fn ouvrable(&self, jour: Date) -> Plage {
        let working_day = |holiday: Ferie| {
            let mut jour = jour;
            while matches!(jour.weekday(), Weekday::Saturday | Weekday::Sunday) || self.ferie(jour) >= holiday {
                // The calendar's last day stays itself.
                let Ok(next) = jour.tomorrow() else { break };
                jour = next;
            }
            jour
        };
        Plage::new(working_day(Ferie::Oui), working_day(Ferie::Discute), [Incertitude::FerieDiscute])
    }

    /// The last day of a *franc* delay of so many months from `depart`.
    pub(super) fn mois_francs(&self, depart: Date, mois: i32) -> Plage {
        let quantieme = mois_de(depart, mois);
        let after = |jour: Date| jour.saturating_add(1.day());
        let is_absent = quantieme.tot != quantieme.tard;
        // Where the number is absent, the bounds are the month's last day and the day after: the one is doctrine's last day, the
        // other the last day in the wording of the Conseil d'État.
        let franc = if is_absent { quantieme } else { Plage::sur(after(quantieme.tot)) };
        franc.puis(|jour| self.ouvrable(jour))
    }
}

/// The day of the same number so many months later; where that month has none, its last day or the day after. Never rolled: nobody
/// has to work for silence to refuse, or for a month to end.
pub(super) fn mois_de(depart: Date, mois: i32) -> Plage {
    // Where the month is too short jiff gives its last day.
    let quantieme = depart.saturating_add(Span::new().months(mois));
    let after = if quantieme.day() == depart.day() { quantieme } else { quantieme.saturating_add(1.day()) };
    Plage::new(quantieme, after, [Incertitude::QuantiemeAbsent])
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::civil::date;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn between(depart: &str, departement: &str) -> (String, String) {
        let last = Calendrier::du_departement(departement).mois_francs(day(depart), 2);
        (last.tot.to_string(), last.tard.to_string())
    }

    /// The table of the domain page, then Christmas, and the first of January on a Sunday.
    #[test]
    fn the_delay_is_franc_and_ends_on_a_working_day() {
        for (depart, last) in [
            ("2017-01-09", "2017-03-10"),
            ("2021-01-03", "2021-03-04"),
            ("2007-10-01", "2007-12-03"),
            ("2022-11-03", "2023-01-04"),
            ("2024-11-12", "2025-01-13"),
            ("2026-10-24", "2026-12-28"),
            ("2022-10-31", "2023-01-02"),
            // CE 5/6/2009 n°312682: the 13th of October 2007 is a Saturday.
            ("2007-08-12", "2007-10-15"),
        ] {
            assert_eq!(between(depart, "045"), (last.to_owned(), last.to_owned()), "{depart}");
        }
    }

    #[test]
    fn where_the_month_is_too_short_both_days_are_given() {
        for (depart, shortest, longest) in [
            ("2025-12-30", "2026-03-02", "2026-03-02"),
            ("2024-12-31", "2025-02-28", "2025-03-03"),
            ("2024-12-30", "2025-02-28", "2025-03-03"),
            ("2024-12-29", "2025-02-28", "2025-03-03"),
            ("2024-12-28", "2025-03-03", "2025-03-03"),
            // Of leap years.
            ("2023-12-31", "2024-02-29", "2024-03-01"),
            ("2023-12-30", "2024-02-29", "2024-03-01"),
            ("2023-12-29", "2024-03-01", "2024-03-01"),
            ("2025-07-31", "2025-09-30", "2025-10-01"),
            ("2025-07-30", "2025-10-01", "2025-10-01"),
        ] {
            assert_eq!(between(depart, "045"), (shortest.to_owned(), longest.to_owned()), "{depart}");
        }
    }

    #[test]
    fn silence_is_neither_franc_nor_moved_by_a_sunday() {
        let refus = |depart: &str| {
            let Plage { tot, tard, .. } = mois_de(day(depart), 2);
            (tot.to_string(), tard.to_string())
        };
        let one = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(refus("2026-01-05"), one("2026-03-05"));
        assert_eq!(refus("2026-01-01"), one("2026-03-01"), "a Sunday");
        assert_eq!(refus("2025-12-31"), ("2026-02-28".to_owned(), "2026-03-01".to_owned()));
    }

    #[test]
    fn each_place_has_its_holidays() {
        use Ferie::{Discute, Non, Oui};
        for (jour, departement, expected) in [
            ("2026-04-06", "045", Oui),
            ("2026-05-14", "045", Oui),
            ("2026-05-25", "045", Oui),
            ("2026-05-26", "045", Non),
            ("2026-04-05", "045", Non),
            ("2024-04-01", "045", Oui),
            ("2027-03-29", "045", Oui),
            ("2026-04-03", "045", Non),
            ("2026-04-03", "057", Oui),
            ("2026-04-03", "067", Oui),
            ("2026-04-03", "068", Oui),
            ("2026-12-26", "057", Oui),
            ("2026-12-26", "088", Non),
            ("2026-05-27", "971", Oui),
            ("2026-05-22", "971", Non),
            ("2026-05-22", "972", Oui),
            ("2026-06-10", "973", Oui),
            ("2026-12-20", "974", Oui),
            ("2026-04-27", "976", Oui),
            ("2026-10-09", "977", Oui),
            ("2017-05-27", "978", Oui),
            ("2017-05-28", "978", Non),
            ("2026-05-27", "978", Discute),
            ("2026-05-28", "978", Discute),
            ("2026-09-24", "988", Discute),
            ("2026-04-03", "987", Discute),
            ("2026-07-29", "986", Discute),
            ("2026-05-22", "975", Non),
            ("2026-11-11", "02A", Oui),
            ("2026-11-12", "02B", Non),
        ] {
            assert_eq!(Calendrier::du_departement(departement).ferie(day(jour)), expected, "{jour} {departement}");
        }
    }

    #[test]
    fn a_delay_ends_by_the_holidays_of_its_place() {
        for (depart, departement, shortest, longest) in [
            ("2026-02-02", "045", "2026-04-03", "2026-04-03"),
            // Good Friday, then the week-end and Easter Monday.
            ("2026-02-02", "067", "2026-04-07", "2026-04-07"),
            ("2026-03-21", "972", "2026-05-26", "2026-05-26"),
            ("2026-03-21", "971", "2026-05-22", "2026-05-22"),
            ("2026-03-26", "978", "2026-05-27", "2026-05-29"),
        ] {
            let expected = (shortest.to_owned(), longest.to_owned());
            assert_eq!(between(depart, departement), expected, "{depart} {departement}");
        }
    }

    /// A calendar that somebody else made serves as well: a bridge day that a prefect decided.
    #[test]
    fn holidays_are_a_parameter() {
        const PONT: &[JourPropre] = &[JourPropre { depuis: 2026, jusqu_en: 2026, ..ferie(5, 15) }];
        let made = Calendrier { propres: PONT, ..Calendrier::du_departement("045") };
        assert_eq!((made.ferie(date(2026, 5, 15)), made.ferie(date(2027, 5, 15))), (Ferie::Oui, Ferie::Non));
        assert_eq!(made.mois_francs(date(2026, 3, 14), 2), Plage::sur(date(2026, 5, 18)));
    }

    #[test]
    fn easter_is_found_through_the_centuries() {
        for (year, expected) in [
            (1818, date(1818, 3, 22)),
            (1943, date(1943, 4, 25)),
            (2000, date(2000, 4, 23)),
            (2008, date(2008, 3, 23)),
            (2024, date(2024, 3, 31)),
            (2026, date(2026, 4, 5)),
            (2038, date(2038, 4, 25)),
            (2285, date(2285, 3, 22)),
        ] {
            assert_eq!(paques(year), expected);
        }
    }

    #[test]
    fn a_day_begins_at_the_midnight_of_its_place() {
        // 2026-11-20T22:30:00Z and 23:30:00Z, then in summer time 2026-07-14T22:30:00Z, then 2026-11-20T09:30:00Z.
        for (ms, departement, expected) in [
            (1_795_213_800_000, "045", "2026-11-20"),
            (1_795_217_400_000, "045", "2026-11-21"),
            (1_795_217_400_000, "02A", "2026-11-21"),
            (1_795_213_800_000, "02B", "2026-11-20"),
            (1_784_068_200_000, "045", "2026-07-15"),
            (1_795_217_400_000, "971", "2026-11-20"),
            (1_795_217_400_000, "973", "2026-11-20"),
            (1_795_213_800_000, "974", "2026-11-21"),
            (1_795_213_800_000, "975", "2026-11-20"),
            (1_795_213_800_000, "976", "2026-11-21"),
            (1_795_213_800_000, "986", "2026-11-21"),
            (1_795_213_800_000, "987", "2026-11-20"),
            (1_795_167_000_000, "987", "2026-11-19"),
            (1_795_213_800_000, "988", "2026-11-21"),
        ] {
            assert_eq!(Calendrier::du_departement(departement).jour_civil(ms), day(expected), "{ms} {departement}");
        }
        assert_eq!(Calendrier::du_departement("045").jour_civil(u64::MAX).year(), 9999);
    }

    #[test]
    fn the_end_of_the_calendar_is_no_failure() {
        let paris = Calendrier::du_departement("045");
        assert_eq!(paris.mois_francs(Date::MAX, 2).tard, Date::MAX);
        assert_eq!(mois_de(Date::MAX, 2), Plage::sur(Date::MAX));
    }
}
