//! What an event says about an act, as a row of `faits`.

use greffe_events::catalogue::{AuteurDeclare, SuiteObservations};
use greffe_events::horodatage::Jour;
use greffe_events::ident::IdActe;
use greffe_events::{Data, Event, EventType, Recorded};

use super::{statistiques, suivi};
use crate::pieces;
use crate::projection::ApplyError;
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

/// What events of acts are called: the middle of their type's name.
pub(super) fn genre(event_type: EventType) -> &'static str {
    let name = event_type.as_str();
    name.strip_prefix("greffe.acte.").and_then(|name| name.strip_suffix(".v1")).unwrap_or(name)
}

/// The type of that name.
pub(super) fn event_type(genre: &str) -> Option<EventType> {
    EventType::ALL.iter().copied().find(|known| self::genre(*known) == genre)
}

/// That suspension is asked for with a referral, and that it is not.
pub(super) const SUSPENSION: &str = "suspension";
const SANS_SUSPENSION: &str = "sans-suspension";

/// What an event says about an act.
#[derive(Default)]
pub(super) struct Fait<'a> {
    /// The day that it bears.
    date: Option<Jour>,
    /// Which letter it answers or acknowledges.
    courrier: Option<Jour>,
    auteur: Option<&'a AuteurDeclare>,
    code: Option<&'a str>,
    /// How it was published, what is rejected, what becomes of the act.
    mot: Option<&'static str>,
    jusqu_au: Option<Jour>,
}

impl<'a> Fait<'a> {
    pub(super) fn of(data: &'a Data) -> Option<Self> {
        let none = Self::default;
        let recue = |date, auteur| Self { date: Some(date), auteur, ..none() };
        let reponse = |courrier| Self { courrier: Some(courrier), ..none() };
        Some(match data {
            Data::ActeAccuseReception(data) => recue(data.date_reception, data.auteur_declare.as_ref()),
            Data::ActeAnomalie(data) => Self {
                code: Some(data.code.as_str()),
                mot: Some(data.portee.as_str()),
                ..recue(data.date, data.auteur_declare.as_ref())
            },
            Data::ActePublie(data) => {
                Self { mot: Some(data.mode.as_str()), jusqu_au: data.jusqu_au, ..recue(data.date, None) }
            }
            Data::ActeAnnulationDemandee(_) => none(),
            Data::ActeAnnulationAcquittee(data) => recue(data.date_reception, data.auteur_declare.as_ref()),
            Data::ActeCourrierSimple(data) => recue(data.date, data.auteur_declare.as_ref()),
            Data::ActeDemandePieces(data) => recue(data.date, data.auteur_declare.as_ref()),
            Data::ActeLettreObservations(data) => recue(data.date, data.auteur_declare.as_ref()),
            Data::ActeReponseCourrierSimple(data) => reponse(data.courrier),
            Data::ActeRefusPieces(data) => reponse(data.courrier),
            Data::ActePiecesComplementaires(data) => reponse(data.courrier),
            Data::ActeRejetLettreObservations(data) => reponse(data.courrier),
            Data::ActeReponseLettreObservations(data) => {
                Self { mot: data.suite.map(SuiteObservations::as_str), ..reponse(data.courrier) }
            }
            Data::ActeAccuseDemandePieces(data) => Self { date: data.date_reception, ..reponse(data.courrier) },
            Data::ActeAccuseLettreObservations(data) => Self { date: data.date_reception, ..reponse(data.courrier) },
            Data::ActeAccusePieces(data) => {
                Self { courrier: Some(data.courrier), ..recue(data.date_reception, data.auteur_declare.as_ref()) }
            }
            Data::ActeAccuseReponseObservations(data) => {
                Self { courrier: Some(data.courrier), ..recue(data.date_reception, data.auteur_declare.as_ref()) }
            }
            Data::ActeDefere(data) => Self {
                mot: data.suspension_demandee.map(|asked| if asked { SUSPENSION } else { SANS_SUSPENSION }),
                ..recue(data.date_depot, data.auteur_declare.as_ref())
            },
            _ => return None,
        })
    }

    pub(super) fn add(&self, tx: &Writer<'_>, leaf: &Recorded, event: &Event, id: &IdActe) -> Result<(), ApplyError> {
        let id_text = event.subject.identifier();
        let event_type = event.data.event_type();
        let text = |jour: Option<Jour>| jour.map(|jour| jour.to_string());
        tx.execute(
            "INSERT INTO faits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            rusqlite::params![
                id_text,
                leaf.index(),
                genre(event_type),
                leaf.recorded_at_ms()?,
                text(self.date),
                text(self.courrier),
                event.source.to_string(),
                self.auteur.map(|auteur| auteur.qualite.as_str()),
                self.auteur.map(|auteur| auteur.departement.as_str().to_owned()),
                self.auteur.and_then(|auteur| auteur.arrondissement),
                self.code,
                self.mot,
                text(self.jusqu_au),
            ],
        )?;
        pieces::cite(tx, leaf.index(), event)?;
        if event_type == EventType::ActePublie {
            // An act of which this is all that is known: those that need no transmission are published only (CGCT L2131-3).
            let sql = "INSERT INTO actes VALUES
                 (?1, ?2, ?3, ?4, NULL, ?5, NULL, NULL, 'publie', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
                 ON CONFLICT(id) DO UPDATE SET a_publier = NULL";
            let place = (id.siren.as_str(), id.departement.as_str(), id.nature.as_str());
            tx.execute(sql, (leaf.index(), id_text, place.0, place.1, place.2))?;
        }
        if suivi::say(tx, id, event_type, self.date)? {
            statistiques::dit(tx, leaf, id, event_type)?;
        }
        Ok(())
    }
}
