//! The pages that say no: why a link is not taken ([`Refus`]), and what the API would answer with a problem ([`Non`]).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use thiserror::Error;

use super::page::{Cadre, reponse};
use crate::http::auth::TokenError;
use crate::http::problem::Problem;

/// Why a one-time link, or the request that uses it, is not taken; in French, for who clicked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Refus {
    /// Not a link of ours, whole.
    #[error("Ce lien est incomplet, ou n'en est pas un. Copiez-le en entier, ou faites-en un autre.")]
    Illisible,
    /// Too old, or of the future.
    #[error(
        "Ce lien n'est plus valable : il l'est cinq minutes. Faites-en un autre ; s'il est neuf, mettez l'ordinateur à l'heure."
    )]
    Perime,
    /// Made before this run of the node.
    #[error("Ce lien a été fait avant le dernier démarrage du registre. Faites-en un autre.")]
    AvantDemarrage,
    /// Its clock is ahead.
    #[error("L'ordinateur qui a fait ce lien avance un peu : réessayez dans une demi-minute, ou mettez-le à l'heure.")]
    TropTot,
    /// For another log.
    #[error("Ce lien a été fait pour un autre registre.")]
    AutreRegistre,
    /// Its key reads nothing here, or not now.
    #[error(
        "La clé qui a signé ce lien n'est pas enrôlée ici, ou n'est plus en vigueur. Adressez-vous à votre opérateur."
    )]
    Cle,
    /// It was used.
    #[error(
        "Ce lien a déjà servi : un lien ne sert qu'une fois. Si ce n'était pas vous, prévenez votre opérateur ; sinon faites-en un autre."
    )]
    DejaServi,
    /// Too many of this key.
    #[error("Trop de liens de cette clé ont servi ces dernières minutes. Attendez cinq minutes.")]
    TropDeLiens,
    /// The form was not sent by this site's own page.
    #[error("Cette demande ne vient pas d'une page de ce site. Rouvrez le lien, puis employez le bouton de la page.")]
    AutreSite,
    /// In the clear, from another machine.
    #[error(
        "Ce site n'est pas chiffré : on n'y entre que depuis la machine elle-même. Employez son adresse en https://."
    )]
    EnClair,
    /// The system gives no random bytes.
    #[error("Le registre ne peut pas ouvrir de session en ce moment. Réessayez plus tard.")]
    SansAlea,
}

impl Refus {
    fn status(self) -> StatusCode {
        match self {
            Self::TropDeLiens => StatusCode::TOO_MANY_REQUESTS,
            Self::SansAlea => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl From<TokenError> for Refus {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Missing | TokenError::Malformed(_) | TokenError::Request | TokenError::Signature => {
                Self::Illisible
            }
            TokenError::Expired => Self::Perime,
            TokenError::Audience => Self::AutreRegistre,
            TokenError::KeyUnknown | TokenError::KeyNotInForce => Self::Cle,
        }
    }
}

impl IntoResponse for Refus {
    fn into_response(self) -> Response {
        let contenu = html! {
            p { (self) }
            p { a href="/" { "Comment entrer" } }
        };
        reponse(self.status(), &Cadre::default().page("On n'entre pas par ce lien", &contenu))
    }
}

/// A page that says no.
#[derive(Debug)]
pub(super) enum Non {
    /// What the API would answer.
    Probleme(Problem),
    /// Nobody has come in, or the session has ended.
    Dehors,
    /// A link, or a form.
    Refus(Refus),
}

impl From<Problem> for Non {
    fn from(problem: Problem) -> Self {
        Self::Probleme(problem)
    }
}

impl From<Refus> for Non {
    fn from(refus: Refus) -> Self {
        Self::Refus(refus)
    }
}

impl IntoResponse for Non {
    fn into_response(self) -> Response {
        match self {
            Self::Refus(refus) => refus.into_response(),
            Self::Dehors => {
                let contenu = html! {
                    p { "Cette page est réservée à qui est entré avec un lien à usage unique ; une session prend fin après une heure sans page ouverte." }
                    p { a href="/" { "Comment entrer" } }
                };
                let mut response =
                    reponse(StatusCode::UNAUTHORIZED, &Cadre::default().page("Il faut d'abord entrer", &contenu));
                // RFC 9110 §15.5.2: a 401 MUST name a scheme. No browser asks for a password at this one.
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Self::Probleme(problem) => {
                let status = problem.status();
                let (titre, conseil) = if status == StatusCode::NOT_FOUND {
                    let conseil = "Il n'y a rien à cette adresse, ou rien que vous puissiez lire. Vérifiez l'adresse.";
                    ("Introuvable", conseil)
                } else {
                    problem.pour_les_gens()
                };
                let contenu = html! {
                    p { (conseil) }
                    p { a href="/" { "Revenir à l'accueil" } }
                };
                let page = reponse(status, &Cadre::default().page(titre, &contenu));
                // Its headers and its code for the log are the problem's own.
                let mut response = problem.into_response();
                let (parts, body) = page.into_parts();
                response.headers_mut().remove(header::CONTENT_LENGTH);
                response.headers_mut().extend(parts.headers);
                *response.body_mut() = body;
                response
            }
        }
    }
}
