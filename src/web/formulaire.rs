//! Forms: filters in the address, where what was left empty is not asked for; and who may send one that changes something.

use axum::extract::{FromRequestParts, Query};
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use maud::{Markup, html};
use serde::de::DeserializeOwned;

use super::refus::{Non, Refus};
use super::visiteur::est_locale;
use crate::http::problem::{Cause, Problem};
use crate::http::request::single_header;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The parameters of a list, as the API knows them, and the address that they were read from.
pub(super) struct Filtres<T> {
    pub query: T,
    /// Without what was left empty and without `apres`.
    adresse: String,
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Filtres<T> {
    type Rejection = Non;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Non> {
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let filled =
            || query.split('&').filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty()));
        let wrong = |detail: String| Problem::new(Cause::QueryInvalid, detail);
        let all = format!("{path}?{}", filled().collect::<Vec<_>>().join("&"));
        let uri = PathAndQuery::try_from(all).map(Uri::from).map_err(|error| wrong(error.to_string()))?;
        let Query(query) = Query::try_from_uri(&uri).map_err(|error| wrong(error.body_text()))?;
        let others: Vec<&str> = filled().filter(|pair| !pair.starts_with("apres=")).collect();
        let adresse = format!("{path}?{}", others.join("&"));
        Ok(Self { query, adresse })
    }
}

impl<T> Filtres<T> {
    /// Whether anything is filtered.
    pub fn filtre(&self) -> bool {
        !self.adresse.ends_with('?')
    }

    /// The first page of the same list.
    pub fn debut(&self) -> &str {
        self.adresse.trim_end_matches('?')
    }

    /// The page that starts at this cursor.
    pub fn suite(&self, apres: &str) -> String {
        format!("{}{}apres={apres}", self.adresse, if self.filtre() { "&" } else { "" })
    }

    /// Links to the first and to the next page, where there are such.
    pub fn pages(&self, is_first: bool, suite: Option<&str>) -> Markup {
        html! {
            @if !is_first || suite.is_some() {
                nav.pages aria-label="Pages" {
                    @if !is_first { a href=(self.debut()) rel="first" { "Première page" } }
                    @if let Some(suite) = suite { a href=(self.suite(suite)) rel="next" { "Page suivante" } }
                }
            }
        }
    }
}

/// A choice of one word, or of none.
pub(super) fn choix<'a>(
    nom: &str,
    libelle: &str,
    tous: &str,
    choisi: Option<&str>,
    mots: impl IntoIterator<Item = (&'a str, String)>,
) -> Markup {
    html! {
        div.champ {
            label for=(nom) { (libelle) }
            select id=(nom) name=(nom) {
                option value="" { (tous) }
                @for (mot, texte) in mots {
                    option value=(mot) selected[choisi == Some(mot)] { (texte) }
                }
            }
        }
    }
}

/// Whether a form that changes something was sent by a page of this site, which then tells whether it was over https.
///
/// Browsers say where a form comes from: `Sec-Fetch-Site` where the site is trustworthy, `Origin` always. A proxy may change `Host`, so that is
/// compared only where the first is missing. Whoever sends neither is no browser that we know.
pub(super) fn vient_de_ce_site(headers: &HeaderMap) -> Result<bool, Refus> {
    let header = |name| single_header(headers, &name).map_err(|_| Refus::AutreSite);
    let origin = header(ORIGIN)?.ok_or(Refus::AutreSite)?;
    let (scheme, authority) = origin.split_once("://").ok_or(Refus::AutreSite)?;
    let is_own = match header(SEC_FETCH_SITE)? {
        Some(site) => site == "same-origin",
        None => header(HOST)?.is_some_and(|host| host.eq_ignore_ascii_case(authority)),
    };
    match scheme {
        _ if !is_own => Err(Refus::AutreSite),
        "https" => Ok(true),
        _ if est_locale(authority) => Ok(false),
        _ => Err(Refus::EnClair),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_page_of_this_site_sends_its_forms() {
        const PRODUCTION: &str = "https://greffe.exemple.fr";
        type Cas<'a> = (&'a [(&'a str, &'a str)], Result<bool, Refus>);
        let table: [Cas<'_>; 11] = [
            (&[("origin", PRODUCTION), ("host", "greffe.exemple.fr")], Ok(true)),
            // A proxy that names itself.
            (&[("origin", PRODUCTION), ("host", "127.0.0.1:4180"), ("sec-fetch-site", "same-origin")], Ok(true)),
            (&[("origin", PRODUCTION), ("host", "127.0.0.1:4180")], Err(Refus::AutreSite)),
            (
                &[("origin", PRODUCTION), ("host", "greffe.exemple.fr"), ("sec-fetch-site", "cross-site")],
                Err(Refus::AutreSite),
            ),
            (
                &[("origin", PRODUCTION), ("host", "greffe.exemple.fr"), ("sec-fetch-site", "same-site")],
                Err(Refus::AutreSite),
            ),
            (&[("origin", "null"), ("host", "greffe.exemple.fr")], Err(Refus::AutreSite)),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], Err(Refus::AutreSite)),
            (&[("host", "greffe.exemple.fr")], Err(Refus::AutreSite)),
            (&[("origin", "http://127.0.0.1:4180"), ("host", "127.0.0.1:4180")], Ok(false)),
            (&[("origin", "http://greffe.mairie"), ("host", "greffe.mairie")], Err(Refus::EnClair)),
            (
                &[("origin", "https://ailleurs.fr"), ("origin", PRODUCTION), ("host", "greffe.exemple.fr")],
                Err(Refus::AutreSite),
            ),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            assert_eq!(vient_de_ce_site(&headers), expected, "{lines:?}");
        }
    }
}
