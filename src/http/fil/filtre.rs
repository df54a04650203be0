//! Which leaves a follower asks for. Words that mean nothing are refused: a filter misspelt must not filter nothing, nor everything.

use greffe_events::EventType;
use greffe_events::event::DossierId;
use greffe_events::ident::{Departement, Organisation, Subject};

use super::super::feuille::Feuille;
use super::super::journal::FAMILLES;
use super::super::problem::Problem;
use super::super::request::bad_parameter;
use super::Demande;

/// Most values of one filter: a gateway asks for its members in several requests, or for all that it may read.
pub(super) const VALEURS_MAX: usize = 50;

/// All that is asked for must hold; of several values of one filter, one.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Filtre {
    types: Option<Vec<EventType>>,
    sources: Option<Vec<Organisation>>,
    departements: Option<Vec<Departement>>,
    sujets: Option<Vec<Subject>>,
}

impl Filtre {
    pub fn of(demande: &Demande) -> Result<Self, Problem> {
        Ok(Self {
            types: types(demande.event_type.as_deref(), demande.famille.as_deref())?,
            sources: values("source", demande.source.as_deref(), |text| {
                if text.starts_with("urn:") { text.parse() } else { Organisation::of_abrege(text) }
            })?,
            departements: values("departement", demande.departement.as_deref(), str::parse)?,
            sujets: values("sujet", demande.sujet.as_deref(), |text| {
                let subject: Subject = text.parse().map_err(|error| format!("{error}"))?;
                DossierId::of(&subject).map(|_| subject)
            })?,
        })
    }

    pub fn admits(&self, feuille: &Feuille) -> bool {
        let departement = match feuille.audience.dossier() {
            DossierId::Acte(id) | DossierId::Examen(id) => Some(id.departement),
            _ => None,
        };
        let is_one = |types: &Vec<EventType>| types.contains(&feuille.event_type);
        self.types.as_ref().is_none_or(is_one)
            && self.sources.as_ref().is_none_or(|sources| sources.contains(feuille.audience.source()))
            && self.sujets.as_ref().is_none_or(|sujets| sujets.contains(&feuille.subject))
            && self.departements.as_ref().is_none_or(|asked| departement.is_some_and(|one| asked.contains(&one)))
    }
}

/// The values of a filter, separated by commas.
fn values<T, E: std::fmt::Display>(
    name: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<Vec<T>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if text.split(',').count() > VALEURS_MAX {
        return Err(bad_parameter(name, format!("{name} has at most {VALEURS_MAX} values, separated by commas")));
    }
    let read = |value| read(value).map_err(|error| bad_parameter(name, error.to_string()));
    text.split(',').map(read).collect::<Result<_, _>>().map(Some)
}

/// The types of these names, or with these beginnings (`greffe.acte.*`), in these families.
fn types(asked: Option<&str>, familles: Option<&str>) -> Result<Option<Vec<EventType>>, Problem> {
    let named = values("type", asked, |name| {
        let all = EventType::ALL.iter().copied();
        let found: Vec<EventType> = match name.strip_suffix(".*") {
            Some(start) => {
                all.filter(|one| one.as_str().strip_prefix(start).is_some_and(|rest| rest.starts_with('.'))).collect()
            }
            None => all.filter(|one| one.as_str() == name).collect(),
        };
        if found.is_empty() {
            Err(format!("no type is called {name}; « greffe.acte.* » is all of a family"))
        } else {
            Ok(found)
        }
    })?;
    let familles = values("famille", familles, |name| {
        let known = FAMILLES.into_iter().find(|famille| *famille == name);
        known.ok_or_else(|| format!("famille is one of: {}", FAMILLES.join(" ")))
    })?;
    if named.is_none() && familles.is_none() {
        return Ok(None);
    }
    let is_of = |one: &EventType| familles.as_ref().is_none_or(|familles| familles.contains(&one.family()));
    let types: Vec<EventType> = match named {
        Some(named) => named.into_iter().flatten().filter(is_of).collect(),
        None => EventType::ALL.iter().copied().filter(is_of).collect(),
    };
    if types.is_empty() {
        return Err(bad_parameter("type", "no type is called so in these families"));
    }
    Ok(Some(types))
}
