//! Whose certificates are believed where not the public authorities' that browsers know: an operator's own, for receivers on an intranet.
//!
//! They stand in the place of the public ones, not beside them: whoever wants both puts both into the file.

use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// Largest file that is read, in bytes: all public authorities take a quarter of a megabyte.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Certificates of authorities. Made of the name of a file, which holds them in PEM.
#[derive(Debug, Clone)]
pub struct Autorites(pub(super) Arc<Vec<Certificate<'static>>>);

/// Why a file names no authority.
#[derive(Debug, Error)]
pub enum AutoritesError {
    /// The file.
    #[error("{0} est illisible : {1}")]
    Io(String, std::io::Error),
    /// What is in it.
    #[error("{0} ne contient pas de certificats en PEM (-----BEGIN CERTIFICATE-----), ou plus de 4 Mio")]
    Pem(String),
}

impl Autorites {
    /// Those of a file.
    pub fn read(path: &Path) -> Result<Self, AutoritesError> {
        let name = path.display().to_string();
        let mut pem = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem));
        read.map_err(|error| AutoritesError::Io(name.clone(), error))?;
        let wrong = || AutoritesError::Pem(name.clone());
        if pem.len() as u64 > FILE_BYTES_MAX {
            return Err(wrong());
        }
        let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
        let certificates = items.into_iter().filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        });
        let certificates: Vec<_> = certificates.collect();
        if certificates.is_empty() { Err(wrong()) } else { Ok(Self(Arc::new(certificates))) }
    }
}

impl FromStr for Autorites {
    type Err = AutoritesError;

    fn from_str(path: &str) -> Result<Self, AutoritesError> {
        Self::read(Path::new(path))
    }
}
