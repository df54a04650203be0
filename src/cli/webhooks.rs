//! `greffe webhooks`: has a node announce its feed to an address, and looks after that.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use greffe_events::key::SecretKey;
use serde_json::Value;

use super::client::{Client, percent_encoded};
use super::{Outcome, Target, print, say};
use crate::ledger::folder::read_secret_key;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Les webhooks de l'organisme de la clé, un par ligne.
    List {
        /// Ceux de tous les organismes, chacun avec le sien ; avec la clé de l'opérateur.
        #[arg(long)]
        tous: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Fait annoncer à cette adresse ce que la clé peut lire, à partir de maintenant.
    Add {
        /// L'adresse, <https://…>
        adresse: String,
        /// Types d'événements, ou débuts : greffe.acte.*
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
        types: Vec<String>,
        /// Familles de dossiers : acte, flux, facture…
        #[arg(long, value_delimiter = ',')]
        famille: Vec<String>,
        /// Qui parle : des SIREN, ou ICD:identifiant.
        #[arg(long, value_delimiter = ',')]
        source: Vec<String>,
        /// Départements des actes.
        #[arg(long, value_delimiter = ',')]
        departement: Vec<String>,
        /// Dossiers entiers : famille/identifiant.
        #[arg(long, value_delimiter = ',')]
        sujet: Vec<String>,
        /// Le curseur d'où partir ; maintenant sans lui.
        #[arg(long, value_name = "INDICE")]
        after: Option<u64>,
        #[command(flatten)]
        target: Target,
    },
    /// Supprime un webhook et ses échecs ; avec la clé de l'opérateur, celui de n'importe qui.
    Rm {
        #[command(flatten)]
        un: Un,
    },
    /// Envoie maintenant un message d'essai, et dit ce qu'il est devenu.
    Essai {
        #[command(flatten)]
        un: Un,
    },
    /// Fait repartir tout de suite un webhook suspendu, ou qui attend, avec les droits de cette clé.
    Reprise {
        #[command(flatten)]
        un: Un,
    },
    /// Suspend le webhook de n'importe qui, avec la clé de l'opérateur ; « reprise », avec la même, le fait repartir.
    Suspension {
        #[command(flatten)]
        un: Un,
    },
    /// Les messages abandonnés, un par ligne.
    Echecs {
        #[command(flatten)]
        un: Un,
    },
    /// Renvoie les messages abandonnés, ou celui d'un indice.
    Renvoi {
        #[command(flatten)]
        un: Un,
        /// L'indice de l'événement annoncé ; tous sans lui.
        #[arg(long)]
        index: Option<u64>,
    },
}

/// One webhook.
#[derive(Debug, Clone, clap::Args)]
pub struct Un {
    /// L'identifiant du webhook.
    id: uuid::Uuid,
    #[command(flatten)]
    target: Target,
}

/// Most dead letters read at a time.
const PAGE: u32 = 1_000;

fn open(target: &Target) -> anyhow::Result<(Client, SecretKey)> {
    let [key] = target.key.as_slice() else { bail!("un webhook se demande avec une seule clé") };
    let key = read_secret_key(key)?;
    Ok((Client::connect(&target.url)?, key))
}

/// Asks for something about one webhook.
fn ask(un: &Un, method: &str, rest: &str) -> anyhow::Result<Value> {
    let (client, key) = open(&un.target)?;
    client.ask(&key, method, &format!("/v1/webhooks/{}{rest}", un.id))
}

pub fn run(command: &Command) -> Outcome {
    match command {
        Command::List { tous: of_all, target } => {
            let (client, key) = open(target)?;
            let tous = client.ask(&key, "GET", if *of_all { "/v1/webhooks?tous=true" } else { "/v1/webhooks" })?;
            for webhook in tous["webhooks"].as_array().context("réponse illisible")? {
                tell(webhook, *of_all)?;
            }
            match tous["cles"][0].as_str() {
                Some(cle) => say(format_args!("Signés par {cle}")),
                None => say("Aucun webhook n'a encore été demandé à ce nœud."),
            }
        }
        Command::Add { adresse, types, famille, source, departement, sujet, after, target } => {
            let (client, key) = open(target)?;
            let filtres = [
                ("type", types),
                ("famille", famille),
                ("source", source),
                ("departement", departement),
                ("sujet", sujet),
            ];
            let asked = filtres.into_iter().filter(|(_, values)| !values.is_empty());
            let asked = asked.map(|(name, values)| (name, values.join(",")));
            let query: Vec<String> = [("url", adresse.clone())]
                .into_iter()
                .chain(asked)
                .chain(after.map(|after| ("after", after.to_string())))
                .map(|(name, value)| format!("{name}={}", percent_encoded(&value)))
                .collect();
            let path = format!("/v1/webhooks?{}", query.join("&"));
            let webhook = client.ask(&key, "POST", &path)?;
            print(webhook["id"].as_str().context("réponse illisible")?)?;
            let tous = client.ask(&key, "GET", "/v1/webhooks")?;
            say(format_args!("Ses messages sont signés par {}", tous["cles"][0].as_str().unwrap_or_default()));
        }
        Command::Rm { un } => {
            ask(un, "DELETE", "")?;
            say(format_args!("{} est supprimé.", un.id));
        }
        Command::Essai { un } => {
            let essai = ask(un, "POST", "/essai")?;
            print(&essai)?;
            if essai["livre"] != true {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Reprise { un } => tell(&ask(un, "POST", "/reprise")?, false)?,
        Command::Suspension { un } => tell(&ask(un, "POST", "/suspension")?, true)?,
        Command::Echecs { un } => echecs(un)?,
        Command::Renvoi { un, index } => {
            let query = index.map(|index| format!("?index={index}")).unwrap_or_default();
            let renvoi = ask(un, "POST", &format!("/renvoi{query}"))?;
            say(format_args!("{} message(s) seront renvoyés.", renvoi["renvois"]));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A webhook on a line: its id, state, messages delivered, dead letters, address, and whose it is where they are of several; and what is
/// wrong, for a person.
fn tell(webhook: &Value, with_organisation: bool) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let organisation = if with_organisation { format!("\t{}", text(&webhook["organisation"])) } else { String::new() };
    print(format_args!(
        "{}\t{}\t{}\t{}\t{}{organisation}",
        text(&webhook["id"]),
        text(&webhook["etat"]),
        webhook["livres"],
        webhook["echecs"],
        text(&webhook["url"]).escape_debug()
    ))?;
    if let Some(conseil) = webhook["arret"]["conseil"].as_str() {
        say(format_args!("  suspendu [{}] : {conseil}", text(&webhook["arret"]["cause"])));
    } else if webhook["tentatives"] != 0 {
        let echec = &webhook["dernier_echec"];
        let next = text(&webhook["prochaine_tentative"]);
        say(format_args!(
            "  {} tentative(s) en échec, la dernière [{}] ; prochaine {next}",
            webhook["tentatives"],
            motif(echec)
        ));
    }
    Ok(())
}

fn motif(echec: &Value) -> String {
    let motif = echec["motif"].as_str().unwrap_or_default();
    echec["statut"].as_u64().map_or_else(|| motif.to_owned(), |statut| format!("{motif} {statut}"))
}

fn echecs(un: &Un) -> anyhow::Result<()> {
    let mut apres = String::new();
    loop {
        let page = ask(un, "GET", &format!("/echecs?limit={PAGE}{apres}"))?;
        for mort in page["echecs"].as_array().context("réponse illisible")? {
            let le = mort["echec"]["le"].as_str().unwrap_or_default();
            print(format_args!("{}\t{le}\t{}\t{}", mort["index"], mort["tentatives"], motif(&mort["echec"])))?;
        }
        let Some(suite) = page["suite"].as_u64() else { return Ok(()) };
        apres = format!("&apres={suite}");
    }
}
