//! Who speaks an event of a family of exchanges: one signature, by a key of the source with the role of the deed.
//!
//! A party says its own deed. What another said is a *constat* (`auteur_declare`) of an owner of the dossier, who received the
//! file. An accountant speaks of a flow or invoice whose owner named it: that stands in the dossier, so the life cycle
//! judges it.

use crate::catalogue::facture::Auteur;
use crate::catalogue::{Data, Famille, Role};
use crate::event::{DossierId, Event};
use crate::ident::{IdConsultation, IdFacture, IdPli, Organisation};
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

/// Whose word an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parole {
    /// The role that a key of the source needs.
    pub role: Role,
    /// The family that the source may let another sign for it; none where it speaks itself or not at all.
    pub delegable: Option<Famille>,
    /// Those whose word it can be. Any other source is refused; but a constat may come from an organisation to which one of
    /// them delegated the family.
    pub titulaires: Vec<Organisation>,
    /// Whether the source only states what a file from somebody else says.
    pub est_constat: bool,
    /// The one key of the source that may sign: a member of a commission speaks for itself.
    pub signataire: Option<KeyId>,
}

/// Whose word it is; refused where nobody may say it so.
pub fn parole(event: &Event) -> Result<Parole, Refusal> {
    match &event.dossier {
        DossierId::Acte(id) => {
            let collectivite = Organisation::Siren(id.siren);
            match &event.data {
                Data::ActeAccuseReception(_)
                | Data::ActeAnomalie(_)
                | Data::ActeAnnulationAcquittee(_)
                | Data::ActeCourrierSimple(_)
                | Data::ActeDemandePieces(_)
                | Data::ActeAccusePieces(_)
                | Data::ActeLettreObservations(_)
                | Data::ActeAccuseReponseObservations(_)
                | Data::ActeDefere(_)
                    if !event.data.is_constat() =>
                {
                    Ok(en_propre(event, Role::Prefecture(id.departement)))
                }
                _ => Ok(titulaire(event, Famille::Actes, vec![(collectivite, Role::Collectivite)])),
            }
        }
        DossierId::Examen(id) => Ok(en_propre(event, Role::Prefecture(id.departement))),
        DossierId::Quarantaine(id) => {
            Ok(titulaire(event, Famille::Actes, vec![(id.titulaire.clone(), Role::Collectivite)]))
        }
        DossierId::Classification(owner) => Ok(classification(event, owner)),
        DossierId::Flux(id) => {
            let collectivite = Organisation::Siren(id.budget.siren());
            match &event.data {
                Data::FluxTransmis(_) => {}
                _ if event.data.is_constat() => {}
                _ => return Ok(en_propre(event, Role::Comptable)),
            }
            Ok(titulaire(event, Famille::Comptabilite, vec![(collectivite, Role::Collectivite)]))
        }
        DossierId::Facture(id) => facture(event, id),
        DossierId::Consultation(id) => Ok(consultation(event, id)),
        DossierId::Pli(id) => Ok(pli(event, id)),
        DossierId::Registre(_) | DossierId::Adherent(_) | DossierId::Piece(..) => {
            Err(Refusal::new(Code::AttributeInvalid, "the subject is not of a family of exchanges").at("subject"))
        }
    }
}

/// The source's own word, which nobody says for it.
fn en_propre(event: &Event, role: Role) -> Parole {
    let titulaires = vec![event.source.clone()];
    Parole { role, delegable: None, titulaires, est_constat: false, signataire: None }
}

/// The word of one of these owners, each in its role.
fn titulaire(event: &Event, famille: Famille, owners: Vec<(Organisation, Role)>) -> Parole {
    let own = owners.iter().find(|(owner, _)| *owner == event.source);
    // Of a source that owns nothing, the role is not asked for: it is refused, or carries files.
    let role = own.or(owners.first()).map_or(Role::Collectivite, |(_, role)| *role);
    let titulaires = owners.into_iter().map(|(owner, _)| owner).collect();
    Parole { role, delegable: Some(famille), titulaires, est_constat: event.data.is_constat(), signataire: None }
}

/// A prefecture publishes its own; what a collectivité received from one is a constat.
fn classification(event: &Event, owner: &Organisation) -> Parole {
    let departement = match &event.data {
        Data::ClassificationPubliee(data) if data.auteur_declare.is_none() => Some(data.departement),
        Data::ClassificationInchangee(data) if data.auteur_declare.is_none() => Some(data.departement),
        _ => None,
    };
    match departement {
        Some(departement) => {
            Parole { titulaires: vec![owner.clone()], ..en_propre(event, Role::Prefecture(departement)) }
        }
        None => titulaire(event, Famille::Actes, vec![(owner.clone(), Role::Collectivite)]),
    }
}

fn facture(event: &Event, id: &IdFacture) -> Result<Parole, Refusal> {
    let vendeur = (id.vendeur.clone(), Role::Fournisseur);
    let acheteur = (id.acheteur.clone(), Role::Collectivite);
    let owners = match &event.data {
        // What reached the buyer, the buyer states; the seller says its own deed.
        Data::FactureDeposee(data) if data.auteur_declare.is_some() => vec![acheteur],
        Data::FactureDeposee(_) => vec![vendeur],
        _ if event.data.is_constat() => vec![vendeur, acheteur],
        Data::FactureStatut(data) => {
            let known = data.connu().map_or(Auteur::PARTIES, |statut| statut.auteurs);
            let mut owners = vec![vendeur, acheteur];
            let is_owner = owners.iter().any(|(owner, _)| *owner == event.source);
            if !is_owner && known.contains(&Auteur::Comptable) {
                return Ok(en_propre(event, Role::Comptable));
            }
            owners.retain(|(_, role)| match role {
                Role::Fournisseur => known.contains(&Auteur::Vendeur),
                _ => known.contains(&Auteur::Acheteur),
            });
            if is_owner && !owners.iter().any(|(owner, _)| *owner == event.source) {
                let detail = format!("{} is another's deed: state the file that says so", data.code.as_str());
                return Err(Refusal::new(Code::ConstatRequis, detail).at("data.auteur_declare"));
            }
            owners
        }
        _ => return Ok(en_propre(event, Role::Comptable)),
    };
    Ok(titulaire(event, Famille::Comptabilite, owners))
}

fn consultation(event: &Event, id: &IdConsultation) -> Parole {
    let acheteur = vec![(id.acheteur.clone(), Role::Acheteur)];
    let is_buyer = event.source == id.acheteur;
    match &event.data {
        Data::ConsultationDceRetire(_) | Data::ConsultationQuestionPosee(_) if !event.data.is_constat() => {
            bidder(event, &event.source)
        }
        Data::ConsultationTentativeRefusee(data) if !is_buyer => match &data.soumissionnaire {
            Some(bidder_named) => bidder(event, bidder_named),
            None => titulaire(event, Famille::Marches, acheteur),
        },
        Data::ConsultationCleCommission(data) => member(event, acheteur, data.membre),
        Data::ConsultationSeanceContresignee(data) => member(event, acheteur, data.membre),
        _ => titulaire(event, Famille::Marches, acheteur),
    }
}

fn pli(event: &Event, id: &IdPli) -> Parole {
    let acheteur = vec![(id.consultation.acheteur.clone(), Role::Acheteur)];
    match &event.data {
        // The bidder never states when its own submission came: only the buyer's profile does.
        Data::PliEmpreinteDeposee(_) | Data::PliDepose(_) | Data::PliRetire(_) if !event.data.is_constat() => {
            bidder(event, &id.soumissionnaire)
        }
        Data::PliPartRestituee(data) => member(event, acheteur, data.membre),
        _ => titulaire(event, Famille::Marches, acheteur),
    }
}

fn bidder(event: &Event, organisation: &Organisation) -> Parole {
    titulaire(event, Famille::Marches, vec![(organisation.clone(), Role::Soumissionnaire)])
}

fn member(event: &Event, owners: Vec<(Organisation, Role)>, key: KeyId) -> Parole {
    Parole { delegable: None, signataire: Some(key), ..titulaire(event, Famille::Marches, owners) }
}
