//! How a command says that it failed: in French what and where, with the stable code where there is one, then what to do; last
//! the detail, in English, as problems of the API are told ([`super::client::Problem`]).
//!
//! ```text
//! greffe : membre.json : Un champ n'est pas valide [data-invalid] — data.siren
//!   Corrigez le champ indiqué, …
//!   détail : a SIREN has nine digits
//! ```
//!
//! An error is a chain of causes. What the command line itself adds to it is in French; what lies below has types, whose words are
//! English: the commonest of them have a French sentence here, of the others their own text is the detail. A wrong command line is
//! told by [`usage`].

mod systeme;
pub mod usage;

use std::error::Error;
use std::io;

use greffe_events::Refusal;
use greffe_events::key::KeyError;
use thiserror::Error;

use crate::audit::{AuditError, ReadError};
use crate::ledger::LedgerError;
use crate::ledger::folder::FolderError;
use crate::ledger::guard::GuardError;
use crate::ledger::opening::OpeningError;
use crate::store::StoreError;

/// A cause that only a detail can tell, in English.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Detail(pub String);

/// What is said of an error.
#[derive(Debug, Default)]
struct Dit {
    /// From the outermost cause to the innermost, in French.
    phrases: Vec<String>,
    conseil: Option<String>,
    details: Vec<String>,
}

/// Says an error with all its causes.
pub fn dire(error: &anyhow::Error) -> String {
    let mut dit = Dit::default();
    for cause in error.chain() {
        if dit.take(cause).is_last {
            break;
        }
    }
    dit.to_string()
}

/// Whether a cause's words say the causes below it too.
struct Taken {
    is_last: bool,
}

const MORE: Taken = Taken { is_last: false };
const LAST: Taken = Taken { is_last: true };

impl Dit {
    fn take(&mut self, cause: &(dyn Error + 'static)) -> Taken {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            self.refusal(refusal);
        } else if let Some(error) = cause.downcast_ref::<FolderError>() {
            self.folder(error);
        } else if let Some(error) = cause.downcast_ref::<StoreError>() {
            self.store(error);
        } else if let Some(error) = cause.downcast_ref::<OpeningError>() {
            match error {
                OpeningError::Folder(error) => self.folder(error),
                OpeningError::Store(error) => self.store(error),
                OpeningError::Refused(refusal) => self.refusal(refusal),
                OpeningError::Io { path, source } => {
                    self.phrase(path.display());
                    self.io(source);
                }
                other => self.detail(other),
            }
        } else if let Some(error) = cause.downcast_ref::<LedgerError>() {
            match error {
                LedgerError::Folder(error) => self.folder(error),
                LedgerError::Store(error) => self.store(error),
                LedgerError::Guard(error) => self.guard(error),
                other => self.ledger(other),
            }
        } else if let Some(error) = cause.downcast_ref::<AuditError>() {
            match error {
                AuditError::Store(error) => self.store(error),
                AuditError::Io { path, source } => {
                    self.phrase(path.display());
                    self.io(source);
                }
                AuditError::NotEntitled(error) => self.not_entitled(error),
                other => {
                    self.phrase("les feuilles n'ont pas pu être lues");
                    self.detail(other);
                }
            }
        } else if let Some(error) = cause.downcast_ref::<KeyError>() {
            self.key(error);
        } else if let Some(error) = cause.downcast_ref::<io::Error>() {
            self.io(error);
        } else if let Some(error) = cause.downcast_ref::<ureq::Error>() {
            self.http(error);
        } else if is_english(cause) {
            self.detail(cause);
            return MORE;
        } else {
            self.phrase(cause);
            return MORE;
        }
        LAST
    }

    /// A phrase, unless the one before it ends with it.
    fn phrase(&mut self, text: impl std::fmt::Display) {
        let text = text.to_string();
        if !text.is_empty() && !self.phrases.last().is_some_and(|said| said.ends_with(&text)) {
            self.phrases.push(text);
        }
    }

    fn conseil(&mut self, text: impl Into<String>) {
        self.conseil.get_or_insert(text.into());
    }

    fn detail(&mut self, text: impl std::fmt::Display) {
        let text = text.to_string();
        if !self.details.iter().any(|said| said.ends_with(&text)) {
            self.details.push(text);
        }
    }

    fn refusal(&mut self, Refusal { code, detail, field }: &Refusal) {
        let champ = field.as_deref().map(|field| format!(" — {field}")).unwrap_or_default();
        self.phrase(format_args!("{} [{code}]{champ}", code.titre()));
        self.conseil(code.conseil());
        self.detail(detail);
    }

    fn folder(&mut self, error: &FolderError) {
        match error {
            FolderError::Io { path, source, .. } => {
                self.phrase(path.display());
                self.io(source);
            }
            FolderError::Locked(path) => {
                self.phrase(format_args!("{} est déjà ouvert par un autre processus greffe", path.display()));
                self.conseil("Arrêtez le nœud qui sert ce dossier, ou demandez-lui ce que vous cherchez (--url).");
            }
            FolderError::Inside { path, root } => {
                self.phrase(format_args!("{} est dans {}", path.display(), root.display()));
                self.conseil(
                    "Choisissez une place hors de ce dossier : ce fichier ne doit pas aller dans ses sauvegardes.",
                );
            }
            FolderError::Readable { path, mode } => {
                self.phrase(format_args!(
                    "{} est un secret, et d'autres que vous peuvent le lire (mode {mode:o})",
                    path.display()
                ));
                self.conseil(format!("chmod 600 {}", path.display()));
            }
            FolderError::Key { path, source } => {
                self.phrase(path.display());
                self.key(source);
            }
        }
    }

    fn key(&mut self, error: &KeyError) {
        match error {
            KeyError::Pem => {
                self.phrase("ce n'est pas une clé privée Ed25519 (PKCS#8, PEM)");
                self.conseil("Donnez le fichier d'une clé privée ; « greffe key new » en fait une, openssl genpkey -algorithm ed25519 aussi.");
            }
            KeyError::Random(_) => self.phrase("le système ne donne pas d'aléa"),
            _ => self.phrase("cette clé n'est pas valide"),
        }
        self.detail(error);
    }

    fn store(&mut self, error: &StoreError) {
        match error {
            StoreError::Missing { path } => {
                self.phrase(format_args!("{} n'existe pas : il n'y a pas de registre ici", path.display()));
                self.conseil("Vérifiez le dossier (--dir) ; « greffe init » crée un registre.");
            }
            StoreError::Exists { path } => {
                self.phrase(format_args!("{} existe déjà", path.display()));
                self.conseil("Un registre ne se crée que là où il n'y en a pas : choisissez un autre dossier.");
            }
            StoreError::Busy { .. } => {
                self.phrase("le registre est occupé");
                self.conseil("Refaites la même commande dans un instant.");
            }
            StoreError::NoRoom { .. } => {
                self.phrase("le disque est plein, ou presque");
                self.conseil("Faites de la place sur le disque, puis refaites la même commande.");
            }
            StoreError::Io { path, source, .. } => {
                self.phrase(path.display());
                return self.io(source);
            }
            other => {
                self.phrase("le registre ne se lit pas");
                let passing = other.is_passing();
                self.conseil(if passing {
                    "Réessayez dans un instant ; vérifiez l'adresse (--store)."
                } else {
                    EXAMINE
                });
            }
        }
        self.detail(error);
    }

    fn guard(&mut self, error: &GuardError) {
        self.phrase("le témoin anti-retour ne permet pas d'écrire dans ce registre");
        self.conseil(match error {
            GuardError::Missing { .. } => {
                "Remettez le témoin à sa place. Si ce registre est l'état le plus récent, et alors seulement : --accept-store, une fois."
            }
            GuardError::RolledBack { .. } | GuardError::Forked { .. } => {
                "Une sauvegarde a sans doute été restaurée : remettez l'état le plus récent, sans quoi le registre signerait une seconde histoire."
            }
            _ => EXAMINE,
        });
        self.detail(error);
    }

    fn ledger(&mut self, error: &LedgerError) {
        self.phrase("le registre ne s'ouvre pas");
        self.conseil(EXAMINE);
        self.detail(error);
    }

    /// The node does not let this key read every leaf.
    fn not_entitled(&mut self, error: &ReadError) {
        if let ReadError::NotEntitled { has_token: false, .. } = error {
            self.phrase("les feuilles ne sont pas pour tous [token-missing]");
            self.conseil("Donnez la clé de l'opérateur ou d'un auditeur de tout (--key).");
        } else if let ReadError::NotEntitled { status: 401, .. } = error {
            self.phrase("le nœud ne reconnaît pas cette clé, ou elle n'est pas en vigueur");
            self.conseil("Employez une clé enrôlée ici et en vigueur, celle de l'opérateur ou d'un auditeur de tout (auditeur:*).");
        } else {
            self.phrase("cette clé ne lit pas tout le registre [token-not-entitled]");
            self.conseil(
                "Tout l'historique se vérifie avec la clé de l'opérateur ou d'un auditeur de tout (auditeur:*). Avec celle d'un auditeur d'un seul organisme \
                 (auditeur:<SIREN>) : « greffe export --siren <SIREN> --key … », puis « greffe verify » de ce fichier.",
            );
        }
        self.detail(error);
    }
}

/// What to do where a folder may be damaged.
const EXAMINE: &str = "« greffe doctor --dir … » examine le dossier et dit que faire.";

/// Whether the words of a cause are English: those of every type but what the command line itself says.
fn is_english(cause: &(dyn Error + 'static)) -> bool {
    macro_rules! one_of {
        ($($error:ty),* $(,)?) => { $(cause.is::<$error>())||* };
    }
    one_of!(
        Detail,
        serde_json::Error,
        rusqlite::Error,
        std::string::FromUtf8Error,
        tokio::task::JoinError,
        getrandom::Error,
        greffe_events::ident::IdentError,
        greffe_projections::RunError,
        greffe_projections::LogError,
        crate::extrait::ExtraitError,
        crate::extrait::demande::DemandeError,
        crate::formats::actes::archive::ArchiveError,
        crate::http::lectures::LecturesError,
        crate::ledger::index::IndexError,
        crate::ledger::pieces::PieceError,
        crate::store::AppendError,
        crate::tlog::CheckpointError,
        crate::tlog::KeyError,
        crate::tlog::NoteError,
        crate::vues::FollowError,
        crate::webhooks::WebhooksError,
    )
}

impl std::fmt::Display for Dit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.phrases.is_empty() {
            f.write_str("la commande n'a pas abouti")?;
        }
        f.write_str(&self.phrases.join(" : "))?;
        if let Some(conseil) = &self.conseil {
            write!(f, "\n  {conseil}")?;
        }
        if !self.details.is_empty() {
            write!(f, "\n  détail : {}", self.details.join(": "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use anyhow::Context;
    use greffe_events::Code;

    #[test]
    fn an_error_is_told_in_french_with_what_to_do_and_its_detail_last() {
        let refusal = Refusal::new(Code::DataInvalid, "a SIREN has nine digits").at("data.siren");
        let missing = io::Error::from_raw_os_error(2);
        let table: [(anyhow::Error, &[&str]); 6] = [
            (
                anyhow::Error::new(refusal).context("membre.json"),
                &[
                    "membre.json : Un champ n'est pas valide [data-invalid] — data.siren\n  ",
                    "\n  détail : a SIREN has nine digits",
                ],
            ),
            (
                anyhow::Error::new(missing).context("x.json est illisible"),
                &["x.json est illisible : introuvable\n  Vérifiez le chemin.\n  détail : No such file"],
            ),
            (
                FolderError::Readable { path: "a.pem".into(), mode: 0o644 }.into(),
                &["a.pem est un secret, et d'autres que vous peuvent le lire (mode 644)\n  chmod 600 a.pem"],
            ),
            (
                LedgerError::Folder(FolderError::Locked("registre".into())).into(),
                &["registre est déjà ouvert par un autre processus greffe\n  Arrêtez"],
            ),
            (
                Err::<(), _>(serde_json::from_str::<u8>("x").unwrap_err()).context("réponse illisible").unwrap_err(),
                &["réponse illisible\n  détail : expected value"],
            ),
            (Detail("that is that".to_owned()).into(), &["la commande n'a pas abouti\n  détail : that is that"]),
        ];
        for (error, parts) in table {
            let said = dire(&error);
            assert!(said.starts_with(parts[0]) && parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}
