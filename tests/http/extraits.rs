//! The extract over HTTP: the node signs for no view that lacks leaves.

use greffe::vues::toutes;
use greffe_events::{Data, Event};
use greffe_projections::journal::Journal;
use greffe_projections::{ApplyError, Projection, Recorded, Writer};
use rusqlite::Connection;
use serde_json::json;

use crate::monde::*;

/// A journal that keeps nothing of what this tells, as one from which a hand took rows.
struct Sourd(fn(&Event) -> bool);

impl Projection for Sourd {
    fn name(&self) -> &'static str {
        Journal.name()
    }

    fn version(&self) -> u32 {
        Journal.version()
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        Journal.create_tables(conn)
    }

    fn indexes(&self) -> &'static str {
        Journal.indexes()
    }

    fn tables(&self) -> &'static [&'static str] {
        Journal.tables()
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        if leaf.event().unwrap().is_ok_and(self.0) { Ok(()) } else { Journal.apply(tx, leaf) }
    }
}

fn deaf(to: fn(&Event) -> bool) -> Node {
    let mut views = toutes();
    let journal = views.iter().position(|view| view.name() == Journal.name()).unwrap();
    views[journal] = Box::new(Sourd(to));
    Node::with_views(views)
}

/// The answer to a commune that asks for all that it ever said, which is one event.
fn extract(node: &Node) -> Reply {
    node.post(&member(COMMUNE, "commune"), &[OPERATOR_KEY]).expect(201);
    node.post(&enrolment(COMMUNE, COMMUNE_KEY, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY]).expect(201);
    let subject = format!("acte/{}", id_acte(&numero()));
    let said = event("acte.publie", COMMUNE, &subject, &json!({ "mode": "affichage", "date": "2026-07-18" }));
    node.post(&said, &[COMMUNE_KEY]).expect(201);
    node.get_as(COMMUNE_KEY, &format!("/v1/extraits/{}", COMMUNE.rsplit(':').next().unwrap()))
}

#[test]
fn a_node_signs_no_extract_of_a_view_that_lacks_leaves() {
    extract(&Node::fresh()).expect(200);
    let node = deaf(|event| event.source.to_string() == COMMUNE);
    let refused = extract(&node);
    assert_eq!(refused.problem(), (503, "view-behind".to_owned()));
    assert!(refused.text().contains("0 of 1 events"), "{}", refused.text());
}

#[test]
fn a_node_signs_no_extract_of_a_view_that_lacks_what_others_said_of_its_dossiers() {
    let told = |node: &Node, is_followed: bool| {
        for (organisation, categorie, seed, role) in [
            (COMMUNE, "commune", COMMUNE_KEY, "collectivite"),
            (PREFECTURE, "prefecture", PREFECTURE_KEY, "prefecture:045"),
        ] {
            node.post(&member(organisation, categorie), &[OPERATOR_KEY]).expect(201);
            node.post(&enrolment(organisation, seed, &[role]), &[OPERATOR_KEY, seed]).expect(201);
        }
        let numero = numero();
        node.transmit(&numero);
        node.post(&accuse(&numero), &[PREFECTURE_KEY]).expect(201);
        if is_followed {
            let subject = format!("acte/{}", id_acte(&numero));
            let said = event("acte.publie", COMMUNE, &subject, &json!({ "mode": "affichage", "date": "2026-07-18" }));
            node.post(&said, &[COMMUNE_KEY]).expect(201);
        }
        let path = format!("/v1/extraits/{}", COMMUNE.rsplit(':').next().unwrap());
        (node.get_as(COMMUNE_KEY, &path), node.get_as(COMMUNE_KEY, &format!("{path}?au=4")))
    };
    let is_accuse: fn(&Event) -> bool = |event| matches!(event.data, Data::ActeAccuseReception(_));
    // A key event of the prefecture, which signs: at the end of that dossier.
    let (whole, _) = told(
        &deaf(|event| matches!(&event.data, Data::CleEnrolee(data) if data.organisation.to_string() == PREFECTURE)),
        true,
    );
    assert_eq!(whole.problem(), (503, "view-behind".to_owned()));
    assert!(whole.text().contains("leaf 4 of adherent/"), "{}", whole.text());
    // In the middle of its dossier, which a later leaf of it tells; at its end, which the index tells.
    for is_followed in [true, false] {
        let (whole, before) = told(&deaf(is_accuse), is_followed);
        assert_eq!(whole.problem(), (503, "view-behind".to_owned()), "followed: {is_followed}");
        assert!(whole.text().contains("leaf 6 of acte/"), "{}", whole.text());
        // A period that ends before it lacks nothing.
        before.expect(200);
        let (whole, _) = told(&Node::fresh(), is_followed);
        whole.expect(200);
    }
}
