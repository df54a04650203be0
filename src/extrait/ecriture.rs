//! Writing an extract: the leaves with their proofs, the files, then what the log declares of them.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use greffe_events::Event;
use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;

use super::choix::{Choix, concerne, read};
use super::conteneur::{Ecrivain, Nom};
use super::declaration::{ComptePieces, Declaration, Etendue, VERSION};
use super::demande::Demande;
use super::{ExtraitError, Fonds};
use crate::tlog::{Checkpoint, Hash, Note, TlogProof, leaf_hash, verify_inclusion};

/// Writes the extract that was chosen. `progress` is told how many leaves are written, of how many.
pub fn ecris<W: Write>(
    fonds: &mut dyn Fonds,
    demande: &Demande,
    choix: &Choix,
    sortie: W,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<W, ExtraitError> {
    // Before the first byte: who can't sign the end writes no beginning.
    let log = fonds.signataire(&choix.journal)?;
    let checkpoint = fonds.checkpoint().to_owned();
    let (size, root) = tete(&checkpoint)?;
    Checkpoint::open(checkpoint.as_bytes(), log.verifier()).map_err(|error| {
        ExtraitError::Altere(format!("the checkpoint is not the word of the log's key {}: {error}", log.verifier()))
    })?;
    let every = TlogProof::new(0, Vec::new(), checkpoint.as_str()).map_err(ExtraitError::illisible)?;
    let mut file = Ecrivain::new(sortie);
    let question = serde_json::to_vec(demande).map_err(ExtraitError::illisible)?;
    file.fichier(&Nom::Demande, &question)?;
    file.fichier(&Nom::Checkpoint, checkpoint.as_bytes())?;
    let mut pieces = Pieces::default();
    let total = choix.feuilles.len() as u64;
    for (done, index) in (1..).zip(choix.feuilles.iter().copied()) {
        let leaf = read(fonds, index)?;
        let hashes = fonds.inclusion(index)?;
        verify_inclusion(&leaf_hash(&leaf.bytes), index, size, &hashes, &root).map_err(|error| {
            ExtraitError::Altere(format!("leaf {index} is not in the tree that was signed: {error}"))
        })?;
        let proof = every.of_leaf(index, hashes).and_then(|proof| proof.with_extra(leaf.bytes));
        let proof = proof.map_err(ExtraitError::illisible)?;
        file.fichier(&Nom::Feuille(index), proof.text().as_bytes())?;
        let is_content = choix.periode.contains(&index)
            && concerne(&demande.organisation, &leaf.event, |key| {
                Ok::<_, ExtraitError>(fonds.cle(key)?.map(|record| record.organisation))
            })?;
        if demande.pieces && is_content {
            pieces.write(fonds, &leaf.event, &mut file)?;
        }
        progress(done, total);
    }
    let said = Declaration {
        version: VERSION,
        demande: demande.clone(),
        taille: size,
        racine: root.to_string(),
        periode: Etendue { debut: choix.periode.start, fin: choix.periode.end },
        paroles: choix.paroles,
        dossiers: choix.dossiers,
        appui: choix.appui(),
        pieces: demande.pieces.then_some(pieces.compte),
        sha256: file.empreinte(),
    };
    let said = said.sign(&log).map_err(ExtraitError::illisible)?;
    file.fichier(&Nom::Declaration, said.to_string().as_bytes())?;
    Ok(file.finis()?)
}

/// What a checkpoint says; whose word it is, its reader verifies.
pub(super) fn tete(checkpoint: &str) -> Result<(u64, Hash), ExtraitError> {
    let note = Note::parse(checkpoint.as_bytes()).map_err(ExtraitError::illisible)?;
    let head = Checkpoint::parse(note.text()).map_err(ExtraitError::illisible)?;
    Ok((head.size(), head.root()))
}

/// Files, each written once: 32 bytes and some are kept for each.
#[derive(Default)]
struct Pieces {
    seen: HashMap<Organisation, HashSet<Empreinte>>,
    compte: ComptePieces,
}

impl Pieces {
    fn write<W: Write>(
        &mut self,
        fonds: &mut dyn Fonds,
        event: &Event,
        file: &mut Ecrivain<W>,
    ) -> Result<(), ExtraitError> {
        for piece in event.data.pieces() {
            let (source, reference) = (&event.source, piece.reference());
            if !self.seen.entry(source.clone()).or_default().insert(reference) {
                continue;
            }
            match fonds.effacement(source, reference)? {
                Some(index) if index < fonds.size() => {
                    self.compte.effacees += 1;
                    continue;
                }
                Some(_) => return Err(ExtraitError::EffaceeEntretemps(reference)),
                None => {}
            }
            let kept = fonds.pieces();
            let card = kept.card(source, reference).map_err(ExtraitError::illisible)?;
            let bytes = kept.read(source, reference).map_err(ExtraitError::illisible)?;
            let Some((card, bytes)) = card.zip(bytes) else {
                self.compte.absentes += 1;
                continue;
            };
            let taille = bytes.metadata()?.len();
            let card = serde_json::to_vec(&card).map_err(ExtraitError::illisible)?;
            file.fichier(&Nom::Fiche(source.clone(), reference), &card)?;
            file.copie(&Nom::Piece(source.clone(), reference), taille, bytes)?;
            self.compte.jointes += 1;
        }
        Ok(())
    }
}
