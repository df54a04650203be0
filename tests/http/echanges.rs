//! What stands around the answers: tags and 304, compression, CORS.

use std::io::Read;

use crate::monde::*;
use crate::vues::world;

fn ask(node: &Node, seed: u8, path: &str, headers: &[(&str, &str)]) -> Reply {
    let authorization = format!("Bearer {}", token(seed));
    let headers: Vec<_> =
        [("authorization", authorization.as_str())].into_iter().chain(headers.iter().copied()).collect();
    node.send("GET", path, &headers, None)
}

#[test]
fn who_has_it_gets_304_until_it_changes() {
    let (node, last) = world();
    for path in [
        "/v1/actes?limit=10",
        "/v1/actes/045-214502494-20260717-V-DE",
        "/v1/flux",
        "/v1/flux/totaux?budget=214502494",
        "/v1/factures",
        "/v1/consultations",
        "/v1/consultations?ouverte=true",
        "/v1/consultations/214502494_2026-M12/plis",
        "/v1/adherents",
        "/v1/adherents/214502494",
        "/v1/journal?famille=acte",
        "/v1/journal/1",
        "/v1/events/1",
        "/v1/events/1/receipt",
        "/tile/0/000.p/3",
        "/tile/entries/000.p/3",
    ] {
        node.get_as(OPERATOR_KEY, &format!("/v1/journal/{last}?at_least={last}")).expect(200);
        let path = &match path.split_once('?') {
            _ if !path.starts_with("/v1/") || path.starts_with("/v1/events") => path.to_owned(),
            Some(_) => format!("{path}&at_least={last}"),
            None => format!("{path}?at_least={last}"),
        };
        let first = ask(&node, OPERATOR_KEY, path, &[]);
        let tag = first.expect(200).header("etag");
        assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag:?}");
        for known in [tag.to_owned(), format!("W/{tag}"), format!("\"autre\", {tag}"), "*".to_owned()] {
            let again = ask(&node, OPERATOR_KEY, path, &[("if-none-match", &known)]);
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag), "{path} {known}");
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{path}");
        }
        // Malformed or another's: the whole answer.
        for unknown in ["\"autre\"", tag.trim_matches('"'), "\"", ",,", "W/*", "\"a\" \"b\""] {
            let again = ask(&node, OPERATOR_KEY, path, &[("if-none-match", unknown)]);
            assert_eq!((again.status, again.header("etag")), (200, tag), "{path} {unknown}");
            assert_eq!(again.body, first.body, "{path}");
        }
    }
    // A table is not the JSON, another reader does not read the same, and an event changes what it changes.
    let tag = |seed: u8, path: &str, accept: &str| {
        ask(&node, seed, path, &[("accept", accept)]).expect(200).header("etag").to_owned()
    };
    let json = tag(OPERATOR_KEY, "/v1/actes", "application/json");
    assert_ne!(json, tag(OPERATOR_KEY, "/v1/actes", "text/csv"));
    assert_ne!(json, tag(COMMUNE_KEY, "/v1/actes", "application/json"));
    assert_ne!(json, tag(OPERATOR_KEY, "/v1/actes?limit=7", "application/json"));
    let index = node.transmit("W");
    let moved = ask(&node, OPERATOR_KEY, &format!("/v1/actes/{}?at_least={index}", id_acte("W")), &[]);
    moved.expect(200);
    let page = ask(&node, OPERATOR_KEY, "/v1/actes", &[("if-none-match", &json)]);
    assert_eq!(page.expect(200).json()["lignes"].as_array().unwrap().len(), 2);
    // What is not there is not unchanged.
    let nothing = ask(&node, OPERATOR_KEY, "/v1/actes/045-214502494-20260717-X-DE", &[("if-none-match", "*")]);
    assert_eq!(nothing.problem().0, 404);
}

#[test]
fn a_right_that_ends_ends_what_is_unchanged_too() {
    let (node, last) = world();
    let path = format!("/v1/actes/{}?at_least={last}", id_acte("V"));
    let tag = ask(&node, COMMUNE_KEY, &path, &[]).expect(200).header("etag").to_owned();
    // Another reader that learnt the tag learns nothing by it.
    assert_eq!(ask(&node, OTHER_COMMUNE_KEY, &path, &[("if-none-match", &tag)]).problem().0, 404);
    assert_eq!(node.send("GET", &path, &[("if-none-match", &tag)], None).problem().0, 401);
}

#[test]
fn lists_are_compressed_as_asked_and_what_holds_a_chosen_text_is_not() {
    let (node, last) = world();
    let journal = format!("/v1/journal?limit=1000&at_least={last}");
    let plain = ask(&node, OPERATOR_KEY, &journal, &[]);
    assert_eq!(plain.expect(200).header("content-encoding"), "");
    for (accept, encoding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd;q=0.1", "gzip"),
        ("br", ""),
        ("gzip;q=0", ""),
        ("identity", ""),
    ] {
        let reply = ask(&node, OPERATOR_KEY, &journal, &[("accept-encoding", accept)]);
        assert_eq!(reply.expect(200).header("content-encoding"), encoding, "{accept}");
        let varies = |name: &str| {
            let mut names = reply.headers.get_all("vary").iter().flat_map(|line| line.to_str().unwrap().split(','));
            names.any(|varying| varying.trim().eq_ignore_ascii_case(name))
        };
        assert!(varies("accept") && varies("accept-encoding"), "{accept}: {:?}", reply.headers);
        let tag = reply.header("etag");
        assert_eq!(tag.ends_with(&format!("-{encoding}\"")), !encoding.is_empty(), "{tag}");
        let again = ask(&node, OPERATOR_KEY, &journal, &[("accept-encoding", accept), ("if-none-match", tag)]);
        assert_eq!((again.status, again.header("etag")), (304, tag));
        match encoding {
            "gzip" => {
                let mut body = Vec::new();
                flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut body).unwrap();
                assert_eq!(body, plain.body);
            }
            "zstd" => assert!(reply.body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) && reply.body.len() < plain.body.len()),
            _ => assert_eq!(reply.body, plain.body),
        }
    }
    let csv = ask(&node, OPERATOR_KEY, &journal, &[("accept-encoding", "gzip"), ("accept", "text/csv")]);
    assert_eq!(csv.header("content-encoding"), "gzip");
    for _ in 0..4 {
        node.transmit(&numero());
    }
    let index = node.transmit(&numero());
    for path in
        [format!("/v1/actes?at_least={index}"), "/tile/entries/000.p/9".to_owned(), "/tile/0/000.p/9".to_owned()]
    {
        for accept in ["application/json", "text/csv", "*/*"] {
            let reply = ask(&node, OPERATOR_KEY, &path, &[("accept-encoding", "gzip, zstd"), ("accept", accept)]);
            if reply.status != 406 {
                assert_eq!(reply.expect(200).header("content-encoding"), "", "{path} {accept}");
            }
        }
    }
}

#[test]
fn a_page_reads_answers_only_where_the_operator_named_its_site() {
    let node = Node::open();
    let preflight = |site: &str| {
        let headers = [
            ("origin", site),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,if-none-match"),
        ];
        node.send("OPTIONS", "/v1/actes", &headers, None)
    };
    let named = preflight(SITE);
    assert_eq!((named.status, named.header("access-control-allow-origin")), (200, SITE));
    assert!(named.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(named.header("access-control-allow-credentials"), "", "there are no cookies");
    let reply = ask(&node, OPERATOR_KEY, "/v1/adherents", &[("origin", SITE)]);
    assert_eq!(reply.expect(200).header("access-control-allow-origin"), SITE);
    assert!(reply.header("access-control-expose-headers").contains("etag"));
    for other in ["https://portail.example.invalid", "http://portail.example", "null", "https://PORTAIL.example"] {
        assert_eq!(preflight(other).header("access-control-allow-origin"), "", "{other}");
        let reply = ask(&node, OPERATOR_KEY, "/v1/adherents", &[("origin", other)]);
        assert_eq!(reply.expect(200).header("access-control-allow-origin"), "", "{other}");
    }
}
