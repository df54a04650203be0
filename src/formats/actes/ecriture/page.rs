//! An XML text being written: elements, escaping, encoding.
//!
//! XML 1.0 in ISO-8859-1, as the ministry's own: what ISO-8859-1 does not have, and the range 0x80 to 0x9F that
//! readers take for windows-1252, is written as numeric references.

use std::fmt::Write as _;

use super::super::message::{FichierSigne, Generation, Signature};
use super::super::{ESPACE, ESPACE_INSEE, ESPACE_XSI};
use super::EcritureError;

/// Attributes: qualified name, value.
pub(super) type Attributs<'a> = &'a [(&'static str, &'a str)];

/// A text being written.
pub(super) struct Page {
    texte: String,
    /// The schema that it follows.
    pub(super) generation: Generation,
}

impl Page {
    /// A whole document, encoded.
    pub(super) fn document(
        racine: &'static str,
        attributs: Attributs,
        generation: Generation,
        contenu: impl FnOnce(&mut Self) -> Result<(), EcritureError>,
    ) -> Result<Vec<u8>, EcritureError> {
        let texte = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n".to_owned();
        let mut page = Self { texte, generation };
        let schema = format!("{ESPACE} actesv1_1.xsd");
        let espaces = [
            ("xmlns:actes", ESPACE),
            ("xmlns:insee", ESPACE_INSEE),
            ("xmlns:xsi", ESPACE_XSI),
            ("xsi:schemaLocation", &schema),
        ];
        let attributs: Vec<_> = espaces.into_iter().chain(attributs.iter().copied()).collect();
        page.element(racine, &attributs, contenu)?;
        Ok(latin_1(&page.texte))
    }

    /// An element with others in it; closed at once where there are none, since some may hold nothing, not even a space.
    pub(super) fn element(
        &mut self,
        nom: &'static str,
        attributs: Attributs,
        contenu: impl FnOnce(&mut Self) -> Result<(), EcritureError>,
    ) -> Result<(), EcritureError> {
        self.ouvre(nom, attributs)?;
        let avant = self.texte.len();
        self.texte.push_str(">\n");
        let dedans = self.texte.len();
        contenu(self)?;
        if self.texte.len() == dedans {
            self.texte.truncate(avant);
            self.texte.push_str("/>\n");
        } else {
            self.ferme(nom);
        }
        Ok(())
    }

    /// An element that holds attributes alone.
    pub(super) fn vide(&mut self, nom: &'static str, attributs: Attributs) -> Result<(), EcritureError> {
        self.element(nom, attributs, |_| Ok(()))
    }

    /// An element that holds a text.
    pub(super) fn texte(&mut self, nom: &'static str, contenu: &str) -> Result<(), EcritureError> {
        self.ouvre(nom, &[])?;
        self.texte.push('>');
        self.echappe(nom, contenu)?;
        self.ferme(nom);
        Ok(())
    }

    /// A FichierSigne.
    pub(super) fn fichier(&mut self, nom: &'static str, fichier: &FichierSigne) -> Result<(), EcritureError> {
        self.element(nom, &[], |page| {
            page.texte("NomFichier", &fichier.nom)?;
            match &fichier.signature {
                None => {}
                Some(Signature::Texte(texte)) => page.texte("Signature", texte)?,
                // As it stands; reading again says whether it still is XML here.
                Some(Signature::Xml(xml)) => {
                    page.texte.push_str("<actes:Signature>");
                    page.texte.push_str(xml);
                    page.ferme("Signature");
                }
            }
            Ok(())
        })
    }

    fn ouvre(&mut self, nom: &'static str, attributs: Attributs) -> Result<(), EcritureError> {
        self.texte.push_str("<actes:");
        self.texte.push_str(nom);
        for (nom, valeur) in attributs {
            self.texte.push(' ');
            self.texte.push_str(nom);
            self.texte.push_str("=\"");
            self.echappe(nom, valeur)?;
            self.texte.push('"');
        }
        Ok(())
    }

    fn ferme(&mut self, nom: &str) {
        self.texte.push_str("</actes:");
        self.texte.push_str(nom);
        self.texte.push_str(">\n");
    }

    /// Mark-up is escaped, and the white space that readers normalise (XML 1.0 §2.11, §3.3.3).
    fn echappe(&mut self, champ: &'static str, texte: &str) -> Result<(), EcritureError> {
        for c in texte.chars() {
            match c {
                '&' => self.texte.push_str("&amp;"),
                '<' => self.texte.push_str("&lt;"),
                '>' => self.texte.push_str("&gt;"),
                '"' => self.texte.push_str("&quot;"),
                '\'' => self.texte.push_str("&apos;"),
                '\t' | '\n' | '\r' => reference(&mut self.texte, c),
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                    return Err(EcritureError::Caractere { champ, code: u32::from(c) });
                }
                _ => self.texte.push(c),
            }
        }
        Ok(())
    }
}

fn reference(sortie: &mut String, c: char) {
    // Writing to a String does not fail.
    let _ = write!(sortie, "&#{};", u32::from(c));
}

/// ISO-8859-1 without its control range; all else as references. In our own mark-up all is ASCII.
fn latin_1(texte: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(texte.len());
    let mut tampon = String::new();
    for c in texte.chars() {
        if let Ok(octet @ (..=0x7e | 0xa0..)) = u8::try_from(u32::from(c)) {
            octets.push(octet);
        } else {
            tampon.clear();
            reference(&mut tampon, c);
            octets.extend_from_slice(tampon.as_bytes());
        }
    }
    octets
}
