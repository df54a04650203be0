//! What communes decide: the models of the acts.

use greffe_events::ident::Nature;

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
