//! `/actes/{id}`: one act, whole; `/pieces/{reference}` and `/recus/{index}`: what it links to.

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, Response};
use greffe_projections::droit::Defere;
use greffe_projections::legalite::ActeRow;
use greffe_projections::pieces::PieceRow;
use maud::{Markup, html};

use super::noms::Noms;
use super::page::{Cadre, Ici, trouve};
use super::refus::Non;
use super::visiteur::Visiteur;
use super::{actes as liste, chronologie, mots};
use crate::http::actes::{self, motif};
use crate::http::events::receipt_of;
use crate::http::problem::Problem;
use crate::http::request::index_in_path;
use crate::http::{Node, compression, etag, pieces};

/// `GET /actes/{id}`.
pub(super) async fn montre(
    State(node): State<Node>,
    visiteur: Visiteur,
    Path(id): Path<String>,
) -> Result<Response, Non> {
    let page = node
        .blocking(move |app| {
            let acte = actes::un(app, &visiteur.reader, &id)?;
            let dits = chronologie::de(app, &visiteur.reader, &acte.id)?;
            let own = format!("urn:siren:{}", acte.siren);
            let others = dits.iter().flat_map(|dit| [Some(dit.source.as_str()), dit.signataire.as_deref()]).flatten();
            let noms = Noms::de(app, &visiteur.reader, others.chain([own.as_str()]))?;
            let vkey = app.ledger.verifier().to_string();
            let contenu = html! {
                (entete(&acte, &noms.nom(&own)))
                (executoire(&acte))
                (defere(&acte))
                section aria-labelledby="chronologie" {
                    h2 #chronologie { "Ce qui s'est passé" }
                    p.detail { "Dans l'ordre du registre, à l'heure de Paris." }
                    (chronologie::montre(&dits, &acte, &noms))
                }
                (les_pieces(&acte))
                (preuve(&acte, &vkey))
            };
            let cadre = Cadre { verifie: true, ..Cadre::de(&visiteur, Ici::Actes) };
            Ok(cadre.page(&format!("{} {}", mots::nature(&acte.nature), acte.numero), &contenu))
        })
        .await?;
    Ok(trouve(&page))
}

fn entete(acte: &ActeRow, collectivite: &str) -> Markup {
    html! {
        p.chapeau { (liste::objet(acte)) }
        dl.fiche {
            div { dt { "Collectivité" } dd { (collectivite) } }
            div { dt { "État" } dd { (mots::pastille(acte)) } }
            div { dt { "Décidé le" } dd { (mots::jour_dit(&acte.date_decision)) } }
            @if let Some(transmis) = &acte.transmis_le {
                div { dt { "Transmis le" } dd {
                    (mots::instant(transmis))
                    @if acte.transmissions > 1 { ", " (acte.transmissions) " transmissions" }
                } }
            }
            @if let Some(reception) = &acte.date_reception {
                div { dt { "Reçu par la préfecture le" } dd { (mots::jour_dit(reception)) } }
            }
            @if let Some(attend) = &acte.attend { div { dt { "La préfecture attend" } dd { strong { (mots::attend(attend)) } } } }
            @if let Some(matiere) = &acte.matiere { div { dt { "Matière" } dd { (matiere) } } }
            div { dt { "Identifiant" } dd { code { (acte.id) } } }
        }
    }
}

fn executoire(acte: &ActeRow) -> Markup {
    html! {
        section aria-labelledby="executoire" {
            h2 #executoire { "Exécutoire ?" }
            @match acte.executoire.le {
                Some(le) => p { strong { "Oui, depuis le " (mots::jour(le)) } " : " (motif(acte.executoire.motif)) "." },
                None => p { strong { "Non" } " : " (motif(acte.executoire.motif)) "." },
            }
            @if acte.executoire.le.is_some() && acte.transmis_index.is_some() {
                p.detail {
                    @if acte.executoire.prouve { "L'accusé de réception de la préfecture prouve la transmission (CGCT, L2131-1)." }
                    @else { "La transmission n'est pas encore prouvée par un accusé de réception (CGCT, L2131-1)." }
                }
            }
        }
    }
}

/// Until when, and every step that moved that day, in the words of the law's own module.
fn defere(acte: &ActeRow) -> Markup {
    let conclusion = Defere { etapes: Vec::new(), ..acte.defere.clone() };
    html! {
        section aria-labelledby="defere" {
            h2 #defere { "Déféré au tribunal" }
            p { strong { (conclusion) } "." }
            @if !acte.defere.etapes.is_empty() {
                details {
                    summary { "Comment cette date se compte" }
                    ol { @for etape in &acte.defere.etapes { li { (etape) } } }
                }
            }
            p.detail { "Le préfet a deux mois pour déférer un acte (CGCT, L2131-6). Ces dates aident ; elles ne lient pas le juge." }
        }
    }
}

fn les_pieces(acte: &ActeRow) -> Markup {
    html! {
        section aria-labelledby="pieces" {
            h2 #pieces { "Pièces" }
            @if acte.pieces.is_empty() { p { "Aucune." } }
            @else { ul.pieces { @for piece in &acte.pieces { li { (une_piece(piece)) } } } }
        }
    }
}

fn une_piece(piece: &PieceRow) -> Markup {
    let nom = html! {
        (mots::role_de_piece(&piece.role))
        @if let Some(finalite) = &piece.finalite { " (" (finalite) ")" }
        @if let Some(nom) = &piece.nom { " : " (nom) }
    };
    html! {
        @if let Some(index) = piece.effacee_index {
            (nom) " " span.detail { "effacée par l'événement n° " (index) " ; la preuve reste" }
        } @else {
            a href={ "/pieces/" (piece.reference) } download=(nom_de_fichier(piece)) { (nom) } " "
            span.detail { (mots::taille(piece.taille)) ", " (piece.media_type) @if !piece.publique { ", non publique" } }
        }
    }
}

/// What a downloaded piece is called: its own name where it is public, else what it is.
fn nom_de_fichier(piece: &PieceRow) -> String {
    let ending = match piece.media_type.as_str() {
        "application/pdf" => "pdf",
        "application/json" => "json",
        "application/xml" | "text/xml" => "xml",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        _ => "bin",
    };
    piece
        .nom
        .clone()
        .unwrap_or_else(|| format!("{}-{}.{ending}", piece.role, &piece.reference[..8.min(piece.reference.len())]))
}

/// What the browser verifies by itself, where it can; and how to do it without trusting this site.
fn preuve(acte: &ActeRow, vkey: &str) -> Markup {
    html! {
        section aria-labelledby="preuve" {
            h2 #preuve { "Preuve" }
            p { "Le reçu de cet acte prouve qu'il est dans le registre, à sa place, et que rien n'y a été changé." }
            div #verification data-recu={ "/recus/" (acte.index) } data-vkey=(vkey) data-sujet={ "acte/" (acte.id) } {
                p #verdict role="status" {}
                ul #etapes {}
                noscript {
                    p { "Sans JavaScript, ce navigateur ne vérifie pas le reçu lui-même. Téléchargez-le, puis vérifiez-le avec la commande ci-dessous." }
                }
            }
            p { a href={ "/recus/" (acte.index) } download={ "recu-" (acte.index) ".json" } { "Télécharger le reçu n° " (acte.index) } }
            details {
                summary { "Vérifier sans faire confiance à ce site" }
                p { "Cette page vient du registre lui-même : un site malhonnête pourrait mentir. Le reçu, lui, se vérifie hors ligne, avec la clé du registre obtenue par une autre voie que ce site :" }
                pre tabindex="0" aria-label="Commande" { code { "greffe verify recu-" (acte.index) ".json --vkey '" (vkey) "'" } }
            }
        }
    }
}

/// `GET /pieces/{reference}`: as `GET /v1/pieces/{reference}`, for the browser.
pub(super) async fn piece(
    State(node): State<Node>,
    visiteur: Visiteur,
    Path(reference): Path<String>,
) -> Result<Response, Non> {
    Ok(pieces::envoie(&node, visiteur.reader, &reference).await?)
}

/// `GET /recus/{index}`: as `GET /v1/events/{index}/receipt`, for the browser.
pub(super) async fn recu(
    State(node): State<Node>,
    visiteur: Visiteur,
    Path(index): Path<String>,
) -> Result<Response, Non> {
    let index = index_in_path(&index)?;
    let receipt = node.blocking(move |app| receipt_of(app, &visiteur.reader, index)).await?;
    let mut response = etag::json(&receipt)?.into_response();
    let name = HeaderValue::from_str(&format!("attachment; filename=\"recu-{index}.json\""));
    let name = name.map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(compression::never(response))
}
