//! What organisations are called: their member's name where the reader may see that member, else their number.

use std::collections::BTreeMap;

use greffe_events::ident::Organisation;
use greffe_projections::adherents;

use crate::http::App;
use crate::http::access::Reader;
use crate::http::problem::Problem;
use crate::http::vues::acces_propre;

/// Names by organisation (`urn:siren:…`).
#[derive(Debug, Default)]
pub(super) struct Noms(BTreeMap<String, String>);

impl Noms {
    /// Of these, as far as the reader may see.
    pub fn de<'a>(
        app: &App,
        reader: &Reader,
        organisations: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let (acces, now_ms) = (acces_propre(reader), app.ledger.now_ms());
        let noms = app.vues.adherents.read(|view, _| {
            let mut noms = BTreeMap::new();
            for organisation in organisations {
                if noms.contains_key(organisation) {
                    continue;
                }
                if let Some(nom) = adherents::find(view, &acces, organisation, now_ms)?.and_then(|row| row.denomination)
                {
                    noms.insert(organisation.to_owned(), nom);
                }
            }
            Ok(noms)
        })?;
        Ok(Self(noms))
    }

    /// The name of one.
    pub fn nom(&self, organisation: &str) -> String {
        self.0.get(organisation).cloned().unwrap_or_else(|| numero(organisation))
    }
}

/// « SIREN 214 502 494 », or the other identifier.
fn numero(organisation: &str) -> String {
    match organisation.parse::<Organisation>() {
        Ok(Organisation::Siren(siren)) => {
            let digits = siren.as_str();
            // Narrow no-break spaces, as French groups digits.
            format!("SIREN {}\u{202f}{}\u{202f}{}", &digits[..3], &digits[3..6], &digits[6..])
        }
        _ => organisation.strip_prefix("urn:").unwrap_or(organisation).to_owned(),
    }
}
