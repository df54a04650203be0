//! Where an act stands after each thing that is said of it: its state, whom it waits for, and what work lists are ordered by.
//!
//! | column | |
//! |---|---|
//! | `etat` | how far it has come ([`Etat`]) |
//! | `attend` | which letter of the prefecture waits for an answer: the most pressing |
//! | `a_publier` | transmitted, and neither published nor notified |
//! | `au_plus_tot`, `au_plus_tard` | last day of the déféré if nothing more is said ([`crate::droit`], any silence taken as kept) |
//! | `a_examiner` | 1: received, and something in it that the prefecture has not examined; 2: examined, to be followed |
//! | `vu`, `suite_examen` | up to which leaf the prefecture examined it, and its conclusion |

use greffe_events::EventType;
use greffe_events::catalogue::{ActeExamine, SuiteExamen};
use greffe_events::horodatage::Jour;
use greffe_events::ident::IdActe;
use jiff::civil::{Date, date};

use super::faits::event_type;
use super::row::{Etat, FAITS, Fait};
use crate::droit::{self, Calendrier, Etape, Faits, Genre};
use crate::projection::ApplyError;
use crate::writer::Writer;

/// A day after every silence that an act known today can still keep.
const SILENCE_GARDE: Date = date(9000, 1, 1);

/// Nothing that the prefecture has not examined; something it has not; examined, to be followed.
pub(super) const NOUVEAU: i64 = 1;
pub(super) const A_SUIVRE: i64 = 2;

/// What a letter of the prefecture waits for, the most pressing first.
pub(super) const ATTENTES: [&str; 3] = [OBSERVATIONS, PIECES, COURRIER];
const OBSERVATIONS: &str = "observations";
pub(super) const PIECES: &str = "pieces";
const COURRIER: &str = "courrier";

/// Takes note of something that was just added to the facts of an act; whether it is news, rather than the same from another
/// voice.
pub(super) fn say(tx: &Writer<'_>, id: &IdActe, event_type: EventType, date: Option<Jour>) -> Result<bool, ApplyError> {
    match event_type {
        // The receipt of an act of which nothing else was said yet: nearly all acts.
        EventType::ActeAccuseReception => {
            let calendrier = Calendrier::du_departement(id.departement.as_str());
            let last = date.map(|recu_le| dernier_jour(id, &calendrier, recu_le.0));
            let (tot, tard) = last.unwrap_or_default();
            let moved = tx.execute(
                "UPDATE actes SET etat = 'recu', au_plus_tot = ?2, au_plus_tard = ?3, a_examiner = 1
                     WHERE id = ?1 AND etat = 'transmis' AND attend IS NULL AND vu IS NULL
                     AND (SELECT count(*) FROM faits WHERE acte = ?1) = 1",
                (id.to_string(), tot, tard),
            )?;
            if moved == 1 { Ok(true) } else { settled(tx, id) }
        }
        EventType::ActePublie => Ok(true),
        _ => settled(tx, id),
    }
}

/// The prefecture examined an act.
pub(super) fn examine(tx: &Writer<'_>, id: &IdActe, data: &ActeExamine) -> Result<(), ApplyError> {
    let sql = "UPDATE actes SET vu = max(coalesce(vu, ?2), ?2), suite_examen = ?3 WHERE id = ?1";
    tx.execute(sql, (id.to_string(), data.jusqu_a.get(), data.suite.as_str()))?;
    settle(tx, id)
}

/// Brings the row of an act to what was said about it.
pub(super) fn settle(tx: &Writer<'_>, id: &IdActe) -> Result<(), ApplyError> {
    settled(tx, id).map(|_| ())
}

/// The same; whether the last thing said is news.
fn settled(tx: &Writer<'_>, id: &IdActe) -> Result<bool, ApplyError> {
    let id_text = id.to_string();
    let mut faits: Vec<Fait> = Vec::new();
    tx.each(FAITS, [&id_text], |row| {
        faits.push(Fait::read(row)?);
        Ok(())
    })?;
    let is_news = faits.split_last().is_none_or(|(last, before)| !before.iter().any(|fait| fait.says_as(last)));
    let sql = "SELECT idx, matiere, transmis_le_ms, vu, suite_examen FROM actes WHERE id = ?1 AND transmissions > 0";
    let acte = tx.one(sql, [&id_text], |row| {
        Ok(Acte {
            transmis: row.get(0)?,
            matiere: row.get(1)?,
            transmis_le_ms: row.get(2)?,
            vu: row.get(3)?,
            a_suivre: row.get_ref(4)?.as_str_or_null()? == Some(SuiteExamen::ASuivre.as_str()),
        })
    })?;
    let Some(acte) = acte else { return Ok(is_news) };
    let etat = acte.etat(&faits);
    let (au_plus_tot, au_plus_tard) = acte.defere(id, etat, &faits);
    let is_published = faits.iter().any(|fait| event_type(&fait.genre) == Some(EventType::ActePublie));
    let a_publier = (!is_published && matches!(etat, Etat::Transmis | Etat::Recu)).then_some(1);
    tx.execute(
        "UPDATE actes SET etat = ?2, attend = ?3, a_publier = ?4, au_plus_tot = ?5, au_plus_tard = ?6, a_examiner = ?7
             WHERE idx = ?1",
        (
            acte.transmis,
            etat.as_str(),
            attend(&faits).filter(|_| matches!(etat, Etat::Transmis | Etat::Recu | Etat::AnnulationDemandee)),
            a_publier,
            au_plus_tot,
            au_plus_tard,
            acte.a_examiner(etat, &faits),
        ),
    )?;
    Ok(is_news)
}

/// A row of `actes`, as far as it is needed here.
struct Acte {
    transmis: u64,
    matiere: Option<String>,
    transmis_le_ms: Option<i64>,
    vu: Option<u64>,
    a_suivre: bool,
}

impl Acte {
    fn etat(&self, faits: &[Fait]) -> Etat {
        let said = |wanted| move |fait: &&Fait| event_type(&fait.genre) == Some(wanted);
        let any = |wanted| faits.iter().any(|fait| said(wanted)(&fait));
        // What was said of an earlier transmission says nothing of this one, but for what came before the first.
        let again = faits.iter().any(|fait| said(EventType::ActeTransmis)(&fait));
        let now = |wanted| faits.iter().filter(said(wanted)).any(|fait| !again || fait.index > self.transmis);
        let recu = any(EventType::ActeAccuseReception);
        let refuse = faits.iter().filter(said(EventType::ActeAnomalie)).any(|fait| fait.index > self.transmis);
        if now(EventType::ActeAnnulationAcquittee) {
            Etat::Annule
        } else if refuse && !recu {
            Etat::Anomalie
        } else if now(EventType::ActeAnnulationDemandee) {
            Etat::AnnulationDemandee
        } else if recu {
            Etat::Recu
        } else {
            Etat::Transmis
        }
    }

    /// Last day of the déféré if nothing more is said.
    fn defere(&self, id: &IdActe, etat: Etat, said: &[Fait]) -> (Option<String>, Option<String>) {
        let calendrier = Calendrier::du_departement(id.departement.as_str());
        let etapes = etapes(said, &calendrier);
        let faits = Faits {
            calendrier: &calendrier,
            nature: id.nature.as_str(),
            matiere: self.matiere.as_deref(),
            decide_le: Some(id.date),
            transmis_le: self.transmis_le_ms.map(|ms| calendrier.jour_civil(ms.cast_unsigned())),
            rejete: etat == Etat::Anomalie,
            annule: etat == Etat::Annule,
            etapes: &etapes,
        };
        shown(&droit::defere_sans_etapes(&faits, SILENCE_GARDE))
    }

    fn a_examiner(&self, etat: Etat, faits: &[Fait]) -> Option<i64> {
        if !matches!(etat, Etat::Recu | Etat::AnnulationDemandee) {
            return None;
        }
        let answers = faits.iter().filter(|fait| fait.is_answer()).map(|fait| fait.index);
        let newest = answers.fold(self.transmis, u64::max);
        match self.vu {
            Some(vu) if vu >= newest => self.a_suivre.then_some(A_SUIVRE),
            _ => Some(NOUVEAU),
        }
    }
}

/// The steps that these facts are in law. What is signed and stated from a file too counts once, as it is signed.
pub(super) fn etapes(faits: &[Fait], calendrier: &Calendrier) -> Vec<Etape> {
    let is_repeated = |fait: &Fait| {
        !fait.is_receipt() && fait.is_constat() && faits.iter().any(|other| !other.is_constat() && other.says_as(fait))
    };
    faits.iter().filter(|fait| !is_repeated(fait)).filter_map(|fait| fait.etape(calendrier)).collect()
}

/// Last day of an act that was received that day, of which nothing else is said.
fn dernier_jour(id: &IdActe, calendrier: &Calendrier, recu_le: Date) -> (Option<String>, Option<String>) {
    let reception = Etape {
        feuille: 0,
        genre: Genre::Reception,
        date: recu_le,
        enregistre_le: recu_le,
        courrier: None,
        constat: false,
    };
    let faits = Faits {
        calendrier,
        nature: id.nature.as_str(),
        matiere: None,
        decide_le: Some(id.date),
        transmis_le: Some(recu_le),
        rejete: false,
        annule: false,
        etapes: &[reception],
    };
    shown(&droit::defere_sans_etapes(&faits, SILENCE_GARDE))
}

fn shown(defere: &droit::Defere) -> (Option<String>, Option<String>) {
    let text = |jour: Option<Jour>| jour.map(|jour| jour.to_string());
    (text(defere.au_plus_tot), text(defere.au_plus_tard))
}

/// The letter that waits for an answer: each is named by its day.
fn attend(faits: &[Fait]) -> Option<&'static str> {
    let waits = |letter: EventType, answers: &[EventType]| {
        let of = |fait: &&Fait, types: &[EventType]| event_type(&fait.genre).is_some_and(|one| types.contains(&one));
        faits
            .iter()
            .filter(|fait| of(fait, &[letter]))
            .any(|letter| !faits.iter().filter(|fait| of(fait, answers)).any(|answer| answer.courrier == letter.date))
    };
    ATTENTES.into_iter().find(|attente| match *attente {
        OBSERVATIONS => waits(
            EventType::ActeLettreObservations,
            &[EventType::ActeRejetLettreObservations, EventType::ActeReponseLettreObservations],
        ),
        PIECES => {
            waits(EventType::ActeDemandePieces, &[EventType::ActeRefusPieces, EventType::ActePiecesComplementaires])
        }
        _ => waits(EventType::ActeCourrierSimple, &[EventType::ActeReponseCourrierSimple]),
    })
}
