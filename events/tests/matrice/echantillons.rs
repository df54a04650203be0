//! For each event type its samples: an event that is admitted when the named keys sign it, in that order.

use greffe_events::EventType;
use serde_json::{Value, json};

use crate::monde::{
    DAY_MS, NOW_MS, OPERATEUR, acte, cle, date, delegation, dossier, enrolment, event_at, mandat, opening,
    organisation, piece, transmis, vkey,
};

/// An event and the keys that it asks for.
pub struct Echantillon {
    /// Which case of its type.
    pub title: &'static str,
    pub event: Value,
    pub signers: Vec<&'static str>,
    /// Whether it comes before every other leaf.
    pub opens_log: bool,
}

const NOUVELLE: &str = "nouvelle/nouvelle";

/// The samples of a type of the log, of members, of pieces and of acts.
#[allow(clippy::too_many_lines)]
pub fn echantillons(event_type: EventType) -> Vec<Echantillon> {
    let name = event_type.as_str().strip_prefix("greffe.").unwrap().strip_suffix(".v1").unwrap();
    let on = |title, source: &str, subject: String, data: Value, signers: &[&'static str]| Echantillon {
        title,
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
        EventType::ActeTransmis => vec![
            on("by its owner", "commune", acte("commune", "D9"), transmis(), &["commune/collectivite"]),
            on("of one that left", "sortie", acte("sortie", "D9"), transmis(), &["sortie/collectivite"]),
            on("of one that recovered", "voisine", acte("voisine", "D9"), transmis(), &["voisine/recouvree"]),
            on("of one that came back", "revenue", acte("revenue", "D9"), transmis(), &["revenue/collectivite"]),
        ],
        EventType::ActeAccuseReception => {
            let own = || json!({ "date_reception": "2026-11-20" });
            let constat = || {
                json!({
                    "date_reception": "2026-11-20", "pieces": [piece("message")],
                    "auteur_declare": { "qualite": "prefecture", "departement": "045" },
                })
            };
            let (act, carrier) = (acte("commune", "D1"), "passerelle-mandatee/transmetteur");
            vec![
                on("by the prefecture", "prefecture", act.clone(), own(), &["prefecture/045"]),
                on("stated by the owner", "commune", act.clone(), constat(), &["commune/collectivite"]),
                on("stated by who carries", "passerelle-mandatee", act, constat(), &[carrier]),
            ]
        }
        // The other types of exchanges: whose word each is stands in `paroles.txt`; keys and delegations are judged as above.
        _ => Vec::new(),
    }
}
