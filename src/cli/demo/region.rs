//! A fictional region: its bodies and its acts. Everything invented, every SIREN with its key and in a département
//! (096) that does not exist, so that nobody real can be meant.

use greffe_events::catalogue::{Categorie, Role};
use greffe_events::ident::{Departement, Nature, Organisation, Siren};
use jiff::civil::Date;

/// The département of the demonstration; no such number is attributed.
pub const DEPARTEMENT: &str = "096";

/// The log's name in the demonstration.
pub const ORIGIN: &str = "demo.greffe.invalid";

/// A body of the region.
#[derive(Debug, Clone)]
pub struct Organisme {
    /// Its name.
    pub nom: &'static str,
    /// What it is.
    pub categorie: Categorie,
    /// Its SIREN.
    pub siren: Siren,
    /// What its key may sign.
    pub role: Role,
}

impl Organisme {
    /// As the source of events.
    pub fn organisation(&self) -> Organisation {
        Organisation::Siren(self.siren)
    }
}

/// The communes and the group of communes that send acts.
const EMETTEURS: [(&str, Categorie, u32); 7] = [
    ("Commune d'Exempleville", Categorie::Commune, 21_960_001),
    ("Commune de Modèle-sur-Rive", Categorie::Commune, 21_960_002),
    ("Commune de Saint-Témoin", Categorie::Commune, 21_960_003),
    ("Commune du Vieux-Spécimen", Categorie::Commune, 21_960_004),
    ("Commune de Fictive-la-Forêt", Categorie::Commune, 21_960_005),
    ("Commune de Parangon", Categorie::Commune, 21_960_006),
    ("Communauté de communes du Pays d'Exemple", Categorie::Epci, 20_960_001),
];

/// The SIREN made of eight digits and the key that they ask for.
fn siren(head: u32) -> Option<Siren> {
    (0..10).find_map(|key| format!("{head:08}{key}").parse().ok())
}

fn departement() -> Option<Departement> {
    DEPARTEMENT.parse().ok()
}

/// Who sends acts.
pub fn emetteurs() -> Vec<Organisme> {
    EMETTEURS
        .iter()
        .filter_map(|(nom, categorie, head)| {
            Some(Organisme { nom, categorie: *categorie, siren: siren(*head)?, role: Role::Collectivite })
        })
        .collect()
}

/// Who receives them.
pub fn prefecture() -> Option<Organisme> {
    Some(Organisme {
        nom: "Préfecture du département fictif 096",
        categorie: Categorie::Prefecture,
        siren: siren(17_960_001)?,
        role: Role::Prefecture(departement()?),
    })
}

/// Who keeps the log.
pub fn operateur() -> Option<Organisation> {
    siren(13_960_001).map(Organisation::Siren)
}

/// What an act of the demonstration is about.
#[derive(Debug, Clone, Copy)]
pub struct Modele {
    /// Its nature.
    pub nature: Nature,
    /// Its matière.
    pub matiere: [u16; 2],
    /// Its type of attachment.
    pub type_pj: &'static str,
    /// How its number begins.
    pub prefixe: &'static str,
    /// Its object.
    pub objet: &'static str,
}

/// What communes decide.
pub const MODELES: [Modele; 10] = [
    modele(Nature::De, [5, 2], "99_DE", "DEL", "Adoption du règlement intérieur de l'assemblée"),
    modele(Nature::De, [7, 10], "99_DE", "DEL", "Tarifs de la cantine et de l'accueil périscolaire"),
    modele(Nature::Ar, [6, 1], "99_AR", "ARR", "Stationnement interdit rue de l'Église pendant le marché d'été"),
    modele(Nature::De, [3, 1], "99_DE", "DEL", "Acquisition d'une parcelle pour l'extension du cimetière"),
    modele(Nature::Ai, [4, 2], "99_AI", "ARI", "Recrutement d'un agent contractuel (agent fictif)"),
    modele(Nature::Cc, [1, 1], "99_DC", "MAR", "Marché de fournitures : mobilier de l'école « Les Tilleuls »"),
    modele(Nature::De, [8, 1], "99_DE", "DEL", "Subvention à la coopérative scolaire & voyage à 1 250,00 €"),
    modele(Nature::Ar, [2, 2], "99_AR", "ARR", "Alignement de la voie communale n° 4"),
    modele(Nature::De, [9, 4], "99_DE", "DEL", "Vœu pour le maintien de la ligne d'autocars"),
    modele(Nature::Au, [1, 7], "99_AU", "DEC", "Décision prise par délégation : réparation de la toiture"),
];

const fn modele(
    nature: Nature,
    matiere: [u16; 2],
    type_pj: &'static str,
    prefixe: &'static str,
    objet: &'static str,
) -> Modele {
    Modele { nature, matiere, type_pj, prefixe, objet }
}

/// The day on which act number `n` was decided: one to forty days ago.
pub fn date_decision(n: usize, today: Date) -> Date {
    let days = i32::try_from(n % 40).unwrap_or(0) + 1;
    today.checked_sub(jiff::Span::new().days(days)).unwrap_or(today)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_body_of_the_region_has_a_siren_with_its_key() {
        assert_eq!(emetteurs().len(), EMETTEURS.len());
        prefecture().unwrap();
        operateur().unwrap();
    }
}
