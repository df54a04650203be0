//! One act as it is shown, whole: its facts out of the tables, and what follows from them in law.

use greffe_events::EventType;
use greffe_events::horodatage::{Horodatage, Jour};
use greffe_events::ident::IdActe;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;

use super::faits::{SUSPENSION, event_type};
use super::{classification, suivi};
use crate::droit::{self, Calendrier, Defere, Echeance, Etape, Executoire, Faits, Genre};
use crate::pieces::{self, PieceRow};

/// An act, as the log's events say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ActeRow {
    /// `DEP-SIREN-YYYYMMDD-NUM-NAT`.
    pub id: String,
    /// The collectivité.
    pub siren: String,
    /// Three characters.
    pub departement: String,
    /// One digit.
    pub arrondissement: Option<u8>,
    /// Two letters.
    pub nature: String,
    /// The collectivité's own number.
    pub numero: String,
    /// Date of the decision, `YYYY-MM-DD`.
    pub date_decision: String,
    /// Subject matter, `7.1`; none for an act that was never transmitted.
    pub matiere: Option<String>,
    /// Date of the classification, `YYYY-MM-DD`.
    pub classification: Option<String>,
    /// A newer version that its collectivité knew when it transmitted the act: prefectures reject a stale one (1-3, code 002).
    pub classification_plus_recente: Option<String>,
    /// What it is about; none where its piece can't be read or is erased. Filled in by [`super::Objets`].
    pub objet: Option<String>,
    /// How far it has come.
    pub etat: Etat,
    /// Leaf that placed it in lists: that of its last transmission, or of its publication where there is none.
    pub index: u64,
    /// Leaf that transmitted it, the last time.
    pub transmis_index: Option<u64>,
    /// When that leaf was recorded, RFC 3339.
    pub transmis_le: Option<String>,
    /// How often it was transmitted: again after a rejection.
    pub transmissions: u32,
    /// Day of reception, the prefecture's own word first, else a constat's, `YYYY-MM-DD`.
    pub date_reception: Option<String>,
    /// Acknowledgements, in the order of the log.
    pub accuses: Vec<AccuseRow>,
    /// Anomalies, those after an acknowledgement included.
    pub anomalies: Vec<AnomalieRow>,
    /// Publications and notifications.
    pub publications: Vec<PublicationRow>,
    /// Cancellation, once it is asked for.
    pub annulation: Option<AnnulationRow>,
    /// Letters of the prefecture, answers, receipts of both, referrals, in the order of the log.
    pub correspondance: Vec<CourrierRow>,
    /// Which letter of the prefecture waits for an answer: `observations`, `pieces`, `courrier`; the most pressing.
    pub attend: Option<String>,
    /// What the prefecture examined; there for the prefecture alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examen: Option<ExamenRow>,
    /// Whether it is executory, since when, and why.
    pub executoire: Executoire,
    /// Until when it can be referred to the administrative court, and every step that moved that day.
    pub defere: Defere,
    /// What else is due.
    pub echeances: Vec<Echeance>,
    /// Files cited by the act, then by what was said about it.
    pub pieces: Vec<PieceRow>,
}

/// How far an act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Etat {
    /// Published, and never transmitted here.
    Publie,
    /// Transmitted.
    Transmis,
    /// The last transmission was rejected.
    Anomalie,
    /// Received by the prefecture, as it signed or as a constat says.
    Recu,
    /// Its cancellation is asked for.
    AnnulationDemandee,
    /// Cancelled.
    Annule,
}

impl Etat {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Publie, Self::Transmis, Self::Anomalie, Self::Recu, Self::AnnulationDemandee, Self::Annule];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publie => "publie",
            Self::Transmis => "transmis",
            Self::Anomalie => "anomalie",
            Self::Recu => "recu",
            Self::AnnulationDemandee => "annulation-demandee",
            Self::Annule => "annule",
        }
    }
}

/// An acknowledgement: « signé par Y » or « constaté par X », never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AccuseRow {
    /// Its leaf.
    pub index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Day of reception that it gives, `YYYY-MM-DD`.
    pub date_reception: String,
    /// The organisation whose own word it is.
    pub signe_par: Option<String>,
    /// The organisation that states what a file says.
    pub constate_par: Option<String>,
    /// Who that file says wrote it.
    pub auteur_declare: Option<AuteurRow>,
}

/// An anomaly, signed or stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AnomalieRow {
    /// Its leaf.
    pub index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Its own date, `YYYY-MM-DD`.
    pub date: String,
    /// The ministry's code.
    pub code: String,
    /// `acte` or `enveloppe`.
    pub portee: String,
    /// The organisation whose own word it is.
    pub signe_par: Option<String>,
    /// The organisation that states what a file says.
    pub constate_par: Option<String>,
    /// Who that file says wrote it.
    pub auteur_declare: Option<AuteurRow>,
}

/// A publication, or a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PublicationRow {
    /// Its leaf.
    pub index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// `affichage`, `electronique`, `recueil` or `notification`.
    pub mode: String,
    /// Since when, `YYYY-MM-DD`.
    pub date: String,
    /// Until when, `YYYY-MM-DD`.
    pub jusqu_au: Option<String>,
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AnnulationRow {
    /// Leaf that asks for it.
    pub demandee_index: Option<u64>,
    /// Its acknowledgements: `date_reception` is the day on which the prefecture received the request.
    pub accuses: Vec<AccuseRow>,
}

/// A letter about an act, an answer, a receipt of either, or a referral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CourrierRow {
    /// Its leaf.
    pub index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// What it is: the middle of the type's name, `demande-pieces`.
    pub genre: String,
    /// The day that it bears: of a letter its own, of a receipt that of reception, of a referral that of its deposit, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The day of the letter that it answers or acknowledges, `YYYY-MM-DD`.
    pub courrier: Option<String>,
    /// What becomes of the act after observations: `retrait`, `modification`, `maintien`.
    pub suite: Option<String>,
    /// Whether suspension is asked for with a referral.
    pub suspension_demandee: Option<bool>,
    /// The organisation whose own word it is.
    pub signe_par: Option<String>,
    /// The organisation that states what a file says.
    pub constate_par: Option<String>,
    /// Who that file says wrote it.
    pub auteur_declare: Option<AuteurRow>,
}

/// What the prefecture examined of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ExamenRow {
    /// Up to which leaf.
    pub jusqu_a: u64,
    /// `sans-observation` or `a-suivre`.
    pub suite: String,
    /// Whether something came since.
    pub nouveau: bool,
}

/// Who a file says wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AuteurRow {
    /// `sgar`, `prefecture` or `sous-prefecture`.
    pub qualite: String,
    /// Three characters.
    pub departement: String,
    /// One digit.
    pub arrondissement: Option<u8>,
}

pub(super) const ACTE: &str =
    "SELECT id, siren, departement, arrondissement, nature, matiere, classification, etat, idx,
     transmis_le_ms, transmissions, attend, vu, suite_examen, a_examiner FROM actes WHERE ";

pub(super) const FAITS: &str = "SELECT genre, idx, enregistre_le_ms, date, organisation, qualite, departement,
     arrondissement, code, mot, courrier, jusqu_au FROM faits WHERE acte = ?1 ORDER BY idx";

/// The whole of the act that `condition` on `?1` names, if there is one, as the law has it at `maintenant_ms`.
pub(super) fn acte(
    conn: &Connection,
    condition: &'static str,
    key: impl ToSql,
    maintenant_ms: u64,
) -> rusqlite::Result<Option<ActeRow>> {
    let found = conn.prepare_cached(&format!("{ACTE}{condition}"))?.query_row([key], read_acte).optional()?;
    let Some((mut acte, transmis_le_ms)) = found else { return Ok(None) };
    acte.pieces = pieces::read(conn, acte.index)?;
    let calendrier = Calendrier::du_departement(&acte.departement);
    let mut faits = Vec::new();
    let mut select = conn.prepare_cached(FAITS)?;
    let mut rows = select.query([&acte.id])?;
    while let Some(row) = rows.next()? {
        let fait = Fait::read(row)?;
        // A publication that placed the act in the list is that leaf.
        if fait.index != acte.index {
            acte.pieces.extend(pieces::read(conn, fait.index)?);
        }
        faits.push(fait);
    }
    let etapes = suivi::etapes(&faits, &calendrier);
    for fait in faits {
        acte.take(fait);
    }
    if let (Some(transmis), Some(used)) = (acte.transmis_index, &acte.classification) {
        let known = classification::connue(conn, &acte.siren, &acte.departement, transmis)?;
        acte.classification_plus_recente = known.filter(|known| known > used);
    }
    acte.judge(&calendrier, etapes, transmis_le_ms, maintenant_ms);
    Ok(Some(acte))
}

fn read_acte(row: &Row<'_>) -> rusqlite::Result<(ActeRow, Option<i64>)> {
    let id: String = row.get(0)?;
    let parsed: Option<IdActe> = id.parse().ok();
    let etat = row.get_ref(7)?.as_str()?;
    let index: u64 = row.get(8)?;
    let transmis_le_ms: Option<i64> = row.get(9)?;
    let acte = ActeRow {
        siren: row.get(1)?,
        departement: row.get(2)?,
        arrondissement: row.get(3)?,
        nature: row.get(4)?,
        numero: parsed.as_ref().map(|id| id.numero.to_string()).unwrap_or_default(),
        date_decision: parsed.as_ref().map(|id| id.date.to_string()).unwrap_or_default(),
        matiere: row.get(5)?,
        classification: row.get(6)?,
        classification_plus_recente: None,
        objet: None,
        // The table admits these and no other.
        etat: Etat::ALL.into_iter().find(|known| known.as_str() == etat).unwrap_or(Etat::Transmis),
        index,
        transmis_index: transmis_le_ms.map(|_| index),
        transmis_le: transmis_le_ms.map(instant),
        transmissions: row.get(10)?,
        date_reception: None,
        accuses: Vec::new(),
        anomalies: Vec::new(),
        publications: Vec::new(),
        annulation: None,
        correspondance: Vec::new(),
        attend: row.get(11)?,
        examen: examen(row)?,
        executoire: Executoire::default(),
        defere: Defere::default(),
        echeances: Vec::new(),
        pieces: Vec::new(),
        id,
    };
    Ok((acte, transmis_le_ms))
}

/// The mode of a publication that is a notification.
const NOTIFICATION: &str = "notification";

fn examen(row: &Row<'_>) -> rusqlite::Result<Option<ExamenRow>> {
    let Some(jusqu_a) = row.get(12)? else { return Ok(None) };
    let nouveau = row.get::<_, Option<i64>>(14)? == Some(suivi::NOUVEAU);
    Ok(Some(ExamenRow { jusqu_a, suite: row.get(13)?, nouveau }))
}

/// A row of `faits`.
pub(super) struct Fait {
    pub(super) genre: String,
    pub(super) index: u64,
    enregistre_le_ms: i64,
    pub(super) date: Option<String>,
    /// Of the letter that it answers.
    pub(super) courrier: Option<String>,
    organisation: String,
    auteur: Option<AuteurRow>,
    code: Option<String>,
    /// How it was published, what is rejected, what becomes of the act.
    mot: Option<String>,
    jusqu_au: Option<String>,
}

impl Fait {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let auteur = match row.get(5)? {
            Some(qualite) => Some(AuteurRow { qualite, departement: row.get(6)?, arrondissement: row.get(7)? }),
            None => None,
        };
        Ok(Self {
            genre: row.get(0)?,
            index: row.get(1)?,
            enregistre_le_ms: row.get(2)?,
            date: row.get(3)?,
            organisation: row.get(4)?,
            auteur,
            code: row.get(8)?,
            mot: row.get(9)?,
            courrier: row.get(10)?,
            jusqu_au: row.get(11)?,
        })
    }

    fn accuse(self) -> AccuseRow {
        let (signe_par, constate_par) = self.par();
        AccuseRow {
            index: self.index,
            enregistre_le: instant(self.enregistre_le_ms),
            date_reception: self.date.unwrap_or_default(),
            signe_par,
            constate_par,
            auteur_declare: self.auteur,
        }
    }

    fn event_type(&self) -> Option<EventType> {
        event_type(&self.genre)
    }

    /// Whether it says that the prefecture received the act.
    pub(super) fn is_receipt(&self) -> bool {
        self.event_type() == Some(EventType::ActeAccuseReception)
    }

    pub(super) fn is_constat(&self) -> bool {
        self.auteur.is_some()
    }

    /// Whether the collectivité says something that the prefecture reads.
    pub(super) fn is_answer(&self) -> bool {
        matches!(
            self.event_type(),
            Some(
                EventType::ActeReponseCourrierSimple
                    | EventType::ActeRefusPieces
                    | EventType::ActePiecesComplementaires
                    | EventType::ActeRejetLettreObservations
                    | EventType::ActeReponseLettreObservations
                    | EventType::ActeAnnulationDemandee
            )
        )
    }

    /// Whether both say the same, in two voices perhaps.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        self.genre == other.genre
            && (self.is_receipt()
                || (&self.date, &self.courrier, &self.code) == (&other.date, &other.courrier, &other.code))
    }

    /// What the law makes of it.
    pub(super) fn etape(&self, calendrier: &Calendrier) -> Option<Etape> {
        let genre = match self.event_type()? {
            EventType::ActeAccuseReception => Genre::Reception,
            EventType::ActeAnomalie => Genre::Anomalie,
            EventType::ActePublie if self.mot.as_deref() == Some(NOTIFICATION) => Genre::Notification,
            EventType::ActePublie => Genre::Publication,
            EventType::ActeAnnulationDemandee => Genre::AnnulationDemandee,
            EventType::ActeAnnulationAcquittee => Genre::AnnulationAcquittee,
            EventType::ActeCourrierSimple => Genre::CourrierSimple,
            EventType::ActeReponseCourrierSimple => Genre::CourrierSimpleRepondu,
            EventType::ActeDemandePieces => Genre::DemandePieces,
            EventType::ActeAccuseDemandePieces => Genre::DemandePiecesAcquittee,
            EventType::ActeRefusPieces => Genre::PiecesRefusees,
            EventType::ActePiecesComplementaires => Genre::PiecesTransmises,
            EventType::ActeAccusePieces => Genre::PiecesAcquittees,
            EventType::ActeLettreObservations => Genre::Observations,
            EventType::ActeAccuseLettreObservations => Genre::ObservationsAcquittees,
            EventType::ActeRejetLettreObservations => Genre::ObservationsRejetees,
            EventType::ActeReponseLettreObservations => Genre::ObservationsRepondues,
            EventType::ActeAccuseReponseObservations => Genre::ReponseObservationsAcquittee,
            EventType::ActeDefere => Genre::Defere,
            _ => return None,
        };
        let day = |text: Option<&String>| text.and_then(|text| text.parse::<Jour>().ok()).map(|jour| jour.0);
        let enregistre_le = calendrier.jour_civil(self.enregistre_le_ms.cast_unsigned());
        Some(Etape {
            feuille: self.index,
            genre,
            date: day(self.date.as_ref()).unwrap_or(enregistre_le),
            enregistre_le,
            courrier: day(self.courrier.as_ref()),
            constat: self.is_constat(),
        })
    }

    fn courrier(self) -> CourrierRow {
        let (signe_par, constate_par) = self.par();
        let is_referral = self.event_type() == Some(EventType::ActeDefere);
        let (suspension, suite) = if is_referral { (self.mot, None) } else { (None, self.mot) };
        CourrierRow {
            index: self.index,
            enregistre_le: instant(self.enregistre_le_ms),
            genre: self.genre,
            date: self.date,
            courrier: self.courrier,
            suite,
            suspension_demandee: suspension.map(|word| word == SUSPENSION),
            signe_par,
            constate_par,
            auteur_declare: self.auteur,
        }
    }

    /// « signé par », « constaté par ».
    fn par(&self) -> (Option<String>, Option<String>) {
        let organisation = Some(self.organisation.clone());
        if self.auteur.is_none() { (organisation, None) } else { (None, organisation) }
    }
}

impl ActeRow {
    fn take(&mut self, fait: Fait) {
        let empty = || AnnulationRow { demandee_index: None, accuses: Vec::new() };
        match fait.event_type() {
            Some(EventType::ActeAccuseReception) => self.accuses.push(fait.accuse()),
            Some(EventType::ActeAnomalie) => {
                let (signe_par, constate_par) = fait.par();
                self.anomalies.push(AnomalieRow {
                    index: fait.index,
                    enregistre_le: instant(fait.enregistre_le_ms),
                    date: fait.date.unwrap_or_default(),
                    code: fait.code.unwrap_or_default(),
                    portee: fait.mot.unwrap_or_default(),
                    signe_par,
                    constate_par,
                    auteur_declare: fait.auteur,
                });
            }
            Some(EventType::ActePublie) => self.publications.push(PublicationRow {
                index: fait.index,
                enregistre_le: instant(fait.enregistre_le_ms),
                mode: fait.mot.unwrap_or_default(),
                date: fait.date.unwrap_or_default(),
                jusqu_au: fait.jusqu_au,
            }),
            Some(EventType::ActeAnnulationDemandee) => {
                self.annulation.get_or_insert_with(empty).demandee_index = Some(fait.index);
            }
            Some(EventType::ActeAnnulationAcquittee) => {
                self.annulation.get_or_insert_with(empty).accuses.push(fait.accuse());
            }
            // Of an earlier transmission its files are shown.
            Some(EventType::ActeTransmis) | None => {}
            Some(_) => self.correspondance.push(fait.courrier()),
        }
    }

    /// What follows from the facts.
    fn judge(
        &mut self,
        calendrier: &Calendrier,
        mut etapes: Vec<Etape>,
        transmis_le_ms: Option<i64>,
        maintenant_ms: u64,
    ) {
        // The prefecture's own word first, else the constat's; of each the first.
        let own = self.accuses.iter().find(|accuse| accuse.signe_par.is_some());
        let accuse = own.or(self.accuses.first()).filter(|_| self.transmis_index.is_some());
        self.date_reception = accuse.map(|accuse| accuse.date_reception.clone());
        if self.transmis_index.is_none() {
            etapes.retain(|etape| etape.genre != Genre::Reception);
        }
        let au_jour = calendrier.jour_civil(maintenant_ms);
        let faits = Faits {
            calendrier,
            nature: &self.nature,
            matiere: self.matiere.as_deref(),
            decide_le: self.date_decision.parse::<Jour>().ok().map(|jour| jour.0),
            transmis_le: transmis_le_ms.map(|ms| calendrier.jour_civil(ms.cast_unsigned())),
            rejete: self.etat == Etat::Anomalie,
            annule: self.etat == Etat::Annule,
            etapes: &etapes,
        };
        self.executoire = droit::executoire(&faits);
        self.defere = droit::defere(&faits, au_jour);
        self.echeances = droit::echeances(&faits, au_jour);
    }
}

fn instant(ms: i64) -> String {
    Horodatage::from_unix_ms(ms.cast_unsigned()).to_string()
}
