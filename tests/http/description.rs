//! The API is what its OpenAPI description says: every answer of every test of this folder is held against it (`check`), and the
//! description and its page are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use crate::monde::*;
use crate::schema;

/// The description, its schemas where the checker looks for them.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = greffe::http::openapi::document().to_string().replace("#/components/schemas/", "#/$defs/");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["$defs"] = document["components"]["schemas"].take();
    document
});

/// What is described for this request; none where nothing is.
fn operation<'a>(method: &str, path: &str) -> Option<&'a Value> {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        if let Some(prefix) = template.strip_suffix("{path}") {
            return path.starts_with(prefix);
        }
        let (parts, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        let fit = |(part, wanted): (&&str, &&str)| (wanted.starts_with('{') && !part.is_empty()) || part == wanted;
        parts.len() == wanted.len() && parts.iter().zip(&wanted).all(fit)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, methods) = paths.iter().filter(|(path, _)| fits(path)).min_by_key(|(path, _)| path.contains('{'))?;
    let method = if method == "HEAD" { "get" } else { &method.to_lowercase() };
    methods.get(method)
}

/// Panics where an answer is not described as it is.
#[track_caller]
pub fn check(method: &str, path: &str, reply: &Reply) {
    let asked = format!("{method} {path}: {} {}", reply.status, reply.text().chars().take(2_000).collect::<String>());
    let Some(operation) = operation(method, path) else {
        assert!(method == "OPTIONS" || matches!(reply.status, 404 | 405), "not described, and answered: {asked}");
        return;
    };
    let response = &operation["responses"][reply.status.to_string()];
    assert!(response.is_object(), "a status that is not described: {asked}");
    if reply.body.is_empty() || method == "HEAD" || !reply.header("content-encoding").is_empty() {
        return;
    }
    let media_type = reply.header("content-type").split(';').next().unwrap();
    let content = &response["content"][media_type];
    assert!(content.is_object(), "a media type that is not described: {media_type}: {asked}");
    let hold = |schema: &Value, body: &Value| {
        let parts = schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect());
        for part in parts {
            if let Err(place) = schema::check_in(&DOCUMENT, part, body) {
                panic!("not as described at {place}: {asked}");
            }
        }
    };
    match media_type {
        "application/json" | "application/problem+json" if path != "/openapi.json" => {
            hold(&content["schema"], &reply.json());
        }
        "application/x-ndjson" => {
            for line in reply.text().lines() {
                hold(&content["x-ligne"], &serde_json::from_str(line).unwrap());
            }
        }
        _ => {}
    }
}

#[test]
fn the_description_is_whole() {
    let node = Node::fresh();
    let reply = node.get("/openapi.json");
    assert_eq!(reply.expect(200).header("content-type"), "application/json");
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}: two of one id");
            assert!(operation["summary"].as_str().unwrap().len() > 10, "{name}");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name}");
            let parameters = operation["parameters"].as_array().unwrap();
            for parameter in parameters {
                assert!(parameter["description"].as_str().is_some_and(|text| text.len() > 5), "{name}: {parameter}");
                assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            }
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{name}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
                let problem = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
                codes.extend(
                    problem["properties"]["code"]["enum"].as_array().into_iter().flatten().map(ToString::to_string),
                );
                for header in response["headers"].as_object().into_iter().flatten().map(|(_, header)| header) {
                    assert!(header["description"].is_string(), "{name} {status} {header}");
                }
            }
            assert!(operation["responses"]["500"].is_object(), "{name}");
        }
    }
    // Every reference leads somewhere, and nothing is described that nothing refers to.
    let text = document.to_string();
    let schemas: BTreeSet<&str> =
        document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    let referred: BTreeSet<&str> =
        text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(schemas, referred);
    // Every code that an answer may have is one that some operation names, but for what no operation answers.
    let all = greffe_events::Code::ALL.iter().map(|code| code.as_str());
    let all = all.chain(greffe::http::problem::Cause::ALL.iter().map(|cause| cause.as_str()));
    let unnamed: Vec<&str> = all.filter(|code| !codes.contains(&format!("\"{code}\""))).collect();
    assert_eq!(unnamed, ["method-not-allowed", "media-type"]);
}

#[test]
fn no_route_is_made_beside_the_described_ones() {
    // The router is a loop over the described operations: a route made elsewhere would be in no description.
    let router = include_str!("../../src/http/mod.rs");
    assert_eq!(router.matches(".route(").count(), 1);
    let node = Node::fresh();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{index}", "0").replace(['{', '}'], "");
            let reply = node.send(&method.to_uppercase(), &path, &[], (method != "get").then_some(b"{}"));
            assert!(
                reply.status != 405 && (reply.status != 404 || reply.problem().1 == "not-found"),
                "{method} {path}"
            );
            assert!(!reply.text().contains("no such path in this API"), "{method} {path}");
        }
    }
}

#[test]
fn the_page_is_read_without_anything_from_elsewhere() {
    let node = Node::fresh();
    let reply = node.get("/docs");
    assert_eq!(reply.expect(200).header("content-type"), "text/html; charset=utf-8");
    let (page, policy) = (reply.text(), reply.header("content-security-policy"));
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for word in
        ["<script", "<link", "<img", "<iframe", "src=", "http://", "@import", "url(", " style=", "onclick", "https://"]
    {
        // The one address of another site is an example in the text.
        assert!(!page.replace("https://portail.exemple.fr", "").contains(word), "{word}");
    }
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"fr\">") && page.contains("<main id=\"contenu\">"));
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id twice");
    for target in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.contains(&target), "{target}");
    }
    for path in DOCUMENT["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for code in greffe_events::Code::ALL {
        assert!(page.contains(&format!("<code>{}</code>", code.as_str())), "{}", code.as_str());
    }
    // Well-formed: each element that is opened is closed, in order.
    let mut open = Vec::new();
    let mut counts = BTreeMap::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        *counts.entry(name).or_insert(0) += 1;
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if matches!(name, "meta" | "!DOCTYPE") => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty() && counts["h1"] == 2, "{open:?}");
    // Nothing of the API's own strictness is lost for it.
    assert_eq!((reply.header("x-content-type-options"), reply.header("referrer-policy")), ("nosniff", "no-referrer"));
    let again = node.send("GET", "/docs", &[("if-none-match", reply.header("etag"))], None);
    assert_eq!(again.status, 304);
}
