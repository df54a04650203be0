//! What an ACTES message says, as an event to sign, with the files to deposit first.
//!
//! | message | event | whose word |
//! |---|---|---|
//! | 1-1, 2-2, 3-2, 3-3, 3-4, 4-2, 4-3, 4-4, 6-1, 7-1 | `acte.transmis`, `acte.reponse-…`, …, `classification.demandee` | the collectivité's |
//! | 1-2, 1-3, ANO, 2-1, 3-1, 3-5, 4-1, 4-5, 5-1, 6-2, 7-2, 7-3, received as files | `acte.accuse-reception`, …, with `auteur_declare`: a *constat* | the collectivité's that received it |
//! | the same, written by a prefecture that has a key | without `auteur_declare` | that prefecture's |
//! | any of them that fits no act | `quarantaine.mise` | the collectivité's that received it |
//!
//! What becomes of the files, so that no personal data stands in a leaf (DESIGN §§1.9, 4):
//!
//! - the act itself is public where its nature is (délibération, arrêté réglementaire, document budgétaire) and its name is
//!   the normalised one of that act; any other act, every annexe, every message and envelope is cited by engagement;
//! - the *objet* goes into a confidential piece of its own, the contacts of the envelope into another, and so do the words of
//!   letters, anomalies and referrals.
//!
//! Pure: the random salts come from the caller, who also finds the act ([`super::rapprochement`]), deposits, signs and posts.

mod pieces;

use greffe_events::catalogue::acte::Matiere;
use greffe_events::catalogue::{self, ActeAnomalie, ActeTransmis, AuteurDeclare, Data, MotifQuarantaine, Qualite};
use greffe_events::event::DossierId;
use greffe_events::horodatage::Jour;
use greffe_events::ident::{Departement, IdActe, IdQuarantaine, Organisation, Siren, Subject};
use greffe_events::piece::{Empreinte, Finalite, Piece, RolePiece, id_du_nom};
use greffe_events::{Refusal, Uuid};
use jiff::civil::Date;

use super::classification::Classification;
use super::enveloppe::{Autorite, Enveloppe};
use super::lot::{Lot, MessageDuLot, Role};
use super::message::{Acte, CodeMessage, Message};
use pieces::Fichier;

/// A file to deposit before the event is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ADeposer {
    /// How the event cites it.
    pub reference: Empreinte,
    /// Digest of its bytes.
    pub sha256: Empreinte,
    /// Salt of its engagement; none for a public file.
    pub sel: Option<Empreinte>,
    /// Its original name.
    pub nom: Option<String>,
    /// Its bytes.
    pub octets: Vec<u8>,
}

/// An event to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposition {
    /// Who says it.
    pub source: Organisation,
    /// About which dossier.
    pub dossier: Subject,
    /// What to say.
    pub data: Data,
    /// What to deposit first.
    pub fichiers: Vec<ADeposer>,
}

/// Why a message gives no event: stable code and words.
pub type Raison = (&'static str, String);

/// Makes events of the messages of a submission.
pub struct Redaction<'a, S> {
    lot: &'a Lot,
    /// The prefecture whose own word the State's messages are; none: they are constats of who received them.
    prefecture: Option<Organisation>,
    /// The envelope, its contacts; and what nothing cites, which travels with the first event, once.
    communes: Vec<Fichier>,
    sel: S,
}

impl<'a, S: FnMut() -> [u8; 32]> Redaction<'a, S> {
    /// Of that submission; `sel` gives 32 fresh random bytes.
    pub fn new(lot: &'a Lot, prefecture: Option<Organisation>, mut sel: S) -> Self {
        let communes = pieces::communes(lot, &mut sel);
        Self { lot, prefecture, communes, sel }
    }

    /// What a message says of an act that its collectivité transmits or that is known; of a classification, for `siren`.
    pub fn dit(&mut self, message: &MessageDuLot, sujet: &SujetDuMessage) -> Result<Proposition, Raison> {
        let mut own = self.own_files(message, sujet);
        let words: Option<(Finalite, serde_json::Value)> = match &message.message {
            Message::Acte(acte) => Some((Finalite::Objet, serde_json::json!({ "objet": acte.objet }))),
            Message::AnomalieActe(anomalie) => texte(anomalie.detail.as_ref()).map(motif),
            Message::AnomalieEnveloppe(anomalie) => texte(anomalie.detail.as_ref()).map(motif),
            Message::DefereTa(defere) => texte(defere.nature_illegalite.as_ref()).map(motif),
            Message::LettreObservations(lettre) => texte(lettre.texte.as_ref()).map(motif),
            Message::DemandePieceComplementaire(demande) => {
                texte(demande.texte.as_ref()).map(|texte| (Finalite::Texte, serde_json::json!({ "texte": texte })))
            }
            _ => None,
        };
        if let Some((finalite, words)) = words {
            own.push(pieces::confidentielle(finalite, &words, &mut self.sel));
        }
        own.extend_from_slice(&self.communes);
        let (cited, fichiers): (Vec<Piece>, Vec<ADeposer>) = own.into_iter().unzip();
        let (source, dossier) = match sujet {
            SujetDuMessage::Acte(id) => (Organisation::Siren(id.siren), id.dossier()),
            SujetDuMessage::Classification { siren, .. } => {
                let owner = self.prefecture.clone().filter(|_| message.message.code().est_de_l_etat());
                let owner = owner.unwrap_or(Organisation::Siren(*siren));
                (owner.clone(), owner.dossier_classification())
            }
        };
        let source = self.prefecture.clone().filter(|_| message.message.code().est_de_l_etat()).unwrap_or(source);
        let data = self.data(message, sujet, cited)?;
        check(&data, &dossier)?;
        Ok(Proposition { source, dossier, data, fichiers })
    }

    /// The last one was recorded: what nothing cites has travelled with it.
    pub fn emporte(&mut self) {
        self.communes.retain(|(piece, _)| piece.role != RolePiece::Autre);
    }

    /// A message that could not be placed.
    pub fn quarantaine(
        &mut self,
        mise: &Mise<'_>,
        titulaire: &Organisation,
        numero: Uuid,
    ) -> Result<Proposition, Raison> {
        let mut own = vec![pieces::engagee(RolePiece::Message, mise.nom, mise.octets.to_vec(), &mut self.sel)];
        for fichier in mise.documents {
            own.push(pieces::engagee(RolePiece::Autre, &fichier.nom, fichier.octets.clone(), &mut self.sel));
        }
        own.extend_from_slice(&self.communes);
        let (cited, fichiers): (Vec<Piece>, Vec<ADeposer>) = own.into_iter().unzip();
        let departement =
            mise.acte.as_ref().map(|acte| acte.departement).or_else(|| self.emetteur()?.departement().valeur);
        let data = catalogue::QuarantaineMise {
            message: mise.message.map_or(catalogue::TypeMessage::Inconnu, type_message),
            motif: mise.motif,
            acte: mise.acte.clone(),
            auteur_declare: departement.map(|departement| self.auteur(departement)),
            pieces: liste(cited)?,
        };
        let dossier = IdQuarantaine { titulaire: titulaire.clone(), numero }.dossier();
        let data = data.into();
        check(&data, &dossier)?;
        Ok(Proposition { source: titulaire.clone(), dossier, data, fichiers })
    }

    /// The message itself and what it cites.
    fn own_files(&mut self, message: &MessageDuLot, sujet: &SujetDuMessage) -> Vec<Fichier> {
        let mut own = Vec::new();
        let is_act = matches!(message.message, Message::Acte(_));
        for fichier in &message.documents {
            let role = match (&message.message, fichier.role) {
                (Message::Acte(_), Role::Document) => RolePiece::Acte,
                (Message::Acte(_), Role::Annexe) => RolePiece::Annexe,
                // What a receipt or an anomaly repeats of the act.
                (Message::ArActe(_) | Message::AnomalieActe(_) | Message::AnomalieEnveloppe(_), _) => RolePiece::Autre,
                _ => RolePiece::Document,
            };
            let is_public = match sujet {
                SujetDuMessage::Acte(id) => {
                    is_act
                        && role == RolePiece::Acte
                        && id.nature.is_public()
                        && id_du_nom(&fichier.nom).as_ref() == Some(id)
                }
                SujetDuMessage::Classification { .. } => false,
            };
            own.push(if is_public {
                pieces::publique(role, &fichier.nom, fichier.octets.clone())
            } else {
                pieces::engagee(role, &fichier.nom, fichier.octets.clone(), &mut self.sel)
            });
        }
        own.push(pieces::engagee(RolePiece::Message, &message.nom, message.octets.clone(), &mut self.sel));
        own
    }

    #[allow(clippy::too_many_lines, reason = "a table: one arm for each kind of message")]
    fn data(&self, message: &MessageDuLot, sujet: &SujetDuMessage, cited: Vec<Piece>) -> Result<Data, Raison> {
        let departement = match sujet {
            SujetDuMessage::Acte(id) => Some(id.departement),
            SujetDuMessage::Classification { departement, .. } => {
                let name = message.identifiants.nom.as_ref().and_then(|nom| nom.departement);
                self.emetteur().and_then(|emetteur| emetteur.departement().valeur).or(*departement).or(name)
            }
        };
        let located =
            || departement.ok_or_else(|| ("departement-absent", "nothing tells which département".to_owned()));
        let auteur = || match &self.prefecture {
            Some(_) => Ok(None),
            None => located().map(|departement| Some(self.auteur(departement))),
        };
        let pieces = || liste(cited.clone());
        let letter = || jour(message.message.date_courrier(), "DateCourrierPref");
        let sent = |date: Option<Date>, what| jour(date.or_else(|| envelope_date(message)), what);
        Ok(match &message.message {
            Message::Acte(acte) => self.transmis(acte, cited)?.into(),
            Message::ArActe(ar) => catalogue::ActeAccuseReception {
                date_reception: Jour(ar.date_reception),
                classification_en_cours: ar.classification_en_cours.map(Jour),
                auteur_declare: auteur()?,
                pieces: cited,
            }
            .into(),
            Message::AnomalieActe(anomalie) => ActeAnomalie {
                date: sent(anomalie.date, "Date")?,
                code: code(anomalie.nature)?,
                portee: catalogue::acte::PorteeAnomalie::Acte,
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::AnomalieEnveloppe(anomalie) => ActeAnomalie {
                date: sent(anomalie.date, "Date")?,
                code: code(anomalie.nature)?,
                portee: catalogue::acte::PorteeAnomalie::Enveloppe,
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::CourrierSimple(_) => {
                catalogue::ActeCourrierSimple { date: letter()?, auteur_declare: auteur()?, pieces: pieces()? }.into()
            }
            Message::DemandePieceComplementaire(_) => {
                catalogue::ActeDemandePieces { date: letter()?, auteur_declare: auteur()?, pieces: pieces()? }.into()
            }
            Message::LettreObservations(_) => {
                catalogue::ActeLettreObservations { date: letter()?, auteur_declare: auteur()?, pieces: pieces()? }
                    .into()
            }
            Message::ReponseCourrierSimple(_) => {
                catalogue::ActeReponseCourrierSimple { courrier: letter()?, pieces: pieces()? }.into()
            }
            Message::ArDemandePieceComplementaire(_) => {
                catalogue::ActeAccuseDemandePieces { courrier: letter()?, date_reception: None, pieces: pieces()? }
                    .into()
            }
            Message::RefusPieceComplementaire(_) => {
                catalogue::ActeRefusPieces { courrier: letter()?, pieces: pieces()? }.into()
            }
            Message::PieceComplementaire(_) => {
                catalogue::ActePiecesComplementaires { courrier: letter()?, pieces: pieces()? }.into()
            }
            Message::ArLettreObservations(_) => {
                catalogue::ActeAccuseLettreObservations { courrier: letter()?, date_reception: None, pieces: pieces()? }
                    .into()
            }
            Message::RejetLettreObservations(_) => {
                catalogue::ActeRejetLettreObservations { courrier: letter()?, pieces: pieces()? }.into()
            }
            Message::ReponseLettreObservations(_) => {
                catalogue::ActeReponseLettreObservations { courrier: letter()?, suite: None, pieces: pieces()? }.into()
            }
            Message::ArPieceComplementaire(ar) => catalogue::ActeAccusePieces {
                courrier: letter()?,
                date_reception: Jour(ar.date_reception),
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::ArReponseRejetLettreObservations(ar) => catalogue::ActeAccuseReponseObservations {
                courrier: letter()?,
                date_reception: Jour(ar.date_reception),
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::DefereTa(defere) => catalogue::ActeDefere {
                date_depot: sent(defere.date_depot, "DateDepot")?,
                suspension_demandee: None,
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::Annulation(_) => catalogue::ActeAnnulationDemandee { pieces: pieces()? }.into(),
            Message::ArAnnulation(ar) => catalogue::ActeAnnulationAcquittee {
                date_reception: Jour(ar.date_reception),
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::DemandeClassification(date) => {
                catalogue::ClassificationDemandee { date: date.map(Jour), pieces: pieces()? }.into()
            }
            Message::RetourClassification(classification) => catalogue::ClassificationPubliee {
                date: Jour(classification.date),
                departement: located()?,
                natures: natures(classification)?,
                matieres: matieres(classification)?,
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
            Message::ReponseClassificationSansChangement(date) => catalogue::ClassificationInchangee {
                date: jour(*date, "DateClassification")?,
                departement: located()?,
                auteur_declare: auteur()?,
                pieces: pieces()?,
            }
            .into(),
        })
    }

    fn transmis(&self, acte: &Acte, pieces: Vec<Piece>) -> Result<ActeTransmis, Raison> {
        let levels: Vec<u8> =
            acte.matieres.0.iter().map_while(|level| level.and_then(|level| u8::try_from(level).ok())).collect();
        let matiere = Matiere::new(&levels).ok_or_else(|| {
            ("matiere-illisible", format!("{:?} is no matière of 2 to 5 levels", acte.matieres.code()))
        })?;
        let classification = acte
            .classification_date
            .map(Jour)
            .ok_or_else(|| ("classification-absente", "ClassificationDateVersion is missing".to_owned()))?;
        let arrondissement = match self.lot.enveloppe.as_ref().map(|enveloppe| &enveloppe.enveloppe) {
            Some(Enveloppe::ClMisill(enveloppe)) => enveloppe.emetteur.arrondissement.valeur,
            Some(Enveloppe::MisillCl(_)) | None => None,
        };
        let precedent = acte.precedent.as_ref().and_then(|precedent| precedent.valeur.clone());
        let document_papier = acte.document_papier;
        Ok(ActeTransmis { matiere, classification, arrondissement, precedent, document_papier, pieces })
    }

    fn emetteur(&self) -> Option<&Autorite> {
        match self.lot.enveloppe.as_ref().map(|enveloppe| &enveloppe.enveloppe) {
            Some(Enveloppe::MisillCl(enveloppe)) => Some(&enveloppe.emetteur),
            Some(Enveloppe::ClMisill(_)) | None => None,
        }
    }

    /// Who the envelope says wrote; without one, the prefecture of the act's département.
    fn auteur(&self, departement_acte: Departement) -> AuteurDeclare {
        let emetteur = self.emetteur();
        let (qualite, arrondissement) = match emetteur {
            Some(Autorite::Sgar(_)) => (Qualite::Sgar, None),
            Some(Autorite::Prefecture(_)) | None => (Qualite::Prefecture, None),
            Some(Autorite::SousPrefecture { arrondissement, .. }) => (Qualite::SousPrefecture, arrondissement.valeur),
        };
        let departement = emetteur.and_then(|emetteur| emetteur.departement().valeur).unwrap_or(departement_acte);
        AuteurDeclare { qualite, departement, arrondissement }
    }
}

/// The day on which the envelope was made, by its name.
fn envelope_date(message: &MessageDuLot) -> Option<Date> {
    message.identifiants.enveloppe.as_ref().map(|enveloppe| enveloppe.date)
}

/// What a message is about, once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SujetDuMessage {
    /// An act.
    Acte(IdActe),
    /// The classification that this collectivité uses.
    Classification {
        /// Which.
        siren: Siren,
        /// Where it lies, as far as the caller knows: neither message nor envelope may tell.
        departement: Option<Departement>,
    },
}

/// A message to put aside.
#[derive(Debug, Clone)]
pub struct Mise<'a> {
    /// File name.
    pub nom: &'a str,
    /// Its bytes.
    pub octets: &'a [u8],
    /// Files that it cites.
    pub documents: &'a [super::lot::Fichier],
    /// Its kind, where it can be told.
    pub message: Option<CodeMessage>,
    /// Why.
    pub motif: MotifQuarantaine,
    /// The act that it names.
    pub acte: Option<IdActe>,
}

/// The word that events have for a kind.
fn type_message(code: CodeMessage) -> catalogue::TypeMessage {
    let text = code.as_str();
    let known = catalogue::TypeMessage::ALL.iter().copied();
    known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text)).unwrap_or(catalogue::TypeMessage::Inconnu)
}

/// Words that are there.
fn texte(of: Option<&String>) -> Option<&String> {
    of.filter(|text| !text.is_empty())
}

fn motif(texte: &String) -> (Finalite, serde_json::Value) {
    (Finalite::Motif, serde_json::json!({ "motif": texte }))
}

fn jour(date: Option<Date>, what: &str) -> Result<Jour, Raison> {
    date.map(Jour).ok_or_else(|| ("date-absente", format!("{what} is missing or can't be read")))
}

/// Three digits, as the schema writes them.
fn code(nature: u16) -> Result<greffe_events::valeur::CodeOuvert, Raison> {
    let text = format!("{nature:03}");
    text.parse().map_err(|_| ("anomalie-illisible", format!("{nature} is no code of an anomaly")))
}

fn liste<T, const MAX: usize>(values: Vec<T>) -> Result<greffe_events::Liste<T, MAX>, Raison> {
    let count = values.len();
    greffe_events::Liste::new(values)
        .ok_or_else(|| ("trop-de-fichiers", format!("{count}, at most {MAX} are admitted")))
}

fn natures(classification: &Classification) -> Result<greffe_events::Liste<catalogue::NatureClassee, 6>, Raison> {
    let read = classification.natures.iter().map(|classee| {
        let types = classee.types_pj.iter().filter_map(|classe| classe.code.as_str().parse().ok()).collect();
        Ok(catalogue::NatureClassee { nature: classee.nature, types: liste(types)? })
    });
    liste(read.collect::<Result<_, Raison>>()?)
}

/// Those that an act may name; what is beyond the identifiers' form is left to the message.
fn matieres(classification: &Classification) -> Result<greffe_events::Liste<Matiere, 1_500>, Raison> {
    let all = classification.toutes_les_matieres().into_iter().filter_map(|(codes, _)| {
        let levels: Option<Vec<u8>> = codes.into_iter().map(|code| u8::try_from(code).ok()).collect();
        Matiere::new(&levels?)
    });
    liste(all.collect())
}

/// What the form alone does not say, before anything is deposited.
fn check(data: &Data, dossier: &Subject) -> Result<(), Raison> {
    let refused = |refusal: Refusal| ("message-impropre", refusal.to_string());
    let id = DossierId::of(dossier).map_err(|detail| ("message-impropre", detail))?;
    data.check_echange(&id).map_err(refused)
}
