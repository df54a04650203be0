//! The views over HTTP: every kind of reader against every kind of thing, and what pages and filters say.

use serde_json::{Value, json};

use crate::monde::*;

pub const FOURNISSEUR: &str = "urn:siren:491011698";
pub const COMPTABLE: &str = "urn:siren:130004955";
pub const PASSERELLE: &str = "urn:siren:173900010";
const BUDGET: &str = "21450249400005";
pub const CONSULTATION: &str = "214502494_2026-M12";

/// Keys of this story: the commune's other roles, and those around it.
pub const BUYER_KEY: u8 = 70;
pub const SUPPLIER_KEY: u8 = 71;
pub const BIDDER_KEY: u8 = 72;
pub const ACCOUNTANT_KEY: u8 = 73;
pub const GATEWAY_KEY: u8 = 74;
pub const SIREN_AUDITOR_KEY: u8 = 75;
pub const PLACE_AUDITOR_KEY: u8 = 76;

fn repere() -> String {
    "ab".repeat(16)
}

fn id_facture() -> String {
    format!("491011698_214502494_2026_{}", repere())
}

/// A piece of that role, deposited and cited by engagement.
pub fn engaged(node: &Node, seed: u8, role: &str, finalite: Option<&str>) -> Value {
    use greffe_events::piece::{Empreinte, engagement};
    let bytes = format!("{role} {finalite:?} of {seed}").into_bytes();
    node.deposit(seed, &bytes, Some([9; 32])).expect(201);
    let mut piece = json!({ "role": role, "type": "application/octet-stream", "taille": bytes.len(),
        "engagement": engagement(&[9; 32], Empreinte::of(&bytes)) });
    if let Some(finalite) = finalite {
        piece["finalite"] = json!(finalite);
    }
    piece
}

/// One of everything, said by whom it is for: an act, a flow, an invoice, a published tender and a submission.
pub fn world() -> (Node, u64) {
    world_of(Node::open())
}

/// The same in this node.
pub fn world_of(node: Node) -> (Node, u64) {
    let join = |organisation: &str, categorie: &str| {
        let mut member = member(organisation, categorie);
        if categorie == "entreprise" {
            member["data"].as_object_mut().unwrap().remove("denomination");
        }
        node.post(&member, &[OPERATOR_KEY]);
    };
    join(COMPTABLE, "etat");
    join(PASSERELLE, "etablissement-public");
    let enrol = |organisation: &str, signer: Option<u8>, seed: u8, role: &str| {
        let signers: Vec<u8> = [OPERATOR_KEY].into_iter().chain(signer).chain([seed]).collect();
        node.post(&enrolment(organisation, seed, &[role]), &signers).expect(201);
    };
    enrol(COMMUNE, Some(COMMUNE_KEY), BUYER_KEY, "acheteur");
    enrol(FOURNISSEUR, Some(PREFECTURE_KEY), SUPPLIER_KEY, "fournisseur");
    enrol(FOURNISSEUR, Some(PREFECTURE_KEY), BIDDER_KEY, "soumissionnaire");
    enrol(COMPTABLE, None, ACCOUNTANT_KEY, "comptable");
    enrol(PASSERELLE, None, GATEWAY_KEY, "transmetteur");
    enrol(OTHER_PREFECTURE, Some(OTHER_PREFECTURE_KEY), SIREN_AUDITOR_KEY, "auditeur:214502494");
    enrol(OTHER_PREFECTURE, Some(OTHER_PREFECTURE_KEY), PLACE_AUDITOR_KEY, "auditeur:045");
    node.transmit("V");
    let flux = json!({ "type_flux": "PESALR2", "domaines": ["depense"], "poste": "045022", "collectivite": "123", "budget": "00",
        "comptable": COMPTABLE, "signature": "aucune", "bordereaux_total": 1, "pieces_total": 2, "justificatifs_total": 0,
        "bordereaux": [{ "sens": "depense", "exercice": 2026, "type": "01", "numero": 7, "date": "2026-11-10",
            "nombre_pieces": 2, "montant_ht": "15230.10" }],
        "pieces": [engaged(&node, COMMUNE_KEY, "flux", None)] });
    let say = |event_type: &str, source: &str, subject: String, data: &Value, seed: u8| {
        node.post(&event(event_type, source, &subject, data), &[seed]).expect(201).json()["index"].as_u64().unwrap()
    };
    say("flux.transmis", COMMUNE, format!("flux/{BUDGET}_{}", repere()), &flux, COMMUNE_KEY);
    let facture = json!({ "format": "ubl", "type_document": 380, "date_facture": "2026-11-10", "devise": "EUR",
        "montant_ht": "100.00", "montant_tva": "20.00", "montant_ttc": "120.00", "montant_a_payer": "120.00",
        "pieces": [engaged(&node, SUPPLIER_KEY, "facture", None)] });
    say("facture.deposee", FOURNISSEUR, format!("facture/{}", id_facture()), &facture, SUPPLIER_KEY);
    let creee = json!({ "procedure": "adaptee", "nature": "marche", "categorie": "travaux", "objet_phase": "offres",
        "date_limite": instant(3_600), "pieces": [engaged(&node, BUYER_KEY, "confidentiel", Some("objet"))] });
    let subject = format!("consultation/{CONSULTATION}");
    say("consultation.creee", COMMUNE, subject.clone(), &creee, BUYER_KEY);
    let dce = json!({ "version": 1, "pieces": [engaged(&node, BUYER_KEY, "dce", None)] });
    say("consultation.dce-publie", COMMUNE, subject.clone(), &dce, BUYER_KEY);
    say("consultation.dce-retire", FOURNISSEUR, subject, &json!({ "version": 1, "complet": true }), BIDDER_KEY);
    let pli = engaged(&node, BIDDER_KEY, "pli", None);
    let depot = json!({ "phase": 1, "intention": "nouveau", "pieces": [pli],
        "fichiers": [{ "piece": pli["engagement"], "enveloppe": "unique", "empreinte": "cd".repeat(32) }] });
    let numero = "01990000-0000-7000-8000-000000000001";
    let last = say("pli.depose", FOURNISSEUR, format!("pli/{CONSULTATION}_491011698_{numero}"), &depot, BIDDER_KEY);
    (node, last)
}

pub fn delegate(node: &Node, familles: &[&str], signer: u8) -> u64 {
    let data =
        json!({ "organisation": COMMUNE, "delegataire": PASSERELLE, "familles": familles, "jusqu": instant(86_400) });
    let event = event("delegation.accordee", COMMUNE, "adherent/214502494", &data);
    node.post(&event, &[signer]).expect(201).json()["index"].as_u64().unwrap()
}

/// What each reader is answered: seen (`x`), hidden as if it were not there (`.`).
fn row(node: &Node, seed: u8) -> String {
    [
        format!("/v1/actes/{}", id_acte("V")),
        format!("/v1/flux/{BUDGET}_{}", repere()),
        format!("/v1/factures/{}", id_facture()),
        format!("/v1/consultations/{CONSULTATION}"),
        format!("/v1/consultations/{CONSULTATION}/retraits"),
        "/v1/adherents/214502494".to_owned(),
        "/v1/adherents/491011698".to_owned(),
        // The opening of the log.
        "/v1/journal/0".to_owned(),
    ]
    .iter()
    .map(|path| match node.get_as(seed, path) {
        reply if reply.status == 200 => 'x',
        reply => {
            assert_eq!(reply.problem(), (404, "not-found".to_owned()), "{path}");
            '.'
        }
    })
    .collect()
}

fn wait(node: &Node, index: u64) {
    for view in ["actes", "flux", "consultations", "adherents", "journal"] {
        node.get_as(OPERATOR_KEY, &format!("/v1/{view}?at_least={index}")).expect(200);
    }
}

#[test]
fn each_role_sees_of_each_resource_what_is_its_own() {
    let (node, last) = world();
    wait(&node, last);
    for (who, seed, expected) in [
        //                                        acte flux facture consultation retraits commune fournisseur registre
        ("operator", OPERATOR_KEY, "xxxxxxxx"),
        ("auditor of all", AUDITOR_KEY, "xxxxxxxx"),
        ("the commune", COMMUNE_KEY, "xxxxxx.."),
        ("the commune's buyer", BUYER_KEY, "xxxxxx.."),
        ("auditor of the commune", SIREN_AUDITOR_KEY, "xxxxxx.."),
        ("auditor of the département", PLACE_AUDITOR_KEY, "x..x.xx."),
        ("prefecture, and supplier", PREFECTURE_KEY, "x.xx.xx."),
        ("supplier", SUPPLIER_KEY, "..xx..x."),
        ("bidder", BIDDER_KEY, "..xx..x."),
        ("accountant that the flow names", ACCOUNTANT_KEY, ".x.x...."),
        ("neighbour", OTHER_COMMUNE_KEY, "...x...."),
        ("another prefecture", OTHER_PREFECTURE_KEY, "...x...."),
        ("gateway without delegation", GATEWAY_KEY, "...x...."),
    ] {
        assert_eq!(row(&node, seed), expected, "{who}");
    }
    // A delegation opens what it is for, and nothing after it is withdrawn.
    wait(&node, delegate(&node, &["actes"], COMMUNE_KEY));
    assert_eq!(row(&node, GATEWAY_KEY), "x..x....");
    wait(&node, delegate(&node, &["actes", "comptabilite"], COMMUNE_KEY));
    assert_eq!(row(&node, GATEWAY_KEY), "xxxx....");
    let listed = |view: &str| node.get_as(GATEWAY_KEY, view).expect(200).json();
    assert_eq!(listed("/v1/actes")["lignes"].as_array().unwrap().len(), 1);
    assert_eq!(listed("/v1/flux")["lignes"].as_array().unwrap().len(), 1);
    let retrait = json!({ "organisation": COMMUNE, "delegataire": PASSERELLE });
    node.post(&event("delegation.retiree", COMMUNE, "adherent/214502494", &retrait), &[COMMUNE_KEY]).expect(201);
    // At once: the ledger decides, not the view.
    assert_eq!(row(&node, GATEWAY_KEY), "...x....");
}

#[test]
fn nothing_of_a_submission_is_read_before_it_is_opened() {
    let (node, last) = world();
    wait(&node, last);
    let path = format!("/v1/consultations/{CONSULTATION}/plis");
    for seed in [OPERATOR_KEY, AUDITOR_KEY, BUYER_KEY, COMMUNE_KEY, SIREN_AUDITOR_KEY] {
        let page = node.get_as(seed, &path).expect(200).json();
        let line = &page["lignes"][0];
        assert_eq!((line["depot"]["verdict"].as_str(), &line["contenu"]), (Some("en-temps"), &Value::Null), "{seed}");
        let text = page.to_string() + &node.get_as(seed, &format!("/v1/consultations/{CONSULTATION}")).text();
        for secret in ["01990000", "pli.depose", &"cd".repeat(32)] {
            assert!(!text.contains(secret), "{seed} {secret}");
        }
    }
    let own = node.get_as(BIDDER_KEY, &path).expect(200).json();
    assert_eq!(own["lignes"][0]["contenu"]["soumissionnaire"], FOURNISSEUR);
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, &path).expect(200).json()["lignes"], json!([]));
    // Neither in the buyer's journal.
    let journal = node.get_as(BUYER_KEY, "/v1/journal?famille=pli").expect(200).json();
    assert_eq!(journal, json!({ "lignes": [], "suite": null }));
}

#[test]
fn pages_filters_and_totals_say_what_the_events_say() {
    let (node, last) = world();
    let get = |seed: u8, path: &str| node.get_as(seed, path).expect(200).json();
    let totals = get(ACCOUNTANT_KEY, &format!("/v1/flux/totaux?budget=214502494&at_least={last}"));
    assert_eq!(totals["totaux"][0]["montant_ht"], "15230.10");
    assert_eq!(get(OTHER_COMMUNE_KEY, "/v1/flux/totaux?budget=214502494"), json!({ "totaux": [] }));
    let totals = get(COMMUNE_KEY, "/v1/factures/totaux?acheteur=214502494");
    assert_eq!(
        (&totals["totaux"][0]["montant_ttc"], &totals["totaux"][0]["montant_paye"]),
        (&json!("120.00"), &json!("0.00"))
    );
    let open = get(OTHER_COMMUNE_KEY, &format!("/v1/consultations?ouverte=true&at_least={last}"));
    assert_eq!(open["lignes"][0]["id"], CONSULTATION);
    // The whole journal, a few at a time, is the whole log.
    let (mut seen, mut path) = (Vec::new(), format!("/v1/journal?limit=4&at_least={last}"));
    loop {
        let page = get(OPERATOR_KEY, &path);
        seen.extend(page["lignes"].as_array().unwrap().iter().map(|line| line["index"].as_u64().unwrap()));
        let Some(suite) = page["suite"].as_str() else { break };
        path = format!("/v1/journal?limit=4&apres={suite}");
    }
    assert_eq!(seen, (0..=last).rev().collect::<Vec<_>>());
    let adhesion = get(COMMUNE_KEY, &format!("/v1/adherents/214502494?at_least={last}"));
    let keys = adhesion["cles"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["etat"]), (2, &json!("en-vigueur")));
    for (path, code) in [
        ("/v1/journal?famille=' OR 1=1 --", "query-invalid"),
        ("/v1/journal?type=greffe.acte.transmis.v9", "query-invalid"),
        ("/v1/journal?depuis=hier", "query-invalid"),
        ("/v1/journal?apres=AQ", "query-invalid"),
        ("/v1/journal?limit=0", "query-invalid"),
        ("/v1/flux?budget=1", "query-invalid"),
        ("/v1/flux?etat=perdu", "query-invalid"),
        ("/v1/flux/totaux", "query-invalid"),
        ("/v1/factures?acheteur=moi", "query-invalid"),
        ("/v1/consultations?procedure=autre", "query-invalid"),
        ("/v1/adherents?categorie=club", "query-invalid"),
        ("/v1/adherents?nom=x", "query-invalid"),
    ] {
        let path = path.replace(' ', "%20");
        assert_eq!(node.get_as(OPERATOR_KEY, &path).problem(), (400, code.to_owned()), "{path}");
    }
    for path in
        ["/v1/journal/99999999999999999999", "/v1/journal/18446744073709551615", "/v1/flux/x", "/v1/adherents/x"]
    {
        assert_eq!(node.get_as(OPERATOR_KEY, path).problem().0, 404, "{path}");
    }
    assert_eq!(node.get("/v1/journal").status, 401);
}
