//! Of other members an extract shows what judges their signatures: all of that, and nothing else.

use greffe::audit::Verdict;
use greffe::extrait::conteneur::Nom;
use greffe::extrait::demande::Borne;
use greffe::extrait::demande::Demande;
use greffe::ledger::Ledger;
use serde_json::{Value, json};

use crate::monde::*;
use crate::support::*;

/// Sells to the commune; the gateway signs its invoices.
const FOURNISSEUR: &str = "urn:siren:491011698";
const CLE_FOURNISSEUR: u8 = 30;
/// Something else that the seller lets sign for it.
const CONFRERE: &str = "urn:siren:130004955";

fn key_event(what: &str, source: &str, organisation: &str, seed: u8, more: &Value) -> Value {
    let mut data = json!({ "organisation": organisation, "cle": key(seed).id() });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event(what, source, &dossier(organisation), data)
}

fn delegation(organisation: &str, delegataire: &str, famille: &str) -> Value {
    let data = json!({ "organisation": organisation, "delegataire": delegataire, "familles": [famille],
                       "jusqu": "2120-01-01T00:00:00Z" });
    event("delegation.accordee", organisation, &dossier(organisation), data)
}

/// An invoice of the seller to the commune, whose files nobody deposited.
fn facture() -> Value {
    let data = json!({ "format": "factur-x", "type_document": 380, "cadre": "B1", "date_facture": "2026-10-05", "devise": "EUR",
        "montant_ht": "1325.83", "montant_tva": "265.17", "montant_ttc": "1591.00", "montant_a_payer": "1591.00",
        "tva": [{ "categorie": "S", "taux": "20.00", "base": "1325.83", "montant": "265.17" }],
        "vendeur_siret": "49101169800009", "acheteur_siret": "21450249400005",
        "pieces": [{ "role": "facture", "type": "application/pdf", "taille": 1000, "engagement": "98".repeat(32) }] });
    event("facture.deposee", FOURNISSEUR, "facture/491011698_214502494_2026_255dfd6db30b4fd50099fb31705b96bc", data)
}

fn seller(ledger: &Ledger) {
    for organisation in [FOURNISSEUR, CONFRERE] {
        let mut member = member(organisation, "entreprise");
        member["data"]
            .as_object_mut()
            .unwrap()
            .retain(|field, _| !matches!(field.as_str(), "denomination" | "departement"));
        recorded(ledger, &member, &[1]);
    }
    recorded(
        ledger,
        &enrolment(FOURNISSEUR, CLE_FOURNISSEUR, &["fournisseur", "soumissionnaire"]),
        &[1, CLE_FOURNISSEUR],
    );
    recorded(ledger, &delegation(FOURNISSEUR, PASSERELLE, "comptabilite"), &[CLE_FOURNISSEUR]);
    recorded(ledger, &delegation(FOURNISSEUR, CONFRERE, "marches"), &[CLE_FOURNISSEUR]);
}

fn sans_pieces() -> Demande {
    Demande { pieces: false, ..tout(COMMUNE) }
}

#[test]
fn of_other_members_only_what_judges_their_signatures_is_shown() {
    let monde = Monde::new();
    monde.ensuite(|ledger| {
        // Agents of the prefecture, each brought in by the one before: 12, 20, 21, 22. The third signs about the commune.
        for (before, next) in [(12, 20), (20, 21), (21, 22)] {
            recorded(ledger, &enrolment(PREFECTURE, next, &["prefecture:045"]), &[1, before, next]);
        }
        let motif = json!({ "motif": "remplacement" });
        recorded(ledger, &key_event("cle.revoquee", PREFECTURE, PREFECTURE, 20, &motif), &[21]);
        let renamed = json!({ "organisation": PREFECTURE, "categorie": "prefecture", "denomination": "Autre nom",
                             "departement": "045" });
        recorded(ledger, &event("adherent.modifie", OPERATOR, &dossier(PREFECTURE), renamed), &[1]);
        recorded(ledger, &enrolment(PASSERELLE, 23, &["transmetteur"]), &[1, CLE_PASSERELLE, 23]);
        recorded(ledger, &accuse_de(PREFECTURE, COMMUNE, 3), &[21]);
        seller(ledger);
    });
    monde.glisse(&facture(), &[CLE_PASSERELLE]);
    let extrait = monde.extrait(&sans_pieces());
    let report = monde.verifie(&extrait);
    assert_eq!((report.verdict, codes(&report)), (Verdict::Good, vec![]), "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "key-events"), "{report}");
    let shown = |seed: u8| contient(&extrait, &key(seed).id().to_string());
    for (seed, is_shown, why) in [
        (12, true, "signed, and brought in the next"),
        (20, true, "brought in the next"),
        (21, true, "signed"),
        (22, false, "signed nothing here"),
        (23, false, "the gateway's other key"),
        (CLE_FOURNISSEUR, true, "let the gateway sign the invoice"),
        (11, false, "the neighbour's"),
    ] {
        assert_eq!(shown(seed), is_shown, "{seed}: {why}");
    }
    for hidden in ["Autre nom", CONFRERE, abrege(VOISINE), DENOMINATION_VOISINE] {
        assert!(!contient(&extrait, hidden), "{hidden}");
    }
    assert_eq!(report.by_type["greffe.cle.revoquee.v1"], 1, "{report}");
    assert_eq!(report.by_type["greffe.delegation.accordee.v1"], 2, "the commune's and the seller's: {report}");
    // In the prefecture's own extract its dossier is whole.
    let own = monde.de(PREFECTURE);
    assert_eq!(monde.verifie(&own).verdict, Verdict::Good);
    assert!(contient(&own, &key(22).id().to_string()) && contient(&own, "Autre nom"));
}

#[test]
fn what_ended_a_right_of_another_member_is_shown_and_judges_what_was_signed_later() {
    const HOUR_MS: u64 = 3_600_000;
    type Story = fn(&Ledger);
    let table: [(&str, Story, u64, &str); 5] = [
        (
            "compromised",
            |ledger| {
                let since = json!({ "depuis": "2020-01-01T00:00:00Z" });
                recorded(ledger, &key_event("cle.compromise", OPERATOR, PREFECTURE, 12, &since), &[1]);
            },
            0,
            "key-revoked",
        ),
        (
            "gone",
            |ledger| {
                let data = json!({ "organisation": PREFECTURE, "motif": "depart" });
                recorded(ledger, &event("adherent.sorti", OPERATOR, &dossier(PREFECTURE), data), &[1]);
            },
            0,
            "adherent-sorti",
        ),
        ("recovered", recovered, 73, "key-revoked"),
        ("recovery waits", recovered, 1, ""),
        (
            "recovery opposed",
            |ledger| {
                recovered(ledger);
                recorded(ledger, &key_event("cle.opposition", PREFECTURE, PREFECTURE, 21, &json!({})), &[12]);
            },
            73,
            "",
        ),
    ];
    for (name, story, hours, expected) in table {
        let monde = Monde::new();
        monde.ensuite(story);
        monde.glisse_plus_tard(&accuse_de(PREFECTURE, COMMUNE, 3), &[12], hours * HOUR_MS);
        let report = monde.verifie(&monde.de(COMMUNE));
        if expected.is_empty() {
            assert_eq!(codes(&report), Vec::<&str>::new(), "{name}: {report}");
        } else {
            assert_eq!(codes(&report), ["authority"], "{name}: {report}");
            assert!(report.to_string().contains(expected), "{name}: {report}");
        }
    }
    // The seller's delegation to the gateway, taken back.
    let monde = Monde::new();
    monde.ensuite(|ledger| {
        seller(ledger);
        let data = json!({ "organisation": FOURNISSEUR, "delegataire": PASSERELLE });
        let taken = event("delegation.retiree", FOURNISSEUR, &dossier(FOURNISSEUR), data);
        recorded(ledger, &taken, &[CLE_FOURNISSEUR]);
    });
    monde.glisse(&facture(), &[CLE_PASSERELLE]);
    let report = monde.verifie(&monde.extrait(&sans_pieces()));
    assert_eq!(codes(&report), ["authority"], "{report}");
    assert!(report.to_string().contains("delegation-missing"), "{report}");
}

/// The prefecture says that all its keys are lost, and gets a new one.
fn recovered(ledger: &Ledger) {
    let mut data = enrolment(PREFECTURE, 21, &["prefecture:045"])["data"].clone();
    data["motif"] = json!("perte");
    recorded(ledger, &event("cle.recouvree", OPERATOR, &dossier(PREFECTURE), data), &[1, 21]);
}

#[test]
fn a_leaf_that_nothing_here_asks_for_is_named() {
    let monde = Monde::new();
    let indices = |du: &str| Demande { du: Some(du.parse().unwrap()), ..tout(COMMUNE) };
    let mine = fichiers(&monde.de(COMMUNE));
    let theirs = fichiers(&monde.de(VOISINE));
    let leaves = |files: &[Fichier]| -> Vec<Fichier> {
        files.iter().filter(|file| matches!(file.nom, Nom::Feuille(_))).cloned().collect()
    };
    let is = |file: &Fichier, organisation: &str| {
        file.event().is_some_and(|event| event.subject.as_str() == dossier(organisation))
    };
    // The neighbour's membership, key and delegation; the commune's own leaves before the one that closes a later period.
    let later = fichiers(&monde.extrait(&indices("18")));
    let its: Vec<Fichier> = leaves(&theirs).into_iter().filter(|file| is(file, VOISINE)).collect();
    let own = leaves(&mine).into_iter().filter(|file| file.event().unwrap().source.to_string() == COMMUNE);
    let own: Vec<Fichier> = own.filter(|file| !later.contains(file)).collect();
    assert!(its.len() == 3 && !own.is_empty(), "{} {}", its.len(), own.len());
    for (files, more) in [(&mine, its), (&later, own)] {
        let count = more.len() as u64;
        let mut with = files.clone();
        for leaf in more {
            let Nom::Feuille(index) = leaf.nom else { panic!("{:?}", leaf.nom) };
            let at = with.iter().position(|file| matches!(file.nom, Nom::Feuille(other) if other > index));
            with.insert(at.unwrap(), leaf);
        }
        let report = monde.verifie(&monde.redeclare(&with, |said| said.appui += count));
        assert_eq!(codes(&report), ["leaf-foreign"], "{report}");
        assert_eq!(report.doubts_by_code.values().sum::<u64>(), count, "{report}");
    }
}

/// What an organisation said in the dossier of another member is judged by how that member stood.
#[test]
fn the_extract_of_whoever_speaks_in_other_members_dossiers_is_verified() {
    let monde = Monde::new();
    let from = monde.feuilles().len() as u64;
    monde.ensuite(|ledger| {
        let retiree = json!({ "organisation": COMMUNE, "delegataire": PASSERELLE });
        recorded(ledger, &event("delegation.retiree", PASSERELLE, &dossier(COMMUNE), retiree), &[CLE_PASSERELLE]);
        let motif = json!({ "motif": "remplacement" });
        recorded(ledger, &key_event("cle.revoquee", OPERATOR, PREFECTURE, 12, &motif), &[1]);
        let sorti = json!({ "organisation": PREFECTURE, "motif": "depart" });
        recorded(ledger, &event("adherent.sorti", OPERATOR, &dossier(PREFECTURE), sorti), &[1]);
    });
    for organisation in [PASSERELLE, OPERATOR] {
        for du in [None, Some(Borne::Indice(from))] {
            let report = monde.verifie(&monde.extrait(&Demande { du, ..tout(organisation) }));
            assert_eq!(
                (report.verdict, codes(&report)),
                (Verdict::Good, vec![]),
                "{organisation} from {du:?}: {report}"
            );
        }
    }
}
