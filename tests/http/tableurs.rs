//! Lists as spreadsheets take them: the same rows, filters and pages as in JSON, in a form that a French spreadsheet opens.

use serde_json::{Value, json};

use crate::monde::*;
use crate::vues::world;

const CSV_TYPE: &str = "text/csv; charset=utf-8; header=present";

/// The whole of a CSV answer: its headers, then its lines.
fn table(reply: &Reply) -> (Vec<String>, Vec<Vec<String>>) {
    assert_eq!(reply.expect(200).header("content-type"), CSV_TYPE, "{}", reply.text());
    assert!(reply.header("vary").to_lowercase().contains("accept"));
    let bytes = reply.body.strip_prefix("\u{feff}".as_bytes()).expect("a byte order mark");
    assert!(bytes.ends_with(b"\r\n"));
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(bytes);
    let headers = reader.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let lines = reader.records().map(|line| line.unwrap().iter().map(ToOwned::to_owned).collect()).collect();
    (headers, lines)
}

fn ask(node: &Node, seed: u8, path: &str, accept: &str) -> Reply {
    node.send("GET", path, &[("authorization", &format!("Bearer {}", token(seed))), ("accept", accept)], None)
}

/// The cell of the only line under this header.
fn cell(node: &Node, seed: u8, path: &str, header: &str) -> String {
    let (headers, lines) = table(&ask(node, seed, path, "text/csv"));
    assert_eq!(lines.len(), 1, "{path}: {lines:?}");
    lines[0][headers.iter().position(|name| name == header).unwrap_or_else(|| panic!("{header} in {headers:?}"))]
        .clone()
}

#[test]
fn every_list_of_a_view_is_a_table_too() {
    let (node, last) = world();
    for (path, header, expected) in [
        ("/v1/actes", "SIREN", "214502494"),
        // A subject matter is no date.
        ("/v1/actes?etat=transmis", "Matière", "'7.1"),
        ("/v1/actes", "Date de décision", "2026-07-17"),
        ("/v1/actes", "Exécutoire : motif", "non publié"),
        ("/v1/flux", "Montant HT", "15230,10"),
        ("/v1/flux/totaux?budget=214502494", "Montant HT", "15230,10"),
        ("/v1/factures", "Montant TTC", "120,00"),
        ("/v1/factures", "Dépôt constaté", "non"),
        ("/v1/factures/totaux?acheteur=214502494", "Montant payé", "0,00"),
        ("/v1/consultations", "Identifiant", "214502494_2026-M12"),
        ("/v1/consultations/214502494_2026-M12/retraits", "Complet", "oui"),
        // Nothing of a submission before it is opened.
        ("/v1/consultations/214502494_2026-M12/plis", "Soumissionnaire", ""),
        ("/v1/consultations/214502494_2026-M12/plis", "Dépôt : délai", "en-temps"),
        ("/v1/adherents?categorie=etablissement-public", "Organisme", "urn:siren:173900010"),
        ("/v1/journal?famille=facture", "Constat", "non"),
    ] {
        let at = format!("{path}{}at_least={last}", if path.contains('?') { '&' } else { '?' });
        assert_eq!(cell(&node, OPERATOR_KEY, &at, header), expected, "{path}");
        // The same reader, the same rows; what is not there for it is not there as a table either.
        let page = ask(&node, OTHER_PREFECTURE_KEY, path, "application/json");
        let lines = ask(&node, OTHER_PREFECTURE_KEY, path, "text/csv;q=0.9, */*;q=0.1");
        match page.status {
            404 => assert_eq!(lines.problem(), (404, "not-found".to_owned()), "{path}"),
            _ => assert_eq!(table(&lines).1.len(), rows(&page.json()), "{path}"),
        }
    }
    let (headers, lines) = table(&ask(&node, OPERATOR_KEY, "/v1/journal?limit=1000", "text/csv"));
    assert_eq!(lines.len() as u64, last + 1);
    let at = headers.iter().position(|name| name == "Enregistré le (UTC)").unwrap();
    let is_instant = |text: &String| text.len() == 19 && text.as_bytes()[10] == b' ';
    assert!(lines.iter().all(|line| is_instant(&line[at])), "{lines:?}");
}

fn rows(page: &Value) -> usize {
    ["lignes", "actes", "totaux"].iter().find_map(|name| page[*name].as_array()).unwrap().len()
}

#[test]
fn what_a_member_wrote_is_no_formula() {
    let node = Node::open();
    let name = "=HYPERLINK(\"http://exemple.invalid\";\"Cliquez\")";
    let member = changed(&member("urn:siren:173900010", "epci"), "/data/denomination", json!(name));
    let reply = node.post(&member, &[OPERATOR_KEY]);
    let index = reply.expect(201).json()["index"].as_u64().unwrap();
    let path = format!("/v1/adherents?categorie=epci&at_least={index}");
    assert_eq!(cell(&node, OPERATOR_KEY, &path, "Dénomination"), format!("'{name}"));
}

#[test]
fn the_next_page_is_where_link_says_in_both_forms() {
    let (node, last) = world();
    for accept in ["text/csv", "application/json"] {
        let (mut path, mut seen, mut pages) = (format!("/v1/journal?limit=4&at_least={last}&source=219600012"), 0, 0);
        loop {
            let reply = ask(&node, OPERATOR_KEY, &path, accept);
            seen += if accept == "text/csv" { table(&reply).1.len() } else { rows(&reply.json()) };
            pages += 1;
            if reply.header("link").is_empty() {
                break;
            }
            let link = reply.header("link").strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            assert!(link.contains("source=219600012") && link.matches("apres=").count() == 1, "{link}");
            path = link.to_owned();
        }
        // Every event of the operator, each once.
        let all = ask(&node, OPERATOR_KEY, "/v1/journal?limit=1000&source=219600012", "application/json").json();
        assert_eq!((seen, pages), (rows(&all), rows(&all).div_ceil(4)), "{accept}");
    }
    // Refusals have a cursor of another kind.
    for numero in ["A", "B"] {
        node.post(&accuse(numero), &[PREFECTURE_KEY]).expect(409);
    }
    let first = ask(&node, PREFECTURE_KEY, "/v1/refus?limit=1", "text/csv");
    assert_eq!(table(&first).1[0][2], "acte-inconnu");
    let next = first.header("link").strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let second = ask(&node, PREFECTURE_KEY, next, "text/csv");
    assert_eq!((table(&second).1.len(), second.header("link")), (1, ""));
}

#[test]
fn what_is_asked_for_is_what_comes_or_a_reason() {
    let node = Node::open();
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("text/csv;q=1.0, application/json;q=0.9", CSV_TYPE),
        ("text/*", CSV_TYPE),
        ("TEXT/CSV", CSV_TYPE),
        ("text/csv;q=0, */*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        // No weight at all: as if it were not there.
        ("text/csv;q=deux", "application/json"),
        (",;,", "application/json"),
    ] {
        let reply = ask(&node, OPERATOR_KEY, "/v1/adherents", accept);
        assert_eq!(reply.expect(200).header("content-type"), expected, "{accept}");
    }
    for accept in ["application/vnd.ms-excel", "text/csv;q=0", "*/*;q=0", "text"] {
        let reply = ask(&node, OPERATOR_KEY, "/v1/adherents", accept);
        assert_eq!(reply.problem(), (406, "not-acceptable".to_owned()), "{accept}");
    }
    // A no is a problem, whatever was asked for; who may not read is told so first.
    assert_eq!(ask(&node, OPERATOR_KEY, "/v1/actes?etat=perdu", "text/csv").problem().0, 400);
    assert_eq!(node.send("GET", "/v1/actes", &[("accept", "text/csv")], None).problem().0, 401);
}
