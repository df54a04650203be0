//! Which act a message is about: by every identifier that is there, tolerant as real traffic demands, and never by guess.
//!
//! | the message says | it is about |
//! |---|---|
//! | an `IDActe` that is known | that act, unless what it repeats of the act is another known one, or the envelope is for another collectivité |
//! | an `IDActe` that is not known | the one act of that SIREN with that number and nature: dates of decision and of sending are mixed up in the field |
//! | no `IDActe` | the one act of that SIREN that has all of number, date and nature that it repeats; a number alone is not enough |
//! | the anomaly of an envelope | each act whose message its envelope listed, by the parts of that file name |
//!
//! Whatever fits no act, or several, goes into quarantine with the reason. Pure: which acts are known is the caller's to say.
//!
//! Source: S²LOW matches by SIREN, number and type alone, and so can close another year's act; Stela by envelope or number.

use greffe_events::catalogue::MotifQuarantaine;
use greffe_events::ident::{IdActe, Siren};

use super::identifiants::Identifiants;
use super::lecture::numero_retenu;
use super::nom::NomFichier;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rapprochement {
    /// These acts: one, but for the anomaly of an envelope.
    Actes(Vec<IdActe>),
    /// No act that can be told, and why; the act that it names, where it names one whole.
    Quarantaine(MotifQuarantaine, Option<IdActe>),
}

/// Whose act it is: by the envelope, else by the act named, else by the file name.
pub fn siren(identifiants: &Identifiants) -> Option<Siren> {
    let named = identifiants.id_acte.as_ref().and_then(|lu| lu.valeur.as_ref()).map(|id| id.siren);
    identifiants.siren.or(named).or(identifiants.nom.as_ref().and_then(|nom| nom.siren))
}

/// The act that the message names whole, known or not.
pub fn designe(identifiants: &Identifiants) -> Option<IdActe> {
    if let Some(id) = identifiants.id_acte.as_ref().and_then(|lu| lu.valeur.clone()) {
        return Some(id);
    }
    let nom = identifiants.nom.as_ref();
    let departement = nom.and_then(|nom| nom.departement).or(identifiants.departement)?;
    Some(IdActe {
        departement,
        siren: siren(identifiants)?,
        date: identifiants.date?,
        numero: identifiants.numero.clone()?,
        nature: identifiants.nature?,
    })
}

/// What the message is about, among the known acts of its collectivité.
pub fn rapproche(identifiants: &Identifiants, connus: &[IdActe]) -> Rapprochement {
    let aside = |motif| Rapprochement::Quarantaine(motif, designe(identifiants));
    let Some(siren) = siren(identifiants) else { return aside(MotifQuarantaine::SansIdentifiant) };
    let of_siren = || connus.iter().filter(move |connu| connu.siren == siren);
    if let Some(id) = identifiants.id_acte.as_ref().and_then(|lu| lu.valeur.as_ref()) {
        if id.siren != siren {
            return aside(MotifQuarantaine::AutreDestinataire);
        }
        let repeated = repeated(identifiants, id);
        if repeated != *id && connus.contains(&repeated) {
            return aside(MotifQuarantaine::IdentifiantsContradictoires);
        }
        if connus.contains(id) {
            return Rapprochement::Actes(vec![id.clone()]);
        }
        let same = of_siren().filter(|connu| has_number(connu, id.numero.as_str()) && connu.nature == id.nature);
        return one(same.cloned().collect(), &aside);
    }
    let is_envelope = identifiants.date.is_none() && identifiants.numero.is_none() && identifiants.nature.is_none();
    if is_envelope && !identifiants.cites.is_empty() {
        return by_names(identifiants, &of_siren().collect::<Vec<_>>(), &aside);
    }
    let from_name = || {
        let text = identifiants.nom.as_ref().and_then(|nom| nom.numero.as_deref())?;
        numero_retenu(text)
    };
    let Some(numero) = identifiants.numero.clone().or_else(from_name) else {
        return aside(MotifQuarantaine::SansIdentifiant);
    };
    if identifiants.date.is_none() && identifiants.nature.is_none() {
        return aside(MotifQuarantaine::SansIdentifiant);
    }
    let fits = of_siren().filter(|connu| {
        has_number(connu, numero.as_str())
            && identifiants.date.is_none_or(|date| date == connu.date)
            && identifiants.nature.is_none_or(|nature| nature == connu.nature)
    });
    one(fits.cloned().collect(), &aside)
}

/// The act that the message's own words make, what it does not repeat taken from `id`.
fn repeated(identifiants: &Identifiants, id: &IdActe) -> IdActe {
    IdActe {
        date: identifiants.date.unwrap_or(id.date),
        numero: identifiants.numero.clone().unwrap_or_else(|| id.numero.clone()),
        nature: identifiants.nature.unwrap_or(id.nature),
        ..id.clone()
    }
}

fn has_number(acte: &IdActe, numero: &str) -> bool {
    acte.numero.as_str().eq_ignore_ascii_case(numero)
}

fn one(mut found: Vec<IdActe>, aside: &dyn Fn(MotifQuarantaine) -> Rapprochement) -> Rapprochement {
    found.sort();
    found.dedup();
    match found.len() {
        0 => aside(MotifQuarantaine::ActeInconnu),
        1 => Rapprochement::Actes(found),
        _ => aside(MotifQuarantaine::ActeAmbigu),
    }
}

/// The acts whose messages an envelope listed.
fn by_names(
    identifiants: &Identifiants,
    connus: &[&IdActe],
    aside: &dyn Fn(MotifQuarantaine) -> Rapprochement,
) -> Rapprochement {
    let mut found = Vec::new();
    for cite in &identifiants.cites {
        let Some(nom) = NomFichier::parse(cite) else { continue };
        let Some(numero) = nom.numero.as_deref().and_then(numero_retenu) else { continue };
        let fits = |connu: &IdActe| {
            has_number(connu, numero.as_str()) && nom.nature.is_none_or(|nature| nature == connu.nature)
        };
        let fitting: Vec<&IdActe> = connus.iter().copied().filter(|connu| fits(connu)).collect();
        // The date of a file name may be that of sending: it tells only where several fit.
        match fitting.as_slice() {
            [] => {}
            [only] => found.push((*only).clone()),
            several => match several.iter().find(|connu| Some(connu.date) == nom.date) {
                Some(dated) => found.push((**dated).clone()),
                None => return aside(MotifQuarantaine::ActeAmbigu),
            },
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() { aside(MotifQuarantaine::ActeInconnu) } else { Rapprochement::Actes(found) }
}

#[cfg(test)]
mod tests;
