//! `greffe.toml`: what stands there holds where neither a flag nor the environment (`GREFFE_*`) says otherwise.
//!
//! ```toml
//! dir = "registre"                 # as --dir and GREFFE_DIR; a relative path starts at the file's own folder
//! listen = "127.0.0.1:4180"
//! piece_quota = "100G"
//! cors_origin = ["https://portail.exemple.fr"]
//! ```
//!
//! A key is the name of an environment variable without `GREFFE_`, in lower case: one word for flag, variable and key. An unknown key is
//! refused, with its line; so is what looks like a secret: those have files of their own. The file is the one that `--config` names, else
//! `greffe.toml` in the current folder, and then only where nobody but its owner, who runs this or is root, may write it: whoever says
//! which node to speak to gets its tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::OsStr;
use clap::{Arg, Command, ValueHint};
use toml::de::{DeTable, DeValue};

use super::erreur::Detail;

/// Prefix of the environment's names.
const PREFIX: &str = "GREFFE_";
/// The file where none is named.
const FILE: &str = "greffe.toml";
/// Largest file that is read, in bytes: some lines.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Keys that name a file or a folder.
const CHEMINS: [&str; 4] = ["dir", "guard", "key", "webhooks_ca"];
/// What only the command line and the environment say: where this file is, and what a file must not decide.
const HORS_FICHIER: [&str; 2] = ["config", "log"];

/// What a file says, by key.
#[derive(Debug, Default)]
pub struct Reglages {
    file: PathBuf,
    values: BTreeMap<String, Reglage>,
}

#[derive(Debug)]
struct Reglage {
    line: usize,
    values: Vec<String>,
}

impl Reglages {
    /// Reads the file that the command line or the environment names, else the one of the current folder if there is one.
    pub fn read(command: &Command) -> anyhow::Result<Self> {
        match named(command) {
            Some(file) => Self::of_file(&file, command),
            None if Path::new(FILE).exists() => {
                check_owner(Path::new(FILE))?;
                Self::of_file(Path::new(FILE), command)
            }
            None => Ok(Self::default()),
        }
    }

    fn of_file(file: &Path, command: &Command) -> anyhow::Result<Self> {
        let size = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
        if size > FILE_BYTES_MAX {
            bail!("{} : plus de {FILE_BYTES_MAX} octets, ce n'est pas un fichier de réglages", file.display());
        }
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Self::of(&text, file, &keys(command))
    }

    fn of(text: &str, file: &Path, keys: &[String]) -> anyhow::Result<Self> {
        let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let at_line = |line: usize, what: &str| anyhow::anyhow!("{}, ligne {line} : {what}", file.display());
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let what = at_line(line, "ce n'est pas du TOML valide").to_string();
            anyhow::Error::new(Detail(error.message().to_owned())).context(what)
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut values = BTreeMap::new();
        for (key, value) in table.into_inner() {
            let line = line_of(key.span().start);
            let key = key.into_inner().into_owned();
            if !keys.contains(&key) {
                return Err(at_line(line, &format!("{key} n'est pas un réglage ; il y a {}", keys.join(", "))));
            }
            let is_path = CHEMINS.contains(&key.as_str());
            let mut texts = texts(value.get_ref()).ok_or_else(|| {
                at_line(line, &format!("{key} est un texte, un nombre entier, true ou false, ou une liste de textes"))
            })?;
            if texts.iter().any(|text| text.contains("-----BEGIN") || text.contains('\n')) {
                return Err(at_line(
                    line,
                    &format!("{key} : une clé ne s'écrit pas ici, seulement le chemin de son fichier"),
                ));
            }
            if is_path {
                texts = texts.iter().map(|text| folder.join(text).display().to_string()).collect();
            }
            values.insert(key, Reglage { line, values: texts });
        }
        Ok(Self { file: file.to_owned(), values })
    }

    /// The command, with these values where it has none of its own.
    pub fn applied_to(&self, command: Command) -> Command {
        let command = command.mut_args(|arg| self.with_default(arg));
        command.mut_subcommands(|sub| self.applied_to(sub))
    }

    fn with_default(&self, arg: Arg) -> Arg {
        let Some(reglage) = key_of(&arg).and_then(|key| self.values.get(&key)) else { return arg };
        arg.required(false).default_values(reglage.values.iter().map(OsStr::from))
    }

    /// Where the file says this value, for a message of the command line's that finds fault with it.
    pub fn place_of(&self, error: &clap::Error) -> Option<String> {
        use clap::error::{ContextKind, ContextValue};
        let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return None };
        let (key, reglage) = self.values.iter().find(|(_, reglage)| reglage.values.contains(value))?;
        Some(format!("« {key} » vient de {}, ligne {}.", self.file.display(), reglage.line))
    }
}

/// A value as the command line would have it.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(holds) => Some(holds.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(values) => values.iter().map(|value| one(value.get_ref())).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

/// The key of an argument, if a file may say it.
fn key_of(arg: &Arg) -> Option<String> {
    let key = arg.get_env()?.to_str()?.strip_prefix(PREFIX)?.to_ascii_lowercase();
    (!HORS_FICHIER.contains(&key.as_str())).then_some(key)
}

/// All keys, of this command and those below it.
fn keys(command: &Command) -> Vec<String> {
    fn walk(command: &Command, keys: &mut Vec<String>) {
        keys.extend(command.get_arguments().filter_map(key_of));
        command.get_subcommands().for_each(|sub| walk(sub, keys));
    }
    let mut all = Vec::new();
    walk(command, &mut all);
    all.sort();
    all.dedup();
    all
}

/// The file that `--config` or `GREFFE_CONFIG` names.
fn named(command: &Command) -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip(1);
    // Before the rest can be read: what follows needs the defaults that this file gives.
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => break,
            Some("--config") => return arguments.next().map(PathBuf::from),
            Some(text) => {
                if let Some(file) = text.strip_prefix("--config=") {
                    return Some(PathBuf::from(file));
                }
            }
            None => {}
        }
    }
    let config = command.get_arguments().find(|arg| arg.get_id() == "config")?;
    debug_assert_eq!(config.get_value_hint(), ValueHint::FilePath);
    std::env::var_os(config.get_env()?).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Refuses a file of the current folder that somebody else may have written.
fn check_owner(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(file).with_context(|| file.display().to_string())?;
        let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if (owner != me && owner != 0) || metadata.mode() & 0o022 != 0 {
            bail!(
                "{} : d'autres que vous peuvent l'écrire ; il n'est lu que nommé, --config {}",
                file.display(),
                file.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn command() -> Command {
        let arg = |name: &'static str, env: &'static str| Arg::new(name).long(name).env(env);
        Command::new("greffe").subcommand(
            Command::new("serve")
                .arg(arg("dir", "ESSAI_GREFFE_DIR").required(true))
                .arg(Arg::new("listen").long("listen").default_value("rien"))
                .arg(arg("sites", "GREFFE_ESSAI_SITES").action(clap::ArgAction::Append))
                .arg(arg("port", "GREFFE_ESSAI_PORT").required(true).value_parser(clap::value_parser!(u16))),
        )
    }

    #[test]
    fn a_file_speaks_where_the_command_line_does_not() {
        let command = command();
        let read = |text: &str| Reglages::of(text, Path::new("/etc/greffe/greffe.toml"), &keys(&command)).unwrap();
        let parse = |reglages: &Reglages, args: &[&str]| {
            let args = [&["greffe", "serve", "--dir", "x"], args].concat();
            reglages.applied_to(command.clone()).try_get_matches_from(args).map(|matches| {
                let (_, serve) = matches.subcommand().unwrap();
                let sites = serve.get_many::<String>("sites").into_iter().flatten().cloned().collect::<Vec<_>>();
                (*serve.get_one::<u16>("port").unwrap(), sites)
            })
        };
        let both = read("# rien\nessai_port = 80\nessai_sites = [\"a\", \"b\"]\n");
        assert_eq!(parse(&both, &[]).unwrap(), (80, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(parse(&both, &["--port", "81", "--sites", "c"]).unwrap(), (81, vec!["c".to_owned()]));
        assert!(parse(&read(""), &[]).is_err(), "required, and nobody says it");
        let wrong = read("\nessai_port = \"haut\"");
        let error = parse(&wrong, &[]).unwrap_err();
        assert_eq!(wrong.place_of(&error).unwrap(), "« essai_port » vient de /etc/greffe/greffe.toml, ligne 2.");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let keys = ["dir".to_owned(), "key".to_owned(), "listen".to_owned()];
        let refused = |text: &str| format!("{:#}", Reglages::of(text, Path::new("greffe.toml"), &keys).unwrap_err());
        for (text, line, word) in [
            ("dir = 'a'\nlissten = 'b'\n", 2, "lissten n'est pas un réglage"),
            ("\n\n[serve]\ndir = 'a'\n", 3, "serve n'est pas un réglage"),
            ("dir = 'a'\ndir = 'b'\n", 2, "duplicate"),
            ("dir = \n", 1, ""),
            ("dir = 'a\n", 1, ""),
            ("\nlisten = 1.5\n", 2, "listen est un texte"),
            ("listen = [[1]]\n", 1, "listen est un texte"),
            ("listen = 0xff\n", 1, "listen est un texte"),
            ("listen = { port = 1 }\n", 1, "listen est un texte"),
            ("dir = 'a'\nkey = '''\n-----BEGIN PRIVATE KEY-----\n'''\n", 2, "une clé ne s'écrit pas ici"),
        ] {
            let told = refused(text);
            assert!(
                told.starts_with(&format!("greffe.toml, ligne {line} : ")) && told.contains(word),
                "{text:?}: {told}"
            );
        }
        let read = Reglages::of("dir = 'registre'\nkey = '/c.pem'", Path::new("/srv/g/greffe.toml"), &keys).unwrap();
        assert_eq!(read.values["dir"].values, ["/srv/g/registre"]);
        assert_eq!(read.values["key"].values, ["/c.pem"]);
    }
}
