//! Daily serials of envelopes.

use jiff::civil::Date;
use thiserror::Error;

/// Highest daily serial of an authority or a collectivité.
pub const SERIE_MAX: u16 = 9_999;

/// Position of an envelope in its day: 1 to [`SERIE_MAX`], starting again each day for each sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serie(u16);

/// Why there is no next serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SerieError {
    /// The day is full.
    #[error("{SERIE_MAX} envelopes were made on {jour}: the day has no serial left")]
    Epuisee {
        /// The day.
        jour: Date,
    },
    /// A serial of a later day was used: which ones of this day were is not known, and a name must not be made twice.
    #[error("a serial of {derniere} was used before one of {jour}")]
    JourPasse {
        /// The day asked for.
        jour: Date,
        /// The later day.
        derniere: Date,
    },
}

impl SerieError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Epuisee { .. } => "serie-epuisee",
            Self::JourPasse { .. } => "serie-jour-passe",
        }
    }
}

impl Serie {
    /// None out of 1 to [`SERIE_MAX`].
    pub fn new(n: u16) -> Option<Self> {
        (1..=SERIE_MAX).contains(&n).then_some(Self(n))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The serial that follows the last one used by the same sender, on a given day.
    pub fn suivante(derniere: Option<(Date, Self)>, jour: Date) -> Result<Self, SerieError> {
        match derniere {
            Some((date, Self(n))) if date == jour => Self::new(n + 1).ok_or(SerieError::Epuisee { jour }),
            Some((derniere, _)) if derniere > jour => Err(SerieError::JourPasse { jour, derniere }),
            _ => Ok(Self(1)),
        }
    }

    pub(super) fn parse(texte: &str) -> Option<Self> {
        let sans_zero = !texte.starts_with('0') && texte.bytes().all(|b| b.is_ascii_digit());
        texte.parse().ok().filter(|_| sans_zero).and_then(Self::new)
    }
}
