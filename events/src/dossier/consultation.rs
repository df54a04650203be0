//! A tender: rounds with their deadlines, the commission and its sessions, its lots. Submissions have dossiers of their own,
//! which ask this one for deadlines, sessions and members.
//!
//! A deadline is judged by when an extension was *recorded*; a submission by when its request was *received*, which is never
//! later. So no submission recorded before an extension can have been late under the deadline it extends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Recording, compte};
use crate::catalogue::commission::Garde;
use crate::catalogue::{
    ConsultationCleCommission, ConsultationCreee, ConsultationDelaiReporte, ConsultationSeanceContresignee,
    ConsultationSeanceOuverte, Data,
};
use crate::event::Event;
use crate::forme::vocabulaire;
use crate::horodatage::Horodatage;
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};
use crate::valeur::{CleChiffrement, NumeroLot, NumeroPhase, Rang};

/// Most sessions of one consultation: the state holds each with its countersignatures.
pub const SEANCES_MAX: usize = 64;

/// A round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its deadline, as extended; none without publicity.
    pub limite: Option<Horodatage>,
    /// Whether the buyer closed it.
    pub close: bool,
}

/// A member of the opening commission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membre {
    /// The enrolled key with which it speaks.
    pub cle: KeyId,
    /// The key to which its shares are sealed.
    pub chiffrement: CleChiffrement,
    /// Whether that key is in escrow.
    pub sequestre: bool,
}

/// A session of opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seance {
    /// Id of the event that announced it.
    pub id: Uuid,
    /// Of which round.
    pub phase: NumeroPhase,
    /// Members that countersigned it, by place.
    pub contreseings: Vec<Rang>,
}

vocabulaire! {
    /// How far a lot has come, in the order of business.
    pub enum EtatLot {
        /// Nothing decided.
        Ouvert = "ouvert",
        /// Bore nothing.
        Infructueux = "infructueux",
        /// Given up.
        SansSuite = "sans-suite",
        /// Awarded.
        Attribue = "attribue",
        /// Contract signed.
        Signe = "signe",
        /// Contract notified.
        Notifie = "notifie",
    }

    /// What the law says of when something came.
    pub enum Verdict {
        /// In time.
        EnTemps = "en-temps",
        /// After the deadline.
        HorsDelai = "hors-delai",
        /// The round has no deadline.
        SansDelai = "sans-delai",
        /// The consultation had ended, all its lots given up or fruitless.
        ConsultationTerminee = "consultation-terminee",
    }
}

/// What the events of a consultation say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// Its rounds, in order: at most 16.
    pub phases: Vec<Phase>,
    /// Its lots; none where it is not divided: at most 300.
    pub lots: BTreeMap<NumeroLot, EtatLot>,
    /// The whole, where it is not divided.
    pub ensemble: EtatLot,
    /// Threshold and number of members of its commission.
    pub quorum: Option<(Rang, Rang)>,
    /// Members that gave their keys, by place: at most 32.
    pub commission: BTreeMap<Rang, Membre>,
    /// Its sessions: at most [`SEANCES_MAX`].
    pub seances: Vec<Seance>,
    /// Newest version of the DCE; 0 before the first.
    pub dce: u16,
    /// How often the DCE was taken.
    pub retraits: u32,
    /// Questions.
    pub questions: u32,
    /// Answers.
    pub reponses: u32,
    /// Failed attempts told.
    pub tentatives: u32,
}

fn refuse<T>(code: Code, detail: impl Into<String>, field: &str) -> Result<T, Refusal> {
    Err(Refusal::new(code, detail).at(field))
}

impl Consultation {
    pub(super) fn after(before: Option<&Self>, event: &Event, at: Recording) -> Result<Self, Refusal> {
        if let Data::ConsultationCreee(data) = &event.data {
            return match before {
                None => Ok(Self::creee(data)),
                Some(_) => {
                    refuse(Code::ConsultationDejaCreee, format!("{} was created already", event.subject), "subject")
                }
            };
        }
        let mut after = before.cloned().ok_or_else(|| inconnue(event))?;
        match &event.data {
            Data::ConsultationAvisPublie(_) => {}
            Data::ConsultationDcePublie(data) => after.dce(data.version.get())?,
            Data::ConsultationDceModifie(data) => {
                if after.dce == 0 {
                    return refuse(Code::VersionDce, "no DCE is published yet", "data.version");
                }
                after.dce(data.version.get())?;
            }
            Data::ConsultationDceRetire(data) => {
                if data.version.get() > after.dce {
                    return refuse(Code::VersionDce, format!("the newest version is {}", after.dce), "data.version");
                }
                compte(&mut after.retraits);
            }
            Data::ConsultationQuestionPosee(_) => compte(&mut after.questions),
            Data::ConsultationReponsePubliee(_) => compte(&mut after.reponses),
            Data::ConsultationTentativeRefusee(data) => {
                after.phase(data.phase)?;
                compte(&mut after.tentatives);
            }
            Data::ConsultationDelaiReporte(data) => after.reporte(data, at)?,
            Data::ConsultationPhaseOuverte(data) => {
                if usize::from(data.phase.get()) != after.phases.len() + 1 {
                    let detail = format!("the next round is {}", after.phases.len() + 1);
                    return refuse(Code::PhaseInconnue, detail, "data.phase");
                }
                after.phases.push(Phase { limite: Some(data.date_limite), close: false });
            }
            Data::ConsultationCleCommission(data) => after.inscrit(data, at)?,
            Data::ConsultationClose(data) => {
                after.check_echu(data.phase, at)?;
                let phase = after.phase_mut(data.phase)?;
                if std::mem::replace(&mut phase.close, true) {
                    let detail = format!("the round {} is closed already", data.phase.get());
                    return refuse(Code::PhaseDejaClose, detail, "data.phase");
                }
            }
            Data::ConsultationSeanceOuverte(data) => after.ouvre(event.id, data, at)?,
            Data::ConsultationSeanceContresignee(data) => after.contresigne(data)?,
            Data::ConsultationAttribuee(data) => {
                let last = NumeroPhase::new(u8::try_from(after.phases.len()).unwrap_or(u8::MAX));
                if let Some(last) = last {
                    after.check_echu(last, at)?;
                }
                after.avance(data.lot, &[EtatLot::Ouvert, EtatLot::Attribue], EtatLot::Attribue)?;
            }
            Data::ConsultationSignee(data) => after.avance(data.lot, CONCLUS, EtatLot::Signe)?,
            Data::ConsultationNotifiee(data) => after.avance(data.lot, CONCLUS, EtatLot::Notifie)?,
            Data::ConsultationDonneesPubliees(data) => after.avance(data.lot, CONCLUS, EtatLot::Attribue)?,
            Data::ConsultationModifiee(data) => after.avance(data.lot, &CONCLUS[1..], EtatLot::Attribue)?,
            Data::ConsultationSansSuite(data) => {
                after.termine(
                    &data.lots,
                    &[EtatLot::Ouvert, EtatLot::Infructueux, EtatLot::Attribue],
                    EtatLot::SansSuite,
                )?;
            }
            Data::ConsultationInfructueuse(data) => {
                after.termine(&data.lots, &[EtatLot::Ouvert], EtatLot::Infructueux)?;
            }
            _ => return Err(super::wrong_family()),
        }
        Ok(after)
    }

    fn creee(data: &ConsultationCreee) -> Self {
        Self {
            phases: vec![Phase { limite: data.date_limite, close: false }],
            lots: data.lots.iter().map(|lot| (lot.numero, EtatLot::Ouvert)).collect(),
            ensemble: EtatLot::Ouvert,
            quorum: data.quorum.as_ref().map(|quorum| (quorum.seuil, quorum.membres)),
            commission: BTreeMap::new(),
            seances: Vec::new(),
            dce: 0,
            retraits: 0,
            questions: 0,
            reponses: 0,
            tentatives: 0,
        }
    }

    fn dce(&mut self, version: u16) -> Result<(), Refusal> {
        if version <= self.dce {
            return refuse(Code::VersionDce, format!("the version {} is published already", self.dce), "data.version");
        }
        self.dce = version;
        Ok(())
    }

    fn phase(&self, numero: NumeroPhase) -> Result<&Phase, Refusal> {
        let phase = self.phases.get(usize::from(numero.get()).wrapping_sub(1));
        phase.ok_or_else(|| {
            let detail = format!("there are {} rounds, no {}", self.phases.len(), numero.get());
            Refusal::new(Code::PhaseInconnue, detail).at("data.phase")
        })
    }

    fn phase_mut(&mut self, numero: NumeroPhase) -> Result<&mut Phase, Refusal> {
        self.phase(numero)?;
        self.phases.get_mut(usize::from(numero.get()).wrapping_sub(1)).ok_or_else(super::wrong_family)
    }

    fn reporte(&mut self, data: &ConsultationDelaiReporte, at: Recording) -> Result<(), Refusal> {
        let phase = self.phase_mut(data.phase)?;
        if let Some(limite) = phase.limite {
            if at.recorded_at_ms > limite.unix_ms() {
                let detail = format!("the deadline {limite} has passed: it is not extended any more");
                return refuse(Code::DelaiEchu, detail, "data.phase");
            }
            if data.date_limite <= limite {
                return refuse(Code::DelaiAnterieur, format!("the deadline in force is {limite}"), "data.date_limite");
            }
        }
        phase.limite = Some(data.date_limite);
        Ok(())
    }

    /// The deadline of a round has passed.
    pub(super) fn check_echu(&self, numero: NumeroPhase, at: Recording) -> Result<(), Refusal> {
        match self.phase(numero)?.limite {
            Some(limite) if at.recorded_at_ms <= limite.unix_ms() => {
                let detail = format!("nothing is opened, closed or decided before the deadline {limite}");
                refuse(Code::DelaiNonEchu, detail, "subject")
            }
            _ => Ok(()),
        }
    }

    fn inscrit(&mut self, data: &ConsultationCleCommission, at: Recording) -> Result<(), Refusal> {
        let Some((seuil, membres)) = self.quorum else {
            return refuse(Code::CommissionAbsente, "the consultation has no quorum", "subject");
        };
        if data.rang > membres {
            let detail = format!("the commission has {} members", membres.get());
            return refuse(Code::MembreInconnu, detail, "data.rang");
        }
        if let Some(limite) = self.phases.first().and_then(|phase| phase.limite)
            && at.recorded_at_ms > limite.unix_ms()
        {
            let detail = format!("submissions were sealed until {limite}: a key comes too late");
            return refuse(Code::DelaiEchu, detail, "subject");
        }
        let is_taken = self.commission.contains_key(&data.rang)
            || self.commission.values().any(|m| m.cle == data.membre || m.chiffrement == data.cle_chiffrement);
        if is_taken {
            return refuse(Code::MembreDejaInscrit, "a place, a member and a key are taken once", "data.rang");
        }
        let escrowed = self.commission.values().filter(|member| member.sequestre).count();
        let sequestre = data.garde == Garde::Sequestre;
        if sequestre && escrowed + 1 >= usize::from(seuil.get()) {
            let detail = format!("fewer than {} keys may be in escrow", seuil.get());
            return refuse(Code::SequestreExcessif, detail, "data.garde");
        }
        let member = Membre { cle: data.membre, chiffrement: data.cle_chiffrement, sequestre };
        self.commission.insert(data.rang, member);
        Ok(())
    }

    fn ouvre(&mut self, id: Uuid, data: &ConsultationSeanceOuverte, at: Recording) -> Result<(), Refusal> {
        self.check_echu(data.phase, at)?;
        if self.seances.len() >= SEANCES_MAX {
            return refuse(
                Code::LimiteAtteinte,
                format!("a consultation has at most {SEANCES_MAX} sessions"),
                "subject",
            );
        }
        self.seances.push(Seance { id, phase: data.phase, contreseings: Vec::new() });
        Ok(())
    }

    fn contresigne(&mut self, data: &ConsultationSeanceContresignee) -> Result<(), Refusal> {
        let rang = self.rang(data.membre)?;
        let seance = self.seances.iter_mut().find(|seance| seance.id == data.seance).ok_or_else(seance_inconnue)?;
        if seance.contreseings.contains(&rang) {
            return refuse(Code::SeanceDejaContresignee, "this member countersigned already", "data.membre");
        }
        seance.contreseings.push(rang);
        Ok(())
    }

    /// The place of a member.
    pub(super) fn rang(&self, cle: KeyId) -> Result<Rang, Refusal> {
        let place = self.commission.iter().find(|(_, member)| member.cle == cle);
        place.map(|(rang, _)| *rang).ok_or_else(|| {
            Refusal::new(Code::MembreInconnu, format!("{cle} is no member of the commission")).at("data.membre")
        })
    }

    /// How many members countersign a session before shares are given in it; none where it has no commission.
    pub(super) fn contreseings_requis(&self) -> usize {
        self.quorum.map_or(0, |(seuil, _)| usize::from(seuil.get()))
    }

    /// A session of a round.
    pub(super) fn seance(&self, id: Uuid, phase: NumeroPhase) -> Result<&Seance, Refusal> {
        self.seances.iter().find(|seance| seance.id == id && seance.phase == phase).ok_or_else(seance_inconnue)
    }

    fn lot_mut(&mut self, lot: Option<NumeroLot>) -> Result<&mut EtatLot, Refusal> {
        match lot {
            None if self.lots.is_empty() => Ok(&mut self.ensemble),
            None => refuse(Code::LotInconnu, "the consultation is divided into lots", "data.lot"),
            Some(numero) => self.lots.get_mut(&numero).ok_or_else(|| lot_inconnu(numero)),
        }
    }

    fn avance(&mut self, lot: Option<NumeroLot>, from: &[EtatLot], to: EtatLot) -> Result<(), Refusal> {
        let etat = self.lot_mut(lot)?;
        if !from.contains(etat) {
            return refuse(Code::LotEtat, format!("the lot is {}", etat.as_str()), "data.lot");
        }
        *etat = (*etat).max(to);
        Ok(())
    }

    fn termine(&mut self, lots: &[NumeroLot], from: &[EtatLot], to: EtatLot) -> Result<(), Refusal> {
        let whole = lots.is_empty();
        let concerned: Vec<Option<NumeroLot>> = match (whole, self.lots.is_empty()) {
            (true, true) => vec![None],
            (true, false) => self.lots.keys().copied().map(Some).collect(),
            (false, _) => lots.iter().copied().map(Some).collect(),
        };
        for lot in concerned {
            let etat = self.lot_mut(lot)?;
            if from.contains(etat) {
                *etat = to;
            } else if !whole {
                return refuse(Code::LotEtat, format!("a lot is {}", etat.as_str()), "data.lots");
            } else if *etat != to && !matches!(*etat, EtatLot::Infructueux | EtatLot::SansSuite) {
                return refuse(Code::LotEtat, format!("a lot is {}: name the others", etat.as_str()), "data.lots");
            }
        }
        Ok(())
    }

    /// Whether nothing of it will be awarded.
    pub fn est_terminee(&self) -> bool {
        let ended = |etat: &EtatLot| matches!(etat, EtatLot::Infructueux | EtatLot::SansSuite);
        if self.lots.is_empty() { ended(&self.ensemble) } else { self.lots.values().all(ended) }
    }

    /// What the law says of something that came for a round at that instant (Unix ms). In time is until the deadline's
    /// own millisecond included.
    pub fn verdict(&self, phase: NumeroPhase, recu_le_ms: u64) -> Result<Verdict, Refusal> {
        let phase = self.phase(phase)?;
        Ok(match phase.limite {
            Some(limite) if recu_le_ms > limite.unix_ms() => Verdict::HorsDelai,
            _ if self.est_terminee() => Verdict::ConsultationTerminee,
            Some(_) => Verdict::EnTemps,
            None => Verdict::SansDelai,
        })
    }

    /// Whether a seal is to this commission: its threshold, and its keys in the order of their places.
    pub(super) fn scelle(&self, seuil: Rang, cles: &[CleChiffrement]) -> bool {
        let own: Vec<CleChiffrement> = self.commission.values().map(|member| member.chiffrement).collect();
        self.quorum.is_some_and(|(expected, membres)| expected == seuil && usize::from(membres.get()) == own.len())
            && own == cles
    }

    /// Lots that a submission names exist.
    pub(super) fn check_lots(&self, lots: &[NumeroLot]) -> Result<(), Refusal> {
        match lots.iter().find(|lot| !self.lots.contains_key(lot)) {
            Some(lot) => Err(lot_inconnu(*lot)),
            None => Ok(()),
        }
    }
}

/// States from which a contract goes on.
const CONCLUS: &[EtatLot] = &[EtatLot::Attribue, EtatLot::Signe, EtatLot::Notifie];

fn lot_inconnu(lot: NumeroLot) -> Refusal {
    Refusal::new(Code::LotInconnu, format!("the consultation has no lot {}", lot.get())).at("data.lots")
}

fn seance_inconnue() -> Refusal {
    Refusal::new(Code::SeanceInconnue, "no session of this id was announced for this round").at("data.seance")
}

/// The consultation was never created.
pub(super) fn inconnue(event: &Event) -> Refusal {
    Refusal::new(Code::ConsultationInconnue, format!("the consultation of {} was never created here", event.subject))
        .at("subject")
}
