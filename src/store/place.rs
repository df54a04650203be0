//! Where the leaves of a ledger are, as an operator says it: `sqlite`, or the connection string of a KurrentDB.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "kurrentdb")]
use super::kurrentdb::{KurrentdbStore, address::Address};
use super::sqlite::SqliteStore;
use super::{EventStore, StoreError};

/// Where the leaves are.
#[derive(Clone, Default)]
pub enum Place {
    /// In the ledger's folder.
    #[default]
    Folder,
    /// In a stream of a KurrentDB, which other nodes may write too.
    #[cfg(feature = "kurrentdb")]
    Stream(Box<Address>),
}

impl Place {
    /// Makes an empty ledger there. Refuses a place that holds one.
    pub fn create(&self, folder: &Path) -> Result<Arc<dyn EventStore>, StoreError> {
        Ok(match self {
            Self::Folder => Arc::new(SqliteStore::create(folder)?),
            #[cfg(feature = "kurrentdb")]
            Self::Stream(address) => Arc::new(KurrentdbStore::create(address)?),
        })
    }

    /// Opens the ledger that is there.
    pub fn open(&self, folder: &Path) -> Result<Arc<dyn EventStore>, StoreError> {
        Ok(match self {
            Self::Folder => Arc::new(SqliteStore::open(folder)?),
            #[cfg(feature = "kurrentdb")]
            Self::Stream(address) => Arc::new(KurrentdbStore::open(address)?),
        })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sqlite" {
            return Ok(Self::Folder);
        }
        #[cfg(feature = "kurrentdb")]
        if Address::is_one(text) {
            let address = Address::parse(text).map_err(|error| error.to_string())?;
            return Ok(Self::Stream(Box::new(address)));
        }
        Err("sqlite, or the connection string of a KurrentDB: esdb://…".to_owned())
    }
}

/// Without hosts, users and passwords.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("sqlite"),
            #[cfg(feature = "kurrentdb")]
            Self::Stream(address) => write!(f, "stream {}", address.stream),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_place_is_sqlite_or_a_connection_string() {
        assert!(matches!("sqlite".parse(), Ok(Place::Folder)));
        for bad in ["", "SQLITE", "postgres://a", "/srv/greffe"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
        #[cfg(feature = "kurrentdb")]
        {
            let place: Place = "esdb://secret.example:1?tls=false&stream=essai".parse().unwrap();
            assert_eq!(format!("{place} {place:?}"), "stream essai stream essai", "no address in logs");
            assert!("esdb://a:b@c".parse::<Place>().is_err());
        }
    }
}
