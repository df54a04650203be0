//! The tenders of the year, in every state: one awarded and carried out, one that bore nothing and the one that follows it, one closed
//! and not yet opened, one running.
//!
//! Submissions here are sealed in form only: their bytes are drawn, and so are the commission's encryption keys and the shares. The
//! events, their order, the countersignatures and the deadlines are those of a sealed opening; sealing itself is the bidder's
//! software's.

use greffe_events::EventType;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdConsultation, IdPli, Subject};
use serde_json::{Value, json};

use super::annee::Annee;
use super::region::{COMMISSION, Organisme, Region, qui};
use super::scene::{Chronique, Fichier, Voix};

mod attribution;
mod travaux;

/// The tenders that the rest of the demonstration names.
#[derive(Debug)]
pub struct Consultations {
    /// Awarded, carried out.
    pub travaux: IdConsultation,
    /// Running: its deadline is to come.
    pub en_cours: IdConsultation,
    /// Closed, not opened.
    pub close: IdConsultation,
}

/// A tender, as it is told.
struct Marche<'a> {
    annee: &'a Annee,
    region: &'a Region,
    acheteur: Voix,
    siret: String,
    id: IdConsultation,
    sujet: Subject,
    /// Encryption keys of the commission; none where there is none.
    chiffrement: Vec<String>,
}

/// A submission.
struct Pli {
    voix: Voix,
    id: IdPli,
    sujet: Subject,
}

/// What a tender is about.
struct Objet<'a> {
    en_mots: &'a str,
    procedure: &'a str,
    categorie: &'a str,
    cpv: &'a str,
    lots: usize,
    precedente: Option<&'a IdConsultation>,
}

/// Writes them all.
pub fn ecris(chronique: &mut Chronique, annee: &Annee, region: &Region) -> anyhow::Result<Consultations> {
    let pays = region.collectivite(qui::PAYS)?;
    let ville = region.collectivite(qui::EXEMPLEVILLE)?;
    let travaux = travaux::ecris(chronique, Marche::de(annee, region, pays, "T07")?)?;
    attribution::ecris(chronique, Marche::de(annee, region, ville, "F02")?, Marche::de(annee, region, ville, "F05")?)?;
    let close = close(chronique, Marche::de(annee, region, pays, "S11")?)?;
    let en_cours = en_cours(chronique, Marche::de(annee, region, ville, "T14")?)?;
    Ok(Consultations { travaux, en_cours, close })
}

/// Its deadline passed two days ago; three submissions wait for the session, one of them late, one withdrawn in time.
fn close(chronique: &mut Chronique, mut marche: Marche) -> anyhow::Result<IdConsultation> {
    let objet = Objet {
        en_mots: "Entretien des espaces verts intercommunaux",
        procedure: "appel-offres-ouvert",
        categorie: "services",
        cpv: "77310000-6",
        lots: 0,
        precedente: None,
    };
    marche.cree(chronique, 30, (2, 11, 0), &objet, true)?;
    marche.publie(chronique, 29);
    for (bidder, day) in [(0, 27), (1, 25), (2, 20)] {
        marche.retire_dce(chronique, bidder, day)?;
    }
    let at = |day, heure, minute| marche.annee.a(day, heure, minute);
    marche.depose(chronique, 0, at(3, 16, 12), &[])?;
    let withdrawn = marche.depose(chronique, 1, at(4, 9, 30), &[])?;
    chronique.dit(at(3, 8, 45), &withdrawn.voix, &withdrawn.sujet, EventType::PliRetire, json!({}), Vec::new());
    // What counts is when its transmission ended.
    marche.depose(chronique, 2, at(2, 11, 4), &[])?;
    marche.clot(chronique, at(2, 14, 0), [3, 1, 1]);
    Ok(marche.id)
}

/// Its deadline is to come: a question without an answer, a submission, one withdrawn.
fn en_cours(chronique: &mut Chronique, mut marche: Marche) -> anyhow::Result<IdConsultation> {
    let objet = Objet {
        en_mots: "Réfection de la toiture de la halle",
        procedure: "adaptee",
        categorie: "travaux",
        cpv: "45261000-4",
        lots: 0,
        precedente: None,
    };
    marche.cree(chronique, 10, (-12, 11, 0), &objet, false)?;
    marche.publie(chronique, 9);
    for (bidder, day) in [(0, 8), (2, 7), (1, 5)] {
        marche.retire_dce(chronique, bidder, day)?;
    }
    marche.demande(chronique, 2, 4, "Une visite de la charpente est-elle possible ?")?;
    let at = |day, heure, minute| marche.annee.a(day, heure, minute);
    let withdrawn = marche.depose(chronique, 0, at(3, 10, 0), &[])?;
    chronique.dit(at(2, 10, 0), &withdrawn.voix, &withdrawn.sujet, EventType::PliRetire, json!({}), Vec::new());
    marche.depose(chronique, 1, at(1, 15, 30), &[])?;
    // Nobody opens before the deadline.
    let seance = json!({ "phase": 1, "objet": "offres" });
    chronique.est_refuse(
        (at(1, 16, 0), &marche.acheteur),
        &marche.sujet,
        (EventType::ConsultationSeanceOuverte, seance, Vec::new()),
        "delai-non-echu",
        "Un acheteur ouvre la séance avant la date limite",
    );
    Ok(marche.id)
}

impl<'a> Marche<'a> {
    /// Of a buyer, by its reference there.
    fn de(annee: &'a Annee, region: &'a Region, acheteur: &Organisme, reference: &str) -> anyhow::Result<Self> {
        let id: IdConsultation = format!("{}_{reference}", acheteur.siren.as_str()).parse()?;
        let (siret, acheteur) = (acheteur.siret()?.to_string(), acheteur.voix()?);
        Ok(Self { annee, region, acheteur, siret, sujet: id.dossier(), id, chiffrement: Vec::new() })
    }

    /// The number of its contract.
    fn contrat(&self) -> String {
        format!("{}-01", self.id.reference)
    }

    fn dit(&self, chronique: &mut Chronique, at: u64, genre: EventType, data: Value, fichiers: Vec<Fichier>) {
        chronique.dit(at, &self.acheteur, &self.sujet, genre, data, fichiers);
    }

    /// Created, with its deadline; where there is a commission, its three members give their keys the next day.
    fn cree(
        &mut self,
        chronique: &mut Chronique,
        day: i32,
        (limite, heure, minute): (i32, i8, i8),
        objet: &Objet,
        a_une_commission: bool,
    ) -> anyhow::Result<()> {
        let limite = Horodatage::from_unix_ms(self.annee.a(limite, heure, minute));
        let mut data = json!({
            "procedure": objet.procedure, "nature": "marche", "categorie": objet.categorie, "objet_phase": "offres",
            "date_limite": limite, "acheteur_siret": self.siret, "cpv": [objet.cpv], "duree_mois": 12,
            "validite_offres_jours": 120,
            "lots": (1..=objet.lots).map(|numero| json!({ "numero": numero })).collect::<Vec<Value>>(),
        });
        if let Some(precedente) = objet.precedente {
            data["precedente"] = json!(precedente);
        }
        if a_une_commission {
            data["quorum"] = json!({ "seuil": 2, "membres": COMMISSION });
        }
        let about = chronique.confidentiel("objet", &json!({ "objet": objet.en_mots }));
        self.dit(chronique, self.annee.a(day, 9, 0), EventType::ConsultationCreee, data, vec![about]);
        if !a_une_commission {
            return Ok(());
        }
        for rang in 1..=COMMISSION {
            let chiffrement = chronique.tire().to_string();
            let membre = self.membre(rang)?;
            let data = json!({
                "rang": rang, "membre": membre.cle.id(), "cle_chiffrement": chiffrement, "garde": "membre",
            });
            let at = self.annee.a(day - 1, 8, 0);
            chronique.dit(at, &membre, &self.sujet, EventType::ConsultationCleCommission, data, Vec::new());
            self.chiffrement.push(chiffrement);
        }
        Ok(())
    }

    /// A member of the commission, by place.
    fn membre(&self, rang: usize) -> anyhow::Result<Voix> {
        self.region.collectivite(qui::PAYS)?.membre(rang - 1)
    }

    /// The notice and the files for bidders.
    fn publie(&self, chronique: &mut Chronique, day: i32) {
        let avis = chronique.page("avis", "avis.pdf", &["Avis d'appel public à la concurrence (démonstration)"]);
        let data = json!({ "nature": "initial", "support": "profil-acheteur", "date": self.annee.jour(day) });
        self.dit(chronique, self.annee.a(day, 8, 30), EventType::ConsultationAvisPublie, data, vec![avis]);
        let dce = chronique.page("dce", "dce.pdf", &["Dossier de consultation (démonstration)", "Tout y est inventé."]);
        let data = json!({ "version": 1 });
        self.dit(chronique, self.annee.a(day, 8, 35), EventType::ConsultationDcePublie, data, vec![dce]);
    }

    fn retire_dce(&self, chronique: &mut Chronique, bidder: usize, day: i32) -> anyhow::Result<()> {
        let voix = self.region.entreprise(bidder)?.voix()?;
        let data = json!({ "version": 1, "complet": true });
        let at = self.annee.a(day, 13, 10);
        chronique.dit(at, &voix, &self.sujet, EventType::ConsultationDceRetire, data, Vec::new());
        Ok(())
    }

    fn demande(&self, chronique: &mut Chronique, bidder: usize, day: i32, texte: &str) -> anyhow::Result<uuid::Uuid> {
        let voix = self.region.entreprise(bidder)?.voix()?;
        let question = chronique.confidentiel("texte", &json!({ "texte": texte }));
        let at = self.annee.a(day, 15, 40);
        let genre = EventType::ConsultationQuestionPosee;
        Ok(chronique.dit(at, &voix, &self.sujet, genre, json!({}), vec![question]))
    }

    /// The files of a submission: how the event names them, and they themselves.
    fn scelle(chronique: &mut Chronique) -> (Fichier, Value) {
        // Drawn, as what is sealed looks to whoever has no key.
        let octets: Vec<u8> = (0..64).flat_map(|_| chronique.tire().0).collect();
        let fichier = chronique.fichier("pli", "application/octet-stream", "offre.age", octets);
        let nomme = json!({ "enveloppe": "unique", "piece": fichier.engagement(), "empreinte": fichier.sha256() });
        (fichier, nomme)
    }

    /// A bidder deposits a submission, for these lots.
    fn depose(&self, chronique: &mut Chronique, bidder: usize, at: u64, lots: &[usize]) -> anyhow::Result<Pli> {
        let pli = self.pli(chronique, bidder, at)?;
        let (fichier, nomme) = Self::scelle(chronique);
        self.depose_cela(chronique, &pli, at, lots, (fichier, nomme));
        Ok(pli)
    }

    fn pli(&self, chronique: &mut Chronique, bidder: usize, at: u64) -> anyhow::Result<Pli> {
        let voix = self.region.entreprise(bidder)?.voix()?;
        let numero = chronique.id(at);
        let id = IdPli { consultation: self.id.clone(), soumissionnaire: voix.source.clone(), numero };
        Ok(Pli { voix, sujet: id.dossier(), id })
    }

    fn depose_cela(
        &self,
        chronique: &mut Chronique,
        pli: &Pli,
        at: u64,
        lots: &[usize],
        (fichier, nomme): (Fichier, Value),
    ) {
        let mut data = json!({ "phase": 1, "lots": lots, "intention": "nouveau", "fichiers": [nomme] });
        if !self.chiffrement.is_empty() {
            data["scellement"] = json!({ "seuil": 2, "cles": self.chiffrement });
        }
        chronique.dit(at, &pli.voix, &pli.sujet, EventType::PliDepose, data, vec![fichier]);
    }

    /// The round is closed: so many deposits, so many late, so many withdrawn.
    fn clot(&self, chronique: &mut Chronique, at: u64, [depots, hors_delai, retires]: [usize; 3]) {
        let registre = chronique.page("preuve", "registre.pdf", &["Registre des dépôts (démonstration)"]);
        let data = json!({
            "phase": 1, "depots": depots, "hors_delai": hors_delai, "retires": retires, "registre": registre.sha256(),
        });
        self.dit(chronique, at, EventType::ConsultationClose, data, vec![registre]);
    }

    /// A submission is opened in a session, by these members' shares where there is a commission.
    fn ouvre(
        &self,
        chronique: &mut Chronique,
        pli: &Pli,
        at: u64,
        seance: uuid::Uuid,
        lot: Option<usize>,
    ) -> anyhow::Result<()> {
        let mut parts = Vec::new();
        if !self.chiffrement.is_empty() {
            for rang in 1..=2 {
                let membre = self.membre(rang)?;
                let part = chronique.tire().0.to_vec();
                let part = chronique.fichier("part", "application/octet-stream", format!("part-{rang}"), part);
                let data = json!({ "seance": seance, "membre": membre.cle.id() });
                chronique.dit(at, &membre, &pli.sujet, EventType::PliPartRestituee, data, vec![part]);
                parts.push(rang);
            }
        }
        let document = chronique.page("document", "offre.pdf", &["Offre (démonstration)", "Tout y est inventé."]);
        let mut ouvert = json!({
            "enveloppe": "offre", "empreinte_salee": chronique.tire(), "taille": document.octets.len(),
        });
        if let Some(lot) = lot {
            ouvert["lot"] = lot.into();
        }
        let mut data = json!({ "seance": seance, "documents": [ouvert] });
        if !parts.is_empty() {
            data["parts"] = json!(parts);
            data["parts_coherentes"] = true.into();
        }
        chronique.dit(at + 60_000, &self.acheteur, &pli.sujet, EventType::PliOuvert, data, vec![document]);
        Ok(())
    }

    /// An offer is rejected, and its bidder told.
    fn rejette(&self, chronique: &mut Chronique, pli: &Pli, day: i32, motif: &str, lots: &[usize]) {
        let (jour, at) = (self.annee.jour(day), self.annee.a(day, 11, 0));
        let data = json!({ "motif": motif, "lots": lots, "date": jour });
        chronique.dit(at, &self.acheteur, &pli.sujet, EventType::PliOffreRejetee, data, Vec::new());
        let data = json!({
            "lots": lots, "envoye_le": Horodatage::from_unix_ms(at + 1_800_000), "voie": "profil-acheteur",
        });
        chronique.dit(at + 1_800_000, &self.acheteur, &pli.sujet, EventType::PliRejetNotifie, data, Vec::new());
    }
}
