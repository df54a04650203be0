//! `greffe demo`: the README's first command.
//!
//! ```text
//! D/registre            the ledger
//! D/registre.garde      its rollback guard
//! D/hors-ligne/         the operator's key and the recovery keys
//! D/membres/<siren>.pem one key per body and company of the fictional region; -2, -3: further members of a commission
//! D/archives/           real ACTES archives, written once
//! D/recus/              one receipt per event, refusals included
//! D/annee.json          the present of the first run, how many acts, and the seed of all that is drawn
//! D/vkey                the log's public key, to pin
//! ```
//!
//! The year that is told is simulated: a node on a port of its own records it by a clock that this program turns
//! ([`crate::ledger::clock::Hand`]), which only a log whose name is nobody's takes. Then it stops, and a node with the machine's
//! clock serves. Everything goes through the doors that anyone has: HTTP, reader tokens, `actes import`. Run again on the same
//! folder, it records nothing twice and serves what is there.

mod actes;
mod annee;
mod archives;
mod document;
mod essais;
mod factures;
mod flux;
mod inscriptions;
mod marches;
mod modeles;
mod region;
mod scene;
mod theatre;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::EventType;
use greffe_events::horodatage::Horodatage;
use serde::{Deserialize, Serialize};

use self::actes::ActesDeLAnnee;
use self::annee::{Annee, JOURS};
use self::marches::Consultations;
use self::region::Region;
use self::scene::{Chronique, Quoi, Scene};
use self::theatre::Theatre;
use super::client::Client;
use super::{Outcome, now_ms, progress_bar, say, serve, verify};
use crate::ledger::Options;
use crate::ledger::clock::Hand;
use crate::ledger::folder::{Folder, replace_file};
use crate::ledger::opening::NewLedger;
use crate::ledger::pieces::Quota;
use crate::store::place::Place;
use crate::webhooks;

/// Acts of one demonstration; each emitter has a daily serial of at most 9,999.
const ACTES_MAX: usize = 10_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier de la démonstration ; repris s'il existe.
    #[arg(long, default_value = "greffe-demo")]
    dir: PathBuf,
    /// Adresse d'écoute.
    #[arg(long, default_value = "127.0.0.1:4180")]
    listen: SocketAddr,
    /// Nombre d'actes de l'année ; celui de la première fois si le dossier existe.
    #[arg(long, default_value_t = 40)]
    actes: usize,
    /// S'arrête après la vérification au lieu de servir.
    #[arg(long)]
    once: bool,
}

pub fn run(args: &Args) -> Outcome {
    if !(1..=ACTES_MAX).contains(&args.actes) {
        bail!("--actes va de 1 à {ACTES_MAX}");
    }
    // A port that is taken is told before anything is made; the node takes it a moment later.
    let listens = std::net::TcpListener::bind(args.listen).map(drop);
    listens
        .with_context(|| format!("rien ne peut écouter sur {} (autre adresse : --listen 127.0.0.1:0)", args.listen))?;
    let demo = Demo::prepare(&args.dir, args.actes)?;
    demo.live()?;
    let node =
        serve::start(&demo.options(), args.listen, Vec::new(), webhooks::Options::default()).with_context(|| {
            format!("le nœud n'a pas démarré sur {} (autre adresse : --listen 127.0.0.1:0)", args.listen)
        })?;
    say(format_args!("Nœud démarré sur {}, à l'heure de cette machine", node.url()));
    say("Vérification de tout l'historique, comme un inconnu le ferait :");
    let vkey = Client::connect(node.url())?.claimed_verifier()?.to_string();
    let vkey_file = args.dir.join("vkey");
    std::fs::write(&vkey_file, format!("{vkey}\n")).with_context(|| vkey_file.display().to_string())?;
    let is_good = verify::history(node.url(), Some(&vkey), Some(&demo.operator_key()), None)?;
    essais::dis(&demo, node.url(), &vkey)?;
    if args.once {
        node.stop()?;
        return Ok(is_good);
    }
    let signals = node.take_signals()?;
    say("Le nœud sert jusqu'à Ctrl-C.");
    node.wait(signals)?;
    Ok(ExitCode::SUCCESS)
}

/// What the whole year follows from; kept in the folder, so that it is the same whenever the demonstration is run again.
#[derive(Debug, Serialize, Deserialize)]
struct Origine {
    /// When it was first run.
    present: Horodatage,
    /// How many acts.
    actes: usize,
    /// What ids and salts are drawn from: 32 bytes, hex.
    graine: String,
}

impl Origine {
    /// That of a folder; made where there is none.
    fn of(root: &Path, actes: usize) -> anyhow::Result<Self> {
        let file = root.join("annee.json");
        if file.exists() {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            return serde_json::from_str(&text).with_context(|| file.display().to_string());
        }
        if root.join("registre").exists() {
            bail!("{} est d'une version antérieure de la démonstration : choisissez un autre --dir", root.display());
        }
        let mut graine = [0; 32];
        getrandom::fill(&mut graine).map_err(|error| anyhow::anyhow!("le système ne donne pas d'aléa : {error}"))?;
        let origine = Self {
            present: Horodatage::from_unix_ms(now_ms()),
            actes,
            graine: data_encoding::HEXLOWER.encode(&graine),
        };
        replace_file(&file, &serde_json::to_vec_pretty(&origine)?).with_context(|| file.display().to_string())?;
        Ok(origine)
    }

    fn graine(&self) -> anyhow::Result<[u8; 32]> {
        let bytes = data_encoding::HEXLOWER.decode(self.graine.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.context("annee.json : graine")
    }
}

/// The folder of a demonstration, and its year.
struct Demo {
    root: PathBuf,
    ledger: Folder,
    annee: Annee,
    region: Region,
    scenes: Vec<Scene>,
    actes: ActesDeLAnnee,
    consultations: Consultations,
}

impl Demo {
    /// Writes the year; makes keys and archives where there are none.
    fn prepare(root: &Path, actes: usize) -> anyhow::Result<Self> {
        for folder in ["archives", "recus", "membres", "hors-ligne"] {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        let origine = Origine::of(root, actes)?;
        let annee = Annee::avant(origine.present);
        let region = Region::de(root)?;
        let mut chronique = Chronique::new(origine.graine()?);
        inscriptions::ecris(&mut chronique, &annee, &region)?;
        let archives = root.join("archives");
        let told = actes::ecris(&mut chronique, &annee, &region, (&archives, origine.actes))?;
        let consultations = marches::ecris(&mut chronique, &annee, &region)?;
        flux::ecris(&mut chronique, &annee, &region)?;
        factures::ecris(&mut chronique, &annee, &region, &consultations.travaux.to_string())?;
        Ok(Self {
            root: root.to_owned(),
            ledger: Folder::new(root.join("registre")),
            annee,
            region,
            scenes: chronique.finie(),
            actes: told.context("aucun acte")?,
            consultations,
        })
    }

    fn options(&self) -> Options {
        Options {
            folder: self.ledger.clone(),
            store: Place::Folder,
            has_other_nodes: false,
            guard: None,
            accept_store: false,
            quota: Quota::default(),
        }
    }

    fn operator_key(&self) -> PathBuf {
        self.root.join("hors-ligne/operateur.pem")
    }

    /// Makes the ledger where there is none, at the beginning of the year.
    fn open(&self) -> anyhow::Result<()> {
        if self.ledger.checkpoint().exists() {
            say(format_args!("Reprise de la démonstration de {}", self.root.display()));
            return Ok(());
        }
        let recovery =
            |n: u8| region::cle(&self.root.join(format!("hors-ligne/recouvrement-{n}.pem"))).map(|key| key.id());
        let opening = NewLedger {
            folder: &self.ledger,
            store: &Place::Folder,
            guard: &self.ledger.default_guard(),
            origin: region::ORIGIN.parse()?,
            operator: self.region.operateur.source.clone(),
            operator_key: &self.region.operateur.cle,
            recovery: [recovery(1)?, recovery(2)?, recovery(3)?],
            now_ms: self.annee.a(JOURS, 7, 0),
        }
        .create()?;
        say(format_args!("Registre « {} » créé dans {}", opening.origine, self.root.join("registre").display()));
        Ok(())
    }

    /// Plays what was not played yet.
    fn live(&self) -> anyhow::Result<()> {
        self.open()?;
        let recus = self.root.join("recus");
        let left: Vec<&Scene> = self.scenes.iter().filter(|scene| !scene.recu(&recus).exists()).collect();
        let Some(first) = left.first() else {
            say("L'année est déjà racontée : rien n'est déposé deux fois.");
            return Ok(());
        };
        say(format_args!(
            "Une année simulée, du {} au {}, sur une horloge que la démonstration tourne",
            self.annee.jour(JOURS),
            self.annee.jour(1)
        ));
        let hand = Hand::at(first.quand_ms);
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let webhooks = webhooks::Options::default();
        let node = serve::start_by(&self.options(), hand.clock(), listen, Vec::new(), webhooks)?;
        let client = Client::connect(node.url())?.by(hand.clock());
        let theatre = Theatre { client: &client, hand: &hand, recus: &recus };
        let bar = progress_bar("Année");
        bar.set_length(left.len() as u64);
        for scene in left {
            theatre.joue(scene)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        node.stop()?;
        self.recount();
        Ok(())
    }

    /// What the year held, and who was refused what.
    fn recount(&self) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for scene in &self.scenes {
            let what = match &scene.quoi {
                Quoi::Dit(evenement) => evenement.genre.as_str(),
                Quoi::EstRefuse(..) => "refus",
                Quoi::Importe(import) => import.quoi,
            };
            *counts.entry(what).or_default() += 1;
        }
        let count = |what| counts.get(what).copied().unwrap_or(0);
        let of = |genre: EventType| count(genre.as_str());
        say(format_args!(
            "Organismes : {} inscrits, {} clés, {} délégations",
            of(EventType::AdherentInscrit),
            of(EventType::CleEnrolee),
            of(EventType::DelegationAccordee)
        ));
        say(format_args!(
            "Actes : {} archives transmises, {} accusés signés par la préfecture, {} constatés d'après un fichier reçu",
            count("acte"),
            of(EventType::ActeAccuseReception),
            count("accuse")
        ));
        say(format_args!(
            "Comptabilité : {} flux, {} acquits, {} factures, {} paiements",
            of(EventType::FluxTransmis),
            of(EventType::FluxAcquitte),
            of(EventType::FactureDeposee),
            of(EventType::FacturePaiement)
        ));
        say(format_args!(
            "Marchés : {} consultations, {} retraits du DCE, {} plis déposés, {} ouverts",
            of(EventType::ConsultationCreee),
            of(EventType::ConsultationDceRetire),
            of(EventType::PliDepose),
            of(EventType::PliOuvert)
        ));
        say(format_args!("Refus, chacun consigné et signé par le nœud : {}", count("refus")));
        for scene in &self.scenes {
            if let Quoi::EstRefuse(_, code, histoire) = &scene.quoi {
                say(format_args!("  {histoire} [{code}]"));
            }
        }
    }
}
