//! Webhooks against a real receiver: what is sent, when, in which order, to whom, and what becomes of what fails.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use greffe::http::auth::Requete;
use greffe::webhooks::Options;
use greffe::webhooks::adresse::Portee;
use greffe_events::Uuid;
use serde_json::{Value, json};

use crate::monde::*;
use crate::recepteur::{Recepteur, Repond, repond};
use crate::vues::{BIDDER_KEY, BUYER_KEY, FOURNISSEUR, engaged, world_of};

/// Longest wait for what a node has to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits of milliseconds, and addresses of this machine.
pub fn fast() -> Options {
    Options {
        portee: Portee { prives: true, refuses: Vec::new() },
        delais: vec![Duration::from_millis(30); 3],
        reponse: Duration::from_secs(5),
        ..Options::default()
    }
}

pub fn node(options: Options) -> Node {
    Node::with_webhooks(options).peopled()
}

/// Asks with a token that is bound to the request.
pub fn ask(node: &Node, seed: u8, method: &str, target: &str) -> Reply {
    let bound = token_for(&key(seed), &Requete { method, target, ..Requete::default() });
    node.send(method, target, &[("authorization", &format!("Bearer {bound}"))], body_of(method))
}

/// An empty body, said to be empty.
fn body_of(method: &str) -> Option<&'static [u8]> {
    (method == "POST").then_some(&[])
}

pub fn subscribe(node: &Node, seed: u8, url: &str, more: &str) -> String {
    let reply = ask(node, seed, "POST", &format!("/v1/webhooks?url={url}{more}"));
    let id = reply.expect(201).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("location"), format!("/v1/webhooks/{id}"));
    id
}

pub fn state(node: &Node, seed: u8, id: &str) -> Value {
    node.get_as(seed, &format!("/v1/webhooks/{id}")).expect(200).json()
}

/// Waits until a webhook is as it should be.
#[track_caller]
pub fn until(node: &Node, seed: u8, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let state = state(node, seed, id);
        if holds(&state) {
            return state;
        }
        assert!(begun.elapsed() < PATIENCE, "{state:#}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn dead(node: &Node, seed: u8, id: &str) -> Vec<u64> {
    let page = node.get_as(seed, &format!("/v1/webhooks/{id}/echecs")).expect(200).json();
    page["echecs"].as_array().unwrap().iter().map(|mort| mort["index"].as_u64().unwrap()).collect()
}

#[test]
fn each_event_that_is_readable_and_asked_for_is_announced_in_order_and_signed() {
    let node = node(fast());
    assert!(node.get("/.well-known/greffe.json").json().get("webhooks").is_none(), "no key before the first");
    let recepteur = Recepteur::new(|_, _| repond(204));
    let before = node.transmit(&numero());
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "&type=greffe.acte.*");
    let mine: Vec<u64> = (0..5).map(|_| node.transmit(&numero())).collect();
    // A word of its own dossier that is not asked for.
    node.post(&enrolment(COMMUNE, 90, &["comptable"]), &[OPERATOR_KEY, COMMUNE_KEY, 90]).expect(201);
    let after = node.transmit(&numero());
    let recus = recepteur.attendre(6);
    let told: Vec<u64> = recus.iter().map(crate::recepteur::Recu::index).collect();
    assert_eq!(told, [mine.as_slice(), &[after]].concat());
    assert!(!told.contains(&before), "from now on");
    let card = node.get("/.well-known/greffe.json").json();
    let whpk = card["webhooks"][0].as_str().unwrap();
    let all = node.get_as(COMMUNE_KEY, "/v1/webhooks").expect(200).json();
    assert_eq!((all["cles"][0].as_str(), all["webhooks"].as_array().unwrap().len()), (Some(whpk), 1));
    for recu in &recus {
        assert!(recu.is_signed_by(whpk), "{recu:?}");
        assert_eq!(recu.target, "/greffe");
        let sent_s: u64 = recu.headers["webhook-timestamp"].parse().unwrap();
        assert!(now_ms() / 1_000 - sent_s < 60);
        let (said, index) = (recu.json(), recu.index());
        let event = node.get_as(COMMUNE_KEY, &format!("/v1/events/{index}")).json();
        let named = format!("msg_{}_{index}_", id.replace('-', ""));
        assert!(recu.id().strip_prefix(&named).is_some_and(|digest| digest.len() == 8), "{}", recu.id());
        // What it says, all of it: nothing of the content.
        let expected = json!({
            "type": event["event"]["type"], "timestamp": event["event"]["time"],
            "data": {
                "abonnement": id, "registre": ORIGIN, "index": index, "id": event["event"]["id"], "source": COMMUNE,
                "subject": event["event"]["subject"], "recorded_at": event["recorded_at"], "url": format!("/v1/events/{index}"),
            },
        });
        assert_eq!(said, expected);
    }
    let mut forged = recus[0].clone();
    forged.body.push(b' ');
    assert!(!forged.is_signed_by(whpk));
    let state = until(&node, COMMUNE_KEY, &id, |state| state["livres"] == 6);
    assert_eq!((state["etat"].as_str(), state["curseur"].as_u64()), (Some("actif"), Some(after)));
    let metrics = node.get("/metrics").expect(200).text();
    assert!(metrics.contains("greffe_webhooks_attempts_total{outcome=\"livre\"} 6"), "{metrics}");
    assert!(metrics.contains("greffe_webhooks_subscriptions{state=\"actif\"} 1") && metrics.ends_with("# EOF\n"));
}

#[test]
fn one_that_begins_earlier_is_told_what_was_recorded_since_and_others_only_what_they_may_read() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    let acts: Vec<u64> = (0..40).map(|_| node.transmit(&numero())).collect();
    let after = acts[9];
    let own = subscribe(&node, COMMUNE_KEY, &recepteur.url, &format!("&after={after}"));
    let recus = recepteur.attendre(30);
    assert_eq!(recus.iter().map(crate::recepteur::Recu::index).collect::<Vec<_>>(), &acts[10..]);
    // The neighbour asks for all from the beginning, and is told of itself alone.
    let other = Recepteur::new(|_, _| repond(200));
    let id = subscribe(&node, OTHER_COMMUNE_KEY, &other.url, "&after=0");
    let last = *acts.last().unwrap();
    until(&node, OTHER_COMMUNE_KEY, &id, |state| state["curseur"] == last);
    for recu in other.recus() {
        assert_eq!(recu.json()["data"]["subject"], "adherent/210703385");
    }
    assert_eq!(other.recus().len(), 2);
    assert_eq!(recepteur.recus().len(), 30);
    until(&node, COMMUNE_KEY, &own, |state| state["livres"] == 30);
}

#[test]
fn what_fails_is_tried_again_with_the_same_id_and_holds_back_only_its_own_subscription() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, before| repond(if before < 2 { 500 } else { 200 }));
    let sain = Recepteur::new(|_, _| repond(200));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    subscribe(&node, COMMUNE_KEY, &sain.url, "");
    let (first, second) = (node.transmit(&numero()), node.transmit(&numero()));
    assert_eq!(sain.attendre(2).iter().map(crate::recepteur::Recu::index).collect::<Vec<_>>(), [first, second]);
    let recus = recepteur.attendre(4);
    assert_eq!(recus.iter().map(crate::recepteur::Recu::index).collect::<Vec<_>>(), [first, first, first, second]);
    assert!(recus[..3].iter().all(|recu| recu.id() == recus[0].id() && recu.body == recus[0].body));
    assert!(recus[1].le - recus[0].le >= Duration::from_millis(30));
    let state = until(&node, COMMUNE_KEY, &id, |state| state["livres"] == 2);
    assert_eq!((state["tentatives"].as_u64(), state["echecs"].as_u64()), (Some(0), Some(0)));
    assert_eq!((&state["dernier_echec"]["motif"], &state["dernier_echec"]["statut"]), (&json!("statut"), &json!(500)));
}

#[test]
fn what_fails_to_the_last_becomes_a_dead_letter_and_can_be_sent_again() {
    let node = node(Options { echecs: 2, ..fast() });
    let is_well = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&is_well);
    let recepteur = Recepteur::new(move |_, _| repond(if says.load(Ordering::Relaxed) { 200 } else { 503 }));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let acts: Vec<u64> = (0..3).map(|_| node.transmit(&numero())).collect();
    let path = format!("/v1/webhooks/{id}");
    let state = until(&node, COMMUNE_KEY, &id, |state| state["echecs_perdus"] == 1);
    assert_eq!((state["echecs"].as_u64(), state["livres"].as_u64()), (Some(2), Some(0)));
    assert_eq!(dead(&node, COMMUNE_KEY, &id), acts[1..], "the oldest made room");
    assert_eq!(recepteur.recus().len(), 12, "four attempts each");
    let page = node.get_as(COMMUNE_KEY, &format!("{path}/echecs?limit=1")).expect(200).json();
    assert_eq!((&page["suite"], &page["echecs"][0]["tentatives"]), (&json!(acts[1]), &json!(4)));
    // Sent again in vain it stays.
    let again = ask(&node, COMMUNE_KEY, "POST", &format!("{path}/renvoi?index={}", acts[2]));
    assert_eq!(again.expect(202).json(), json!({ "renvois": 1 }));
    assert_eq!(recepteur.attendre(13)[12].index(), acts[2]);
    let begun = Instant::now();
    loop {
        let page = node.get_as(COMMUNE_KEY, &format!("{path}/echecs?apres={}", acts[1])).expect(200).json();
        if page["echecs"][0]["tentatives"] == 5 && page["echecs"][0]["renvoi"] == false {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{page}");
    }
    is_well.store(true, Ordering::Relaxed);
    assert_eq!(ask(&node, COMMUNE_KEY, "POST", &format!("{path}/renvoi")).expect(202).json()["renvois"], 2);
    let state = until(&node, COMMUNE_KEY, &id, |state| state["echecs"] == 0);
    assert_eq!(state["livres"], 2);
    let recus = recepteur.attendre(15);
    assert_eq!([recus[13].index(), recus[14].index()], acts[1..]);
    assert_eq!(recus[13].id(), recus[4].id(), "the same message");
    let gone = ask(&node, COMMUNE_KEY, "POST", &format!("{path}/renvoi?index={}", acts[0]));
    assert_eq!(gone.problem(), (404, "not-found".to_owned()));
    assert_eq!(ask(&node, COMMUNE_KEY, "POST", &format!("{path}/renvoi")).expect(202).json()["renvois"], 0);
}

#[test]
fn answers_mean_what_the_specification_says() {
    let node = node(Options { retry_after: Duration::from_secs(1), reponse: Duration::from_millis(600), ..fast() });
    // Retry-After holds, up to its bound.
    let busy = Recepteur::new(|_, before| match before {
        0 => Repond { headers: vec![("retry-after", "86400".to_owned())], ..repond(429) },
        _ => repond(200),
    });
    let elsewhere = Recepteur::new(|_, _| repond(200));
    let location = elsewhere.url.clone();
    let moved = Recepteur::new(move |_, _| Repond { headers: vec![("location", location.clone())], ..repond(307) });
    let gone = Recepteur::new(|_, _| repond(410));
    let slow = Recepteur::new(|_, _| Repond { apres: Duration::from_secs(3), ..repond(200) });
    let ids = [&busy, &moved, &gone, &slow].map(|recepteur| subscribe(&node, COMMUNE_KEY, &recepteur.url, ""));
    let act = node.transmit(&numero());
    let recus = busy.attendre(2);
    let waited = recus[1].le - recus[0].le;
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
    let state = until(&node, COMMUNE_KEY, &ids[1], |state| state["echecs"] == 1);
    assert_eq!(
        (&state["dernier_echec"]["motif"], &state["dernier_echec"]["statut"]),
        (&json!("redirection"), &json!(307))
    );
    assert!(elsewhere.recus().is_empty(), "a redirection is not followed");
    let state = until(&node, COMMUNE_KEY, &ids[2], |state| state["etat"] == "suspendu");
    assert_eq!((&state["arret"]["cause"], gone.recus().len()), (&json!("parti"), 1));
    assert!(state["arret"]["conseil"].as_str().unwrap().len() > 20);
    let state = until(&node, COMMUNE_KEY, &ids[3], |state| state["tentatives"] == 1 || state["echecs"] == 1);
    assert_eq!((&state["dernier_echec"]["motif"], &state["dernier_echec"]["statut"]), (&json!("delai"), &json!(null)));
    // Resumed, it sends what it had not sent.
    ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{}/reprise", ids[2])).expect(200);
    assert_eq!(gone.attendre(2)[1].index(), act);
}

#[test]
fn what_has_failed_for_too_long_is_suspended_and_loses_nothing() {
    let node =
        node(Options { suspension: Duration::from_millis(300), delais: vec![Duration::from_millis(200); 9], ..fast() });
    let is_well = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&is_well);
    let recepteur = Recepteur::new(move |_, _| repond(if says.load(Ordering::Relaxed) { 200 } else { 404 }));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let (first, second) = (node.transmit(&numero()), node.transmit(&numero()));
    let state = until(&node, COMMUNE_KEY, &id, |state| state["etat"] == "suspendu");
    assert_eq!((&state["arret"]["cause"], &state["echecs"]), (&json!("sans-reponse"), &json!(0)));
    let count = recepteur.recus().len();
    let essai = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{id}/essai")).expect(200).json();
    assert_eq!((&essai["livre"], &essai["motif"], &essai["statut"]), (&json!(false), &json!("statut"), &json!(404)));
    is_well.store(true, Ordering::Relaxed);
    let essai = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{id}/essai")).expect(200).json();
    assert_eq!((&essai["livre"], &essai["motif"]), (&json!(true), &json!(null)));
    let recus = recepteur.attendre(count + 2);
    assert_eq!(
        (recus[count + 1].json()["type"].as_str(), recus[count + 1].id()),
        (Some("greffe.essai.v1"), essai["message"].as_str().unwrap())
    );
    let whpk = node.get("/.well-known/greffe.json").json()["webhooks"][0].as_str().unwrap().to_owned();
    assert!(recus[count + 1].is_signed_by(&whpk));
    assert_eq!(state_of(&node, &id), "suspendu", "a try changes nothing");
    ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{id}/reprise")).expect(200);
    let recus = recepteur.attendre(count + 4);
    assert_eq!([recus[count + 2].index(), recus[count + 3].index()], [first, second]);
}

fn state_of(node: &Node, id: &str) -> String {
    state(node, COMMUNE_KEY, id)["etat"].as_str().unwrap().to_owned()
}

#[test]
fn addresses_that_are_not_public_are_never_spoken_to() {
    let node = node(Options { portee: Portee::default(), ..fast() });
    let recepteur = Recepteur::new(|_, _| repond(200));
    let port = recepteur.port;
    for url in [
        format!("http://mairie.example:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://moi:secret@mairie.example/".to_owned(),
        "https://mairie.example:22/".to_owned(),
        "mairie.example".to_owned(),
    ] {
        let reply = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks?url={url}"));
        assert_eq!(
            (reply.problem(), &reply.json()["champ"]),
            ((400, "query-invalid".to_owned()), &json!("url")),
            "{url}"
        );
    }
    // Names and numbers that lead inside are found out when they are connected to.
    for host in ["localhost", "127.1", "2130706433", "0x7f.1", "0", "nulle-part.invalid"] {
        let id = subscribe(&node, COMMUNE_KEY, &format!("https://{host}:{port}/"), "");
        let essai = ask(&node, COMMUNE_KEY, "POST", &format!("/v1/webhooks/{id}/essai")).expect(200).json();
        assert_eq!((&essai["livre"], &essai["motif"]), (&json!(false), &json!("adresse")), "{host}");
        ask(&node, COMMUNE_KEY, "DELETE", &format!("/v1/webhooks/{id}")).expect(204);
    }
    assert!(recepteur.recus().is_empty());
}

#[test]
fn an_address_that_became_forbidden_is_spoken_to_no_more() {
    let mut node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    node = node.restarted_with(Options { portee: Portee::default(), ..fast() });
    node.transmit(&numero());
    let state = until(&node, COMMUNE_KEY, &id, |state| state["echecs"] == 1);
    assert_eq!(state["dernier_echec"]["motif"], "adresse");
    assert!(recepteur.recus().is_empty());
}

#[test]
fn a_revoked_key_stops_its_webhooks_and_another_of_the_organisation_resumes_them() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    let (one, two) = (91, 92);
    for seed in [one, two] {
        node.post(&enrolment(COMMUNE, seed, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY, seed]).expect(201);
    }
    let id = subscribe(&node, one, &recepteur.url, "&famille=acte");
    let told = node.transmit(&numero());
    assert_eq!(recepteur.attendre(1)[0].index(), told);
    let revoked = json!({ "organisation": COMMUNE, "cle": key(one).id(), "motif": "vol" });
    let revoked = event("cle.revoquee", COMMUNE, "adherent/214502494", &revoked);
    node.post(&revoked, &[COMMUNE_KEY]).expect(201);
    let kept = node.transmit(&numero());
    let state = until(&node, two, &id, |state| state["etat"] == "suspendu");
    assert_eq!(state["arret"]["cause"], "cle");
    assert_eq!(recepteur.recus().len(), 1);
    let reprise = format!("/v1/webhooks/{id}/reprise");
    assert_eq!(ask(&node, one, "POST", &reprise).problem().0, 401);
    let resumed = ask(&node, two, "POST", &reprise).expect(200).json();
    assert_eq!(resumed["lecteur"], json!(key(two).id()));
    assert_eq!(recepteur.attendre(2)[1].index(), kept);
}

#[test]
fn a_submission_is_not_announced_to_the_buyer_before_its_opening() {
    let (node, _) = world_of(node(fast()));
    let (acheteur, candidat) = (Recepteur::new(|_, _| repond(200)), Recepteur::new(|_, _| repond(200)));
    let consultation = "consultation/214502494_2026-M13";
    let creee = json!({ "procedure": "sans-publicite", "nature": "marche", "categorie": "travaux", "objet_phase": "offres",
        "pieces": [engaged(&node, BUYER_KEY, "confidentiel", Some("objet"))] });
    node.post(&event("consultation.creee", COMMUNE, consultation, &creee), &[BUYER_KEY]).expect(201);
    let buyer = subscribe(&node, BUYER_KEY, &acheteur.url, "&famille=pli,consultation");
    subscribe(&node, BIDDER_KEY, &candidat.url, "&famille=pli");
    let piece = engaged(&node, BIDDER_KEY, "pli", None);
    let depot = json!({ "phase": 1, "intention": "nouveau", "pieces": [piece],
        "fichiers": [{ "piece": piece["engagement"], "enveloppe": "unique", "empreinte": "cd".repeat(32) }] });
    let depose = |numero: u8| {
        let sujet = format!("pli/214502494_2026-M13_491011698_01990000-0000-7000-8000-0000000000{numero:02}");
        let reply = node.post(&event("pli.depose", FOURNISSEUR, &sujet, &depot), &[BIDDER_KEY]);
        reply.expect(201).json()["index"].as_u64().unwrap()
    };
    let hidden = depose(1);
    assert_eq!(candidat.attendre(1)[0].index(), hidden, "its author is told");
    until(&node, BUYER_KEY, &buyer, |state| state["curseur"] == hidden);
    assert!(acheteur.recus().is_empty());
    let seance = json!({ "phase": 1, "objet": "offres" });
    let opened = node.post(&event("consultation.seance-ouverte", COMMUNE, consultation, &seance), &[BUYER_KEY]);
    let opened = opened.expect(201).json()["index"].as_u64().unwrap();
    let late = depose(2);
    let told: Vec<u64> = acheteur.attendre(2).iter().map(crate::recepteur::Recu::index).collect();
    assert_eq!(told, [opened, late]);
}

#[test]
fn nobody_else_sees_or_changes_a_webhook_and_no_unbound_token_does() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, _| repond(200));
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let path = format!("/v1/webhooks/{id}");
    let nobody = Uuid::now_v7();
    let requests = [
        ("GET", String::new()),
        ("DELETE", String::new()),
        ("POST", "/essai".to_owned()),
        ("POST", "/reprise".to_owned()),
        ("GET", "/echecs".to_owned()),
        ("POST", "/renvoi".to_owned()),
        ("POST", "/renvoi?index=1".to_owned()),
    ];
    for (method, rest) in &requests {
        // Not even whoever reads everything: it is no part of the log.
        for stranger in [OTHER_COMMUNE_KEY, AUDITOR_KEY] {
            let theirs = ask(&node, stranger, method, &format!("{path}{rest}"));
            let nothing = ask(&node, stranger, method, &format!("/v1/webhooks/{nobody}{rest}"));
            assert_eq!(theirs.problem(), (404, "not-found".to_owned()), "{method} {rest}");
            assert_eq!(theirs.body_but_id(), nothing.body_but_id());
        }
        let upper = path.to_uppercase().replace("/V1/WEBHOOKS", "/v1/webhooks");
        assert_eq!(ask(&node, COMMUNE_KEY, method, &format!("{upper}{rest}")).problem().0, 404, "one spelling");
        if *method != "GET" {
            let loose = node.send(
                method,
                &format!("{path}{rest}"),
                &[("authorization", &format!("Bearer {}", token(COMMUNE_KEY)))],
                body_of(method),
            );
            assert_eq!(loose.problem(), (401, "token-request".to_owned()), "{method} {rest}");
        }
    }
    let create = format!("/v1/webhooks?url={}", recepteur.url);
    let loose = node.send("POST", &create, &[("authorization", &format!("Bearer {}", token(COMMUNE_KEY)))], Some(b""));
    assert_eq!(loose.problem(), (401, "token-request".to_owned()));
    // A token for one address is good for no other.
    let bound = token_for(&key(COMMUNE_KEY), &Requete { method: "POST", target: &create, ..Requete::default() });
    let elsewhere = create.replace("/greffe", "/ailleurs");
    let other = node.send("POST", &elsewhere, &[("authorization", &format!("Bearer {bound}"))], Some(b""));
    assert_eq!(other.problem(), (401, "token-request".to_owned()));
    let theirs = node.get_as(OTHER_COMMUNE_KEY, "/v1/webhooks").expect(200).json();
    assert_eq!(theirs["webhooks"], json!([]));
    assert_eq!(state_of(&node, &id), "actif");
    ask(&node, COMMUNE_KEY, "DELETE", &path).expect(204);
    assert_eq!(ask(&node, COMMUNE_KEY, "DELETE", &path).problem().0, 404);
}

#[test]
fn what_is_asked_for_is_bounded_and_understood() {
    let node = node(Options { par_organisme: 2, par_noeud: 3, ..fast() });
    let add = |seed: u8, query: &str| ask(&node, seed, "POST", &format!("/v1/webhooks?{query}"));
    let url = "url=https://mairie.example/a";
    let first = add(COMMUNE_KEY, url).expect(201).json();
    assert_eq!(add(COMMUNE_KEY, url).expect(200).json()["id"], first["id"], "asked twice it is one");
    add(COMMUNE_KEY, "url=https://mairie.example/b").expect(201);
    let third = add(COMMUNE_KEY, "url=https://mairie.example/c");
    assert_eq!(third.problem(), (429, "too-many-webhooks".to_owned()));
    add(OTHER_COMMUNE_KEY, url).expect(201);
    assert_eq!(add(OTHER_COMMUNE_KEY, "url=https://mairie.example/b").problem().0, 429);
    // What is deleted leaves its place.
    ask(&node, COMMUNE_KEY, "DELETE", &format!("/v1/webhooks/{}", first["id"].as_str().unwrap())).expect(204);
    let again = add(OTHER_COMMUNE_KEY, "url=https://mairie.example/b").expect(201).json();
    ask(&node, OTHER_COMMUNE_KEY, "DELETE", &format!("/v1/webhooks/{}", again["id"].as_str().unwrap())).expect(204);
    add(COMMUNE_KEY, url).expect(201);
    for (query, champ) in [
        ("&type=greffe.rien", "type"),
        ("&famille=actes", "famille"),
        ("&source=moi", "source"),
        ("&departement=999999", "departement"),
        ("&sujet=acte", "sujet"),
        ("&after=-1", "after"),
    ] {
        let reply = add(PREFECTURE_KEY, &format!("{url}{query}"));
        assert_eq!((reply.problem().1.as_str(), &reply.json()["champ"]), ("query-invalid", &json!(champ)), "{query}");
    }
    assert_eq!(add(PREFECTURE_KEY, &format!("{url}&after=1000")).problem(), (409, "cursor-ahead".to_owned()));
    for query in ["", "url=https://mairie.example/a&filtre=x", "url=https://mairie.example/a&limit=3"] {
        assert_eq!(add(PREFECTURE_KEY, query).problem().1, "query-invalid", "{query}");
    }
    let long = format!("url=https://mairie.example/{}", "a".repeat(2_000));
    assert_eq!(add(PREFECTURE_KEY, &long).problem().1, "query-invalid");
}

#[test]
fn a_node_that_restarts_goes_on_where_it_was() {
    let mut node = node(fast());
    let status = Arc::new(AtomicU16::new(500));
    let says = Arc::clone(&status);
    let recepteur = Recepteur::new(move |_, _| repond(says.load(Ordering::Relaxed)));
    let slow = Options { delais: vec![Duration::from_millis(700); 50], ..fast() };
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    node = node.restarted_with(slow);
    let acts: Vec<u64> = (0..3).map(|_| node.transmit(&numero())).collect();
    until(&node, COMMUNE_KEY, &id, |state| state["tentatives"].as_u64() >= Some(1));
    node = node.restarted();
    let before = recepteur.recus().len();
    assert!(recepteur.attendre(before + 1).iter().all(|recu| recu.index() == acts[0]), "it still tries the first");
    status.store(200, Ordering::Relaxed);
    let state = until(&node, COMMUNE_KEY, &id, |state| state["livres"] == 3);
    assert_eq!((&state["curseur"], &state["echecs"]), (&json!(acts[2]), &json!(0)));
    let told: Vec<u64> = recepteur.recus().iter().map(crate::recepteur::Recu::index).collect();
    assert!(told.is_sorted() && acts.iter().all(|act| told.contains(act)), "{told:?}");
    node = node.restarted();
    let next = node.transmit(&numero());
    until(&node, COMMUNE_KEY, &id, |state| state["curseur"] == next);
    assert_eq!(recepteur.recus().len(), told.len() + 1, "nothing that was delivered is sent again");
}

/// Who tries an address and leaves has not made room for another try: the thread that waits for the address is counted, not the request.
#[test]
fn a_try_counts_until_the_address_has_answered_even_if_nobody_waits_for_it() {
    let node = node(fast());
    let recepteur = Recepteur::new(|_, _| Repond { apres: Duration::from_secs(2), ..repond(200) });
    let id = subscribe(&node, COMMUNE_KEY, &recepteur.url, "");
    let target = format!("/v1/webhooks/{id}/essai");
    let bound = token_for(&key(COMMUNE_KEY), &Requete { method: "POST", target: &target, ..Requete::default() });
    let mut leaver = TcpStream::connect(&node.address).unwrap();
    let head =
        format!("POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {bound}\r\ncontent-length: 0\r\n\r\n");
    leaver.write_all(head.as_bytes()).unwrap();
    recepteur.attendre(1);
    drop(leaver);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(ask(&node, COMMUNE_KEY, "POST", &target).problem(), (503, "overloaded".to_owned()));
    let begun = Instant::now();
    while ask(&node, COMMUNE_KEY, "POST", &target).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the place never comes back");
        std::thread::sleep(Duration::from_millis(100));
    }
}
