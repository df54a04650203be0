//! The feed: what each reader is told is what it may read one by one; a cursor loses nothing and repeats nothing; a stream ends with the rights
//! of its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use greffe::http::auth::issue;
use serde_json::{Value, json};

use crate::monde::*;
use crate::vues::{
    ACCOUNTANT_KEY, BIDDER_KEY, BUYER_KEY, FOURNISSEUR, GATEWAY_KEY, PLACE_AUDITOR_KEY, SIREN_AUDITOR_KEY,
    SUPPLIER_KEY, delegate, engaged, world,
};

/// Longest wait for what a stream has to say.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event of a stream.
#[derive(Debug, Default)]
struct Dit {
    id: Option<u64>,
    event: String,
    data: String,
}

impl Dit {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("{self:?}"))
    }

    #[track_caller]
    fn fin(&self) -> String {
        assert_eq!(self.event, "fin", "{self:?}");
        let problem = self.json();
        assert!(problem["conseil"].as_str().unwrap().len() > 20, "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// A stream that is read.
struct Flux {
    lines: std::io::Lines<BufReader<ureq::BodyReader<'static>>>,
}

impl Flux {
    fn open(node: &Node, token: &str, query: &str, last: Option<u64>) -> Self {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_recv_body(Some(PATIENCE)).build().into();
        let mut request = agent.get(format!("http://{}/v1/feed{query}", node.address));
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = request.call().unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
            (200, "text/event-stream")
        );
        Self { lines: BufReader::new(answer.into_body().into_reader()).lines() }
    }

    /// The status of one more, which is not read.
    fn status(node: &Node, seed: u8) -> u16 {
        let request = ureq::get(format!("http://{}/v1/feed", node.address));
        let request = request.header("authorization", format!("Bearer {}", token(seed)));
        request.config().http_status_as_error(false).build().call().unwrap().status().as_u16()
    }

    fn of(node: &Node, seed: u8, query: &str) -> Self {
        Self::open(node, &token(seed), query, None)
    }

    /// The next thing said; nothing at the end.
    fn next(&mut self) -> Option<Dit> {
        let mut dit = Dit::default();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            match line.split_once(": ") {
                Some(("id", id)) => dit.id = Some(id.parse().unwrap()),
                Some(("event", event)) => event.clone_into(&mut dit.event),
                Some(("data", data)) => {
                    if !dit.data.is_empty() {
                        dit.data.push('\n');
                    }
                    dit.data.push_str(data);
                }
                _ if line.is_empty() && (dit.id.is_some() || !dit.event.is_empty()) => return Some(dit),
                _ => {}
            }
        }
        None
    }

    /// The next leaf, or the end.
    fn leaf(&mut self) -> Option<Dit> {
        loop {
            let dit = self.next()?;
            if !dit.data.is_empty() {
                return Some(dit);
            }
        }
    }
}

fn page(node: &Node, seed: u8, query: &str) -> Value {
    node.get_as(seed, &format!("/v1/events?{query}")).expect(200).json()
}

fn indices(page: &Value) -> Vec<u64> {
    page["evenements"].as_array().unwrap().iter().map(|leaf| leaf["index"].as_u64().unwrap()).collect()
}

/// All that a reader is told, a few at a time.
fn told(node: &Node, seed: u8, filter: &str) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = page(node, seed, &format!("limit=3{filter}{after}"));
        all.extend(indices(&page));
        if page["a_jour"] == true {
            return all;
        }
        after = format!("&after={}", page["suite"]);
    }
}

const READERS: [(&str, u8); 13] = [
    ("operator", OPERATOR_KEY),
    ("auditor of all", AUDITOR_KEY),
    ("commune", COMMUNE_KEY),
    ("buyer", BUYER_KEY),
    ("auditor of the commune", SIREN_AUDITOR_KEY),
    ("auditor of the département", PLACE_AUDITOR_KEY),
    ("prefecture", PREFECTURE_KEY),
    ("supplier", SUPPLIER_KEY),
    ("bidder", BIDDER_KEY),
    ("accountant", ACCOUNTANT_KEY),
    ("gateway", GATEWAY_KEY),
    ("neighbour", OTHER_COMMUNE_KEY),
    ("another prefecture", OTHER_PREFECTURE_KEY),
];

/// What each reader may read, asked one by one; event, receipt and feed agree.
fn agreed(node: &Node) -> BTreeMap<u8, Vec<u64>> {
    let size = node.ledger.head().size;
    let mut all = BTreeMap::new();
    for (who, seed) in READERS {
        let mut seen = Vec::new();
        for index in 0..size {
            let event = node.get_as(seed, &format!("/v1/events/{index}"));
            let receipt = node.get_as(seed, &format!("/v1/events/{index}/receipt"));
            assert_eq!(event.status, receipt.status, "{who} {index}");
            if event.status == 200 {
                seen.push(index);
            } else {
                assert_eq!(event.problem(), (404, "not-found".to_owned()), "{who} {index}");
            }
        }
        assert_eq!(told(node, seed, ""), seen, "{who}");
        all.insert(seed, seen);
    }
    all
}

#[test]
fn the_feed_tells_each_reader_what_it_may_read_one_by_one() {
    let (mut node, pli) = world();
    // A refusal, and an act that a gateway signs.
    let size = node.ledger.head().size;
    node.post(&acte(&numero()), &[OTHER_COMMUNE_KEY]).expect(403);
    delegate(&node, &["actes"], COMMUNE_KEY);
    node.deposit(GATEWAY_KEY, PDF, None).expect(201);
    let signed = node.post(&acte(&numero()), &[GATEWAY_KEY]).expect(201).json()["index"].as_u64().unwrap();
    let all = agreed(&node);
    assert_eq!(all[&OPERATOR_KEY], (0..=signed).collect::<Vec<_>>());
    for (seed, leaf, expected) in [
        (BIDDER_KEY, pli, true),
        (SUPPLIER_KEY, pli, true),
        (AUDITOR_KEY, pli, true),
        // Nobody on the buyer's side learns that it came.
        (BUYER_KEY, pli, false),
        (COMMUNE_KEY, pli, false),
        (SIREN_AUDITOR_KEY, pli, false),
        (OTHER_COMMUNE_KEY, pli, false),
        (OTHER_COMMUNE_KEY, size, true),
        (COMMUNE_KEY, size, true),
        (PREFECTURE_KEY, size, false),
        (GATEWAY_KEY, signed, true),
        (PREFECTURE_KEY, signed, true),
        (OTHER_PREFECTURE_KEY, signed, false),
    ] {
        assert_eq!(all[&seed].contains(&leaf), expected, "{seed} {leaf}");
    }
    // As a stream the same, byte for byte, and then nothing but the end.
    let streams = READERS.map(|(who, seed)| {
        let mut flux = Flux::of(&node, seed, "");
        for index in &all[&seed] {
            let dit = flux.leaf().unwrap();
            assert_eq!(dit.id, Some(*index), "{who}");
            assert_eq!(dit.json(), node.get_as(seed, &format!("/v1/events/{index}")).json(), "{who}");
        }
        flux
    });
    node.stop();
    for mut flux in streams {
        assert_eq!(flux.leaf().unwrap().fin(), "stopping");
        assert!(flux.next().is_none());
    }
}

#[test]
fn the_buyer_is_told_of_a_submission_once_its_opening_begins() {
    let (node, _) = world();
    let consultation = "consultation/214502494_2026-M13";
    let creee = json!({ "procedure": "sans-publicite", "nature": "marche", "categorie": "travaux", "objet_phase": "offres",
        "pieces": [engaged(&node, BUYER_KEY, "confidentiel", Some("objet"))] });
    node.post(&event("consultation.creee", COMMUNE, consultation, &creee), &[BUYER_KEY]).expect(201);
    let piece = engaged(&node, BIDDER_KEY, "pli", None);
    let reference = piece["engagement"].as_str().unwrap().to_owned();
    let depot = json!({ "phase": 1, "intention": "nouveau", "pieces": [piece],
        "fichiers": [{ "piece": reference, "enveloppe": "unique", "empreinte": "cd".repeat(32) }] });
    let depose = |numero: u8| {
        let sujet = format!("pli/214502494_2026-M13_491011698_01990000-0000-7000-8000-0000000000{numero:02}");
        let reply = node.post(&event("pli.depose", FOURNISSEUR, &sujet, &depot), &[BIDDER_KEY]);
        (reply.expect(201).json()["index"].as_u64().unwrap(), sujet)
    };
    let ((kept, sujet), (withdrawn, other)) = (depose(1), depose(2));
    node.post(&event("pli.retire", FOURNISSEUR, &other, &json!({})), &[BIDDER_KEY]).expect(201);
    let reads = |seed: u8, leaf: u64| agreed(&node)[&seed].contains(&leaf);
    let piece = |seed: u8| node.get_as(seed, &format!("/v1/pieces/{reference}")).status;
    assert_eq!((reads(BIDDER_KEY, kept), reads(BUYER_KEY, kept), piece(BUYER_KEY)), (true, false, 404));
    // A stream that passed it over is told of what opens it.
    let mut flux = Flux::of(&node, BUYER_KEY, "?famille=pli,consultation&after=20");
    let seance = json!({ "phase": 1, "objet": "offres" });
    let opened = node.post(&event("consultation.seance-ouverte", COMMUNE, consultation, &seance), &[BUYER_KEY]);
    let opened = opened.expect(201).json()["index"].as_u64().unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&opened) {
        seen.push(flux.leaf().unwrap().id.unwrap());
    }
    assert!(!seen.contains(&kept) && !seen.contains(&withdrawn), "{seen:?}");
    assert_eq!((reads(BUYER_KEY, kept), piece(BUYER_KEY)), (true, 200));
    assert!(!reads(BUYER_KEY, withdrawn), "withdrawn in time: it is given back unopened");
    assert!(!reads(OTHER_COMMUNE_KEY, kept));
    assert_eq!(told(&node, BUYER_KEY, &format!("&sujet={sujet}")), [kept]);
    // What comes once the session is open is told while it passes.
    let late = depose(3).0;
    assert_eq!(flux.leaf().unwrap().id, Some(late));
}

/// Which leaves a filter admits, by their type, source and subject.
type Holds = fn(&str) -> bool;

#[test]
fn filters_give_what_they_say() {
    let (node, last) = world();
    let types: Vec<String> = (0..=last)
        .map(|index| {
            let event = node.get_as(OPERATOR_KEY, &format!("/v1/events/{index}")).json();
            format!("{} {} {}", event["event"]["type"], event["event"]["source"], event["event"]["subject"])
                .replace('"', "")
        })
        .collect();
    let matching = |holds: &dyn Fn(&str) -> bool| -> Vec<u64> {
        (0..=last).filter(|index| holds(&types[usize::try_from(*index).unwrap()])).collect()
    };
    let table: [(&str, Holds); 8] = [
        ("&type=greffe.acte.transmis.v1", |line| line.starts_with("greffe.acte.transmis.v1")),
        ("&type=greffe.cle.*,greffe.acte.*", |line| {
            line.starts_with("greffe.cle.") || line.starts_with("greffe.acte.")
        }),
        ("&famille=adherent", |line| line.contains(" adherent/")),
        ("&famille=adherent&type=greffe.cle.*", |line| line.starts_with("greffe.cle.")),
        ("&source=491011698,urn:siren:214502494", |line| {
            line.contains(" urn:siren:491011698 ") || line.contains(" urn:siren:214502494 ")
        }),
        ("&departement=045", |line| line.contains(" acte/045-")),
        ("&departement=039", |_| false),
        ("&sujet=consultation/214502494_2026-M12", |line| line.ends_with(" consultation/214502494_2026-M12")),
    ];
    for (filter, holds) in table {
        let expected = matching(&holds);
        assert_eq!(told(&node, OPERATOR_KEY, filter), expected, "{filter}");
        let mut flux = Flux::of(&node, OPERATOR_KEY, &filter.replacen('&', "?", 1));
        for index in expected {
            assert_eq!(flux.leaf().unwrap().id, Some(index), "{filter}");
        }
    }
    // A page where nothing matches says where to go on all the same.
    assert_eq!(
        page(&node, OPERATOR_KEY, "departement=039"),
        json!({ "evenements": [], "suite": last, "a_jour": true })
    );
}

#[test]
fn what_is_no_question_is_refused_with_its_code() {
    let (node, last) = world();
    let many = vec!["214502494"; 51].join(",");
    for (query, champ) in [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=01", "after"),
        ("after=%2B1", "after"),
        ("after=", "after"),
        ("after=18446744073709551616", "after"),
        ("type=greffe.acte.transmis.v9", "type"),
        ("type=greffe.act*", "type"),
        ("type=*", "type"),
        ("type=", "type"),
        ("type=greffe.acte.*&famille=pli", "type"),
        ("famille=actes", "famille"),
        ("source=moi", "source"),
        ("source=214502494,", "source"),
        (&format!("source={many}"), "source"),
        ("departement=45", "departement"),
        ("sujet=acte", "sujet"),
        ("sujet=acte/x", "sujet"),
        ("sujet=club/x", "sujet"),
        ("sujet=acte/' OR 1=1 --", "sujet"),
        ("qui=moi", "qui"),
        ("after=1&after=2", "after"),
    ] {
        let query = query.replace(' ', "%20");
        for path in [format!("/v1/events?{query}"), format!("/v1/feed?{query}")] {
            let reply = node.get_as(OPERATOR_KEY, &path);
            assert_eq!(reply.problem(), (400, "query-invalid".to_owned()), "{path}");
            assert_eq!(reply.json()["champ"].as_str().unwrap_or_default(), champ, "{path}");
        }
    }
    for path in ["/v1/events?limit=0", "/v1/events?limit=1001", "/v1/feed?limit=10"] {
        assert_eq!(node.get_as(OPERATOR_KEY, path).problem().1, "query-invalid", "{path}");
    }
    // A log never gets shorter: a cursor from beyond its end is told as what it is.
    for path in ["events", "feed"].map(|what| format!("/v1/{what}?after={}", last + 1)) {
        assert_eq!(node.get_as(OPERATOR_KEY, &path).problem(), (409, "cursor-ahead".to_owned()));
    }
    let bearer = format!("Bearer {}", token(OPERATOR_KEY));
    for (id, status, code) in
        [("x", 400, "header-invalid"), ("07", 400, "header-invalid"), ("99999", 409, "cursor-ahead")]
    {
        let reply = node.send("GET", "/v1/feed", &[("authorization", &bearer), ("last-event-id", id)], None);
        assert_eq!(reply.problem(), (status, code.to_owned()), "{id}");
    }
    let now_s = now_ms() / 1_000;
    let origin = ORIGIN.parse().unwrap();
    for (token, code) in [
        (issue(&key(99), &origin, now_s), "token-key-unknown"),
        (issue(&key(COMMUNE_KEY), &origin, now_s - 400), "token-expired"),
        (issue(&key(COMMUNE_KEY), &"other.example".parse().unwrap(), now_s), "token-audience"),
        (token(COMMUNE_KEY).replace('.', ""), "token-malformed"),
        (token(COMMUNE_KEY) + "AA", "token-malformed"),
    ] {
        for path in ["/v1/events", "/v1/feed"] {
            let reply = node.send("GET", path, &[("authorization", &format!("Bearer {token}"))], None);
            assert_eq!(reply.problem(), (401, code.to_owned()), "{path}");
        }
    }
    assert_eq!(node.get("/v1/feed").problem().1, "token-missing");
}

#[test]
fn a_cursor_loses_nothing_and_repeats_nothing_while_others_post() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    node.deposit(OTHER_COMMUNE_KEY, PDF, None).expect(201);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let poster = scope.spawn(|| {
            for _ in 0..150 {
                node.post(&acte(&numero()), &[COMMUNE_KEY]).expect(201);
            }
            done.store(true, Ordering::Release);
        });
        // Each takes some leaves, leaves, and comes back with its cursor; one page by page.
        let streams: Vec<_> = (1..=3_usize)
            .map(|some| {
                let (node, done) = (&node, &done);
                scope.spawn(move || {
                    let (mut seen, mut last) = (Vec::new(), None);
                    let started = Instant::now();
                    while !(done.load(Ordering::Acquire) && seen.last() == Some(&(node.ledger.head().size - 1))) {
                        assert!(started.elapsed() < 4 * PATIENCE, "{} leaves", seen.len());
                        let mut flux = Flux::open(node, &token(PREFECTURE_KEY), "?famille=acte", last);
                        for _ in 0..7 * some {
                            // The last leaves may all have been told.
                            if done.load(Ordering::Acquire) && last == Some(node.ledger.head().size - 1) {
                                break;
                            }
                            let dit = flux.leaf().unwrap();
                            seen.push(dit.id.unwrap());
                            last = dit.id;
                        }
                    }
                    seen
                })
            })
            .collect();
        let pages = scope.spawn(|| {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let is_last = done.load(Ordering::Acquire);
                let page = page(&node, PREFECTURE_KEY, &format!("famille=acte&limit=4{after}"));
                seen.extend(indices(&page));
                after = format!("&after={}", page["suite"]);
                if is_last && page["a_jour"] == true {
                    return seen;
                }
            }
        });
        poster.join().unwrap();
        let expected = told(&node, PREFECTURE_KEY, "&famille=acte");
        assert_eq!(expected.len(), 150);
        assert_eq!(pages.join().unwrap(), expected);
        for stream in streams {
            assert_eq!(stream.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_stream_ends_with_the_key_at_the_leaf_that_ends_it() {
    let node = Node::open();
    let dossier = "adherent/214502494";
    node.post(&enrolment(COMMUNE, 53, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY, 53]).expect(201);
    let mut ends = enrolment(COMMUNE, 54, &["collectivite"]);
    ends["data"]["valable_jusqu"] = json!(instant(4));
    node.post(&ends, &[OPERATOR_KEY, COMMUNE_KEY, 54]).expect(201);
    let last = node.ledger.head().size - 1;
    let of = |seed: u8| Flux::open(&node, &token(seed), "?famille=acte,adherent", Some(last));
    let (mut revoked, mut stays, mut expires, mut leaves, mut replaced) =
        (of(53), of(COMMUNE_KEY), of(54), of(OTHER_COMMUNE_KEY), of(OPERATOR_KEY));
    let first = node.transmit(&numero());
    for flux in [&mut revoked, &mut stays, &mut expires, &mut replaced] {
        assert_eq!(flux.leaf().unwrap().id, Some(first));
    }
    let data = json!({ "organisation": COMMUNE, "cle": key(53).id(), "motif": "vol" });
    let ended = node.post(&event("cle.revoquee", COMMUNE, dossier, &data), &[53]).expect(201).json();
    let after = node.transmit(&numero());
    assert_eq!(revoked.leaf().unwrap().fin(), "token-key-not-in-force", "neither that leaf nor any after it");
    assert!(revoked.next().is_none());
    for expected in [ended["index"].as_u64().unwrap(), after] {
        assert_eq!(stays.leaf().unwrap().id, Some(expected));
    }
    let left = json!({ "organisation": OTHER_COMMUNE, "motif": "fusion" });
    node.post(&event("adherent.sorti", OTHER_COMMUNE, "adherent/210703385", &left), &[OTHER_COMMUNE_KEY]).expect(201);
    assert_eq!(leaves.leaf().unwrap().fin(), "token-key-not-in-force");
    // At the end of its validity, without any leaf.
    let fin = std::iter::from_fn(|| expires.leaf()).find(|dit| dit.event == "fin");
    assert_eq!(fin.unwrap().fin(), "token-key-not-in-force");
    let new =
        event("registre.operateur-remplace", OPERATOR, &format!("registre/{ORIGIN}"), &json!({ "cle": key(56).id() }));
    node.post(&new, &[6, 4, 56]).expect(201);
    let fin = std::iter::from_fn(|| replaced.leaf()).find(|dit| dit.event == "fin");
    assert_eq!(fin.unwrap().fin(), "token-key-not-in-force");
}

#[test]
fn a_stream_ends_with_its_token_and_goes_on_with_the_next_one() {
    let node = Node::open();
    let first = node.transmit(&numero());
    // As old as a token can be: some seconds are left of it.
    let old = issue(&key(COMMUNE_KEY), &ORIGIN.parse().unwrap(), now_ms() / 1_000 - 327);
    let mut flux = Flux::open(&node, &old, "?famille=acte", None);
    assert_eq!(flux.leaf().unwrap().id, Some(first));
    assert_eq!(flux.leaf().unwrap().fin(), "token-expired");
    assert!(flux.next().is_none());
    let second = node.transmit(&numero());
    let mut flux = Flux::open(&node, &token(COMMUNE_KEY), "?famille=acte", Some(first));
    assert_eq!(flux.leaf().unwrap().id, Some(second));
}

#[test]
fn a_stream_where_nothing_happens_says_how_far_it_looked() {
    let node = Node::open();
    let mut flux = Flux::of(&node, OTHER_PREFECTURE_KEY, "?famille=acte");
    let last = node.transmit(&numero());
    // The act is another département's: nothing of it is told but that the log went on.
    let mut seen = BTreeSet::new();
    while seen.last() != Some(&last) {
        let dit = flux.next().unwrap();
        assert_eq!((dit.event.as_str(), dit.data.as_str()), ("", ""));
        seen.extend(dit.id);
    }
}

#[test]
fn one_organisation_follows_a_bounded_number_of_times() {
    let node = Node::open();
    let most = greffe::http::bounds::FOLLOWERS_OF_EACH_MAX;
    let mut held: Vec<Flux> = (0..most).map(|_| Flux::of(&node, COMMUNE_KEY, "")).collect();
    let full = node.get_as(COMMUNE_KEY, "/v1/feed");
    assert_eq!(full.problem(), (429, "too-many-followers".to_owned()));
    assert_eq!(full.header("retry-after"), "30");
    let _other = Flux::of(&node, PREFECTURE_KEY, "");
    drop(held.pop());
    let started = Instant::now();
    loop {
        let status = Flux::status(&node, COMMUNE_KEY);
        if status == 200 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{status}");
    }
}
