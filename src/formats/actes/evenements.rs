//! What an ACTES message says, as an event to sign, with the files to deposit first.
//!
//! | message | event | who can say it |
//! |---|---|---|
//! | 1-1 Acte | `acte.transmis` | the collectivité |
//! | 1-2 ARActe, received as a file | `acte.accuse-reception` with `auteur_declare`: a *constat* | the collectivité that received it |
//!
//! What becomes of the files, so that no personal data stands in a leaf (DESIGN §§1.9, 4):
//!
//! - the act itself is public where its nature is (délibération, arrêté réglementaire, document budgétaire) and its name is
//!   the normalised one of that act; any other act, every annexe, every message and envelope is cited by engagement;
//! - the *objet* goes into a confidential piece of its own, the contacts of the envelope into another.
//!
//! Pure: the random salts come from the caller, who also deposits, signs and posts. Messages other than these two are
//! recognised and left aside, by name, until their events exist.

use greffe_events::catalogue::acte::Matiere;
use greffe_events::catalogue::{ActeAccuseReception, ActeTransmis, AuteurDeclare, Data, Qualite};
use greffe_events::horodatage::Jour;
use greffe_events::ident::{Departement, IdActe};
use greffe_events::piece::{Designation, Empreinte, Finalite, Piece, RolePiece, engagement, id_du_nom};

use super::enveloppe::{Autorite, Enveloppe, Referent};
use super::lot::{Lot, MessageDuLot, Role};
use super::message::{Acte, ArActe, CodeMessage, Message};
use super::nom::NomFichier;

/// A file to deposit before the event is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ADeposer {
    /// How the event cites it.
    pub reference: Empreinte,
    /// Digest of its bytes.
    pub sha256: Empreinte,
    /// Salt of its engagement; none for a public file.
    pub sel: Option<Empreinte>,
    /// Its original name.
    pub nom: Option<String>,
    /// Its bytes.
    pub octets: Vec<u8>,
}

/// An event to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposition {
    /// The act concerned; its dossier is the subject, its SIREN the source.
    pub id: IdActe,
    /// What to say.
    pub data: Data,
    /// What to deposit first.
    pub fichiers: Vec<ADeposer>,
}

/// What one message gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// An event.
    Evenement(Box<Proposition>),
    /// Recognised; there is no event for it yet.
    PasEncore(CodeMessage),
    /// No event can be made of it: stable code, and why.
    Impossible(&'static str, String),
}

/// Why a message gives no event: stable code and words.
type Raison = (&'static str, String);

/// What each message of a submission gives, by file name, in order. `sel` gives 32 fresh random bytes.
pub fn evenements(lot: &Lot, sel: &mut impl FnMut() -> [u8; 32]) -> Vec<(String, Issue)> {
    let mut communs = pieces_communes(lot, sel);
    lot.messages
        .iter()
        .map(|message| {
            let issue = match &message.message {
                Message::Acte(acte) => transmis(lot, message, acte, &communs, sel),
                Message::ArActe(ar) => constat(lot, message, ar, &communs, sel),
                autre => return (message.nom.clone(), Issue::PasEncore(autre.code())),
            };
            let issue = match issue {
                Ok(proposition) => {
                    // What nothing cites travels with the first event, once.
                    communs.retain(|(piece, _)| piece.role != RolePiece::Autre);
                    Issue::Evenement(Box::new(proposition))
                }
                Err((code, detail)) => Issue::Impossible(code, detail),
            };
            (message.nom.clone(), issue)
        })
        .chain(lot.refuses.iter().map(|r| (r.nom.clone(), Issue::Impossible(r.code, r.detail.clone()))))
        .collect()
}

type Fichier = (Piece, ADeposer);

/// The envelope, its contacts, and the files that nothing cites: shared by the events of a submission.
fn pieces_communes(lot: &Lot, sel: &mut impl FnMut() -> [u8; 32]) -> Vec<Fichier> {
    let mut pieces = Vec::new();
    if let Some(enveloppe) = &lot.enveloppe {
        pieces.push(engagee(RolePiece::Enveloppe, &enveloppe.nom, enveloppe.octets.clone(), sel));
        if let Some(contact) = contact(&enveloppe.enveloppe) {
            pieces.push(confidentielle(Finalite::Contact, &contact, sel));
        }
    }
    pieces.extend(lot.autres.iter().map(|autre| engagee(RolePiece::Autre, &autre.nom, autre.octets.clone(), sel)));
    pieces
}

fn contact(enveloppe: &Enveloppe) -> Option<serde_json::Value> {
    let (referent, courriels): (&Option<Referent>, &[String]) = match enveloppe {
        Enveloppe::ClMisill(enveloppe) => (&enveloppe.referent, &enveloppe.courriels_retour),
        Enveloppe::MisillCl(enveloppe) => (&enveloppe.referent, &[]),
    };
    if referent.is_none() && courriels.is_empty() {
        return None;
    }
    let referent = referent.as_ref().map(|referent| {
        serde_json::json!({ "nom": referent.nom, "telephone": referent.telephone, "courriel": referent.courriel })
    });
    Some(serde_json::json!({ "referent": referent, "courriels_retour": courriels }))
}

fn transmis(
    lot: &Lot,
    message: &MessageDuLot,
    acte: &Acte,
    communs: &[Fichier],
    sel: &mut impl FnMut() -> [u8; 32],
) -> Result<Proposition, Raison> {
    let id = identifie(message)?;
    let levels: Vec<u8> =
        acte.matieres.0.iter().map_while(|level| level.and_then(|level| u8::try_from(level).ok())).collect();
    let matiere = Matiere::new(&levels)
        .ok_or_else(|| ("matiere-illisible", format!("{:?} is no matière of 2 to 5 levels", acte.matieres.code())))?;
    let classification = acte
        .classification_date
        .map(Jour)
        .ok_or_else(|| ("classification-absente", "ClassificationDateVersion is missing".to_owned()))?;
    let mut pieces = Vec::new();
    for fichier in &message.documents {
        let role = match fichier.role {
            Role::Document => RolePiece::Acte,
            Role::Annexe => RolePiece::Annexe,
        };
        let is_public =
            role == RolePiece::Acte && id.nature.is_public() && id_du_nom(&fichier.nom).as_ref() == Some(&id);
        pieces.push(if is_public {
            publique(role, &fichier.nom, fichier.octets.clone())
        } else {
            engagee(role, &fichier.nom, fichier.octets.clone(), sel)
        });
    }
    pieces.push(engagee(RolePiece::Message, &message.nom, message.octets.clone(), sel));
    pieces.push(confidentielle(Finalite::Objet, &serde_json::json!({ "objet": acte.objet }), sel));
    pieces.extend_from_slice(communs);
    let arrondissement = match lot.enveloppe.as_ref().map(|enveloppe| &enveloppe.enveloppe) {
        Some(Enveloppe::ClMisill(enveloppe)) => enveloppe.emetteur.arrondissement.valeur,
        Some(Enveloppe::MisillCl(_)) | None => None,
    };
    let (pieces, fichiers) = separe(pieces);
    let precedent = acte.precedent.as_ref().and_then(|precedent| precedent.valeur.clone());
    let document_papier = acte.document_papier;
    let data = ActeTransmis { matiere, classification, arrondissement, precedent, document_papier, pieces };
    data.check(&id).map_err(|refusal| ("acte-impropre", refusal.to_string()))?;
    Ok(Proposition { id, data: data.into(), fichiers })
}

fn constat(
    lot: &Lot,
    message: &MessageDuLot,
    ar: &ArActe,
    communs: &[Fichier],
    sel: &mut impl FnMut() -> [u8; 32],
) -> Result<Proposition, Raison> {
    let id = identifie(message)?;
    let mut pieces = vec![engagee(RolePiece::Message, &message.nom, message.octets.clone(), sel)];
    pieces.extend(
        message.documents.iter().map(|fichier| engagee(RolePiece::Autre, &fichier.nom, fichier.octets.clone(), sel)),
    );
    pieces.extend_from_slice(communs);
    let emetteur = match lot.enveloppe.as_ref().map(|enveloppe| &enveloppe.enveloppe) {
        Some(Enveloppe::MisillCl(enveloppe)) => Some(&enveloppe.emetteur),
        Some(Enveloppe::ClMisill(_)) | None => None,
    };
    let (pieces, fichiers) = separe(pieces);
    let data = ActeAccuseReception {
        date_reception: Jour(ar.date_reception),
        classification_en_cours: ar.classification_en_cours.map(Jour),
        auteur_declare: Some(auteur_declare(emetteur, id.departement)),
        pieces,
    };
    data.check().map_err(|refusal| ("accuse-impropre", refusal.to_string()))?;
    Ok(Proposition { id, data: data.into(), fichiers })
}

/// Who the envelope says wrote; without one, the prefecture of the act's département.
fn auteur_declare(emetteur: Option<&Autorite>, departement_acte: Departement) -> AuteurDeclare {
    let (qualite, arrondissement) = match emetteur {
        Some(Autorite::Sgar(_)) => (Qualite::Sgar, None),
        Some(Autorite::Prefecture(_)) | None => (Qualite::Prefecture, None),
        Some(Autorite::SousPrefecture { arrondissement, .. }) => (Qualite::SousPrefecture, arrondissement.valeur),
    };
    let departement = emetteur.and_then(|emetteur| emetteur.departement().valeur).unwrap_or(departement_acte);
    AuteurDeclare { qualite, departement, arrondissement }
}

fn identifie(message: &MessageDuLot) -> Result<IdActe, Raison> {
    message.id_acte.clone().ok_or_else(|| {
        (
            "acte-non-identifie",
            format!("{}: SIREN or département can't be read, so the act has no identifier", message.nom),
        )
    })
}

fn separe(pieces: Vec<Fichier>) -> (Vec<Piece>, Vec<ADeposer>) {
    pieces.into_iter().unzip()
}

fn publique(role: RolePiece, nom: &str, octets: Vec<u8>) -> Fichier {
    let sha256 = Empreinte::of(&octets);
    let designation = Designation::Publique { nom: nom.to_owned(), sha256 };
    fichier(role, None, Some(nom), designation, sha256, None, octets)
}

fn engagee(role: RolePiece, nom: &str, octets: Vec<u8>, sel: &mut impl FnMut() -> [u8; 32]) -> Fichier {
    let (sha256, sel) = (Empreinte::of(&octets), Empreinte(sel()));
    let designation = Designation::Engagee { engagement: engagement(&sel.0, sha256) };
    fichier(role, None, Some(nom), designation, sha256, Some(sel), octets)
}

fn confidentielle(finalite: Finalite, contenu: &serde_json::Value, sel: &mut impl FnMut() -> [u8; 32]) -> Fichier {
    let octets = contenu.to_string().into_bytes();
    let (sha256, sel) = (Empreinte::of(&octets), Empreinte(sel()));
    let designation = Designation::Engagee { engagement: engagement(&sel.0, sha256) };
    fichier(RolePiece::Confidentiel, Some(finalite), None, designation, sha256, Some(sel), octets)
}

fn fichier(
    role: RolePiece,
    finalite: Option<Finalite>,
    nom: Option<&str>,
    designation: Designation,
    sha256: Empreinte,
    sel: Option<Empreinte>,
    octets: Vec<u8>,
) -> Fichier {
    let media_type = match nom.and_then(|nom| nom.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase())
    {
        None => "application/json",
        Some(extension) => match extension.as_str() {
            "pdf" => "application/pdf",
            "xml" => "application/xml",
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            _ => "application/octet-stream",
        },
    };
    let typologie =
        nom.and_then(NomFichier::parse).and_then(|nom| nom.type_pj).map(|type_pj| type_pj.as_str().to_owned());
    let piece = Piece {
        role,
        finalite,
        media_type: media_type.to_owned(),
        typologie,
        taille: octets.len() as u64,
        designation,
    };
    let a_deposer = ADeposer { reference: piece.reference(), sha256, sel, nom: nom.map(ToOwned::to_owned), octets };
    (piece, a_deposer)
}
