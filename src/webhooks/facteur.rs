//! One attempt over HTTP, from a thread that may block.
//!
//! No redirection is followed, no proxy asked, no cookie kept. Of an answer the status and `Retry-After` are read; its body is thrown
//! away, a little of it read first so that the connection can be used again.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::Error;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

use super::abonnement::Motif;
use super::adresse::{Annuaire, Portee, faute};
use super::message::Signe;
use super::suite::Reponse;
use super::{CONNEXION_MAX, Options};

/// How much of an answer's body is read, in bytes: what receivers that say « ok » say.
const BODY_BYTES_MAX: u64 = 4_096;
/// How long it is waited for.
const BODY_WAIT_MAX: Duration = Duration::from_secs(1);
/// Largest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Sends messages.
#[derive(Debug)]
pub struct Facteur {
    agent: ureq::Agent,
    portee: Portee,
}

impl Facteur {
    /// One that keeps to these waits and addresses.
    pub fn new(options: &Options) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .https_only(!options.portee.prives)
            .tls_config(tls(options))
            .timeout_connect(Some(CONNEXION_MAX.min(options.reponse)))
            .timeout_recv_body(Some(BODY_WAIT_MAX))
            .timeout_global(Some(options.reponse))
            .max_response_header_size(HEAD_BYTES_MAX)
            .user_agent(concat!("greffe/", env!("CARGO_PKG_VERSION"), " (webhooks)"))
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Annuaire::new(options.portee.clone()));
        Self { agent, portee: options.portee.clone() }
    }

    /// Sends a message, and says what became of it.
    pub fn envoyer(&self, url: &str, signe: &Signe, payload: &[u8]) -> Reponse {
        let failed = |motif| Reponse::Echec { motif, statut: None, retry_after: None };
        // What may be spoken to was set anew since the subscription was made, perhaps.
        if faute(url, &self.portee).is_some() {
            return failed(Motif::Adresse);
        }
        let answer = self
            .agent
            .post(url)
            .content_type("application/json")
            .header("webhook-id", &signe.id)
            .header("webhook-timestamp", signe.timestamp_s.to_string())
            .header("webhook-signature", &signe.signature)
            .send(payload);
        match answer {
            Ok(answer) => read(answer),
            Err(Error::Timeout(_)) => failed(Motif::Delai),
            Err(Error::HostNotFound | Error::BadUri(_)) => failed(Motif::Adresse),
            Err(Error::Tls(_) | Error::Rustls(_)) => failed(Motif::Tls),
            Err(Error::Io(error)) if error.kind() == ErrorKind::InvalidData => failed(Motif::Tls),
            Err(_) => failed(Motif::Liaison),
        }
    }
}

/// Whose certificates are believed: the public authorities that browsers know, or those that were named in their place.
fn tls(options: &Options) -> TlsConfig {
    let roots = match &options.autorites {
        Some(autorites) => RootCerts::new_with_certs(&autorites.0),
        None => RootCerts::WebPki,
    };
    TlsConfig::builder().root_certs(roots).build()
}

fn read(mut answer: Response<ureq::Body>) -> Reponse {
    let is_redirection = answer.status().is_redirection();
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| wait_of(text, SystemTime::now()));
    // Whatever it says, and whether or not it comes.
    let _ = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    match answer.status().as_u16() {
        200..=299 => Reponse::Livre,
        statut => Reponse::Echec {
            motif: if is_redirection { Motif::Redirection } else { Motif::Statut },
            statut: Some(statut),
            retry_after,
        },
    }
}

/// The wait that `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or a date.
fn wait_of(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(u64::try_from(at).ok()?.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, wait_s) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("-1", None),
            ("bientôt", None),
            ("", None),
        ] {
            assert_eq!(wait_of(text, now), wait_s.map(Duration::from_secs), "{text}");
        }
    }
}
