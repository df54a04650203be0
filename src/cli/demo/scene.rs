//! What happens in the year: scenes, each an instant, somebody, and what they do. The families of exchanges write theirs in
//! whatever order tells the story; they are played in the order of time (`super::theatre`).
//!
//! Everything that is chosen here follows from the seed of the folder, salts and ids included: told again, a scene is the same bytes, so
//! that a demonstration that was interrupted goes on where it was and the node records nothing twice.

use std::path::PathBuf;

use greffe_events::ident::{IdActe, Organisation, Subject};
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use greffe_events::{EventType, Uuid};
use serde_json::{Value, json};

use super::document::pdf;

/// Somebody who speaks: in whose name, with which key. A gateway's key speaks in the name of a member.
#[derive(Debug, Clone)]
pub struct Voix {
    /// In whose name.
    pub source: Organisation,
    /// With which key.
    pub cle: SecretKey,
}

/// A file that an event cites, by engagement.
#[derive(Debug, Clone)]
pub struct Fichier {
    role: &'static str,
    finalite: Option<&'static str>,
    media_type: &'static str,
    /// Its salt.
    pub sel: Empreinte,
    /// Its own name, kept beside it.
    pub nom: Option<String>,
    /// Its bytes.
    pub octets: Vec<u8>,
}

impl Fichier {
    /// Digest of its bytes.
    pub fn sha256(&self) -> Empreinte {
        Empreinte::of(&self.octets)
    }

    /// How an event names it.
    pub fn engagement(&self) -> Empreinte {
        engagement(&self.sel.0, self.sha256())
    }

    /// How an event cites it.
    pub fn citation(&self) -> Value {
        let mut cited = json!({
            "role": self.role, "type": self.media_type, "taille": self.octets.len(), "engagement": self.engagement(),
        });
        if let Some(finalite) = self.finalite {
            cited["finalite"] = finalite.into();
        }
        cited
    }
}

/// One event to sign and post.
#[derive(Debug, Clone)]
pub struct Evenement {
    /// Its id.
    pub id: Uuid,
    /// Who speaks.
    pub source: Organisation,
    /// About which dossier.
    pub sujet: Subject,
    /// What kind of thing is said.
    pub genre: EventType,
    /// What is said, its pieces left out.
    pub data: Value,
    /// The files that it cites.
    pub fichiers: Vec<Fichier>,
    /// Who signs, in order.
    pub cles: Vec<SecretKey>,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Quoi {
    /// Posts an event.
    Dit(Box<Evenement>),
    /// Tries to, and is refused with this code: what is told about it.
    EstRefuse(Box<Evenement>, &'static str, String),
    /// Imports an ACTES archive, as `greffe actes import` does.
    Importe(Box<Import>),
}

/// An archive to import.
#[derive(Debug, Clone)]
pub struct Import {
    /// The act.
    pub id: IdActe,
    /// The archive.
    pub archive: PathBuf,
    /// What it brings, as the receipt is named: `acte` or `accuse`.
    pub quoi: &'static str,
    /// Where its receipt goes, within the folder of receipts: none for the folder itself.
    pub rangement: Option<&'static str>,
    /// Who signs.
    pub cle: SecretKey,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Scene {
    /// When, Unix ms.
    pub quand_ms: u64,
    /// Its name, which is no other's.
    pub nom: String,
    /// What happens.
    pub quoi: Quoi,
}

/// The story as it is being written.
#[derive(Debug)]
pub struct Chronique {
    graine: [u8; 32],
    tirages: u64,
    scenes: Vec<Scene>,
}

impl Chronique {
    /// From this seed.
    pub fn new(graine: [u8; 32]) -> Self {
        Self { graine, tirages: 0, scenes: Vec::new() }
    }

    /// The whole of it, in the order of time.
    pub fn finie(mut self) -> Vec<Scene> {
        self.scenes.sort_by_key(|scene| scene.quand_ms);
        self.scenes
    }

    /// 32 bytes that nobody without the seed can guess: never the same.
    pub fn tire(&mut self) -> Empreinte {
        self.tirages += 1;
        let mut bytes = self.graine.to_vec();
        bytes.extend_from_slice(&self.tirages.to_be_bytes());
        Empreinte::of(&bytes)
    }

    /// An id made at that instant: version 7 (RFC 9562 §5.7).
    pub fn id(&mut self, quand_ms: u64) -> Uuid {
        let mut random = [0; 10];
        random.copy_from_slice(&self.tire().0[..10]);
        uuid::Builder::from_unix_timestamp_millis(quand_ms, &random).into_uuid()
    }

    /// A file.
    pub fn fichier(
        &mut self,
        role: &'static str,
        media_type: &'static str,
        nom: impl Into<String>,
        octets: Vec<u8>,
    ) -> Fichier {
        Fichier { role, finalite: None, media_type, sel: self.tire(), nom: Some(nom.into()), octets }
    }

    /// A page of text.
    pub fn page(&mut self, role: &'static str, nom: impl Into<String>, lignes: &[&str]) -> Fichier {
        let lignes: Vec<String> = lignes.iter().map(|ligne| (*ligne).to_owned()).collect();
        self.fichier(role, "application/pdf", nom, pdf(&lignes))
    }

    /// Confidential fields.
    pub fn confidentiel(&mut self, finalite: &'static str, contenu: &Value) -> Fichier {
        Fichier {
            role: "confidentiel",
            finalite: Some(finalite),
            media_type: "application/json",
            sel: self.tire(),
            nom: None,
            octets: contenu.to_string().into_bytes(),
        }
    }

    fn evenement(
        &mut self,
        quand_ms: u64,
        voix: &Voix,
        sujet: &Subject,
        genre: EventType,
        data: Value,
        fichiers: Vec<Fichier>,
    ) -> Box<Evenement> {
        let id = self.id(quand_ms);
        let (source, cles) = (voix.source.clone(), vec![voix.cle.clone()]);
        Box::new(Evenement { id, source, sujet: sujet.clone(), genre, data, fichiers, cles })
    }

    /// Somebody says something; the event's id.
    pub fn dit(
        &mut self,
        quand_ms: u64,
        voix: &Voix,
        sujet: &Subject,
        genre: EventType,
        data: Value,
        fichiers: Vec<Fichier>,
    ) -> Uuid {
        let evenement = self.evenement(quand_ms, voix, sujet, genre, data, fichiers);
        let id = evenement.id;
        self.ajoute(quand_ms, nom_de(genre), Quoi::Dit(evenement));
        id
    }

    /// The same with further signatures.
    pub fn signe(
        &mut self,
        quand_ms: u64,
        voix: &Voix,
        sujet: &Subject,
        genre: EventType,
        data: Value,
        autres: &[SecretKey],
    ) {
        let mut evenement = self.evenement(quand_ms, voix, sujet, genre, data, Vec::new());
        evenement.cles.extend_from_slice(autres);
        self.ajoute(quand_ms, nom_de(genre), Quoi::Dit(evenement));
    }

    /// Somebody tries to say something that the node refuses with this code.
    pub fn est_refuse(
        &mut self,
        (quand_ms, voix): (u64, &Voix),
        sujet: &Subject,
        (genre, data, fichiers): (EventType, Value, Vec<Fichier>),
        code: &'static str,
        histoire: impl Into<String>,
    ) {
        let evenement = self.evenement(quand_ms, voix, sujet, genre, data, fichiers);
        self.ajoute(quand_ms, "refus", Quoi::EstRefuse(evenement, code, histoire.into()));
    }

    /// Something happens.
    pub fn ajoute(&mut self, quand_ms: u64, quoi: &str, scene: Quoi) {
        let nom = format!("{:06}-{quoi}", self.scenes.len() + 1);
        self.scenes.push(Scene { quand_ms, nom, quoi: scene });
    }
}

/// `facture-deposee`.
fn nom_de(genre: EventType) -> &'static str {
    // Types are `greffe.<family>.<deed>.v1`; the deed alone tells enough beside the number.
    genre.as_str().trim_start_matches("greffe.").trim_end_matches(".v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_told_again_from_its_seed_is_the_same_bytes_and_nothing_in_it_is_drawn_twice() {
        let tell = |seed| {
            let mut chronique = Chronique::new([seed; 32]);
            let fichier = chronique.confidentiel("texte", &json!({ "texte": "…" }));
            (fichier.citation(), chronique.id(1_700_000_000_000), chronique.tire(), chronique.tire())
        };
        assert_eq!(tell(1), tell(1));
        let ((cited, id, first, second), (other_cited, other_id, ..)) = (tell(1), tell(2));
        assert!(cited != other_cited && id != other_id && first != second);
        assert_eq!(id.get_version_num(), 7);
    }
}
