//! The identifier of an act, and its parts (ACTES, `IDActe`).

use std::fmt;
use std::str::FromStr;

use super::{Departement, IdentError, Siren, Subject, excerpt};

/// The six natures of an act (ACTES, `CodeNatureActe`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Nature {
    /// 1, délibération.
    De,
    /// 2, arrêté réglementaire.
    Ar,
    /// 3, arrêté individuel.
    Ai,
    /// 4, contrat ou convention.
    Cc,
    /// 5, document budgétaire et financier.
    Bf,
    /// 6, autre.
    Au,
}

impl Nature {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 6] = [Self::De, Self::Ar, Self::Ai, Self::Cc, Self::Bf, Self::Au];

    /// The two letters used in identifiers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::De => "DE",
            Self::Ar => "AR",
            Self::Ai => "AI",
            Self::Cc => "CC",
            Self::Bf => "BF",
            Self::Au => "AU",
        }
    }

    /// The digit used in XML (`CodeNatureActe`), 1 to 6.
    pub fn code(self) -> u8 {
        match self {
            Self::De => 1,
            Self::Ar => 2,
            Self::Ai => 3,
            Self::Cc => 4,
            Self::Bf => 5,
            Self::Au => 6,
        }
    }

    /// The nature of a `CodeNatureActe`.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|nature| nature.code() == code)
    }

    /// Whether documents of this nature are communicable to anyone by law (CGCT L2121-26: deliberations,
    /// budgets and accounts, *arrêtés*), individual decisions and contracts left aside since they name persons.
    pub fn is_public(self) -> bool {
        matches!(self, Self::De | Self::Ar | Self::Bf)
    }
}

impl FromStr for Nature {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        Self::ALL
            .into_iter()
            .find(|nature| nature.as_str() == text)
            .ok_or_else(|| IdentError::IdActe(excerpt(text), "the nature is not one of DE AR AI CC BF AU"))
    }
}

/// Longest number of an act, in characters (ACTES, `NumeroInterne`).
pub const NUMERO_CHARS_MAX: usize = 15;

/// The number that a collectivité gives its act: 1 to 15 characters of `A-Z a-z 0-9 _`.
///
/// The first generation of the schema also had `-` and spaces, which would make the identifier
/// ambiguous; `formats::actes` maps those to `_` and says so.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Numero(String);

impl Numero {
    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Numero {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let holds = (1..=NUMERO_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if holds {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentError::IdActe(excerpt(text), "the number is 1 to 15 characters of A-Z a-z 0-9 _"))
        }
    }
}

/// The unique identifier of an act, `DEP-SIREN-YYYYMMDD-NUM-NAT` (ACTES, `IDActe`).
///
/// ```
/// # use greffe_events::ident::IdActe;
/// let id: IdActe = "045-214502494-20170717-D201717-DE".parse().unwrap();
/// assert_eq!(id.date.to_string(), "2017-07-17");
/// assert_eq!(id.to_string(), "045-214502494-20170717-D201717-DE");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdActe {
    /// Where the act was sent.
    pub departement: Departement,
    /// The collectivité whose act it is: the owner of the dossier.
    pub siren: Siren,
    /// Date of the decision.
    pub date: jiff::civil::Date,
    /// The collectivité's own number.
    pub numero: Numero,
    /// Its nature.
    pub nature: Nature,
}

impl IdActe {
    /// The dossier `acte/<identifier>`.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::ACTE, &self.to_string())
    }

    /// The dossier `examen/<identifier>`: what the prefecture notes for itself about the act.
    pub fn dossier_examen(&self) -> Subject {
        Subject::made(Subject::EXAMEN, &self.to_string())
    }
}

impl fmt::Display for IdActe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{:04}{:02}{:02}-{}-{}",
            self.departement,
            self.siren,
            self.date.year(),
            self.date.month(),
            self.date.day(),
            self.numero,
            self.nature
        )
    }
}

impl FromStr for IdActe {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = |why| IdentError::IdActe(excerpt(text), why);
        let mut parts = text.split('-');
        let [departement, siren, date, numero, nature] = std::array::from_fn(|_| parts.next());
        let (Some(departement), Some(siren), Some(date), Some(numero), Some(nature), None) =
            (departement, siren, date, numero, nature, parts.next())
        else {
            return Err(wrong("five parts are needed"));
        };
        Ok(Self {
            departement: departement.parse()?,
            siren: siren.parse()?,
            date: compact_date(date).ok_or_else(|| wrong("the date is not a day of the calendar (YYYYMMDD)"))?,
            numero: numero.parse()?,
            nature: nature.parse()?,
        })
    }
}

/// Reads `YYYYMMDD`; none where it is not a day of the calendar.
pub fn compact_date(text: &str) -> Option<jiff::civil::Date> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    date_of(year, month, day)
}

/// The day of `YYYY`, `MM` and `DD`; none where they are not those, or not of the calendar.
pub(crate) fn date_of(year: &str, month: &str, day: &str) -> Option<jiff::civil::Date> {
    let number = |text: &str, digits: usize| {
        let holds = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        holds.then(|| text.bytes().fold(0_i16, |number, digit| 10 * number + i16::from(digit - b'0')))
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

displayed_as_str!(Nature, Numero);
text_identifiers! {
    Numero, "^[A-Za-z0-9_]{1,15}$", "Number given by the collectivité";
    IdActe, "^([0-9]{3}|02[AB])-[0-9]{9}-[0-9]{8}-[A-Za-z0-9_]{1,15}-(DE|AR|AI|CC|BF|AU)$", "DEP-SIREN-YYYYMMDD-NUM-NAT";
}
text_identifiers!(@codec Nature, "^(DE|AR|AI|CC|BF|AU)$", "Nature of an act");

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> bool {
        match text.parse::<IdActe>() {
            Ok(id) => {
                assert_eq!(id.to_string(), text, "one value, one spelling");
                true
            }
            Err(_) => false,
        }
    }

    #[test]
    fn act_identifier_needs_a_real_day_and_a_known_nature() {
        for good in
            ["045-214502494-20170717-D201717-DE", "02A-210703385-20240229-1_b-AU", "971-491011698-20241231-X-BF"]
        {
            assert!(reads(good), "{good}");
        }
        for bad in [
            "045-214502494-20170230-D201717-DE",
            "045-214502494-20170717-D20-1717-DE",
            "045-214502494-20170717--DE",
            "045-214502494-20170717-D201717-XX",
            "045-214502495-20170717-D201717-DE",
            "045-214502494-20170717-ABCDEFGHIJKLMNOP-DE",
        ] {
            assert!(!reads(bad), "{bad}");
        }
    }
}
