//! What was said about an act, in the order of the log: what, when, by whose word.
//!
//! The journal tells who said what; what each event adds in a few words is told by the act's own row ([`precisions`]). A type of event that
//! this file does not know is shown all the same, with its name and its author.

use std::collections::BTreeMap;

use greffe_projections::journal::EvenementRow;
use greffe_projections::legalite::{ActeRow, AuteurRow};
use maud::{Markup, html};

use super::mots;
use super::noms::Noms;
use crate::http::App;
use crate::http::access::Reader;
use crate::http::journal::du_dossier;
use crate::http::problem::Problem;

/// What was said about an act, as far as the reader may see; what the prefecture keeps to itself included, for the prefecture.
pub(super) fn de(app: &App, reader: &Reader, acte: &str) -> Result<Vec<EvenementRow>, Problem> {
    let mut dits = Vec::new();
    for famille in ["acte", "examen"] {
        dits.extend(du_dossier(app, reader, &format!("{famille}/{acte}"))?);
    }
    dits.sort_by_key(|dit| dit.index);
    Ok(dits)
}

/// As an ordered list; each with a link to its receipt.
pub(super) fn montre(dits: &[EvenementRow], acte: &ActeRow, noms: &Noms) -> Markup {
    let precisions = precisions(acte);
    html! {
        ol.chronologie {
            @for dit in dits {
                li {
                    p.quoi { (mots::evenement(&dit.event_type)) }
                    @for precision in precisions.get(&dit.index).into_iter().flatten() { p { (precision) } }
                    p.detail { "Enregistré le " (mots::instant(&dit.enregistre_le)) ", " (par(dit, noms)) "." }
                    p.detail {
                        a href={ "/recus/" (dit.index) } download={ "recu-" (dit.index) ".json" } {
                            "Reçu n° " (dit.index) span.cache { " (" (mots::evenement(&dit.event_type)) ")" }
                        }
                    }
                }
            }
        }
    }
}

/// « signé par Y », « signé par Y pour X », « constaté par X ».
pub(super) fn par(dit: &EvenementRow, noms: &Noms) -> Markup {
    let source = noms.nom(&dit.source);
    let signer = dit.signataire.as_deref().filter(|signer| *signer != dit.source).map(|signer| noms.nom(signer));
    html! {
        @if dit.constat { "constaté par " strong { (source) } ", d'après un fichier reçu" }
        @else { "signé par " strong { (signer.as_ref().unwrap_or(&source)) } }
        @if let Some(signer) = signer {
            @if dit.constat { ", signé par " strong { (signer) } ", par délégation" }
            @else if dit.delegation_index.is_some() { " pour " strong { (source) } ", par délégation" }
            @else { " pour " strong { (source) } }
        }
    }
}

/// What the act's row adds to its events, by leaf. Facts of a new kind are one more line.
fn precisions(acte: &ActeRow) -> BTreeMap<u64, Vec<Markup>> {
    let mut precisions: BTreeMap<u64, Vec<Markup>> = BTreeMap::new();
    let mut add = |index: u64, precision| precisions.entry(index).or_default().push(precision);
    let auteur =
        |auteur: Option<&AuteurRow>| html! { @if let Some(auteur) = auteur { " (" (self::auteur(auteur)) ")" } };
    for accuse in acte.accuses.iter().chain(acte.annulation.iter().flat_map(|annulation| &annulation.accuses)) {
        let author = auteur(accuse.auteur_declare.as_ref());
        add(accuse.index, html! { "Reçu par la préfecture le " (mots::jour_dit(&accuse.date_reception)) (author) });
    }
    for anomalie in &acte.anomalies {
        let what = if anomalie.portee == "enveloppe" { "toute l'enveloppe" } else { "cet acte" };
        let author = auteur(anomalie.auteur_declare.as_ref());
        add(
            anomalie.index,
            html! {
                "Rejeté le " (mots::jour_dit(&anomalie.date)) ", code " code { (anomalie.code) } ", pour " (what) (author)
            },
        );
    }
    for publication in &acte.publications {
        let mode = match publication.mode.as_str() {
            "affichage" => "Affiché",
            "electronique" => "Publié sur internet",
            "recueil" => "Publié au recueil des actes",
            "notification" => "Notifié à l'intéressé",
            other => other,
        };
        add(
            publication.index,
            html! {
                (mode) " le " (mots::jour_dit(&publication.date))
                @if let Some(until) = &publication.jusqu_au { ", jusqu'au " (mots::jour_dit(until)) }
            },
        );
    }
    for etape in &acte.defere.etapes {
        if let Some(index) = etape.feuille {
            // Those above have told their day already.
            precisions.entry(index).or_insert_with(|| vec![html! { "En date du " (mots::jour(etape.le)) }]);
        }
    }
    precisions
}

fn auteur(auteur: &AuteurRow) -> String {
    let qualite = match auteur.qualite.as_str() {
        "sgar" => "secrétariat général pour les affaires régionales",
        "sous-prefecture" => "sous-préfecture",
        _ => "préfecture",
    };
    format!("d'après le fichier : {qualite}, département {}", auteur.departement)
}
