//! The accounts of the year: flows of bordereaux, what the accountant answers, and what became of the mandats.
//!
//! | who | how often | who answers |
//! |---|---|---|
//! | Exempleville | every month | the accountant signs; one flow is accepted in part, one rejected and sent again |
//! | the group of communes, for its water budget too | every two months | files that it received and states |
//! | Vieux-Spécimen | every quarter, by the gateway | the accountant signs |
//!
//! The files are PES by their form; nobody would take them for a budget.

use std::fmt::Write as _;

use greffe_events::EventType;
use greffe_events::horodatage::Jour;
use greffe_events::ident::{IdFlux, Siret, Subject};
use serde_json::{Value, json};

use super::annee::Annee;
use super::region::{Region, qui};
use super::scene::{Chronique, Voix};

/// Poste comptable of the region.
const POSTE: &str = "096001";

/// One who sends flows.
struct Emetteur {
    qui: usize,
    /// Worked days between two flows.
    tous_les: i32,
    /// Budgets, as the accountant numbers them.
    budgets: &'static [&'static str],
    /// Whether the accountant signs its answers, or they come as files.
    comptable_signe: bool,
}

const EMETTEURS: [Emetteur; 3] = [
    Emetteur { qui: qui::EXEMPLEVILLE, tous_les: 21, budgets: &["00"], comptable_signe: true },
    Emetteur { qui: qui::PAYS, tous_les: 42, budgets: &["00", "01"], comptable_signe: false },
    Emetteur { qui: qui::SPECIMEN, tous_les: 63, budgets: &["00"], comptable_signe: true },
];

/// Worked days before the present on which the first flows leave.
const PREMIER: i32 = 254;

/// The flow that is accepted in part, and the one that is rejected, by their rank.
const PARTIEL: usize = 4;
const REJETE: usize = 8;

/// A flow.
struct Flux<'a> {
    voix: Voix,
    comptable: &'a Voix,
    comptable_signe: bool,
    siret: Siret,
    budget: &'static str,
    rang: usize,
    /// Worked days before the present.
    envoye: i32,
    nom: String,
    sujet: Subject,
    exercice: i16,
    bordereaux: Vec<Bordereau>,
}

/// A bordereau: its number, how many mandats it has, and what they come to without tax, in cents.
struct Bordereau {
    numero: usize,
    mandats: usize,
    centimes: u64,
}

/// Writes all flows and answers.
pub fn ecris(chronique: &mut Chronique, annee: &Annee, region: &Region) -> anyhow::Result<()> {
    let comptable = region.comptable.voix()?;
    for emetteur in &EMETTEURS {
        let siret = region.collectivite(emetteur.qui)?.siret()?;
        let days = (1..=PREMIER).rev().step_by(usize::try_from(emetteur.tous_les)?);
        for (rang, envoye) in days.enumerate() {
            for (b, budget) in emetteur.budgets.iter().enumerate() {
                let jour = annee.jour(envoye);
                let nom = format!("PES-{siret}-{budget}-{jour}");
                let flux = Flux {
                    voix: region.voix_de(emetteur.qui)?,
                    comptable: &comptable,
                    comptable_signe: emetteur.comptable_signe,
                    siret,
                    budget,
                    rang,
                    envoye,
                    sujet: IdFlux::new(siret, &nom).dossier(),
                    nom,
                    exercice: jour.0.year(),
                    bordereaux: bordereaux(rang, b),
                };
                flux.vit(chronique, annee);
            }
        }
    }
    Ok(())
}

/// Two of each flow, but for the annexed budgets' one.
fn bordereaux(rang: usize, budget: usize) -> Vec<Bordereau> {
    (0..if budget == 0 { 2 } else { 1 })
        .map(|at| Bordereau {
            numero: 100 + 2 * rang + at,
            mandats: 4 + (rang + at) % 5,
            centimes: 412_350 + 87_215 * (rang as u64 % 7) + 1_310_000 * at as u64 + 55_000 * budget as u64,
        })
        .collect()
}

/// Cents as amounts are written.
pub fn montant(centimes: u64) -> String {
    format!("{}.{:02}", centimes / 100, centimes % 100)
}

impl Flux<'_> {
    fn vit(&self, chronique: &mut Chronique, annee: &Annee) {
        self.transmet(chronique, annee, self.envoye);
        let est_le_temoin = self.comptable_signe && self.voix.source == self.siret.siren().into();
        match self.rang {
            // The newest waits for its acquit.
            _ if self.envoye < 4 => {}
            PARTIEL if est_le_temoin => {
                self.acquitte(chronique, annee, self.envoye - 1, "partiel");
                self.retourne(chronique, annee, self.envoye - 8);
            }
            REJETE if est_le_temoin => {
                self.acquitte(chronique, annee, self.envoye - 1, "rejete");
                self.transmet(chronique, annee, self.envoye - 2);
                self.acquitte(chronique, annee, self.envoye - 3, "accepte");
                self.retourne(chronique, annee, self.envoye - 9);
            }
            _ => {
                self.acquitte(chronique, annee, self.envoye - 1, "accepte");
                if self.envoye > 8 {
                    self.retourne(chronique, annee, self.envoye - 8);
                }
            }
        }
    }

    fn transmet(&self, chronique: &mut Chronique, annee: &Annee, day: i32) {
        let jour = annee.jour(day);
        let mut cumul = 0;
        let lignes = self.bordereaux.iter().map(|bordereau| {
            cumul += bordereau.centimes;
            json!({
                "sens": "depense", "exercice": self.exercice, "type": "01", "numero": bordereau.numero, "date": jour,
                "nombre_pieces": bordereau.mandats, "montant_ht": montant(bordereau.centimes),
                "montant_tva": montant(bordereau.centimes / 5),
            })
        });
        let data = json!({
            "type_flux": "PESALR2", "domaines": ["depense"], "poste": POSTE, "collectivite": "101",
            "budget": self.budget, "comptable": self.comptable.source, "signature": "bordereaux",
            "bordereaux": lignes.collect::<Vec<Value>>(), "bordereaux_total": self.bordereaux.len(),
            "pieces_total": self.mandats(), "justificatifs_total": 0,
        });
        let nom = json!({ "nom_fic": self.nom });
        let fichiers = vec![
            chronique.fichier("flux", "application/xml", format!("{}.xml", self.nom), self.pes(jour).into_bytes()),
            chronique.confidentiel("reference", &nom),
        ];
        chronique.dit(annee.a(day, 15, 0), &self.voix, &self.sujet, EventType::FluxTransmis, data, fichiers);
    }

    fn mandats(&self) -> usize {
        self.bordereaux.iter().map(|bordereau| bordereau.mandats).sum()
    }

    /// The accountant's own word, or the collectivité's about the file that it received.
    fn repond(&self, chronique: &mut Chronique, at: u64, genre: EventType, mut data: Value, fichier: String) {
        if self.comptable_signe {
            chronique.dit(at, self.comptable, &self.sujet, genre, data, Vec::new());
            return;
        }
        data["auteur_declare"] = json!({ "qualite": "comptable", "organisation": self.comptable.source });
        let nom = format!("{}-reponse.xml", self.nom);
        let message = chronique.fichier("message", "application/xml", nom, fichier.into_bytes());
        chronique.dit(at, &self.voix, &self.sujet, genre, data, vec![message]);
    }

    fn acquitte(&self, chronique: &mut Chronique, annee: &Annee, day: i32, resultat: &str) {
        let last = self.bordereaux.len() - 1;
        let elements = self.bordereaux.iter().enumerate().map(|(at, bordereau)| {
            let accepte = resultat == "accepte" || (resultat == "partiel" && at < last);
            let mut element = json!({
                "sens": "depense", "exercice": self.exercice, "numero": bordereau.numero, "accepte": accepte,
            });
            if !accepte {
                element["anomalie"] = "BORDEREAU_DEJA_EMIS".into();
            }
            element
        });
        let data = json!({
            "date": annee.jour(day), "resultat": resultat, "elements": elements.collect::<Vec<Value>>(),
            "justificatifs_acceptes": 0, "justificatifs_rejetes": 0,
        });
        let file = format!("<PES_ACQUIT><NomFic V=\"{}\"/><EtatAck V=\"{}\"/></PES_ACQUIT>", self.nom, resultat);
        self.repond(chronique, annee.a(day, 7, 30), EventType::FluxAcquitte, data, file);
    }

    /// What became of the first bordereau's mandats: settled, but where its flow was accepted in part, the last one's: rejected.
    fn retourne(&self, chronique: &mut Chronique, annee: &Annee, day: i32) {
        let jour = annee.jour(day);
        let Some(bordereau) = self.bordereaux.first() else { return };
        let each = bordereau.centimes * 6 / 5 / bordereau.mandats as u64;
        let lignes = (1..=bordereau.mandats).map(|piece| {
            json!({
                "sens": "depense", "exercice": self.exercice, "type_bordereau": "01", "bordereau": bordereau.numero,
                "piece": bordereau.numero * 10 + piece, "etat": "05", "prise_en_charge": annee.jour(day + 4),
                "paiement": { "date": jour, "montant": montant(each) },
            })
        });
        let data = json!({
            "type_restitution": "02", "date": jour, "lignes": lignes.collect::<Vec<Value>>(),
            "lignes_total": bordereau.mandats,
        });
        let file = format!("<PES_Retour><NomFic V=\"{}\"/></PES_Retour>", self.nom);
        self.repond(chronique, annee.a(day, 18, 30), EventType::FluxRetour, data, file);
    }

    /// The file.
    fn pes(&self, jour: Jour) -> String {
        let mut corps = String::new();
        for bordereau in &self.bordereaux {
            let (numero, mandats) = (bordereau.numero, bordereau.mandats);
            let ht = montant(bordereau.centimes);
            // Writing to a text can't fail.
            let _ = write!(
                corps,
                "<Bordereau><BlocBordereau><Exer V=\"{}\"/><IdBord V=\"{numero}\"/><DteBordEm V=\"{jour}\"/><TypBord V=\"01\"/>\
                 <NbrPce V=\"{mandats}\"/><MtBordHT V=\"{ht}\"/></BlocBordereau></Bordereau>",
                self.exercice
            );
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\
             <n:PES_Aller xmlns:n=\"http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller\"><Enveloppe><Parametres>\
             <Version V=\"2\"/><TypFic V=\"PESALR2\"/><NomFic V=\"{}\"/></Parametres></Enveloppe><EnTetePES>\
             <DteStr V=\"{jour}\"/><IdPost V=\"{POSTE}\"/><IdColl V=\"{}\"/><CodCol V=\"101\"/><CodBud V=\"{}\"/></EnTetePES>\
             <PES_DepenseAller>{corps}</PES_DepenseAller></n:PES_Aller>",
            self.nom, self.siret, self.budget
        )
    }
}
