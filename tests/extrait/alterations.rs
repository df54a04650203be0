//! Whoever changes an extract, whether a stranger or the node itself: found, and by name.

use greffe::audit::Verdict;
use greffe::extrait::conteneur::Nom;
use greffe::ledger::Ledger;
use greffe::ledger::folder::read_secret_key;
use greffe_events::ident::Organisation;
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::monde::*;
use crate::support::*;

#[test]
fn no_bit_of_an_extract_can_change_and_none_of_it_can_be_cut_off() {
    let monde = Monde::new();
    let extrait = monde.de(COMMUNE);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner
        .run(&(any::<prop::sample::Index>(), 0..8_u8), |(at, bit)| {
            let mut altered = extrait.clone();
            let at = at.index(altered.len());
            altered[at] ^= 1 << bit;
            prop_assert_eq!(monde.verifie(&altered).verdict, Verdict::Doubt, "byte {}", at);
            Ok(())
        })
        .unwrap();
    for end in [0, 511, 512, 5_000, extrait.len() / 2, extrait.len() - 1_024, extrait.len() - 1] {
        assert_eq!(codes(&monde.verifie(&extrait[..end])), ["extract-malformed"], "cut at {end}");
    }
}

#[test]
fn a_leaf_left_out_is_a_gap_whatever_the_node_declares() {
    let monde = Monde::new();
    let files = fichiers(&monde.de(COMMUNE));
    let own = places_de(&files, COMMUNE);
    // In the middle, the node lying about their number.
    let lied = monde.redeclare(&sans(&files, own[1]), |said| {
        said.paroles.dedans -= 1;
        said.pieces.as_mut().unwrap().jointes -= 1;
        said.pieces.as_mut().unwrap().effacees -= 1;
    });
    let report = monde.verifie(&lied);
    assert!(codes(&report).contains(&"rank-gap"), "{report}");
    assert!(report.to_string().contains("1 missing"), "{report}");
    // By a stranger, the declaration being as it was: at the end too.
    for at in [own[1], own[3]] {
        let report = monde.verifie(&rassemble(&sans(&files, at)));
        assert!(codes(&report).contains(&"extract-contradicted"), "{report}");
    }
    // At the end, the node's word being all there is: the report says so, and a later leaf of the commune would contradict it.
    let last = monde.redeclare(&sans(&files, own[3]), |said| {
        said.paroles.dedans -= 1;
        said.paroles.total -= 1;
        said.pieces.as_mut().unwrap().jointes -= 2;
    });
    let report = monde.verifie(&last);
    assert_eq!(report.verdict, Verdict::Good, "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "last-rank"), "{report}");
    // What others said of its dossiers: counted.
    let accuse = places_de(&files, PREFECTURE)[0];
    assert_eq!(codes(&monde.verifie(&rassemble(&sans(&files, accuse)))), ["extract-contradicted"]);
}

#[test]
fn a_key_event_left_out_is_missed() {
    let monde = Monde::new();
    let files = fichiers(&monde.de(COMMUNE));
    let at = |event_type: &str, subject: &str| {
        let is_it = |file: &Fichier| {
            file.event().is_some_and(|event| {
                event.data.event_type().as_str() == event_type && event.subject.as_str() == subject
            })
        };
        files.iter().position(is_it).unwrap()
    };
    for (event_type, organisation, expected) in [
        ("greffe.adherent.inscrit.v1", PREFECTURE, "life-cycle"),
        ("greffe.cle.enrolee.v1", PREFECTURE, "authority"),
        ("greffe.adherent.inscrit.v1", COMMUNE, "dossier-gap"),
    ] {
        let less = sans(&files, at(event_type, &dossier(organisation)));
        let told =
            monde.redeclare(&less, |said| if organisation == COMMUNE { said.dossiers -= 1 } else { said.appui -= 1 });
        let report = monde.verifie(&told);
        assert!(codes(&report).contains(&expected), "{event_type} {organisation}: {report}");
    }
    let opening = sans(&files, at("greffe.registre.ouvert.v1", &format!("registre/{ORIGIN}")));
    assert!(codes(&monde.verifie(&rassemble(&opening))).contains(&"opening-missing"));
}

#[test]
fn an_altered_leaf_or_proof_or_checkpoint_is_named() {
    let monde = Monde::new();
    let old = fichiers(&monde.de(COMMUNE))[1].octets.clone();
    monde.ensuite(|ledger| {
        recorded(ledger, &accuse_de(PREFECTURE, COMMUNE, 3), &[12]);
    });
    let files = fichiers(&monde.de(COMMUNE));
    let own = places_de(&files, COMMUNE);
    let changed = |at: usize, octets: Vec<u8>| {
        let mut files = files.clone();
        files[at].octets = octets;
        monde.redeclare(&files, |_| ())
    };
    let proof = files[own[1]].preuve();
    let with = |leaf: Vec<u8>, index: u64, hashes| {
        let proof = proof.of_leaf(index, hashes).unwrap().with_extra(leaf).unwrap();
        changed(own[1], proof.to_string().into_bytes())
    };
    let leaf = proof.extra().unwrap().to_vec();
    // A byte of the event.
    let mut altered = leaf.clone();
    let end = altered.len() - 3;
    altered[end] ^= 1;
    let report = monde.verifie(&with(altered, proof.index(), proof.hashes().to_vec()));
    assert!(codes(&report).contains(&"proof-wrong"), "{report}");
    // The time of recording, which no signature of its author covers.
    let mut altered = leaf.clone();
    altered[8] ^= 1;
    let report = monde.verifie(&with(altered, proof.index(), proof.hashes().to_vec()));
    assert!(codes(&report).contains(&"proof-wrong"), "{report}");
    // Another hash in the proof, one too few, another place.
    let mut hashes = proof.hashes().to_vec();
    hashes.swap(0, 1);
    assert_eq!(codes(&monde.verifie(&with(leaf.clone(), proof.index(), hashes))), ["proof-wrong"]);
    let fewer = proof.hashes()[1..].to_vec();
    assert_eq!(codes(&monde.verifie(&with(leaf.clone(), proof.index(), fewer))), ["proof-wrong"]);
    let elsewhere = with(leaf, proof.index() + 1, proof.hashes().to_vec());
    assert!(codes(&monde.verifie(&elsewhere)).contains(&"extract-malformed"));
    // An older checkpoint, which the log did sign; and one of the leaves under it.
    let report = monde.verifie(&changed(1, old.clone()));
    assert!(codes(&report).contains(&"proof-wrong"), "{report}");
    let older = proof.to_string().replace(proof.checkpoint(), &String::from_utf8(old).unwrap());
    assert_eq!(codes(&monde.verifie(&changed(own[1], older.into_bytes()))), ["proof-wrong"]);
    let mut forged = files[1].octets.clone();
    let end = forged.len() - 10;
    forged[end] = if forged[end] == b'A' { b'B' } else { b'A' };
    let mut all = files.clone();
    for file in &mut all {
        let (from, to) =
            (String::from_utf8(files[1].octets.clone()).unwrap(), String::from_utf8(forged.clone()).unwrap());
        if matches!(file.nom, Nom::Feuille(_) | Nom::Checkpoint) {
            file.octets = String::from_utf8(file.octets.clone()).unwrap().replace(&from, &to).into_bytes();
        }
    }
    assert_eq!(codes(&monde.verifie(&monde.redeclare(&all, |_| ()))), ["checkpoint-invalid"]);
}

#[test]
fn leaves_that_had_no_right_to_be_recorded_are_doubted_though_the_log_signed_them() {
    let monde = Monde::new();
    monde.glisse(&accuse_de(PREFECTURE, COMMUNE, 3), &[99]);
    let report = monde.verifie(&monde.de(COMMUNE));
    assert_eq!(codes(&report), ["authority"], "a key that nobody enrolled: {report}");
    assert!(report.to_string().contains("key-unknown"), "{report}");

    let monde = Monde::new();
    monde.ensuite(|ledger| {
        recorded(ledger, &enrolment(PREFECTURE, 20, &["prefecture:045"]), &[1, 12, 20]);
        let data = json!({ "organisation": PREFECTURE, "cle": key(12).id(), "motif": "remplacement" });
        recorded(ledger, &event("cle.revoquee", PREFECTURE, &dossier(PREFECTURE), data), &[20]);
        recorded(ledger, &accuse_de(PREFECTURE, COMMUNE, 2), &[20]);
    });
    let good = monde.verifie(&monde.de(COMMUNE));
    assert_eq!(good.verdict, Verdict::Good, "what it signed while it was in force stays good: {good}");
    monde.glisse(&accuse_de(PREFECTURE, COMMUNE, 3), &[12]);
    let report = monde.verifie(&monde.de(COMMUNE));
    assert_eq!(codes(&report), ["authority"], "{report}");
    assert!(report.to_string().contains("key-revoked"), "{report}");
    // A gateway without a delegation.
    let monde = Monde::new();
    monde.ensuite(|ledger| {
        deposit(ledger, PASSERELLE, &message(COMMUNE, 3), Some(SEL));
        let data = json!({ "organisation": COMMUNE, "delegataire": PASSERELLE });
        recorded(ledger, &event("delegation.retiree", COMMUNE, &dossier(COMMUNE), data), &[10]);
    });
    monde.glisse(&accuse_de(PASSERELLE, COMMUNE, 3), &[CLE_PASSERELLE]);
    let report = monde.verifie(&monde.de(COMMUNE));
    assert_eq!(codes(&report), ["authority"], "{report}");
    assert!(report.to_string().contains("delegation-missing"), "{report}");
}

#[test]
fn what_is_not_shown_of_an_owner_excuses_no_carrier_whose_own_key_had_ended() {
    // In the gateway's own extract the delegations of the communes are not shown: that is told as not proved.
    let monde = Monde::new();
    assert_eq!(monde.verifie(&monde.de(PASSERELLE)).verdict, Verdict::Good);
    monde.ensuite(|ledger| {
        let data = json!({ "organisation": PASSERELLE, "cle": key(CLE_PASSERELLE).id(), "motif": "vol" });
        recorded(ledger, &event("cle.revoquee", OPERATOR, &dossier(PASSERELLE), data), &[1]);
    });
    assert_eq!(monde.verifie(&monde.de(PASSERELLE)).verdict, Verdict::Good, "what it carried before stays good");
    monde.glisse(&accuse_de(PASSERELLE, COMMUNE, 3), &[CLE_PASSERELLE]);
    let report = monde.verifie(&monde.de(PASSERELLE));
    assert!(codes(&report).contains(&"authority"), "{report}");
}

#[test]
fn a_compromised_key_is_told_as_a_dispute_and_not_as_a_doubt() {
    let monde = Monde::new();
    monde.ensuite(|ledger| {
        let data = json!({ "organisation": COMMUNE, "cle": key(10).id(), "depuis": "2020-01-01T00:00:00Z" });
        recorded(ledger, &event("cle.compromise", OPERATOR, &dossier(COMMUNE), data), &[1]);
    });
    let report = monde.verifie(&monde.de(COMMUNE));
    assert_eq!((report.verdict, report.disputes.len()), (Verdict::Good, 1), "{report}");
    assert_eq!(report.disputes[0].key, key(10).id());
}

#[test]
fn a_file_that_is_another_or_missing_or_too_many_is_named() {
    let monde = Monde::new();
    let files = fichiers(&monde.de(COMMUNE));
    let pieces: Vec<usize> = (0..files.len()).filter(|at| matches!(files[*at].nom, Nom::Piece(..))).collect();
    assert_eq!(pieces.len(), 6);
    for at in pieces.iter().copied() {
        // A byte of it; of its card the sel, or the digest; its end.
        let mut altered = files.clone();
        altered[at].octets[2] ^= 1;
        assert_eq!(codes(&monde.verifie(&monde.redeclare(&altered, |_| ()))), ["piece-differs"], "{at}");
        let mut shorter = files.clone();
        shorter[at].octets.pop();
        assert_eq!(codes(&monde.verifie(&monde.redeclare(&shorter, |_| ()))), ["piece-differs"], "{at}");
        let mut card = files.clone();
        let text = String::from_utf8(card[at - 1].octets.clone()).unwrap();
        let zero = "0".repeat(64);
        let field = if text.contains("\"sel\"") { "sel" } else { "sha256" };
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value[field] = json!(zero);
        card[at - 1].octets = value.to_string().into_bytes();
        assert_eq!(codes(&monde.verifie(&monde.redeclare(&card, |_| ()))), ["piece-differs"], "{at} {field}");
        // Left out, whether or not the node says so.
        let less = [&files[..at - 1], &files[at + 1..]].concat();
        let told = monde.redeclare(&less, |said| {
            let pieces = said.pieces.as_mut().unwrap();
            (pieces.jointes, pieces.absentes) = (pieces.jointes - 1, 1);
        });
        assert_eq!(codes(&monde.verifie(&told)), ["piece-absent"], "{at}");
    }
    // Another's file under a name that nobody cites; and the erased one, which somebody kept.
    let (card, piece) = (files[pieces[0] - 1].octets.clone(), files[pieces[0]].octets.clone());
    for (organisation, reference) in [(VOISINE, [9; 32]), (COMMUNE, monde.effacee.0)] {
        let (organisation, reference) = (organisation.parse().unwrap(), Empreinte(reference));
        let fiche = Fichier { nom: Nom::Fiche(Organisation::clone(&organisation), reference), octets: card.clone() };
        let fichier = Fichier { nom: Nom::Piece(organisation, reference), octets: piece.clone() };
        let more = [&files[..=pieces[0]], &[fiche, fichier], &files[pieces[0] + 1..]].concat();
        let report = monde.verifie(&monde.redeclare(&more, |_| ()));
        let expected = if reference == monde.effacee { "piece-kept" } else { "piece-foreign" };
        assert!(codes(&report).contains(&expected), "{report}");
    }
    // Gone from the folder: the extract says so, and it is a doubt.
    let space = monde.folder.pieces().join(abrege(COMMUNE));
    let gone = Empreinte::of(&document(COMMUNE, 3)).to_string();
    std::fs::remove_file(space.join(&gone[..2]).join(&gone)).unwrap();
    let extrait = monde.de(COMMUNE);
    assert_eq!(declaration(&fichiers(&extrait), &monde.vkey).pieces.unwrap().absentes, 1);
    assert_eq!(codes(&monde.verifie(&extrait)), ["piece-absent"]);
}

/// What somebody does to a declaration.
type Change = fn(&mut greffe::extrait::declaration::Declaration);

#[test]
fn nothing_but_the_log_s_own_key_declares() {
    let monde = Monde::new();
    let extrait = monde.de(COMMUNE);
    let files = fichiers(&extrait);
    let noeud = read_secret_key(&monde.folder.node_key()).unwrap();
    for other in [SecretKey::from_seed(&[77; 32]), key(1), key(10), noeud] {
        let report = monde.verifie(&redeclare(&files, &signataire(&monde.vkey, &other), |_| ()));
        assert_eq!(codes(&report), ["extract-undeclared"], "{report}");
    }
    // The checkpoint, which the log did sign, in the place of the declaration; and the declaration in its place.
    let swapped = |at: usize, by: usize| {
        let mut files = files.clone();
        files[at].octets = files[by].octets.clone();
        monde.verifie(&rassemble(&files))
    };
    let last = files.len() - 1;
    assert_eq!(codes(&swapped(last, 1)), ["extract-undeclared"]);
    assert_eq!(codes(&swapped(1, last)), ["checkpoint-invalid"]);
    // Of another question, another head, other numbers.
    let table: [(&str, Change); 10] = [
        ("periode", |said| said.periode.debut += 1),
        ("periode", |said| said.periode.fin -= 1),
        ("demande", |said| said.demande.au = Some("2020-01-01".parse().unwrap())),
        ("taille", |said| said.taille += 1),
        ("racine", |said| said.racine.replace_range(..1, "?")),
        ("paroles.avant", |said| said.paroles.avant += 1),
        ("paroles.total", |said| said.paroles.total += 1),
        ("appui", |said| said.appui += 1),
        ("pieces", |said| said.pieces = None),
        ("sha256", |said| said.sha256.0[0] ^= 1),
    ];
    for (field, change) in table {
        let report = monde.verifie(&monde.redeclare(&files, change));
        assert_eq!(codes(&report), ["extract-contradicted"], "{field}: {report}");
        assert_eq!(report.doubts[0].field.as_deref(), Some(field));
    }
    // Another extract of the same node in its place.
    let mut mixed = files.clone();
    *mixed.last_mut().unwrap() = fichiers(&monde.de(VOISINE)).last().unwrap().clone();
    assert_eq!(codes(&monde.verifie(&rassemble(&mixed))), ["extract-contradicted"]);
}

#[test]
fn a_former_node_key_declares_nothing_though_the_leaf_that_replaced_it_is_left_out() {
    let monde = Monde::new();
    let former = read_secret_key(&monde.folder.node_key()).unwrap();
    let next = SecretKey::from_seed(&[78; 32]);
    greffe::ledger::folder::write_secret_key(&monde.folder.node_key().with_extension("suivante.pem"), &next).unwrap();
    monde.ensuite(|ledger| {
        let data = json!({ "cle": next.id() });
        replaced(ledger, "registre.noeud-remplace", data, &[&key(1), &next]);
    });
    let extrait = monde.de(COMMUNE);
    assert_eq!(monde.verifie(&extrait).verdict, Verdict::Good);
    let files = fichiers(&extrait);
    let at = files.iter().position(|file| is_a(file, "greffe.registre.noeud-remplace.v1")).unwrap();
    for files in [files.clone(), sans(&files, at)] {
        let report = monde.verifie(&redeclare(&files, &signataire(&monde.vkey, &former), |said| said.appui -= 1));
        assert!(codes(&report).contains(&"extract-undeclared"), "{report}");
    }
    // Nothing here needs the node's key any more; but a leaf of the log's own dossier that is left out is counted.
    assert_eq!(codes(&monde.verifie(&rassemble(&sans(&files, at)))), ["extract-contradicted"]);
}

#[test]
fn a_former_key_of_the_log_declares_nothing_under_the_checkpoint_of_the_one_that_follows() {
    let monde = Monde::new();
    let next = SecretKey::from_seed(&[79; 32]);
    greffe::ledger::folder::write_secret_key(&monde.folder.log_key().with_extension("suivante.pem"), &next).unwrap();
    let vkey = signataire(&monde.vkey, &next).verifier().clone();
    monde.ensuite(|ledger| {
        let data = json!({ "vkey": vkey.to_string() });
        replaced(ledger, "registre.journal-remplace", data, &[&key(4), &key(5), &next]);
    });
    let extrait = monde.de(COMMUNE);
    let report = verifie(&extrait, Some(&vkey));
    assert_eq!(report.verdict, Verdict::Good, "{report}");
    let report = verifie(&redeclare(&fichiers(&extrait), &monde.journal, |_| ()), Some(&vkey));
    assert_eq!(codes(&report), ["extract-undeclared"], "{report}");
}

/// An event of the log's own dossier, by those keys.
fn replaced(ledger: &Ledger, event_type: &str, data: serde_json::Value, signers: &[&SecretKey]) {
    let replaced = event(event_type, OPERATOR, &format!("registre/{ORIGIN}"), data);
    let envelope = greffe_events::dsse::Envelope::sign(replaced.to_string().into_bytes(), signers).unwrap();
    let answer = submit_bytes(ledger, envelope.to_json().as_bytes()).unwrap();
    assert!(matches!(answer, greffe::ledger::answer::Answer::Recorded { .. }), "{answer:?}");
}

/// Whether it is a leaf of that type.
fn is_a(file: &Fichier, event_type: &str) -> bool {
    file.event().is_some_and(|event| event.data.event_type().as_str() == event_type)
}

#[test]
fn a_leaf_of_another_has_no_place_in_it() {
    let monde = Monde::new();
    let (mine, theirs) = (fichiers(&monde.de(COMMUNE)), fichiers(&monde.de(VOISINE)));
    let act = places_de(&theirs, VOISINE)[1];
    let index = |file: &Fichier| if let Nom::Feuille(index) = file.nom { Some(index) } else { None };
    let at = mine.iter().position(|file| index(file) > index(&theirs[act])).unwrap();
    let more = [&mine[..at], &theirs[act..=act], &mine[at..]].concat();
    let report = monde.verifie(&monde.redeclare(&more, |said| said.appui += 1));
    assert!(codes(&report).contains(&"leaf-foreign"), "{report}");
}

#[test]
fn another_log_s_key_does_not_vouch_for_it_and_none_is_said_to_be_none() {
    let (monde, other) = (Monde::new(), Monde::new());
    let extrait = monde.de(COMMUNE);
    let report = verifie(&extrait, Some(&other.vkey));
    assert_eq!(
        (report.verdict.exit_code(), codes(&report)),
        (1, vec!["checkpoint-invalid", "extract-undeclared", "vkey-other"]),
        "{report}"
    );
    let report = verifie(&extrait, None);
    assert!(
        !report.to_string().contains("proved: each leaf"),
        "a key that anybody may have made proves nothing: {report}"
    );
    assert_eq!((report.verdict.exit_code(), codes(&report)), (3, vec![]), "{report}");
    // The files of one log under the declaration of another.
    let mixed = redeclare(&fichiers(&extrait), &other.journal, |_| ());
    assert_eq!(codes(&monde.verifie(&mixed)), ["extract-undeclared"]);
}
