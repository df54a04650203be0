//! The extract over HTTP: the node signs for no view that lacks leaves.

use greffe::vues::toutes;
use greffe_projections::journal::Journal;
use greffe_projections::{ApplyError, Projection, Recorded, Writer};
use rusqlite::Connection;
use serde_json::json;

use crate::monde::*;

/// A journal that keeps nothing, as one that a hand emptied.
struct Muet;

impl Projection for Muet {
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

    fn apply(&self, _: &Writer<'_>, _: &Recorded) -> Result<(), ApplyError> {
        Ok(())
    }
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
    let [legalite, adherents, comptabilite, marches, _] = toutes();
    let node = Node::with_views([legalite, adherents, comptabilite, marches, Box::new(Muet)]);
    let refused = extract(&node);
    assert_eq!(refused.problem(), (503, "view-behind".to_owned()));
    assert!(refused.text().contains("0 of 1 events"), "{}", refused.text());
}
