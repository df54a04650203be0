//! Lists as CSV that a French spreadsheet opens by a double click: UTF-8 with a byte order mark, `;` between cells, a comma in
//! decimals, CRLF at the end of lines, quotes as in RFC 4180, headers in French.
//!
//! What others wrote must not become a formula, nor a date: a spreadsheet takes `=…` for the first and `7.1`, a subject
//! matter, for the seventh of January. Such a text gets an apostrophe before it, and only such a text: an amount is a
//! number, a date of the log an ISO 8601 date that spreadsheets know, an instant the same with its time, in UTC as the header
//! says. Whoever reads with a program takes JSON.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};
use greffe_events::horodatage::{Horodatage, Jour};

/// What tells a spreadsheet that a text is UTF-8.
const BOM: &str = "\u{feff}";

/// First characters that spreadsheets take for the beginning of a formula, the wide forms of some (OWASP, « CSV injection »).
const FORMULE: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Most digits that a spreadsheet keeps of a number.
const DIGITS_KEPT: usize = 15;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cellule<'a> {
    /// Nothing.
    Vide,
    /// Text, whoever wrote it.
    Texte(Cow<'a, str>),
    /// A whole number.
    Nombre(u64),
    /// A decimal with a point, as the log writes amounts.
    Montant(&'a str),
    /// `YYYY-MM-DD`.
    Jour(&'a str),
    /// The same, as a value.
    Date(Jour),
    /// RFC 3339, in UTC.
    Instant(&'a str),
    /// The same, as a value.
    Horodatage(Horodatage),
    /// `oui` or `non`.
    Oui(bool),
}

impl<'a> Cellule<'a> {
    /// Made of what may be missing.
    pub(super) fn option<T: ?Sized>(value: Option<&'a T>, of: impl FnOnce(&'a T) -> Self) -> Self {
        value.map_or(Self::Vide, of)
    }

    /// Several texts in one cell.
    pub(super) fn liste<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        Self::Texte(texts.join(" ").into())
    }

    fn write(&self) -> Cow<'_, str> {
        match self {
            Self::Vide => "".into(),
            Self::Texte(text) => neutral(text),
            Self::Nombre(number) => number.to_string().into(),
            Self::Montant(text) if is_decimal(text) => text.replace('.', ",").into(),
            Self::Jour(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => (*text).into(),
            Self::Date(jour) => jour.to_string().into(),
            Self::Instant(text) => second_of(text),
            Self::Horodatage(instant) => second_of(&instant.to_string()).into_owned().into(),
            // Neither is what it should be: a text like any other.
            Self::Montant(text) | Self::Jour(text) => neutral(text),
            Self::Oui(holds) => if *holds { "oui" } else { "non" }.into(),
        }
    }
}

impl<'a> From<&'a str> for Cellule<'a> {
    fn from(text: &'a str) -> Self {
        Self::Texte(text.into())
    }
}

impl<'a> From<&'a String> for Cellule<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<&'a Option<String>> for Cellule<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::option(text.as_deref(), Into::into)
    }
}

impl From<bool> for Cellule<'_> {
    fn from(holds: bool) -> Self {
        Self::Oui(holds)
    }
}

impl From<usize> for Cellule<'_> {
    fn from(count: usize) -> Self {
        Self::Nombre(count as u64)
    }
}

macro_rules! nombres {
    ($($number:ty)*) => {$(
        impl From<$number> for Cellule<'_> {
            fn from(number: $number) -> Self {
                Self::Nombre(number.into())
            }
        }

        impl From<Option<$number>> for Cellule<'_> {
            fn from(number: Option<$number>) -> Self {
                number.map_or(Self::Vide, Into::into)
            }
        }
    )*};
}
nombres!(u8 u16 u32 u64);

impl From<Option<bool>> for Cellule<'_> {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Vide, Self::Oui)
    }
}

/// A row of a list as lines of a table.
pub(super) trait Tableau {
    /// What a file of it is called.
    const NOM: &'static str;
    /// What the columns are called, in French.
    const ENTETES: &'static [&'static str];

    /// Its lines, mostly one: as many cells in each as there are headers.
    fn lignes(&self) -> Vec<Vec<Cellule<'_>>>;
}

/// The whole table. Fails where a line has not as many cells as there are headers.
pub(super) fn write<T: Tableau>(rows: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut writer =
        WriterBuilder::new().delimiter(b';').terminator(Terminator::CRLF).from_writer(BOM.as_bytes().to_vec());
    writer.write_record(T::ENTETES)?;
    for line in rows.iter().flat_map(Tableau::lignes) {
        writer.write_record(line.iter().map(|cell| cell.write().into_owned()))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The text, such that a spreadsheet takes it for a text.
fn neutral(text: &str) -> Cow<'_, str> {
    let is_formula = text.trim_start_matches(' ').starts_with(FORMULE);
    if is_formula || is_mistaken(text) { format!("'{text}").into() } else { text.into() }
}

/// Whether a spreadsheet takes this text for a date, or for a number that it then rounds. A number without a sign that it
/// keeps, such as a SIREN, is no harm.
fn is_mistaken(text: &str) -> bool {
    let ends_in_digits = text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_number_or_date = text.bytes().all(|byte| byte.is_ascii_digit() || b"./-:, eE+".contains(&byte));
    ends_in_digits && is_number_or_date && (digits < text.len() || digits > DIGITS_KEPT)
}

fn is_decimal(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `2026-11-22 07:29:38`, of `2026-11-22T07:29:38.642Z`.
fn second_of(instant: &str) -> Cow<'_, str> {
    match (instant.get(..10), instant.get(10..11), instant.get(11..19)) {
        (Some(day), Some("T"), Some(time)) => format!("{day} {time}").into(),
        _ => neutral(instant),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_text_becomes_a_formula_or_a_date_and_no_number_a_text() {
        for (text, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            // A subject matter, a number of an act, a reference.
            ("7.1", "'7.1"),
            ("3-4", "'3-4"),
            ("2026/11", "'2026/11"),
            ("12E3", "'12E3"),
            ("10:30", "'10:30"),
            ("1234567890123456", "'1234567890123456"),
            ("214502494", "214502494"),
            ("21450249400005", "21450249400005"),
            ("045", "045"),
            ("2A", "2A"),
            ("2026_041", "2026_041"),
            ("urn:siren:214502494", "urn:siren:214502494"),
            ("Tarifs = 3", "Tarifs = 3"),
            ("", ""),
        ] {
            assert_eq!(Cellule::from(text).write(), expected, "{text:?}");
        }
        for (cell, expected) in [
            (Cellule::Montant("15230.10"), "15230,10"),
            (Cellule::Montant("-12.5"), "-12,5"),
            (Cellule::Montant("-7"), "-7"),
            (Cellule::Montant("-cmd|' /C calc'!A0"), "'-cmd|' /C calc'!A0"),
            (Cellule::Montant("1.2.3"), "'1.2.3"),
            (Cellule::Montant(""), ""),
            (Cellule::Jour("2026-11-20"), "2026-11-20"),
            (Cellule::Jour("=1"), "'=1"),
            (Cellule::Instant("2026-11-22T07:29:38.642Z"), "2026-11-22 07:29:38"),
            (Cellule::Instant("hier"), "hier"),
            (Cellule::Instant("éééééééééé"), "éééééééééé"),
            (7_u64.into(), "7"),
            (None::<u16>.into(), ""),
            (true.into(), "oui"),
            (Some(false).into(), "non"),
            (Cellule::liste(["a", "b"]), "a b"),
        ] {
            assert_eq!(cell.write(), expected, "{cell:?}");
        }
    }

    struct Deux(&'static str, &'static str);

    impl Tableau for Deux {
        const NOM: &'static str = "deux";
        const ENTETES: &'static [&'static str] = &["Un", "Deuxième"];

        fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
            vec![vec![self.0.into(), self.1.into()]]
        }
    }

    #[test]
    fn a_table_is_what_a_french_spreadsheet_reads() {
        let table = write(&[Deux("a;b", "dit « \"oui\" »"), Deux("deux\r\nlignes", "")]).unwrap();
        let expected = "\u{feff}Un;Deuxième\r\n\"a;b\";\"dit « \"\"oui\"\" »\"\r\n\"deux\r\nlignes\";\r\n";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
        // Of an empty list its headers are read.
        assert_eq!(String::from_utf8(write::<Deux>(&[]).unwrap()).unwrap(), "\u{feff}Un;Deuxième\r\n");
    }
}
