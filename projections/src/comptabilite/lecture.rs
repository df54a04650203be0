//! Reading the view `comptabilite`.

use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;

use crate::dossiers::{self, SuiteRow, instant};
use crate::liste::{self, Acces, Liste, Page, Tranche, liste};

/// A flow.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct FluxRow {
    /// The leaf that opened it: its place in lists.
    pub index: u64,
    /// `SIRET_REPERE`.
    pub id: String,
    /// SIRET of the budget.
    pub budget: String,
    /// The accountant that its owner named.
    pub comptable: Option<String>,
    /// `PESALR2`…; none where it was never transmitted here.
    pub type_flux: Option<String>,
    /// One of [`super::ETATS_FLUX`].
    pub etat: String,
    /// Leaf of its last transmission.
    pub transmis_index: Option<u64>,
    /// When that was recorded, RFC 3339.
    pub transmis_le: Option<String>,
    /// How often it was transmitted.
    pub transmissions: u32,
    /// Returns of payment so far.
    pub retours: u32,
    /// Bordereaux of the flow; more than are listed where it is large.
    pub bordereaux_total: Option<u32>,
    /// Bordereaux that acquits name and the last transmission has not; 0 where it lists only the first of its bordereaux.
    pub bordereaux_inconnus: u32,
    /// Mandats and titres.
    pub pieces_total: Option<u32>,
    /// Supporting documents.
    pub justificatifs_total: Option<u32>,
    /// Bordereaux of the last transmission, at most 200.
    pub bordereaux: Vec<BordereauRow>,
    /// What was said, in the order of the log; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evenements: Option<Vec<SuiteRow>>,
}

/// A bordereau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BordereauRow {
    /// Budget year.
    pub exercice: u16,
    /// `depense` or `recette`.
    pub sens: String,
    /// Two digits (PES, `TypBord`).
    #[serde(rename = "type")]
    pub type_bordereau: String,
    /// Its number.
    pub numero: u64,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Mandats or titres.
    pub nombre_pieces: u32,
    /// Without tax, exact.
    pub montant_ht: String,
    /// Tax, exact.
    pub montant_tva: String,
    /// `accepte`, `rejete`, `contradictoire`; none before an acquit that says so.
    pub acquit: Option<String>,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct FactureRow {
    /// The leaf that opened it: its place in lists.
    pub index: u64,
    /// `SELLER_BUYER_YEAR_REPERE`.
    pub id: String,
    /// Who sells.
    pub vendeur: String,
    /// Who buys.
    pub acheteur: String,
    /// Year of the invoice.
    pub annee: u16,
    /// The accountant that the buyer named.
    pub comptable: Option<String>,
    /// How far it has come: a step of its life, `sans-statut`, `suspendue`, `a-recycler`, `rejetee` or `abandonnee`.
    pub etat: String,
    /// Leaf of the deposit that is shown: the seller's own, else what the buyer states.
    pub deposee_index: Option<u64>,
    /// When that was recorded, RFC 3339.
    pub deposee_le: Option<String>,
    /// Whether that deposit is a constat.
    pub depot_constate: Option<bool>,
    /// `ubl`, `cii`, `factur-x`, `pdf`, `papier`.
    pub format: Option<String>,
    /// UNTDID 1001.
    pub type_document: Option<u16>,
    /// `YYYY-MM-DD`.
    pub date_facture: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_echeance: Option<String>,
    /// ISO 4217.
    pub devise: Option<String>,
    /// Without tax, exact.
    pub montant_ht: Option<String>,
    /// Tax, exact.
    pub montant_tva: Option<String>,
    /// With tax, exact.
    pub montant_ttc: Option<String>,
    /// To be paid, exact.
    pub montant_a_payer: Option<String>,
    /// Paid so far, exact; interest apart.
    pub montant_paye: String,
    /// SIRET of the budget that pays, once a mandat names it.
    pub budget: Option<String>,
    /// Its year.
    pub exercice: Option<u16>,
    /// What was said, in the order of the log; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evenements: Option<Vec<SuiteRow>>,
}

/// Bordereaux of one budget, year and sense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TotalFlux {
    /// SIRET of the budget.
    pub budget: String,
    /// Budget year.
    pub exercice: u16,
    /// `depense` or `recette`.
    pub sens: String,
    /// How many bordereaux.
    pub bordereaux: u64,
    /// Mandats or titres in them.
    pub nombre_pieces: u64,
    /// Without tax, exact.
    pub montant_ht: String,
    /// Tax, exact.
    pub montant_tva: String,
    /// Without tax, of those accepted.
    pub accepte_ht: String,
    /// Without tax, of those rejected.
    pub rejete_ht: String,
}

/// Invoices of one buyer, year, budget and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TotalFactures {
    /// Who buys.
    pub acheteur: String,
    /// Year of the invoices.
    pub annee: u16,
    /// SIRET of the budget that pays; none where no mandat names it yet.
    pub budget: Option<String>,
    /// Its year.
    pub exercice: Option<u16>,
    /// ISO 4217.
    pub devise: Option<String>,
    /// How many.
    pub factures: u64,
    /// Without tax, exact.
    pub montant_ht: String,
    /// With tax, exact.
    pub montant_ttc: String,
    /// Paid so far, exact.
    pub montant_paye: String,
}

/// Which flows.
#[derive(Debug, Clone, Default)]
pub struct FiltreFlux {
    /// Of this budget (SIRET), or of all budgets of this organisation (SIREN).
    pub budget: Option<String>,
    /// In this state.
    pub etat: Option<String>,
    /// With a bordereau of this year.
    pub exercice: Option<u16>,
}

/// Which invoices.
#[derive(Debug, Clone, Default)]
pub struct FiltreFactures {
    /// By this seller.
    pub vendeur: Option<String>,
    /// To this buyer.
    pub acheteur: Option<String>,
    /// In this state.
    pub etat: Option<String>,
    /// Of this year.
    pub annee: Option<u16>,
}

const FLUX: Liste = liste!(
    "flux",
    "((?4 IS NULL OR substr(budget, 1, length(?4)) = ?4) AND (?5 IS NULL OR etat = ?5)
      AND (?6 IS NULL OR EXISTS (SELECT 1 FROM bordereaux b WHERE b.flux = idx AND b.exercice = ?6)))"
);

const FACTURES: Liste = liste!(
    "factures",
    "((?4 IS NULL OR vendeur = ?4) AND (?5 IS NULL OR acheteur = ?5) AND (?6 IS NULL OR etat = ?6)
      AND (?7 IS NULL OR annee = ?7))"
);

macro_rules! un_flux {
    ($condition:literal) => {
        concat!(
            "SELECT idx, id, budget, comptable, type_flux, etat, transmis_index, transmis_le_ms, transmissions, retours,
             bordereaux_total, pieces_total, justificatifs_total, bordereaux_inconnus FROM flux WHERE ",
            $condition
        )
    };
}

macro_rules! une_facture {
    ($condition:literal) => {
        concat!(
            "SELECT idx, id, vendeur, acheteur, annee, comptable, etat, deposee_index, deposee_le_ms, depot_constate, format,
             type_document, date_facture, date_echeance, devise, ht, tva, ttc, a_payer, paye, budget, exercice
             FROM factures WHERE ",
            $condition
        )
    };
}

const BORDEREAUX: &str = "SELECT exercice, sens, type, numero, date, nombre_pieces, ht, tva, acquit FROM bordereaux
     WHERE flux = ?1 ORDER BY rang";

/// `?1` SIREN or SIRET, `?2` the first text after all that begin with it, `?3` names of the reader as JSON, or none.
const TOTAUX_FLUX: &str = "SELECT budget, exercice, sens, count(*), sum(nombre_pieces), sum(ht), sum(tva),
     coalesce(sum(ht) FILTER (WHERE acquit = 'accepte'), 0), coalesce(sum(ht) FILTER (WHERE acquit = 'rejete'), 0)
     FROM bordereaux b INDEXED BY bordereaux_par_budget WHERE budget >= ?1 AND budget < ?2 AND (?3 IS NULL OR EXISTS (
         SELECT 1 FROM json_each(?3) n CROSS JOIN visibles v ON v.qui = n.value AND v.idx = b.flux))
     GROUP BY budget, exercice, sens";

const TOTAUX_FACTURES: &str = "SELECT acheteur, annee, budget, exercice, devise, count(*), coalesce(sum(ht), 0),
     coalesce(sum(ttc), 0), sum(paye)
     FROM factures f INDEXED BY factures_par_acheteur WHERE acheteur = ?1 AND (?2 IS NULL OR EXISTS (
         SELECT 1 FROM json_each(?2) n CROSS JOIN visibles v ON v.qui = n.value AND v.idx = f.idx))
     GROUP BY acheteur, annee, budget, exercice, devise";

/// A page of flows, those opened last first.
pub fn liste_flux(
    conn: &Connection,
    acces: &Acces,
    filtre: &FiltreFlux,
    tranche: Tranche,
) -> rusqlite::Result<Page<FluxRow>> {
    let filtres: [&dyn ToSql; 3] = [&filtre.budget, &filtre.etat, &filtre.exercice];
    FLUX.page(conn, acces, &filtres, tranche, |index| {
        let row = conn.prepare_cached(un_flux!("idx = ?1"))?.query_row([index], read_flux)?;
        with_bordereaux(conn, row)
    })
}

/// One flow with all that was said, if it is there and the reader may see it.
pub fn flux(conn: &Connection, acces: &Acces, id: &str) -> rusqlite::Result<Option<FluxRow>> {
    let found = conn.prepare_cached(un_flux!("id = ?1"))?.query_row([id], read_flux).optional()?;
    let Some(row) = found else { return Ok(None) };
    if !liste::voit(conn, acces, row.index)? {
        return Ok(None);
    }
    let mut row = with_bordereaux(conn, row)?;
    row.evenements = Some(dossiers::suites(conn, &format!("flux/{id}"))?);
    Ok(Some(row))
}

/// A page of invoices, those opened last first.
pub fn factures(
    conn: &Connection,
    acces: &Acces,
    filtre: &FiltreFactures,
    tranche: Tranche,
) -> rusqlite::Result<Page<FactureRow>> {
    let filtres: [&dyn ToSql; 4] = [&filtre.vendeur, &filtre.acheteur, &filtre.etat, &filtre.annee];
    FACTURES.page(conn, acces, &filtres, tranche, |index| {
        conn.prepare_cached(une_facture!("idx = ?1"))?.query_row([index], read_facture)
    })
}

/// One invoice with all that was said, if it is there and the reader may see it.
pub fn facture(conn: &Connection, acces: &Acces, id: &str) -> rusqlite::Result<Option<FactureRow>> {
    let found = conn.prepare_cached(une_facture!("id = ?1"))?.query_row([id], read_facture).optional()?;
    let Some(mut row) = found else { return Ok(None) };
    if !liste::voit(conn, acces, row.index)? {
        return Ok(None);
    }
    row.evenements = Some(dossiers::suites(conn, &format!("facture/{id}"))?);
    Ok(Some(row))
}

/// Totals of the bordereaux that the reader may see, of a budget (SIRET) or of all of an organisation (SIREN): those of each
/// flow's last transmission, rejected ones included and told apart.
pub fn totaux_flux(conn: &Connection, acces: &Acces, budget: &str) -> rusqlite::Result<Vec<TotalFlux>> {
    // Digits only come before the colon.
    let end = format!("{budget}:");
    conn.prepare_cached(TOTAUX_FLUX)?
        .query_map((budget, end, names(acces)), |row| {
            Ok(TotalFlux {
                budget: row.get(0)?,
                exercice: row.get(1)?,
                sens: row.get(2)?,
                bordereaux: row.get(3)?,
                nombre_pieces: row.get(4)?,
                montant_ht: montant(row.get(5)?),
                montant_tva: montant(row.get(6)?),
                accepte_ht: montant(row.get(7)?),
                rejete_ht: montant(row.get(8)?),
            })
        })?
        .collect()
}

/// Totals of a buyer's invoices that the reader may see.
pub fn totaux_factures(conn: &Connection, acces: &Acces, acheteur: &str) -> rusqlite::Result<Vec<TotalFactures>> {
    conn.prepare_cached(TOTAUX_FACTURES)?
        .query_map((acheteur, names(acces)), |row| {
            Ok(TotalFactures {
                acheteur: row.get(0)?,
                annee: row.get(1)?,
                budget: row.get(2)?,
                exercice: row.get(3)?,
                devise: row.get(4)?,
                factures: row.get(5)?,
                montant_ht: montant(row.get(6)?),
                montant_ttc: montant(row.get(7)?),
                montant_paye: montant(row.get(8)?),
            })
        })?
        .collect()
}

/// The reader's names for a statement; none where nothing is hidden.
fn names(acces: &Acces) -> Option<String> {
    match acces {
        Acces::Tout => None,
        Acces::De(names) => {
            let names = names.iter().map(|name| liste::Nom::of(name).into());
            Some(serde_json::Value::Array(names.collect()).to_string())
        }
    }
}

/// An exact decimal of centimes.
fn montant(centimes: i64) -> String {
    let sign = if centimes < 0 { "-" } else { "" };
    let centimes = centimes.unsigned_abs();
    format!("{sign}{}.{:02}", centimes / 100, centimes % 100)
}

fn with_bordereaux(conn: &Connection, mut flux: FluxRow) -> rusqlite::Result<FluxRow> {
    let mut select = conn.prepare_cached(BORDEREAUX)?;
    let rows = select.query_map([flux.index], |row| {
        Ok(BordereauRow {
            exercice: row.get(0)?,
            sens: row.get(1)?,
            type_bordereau: row.get(2)?,
            numero: row.get(3)?,
            date: row.get(4)?,
            nombre_pieces: row.get(5)?,
            montant_ht: montant(row.get(6)?),
            montant_tva: montant(row.get(7)?),
            acquit: row.get(8)?,
        })
    })?;
    flux.bordereaux = rows.collect::<rusqlite::Result<_>>()?;
    Ok(flux)
}

fn read_flux(row: &Row<'_>) -> rusqlite::Result<FluxRow> {
    Ok(FluxRow {
        index: row.get(0)?,
        id: row.get(1)?,
        budget: row.get(2)?,
        comptable: row.get(3)?,
        type_flux: row.get(4)?,
        etat: row.get(5)?,
        transmis_index: row.get(6)?,
        transmis_le: row.get::<_, Option<i64>>(7)?.map(instant),
        transmissions: row.get(8)?,
        retours: row.get(9)?,
        bordereaux_total: row.get(10)?,
        pieces_total: row.get(11)?,
        justificatifs_total: row.get(12)?,
        bordereaux_inconnus: row.get(13)?,
        bordereaux: Vec::new(),
        evenements: None,
    })
}

fn read_facture(row: &Row<'_>) -> rusqlite::Result<FactureRow> {
    let amount = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(montant));
    Ok(FactureRow {
        index: row.get(0)?,
        id: row.get(1)?,
        vendeur: row.get(2)?,
        acheteur: row.get(3)?,
        annee: row.get(4)?,
        comptable: row.get(5)?,
        etat: row.get(6)?,
        deposee_index: row.get(7)?,
        deposee_le: row.get::<_, Option<i64>>(8)?.map(instant),
        depot_constate: row.get(9)?,
        format: row.get(10)?,
        type_document: row.get(11)?,
        date_facture: row.get(12)?,
        date_echeance: row.get(13)?,
        devise: row.get(14)?,
        montant_ht: amount(15)?,
        montant_tva: amount(16)?,
        montant_ttc: amount(17)?,
        montant_a_payer: amount(18)?,
        montant_paye: montant(row.get(19)?),
        budget: row.get(20)?,
        exercice: row.get(21)?,
        evenements: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::liste::assert_searches;

    #[test]
    fn no_query_scans_a_table() {
        let conn = Connection::open_in_memory().unwrap();
        crate::Projection::create_tables(&super::super::Comptabilite, &conn).unwrap();
        conn.execute_batch(crate::Projection::indexes(&super::super::Comptabilite)).unwrap();
        for sql in [
            FLUX.tout,
            FLUX.de,
            FACTURES.tout,
            FACTURES.de,
            un_flux!("idx = ?1"),
            un_flux!("id = ?1"),
            une_facture!("idx = ?1"),
            une_facture!("id = ?1"),
            BORDEREAUX,
            dossiers::CYCLE,
            dossiers::SUITES,
        ] {
            assert_searches(&conn, sql);
        }
    }

    #[test]
    fn centimes_are_exact_decimals() {
        for (centimes, text) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")] {
            assert_eq!(montant(centimes), text);
        }
        assert_eq!(montant(i64::MIN), "-92233720368547758.08");
    }
}
