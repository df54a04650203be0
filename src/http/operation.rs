//! One operation of the API: what serves it, and what it says of itself. The router and the OpenAPI description are made of the same
//! list (`super::routes`), so that neither has what the other has not.

use axum::routing::MethodRouter;
use greffe_events::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Node;
use super::problem::Cause;

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qui {
    /// Everybody.
    Chacun,
    /// Whoever has a token; what is seen depends on its key.
    Jeton,
    /// Everybody for one part, whoever has a token for another.
    Mixte,
    /// Whoever the signatures in the body entitle.
    Signataires,
}

/// A body: its media type, and its schema where it is JSON.
#[derive(Clone, Copy)]
pub(super) struct Corps {
    pub media_type: &'static str,
    pub schema: Option<SchemaOf>,
}

/// An answer that is no problem.
pub(super) struct Reponse {
    pub status: u16,
    pub description: &'static str,
    pub corps: Vec<Corps>,
    pub headers: &'static [&'static str],
}

/// One method of one path.
pub(super) struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub groupe: &'static str,
    pub resume: &'static str,
    pub qui: Qui,
    /// Answers however many requests are under way, or counts them itself.
    pub hors_limite: bool,
    pub query: Option<SchemaOf>,
    /// Headers that it reads, beside those of all.
    pub headers: &'static [&'static str],
    pub corps: Vec<Corps>,
    pub reponses: Vec<Reponse>,
    pub causes: Vec<Cause>,
    /// Codes of admission that it may answer.
    pub codes: &'static [Code],
    pub handler: MethodRouter<Node>,
}

pub(super) const JSON: &str = "application/json";

/// What a bad token is answered.
const TOKEN: [Cause; 9] = [
    // Too long to be noted for an auditor.
    Cause::QueryInvalid,
    Cause::TokenMissing,
    Cause::TokenMalformed,
    Cause::TokenExpired,
    Cause::TokenAudience,
    Cause::TokenKeyUnknown,
    Cause::TokenKeyNotInForce,
    Cause::TokenSignature,
    Cause::TokenRequest,
];

/// What everything over a view may answer.
const VUE: [Cause; 4] = [Cause::QueryInvalid, Cause::IndexAhead, Cause::ViewBehind, Cause::ViewStopped];

/// The schema of a type.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Operation {
    /// One that everybody may ask, at [`super::bounds::REQUESTS_MAX`] at a time.
    pub fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        groupe: &'static str,
        handler: MethodRouter<Node>,
    ) -> Self {
        Self {
            method,
            path,
            id,
            groupe,
            resume: "",
            qui: Qui::Chacun,
            hors_limite: false,
            query: None,
            headers: &[],
            corps: Vec::new(),
            reponses: Vec::new(),
            causes: vec![Cause::Internal],
            codes: &[],
            handler,
        }
    }

    pub fn resume(self, resume: &'static str) -> Self {
        Self { resume, ..self }
    }

    /// Asks for a token, always or for a part.
    pub fn jeton(self, qui: Qui) -> Self {
        // Whether the key is in force is read from the ledger's index, on a thread.
        Self { qui, ..self }.causes(&TOKEN)
    }

    pub fn hors_limite(self) -> Self {
        Self { hors_limite: true, ..self }
    }

    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(of::<T>), ..self }.causes(&[Cause::QueryInvalid])
    }

    pub fn headers(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }

    pub fn causes(mut self, causes: &[Cause]) -> Self {
        self.causes.extend(causes);
        self
    }

    pub fn codes(self, codes: &'static [Code]) -> Self {
        Self { codes, ..self }
    }

    /// Takes a body of that type.
    pub fn corps(mut self, media_type: &'static str, schema: Option<SchemaOf>) -> Self {
        self.corps.push(Corps { media_type, schema });
        self
    }

    /// Answers JSON.
    pub fn json<T: JsonSchema>(self, status: u16, description: &'static str, headers: &'static [&'static str]) -> Self {
        self.reponse(status, description, vec![Corps { media_type: JSON, schema: Some(of::<T>) }], headers)
    }

    /// Answers something else, or nothing.
    pub fn reponse(
        mut self,
        status: u16,
        description: &'static str,
        corps: Vec<Corps>,
        headers: &'static [&'static str],
    ) -> Self {
        self.reponses.push(Reponse { status, description, corps, headers });
        self
    }

    /// Has a tag: 304 to who has it.
    pub fn inchange(self) -> Self {
        self.reponse(304, "Inchangé : le client a déjà cette réponse.", Vec::new(), &["ETag"])
    }

    /// A list of a view, as JSON or as a table.
    pub fn liste<T: JsonSchema>(self) -> Self {
        let corps =
            vec![Corps { media_type: JSON, schema: Some(of::<T>) }, Corps { media_type: "text/csv", schema: None }];
        self.reponse(200, "Une page de la liste.", corps, &["ETag", "Link"])
            .inchange()
            .causes(&VUE)
            .causes(&[Cause::NotAcceptable])
    }

    /// One row of a view.
    pub fn un<T: JsonSchema>(self) -> Self {
        self.json::<T>(200, "Le dossier.", &["ETag"]).inchange().causes(&VUE).causes(&[Cause::NotFound])
    }
}
