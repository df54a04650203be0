//! `greffe token`: a reader token, for `curl` and scripts; or a one-time link, to read pages in a browser.

use std::path::PathBuf;
use std::process::ExitCode;

use super::client::Client;
use super::{Outcome, now_ms, print};
use crate::http::auth::{self, Requete};
use crate::ledger::folder::read_secret_key;
use crate::web::lien;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Clé enrôlée, fichier PEM.
    #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
    key: PathBuf,
    /// Adresse du nœud, pour apprendre le nom du registre.
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Nom du registre, si le nœud ne doit pas être interrogé.
    #[arg(long)]
    origin: Option<greffe_events::ident::Origin>,
    /// Lie le jeton à une requête, « PUT /v1/pieces/<sha256> » ; un dépôt n'en prend pas d'autre.
    #[arg(long, value_name = "MÉTHODE CHEMIN", value_parser = method_and_target)]
    request: Option<(String, String)>,
    /// Un lien à usage unique, pour lire les pages dans un navigateur : valable cinq minutes, il ouvre une session au nom de la clé.
    #[arg(long, conflicts_with = "request")]
    link: bool,
    /// L'en-tête Greffe-Sel de cette requête, tel qu'il sera envoyé.
    #[arg(long, requires = "request")]
    sel: Option<String>,
    /// L'en-tête Greffe-Nom de cette requête, tel qu'il sera envoyé.
    #[arg(long, requires = "request")]
    nom: Option<String>,
}

fn method_and_target(text: &str) -> Result<(String, String), &'static str> {
    let (method, target) = text.split_once(' ').ok_or("une méthode et un chemin : PUT /v1/pieces/…")?;
    let is_request = method.bytes().all(|byte| byte.is_ascii_uppercase()) && target.starts_with('/');
    if is_request {
        Ok((method.to_owned(), target.to_owned()))
    } else {
        Err("PUT /v1/pieces/… : méthode en majuscules, chemin")
    }
}

pub fn run(args: &Args) -> Outcome {
    let key = read_secret_key(&args.key)?;
    let asked = if let Some(origin) = &args.origin {
        origin.clone()
    } else {
        let client = Client::connect(&args.url)?;
        client.expect_private()?;
        client.origin().clone()
    };
    let now_s = now_ms() / 1_000;
    if args.link {
        print(lien::adresse(&args.url, &lien::issue(&key, &asked, now_s)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let token = match &args.request {
        Some((method, target)) => {
            let request = Requete { method, target, sel: args.sel.as_deref(), nom: args.nom.as_deref() };
            auth::issue_for(&key, &asked, now_s, &request)
        }
        None => auth::issue(&key, &asked, now_s),
    };
    print(token)?;
    Ok(ExitCode::SUCCESS)
}
