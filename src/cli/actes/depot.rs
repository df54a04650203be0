//! Takes the messages of a submission to the node: finds the act, deposits, signs, posts, keeps the receipt.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, bail};
use greffe_events::Code;
use greffe_events::catalogue::MotifQuarantaine;
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdActe, Organisation, Siren, Subject};
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, RolePiece};
use serde_json::Value;

use super::lecture::{FILE_BYTES_MAX, read};
use super::{Summary, Voix, organisation};
use crate::cli::client::{Client, Posted, Problem, percent_encoded};
use crate::cli::erreur;
use crate::cli::kept::keep_receipt;
use crate::formats::actes::evenements::{Mise, Proposition, Raison, Redaction, SujetDuMessage};
use crate::formats::actes::identifiants::Identifiants;
use crate::formats::actes::lot::{Lot, MessageDuLot};
use crate::formats::actes::message::{CodeMessage, Message};
use crate::formats::actes::rapprochement::{self, Rapprochement};

/// What becomes of answers to acts that are not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inconnus {
    /// Their act may come with another file of the same import.
    Attendent,
    /// They go into quarantine.
    EnQuarantaine,
}

/// Pages of a member's acts that are looked through for one: a hundred thousand acts.
const PAGES_MAX: usize = 100;

/// A way to the node.
pub(super) struct Depot<'a> {
    client: &'a Client,
    key: &'a SecretKey,
    voix: &'a Voix,
    /// The acts of a member, once one had to be looked for among them.
    connus: HashMap<Siren, Vec<IdActe>>,
    /// What is in a member's quarantine, once something had to be looked for there: the message, and the act that it names.
    en_quarantaine: HashMap<Organisation, HashSet<(Empreinte, Option<IdActe>)>>,
}

/// What became of a message.
enum Sort {
    Recorded(u64),
    Known,
    SetAside(u64, MotifQuarantaine),
    /// Its act is not known yet.
    Waits,
}

impl<'a> Depot<'a> {
    pub(super) fn new(client: &'a Client, key: &'a SecretKey, voix: &'a Voix) -> Self {
        Self { client, key, voix, connus: HashMap::new(), en_quarantaine: HashMap::new() }
    }

    /// Into which log this goes, and in which voice.
    pub(super) fn registre(&self) -> String {
        let voix = [self.voix.pour, self.voix.prefecture]
            .map(|siren| siren.map_or_else(|| "-".to_owned(), |siren| siren.to_string()));
        format!("{} {}", self.client.origin(), voix.join(" "))
    }

    /// Takes a file to the node; how it went, and whether something in it waits for an act.
    pub(super) fn file(
        &mut self,
        file: &Path,
        receipts: &Path,
        inconnus: Inconnus,
        tell: &mut dyn FnMut(&str),
    ) -> anyhow::Result<(Summary, bool)> {
        let mut summary = Summary::default();
        let lot = match read(file) {
            Ok(lot) => lot,
            Err(reason) => {
                summary.failed += 1;
                tell(&format!("{} : échec : {}", file.display(), erreur::dire(&reason)));
                return Ok((summary, false));
            }
        };
        let ecarts = lot.ecarts.iter().chain(lot.enveloppe.iter().flat_map(|enveloppe| &enveloppe.ecarts));
        for ecart in ecarts.chain(lot.messages.iter().flat_map(|message| &message.ecarts)) {
            tell(&format!("{} : écart [{}] {ecart}", file.display(), ecart.code()));
        }
        let mut no_random = None;
        let mut waits = false;
        let mut redaction = Redaction::new(&lot, self.voix.prefecture.map(organisation), || random(&mut no_random));
        let mut report = |nom: &str, done: anyhow::Result<(String, Sort)>| {
            let place = format!("{} : {nom}", file.display());
            match done {
                Ok((what, Sort::Recorded(index))) => {
                    summary.recorded += 1;
                    tell(&format!("{place} : {what} enregistré à l'indice {index}"));
                }
                Ok((what, Sort::Known)) => {
                    summary.known += 1;
                    tell(&format!("{place} : {what} déjà enregistré"));
                }
                Ok((what, Sort::SetAside(index, motif))) => {
                    summary.set_aside += 1;
                    tell(&format!("{place} : {what} en quarantaine [{}] à l'indice {index}", motif.as_str()));
                }
                Ok((_, Sort::Waits)) => waits = true,
                Err(reason) => {
                    summary.failed += 1;
                    tell(&format!("{place} : échec : {}", erreur::dire(&reason)));
                }
            }
        };
        for message in &lot.messages {
            let said = self.message(&mut redaction, message, receipts, inconnus);
            report(&message.nom, said);
        }
        for refuse in &lot.refuses {
            let Some(octets) = &refuse.octets else {
                report(&refuse.nom, Err(raison((refuse.code, refuse.detail.clone()))));
                continue;
            };
            let mise = Mise {
                nom: &refuse.nom,
                octets,
                documents: &[],
                message: refuse.identifiants.nom.as_ref().map(|nom| nom.code),
                motif: MotifQuarantaine::Illisible,
                acte: rapprochement::designe(&refuse.identifiants),
            };
            let said = self.aside(&mut redaction, &mise, &refuse.identifiants, receipts);
            report(&refuse.nom, said.with_context(|| format!("[{}]", refuse.code)));
        }
        drop(redaction);
        check_random(no_random)?;
        Ok((summary, waits))
    }

    /// Takes one message to the node.
    fn message<S: FnMut() -> [u8; 32]>(
        &mut self,
        redaction: &mut Redaction<'_, S>,
        message: &MessageDuLot,
        receipts: &Path,
        inconnus: Inconnus,
    ) -> anyhow::Result<(String, Sort)> {
        let code = message.message.code();
        let mut missing = false;
        let sujets: Vec<SujetDuMessage> = match &message.message {
            Message::Acte(_) => {
                let id = message.id_acte.clone().ok_or_else(|| {
                    let detail = "SIREN or département can't be read, so the act has no identifier";
                    raison(("acte-non-identifie", detail.to_owned()))
                })?;
                vec![SujetDuMessage::Acte(id)]
            }
            Message::DemandeClassification(_)
            | Message::RetourClassification(_)
            | Message::ReponseClassificationSansChangement(_) => {
                let siren = rapprochement::siren(&message.identifiants).or(self.voix.pour).or(self.voix.prefecture);
                let siren = siren.context("rien ne dit pour quelle collectivité : --pour SIREN")?;
                let member = self.newest(&format!("/v1/adherents/{siren}"))?;
                let departement = member.and_then(|member| member["departement"].as_str()?.parse().ok());
                vec![SujetDuMessage::Classification { siren, departement }]
            }
            _ => match self.find(&message.identifiants)? {
                Rapprochement::Actes { connus, manquent } => {
                    if manquent > 0 && inconnus == Inconnus::Attendent {
                        return Ok((message.nom.clone(), Sort::Waits));
                    }
                    missing = manquent > 0;
                    connus.into_iter().map(SujetDuMessage::Acte).collect()
                }
                Rapprochement::Quarantaine(motif, acte) => {
                    return self.unplaced(redaction, message, motif, acte, receipts, inconnus);
                }
            },
        };
        let mut last = (String::new(), Sort::Known);
        for sujet in &sujets {
            if let (SujetDuMessage::Acte(id), CodeMessage::AnomalieActe | CodeMessage::AnomalieEnveloppe) =
                (sujet, code)
                && self.was_received(id)?
                && self.recorded(message, sujet)?.is_none()
            {
                // A receipt came before: the refusal can't be meant, and is put aside with its reason.
                let acte = Some(id.clone());
                last = self.unplaced(redaction, message, MotifQuarantaine::CycleContraire, acte, receipts, inconnus)?;
                continue;
            }
            let done = self.say(redaction, message, sujet, receipts)?;
            last = match done {
                Ok(said) => said,
                Err(problem) => match (contrary(&problem.code), sujet) {
                    (Some(motif), SujetDuMessage::Acte(id)) if code.est_de_l_etat() => {
                        self.unplaced(redaction, message, motif, Some(id.clone()), receipts, inconnus)?
                    }
                    _ => bail!("{problem}"),
                },
            };
        }
        if missing {
            // Of the others nobody may lose sight.
            return self.unplaced(redaction, message, MotifQuarantaine::ActeInconnu, None, receipts, inconnus);
        }
        Ok(last)
    }

    /// Says of an act what a message says, whatever act it names; the leaf that holds it.
    pub(super) fn say_of(&mut self, lot: &Lot, message: &MessageDuLot, acte: &IdActe) -> anyhow::Result<u64> {
        let sujet = SujetDuMessage::Acte(acte.clone());
        if let Some(index) = self.recorded(message, &sujet)? {
            return Ok(index);
        }
        let mut no_random = None;
        let mut redaction = Redaction::new(lot, self.voix.prefecture.map(organisation), || random(&mut no_random));
        let proposition = redaction.dit(message, &sujet).map_err(raison)?;
        drop(redaction);
        check_random(no_random)?;
        for fichier in &proposition.fichiers {
            self.client.deposit(self.key, &fichier.octets, fichier.sha256, fichier.sel, fichier.nom.as_deref())?;
        }
        let Proposition { source, dossier, data, .. } = &proposition;
        match post(self.client, self.key, source, dossier, data, None)? {
            Ok(index) => Ok(index),
            Err(problem) => bail!("{problem}"),
        }
    }

    /// Says a message of an act or a classification, unless it was said before.
    fn say<S: FnMut() -> [u8; 32]>(
        &mut self,
        redaction: &mut Redaction<'_, S>,
        message: &MessageDuLot,
        sujet: &SujetDuMessage,
        receipts: &Path,
    ) -> anyhow::Result<Result<(String, Sort), Problem>> {
        let stem = |what: &str| receipts.join(format!("{what}.recu.json"));
        let (what, receipt_file) = match sujet {
            SujetDuMessage::Acte(id) => {
                let suffix = match &message.message {
                    Message::Acte(_) => "acte".to_owned(),
                    Message::ArActe(_) => "accuse".to_owned(),
                    _ => format!("{}.{}", message.message.code().as_str(), message.nom.trim_end_matches(".xml")),
                };
                (id.to_string(), stem(&format!("{id}.{suffix}")))
            }
            SujetDuMessage::Classification { siren, .. } => {
                (format!("classification de {siren}"), stem(message.nom.trim_end_matches(".xml")))
            }
        };
        if let Some(index) = self.recorded(message, sujet)? {
            if !receipt_file.exists()
                && let Some(receipt) = self.client.receipt(self.key, index)?
            {
                keep_receipt(&receipt_file, &receipt)?;
            }
            return Ok(Ok((what, Sort::Known)));
        }
        let proposition = redaction.dit(message, sujet).map_err(raison)?;
        let said = self.submit(&proposition, &receipt_file)?;
        if said.is_ok() {
            redaction.emporte();
            if let (Message::Acte(_), SujetDuMessage::Acte(id)) = (&message.message, sujet)
                && let Some(connus) = self.connus.get_mut(&id.siren)
            {
                connus.push(id.clone());
            }
        }
        Ok(said.map(|index| (what, Sort::Recorded(index))))
    }

    /// A message that fits no act.
    fn unplaced<S: FnMut() -> [u8; 32]>(
        &mut self,
        redaction: &mut Redaction<'_, S>,
        message: &MessageDuLot,
        motif: MotifQuarantaine,
        acte: Option<IdActe>,
        receipts: &Path,
        inconnus: Inconnus,
    ) -> anyhow::Result<(String, Sort)> {
        let named = acte.as_ref().map_or_else(|| "acte non identifié".to_owned(), ToString::to_string);
        if inconnus == Inconnus::Attendent && motif == MotifQuarantaine::ActeInconnu {
            return Ok((named, Sort::Waits));
        }
        let code = message.message.code();
        if !code.est_de_l_etat() || self.voix.prefecture.is_some() {
            // Its own word: it can be imported again once its act is there.
            bail!("[{}] {named} : importez d'abord l'acte dont ce message {} parle", motif.as_str(), code.as_str());
        }
        let mise = Mise {
            nom: &message.nom,
            octets: &message.octets,
            documents: &message.documents,
            message: Some(code),
            motif,
            acte,
        };
        self.aside(redaction, &mise, &message.identifiants, receipts)
    }

    /// Puts a message into quarantine, unless it is there.
    fn aside<S: FnMut() -> [u8; 32]>(
        &mut self,
        redaction: &mut Redaction<'_, S>,
        mise: &Mise<'_>,
        identifiants: &Identifiants,
        receipts: &Path,
    ) -> anyhow::Result<(String, Sort)> {
        let siren = identifiants.siren.or(self.voix.pour).or_else(|| rapprochement::siren(identifiants));
        let titulaire = organisation(siren.context("rien ne dit pour quelle collectivité : --pour SIREN")?);
        let what = mise.nom.to_owned();
        let sha256 = Empreinte::of(mise.octets);
        if !self.en_quarantaine.contains_key(&titulaire) {
            let there = self.quarantine_of(&titulaire)?;
            self.en_quarantaine.insert(titulaire.clone(), there);
        }
        let place = (sha256, mise.acte.clone());
        if self.en_quarantaine.get(&titulaire).is_some_and(|there| there.contains(&place)) {
            return Ok((what, Sort::Known));
        }
        let proposition = redaction.quarantaine(mise, &titulaire, self.client.new_id()).map_err(raison)?;
        let file = receipts.join(format!("{}.quarantaine.recu.json", mise.nom.trim_end_matches(".xml")));
        match self.submit(&proposition, &file)? {
            Ok(index) => {
                redaction.emporte();
                self.en_quarantaine.entry(titulaire).or_default().insert(place);
                Ok((what, Sort::SetAside(index, mise.motif)))
            }
            Err(problem) => bail!("{problem}"),
        }
    }

    /// What is in a member's quarantine: each message, and the act that it names.
    fn quarantine_of(&self, titulaire: &Organisation) -> anyhow::Result<HashSet<(Empreinte, Option<IdActe>)>> {
        let list = format!("/v1/quarantaine?limit=1000&siren={}", titulaire.abrege());
        let (mut there, mut next) = (HashSet::new(), Some(list.clone()));
        while let Some(path) = next {
            let Some(page) = self.newest(&path)? else { break };
            for row in page["lignes"].as_array().into_iter().flatten() {
                let acte = row["acte"].as_str().and_then(|acte| acte.parse().ok());
                for piece in row["pieces"].as_array().into_iter().flatten() {
                    let is_message = piece["role"] == RolePiece::Message.as_str() && piece["effacee_index"].is_null();
                    let reference = piece["reference"].as_str().unwrap_or_default();
                    if is_message && let Some(octets) = self.client.get_piece(self.key, reference, FILE_BYTES_MAX)? {
                        there.insert((Empreinte::of(&octets), acte.clone()));
                    }
                }
            }
            next = page["suite"].as_str().map(|suite| format!("{list}&apres={}", percent_encoded(suite)));
        }
        Ok(there)
    }

    /// The leaf of this row that cites this very message.
    fn cites(&self, row: &Value, sha256: Empreinte, taille: u64) -> anyhow::Result<Option<u64>> {
        for piece in row["pieces"].as_array().into_iter().flatten() {
            let is_message = piece["role"] == RolePiece::Message.as_str() && piece["taille"].as_u64() == Some(taille);
            let reference = piece["reference"].as_str().unwrap_or_default();
            if is_message
                && piece["effacee_index"].is_null()
                && let Some(octets) = self.client.get_piece(self.key, reference, FILE_BYTES_MAX)?
                && Empreinte::of(&octets) == sha256
            {
                return Ok(piece["index"].as_u64());
            }
        }
        Ok(None)
    }

    /// The leaf that already holds this very message, if one does.
    fn recorded(&self, message: &MessageDuLot, sujet: &SujetDuMessage) -> anyhow::Result<Option<u64>> {
        let (sha256, taille) = (Empreinte::of(&message.octets), message.octets.len() as u64);
        match sujet {
            SujetDuMessage::Acte(id) => match self.newest(&format!("/v1/actes/{id}"))? {
                Some(acte) => match self.cites(&acte, sha256, taille)? {
                    // The act with other files under the same message is another: they are compared too.
                    Some(index) if self.has_files(&acte, index, message)? => Ok(Some(index)),
                    _ => Ok(None),
                },
                None => Ok(None),
            },
            SujetDuMessage::Classification { siren, .. } => {
                let siren = self.voix.prefecture.unwrap_or(*siren);
                let found = self.newest(&format!("/v1/classifications?siren={siren}"))?;
                for row in found.iter().flat_map(|page| page["lignes"].as_array().into_iter().flatten()) {
                    if let Some(index) = self.cites(row, sha256, taille)? {
                        return Ok(Some(index));
                    }
                }
                Ok(None)
            }
        }
    }

    /// Whether that leaf cites the files that the message cites.
    fn has_files(&self, acte: &Value, index: u64, message: &MessageDuLot) -> anyhow::Result<bool> {
        let theirs: Vec<&Value> =
            acte["pieces"].as_array().into_iter().flatten().filter(|piece| piece["index"] == index).collect();
        'ours: for fichier in &message.documents {
            let (sha256, taille) = (Empreinte::of(&fichier.octets), fichier.octets.len() as u64);
            for piece in &theirs {
                let reference = piece["reference"].as_str().unwrap_or_default();
                if piece["taille"].as_u64() == Some(taille)
                    && let Some(octets) = self.client.get_piece(self.key, reference, FILE_BYTES_MAX)?
                    && Empreinte::of(&octets) == sha256
                {
                    continue 'ours;
                }
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether the prefecture acknowledged an act.
    fn was_received(&self, id: &IdActe) -> anyhow::Result<bool> {
        let acte = self.newest(&format!("/v1/actes/{id}"))?;
        Ok(acte.is_some_and(|acte| acte["accuses"].as_array().is_some_and(|accuses| !accuses.is_empty())))
    }

    /// Which act a message is about.
    fn find(&mut self, identifiants: &Identifiants) -> anyhow::Result<Rapprochement> {
        let mut known = Vec::new();
        for named in rapprochement::designe(identifiants).into_iter().chain(rapprochement::repete(identifiants)) {
            if self.newest(&format!("/v1/actes/{named}"))?.is_some() {
                known.push(named);
            }
        }
        let found = rapprochement::rapproche(identifiants, &known);
        let is_sure = match &found {
            Rapprochement::Actes { .. } => true,
            Rapprochement::Quarantaine(motif, _) => *motif == MotifQuarantaine::IdentifiantsContradictoires,
        };
        if is_sure && !known.is_empty() {
            return Ok(found);
        }
        let Some(siren) = rapprochement::siren(identifiants) else {
            return Ok(rapprochement::rapproche(identifiants, &[]));
        };
        if !self.connus.contains_key(&siren) {
            let acts = self.acts_of(siren)?;
            self.connus.insert(siren, acts);
        }
        Ok(rapprochement::rapproche(identifiants, self.connus.get(&siren).map_or(&[], Vec::as_slice)))
    }

    /// The identifiers of a member's acts.
    fn acts_of(&self, siren: Siren) -> anyhow::Result<Vec<IdActe>> {
        let mut acts = Vec::new();
        let list = format!("/v1/actes?limit=1000&siren={siren}");
        let mut next = Some(list.clone());
        for _ in 0..PAGES_MAX {
            let Some(path) = next else { break };
            let Some(page) = self.newest(&path)? else { break };
            let rows = page["lignes"].as_array().into_iter().flatten();
            acts.extend(rows.filter_map(|row| row["id"].as_str().and_then(|id| id.parse::<IdActe>().ok())));
            next = page["suite"].as_str().map(|suite| format!("{list}&apres={}", percent_encoded(suite)));
        }
        Ok(acts)
    }

    /// With what was recorded a moment ago; where the view can't follow now, as it is.
    fn newest(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let newest = self.client.size()?.saturating_sub(1);
        let sign = if path.contains('?') { '&' } else { '?' };
        let fresh = self.client.get_json(self.key, &format!("{path}{sign}at_least={newest}"));
        fresh.or_else(|_| self.client.get_json(self.key, path))
    }

    /// Deposits, signs, posts, and keeps the receipt; the leaf, or why it was refused.
    fn submit(&self, proposition: &Proposition, receipt_file: &Path) -> anyhow::Result<Result<u64, Problem>> {
        for fichier in &proposition.fichiers {
            self.client.deposit(self.key, &fichier.octets, fichier.sha256, fichier.sel, fichier.nom.as_deref())?;
        }
        let Proposition { source, dossier, data, .. } = proposition;
        post(self.client, self.key, source, dossier, data, Some(receipt_file))
    }
}

/// Signs and posts an event; the leaf, or why it was refused.
pub(super) fn post(
    client: &Client,
    key: &SecretKey,
    source: &Organisation,
    dossier: &Subject,
    data: &greffe_events::Data,
    receipt_file: Option<&Path>,
) -> anyhow::Result<Result<u64, Problem>> {
    let time = Horodatage::from_unix_ms(client.now_ms());
    let payload = Event::write(client.new_id(), source, dossier, time, client.origin(), data);
    let envelope = Envelope::sign(payload, &[key])?;
    let receipt = match client.post(&envelope)? {
        Posted::New(receipt) | Posted::Known(receipt) => receipt,
        Posted::Refused(problem) => return Ok(Err(problem)),
    };
    if let Some(file) = receipt_file {
        keep_receipt(file, &receipt)?;
    }
    Ok(Ok(receipt.index))
}

/// Why a message of the State that is refused so is put aside.
fn contrary(code: &str) -> Option<MotifQuarantaine> {
    match code.parse::<Code>().ok()? {
        Code::AccuseDejaEnregistre | Code::AnnulationNonDemandee | Code::AnnulationDejaAcquittee => {
            Some(MotifQuarantaine::CycleContraire)
        }
        Code::DateFuture => Some(MotifQuarantaine::DateImpossible),
        _ => None,
    }
}

/// 32 fresh random bytes; where the system gives none, that is noted and nothing made of them is posted.
fn random(failure: &mut Option<getrandom::Error>) -> [u8; 32] {
    let mut bytes = [0; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        *failure = Some(error);
    }
    bytes
}

fn check_random(failure: Option<getrandom::Error>) -> anyhow::Result<()> {
    match failure {
        Some(error) => Err(anyhow::Error::new(error).context("le système ne donne pas d'aléa")),
        None => Ok(()),
    }
}

fn raison((code, detail): Raison) -> anyhow::Error {
    anyhow::Error::new(erreur::Detail(detail)).context(format!("ce message ne peut pas être dit [{code}]"))
}
