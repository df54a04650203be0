//! What to do where the service itself did not do what was asked, in French, for the people who run a mairie and those who
//! write its software. What to do about a refusal stands with its code: `greffe_events::Code::conseil`.
//!
//! Exhaustive on purpose: a new cause has to say what its reader can do.

use super::Cause;

impl Cause {
    /// What whoever asked can do about it.
    pub fn conseil(self) -> &'static str {
        match self {
            Self::QueryInvalid => "Corrigez l'adresse demandée : le champ indiqué dit quelle partie ne convient pas.",
            Self::HeaderInvalid => "Corrigez l'en-tête indiqué, puis renvoyez la requête.",
            Self::BodyIncomplete => "La liaison a été coupée pendant l'envoi : renvoyez les mêmes octets.",
            Self::TokenMissing => {
                "Joignez un jeton signé par une clé enrôlée (Authorization: Bearer …) ; « greffe token » en écrit un."
            }
            Self::TokenMalformed => {
                "Refaites le jeton ; c'est à l'éditeur du logiciel de corriger s'il reste mal formé."
            }
            Self::TokenExpired => {
                "Refaites un jeton pour chaque requête : il vaut cinq minutes. S'il est neuf, mettez l'ordinateur à l'heure."
            }
            Self::TokenAudience => "Vérifiez le nom du registre dans la configuration, puis refaites le jeton.",
            Self::TokenKeyUnknown => "Employez une clé enrôlée, ou demandez à votre opérateur d'enrôler celle-ci.",
            Self::TokenKeyNotInForce => {
                "Employez une clé en vigueur : celle-ci est échue, révoquée, en attente de recouvrement, ou son organisme est sorti."
            }
            Self::TokenSignature => {
                "Refaites le jeton avec la clé privée de celle qu'il nomme ; il ne se modifie pas après la signature."
            }
            Self::TokenRequest => {
                "Liez le jeton à la requête (req) : méthode, chemin, Greffe-Sel et Greffe-Nom tels qu'ils sont envoyés. Un dépôt et un webhook n'en prennent pas d'autre."
            }
            Self::TokenNotEntitled => {
                "Employez une clé dont le rôle le permet : déposer demande un rôle qui signe, tout lire celui d'auditeur."
            }
            Self::NotFound => {
                "Vérifiez l'identifiant et l'adresse, et que la clé est celle d'un organisme qui peut lire ce dossier."
            }
            Self::MethodNotAllowed => {
                "Vérifiez la méthode HTTP : la documentation dit laquelle convient à cette adresse."
            }
            Self::NotAcceptable => {
                "Demandez application/json ; une liste existe aussi en text/csv, une preuve seule en text/plain (en-tête Accept)."
            }
            Self::IndexAhead => "Vérifiez l'indice, et l'adresse du nœud : un reçu n'a d'indice que dans son registre.",
            Self::CursorAhead => {
                "Vérifiez l'adresse du nœud et le curseur gardé. S'il vient bien de ce registre, prévenez l'opérateur : un registre ne raccourcit jamais."
            }
            Self::TooManyFollowers => {
                "Fermez les flux dont vous ne vous servez plus : un seul par programme suffit, avec plusieurs filtres."
            }
            Self::TooManyWebhooks => {
                "Supprimez ceux dont vous ne vous servez plus : un seul par programme suffit, avec plusieurs filtres."
            }
            Self::BodyTimeout => "Renvoyez les mêmes octets ; si cela se répète, vérifiez la liaison.",
            Self::PieceEffacee => {
                "Ne redéposez pas cette pièce : elle est effacée pour toujours. Un événement déjà enregistré rend son reçu sans elle."
            }
            Self::PieceQuota => {
                "Adressez-vous à votre opérateur. Les pièces qu'aucun événement ne cite partent après 48 heures."
            }
            Self::MediaType => "Envoyez application/json pour un événement, application/x-ndjson pour un lot.",
            Self::DigestMismatch => {
                "Redéposez le fichier : l'empreinte annoncée doit être le SHA-256 des octets envoyés."
            }
            Self::TooManyRefusals => {
                "Corrigez d'abord ce qui est refusé. Les envois justes passent toujours ; les autres attendent une heure."
            }
            Self::Internal => {
                "Renvoyez les mêmes octets un peu plus tard ; si cela se répète, donnez l'en-tête x-request-id à l'opérateur."
            }
            Self::QueueFull
            | Self::Overloaded
            | Self::Stopping
            | Self::StoreUnavailable
            | Self::Horloge
            | Self::Garde => {
                "Renvoyez les mêmes octets après le délai annoncé (Retry-After) : rien ne sera enregistré deux fois."
            }
            Self::ViewBehind => "Redemandez dans un instant : la lecture suit l'enregistrement de peu.",
            Self::ViewStopped | Self::NotReady => {
                "Prévenez l'opérateur du registre ; ce qui est enregistré est en sûreté."
            }
            Self::DiskFull => "Redéposez plus tard, et prévenez l'opérateur : le disque du nœud est plein.",
        }
    }
}
