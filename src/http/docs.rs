//! `GET /docs`: the OpenAPI description as a page for people, in French: plain HTML, no script, nothing loaded from elsewhere.

mod style;

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::Response;
use data_encoding::BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::style::STYLE;
use super::etag;
use super::openapi::{codes, document};
use super::routes::GROUPES;

/// The page, made once.
static PAGE: LazyLock<String> = LazyLock::new(|| page(document()));

/// Nothing but the page's own style, by its digest; no script, no frame, no form, no other address.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let digest = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
});

/// `GET /docs`.
pub(super) async fn get() -> Response {
    let mut response = etag::bytes_as("text/html; charset=utf-8", PAGE.as_bytes().to_vec());
    if let Some(policy) = POLICY.clone() {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Appends formatted text; writing to a String can't fail.
macro_rules! put {
    ($page:expr, $($text:tt)*) => { let _ = write!($page, $($text)*); };
}

fn page(document: &Value) -> String {
    let mut page = String::new();
    put!(
        page,
        "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Greffe : l'interface HTTP</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<a class=\"evite\" href=\"#contenu\">Aller au contenu</a>\n\
         <header>\n<h1>Greffe : l'interface HTTP</h1>\n<p>{}</p>\n<p>Version {}. La même description pour les programmes : \
         <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\n</header>\n",
        prose(&document["info"]["description"]),
        text(&document["info"]["version"]),
    );
    put!(page, "<nav aria-label=\"Sommaire\">\n<h2>Sommaire</h2>\n<ul>\n");
    for (n, (groupe, _)) in GROUPES.iter().enumerate() {
        put!(page, "<li><a href=\"#groupe-{n}\">{}</a></li>\n", escaped(groupe));
    }
    put!(
        page,
        "<li><a href=\"#lecture\">Lire : jetons, listes, tableurs</a></li>\n<li><a href=\"#schemas\">Objets</a></li>\n\
         <li><a href=\"#codes\">Codes de problème</a></li>\n</ul>\n</nav>\n<main id=\"contenu\">\n"
    );
    for (n, (groupe, description)) in GROUPES.iter().enumerate() {
        put!(
            page,
            "<section aria-labelledby=\"groupe-{n}\">\n<h2 id=\"groupe-{n}\">{}</h2>\n<p>{}</p>\n",
            escaped(groupe),
            escaped(description)
        );
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == *groupe {
                    put_operation(&mut page, path, method, operation);
                }
            }
        }
        page.push_str("</section>\n");
    }
    page.push_str(LECTURE);
    put_schemas(&mut page, &document["components"]["schemas"]);
    put_codes(&mut page);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// What holds for all reading.
const LECTURE: &str = "<section aria-labelledby=\"lecture\">\n<h2 id=\"lecture\">Lire : jetons, listes, tableurs</h2>\n\
    <p>Un lecteur signe lui-même, avec une clé enrôlée, un jeton de cinq minutes (<code>greffe token --key CLÉ</code>) et l'envoie dans \
    <code>Authorization: Bearer …</code>. Ce qu'il ne peut pas lire lui est répondu comme ce qui n'existe pas : 404.</p>\n\
    <p>Une liste donne <code>limit</code> lignes ; l'en-tête <code>Link</code> donne l'adresse de la page suivante, avec les mêmes filtres. \
    <code>Accept: text/csv</code> rend un tableau qu'ouvre un tableur français : points-virgules, virgules décimales, en-têtes en \
    français. Une apostrophe y précède un texte que le tableur prendrait pour une formule ou une date.</p>\n\
    <p>Qui redemande envoie l'<code>ETag</code> reçu dans <code>If-None-Match</code> : 304 si rien n'a changé. \
    <code>Accept-Encoding: gzip</code> ou <code>zstd</code> compresse les listes, sauf celles des actes.</p>\n</section>\n";

fn put_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    put!(
        page,
        "<article aria-labelledby=\"op-{id}\">\n<h3 id=\"op-{id}\"><span class=\"methode\">{}</span> <code>{}</code></h3>\n<p>{}</p>\n",
        method.to_uppercase(),
        escaped(path),
        prose(&operation["summary"]),
    );
    let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
    let who = match security {
        [] if method == "post" => "Ouvert : ce sont les signatures de l'événement qui autorisent.",
        [] => "Ouvert à tous.",
        [only] if only.get("jeton").is_some() => "Demande un jeton.",
        _ => "Ouvert à tous pour une part ; le reste demande un jeton.",
    };
    put!(page, "<p class=\"acces\">{who}</p>\n");
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        put!(
            page,
            "<table>\n<caption>Paramètres</caption>\n<thead><tr><th scope=\"col\">Nom</th><th scope=\"col\">Où</th>\
             <th scope=\"col\">Forme</th><th scope=\"col\">Sens</th></tr></thead>\n<tbody>\n"
        );
        for parameter in parameters {
            let place = match parameter["in"].as_str() {
                Some("path") => "adresse",
                Some("header") => "en-tête",
                _ if parameter["required"] == true => "requête, obligatoire",
                _ => "requête",
            };
            put!(
                page,
                "<tr><th scope=\"row\"><code>{}</code></th><td>{place}</td><td>{}</td><td>{}</td></tr>\n",
                text(&parameter["name"]),
                forme(&parameter["schema"]),
                prose(&parameter["description"]),
            );
        }
        page.push_str("</tbody>\n</table>\n");
    }
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        put!(page, "<p>Corps : {}.</p>\n", contents(content));
    }
    put!(
        page,
        "<table>\n<caption>Réponses</caption>\n<thead><tr><th scope=\"col\">Statut</th><th scope=\"col\">Sens</th>\
         <th scope=\"col\">Contenu</th></tr></thead>\n<tbody>\n"
    );
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"].as_object().map(contents).unwrap_or_default();
        put!(
            page,
            "<tr><th scope=\"row\">{status}</th><td>{}</td><td>{content}</td></tr>\n",
            prose(&response["description"])
        );
    }
    page.push_str("</tbody>\n</table>\n</article>\n");
}

fn contents(content: &serde_json::Map<String, Value>) -> String {
    let of = |(media_type, body): (&String, &Value)| {
        let schema = body.get("x-ligne").or_else(|| body.get("schema")).map(forme).unwrap_or_default();
        let schema = if media_type == "application/problem+json" { String::new() } else { schema };
        format!("<code>{}</code> {schema}", escaped(media_type)).trim_end().to_owned()
    };
    content.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn put_schemas(page: &mut String, schemas: &Value) {
    put!(page, "<section aria-labelledby=\"schemas\">\n<h2 id=\"schemas\">Objets</h2>\n");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        put!(
            page,
            "<article aria-labelledby=\"schema-{0}\">\n<h3 id=\"schema-{0}\"><code>{0}</code></h3>\n<p lang=\"en\">{1}</p>\n",
            escaped(name),
            prose(&schema["description"]),
        );
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        match schema["properties"].as_object() {
            None => {
                put!(page, "<p>{}</p>\n", forme(schema));
            }
            Some(fields) => {
                put!(
                    page,
                    "<table>\n<thead><tr><th scope=\"col\">Champ</th><th scope=\"col\">Forme</th><th scope=\"col\">Sens</th></tr></thead>\n<tbody>\n"
                );
                for (field, schema) in fields {
                    let optional = if required.iter().any(|name| name == field) { "" } else { " (peut manquer)" };
                    put!(
                        page,
                        "<tr><th scope=\"row\"><code>{}</code>{optional}</th><td>{}</td><td lang=\"en\">{}</td></tr>\n",
                        escaped(field),
                        forme(schema),
                        prose(&schema["description"]),
                    );
                }
                page.push_str("</tbody>\n</table>\n");
            }
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

fn put_codes(page: &mut String) {
    put!(
        page,
        "<section aria-labelledby=\"codes\">\n<h2 id=\"codes\">Codes de problème</h2>\n<table>\n<thead><tr><th scope=\"col\">Code</th>\
         <th scope=\"col\">Statut</th><th scope=\"col\">Sens</th><th scope=\"col\">Que faire</th></tr></thead>\n<tbody>\n"
    );
    for (status, code, titre, conseil) in codes() {
        put!(
            page,
            "<tr><th scope=\"row\"><code>{code}</code></th><td>{status}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(titre),
            escaped(conseil)
        );
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

/// A schema in a few words, with links to what it names.
fn forme(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return choices.iter().map(forme).collect::<Vec<_>>().join(" ou ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("<code>{}</code>", text(word))).collect::<Vec<_>>().join(" ");
    }
    if let Some(word) = schema.get("const") {
        return format!("<code>{}</code>", text(word));
    }
    let kind = |kind: &str| match kind {
        "string" => "texte",
        "integer" => "entier",
        "number" => "nombre",
        "boolean" => "true ou false",
        "null" => "null",
        "array" => "liste",
        _ => "objet",
    };
    let kinds = match &schema["type"] {
        Value::String(only) => kind(only).to_owned(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(kind).collect::<Vec<_>>().join(" ou "),
        _ => String::new(),
    };
    let items = schema.get("items").map(|items| format!(" de {}", forme(items))).unwrap_or_default();
    let pattern = schema["pattern"].as_str().map(|pattern| format!(" <code>{}</code>", escaped(pattern)));
    let bounds = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(min), Some(max)) => format!(" de {min} à {max}"),
        _ => String::new(),
    };
    format!("{kinds}{items}{}{bounds}", pattern.unwrap_or_default())
}

/// A text of the document, escaped; a number as it is.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => String::new(),
        other => escaped(&other.to_string()),
    }
}

/// The same, with what stands between backquotes as code.
fn prose(value: &Value) -> String {
    let mut prose = String::new();
    for (n, part) in text(value).split('`').enumerate() {
        if n > 0 {
            prose.push_str(if n % 2 == 1 { "<code>" } else { "</code>" });
        }
        prose.push_str(part);
    }
    prose
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
