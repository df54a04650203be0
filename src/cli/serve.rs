//! `greffe serve`: opens a ledger and serves it until it is told to stop, or can no longer write.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Outcome, print, progress_bar, say};
use crate::http::cors::Site;
use crate::http::lectures::Lectures;
use crate::http::{self, App};
use crate::ledger::clock::Clock;
use crate::ledger::folder::Folder;
use crate::ledger::pieces::Quota;
use crate::ledger::pieces::accounts::QUOTA_PIECES;
use crate::ledger::{Ledger, Options};
use crate::store::place::Place;
use crate::vues::Vues;
use crate::webhooks::adresse::{Portee, Reseau};
use crate::webhooks::autorites::Autorites;
use crate::webhooks::{self, Webhooks};

/// How often the node looks whether its sequencer still works.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// Où sont les feuilles : sqlite (dans le dossier) ou un flux KurrentDB, esdb://hôte:2113?stream=…&passwordFile=…
    #[arg(long, env = "GREFFE_STORE", value_name = "ADRESSE", default_value = "sqlite", hide_env_values = true)]
    store: Place,
    /// Adresse d'écoute. TLS et HTTP/2 sont l'affaire du mandataire (nginx, Caddy…) placé devant.
    #[arg(long, env = "GREFFE_LISTEN", default_value = "127.0.0.1:4180")]
    listen: SocketAddr,
    /// Témoin de retour en arrière ; <dossier>.garde par défaut.
    #[arg(long, env = "GREFFE_GUARD", value_name = "FICHIER")]
    guard: Option<PathBuf>,
    /// Ouvre même si le témoin manque ou contredit le registre. À n'employer que si vous savez que ce dossier est l'état
    /// le plus récent : sinon le registre signerait un second historique.
    #[arg(long)]
    accept_store: bool,
    /// Octets de pièces qu'un organisme peut garder : un nombre, ou un nombre suivi de K, M, G ou T (binaires).
    #[arg(long, env = "GREFFE_PIECE_QUOTA", value_name = "OCTETS", default_value = "20G", value_parser = octets)]
    piece_quota: u64,
    /// Nombre de pièces qu'un organisme peut garder.
    #[arg(long, env = "GREFFE_PIECE_QUOTA_COUNT", value_name = "NOMBRE", default_value_t = QUOTA_PIECES)]
    piece_quota_count: u64,
    /// Site dont les pages peuvent lire les réponses dans un navigateur (CORS), https://portail.exemple.fr ; à répéter. Aucun
    /// par défaut.
    #[arg(long, env = "GREFFE_CORS_ORIGIN", value_name = "SITE", value_delimiter = ',')]
    cors_origin: Vec<Site>,
    /// Annonce aussi à des adresses http:// ou privées (webhooks) : pour un intranet, jamais pour un nœud ouvert à d'autres.
    #[arg(long, env = "GREFFE_WEBHOOKS_PRIVES")]
    webhooks_prives: bool,
    /// Adresses auxquelles rien n'est annoncé, même publiques : les vôtres, 203.0.113.0/24 ou 2001:db8::/32 ; à répéter.
    #[arg(long, env = "GREFFE_WEBHOOKS_REFUSES", value_name = "PLAGE", value_delimiter = ',')]
    webhooks_refuses: Vec<Reseau>,
    /// Certificats (PEM) des seules autorités crues des adresses https:// (webhooks), au lieu des autorités publiques : pour un intranet.
    #[arg(long, env = "GREFFE_WEBHOOKS_CA", value_name = "FICHIER")]
    webhooks_ca: Option<Autorites>,
}

/// Reads a number of bytes.
fn octets(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        Some(b'T') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let count = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(1 << shift));
    count.ok_or_else(|| "un nombre d'octets, comme 500M ou 20G".to_owned())
}

/// Files that a node has a use for: its most connections, and what stands behind them.
const FILES_WANTED: u64 = 8_192;

/// Lets the process have as many files open as it has a use for, where the system allows more than it gave.
fn take_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES_WANTED, |most| most.min(FILES_WANTED));
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

pub fn run(args: &Args) -> Outcome {
    take_files();
    let options = Options {
        folder: Folder::new(&args.dir),
        store: args.store.clone(),
        has_other_nodes: false,
        guard: args.guard.clone(),
        accept_store: args.accept_store,
        quota: Quota { bytes: args.piece_quota, pieces: args.piece_quota_count },
    };
    let portee = Portee { prives: args.webhooks_prives, refuses: args.webhooks_refuses.clone() };
    let webhooks = webhooks::Options { portee, autorites: args.webhooks_ca.clone(), ..webhooks::Options::default() };
    let node = start(&options, args.listen, args.cors_origin.clone(), webhooks)?;
    let signals = node.take_signals()?;
    print(node.url())?;
    say(format_args!("Le nœud sert {} sur {} ; Ctrl-C l'arrête.", args.dir.display(), node.url()));
    node.wait(signals)?;
    Ok(ExitCode::SUCCESS)
}

/// A node that serves.
pub struct Node {
    runtime: tokio::runtime::Runtime,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    stop: watch::Sender<bool>,
    ledger: Arc<Ledger>,
    vues: Vues,
    url: String,
}

/// Opens the ledger, starts its views, listens.
pub fn start(
    options: &Options,
    listen: SocketAddr,
    sites: Vec<Site>,
    webhooks: webhooks::Options,
) -> anyhow::Result<Node> {
    start_by(options, Clock::default(), listen, sites, webhooks)
}

/// The same by another clock than the machine's: the demonstration's simulated year, which nothing on a command line can ask for.
pub fn start_by(
    options: &Options,
    clock: Clock,
    listen: SocketAddr,
    sites: Vec<Site>,
    webhooks: webhooks::Options,
) -> anyhow::Result<Node> {
    let cles = options.folder.log_key();
    if !cles.exists() {
        bail!("{} n'est pas un registre : « greffe init » en crée un", options.folder.root().display());
    }
    let bar = progress_bar("Index");
    let ledger = Ledger::open_by(options, clock, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let ledger = Arc::new(ledger);
    let vues = Vues::start(&options.folder.views(), &ledger)?;
    let lectures = Arc::new(Lectures::open(&options.folder.lectures())?);
    let webhooks = Arc::new(Webhooks::open(&options.folder, webhooks)?);
    let app = App { ledger: Arc::clone(&ledger), vues: vues.lecteurs(), sites, lectures, webhooks };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("tokio")?;
    let listener = runtime.block_on(TcpListener::bind(listen)).with_context(|| format!("écoute sur {listen}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, mut stopped) = watch::channel(false);
    let watched = Arc::clone(&ledger);
    let served = runtime.spawn(async move {
        let told_to_stop = async move {
            let sequencer_ended = async {
                while watched.is_writing() {
                    tokio::time::sleep(WATCH_INTERVAL).await;
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => {}
                () = sequencer_ended => tracing::error!("the sequencer ended: the node stops"),
            }
        };
        http::serve(listener, app, told_to_stop).await
    });
    Ok(Node { runtime, served, stop, ledger, vues, url })
}

impl Node {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes Ctrl-C and SIGTERM from here on: before anybody is told that the node serves, so that whoever stops it at once stops it
    /// well.
    pub fn take_signals(&self) -> anyhow::Result<Signals> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let _runtime = self.runtime.enter();
            Ok(Signals { both: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Signals {})
    }

    /// Serves until Ctrl-C or SIGTERM, or until the sequencer ends.
    pub fn wait(mut self, mut signals: Signals) -> anyhow::Result<()> {
        let ended = self.runtime.block_on(async {
            tokio::select! {
                served = &mut self.served => Some(served),
                () = signals.asked_to_stop() => None,
            }
        });
        match ended {
            None => self.stop(),
            Some(served) => {
                served.context("le service HTTP s'est arrêté")??;
                self.ledger.close().context("le registre s'est arrêté")?;
                bail!("le registre n'écrit plus")
            }
        }
    }

    /// Finishes what is under way and closes the ledger.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.runtime.block_on(self.served).context("le service HTTP s'est arrêté")??;
        drop(self.vues);
        self.ledger.close()?;
        Ok(())
    }
}

/// Ctrl-C and SIGTERM, from when this was made.
pub struct Signals {
    #[cfg(unix)]
    both: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    async fn asked_to_stop(&mut self) {
        #[cfg(unix)]
        {
            let [interrupted, terminated] = &mut self.both;
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
