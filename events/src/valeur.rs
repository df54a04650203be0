//! Values that stand in `data`: money, rates, bounded codes and numbers. Each is checked when it is read.
//!
//! A code of a list that its keeper may lengthen is a [`CodeOuvert`]: kept as it came, judged by whoever reads. None of these
//! has room for free text.

use std::fmt;
use std::str::FromStr;

use crate::ident::text_identifiers;

/// Most digits before the point of an amount: PES and EN 16931 as France uses it have 14, two of them cents.
const ENTIERS_MAX: usize = 12;

/// Reads `123.45`: no leading zero, exactly two decimals. In hundredths.
fn centiemes(text: &str, integer_digits_max: usize) -> Option<u64> {
    let (integer, decimals) = text.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let holds = digits(integer)
        && digits(decimals)
        && decimals.len() == 2
        && integer.len() <= integer_digits_max
        && (integer == "0" || !integer.starts_with('0'));
    if holds { format!("{integer}{decimals}").parse().ok() } else { None }
}

/// An amount of money, zero or more, in cents: at most 12 digits, a point, 2 decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Montant(u64);

impl Montant {
    /// In cents.
    pub fn centimes(self) -> u64 {
        self.0
    }
}

impl FromStr for Montant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        centiemes(text, ENTIERS_MAX).map(Self).ok_or("an amount is 0 or more, as in 1234.56, of at most 14 digits")
    }
}

impl fmt::Display for Montant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// An amount of money that may be below zero (a credit note, a correction), in cents; zero has no sign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MontantSigne(i64);

impl MontantSigne {
    /// In cents.
    pub fn centimes(self) -> i64 {
        self.0
    }
}

impl FromStr for MontantSigne {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let value = centiemes(digits, ENTIERS_MAX).and_then(|value| i64::try_from(value).ok());
        match value {
            Some(value) if sign == 1 || value != 0 => Ok(Self(sign * value)),
            _ => Err("an amount is as in 1234.56 or -1234.56, of at most 14 digits"),
        }
    }
}

impl fmt::Display for MontantSigne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", value / 100, value % 100)
    }
}

/// A rate in percent, from 0.00 to 100.00, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Taux(u16);

impl Taux {
    /// In hundredths of a percent: 20.00 is 2,000.
    pub fn centiemes(self) -> u16 {
        self.0
    }
}

impl FromStr for Taux {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let value = centiemes(text, 3).and_then(|value| u16::try_from(value).ok());
        value.filter(|value| *value <= 10_000).map(Self).ok_or("a rate is 0.00 to 100.00, two decimals")
    }
}

impl fmt::Display for Taux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Short texts of a given length and alphabet.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $chars:expr, $byte:ident => $holds:expr, $wrong:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// As written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                let holds = $chars.contains(&text.len()) && text.bytes().all(|$byte| $holds);
                if holds { Ok(Self(text.to_owned())) } else { Err($wrong) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

codes! {
    /// A code of a list that its keeper may lengthen (CDAR, Hélios, BR-FR, BOAMP…), kept as it came.
    CodeOuvert (1..=40), b => b.is_ascii_alphanumeric() || b"_.-".contains(&b), "a code is 1 to 40 characters of A-Z a-z 0-9 _ . -";
    /// A type of attachments (ACTES, `CodeTypePJ`).
    TypePiece (5..=5), b => b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_', "a type of attachments is 5 characters of A-Z 0-9 _";
    /// A currency (ISO 4217).
    Devise (3..=3), b => b.is_ascii_uppercase(), "a currency is three capital letters (ISO 4217)";
    /// A VAT category (EN 16931, BT-118): `S`, `Z`, `AE`…
    CategorieTva (1..=2), b => b.is_ascii_uppercase(), "a VAT category is one or two capital letters (UNTDID 5305)";
    /// A poste comptable (PES, `IdPost`).
    PosteComptable (6..=7), b => b.is_ascii_digit(), "an IdPost is 6 or 7 digits";
    /// Code of a collectivité at its poste comptable (PES, `CodCol`).
    CodCol (3..=3), b => b.is_ascii_digit() || b.is_ascii_uppercase(), "a CodCol is 3 characters of A-Z 0-9";
    /// Code of a budget (PES, `CodBud`).
    CodBud (2..=2), b => b.is_ascii_digit() || b.is_ascii_uppercase(), "a CodBud is 2 characters of A-Z 0-9";
}

/// A product or service (CPV 2008): eight digits, a hyphen, a check digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cpv(String);

impl FromStr for Cpv {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once('-') {
            Some((code, check)) if digits(code, 8) && digits(check, 1) => Ok(Self(text.to_owned())),
            _ => Err("a CPV code is eight digits, a hyphen and a digit"),
        }
    }
}

impl fmt::Display for Cpv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An X25519 public key to which shares of a bid are sealed: 64 lowercase hex digits (HPKE, RFC 9180, KEM 0x0020).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CleChiffrement(pub [u8; 32]);

impl FromStr for CleChiffrement {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        crate::key::hex_bytes(text).map(Self).ok_or("an encryption key is 64 lowercase hex digits")
    }
}

impl fmt::Display for CleChiffrement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

text_identifiers! {
    Montant, "^(0|[1-9][0-9]{0,11})\\.[0-9]{2}$", "Amount, 0 or more: at most 12 digits, a point, 2 decimals";
    MontantSigne, "^-?(0|[1-9][0-9]{0,11})\\.[0-9]{2}$", "Amount with its sign: at most 12 digits, a point, 2 decimals; zero has no sign";
    Taux, "^(100\\.00|(0|[1-9][0-9]?)\\.[0-9]{2})$", "Rate in percent, 0.00 to 100.00";
    CodeOuvert, "^[A-Za-z0-9_.-]{1,40}$", "Code of a list that may grow, kept as it came";
    TypePiece, "^[A-Z0-9_]{5}$", "Type of attachments (ACTES, CodeTypePJ)";
    Devise, "^[A-Z]{3}$", "Currency (ISO 4217)";
    CategorieTva, "^[A-Z]{1,2}$", "VAT category (UNTDID 5305)";
    PosteComptable, "^[0-9]{6,7}$", "Poste comptable (PES, IdPost)";
    CodCol, "^[A-Z0-9]{3}$", "Collectivité at its poste comptable (PES, CodCol)";
    CodBud, "^[A-Z0-9]{2}$", "Budget (PES, CodBud)";
    Cpv, "^[0-9]{8}-[0-9]$", "CPV 2008";
    CleChiffrement, "^[0-9a-f]{64}$", "X25519 public key, lowercase hex";
}

/// Whole numbers between two bounds.
macro_rules! entiers {
    ($($(#[$doc:meta])* $name:ident $number:ty, $min:literal..=$max:literal, $description:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name($number);

        impl $name {
            /// None outside its bounds.
            pub fn new(value: $number) -> Option<Self> {
                ($min..=$max).contains(&value).then_some(Self(value))
            }

            /// The number.
            pub fn get(self) -> $number {
                self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$number>::deserialize(deserializer)?;
                Self::new(value).ok_or_else(|| {
                    serde::de::Error::custom(concat!("from ", stringify!($min), " to ", stringify!($max)))
                })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let (min, max): ($number, $number) = ($min, $max);
                schemars::json_schema!({
                    "type": "integer", "minimum": min, "maximum": max, "description": $description
                })
            }
        }
    )*};
}

entiers! {
    /// Budget year.
    Exercice u16, 1900..=2199, "Budget year";
    /// Number of a bordereau or of a piece in PES (`IdBord`, `IdPce`: at most 13 digits).
    NumeroPes u64, 0..=9_999_999_999_999, "Number of a bordereau or piece (PES)";
    /// Index of a leaf.
    IndexFeuille u64, 0..=9_007_199_254_740_991, "Index of a leaf";
    /// A size in bytes.
    Octets u64, 0..=9_007_199_254_740_991, "Size in bytes";
    /// Version of a file for bidders, from 1.
    VersionDce u16, 1..=999, "Version of the DCE, from 1";
    /// A duration in days.
    DureeJours u16, 0..=3_650, "Duration in days";
    /// Place of an offer among those ranked, from 1.
    Classement u16, 1..=9_999, "Place of an offer, from 1";
    /// Number of a lot.
    NumeroLot u16, 1..=999, "Number of a lot";
    /// Round of submissions: candidatures, offers, last offers…
    NumeroPhase u8, 1..=16, "Round of submissions, from 1";
    /// How many of something.
    Compte u32, 0..=10_000_000, "How many";
    /// A duration in months.
    DureeMois u16, 0..=1_200, "Duration in months";
    /// A member's place in a commission (the x of its share): from 1.
    Rang u8, 1..=32, "Place of a member of the commission";
    /// Type of a document (UNTDID 1001, BT-3): 380 invoice, 381 credit note, 384 corrected…
    TypeDocument u16, 1..=999, "Type of document (UNTDID 1001)";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: FromStr + fmt::Display>(text: &str) -> bool {
        text.parse::<T>().is_ok_and(|value| {
            assert_eq!(value.to_string(), text, "one value, one spelling");
            true
        })
    }

    #[test]
    fn money_has_one_spelling_and_fourteen_digits_at_most() {
        for good in ["0.00", "0.05", "1234.56", "999999999999.99"] {
            assert!(reads::<Montant>(good) && reads::<MontantSigne>(good), "{good}");
        }
        for bad in
            ["", "1", "1.5", "1.505", "01.50", ".50", "1,50", "+1.00", "1e3.00", "1000000000000.00", "１.00", "1.0 "]
        {
            assert!(!reads::<Montant>(bad) && !reads::<MontantSigne>(bad), "{bad}");
        }
        assert!(reads::<MontantSigne>("-1234.56") && !reads::<Montant>("-1234.56"));
        assert!(!reads::<MontantSigne>("-0.00") && !reads::<MontantSigne>("--1.00"));
        assert_eq!("-1234.56".parse::<MontantSigne>().map(MontantSigne::centimes), Ok(-123_456));
    }

    #[test]
    fn a_rate_stays_between_nothing_and_everything() {
        for good in ["0.00", "0.90", "5.50", "20.60", "100.00"] {
            assert!(reads::<Taux>(good), "{good}");
        }
        for bad in ["100.01", "20", "20.6", "-1.00", "020.00"] {
            assert!(!reads::<Taux>(bad), "{bad}");
        }
    }

    #[test]
    fn a_code_has_no_room_for_a_sentence() {
        assert!(reads::<CodeOuvert>("BR-FR-12_BT-49") && reads::<CodeOuvert>("ERREUR_AUTRE"));
        for bad in ["", "Monsieur Dupont", "é", &"A".repeat(41)] {
            assert!(!reads::<CodeOuvert>(bad), "{bad}");
        }
        assert!(reads::<PosteComptable>("034000") && !reads::<PosteComptable>("34000"));
        assert!(reads::<CodCol>("123") && !reads::<CodCol>("1234"));
        assert!(reads::<CodBud>("00") && !reads::<CodBud>("123"));
        assert!(reads::<Cpv>("45000000-7") && !reads::<Cpv>("45000000"));
    }
}
