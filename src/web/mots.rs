//! Words for people: dates, states, natures, roles, types of events; plain French, as a commune's secretary says them.

use greffe_events::catalogue::{Portee, Role};
use greffe_events::horodatage::{Horodatage, Jour};
use greffe_projections::legalite::{ActeRow, Etat};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

const MOIS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// Europe/Paris, as it is since 1996: instants are shown at the hour of the prefecture's offices in France.
const PARIS: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// « 1er janvier 2027 ».
pub(super) fn date(jour: Date) -> String {
    let mois = usize::try_from(jour.month() - 1).ok().and_then(|month| MOIS.get(month)).copied().unwrap_or_default();
    let first = if jour.day() == 1 { "er" } else { "" };
    format!("{}{first}\u{a0}{mois} {}", jour.day(), jour.year())
}

/// A day as people and programs read it.
pub(super) fn jour(jour: Jour) -> Markup {
    html! { time datetime=(jour) { (date(jour.0)) } }
}

/// The same of a day that a view gives as text; that text where it is none.
pub(super) fn jour_dit(texte: &str) -> Markup {
    if let Ok(day) = texte.parse::<Jour>() {
        jour(day)
    } else {
        html! { (texte) }
    }
}

/// « 23 novembre 2026 à 9 h 05 », the hour of Paris, of an instant that a view gives.
pub(super) fn instant(texte: &str) -> Markup {
    let parsed = texte.parse::<Horodatage>().ok().and_then(|instant| i64::try_from(instant.unix_ms()).ok());
    let Some(instant) = parsed.and_then(|ms| Timestamp::from_millisecond(ms).ok()) else { return html! { (texte) } };
    let local = instant.to_zoned(TimeZone::posix(PARIS).unwrap_or(TimeZone::UTC));
    let text = format!("{} à {}\u{a0}h\u{a0}{:02}", date(local.date()), local.hour(), local.minute());
    html! { time datetime=(texte) { (text) } }
}

/// A nature's two letters in words.
pub(super) fn nature(code: &str) -> &str {
    match code {
        "DE" => "Délibération",
        "AR" => "Arrêté réglementaire",
        "AI" => "Acte individuel",
        "CC" => "Contrat ou convention",
        "BF" => "Document budgétaire",
        "AU" => "Autre acte",
        other => other,
    }
}

/// How far an act has come.
pub(super) fn etat(etat: Etat) -> &'static str {
    match etat {
        Etat::Publie => "Publié, non transmis",
        Etat::Transmis => "En attente de l'accusé de réception",
        Etat::Anomalie => "Rejeté par la préfecture",
        Etat::Recu => "Reçu par la préfecture",
        Etat::AnnulationDemandee => "Annulation demandée",
        Etat::Annule => "Annulé",
    }
}

/// A state with a sign that does not depend on colour.
pub(super) fn pastille(acte: &ActeRow) -> Markup {
    let (sign, class) = match acte.etat {
        Etat::Recu => ("✓", "bon"),
        Etat::Anomalie => ("!", "alerte"),
        Etat::Transmis | Etat::AnnulationDemandee => ("…", "attente"),
        Etat::Publie | Etat::Annule => ("–", "neutre"),
    };
    html! { span.etat.(class) { span aria-hidden="true" { (sign) } " " (etat(acte.etat)) } }
}

/// What a key may do.
pub(super) fn role(role: &Role) -> String {
    match role {
        Role::Operateur => "Opérateur du registre : lit tout".to_owned(),
        Role::Registre => "Nœud du registre".to_owned(),
        Role::Transmetteur => "Tiers de transmission : lit les actes des collectivités qui lui délèguent".to_owned(),
        Role::Collectivite => "Collectivité : ses propres actes".to_owned(),
        Role::Prefecture(departement) => format!("Préfecture : les actes du département {departement}"),
        Role::Comptable => "Comptable public".to_owned(),
        Role::Fournisseur => "Fournisseur".to_owned(),
        Role::Acheteur => "Acheteur public".to_owned(),
        Role::Soumissionnaire => "Soumissionnaire".to_owned(),
        Role::Auditeur(Portee::Tout) => "Auditeur : lit tout ; ses lectures sont notées".to_owned(),
        Role::Auditeur(Portee::Departement(departement)) => {
            format!("Auditeur du département {departement} ; ses lectures sont notées")
        }
        Role::Auditeur(Portee::Siren(siren)) => format!("Auditeur de l'organisme {siren} ; ses lectures sont notées"),
    }
}

/// What the prefecture waits for.
pub(super) fn attend(mot: &str) -> &str {
    match mot {
        "observations" => "Une réponse à sa lettre d'observations",
        "pieces" => "Les pièces complémentaires qu'elle a demandées",
        "courrier" => "Les explications qu'elle a demandées",
        other => other,
    }
}

/// What a piece is to its event.
pub(super) fn role_de_piece(role: &str) -> &str {
    match role {
        "acte" => "L'acte",
        "annexe" => "Annexe",
        "signature" => "Signature",
        "confidentiel" => "Données confidentielles",
        "message" => "Message d'origine",
        "enveloppe" => "Enveloppe d'origine",
        "courrier" => "Courrier",
        other => other,
    }
}

/// « 214 Ko ».
pub(super) fn taille(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes}\u{a0}octets"),
        1_000..1_000_000 => format!("{}\u{a0}Ko", bytes.div_ceil(1_000)),
        _ => format!("{},{}\u{a0}Mo", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// A type of event in words; the types that this table lacks, by their own name.
pub(super) fn evenement(event_type: &str) -> String {
    let nom = event_type.strip_prefix("greffe.").unwrap_or(event_type);
    let nom = nom.strip_suffix(".v1").unwrap_or(nom);
    let texte = match nom {
        "acte.transmis" => "Acte transmis",
        "acte.accuse-reception" => "Accusé de réception de la préfecture",
        "acte.anomalie" => "Rejet par la préfecture (anomalie)",
        "acte.publie" => "Publication ou notification",
        "acte.annulation-demandee" => "Annulation demandée",
        "acte.annulation-acquittee" => "Annulation reçue par la préfecture",
        "acte.courrier-simple" => "Demande d'explications de la préfecture",
        "acte.reponse-courrier-simple" => "Explications données à la préfecture",
        "acte.demande-pieces" => "Demande de pièces complémentaires",
        "acte.accuse-demande-pieces" => "Demande de pièces reçue par la collectivité",
        "acte.refus-pieces" => "Refus d'envoyer les pièces demandées",
        "acte.pieces-complementaires" => "Pièces complémentaires envoyées",
        "acte.accuse-pieces" => "Pièces complémentaires reçues par la préfecture",
        "acte.lettre-observations" => "Lettre d'observations de la préfecture",
        "acte.accuse-lettre-observations" => "Lettre d'observations reçue par la collectivité",
        "acte.rejet-lettre-observations" => "Observations rejetées par la collectivité",
        "acte.reponse-lettre-observations" => "Réponse aux observations",
        "acte.accuse-reponse-observations" => "Réponse reçue par la préfecture",
        "acte.defere" => "Déféré au tribunal administratif",
        "acte.examine" => "Examiné par la préfecture",
        "quarantaine.mise" => "Message mis en quarantaine",
        "quarantaine.rattachee" => "Message rattaché à un acte",
        "quarantaine.ecartee" => "Message écarté",
        "classification.demandee" => "Classification demandée",
        "classification.publiee" => "Classification publiée",
        "classification.inchangee" => "Classification inchangée",
        "registre.ouvert" => "Ouverture du registre",
        "registre.refus" => "Refus",
        "adherent.inscrit" => "Inscription d'un adhérent",
        "adherent.modifie" => "Adhérent modifié",
        "adherent.sorti" => "Sortie d'un adhérent",
        "cle.enrolee" => "Clé enrôlée",
        "cle.recouvree" => "Clé recouvrée",
        "cle.opposition" => "Opposition à un recouvrement",
        "cle.revoquee" => "Clé révoquée",
        "cle.compromise" => "Clé compromise",
        "delegation.accordee" => "Délégation accordée",
        "delegation.retiree" => "Délégation retirée",
        "piece.effacee" => "Pièce effacée",
        "flux.transmis" => "Flux comptable transmis",
        "flux.acquitte" => "Flux comptable acquitté",
        "flux.retour" => "Retour sur un flux comptable",
        "facture.deposee" => "Facture déposée",
        "facture.statut" => "Facture : nouvel état",
        "facture.paiement" => "Facture : paiement",
        _ => return phrase(nom),
    };
    texte.to_owned()
}

/// « consultation.dce-publie » → « Consultation : dce publie ».
fn phrase(nom: &str) -> String {
    let text = nom.replacen('.', "\u{a0}: ", 1).replace('-', " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A family of dossiers in words.
pub(super) fn famille(famille: &str) -> &str {
    match famille {
        "registre" => "Le registre",
        "adherent" => "Adhérents et clés",
        "piece" => "Pièces",
        "acte" => "Actes",
        "examen" => "Examens de la préfecture",
        "quarantaine" => "Quarantaine",
        "classification" => "Classifications",
        "flux" => "Flux comptables",
        "facture" => "Factures",
        "consultation" => "Consultations",
        "pli" => "Plis",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use greffe_events::EventType;

    use super::*;

    #[test]
    fn dates_are_french_and_instants_are_those_of_paris() {
        assert_eq!(date("2026-11-23".parse().unwrap()), "23\u{a0}novembre 2026");
        assert_eq!(date("2027-01-01".parse().unwrap()), "1er\u{a0}janvier 2027");
        let summer = instant("2026-07-14T22:05:00Z").into_string();
        assert!(summer.contains(">15\u{a0}juillet 2026 à 0\u{a0}h\u{a0}05<"), "{summer}");
        let winter = instant("2026-12-31T23:30:00Z").into_string();
        assert!(winter.contains(">1er\u{a0}janvier 2027 à 0\u{a0}h\u{a0}30<"), "{winter}");
        assert_eq!(instant("<hier>").into_string(), "&lt;hier&gt;");
        assert_eq!(jour_dit("2026-02-30").into_string(), "2026-02-30");
    }

    #[test]
    fn every_type_of_acts_has_words_and_every_other_is_readable() {
        for event_type in EventType::ALL {
            let (name, words) = (event_type.as_str(), evenement(event_type.as_str()));
            assert!(!words.contains("greffe.") && !words.contains(".v1"), "{words}");
            if name.starts_with("greffe.acte.") {
                assert!(!words.starts_with("Acte\u{a0}:"), "{name} has no words: {words}");
            }
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            [taille(999), taille(1_000), taille(200_500), taille(12_345_678)],
            ["999\u{a0}octets", "1\u{a0}Ko", "201\u{a0}Ko", "12,3\u{a0}Mo"]
        );
    }
}
