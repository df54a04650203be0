//! `/actes`: the acts that the visitor may see, newest first: those of `GET /v1/actes`, with its filters and its cursor.

use axum::extract::State;
use axum::response::Response;
use greffe_events::ident::{Nature, Organisation};
use greffe_projections::adherents;
use greffe_projections::legalite::{ActeRow, Etat};
use greffe_projections::liste::{Page, Tranche};
use maud::{Markup, html};

use super::formulaire::{Filtres, choix};
use super::mots;
use super::noms::Noms;
use super::page::{Cadre, Ici, trouve};
use super::refus::Non;
use super::visiteur::Visiteur;
use crate::http::access::Reader;
use crate::http::actes::{self, ListQuery, motif};
use crate::http::problem::Problem;
use crate::http::vues::{acces_propre, cursor};
use crate::http::{App, Node};

/// Communes among which one may choose: those of the largest département. Above, a SIREN is typed.
const CHOIX_MAX: u32 = 1_000;

/// Kinds of members that transmit acts.
const TRANSMETTENT: [&str; 5] = ["commune", "epci", "departement", "region", "etablissement-public"];

/// `GET /actes`.
pub(super) async fn montre(
    State(node): State<Node>,
    visiteur: Visiteur,
    filtres: Filtres<ListQuery>,
) -> Result<Response, Non> {
    let page = node
        .blocking(move |app| {
            let page = actes::page(app, &visiteur.reader, &filtres.query)?;
            let organisations: Vec<String> = page.lignes.iter().map(|acte| organisation(&acte.siren)).collect();
            let noms = Noms::de(app, &visiteur.reader, organisations.iter().map(String::as_str))?;
            let communes = communes(app, &visiteur.reader)?;
            let contenu = contenu(&filtres, &page, &noms, &communes);
            Ok(Cadre::de(&visiteur, Ici::Actes).page("Actes", &contenu))
        })
        .await?;
    Ok(trouve(&page))
}

fn organisation(siren: &str) -> String {
    format!("urn:siren:{siren}")
}

/// The SIREN and the name of each member that the reader sees and that may transmit acts, by name; none where there are too many.
fn communes(app: &App, reader: &Reader) -> Result<Vec<(String, String)>, Problem> {
    let filtre = adherents::Filtre { membre: Some(true), ..adherents::Filtre::default() };
    let tranche = Tranche { apres: None, limite: CHOIX_MAX };
    let acces = acces_propre(reader);
    let page = app.vues.adherents.read(|view, _| adherents::list(view, &acces, &filtre, tranche))?;
    if page.suite.is_some() {
        return Ok(Vec::new());
    }
    let all = page.lignes.into_iter().filter(|row| TRANSMETTENT.contains(&row.categorie.as_str()));
    let mut communes: Vec<(String, String)> = all
        .filter_map(|row| {
            let siren = row.organisation.parse::<Organisation>().ok()?.siren()?;
            Some((siren.to_string(), row.denomination?))
        })
        .collect();
    communes.sort_by(|(_, one), (_, other)| one.cmp(other));
    Ok(communes)
}

fn contenu(filtres: &Filtres<ListQuery>, page: &Page<ActeRow>, noms: &Noms, communes: &[(String, String)]) -> Markup {
    let query = &filtres.query;
    let natures = Nature::ALL.iter().map(|nature| (nature.as_str(), mots::nature(nature.as_str()).to_owned()));
    let etats = Etat::ALL.map(|etat| (etat.as_str(), mots::etat(etat).to_owned()));
    let several = communes.len() != 1;
    let suite = page.suite.map(cursor);
    html! {
        form.filtres method="get" action="/actes" role="search" aria-label="Filtrer les actes" {
            (choix("etat", "État", "Tous", query.etat.as_deref(), etats))
            (choix("nature", "Nature", "Toutes", query.nature.as_deref(), natures))
            @if communes.is_empty() {
                div.champ {
                    label for="siren" { "Collectivité (SIREN)" }
                    input id="siren" name="siren" inputmode="numeric" autocomplete="off" value=[query.siren.as_deref()];
                }
            } @else if several {
                (choix("siren", "Collectivité", "Toutes", query.siren.as_deref(),
                    communes.iter().map(|(siren, nom)| (siren.as_str(), nom.clone()))))
            }
            div.boutons {
                button type="submit" { "Filtrer" }
                @if filtres.filtre() { a href="/actes" { "Tout voir" } }
            }
        }
        @if page.lignes.is_empty() {
            p { @if filtres.filtre() { "Aucun acte ne répond à ces critères." } @else { "Aucun acte à lire pour le moment." } }
        } @else {
            (tableau(&page.lignes, noms, several))
        }
        (filtres.pages(query.apres.is_none(), suite.as_deref()))
    }
}

/// Acts as a table. Narrow screens show each row as a card: `data-titre` is what stands before a cell there, and the roles keep it a table
/// for screen readers.
fn tableau(actes: &[ActeRow], noms: &Noms, several: bool) -> Markup {
    html! {
        table.liste role="table" {
            caption.cache { "Actes, du plus récent au plus ancien" }
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Acte" }
                    @if several { th scope="col" role="columnheader" { "Collectivité" } }
                    th scope="col" role="columnheader" { "État" }
                    th scope="col" role="columnheader" { "Exécutoire" }
                    th scope="col" role="columnheader" { "Déféré possible jusqu'au" }
                }
            }
            tbody role="rowgroup" { @for acte in actes { (ligne(acte, noms, several)) } }
        }
    }
}

fn ligne(acte: &ActeRow, noms: &Noms, several: bool) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                a href={ "/actes/" (acte.id) } { (acte.numero) }
                span.objet { (objet(acte)) }
                span.detail { (mots::nature(&acte.nature)) " du " (mots::jour_dit(&acte.date_decision)) }
            }
            @if several { td role="cell" data-titre="Collectivité" { (noms.nom(&organisation(&acte.siren))) } }
            td role="cell" data-titre="État" { (mots::pastille(acte)) }
            td role="cell" data-titre="Exécutoire" {
                @match acte.executoire.le {
                    Some(le) => { "Depuis le " (mots::jour(le)) },
                    None => { "Non" span.detail { (motif(acte.executoire.motif)) } },
                }
            }
            td role="cell" data-titre="Déféré possible jusqu'au" { (defere(acte)) }
        }
    }
}

/// What an act is about, or that it is not told.
pub(super) fn objet(acte: &ActeRow) -> &str {
    acte.objet.as_deref().unwrap_or("Objet non communiqué ou effacé")
}

/// Until when an act can be referred, in one cell.
fn defere(acte: &ActeRow) -> Markup {
    let (first, last) = (acte.defere.au_plus_tot, acte.defere.au_plus_tard);
    html! {
        @match (first, last) {
            (None, _) => "Sans objet",
            (Some(first), Some(last)) if first == last => (mots::jour(first)),
            (Some(first), Some(last)) => { (mots::jour(first)) span.detail { "au plus tard le " (mots::jour(last)) } },
            (Some(first), None) => { (mots::jour(first)) span.detail { "peut-être plus tard" } },
        }
    }
}
