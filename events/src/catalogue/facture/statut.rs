//! The statuses of an invoice that are known here, of both lists, and what each does.
//!
//! The codes are those of Chorus Pro and of CDAR. Who says what and how far it brings an invoice is a table of **ours**: no
//! official mapping between the two lists is published. A code that stands on the official list without a published
//! meaning is known and moves nothing.

use super::{FactureStatut, ListeStatuts};
use crate::forme::vocabulaire;

/// Whose deed a status is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auteur {
    /// The seller.
    Vendeur,
    /// The buyer.
    Acheteur,
    /// The accountant that the buyer named.
    Comptable,
    /// A platform between them, which has no voice here: always a constat.
    Plateforme,
}

impl Auteur {
    /// Those who can speak here: of a status that is not known, any of them.
    pub const PARTIES: &'static [Self] = &[Self::Vendeur, Self::Acheteur, Self::Comptable];
}

vocabulaire! {
    /// How far an invoice has come, in the order of business. Messages come in any order; the farthest counts.
    pub enum Avancement {
        /// Handed in.
        Deposee = "deposee",
        /// On its way.
        Acheminee = "acheminee",
        /// At the buyer's disposal: the payment delay starts (CCP R2192-10).
        MiseADisposition = "mise-a-disposition",
        /// The buyer looks at it.
        PriseEnCharge = "prise-en-charge",
        /// Approved, in whole or in part.
        Approuvee = "approuvee",
        /// Service fait.
        ServiceFait = "service-fait",
        /// Mandat issued.
        Mandatee = "mandatee",
        /// At the accountant's disposal.
        MiseADispositionComptable = "mise-a-disposition-comptable",
        /// In the accounts.
        Comptabilisee = "comptabilisee",
        /// Being paid.
        MiseEnPaiement = "mise-en-paiement",
        /// Cashed by the seller.
        Encaissee = "encaissee",
    }
}

/// What a status does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effet {
    /// Brings the invoice at least that far.
    Avance(Avancement),
    /// Suspends the payment delay.
    Suspend,
    /// Ends a suspension: what was missing is there.
    Reprend,
    /// Sent back, to be handed in again under the same number.
    Recycle,
    /// Refused or rejected.
    Rejette,
    /// Given up or cancelled.
    Abandonne,
    /// Disputed.
    Conteste,
    /// Nothing that is known here.
    Aucun,
}

/// One known status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statut {
    /// Of which list.
    pub liste: ListeStatuts,
    /// Its code.
    pub code: &'static str,
    /// Whose own word it can be; anybody else states a file.
    pub auteurs: &'static [Auteur],
    /// What it does.
    pub effet: Effet,
    /// Whether a reason is compulsory.
    pub motif_obligatoire: bool,
}

use Auteur::{Acheteur, Comptable, Plateforme, Vendeur};
use Avancement as A;
use Effet::{Abandonne, Aucun, Avance, Conteste, Recycle, Rejette, Reprend, Suspend};

const CHACUN: &[Auteur] = Auteur::PARTIES;

const fn chorus(code: &'static str, auteurs: &'static [Auteur], effet: Effet, motif_obligatoire: bool) -> Statut {
    Statut { liste: ListeStatuts::Chorus, code, auteurs, effet, motif_obligatoire }
}

const fn cdar(code: &'static str, auteurs: &'static [Auteur], effet: Effet, motif_obligatoire: bool) -> Statut {
    Statut { liste: ListeStatuts::Cdar, code, auteurs, effet, motif_obligatoire }
}

/// Type of the amount that an encaissement must carry (CDAR, 212).
const MONTANT_ENCAISSE: &str = "MEN";

impl Statut {
    /// All of them.
    pub const CONNUS: &'static [Self] = &[
        chorus("DEPOSEE", &[Vendeur], Avance(A::Deposee), false),
        chorus("EN_COURS_ACHEMINEMENT", &[Plateforme], Avance(A::Acheminee), false),
        chorus("MISE_A_DISPOSITION", &[Plateforme], Avance(A::MiseADisposition), false),
        chorus("A_RECYCLER", &[Plateforme, Acheteur], Recycle, false),
        chorus("REJETEE", &[Plateforme, Acheteur], Rejette, true),
        chorus("SUSPENDUE", &[Acheteur], Suspend, true),
        chorus("COMPLETEE", &[Vendeur], Reprend, false),
        chorus("SERVICE_FAIT", &[Acheteur], Avance(A::ServiceFait), false),
        chorus("MANDATEE", &[Acheteur], Avance(A::Mandatee), false),
        chorus("MISE_A_DISPOSITION_COMPTABLE", &[Acheteur, Comptable], Avance(A::MiseADispositionComptable), false),
        chorus("COMPTABILISEE", &[Comptable], Avance(A::Comptabilisee), false),
        chorus("MISE_EN_PAIEMENT", &[Comptable], Avance(A::MiseEnPaiement), false),
        chorus("ABANDONNEE", &[Vendeur, Acheteur], Abandonne, false),
        cdar("200", &[Vendeur], Avance(A::Deposee), false),
        cdar("201", &[Vendeur], Avance(A::Acheminee), false),
        cdar("202", &[Plateforme, Acheteur], Avance(A::Acheminee), false),
        cdar("203", &[Plateforme, Acheteur], Avance(A::MiseADisposition), false),
        cdar("204", &[Acheteur], Avance(A::PriseEnCharge), false),
        cdar("205", &[Acheteur], Avance(A::Approuvee), false),
        cdar("206", &[Acheteur], Avance(A::Approuvee), true),
        cdar("207", &[Acheteur], Conteste, true),
        cdar("208", &[Acheteur], Suspend, true),
        cdar("209", &[Vendeur], Reprend, false),
        cdar("210", &[Acheteur], Rejette, true),
        cdar("211", &[Acheteur, Comptable], Avance(A::MiseEnPaiement), false),
        cdar("212", &[Vendeur], Avance(A::Encaissee), false),
        cdar("213", &[Plateforme], Rejette, true),
        cdar("214", &[Acheteur], Aucun, false),
        cdar("220", &[Vendeur], Abandonne, false),
        cdar("221", CHACUN, Aucun, false),
        cdar("224", CHACUN, Aucun, false),
        cdar("225", CHACUN, Aucun, false),
        cdar("226", CHACUN, Aucun, false),
        cdar("227", CHACUN, Aucun, false),
        cdar("228", CHACUN, Aucun, false),
        cdar("250", CHACUN, Aucun, false),
        cdar("251", CHACUN, Aucun, false),
        cdar("300", CHACUN, Aucun, false),
        cdar("301", CHACUN, Aucun, false),
        cdar("400", CHACUN, Aucun, false),
        cdar("401", CHACUN, Aucun, false),
        cdar("500", CHACUN, Aucun, false),
        cdar("501", CHACUN, Aucun, true),
        cdar("601", CHACUN, Aucun, false),
    ];
}

vocabulaire! {
    /// What a status lacks: recorded with it, never refused.
    pub enum EcartStatut {
        /// Its list does not hold the code here.
        StatutInconnu = "statut-inconnu",
        /// A compulsory reason is missing.
        MotifAbsent = "motif-absent",
        /// A compulsory amount is missing.
        MontantAbsent = "montant-absent",
    }
}

impl FactureStatut {
    /// The status, where it is known here.
    pub fn connu(&self) -> Option<&'static Statut> {
        Statut::CONNUS.iter().find(|statut| statut.liste == self.liste && statut.code == self.code.as_str())
    }

    /// Its verdict: what it lacks.
    pub fn ecarts(&self) -> Vec<EcartStatut> {
        let Some(statut) = self.connu() else { return vec![EcartStatut::StatutInconnu] };
        let mut ecarts = Vec::new();
        if statut.motif_obligatoire && self.motifs.is_empty() {
            ecarts.push(EcartStatut::MotifAbsent);
        }
        let is_cashed = (statut.liste, statut.code) == (ListeStatuts::Cdar, "212");
        if is_cashed && !self.montants.iter().any(|amount| amount.type_montant.as_str() == MONTANT_ENCAISSE) {
            ecarts.push(EcartStatut::MontantAbsent);
        }
        ecarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_whole_and_no_code_stands_twice() {
        let count = |liste| Statut::CONNUS.iter().filter(|statut| statut.liste == liste).count();
        assert_eq!((count(ListeStatuts::Chorus), count(ListeStatuts::Cdar)), (13, 31));
        for (at, statut) in Statut::CONNUS.iter().enumerate() {
            let twice = Statut::CONNUS[..at].iter().any(|s| (s.liste, s.code) == (statut.liste, statut.code));
            assert!(!twice && !statut.auteurs.is_empty(), "{statut:?}");
        }
        let with_reason: Vec<_> = Statut::CONNUS.iter().filter(|s| s.motif_obligatoire).map(|s| s.code).collect();
        assert_eq!(with_reason, ["REJETEE", "SUSPENDUE", "206", "207", "208", "210", "213", "501"]);
    }
}
