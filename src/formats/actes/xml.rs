//! From bytes to an XML tree: encoding, bounds, no DTD.
//!
//! Source: XML 1.0 §4.3.3 and appendix F (BOM, then declaration, then UTF-8). ACTES is ISO-8859-1 as a rule; UTF-8 and
//! windows-1252 occur. Per the WHATWG Encoding Standard a text that says ISO-8859-1 is decoded as windows-1252, which
//! differs in the bytes 0x80 to 0x9F only: there ISO-8859-1 has control characters that XML texts do not
//! use, and the tools in the field mean `€` or `œ`. [`Texte::windows_1252`] says where that decided.
//!
//! Neither entities beyond the five of XML nor external ones are resolved: a DTD is refused.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use roxmltree::{Document, ParsingOptions};
use thiserror::Error;

use super::sonde::{self, SondeError};

/// Largest XML message: an act's own is some kilobytes, signatures of its files may add megabytes.
pub const XML_BYTES_MAX: usize = 8 << 20;
/// Most nodes of a tree, text and comments included: the marks of [`sonde`] and the text between them.
const NODES_MAX: u32 = 400_001;
/// Where an XML declaration must have ended.
const DECLARATION_BYTES_MAX: usize = 256;

/// Why bytes are not an XML document that we read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum XmlError {
    /// Over [`XML_BYTES_MAX`].
    #[error("the XML has {bytes} bytes, over {XML_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An encoding that we do not read.
    #[error("the XML says it is encoded in {0:?}; ISO-8859-1, windows-1252, UTF-8 and US-ASCII are read")]
    Encoding(String),
    /// Bytes that are not of the encoding that the document says, or of UTF-8 where it says none.
    #[error("the XML is not valid {encoding}, from byte {byte} on")]
    Undecodable {
        /// The encoding.
        encoding: &'static str,
        /// Position of the first bad byte, from 0.
        byte: usize,
    },
    /// A DTD, hence possibly entities.
    #[error("the XML declares a DTD")]
    Dtd,
    /// Too deep, too many elements or attributes.
    #[error("the XML is out of bounds: {0}")]
    Bounds(SondeError),
    /// Not well formed.
    #[error("the XML is not well formed at {line}:{column}: {why}")]
    Malformed {
        /// From 1.
        line: u32,
        /// From 1, in characters.
        column: u32,
        /// What the parser says.
        why: String,
    },
}

impl XmlError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "xml-too-large",
            Self::Encoding(_) | Self::Undecodable { .. } => "xml-encoding",
            Self::Dtd => "xml-dtd",
            Self::Bounds(_) => "xml-bounds",
            Self::Malformed { .. } => "xml-malformed",
        }
    }
}

/// A decoded text. It owns what a [`Document`] borrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texte {
    /// The characters, without a BOM; the declaration still stands in them.
    pub texte: String,
    /// Whether bytes 0x80 to 0x9F were read as windows-1252 in a text that says ISO-8859-1.
    pub windows_1252: bool,
}

/// Decodes the bytes of an XML document.
pub fn decode(octets: &[u8]) -> Result<Texte, XmlError> {
    if octets.len() > XML_BYTES_MAX {
        return Err(XmlError::TooLarge { bytes: octets.len() });
    }
    if let Some((encoding, bom_bytes)) = Encoding::for_bom(octets) {
        if encoding != UTF_8 {
            return Err(XmlError::Encoding(encoding.name().to_owned()));
        }
        return utf_8(&octets[bom_bytes..]);
    }
    let Some(declared) = declared_encoding(octets) else {
        return utf_8(octets);
    };
    match declared.to_ascii_lowercase().as_str() {
        "us-ascii" | "ascii" => match octets.iter().position(|b| !b.is_ascii()) {
            None => utf_8(octets),
            Some(byte) => Err(XmlError::Undecodable { encoding: "US-ASCII", byte }),
        },
        _ => match Encoding::for_label_no_replacement(declared.as_bytes()) {
            Some(encoding) if encoding == UTF_8 => utf_8(octets),
            Some(encoding) if encoding == WINDOWS_1252 => {
                let windows_1252 =
                    !declared.to_ascii_lowercase().contains("1252") && octets.iter().any(|b| (0x80..=0x9f).contains(b));
                let (texte, _) = WINDOWS_1252.decode_without_bom_handling(octets);
                Ok(Texte { texte: texte.into_owned(), windows_1252 })
            }
            _ => Err(XmlError::Encoding(declared)),
        },
    }
}

fn utf_8(octets: &[u8]) -> Result<Texte, XmlError> {
    match std::str::from_utf8(octets) {
        Ok(texte) => Ok(Texte { texte: texte.to_owned(), windows_1252: false }),
        Err(error) => Err(XmlError::Undecodable { encoding: "UTF-8", byte: error.valid_up_to() }),
    }
}

/// The encoding that the XML declaration names. The declaration is ASCII in every encoding we read.
fn declared_encoding(octets: &[u8]) -> Option<String> {
    let head = &octets[..octets.len().min(DECLARATION_BYTES_MAX)];
    let head = String::from_utf8_lossy(head.strip_prefix(b"<?xml")?);
    let declaration = head.split("?>").next()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(label, _)| label.to_owned())
}

/// Builds the tree of a decoded text.
pub fn parse(texte: &Texte) -> Result<Document<'_>, XmlError> {
    sonde::verifie(&texte.texte).map_err(|error| match error {
        SondeError::Dtd => XmlError::Dtd,
        other => XmlError::Bounds(other),
    })?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(&texte.texte, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => XmlError::Dtd,
        roxmltree::Error::NodesLimitReached => XmlError::Bounds(SondeError::Marks),
        other => {
            let position = other.pos();
            XmlError::Malformed { line: position.row, column: position.col, why: other.to_string() }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn root_text(octets: &[u8]) -> Result<String, &'static str> {
        let texte = decode(octets).map_err(|e| e.code())?;
        let document = parse(&texte).map_err(|e| e.code())?;
        Ok(document.root_element().text().unwrap_or_default().to_owned())
    }

    #[test]
    fn each_encoding_is_read_as_it_says_or_refused() {
        let cases: &[(&[u8], Result<&str, &str>)] = &[
            (b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?><a>\xe9</a>", Ok("é")),
            (b"<?xml version='1.0' encoding = 'iso-8859-1'?><a>\xe9 \x80</a>", Ok("é €")),
            (b"<?xml version='1.0' encoding='windows-1252'?><a>\x9c</a>", Ok("œ")),
            ("<?xml version='1.0' encoding='utf-8'?><a>é</a>".as_bytes(), Ok("é")),
            ("\u{feff}<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".as_bytes(), Ok("é")),
            ("<?xml version='1.0'?><a>é</a>".as_bytes(), Ok("é")),
            ("<a>é</a>".as_bytes(), Ok("é")),
            (b"<?xml version='1.0' encoding='US-ASCII'?><a>e&#233;</a>", Ok("eé")),
            (b"<?xml version='1.0' encoding='US-ASCII'?><a>\xe9</a>", Err("xml-encoding")),
            (b"<?xml version='1.0'?><a>\xe9</a>", Err("xml-encoding")),
            (b"<?xml version='1.0' encoding='UTF-8'?><a>\xe9</a>", Err("xml-encoding")),
            (b"<?xml version='1.0' encoding='UTF-16'?><a/>", Err("xml-encoding")),
            (b"<?xml version='1.0' encoding='klingon'?><a/>", Err("xml-encoding")),
            (b"<?xml version='1.0' encoding='iso-8859-15'?><a/>", Err("xml-encoding")),
            (b"\xff\xfe<\0a\0/\0>\0", Err("xml-encoding")),
        ];
        for (octets, expected) in cases {
            assert_eq!(root_text(octets).as_deref(), expected.as_deref(), "{}", String::from_utf8_lossy(octets));
        }
        assert!(decode(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\x80</a>").unwrap().windows_1252);
        assert!(!decode(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>").unwrap().windows_1252);
    }

    #[test]
    fn no_dtd_hence_no_laughs_and_no_file() {
        let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]><l>&c;</l>";
        let external = "<?xml version='1.0'?><!DOCTYPE f [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><f>&x;</f>";
        for texte in [laughs, external, "<!DOCTYPE a SYSTEM 'http://127.0.0.1/a.dtd'><a/>"] {
            assert_eq!(root_text(texte.as_bytes()), Err("xml-dtd"), "{texte}");
        }
        assert_eq!(root_text(b"<a>&x;</a>"), Err("xml-malformed"));
    }

    #[test]
    fn a_million_nested_elements_neither_overflow_nor_pass() {
        for texte in ["<a>".repeat(1_000_000), format!("{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000))] {
            assert_eq!(root_text(texte.as_bytes()), Err("xml-bounds"));
        }
        assert_eq!(root_text("<a>".repeat(100_000).as_bytes()), Err("xml-bounds"));
        assert_eq!(root_text(&vec![b' '; XML_BYTES_MAX + 1]), Err("xml-too-large"));
    }

    #[test]
    fn malformed_says_where() {
        let texte = decode(b"<a>\n  <b></c>\n</a>").unwrap();
        let Err(XmlError::Malformed { line, column, .. }) = parse(&texte) else { panic!("read") };
        assert_eq!((line, column), (2, 6));
        for octets in [&b""[..], b"text", b"<a>", b"<a/><b/>", b"<a b=1/>", b"<x:a/>"] {
            assert_eq!(root_text(octets), Err("xml-malformed"), "{}", String::from_utf8_lossy(octets));
        }
    }
}
