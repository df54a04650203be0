//! `GET /openapi.json`: the API as OpenAPI 3.1 describes it, made of the routes themselves (`super::routes`) and of the types that they
//! read and write. Nothing of it is written a second time by hand, but the words for people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::response::Response;
use greffe_events::Code;
use greffe_events::piece::Empreinte;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::etag;
use super::operation::{Corps, Operation, Qui, Reponse};
use super::problem::{Cause, Problem, status_of};
use super::routes::{self, GROUPES};

/// Where schemas lie in the document.
const SCHEMAS: &str = "#/components/schemas/";

/// A SIREN, or `ICD:identifier` (`greffe_events::ident::Organisation::of_abrege`).
const ORGANISATION: &str = "^([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})$";

/// What the parameters of paths and queries are, in French.
const PARAMETRES: [(&str, &str); 44] = [
    ("acheteur", "L'acheteur : un SIREN, ou ICD:identifiant."),
    (
        "after",
        "Le curseur : l'indice de la dernière feuille déjà vue. Sans lui, le fil commence au début, un webhook à maintenant.",
    ),
    ("annee", "Année de la facture."),
    (
        "apres",
        "Où la page commence : la `suite` de la page précédente, avec les mêmes filtres ; `Link` donne l'adresse entière.",
    ),
    (
        "at_least",
        "Attend, cinq secondes au plus, que la vue ait pris l'événement de cet indice : pour relire ce que l'on vient d'écrire. Au-delà de la fin du registre : 409 `index-ahead`.",
    ),
    ("au", "Jusqu'à ce jour (AAAA-MM-JJ, heure de Paris) ou cet indice, compris."),
    ("avant", "Enregistré avant cet instant (RFC 3339)."),
    ("budget", "Un SIRET, ou le SIREN d'un organisme pour tous ses budgets."),
    ("categorie", "La catégorie d'organisme."),
    ("code", "Les refus de ce code."),
    ("constat", "true : les seuls constats ; false : sans eux."),
    ("departement", "Le département, sur trois caractères : 039, 02A."),
    ("depuis", "Enregistré à partir de cet instant (RFC 3339)."),
    ("du", "Depuis ce jour (AAAA-MM-JJ, heure de Paris) ou cet indice, compris."),
    ("etat", "L'état."),
    ("exercice", "L'exercice budgétaire."),
    ("famille", "La famille de dossiers."),
    ("from", "Taille de l'arbre ancien."),
    ("greffe-nom", "Nom d'origine du fichier, en UTF-8 codé par %."),
    ("greffe-sel", "32 octets aléatoires en hexadécimal : la pièce est citée par son engagement."),
    ("id", "L'identifiant du dossier."),
    ("index", "L'indice de la feuille, à partir de 0."),
    ("last-event-id", "Le curseur, à la reprise d'un flux ; il l'emporte sur after."),
    ("limit", "Lignes par page, 50 par défaut."),
    (
        "liste",
        "a-acquitter, silencieux, a-examiner, a-suivre, expirent, pieces-attendues (préfecture) ; a-repondre, refuses, a-publier (collectivité).",
    ),
    ("membre", "true : les adhérents ; false : ceux qui sont sortis."),
    ("motif", "Pourquoi le message est en quarantaine."),
    ("nature", "La nature de l'acte, deux lettres."),
    ("organisation", "Un SIREN, ou ICD:identifiant."),
    ("ouverte", "true : celles dont la date limite n'est pas passée."),
    (
        "par",
        "Par quoi compter : departement, arrondissement, nature, matiere, mois ; plusieurs, séparés par des virgules.",
    ),
    ("path", "Niveau et rang : 0/x001/067, 1/000.p/12, entries/000."),
    ("pieces", "false : sans les fichiers cités."),
    ("procedure", "La procédure."),
    (
        "reference",
        "Pour déposer, l'empreinte SHA-256 du fichier ; pour lire, celle d'une pièce publique ou l'engagement d'une autre.",
    ),
    ("siren", "Le SIREN de la collectivité."),
    ("size", "Taille de l'arbre ; celle de la tête par défaut."),
    ("source", "Qui parle : un SIREN, ou ICD:identifiant."),
    ("sujet", "Le dossier, famille/identifiant."),
    ("to", "Taille de l'arbre récent ; celle de la tête par défaut."),
    ("tous", "true : ceux de tous les organismes, pour l'opérateur."),
    ("type", "Le type d'événement."),
    ("url", "Où annoncer : une adresse https publique, 2 000 octets au plus, sans nom ni mot de passe."),
    ("vendeur", "Le vendeur : un SIREN, ou ICD:identifiant."),
];

/// Headers of answers.
const EN_TETES: [(&str, &str); 4] = [
    ("ETag", "L'étiquette de cette réponse, à redonner dans `If-None-Match`."),
    ("Link", "S'il y a une page suivante : son adresse, `rel=\"next\"`."),
    ("Location", "Où ce qui vient d'être fait se relit."),
    ("Content-Disposition", "Que c'est un fichier à enregistrer, et sous quel nom, s'il en a un."),
];

/// The document, made once.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document_of(&routes::all()));

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// `GET /openapi.json`.
pub(super) async fn get() -> Result<Response, Problem> {
    etag::json(document())
}

/// One event of a stream: its fields, as any reader of server-sent events gives them.
pub(super) fn message(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "description": "Un événement du flux : son indice, et ce que `GET /v1/events/{index}` en dit. `fin` : la fin, et pourquoi.",
        "properties": {
            "id": { "type": "string", "pattern": "^[0-9]+$" },
            "event": { "type": "string", "enum": ["message", "fin"] },
            "data": { "type": "string" },
        },
    })
}

/// A DSSE envelope, as it is posted. What its payload has to be stands with the event types (`docs/EVENTS.md`, `events/schemas`).
pub(super) fn envelope(_: &mut SchemaGenerator) -> Schema {
    let base64 = "^[A-Za-z0-9+/_-]+={0,2}$";
    json_schema!({
        "type": "object",
        "description": "Une enveloppe DSSE v1 ; son contenu est un événement (docs/EVENTS.md).",
        "required": ["payloadType", "payload", "signatures"],
        "properties": {
            "payloadType": { "const": greffe_events::dsse::PAYLOAD_TYPE },
            "payload": { "type": "string", "pattern": base64 },
            "signatures": {
                "type": "array",
                "minItems": 1,
                "maxItems": 4,
                "items": {
                    "type": "object",
                    "required": ["keyid", "sig"],
                    "properties": {
                        "keyid": { "type": "string", "pattern": "^ed25519:[0-9a-f]{64}$" },
                        "sig": { "type": "string", "pattern": base64 },
                    },
                },
            },
        },
    })
}

/// An object of whatever members.
pub(super) fn objet(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// One of these words.
pub(super) fn mots(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<&str> = words.into_iter().collect();
    json_schema!({ "type": "string", "enum": words })
}

fn document_of(operations: &[Operation]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            SCHEMAS.trim_start_matches('#').clone_into(settings.definitions_path.to_mut());
            settings.meta_schema = None;
        })
        .for_serialize()
        .into_generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let path = operation.path.replace("{*", "{");
        let described = describe(operation, &mut generator);
        paths.entry(path).or_default().insert(operation.method.to_owned(), described);
    }
    generator.subschema_for::<Problem>();
    let tags: Vec<Value> = GROUPES.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Greffe",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Registre probant des échanges dématérialisés des collectivités. Toute réponse négative est un problème \
                (RFC 9457) avec un `code` stable, son titre en anglais et en français, et ce qu'il faut faire (`conseil`). Toute réponse \
                porte `X-Request-Id` : le vôtre si vous en donnez un.",
            "license": { "name": "EUPL-1.2", "identifier": "EUPL-1.2" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "jeton": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Un jeton de cinq minutes, signé (EdDSA) par une clé enrôlée : `greffe token --key CLÉ` en écrit un.",
                },
            },
        },
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.resume,
        "tags": [operation.groupe],
        "parameters": parameters(operation),
        "responses": responses(operation, generator),
        "security": match operation.qui {
            Qui::Chacun | Qui::Signataires => json!([]),
            Qui::Jeton => json!([{ "jeton": [] }]),
            Qui::Mixte => json!([{}, { "jeton": [] }]),
        },
    });
    if !operation.corps.is_empty() {
        described["requestBody"] = json!({ "required": true, "content": content(&operation.corps, generator) });
    }
    described
}

fn content(bodies: &[Corps], generator: &mut SchemaGenerator) -> Value {
    let of = |body: &Corps, generator: &mut SchemaGenerator| match body.schema {
        // OpenAPI 3.1: bytes have no schema; of lines each holds to it.
        Some(schema) if body.media_type == "application/x-ndjson" => {
            json!({ "schema": { "type": "string" }, "x-ligne": schema(generator) })
        }
        Some(schema) => json!({ "schema": schema(generator) }),
        None if body.media_type == "application/json" => json!({ "schema": { "type": "object" } }),
        None if body.media_type.starts_with("text/") => json!({ "schema": { "type": "string" } }),
        None => json!({}),
    };
    bodies.iter().map(|body| (body.media_type.to_owned(), of(body, generator))).collect::<Map<_, _>>().into()
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| {
            let name = name.trim_start_matches('*');
            parameter(name, "path", true, &path_schema(name))
        })
        .collect();
    for name in operation.headers {
        parameters.push(parameter(name, "header", false, &json!({ "type": "string" })));
    }
    let Some(query) = operation.query else { return parameters };
    let mut inline = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .into_generator();
    let schema = query(&mut inline).to_value();
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        parameters.push(parameter(name, "query", required.contains(name.as_str()), &without_null(schema)));
    }
    parameters
}

fn parameter(name: &str, place: &str, required: bool, schema: &Value) -> Value {
    let lower = name.to_ascii_lowercase();
    let text = PARAMETRES.iter().find(|(known, _)| *known == lower).map(|(_, text)| *text);
    json!({ "name": name, "in": place, "required": required, "description": text, "schema": schema })
}

/// What stands in a path.
fn path_schema(name: &str) -> Value {
    match name {
        "index" => json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$" }),
        "reference" => schema_alone::<Empreinte>(),
        "organisation" => json!({ "type": "string", "pattern": ORGANISATION }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

fn schema_alone<T: JsonSchema>() -> Value {
    let mut inline = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    T::json_schema(&mut inline).to_value()
}

/// A parameter that is left out is not null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(words) = schema.as_object_mut() {
        words.retain(|word, value| word != "default" || !value.is_null());
    }
    if let Some(kinds) = schema["type"].as_array() {
        let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
        schema["type"] = if kinds.len() == 1 { kinds[0].clone() } else { kinds.into() };
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choices: Vec<Value> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
        if let [only] = choices.as_slice() {
            return only.clone();
        }
    }
    schema
}

fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for Reponse { status, description, corps, headers } in &operation.reponses {
        let mut response = json!({ "description": description });
        if !corps.is_empty() {
            response["content"] = content(corps, generator);
        }
        if !headers.is_empty() {
            response["headers"] =
                headers.iter().map(|name| ((*name).to_owned(), header(name))).collect::<Map<_, _>>().into();
        }
        responses.insert(status.to_string(), response);
    }
    let own = operation.causes.iter().map(|cause| (cause.status_number(), cause.as_str()));
    let admission = operation.codes.iter().map(|code| (status_of(*code).as_u16(), code.as_str()));
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    // A request with a body may be larger than is taken, and one that is too slow loses its connection.
    for (status, code) in own.chain(admission) {
        by_status.entry(status).or_default().insert(code);
    }
    for (status, codes) in by_status {
        let text: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let schema = json!({ "allOf": [
            generator.subschema_for::<Problem>(),
            { "properties": { "code": { "enum": codes }, "status": { "const": status } } },
        ] });
        responses.insert(
            status.to_string(),
            json!({ "description": text.join(", "), "content": { "application/problem+json": { "schema": schema } } }),
        );
    }
    responses.into()
}

fn header(name: &str) -> Value {
    let text = EN_TETES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    json!({ "description": text, "schema": { "type": "string" } })
}

/// Every code that an answer may have: its status, title and advice, in French.
pub(super) fn codes() -> Vec<(u16, &'static str, &'static str, &'static str)> {
    let causes = Cause::ALL.iter().map(|cause| (cause.status_number(), cause.as_str(), cause.titre(), cause.conseil()));
    let codes = Code::ALL.iter().map(|code| (status_of(*code).as_u16(), code.as_str(), code.titre(), code.conseil()));
    let mut all: Vec<_> = causes.chain(codes).collect();
    all.sort_unstable();
    all
}

/// Named by a SIREN or `ICD:identifier`.
pub(super) fn organisation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": ORGANISATION })
}
