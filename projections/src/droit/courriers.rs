//! A letter of the prefecture that stops the delay (3-1, 4-1), and from which day two months run again: from what the member
//! answered, or from two months' silence.

use jiff::civil::Date;

use super::calendrier::mois_de;
use super::plage::{Incertitude, Plage, Raisons};
use super::{Calendrier, Etape, Genre};

/// Months of silence that refuse (CE 13/1/1988 n°68166; CRPA L231-4).
const SILENCE_MOIS: i32 = 2;

/// Months that run anew (CGCT L2131-6).
pub(super) const DELAI_MOIS: i32 = 2;

/// A letter, and what answers it.
pub(super) struct Courrier {
    /// Which step it is.
    pub(super) rang: usize,
    /// Whether it is one of observations (4-1), not a request for documents (3-1).
    pub(super) est_observations: bool,
    /// First day on which it can have been sent.
    pub(super) envoi: Date,
    /// When it reached the member.
    pub(super) arrivee: Plage,
    reponses: Vec<Reponse>,
}

struct Reponse {
    rang: usize,
    nature: Nature,
    /// When two months run from it, if they do: for a refusal its reception by the prefecture.
    le: Plage,
}

/// What an answer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// Refuses.
    Refus,
    /// Brings documents, acknowledged.
    Remise,
    /// One or the other, or nothing, for this reason.
    Indecise(Incertitude),
}

/// From when two months run again.
pub(super) struct Issue {
    pub(super) depart: Plage,
    /// When silence refused, where it did or is about to.
    pub(super) silence: Option<Plage>,
    /// Ranks of the answers that count for it.
    pub(super) utiles: Vec<usize>,
}

fn famille(genre: Genre) -> Option<Genre> {
    match genre {
        Genre::DemandePieces
        | Genre::DemandePiecesAcquittee
        | Genre::PiecesRefusees
        | Genre::PiecesTransmises
        | Genre::PiecesAcquittees => Some(Genre::DemandePieces),
        Genre::Observations
        | Genre::ObservationsAcquittees
        | Genre::ObservationsRejetees
        | Genre::ObservationsRepondues
        | Genre::ReponseObservationsAcquittee => Some(Genre::Observations),
        _ => None,
    }
}

/// Messages in the order of their days, and what each is about.
pub(super) struct Messages<'a> {
    pub(super) etapes: Vec<&'a Etape>,
    liens: Vec<Lien>,
}

/// Which letter a message answers or acknowledges.
#[derive(Clone, Copy)]
enum Lien {
    /// The one of that rank.
    Sur(usize),
    /// One of those before it.
    PeutEtre,
}

impl<'a> Messages<'a> {
    /// `etapes` are in the order of their days.
    pub(super) fn new(etapes: Vec<&'a Etape>) -> Self {
        let liens = (0..etapes.len()).map(|rang| Lien::of(rang, &etapes)).collect();
        Self { etapes, liens }
    }

    /// The letters among the first `n` messages, each with what of these answers it.
    pub(super) fn courriers(&self, n: usize) -> Vec<Courrier> {
        let is_letter = |rang: &usize| famille(self.etapes[*rang].genre) == Some(self.etapes[*rang].genre);
        let is_first = |rang: &usize| !(0..*rang).any(|before| self.is_same(before, *rang));
        (0..n).filter(is_letter).filter(is_first).map(|rang| self.courrier(rang, n)).collect()
    }

    /// Whether both are one letter, said twice: a letter is known by its day (ACTES `DateCourrierPref`).
    fn is_same(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.etapes[one], self.etapes[other]);
        (one.genre, one.date) == (other.genre, other.date)
    }

    fn courrier(&self, rang: usize, n: usize) -> Courrier {
        let letter = self.etapes[rang];
        let said = || (rang + 1..n).filter_map(|at| Some((at, self.etapes[at], self.answers(at, rang)?)));
        let est_observations = letter.genre == Genre::Observations;
        let accuse = if est_observations { Genre::ObservationsAcquittees } else { Genre::DemandePiecesAcquittee };
        let mut acknowledged = said().filter(|(_, etape, is_sure)| etape.genre == accuse && *is_sure);
        // Whoever answered had received it; whoever recorded it first as well.
        let answered = said().filter(|(.., is_sure)| *is_sure).map(|(_, etape, _)| etape.envoi());
        let again = (rang + 1..n).filter(|at| self.is_same(rang, *at)).map(|at| self.etapes[at].enregistre_le);
        let known_by = answered.chain(again).min();
        let arrivee = match acknowledged.next() {
            Some((_, etape, _)) => Plage::sur(etape.envoi()),
            None => arrivee(letter, known_by, Incertitude::ReceptionDuCourrier),
        };
        let mut reponses: Vec<Reponse> =
            said().filter_map(|(at, _, is_sure)| Reponse::of(at, is_sure, &self.etapes[..n])).collect();
        // A delivery that was acknowledged since is told by its acknowledgement.
        let last_delivery = reponses.iter().filter(|said| said.nature == Nature::Remise).map(|said| said.le.tard).max();
        let is_told = |said: &Reponse| {
            self.etapes[said.rang].genre == Genre::PiecesTransmises && last_delivery >= Some(said.le.tot)
        };
        reponses.retain(|said| !is_told(said));
        Courrier { rang, est_observations, envoi: letter.envoi(), arrivee, reponses }
    }

    /// Whether the message at `at` answers or acknowledges the letter of that rank before it: surely, perhaps, or not.
    fn answers(&self, at: usize, rang: usize) -> Option<bool> {
        let letter = self.etapes[rang];
        match self.liens[at] {
            _ if famille(self.etapes[at].genre) != Some(letter.genre) || self.etapes[at].genre == letter.genre => None,
            Lien::Sur(of) => (of == rang).then_some(true),
            Lien::PeutEtre => Some(false),
        }
    }
}

impl Lien {
    fn of(rang: usize, etapes: &[&Etape]) -> Self {
        let said = etapes[rang];
        let letters = || (0..rang).filter(|at| Some(etapes[*at].genre) == famille(said.genre));
        if let Some(named) = letters().find(|at| Some(etapes[*at].date) == said.courrier) {
            return Self::Sur(named);
        }
        // It names none, or one that is not here.
        let first = letters().next().filter(|_| said.courrier.is_none());
        let is_only = |first: &usize| letters().all(|at| etapes[at].date == etapes[*first].date);
        first.filter(is_only).map_or(Self::PeutEtre, Self::Sur)
    }
}

impl Courrier {
    /// Ranks of what answers it.
    pub(super) fn reponses(&self) -> impl Iterator<Item = usize> {
        self.reponses.iter().map(|said| said.rang)
    }

    /// From when two months run again, as is known on `au_jour`.
    pub(super) fn issue(&self, calendrier: &Calendrier, au_jour: Date) -> Issue {
        let silence = self.arrivee.puis(|jour| mois_de(jour, SILENCE_MOIS));
        let is_sure = |said: &&Reponse| !matches!(said.nature, Nature::Indecise(_));
        // What was certainly decided before silence could refuse.
        let decided = self.reponses.iter().filter(is_sure).filter(|said| said.le.tard <= silence.tot);
        let first = decided.min_by_key(|said| said.le.tard);
        let mut raisons = Raisons::new();
        let (mut tot, mut tard) = if let Some(first) = first {
            (first.le.tot, first.le.tard)
        } else {
            raisons.extend(&silence.raisons);
            if au_jour < silence.tot {
                raisons.insert(Incertitude::SilenceEnCours);
            }
            (silence.tot.min(au_jour.max(self.arrivee.tot)), silence.tard)
        };
        let mut utiles = Vec::new();
        let mut deliveries = 0;
        for said in &self.reponses {
            let has_decided = first.is_some_and(|first| first.le.tard < said.le.tot);
            let is_over = said.le.tot > tard && said.le.tot > calendrier.mois_francs(tard, DELAI_MOIS).tard;
            // A second refusal confirms the first; documents may still complete the act.
            if is_over || has_decided && said.nature != Nature::Remise {
                continue;
            }
            utiles.push(said.rang);
            raisons.extend(&said.le.raisons);
            match said.nature {
                Nature::Indecise(why) => {
                    raisons.insert(why);
                }
                Nature::Remise => deliveries += 1,
                Nature::Refus => {}
            }
            if has_decided || deliveries > 1 {
                raisons.insert(Incertitude::Completude);
            }
            if first.is_none() && said.le.tard > silence.tot {
                raisons.insert(Incertitude::ReponseApresSilence);
            }
            tot = tot.min(said.le.tot);
            // What may decide nothing leaves the later bound to silence.
            let is_bound = !matches!(said.nature, Nature::Indecise(_)) || said.le.tard > silence.tot;
            tard = tard.max(if is_bound { said.le.tard } else { tard });
        }
        Issue { depart: Plage::new(tot, tard, raisons), silence: first.is_none().then_some(silence), utiles }
    }
}

impl Reponse {
    fn of(rang: usize, is_sure: bool, etapes: &[&Etape]) -> Option<Self> {
        let etape = etapes[rang];
        let (nature, le) = match etape.genre {
            Genre::PiecesAcquittees => (Nature::Remise, Plage::sur(etape.envoi())),
            Genre::PiecesTransmises => {
                let le = arrivee(etape, None, Incertitude::ReceptionDesPieces);
                (Nature::Indecise(Incertitude::ReceptionDesPieces), le)
            }
            Genre::PiecesRefusees => (Nature::Refus, arrivee(etape, None, Incertitude::ReceptionDeLaReponse)),
            Genre::ObservationsRejetees => (Nature::Refus, acknowledged(rang, etapes)),
            Genre::ObservationsRepondues => {
                (Nature::Indecise(Incertitude::NatureDeLaReponse), acknowledged(rang, etapes))
            }
            _ => return None,
        };
        let nature = if is_sure { nature } else { Nature::Indecise(Incertitude::CourrierIndetermine) };
        Some(Self { rang, nature, le })
    }
}

/// When the prefecture received a rejection or an answer to observations: its acknowledgement (4-5) says it.
fn acknowledged(rang: usize, etapes: &[&Etape]) -> Plage {
    let said = etapes[rang];
    let of_same =
        |etape: &&&Etape| etape.genre == Genre::ReponseObservationsAcquittee && etape.courrier == said.courrier;
    match etapes[rang..].iter().find(of_same) {
        Some(accuse) => Plage::sur(accuse.envoi()),
        None => arrivee(said, None, Incertitude::ReceptionDeLaReponse),
    }
}

/// When what was sent arrived: between the day that it bears and the one by which it was certainly there.
fn arrivee(etape: &Etape, known_by: Option<Date>, why: Incertitude) -> Plage {
    let latest = known_by.map_or(etape.enregistre_le, |day| day.min(etape.enregistre_le));
    Plage::new(etape.envoi(), latest.max(etape.envoi()), [why])
}
