//! A submission: announced, deposited, withdrawn, opened, decided.
//!
//! Nothing that a bidder sends is refused for being late: [`Verdict`] says so. It is computed here from when the request was
//! received, against the deadline of the consultation at that moment; for a constat from when the profile's register says
//! it came. What the law of sealing asks (threshold, keys, shares) is a verdict too, except what is impossible: opening
//! before the deadline, opening what is withdrawn, a share before the session is countersigned.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Recording;
use super::consultation::{Consultation, Seance, Verdict};
use crate::catalogue::depouillement::{DecisionCandidature, Qualification};
use crate::catalogue::pli::OperationCopie;
use crate::catalogue::{Data, PliCopieSauvegarde, PliDepose, PliEmpreinteDeposee, PliOuvert, PliPartRestituee};
use crate::event::Event;
use crate::horodatage::Horodatage;
use crate::piece::Empreinte;
use crate::refusal::{Code, Refusal};
use crate::valeur::{NumeroPhase, Rang};

/// Something that a bidder sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envoi {
    /// When it came, whole.
    pub recu_le: Horodatage,
    /// What the law says of that.
    pub verdict: Verdict,
    /// Whether the buyer states it.
    pub constat: bool,
}

/// What the events of a submission say together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pli {
    /// Its round.
    pub phase: Option<NumeroPhase>,
    /// Announced by digest.
    pub annonce: Option<Envoi>,
    /// SHA-256 of the digests announced, sorted.
    pub annonce_empreinte: Option<Empreinte>,
    /// Deposited.
    pub depot: Option<Envoi>,
    /// Whether the files deposited are those announced; none without announcement.
    pub annonce_tenue: Option<bool>,
    /// Whether it is sealed to the commission as it stands; none where the consultation has none.
    pub scellement_conforme: Option<bool>,
    /// How many shares open it.
    pub seuil: Option<Rang>,
    /// Withdrawn.
    pub retrait: Option<Envoi>,
    /// Members that gave their shares, by place.
    pub parts: Vec<Rang>,
    /// Opened; whether with enough shares given in the log.
    pub ouvert: Option<bool>,
    /// Found unreadable.
    pub illisible: bool,
    /// What it counts as.
    pub qualification: Option<Qualification>,
    /// What was decided of its application last.
    pub candidature: Option<DecisionCandidature>,
    /// Whether an offer in it is rejected.
    pub offre_rejetee: bool,
    /// Whether a rejection was told.
    pub rejet_notifie: bool,
    /// What was done with its safety copy last.
    pub copie: Option<OperationCopie>,
}

fn refuse<T>(code: Code, detail: impl Into<String>, field: &str) -> Result<T, Refusal> {
    Err(Refusal::new(code, detail).at(field))
}

impl Pli {
    pub(super) fn after(
        before: Option<&Self>,
        event: &Event,
        consultation: &Consultation,
        at: Recording,
    ) -> Result<Self, Refusal> {
        let mut pli = before.cloned().unwrap_or_default();
        match &event.data {
            Data::PliEmpreinteDeposee(data) => pli.annonce(data, consultation, at)?,
            Data::PliDepose(data) => pli.depose(data, consultation, at)?,
            Data::PliCopieSauvegarde(data) => pli.copie(data, consultation, at)?,
            _ => {
                let Some(phase) = pli.phase else {
                    return refuse(Code::PliInconnu, format!("{} was never deposited here", event.subject), "subject");
                };
                pli.suite(event, phase, consultation, at)?;
            }
        }
        Ok(pli)
    }

    /// Whether its opening has begun, so that the buyer may know what was sent: it was opened or found unreadable; or, unless
    /// it was withdrawn in time, a session of its round was announced, which is never before the deadline, and countersigned by as
    /// many members as open together.
    pub fn ouverture_commencee(&self, of: &Consultation) -> bool {
        let is_of_round = |seance: &&Seance| Some(seance.phase) == self.phase;
        let mut seances = of.seances.iter().filter(is_of_round);
        let en_seance = seances.any(|seance| seance.contreseings.len() >= of.contreseings_requis());
        self.ouvert.is_some() || self.illisible || (en_seance && self.check_non_retire().is_ok())
    }

    /// When something came: for a constat as the register says, else when the request was received.
    fn envoi(
        consultation: &Consultation,
        phase: NumeroPhase,
        stated: Option<Horodatage>,
        at: Recording,
    ) -> Result<Envoi, Refusal> {
        let recu_le = stated.unwrap_or_else(|| Horodatage::from_unix_ms(at.received_at_ms));
        let verdict = consultation.verdict(phase, recu_le.unix_ms())?;
        Ok(Envoi { recu_le, verdict, constat: stated.is_some() })
    }

    fn annonce(&mut self, data: &PliEmpreinteDeposee, of: &Consultation, at: Recording) -> Result<(), Refusal> {
        if self.annonce.is_some() || self.depot.is_some() {
            return refuse(Code::PliDejaDepose, "the submission is announced or deposited already", "subject");
        }
        of.check_lots(&data.lots)?;
        self.annonce = Some(Self::envoi(of, data.phase, data.recu_le, at)?);
        self.annonce_empreinte = Some(ensemble(data.fichiers.iter().map(|file| file.empreinte)));
        self.phase = Some(data.phase);
        Ok(())
    }

    fn depose(&mut self, data: &PliDepose, of: &Consultation, at: Recording) -> Result<(), Refusal> {
        if self.depot.is_some() {
            return refuse(Code::PliDejaDepose, "each deposit has a number of its own", "subject");
        }
        self.check_phase(data.phase)?;
        of.check_lots(&data.lots)?;
        for file in &data.fichiers {
            of.check_lots(&file.lots)?;
        }
        self.depot = Some(Self::envoi(of, data.phase, data.recu_le, at)?);
        self.phase = Some(data.phase);
        let files = ensemble(data.fichiers.iter().map(|file| file.empreinte));
        self.annonce_tenue = self.annonce_empreinte.map(|announced| announced == files);
        self.seuil = data.scellement.as_ref().map(|seal| seal.seuil);
        let conforms = || data.scellement.as_ref().is_some_and(|seal| of.scelle(seal.seuil, &seal.cles));
        self.scellement_conforme = of.quorum.is_some().then(conforms);
        Ok(())
    }

    fn check_phase(&self, phase: NumeroPhase) -> Result<(), Refusal> {
        match self.phase {
            Some(known) if known != phase => {
                refuse(Code::PhaseInconnue, format!("this submission is of the round {}", known.get()), "data.phase")
            }
            _ => Ok(()),
        }
    }

    fn copie(&mut self, data: &PliCopieSauvegarde, of: &Consultation, at: Recording) -> Result<(), Refusal> {
        self.check_phase(data.phase)?;
        of.verdict(data.phase, data.le.unix_ms())?;
        let expected = match data.operation {
            OperationCopie::Recue => None,
            OperationCopie::Ouverte | OperationCopie::Detruite => Some(OperationCopie::Recue),
        };
        if self.copie != expected {
            let known = self.copie.map_or("not there", OperationCopie::as_str);
            return refuse(Code::CopieEtat, format!("the safety copy is {known}"), "data.operation");
        }
        if data.operation == OperationCopie::Ouverte {
            of.check_echu(data.phase, at)?;
            self.check_non_retire()?;
        }
        self.copie = Some(data.operation);
        self.phase = Some(data.phase);
        Ok(())
    }

    /// What may follow once something of it is there.
    fn suite(&mut self, event: &Event, phase: NumeroPhase, of: &Consultation, at: Recording) -> Result<(), Refusal> {
        if let Data::PliRetire(data) = &event.data {
            if self.ouvert.is_some() {
                return refuse(Code::PliDejaOuvert, "what is opened is not withdrawn", "subject");
            }
            self.check_non_retire()?;
            self.retrait = Some(Self::envoi(of, phase, data.recu_le, at)?);
            return Ok(());
        }
        of.check_echu(phase, at)?;
        match &event.data {
            Data::PliPartRestituee(data) => self.part(data, phase, of)?,
            Data::PliOuvert(data) => self.ouvre(data, phase, of)?,
            Data::PliIllisible(data) => {
                of.seance(data.seance, phase)?;
                self.illisible = true;
            }
            Data::PliQualifie(data) => self.qualification = Some(data.qualification),
            Data::PliCandidatureExaminee(data) => {
                of.check_lots(&data.lots)?;
                self.candidature = Some(data.decision);
            }
            Data::PliOffreRejetee(data) => {
                of.check_lots(&data.lots)?;
                self.offre_rejetee = true;
            }
            Data::PliRejetNotifie(data) => {
                of.check_lots(&data.lots)?;
                self.rejet_notifie = true;
            }
            _ => return Err(super::wrong_family()),
        }
        Ok(())
    }

    /// A withdrawal in time ends it; a late one binds nobody.
    fn check_non_retire(&self) -> Result<(), Refusal> {
        match &self.retrait {
            Some(retrait) if retrait.verdict != Verdict::HorsDelai => {
                refuse(Code::PliRetire, format!("the submission was withdrawn on {}", retrait.recu_le), "subject")
            }
            _ => Ok(()),
        }
    }

    fn part(&mut self, data: &PliPartRestituee, phase: NumeroPhase, of: &Consultation) -> Result<(), Refusal> {
        self.check_non_retire()?;
        let rang = of.rang(data.membre)?;
        let seance = of.seance(data.seance, phase)?;
        let needed = of.contreseings_requis();
        if seance.contreseings.len() < needed {
            let detail = format!("{} of {needed} members countersigned the session", seance.contreseings.len());
            return refuse(Code::SeanceNonContresignee, detail, "data.seance");
        }
        if self.parts.contains(&rang) {
            return refuse(Code::PartDejaRestituee, "this member gave its share of this submission", "data.membre");
        }
        self.parts.push(rang);
        Ok(())
    }

    fn ouvre(&mut self, data: &PliOuvert, phase: NumeroPhase, of: &Consultation) -> Result<(), Refusal> {
        self.check_non_retire()?;
        of.seance(data.seance, phase)?;
        if self.ouvert.is_some() {
            return refuse(Code::PliDejaOuvert, "a submission is opened once", "subject");
        }
        if self.depot.is_none() && self.copie != Some(OperationCopie::Ouverte) {
            return refuse(Code::PliInconnu, "nothing of this submission is there to open", "subject");
        }
        let given = self.parts.len();
        self.ouvert = Some(self.seuil.is_none_or(|seuil| given >= usize::from(seuil.get())));
        Ok(())
    }
}

/// One digest for a set of digests.
fn ensemble(digests: impl Iterator<Item = Empreinte>) -> Empreinte {
    let mut sorted: Vec<Empreinte> = digests.collect();
    sorted.sort_unstable();
    let mut hasher = Sha256::new();
    for digest in sorted {
        hasher.update(digest.0);
    }
    Empreinte(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dossier::consultation::{EtatLot, Phase};

    fn consultation(seuil: Option<u8>, seances: &[(u8, u8)]) -> Consultation {
        let rang = |n: u8| Rang::new(n).unwrap();
        Consultation {
            phases: vec![Phase { limite: None, close: false }],
            lots: std::collections::BTreeMap::new(),
            ensemble: EtatLot::Ouvert,
            quorum: seuil.map(|seuil| (rang(seuil), rang(5))),
            commission: std::collections::BTreeMap::new(),
            seances: seances
                .iter()
                .map(|(phase, signed)| Seance {
                    id: uuid::Uuid::nil(),
                    phase: NumeroPhase::new(*phase).unwrap(),
                    contreseings: (1..=*signed).map(rang).collect(),
                })
                .collect(),
            dce: 0,
            retraits: 0,
            questions: 0,
            reponses: 0,
            tentatives: 0,
        }
    }

    #[test]
    fn an_opening_begins_with_a_session_of_the_round_that_enough_members_countersigned() {
        let pli = Pli { phase: NumeroPhase::new(1), ..Pli::default() };
        for (seuil, seances, expected) in [
            (None, &[][..], false),
            (None, &[(1, 0)], true),
            (None, &[(2, 0)], false),
            (Some(3), &[(1, 0), (1, 2), (2, 3)], false),
            (Some(3), &[(1, 2), (1, 3)], true),
        ] {
            assert_eq!(pli.ouverture_commencee(&consultation(seuil, seances)), expected, "{seuil:?} {seances:?}");
        }
        let session = consultation(None, &[(1, 0)]);
        let retrait = |verdict| Some(Envoi { recu_le: Horodatage::from_unix_ms(0), verdict, constat: false });
        let withdrawn = Pli { retrait: retrait(Verdict::EnTemps), ..pli.clone() };
        assert!(!withdrawn.ouverture_commencee(&session), "given back unopened");
        let too_late = Pli { retrait: retrait(Verdict::HorsDelai), ..pli.clone() };
        assert!(too_late.ouverture_commencee(&session));
        let none = consultation(None, &[]);
        assert!(Pli { ouvert: Some(true), ..pli.clone() }.ouverture_commencee(&none));
        assert!(Pli { illisible: true, ..pli }.ouverture_commencee(&none));
    }
}
