//! Messages ("fichiers métier"), 1-1 to 7-3, and the anomaly of an envelope: what each says.
//!
//! | shape | messages | where |
//! |---|---|---|
//! | [`Acte`], [`ArActe`] | 1-1, 1-2 | [`acte`] |
//! | [`AnomalieActe`], [`AnomalieEnveloppe`] | 1-3, ANO | [`anomalie`] |
//! | [`Courrier`] | 2-1 to 3-4, 4-1 to 4-4 | [`courrier`] |
//! | [`ArReponse`] | 3-5, 4-5 | [`courrier`] |
//! | [`DefereTa`], [`Annulation`], [`ArAnnulation`] | 5-1, 6-1, 6-2 | [`courrier`] |
//! | a date, [`Classification`] | 7-1 and 7-3, 7-2 | [`super::classification`] |
//!
//! Source: `actesv1_1.xsd`, in both generations; S²LOW and Stela for what occurs beside them. What is missing or out of form is
//! a deviation, unless the message means nothing without it.
//!
//! It does not verify signatures, and does not know which file a name stands for ([`super::lot`] does).

use greffe_events::ident::IdActe;
use jiff::civil::Date;
use roxmltree::Node;

use super::archive::ENTRIES_MAX;
use super::classification::{Classification, classification};
use super::lecture::{Lecteur, Lecture, LectureError, Lu, chemin, enfants_bornes, extrait, texte};
use super::nom::{NomFichier, ORDRE_MAX};
use super::{ESPACE, Motif, xml};

pub mod acte;
pub mod anomalie;
pub mod courrier;

pub use super::code::CodeMessage;
pub use acte::{Acte, ActeRecu, ArActe, Matieres, OBJET_CHARS_MAX};
pub use anomalie::{AnomalieActe, AnomalieEnveloppe};
pub use courrier::{Annulation, ArAnnulation, ArReponse, Courrier, CourrierPref, DefereTa};

/// Most files that one list of a message or an envelope cites: an archive holds no more.
pub const FICHIERS_MAX: usize = ENTRIES_MAX;

/// The two schemas that share one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// Up to 2017: no DocumentPapier, no attachment types; numbers with `-` and space.
    Gen1,
    /// Since September 2017.
    Gen2,
}

/// A message, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// 1-1.
    Acte(Box<Acte>),
    /// 1-2.
    ArActe(Box<ArActe>),
    /// 1-3.
    AnomalieActe(Box<AnomalieActe>),
    /// 2-1.
    CourrierSimple(Courrier),
    /// 2-2.
    ReponseCourrierSimple(Courrier),
    /// 3-1.
    DemandePieceComplementaire(Courrier),
    /// 3-2.
    ArDemandePieceComplementaire(Courrier),
    /// 3-3.
    RefusPieceComplementaire(Courrier),
    /// 3-4.
    PieceComplementaire(Courrier),
    /// 3-5.
    ArPieceComplementaire(ArReponse),
    /// 4-1.
    LettreObservations(Courrier),
    /// 4-2.
    ArLettreObservations(Courrier),
    /// 4-3.
    RejetLettreObservations(Courrier),
    /// 4-4.
    ReponseLettreObservations(Courrier),
    /// 4-5.
    ArReponseRejetLettreObservations(ArReponse),
    /// 5-1.
    DefereTa(DefereTa),
    /// 6-1.
    Annulation(Annulation),
    /// 6-2.
    ArAnnulation(ArAnnulation),
    /// 7-1: the date of the version in use, where there is one.
    DemandeClassification(Option<Date>),
    /// 7-2.
    RetourClassification(Box<Classification>),
    /// 7-3: the date of the version in force.
    ReponseClassificationSansChangement(Option<Date>),
    /// ANO.
    AnomalieEnveloppe(Box<AnomalieEnveloppe>),
}

/// What a file is to the message that cites it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The act, the letter, the documents asked for.
    Document,
    /// An annex of the act.
    Annexe,
}

impl Message {
    /// Its kind.
    pub fn code(&self) -> CodeMessage {
        match self {
            Self::Acte(_) => CodeMessage::Acte,
            Self::ArActe(_) => CodeMessage::ArActe,
            Self::AnomalieActe(_) => CodeMessage::AnomalieActe,
            Self::CourrierSimple(_) => CodeMessage::CourrierSimple,
            Self::ReponseCourrierSimple(_) => CodeMessage::ReponseCourrierSimple,
            Self::DemandePieceComplementaire(_) => CodeMessage::DemandePieceComplementaire,
            Self::ArDemandePieceComplementaire(_) => CodeMessage::ArDemandePieceComplementaire,
            Self::RefusPieceComplementaire(_) => CodeMessage::RefusPieceComplementaire,
            Self::PieceComplementaire(_) => CodeMessage::PieceComplementaire,
            Self::ArPieceComplementaire(_) => CodeMessage::ArPieceComplementaire,
            Self::LettreObservations(_) => CodeMessage::LettreObservations,
            Self::ArLettreObservations(_) => CodeMessage::ArLettreObservations,
            Self::RejetLettreObservations(_) => CodeMessage::RejetLettreObservations,
            Self::ReponseLettreObservations(_) => CodeMessage::ReponseLettreObservations,
            Self::ArReponseRejetLettreObservations(_) => CodeMessage::ArReponseRejetLettreObservations,
            Self::DefereTa(_) => CodeMessage::DefereTa,
            Self::Annulation(_) => CodeMessage::Annulation,
            Self::ArAnnulation(_) => CodeMessage::ArAnnulation,
            Self::DemandeClassification(_) => CodeMessage::DemandeClassification,
            Self::RetourClassification(_) => CodeMessage::RetourClassification,
            Self::ReponseClassificationSansChangement(_) => CodeMessage::ReponseClassificationSansChangement,
            Self::AnomalieEnveloppe(_) => CodeMessage::AnomalieEnveloppe,
        }
    }

    /// The letter, or what answers one, whatever its kind.
    pub fn courrier(&self) -> Option<&Courrier> {
        match self {
            Self::CourrierSimple(courrier)
            | Self::ReponseCourrierSimple(courrier)
            | Self::DemandePieceComplementaire(courrier)
            | Self::ArDemandePieceComplementaire(courrier)
            | Self::RefusPieceComplementaire(courrier)
            | Self::PieceComplementaire(courrier)
            | Self::LettreObservations(courrier)
            | Self::ArLettreObservations(courrier)
            | Self::RejetLettreObservations(courrier)
            | Self::ReponseLettreObservations(courrier) => Some(courrier),
            _ => None,
        }
    }

    pub(super) fn courrier_mut(&mut self) -> Option<&mut Courrier> {
        match self {
            Self::CourrierSimple(courrier)
            | Self::ReponseCourrierSimple(courrier)
            | Self::DemandePieceComplementaire(courrier)
            | Self::ArDemandePieceComplementaire(courrier)
            | Self::RefusPieceComplementaire(courrier)
            | Self::PieceComplementaire(courrier)
            | Self::LettreObservations(courrier)
            | Self::ArLettreObservations(courrier)
            | Self::RejetLettreObservations(courrier)
            | Self::ReponseLettreObservations(courrier) => Some(courrier),
            _ => None,
        }
    }

    /// Its own `IDActe`; none in the kinds that have none (1-1, 1-3, 7-1 to 7-3, ANO).
    pub fn id_acte(&self) -> Option<&Lu<IdActe>> {
        match self {
            Self::ArActe(ar) => Some(&ar.id_acte),
            Self::ArPieceComplementaire(ar) | Self::ArReponseRejetLettreObservations(ar) => Some(&ar.reference.id_acte),
            Self::DefereTa(defere) => Some(&defere.id_acte),
            Self::Annulation(annulation) => Some(&annulation.id_acte),
            Self::ArAnnulation(ar) => Some(&ar.id_acte),
            _ => self.courrier().map(|courrier| &courrier.reference.id_acte),
        }
    }

    /// The letter that it is, or that it answers, by that letter's date.
    pub fn date_courrier(&self) -> Option<Date> {
        match self {
            Self::ArPieceComplementaire(ar) | Self::ArReponseRejetLettreObservations(ar) => ar.reference.date,
            _ => self.courrier().and_then(|courrier| courrier.reference.date),
        }
    }

    /// The act that it is, or that it repeats, where that was read whole.
    pub fn acte(&self) -> Option<&Acte> {
        match self {
            Self::Acte(acte) => Some(acte),
            Self::ArActe(ar) => ar.acte.entier(),
            Self::AnomalieActe(anomalie) => anomalie.acte.entier(),
            _ => None,
        }
    }

    /// Every file that it cites, in order.
    pub fn citations(&self) -> Vec<(Role, &FichierSigne)> {
        if let Some(acte) = self.acte() {
            let annexes = acte.annexes.iter().map(|annexe| (Role::Annexe, annexe));
            return std::iter::once((Role::Document, &acte.document)).chain(annexes).collect();
        }
        let documents = match self {
            Self::DefereTa(defere) => defere.pieces.as_slice(),
            Self::AnomalieEnveloppe(anomalie) => {
                anomalie.enveloppe.as_ref().map(|enveloppe| enveloppe.formulaires.as_slice()).unwrap_or_default()
            }
            _ => self.courrier().map(|courrier| courrier.documents.as_slice()).unwrap_or_default(),
        };
        documents.iter().map(|document| (Role::Document, document)).collect()
    }
}

/// A file that a message or an envelope cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FichierSigne {
    /// Its name.
    pub nom: String,
    /// Its detached signature.
    pub signature: Option<Signature>,
}

/// A detached signature, as it stands. Nothing verifies it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Text, mostly base64 of PKCS#7.
    Texte(String),
    /// XML (XAdES): what stands between the tags.
    Xml(String),
}

impl Signature {
    /// The text or the XML.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Texte(contenu) | Self::Xml(contenu) => contenu,
        }
    }

    /// Its size, in bytes of UTF-8.
    pub fn taille_octets(&self) -> usize {
        self.as_str().len()
    }
}

/// Reads one message. `aujourdhui` is the day against which a decision is in the future.
pub fn read(octets: &[u8], aujourdhui: Date) -> Result<Lecture<Message>, LectureError> {
    let decode = xml::decode(octets)?;
    let document = xml::parse(&decode)?;
    let racine = document.root_element();
    let mut lecteur = Lecteur::new(&decode);
    let message = message(&mut lecteur, racine, aujourdhui)?;
    Ok(lecteur.rend(message))
}

fn message(lecteur: &mut Lecteur, racine: Node, aujourdhui: Date) -> Result<Message, LectureError> {
    let code = code(racine)?;
    let mut courrier = || courrier::courrier(lecteur, racine, code);
    Ok(match code {
        CodeMessage::Acte => Message::Acte(Box::new(acte::acte(lecteur, racine, aujourdhui)?)),
        CodeMessage::ArActe => Message::ArActe(Box::new(acte::ar_acte(lecteur, racine, aujourdhui)?)),
        CodeMessage::AnomalieActe => {
            Message::AnomalieActe(Box::new(anomalie::anomalie_acte(lecteur, racine, aujourdhui)?))
        }
        CodeMessage::AnomalieEnveloppe => {
            Message::AnomalieEnveloppe(Box::new(anomalie::anomalie_enveloppe(lecteur, racine)?))
        }
        CodeMessage::ArPieceComplementaire => Message::ArPieceComplementaire(courrier::ar_reponse(lecteur, racine)?),
        CodeMessage::ArReponseRejetLettreObservations => {
            Message::ArReponseRejetLettreObservations(courrier::ar_reponse(lecteur, racine)?)
        }
        CodeMessage::DefereTa => Message::DefereTa(courrier::defere(lecteur, racine)?),
        CodeMessage::Annulation => Message::Annulation(courrier::annulation(lecteur, racine)),
        CodeMessage::ArAnnulation => Message::ArAnnulation(courrier::ar_annulation(lecteur, racine)?),
        CodeMessage::DemandeClassification => {
            lecteur.inconnus(racine, &["DateClassification"]);
            // In this one the date is optional.
            let date = racine.children().any(|n| n.is_element()).then(|| lecteur.date_de(racine, "DateClassification"));
            Message::DemandeClassification(date.flatten())
        }
        CodeMessage::RetourClassification => Message::RetourClassification(Box::new(classification(lecteur, racine)?)),
        CodeMessage::ReponseClassificationSansChangement => {
            lecteur.inconnus(racine, &["DateClassification"]);
            Message::ReponseClassificationSansChangement(lecteur.date_de(racine, "DateClassification"))
        }
        CodeMessage::CourrierSimple => Message::CourrierSimple(courrier()?),
        CodeMessage::ReponseCourrierSimple => Message::ReponseCourrierSimple(courrier()?),
        CodeMessage::DemandePieceComplementaire => Message::DemandePieceComplementaire(courrier()?),
        CodeMessage::ArDemandePieceComplementaire => Message::ArDemandePieceComplementaire(courrier()?),
        CodeMessage::RefusPieceComplementaire => Message::RefusPieceComplementaire(courrier()?),
        CodeMessage::PieceComplementaire => Message::PieceComplementaire(courrier()?),
        CodeMessage::LettreObservations => Message::LettreObservations(courrier()?),
        CodeMessage::ArLettreObservations => Message::ArLettreObservations(courrier()?),
        CodeMessage::RejetLettreObservations => Message::RejetLettreObservations(courrier()?),
        CodeMessage::ReponseLettreObservations => Message::ReponseLettreObservations(courrier()?),
    })
}

fn code(racine: Node) -> Result<CodeMessage, LectureError> {
    let nom = racine.tag_name();
    CodeMessage::from_racine(nom.name()).filter(|_| nom.namespace() == Some(ESPACE)).ok_or_else(|| {
        LectureError::Racine {
            racine: extrait(nom.name()),
            espace: extrait(nom.namespace().unwrap_or_default()),
            attendu: "a message of ACTES",
        }
    })
}

/// A FichierSigne: an element that cites a file.
pub(super) fn fichier(lecteur: &mut Lecteur, noeud: Node) -> Result<FichierSigne, LectureError> {
    lecteur.inconnus(noeud, &["NomFichier", "Signature"]);
    let nom = texte(lecteur.requis(noeud, "NomFichier")?).trim().to_owned();
    let ici = format!("{}/NomFichier", chemin(noeud));
    if nom.is_empty() {
        return Err(LectureError::Absent { chemin: ici });
    }
    if NomFichier::parse(&nom).and_then(|n| n.ordre).is_some_and(|ordre| ordre > ORDRE_MAX) {
        lecteur.note(ici, Motif::OrdreLong(extrait(&nom)));
    }
    let signature = lecteur.enfant(noeud, "Signature").map(signature);
    Ok(FichierSigne { nom, signature })
}

fn signature(noeud: Node) -> Signature {
    if noeud.children().any(|n| n.is_element()) {
        let source = noeud.document().input_text();
        let debut = noeud.first_child().map_or(0, |n| n.range().start);
        let fin = noeud.last_child().map_or(0, |n| n.range().end);
        Signature::Xml(source[debut..fin].to_owned())
    } else {
        Signature::Texte(texte(noeud))
    }
}

/// The files of a list; one without a name is left out, with a deviation.
fn fichiers(lecteur: &mut Lecteur, noeud: Node, element: &str) -> Result<Vec<FichierSigne>, LectureError> {
    let mut lus = Vec::new();
    for enfant in enfants_bornes(noeud, element, FICHIERS_MAX)? {
        match fichier(lecteur, enfant) {
            Ok(fichier) => lus.push(fichier),
            Err(LectureError::Absent { chemin }) => lecteur.note(chemin, Motif::Absent),
            Err(autre) => return Err(autre),
        }
    }
    Ok(lus)
}

#[cfg(test)]
mod tests;
