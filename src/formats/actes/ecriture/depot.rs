//! A whole deposit: names, messages, envelope, archive.
//!
//! Files are numbered within each act: message `_0`, act `_1`, annexes from `_2`. Order in the archive: envelope, then each
//! message with its files. The same deposit gives the same bytes.

use std::collections::HashSet;

use greffe_events::ident::IdActe;
use jiff::civil::Date;

use super::super::archive::{self, Entree};
use super::super::enveloppe::{Enveloppe, EnveloppeClMisill, IdCl, Referent};
use super::super::message::{Acte, CodeMessage, FichierSigne, Signature};
use super::super::nom::{Auteur, NomArchive, NomEnveloppe, NomFichier, Quadrigramme, Serie, Trigramme, TypePj};
use super::EcritureError;

/// What a collectivité sends in one envelope.
#[derive(Debug, Clone)]
pub struct Depot {
    /// The operator.
    pub trigramme: Trigramme,
    /// Real or test.
    pub quadrigramme: Quadrigramme,
    /// Who sends.
    pub emetteur: IdCl,
    /// Whom to call.
    pub referent: Option<Referent>,
    /// Where the prefecture answers, at least one.
    pub courriels_retour: Vec<String>,
    /// The day of the deposit.
    pub date: Date,
    /// Its position in that day.
    pub serie: Serie,
    /// The acts, at least one.
    pub actes: Vec<ActeADeposer>,
    /// Modification time of the archive's files, Unix seconds.
    pub mtime_s: u32,
}

/// An act with its files.
#[derive(Debug, Clone)]
pub struct ActeADeposer {
    /// Its data; `document` and `annexes` are replaced by the names that the files get.
    pub acte: Acte,
    /// The act itself.
    pub document: FichierADeposer,
    /// Its annexes.
    pub annexes: Vec<FichierADeposer>,
}

/// A file to send.
#[derive(Debug, Clone)]
pub struct FichierADeposer {
    /// Its type.
    pub type_pj: Option<TypePj>,
    /// `pdf`, `xml`, `jpg`, `png`.
    pub extension: String,
    /// Its bytes.
    pub octets: Vec<u8>,
    /// Its detached signature.
    pub signature: Option<Signature>,
}

/// An archive ready to be sent.
#[derive(Debug, Clone)]
pub struct ArchiveEcrite {
    /// Its name.
    pub nom: String,
    /// Its bytes.
    pub octets: Vec<u8>,
    /// The identifiers of its acts, in order.
    pub ids: Vec<IdActe>,
}

impl Depot {
    /// Writes the archive.
    ///
    /// # Errors
    ///
    /// Where an act or the envelope can't be written, or two acts have one identifier.
    pub fn archive(&self) -> Result<ArchiveEcrite, EcritureError> {
        let champ = |champ| EcritureError::Champ { champ };
        let siren = self.emetteur.siren.valeur.ok_or(champ("SIREN"))?;
        let departement = self.emetteur.departement.valeur.ok_or(champ("Departement"))?;
        if self.actes.is_empty() {
            return Err(champ("FormulairesEnvoyes"));
        }
        let mut entrees = Vec::new();
        let mut formulaires = Vec::new();
        let mut ids = Vec::new();
        let mut vus = HashSet::new();
        for ActeADeposer { acte, document, annexes } in &self.actes {
            let numero = acte.numero.clone();
            let id = IdActe { departement, siren, date: acte.date, numero, nature: acte.nature };
            if !vus.insert(id.clone()) {
                return Err(champ("NumeroInterne"));
            }
            let message = NomFichier::new(&id, None, CodeMessage::Acte, 0, "xml").to_string();
            let cites: Vec<FichierSigne> =
                (1..).zip(std::iter::once(document).chain(annexes)).map(|(ordre, f)| f.cite(&id, ordre)).collect();
            let mut acte = acte.clone();
            let [cite, cites_annexes @ ..] = cites.as_slice() else { return Err(champ("Document")) };
            acte.document = cite.clone();
            acte.annexes = cites_annexes.to_vec();
            entrees.push(Entree { nom: message.clone(), octets: super::acte(&acte)? });
            let octets = std::iter::once(document).chain(annexes).map(|f| f.octets.clone());
            entrees.extend(cites.into_iter().zip(octets).map(|(cite, octets)| Entree { nom: cite.nom, octets }));
            formulaires.push(FichierSigne { nom: message, signature: None });
            ids.push(id);
        }
        let enveloppe = Enveloppe::ClMisill(EnveloppeClMisill {
            emetteur: self.emetteur.clone(),
            referent: self.referent.clone(),
            courriels_retour: self.courriels_retour.clone(),
            formulaires,
        });
        let nom = NomEnveloppe {
            quadrigramme: self.quadrigramme,
            auteur: Auteur::Collectivite(siren),
            date: self.date,
            serie: self.serie,
        };
        entrees.insert(0, Entree { nom: nom.to_string(), octets: super::enveloppe(&enveloppe)? });
        let mut octets = Vec::new();
        archive::write(&entrees, self.mtime_s, &mut octets)?;
        let nom = NomArchive { trigramme: self.trigramme.clone(), enveloppe: nom }.to_string();
        Ok(ArchiveEcrite { nom, octets, ids })
    }
}

impl FichierADeposer {
    fn cite(&self, id: &IdActe, ordre: u32) -> FichierSigne {
        let nom = NomFichier::new(id, self.type_pj.clone(), CodeMessage::Acte, ordre, &self.extension);
        FichierSigne { nom: nom.to_string(), signature: self.signature.clone() }
    }
}
