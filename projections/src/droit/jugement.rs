//! What some messages, in the order of their days, say of the delay of the déféré on some day.

use greffe_events::horodatage::Jour;
use jiff::civil::{Date, date};

use super::courriers::{Courrier, DELAI_MOIS, Messages};
use super::defere::{DansLeDelai, Depot, ETAPES_MAX, Effet, Ligne, Quoi, SansEffet, Silence, shown};
use super::plage::{Incertitude, Plage, Raisons};
use super::{Etape, Faits, Genre};

/// From when on decided urbanism authorisations fall under C. urb. L600-12-2.
const GRACIEUX_URBANISME: Date = date(2025, 11, 28);

/// Subject matter of acts on the right to use the soil: urbanism authorisations and others.
const DROIT_DU_SOL: (u8, u8) = (2, 2);

/// Sources, as views cite them.
mod source {
    pub(super) const DELAI: &str = "CGCT L2131-6";
    pub(super) const PIECES: &str = "CE 13/1/1988 n°68166";
    pub(super) const EXPLICATIONS: &str = "CE 15/5/2013 n°357031";
    pub(super) const GRACIEUX: &str = "CE 18/4/1986 n°62470";
    pub(super) const GRACIEUX_APRES_PIECES: &str = "CE 4/11/1996 n°114956";
    pub(super) const UN_SEUL_GRACIEUX: &str = "TA Versailles 6/12/1988 (Lebon T.)";
}

/// One of the two last days, and what it rests on.
#[derive(Clone)]
pub(super) struct Borne {
    pub(super) le: Date,
    pub(super) raisons: Raisons,
}

/// What is known of the delay once some messages are.
pub(super) struct Jugement {
    /// Shortest and longest; none before reception.
    pub(super) delai: Option<(Borne, Borne)>,
    /// What each message did, by its rank.
    effets: Vec<(Effet, Option<SansEffet>)>,
    /// Letters that silence refused, or may refuse.
    silences: Vec<(usize, Plage)>,
}

/// An act and its messages.
pub(super) struct Dossier<'a> {
    pub(super) faits: &'a Faits<'a>,
    pub(super) messages: Messages<'a>,
}

impl Dossier<'_> {
    /// What the first `n` messages say of the delay, on `au_jour`.
    pub(super) fn juge(&self, n: usize, au_jour: Date) -> Jugement {
        let known = &self.messages.etapes[..n];
        let mut effets: Vec<_> = known.iter().map(|etape| self.first_look(etape)).collect();
        let Some((reception, governing)) = reception(known) else {
            let waits = |effet: &mut (Effet, Option<SansEffet>)| {
                if effet.0 == Effet::Precise || matches!(effet.1, Some(SansEffet::Repete | SansEffet::SansDemande)) {
                    *effet = (Effet::SansEffet, Some(SansEffet::RienNeCourt));
                }
            };
            effets.iter_mut().for_each(waits);
            return Jugement { delai: None, effets, silences: Vec::new() };
        };
        for rang in governing {
            effets[rang] = (Effet::Ouvre, None);
        }
        let first = reception.puis(|jour| self.faits.calendrier.mois_francs(jour, DELAI_MOIS));
        let borne = |le| Borne { le, raisons: first.raisons.clone() };
        let (mut shortest, mut longest) = (borne(first.tot), borne(first.tard));
        let (mut silences, mut has_observations) = (Vec::new(), false);
        for courrier in self.messages.courriers(n) {
            let refused = |raison| (Effet::SansEffet, Some(raison));
            if courrier.envoi > longest.le {
                effets[courrier.rang] = refused(SansEffet::HorsDelai);
                continue;
            }
            if courrier.est_observations && std::mem::replace(&mut has_observations, true) {
                effets[courrier.rang] = refused(SansEffet::PasLaPremiere);
                continue;
            }
            effets[courrier.rang] = (Effet::Proroge, None);
            let doubts = self.doubts(&courrier, &first, shortest.le, &longest.raisons);
            let issue = courrier.issue(self.faits.calendrier, au_jour);
            for rang in courrier.reponses() {
                effets[rang] = refused(SansEffet::DejaDecide);
            }
            for rang in issue.utiles {
                effets[rang] = (Effet::Ouvre, None);
            }
            silences.extend(issue.silence.map(|silence| (courrier.rang, silence)));
            let anew = issue.depart.puis(|jour| self.faits.calendrier.mois_francs(jour, DELAI_MOIS));
            if doubts.is_empty() && anew.tot > shortest.le {
                shortest = Borne { le: anew.tot, raisons: anew.raisons.clone() };
            }
            if anew.tard > longest.le {
                longest = Borne { le: anew.tard, raisons: &anew.raisons | &doubts };
            }
        }
        Jugement { delai: Some((shortest, longest)), effets, silences }
    }

    /// What a message does as far as it alone tells.
    fn first_look(&self, etape: &Etape) -> (Effet, Option<SansEffet>) {
        let nothing = |raison| (Effet::SansEffet, Some(raison));
        match etape.genre {
            Genre::Reception => nothing(SansEffet::DejaRecu),
            Genre::CourrierSimple => nothing(SansEffet::DemandeExplications),
            // Letters are judged one by one; what is left repeats one.
            Genre::DemandePieces | Genre::Observations => nothing(SansEffet::Repete),
            Genre::DemandePiecesAcquittee | Genre::ObservationsAcquittees | Genre::ReponseObservationsAcquittee => {
                (Effet::Precise, None)
            }
            Genre::PiecesRefusees
            | Genre::PiecesTransmises
            | Genre::PiecesAcquittees
            | Genre::ObservationsRejetees
            | Genre::ObservationsRepondues => nothing(SansEffet::SansDemande),
            Genre::Defere => (Effet::Clot, None),
            Genre::AnnulationAcquittee if self.faits.annule => (Effet::Clot, None),
            Genre::AnnulationAcquittee
            | Genre::AnnulationDemandee
            | Genre::Anomalie
            | Genre::CourrierSimpleRepondu
            | Genre::Publication
            | Genre::Notification => nothing(SansEffet::EtrangerAuDelai),
        }
    }

    /// Why a letter may not extend the delay.
    fn doubts(&self, courrier: &Courrier, first: &Plage, shortest: Date, longest: &Raisons) -> Raisons {
        // What counts is the arrival; what was sent after the shortest delay depends on whatever makes the longest longer.
        let within = |shortest: Date, longest: &Raisons, late: Incertitude| -> Raisons {
            match courrier {
                _ if courrier.arrivee.tard <= shortest => Raisons::new(),
                _ if courrier.envoi <= shortest => [Incertitude::ArriveeHorsDelai].into(),
                _ if longest.is_empty() => [late].into(),
                _ => longest.clone(),
            }
        };
        let mut doubts = within(shortest, longest, Incertitude::ArriveeHorsDelai);
        if !courrier.est_observations {
            let of_first = if courrier.envoi <= first.tard { first.raisons.clone() } else { Raisons::new() };
            doubts.extend(within(first.tot, &of_first, Incertitude::DemandeApresDeuxMois));
        }
        let is_urbanisme = self.faits.matiere() == Some(DROIT_DU_SOL);
        if courrier.est_observations && is_urbanisme && self.faits.decide_le >= Some(GRACIEUX_URBANISME) {
            doubts.insert(Incertitude::GracieuxUrbanisme);
        }
        doubts
    }

    /// The first déféré, judged by what had been said before its deposit.
    pub(super) fn depot(&self) -> Option<Depot> {
        let rang = self.messages.etapes.iter().position(|etape| etape.genre == Genre::Defere)?;
        let etape = self.messages.etapes[rang];
        let dans_le_delai = match self.juge(rang, etape.date).delai {
            Some((shortest, _)) if etape.date <= shortest.le => DansLeDelai::Oui,
            Some((_, longest)) if etape.date > longest.le => DansLeDelai::Non,
            _ => DansLeDelai::Incertain,
        };
        Some(Depot { feuille: etape.feuille, le: Jour(etape.date), dans_le_delai })
    }

    /// Every step, by day.
    pub(super) fn histoire(&self, now: &Jugement, etapes: &[&Etape], au_jour: Date) -> Vec<Ligne> {
        let mut lignes = self.lignes(now, au_jour);
        lignes.extend(self.autres(etapes));
        lignes.sort_by_key(|ligne| ligne.le);
        lignes
    }

    /// Rows of the messages, and of silences that have come to their end.
    fn lignes(&self, now: &Jugement, au_jour: Date) -> Vec<Ligne> {
        let messages = &self.messages.etapes;
        let mut lignes: Vec<Ligne> = (0..messages.len())
            .map(|rang| {
                let etape = messages[rang];
                let then = self.juge(rang + 1, etape.envoi());
                let (effet, raison) = then.effets[rang];
                let source = self.source(rang, raison);
                ligne(
                    Some(etape.feuille),
                    etape.envoi(),
                    Quoi::Message(etape.genre),
                    (effet, raison),
                    source,
                    then.delai,
                )
            })
            .collect();
        for (rang, silence) in now.silences.iter().filter(|(_, silence)| silence.tot <= au_jour) {
            let (what, source) = match messages[*rang].genre {
                Genre::DemandePieces => (Silence::PiecesImplicitementRefusees, source::PIECES),
                _ => (Silence::ObservationsImplicitementRejetees, source::GRACIEUX),
            };
            let then = self.juge(self.until(silence.tot), silence.tot).delai;
            lignes.push(ligne(None, silence.tot, Quoi::Silence(what), (Effet::Ouvre, None), Some(source), then));
        }
        lignes
    }

    /// The text or ruling by which a message does what it does.
    fn source(&self, rang: usize, raison: Option<SansEffet>) -> Option<&'static str> {
        let messages = &self.messages.etapes;
        if raison == Some(SansEffet::PasLaPremiere) {
            return Some(source::UN_SEUL_GRACIEUX);
        }
        match messages[rang].genre {
            Genre::Reception | Genre::Defere => Some(source::DELAI),
            Genre::CourrierSimple => Some(source::EXPLICATIONS),
            Genre::DemandePieces
            | Genre::DemandePiecesAcquittee
            | Genre::PiecesRefusees
            | Genre::PiecesTransmises
            | Genre::PiecesAcquittees => Some(source::PIECES),
            Genre::Observations if messages[..rang].iter().any(|etape| etape.genre == Genre::DemandePieces) => {
                Some(source::GRACIEUX_APRES_PIECES)
            }
            Genre::Observations
            | Genre::ObservationsAcquittees
            | Genre::ObservationsRejetees
            | Genre::ObservationsRepondues
            | Genre::ReponseObservationsAcquittee => Some(source::GRACIEUX),
            _ => None,
        }
    }

    /// Rows of what is not judged; where there are very many, the last ones without their days.
    fn autres(&self, etapes: &[&Etape]) -> Vec<Ligne> {
        let is_judged = |etape: &Etape| self.messages.etapes.iter().any(|judged| std::ptr::eq(*judged, etape));
        let others = etapes.iter().filter(|etape| !is_judged(etape)).enumerate();
        let row = |(at, etape): (usize, &&Etape)| {
            let is_known = matches!(etape.genre, Genre::Publication | Genre::Notification);
            let raison = if is_known { SansEffet::EtrangerAuDelai } else { SansEffet::NonExamine };
            let then = if at < ETAPES_MAX { self.juge(self.until(etape.envoi()), etape.envoi()).delai } else { None };
            let effet = (Effet::SansEffet, Some(raison));
            ligne(Some(etape.feuille), etape.envoi(), Quoi::Message(etape.genre), effet, None, then)
        };
        others.map(row).collect()
    }

    /// How many messages there are up to that day.
    fn until(&self, jour: Date) -> usize {
        self.messages.etapes.iter().take_while(|etape| etape.envoi() <= jour).count()
    }
}

/// When the prefecture received the act, and the ranks of the acknowledgements that say so.
fn reception(known: &[&Etape]) -> Option<(Plage, Vec<usize>)> {
    let receptions = || (0..known.len()).filter(|rang| known[*rang].genre == Genre::Reception);
    let has_own = receptions().any(|rang| !known[rang].constat);
    let mut governing: Vec<usize> = receptions().filter(|rang| known[*rang].constat != has_own).collect();
    let days = governing.iter().map(|rang| known[*rang].date);
    let (first, last) = (days.clone().min()?, days.max()?);
    governing.dedup_by_key(|rang| known[*rang].date);
    Some((Plage::new(first, last, [Incertitude::ReceptionsDivergentes]), governing))
}

fn ligne(
    feuille: Option<u64>,
    le: Date,
    quoi: Quoi,
    (effet, raison): (Effet, Option<SansEffet>),
    source: Option<&'static str>,
    delai: Option<(Borne, Borne)>,
) -> Ligne {
    let (au_plus_tot, au_plus_tard, incertitudes) = shown(delai);
    Ligne { feuille, le: Jour(le), quoi, effet, raison, source, au_plus_tot, au_plus_tard, incertitudes }
}
