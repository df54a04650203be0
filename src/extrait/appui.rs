//! Which leaves of member dossiers help to judge others: what a leaf asks for, and which leaf answers.
//!
//! Whoever writes an extract follows this to choose; whoever verifies it follows it to name leaves that nothing asks for. Of another
//! member an extract shows nothing else than:
//!
//! | asked for | answered by |
//! |---|---|
//! | its membership: of whoever speaks, signs, or is given a delegation that is shown | each admission and exit |
//! | where a member lies whose act is transmitted in a leaf that is here | each change of it |
//! | a key that signed a leaf that is here | its enrolment or recovery, what objected to that, its revocation, its compromise |
//! | recoveries, where a key of it is asked for | each: one that comes into force ends the keys before it |
//! | a delegation, where somebody signed for it or carried its files | what it granted to that delegate, and took back |
//!
//! What answers is judged in its turn: by the keys that signed it, back to the first one. All else of the dossier stays out: other keys, other
//! delegations, changes of name of those who transmit nothing here. [`greffe_events::authority::authorise`] over these leaves alone decides as over the whole dossier, since
//! nothing else in a dossier changes what it asks: see `Rights::look_up` and `dossier::Adherent`.

use std::collections::{HashMap, HashSet};

use greffe_events::Event;
use greffe_events::authority::{KeyRecord, parole};
use greffe_events::catalogue::{Data, Role};
use greffe_events::event::DossierId;
use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;

/// Something about a member that a leaf is judged by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Besoin {
    /// Since when it is a member, and until when.
    Appartenance(Organisation),
    /// Where it lies: its acts name its département.
    Lieu(Organisation),
    /// What this key of it may sign, and since when no more.
    Cle(Organisation, KeyId),
    /// Its recoveries.
    Recouvrements(Organisation),
    /// What it lets that other sign for it.
    Delegation(Organisation, Organisation),
}

impl Besoin {
    /// Whose dossier answers.
    pub fn membre(&self) -> &Organisation {
        match self {
            Self::Appartenance(membre)
            | Self::Lieu(membre)
            | Self::Cle(membre, _)
            | Self::Recouvrements(membre)
            | Self::Delegation(membre, _) => membre,
        }
    }
}

/// What tells whether a leaf had the right to be there, in the extract of that organisation. `record_of` tells what the enrolment
/// of a key says; one that nobody enrolled signs nothing that is admitted, and one that governs the log stands in the log's own dossier.
pub fn demande<E>(
    organisation: &Organisation,
    event: &Event,
    signers: &[KeyId],
    mut record_of: impl FnMut(&KeyId) -> Result<Option<KeyRecord>, E>,
) -> Result<Vec<Besoin>, E> {
    let mut asked = Vec::new();
    let source = &event.source;
    let parole = parole(event).ok();
    for key in signers {
        let Some(record) = record_of(key)? else { continue };
        if record.roles.iter().all(|role| matches!(role, Role::Operateur | Role::Registre)) {
            continue;
        }
        let whose = record.organisation;
        if parole.is_some() && whose != *source {
            asked.push(Besoin::Delegation(source.clone(), whose.clone()));
        }
        asked.push(Besoin::Appartenance(source.clone()));
        asked.push(Besoin::Appartenance(whose.clone()));
        asked.push(Besoin::Recouvrements(whose.clone()));
        asked.push(Besoin::Cle(whose, *key));
    }
    // What is said in another member's dossier is judged by how that member stood.
    if let DossierId::Adherent(membre) = &event.dossier
        && membre != organisation
    {
        asked.push(Besoin::Appartenance(membre.clone()));
        let content = reponse(event);
        if content.iter().any(|besoin| matches!(besoin, Besoin::Cle(..))) {
            asked.push(Besoin::Recouvrements(membre.clone()));
        }
        asked.extend(content);
    }
    if let (Data::ActeTransmis(_), DossierId::Acte(id)) = (&event.data, &event.dossier) {
        asked.push(Besoin::Lieu(id.siren.into()));
    }
    if let Data::DelegationAccordee(data) = &event.data {
        asked.push(Besoin::Appartenance(data.delegataire.clone()));
    }
    // A carrier states what a file says by the leave of any owner of the dossier. In its own extract the owners' delegations are not shown.
    if let Some(parole) = parole
        && parole.est_constat
        && *source != *organisation
        && !parole.titulaires.contains(source)
    {
        for owner in parole.titulaires {
            asked.push(Besoin::Delegation(owner.clone(), source.clone()));
            asked.push(Besoin::Appartenance(owner));
        }
    }
    Ok(asked)
}

/// What a leaf of a member's dossier answers.
pub fn reponse(event: &Event) -> Vec<Besoin> {
    let DossierId::Adherent(membre) = &event.dossier else { return Vec::new() };
    let cle = |cle: &KeyId| Besoin::Cle(membre.clone(), *cle);
    match &event.data {
        Data::AdherentInscrit(_) | Data::AdherentSorti(_) => vec![Besoin::Appartenance(membre.clone())],
        Data::AdherentModifie(_) => vec![Besoin::Lieu(membre.clone())],
        Data::CleEnrolee(data) => vec![cle(&data.cle)],
        Data::CleRevoquee(data) => vec![cle(&data.cle)],
        Data::CleCompromise(data) => vec![cle(&data.cle)],
        Data::CleOpposition(data) => vec![cle(&data.cle)],
        Data::CleRecouvree(data) => vec![cle(&data.cle), Besoin::Recouvrements(membre.clone())],
        Data::DelegationAccordee(data) => vec![Besoin::Delegation(membre.clone(), data.delegataire.clone())],
        Data::DelegationRetiree(data) => vec![Besoin::Delegation(membre.clone(), data.delegataire.clone())],
        _ => Vec::new(),
    }
}

/// What was asked for so far, each thing once.
#[derive(Debug, Default)]
pub struct Besoins {
    all: HashSet<Besoin>,
    open: Vec<Besoin>,
}

impl Besoins {
    /// Asks for more.
    pub fn ask(&mut self, besoins: impl IntoIterator<Item = Besoin>) {
        for besoin in besoins {
            if !self.all.contains(&besoin) {
                self.all.insert(besoin.clone());
                self.open.push(besoin);
            }
        }
    }

    /// Something that was asked for, and was not given here before.
    pub fn take(&mut self) -> Option<Besoin> {
        self.open.pop()
    }
}

/// Leaves that may help to judge others, until all are known. **Memory**: some hundred bytes for each.
#[derive(Debug, Default)]
pub struct Candidats {
    besoins: Besoins,
    /// By index: what the leaf itself asks for. None once it was asked for.
    waiting: HashMap<u64, Vec<Besoin>>,
    answers: HashMap<Besoin, Vec<u64>>,
}

impl Candidats {
    /// A leaf that has its place in any case, and asks for this.
    pub fn ask(&mut self, besoins: Vec<Besoin>) {
        self.besoins.ask(besoins);
    }

    /// A leaf that has its place if it answers what is asked for.
    pub fn wait(&mut self, index: u64, reponse: Vec<Besoin>, demande: Vec<Besoin>) {
        for besoin in reponse {
            self.answers.entry(besoin).or_default().push(index);
        }
        self.waiting.insert(index, demande);
    }

    /// A leaf that waited has its place for another reason.
    pub fn take(&mut self, index: u64) {
        if let Some(demande) = self.waiting.remove(&index) {
            self.besoins.ask(demande);
        }
    }

    /// The leaves that nothing asks for, in order.
    pub fn unasked(mut self) -> Vec<u64> {
        while let Some(besoin) = self.besoins.take() {
            for index in self.answers.remove(&besoin).unwrap_or_default() {
                self.take(index);
            }
        }
        let mut left: Vec<u64> = self.waiting.into_keys().collect();
        left.sort_unstable();
        left
    }
}
