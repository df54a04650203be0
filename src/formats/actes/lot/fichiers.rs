//! The files of a submission, each taken at most once; which of them is the envelope.

use std::collections::{HashMap, HashSet};

use super::super::archive::{ArchiveError, Entree, check_nom};
use super::super::enveloppe::{self, RACINE_CL, RACINE_ETAT};
use super::super::message::CodeMessage;
use super::super::nom::NomEnveloppe;
use super::super::sonde::{self, SondeError};
use super::super::xml::XmlError;
use super::{LotError, lecture};

/// The files, each taken at most once.
pub(super) struct Fichiers {
    entrees: Vec<Option<Entree>>,
    /// Every name that was ever there.
    positions: HashMap<String, usize>,
}

impl Fichiers {
    pub(super) fn new(entrees: impl Iterator<Item = Entree>) -> Result<Self, LotError> {
        let mut fichiers = Self { entrees: Vec::new(), positions: HashMap::new() };
        for entree in entrees {
            check_nom(&entree.nom)?;
            if fichiers.positions.insert(entree.nom.clone(), fichiers.entrees.len()).is_some() {
                return Err(ArchiveError::Duplicate { entry: entree.nom }.into());
            }
            fichiers.entrees.push(Some(entree));
        }
        Ok(fichiers)
    }

    pub(super) fn contient(&self, nom: &str) -> bool {
        self.positions.contains_key(nom)
    }

    pub(super) fn prend(&mut self, nom: &str, cite_par: &str) -> Result<Vec<u8>, LotError> {
        let (nom, cite_par) = (nom.to_owned(), cite_par.to_owned());
        match self.positions.get(&nom).and_then(|position| self.entrees.get_mut(*position)) {
            None => Err(LotError::FichierManquant { nom, cite_par }),
            Some(place) => place.take().map(|e| e.octets).ok_or(LotError::FichierRepete { nom, cite_par }),
        }
    }

    /// Several at once: all, or none.
    pub(super) fn prend_tous(&mut self, noms: &[&str], cite_par: &str) -> Result<Vec<Vec<u8>>, LotError> {
        let mut vus = HashSet::new();
        for nom in noms {
            let (libre, nom) = (self.positions.get(*nom).map(|position| self.entrees[*position].is_some()), *nom);
            let (nom_cite, cite_par) = (nom.to_owned(), cite_par.to_owned());
            match libre {
                None => return Err(LotError::FichierManquant { nom: nom_cite, cite_par }),
                Some(libre) if !libre || !vus.insert(nom) => {
                    return Err(LotError::FichierRepete { nom: nom_cite, cite_par });
                }
                Some(_) => {}
            }
        }
        noms.iter().map(|nom| self.prend(nom, cite_par)).collect()
    }

    pub(super) fn reste(self) -> Vec<Entree> {
        self.entrees.into_iter().flatten().collect()
    }

    /// The one file whose root is that of an envelope.
    pub(super) fn enveloppe(&self) -> Result<Option<String>, LotError> {
        let mut trouvee: Option<&str> = None;
        for Entree { nom, octets } in self.entrees.iter().flatten() {
            let annoncee = NomEnveloppe::parse(nom).is_some();
            match racine(octets) {
                Ok(Some(racine)) if racine == RACINE_CL || racine == RACINE_ETAT => {}
                Err(SondeError::Dtd) if annoncee => return Err(lecture(nom, XmlError::Dtd.into())),
                // Named as an envelope, and nothing that we can read: better its own error than "absent".
                _ if annoncee => {
                    enveloppe::read(octets).map_err(|e| lecture(nom, e))?;
                }
                _ => continue,
            }
            if let Some(premiere) = trouvee {
                return Err(LotError::EnveloppeMultiple { premiere: premiere.to_owned(), seconde: nom.clone() });
            }
            trouvee = Some(nom);
        }
        Ok(trouvee.map(ToOwned::to_owned))
    }

    pub(super) fn anomalies(&self) -> Vec<(String, String)> {
        let est_anomalie = |octets: &[u8]| matches!(racine(octets), Ok(Some(racine)) if racine == CodeMessage::AnomalieEnveloppe.racine());
        let anomalies = self.entrees.iter().flatten().filter(|e| est_anomalie(&e.octets));
        anomalies.map(|e| (e.nom.clone(), e.nom.clone())).collect()
    }
}

/// The root that a file seems to have. Its name is ASCII in every encoding that we read.
fn racine(octets: &[u8]) -> Result<Option<String>, SondeError> {
    /// What may stand before a root: a declaration, a comment.
    const HEAD_BYTES_MAX: usize = 16_384;
    let head = String::from_utf8_lossy(&octets[..octets.len().min(HEAD_BYTES_MAX)]);
    // A PDF may hold mark-up too, further on.
    if !head.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Ok(None);
    }
    sonde::racine(&head).map(|racine| racine.map(ToOwned::to_owned))
}
