//! An invoice: handed in, moved by statuses in any order, paid.
//!
//! Hélios posts some statuses by itself, so a MANDATEE may come after a MISE_EN_PAIEMENT. Each status is joined into the
//! state (the farthest advance, the latest suspension, …), so the business state is the same whatever the order; the order
//! itself is the log's. Statuses and payments may come before the deposit: an owner's event opens the dossier.

use serde::{Deserialize, Serialize};

use super::compte;
use crate::catalogue::facture::{Avancement, Effet, NaturePaiement};
use crate::catalogue::{Data, FacturePaiement, FactureStatut};
use crate::event::{DossierId, Event};
use crate::horodatage::Horodatage;
use crate::ident::Organisation;
use crate::refusal::{Code, Refusal};

/// What the events of an invoice say together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facture {
    /// Deposits in the seller's own word.
    pub depots_signes: u32,
    /// Deposits as the buyer states them.
    pub depots_constates: u32,
    /// Sent back or rejected as often: each admits one more deposit under the same number.
    pub renvois: u32,
    /// The accountant that the buyer named last.
    pub comptable: Option<Organisation>,
    /// What the statuses say together.
    pub metier: Metier,
    /// How many statuses came.
    pub statuts: u32,
    /// Paid of the invoice itself and its advances, in cents; corrections count negative.
    pub paye_centimes: i64,
    /// How many payments came.
    pub paiements: u32,
}

/// What statuses say together, whatever their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metier {
    /// The farthest advance.
    pub avancement: Option<Avancement>,
    /// The latest suspension.
    pub suspendue_le: Option<Horodatage>,
    /// The latest end of a suspension.
    pub reprise_le: Option<Horodatage>,
    /// Sent back, to be handed in again.
    pub a_recycler_le: Option<Horodatage>,
    /// Refused or rejected.
    pub rejetee_le: Option<Horodatage>,
    /// Given up or cancelled.
    pub abandonnee_le: Option<Horodatage>,
    /// Disputed.
    pub contestee_le: Option<Horodatage>,
    /// The latest advance, by when it took effect.
    pub avancee_le: Option<Horodatage>,
    /// Statuses that their list does not hold here.
    pub inconnus: u32,
}

/// The business state of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtatFacture {
    /// Nothing said yet.
    SansStatut,
    /// As far as that.
    En(Avancement),
    /// Suspended.
    Suspendue,
    /// Sent back.
    ARecycler,
    /// Refused or rejected.
    Rejetee,
    /// Given up or cancelled.
    Abandonnee,
}

impl Facture {
    pub(super) fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let mut facture = before.cloned().unwrap_or_default();
        match &event.data {
            Data::FactureDeposee(_) => {
                let is_constat = event.data.is_constat();
                let place = if is_constat { &mut facture.depots_constates } else { &mut facture.depots_signes };
                if *place > facture.renvois {
                    let detail = format!("{} is handed in already, and was not sent back since", event.subject);
                    return Err(Refusal::new(Code::FactureDejaDeposee, detail).at("subject"));
                }
                compte(place);
            }
            Data::FactureStatut(data) => facture.statut(event, data)?,
            Data::FacturePaiement(data) => {
                facture.check_comptable(event)?;
                facture.paie(data);
            }
            _ => return Err(super::wrong_family()),
        }
        Ok(facture)
    }

    /// Owners speak by themselves; anybody else is the accountant that the buyer named.
    fn check_comptable(&self, event: &Event) -> Result<(), Refusal> {
        let is_owner =
            matches!(event.data, Data::FactureStatut(_)) && event.dossier.titulaires().contains(&event.source);
        if event.data.is_constat() || is_owner || self.comptable.as_ref() == Some(&event.source) {
            return Ok(());
        }
        let detail = format!("the buyer of {} did not name {} as its accountant", event.subject, event.source);
        Err(Refusal::new(Code::ComptableNonDesigne, detail).at("source"))
    }

    fn statut(&mut self, event: &Event, data: &FactureStatut) -> Result<(), Refusal> {
        self.check_comptable(event)?;
        if let Some(comptable) = &data.comptable {
            let is_buyer = matches!(&event.dossier, DossierId::Facture(id) if id.acheteur == event.source);
            if !is_buyer {
                return Err(Refusal::new(Code::NotOwner, "the buyer names its accountant").at("data.comptable"));
            }
            self.comptable = Some(comptable.clone());
        }
        compte(&mut self.statuts);
        if matches!(data.connu().map(|statut| statut.effet), Some(Effet::Recycle | Effet::Rejette)) {
            compte(&mut self.renvois);
        }
        self.metier.joint(data);
        Ok(())
    }

    fn paie(&mut self, data: &FacturePaiement) {
        compte(&mut self.paiements);
        if matches!(data.nature, NaturePaiement::Principal | NaturePaiement::Avance | NaturePaiement::RetenueGarantie) {
            self.paye_centimes = self.paye_centimes.saturating_add(data.montant.centimes());
        }
    }
}

impl Metier {
    /// Takes one status in: each field only ever grows, so the order is nothing.
    fn joint(&mut self, data: &FactureStatut) {
        let Some(statut) = data.connu() else { return compte(&mut self.inconnus) };
        let place = match statut.effet {
            Effet::Avance(advance) => {
                self.avancement = self.avancement.max(Some(advance));
                &mut self.avancee_le
            }
            Effet::Suspend => &mut self.suspendue_le,
            Effet::Reprend => &mut self.reprise_le,
            Effet::Recycle => &mut self.a_recycler_le,
            Effet::Rejette => &mut self.rejetee_le,
            Effet::Abandonne => &mut self.abandonnee_le,
            Effet::Conteste => &mut self.contestee_le,
            Effet::Aucun => return,
        };
        *place = (*place).max(Some(data.survenu_le));
    }

    /// Where the invoice stands. A payment under way outweighs everything; a rejection or return holds until a later advance;
    /// a suspension until its end or the mandatement, after which none is possible (CCP R2192-27).
    pub fn etat(&self) -> EtatFacture {
        let advance = self.avancement.map_or(EtatFacture::SansStatut, EtatFacture::En);
        if self.avancement >= Some(Avancement::MiseEnPaiement) {
            return advance;
        }
        if self.abandonnee_le.is_some() {
            return EtatFacture::Abandonnee;
        }
        if self.rejetee_le.is_some() && self.rejetee_le >= self.avancee_le {
            return EtatFacture::Rejetee;
        }
        if self.a_recycler_le.is_some() && self.a_recycler_le >= self.avancee_le {
            return EtatFacture::ARecycler;
        }
        let is_suspended = self.suspendue_le > self.reprise_le && self.avancement < Some(Avancement::Mandatee);
        if is_suspended { EtatFacture::Suspendue } else { advance }
    }
}
