//! Identifiers: organisations, places, dossiers.
//!
//! Each is checked once, when it is made; whoever holds one may trust it. Text forms are the ones
//! that stand in signed events, so parsing is strict: one value has exactly one spelling.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::piece::Empreinte;

macro_rules! displayed_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
/// Debug shows the text; serde reads and writes it; JSON Schema says it is a string of that form.
macro_rules! text_identifiers {
    ($($name:ident, $pattern:literal, $description:literal;)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        text_identifiers!(@codec $name, $pattern, $description);
    )*};
    (@codec $name:ident, $pattern:literal, $description:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let crate::json::Texte(text) = serde::Deserialize::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}
pub(crate) use text_identifiers;

mod acte;
mod echange;

pub(crate) use acte::date_of;
pub use acte::{IdActe, NUMERO_CHARS_MAX, Nature, Numero, compact_date};
pub use echange::{IdConsultation, IdFacture, IdFlux, IdPli, IdQuarantaine, RefConsultation, Repere};

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentError {
    /// Not nine digits.
    #[error("a SIREN has 9 digits, got {0:?}")]
    SirenForm(String),
    /// Nine digits whose Luhn key is wrong.
    #[error("the key (last digit) of SIREN {0} is wrong")]
    SirenKey(String),
    /// Not fourteen digits.
    #[error("a SIRET has 14 digits, got {0:?}")]
    SiretForm(String),
    /// Fourteen digits whose key is wrong.
    #[error("the key (last digit) of SIRET {0} is wrong")]
    SiretKey(String),
    /// Neither `urn:siren:<9>` nor `urn:iso6523:<ICD>:<id>`.
    #[error("an organisation is urn:siren:<9 digits> or urn:iso6523:<4 digits>:<id>, got {0:?}")]
    Organisation(String),
    /// Not a three-character département.
    #[error("a département has 3 characters (001, 02A, 971), got {0:?}")]
    Departement(String),
    /// Not a log origin.
    #[error("an origin is 1 to 120 characters of a-z 0-9 . - / starting with a letter or digit, got {0:?}")]
    Origin(String),
    /// Not `family/identifier`.
    #[error("a subject is family/identifier (at most 200 characters), got {0:?}")]
    Subject(String),
    /// Not the unique identifier of an act.
    #[error("an act is DEP-SIREN-YYYYMMDD-NUM-NAT, got {0:?}: {1}")]
    IdActe(String, &'static str),
    /// Not the identifier of a dossier of another family.
    #[error("{0}, got {1:?}")]
    Echange(&'static str, String),
}

/// Nine digits that name a legal unit (INSEE, registre SIRENE), their Luhn key verified.
///
/// ```
/// # use greffe_events::ident::Siren;
/// assert!("214502494".parse::<Siren>().is_ok());
/// assert!("214502495".parse::<Siren>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Siren([u8; 9]);

impl Siren {
    /// The nine digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Siren {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let digits: [u8; 9] = text
            .as_bytes()
            .try_into()
            .ok()
            .filter(|d: &[u8; 9]| d.iter().all(u8::is_ascii_digit))
            .ok_or_else(|| IdentError::SirenForm(excerpt(text)))?;
        if luhn_sum(&digits).is_multiple_of(10) { Ok(Self(digits)) } else { Err(IdentError::SirenKey(text.to_owned())) }
    }
}

/// Fourteen digits that name an establishment: a SIREN, five digits, and a key.
///
/// The establishments of La Poste (SIREN 356000000) are too many for the Luhn key; for those
/// the plain sum of the fourteen digits is a multiple of five (INSEE).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Siret([u8; 14]);

const SIREN_LA_POSTE: &[u8; 9] = b"356000000";

impl Siret {
    /// The fourteen digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The legal unit the establishment belongs to.
    pub fn siren(&self) -> Siren {
        let mut digits = [0; 9];
        digits.copy_from_slice(&self.0[..9]);
        Siren(digits)
    }
}

impl FromStr for Siret {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let digits: [u8; 14] = text
            .as_bytes()
            .try_into()
            .ok()
            .filter(|d: &[u8; 14]| d.iter().all(u8::is_ascii_digit))
            .ok_or_else(|| IdentError::SiretForm(excerpt(text)))?;
        let plain_sum: u32 = digits.iter().map(|d| u32::from(d - b'0')).sum();
        let siren_holds = luhn_sum(&digits[..9]).is_multiple_of(10);
        let key_holds =
            luhn_sum(&digits).is_multiple_of(10) || (&digits[..9] == SIREN_LA_POSTE && plain_sum.is_multiple_of(5));
        if siren_holds && key_holds { Ok(Self(digits)) } else { Err(IdentError::SiretKey(text.to_owned())) }
    }
}

/// Luhn: from the right, every second digit doubled, its digits added.
fn luhn_sum(digits: &[u8]) -> u32 {
    digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| {
            let value = u32::from(digit - b'0') * if position % 2 == 1 { 2 } else { 1 };
            if value > 9 { value - 9 } else { value }
        })
        .sum()
}

/// Longest identifier within an ISO 6523 scheme that we take, in characters.
pub const ISO6523_ID_CHARS_MAX: usize = 50;

/// Who speaks: the `source` of an event.
///
/// `urn:siren:<9>`, or `urn:iso6523:<ICD>:<id>` for bodies without a SIREN. The ICDs of SIRENE
/// itself (0002, 0009) are refused: such a body has a SIREN, and one body has one name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Organisation {
    /// A legal unit of the SIRENE register.
    Siren(Siren),
    /// A body of another register: International Code Designator and its identifier there.
    Iso6523 {
        /// Four digits.
        icd: [u8; 4],
        /// 1 to 50 characters of `A-Z a-z 0-9 . -`.
        id: String,
    },
}

impl Organisation {
    /// The SIREN, where the organisation has one.
    pub fn siren(&self) -> Option<Siren> {
        match self {
            Self::Siren(siren) => Some(*siren),
            Self::Iso6523 { .. } => None,
        }
    }

    /// The dossier of this organisation as a member: `adherent/<9>` or `adherent/<ICD>:<id>`.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::ADHERENT, &self.abrege())
    }

    /// The dossier of the classifications that this organisation published or received: `classification/<9>`.
    pub fn dossier_classification(&self) -> Subject {
        Subject::made(Subject::CLASSIFICATION, &self.abrege())
    }

    /// The dossier of a piece that this organisation deposited: `piece/<9>/<reference>` or
    /// `piece/<ICD>:<id>/<reference>`.
    pub fn dossier_piece(&self, reference: Empreinte) -> Subject {
        Subject::made(Subject::PIECE, &format!("{}/{reference}", self.abrege()))
    }

    /// How subjects name it: `<9>` or `<ICD>:<id>`.
    pub fn abrege(&self) -> String {
        match self {
            Self::Siren(siren) => siren.as_str().to_owned(),
            Self::Iso6523 { icd, id } => format!("{}:{id}", String::from_utf8_lossy(icd)),
        }
    }

    /// Reads what [`abrege`](Self::abrege) writes.
    pub fn of_abrege(text: &str) -> Result<Self, IdentError> {
        if text.contains(':') { format!("urn:iso6523:{text}").parse() } else { Ok(Self::Siren(text.parse()?)) }
    }
}

impl From<Siren> for Organisation {
    fn from(siren: Siren) -> Self {
        Self::Siren(siren)
    }
}

impl FromStr for Organisation {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = || IdentError::Organisation(excerpt(text));
        if let Some(siren) = text.strip_prefix("urn:siren:") {
            return Ok(Self::Siren(siren.parse()?));
        }
        let (icd, id) = text.strip_prefix("urn:iso6523:").and_then(|rest| rest.split_once(':')).ok_or_else(wrong)?;
        let icd_digits: [u8; 4] = icd.as_bytes().try_into().map_err(|_| wrong())?;
        let id_holds = (1..=ISO6523_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if icd_digits.iter().all(u8::is_ascii_digit) && id_holds && icd != "0002" && icd != "0009" {
            Ok(Self::Iso6523 { icd: icd_digits, id: id.to_owned() })
        } else {
            Err(wrong())
        }
    }
}

/// A département as ACTES writes it: three characters (`001`, `02A`, `971`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Departement([u8; 3]);

impl Departement {
    /// The three characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Departement {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => Ok(Self([*a, *b, *c])),
            [b'0', b'2', corse @ (b'A' | b'B')] => Ok(Self([b'0', b'2', *corse])),
            _ => Err(IdentError::Departement(excerpt(text))),
        }
    }
}

/// Longest origin, in characters. C2SP allows more; ours stands in a dossier name too.
pub const ORIGIN_CHARS_MAX: usize = 120;

/// The name of a log (c2sp.org/tlog-checkpoint, "origin"); it is also the key name in its notes.
///
/// Never reused: events bind to it through their `registre` attribute.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The dossier of the log itself: its opening and its refusals.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::REGISTRE, &self.0)
    }
}

impl FromStr for Origin {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let first_holds = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let all_hold = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-/".contains(&b));
        if first_holds && all_hold && text.len() <= ORIGIN_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentError::Origin(excerpt(text)))
        }
    }
}

/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 200;

/// A dossier: `family/identifier`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    text: String,
    family_bytes: usize,
}

impl Subject {
    /// Family of the log's own dossier.
    pub const REGISTRE: &'static str = "registre";
    /// Family of members' dossiers.
    pub const ADHERENT: &'static str = "adherent";
    /// Family of acts.
    pub const ACTE: &'static str = "acte";
    /// Family of the prefecture's examinations of acts, which nobody else reads.
    pub const EXAMEN: &'static str = "examen";
    /// Family of messages that could not be placed.
    pub const QUARANTAINE: &'static str = "quarantaine";
    /// Family of the classifications that an organisation published or received.
    pub const CLASSIFICATION: &'static str = "classification";
    /// Family of accounting flows.
    pub const FLUX: &'static str = "flux";
    /// Family of invoices.
    pub const FACTURE: &'static str = "facture";
    /// Family of tenders.
    pub const CONSULTATION: &'static str = "consultation";
    /// Family of tender submissions.
    pub const PLI: &'static str = "pli";
    /// Family of pieces, as far as something happens to them apart from their citation.
    pub const PIECE: &'static str = "piece";

    /// Of parts that hold already: bounded identifiers, whose longest fits [`SUBJECT_CHARS_MAX`].
    fn made(family: &str, identifier: &str) -> Self {
        Self { text: format!("{family}/{identifier}"), family_bytes: family.len() }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the slash.
    pub fn family(&self) -> &str {
        &self.text[..self.family_bytes]
    }

    /// What stands after the first slash.
    pub fn identifier(&self) -> &str {
        &self.text[self.family_bytes + 1..]
    }
}

impl FromStr for Subject {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = || IdentError::Subject(excerpt(text));
        let (family, identifier) = text.split_once('/').ok_or_else(wrong)?;
        let family_holds = !family.is_empty() && family.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let identifier_holds =
            !identifier.is_empty() && identifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-/".contains(&b));
        if family_holds && identifier_holds && text.len() <= SUBJECT_CHARS_MAX {
            Ok(Self { text: text.to_owned(), family_bytes: family.len() })
        } else {
            Err(wrong())
        }
    }
}

/// What an error message repeats of a hostile input: its first 60 characters.
fn excerpt(text: &str) -> String {
    const EXCERPT_CHARS_MAX: usize = 60;
    text.chars().take(EXCERPT_CHARS_MAX).collect()
}

impl fmt::Display for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Siren(siren) => write!(f, "urn:siren:{siren}"),
            Self::Iso6523 { icd, id } => write!(f, "urn:iso6523:{}:{id}", String::from_utf8_lossy(icd)),
        }
    }
}

displayed_as_str!(Siren, Siret, Departement, Origin, Subject);

text_identifiers! {
    Siren, "^[0-9]{9}$", "SIREN, nine digits with their Luhn key";
    Siret, "^[0-9]{14}$", "SIRET, fourteen digits with their key";
    Organisation, "^urn:(siren:[0-9]{9}|iso6523:[0-9]{4}:[A-Za-z0-9.-]{1,50})$", "Organisation that speaks";
    Departement, "^([0-9]{3}|02[AB])$", "Département, three characters";
    Origin, "^[a-z0-9][a-z0-9./-]{0,119}$", "Origin of a log";
    Subject, "^[a-z-]+/[A-Za-z0-9._:/-]+$", "Dossier, family/identifier";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: FromStr<Err = IdentError> + fmt::Display>(text: &str) -> bool {
        match text.parse::<T>() {
            Ok(value) => {
                assert_eq!(value.to_string(), text, "one value, one spelling");
                true
            }
            Err(_) => false,
        }
    }

    #[test]
    fn siren_with_a_wrong_key_or_form_is_refused() {
        for good in ["214502494", "210703385", "491011698", "356000000", "000000000"] {
            assert!(reads::<Siren>(good), "{good}");
        }
        for bad in ["213900123", "21450249", "2145024944", "21450249a", "", " 214502494", "２14502494"] {
            assert!(!reads::<Siren>(bad), "{bad}");
        }
    }

    #[test]
    fn siret_follows_luhn_but_la_poste_its_plain_sum() {
        for good in ["21450249400011", "35600000000048", "35600000049837"] {
            let expected =
                good == "35600000000048" || good == "35600000049837" || luhn_sum(good.as_bytes()).is_multiple_of(10);
            assert_eq!(reads::<Siret>(good), expected, "{good}");
        }
        // The head office of La Poste keeps Luhn; 35600000049837 sums to 45 and does not.
        assert!(!luhn_sum(b"35600000049837").is_multiple_of(10));
        // The same exception does not serve anybody else.
        for bad in ["21450249400001", "35600000049838", "2145024940001", "2145024940001a"] {
            assert!(!reads::<Siret>(bad), "{bad}");
        }
    }

    #[test]
    fn organisation_has_one_name_only() {
        assert!(reads::<Organisation>("urn:siren:214502494"));
        assert!(reads::<Organisation>("urn:iso6523:0060:123456789"));
        for bad in [
            "214502494",
            "urn:siren:214502495",
            "urn:iso6523:0002:214502494",
            "urn:iso6523:0009:21450249400011",
            "urn:iso6523:60:1",
            "urn:iso6523:0060:",
            "urn:iso6523:0060:a b",
            "URN:SIREN:214502494",
        ] {
            assert!(!reads::<Organisation>(bad), "{bad}");
        }
    }

    #[test]
    fn departement_covers_corsica_and_overseas() {
        for good in ["001", "095", "02A", "02B", "971", "988"] {
            assert!(reads::<Departement>(good), "{good}");
        }
        for bad in ["1", "39", "02C", "2A", "02a", "0391", ""] {
            assert!(!reads::<Departement>(bad), "{bad}");
        }
    }

    #[test]
    fn subject_and_origin_keep_out_what_would_confuse_a_path_or_a_note() {
        assert!(reads::<Subject>("acte/045-214502494-20170717-D201717-DE"));
        assert!(reads::<Origin>("greffe.ternum-bfc.fr"));
        for bad in ["acte", "acte/", "/x", "Acte/x", "acte/a b", "acte/é", "acte/a\n"] {
            assert!(!reads::<Subject>(bad), "{bad:?}");
        }
        for bad in ["", "a b", "a+b", "a\n", "A", "-a", "é"] {
            assert!(!reads::<Origin>(bad), "{bad:?}");
        }
    }
}
