//! Work lists of legality control, and what is counted of it (`greffe_projections::legalite`).
//!
//! ```text
//! GET /v1/travail/{liste}?departement=&siren=&limit=&apres=&at_least=      {"lignes":[…],"suite":"<cursor>"|null}
//! GET /v1/actes/statistiques?par=mois,nature&departement=&du=2026-01&au=2026-12&at_least=
//! GET /v1/classifications?departement=&siren=&at_least=      {"lignes":[…]}
//! ```
//!
//! A prefecture's lists are of a département, a collectivité's of a SIREN; who reads one alone needs not name it. What a prefecture
//! examined, and so the lists that tell it, is for the prefecture alone and for whoever reads everything. Statistics are of
//! départements, for those who read them; which classifications a prefecture
//! published is no secret to anybody with a key, what a member received is the member's.

use axum::extract::{Path, State};
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use greffe_events::ident::{Departement, Organisation, Siren};
use greffe_projections::legalite::{
    self, Acces, ClassificationRow, Curseur, Dimension, FiltreStatistiques, Lieu, ListeDeTravail, StatistiqueRow,
};
use jiff::civil::Date;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Node;
use super::access::Reader;
use super::actes::{acces, objets, vu};
use super::compression;
use super::csv::{Cellule, Tableau};
use super::liste::{Demande, Liste};
use super::problem::Problem;
use super::request::{Params, bad_parameter, parameter};
use super::vues::{PageJson, limite, wait_for};

/// The query of a work list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TravailQuery {
    #[schemars(with = "Option<Departement>")]
    departement: Option<String>,
    #[schemars(with = "Option<Siren>")]
    siren: Option<String>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// First byte of a cursor of these lists: a day, as days since the year 0, or none, then the index of a leaf.
const CURSOR_AFTER_ACTE: u8 = 2;

/// No day.
const SANS_JOUR: i32 = i32::MIN;

fn cursor(curseur: &Curseur) -> String {
    let jour = curseur.jour.map_or(SANS_JOUR, |jour| {
        i32::from(jour.year()) * 10_000 + i32::from(jour.month()) * 100 + i32::from(jour.day())
    });
    let mut bytes = vec![CURSOR_AFTER_ACTE];
    bytes.extend_from_slice(&jour.to_be_bytes());
    bytes.extend_from_slice(&curseur.index.to_be_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

fn read_cursor(text: &str) -> Result<Curseur, Problem> {
    let read = || {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let [CURSOR_AFTER_ACTE, rest @ ..] = bytes.as_slice() else { return None };
        let (jour, index) = rest.split_at_checked(4)?;
        let (jour, index) = (i32::from_be_bytes(jour.try_into().ok()?), u64::from_be_bytes(index.try_into().ok()?));
        let jour = if jour == SANS_JOUR {
            None
        } else {
            let part = |number: i32| i8::try_from(number % 100).ok();
            Some(Date::new(i16::try_from(jour / 10_000).ok()?, part(jour / 100)?, part(jour)?).ok()?)
        };
        Some(Curseur { jour, index })
    };
    read().ok_or_else(|| bad_parameter("apres", "apres is the suite of an earlier page"))
}

/// `GET /v1/travail/{liste}`.
pub(super) async fn travail(
    State(node): State<Node>,
    reader: Reader,
    Path(liste): Path<String>,
    demande: Demande,
    Params(query): Params<TravailQuery>,
) -> Result<Response, Problem> {
    let known = ListeDeTravail::ALL.into_iter().find(|known| known.as_str() == liste);
    let liste = known.ok_or_else(Problem::not_found)?;
    let departement: Option<Departement> = parameter("departement", query.departement.as_deref())?;
    let siren: Option<Siren> = parameter("siren", query.siren.as_deref())?;
    let (apres, limite) = (query.apres.as_deref().map(read_cursor).transpose()?, limite(query.limit)?);
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader)?;
        let lieu = lieu(liste, &reader, &acces, departement, siren)?;
        let maintenant_ms = app.ledger.now_ms();
        let read = |view: &_| legalite::travail(view, liste, &lieu, &acces, apres.as_ref(), limite, maintenant_ms);
        let answer = demande.lit(&app.vues.legalite, &vu(app, &acces, maintenant_ms), read, |page| {
            let page = page.ok_or_else(Problem::not_found)?;
            let (mut lignes, objets) = (page.actes, objets(app));
            for acte in &mut lignes {
                objets.fill(acte);
            }
            Ok(PageJson::new(lignes, page.suite.as_ref().map(cursor)))
        });
        answer.map(compression::never)
    })
    .await
}

/// Whose list: the one that is asked for, if the reader may see it, or the only one that it may see.
fn lieu(
    liste: ListeDeTravail,
    reader: &Reader,
    acces: &Acces,
    departement: Option<Departement>,
    siren: Option<Siren>,
) -> Result<Lieu, Problem> {
    if liste.est_de_la_collectivite() {
        if departement.is_some() {
            return Err(bad_parameter("departement", "this list is a collectivité's: name its siren"));
        }
        let readable = match acces {
            Acces::Tout => None,
            Acces::Partiel { sirens, .. } => Some(sirens.as_slice()),
        };
        let asked = siren.map(|siren| siren.to_string());
        return one_of("siren", asked, readable).map(Lieu::Siren);
    }
    if siren.is_some() {
        return Err(bad_parameter("siren", "this list is a prefecture's: name its departement"));
    }
    let readable = if liste.dit_l_examen() { reader.prefectures() } else { reader.departements() };
    let readable: Vec<String> = readable.iter().map(ToString::to_string).collect();
    let readable = (!reader.reads_everything()).then_some(readable.as_slice());
    one_of("departement", departement.map(|departement| departement.to_string()), readable).map(Lieu::Departement)
}

/// What is asked for, among what may be read; none of these is all.
fn one_of(name: &'static str, asked: Option<String>, readable: Option<&[String]>) -> Result<String, Problem> {
    match (asked, readable) {
        (Some(asked), None) => Ok(asked),
        (Some(asked), Some(readable)) if readable.contains(&asked) => Ok(asked),
        // What may not be read is not there.
        (Some(_), Some(_)) | (None, Some([])) => Err(Problem::not_found()),
        (None, Some([only])) => Ok(only.clone()),
        (None, _) => Err(bad_parameter(name, format!("{name} is needed: there are several to read"))),
    }
}

/// The query of statistics.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatistiquesQuery {
    #[serde(default)]
    #[schemars(schema_with = "par_schema")]
    par: Option<String>,
    #[schemars(with = "Option<Departement>")]
    departement: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "mois_schema")]
    du: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "mois_schema")]
    au: Option<String>,
    at_least: Option<u64>,
}

fn par_schema(_: &mut SchemaGenerator) -> Schema {
    let one = Dimension::ALL.map(Dimension::as_str).join("|");
    json_schema!({ "type": "string", "pattern": format!("^({one})(,({one})){{0,4}}$") })
}

fn mois_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$" })
}

/// Statistics.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Statistiques")]
pub(super) struct Statistiques {
    lignes: Vec<StatistiqueRow>,
    /// Whether that is all: fewer months or dimensions give the rest.
    complet: bool,
}

impl Liste for Statistiques {
    type Ligne = StatistiqueRow;

    fn lignes(&self) -> &[StatistiqueRow] {
        &self.lignes
    }

    fn suite(&self) -> Option<String> {
        None
    }
}

/// `GET /v1/actes/statistiques`.
pub(super) async fn statistiques(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<StatistiquesQuery>,
) -> Result<Response, Problem> {
    let departement: Option<Departement> = parameter("departement", query.departement.as_deref())?;
    let mut filtre = FiltreStatistiques {
        departements: None,
        du: mois("du", query.du)?,
        au: mois("au", query.au)?,
        par: dimensions(query.par.as_deref())?,
    };
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let readable: Vec<String> = reader.departements().iter().map(ToString::to_string).collect();
        filtre.departements = match departement.map(|departement| departement.to_string()) {
            Some(asked) if reader.reads_everything() || readable.contains(&asked) => Some(vec![asked]),
            None if reader.reads_everything() => None,
            None if !readable.is_empty() => Some(readable),
            Some(_) | None => return Err(Problem::not_found()),
        };
        let read = |view: &_| legalite::statistiques(view, &filtre);
        demande.lit(&app.vues.legalite, &filtre, read, |(lignes, complet)| Ok(Statistiques { lignes, complet }))
    })
    .await
}

fn mois(name: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    let holds = |text: &String| format!("{text}-01").parse::<greffe_events::horodatage::Jour>().is_ok();
    match text {
        Some(text) if !holds(&text) => Err(bad_parameter(name, format!("{name} is a month, YYYY-MM"))),
        text => Ok(text),
    }
}

fn dimensions(text: Option<&str>) -> Result<Vec<Dimension>, Problem> {
    let read = |word: &str| {
        Dimension::ALL.into_iter().find(|known| known.as_str() == word).ok_or_else(|| {
            let known = Dimension::ALL.map(Dimension::as_str).join(" ");
            bad_parameter("par", format!("par is some of these, separated by commas: {known}"))
        })
    };
    text.map_or(Ok(Vec::new()), |text| text.split(',').map(read).collect())
}

/// The query of classifications.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassificationsQuery {
    #[schemars(with = "Option<Departement>")]
    departement: Option<String>,
    #[schemars(with = "Option<Siren>")]
    siren: Option<String>,
    at_least: Option<u64>,
}

/// Versions of the classification.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Classifications")]
pub(super) struct Classifications {
    lignes: Vec<ClassificationRow>,
}

impl Liste for Classifications {
    type Ligne = ClassificationRow;

    fn lignes(&self) -> &[ClassificationRow] {
        &self.lignes
    }

    fn suite(&self) -> Option<String> {
        None
    }
}

/// `GET /v1/classifications`.
pub(super) async fn classifications(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ClassificationsQuery>,
) -> Result<Response, Problem> {
    let departement: Option<Departement> = parameter("departement", query.departement.as_deref())?;
    let siren: Option<Siren> = parameter("siren", query.siren.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader)?;
        // What a prefecture published is for all; what a member received is the member's.
        let (place, organisation) = match (departement, siren) {
            (Some(departement), None) => (departement.to_string(), None),
            (None, siren) => {
                let readable = match &acces {
                    Acces::Tout => None,
                    Acces::Partiel { sirens, .. } => Some(sirens.as_slice()),
                };
                let asked = siren.map(|siren| siren.to_string());
                let siren: Siren = one_of("siren", asked, readable)?.parse().map_err(|_| Problem::not_found())?;
                (String::new(), Some(Organisation::Siren(siren).to_string()))
            }
            (Some(_), Some(_)) => {
                return Err(bad_parameter("siren", "name a departement or a siren, not both"));
            }
        };
        let seen = (&place, &organisation);
        let read = |view: &_| legalite::classifications(view, &place, organisation.as_deref());
        demande.lit(&app.vues.legalite, &seen, read, |lignes| Ok(Classifications { lignes }))
    })
    .await
}

impl Tableau for StatistiqueRow {
    const NOM: &'static str = "statistiques-actes";
    const ENTETES: &'static [&'static str] = &[
        "Département",
        "Arrondissement",
        "Nature",
        "Matière",
        "Mois",
        "Transmis",
        "Reçus",
        "Anomalies",
        "Annulés",
        "Courriers simples",
        "Demandes de pièces",
        "Lettres d'observations",
        "Déférés",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            (&self.departement).into(),
            self.arrondissement.map(u32::from).into(),
            (&self.nature).into(),
            (&self.matiere).into(),
            (&self.mois).into(),
            self.transmis.into(),
            self.recus.into(),
            self.anomalies.into(),
            self.annules.into(),
            self.courriers_simples.into(),
            self.demandes_pieces.into(),
            self.lettres_observations.into(),
            self.deferes.into(),
        ]]
    }
}

impl Tableau for ClassificationRow {
    const NOM: &'static str = "classifications";
    const ENTETES: &'static [&'static str] =
        &["Version du", "Département", "Organisme", "Enregistrée le (UTC)", "Constat", "Matières", "Indice"];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            Cellule::Jour(&self.date),
            (&self.departement).into(),
            (&self.organisation).into(),
            Cellule::Instant(&self.enregistre_le),
            if self.constat { "oui" } else { "non" }.into(),
            self.matieres.into(),
            self.index.into(),
        ]]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_that_was_never_given_is_refused() {
        for jour in [None, Some(Date::constant(2026, 11, 23)), Some(Date::constant(1, 1, 1))] {
            for index in [0, u64::MAX] {
                let curseur = Curseur { jour, index };
                assert_eq!(read_cursor(&cursor(&curseur)).unwrap(), curseur);
            }
        }
        for bad in ["", "AQAAAAAAAAAB", "AgAAAAAAAAAB", "AgE0TzUAAAAAAAAAAQ", "é"] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }
}
