//! The command line: one file per command; composes everything else (DESIGN §10).
//!
//! What people read is in French, on standard error where it is progress or advice; what programs read is on standard
//! output. Exit codes: 0 done; 1 refused, wrong, or any doubt; 2 a wrong command line; 3 verified, but no key was
//! pinned. Configuration: flags before the environment (`GREFFE_*`) before `greffe.toml`. Secrets come from files only.

mod actes;
mod client;
mod config;
mod demo;
mod doctor;
mod erreur;
mod event;
mod export;
mod init;
mod kept;
mod key;
mod lectures;
mod migrate;
mod piece;
mod post;
mod serve;
mod token;
mod verify;
mod views;
mod webhooks;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Greffe : registre probant des échanges dématérialisés des collectivités.
#[derive(Debug, Parser)]
#[command(name = "greffe", version, disable_help_subcommand = true)]
struct Cli {
    /// Écrit le journal technique en JSON, une ligne par fait.
    #[arg(long, global = true, env = "GREFFE_LOG_JSON")]
    log_json: bool,
    /// Fichier de réglages ; greffe.toml du dossier courant par défaut. Les options et l'environnement l'emportent sur lui.
    #[arg(long, global = true, env = "GREFFE_CONFIG", value_name = "FICHIER", value_hint = clap::ValueHint::FilePath)]
    #[allow(dead_code, reason = "read before the rest of the command line")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Une région fictive et son année, simulée : actes, comptes et marchés ; vérifie tout, dit quoi essayer, puis sert.
    Demo(demo::Args),
    /// Crée un registre : ses clés et son premier événement.
    Init(init::Args),
    /// Ouvre un registre et le sert en HTTP jusqu'à l'arrêt (Ctrl-C).
    Serve(serve::Args),
    /// Copie les feuilles d'un registre arrêté vers un autre lieu, une à une, et compare les racines.
    Migrate(migrate::Args),
    /// Crée ou montre une clé.
    #[command(subcommand)]
    Key(key::Command),
    /// Écrit un jeton (5 minutes), signé par une clé enrôlée : pour lire, ou déposer une pièce.
    Token(token::Args),
    /// Signe et dépose des événements, écrits en JSON.
    Post(post::Args),
    /// Dépose un fichier qu'un événement citera.
    #[command(subcommand)]
    Piece(piece::Command),
    /// Actes transmis au contrôle de légalité.
    #[command(subcommand)]
    Actes(actes::Command),
    /// Événements, hors ligne.
    #[command(subcommand)]
    Event(event::Command),
    /// Vues d'un registre dont le nœud est arrêté : leur empreinte, leur reconstruction.
    #[command(subcommand)]
    Views(views::Command),
    /// Examine le dossier d'un registre et dit ce qui ne va pas et que faire ; ne change rien.
    Doctor(doctor::Args),
    /// Ce que les auditeurs ont demandé à lire à un nœud.
    Lectures(lectures::Args),
    /// Fait annoncer le fil d'un nœud à une adresse, et dit ce que deviennent les messages.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Écrit tout ce que le registre tient d'un organisme, en un fichier qui se vérifie hors ligne.
    Export(export::Args),
    /// Vérifie un registre entier, un extrait ou un reçu, sans faire confiance à personne.
    Verify(verify::Args),
}

/// How a command ended.
type Outcome = anyhow::Result<ExitCode>;

/// A wrong command line, or a wrong file of settings.
const USAGE: u8 = 2;

/// The command line, with what `greffe.toml` says where it and the environment say nothing.
fn parse() -> anyhow::Result<Cli> {
    let command = Cli::command();
    let reglages = config::Reglages::read(&command)?;
    let parsed = reglages.applied_to(command).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let place = reglages.place_of(&error);
        match erreur::usage::dire(&error) {
            Some(said) => say(said),
            // Help and version: written where they belong.
            None => drop(error.print()),
        }
        if let Some(place) = place {
            say(place);
        }
        std::process::exit(error.exit_code())
    })
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            say(format_args!("greffe : {}", erreur::dire(&error)));
            return ExitCode::from(USAGE);
        }
    };
    start_log(cli.log_json);
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Key(command) => key::run(&command),
        Command::Token(args) => token::run(&args),
        Command::Post(args) => post::run(&args),
        Command::Piece(command) => piece::run(&command),
        Command::Actes(command) => actes::run(&command),
        Command::Event(command) => event::run(&command),
        Command::Lectures(args) => lectures::run(&args),
        Command::Webhooks(command) => webhooks::run(&command),
        Command::Export(args) => export::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Views(command) => views::run(&command),
        Command::Doctor(args) => doctor::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        say(format_args!("greffe : {}", erreur::dire(&error)));
        ExitCode::FAILURE
    })
}

fn start_log(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("GREFFE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Addresses that members named are theirs: no log tells them.
    let quiet = ["ureq=warn", "ureq_proto=warn", "rustls=warn"].into_iter().filter_map(|of| of.parse().ok());
    let filter = quiet.fold(filter, tracing_subscriber::EnvFilter::add_directive);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second start could fail, and there is none.
    let _ = if json { log.json().try_init() } else { log.try_init() };
}

/// Says something to a person, on standard error.
fn say(text: impl std::fmt::Display) {
    // Nobody listens: nothing to be done.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes a result, on standard output.
fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| anyhow::Error::new(error).context("sortie standard"))
}

/// Now, Unix ms.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A progress bar on standard error, for people only.
fn progress_bar(what: &str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(0);
    let style = indicatif::ProgressStyle::with_template("{msg} {bar:30} {human_pos}/{human_len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// Where a running node is, and which keys speak to it.
#[derive(Debug, Clone, clap::Args)]
struct Target {
    /// Adresse du nœud, par exemple <http://127.0.0.1:4180>
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Clé qui signe, fichier PEM ; plusieurs dans l'ordre que demande le type d'événement.
    #[arg(long, env = "GREFFE_KEY", required = true, value_name = "FICHIER")]
    key: Vec<PathBuf>,
}
