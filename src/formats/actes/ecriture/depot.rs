//! A whole submission, of either side: names, messages, envelope, archive.
//!
//! Files are numbered within the messages of one kind about one act: message `_0`, its files from `_1`; a second letter about the same
//! act goes on from there. Order in the archive: envelope, then each message with its files. The same submission gives the
//! same bytes.
//!
//! The anomaly of an envelope (ANO) travels without one, as a file of its own: [`super::message`], [`NomEnveloppe::nom_anomalie`].

use std::collections::HashMap;

use greffe_events::ident::{Departement, IdActe, Siren};
use jiff::civil::Date;

use super::super::archive::{self, ArchiveError, COMPRESSED_BYTES_MAX, ENTRIES_MAX, Entree};
use super::super::enveloppe::Enveloppe;
use super::super::message::{ActeRecu, CodeMessage, FichierSigne, Generation, Message, Signature};
use super::super::nom::{
    Auteur, NomArchive, NomEnveloppe, NomFichier, ORDRE_MAX, Quadrigramme, Serie, Trigramme, TypePj,
};
use super::EcritureError;

/// What a collectivité or an authority of the State sends in one envelope.
#[derive(Debug, Clone)]
pub struct Depot {
    /// The operator.
    pub trigramme: Trigramme,
    /// Real or test.
    pub quadrigramme: Quadrigramme,
    /// Who sends to whom; `formulaires` are replaced by the names that the messages get.
    pub enveloppe: Enveloppe,
    /// The day of the submission.
    pub date: Date,
    /// Its position in that day.
    pub serie: Serie,
    /// The schema that the messages follow.
    pub generation: Generation,
    /// The messages, at least one.
    pub messages: Vec<MessageADeposer>,
    /// Modification time of the archive's files, Unix seconds.
    pub mtime_s: u32,
}

/// A message with its files.
#[derive(Debug, Clone)]
pub struct MessageADeposer {
    /// What it says. The files that it brings (the act and its annexes, the letter, the documents) are replaced by the names that
    /// `fichiers` get; those that it repeats of another message stay.
    pub message: Message,
    /// Its files, in the order in which it cites them: of a 1-1 first the act, then the annexes.
    pub fichiers: Vec<FichierADeposer>,
    /// Detached signature of the message's own file. It depends on no other bytes: a submission written once without it gives the
    /// bytes to sign.
    pub signature: Option<Signature>,
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
    /// Which act each message is about, in order; none of 7-1 to 7-3.
    pub ids: Vec<Option<IdActe>>,
}

/// Who sends to whom, as far as names need it.
struct Parties {
    /// The collectivité.
    siren: Siren,
    /// The collectivité's, or that of the authority.
    departement: Departement,
    /// As the envelope's name says it.
    auteur: Auteur,
    de_l_etat: bool,
}

impl Depot {
    /// Writes the archive.
    ///
    /// # Errors
    ///
    /// Where a message or the envelope can't be written, a message does not travel that way or is about another collectivité's act, two
    /// acts have one identifier, or the archive would pass the limits of [`archive`].
    pub fn archive(&self) -> Result<ArchiveEcrite, EcritureError> {
        let parties = self.parties()?;
        if self.messages.is_empty() {
            return Err(EcritureError::Champ { champ: "FormulairesEnvoyes" });
        }
        let mut ordres = HashMap::new();
        let (mut entrees, mut formulaires, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for MessageADeposer { message, fichiers, signature } in &self.messages {
            let code = message.code();
            if code.est_de_l_etat() != parties.de_l_etat || code == CodeMessage::AnomalieEnveloppe {
                return Err(EcritureError::Sens { code });
            }
            let id = parties.acte(message)?;
            let ordre: &mut u32 = ordres.entry((code, id.clone())).or_default();
            if *ordre > 0 && code == CodeMessage::Acte {
                return Err(EcritureError::Champ { champ: "NumeroInterne" });
            }
            let mut suivant = |type_pj: Option<TypePj>, extension: &str| {
                let nom = parties.nom(id.as_ref(), type_pj, code, *ordre, extension);
                *ordre += 1;
                if *ordre > ORDRE_MAX { Err(EcritureError::Champ { champ: "NomFichier" }) } else { Ok(nom.to_string()) }
            };
            let nom = suivant(None, "xml")?;
            let cites = fichiers.iter().map(|fichier| {
                let nom = suivant(fichier.type_pj.clone(), &fichier.extension)?;
                Ok(FichierSigne { nom, signature: fichier.signature.clone() })
            });
            let cites = cites.collect::<Result<Vec<_>, EcritureError>>()?;
            let noms: Vec<String> = cites.iter().map(|cite| cite.nom.clone()).collect();
            let octets = super::message(&cite(message, cites)?, self.generation)?;
            entrees.push(Entree { nom: nom.clone(), octets });
            let fichiers = noms.into_iter().zip(fichiers);
            entrees.extend(fichiers.map(|(nom, fichier)| Entree { nom, octets: fichier.octets.clone() }));
            formulaires.push(FichierSigne { nom, signature: signature.clone() });
            ids.push(id);
        }
        let mut enveloppe = self.enveloppe.clone();
        match &mut enveloppe {
            Enveloppe::ClMisill(cl) => cl.formulaires = formulaires,
            Enveloppe::MisillCl(etat) => etat.formulaires = formulaires,
        }
        let nom = NomEnveloppe {
            quadrigramme: self.quadrigramme,
            auteur: parties.auteur,
            date: self.date,
            serie: self.serie,
        };
        entrees.insert(0, Entree { nom: nom.to_string(), octets: super::enveloppe(&enveloppe)? });
        let octets = comprime(&entrees, self.mtime_s)?;
        let nom = NomArchive { trigramme: self.trigramme.clone(), enveloppe: nom }.to_string();
        Ok(ArchiveEcrite { nom, octets, ids })
    }

    fn parties(&self) -> Result<Parties, EcritureError> {
        let siren = super::valeur("SIREN", self.enveloppe.siren().valeur)?;
        let (departement, auteur, de_l_etat) = match &self.enveloppe {
            Enveloppe::ClMisill(cl) => (cl.emetteur.departement.valeur, Auteur::Collectivite(siren), false),
            Enveloppe::MisillCl(etat) => {
                let autorite = super::valeur("Emetteur", etat.emetteur.sigle())?;
                let auteur = Auteur::Etat { autorite, destinataire: siren };
                (etat.emetteur.departement().valeur, auteur, true)
            }
        };
        Ok(Parties { siren, departement: super::departement(departement)?, auteur, de_l_etat })
    }
}

impl Parties {
    /// The act that a message is about: it must be the collectivité's own.
    fn acte(&self, message: &Message) -> Result<Option<IdActe>, EcritureError> {
        let acte = match message {
            Message::Acte(acte) => acte,
            // It names no act but by its content.
            Message::AnomalieActe(anomalie) => match &anomalie.acte {
                ActeRecu::Entier(acte) => acte,
                ActeRecu::Partiel { .. } => return Err(EcritureError::Champ { champ: "ActeRecu" }),
            },
            autre => {
                let Some(lu) = autre.id_acte() else { return Ok(None) };
                let sien = lu.valeur.clone().filter(|id| id.siren == self.siren);
                return super::valeur("IDActe", sien).map(Some);
            }
        };
        let (departement, siren, numero) = (self.departement, self.siren, acte.numero.clone());
        Ok(Some(IdActe { departement, siren, date: acte.date, numero, nature: acte.nature }))
    }

    fn nom(
        &self,
        id: Option<&IdActe>,
        type_pj: Option<TypePj>,
        code: CodeMessage,
        ordre: u32,
        extension: &str,
    ) -> NomFichier {
        if let Some(id) = id {
            return NomFichier::new(id, type_pj, code, ordre, extension);
        }
        NomFichier {
            type_pj,
            departement: Some(self.departement),
            siren: Some(self.siren),
            date: None,
            numero: None,
            nature: None,
            code,
            ordre: Some(ordre),
            extension: extension.to_owned(),
        }
    }
}

/// The message with the files that it brings.
fn cite(message: &Message, cites: Vec<FichierSigne>) -> Result<Message, EcritureError> {
    let mut message = message.clone();
    match &mut message {
        Message::Acte(acte) => {
            let mut cites = cites.into_iter();
            acte.document = super::valeur("Document", cites.next())?;
            acte.annexes = cites.collect();
        }
        Message::DefereTa(defere) => defere.pieces = cites,
        autre => match autre.courrier_mut() {
            Some(courrier) => courrier.documents = cites,
            None if cites.is_empty() => {}
            None => return Err(EcritureError::Champ { champ: "Document" }),
        },
    }
    Ok(message)
}

fn comprime(entrees: &[Entree], mtime_s: u32) -> Result<Vec<u8>, EcritureError> {
    if let Some(entree) = entrees.get(ENTRIES_MAX) {
        let error = ArchiveError::TooManyEntries { entries_max: ENTRIES_MAX, entry: entree.nom.clone() };
        return Err(error.into());
    }
    let mut octets = Vec::new();
    archive::write(entrees, mtime_s, &mut octets)?;
    if octets.len() as u64 > COMPRESSED_BYTES_MAX {
        return Err(ArchiveError::TooLarge { bytes_max: COMPRESSED_BYTES_MAX }.into());
    }
    Ok(octets)
}
