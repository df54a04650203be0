//! An erasure: told apart from a loss, proved by its leaf, believed only of whoever may erase.

use greffe::audit::Verdict;
use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};

use crate::world::*;

fn erasure(organisation: &str, reference: Empreinte) -> Value {
    let subject = organisation.parse::<Organisation>().unwrap().dossier_piece(reference);
    let data = json!({ "demandeur": "adherent", "motif": "fin-conservation", "base_legale": "rgpd-5-1-e" });
    event("piece.effacee", OPERATOR, subject.as_str(), data)
}

/// The leaf of an erasure appended to the stored leaves, with a checkpoint over all of them.
fn append(world: &World, event: &Value, seed: u8) {
    let mut leaves = world.stored();
    leaves.push(next(&leaves, event, &[&key(seed)]));
    let last = leaves.len() - 1;
    world.tamper("INSERT INTO leaves VALUES (?1, ?2)", &[&last, &leaves[last]]);
    std::fs::write(world.root.join("checkpoint"), world.sign(&leaves)).unwrap();
    // What was derived is of the shorter history.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.root.join(format!("index.sqlite{suffix}")));
    }
}

#[test]
fn a_piece_that_a_leaf_erased_is_not_missing_and_one_that_is_still_there_is_told() {
    let world = World::new();
    let event = event_of(&world.leaves[world.act]);
    let (public, secret) = (event.data.pieces()[0].reference(), event.data.pieces()[1].reference());
    let place = |reference: Empreinte| {
        let name = reference.to_string();
        world.root.join("pieces").join(&COMMUNE[10..]).join(&name[..2]).join(name)
    };
    append(&world, &erasure(COMMUNE, secret), 1);
    let last = world.leaves.len();
    let report = world.verify();
    assert_eq!((codes(&report), codes_at(&report, last)), (vec!["piece-kept"], vec!["piece-kept"]), "{report}");

    std::fs::remove_file(place(secret)).unwrap();
    let report = world.verify();
    assert_eq!((report.verdict, codes(&report)), (Verdict::Good, Vec::new()), "{report}");
    let counts = report.counts.pieces.unwrap();
    assert_eq!((counts.good, counts.erased, counts.absent), (11, 1, 0));
    assert!(report.to_string().contains("pieces erased, as leaves say: 1"));

    // Another piece of the same act that is gone without a leaf is missing.
    std::fs::remove_file(place(public)).unwrap();
    let report = world.verify();
    assert_eq!((codes(&report), codes_at(&report, world.act)), (vec!["piece-absent"], vec!["piece-absent"]));
}

#[test]
fn an_event_that_cites_what_was_erased_before_is_told() {
    let world = World::new();
    let event = event_of(&world.leaves[world.act]);
    append(&world, &erasure(COMMUNE, event.data.pieces()[1].reference()), 1);
    let leaves = world.stored();
    let mut again = payload(&leaves[world.act]);
    again["id"] = json!(greffe_events::Uuid::now_v7());
    again["subject"] = json!(act_subject(COMMUNE, 99));
    let mut cited = again["data"]["pieces"][1].clone();
    cited["role"] = json!("acte");
    cited.as_object_mut().unwrap().remove("finalite");
    again["data"]["pieces"] = json!([cited]);
    append(&world, &again, 10);
    let report = world.verify();
    assert_eq!(codes_at(&report, leaves.len()), ["piece-erased"], "{report}");
}

#[test]
fn an_erasure_by_whoever_may_not_erase_or_of_anothers_copy_explains_no_loss() {
    // Both communes hold the same bytes under the same salt.
    for (whose, seed, expected) in
        [(COMMUNE, 10, vec!["authority", "piece-absent"]), (OTHER_COMMUNE, 1, vec!["piece-absent", "piece-kept"])]
    {
        let world = World::new();
        let reference = event_of(&world.leaves[world.act]).data.pieces()[1].reference();
        append(&world, &erasure(whose, reference), seed);
        let name = reference.to_string();
        std::fs::remove_file(world.root.join("pieces").join(&COMMUNE[10..]).join(&name[..2]).join(&name)).unwrap();
        assert_eq!(codes(&world.verify()), expected, "{whose}");
    }
}
