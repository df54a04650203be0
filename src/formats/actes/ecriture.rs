//! Writing messages and archives, to the letter of the second generation of the schema.
//!
//! XML 1.0 in ISO-8859-1, as the ministry's own: what ISO-8859-1 does not have, and the range 0x80 to 0x9F that
//! readers take for windows-1252, is written as numeric references. What was written is read again before it is given:
//! a value that does not come back equal is an error, never a wrong file.
//!
//! Source: `actesv1_1.xsd` of 2017-09, [`super::nom`] for names. It validates lengths and forms that the schema
//! gives, not whether matters and attachment types exist.

use std::fmt::Write as _;

use jiff::civil::Date;
use thiserror::Error;

use super::archive::ArchiveError;
use super::enveloppe::{self, Autorite, Enveloppe, EnveloppeClMisill, EnveloppeMisillCl, Referent};
use super::message::{self, Acte, ArActe, FichierSigne, Generation, Message, OBJET_CHARS_MAX, Signature};
use super::{ESPACE, ESPACE_INSEE, ESPACE_XSI};

mod depot;

pub use depot::{ActeADeposer, ArchiveEcrite, Depot, FichierADeposer};

/// Why a value can't be written.
#[derive(Debug, Error)]
pub enum EcritureError {
    /// The schema requires a value that is not there, or has another form.
    #[error("{champ} is missing, or not of the form that the schema gives")]
    Champ {
        /// Element or attribute.
        champ: &'static str,
    },
    /// A character that XML does not have.
    #[error("{champ} holds a character that XML does not have (U+{code:04X})")]
    Caractere {
        /// Element or attribute.
        champ: &'static str,
        /// The character.
        code: u32,
    },
    /// What was written is not read back equal.
    #[error("what was written does not read back equal: {0}")]
    Relecture(String),
    /// The archive can't be made.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl EcritureError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Champ { .. } => "ecriture-champ",
            Self::Caractere { .. } => "ecriture-caractere",
            Self::Relecture(_) => "ecriture-relecture",
            Self::Archive(error) => error.code(),
        }
    }
}

/// Writes a 1-1.
pub fn acte(acte: &Acte) -> Result<Vec<u8>, EcritureError> {
    let mut page = Page::new("Acte");
    page.donnees_acte(acte)?;
    let octets = page.fin("Acte");
    match relit(message::read(&octets, Date::MAX))? {
        Message::Acte(lu) if *lu == en_gen2(acte) => Ok(octets),
        _ => Err(differe()),
    }
}

/// Writes a 1-2.
pub fn ar_acte(ar: &ArActe) -> Result<Vec<u8>, EcritureError> {
    let mut page = Page::new("ARActe");
    let id = ar.id_acte.valeur.as_ref().ok_or(EcritureError::Champ { champ: "IDActe" })?.to_string();
    page.attribut("actes:IDActe", &id)?;
    page.attribut("actes:DateReception", &ar.date_reception.to_string())?;
    page.texte.push_str(">\n<actes:ActeRecu");
    page.donnees_acte(&ar.acte)?;
    page.texte.push_str("</actes:ActeRecu>\n");
    page.date("ClassificationDateVersionEnCours", ar.classification_en_cours)?;
    let octets = page.fin("ARActe");
    match relit(message::read(&octets, Date::MAX))? {
        Message::ArActe(lu)
            if lu.id_acte.valeur == ar.id_acte.valeur
                && lu.date_reception == ar.date_reception
                && lu.classification_en_cours == ar.classification_en_cours
                && lu.acte == en_gen2(&ar.acte) =>
        {
            Ok(octets)
        }
        _ => Err(differe()),
    }
}

/// Writes an envelope of either kind.
pub fn enveloppe(enveloppe: &Enveloppe) -> Result<Vec<u8>, EcritureError> {
    let octets = match enveloppe {
        Enveloppe::ClMisill(valeur) => enveloppe_cl(valeur)?,
        Enveloppe::MisillCl(valeur) => enveloppe_etat(valeur)?,
    };
    if relit(enveloppe::read(&octets))? == *enveloppe { Ok(octets) } else { Err(differe()) }
}

fn enveloppe_cl(enveloppe: &EnveloppeClMisill) -> Result<Vec<u8>, EcritureError> {
    let EnveloppeClMisill { emetteur, referent, courriels_retour, formulaires } = enveloppe;
    let mut page = Page::new(enveloppe::RACINE_CL);
    page.texte.push_str(">\n<actes:Emetteur>\n<actes:IDCL");
    page.attribut("insee:SIREN", valeur("SIREN", emetteur.siren.valeur)?.as_str())?;
    page.attribut("actes:Departement", valeur("Departement", emetteur.departement.valeur)?.as_str())?;
    page.attribut("actes:Arrondissement", &valeur("Arrondissement", emetteur.arrondissement.valeur)?.to_string())?;
    page.attribut("actes:Nature", &format!("{:02}", valeur("Nature", emetteur.nature.valeur)?))?;
    page.texte.push_str("/>\n");
    page.referent(referent.as_ref())?;
    page.texte.push_str("</actes:Emetteur>\n<actes:AdressesRetour>\n");
    if courriels_retour.is_empty() {
        return Err(EcritureError::Champ { champ: "AdressesRetour" });
    }
    for courriel in courriels_retour {
        page.courriel(courriel)?;
    }
    page.texte.push_str("</actes:AdressesRetour>\n");
    page.formulaires(formulaires)?;
    Ok(page.fin(enveloppe::RACINE_CL))
}

fn enveloppe_etat(enveloppe: &EnveloppeMisillCl) -> Result<Vec<u8>, EcritureError> {
    let EnveloppeMisillCl { emetteur, referent, formulaires, destinataire } = enveloppe;
    let mut page = Page::new(enveloppe::RACINE_ETAT);
    page.texte.push_str(">\n<actes:Emetteur>\n");
    let element = match emetteur {
        Autorite::Sgar(_) => "IDSGAR",
        Autorite::Prefecture(_) => "IDPref",
        Autorite::SousPrefecture { .. } => "IDSousPref",
    };
    page.texte.push_str("<actes:");
    page.texte.push_str(element);
    page.attribut("actes:Departement", valeur("Departement", emetteur.departement().valeur)?.as_str())?;
    if let Autorite::SousPrefecture { arrondissement, .. } = emetteur {
        page.attribut("actes:Arrondissement", &valeur("Arrondissement", arrondissement.valeur)?.to_string())?;
    }
    page.texte.push_str("/>\n");
    page.referent(referent.as_ref())?;
    page.texte.push_str("</actes:Emetteur>\n");
    page.formulaires(formulaires)?;
    page.texte.push_str("<actes:Destinataire");
    page.attribut("insee:SIREN", valeur("SIREN", destinataire.valeur)?.as_str())?;
    page.texte.push_str("/>\n");
    Ok(page.fin(enveloppe::RACINE_ETAT))
}

fn valeur<T>(champ: &'static str, lu: Option<T>) -> Result<T, EcritureError> {
    lu.ok_or(EcritureError::Champ { champ })
}

fn relit<T>(lecture: Result<super::lecture::Lecture<T>, super::lecture::LectureError>) -> Result<T, EcritureError> {
    lecture.map(|l| l.valeur).map_err(|e| EcritureError::Relecture(e.to_string()))
}

fn differe() -> EcritureError {
    EcritureError::Relecture("a field differs".to_owned())
}

/// The act as the second generation says it.
fn en_gen2(acte: &Acte) -> Acte {
    Acte { generation: Generation::Gen2, ..acte.clone() }
}

/// An XML text being written; its root is left open for attributes.
struct Page {
    texte: String,
}

impl Page {
    fn new(racine: &str) -> Self {
        let texte = format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<actes:{racine} xmlns:actes=\"{ESPACE}\" \
             xmlns:insee=\"{ESPACE_INSEE}\" xmlns:xsi=\"{ESPACE_XSI}\" xsi:schemaLocation=\"{ESPACE} actesv1_1.xsd\""
        );
        Self { texte }
    }

    /// Closes the root and encodes.
    fn fin(mut self, racine: &str) -> Vec<u8> {
        self.texte.push_str("</actes:");
        self.texte.push_str(racine);
        self.texte.push_str(">\n");
        latin_1(&self.texte)
    }

    fn attribut(&mut self, nom: &'static str, valeur: &str) -> Result<(), EcritureError> {
        self.texte.push(' ');
        self.texte.push_str(nom);
        self.texte.push_str("=\"");
        self.echappe(nom, valeur)?;
        self.texte.push('"');
        Ok(())
    }

    fn element(&mut self, nom: &'static str, contenu: &str) -> Result<(), EcritureError> {
        self.texte.push_str("<actes:");
        self.texte.push_str(nom);
        self.texte.push('>');
        self.echappe(nom, contenu)?;
        self.texte.push_str("</actes:");
        self.texte.push_str(nom);
        self.texte.push_str(">\n");
        Ok(())
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

    fn date(&mut self, nom: &'static str, date: Option<Date>) -> Result<(), EcritureError> {
        self.element(nom, &valeur(nom, date)?.to_string())
    }

    fn courriel(&mut self, courriel: &str) -> Result<(), EcritureError> {
        if !est_courriel(courriel) {
            return Err(EcritureError::Champ { champ: "Email" });
        }
        self.element("Email", courriel)
    }

    fn referent(&mut self, referent: Option<&Referent>) -> Result<(), EcritureError> {
        let Some(Referent { nom, telephone, courriel }) = referent else { return Ok(()) };
        self.texte.push_str("<actes:Referent>\n");
        if let Some(nom) = nom {
            self.element("Nom", nom)?;
        }
        if let Some(telephone) = telephone {
            self.element("Telephone", telephone)?;
        }
        if let Some(courriel) = courriel {
            self.courriel(courriel)?;
        }
        self.texte.push_str("</actes:Referent>\n");
        Ok(())
    }

    fn formulaires(&mut self, formulaires: &[FichierSigne]) -> Result<(), EcritureError> {
        self.texte.push_str("<actes:FormulairesEnvoyes>\n");
        for formulaire in formulaires {
            self.fichier("Formulaire", formulaire)?;
        }
        self.texte.push_str("</actes:FormulairesEnvoyes>\n");
        Ok(())
    }

    fn fichier(&mut self, element: &'static str, fichier: &FichierSigne) -> Result<(), EcritureError> {
        self.texte.push_str("<actes:");
        self.texte.push_str(element);
        self.texte.push_str(">\n");
        self.element("NomFichier", &fichier.nom)?;
        match &fichier.signature {
            None => {}
            Some(Signature::Texte(texte)) => self.element("Signature", texte)?,
            // As it stands; reading again says whether it still is XML here.
            Some(Signature::Xml(xml)) => {
                self.texte.push_str("<actes:Signature>");
                self.texte.push_str(xml);
                self.texte.push_str("</actes:Signature>\n");
            }
        }
        self.texte.push_str("</actes:");
        self.texte.push_str(element);
        self.texte.push_str(">\n");
        Ok(())
    }

    /// Attributes and content of a DonneesActe, in the order of the schema.
    fn donnees_acte(&mut self, acte: &Acte) -> Result<(), EcritureError> {
        /// NumeroInterne in the schema.
        const NUMERO_CHARS_MAX: usize = 15;
        if acte.numero_brut.chars().count() > NUMERO_CHARS_MAX {
            return Err(EcritureError::Champ { champ: "NumeroInterne" });
        }
        if acte.objet.chars().count() > OBJET_CHARS_MAX {
            return Err(EcritureError::Champ { champ: "Objet" });
        }
        self.attribut("actes:Date", &acte.date.to_string())?;
        self.attribut("actes:NumeroInterne", &acte.numero_brut)?;
        self.attribut("actes:CodeNatureActe", &acte.nature.code().to_string())?;
        self.texte.push_str(">\n");
        let [un, deux, ..] = acte.matieres.0;
        if un.is_none() || deux.is_none() {
            return Err(EcritureError::Champ { champ: "CodeMatiere" });
        }
        for (niveau, code) in (1..).zip(acte.matieres.0) {
            if let Some(code) = code {
                // Writing to a String does not fail.
                let _ = writeln!(self.texte, "<actes:CodeMatiere{niveau} actes:CodeMatiere=\"{code}\"/>");
            }
        }
        self.element("Objet", &acte.objet)?;
        if let Some(precedent) = &acte.precedent {
            let id = precedent.valeur.as_ref().ok_or(EcritureError::Champ { champ: "PrecedentIdentifiantActe" })?;
            self.texte.push_str("<actes:PrecedentIdentifiantActe");
            self.attribut("actes:IDActe", &id.to_string())?;
            self.texte.push_str("/>\n");
        }
        self.date("ClassificationDateVersion", acte.classification_date)?;
        self.fichier("Document", &acte.document)?;
        let _ = writeln!(self.texte, "<actes:Annexes actes:Nombre=\"{}\">", acte.annexes.len());
        for annexe in &acte.annexes {
            self.fichier("Annexe", annexe)?;
        }
        self.texte.push_str("</actes:Annexes>\n");
        self.texte.push_str(match acte.document_papier {
            None => "<actes:DocumentPapier xsi:nil=\"true\"/>\n",
            Some(true) => "<actes:DocumentPapier>O</actes:DocumentPapier>\n",
            Some(false) => "<actes:DocumentPapier>N</actes:DocumentPapier>\n",
        });
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

/// The schema's pattern: `local@domain`, words of letters, digits, `_`, `-` joined by dots, an end of 2 to 6 letters.
fn est_courriel(texte: &str) -> bool {
    let mots = |texte: &str, souligne: bool| {
        let tient = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || (souligne && b == b'_');
        texte.split('.').all(|mot| !mot.is_empty() && mot.bytes().all(tient))
    };
    let Some((local, domaine)) = texte.split_once('@') else { return false };
    let Some((debut, fin)) = domaine.rsplit_once('.') else { return false };
    let fin_tient = (2..=6).contains(&fin.len()) && fin.bytes().all(|b| b.is_ascii_alphabetic());
    mots(local, true) && mots(debut, false) && fin_tient
}

#[cfg(test)]
mod tests;
