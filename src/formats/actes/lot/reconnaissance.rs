//! Which act a message is about, as far as the message and its envelope tell.

use greffe_events::ident::IdActe;

use super::super::enveloppe::Enveloppe;
use super::super::identifiants::Identifiants;
use super::super::message::{CodeMessage, Message};
use super::super::{Ecart, Motif};

/// Its own `IDActe`; else, where it holds or repeats an act, that act with the SIREN and the département of the envelope.
///
/// The State's envelope tells the SIREN, but not the département of the act: its file name does, or else that of the sender, with
/// a deviation. No guess is made for other messages: whoever matches them has the [`Identifiants`].
pub(super) fn acte(
    message: &Message,
    identifiants: &Identifiants,
    enveloppe: Option<&Enveloppe>,
    ecarts: &mut Vec<Ecart>,
) -> Option<IdActe> {
    let code = message.code();
    if matches!(
        code,
        CodeMessage::DemandeClassification
            | CodeMessage::RetourClassification
            | CodeMessage::ReponseClassificationSansChangement
            | CodeMessage::AnomalieEnveloppe
    ) {
        return None;
    }
    if let Some(id) = message.id_acte().and_then(|lu| lu.valeur.clone()) {
        return Some(id);
    }
    let attendu = message.id_acte().is_some();
    let (id, motif) = match contenu(code, identifiants, enveloppe) {
        None => (None, Some(Motif::SansIdentifiant)),
        Some((id, Some(origine))) => (Some(id), Some(Motif::IdActeDeduit(origine))),
        // Only a message that should have said it itself deviates.
        Some((id, None)) => (Some(id), attendu.then_some(Motif::IdActeDeduit("the file name"))),
    };
    let chemin = if attendu { format!("{}/@IDActe", code.racine()) } else { code.racine().to_owned() };
    ecarts.extend(motif.map(|motif| Ecart { chemin, motif }));
    id
}

/// The act that the content tells, and what had to stand in for its département.
fn contenu(
    code: CodeMessage,
    identifiants: &Identifiants,
    enveloppe: Option<&Enveloppe>,
) -> Option<(IdActe, Option<&'static str>)> {
    let Identifiants { siren, departement, date, numero, nature, nom, .. } = identifiants;
    let (departement, origine) = match (code, enveloppe?) {
        (CodeMessage::Acte, Enveloppe::ClMisill(_)) => ((*departement)?, None),
        (CodeMessage::ArActe | CodeMessage::AnomalieActe, Enveloppe::MisillCl(_)) => {
            match nom.as_ref().and_then(|nom| nom.departement) {
                Some(departement) => (departement, None),
                None => ((*departement)?, Some("the sender")),
            }
        }
        _ => return None,
    };
    let numero = numero.clone()?;
    Some((IdActe { departement, siren: (*siren)?, date: (*date)?, numero, nature: (*nature)? }, origine))
}
