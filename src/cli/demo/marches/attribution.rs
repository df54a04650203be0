//! A tender of supplies that nobody answered, and the one that follows it: without a commission, awarded and signed of late, its data
//! not published yet.

use greffe_events::EventType;
use serde_json::json;

use super::{Marche, Objet};
use crate::cli::demo::scene::Chronique;

/// Writes both.
pub fn ecris(chronique: &mut Chronique, mut premiere: Marche, mut suivante: Marche) -> anyhow::Result<()> {
    let mut objet = Objet {
        en_mots: "Mobilier de la médiathèque",
        procedure: "adaptee",
        categorie: "fournitures",
        cpv: "39150000-8",
        lots: 0,
        precedente: None,
    };
    let annee = premiere.annee;
    premiere.cree(chronique, 120, (100, 11, 0), &objet, false)?;
    premiere.publie(chronique, 119);
    premiere.retire_dce(chronique, 1, 110)?;
    premiere.clot(chronique, annee.a(100, 14, 0), [0, 0, 0]);
    let data = json!({ "cause": "aucun-depot", "date": annee.jour(95) });
    premiere.dit(chronique, annee.a(95, 10, 0), EventType::ConsultationInfructueuse, data, Vec::new());

    objet.precedente = Some(&premiere.id);
    suivante.cree(chronique, 75, (45, 11, 0), &objet, false)?;
    suivante.publie(chronique, 74);
    for (bidder, day) in [(1, 70), (2, 66)] {
        suivante.retire_dce(chronique, bidder, day)?;
    }
    let winner = suivante.depose(chronique, 1, annee.a(46, 11, 30), &[])?;
    let other = suivante.depose(chronique, 2, annee.a(45, 10, 55), &[])?;
    suivante.clot(chronique, annee.a(45, 15, 0), [2, 0, 0]);
    let data = json!({ "phase": 1, "objet": "offres" });
    let (at, genre) = (annee.a(44, 9, 0), EventType::ConsultationSeanceOuverte);
    let seance = chronique.dit(at, &suivante.acheteur, &suivante.sujet, genre, data, Vec::new());
    for pli in [&winner, &other] {
        suivante.ouvre(chronique, pli, annee.a(44, 9, 30), seance, None)?;
    }
    let data = json!({
        "titulaires": [{ "organisation": winner.voix.source }], "groupement": "aucun", "montant": "61800.00",
        "offres_recues": 2, "date": annee.jour(30), "plis": [winner.id.numero],
    });
    suivante.dit(chronique, annee.a(30, 16, 0), EventType::ConsultationAttribuee, data, Vec::new());
    suivante.rejette(chronique, &other, 29, "non-retenue", &[]);
    let contrat = suivante.contrat();
    for (day, genre) in [(14, EventType::ConsultationSignee), (12, EventType::ConsultationNotifiee)] {
        let data = json!({ "marche": contrat, "date": annee.jour(day) });
        suivante.dit(chronique, annee.a(day, 10, 0), genre, data, Vec::new());
    }
    Ok(())
}
