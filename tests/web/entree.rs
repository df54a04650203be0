//! In by a link, once; and out: by the button, with the key, with the node.

use serde_json::json;

use crate::monde::*;
use crate::node::{Serving, arg, enrol, greffe, init, succeed};
use crate::visite::*;

/// Waits until links made now are taken: a node takes none of the second in which it started.
fn ready(node: &Node) {
    Visite::de(node, OPERATOR_KEY);
}

#[test]
fn a_link_opens_one_session_and_who_only_follows_it_does_not_use_it_up() {
    let node = Node::open();
    ready(&node);
    let token = lien_de(COMMUNE_KEY);
    let path = format!("/session?lien={token}");
    // A mail scanner, and a curious one.
    for _ in 0..3 {
        let page = demande(&node.address, "GET", &path, &[], None);
        let text = page.expect(200).text();
        assert!(text.contains("Organisme") && text.contains("Collectivité") && text.contains("<button"), "{text}");
        assert_eq!(page.header("set-cookie"), "");
    }
    let reply = entre(&node, &token);
    assert_eq!((reply.expect(303).header("location"), reply.text().as_str()), ("/", ""));
    let cookie = reply.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=28800");
    assert!(pair.starts_with("greffe-local=") && pair.len() == "greffe-local=".len() + 43, "{pair}");
    for reply in [entre(&node, &token), demande(&node.address, "GET", &path, &[], None)] {
        let text = reply.expect(403).text();
        assert!(text.contains("déjà servi") && reply.header("set-cookie").is_empty(), "{text}");
    }
    // The session stays.
    let home = demande(&node.address, "GET", "/", &[("cookie", pair)], None);
    assert!(home.expect(200).text().contains("Vous lisez au nom de <strong>Organisme</strong>"), "{}", home.text());
}

#[test]
fn over_https_the_cookie_is_one_that_no_other_site_sets() {
    let node = Node::open();
    ready(&node);
    let headers = [("origin", "https://greffe.exemple.fr"), ("host", "greffe.exemple.fr")];
    let body = format!("lien={}", lien_de(COMMUNE_KEY));
    let reply = demande(&node.address, "POST", "/session", &headers, Some(&body));
    let cookie = reply.expect(303).header("set-cookie");
    assert!(cookie.starts_with("__Host-greffe="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=28800"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(demande(&node.address, "GET", "/actes", &[("cookie", pair)], None).status, 200);
    // Under the name that others could set, it is taken on this machine only.
    let local = pair.replace("__Host-greffe", "greffe-local");
    let elsewhere = [("cookie", local.as_str()), ("host", "greffe.exemple.fr")];
    assert_eq!(demande(&node.address, "GET", "/actes", &elsewhere, None).status, 401);
}

#[test]
fn what_is_no_good_link_opens_nothing() {
    let node = Node::open();
    ready(&node);
    let now_s = now_ms() / 1_000;
    let mut altered = lien_de(COMMUNE_KEY);
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'B' } else { 'A' });
    let cases = [
        (lien_a(COMMUNE_KEY, ORIGIN, now_s - 400), "n'est plus valable"),
        (lien_a(COMMUNE_KEY, ORIGIN, now_s + 400), "n'est plus valable"),
        (lien_a(COMMUNE_KEY, ORIGIN, now_s - 200), "dernier démarrage"),
        (lien_a(COMMUNE_KEY, "ailleurs.example", now_s), "autre registre"),
        (lien_a(99, ORIGIN, now_s), "pas enrôlée ici"),
        (token(COMMUNE_KEY), "incomplet"),
        (altered, "incomplet"),
        ("a.b.c".to_owned(), "incomplet"),
        (String::new(), "incomplet"),
    ];
    for (token, reason) in cases {
        for reply in [demande(&node.address, "GET", &format!("/session?lien={token}"), &[], None), entre(&node, &token)]
        {
            let text = reply.expect(403).text();
            assert!(text.contains(reason) && reply.header("set-cookie").is_empty(), "{reason}: {text}");
        }
    }
    // A clock that is ahead: a moment later it is good.
    let ahead = lien_a(COMMUNE_KEY, ORIGIN, now_ms() / 1_000 + 20);
    assert!(entre(&node, &ahead).expect(403).text().contains("avance un peu"));
    let long = "a".repeat(5_000);
    assert_eq!(entre(&node, &long).status, 413);
}

#[test]
fn the_api_takes_no_link_and_no_cookie_and_pages_take_no_token() {
    let node = Node::open();
    let visite = Visite::de(&node, COMMUNE_KEY);
    let link = format!("Bearer {}", lien_de(COMMUNE_KEY));
    let api = node.send("GET", "/v1/actes", &[("authorization", &link)], None);
    assert_eq!(api.problem(), (401, "token-malformed".to_owned()));
    let api = node.send("GET", "/v1/actes", &[("cookie", &visite.cookie)], None);
    assert_eq!(api.problem(), (401, "token-missing".to_owned()));
    let bearer = format!("Bearer {}", token(COMMUNE_KEY));
    for path in ["/actes", "/journal", "/recus/0"] {
        let page = demande(&node.address, "GET", path, &[("authorization", &bearer)], None);
        assert_eq!((page.status, page.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert!(page.text().contains("Il faut d'abord entrer"), "{}", page.text());
    }
}

#[test]
fn no_other_site_acts_in_a_visitors_name() {
    let node = Node::open();
    let visite = Visite::de(&node, COMMUNE_KEY);
    let token = lien_de(COMMUNE_KEY);
    let body = format!("lien={token}");
    let own = format!("http://{}", node.address);
    let foreign: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", "https://ailleurs.example")],
        &[("origin", "null")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("origin", "http://greffe.mairie"), ("host", "greffe.mairie")],
    ];
    for headers in foreign {
        let with_cookie: Vec<(&str, &str)> =
            headers.iter().copied().chain([("cookie", visite.cookie.as_str())]).collect();
        assert_eq!(demande(&node.address, "POST", "/session", headers, Some(&body)).status, 403, "{headers:?}");
        assert_eq!(demande(&node.address, "POST", "/session/fin", &with_cookie, Some("")).status, 403, "{headers:?}");
    }
    // None of it used the link up, or ended the session.
    assert_eq!(visite.get("/actes").status, 200);
    assert_eq!(entre(&node, &token).status, 303);
    let reply =
        demande(&node.address, "POST", "/session/fin", &[("origin", &own), ("cookie", &visite.cookie)], Some(""));
    assert_eq!(reply.expect(303).header("set-cookie"), "greffe-local=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    assert_eq!(visite.get("/actes").status, 401, "it came out");
}

#[test]
fn a_session_ends_with_its_key_and_with_the_node() {
    let node = Node::open();
    node.post(&enrolment(COMMUNE, 53, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY, 53]).expect(201);
    let (visite, other) = (Visite::de(&node, 53), Visite::de(&node, COMMUNE_KEY));
    assert_eq!(visite.get("/actes").status, 200);
    let unused = lien_de(53);
    let data = json!({ "organisation": COMMUNE, "cle": key(53).id(), "motif": "vol" });
    node.post(&event("cle.revoquee", COMMUNE, "adherent/214502494", &data), &[53]).expect(201);
    assert_eq!(visite.get("/actes").status, 401);
    assert!(visite.get("/").text().contains("greffe token --link"), "as for anybody");
    assert!(entre(&node, &unused).expect(403).text().contains("plus en vigueur"));
    assert_eq!(other.get("/actes").status, 200, "another key's session goes on");

    let used = loop {
        let token = lien_de(COMMUNE_KEY);
        if entre(&node, &token).status == 303 {
            break token;
        }
    };
    let cookie = other.cookie.clone();
    let node = node.restarted();
    assert_eq!(demande(&node.address, "GET", "/actes", &[("cookie", &cookie)], None).status, 401);
    assert!(
        entre(&node, &used).expect(403).text().contains("dernier démarrage"),
        "what was forgotten is refused otherwise"
    );
}

#[test]
fn the_command_makes_a_link_and_the_log_holds_neither_it_nor_the_session() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), "liens.greffe.example");
    let mut command = greffe();
    command.args(["serve", "--dir", arg(&ledger.dir), "--listen", "127.0.0.1:0"]).env("GREFFE_LOG", "trace");
    let serving = Serving::run(command).unwrap();
    let key = enrol(root.path(), &serving, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let address = serving.url.trim_start_matches("http://").to_owned();
    let (token, cookie) = loop {
        let link = succeed(&["token", "--link", "--key", arg(&key), "--url", &serving.url]);
        let path = link.trim().strip_prefix(&serving.url).expect("a link to that node").to_owned();
        let token = path.strip_prefix("/session?lien=").unwrap().to_owned();
        let page = demande(&address, "GET", &path, &[], None);
        if page.status == 200 {
            let headers = [("origin", serving.url.as_str())];
            let reply = demande(&address, "POST", "/session", &headers, Some(&format!("lien={token}")));
            break (token, reply.expect(303).header("set-cookie").split(';').next().unwrap().to_owned());
        }
    };
    assert_eq!(demande(&address, "GET", "/actes", &[("cookie", &cookie)], None).status, 200);
    assert_eq!(demande(&address, "GET", &format!("/session?lien={token}"), &[], None).status, 403);
    let pid = serving.pid().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    let (_, said) = serving.ended();
    assert!(said.contains("answered") && said.contains("came in to read pages"), "{said}");
    for secret in [token.as_str(), token.rsplit('.').next().unwrap(), cookie.split_once('=').unwrap().1] {
        assert!(!said.contains(secret), "a secret is in the log");
    }
}
