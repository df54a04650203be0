//! The style of all pages, and the script that verifies a receipt in the browser: files of this program, at addresses that name their
//! digest, so that browsers keep them for ever and a new version is fetched at once.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::refus::Non;
use crate::http::etag;
use crate::http::problem::Problem;

/// Bytes of the digest in an address: no two versions share one.
const VERSION_BYTES: usize = 8;

/// A file of this program.
pub(super) struct Fichier {
    nom: &'static str,
    media_type: &'static str,
    octets: &'static str,
}

/// The style.
pub(super) static STYLE: Fichier =
    Fichier { nom: "greffe.css", media_type: "text/css; charset=utf-8", octets: include_str!("statique/greffe.css") };

/// Verifies receipts.
pub(super) static PREUVE: Fichier = Fichier {
    nom: "preuve.js",
    media_type: "text/javascript; charset=utf-8",
    octets: include_str!("statique/preuve.js"),
};

impl Fichier {
    /// Where it is.
    pub fn adresse(&self) -> String {
        let version = HEXLOWER.encode(&Sha256::digest(self.octets)[..VERSION_BYTES]);
        format!("/statique/{}?v={version}", self.nom)
    }
}

static FICHIERS: [&Fichier; 2] = [&STYLE, &PREUVE];

/// `GET /statique/{nom}`.
pub(super) async fn donne(Path(nom): Path<String>) -> Result<Response, Non> {
    let fichier = FICHIERS.iter().find(|fichier| fichier.nom == nom).ok_or_else(Problem::not_found)?;
    let mut response = etag::bytes_as(fichier.media_type, fichier.octets.as_bytes());
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, kept);
    Ok(response)
}
