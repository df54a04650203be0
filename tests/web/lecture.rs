//! What pages show: what the API shows, to the same readers; what others wrote is text, and nothing comes from elsewhere.

use greffe_events::piece::{Empreinte, engagement};
use serde_json::{Value, json};

use crate::monde::*;
use crate::visite::*;

/// The commune's act with this objet; its index.
fn transmets(node: &Node, numero: &str, objet: &str) -> u64 {
    let (piece, sel) = (json!({ "objet": objet }).to_string().into_bytes(), [7; 32]);
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    node.deposit(COMMUNE_KEY, &piece, Some(sel)).expect(201);
    let mut acte = acte(numero);
    acte["data"]["pieces"].as_array_mut().unwrap().push(json!({
        "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": piece.len(),
        "engagement": engagement(&sel, Empreinte::of(&piece)),
    }));
    let index = node.post(&acte, &[COMMUNE_KEY]).expect(201).json()["index"].as_u64().unwrap();
    node.get_as(COMMUNE_KEY, &format!("/v1/actes?at_least={index}")).expect(200);
    node.get_as(COMMUNE_KEY, &format!("/v1/journal?at_least={index}")).expect(200);
    index
}

/// Posts it and waits until the views have it.
fn dis(node: &Node, event: &Value, seed: u8) -> u64 {
    let index = node.post(event, &[seed]).expect(201).json()["index"].as_u64().unwrap();
    node.get_as(seed, &format!("/v1/actes?at_least={index}")).expect(200);
    node.get_as(seed, &format!("/v1/journal?at_least={index}")).expect(200);
    index
}

#[test]
fn a_commune_and_its_prefecture_see_the_act_and_a_neighbour_sees_nothing() {
    let node = Node::open();
    let numero = numero();
    let index = transmets(&node, &numero, "Tarifs de la cantine");
    let accuse_index = dis(&node, &accuse(&numero), PREFECTURE_KEY);
    let id = id_acte(&numero).to_string();
    let pdf = Empreinte::of(PDF).to_string();
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, AUDITOR_KEY] {
        let visite = Visite::de(&node, seed);
        let list = visite.get("/actes").expect(200).text();
        assert!(list.contains(&format!("href=\"/actes/{id}\"")) && list.contains("Tarifs de la cantine"), "{list}");
        assert!(list.contains("Reçu par la préfecture"), "{list}");
        let page = visite.get(&format!("/actes/{id}")).expect(200).text();
        for word in [
            "Tarifs de la cantine",
            "<time datetime=\"2026-11-20\">20\u{a0}novembre 2026</time>",
            "Acte transmis",
            "Accusé de réception de la préfecture",
            "signé par <strong>Organisme</strong>",
            "non publié",
            "21/01/2027",
            &format!("href=\"/recus/{index}\""),
            &format!("href=\"/recus/{accuse_index}\""),
            &format!("href=\"/pieces/{pdf}\""),
            "greffe verify",
        ] {
            assert!(page.contains(word), "{word} in {page}");
        }
        assert_eq!(visite.get(&format!("/pieces/{pdf}")).expect(200).body, PDF);
        let receipt = visite.get(&format!("/recus/{index}"));
        let api = node.get_as(seed, &format!("/v1/events/{index}/receipt"));
        assert_eq!(receipt.expect(200).json(), api.expect(200).json());
        assert_eq!(receipt.header("content-disposition"), format!("attachment; filename=\"recu-{index}.json\""));
        assert!(visite.get("/journal").expect(200).text().contains(&format!("acte/{id}")));
    }
    // What is not theirs is answered as what is not there, byte for byte.
    for seed in [OTHER_COMMUNE_KEY, OTHER_PREFECTURE_KEY] {
        let visite = Visite::de(&node, seed);
        for (theirs, nothing) in [
            (format!("/actes/{id}"), format!("/actes/{}", id_acte("JAMAIS"))),
            (format!("/pieces/{pdf}"), format!("/pieces/{}", Empreinte::of(b"rien"))),
            (format!("/recus/{index}"), "/recus/999999".to_owned()),
        ] {
            let (one, other) = (visite.get(&theirs), visite.get(&nothing));
            assert_eq!(
                (one.expect(404).body.clone(), one.headers.len()),
                (other.expect(404).body.clone(), other.headers.len())
            );
            assert!(one.text().contains("<h1>Introuvable</h1>"), "{}", one.text());
        }
        assert!(visite.get("/actes").expect(200).text().contains("Aucun acte à lire"));
        assert!(!visite.get("/journal").expect(200).text().contains(&id));
        assert!(!visite.get(&format!("/journal?sujet=acte/{id}")).expect(200).text().contains("Acte transmis"));
    }
    assert_eq!(demande(&node.address, "GET", &format!("/actes/{id}"), &[], None).status, 401);
}

#[test]
fn what_the_commune_wrote_is_text() {
    let node = Node::open();
    let numero = numero();
    transmets(&node, &numero, "<script>alert(1)</script>\"'<img src=x onerror=alert(2)>&amp;");
    let visite = Visite::de(&node, PREFECTURE_KEY);
    for path in ["/actes".to_owned(), format!("/actes/{}", id_acte(&numero))] {
        let page = visite.get(&path).expect(200).text();
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
    }
    // What an address says neither.
    for path in ["/actes?siren=%22%3E%3Cscript%3E", "/actes/%3Cscript%3E", "/journal?sujet=%22%3E%3Cscript%3Ex/y"] {
        let page = visite.get(path);
        assert!(matches!(page.status, 200 | 400 | 404) && !page.text().contains("<script>"), "{path}: {}", page.text());
    }
    let page = visite.get("/journal?sujet=acte/%22%3E%3Cb%3E");
    assert!(!page.text().contains("<b>"), "{}", page.text());
}

#[test]
fn lists_filter_as_the_api_does_and_go_on_by_links() {
    let node = Node::open();
    let numeros: Vec<String> = (0..53).map(|_| numero()).collect();
    for numero in &numeros {
        node.transmit(numero);
    }
    let last = dis(&node, &accuse(&numeros[0]), PREFECTURE_KEY);
    let visite = Visite::de(&node, PREFECTURE_KEY);
    let ids = |page: &str| -> Vec<String> {
        page.split("<a href=\"/actes/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let first = visite.get("/actes?etat=transmis&nature=&siren=").expect(200).text();
    assert_eq!(ids(&first).len(), 50);
    let next = first.split("href=\"").map(|rest| rest.split('"').next().unwrap()).find(|href| href.contains("apres="));
    let next = next.unwrap().replace("&amp;", "&");
    assert!(next.starts_with("/actes?etat=transmis&apres="), "{next}");
    let second = visite.get(&next).expect(200).text();
    assert_eq!(ids(&second).len(), 2);
    assert!(second.contains("Première page") && !second.contains("Page suivante"), "{second}");
    assert!(ids(&visite.get("/actes?etat=recu").text()) == [id_acte(&numeros[0]).to_string()]);
    assert!(visite.get("/actes?nature=BF").text().contains("Aucun acte ne répond"));
    assert_eq!(visite.get("/actes?etat=perdu").status, 400);
    assert_eq!(visite.get("/actes?ailleurs=1").status, 400, "a filter misspelt must not filter nothing");
    let journal = visite.get("/journal?famille=acte").expect(200).text();
    assert!(journal.contains(&format!("href=\"/recus/{last}\"")) && journal.contains("Page suivante"), "{journal}");
    assert!(!visite.get("/journal?famille=adherent").text().contains("Acte transmis"));
}

#[test]
fn pages_load_from_this_site_alone_and_their_policy_says_so() {
    let node = Node::open();
    let numero = numero();
    transmets(&node, &numero, "Tarifs");
    let visite = Visite::de(&node, COMMUNE_KEY);
    let link = format!("/session?lien={}", lien_de(COMMUNE_KEY));
    let acte = format!("/actes/{}", id_acte(&numero));
    for path in ["/", "/actes", "/journal", &acte, &link, "/actes/rien", "/actes?etat=rien"] {
        for cookie in [visite.cookie.as_str(), "greffe-local=rien"] {
            let reply = demande(&node.address, "GET", path, &[("cookie", cookie)], None);
            let page = reply.text();
            assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert_eq!(
                reply.header("content-security-policy"),
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action \
                 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
            );
            assert_eq!((reply.header("cache-control"), reply.header("referrer-policy")), ("no-store", "strict-origin"));
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            for attribute in ["src=\"", "href=\"", "action=\""] {
                for target in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                    let is_own = target.starts_with('#') || target.starts_with('/') && !target.starts_with("//");
                    assert!(is_own, "{path}: {target}");
                }
            }
            for word in ["<style", " style=", "javascript:", " onclick", "<iframe", "http://", "https://", "@import"] {
                assert!(!page.replace("en https://", "").contains(word), "{path}: {word}: {page}");
            }
            assert_eq!(page.matches("<h1>").count(), 1, "{path}");
            assert!(
                page.starts_with("<!DOCTYPE html><html lang=\"fr\">") && page.contains("<main id=\"contenu\""),
                "{path}"
            );
        }
    }
    // Never compressed: it may show what others wrote.
    let reply =
        demande(&node.address, "GET", "/actes", &[("cookie", &visite.cookie), ("accept-encoding", "gzip")], None);
    assert_eq!(reply.expect(200).header("content-encoding"), "");
    let page = visite.get("/").text();
    let style = page.split("href=\"").map(|rest| rest.split('"').next().unwrap()).find(|href| href.contains(".css"));
    let reply = visite.get(style.unwrap());
    assert_eq!(reply.expect(200).header("cache-control"), "public, max-age=31536000, immutable");
    assert!(!reply.text().contains("url(") && !reply.text().contains("@import"));
    let again = demande(&node.address, "GET", style.unwrap(), &[("if-none-match", reply.header("etag"))], None);
    assert_eq!(again.status, 304);
    assert_eq!(visite.get("/statique/autre.css").status, 404);
}

#[test]
fn what_an_auditor_reads_on_pages_is_noted_as_in_the_api() {
    let node = Node::open();
    let visite = Visite::de(&node, AUDITOR_KEY);
    visite.get("/journal?famille=acte").expect(200);
    let lectures = rusqlite::Connection::open(node.folder.lectures()).unwrap();
    let noted: u64 = lectures
        .query_row("SELECT count(*) FROM demandes WHERE demande = 'GET /journal?famille=acte'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(noted, 1);
}
