//! For each event type its samples: an event that is admitted when the named keys sign it, in that order.
//!
//! Exchanges take theirs from the golden samples of `tests/echantillons`; what governs rights stands here.

use std::path::Path;

use greffe_events::EventType;
use serde_json::{Value, json};

use crate::monde::{
    DAY_MS, NOW_MS, OPERATEUR, acte, cle, date, delegation, dossier, enrolment, event_at, mandat, opening,
    organisation, piece, transmis, vkey,
};

/// An event and the keys that it asks for.
#[derive(Clone)]
pub struct Echantillon {
    /// Which case of its type.
    pub title: String,
    pub event: Value,
    pub signers: Vec<&'static str>,
    /// Whether it comes before every other leaf.
    pub opens_log: bool,
}

const NOUVELLE: &str = "nouvelle/nouvelle";

/// The samples of a type: at least one.
#[allow(clippy::too_many_lines)]
pub fn echantillons(event_type: EventType) -> Vec<Echantillon> {
    let name = event_type.as_str().strip_prefix("greffe.").unwrap().strip_suffix(".v1").unwrap();
    let on = |title: &str, source: &str, subject: String, data: Value, signers: &[&'static str]| Echantillon {
        title: title.to_owned(),
        event: event_at(NOW_MS, name, source, &subject, data),
        signers: signers.to_vec(),
        opens_log: event_type == EventType::RegistreOuvert,
    };
    let log = |title, data: Value, signers: &[&'static str]| {
        on(title, "operateur", "registre/greffe.example".to_owned(), data, signers)
    };
    let member = |title, source: &str, of: &str, data: Value, signers: &[&'static str]| {
        on(title, source, dossier(of), data, signers)
    };
    let recovery = |data: Value| {
        let signers = ["registre/recouvrement-1", "registre/recouvrement-2", NOUVELLE];
        vec![log("by recovery keys", data, &signers)]
    };
    let new = || json!({ "cle": cle(NOUVELLE).id() });
    let fiche = |of: &str| json!({ "organisation": organisation(of), "categorie": "commune", "denomination": of, "departement": "045" });
    let of_key = |of: &str, key: &str| json!({ "organisation": organisation(of), "cle": cle(key).id() });
    let with = |mut data: Value, name: &str, value: Value| {
        data[name] = value;
        data
    };
    match event_type {
        EventType::RegistreOuvert => vec![log("the first leaf", opening(), &["registre/operateur-ancienne"])],
        EventType::RegistreRefus => {
            let data = json!({
                "cle": cle("commune/collectivite").id(), "code": "type-unknown", "sel": "00".repeat(32),
                "empreinte": "00".repeat(32),
            });
            vec![log("by the node", data, &["registre/noeud"])]
        }
        EventType::RegistreOperateurRemplace => recovery(new()),
        EventType::RegistreJournalRemplace => recovery(json!({ "vkey": vkey(NOUVELLE) })),
        EventType::RegistreRecouvrementRemplace => {
            recovery(with(new(), "ancienne", json!(cle("registre/recouvrement-3").id())))
        }
        EventType::RegistreNoeudRemplace => vec![log("by the operator", new(), &[OPERATEUR, NOUVELLE])],
        EventType::AdherentInscrit => vec![
            member("a new member", "operateur", "nouveau", fiche("nouveau"), &[OPERATEUR]),
            member("a former member", "operateur", "sortie", fiche("sortie"), &[OPERATEUR]),
        ],
        EventType::AdherentModifie => {
            vec![member("by the operator", "operateur", "commune", fiche("commune"), &[OPERATEUR])]
        }
        EventType::AdherentSorti => {
            let data = || json!({ "organisation": organisation("commune"), "motif": "depart" });
            vec![
                member("by the operator", "operateur", "commune", data(), &[OPERATEUR]),
                member("by the member", "commune", "commune", data(), &["commune/collectivite"]),
            ]
        }
        EventType::CleEnrolee => vec![
            member(
                "first key",
                "operateur",
                "sans-cle",
                enrolment("sans-cle", NOUVELLE, &["collectivite"]),
                &[OPERATEUR, NOUVELLE],
            ),
            member(
                "further key",
                "operateur",
                "commune",
                enrolment("commune", NOUVELLE, &["collectivite"]),
                &[OPERATEUR, "commune/collectivite", NOUVELLE],
            ),
        ],
        EventType::CleRecouvree => vec![member(
            "by the operator",
            "operateur",
            "voisine",
            enrolment("voisine", NOUVELLE, &["collectivite"]),
            &[OPERATEUR, NOUVELLE],
        )],
        EventType::CleOpposition => {
            vec![member(
                "by the member",
                "commune",
                "commune",
                of_key("commune", "commune/en-attente"),
                &["commune/collectivite"],
            )]
        }
        EventType::CleRevoquee => {
            let data = |key| with(of_key("commune", key), "motif", json!("vol"));
            let acheteur = "commune/acheteur";
            vec![
                member("by itself", "commune", "commune", data(acheteur), &[acheteur]),
                member(
                    "out of validity, by itself",
                    "commune",
                    "commune",
                    data("commune/expiree"),
                    &["commune/expiree"],
                ),
                member("pending, by itself", "commune", "commune", data("commune/en-attente"), &["commune/en-attente"]),
                member("by another of the member", "commune", "commune", data(acheteur), &["commune/collectivite"]),
                member("by the operator", "operateur", "commune", data(acheteur), &[OPERATEUR]),
                member("an auditor's, by the operator", "operateur", "commune", data("commune/auditeur"), &[OPERATEUR]),
            ]
        }
        EventType::CleCompromise => {
            let data = |of, key| with(of_key(of, key), "depuis", json!(date(NOW_MS - DAY_MS)));
            let key = "commune/collectivite";
            vec![
                member("by another of the member", "commune", "commune", data("commune", key), &["commune/acheteur"]),
                member("by the operator", "operateur", "commune", data("commune", key), &[OPERATEUR]),
                member(
                    "revoked before",
                    "commune",
                    "commune",
                    data("commune", "commune/revoquee"),
                    &["commune/acheteur"],
                ),
                member(
                    "of one that is gone",
                    "operateur",
                    "sortie",
                    data("sortie", "sortie/collectivite"),
                    &[OPERATEUR],
                ),
            ]
        }
        EventType::DelegationAccordee => {
            let until = NOW_MS + 1;
            let data = |delegate| delegation("commune", delegate, &["actes", "comptabilite"], until);
            vec![
                member("by the member", "commune", "commune", data("passerelle-sans"), &["commune/collectivite"]),
                member(
                    "of tenders, by the member",
                    "commune",
                    "commune",
                    delegation("commune", "passerelle-sans", &["marches"], until),
                    &["commune/acheteur"],
                ),
                member(
                    "with the mandate",
                    "operateur",
                    "commune",
                    with(data("passerelle-sans"), "pieces", mandat()),
                    &[OPERATEUR],
                ),
            ]
        }
        EventType::DelegationRetiree => {
            let data = || json!({ "organisation": organisation("commune"), "delegataire": organisation("passerelle") });
            vec![
                member("by the member", "commune", "commune", data(), &["commune/collectivite"]),
                member("by the delegate", "passerelle", "commune", data(), &["passerelle/transmetteur"]),
                member("by the operator", "operateur", "commune", data(), &[OPERATEUR]),
            ]
        }
        EventType::PieceEffacee => {
            let data = json!({
                "demandeur": "adherent", "motif": "depot-errone", "base_legale": "rgpd-5-1-c",
            });
            vec![on("by the operator", "operateur", format!("piece/214502494/{}", "ab".repeat(32)), data, &[OPERATEUR])]
        }
        EventType::ActeTransmis => [
            vec![
                on("by its owner", "commune", acte("commune", "D9"), transmis(), &["commune/collectivite"]),
                on("of one that left", "sortie", acte("sortie", "D9"), transmis(), &["sortie/collectivite"]),
                on("of one that recovered", "voisine", acte("voisine", "D9"), transmis(), &["voisine/recouvree"]),
                on("of one that came back", "revenue", acte("revenue", "D9"), transmis(), &["revenue/collectivite"]),
            ],
            exchanges(event_type),
        ]
        .concat(),
        EventType::ActeAccuseReception => {
            let own = json!({ "date_reception": "2026-11-20" });
            let constat = json!({
                "date_reception": "2026-11-20", "pieces": [piece("message")],
                "auteur_declare": { "qualite": "prefecture", "departement": "045" },
            });
            let (act, carrier) = (acte("commune", "D1"), "passerelle-mandatee/transmetteur");
            [
                vec![
                    on("by the prefecture", "prefecture", act.clone(), own, &["prefecture/045"]),
                    on("stated by the owner", "commune", act.clone(), constat.clone(), &["commune/collectivite"]),
                    on("stated by who carries", "passerelle-mandatee", act, constat, &[carrier]),
                ],
                exchanges(event_type),
            ]
            .concat()
        }
        _ => exchanges(event_type),
    }
}

/// The golden samples of a type, `tests/echantillons/<type>[.<variant>].json`, as if signed now.
fn exchanges(event_type: EventType) -> Vec<Echantillon> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/echantillons");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut samples: Vec<(String, Value)> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap())
        })
        .filter(|(_, event): &(String, Value)| event["type"] == event_type.as_str())
        .collect();
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    samples.into_iter().map(|(name, event)| exchange(event_type, &name, event)).collect()
}

fn exchange(event_type: EventType, name: &str, mut event: Value) -> Echantillon {
    event["time"] = json!(date(NOW_MS));
    // Whose word it is by its source and family, where somebody has several keys.
    let source = event["source"].as_str().unwrap();
    let signer = ["commune", "fournisseur", "prefecture", "comptable", "operateur"]
        .into_iter()
        .find(|name| source == organisation(name))
        .map(|name| match (name, event_type.family()) {
            ("commune", "consultation" | "pli") => "commune/acheteur",
            ("commune", _) => "commune/collectivite",
            ("fournisseur", "facture") => "fournisseur/fournisseur",
            ("fournisseur", _) => "fournisseur/soumissionnaire",
            ("prefecture", _) => "prefecture/045",
            ("comptable", _) => "comptable/comptable",
            _ => OPERATEUR,
        });
    // A member of a commission speaks with the key that the event names.
    if event["data"].get("membre").is_some() {
        event["data"]["membre"] = json!(cle("commune/acheteur").id());
    }
    let variant = name.strip_prefix(event_type.as_str()).unwrap().trim_start_matches('.');
    Echantillon {
        title: if variant.is_empty() { "as it is said".to_owned() } else { variant.to_owned() },
        event,
        signers: vec![signer.unwrap()],
        opens_log: false,
    }
}
