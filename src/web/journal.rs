//! `/journal`: everything that was recorded and that the visitor may see, newest first: that of `GET /v1/journal`.

use axum::extract::State;
use axum::response::Response;
use greffe_projections::journal::EvenementRow;
use greffe_projections::liste::Page;
use maud::{Markup, html};

use super::chronologie::par;
use super::formulaire::{Filtres, choix};
use super::mots;
use super::noms::Noms;
use super::page::{Cadre, Ici, trouve};
use super::refus::Non;
use super::visiteur::Visiteur;
use crate::http::Node;
use crate::http::journal::{self, FAMILLES, ListQuery};
use crate::http::vues::cursor;

/// `GET /journal`.
pub(super) async fn montre(
    State(node): State<Node>,
    visiteur: Visiteur,
    filtres: Filtres<ListQuery>,
) -> Result<Response, Non> {
    let page = node
        .blocking(move |app| {
            let page = journal::page(app, &visiteur.reader, &filtres.query)?;
            let who =
                page.lignes.iter().flat_map(|dit| [Some(dit.source.as_str()), dit.signataire.as_deref()]).flatten();
            let noms = Noms::de(app, &visiteur.reader, who)?;
            Ok(Cadre::de(&visiteur, Ici::Journal).page("Journal", &contenu(&filtres, &page, &noms)))
        })
        .await?;
    Ok(trouve(&page))
}

fn contenu(filtres: &Filtres<ListQuery>, page: &Page<EvenementRow>, noms: &Noms) -> Markup {
    let query = &filtres.query;
    let familles = FAMILLES.map(|famille| (famille, mots::famille(famille).to_owned()));
    let constats =
        [("false", "Paroles signées par leur auteur".to_owned()), ("true", "Constats d'après un fichier".to_owned())];
    let constat = query.constat.map(|constat| if constat { "true" } else { "false" });
    let suite = page.suite.map(cursor);
    html! {
        p { "Chaque ligne est un événement enregistré : rien ne s'y modifie, rien ne s'en retire. Heures de Paris." }
        form.filtres method="get" action="/journal" role="search" aria-label="Filtrer le journal" {
            (choix("famille", "À propos de", "Tout", query.famille.as_deref(), familles))
            (choix("constat", "Parole", "Toutes", constat, constats))
            div.champ {
                label for="sujet" { "Dossier, tel qu'affiché ici" }
                input id="sujet" name="sujet" autocomplete="off" value=[query.sujet.as_deref()];
            }
            div.boutons {
                button type="submit" { "Filtrer" }
                @if filtres.filtre() { a href="/journal" { "Tout voir" } }
            }
        }
        @if page.lignes.is_empty() { p { "Rien ici ne répond à ces critères." @if suite.is_some() { " La suite peut en contenir." } } }
        @else {
            table.liste role="table" {
                caption.cache { "Événements, du plus récent au plus ancien" }
                thead role="rowgroup" { tr role="row" {
                    th scope="col" role="columnheader" { "N°" }
                    th scope="col" role="columnheader" { "Événement" }
                    th scope="col" role="columnheader" { "Dossier" }
                    th scope="col" role="columnheader" { "Enregistré le" }
                    th scope="col" role="columnheader" { "Par" }
                } }
                tbody role="rowgroup" { @for dit in &page.lignes { (ligne(dit, noms)) } }
            }
        }
        (filtres.pages(query.apres.is_none(), suite.as_deref()))
    }
}

fn ligne(dit: &EvenementRow, noms: &Noms) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { a href={ "/recus/" (dit.index) } download={ "recu-" (dit.index) ".json" } aria-label={ "Reçu n° " (dit.index) } { (dit.index) } }
            td role="cell" data-titre="Événement" {
                (mots::evenement(&dit.event_type))
                @if let Some(refus) = &dit.refus { span.detail { "code " code { (refus.code) } } }
            }
            td role="cell" data-titre="Dossier" { (dossier(&dit.sujet)) }
            td role="cell" data-titre="Enregistré le" { (mots::instant(&dit.enregistre_le)) }
            td role="cell" data-titre="Par" { (par(dit, noms)) }
        }
    }
}

/// A dossier, with a link to its page where it has one.
fn dossier(sujet: &str) -> Markup {
    if let Some(("acte" | "examen", id)) = sujet.split_once('/') {
        html! { a href={ "/actes/" (id) } { (sujet) } }
    } else {
        html! { (sujet) }
    }
}
