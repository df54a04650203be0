//! The world of the tests: a node that listens, the organisations around it, and what they send.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::SystemTime;

use greffe::http::auth::Requete;
use greffe::http::lectures::Lectures;
use greffe::http::{App, auth, serve};
use greffe::ledger::folder::Folder;
use greffe::ledger::opening::NewLedger;
use greffe::ledger::pieces::Quota;
use greffe::ledger::{Ledger, Options};
use greffe::store::place::Place;
use greffe::tlog::Verifier;
use greffe::vues::{self, Vues, toutes};
use greffe::webhooks::{self, Webhooks};
use greffe_events::Uuid;
use greffe_events::dsse::Envelope;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdActe, Origin};
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use greffe_projections::Projection;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use ureq::http::{HeaderMap, Method, Request};

use crate::description;

pub const ORIGIN: &str = "greffe.example";
/// The site whose pages may read.
pub const SITE: &str = "https://portail.example";
pub const OPERATOR: &str = "urn:siren:219600012";
pub const COMMUNE: &str = "urn:siren:214502494";
pub const OTHER_COMMUNE: &str = "urn:siren:210703385";
pub const PREFECTURE: &str = "urn:siren:491011698";
pub const OTHER_PREFECTURE: &str = "urn:siren:219600020";
pub const COUR: &str = "urn:iso6523:0060:123456789";
pub const PDF: &[u8] = b"%PDF-1.7 une deliberation";

/// Whose keys are whose, by seed.
pub const OPERATOR_KEY: u8 = 1;
pub const COMMUNE_KEY: u8 = 10;
pub const OTHER_COMMUNE_KEY: u8 = 11;
pub const PREFECTURE_KEY: u8 = 12;
pub const OTHER_PREFECTURE_KEY: u8 = 13;
pub const AUDITOR_KEY: u8 = 14;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// An instant some seconds from now, as events write it.
pub fn instant(offset_s: i64) -> String {
    Horodatage::from_unix_ms(now_ms().checked_add_signed(offset_s * 1_000).unwrap()).to_string()
}

pub fn token(seed: u8) -> String {
    auth::issue(&key(seed), &ORIGIN.parse().unwrap(), now_ms() / 1_000)
}

/// A token for one request.
pub fn token_for(key: &SecretKey, request: &Requete) -> String {
    auth::issue_for(key, &ORIGIN.parse().unwrap(), now_ms() / 1_000, request)
}

/// A token for the deposit at this path, with this salt.
pub fn deposit_token(seed: u8, path: &str, sel: Option<&str>) -> String {
    token_for(&key(seed), &Requete { method: "PUT", target: path, sel, nom: None })
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: not JSON: {}", self.status, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, without the request's own id.
    pub fn body_but_id(&self) -> String {
        self.text().replace(self.header("x-request-id"), "")
    }

    /// The body of an answer that has to be of this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Status and code of a problem, which has to be a whole one.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text());
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("urn:greffe:probleme:{code}"));
        assert_eq!(problem["status"], self.status);
        for name in ["title", "titre", "detail"] {
            assert!(!problem[name].as_str().unwrap().is_empty(), "{name}");
        }
        (self.status, code)
    }
}

/// A node that listens on a port of its own.
pub struct Node {
    pub ledger: Arc<Ledger>,
    pub address: String,
    pub folder: Folder,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    agent: ureq::Agent,
    webhooks: webhooks::Options,
    _vues: Vues,
    dir: Arc<tempfile::TempDir>,
}

impl Node {
    /// A node whose log holds nothing but its opening.
    pub fn fresh() -> Self {
        Self::with_views(toutes())
    }

    /// The same, with these projections in the place of its views.
    pub fn with_views(projections: [Box<dyn Projection>; vues::NOMBRE]) -> Self {
        Self::with(projections, webhooks::Options::default())
    }

    /// The same, with these waits and bounds of its webhooks.
    pub fn with_webhooks(options: webhooks::Options) -> Self {
        Self::with(toutes(), options)
    }

    fn with(projections: [Box<dyn Projection>; vues::NOMBRE], webhooks: webhooks::Options) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let folder = Folder::new(dir.path().join("registre"));
        let guard = folder.default_guard();
        NewLedger {
            store: &Place::Folder,
            folder: &folder,
            guard: &guard,
            origin: ORIGIN.parse().unwrap(),
            operator: OPERATOR.parse().unwrap(),
            operator_key: &key(OPERATOR_KEY),
            recovery: [4, 5, 6].map(|seed| key(seed).id()),
            now_ms: now_ms(),
        }
        .create()
        .unwrap();
        Self::serving(dir, folder, Quota::default(), projections, webhooks)
    }

    fn serving(
        dir: Arc<tempfile::TempDir>,
        folder: Folder,
        quota: Quota,
        projections: [Box<dyn Projection>; vues::NOMBRE],
        webhooks: webhooks::Options,
    ) -> Self {
        let options = Options {
            folder: folder.clone(),
            store: Place::Folder,
            has_other_nodes: false,
            guard: None,
            accept_store: false,
            quota,
        };
        let ledger = Arc::new(Ledger::open(&options, &mut |_, _| ()).unwrap());
        let vues = Vues::start_these(&folder.views(), projections, &ledger).unwrap();
        let lectures = Arc::new(Lectures::open(&folder.lectures()).unwrap());
        let sites = vec![SITE.parse().unwrap()];
        let hooks = Arc::new(Webhooks::open(&folder, webhooks.clone()).unwrap());
        let app = App { ledger: Arc::clone(&ledger), vues: vues.lecteurs(), sites, lectures, webhooks: hooks };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let stopped = async {
                    let _ = stopped.await;
                };
                serve(listener, app, stopped).await.unwrap();
            });
        });
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { ledger, address, folder, stop: Some(stop), thread: Some(thread), agent, webhooks, _vues: vues, dir }
    }

    /// Stops the node and starts another over the same folder.
    pub fn restarted(self) -> Self {
        self.restarted_after(Quota::default(), |_| ())
    }

    /// The same, with these waits and bounds of its webhooks.
    pub fn restarted_with(mut self, webhooks: webhooks::Options) -> Self {
        self.webhooks = webhooks;
        self.restarted()
    }

    /// The same, with this quota, and with what happens to the folder meanwhile.
    pub fn restarted_after(self, quota: Quota, meanwhile: impl FnOnce(&Folder)) -> Self {
        let (dir, folder, webhooks) = (Arc::clone(&self.dir), self.folder.clone(), self.webhooks.clone());
        drop(self);
        meanwhile(&folder);
        Self::serving(dir, folder, quota, toutes(), webhooks)
    }

    /// A node with all organisations and their keys enrolled, over HTTP.
    pub fn open() -> Self {
        Self::fresh().peopled()
    }

    /// The same of a node whose log holds nothing yet.
    pub fn peopled(self) -> Self {
        let node = self;
        for (organisation, categorie, seed, role) in [
            (COMMUNE, "commune", COMMUNE_KEY, "collectivite"),
            (OTHER_COMMUNE, "commune", OTHER_COMMUNE_KEY, "collectivite"),
            (PREFECTURE, "prefecture", PREFECTURE_KEY, "prefecture:045"),
            (OTHER_PREFECTURE, "prefecture", OTHER_PREFECTURE_KEY, "prefecture:039"),
            (COUR, "etat", AUDITOR_KEY, "auditeur:*"),
        ] {
            node.post(&member(organisation, categorie), &[OPERATOR_KEY]).expect(201);
            node.post(&enrolment(organisation, seed, &[role]), &[OPERATOR_KEY, seed]).expect(201);
        }
        node
    }

    pub fn verifier(&self) -> Verifier {
        self.ledger.verifier()
    }

    /// Begins to stop: no more connections are taken.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the listener's thread has ended.
    pub fn join(&mut self) {
        self.stop();
        self.thread.take().unwrap().join().unwrap();
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
        let mut request = Request::builder().method(method.parse::<Method>().unwrap());
        request = request.uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = answered.unwrap();
        let reply = Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().with_config().limit(1 << 28).read_to_vec().unwrap(),
        };
        description::check(method, path, &reply);
        reply
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None)
    }

    pub fn get_as(&self, seed: u8, path: &str) -> Reply {
        self.send("GET", path, &[("authorization", &format!("Bearer {}", token(seed)))], None)
    }

    pub fn post_bytes(&self, body: &[u8]) -> Reply {
        self.send("POST", "/v1/events", &[("content-type", "application/vnd.in-toto+json")], Some(body))
    }

    pub fn post(&self, event: &Value, signers: &[u8]) -> Reply {
        self.post_bytes(envelope(event, signers).as_bytes())
    }

    /// Deposits a piece; its reference.
    pub fn deposit(&self, seed: u8, bytes: &[u8], sel: Option<[u8; 32]>) -> Reply {
        let path = format!("/v1/pieces/{}", Empreinte::of(bytes));
        let sel = sel.map(|sel| Empreinte(sel).to_string());
        let authorization = format!("Bearer {}", deposit_token(seed, &path, sel.as_deref()));
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(sel.as_deref().map(|sel| ("greffe-sel", sel)));
        self.send("PUT", &path, &headers, Some(bytes))
    }

    /// The commune's act with its two pieces, deposited and posted: its index.
    pub fn transmit(&self, numero: &str) -> u64 {
        self.deposit(COMMUNE_KEY, PDF, None).expect(201);
        let reply = self.post(&acte(numero), &[COMMUNE_KEY]);
        reply.expect(201).json()["index"].as_u64().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

pub fn envelope(event: &Value, signers: &[u8]) -> String {
    let keys: Vec<SecretKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(event.to_string().into_bytes(), &keys.iter().collect::<Vec<_>>()).unwrap().to_json()
}

pub fn event(event_type: &str, source: &str, subject: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": format!("greffe.{event_type}.v1"),
        "subject": subject, "time": instant(0), "datacontenttype": "application/json",
        "registre": ORIGIN.parse::<Origin>().unwrap(), "data": data,
    })
}

fn dossier(organisation: &str) -> String {
    organisation.parse::<greffe_events::ident::Organisation>().unwrap().dossier().to_string()
}

pub fn member(organisation: &str, categorie: &str) -> Value {
    let data = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme", "departement": "045" });
    event("adherent.inscrit", OPERATOR, &dossier(organisation), &data)
}

pub fn enrolment(organisation: &str, seed: u8, roles: &[&str]) -> Value {
    let data = json!({
        "organisation": organisation, "cle": key(seed).id(), "roles": roles,
        "valable_du": instant(-86_400), "valable_jusqu": instant(86_400),
    });
    event("cle.enrolee", OPERATOR, &dossier(organisation), &data)
}

/// The commune's act of that number.
pub fn id_acte(numero: &str) -> IdActe {
    format!("045-214502494-20260717-{numero}-DE").parse().unwrap()
}

pub fn acte(numero: &str) -> Value {
    let id = id_acte(numero);
    let piece = json!({
        "role": "acte", "type": "application/pdf", "taille": PDF.len(), "typologie": "99_DE",
        "nom": format!("{id}-1-1_1.pdf"), "sha256": Empreinte::of(PDF),
    });
    let data = json!({ "matiere": "7.1", "classification": "2026-01-01", "pieces": [piece] });
    event("acte.transmis", COMMUNE, &format!("acte/{id}"), &data)
}

pub fn accuse(numero: &str) -> Value {
    let data = json!({ "date_reception": "2026-11-20" });
    event("acte.accuse-reception", PREFECTURE, &format!("acte/{}", id_acte(numero)), &data)
}

static UNIQUE: AtomicU64 = AtomicU64::new(1);

/// A number that no other act of this process has.
pub fn numero() -> String {
    format!("D{}", UNIQUE.fetch_add(1, Ordering::Relaxed))
}

/// The same, with one value replaced or added.
pub fn changed(event: &Value, pointer: &str, value: Value) -> Value {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    event
}

/// The same, without one member.
pub fn removed(event: &Value, pointer: &str) -> Value {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    event
}

/// The operator erases a piece of an organisation.
pub fn effacement(organisation: &str, reference: Empreinte) -> Value {
    let subject = organisation.parse::<greffe_events::ident::Organisation>().unwrap().dossier_piece(reference);
    let data = json!({ "demandeur": "personne-concernee", "motif": "droit-effacement", "base_legale": "rgpd-17-1-a" });
    event("piece.effacee", OPERATOR, subject.as_str(), &data)
}
