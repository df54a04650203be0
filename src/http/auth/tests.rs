//! Tokens that must not pass, each with its reason.
#![allow(clippy::unwrap_used)]

use greffe_events::catalogue::Role;
use greffe_events::horodatage::Horodatage;
use serde_json::{Value, json};

use super::*;

const NOW_S: u64 = 1_795_169_730;

fn origin() -> Origin {
    "greffe.example".parse().unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[10; 32])
}

fn record(roles: &[Role]) -> KeyRecord {
    KeyRecord {
        organisation: "urn:siren:214502494".parse().unwrap(),
        roles: roles.to_vec(),
        valable_du: Horodatage::from_unix_ms((NOW_S - 1_000) * 1_000),
        valable_jusqu: Some(Horodatage::from_unix_ms((NOW_S + 1_000) * 1_000)),
        index: 3,
    }
}

/// The request that tokens are shown with.
fn depot() -> Requete<'static> {
    Requete { method: "PUT", target: "/v1/pieces/ab", sel: Some("cd"), nom: Some("plan.pdf") }
}

fn check_at(now_s: u64, authorization: Option<&str>) -> Result<KeyId, TokenError> {
    let known = || (record(&[Role::Collectivite]), Standing::InForce);
    let find = |asked: &KeyId| Ok::<_, ()>((*asked == key().id()).then(known));
    verify(authorization, &depot(), &origin(), now_s * 1_000, find).unwrap().map(|porteur| porteur.key)
}

fn check(authorization: Option<&str>) -> Result<KeyId, TokenError> {
    check_at(NOW_S, authorization)
}

fn signed(header: &Value, claims: &Value, key: &SecretKey) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).0))
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "JWT", "kid": key().id() })
}

fn claims() -> Value {
    json!({ "aud": "greffe.example", "iat": NOW_S, "exp": NOW_S + 300 })
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

fn is_malformed(authorization: &str) -> bool {
    matches!(check(Some(authorization)), Err(TokenError::Malformed(_)))
}

#[test]
fn what_is_issued_is_good_for_five_minutes_and_the_skew() {
    let token = format!("Bearer {}", issue(&key(), &origin(), NOW_S));
    assert!(token.len() < HEADER_BYTES_MAX / 2);
    for (offset_s, is_good) in [(0, true), (300, true), (329, true), (330, false), (3_000, false)] {
        assert_eq!(check_at(NOW_S + offset_s, Some(&token)).is_ok(), is_good, "{offset_s} s later");
    }
    for (offset_s, is_good) in [(30, true), (31, false)] {
        assert_eq!(check_at(NOW_S - offset_s, Some(&token)).is_ok(), is_good, "{offset_s} s earlier");
    }
    assert_eq!(check(Some(&token.replace("Bearer ", "bearer  "))), Ok(key().id()));
}

#[test]
fn a_header_that_is_not_exactly_ours_is_refused() {
    let good = signed(&header(), &claims(), &key());
    assert_eq!(check(Some(&good)), Ok(key().id()));
    assert_eq!(check(None), Err(TokenError::Missing));
    let token = good.strip_prefix("Bearer ").unwrap();
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        token,
        &format!("Basic {token}"),
        &format!("Bearer{token}"),
        "Bearer a.b",
        "Bearer a.b.c.d",
    ] {
        assert!(is_malformed(bad), "{bad}");
    }
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("Ed25519")),
        ("alg", json!(null)),
        ("typ", json!("JOSE")),
        ("typ", json!("jwt")),
        ("kid", json!("214502494")),
        ("crit", json!(["exp"])),
        ("jwk", json!({})),
    ] {
        assert!(is_malformed(&signed(&with(&header(), name, value.clone()), &claims(), &key())), "{name} {value}");
    }
    let [head, body, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert!(is_malformed(&format!("Bearer {head}.{body}.")), "no signature");
    assert!(is_malformed(&format!("Bearer {head}.{body}.{}", &signature[..80])), "a short signature");
    assert!(is_malformed(&format!("Bearer {head}=.{body}.{signature}")), "padding");
    assert!(is_malformed(&format!("{good}{}", "A".repeat(HEADER_BYTES_MAX))), "too long");
    let twice = BASE64URL_NOPAD
        .encode(format!(r#"{{"alg":"none","alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, key().id()).as_bytes());
    assert!(is_malformed(&format!("Bearer {twice}.{body}.{signature}")), "a name twice");
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    let table = [
        ("aud", json!("other.example"), TokenError::Audience),
        ("iat", json!(NOW_S + 31), TokenError::Expired),
        ("iat", json!(NOW_S - 1), TokenError::Expired),
        ("exp", json!(NOW_S + 301), TokenError::Expired),
        ("exp", json!(NOW_S - 1), TokenError::Expired),
        ("exp", json!(u64::MAX), TokenError::Expired),
    ];
    for (name, value, error) in table {
        assert_eq!(
            check(Some(&signed(&header(), &with(&claims(), name, value.clone()), &key()))),
            Err(error),
            "{name} {value}"
        );
    }
    for (name, value) in [
        ("aud", json!(["greffe.example"])),
        ("exp", json!("1")),
        ("iat", json!(-1)),
        ("iat", json!(1.5)),
        ("nbf", json!(0)),
    ] {
        assert!(is_malformed(&signed(&header(), &with(&claims(), name, value.clone()), &key())), "{name} {value}");
    }
}

#[test]
fn only_the_key_itself_while_it_is_in_force_proves_who_reads() {
    let other = SecretKey::from_seed(&[11; 32]);
    assert_eq!(check(Some(&signed(&header(), &claims(), &other))), Err(TokenError::Signature));
    let unknown = with(&header(), "kid", json!(other.id()));
    assert_eq!(check(Some(&signed(&unknown, &claims(), &other))), Err(TokenError::KeyUnknown));
    let good = signed(&header(), &claims(), &key());
    let respelt = claims().to_string().replace(':', ": ");
    let claims_part = |claims: &str| BASE64URL_NOPAD.encode(claims.as_bytes());
    let altered = good.replace(&claims_part(&claims().to_string()), &claims_part(&respelt));
    assert_ne!(altered, good);
    assert_eq!(check(Some(&altered)), Err(TokenError::Signature));

    let by = |record: KeyRecord, standing: Standing| {
        verify(Some(&good), &depot(), &origin(), NOW_S * 1_000, |_| Ok::<_, ()>(Some((record, standing))))
            .unwrap()
            .err()
    };
    assert_eq!(by(record(&[]), Standing::InForce), Some(TokenError::KeyUnknown), "a recovery key");
    for standing in [Standing::OutOfValidity, Standing::Pending { from_ms: 1 }, Standing::Revoked, Standing::MemberGone]
    {
        assert_eq!(by(record(&[Role::Collectivite]), standing), Some(TokenError::KeyNotInForce), "{standing:?}");
    }
    assert_eq!(
        verify(Some(&good), &depot(), &origin(), NOW_S * 1_000, |_| Err("the index can't be read")).unwrap_err(),
        "the index can't be read"
    );
}

#[test]
fn a_bound_token_is_good_for_its_request_alone() {
    let seen = |bound: &Requete, shown: &Requete| {
        let token = format!("Bearer {}", issue_for(&key(), &origin(), NOW_S, bound));
        let known = |_: &KeyId| Ok::<_, ()>(Some((record(&[Role::Collectivite]), Standing::InForce)));
        verify(Some(&token), shown, &origin(), NOW_S * 1_000, known).unwrap().map(|porteur| porteur.is_bound)
    };
    let here = depot();
    assert_eq!(seen(&here, &here), Ok(true));
    let others = [
        Requete { method: "GET", ..here },
        Requete { target: "/v1/pieces/ac", ..here },
        Requete { target: "/v1/pieces/ab?x=1", ..here },
        Requete { sel: None, ..here },
        Requete { sel: Some("ce"), ..here },
        Requete { nom: None, ..here },
        Requete { nom: Some("M. Untel.pdf"), ..here },
        // Nothing moves from one line to another.
        Requete { sel: Some("plan.pdf"), nom: Some("cd"), ..here },
    ];
    for other in &others {
        assert_eq!(seen(&here, other), Err(TokenError::Request), "{other:?}");
        assert_eq!(seen(other, &here), Err(TokenError::Request), "{other:?}");
    }
    let free = format!("Bearer {}", issue(&key(), &origin(), NOW_S));
    let known = |_: &KeyId| Ok::<_, ()>(Some((record(&[Role::Collectivite]), Standing::InForce)));
    assert!(!verify(Some(&free), &here, &origin(), NOW_S * 1_000, known).unwrap().unwrap().is_bound);
    for req in [json!(""), json!("00"), json!("AB".repeat(32)), json!(1)] {
        assert!(is_malformed(&signed(&header(), &with(&claims(), "req", req.clone()), &key())), "{req}");
    }
    // As the pages for editors say it.
    let lines = b"PUT\n/v1/pieces/ab\ncd\nplan.pdf\n";
    assert_eq!(here.digest(), Empreinte::of(lines));
}
