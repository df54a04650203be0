//! What prefecture and collectivité write to each other about an act: letters and answers (2-1 to 4-5), the referral to the
//! court (5-1), the withdrawal of a transmission (6-1, 6-2).
//!
//! ```text
//! DonneesCourrierPref @IDActe @DateCourrierPref     ARReponseCL @DateReception          3-5, 4-5
//! ├── DescriptionPieces (3-1) | Motif (4-1)         └── InfosCourrierPref (DonneesCourrierPref)
//! └── Document (NomFichier, Signature?)
//!     | Documents/Document+ (3-4) | nothing (3-2, 4-2)
//!
//! DefereTA @IDActe                                  Annulation @IDActe                  6-1
//! ├── DateDepot, NatureIllegalite                   ARAnnulation @IDActe @DateReception 6-2
//! └── PiecesJointes/PieceJointe*
//! ```
//!
//! An answer names the letter that it answers by the act and by that letter's date: the schema has nothing else. Only a receipt
//! without its date of reception says nothing, hence is an error.

use greffe_events::ident::IdActe;
use jiff::civil::Date;
use roxmltree::Node;

use super::super::Motif;
use super::super::lecture::{Lecteur, LectureError, Lu, chemin};
use super::{CodeMessage, FichierSigne, fichiers};

/// A letter by its act and its date (DonneesCourrierPref).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourrierPref {
    /// About which act.
    pub id_acte: Lu<IdActe>,
    /// The day that the letter bears (`DateCourrierPref`).
    pub date: Option<Date>,
}

/// 2-1 to 3-4, 4-1 to 4-4: a letter of the prefecture, or what the collectivité says about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Courrier {
    /// The letter itself, or the one that is answered.
    pub reference: CourrierPref,
    /// `DescriptionPieces` of a 3-1, `Motif` of a 4-1. May name persons.
    pub texte: Option<String>,
    /// None in a 3-2 or 4-2, one or more in a 3-4, one in any other.
    pub documents: Vec<FichierSigne>,
}

/// 3-5, 4-5: the prefecture's receipt of an answer (ARReponseCL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArReponse {
    /// The letter that had been answered.
    pub reference: CourrierPref,
    /// The day from which the delay of the déféré runs anew.
    pub date_reception: Date,
}

/// 5-1: the prefect refers an act to the administrative court.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefereTa {
    /// Which act.
    pub id_acte: Lu<IdActe>,
    /// The day on which the court got it.
    pub date_depot: Option<Date>,
    /// What is said to be illegal. May name persons.
    pub nature_illegalite: Option<String>,
    /// The referral's files, possibly none.
    pub pieces: Vec<FichierSigne>,
}

/// 6-1: the collectivité withdraws a transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annulation {
    /// Of which act.
    pub id_acte: Lu<IdActe>,
}

/// 6-2: the prefecture's receipt of a 6-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArAnnulation {
    /// Of which act.
    pub id_acte: Lu<IdActe>,
    /// The day of the reception.
    pub date_reception: Date,
}

/// What a [`Courrier`] holds beside its reference, by the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Forme {
    /// Element of its text.
    pub(in super::super) texte: Option<&'static str>,
    /// Its documents.
    pub(in super::super) documents: Documents,
}

/// How many documents a letter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Documents {
    /// No such element.
    Aucun,
    /// `Document`.
    Un,
    /// `Documents/Document+`.
    Plusieurs,
}

impl Forme {
    pub(in super::super) fn of(code: CodeMessage) -> Self {
        let texte = match code {
            CodeMessage::DemandePieceComplementaire => Some("DescriptionPieces"),
            CodeMessage::LettreObservations => Some("Motif"),
            _ => None,
        };
        let documents = match code {
            CodeMessage::ArDemandePieceComplementaire | CodeMessage::ArLettreObservations => Documents::Aucun,
            CodeMessage::PieceComplementaire => Documents::Plusieurs,
            _ => Documents::Un,
        };
        Self { texte, documents }
    }
}

fn reference(lecteur: &mut Lecteur, noeud: Node) -> CourrierPref {
    CourrierPref { id_acte: lecteur.id_acte_de(noeud), date: lecteur.date_lue(noeud, "DateCourrierPref") }
}

pub(super) fn courrier(lecteur: &mut Lecteur, noeud: Node, code: CodeMessage) -> Result<Courrier, LectureError> {
    let Forme { texte, documents } = Forme::of(code);
    let liste = match documents {
        Documents::Aucun => None,
        Documents::Un => Some("Document"),
        Documents::Plusieurs => Some("Documents"),
    };
    let connus: Vec<&str> = texte.into_iter().chain(liste).collect();
    lecteur.inconnus(noeud, &connus);
    let reference = reference(lecteur, noeud);
    let texte = texte.and_then(|nom| lecteur.texte_attendu(noeud, nom));
    let documents = match documents {
        Documents::Aucun => Vec::new(),
        Documents::Un => fichiers(lecteur, noeud, "Document")?.into_iter().take(1).collect(),
        Documents::Plusieurs => liste_de(lecteur, noeud, "Documents", "Document")?,
    };
    if let Some(nom) = liste.filter(|_| documents.is_empty()) {
        lecteur.note(format!("{}/{nom}", chemin(noeud)), Motif::Absent);
    }
    Ok(Courrier { reference, texte, documents })
}

fn liste_de(lecteur: &mut Lecteur, noeud: Node, liste: &str, element: &str) -> Result<Vec<FichierSigne>, LectureError> {
    let Some(liste) = lecteur.enfant(noeud, liste) else { return Ok(Vec::new()) };
    lecteur.inconnus(liste, &[element]);
    fichiers(lecteur, liste, element)
}

pub(super) fn ar_reponse(lecteur: &mut Lecteur, noeud: Node) -> Result<ArReponse, LectureError> {
    lecteur.inconnus(noeud, &["InfosCourrierPref"]);
    let date_reception = lecteur.date_requise(noeud, "DateReception")?;
    let reference = if let Some(infos) = lecteur.enfant(noeud, "InfosCourrierPref") {
        lecteur.inconnus(infos, &[]);
        reference(lecteur, infos)
    } else {
        lecteur.note(format!("{}/InfosCourrierPref", chemin(noeud)), Motif::Absent);
        CourrierPref { id_acte: Lu { brut: String::new(), valeur: None }, date: None }
    };
    Ok(ArReponse { reference, date_reception })
}

pub(super) fn defere(lecteur: &mut Lecteur, noeud: Node) -> Result<DefereTa, LectureError> {
    lecteur.inconnus(noeud, &["DateDepot", "NatureIllegalite", "PiecesJointes"]);
    let id_acte = lecteur.id_acte_de(noeud);
    let date_depot = lecteur.date_de(noeud, "DateDepot");
    let nature_illegalite = lecteur.texte_attendu(noeud, "NatureIllegalite");
    let pieces = liste_de(lecteur, noeud, "PiecesJointes", "PieceJointe")?;
    Ok(DefereTa { id_acte, date_depot, nature_illegalite, pieces })
}

pub(super) fn annulation(lecteur: &mut Lecteur, noeud: Node) -> Annulation {
    lecteur.inconnus(noeud, &[]);
    Annulation { id_acte: lecteur.id_acte_de(noeud) }
}

pub(super) fn ar_annulation(lecteur: &mut Lecteur, noeud: Node) -> Result<ArAnnulation, LectureError> {
    lecteur.inconnus(noeud, &[]);
    Ok(ArAnnulation {
        id_acte: lecteur.id_acte_de(noeud),
        date_reception: lecteur.date_requise(noeud, "DateReception")?,
    })
}
