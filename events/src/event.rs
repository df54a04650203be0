//! Events: CloudEvents 1.0 in structured JSON, with the attribute `registre`.
//!
//! Reading goes from bytes to a value that holds together: attributes are well-formed, the type is known,
//! `data` is what the type says, and the subject is a dossier of the type's family. Whether the event may
//! stand in the log (signatures, rights, time, life cycle) is decided elsewhere. The bytes stay as they are:
//! [`Event::write`] makes new ones for a poster, nothing is ever re-serialised.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::catalogue::cle::check_key;
use crate::catalogue::{Data, EventType};
use crate::dsse::{self, Envelope};
use crate::horodatage::Horodatage;
use crate::ident::{IdActe, IdConsultation, IdFacture, IdFlux, IdPli, IdQuarantaine, Organisation, Origin, Subject};
use crate::json::{Texte, without_place};
use crate::piece::Empreinte;
use crate::refusal::{Code, Refusal};

/// How long before its recording an event may have been signed, in milliseconds: 7 days.
pub const TIME_PAST_MS_MAX: u64 = 7 * 24 * 3_600 * 1_000;

/// How far in the future an event may have been signed, in milliseconds: 5 minutes between two clocks.
pub const TIME_FUTURE_MS_MAX: u64 = 5 * 60 * 1_000;

/// One signed statement by an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Chosen by the poster, version 7; with `source` the identity of the event.
    pub id: Uuid,
    /// Who speaks.
    pub source: Organisation,
    /// Which dossier it is about.
    pub subject: Subject,
    /// The same, read.
    pub dossier: DossierId,
    /// When it was signed.
    pub time: Horodatage,
    /// The log it was written for.
    pub registre: Origin,
    /// What it says.
    pub data: Data,
}

/// A dossier's identifier, by family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DossierId {
    /// The log itself.
    Registre(Origin),
    /// A member.
    Adherent(Organisation),
    /// An act.
    Acte(IdActe),
    /// The prefecture's examinations of an act.
    Examen(IdActe),
    /// A message that could not be placed.
    Quarantaine(IdQuarantaine),
    /// The classifications that an organisation published or received.
    Classification(Organisation),
    /// An accounting flow.
    Flux(IdFlux),
    /// An invoice.
    Facture(IdFacture),
    /// A tender.
    Consultation(IdConsultation),
    /// A submission.
    Pli(IdPli),
    /// A piece: the copy that an organisation deposited, and the digest that names it.
    Piece(Organisation, Empreinte),
}

impl DossierId {
    /// Reads a subject.
    pub fn of(subject: &Subject) -> Result<Self, String> {
        let identifier = subject.identifier();
        match subject.family() {
            Subject::REGISTRE => identifier.parse().map(Self::Registre).map_err(|e| e.to_string()),
            Subject::ADHERENT => Organisation::of_abrege(identifier).map(Self::Adherent).map_err(|e| e.to_string()),
            Subject::ACTE => identifier.parse().map(Self::Acte).map_err(|e| e.to_string()),
            Subject::EXAMEN => identifier.parse().map(Self::Examen).map_err(|e| e.to_string()),
            Subject::QUARANTAINE => identifier.parse().map(Self::Quarantaine).map_err(|e| e.to_string()),
            Subject::CLASSIFICATION => {
                Organisation::of_abrege(identifier).map(Self::Classification).map_err(|e| e.to_string())
            }
            Subject::FLUX => identifier.parse().map(Self::Flux).map_err(|e| e.to_string()),
            Subject::FACTURE => identifier.parse().map(Self::Facture).map_err(|e| e.to_string()),
            Subject::CONSULTATION => identifier.parse().map(Self::Consultation).map_err(|e| e.to_string()),
            Subject::PLI => identifier.parse().map(Self::Pli).map_err(|e| e.to_string()),
            Subject::PIECE => {
                let (owner, reference) = identifier.rsplit_once('/').ok_or("a piece is organisation/reference")?;
                let owner = Organisation::of_abrege(owner).map_err(|e| e.to_string())?;
                Ok(Self::Piece(owner, reference.parse()?))
            }
            other => Err(format!("the family {other:?} is not known")),
        }
    }

    /// Whose dossier it is: the organisations that its identifier names. None for the log's own, and for examinations, which are of
    /// the act's prefecture, whichever organisation that is.
    pub fn titulaires(&self) -> Vec<Organisation> {
        match self {
            Self::Registre(_) | Self::Examen(_) => Vec::new(),
            Self::Adherent(organisation) | Self::Piece(organisation, _) | Self::Classification(organisation) => {
                vec![organisation.clone()]
            }
            Self::Quarantaine(id) => vec![id.titulaire.clone()],
            Self::Acte(id) => vec![id.siren.into()],
            Self::Flux(id) => vec![id.budget.siren().into()],
            Self::Facture(id) => vec![id.vendeur.clone(), id.acheteur.clone()],
            Self::Consultation(id) => vec![id.acheteur.clone()],
            Self::Pli(id) => vec![id.soumissionnaire.clone(), id.consultation.acheteur.clone()],
        }
    }

    /// Another dossier whose state the life cycle of this one asks for: the consultation of a submission, the act of an examination.
    pub fn lie(&self) -> Option<Subject> {
        match self {
            Self::Pli(id) => Some(id.consultation.dossier()),
            Self::Examen(id) => Some(id.dossier()),
            _ => None,
        }
    }
}

/// Attributes as they stand in JSON; all optional here so that a missing one can be named.
#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    datacontenttype: Option<&'a RawValue>,
    #[serde(borrow)]
    registre: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What of an event's identity can be read, however wrong the rest: for the record of a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimedIdentity {
    /// `source`, where it is one.
    pub source: Option<Organisation>,
    /// `id`, where it is one that an event may have: nothing else of the poster's choice is recorded.
    pub id: Option<Uuid>,
    /// `registre`, where it is the name of a log.
    pub registre: Option<Origin>,
}

impl ClaimedIdentity {
    /// Reads what can be read.
    pub fn of(payload: &[u8]) -> Self {
        let Ok(attributes) = serde_json::from_slice::<Attributes>(payload) else { return Self::default() };
        Self {
            source: attributes.source.and_then(|raw| serde_json::from_str(raw.get()).ok()),
            id: attributes.id.and_then(|raw| read_id(&serde_json::from_str::<String>(raw.get()).ok()?).ok()),
            registre: attributes.registre.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        }
    }
}

impl Event {
    /// Reads bare bytes: I-JSON, attributes, type, `data`, subject.
    pub fn parse(payload: &[u8]) -> Result<Self, Refusal> {
        dsse::check_payload(payload)?;
        Self::read(payload)
    }

    /// Reads the event of an envelope, whose bytes are known to be I-JSON.
    pub fn of(envelope: &Envelope) -> Result<Self, Refusal> {
        Self::read(envelope.payload())
    }

    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let attributes: Attributes =
            serde_json::from_slice(payload).map_err(|error| Refusal::new(Code::JsonMalformed, error.to_string()))?;
        let specversion: Texte = attribute("specversion", attributes.specversion)?;
        if specversion.0 != "1.0" {
            return Err(wrong("specversion", "must be \"1.0\""));
        }
        let datacontenttype: Texte = attribute("datacontenttype", attributes.datacontenttype)?;
        if datacontenttype.0 != "application/json" {
            return Err(wrong("datacontenttype", "must be \"application/json\""));
        }
        let id: Texte = attribute("id", attributes.id)?;
        let id = read_id(&id.0)?;
        let source = attribute("source", attributes.source)?;
        let registre = attribute("registre", attributes.registre)?;
        let time = attribute("time", attributes.time)?;
        let subject: Subject = attribute("subject", attributes.subject)?;
        let Texte(name) = attribute("type", attributes.event_type)?;
        let event_type: EventType = name
            .parse()
            .map_err(|()| Refusal::new(Code::TypeUnknown, format!("the type {name:?} is not known here")).at("type"))?;
        if subject.family() != event_type.family() {
            let detail = format!("the subject of {name} is {}/…", event_type.family());
            return Err(wrong("subject", detail));
        }
        let dossier = DossierId::of(&subject).map_err(|detail| wrong("subject", detail))?;
        let raw_data = attributes
            .data
            .ok_or_else(|| Refusal::new(Code::AttributeMissing, "the attribute data is missing").at("data"))?;
        let data = event_type.read(raw_data)?;
        let event = Self { id, source, subject, dossier, time, registre, data };
        event.check()?;
        Ok(event)
    }

    /// Rules between fields that each hold on their own.
    fn check(&self) -> Result<(), Refusal> {
        match (&self.data, &self.dossier) {
            (Data::RegistreOuvert(data), DossierId::Registre(origin)) => {
                if *origin != data.origine || self.registre != data.origine {
                    return Err(wrong("registre", "registre, subject and data.origine name the same log"));
                }
                if data.operateur.organisation != self.source {
                    return Err(wrong("source", "the operator opens its own log"));
                }
                data.check()
            }
            (data, DossierId::Registre(origin)) if *origin == self.registre => match data {
                Data::RegistreOperateurRemplace(data) => check_key("data.cle", data.cle),
                Data::RegistreNoeudRemplace(data) => check_key("data.cle", data.cle),
                Data::RegistreRecouvrementRemplace(data) => check_key("data.cle", data.cle),
                Data::RegistreJournalRemplace(data) => data.check(origin),
                _ => Ok(()),
            },
            (data, DossierId::Adherent(organisation)) if data.adherent() == Some(organisation) => match data {
                Data::AdherentInscrit(data) => data.check(),
                Data::AdherentModifie(data) => data.check(),
                Data::CleEnrolee(data) => data.check(self.time),
                Data::CleRecouvree(data) => data.check(self.time),
                Data::CleCompromise(data) => data.check(self.time),
                Data::DelegationAccordee(data) => data.check(),
                _ => Ok(()),
            },
            (Data::PieceEffacee(_), DossierId::Piece(..)) => Ok(()),
            // The type's family is the subject's: that was checked.
            (
                data,
                DossierId::Acte(_)
                | DossierId::Examen(_)
                | DossierId::Quarantaine(_)
                | DossierId::Classification(_)
                | DossierId::Flux(_)
                | DossierId::Facture(_)
                | DossierId::Consultation(_)
                | DossierId::Pli(_),
            ) => data.check_echange(&self.dossier),
            _ => Err(wrong("subject", "the subject must name the dossier that data is about")),
        }
    }

    /// Whether it was signed near enough to `recorded_at` (Unix ms).
    pub fn check_time(&self, recorded_at_ms: u64) -> Result<(), Refusal> {
        let time = self.time.unix_ms();
        let late = time.saturating_add(TIME_PAST_MS_MAX) < recorded_at_ms;
        let early = time > recorded_at_ms.saturating_add(TIME_FUTURE_MS_MAX);
        if late || early {
            let now = Horodatage::from_unix_ms(recorded_at_ms);
            let detail = format!("signed at {}, now {now}: admitted are 7 days before and 5 minutes after", self.time);
            return Err(Refusal::new(Code::TimeOutOfRange, detail).at("time"));
        }
        Ok(())
    }

    /// Whether it was written for this log.
    pub fn check_registre(&self, origin: &Origin) -> Result<(), Refusal> {
        if self.registre == *origin {
            Ok(())
        } else {
            let detail = format!("the event is for {}, this log is {origin}", self.registre);
            Err(Refusal::new(Code::RegistreWrong, detail).at("registre"))
        }
    }

    /// Writes new bytes: what a poster signs.
    pub fn write(
        id: Uuid,
        source: &Organisation,
        subject: &Subject,
        time: Horodatage,
        registre: &Origin,
        data: &Data,
    ) -> Vec<u8> {
        #[derive(Serialize)]
        struct Wire<'a> {
            specversion: &'static str,
            id: Uuid,
            source: &'a Organisation,
            #[serde(rename = "type")]
            event_type: &'static str,
            subject: &'a Subject,
            time: Horodatage,
            datacontenttype: &'static str,
            registre: &'a Origin,
            data: &'a Data,
        }
        let wire = Wire {
            specversion: "1.0",
            id,
            source,
            event_type: data.event_type().as_str(),
            subject,
            time,
            datacontenttype: "application/json",
            registre,
            data,
        };
        // Texts, numbers and lists: nothing in it can fail to serialise.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

fn wrong(name: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::AttributeInvalid, detail).at(name)
}

fn attribute<'a, T: Deserialize<'a>>(name: &'static str, raw: Option<&'a RawValue>) -> Result<T, Refusal> {
    let raw =
        raw.ok_or_else(|| Refusal::new(Code::AttributeMissing, format!("the attribute {name} is missing")).at(name))?;
    serde_json::from_str(raw.get()).map_err(|error| wrong(name, without_place(&error)))
}

/// A version 7 UUID (RFC 9562 §5.7) in its canonical form, lowercase with hyphens.
fn read_id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.get_version_num() == 7)
        .filter(|id| *id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text)
        .ok_or_else(|| wrong("id", "id is a version 7 UUID, lowercase with hyphens"))
}
