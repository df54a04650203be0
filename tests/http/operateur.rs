//! Webhooks, where the operator has a say: places and hosts, members that left, what it suspends, whose certificates are believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use greffe::webhooks::adresse::Portee;
use greffe::webhooks::autorites::Autorites;
use greffe::webhooks::{LIVRAISONS_TO_EACH_MAX, Options, Webhooks, WebhooksError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use crate::monde::*;
use crate::recepteur::{Recepteur, repond};
use crate::webhooks::{ask, dead, fast, node, state, subscribe, until};

/// An authority of nobody's.
struct Autorite {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn autorite() -> Autorite {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Autorite { issuer: Issuer::new(params, key), pem }
}

impl Autorite {
    /// What a receiver of that name needs.
    fn pour(&self, nom: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![nom.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

#[test]
fn an_address_is_believed_by_the_authority_that_the_operator_names_and_by_no_other() {
    let (own, other) = (autorite(), autorite());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("autorites.pem");
    std::fs::write(&file, &own.pem).unwrap();
    let mut node = node(Options { autorites: Some(Autorites::read(&file).unwrap()), ..fast() });
    let receiver = |config| Recepteur::tls(config, |_, _| repond(204));
    let good = receiver(own.pour("127.0.0.1"));
    let (misnamed, unknown) = (receiver(own.pour("mairie.exemple")), receiver(other.pour("127.0.0.1")));
    let ids = [&good, &misnamed, &unknown].map(|recepteur| subscribe(&node, COMMUNE_KEY, &recepteur.url, ""));
    let told = node.transmit(&numero());
    let recu = good.attendre(1).remove(0);
    let whpk = node.get("/.well-known/greffe.json").json()["webhooks"][0].as_str().unwrap().to_owned();
    assert!(recu.index() == told && recu.is_signed_by(&whpk));
    until(&node, COMMUNE_KEY, &ids[0], |state| state["livres"] == 1);
    for id in &ids[1..] {
        until(&node, COMMUNE_KEY, id, |state| state["dernier_echec"]["motif"] == "tls");
    }
    // The public authorities do not know it.
    node = node.restarted_with(fast());
    node.transmit(&numero());
    until(&node, COMMUNE_KEY, &ids[0], |state| state["dernier_echec"]["motif"] == "tls");
    assert_eq!((good.recus().len(), misnamed.recus().len(), unknown.recus().len()), (1, 0, 0));
    for (text, what) in
        [("", "nothing"), ("-----BEGIN CERTIFICATE-----\n", "cut"), (&other.pem.replace("CERTIFICATE", "X"), "other")]
    {
        std::fs::write(&file, text).unwrap();
        assert!(Autorites::read(&file).is_err(), "{what}");
    }
    assert!(Autorites::read(&dir.path().join("absent")).is_err());
}

/// An editor's server that hangs holds so many threads at most, whoever its customers are; other hosts are told meanwhile.
#[test]
fn one_host_gets_so_many_messages_at_once_and_leaves_places_to_the_others() {
    let node = node(fast());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (held, seen) = (Arc::clone(&now), Arc::clone(&most));
    let editeur = Recepteur::new(move |_, _| {
        seen.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(700));
        held.fetch_sub(1, Ordering::SeqCst);
        repond(200)
    });
    let readers = [COMMUNE_KEY, PREFECTURE_KEY, AUDITOR_KEY, OPERATOR_KEY];
    let mut count = 0;
    for seed in readers {
        for n in 0..4 {
            subscribe(&node, seed, &format!("{}/{n}", editeur.url), "&famille=acte");
            count += 1;
        }
    }
    assert!(count > LIVRAISONS_TO_EACH_MAX);
    let ailleurs = Recepteur::new(|_, _| repond(200));
    // Its organisation has places left: four of the editor's are another's.
    subscribe(&node, OTHER_COMMUNE_KEY, &ailleurs.url, "");
    node.transmit(&numero());
    node.post(&enrolment(OTHER_COMMUNE, 93, &["collectivite"]), &[OPERATOR_KEY, OTHER_COMMUNE_KEY, 93]).expect(201);
    ailleurs.attendre(1);
    assert!(editeur.recus().len() < count, "told while the editor's server is busy");
    editeur.attendre(count);
    assert_eq!(most.load(Ordering::SeqCst), LIVRAISONS_TO_EACH_MAX);
}

#[test]
fn a_receiver_that_is_gone_when_a_message_is_sent_again_ends_its_webhook() {
    let node = node(Options { delais: vec![Duration::from_millis(20)], ..fast() });
    let status = Arc::new(AtomicU16::new(500));
    let says = Arc::clone(&status);
    let recepteur = Recepteur::new(move |_, _| repond(says.load(Ordering::Relaxed)));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let acts = [node.transmit(&numero()), node.transmit(&numero())];
    until(&node, COMMUNE_KEY, &id, |state| state["echecs"] == 2);
    status.store(410, Ordering::Relaxed);
    let before = recepteur.recus().len();
    let path = format!("/v1/webhooks/{id}");
    assert_eq!(ask(&node, COMMUNE_KEY, "POST", &format!("{path}/renvoi")).expect(202).json()["renvois"], 2);
    let state = until(&node, COMMUNE_KEY, &id, |state| state["etat"] == "suspendu");
    assert_eq!((&state["arret"]["cause"], &state["echecs"]), (&json!("parti"), &json!(2)));
    assert_eq!((dead(&node, COMMUNE_KEY, &id), recepteur.recus().len()), (acts.to_vec(), before + 1));
    // Resumed, the two that were asked for are still to be sent.
    status.store(200, Ordering::Relaxed);
    ask(&node, COMMUNE_KEY, "POST", &format!("{path}/reprise")).expect(200);
    until(&node, COMMUNE_KEY, &id, |state| state["echecs"] == 0 && state["livres"] == 2);
}

#[test]
fn an_organisation_that_left_keeps_no_place() {
    let mut node = node(Options { par_noeud: 2, ..fast() });
    let recepteur = Recepteur::new(|_, _| repond(200));
    let theirs = subscribe(&node, OTHER_COMMUNE_KEY, &recepteur.url, "");
    subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let one_more = |node: &Node| ask(node, PREFECTURE_KEY, "POST", &format!("/v1/webhooks?url={}", recepteur.url));
    assert_eq!(one_more(&node).problem(), (429, "too-many-webhooks".to_owned()));
    let sortie = json!({ "organisation": OTHER_COMMUNE, "motif": "fusion" });
    let sortie = event("adherent.sorti", OPERATOR, "adherent/210703385", &sortie);
    node.post(&sortie, &[OPERATOR_KEY]).expect(201);
    let kept = one_more(&node).expect(201).json()["id"].as_str().unwrap().to_owned();
    let all = |node: &Node| -> Vec<String> {
        let all = node.get_as(OPERATOR_KEY, "/v1/webhooks?tous=true").expect(200).json();
        let all = all["webhooks"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        all.collect()
    };
    assert!(!all(&node).contains(&theirs) && all(&node).contains(&kept));
    // … nor after a start, if nobody needed it.
    let sortie = json!({ "organisation": PREFECTURE, "motif": "fusion" });
    let sortie = event("adherent.sorti", OPERATOR, "adherent/491011698", &sortie);
    node.post(&sortie, &[OPERATOR_KEY]).expect(201);
    node = node.restarted();
    let begun = std::time::Instant::now();
    while all(&node).contains(&kept) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it stays");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(all(&node).len(), 1);
}

#[test]
fn the_operator_sees_suspends_and_deletes_any_webhook_and_sends_none() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "&famille=acte");
    let path = format!("/v1/webhooks/{id}");
    let all = node.get_as(OPERATOR_KEY, "/v1/webhooks?tous=true").expect(200).json();
    assert_eq!((&all["webhooks"][0]["id"], &all["webhooks"][0]["organisation"]), (&json!(id), &json!(COMMUNE)));
    assert_eq!(node.get_as(OPERATOR_KEY, "/v1/webhooks").expect(200).json()["webhooks"], json!([]));
    for seed in [COMMUNE_KEY, AUDITOR_KEY] {
        assert_eq!(node.get_as(seed, "/v1/webhooks?tous=true").problem(), (403, "token-not-entitled".to_owned()));
    }
    let suspension = format!("{path}/suspension");
    assert_eq!(ask(&node, COMMUNE_KEY, "POST", &suspension).problem(), (403, "token-not-entitled".to_owned()));
    for stranger in [OTHER_COMMUNE_KEY, AUDITOR_KEY] {
        assert_eq!(ask(&node, stranger, "POST", &suspension).problem(), (404, "not-found".to_owned()));
    }
    for rest in ["/essai", "/renvoi"] {
        assert_eq!(ask(&node, OPERATOR_KEY, "POST", &format!("{path}{rest}")).problem().0, 404, "{rest}");
    }
    let told = ask(&node, OPERATOR_KEY, "POST", &suspension).expect(200).json();
    assert_eq!((&told["etat"], &told["arret"]["cause"]), (&json!("suspendu"), &json!("operateur")));
    let act = node.transmit(&numero());
    // What the operator decided, its organisation does not undo.
    for (method, rest) in [("POST", "/reprise"), ("DELETE", "")] {
        let reply = ask(&node, COMMUNE_KEY, method, &format!("{path}{rest}"));
        assert_eq!(reply.problem(), (403, "token-not-entitled".to_owned()));
        assert!(reply.json()["conseil"].as_str().unwrap().contains("votre opérateur"));
    }
    assert!(recepteur.recus().is_empty() && state(&node, COMMUNE_KEY, &id)["arret"]["cause"] == "operateur");
    let resumed = ask(&node, OPERATOR_KEY, "POST", &format!("{path}/reprise")).expect(200).json();
    assert_eq!(resumed["lecteur"], json!(key(COMMUNE_KEY).id()), "not with the operator's rights");
    assert_eq!(recepteur.attendre(1)[0].index(), act);
    ask(&node, OPERATOR_KEY, "DELETE", &path).expect(204);
    assert_eq!(node.get_as(COMMUNE_KEY, &path).problem().0, 404);
}

#[test]
fn what_the_operator_refuses_is_not_spoken_to_though_private_addresses_are() {
    let refuses = vec!["127.0.0.0/8".parse().unwrap()];
    let node = node(Options { portee: Portee { prives: true, refuses }, ..fast() });
    let recepteur = Recepteur::new(|_, _| repond(200));
    let reply = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks?url={}", recepteur.url));
    assert_eq!((reply.problem().0, &reply.json()["champ"]), (400, &json!("url")));
    let id = subscribe(&node, COMMUNE_KEY, &format!("http://localhost:{}/", recepteur.port), "");
    let essai = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{id}/essai")).expect(200).json();
    assert_eq!(essai["livre"], false);
    assert!(recepteur.recus().is_empty());
}

#[test]
fn a_file_of_another_version_is_not_touched_and_says_so() {
    let mut node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    node.join();
    let file = rusqlite::Connection::open(node.folder.webhooks()).unwrap();
    assert_eq!(file.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).unwrap(), 1);
    file.pragma_update(None, "user_version", 7).unwrap();
    drop(file);
    match Webhooks::open(&node.folder, fast()) {
        Err(WebhooksError::Version { found: 7, known: 1 }) => {}
        other => panic!("{other:?}"),
    }
}
