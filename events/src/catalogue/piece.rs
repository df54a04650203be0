//! What happens to a piece after its citation: it can be erased, and nothing else.
//!
//! The subject is `piece/<organisation>/<reference>`: the copy that this organisation deposited. Another organisation's
//! copy of the same bytes is another dossier. No free text: it would tell what the erasure takes away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forme;

/// The operator erases a piece: its bytes, and the card with digest, name and `sel` (RGPD art. 17). Leaves that cite it
/// stay as they are, and so does every proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PieceEffacee {
    /// Who asked for it.
    #[serde(deserialize_with = "forme::mot")]
    pub demandeur: Demandeur,
    /// Why.
    #[serde(deserialize_with = "forme::mot")]
    pub motif: MotifEffacement,
    /// On which legal basis.
    #[serde(deserialize_with = "forme::mot")]
    pub base_legale: BaseLegale,
}

/// Who asks for an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Demandeur {
    /// The person whom the data is about.
    PersonneConcernee,
    /// The organisation that deposited the piece, controller of its data.
    Adherent,
    /// The operator itself.
    Operateur,
    /// The supervisory authority (CNIL).
    AutoriteControle,
    /// A court.
    Juridiction,
}

/// Why a piece is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MotifEffacement {
    /// Somebody used the right to erasure.
    DroitEffacement,
    /// The time for which it was to be kept is over.
    FinConservation,
    /// It should not have been deposited, or says more than it should.
    DepotErrone,
    /// Its data was processed unlawfully.
    TraitementIllicite,
    /// An authority or a court ordered it.
    Decision,
}

/// The rule that an erasure rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum BaseLegale {
    /// RGPD art. 5(1)(c): no more data than needed.
    #[serde(rename = "rgpd-5-1-c")]
    RgpdMinimisation,
    /// RGPD art. 5(1)(e): no longer than needed.
    #[serde(rename = "rgpd-5-1-e")]
    RgpdConservation,
    /// RGPD art. 17(1)(a): no longer necessary for its purpose.
    #[serde(rename = "rgpd-17-1-a")]
    RgpdPlusNecessaire,
    /// RGPD art. 17(1)(b): consent withdrawn.
    #[serde(rename = "rgpd-17-1-b")]
    RgpdConsentementRetire,
    /// RGPD art. 17(1)(c): the person objects.
    #[serde(rename = "rgpd-17-1-c")]
    RgpdOpposition,
    /// RGPD art. 17(1)(d): unlawful processing.
    #[serde(rename = "rgpd-17-1-d")]
    RgpdIllicite,
    /// RGPD art. 17(1)(e): a law demands the erasure.
    #[serde(rename = "rgpd-17-1-e")]
    RgpdObligationLegale,
    /// RGPD art. 58(2)(g): an order of the supervisory authority.
    #[serde(rename = "rgpd-58-2-g")]
    RgpdInjonction,
    /// Code du patrimoine, art. L212-2: elimination of public archives agreed with the archives' administration.
    #[serde(rename = "code-patrimoine-l212-2")]
    CodePatrimoineElimination,
    /// A court's decision.
    #[serde(rename = "decision-justice")]
    DecisionJustice,
}
