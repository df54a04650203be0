//! Which act a message is about: by every identifier that is there, tolerant as real traffic demands, and never by guess.
//!
//! | the message says | it is about |
//! |---|---|
//! | an `IDActe` that is known | that act, unless what it repeats of the act is another known one, or the envelope is for another collectivité |
//! | an `IDActe` that is not known | the one act of that SIREN with that number and nature and a date some days apart: those of decision and of sending are mixed up in the field |
//! | no `IDActe` | the one act of that SIREN that has all of number, date and nature that it repeats; a number alone is not enough |
//! | the anomaly of an envelope | each act whose message its envelope listed, by the parts of that file name, its date some days apart at most |
//!
//! Whatever fits no act, or several, goes into quarantine with the reason. Pure: which acts are known is the caller's to say.
//!
//! Source: S²LOW matches by SIREN, number and type alone, and so can close another year's act; Stela by envelope or number.

use greffe_events::catalogue::MotifQuarantaine;
use greffe_events::ident::{IdActe, Siren};
use jiff::civil::Date;

use super::identifiants::Identifiants;
use super::lecture::numero_retenu;
use super::nom::NomFichier;

/// Days between a decision and its sending, at most, where one date is taken for the other: longer, and it is another act's.
const ECART_JOURS_MAX: i32 = 31;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rapprochement {
    /// These acts: one, but for the anomaly of an envelope, which may name others that are not known.
    Actes {
        /// Each known act.
        connus: Vec<IdActe>,
        /// How many messages of the envelope are about no known act.
        manquent: usize,
    },
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
    let alone = |id: &IdActe| Rapprochement::Actes { connus: vec![id.clone()], manquent: 0 };
    if let Some(id) = identifiants.id_acte.as_ref().and_then(|lu| lu.valeur.as_ref()) {
        if id.siren != siren {
            return aside(MotifQuarantaine::AutreDestinataire);
        }
        let repeated = repeated(identifiants, id);
        if repeated != *id && connus.contains(&repeated) {
            return aside(MotifQuarantaine::IdentifiantsContradictoires);
        }
        if connus.contains(id) {
            return alone(id);
        }
        let same = of_siren().filter(|connu| {
            has_number(connu, id.numero.as_str()) && connu.nature == id.nature && is_near(connu.date, id.date)
        });
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

/// The act that a message repeats beside the one that it names, where they differ.
pub fn repete(identifiants: &Identifiants) -> Option<IdActe> {
    let id = identifiants.id_acte.as_ref()?.valeur.as_ref()?;
    Some(repeated(identifiants, id)).filter(|other| other != id)
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

fn is_near(one: Date, other: Date) -> bool {
    one.since(other).is_ok_and(|apart| apart.get_days().abs() <= ECART_JOURS_MAX)
}

fn has_number(acte: &IdActe, numero: &str) -> bool {
    acte.numero.as_str().eq_ignore_ascii_case(numero)
}

fn one(mut found: Vec<IdActe>, aside: &dyn Fn(MotifQuarantaine) -> Rapprochement) -> Rapprochement {
    found.sort();
    found.dedup();
    match found.len() {
        0 => aside(MotifQuarantaine::ActeInconnu),
        1 => Rapprochement::Actes { connus: found, manquent: 0 },
        _ => aside(MotifQuarantaine::ActeAmbigu),
    }
}

/// The acts whose messages an envelope listed.
fn by_names(
    identifiants: &Identifiants,
    connus: &[&IdActe],
    aside: &dyn Fn(MotifQuarantaine) -> Rapprochement,
) -> Rapprochement {
    let mut connus: Vec<&IdActe> = connus.to_vec();
    connus.sort();
    connus.dedup();
    let (mut found, mut manquent) = (Vec::new(), 0);
    for cite in &identifiants.cites {
        let nom = NomFichier::parse(cite);
        let numero = nom.as_ref().and_then(|nom| nom.numero.as_deref()).and_then(numero_retenu);
        let (Some(nom), Some(numero)) = (nom, numero) else {
            manquent += 1;
            continue;
        };
        let fits = |connu: &IdActe| {
            has_number(connu, numero.as_str())
                && nom.nature.is_none_or(|nature| nature == connu.nature)
                && nom.date.is_none_or(|date| is_near(connu.date, date))
        };
        let fitting: Vec<&IdActe> = connus.iter().copied().filter(|connu| fits(connu)).collect();
        match fitting.as_slice() {
            [] => manquent += 1,
            [only] => found.push((*only).clone()),
            several => match several.iter().find(|connu| Some(connu.date) == nom.date) {
                Some(dated) => found.push((**dated).clone()),
                None => return aside(MotifQuarantaine::ActeAmbigu),
            },
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        aside(MotifQuarantaine::ActeInconnu)
    } else {
        Rapprochement::Actes { connus: found, manquent }
    }
}

#[cfg(test)]
mod tests;
