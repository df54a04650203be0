//! The HTTP client of the commands that speak to a node.
//!
//! Every wait and body is bounded; a problem (RFC 9457) of the node becomes an error in its own French words.

mod card;

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, bail};
use greffe_events::Uuid;
use greffe_events::dsse::Envelope;
use greffe_events::ident::Origin;
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use serde::Deserialize;

use self::card::{Card, read_card};
use super::erreur::Detail;
use super::say;
use crate::audit::{ReceiptError, verify_receipt};
use crate::http::auth::{self, Requete};
use crate::ledger::clock::Clock;
use crate::ledger::head::Receipt;
use crate::tlog::note::MAX_NOTE_BYTES;
use crate::tlog::{Checkpoint, Note, Verifier};

/// Longest wait for one answer; an upload of the largest piece over a slow line fits.
const ANSWER_WAIT_MAX: Duration = Duration::from_mins(15);

/// Longest wait for a connection.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Largest answer read into memory, in bytes: a list of 1,000 acts.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A node, and what it says of itself.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    origin: Origin,
    /// Read again when the log's key is replaced.
    card: RefCell<Card>,
    clock: Clock,
}

/// What the node answers to an event.
pub enum Posted {
    /// Recorded just now.
    New(Receipt),
    /// The same bytes were recorded before.
    Known(Receipt),
    /// Refused.
    Refused(Problem),
}

/// A problem of the node.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// French title.
    #[serde(default)]
    pub titre: String,
    /// Details, in English.
    #[serde(default)]
    pub detail: String,
    /// Which field.
    #[serde(default)]
    pub champ: Option<String>,
    /// What to do, in French.
    #[serde(default)]
    pub conseil: String,
    /// Where a key had too many refusals: the refusal that was not recorded.
    #[serde(default)]
    pub motif: Option<Box<Self>>,
    /// The leaf that records the refusal, and its receipt.
    #[serde(default)]
    pub refus: Option<serde_json::Value>,
}

/// In French what and where, then what to do; last the detail, in English.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.titre, self.code)?;
        if let Some(champ) = &self.champ {
            write!(f, " — {champ}")?;
        }
        if let Some(index) = self.refus.as_ref().and_then(|refus| refus.get("index")) {
            write!(f, " (refus consigné à l'indice {index})")?;
        }
        if !self.conseil.is_empty() {
            write!(f, "\n  {}", self.conseil)?;
        }
        if !self.detail.is_empty() {
            write!(f, "\n  détail : {}", self.detail)?;
        }
        match &self.motif {
            Some(motif) => write!(f, "\n  {motif}"),
            None => Ok(()),
        }
    }
}

impl Client {
    /// Reaches a node and learns which log it keeps.
    pub fn connect(url: &str) -> anyhow::Result<Self> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_WAIT_MAX))
            .timeout_global(Some(ANSWER_WAIT_MAX))
            .user_agent(concat!("greffe/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("l'adresse d'un nœud commence par http:// ou https:// : http://{url} ?");
        }
        let card = read_card(&agent, &url)?;
        Ok(Self { agent, url, origin: card.origin.clone(), card: RefCell::new(card), clock: Clock::default() })
    }

    /// The same by another clock than the machine's: the one of a node in simulated time, which takes no token of another.
    pub fn by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Unix milliseconds, now, by the clock of this client.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// An id for a new event: version 7, by the same clock.
    pub fn new_id(&self) -> Uuid {
        let ms = self.now_ms();
        let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1_000, nanos))
    }

    /// Refuses a node that says it keeps another log than the pinned one: a wrong address gets no token of ours. A node that repeats
    /// another's card does get one: what it could do with it, `http::auth` says.
    pub fn expect_log(&self, pinned: &Verifier) -> anyhow::Result<()> {
        let card = self.card.borrow();
        if card.names(&pinned.to_string()) && self.origin.as_str() == pinned.name().as_str() {
            return Ok(());
        }
        bail!(
            "{} annonce le registre {} et la clé {} : ce n'est pas celui que vous avez épinglé",
            self.url,
            self.origin,
            card.vkey
        )
    }

    /// The log's name.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's key, as the node itself says: good for a receipt of one's own, never for an audit.
    pub fn claimed_verifier(&self) -> anyhow::Result<Verifier> {
        Verifier::parse(&self.card.borrow().vkey).context("la clé que le nœud annonce est illisible")
    }

    fn bearer(&self, key: &SecretKey, request: &Requete) -> anyhow::Result<String> {
        self.expect_private()?;
        Ok(format!("Bearer {}", auth::issue_for(key, &self.origin, self.now_ms() / 1_000, request)))
    }

    /// A reader token for this node, good for all that the key reads.
    pub fn token(&self, key: &SecretKey) -> anyhow::Result<String> {
        self.expect_private()?;
        Ok(auth::issue(key, &self.origin, self.now_ms() / 1_000))
    }

    /// A token is good for whoever overhears it, so it travels in the clear within the machine only.
    pub fn expect_private(&self) -> anyhow::Result<()> {
        let is_private = self.url.starts_with("https://") || is_loopback(&self.url);
        if !is_private {
            bail!(
                "{} n'est pas chiffré : un jeton n'y voyage pas (https://, ou une adresse de cette machine)",
                self.url
            );
        }
        Ok(())
    }

    /// Posts an envelope.
    pub fn post(&self, envelope: &Envelope) -> anyhow::Result<Posted> {
        let mut answer = self
            .agent
            .post(format!("{}/v1/events", self.url))
            .content_type("application/json")
            .send(envelope.to_json())
            .context("l'envoi n'a pas abouti ; refaites la même commande, rien ne sera enregistré deux fois")?;
        let status = answer.status().as_u16();
        let text = read_text(&mut answer)?;
        Ok(match status {
            201 => Posted::New(self.checked_receipt(&text, Some(envelope))?),
            200 => Posted::Known(self.checked_receipt(&text, Some(envelope))?),
            503 | 429 => bail!("{}", problem(status, &text)),
            _ => Posted::Refused(problem(status, &text)),
        })
    }

    /// Posts envelopes together, in order: one answer for each. A node takes at most 1,000, in 8 MiB.
    pub fn post_all(&self, envelopes: &[Envelope]) -> anyhow::Result<Vec<Posted>> {
        #[derive(Deserialize)]
        struct Line {
            status: u16,
            receipt: Option<Box<serde_json::value::RawValue>>,
            problem: Option<Problem>,
        }
        let body: String = envelopes.iter().map(|envelope| envelope.to_json() + "\n").collect();
        let mut answer = self
            .agent
            .post(format!("{}/v1/events", self.url))
            .content_type("application/x-ndjson")
            .send(body)
            .context("l'envoi n'a pas abouti ; refaites la même commande, rien ne sera enregistré deux fois")?;
        let status = answer.status().as_u16();
        let text = read_text(&mut answer)?;
        if status != 200 {
            bail!("{}", problem(status, &text));
        }
        let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Line>, _>>();
        let lines = lines.context("la réponse du nœud est illisible")?;
        if lines.len() != envelopes.len() {
            bail!("le nœud a répondu à {} événements sur {}", lines.len(), envelopes.len());
        }
        let posted = lines.into_iter().zip(envelopes).map(|(line, envelope)| match (line.receipt, line.problem) {
            (Some(receipt), _) => {
                let receipt = self.checked_receipt(receipt.get(), Some(envelope))?;
                Ok(if line.status == 201 { Posted::New(receipt) } else { Posted::Known(receipt) })
            }
            (None, Some(problem)) => Ok(Posted::Refused(problem)),
            (None, None) => bail!("le nœud a rendu une ligne sans reçu ni refus"),
        });
        posted.collect()
    }

    /// Reads a receipt and verifies it against the key that the node announces, and that it is of what was sent.
    fn checked_receipt(&self, text: &str, sent: Option<&Envelope>) -> anyhow::Result<Receipt> {
        let receipt: Receipt = serde_json::from_str(text).context("reçu illisible")?;
        let verify = || Ok::<_, anyhow::Error>(verify_receipt(text.as_bytes(), &self.claimed_verifier()?));
        let mut verified = verify()?;
        if matches!(verified, Err(ReceiptError::OtherKey { .. })) && self.follow_succession()? {
            verified = verify()?;
        }
        let report = verified.map_err(|error| {
            let what = format!("le nœud a rendu un reçu qui ne vaut rien [{}]", error.code());
            anyhow::Error::new(Detail(error.to_string())).context(what)
        })?;
        if sent.is_some_and(|sent| sent.payload() != report.payload) {
            bail!("le nœud a rendu le reçu d'un autre événement, à l'indice {}", receipt.index);
        }
        Ok(receipt)
    }

    /// Reads the card again: whether the log has another key now, in whose chain the one known so far stands. The event
    /// just posted may be the one that names it.
    fn follow_succession(&self) -> anyhow::Result<bool> {
        let card = read_card(&self.agent, &self.url)?;
        let mut known = self.card.borrow_mut();
        if !card.continues(&known) {
            return Ok(false);
        }
        say(format_args!(
            "La clé du registre {} est désormais\n  {}\nL'opérateur doit la publier. Gardez aussi l'ancienne, pour les reçus déjà rendus :\n  {}",
            self.origin, card.vkey, known.vkey
        ));
        *known = card;
        Ok(true)
    }

    /// The receipt of an event that is recorded; none where the node says 404.
    pub fn receipt(&self, key: &SecretKey, index: u64) -> anyhow::Result<Option<Receipt>> {
        let receipt = self.get_json(key, &format!("/v1/events/{index}/receipt"))?;
        receipt.map(|receipt| self.checked_receipt(&receipt.to_string(), None)).transpose()
    }

    /// Deposits a piece.
    pub fn deposit(
        &self,
        key: &SecretKey,
        octets: &[u8],
        sha256: Empreinte,
        sel: Option<Empreinte>,
        nom: Option<&str>,
    ) -> anyhow::Result<()> {
        let target = format!("/v1/pieces/{sha256}");
        let (sel, nom) = (sel.map(|sel| sel.to_string()), nom.map(percent_encoded));
        let bound = Requete { method: "PUT", target: &target, sel: sel.as_deref(), nom: nom.as_deref() };
        let mut request = self
            .agent
            .put(format!("{}{target}", self.url))
            .header("Authorization", self.bearer(key, &bound)?)
            .content_type("application/octet-stream");
        if let Some(sel) = sel {
            request = request.header("Greffe-Sel", sel);
        }
        if let Some(nom) = nom {
            request = request.header("Greffe-Nom", nom);
        }
        let mut answer = request.send(octets).context("le dépôt d'une pièce n'a pas abouti")?;
        let status = answer.status().as_u16();
        if matches!(status, 200 | 201) {
            return Ok(());
        }
        let text = read_text(&mut answer)?;
        bail!("dépôt d'une pièce refusé : {}", problem(status, &text))
    }

    /// Reads JSON; none where the node says 404.
    pub fn get_json(&self, key: &SecretKey, path: &str) -> anyhow::Result<Option<serde_json::Value>> {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", self.bearer(key, &Requete { method: "GET", target: path, ..Requete::default() })?)
            .call()
            .context("la lecture n'a pas abouti")?;
        let status = answer.status().as_u16();
        let text = read_text(&mut answer)?;
        match status {
            200 => serde_json::from_str(&text).map(Some).context("réponse illisible"),
            404 => Ok(None),
            _ => bail!("{}", problem(status, &text)),
        }
    }

    /// Asks for something that is not a file, with a token bound to it, and gives its JSON; null where nothing is answered.
    pub fn ask(&self, key: &SecretKey, method: &str, target: &str) -> anyhow::Result<serde_json::Value> {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{target}", self.url));
        let bound = Requete { method, target, ..Requete::default() };
        let request = request.header("Authorization", self.bearer(key, &bound)?);
        // An empty body is said to be empty: a node that answers before one that has no end closes the connection.
        let sent =
            if method == "POST" { self.agent.run(request.body(&[][..])?) } else { self.agent.run(request.body(())?) };
        let mut answer = sent.context("la demande n'a pas abouti")?;
        let status = answer.status().as_u16();
        let text = read_text(&mut answer)?;
        match status {
            200..=202 => serde_json::from_str(&text).context("réponse illisible"),
            204 => Ok(serde_json::Value::Null),
            _ => bail!("{}", problem(status, &text)),
        }
    }

    /// Reads an answer as it comes; none where the node says 404.
    pub fn get_stream(&self, key: &SecretKey, path: &str) -> anyhow::Result<Option<impl std::io::Read + use<>>> {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", self.bearer(key, &Requete { method: "GET", target: path, ..Requete::default() })?)
            .config()
            // As long as something comes.
            .timeout_global(None)
            .timeout_recv_response(Some(ANSWER_WAIT_MAX))
            .build()
            .call()
            .context("la lecture n'a pas abouti")?;
        match answer.status().as_u16() {
            200 => Ok(Some(answer.into_body().into_reader())),
            404 => Ok(None),
            status => bail!("{}", problem(status, &read_text(&mut answer)?)),
        }
    }

    /// How many leaves the log has now, by its own word.
    pub fn size(&self) -> anyhow::Result<u64> {
        let mut answer =
            self.agent.get(format!("{}/checkpoint", self.url)).call().context("la lecture n'a pas abouti")?;
        let note = answer.body_mut().with_config().limit(MAX_NOTE_BYTES as u64).read_to_vec()?;
        Ok(Checkpoint::parse(Note::parse(&note)?.text())?.size())
    }

    /// Reads the bytes of a piece; none where the node says 404.
    pub fn get_piece(&self, key: &SecretKey, reference: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.get_named_piece(key, reference, bytes_max)?.map(|(octets, _)| octets))
    }

    /// Reads the bytes of a piece and the name that its depositor gave; none where the node says 404, or 410.
    pub fn get_named_piece(
        &self,
        key: &SecretKey,
        reference: &str,
        bytes_max: u64,
    ) -> anyhow::Result<Option<(Vec<u8>, Option<String>)>> {
        let target = format!("/v1/pieces/{reference}");
        let bound = Requete { method: "GET", target: &target, ..Requete::default() };
        let mut answer = self
            .agent
            .get(format!("{}{target}", self.url))
            .header("Authorization", self.bearer(key, &bound)?)
            .call()
            .context("la lecture d'une pièce n'a pas abouti")?;
        match answer.status().as_u16() {
            200 => {
                let header = answer.headers().get("Content-Disposition").and_then(|value| value.to_str().ok());
                let nom = header.and_then(|text| text.split_once("filename*=UTF-8''")).map(|(_, nom)| nom.to_owned());
                let nom = nom.and_then(|nom| crate::http::pieces::percent_decoded(&nom));
                Ok(Some((answer.body_mut().with_config().limit(bytes_max).read_to_vec()?, nom)))
            }
            // Not there, or erased.
            404 | 410 => Ok(None),
            status => bail!("{}", problem(status, &read_text(&mut answer)?)),
        }
    }
}

fn read_text(answer: &mut ureq::http::Response<ureq::Body>) -> anyhow::Result<String> {
    answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().context("la réponse du nœud est illisible")
}

fn problem(status: u16, text: &str) -> Problem {
    serde_json::from_str(text).unwrap_or_else(|_| Problem {
        code: format!("http-{status}"),
        titre: "Réponse inattendue".to_owned(),
        detail: text.chars().take(200).collect(),
        champ: None,
        conseil: String::new(),
        motif: None,
        refus: None,
    })
}

/// Whether an `http://` URL stays within this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// RFC 3986 §2.1, everything but unreserved characters.
pub fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_in_the_clear_within_the_machine_only() {
        for within in ["http://127.0.0.1:4180", "http://localhost", "http://[::1]:80/x", "http://127.8.9.1/"] {
            assert!(is_loopback(within), "{within}");
        }
        for beyond in [
            "http://10.0.0.1:4180",
            "http://localhost.example.org",
            "http://example.org:127",
            "http://127.0.0.1.example.org",
        ] {
            assert!(!is_loopback(beyond), "{beyond}");
        }
    }
}
