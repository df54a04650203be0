//! The invoices of the year: handed in by companies, made available, checked, ordered to be paid, paid; some late, some sent back.

use greffe_events::EventType;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdFacture, Siret, Subject};
use serde_json::{Value, json};

use super::annee::Annee;
use super::flux::montant;
use super::region::{Region, qui};
use super::scene::{Chronique, Fichier, Voix};

/// What becomes of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Paid within 30 days.
    Payee,
    /// Paid after more than two months, with late interest.
    PayeeTard,
    /// Suspended, completed, then paid.
    Suspendue,
    /// Rejected, and handed in again under its number.
    Rejetee,
    /// Nothing but made available: overdue, or new.
    Attend,
    /// Checked, not yet ordered to be paid.
    Verifiee,
}

/// Days (worked ones before the present), who sells, who buys, without tax in cents, what becomes of it.
const FACTURES: [(i32, usize, usize, u64, Sort); 14] = [
    (246, 0, qui::EXEMPLEVILLE, 184_000, Sort::Payee),
    (229, 1, qui::MODELE, 42_650, Sort::Payee),
    (214, 1, qui::EXEMPLEVILLE, 96_430, Sort::PayeeTard),
    (190, 0, qui::PAYS, 1_250_000, Sort::Payee),
    (171, 2, qui::EXEMPLEVILLE, 318_700, Sort::Rejetee),
    (148, 1, qui::EXEMPLEVILLE, 58_215, Sort::Payee),
    (131, 0, qui::PAYS, 2_480_000, Sort::Suspendue),
    (112, 2, qui::MODELE, 74_300, Sort::Payee),
    (90, 0, qui::PAYS, 2_480_000, Sort::Payee),
    (71, 1, qui::EXEMPLEVILLE, 12_990, Sort::PayeeTard),
    (55, 0, qui::EXEMPLEVILLE, 407_500, Sort::Attend),
    (38, 1, qui::EXEMPLEVILLE, 88_120, Sort::Payee),
    (12, 0, qui::PAYS, 1_920_000, Sort::Verifiee),
    (2, 0, qui::EXEMPLEVILLE, 63_400, Sort::Attend),
];

/// An invoice.
struct Facture {
    vendeur: Voix,
    acheteur: Voix,
    comptable: Voix,
    sirets: (Siret, Siret),
    sujet: Subject,
    numero: String,
    deposee: i32,
    centimes: u64,
    mandat: Value,
    consultation: Option<String>,
}

/// Writes them all; `consultation` is the tender from which the works for the group of communes come.
pub fn ecris(chronique: &mut Chronique, annee: &Annee, region: &Region, consultation: &str) -> anyhow::Result<()> {
    for (n, (deposee, vendeur, acheteur, centimes, sort)) in FACTURES.into_iter().enumerate() {
        let (seller, buyer) = (region.entreprise(vendeur)?, region.collectivite(acheteur)?);
        let year = annee.jour(deposee).0.year();
        let numero = format!("F{year}-{:04}", 17 + 3 * n);
        let id = IdFacture::new(seller.organisation(), buyer.organisation(), u16::try_from(year)?, &numero);
        let Some(id) = id else { anyhow::bail!("facture {numero}") };
        let facture = Facture {
            vendeur: seller.voix()?,
            acheteur: region.voix_de(acheteur)?,
            comptable: region.comptable.voix()?,
            sirets: (seller.siret()?, buyer.siret()?),
            sujet: id.dossier(),
            numero,
            deposee,
            centimes,
            mandat: json!({ "budget": buyer.siret()?, "exercice": year, "bordereau": 100 + n, "piece": 1_000 + n }),
            // Works under the contract come after its award.
            consultation: (acheteur == qui::PAYS && deposee < 140).then(|| consultation.to_owned()),
        };
        facture.vit(chronique, annee, sort);
    }
    Ok(())
}

impl Facture {
    fn vit(&self, chronique: &mut Chronique, annee: &Annee, sort: Sort) {
        let d = self.deposee;
        self.depose(chronique, annee, d);
        self.est_disponible(chronique, annee, d);
        match sort {
            Sort::Attend => {}
            Sort::Verifiee => self.est_verifiee(chronique, annee, d - 5),
            Sort::Payee => self.est_payee(chronique, annee, [d - 4, d - 8, d - 16]),
            Sort::PayeeTard => {
                self.est_payee(chronique, annee, [d - 12, d - 38, d - 46]);
                // Late interest is for the accountant to pay without being asked (CCP L2192-13, D2192-35).
                for (nature, centimes) in [("interets-moratoires", self.ttc() / 100), ("indemnite-forfaitaire", 4_000)]
                {
                    self.paie(chronique, annee, d - 52, nature, centimes);
                }
            }
            Sort::Suspendue => {
                let motif = chronique.confidentiel("motif", &json!({ "motif": "Attachement de travaux manquant." }));
                let data = json!({ "motifs": ["PIECE_MANQUANTE"] });
                self.statut(chronique, annee.a(d - 3, 10, 0), &self.acheteur, "SUSPENDUE", data, Some(motif));
                self.statut(chronique, annee.a(d - 9, 10, 0), &self.vendeur, "COMPLETEE", json!({}), None);
                self.est_payee(chronique, annee, [d - 11, d - 14, d - 21]);
            }
            Sort::Rejetee => {
                let motif = chronique.confidentiel("motif", &json!({ "motif": "Numéro d'engagement erroné." }));
                let data = json!({ "motifs": ["ENGAGEMENT_ERRONE"] });
                self.statut(chronique, annee.a(d - 2, 9, 0), &self.acheteur, "REJETEE", data, Some(motif));
                self.depose(chronique, annee, d - 6);
                self.est_payee(chronique, annee, [d - 9, d - 12, d - 18]);
                // Once more under the same number, paid already: a duplicate.
                let again = self.fichiers(chronique);
                chronique.est_refuse(
                    (annee.a(d - 30, 9, 40), &self.vendeur),
                    &self.sujet,
                    (EventType::FactureDeposee, self.data(annee, d - 6), again),
                    "facture-deja-deposee",
                    "Une entreprise dépose sa facture une seconde fois",
                );
            }
        }
    }

    fn ttc(&self) -> u64 {
        self.centimes * 6 / 5
    }

    fn data(&self, annee: &Annee, day: i32) -> Value {
        let (ht, tva, ttc) = (montant(self.centimes), montant(self.centimes / 5), montant(self.ttc()));
        let mut data = json!({
            "format": "pdf", "type_document": 380, "cadre": "B1", "date_facture": annee.jour(self.deposee),
            "date_echeance": annee.jour(day - 21), "devise": "EUR",
            "montant_ht": ht, "montant_tva": tva, "montant_ttc": ttc, "montant_a_payer": ttc,
            "tva": [{ "categorie": "S", "taux": "20.00", "base": ht, "montant": tva }],
            "vendeur_siret": self.sirets.0, "acheteur_siret": self.sirets.1,
        });
        if let Some(consultation) = &self.consultation {
            data["consultation"] = consultation.as_str().into();
        }
        data
    }

    fn depose(&self, chronique: &mut Chronique, annee: &Annee, day: i32) {
        let fichiers = self.fichiers(chronique);
        let at = annee.a(day, 9, 40);
        chronique.dit(at, &self.vendeur, &self.sujet, EventType::FactureDeposee, self.data(annee, day), fichiers);
    }

    fn fichiers(&self, chronique: &mut Chronique) -> Vec<Fichier> {
        let nom = format!("{}.pdf", self.numero);
        let (numero, ttc) = (format!("Facture {}", self.numero), format!("{} EUR TTC", montant(self.ttc())));
        vec![
            chronique.page("facture", nom, &[&numero, &ttc, "Facture de démonstration : tout y est inventé."]),
            chronique.confidentiel("reference", &json!({ "numero": self.numero })),
        ]
    }

    /// The platform's own word, which it has no key to say: the buyer states the message that it received.
    fn est_disponible(&self, chronique: &mut Chronique, annee: &Annee, day: i32) {
        let at = annee.a(day, 10, 5);
        let message = json!({ "statut": "MISE_A_DISPOSITION", "facture": self.numero }).to_string();
        let message = chronique.fichier("message", "application/json", "statut.json", message.into_bytes());
        let data = json!({ "auteur_declare": { "qualite": "chorus-pro" } });
        self.statut(chronique, at, &self.acheteur, "MISE_A_DISPOSITION", data, Some(message));
    }

    fn est_verifiee(&self, chronique: &mut Chronique, annee: &Annee, day: i32) {
        let data = json!({ "comptable": self.comptable.source });
        self.statut(chronique, annee.a(day, 14, 20), &self.acheteur, "SERVICE_FAIT", data, None);
    }

    /// Checked, ordered to be paid, paid, cashed: on these days.
    fn est_payee(&self, chronique: &mut Chronique, annee: &Annee, [verifiee, mandatee, payee]: [i32; 3]) {
        self.est_verifiee(chronique, annee, verifiee);
        let data = json!({ "mandat": self.mandat });
        self.statut(chronique, annee.a(mandatee, 16, 0), &self.acheteur, "MANDATEE", data, None);
        self.paie(chronique, annee, payee, "principal", self.ttc());
        self.statut(chronique, annee.a(payee, 17, 5), &self.comptable, "MISE_EN_PAIEMENT", json!({}), None);
    }

    fn paie(&self, chronique: &mut Chronique, annee: &Annee, day: i32, nature: &str, centimes: u64) {
        let data = json!({
            "nature": nature, "date": annee.jour(day), "montant": montant(centimes), "devise": "EUR",
            "mandat": self.mandat,
        });
        let at = annee.a(day, 17, 0);
        chronique.dit(at, &self.comptable, &self.sujet, EventType::FacturePaiement, data, Vec::new());
    }

    fn statut(
        &self,
        chronique: &mut Chronique,
        at: u64,
        voix: &Voix,
        code: &str,
        mut data: Value,
        fichier: Option<Fichier>,
    ) {
        data["liste"] = "chorus".into();
        data["code"] = code.into();
        data["survenu_le"] = json!(Horodatage::from_unix_ms(at));
        let fichiers = fichier.into_iter().collect();
        chronique.dit(at, voix, &self.sujet, EventType::FactureStatut, data, fichiers);
    }
}
