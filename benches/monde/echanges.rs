//! Exchanges of accounting and tenders, beside the acts: budgets' flows and their acquits, invoices and their statuses, tenders.

use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::connexion::Connection;
use super::{DOCUMENT, World, event, luhn, objet, signed, siren};

pub(crate) const COMPTABLE: &str = "130004955";
/// Suppliers, with SIREN after those of any commune.
pub(crate) const FOURNISSEURS: usize = 200;
/// Flows for each tender of a world.
const FLUX_PAR_CONSULTATION: usize = 20;
/// `sel` of the files that are cited.
const SEL: [u8; 32] = [6; 32];

/// Who takes part, beside the communes.
pub(crate) struct Echanges {
    pub(crate) comptable: SecretKey,
    pub(crate) fournisseurs: Vec<(String, SecretKey)>,
    next: usize,
}

impl Echanges {
    /// Enrols them and deposits the one file that everything cites.
    pub(crate) fn new(world: &World) -> Self {
        let fournisseurs = (0..FOURNISSEURS)
            .map(|n| {
                let mut seed = [5; 32];
                seed[..8].copy_from_slice(&n.to_be_bytes());
                (siren(9_000 + n), SecretKey::from_seed(&seed))
            })
            .collect();
        let new = Self { comptable: SecretKey::from_seed(&[4; 32]), fournisseurs, next: 0 };
        let mut lines: Vec<String> = world.enrolment(COMPTABLE, "etat", &["comptable"], &new.comptable).into();
        for (siren, key) in &new.fournisseurs {
            lines.extend(world.enrolment(siren, "entreprise", &["fournisseur"], key));
        }
        world.record(&lines);
        let mut connection = Connection::open(&world.node.address);
        for (_, key) in world.communes.iter().chain(&new.fournisseurs) {
            connection.put_piece(key, DOCUMENT, Some(SEL));
        }
        new
    }

    /// Flows, invoices and tenders, so many of the first two; then what is answered to them.
    pub(crate) fn events(&mut self, world: &World, count: usize) -> [Vec<String>; 2] {
        let first = self.next;
        self.next += count;
        let said = (first..self.next).into_par_iter().flat_map_iter(|n| self.dossiers(world, n)).unzip();
        let (opened, answered): (Vec<String>, Vec<String>) = said;
        [opened, answered]
    }

    fn dossiers(&self, world: &World, n: usize) -> Vec<(String, String)> {
        let (commune, key) = &world.communes[n * 7 % world.communes.len()];
        let (vendeur, vendeur_key) = &self.fournisseurs[n % FOURNISSEURS];
        let source = format!("urn:siren:{commune}");
        let budget = siret(commune);
        let flux = format!("flux/{budget}_{n:032x}");
        let facture = format!("facture/{vendeur}_{commune}_2026_{n:032x}");
        let euros = n % 9_000 + 1;
        let transmis = json!({
            "type_flux": "PESALR2", "domaines": ["depense"], "poste": "045022", "collectivite": "123", "budget": "00", "signature": "bordereaux",
            "comptable": format!("urn:siren:{COMPTABLE}"),
            "bordereaux": [{ "sens": "depense", "exercice": 2020 + n % 7, "type": "01", "numero": n % 10_000 + 1, "date": "2026-11-10",
                "nombre_pieces": 3, "montant_ht": format!("{euros}.00"), "montant_tva": format!("{}.20", euros / 5) }],
            "bordereaux_total": 1, "pieces_total": 3, "justificatifs_total": 2, "pieces": [piece("flux", "application/xml")],
        });
        let acquitte = json!({ "date": "2026-11-12", "resultat": "accepte", "justificatifs_acceptes": 2, "justificatifs_rejetes": 0,
            "elements": [{ "sens": "depense", "exercice": 2020 + n % 7, "numero": n % 10_000 + 1, "accepte": true }] });
        let deposee = json!({
            "format": "factur-x", "type_document": 380, "cadre": "B1", "date_facture": "2026-10-05", "date_echeance": "2026-11-05", "devise": "EUR",
            "montant_ht": format!("{euros}.00"), "montant_tva": "0.00", "montant_ttc": format!("{euros}.00"), "montant_a_payer": format!("{euros}.00"),
            "tva": [{ "categorie": "E", "taux": "0.00", "base": format!("{euros}.00"), "montant": "0.00" }],
            "vendeur_siret": siret(vendeur), "acheteur_siret": budget, "pieces": [piece("facture", "application/pdf")],
        });
        let statut = json!({ "liste": "chorus", "code": "MANDATEE", "survenu_le": "2026-11-12T09:00:00Z",
            "mandat": { "budget": budget, "exercice": 2026, "bordereau": 118, "piece": 832 }, "comptable": format!("urn:siren:{COMPTABLE}") });
        let by = |key: &SecretKey, event_type: &str, source: &str, subject: &str, data: &Value| {
            signed(&event(event_type, source, subject, data), &[key])
        };
        let mut all = vec![
            (
                by(key, "flux.transmis", &source, &flux, &transmis),
                by(&self.comptable, "flux.acquitte", &format!("urn:siren:{COMPTABLE}"), &flux, &acquitte),
            ),
            (
                by(vendeur_key, "facture.deposee", &format!("urn:siren:{vendeur}"), &facture, &deposee),
                by(key, "facture.statut", &source, &facture, &statut),
            ),
        ];
        if n.is_multiple_of(FLUX_PAR_CONSULTATION) {
            let consultation = format!("consultation/{commune}_2026-M{n}");
            let creee = json!({ "procedure": "appel-offres-ouvert", "nature": "marche", "categorie": "travaux", "objet_phase": "offres",
                "date_limite": "2027-12-01T11:00:00Z", "acheteur_siret": budget, "cpv": ["45000000-7"],
                "lots": [{ "numero": 1, "cpv": "45000000-7" }], "duree_mois": 12, "validite_offres_jours": 120,
                "quorum": { "seuil": 2, "membres": 3 }, "pieces": [objet_piece(commune)] });
            let avis = json!({ "nature": "initial", "support": "boamp", "date": "2026-11-02", "reference": format!("26-{:06}", n % 1_000_000),
                "date_limite_annoncee": "2027-12-01T11:00:00Z", "pieces": [piece("avis", "application/pdf")] });
            all.push((
                by(key, "consultation.creee", &source, &consultation, &creee),
                by(key, "consultation.avis-publie", &source, &consultation, &avis),
            ));
        }
        all
    }
}

/// A SIRET of an organisation.
pub(crate) fn siret(siren: &str) -> String {
    luhn(&format!("{siren}0000"))
}

fn piece(role: &str, media_type: &str) -> Value {
    let engagement = engagement(&SEL, Empreinte::of(DOCUMENT));
    json!({ "role": role, "type": media_type, "taille": DOCUMENT.len(), "engagement": engagement })
}

/// The confidential object that each commune deposited for its acts, cited by a tender.
fn objet_piece(siren: &str) -> Value {
    let bytes = objet(siren);
    let engagement = engagement(&[7; 32], Empreinte::of(bytes.as_bytes()));
    json!({ "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": bytes.len(), "engagement": engagement })
}
