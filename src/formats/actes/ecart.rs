//! Deviations: what a file does that its schema does not allow, or that we could not read.
//!
//! A reader that errs on every deviation would refuse what the ministry itself sends; one that says nothing would hide
//! that a value was guessed. So each deviation is kept with its place. The texts repeat identifiers and file
//! names, never the object of an act nor a contact.

use jiff::civil::Date;
use thiserror::Error;

/// One deviation, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{chemin}: {motif}")]
pub struct Ecart {
    /// Where: element path (`Acte/Annexes/@Nombre`), or a file name.
    pub chemin: String,
    /// What.
    pub motif: Motif,
}

impl Ecart {
    /// Stable code of the deviation.
    pub fn code(&self) -> &'static str {
        self.motif.code()
    }

    /// How much it matters.
    pub fn severite(&self) -> Severite {
        self.motif.severite()
    }
}

/// How much a deviation matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severite {
    /// Occurs in sound exchanges; nothing was lost.
    Remarque,
    /// Breaks the schema or a rule; what was read is certain.
    Anomalie,
    /// Something could not be read, or two statements contradict each other: a person should look.
    Grave,
}

/// What deviates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Motif {
    /// Bytes 0x80 to 0x9F under ISO-8859-1.
    #[error("ISO-8859-1 with windows-1252 characters")]
    Windows1252,
    /// An attribute without the namespace that the schema gives it.
    #[error("the attribute is not in the namespace of the schema")]
    AttributSansEspace,
    /// An element that the schema does not have there.
    #[error("the element {0:?} is not expected here and was not read")]
    ElementInconnu(String),
    /// More than one element where one is expected; the first was read.
    #[error("the element occurs more than once; the first was read")]
    ElementRepete,
    /// A mandatory value that is not there, without which the act is still identified.
    #[error("missing")]
    Absent,
    /// A value that is not of its form.
    #[error("not of the expected form: {0:?}")]
    Illisible(String),
    /// A date with a time zone, which was left out.
    #[error("a date with a time zone: {0:?}")]
    DateAvecFuseau(String),
    /// No `DocumentPapier` in a message of the second generation.
    #[error("DocumentPapier is missing, which the second generation of the schema requires")]
    DocumentPapierAbsent,
    /// A `DocumentPapier` that is none of the known words.
    #[error("DocumentPapier is neither yes nor no: {0:?}")]
    DocumentPapierInconnu(String),
    /// A level of matter below one that is not there.
    #[error("CodeMatiere{niveau} without CodeMatiere{manquant}")]
    NiveauSaute {
        /// The level that is there.
        niveau: u8,
        /// The missing one.
        manquant: u8,
    },
    /// The declared number of annexes is another.
    #[error("{declare} annexes are declared, {trouve} are listed")]
    NombreAnnexes {
        /// In `Nombre`.
        declare: u32,
        /// In the list.
        trouve: usize,
    },
    /// An order number of more than four digits in a file name.
    #[error("the order number in {0:?} has more than four digits")]
    OrdreLong(String),
    /// The SIREN has nine digits, but a wrong key, or is no SIREN at all.
    #[error("{0:?} is no SIREN, or its key is wrong")]
    Siren(String),
    /// Over the length that the schema allows.
    #[error("Objet has {caracteres} characters, over 500")]
    ObjetLong {
        /// Its length.
        caracteres: usize,
    },
    /// A decision in the future.
    #[error("the decision is dated {0}, in the future")]
    DateFuture(Date),
    /// The number is outside the form that an identifier takes.
    #[error("the number {brut:?} stands as {retenu:?} in the identifier")]
    NumeroHorsForme {
        /// As the file writes it.
        brut: String,
        /// As the identifier has it.
        retenu: String,
    },
    /// `IDActe` and the content say two things.
    #[error("IDActe and the act received differ in: {0}")]
    IdActeContenu(&'static str),
    /// The identifier was not in the message, it was put together from elsewhere.
    #[error("no readable IDActe; deduced from the content and {0}")]
    IdActeDeduit(&'static str),
    /// The act cannot be identified by the message and its envelope: no `IDActe`, or no valid SIREN or département.
    #[error("the act is not identified: neither IDActe nor SIREN and département can be read")]
    SansIdentifiant,
    /// The file name says something else than the content.
    #[error("the file name differs from the content in: {0}")]
    NomDifferent(&'static str),
    /// The envelope is addressed to another organisation than that of the act.
    #[error("the envelope is for {destinataire}, the act is of {siren}")]
    AutreDestinataire {
        /// In the envelope.
        destinataire: String,
        /// In the act.
        siren: String,
    },
    /// The nature of an anomaly outside the form that the schema gives: three digits, or a known code of an envelope.
    #[error("the nature of the anomaly is not of the form of the schema: {0:?}")]
    NatureAnomalie(String),
    /// What the answer repeats of what was received can't be read whole.
    #[error("what was received is repeated in a form that is not read whole: {0}")]
    RecuIllisible(String),
    /// A code that stands twice in a list; the first was read.
    #[error("the code {0:?} occurs more than once; the first was read")]
    CodeRepete(String),
    /// A file that no message cites.
    #[error("no message cites this file")]
    NonReference,
}

impl Motif {
    /// Stable code of the deviation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Windows1252 => "encodage-windows-1252",
            Self::AttributSansEspace => "attribut-sans-espace",
            Self::ElementInconnu(_) => "element-inconnu",
            Self::ElementRepete => "element-repete",
            Self::Absent => "absent",
            Self::Illisible(_) => "illisible",
            Self::DateAvecFuseau(_) => "date-avec-fuseau",
            Self::DocumentPapierAbsent => "document-papier-absent",
            Self::DocumentPapierInconnu(_) => "document-papier-inconnu",
            Self::NiveauSaute { .. } => "matiere-niveau-saute",
            Self::NombreAnnexes { .. } => "nombre-annexes",
            Self::OrdreLong(_) => "ordre-long",
            Self::Siren(_) => "siren-invalide",
            Self::ObjetLong { .. } => "objet-long",
            Self::DateFuture(_) => "date-future",
            Self::NumeroHorsForme { .. } => "numero-hors-forme",
            Self::IdActeContenu(_) => "id-acte-contenu",
            Self::IdActeDeduit(_) => "id-acte-deduit",
            Self::SansIdentifiant => "sans-identifiant",
            Self::NomDifferent(_) => "nom-different",
            Self::AutreDestinataire { .. } => "autre-destinataire",
            Self::NatureAnomalie(_) => "nature-anomalie",
            Self::RecuIllisible(_) => "recu-illisible",
            Self::CodeRepete(_) => "code-repete",
            Self::NonReference => "non-reference",
        }
    }

    /// How much it matters.
    pub fn severite(&self) -> Severite {
        match self {
            // File names are unreliable in the field (dates of sending, natures corrected later): the XML decides.
            Self::Windows1252 | Self::NomDifferent(_) | Self::OrdreLong(_) | Self::DocumentPapierAbsent => {
                Severite::Remarque
            }
            Self::AttributSansEspace
            | Self::DateAvecFuseau(_)
            | Self::DocumentPapierInconnu(_)
            | Self::NiveauSaute { .. }
            | Self::ObjetLong { .. }
            | Self::NumeroHorsForme { .. }
            | Self::IdActeDeduit(_)
            | Self::NatureAnomalie(_)
            | Self::NonReference
            | Self::Absent
            | Self::ElementInconnu(_) => Severite::Anomalie,
            Self::ElementRepete
            | Self::Illisible(_)
            | Self::NombreAnnexes { .. }
            | Self::Siren(_)
            | Self::DateFuture(_)
            | Self::IdActeContenu(_)
            | Self::RecuIllisible(_)
            | Self::CodeRepete(_)
            | Self::SansIdentifiant
            | Self::AutreDestinataire { .. } => Severite::Grave,
        }
    }
}
