//! Files as pieces: how an event cites each, and what to deposit.

use greffe_events::piece::{Designation, Empreinte, Finalite, Piece, RolePiece, engagement};

use super::super::enveloppe::{Enveloppe, Referent};
use super::super::lot::Lot;
use super::super::nom::NomFichier;
use super::ADeposer;

/// A piece as the event cites it, and its bytes.
pub(super) type Fichier = (Piece, ADeposer);

/// The envelope, its contacts, and the files that nothing cites: shared by the events of a submission.
pub(super) fn communes(lot: &Lot, sel: &mut impl FnMut() -> [u8; 32]) -> Vec<Fichier> {
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

/// Public by law: cited by name and digest.
pub(super) fn publique(role: RolePiece, nom: &str, octets: Vec<u8>) -> Fichier {
    let sha256 = Empreinte::of(&octets);
    let designation = Designation::Publique { nom: nom.to_owned(), sha256 };
    fichier(role, None, Some(nom), designation, sha256, None, octets)
}

/// Anything else: cited by engagement.
pub(super) fn engagee(role: RolePiece, nom: &str, octets: Vec<u8>, sel: &mut impl FnMut() -> [u8; 32]) -> Fichier {
    let (sha256, sel) = (Empreinte::of(&octets), Empreinte(sel()));
    let designation = Designation::Engagee { engagement: engagement(&sel.0, sha256) };
    fichier(role, None, Some(nom), designation, sha256, Some(sel), octets)
}

/// Words, in a piece of their own.
pub(super) fn confidentielle(
    finalite: Finalite,
    contenu: &serde_json::Value,
    sel: &mut impl FnMut() -> [u8; 32],
) -> Fichier {
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
