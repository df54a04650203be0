//! `/`: what Greffe is and how one comes in; for who has come in, who they are and what they can see.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::mots;
use super::page::{Cadre, Ici, trouve};
use super::refus::Non;
use super::visiteur::Visiteur;
use crate::http::Node;

/// `GET /`.
pub(super) async fn montre(State(node): State<Node>, visiteur: Option<Visiteur>) -> Result<Response, Non> {
    if let Some(visiteur) = visiteur {
        return Ok(trouve(&Cadre::de(&visiteur, Ici::Accueil).page("Bienvenue", &dedans(&visiteur))));
    }
    let registre = node.app().ledger.opening().origine.to_string();
    Ok(trouve(&Cadre::default().page("Le registre probant des échanges des collectivités", &dehors(&registre))))
}

fn dehors(registre: &str) -> Markup {
    html! {
        p.chapeau { "Ici, chaque acte transmis à la préfecture laisse une trace signée, datée, que personne ne peut modifier, et que chacun peut vérifier sans nous croire sur parole." }
        p { "Registre : " strong { (registre) } }
        h2 { "Entrer" }
        p { "On entre avec la clé de son organisme, sans mot de passe. Qui garde cette clé fait un lien, valable cinq minutes et une seule fois :" }
        pre tabindex="0" aria-label="Commande" { code { "greffe token --link --key CLÉ.pem --url ADRESSE-DE-CE-SITE" } }
        ol {
            li { "Demandez le lien à la personne qui tient la clé : secrétariat, service informatique ou opérateur." }
            li { "Ouvrez-le dans ce navigateur, puis choisissez « Entrer »." }
            li { "Quand vous avez fini, choisissez « Sortir ». Une session prend fin d'elle-même après une heure sans page ouverte, et huit heures au plus." }
        }
        h2 { "Ce que Greffe n'est pas" }
        p { "Enregistrer un acte ici ne le transmet pas à l'État : Greffe garde la preuve de ce qui a été transmis, et de ce que la préfecture a répondu." }
    }
}

fn dedans(visiteur: &Visiteur) -> Markup {
    html! {
        p.chapeau { "Vous lisez au nom de " strong { (visiteur.nom) } "." }
        h2 { "Ce que vous pouvez lire" }
        ul { @for role in &visiteur.roles { li { (mots::role(role)) } } }
        ul.cartes {
            li {
                h3 { a href="/actes" { "Les actes" } }
                p { "Où en est chaque acte : reçu ou non, exécutoire ou non, et jusqu'à quand il peut être déféré au tribunal." }
            }
            @for (etat, titre, texte) in A_SUIVRE {
                li {
                    h3 { a href={ "/actes?etat=" (etat) } { (titre) } }
                    p { (texte) }
                }
            }
            li {
                h3 { a href="/journal" { "Le journal" } }
                p { "Tout ce qui a été enregistré, dans l'ordre : qui l'a dit, quand, et avec quelle clé." }
            }
        }
        p.technique { "Clé " code { (visiteur.key) } }
    }
}

/// Lists of acts that are worth a look, by state. One more is one more line.
const A_SUIVRE: [(&str, &str, &str); 2] = [
    ("transmis", "En attente", "Actes transmis dont l'accusé de réception n'est pas encore arrivé."),
    ("anomalie", "Rejetés", "Actes que la préfecture a rejetés : à corriger, puis à transmettre de nouveau."),
];
