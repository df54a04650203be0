//! The view `comptabilite`: accounting flows and invoices, how far each has come, and totals.
//!
//! ```text
//! flux         one row per flow; its key is the leaf that opened it
//! bordereaux   the bordereaux of each flow's last transmission, and what acquits say of them
//! factures     one row per invoice; its key is the leaf that opened it
//! cycles, suites, pieces, effacements   (crate::dossiers, crate::pieces)
//! visibles     who sees which (crate::liste): the owner of the budget, seller and buyer, the accountant that is named
//! ```
//!
//! Amounts are whole centimes in the tables and exact decimals where they are shown. Totals are sums over rows, made when they
//! are asked for: they can't drift from what they sum up.

mod lecture;
#[cfg(test)]
mod tests;

use greffe_events::catalogue::flux::{ResultatAcquit, Sens};
use greffe_events::catalogue::{FactureDeposee, FluxTransmis};
use greffe_events::dossier::{Acquit, Dossier, EtatFacture, Facture, Flux};
use greffe_events::event::DossierId;
use greffe_events::ident::{IdFacture, IdFlux, Organisation, Subject};
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::{Connection, params};

use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;
use crate::{dossiers, liste, pieces};

pub use lecture::{
    BordereauRow, FactureRow, FiltreFactures, FiltreFlux, FluxRow, TotalFactures, TotalFlux, facture, factures, flux,
    liste_flux, totaux_factures, totaux_flux,
};

/// The projection behind the view `comptabilite`.
pub struct Comptabilite;

const TABLES: &str = "CREATE TABLE flux(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, budget TEXT NOT NULL, comptable TEXT, type_flux TEXT,
     etat TEXT NOT NULL, transmis_index INTEGER, transmis_le_ms INTEGER, transmissions INTEGER NOT NULL,
     retours INTEGER NOT NULL, bordereaux_inconnus INTEGER NOT NULL DEFAULT 0, bordereaux_total INTEGER, pieces_total INTEGER, justificatifs_total INTEGER) STRICT;
 CREATE TABLE bordereaux(
     flux INTEGER NOT NULL, rang INTEGER NOT NULL, budget TEXT NOT NULL, exercice INTEGER NOT NULL, sens TEXT NOT NULL,
     type TEXT NOT NULL, numero INTEGER NOT NULL, date TEXT NOT NULL, nombre_pieces INTEGER NOT NULL,
     ht INTEGER NOT NULL, tva INTEGER NOT NULL, acquit TEXT, PRIMARY KEY (flux, rang)) STRICT, WITHOUT ROWID;
 CREATE TABLE factures(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, vendeur TEXT NOT NULL, acheteur TEXT NOT NULL,
     annee INTEGER NOT NULL, comptable TEXT, etat TEXT NOT NULL, deposee_index INTEGER, deposee_le_ms INTEGER,
     depot_constate INTEGER, format TEXT, type_document INTEGER, date_facture TEXT, date_echeance TEXT, devise TEXT,
     ht INTEGER, tva INTEGER, ttc INTEGER, a_payer INTEGER, paye INTEGER NOT NULL, budget TEXT, exercice INTEGER) STRICT;";

impl Projection for Comptabilite {
    fn name(&self) -> &'static str {
        "comptabilite"
    }

    fn version(&self) -> u32 {
        3
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        [TABLES, dossiers::TABLES, pieces::TABLES, liste::VISIBLES].iter().try_for_each(|sql| conn.execute_batch(sql))
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX bordereaux_par_budget ON bordereaux(budget, exercice);
         CREATE INDEX factures_par_acheteur ON factures(acheteur, annee);"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["flux", "bordereaux", "factures", "cycles", "suites", "pieces", "effacements", "visibles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match &event.dossier {
            DossierId::Piece(organisation, reference) => pieces::efface(tx, leaf.index(), organisation, *reference),
            DossierId::Flux(id) => match dossiers::avance(tx, leaf, event)? {
                Some(Dossier::Flux(state)) => Place { tx, leaf, event }.flux(id, &state),
                _ => Ok(()),
            },
            DossierId::Facture(id) => match dossiers::avance(tx, leaf, event)? {
                Some(Dossier::Facture(state)) => Place { tx, leaf, event }.facture(id, &state),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(event_type.family(), Subject::FLUX | Subject::FACTURE | Subject::PIECE)
}

/// How far a flow has come, in one word.
fn etat_flux(flux: &Flux) -> &'static str {
    match flux.resultat {
        _ if flux.transmissions == 0 => "sans-transmission",
        None => "transmis",
        Some(ResultatAcquit::Accepte) => "accepte",
        Some(ResultatAcquit::Partiel) => "partiel",
        Some(ResultatAcquit::Rejete) => "rejete",
    }
}

/// Every word of `etat_flux`.
pub const ETATS_FLUX: [&str; 5] = ["sans-transmission", "transmis", "accepte", "partiel", "rejete"];

/// How far an invoice has come, in one word.
fn etat_facture(facture: &Facture) -> &'static str {
    match facture.metier.etat() {
        EtatFacture::SansStatut => "sans-statut",
        EtatFacture::En(advance) => advance.as_str(),
        EtatFacture::Suspendue => "suspendue",
        EtatFacture::ARecycler => "a-recycler",
        EtatFacture::Rejetee => "rejetee",
        EtatFacture::Abandonnee => "abandonnee",
    }
}

fn acquit(acquit: Acquit) -> &'static str {
    match acquit {
        Acquit::Accepte => "accepte",
        Acquit::Rejete => "rejete",
        Acquit::Contradictoire => "contradictoire",
    }
}

/// Where an event takes place.
struct Place<'a, 't> {
    tx: &'a Writer<'t>,
    leaf: &'a Recorded,
    event: &'a Event,
}

impl Place<'_, '_> {
    fn flux(&self, id: &IdFlux, state: &Flux) -> Result<(), ApplyError> {
        let (id_text, budget) = (id.to_string(), id.budget.to_string());
        self.tx.execute(
            "INSERT INTO flux(idx, id, budget, etat, transmissions, retours) VALUES (?1, ?2, ?3, '', 0, 0)
                 ON CONFLICT(id) DO NOTHING",
            (self.leaf.index(), &id_text, &budget),
        )?;
        let (row, known) = self.row("SELECT idx, comptable FROM flux WHERE id = ?1", &id_text)?;
        let comptable = state.comptable.as_ref().map(ToString::to_string);
        let owner = Organisation::from(id.budget.siren()).to_string();
        self.see(row, &[owner], known, comptable.as_ref())?;
        self.tx.execute(
            "UPDATE flux SET comptable = ?2, etat = ?3, transmissions = ?4, retours = ?5 WHERE idx = ?1",
            (row, &comptable, etat_flux(state), state.transmissions, state.retours),
        )?;
        match &self.event.data {
            Data::FluxTransmis(data) => self.transmis(row, &budget, data),
            Data::FluxAcquitte(_) => self.acquitte(row, state),
            _ => Ok(()),
        }
    }

    fn transmis(&self, row: u64, budget: &str, data: &FluxTransmis) -> Result<(), ApplyError> {
        self.tx.execute(
            "UPDATE flux SET type_flux = ?2, transmis_index = ?3, transmis_le_ms = ?4, bordereaux_total = ?5,
                     pieces_total = ?6, justificatifs_total = ?7, bordereaux_inconnus = 0 WHERE idx = ?1",
            (
                row,
                data.type_flux.as_str(),
                self.leaf.index(),
                self.leaf.recorded_at_ms()?,
                data.bordereaux_total.get(),
                data.pieces_total.get(),
                data.justificatifs_total.get(),
            ),
        )?;
        self.tx.execute("DELETE FROM bordereaux WHERE flux = ?1", [row])?;
        let insert = "INSERT INTO bordereaux VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, NULL)";
        for (rang, bordereau) in (0_u32..).zip(data.bordereaux.iter()) {
            self.tx.execute(
                insert,
                params![
                    row,
                    rang,
                    budget,
                    bordereau.exercice.get(),
                    bordereau.sens.as_str(),
                    bordereau.type_bordereau.as_str(),
                    bordereau.numero.get(),
                    bordereau.date.to_string(),
                    bordereau.nombre_pieces.get(),
                    bordereau.montant_ht.centimes(),
                    bordereau.montant_tva.map_or(0, greffe_events::valeur::Montant::centimes),
                ],
            )?;
        }
        Ok(())
    }

    /// What the acquits say together: of the whole, unless they name the bordereau. One that the last transmission has not is counted,
    /// where its list is whole: an acquit is recorded as its author says it, whatever it names.
    fn acquitte(&self, row: u64, state: &Flux) -> Result<(), ApplyError> {
        let whole = match state.resultat {
            Some(ResultatAcquit::Accepte) => Some(acquit(Acquit::Accepte)),
            Some(ResultatAcquit::Rejete) => Some(acquit(Acquit::Rejete)),
            Some(ResultatAcquit::Partiel) | None => None,
        };
        self.tx.execute("UPDATE bordereaux SET acquit = ?2 WHERE flux = ?1", (row, whole))?;
        let update =
            "UPDATE bordereaux SET acquit = ?5 WHERE flux = ?1 AND sens = ?2 AND exercice = ?3 AND numero = ?4";
        let mut inconnus = 0_u32;
        for (key, said) in &state.bordereaux {
            // As the life cycle names it: D or R, exercice, number.
            let mut parts = key.splitn(3, '-');
            let (Some(sens), Some(exercice), Some(numero)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let sens = if sens == "D" { Sens::Depense } else { Sens::Recette };
            let numbers = (exercice.parse::<u32>(), numero.parse::<u64>());
            let (Ok(exercice), Ok(numero)) = numbers else { continue };
            let known = self.tx.execute(update, (row, sens.as_str(), exercice, numero, acquit(*said)))?;
            inconnus += u32::from(known == 0);
        }
        self.tx.execute(
            "UPDATE flux SET bordereaux_inconnus = ?2 WHERE idx = ?1
                 AND bordereaux_total = (SELECT count(*) FROM bordereaux WHERE flux = ?1)",
            (row, inconnus),
        )?;
        Ok(())
    }

    fn facture(&self, id: &IdFacture, state: &Facture) -> Result<(), ApplyError> {
        let id_text = id.to_string();
        let parties = [id.vendeur.to_string(), id.acheteur.to_string()];
        self.tx.execute(
            "INSERT INTO factures(idx, id, vendeur, acheteur, annee, etat, paye) VALUES (?1, ?2, ?3, ?4, ?5, '', 0)
                 ON CONFLICT(id) DO NOTHING",
            (self.leaf.index(), &id_text, &parties[0], &parties[1], id.annee),
        )?;
        let (row, known) = self.row("SELECT idx, comptable FROM factures WHERE id = ?1", &id_text)?;
        let comptable = state.comptable.as_ref().map(ToString::to_string);
        self.see(row, &parties, known, comptable.as_ref())?;
        let mandat = match &self.event.data {
            Data::FactureStatut(data) => data.mandat.as_ref(),
            Data::FacturePaiement(data) => data.mandat.as_ref(),
            _ => None,
        };
        self.tx.execute(
            "UPDATE factures SET comptable = ?2, etat = ?3, paye = ?4, budget = coalesce(?5, budget),
                     exercice = coalesce(?6, exercice) WHERE idx = ?1",
            (
                row,
                &comptable,
                etat_facture(state),
                state.paye_centimes,
                mandat.map(|mandat| mandat.budget.to_string()),
                mandat.map(|mandat| mandat.exercice.get()),
            ),
        )?;
        match &self.event.data {
            Data::FactureDeposee(data) => self.deposee(row, data),
            _ => Ok(()),
        }
    }

    /// The seller's own word counts before what the buyer states of a file; of each the last.
    fn deposee(&self, row: u64, data: &FactureDeposee) -> Result<(), ApplyError> {
        let is_constat = self.event.data.is_constat();
        self.tx.execute(
            "UPDATE factures SET deposee_index = ?2, deposee_le_ms = ?3, depot_constate = ?4, format = ?5,
                     type_document = ?6, date_facture = ?7, date_echeance = ?8, devise = ?9, ht = ?10, tva = ?11,
                     ttc = ?12, a_payer = ?13
                 WHERE idx = ?1 AND (deposee_index IS NULL OR depot_constate OR NOT ?4)",
            params![
                row,
                self.leaf.index(),
                self.leaf.recorded_at_ms()?,
                is_constat,
                data.format.as_str(),
                data.type_document.get(),
                data.date_facture.to_string(),
                data.date_echeance.map(|date| date.to_string()),
                data.devise.as_str(),
                data.montant_ht.centimes(),
                data.montant_tva.centimes(),
                data.montant_ttc.centimes(),
                data.montant_a_payer.centimes(),
            ],
        )?;
        Ok(())
    }

    fn row(&self, sql: &'static str, id: &str) -> Result<(u64, Option<String>), ApplyError> {
        let found = self.tx.one(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.ok_or_else(|| ApplyError::leaf(format!("{id} has no row")))
    }

    /// Owners see their dossier, and so does the accountant that is named, for as long as it is.
    fn see(
        &self,
        row: u64,
        owners: &[String],
        known: Option<String>,
        comptable: Option<&String>,
    ) -> Result<(), ApplyError> {
        if let Some(known) = known.filter(|known| Some(known) != comptable && !owners.contains(known)) {
            self.tx.execute("DELETE FROM visibles WHERE qui = ?1 AND idx = ?2", (liste::Nom::of(&known), row))?;
        }
        liste::montre(self.tx, row, owners.iter().chain(comptable).map(String::as_str))
    }
}
