//! What in a message tells which act, letter or envelope it is about.
//!
//! Answers seldom say all of it, and what they say may contradict itself; whoever matches an answer to an act weighs what is there.
//! So nothing is decided here: each value stands as it was read, beside where it was read.

use greffe_events::ident::{Departement, IdActe, Nature, Numero, Siren};
use jiff::civil::Date;

use super::enveloppe::{Autorite, Enveloppe, IdCl};
use super::lecture::Lu;
use super::message::Message;
use super::nom::{NomEnveloppe, NomFichier, PREFIXE_ANOMALIE};

/// Every identifier that comes with a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identifiants {
    /// Its own `IDActe`.
    pub id_acte: Option<Lu<IdActe>>,
    /// The collectivité concerned: the envelope's sender or addressee, the sender of an envelope that is refused.
    pub siren: Option<Siren>,
    /// Département of the envelope's sender (the collectivité's own, or the authority's), or of that of a refused envelope.
    pub departement: Option<Departement>,
    /// Arrondissement of that sender, one digit.
    pub arrondissement: Option<u8>,
    /// Date of the decision, in the act or in what is repeated of it.
    pub date: Option<Date>,
    /// The act's number there, in the identifier's form.
    pub numero: Option<Numero>,
    /// The act's nature there.
    pub nature: Option<Nature>,
    /// The letter that it is, or that it answers, by that letter's date (`DateCourrierPref`).
    pub date_courrier: Option<Date>,
    /// The parts of its file name. A name is no proof: its date may be that of sending.
    pub nom: Option<NomFichier>,
    /// The envelope's name; of an ANO, that of the envelope that is refused.
    pub enveloppe: Option<NomEnveloppe>,
    /// Names of the files that it cites: of a receipt or refusal those of the act as it was sent, of an ANO the messages that are
    /// refused.
    pub cites: Vec<String>,
}

impl Identifiants {
    /// All that a message, its file name and its envelope (by name and content) say.
    pub fn of(message: &Message, nom: &str, enveloppe: Option<(&str, &Enveloppe)>) -> Self {
        let mut tous = Self::sans_message(nom, enveloppe);
        let identite = match message {
            Message::Acte(acte) => (Some(acte.date), Some(&acte.numero), Some(acte.nature)),
            Message::ArActe(ar) => ar.acte.identite(),
            Message::AnomalieActe(anomalie) => anomalie.acte.identite(),
            _ => (None, None, None),
        };
        (tous.date, tous.nature) = (identite.0, identite.2);
        tous.numero = identite.1.cloned();
        tous.id_acte = message.id_acte().cloned();
        tous.date_courrier = message.date_courrier();
        tous.cites = message.citations().into_iter().map(|(_, fichier)| fichier.nom.clone()).collect();
        if let Message::AnomalieEnveloppe(anomalie) = message {
            if let Some(recue) = &anomalie.enveloppe {
                tous.emetteur(&recue.emetteur);
            }
            let refusee = nom.strip_prefix(PREFIXE_ANOMALIE).and_then(NomEnveloppe::parse);
            tous.enveloppe = refusee.or(tous.enveloppe);
        }
        tous
    }

    /// What the file name and the envelope say of a message that can't be read.
    pub fn sans_message(nom: &str, enveloppe: Option<(&str, &Enveloppe)>) -> Self {
        let mut tous = Self { nom: NomFichier::parse(nom), ..Self::default() };
        let Some((nom, enveloppe)) = enveloppe else { return tous };
        tous.enveloppe = NomEnveloppe::parse(nom);
        match enveloppe {
            Enveloppe::ClMisill(enveloppe) => tous.emetteur(&enveloppe.emetteur),
            Enveloppe::MisillCl(enveloppe) => {
                tous.siren = enveloppe.destinataire.valeur;
                tous.departement = enveloppe.emetteur.departement().valeur;
                if let Autorite::SousPrefecture { arrondissement, .. } = &enveloppe.emetteur {
                    tous.arrondissement = arrondissement.valeur;
                }
            }
        }
        tous
    }

    fn emetteur(&mut self, emetteur: &IdCl) {
        self.siren = emetteur.siren.valeur;
        self.departement = emetteur.departement.valeur;
        self.arrondissement = emetteur.arrondissement.valeur;
    }
}
