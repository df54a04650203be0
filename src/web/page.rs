//! The frame of every page, and the headers that it is sent with.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::statique::{PREUVE, STYLE};
use super::visiteur::Visiteur;
use crate::http::compression;

/// Style, script, forms and answers of this site only; no inline script or style, no frame, no text that becomes markup.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// A place in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ici {
    /// `/`.
    Accueil,
    /// `/actes`, and one of them.
    Actes,
    /// `/journal`.
    Journal,
}

impl Ici {
    const MENU: [(Self, &'static str, &'static str); 3] =
        [(Self::Accueil, "/", "Accueil"), (Self::Actes, "/actes", "Actes"), (Self::Journal, "/journal", "Journal")];
}

/// What stands around a page's own content.
#[derive(Default)]
pub(super) struct Cadre<'a> {
    /// Who reads it; the menu is theirs.
    pub visiteur: Option<&'a Visiteur>,
    /// Its place in the menu.
    pub ici: Option<Ici>,
    /// Whether it needs the script that verifies receipts.
    pub verifie: bool,
}

impl<'a> Cadre<'a> {
    /// Of a page of the menu.
    pub fn de(visiteur: &'a Visiteur, ici: Ici) -> Self {
        Self { visiteur: Some(visiteur), ici: Some(ici), verifie: false }
    }

    /// The whole page. `titre` is its one `h1`.
    pub fn page(&self, titre: &str, contenu: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="fr" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (titre) " · Greffe" }
                    link rel="stylesheet" href=(STYLE.adresse());
                    @if self.verifie { script src=(PREUVE.adresse()) defer {} }
                }
                body {
                    a.evite href="#contenu" { "Aller au contenu" }
                    header.tete { (self.tete()) }
                    main #contenu tabindex="-1" {
                        h1 { (titre) }
                        (contenu)
                    }
                    footer.pied {
                        p {
                            "Greffe enregistre et prouve les échanges ; il ne transmet rien à l'État. "
                            a href="/docs" { "Interface pour les logiciels" }
                        }
                    }
                }
            }
        }
    }

    fn tete(&self) -> Markup {
        html! {
            p.marque { a href="/" { "Greffe" } @if let Some(visiteur) = self.visiteur { span.registre { (visiteur.registre) } } }
            @if let Some(visiteur) = self.visiteur {
                nav aria-label="Menu" {
                    ul {
                        @for (ici, adresse, nom) in Ici::MENU {
                            li { a href=(adresse) aria-current=[(self.ici == Some(ici)).then_some("page")] { (nom) } }
                        }
                    }
                }
                form.qui method="post" action="/session/fin" {
                    span { (visiteur.nom) }
                    button type="submit" { "Sortir" }
                }
            }
        }
    }
}

/// A page as an answer: for this reader alone, kept by nobody, never compressed (it may show what others wrote).
pub(super) fn reponse(status: StatusCode, page: &Markup) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Forms say which site they are of (`Origin`), which `no-referrer` would hide; no address leaves with it.
        (REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
    ];
    compression::never((status, headers, page.0.clone()).into_response())
}

/// The same, of what was found.
pub(super) fn trouve(page: &Markup) -> Response {
    reponse(StatusCode::OK, page)
}
