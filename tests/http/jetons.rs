//! Reader tokens over HTTP. The table of all that must not pass is `http::auth`'s own test.

use data_encoding::BASE64URL_NOPAD;
use greffe::http::auth::{Requete, issue};
use greffe_events::ident::Origin;
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};

use crate::monde::*;

fn forged(header: &Value, claims: &Value, seed: u8) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&key(seed).sign(signed.as_bytes()).0))
}

#[test]
fn a_token_that_proves_nothing_opens_nothing() {
    let mut node = Node::open();
    let index = node.transmit("T");
    let now_s = now_ms() / 1_000;
    let origin: Origin = ORIGIN.parse().unwrap();
    let good = issue(&key(COMMUNE_KEY), &origin, now_s);
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": key(COMMUNE_KEY).id() });
    let claims = json!({ "aud": ORIGIN, "iat": now_s, "exp": now_s + 300 });
    let by_none = forged(&header("none"), &claims, COMMUNE_KEY);
    let unsigned = format!("{}.", by_none.rsplit_once('.').unwrap().0);
    let mut ended = enrolment(COMMUNE, 52, &["collectivite"]);
    ended["time"] = json!(instant(-7_200));
    ended["data"]["valable_jusqu"] = json!(instant(-3_600));
    node.post(&ended, &[OPERATOR_KEY, COMMUNE_KEY, 52]).expect(201);
    let table = [
        (String::new(), "token-malformed"),
        (good.replace('.', ""), "token-malformed"),
        (by_none, "token-malformed"),
        (unsigned, "token-malformed"),
        (forged(&header("HS256"), &claims, COMMUNE_KEY), "token-malformed"),
        ("x".repeat(5_000), "token-malformed"),
        (forged(&header("EdDSA"), &claims, OTHER_COMMUNE_KEY), "token-signature"),
        (issue(&key(COMMUNE_KEY), &origin, now_s - 331), "token-expired"),
        (issue(&key(COMMUNE_KEY), &origin, now_s + 60), "token-expired"),
        (issue(&key(COMMUNE_KEY), &"other.example".parse().unwrap(), now_s), "token-audience"),
        (issue(&key(99), &origin, now_s), "token-key-unknown"),
        // A recovery key: known, but it signs nothing.
        (issue(&key(4), &origin, now_s), "token-key-unknown"),
        (issue(&key(52), &origin, now_s), "token-key-not-in-force"),
    ];
    node.get_as(COMMUNE_KEY, &format!("/v1/actes/{}?at_least={index}", id_acte("T"))).expect(200);
    let paths = [
        format!("/v1/events/{index}"),
        format!("/v1/events/{index}/receipt"),
        "/v1/actes".to_owned(),
        format!("/v1/actes/{}", id_acte("T")),
    ];
    for path in &paths {
        for (token, code) in &table {
            let reply = node.send("GET", path, &[("authorization", &format!("Bearer {token}"))], None);
            assert_eq!(reply.problem(), (401, (*code).to_owned()), "{path} {token}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
        let missing = node.get(path);
        assert_eq!(missing.problem(), (401, "token-missing".to_owned()));
        let basic = node.send("GET", path, &[("authorization", &format!("Basic {good}"))], None);
        assert_eq!(basic.problem().1, "token-malformed");
        let bearer = format!("Bearer {good}");
        let twice = node.send("GET", path, &[("authorization", &bearer), ("authorization", &bearer)], None);
        assert_eq!(twice.problem().1, "token-malformed");
        node.send("GET", path, &[("authorization", &bearer)], None).expect(200);
    }
    // What needs no token does not look at one.
    for path in ["/checkpoint", "/tile/0/000.p/1", "/v1/proof/inclusion?index=0", "/health/live"] {
        node.send("GET", path, &[("authorization", "Bearer x")], None).expect(200);
    }
    node.join();
}

/// What a node could do with the token of a deposit that it was sent in another's place.
#[test]
fn a_token_that_was_made_for_a_deposit_is_good_for_nothing_else() {
    let node = Node::open();
    let index = node.transmit("J");
    let path = format!("/v1/pieces/{}", Empreinte::of(PDF));
    let sel = Empreinte([3; 32]).to_string();
    let bound = format!("Bearer {}", deposit_token(COMMUNE_KEY, &path, Some(&sel)));
    let free = format!("Bearer {}", token(COMMUNE_KEY));
    let refused = (401, "token-request".to_owned());
    let put = |path: &str, token: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<_> = [("authorization", token)].into_iter().chain(more.iter().copied()).collect();
        node.send("PUT", path, &headers, Some(body))
    };
    let salted = ("greffe-sel", sel.as_str());
    put(&path, &bound, &[salted], PDF).expect(201);
    put(&path, &bound, &[salted], PDF).expect(201);
    for path in ["/v1/actes", "/v1/feed", "/v1/events", &path, &format!("/v1/events/{index}")] {
        assert_eq!(node.send("GET", path, &[("authorization", &bound)], None).problem(), refused, "{path}");
    }
    let other = Empreinte([4; 32]).to_string();
    assert_eq!(put(&path, &bound, &[], PDF).problem(), refused, "as if it were public");
    assert_eq!(
        put(&path, &bound, &[("greffe-sel", &other)], PDF).problem(),
        refused,
        "again and again, against the quota"
    );
    assert_eq!(put(&path, &bound, &[salted, ("greffe-nom", "x.pdf")], PDF).problem(), refused, "under another name");
    assert_eq!(put(&format!("{path}?x=1"), &bound, &[salted], PDF).problem(), refused);
    let draft = format!("/v1/pieces/{}", Empreinte::of(b"another file"));
    assert_eq!(put(&draft, &bound, &[salted], b"another file").problem(), refused);
    assert_eq!(put(&path, &bound, &[salted], b"other bytes").problem(), (422, "digest-mismatch".to_owned()));
    // Nor does a token that reads deposit anything.
    assert_eq!(put(&path, &free, &[salted], PDF).problem(), refused);
    assert_eq!(put(&path, &free, &[], PDF).problem(), refused);
    // A reading may be bound too.
    let path = format!("/v1/events/{index}");
    let reading = Requete { method: "GET", target: &path, ..Requete::default() };
    let reading = format!("Bearer {}", token_for(&key(COMMUNE_KEY), &reading));
    node.send("GET", &path, &[("authorization", &reading)], None).expect(200);
    let receipt = node.send("GET", &format!("{path}/receipt"), &[("authorization", &reading)], None);
    assert_eq!(receipt.problem(), refused);
}
