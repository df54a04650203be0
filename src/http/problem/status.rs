//! The HTTP status of each refusal: 400 what is no envelope or no I-JSON, 403 who may not sign, 409 what the log already holds or
//! does not hold yet, 413 size, 422 content.

use axum::http::StatusCode;
use greffe_events::Code;

/// The status of a refusal. Exhaustive on purpose: a new code has to be placed.
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        // Not an envelope, not I-JSON, or signed by nobody: whatever the event says.
        Code::DsseMalformed
        | Code::PayloadType
        | Code::Base64Invalid
        | Code::JsonMalformed
        | Code::JsonDuplicateName
        | Code::JsonTooDeep
        | Code::JsonNumber
        | Code::JsonString
        | Code::SignatureRepeated
        | Code::SignatureInvalid => StatusCode::BAD_REQUEST,
        // Who signs is not who must. Never 401: no other credentials of the request would help.
        Code::SignatureMissing
        | Code::SignatureExtra
        | Code::KeyUnknown
        | Code::KeyNotInForce
        | Code::KeyOtherOrganisation
        | Code::KeyNotEntitled
        | Code::KeyPending
        | Code::KeyRevoked
        | Code::DelegationMissing
        | Code::AdherentSorti
        | Code::ConstatRequis
        | Code::ComptableNonDesigne
        | Code::NotOwner => StatusCode::FORBIDDEN,
        // What the log holds already, or not yet.
        Code::KeyAlreadyEnrolled
        | Code::IdReused
        | Code::RegistreDejaOuvert
        | Code::RegistreFerme
        | Code::AdherentInconnu
        | Code::AdherentDejaInscrit
        | Code::CleDejaRevoquee
        | Code::RecouvrementEnCours
        | Code::RecouvrementInconnu
        | Code::DelegationInconnue
        | Code::LimiteAtteinte
        | Code::CleAbsente
        | Code::ActeInconnu
        | Code::ActeDejaTransmis
        | Code::AnnulationDejaDemandee
        | Code::AnnulationNonDemandee
        | Code::AnnulationDejaAcquittee
        | Code::QuarantaineDejaMise
        | Code::QuarantaineInconnue
        | Code::QuarantaineReglee
        | Code::FluxInconnu
        | Code::FluxDejaTransmis
        | Code::FactureDejaDeposee
        | Code::ConsultationInconnue
        | Code::ConsultationDejaCreee
        | Code::PhaseInconnue
        | Code::PhaseDejaClose
        | Code::DelaiEchu
        | Code::DelaiNonEchu
        | Code::DelaiAnterieur
        | Code::VersionDce
        | Code::LotInconnu
        | Code::LotEtat
        | Code::CommissionAbsente
        | Code::MembreInconnu
        | Code::MembreDejaInscrit
        | Code::SequestreExcessif
        | Code::SeanceInconnue
        | Code::SeanceNonContresignee
        | Code::SeanceDejaContresignee
        | Code::PliInconnu
        | Code::PliDejaDepose
        | Code::PliRetire
        | Code::PliDejaOuvert
        | Code::PartDejaRestituee
        | Code::CopieEtat
        | Code::AccuseDejaEnregistre
        | Code::PieceDejaEffacee => StatusCode::CONFLICT,
        // What the event says.
        Code::AttributeMissing
        | Code::AttributeInvalid
        | Code::RegistreWrong
        | Code::TimeOutOfRange
        | Code::TypeUnknown
        | Code::DataMissing
        | Code::DataInvalid
        | Code::DateFuture
        | Code::DepartementAutre
        | Code::KeyWeak
        | Code::PieceMissing
        | Code::PieceMismatch => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
