//! `greffe export`: what the log holds about one organisation, in one file that verifies offline.
//!
//! From a folder, by whoever holds it with the log's key; or from a node, with a key that reads all of that organisation. The same
//! head gives the same file either way.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::ident::Organisation;

use super::client::Client;
use super::erreur::Detail;
use super::{Outcome, print, progress_bar, say};
use crate::extrait::ExtraitError;
use crate::extrait::choix::choisis;
use crate::extrait::demande::{Borne, Demande, DemandeError};
use crate::extrait::ecriture::ecris;
use crate::extrait::folder::FolderFonds;
use crate::ledger::folder::read_secret_key;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// L'organisme : son SIREN, ou ICD:identifiant.
    #[arg(long, value_name = "SIREN", value_parser = organisation)]
    siren: Organisation,
    /// Depuis ce jour (AAAA-MM-JJ, heure de Paris) ou cet indice, compris ; sinon depuis le début.
    #[arg(long, value_name = "JOUR", value_parser = borne)]
    from: Option<Borne>,
    /// Jusqu'à ce jour ou cet indice, compris ; sinon jusqu'au dernier point de contrôle.
    #[arg(long, value_name = "JOUR", value_parser = borne)]
    to: Option<Borne>,
    /// Sans les fichiers que les événements citent.
    #[arg(long)]
    sans_pieces: bool,
    /// Dossier d'un registre dont vous tenez les clés ; alors aucun nœud n'est interrogé.
    #[arg(long, value_name = "DOSSIER")]
    dir: Option<PathBuf>,
    /// Adresse d'un nœud, par exemple <http://127.0.0.1:4180>
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Clé enrôlée qui peut tout lire de cet organisme : une des siennes, un auditeur, l'opérateur.
    #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
    key: Option<PathBuf>,
    /// Fichier à écrire ; sinon extrait-<SIREN>.tar, dans le dossier courant. Un fichier qui existe n'est pas remplacé.
    #[arg(long, short, value_name = "FICHIER")]
    out: Option<PathBuf>,
}

fn organisation(text: &str) -> Result<Organisation, String> {
    Organisation::of_abrege(text).map_err(|_| "neuf chiffres d'un SIREN (avec sa clé), ou ICD:identifiant".to_owned())
}

fn borne(text: &str) -> Result<Borne, String> {
    text.parse().map_err(|_| "un jour AAAA-MM-JJ, ou l'indice d'une feuille".to_owned())
}

pub fn run(args: &Args) -> Outcome {
    let demande = Demande { organisation: args.siren.clone(), du: args.from, au: args.to, pieces: !args.sans_pieces };
    if demande.check() == Err(DemandeError::Envers) {
        bail!("la période finit avant de commencer : --from doit précéder --to");
    }
    let path = args.out.clone().unwrap_or_else(|| default_name(&args.siren));
    if path.exists() {
        bail!("{} existe déjà ; choisissez un autre nom avec --out", path.display());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Under its name only once it is whole.
    let file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("{} : impossible d'y écrire", folder.display()))?;
    match (&args.dir, &args.key) {
        (Some(dir), _) => from_folder(dir, &demande, file.as_file())?,
        (None, Some(key)) => from_node(&args.url, key, &demande, file.as_file())?,
        (None, None) => bail!("donnez --key, une clé qui peut lire cet organisme, ou --dir, le dossier du registre"),
    }
    file.as_file().sync_all().context("l'extrait n'a pas pu être écrit")?;
    file.persist_noclobber(&path).with_context(|| format!("{} n'a pas pu être écrit", path.display()))?;
    say(format_args!("Vérifiez-le, ou faites-le vérifier, hors ligne : greffe verify {} --vkey …", path.display()));
    print(path.display())?;
    Ok(ExitCode::SUCCESS)
}

fn default_name(organisation: &Organisation) -> PathBuf {
    PathBuf::from(format!("extrait-{}.tar", organisation.abrege().replace(':', "_")))
}

fn from_folder(dir: &Path, demande: &Demande, file: &File) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("{} n'est pas un dossier", dir.display());
    }
    let bar = progress_bar("Lecture du registre");
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let in_french = |error: ExtraitError| match error {
        ExtraitError::Inconnu(organisation) => {
            anyhow::anyhow!("{organisation} est inconnu de ce registre : ni membre, ni feuille, ni dossier")
        }
        ExtraitError::Cle(why) => anyhow::anyhow!(
            "seul qui tient la clé du journal (cles/journal.pem) signe un extrait depuis un dossier ; sinon demandez-le au nœud avec --key : {why}"
        ),
        ExtraitError::Altere(why) => {
            anyhow::Error::new(Detail(why)).context("ce dossier n'est pas ce que le registre a signé")
        }
        ExtraitError::Illisible(why) => {
            anyhow::Error::new(Detail(why)).context(format!("{} est illisible", dir.display()))
        }
        other => anyhow::Error::new(other).context("l'extrait n'est pas écrit"),
    };
    let mut fonds = FolderFonds::open(dir, &demande.organisation, &mut progress).map_err(in_french)?;
    let choix = choisis(&mut fonds, demande, &mut |_, _| ()).map_err(in_french)?;
    bar.set_message("Écriture de l'extrait");
    ecris(&mut fonds, demande, &choix, BufWriter::new(file), &mut progress).map_err(in_french)?;
    bar.finish_and_clear();
    Ok(())
}

fn from_node(url: &str, key: &Path, demande: &Demande, mut file: &File) -> anyhow::Result<()> {
    let key = read_secret_key(key)?;
    let client = Client::connect(url)?;
    let bound = |name, borne: Option<Borne>| borne.map(|borne| format!("&{name}={borne}")).unwrap_or_default();
    let path = format!(
        "/v1/extraits/{}?pieces={}{}{}",
        demande.organisation.abrege(),
        demande.pieces,
        bound("du", demande.du),
        bound("au", demande.au)
    );
    let Some(mut body) = client.get_stream(&key, &path)? else {
        bail!("le nœud ne montre pas {} à cette clé, ou ne connaît pas cet organisme", demande.organisation);
    };
    let bar = progress_bar("Réception");
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("l'extrait n'est pas arrivé entier ; refaites la même commande"),
        };
        file.write_all(&chunk[..count]).context("l'extrait n'a pas pu être écrit")?;
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
