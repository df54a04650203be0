//! Rows of the file, as values.

use greffe_events::ident::Organisation;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use uuid::Uuid;

use super::super::abonnement::{Abonnement, Arret, Echec, Etat, Filtres, Mort, Motif};

/// What [`lu`] reads.
pub(super) const COLUMNS: &str =
    "id, organisation, cle, url, filtre, cree_ms, position, tentatives, prochaine_ms, arret, en_echec_depuis_ms,
    livres, derniere_livraison_ms, echec_ms, echec_motif, echec_statut, perdus,
    (SELECT count(*) FROM echecs WHERE abonnement = id) AS echecs";

/// Names and numbers: nothing in it can fail to serialise.
pub(super) fn filtre_json(filtre: &Filtres) -> String {
    serde_json::to_string(filtre).unwrap_or_default()
}

pub(super) fn lu(row: &Row) -> rusqlite::Result<Abonnement> {
    let echec = match (row.get::<_, Option<u64>>("echec_ms")?, row.get::<_, Option<Mot<Motif>>>("echec_motif")?) {
        (Some(le_ms), Some(motif)) => Some(Echec { le_ms, motif: motif.0, statut: row.get("echec_statut")? }),
        _ => None,
    };
    Ok(Abonnement {
        id: row.get::<_, Nom<Uuid>>("id")?.0,
        organisation: row.get::<_, Nom<Organisation>>("organisation")?.0,
        cle: row.get::<_, Nom<_>>("cle")?.0,
        url: row.get("url")?,
        filtre: row.get::<_, Json>("filtre")?.0,
        cree_ms: row.get("cree_ms")?,
        etat: Etat {
            position: row.get("position")?,
            tentatives: row.get("tentatives")?,
            prochaine_ms: row.get("prochaine_ms")?,
            arret: row.get::<_, Option<Mot<Arret>>>("arret")?.map(|arret| arret.0),
            en_echec_depuis_ms: row.get("en_echec_depuis_ms")?,
            livres: row.get("livres")?,
            derniere_livraison_ms: row.get("derniere_livraison_ms")?,
            dernier_echec: echec,
        },
        echecs: row.get("echecs")?,
        perdus: row.get("perdus")?,
    })
}

pub(super) fn mort(row: &Row) -> rusqlite::Result<Mort> {
    let echec = Echec { le_ms: row.get(2)?, motif: row.get::<_, Mot<Motif>>(3)?.0, statut: row.get(4)? };
    Ok(Mort { index: row.get(0)?, tentatives: row.get(1)?, echec, renvoi: row.get(5)? })
}

/// A column that holds what `FromStr` reads.
pub(super) struct Nom<T>(pub T);

impl<T: std::str::FromStr> FromSql for Nom<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

/// A column that holds one of our words.
struct Mot<T>(T);

impl FromSql for Mot<Motif> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Motif::of(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for Mot<Arret> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Arret::of(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// A column that holds what is asked for.
struct Json(Filtres);

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|error| FromSqlError::Other(error.into()))
    }
}
