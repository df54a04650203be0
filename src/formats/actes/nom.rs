//! File names.
//!
//! ```text
//! TRI-QUAD--SIREN--YYYYMMDD-n.tar.gz            archive; TRI names the operator, QUAD is EACT (real) or TACT (test)
//! QUAD--SIREN--YYYYMMDD-n.xml                   envelope of a collectivité
//! QUAD--SPREF0441-SIREN-YYYYMMDD-n.xml          envelope of a prefecture, to that SIREN
//! [TYPEPJ-]DEP-SIREN-DATE-NUM-NAT-T-S_k.ext     message (k = 0) and its files; parts may be empty
//! ```
//!
//! Source: names that S²LOW, Stela and the ministry write; no schema says them. Reading is tolerant: a name is no proof
//! of anything, the XML decides. Writing is strict. [`is_normalise`] says whether a name has one of these forms to the
//! letter, hence can't hold a person's name beyond what the act's identifier says.

use std::fmt;

use greffe_events::ident::{Departement, IdActe, Nature, Numero, Siren, compact_date};
use jiff::civil::Date;

use super::message::CodeMessage;

mod serie;

pub use serie::{SERIE_MAX, Serie, SerieError};

/// What stands before an envelope's name in that of its anomaly (`ANO_EACT--….xml`).
pub const PREFIXE_ANOMALIE: &str = "ANO_";
/// Highest order number in the normalised form: four digits.
pub const ORDRE_MAX: u32 = 9_999;

/// Real or test exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quadrigramme {
    /// `EACT`.
    Reel,
    /// `TACT`.
    Test,
}

impl Quadrigramme {
    /// The four letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reel => "EACT",
            Self::Test => "TACT",
        }
    }

    fn parse(texte: &str) -> Option<Self> {
        [Self::Reel, Self::Test].into_iter().find(|q| q.as_str() == texte)
    }
}

/// Who made an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auteur {
    /// A collectivité.
    Collectivite(Siren),
    /// An authority of the State, to a collectivité.
    Etat {
        /// `SPREF0441`, `PREF044`, `SGAR…`: capitals, then the département and the arrondissement.
        autorite: String,
        /// To whom.
        destinataire: Siren,
    },
}

/// Name of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NomEnveloppe {
    /// Real or test.
    pub quadrigramme: Quadrigramme,
    /// Who made it.
    pub auteur: Auteur,
    /// The day it was made.
    pub date: Date,
    /// Its position in that day.
    pub serie: Serie,
}

impl NomEnveloppe {
    /// Reads `….xml`; none where the name has another form.
    pub fn parse(nom: &str) -> Option<Self> {
        Self::parse_souche(nom.strip_suffix(".xml")?)
    }

    fn parse_souche(souche: &str) -> Option<Self> {
        let (quadrigramme, reste) = souche.split_once("--")?;
        let (auteur, reste) = if let Some((siren, reste)) = reste.split_once("--") {
            (Auteur::Collectivite(siren.parse().ok()?), reste)
        } else {
            let (autorite, reste) = reste.split_once('-').filter(|(autorite, _)| est_autorite(autorite))?;
            let (destinataire, reste) = reste.split_once('-')?;
            (Auteur::Etat { autorite: autorite.to_owned(), destinataire: destinataire.parse().ok()? }, reste)
        };
        let (date, serie) = reste.split_once('-')?;
        Some(Self {
            quadrigramme: Quadrigramme::parse(quadrigramme)?,
            auteur,
            date: compact_date(date)?,
            serie: Serie::parse(serie)?,
        })
    }

    /// Name of the anomaly that refuses this envelope.
    pub fn nom_anomalie(&self) -> String {
        format!("{PREFIXE_ANOMALIE}{self}")
    }

    fn souche(&self) -> String {
        let Self { quadrigramme, auteur, date, serie } = self;
        let (quad, jour, n) = (quadrigramme.as_str(), compact(*date), serie.get());
        match auteur {
            Auteur::Collectivite(siren) => format!("{quad}--{siren}--{jour}-{n}"),
            Auteur::Etat { autorite, destinataire } => format!("{quad}--{autorite}-{destinataire}-{jour}-{n}"),
        }
    }
}

impl fmt::Display for NomEnveloppe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.xml", self.souche())
    }
}

/// Name of an archive: that of its envelope behind the operator's three letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NomArchive {
    /// The operator.
    pub trigramme: Trigramme,
    /// The rest.
    pub enveloppe: NomEnveloppe,
}

impl NomArchive {
    /// Reads `….tar.gz`; none where the name has another form.
    pub fn parse(nom: &str) -> Option<Self> {
        let (trigramme, souche) = nom.strip_suffix(".tar.gz")?.split_once('-')?;
        Some(Self { trigramme: Trigramme::new(trigramme)?, enveloppe: NomEnveloppe::parse_souche(souche)? })
    }
}

impl fmt::Display for NomArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.tar.gz", self.trigramme.0, self.enveloppe.souche())
    }
}

/// Three capitals or digits that name an operator (`SLO`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trigramme(String);

impl Trigramme {
    /// None where the text has another form.
    pub fn new(texte: &str) -> Option<Self> {
        (texte.len() == 3 && texte.bytes().all(est_capitale_ou_chiffre)).then(|| Self(texte.to_owned()))
    }
}

/// Type of an attachment, five characters of `A-Z 0-9 _` (`99_DE`). Which ones exist is versioned data, not known here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypePj(String);

impl TypePj {
    /// None where the text has another form.
    pub fn new(texte: &str) -> Option<Self> {
        let forme = texte.len() == 5 && texte.bytes().all(|b| est_capitale_ou_chiffre(b) || b == b'_');
        forme.then(|| Self(texte.to_owned()))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of a message or of one of its files; each part where it is there and readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NomFichier {
    /// Type of attachment.
    pub type_pj: Option<TypePj>,
    /// Département.
    pub departement: Option<Departement>,
    /// SIREN.
    pub siren: Option<Siren>,
    /// Decision or sending date.
    pub date: Option<Date>,
    /// Number, as it stands; it may hold `-` and spaces.
    pub numero: Option<String>,
    /// Nature; it may contradict the XML.
    pub nature: Option<Nature>,
    /// Kind of message.
    pub code: CodeMessage,
    /// Position in the message.
    pub ordre: Option<u32>,
    /// Without its dot.
    pub extension: String,
}

impl NomFichier {
    /// The name that the act's files take in a message.
    pub fn new(id: &IdActe, type_pj: Option<TypePj>, code: CodeMessage, ordre: u32, extension: &str) -> Self {
        Self {
            type_pj,
            departement: Some(id.departement),
            siren: Some(id.siren),
            date: Some(id.date),
            numero: Some(id.numero.to_string()),
            nature: Some(id.nature),
            code,
            ordre: Some(ordre),
            extension: extension.to_owned(),
        }
    }

    /// Reads a name; none where it does not even have the message's code in its place.
    pub fn parse(nom: &str) -> Option<Self> {
        let (souche, extension) = nom.rsplit_once('.')?;
        let (souche, ordre) = match souche.rsplit_once('_') {
            Some((avant, k)) if !k.is_empty() && k.bytes().all(|b| b.is_ascii_digit()) => (avant, k.parse().ok()),
            _ => (souche, None),
        };
        let mut parts: Vec<&str> = souche.split('-').collect();
        let type_pj = match parts.as_slice() {
            [premier, _, ..] if parts.len() > 7 => TypePj::new(premier),
            _ => None,
        };
        if type_pj.is_some() {
            parts.remove(0);
        }
        let [departement, siren, date, numero @ .., nature, transaction, sous_type] = parts.as_slice() else {
            return None;
        };
        let numero = Some(numero.join("-")).filter(|n| !n.is_empty());
        Some(Self {
            type_pj,
            departement: departement.parse().ok(),
            siren: siren.parse().ok(),
            date: compact_date(date),
            numero,
            nature: nature.parse().ok(),
            code: CodeMessage::parse(&format!("{transaction}-{sous_type}"))?,
            ordre,
            extension: extension.to_owned(),
        })
    }
}

impl fmt::Display for NomFichier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn part(valeur: Option<&impl fmt::Display>) -> String {
            valeur.map(ToString::to_string).unwrap_or_default()
        }
        if let Some(type_pj) = &self.type_pj {
            write!(f, "{}-", type_pj.as_str())?;
        }
        let (departement, siren) = (part(self.departement.as_ref()), part(self.siren.as_ref()));
        let date = self.date.map(compact).unwrap_or_default();
        let (numero, nature) = (part(self.numero.as_ref()), part(self.nature.as_ref()));
        write!(f, "{departement}-{siren}-{date}-{numero}-{nature}-{}", self.code.as_str())?;
        if let Some(ordre) = self.ordre {
            write!(f, "_{ordre}")?;
        }
        write!(f, ".{}", self.extension)
    }
}

/// Whether a name is of one of the forms above, to the letter: it then says no more than an identifier does.
///
/// The number in it is the collectivité's own choice; it stands in the identifier of the act too.
pub fn is_normalise(nom: &str) -> bool {
    /// Every extension in use: the schema's documents, annexes and messages, and detached signatures.
    const EXTENSIONS: [&str; 8] = ["xml", "pdf", "jpg", "jpeg", "png", "p7s", "sig", "zip"];
    if let Some(message) = NomFichier::parse(nom) {
        let numero_tient = message.numero.as_ref().is_none_or(|n| n.parse::<Numero>().is_ok());
        let ordre_tient = message.ordre.is_none_or(|k| k <= ORDRE_MAX);
        let extension_tient = EXTENSIONS.contains(&message.extension.as_str());
        // Printing what was understood gives the name back: nothing else stands in it.
        return numero_tient && ordre_tient && extension_tient && message.to_string() == nom;
    }
    let enveloppe = nom.strip_prefix(PREFIXE_ANOMALIE).unwrap_or(nom);
    NomEnveloppe::parse(enveloppe).is_some_and(|e| e.to_string() == enveloppe)
        || NomArchive::parse(nom).is_some_and(|a| a.to_string() == nom)
}

/// `YYYYMMDD`, of the calendar year: a week-based year would be wrong around 1 January.
fn compact(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

fn est_capitale_ou_chiffre(octet: u8) -> bool {
    octet.is_ascii_uppercase() || octet.is_ascii_digit()
}

/// `PREF`, `SPREF` or `SGAR`, a département, at most one digit.
fn est_autorite(texte: &str) -> bool {
    ["SPREF", "PREF", "SGAR"].iter().filter_map(|p| texte.strip_prefix(p)).any(|reste| {
        match reste.split_at_checked(3) {
            Some((departement, arrondissement)) => {
                departement.parse::<Departement>().is_ok()
                    && arrondissement.len() <= 1
                    && arrondissement.bytes().all(|b| b.is_ascii_digit())
            }
            None => false,
        }
    })
}

#[cfg(test)]
mod tests;
