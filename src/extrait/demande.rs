//! What is asked of an extract: whose, from when until when, with or without the files.
//!
//! A bound is a day, `2026-01-31`, counted in the civil time of Europe/Paris by the instant of recording; or the index of a
//! leaf, `41`. Both bounds belong to the period. Where none is given it begins with leaf 0, and ends with the checkpoint.

use std::fmt;
use std::str::FromStr;

use greffe_events::ident::Organisation;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Europe/Paris as it is since 1996, so that no reader needs a table of time zones (POSIX, IEEE 1003.1).
const PARIS: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demande {
    /// Whose leaves and dossiers.
    pub organisation: Organisation,
    /// From here on, included.
    pub du: Option<Borne>,
    /// Until here, included.
    pub au: Option<Borne>,
    /// Whether the cited files are wanted too.
    pub pieces: bool,
}

/// One end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Borne {
    /// A whole day in Paris.
    Jour(Date),
    /// One leaf.
    Indice(u64),
}

/// Why a period is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DemandeError {
    /// Neither a day nor an index.
    #[error("a bound is a day, YYYY-MM-DD, or the index of a leaf")]
    Borne,
    /// Its end is before its beginning.
    #[error("the period ends before it begins")]
    Envers,
}

impl FromStr for Borne {
    type Err = DemandeError;

    fn from_str(text: &str) -> Result<Self, DemandeError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let index: u64 = text.parse().map_err(|_| DemandeError::Borne)?;
            // One spelling.
            return if index.to_string() == text { Ok(Self::Indice(index)) } else { Err(DemandeError::Borne) };
        }
        let day: Date = text.parse().map_err(|_| DemandeError::Borne)?;
        // From 1970 on, before no leaf was recorded, and in its one spelling.
        if day.to_string() == text && day.year() >= 1970 { Ok(Self::Jour(day)) } else { Err(DemandeError::Borne) }
    }
}

impl fmt::Display for Borne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jour(day) => day.fmt(f),
            Self::Indice(index) => index.fmt(f),
        }
    }
}

impl TryFrom<String> for Borne {
    type Error = DemandeError;

    fn try_from(text: String) -> Result<Self, DemandeError> {
        text.parse()
    }
}

impl From<Borne> for String {
    fn from(borne: Borne) -> Self {
        borne.to_string()
    }
}

impl Demande {
    /// Whether the period can hold anything.
    pub fn check(&self) -> Result<(), DemandeError> {
        let is_reversed = match (self.du, self.au) {
            (Some(Borne::Jour(du)), Some(Borne::Jour(au))) => au < du,
            (Some(Borne::Indice(du)), Some(Borne::Indice(au))) => au < du,
            _ => false,
        };
        if is_reversed { Err(DemandeError::Envers) } else { Ok(()) }
    }

    /// The same period, for whoever places many leaves.
    pub fn periode(&self) -> Periode {
        let seuil = |borne: Borne, days: i64| match borne {
            Borne::Indice(index) => Seuil::Indice(index),
            Borne::Jour(day) => Seuil::Instant(minuit_ms(day, days)),
        };
        Periode { du: self.du.map(|borne| seuil(borne, 0)), au: self.au.map(|borne| seuil(borne, 1)) }
    }
}

/// Where a leaf stands to a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Before it.
    Avant,
    /// Within.
    Dedans,
    /// After it.
    Apres,
}

/// A period, in what leaves say. Along the log it begins once and ends once, since instants of recording never decrease.
#[derive(Debug, Clone, Copy)]
pub struct Periode {
    du: Option<Seuil>,
    au: Option<Seuil>,
}

#[derive(Debug, Clone, Copy)]
enum Seuil {
    Indice(u64),
    /// Unix ms: of the first day's beginning, of the last day's end.
    Instant(u64),
}

impl Periode {
    /// Where the leaf of that index, recorded then (Unix ms), stands.
    pub fn place(&self, index: u64, recorded_at_ms: u64) -> Place {
        let is_before = match self.du {
            None => false,
            Some(Seuil::Indice(first)) => index < first,
            Some(Seuil::Instant(begins_ms)) => recorded_at_ms < begins_ms,
        };
        let is_after = match self.au {
            None => false,
            Some(Seuil::Indice(last)) => index > last,
            Some(Seuil::Instant(ends_ms)) => recorded_at_ms >= ends_ms,
        };
        match (is_before, is_after) {
            (true, _) => Place::Avant,
            (false, true) => Place::Apres,
            (false, false) => Place::Dedans,
        }
    }

    /// The first index that is in the period, where no day begins it.
    pub fn debut(&self) -> Option<u64> {
        match self.du {
            None => Some(0),
            Some(Seuil::Indice(first)) => Some(first),
            Some(Seuil::Instant(_)) => None,
        }
    }

    /// The first index after it, where no day ends it, in a log of that many leaves.
    pub fn fin(&self, size: u64) -> Option<u64> {
        match self.au {
            None => Some(size),
            Some(Seuil::Indice(last)) => Some(last.saturating_add(1).min(size)),
            Some(Seuil::Instant(_)) => None,
        }
    }
}

/// The beginning of the day that many days later, in Paris: Unix ms.
fn minuit_ms(day: Date, later: i64) -> u64 {
    let day = day.saturating_add(jiff::Span::new().days(later));
    let zone = TimeZone::posix(PARIS).unwrap_or(TimeZone::UTC);
    let ms = day.to_zoned(zone).map_or(i64::MAX, |midnight| midnight.timestamp().as_millisecond());
    u64::try_from(ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bound_has_one_spelling() {
        for good in ["0", "41", "2026-01-31", "1970-01-01"] {
            assert_eq!(good.parse::<Borne>().unwrap().to_string(), good);
        }
        for bad in
            ["", "-1", "+1", "041", "2026-1-31", "2026-02-30", "20260131", "hier", "1969-12-31", "99999999999999999999"]
        {
            let parsed = bad.parse::<Borne>();
            // Eight digits are an index.
            assert!(parsed.is_err() || parsed == Ok(Borne::Indice(20_260_131)), "{bad}: {parsed:?}");
        }
    }

    #[test]
    fn a_day_is_a_day_in_paris_from_its_first_to_its_last_millisecond() {
        // 2026-03-29 has 23 hours there, 2026-10-25 has 25.
        for (day, begins_ms, hours) in [
            ("2026-01-31", 1_769_814_000_000, 24),
            ("2026-03-29", 1_774_738_800_000, 23),
            ("2026-10-25", 1_792_879_200_000, 25),
        ] {
            let borne: Option<Borne> = Some(day.parse().unwrap());
            let demande =
                Demande { organisation: "urn:siren:214502494".parse().unwrap(), du: borne, au: borne, pieces: true };
            let periode = demande.periode();
            let ends_ms = begins_ms + hours * 3_600_000;
            for (ms, place) in [
                (begins_ms - 1, Place::Avant),
                (begins_ms, Place::Dedans),
                (ends_ms - 1, Place::Dedans),
                (ends_ms, Place::Apres),
            ] {
                assert_eq!(periode.place(7, ms), place, "{day} {ms}");
            }
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let with = |du: &str, au: &str| Demande {
            organisation: "urn:siren:214502494".parse().unwrap(),
            du: Some(du.parse().unwrap()),
            au: Some(au.parse().unwrap()),
            pieces: false,
        };
        assert_eq!(with("2026-01-02", "2026-01-01").check(), Err(DemandeError::Envers));
        assert_eq!(with("5", "4").check(), Err(DemandeError::Envers));
        for (du, au) in [("5", "5"), ("2026-01-01", "2026-01-01"), ("5", "2026-01-01")] {
            assert_eq!(with(du, au).check(), Ok(()));
        }
    }
}
