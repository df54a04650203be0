//! A tender of works with two lots and a commission of three of whom two open, from the notice to the amendment of the contract.

use greffe_events::EventType;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::IdConsultation;
use serde_json::json;

use super::{Marche, Objet, Pli};
use crate::cli::demo::scene::Chronique;

/// Days are those of the calendar, worked ones before the present.
const CREEE: i32 = 215;
const LIMITE: i32 = 185;
const SEANCE: i32 = 183;
const ATTRIBUEE: i32 = 165;

/// Writes it.
pub fn ecris(chronique: &mut Chronique, mut marche: Marche) -> anyhow::Result<IdConsultation> {
    let objet = Objet {
        en_mots: "Extension du groupe scolaire intercommunal",
        procedure: "appel-offres-ouvert",
        categorie: "travaux",
        cpv: "45214210-5",
        lots: 2,
        precedente: None,
    };
    // A first deadline, extended once the files changed.
    marche.cree(chronique, CREEE, (LIMITE + 5, 11, 0), &objet, true)?;
    marche.publie(chronique, CREEE - 1);
    interroge(chronique, &marche)?;
    let (opened, late) = remets(chronique, &marche)?;
    ouvre(chronique, &marche, &opened)?;
    attribue(chronique, &marche, &opened, &late);
    Ok(marche.id)
}

/// Withdrawals, a question, its answer, a change of the files, more time.
fn interroge(chronique: &mut Chronique, marche: &Marche) -> anyhow::Result<()> {
    for (bidder, day) in [(0, 212), (1, 210), (2, 206)] {
        marche.retire_dce(chronique, bidder, day)?;
    }
    let annee = marche.annee;
    let registre = chronique.fichier("message", "text/csv", "retraits.csv", b"date;version\n".to_vec());
    let data = json!({
        "version": 1, "complet": false, "retire_le": Horodatage::from_unix_ms(annee.a(209, 12, 0)),
        "auteur_declare": { "qualite": "anonyme" },
    });
    marche.dit(chronique, annee.a(209, 18, 0), EventType::ConsultationDceRetire, data, vec![registre]);
    let question = marche.demande(chronique, 1, 205, "Le lot 2 comprend-il la dépose de l'ancienne chaudière ?")?;
    let reponse = json!({ "texte": "Oui : le cahier des charges est complété." });
    let reponse = chronique.confidentiel("texte", &reponse);
    let data = json!({ "questions": [question] });
    marche.dit(chronique, annee.a(203, 10, 0), EventType::ConsultationReponsePubliee, data, vec![reponse]);
    let dce = chronique.page("dce", "dce-v2.pdf", &["Dossier de consultation, version 2 (démonstration)"]);
    let data = json!({ "version": 2, "importante": true });
    marche.dit(chronique, annee.a(201, 10, 0), EventType::ConsultationDceModifie, data, vec![dce]);
    let limite = Horodatage::from_unix_ms(annee.a(LIMITE, 11, 0));
    let data = json!({ "phase": 1, "date_limite": limite, "motif": "dce-modifie" });
    marche.dit(chronique, annee.a(201, 10, 5), EventType::ConsultationDelaiReporte, data, Vec::new());
    Ok(())
}

/// One announced by its digest first, one withdrawn and replaced, one late after an attempt that broke off.
fn remets(chronique: &mut Chronique, marche: &Marche) -> anyhow::Result<([Pli; 2], Pli)> {
    let at = |day, heure, minute| marche.annee.a(day, heure, minute);
    let first = marche.pli(chronique, 0, at(LIMITE + 1, 9, 0))?;
    let (fichier, nomme) = Marche::scelle(chronique);
    let annonce = json!({ "enveloppe": "unique", "empreinte": fichier.sha256(), "taille": fichier.octets.len() });
    let data = json!({ "phase": 1, "lots": [1, 2], "fichiers": [annonce] });
    let announced = at(LIMITE + 1, 9, 0);
    chronique.dit(announced, &first.voix, &first.sujet, EventType::PliEmpreinteDeposee, data, Vec::new());
    marche.depose_cela(chronique, &first, at(LIMITE + 1, 9, 25), &[1, 2], (fichier, nomme));
    let withdrawn = marche.depose(chronique, 1, at(LIMITE + 2, 17, 0), &[1])?;
    let again = at(LIMITE + 1, 18, 0);
    chronique.dit(again, &withdrawn.voix, &withdrawn.sujet, EventType::PliRetire, json!({}), Vec::new());
    let second = marche.depose(chronique, 1, at(LIMITE, 10, 20), &[1])?;
    let third = marche.region.entreprise(2)?.organisation();
    let data = json!({
        "phase": 1, "survenue_le": Horodatage::from_unix_ms(at(LIMITE, 10, 57)), "cause": "interruption",
        "code": "TLS_RESET", "octets_recus": 52_428_800, "soumissionnaire": third,
    });
    let journal = chronique.page("preuve", "journal.pdf", &["Journal du profil d'acheteur (démonstration)"]);
    marche.dit(chronique, at(LIMITE, 10, 58), EventType::ConsultationTentativeRefusee, data, vec![journal]);
    let late = marche.depose(chronique, 2, at(LIMITE, 11, 3), &[1])?;
    marche.clot(chronique, at(LIMITE, 14, 0), [4, 1, 1]);
    Ok(([first, second], late))
}

/// A session that one member has countersigned opens nothing; two do.
fn ouvre(chronique: &mut Chronique, marche: &Marche, plis: &[Pli; 2]) -> anyhow::Result<()> {
    let at = |heure, minute| marche.annee.a(SEANCE, heure, minute);
    let cle = chronique.tire().to_string();
    let data = json!({ "phase": 1, "objet": "offres", "cles_seance": [cle] });
    let genre = EventType::ConsultationSeanceOuverte;
    let seance = chronique.dit(at(9, 0), &marche.acheteur, &marche.sujet, genre, data, Vec::new());
    let contresigne = |chronique: &mut Chronique, rang, minute| {
        let membre = marche.membre(rang)?;
        let data = json!({ "seance": seance, "membre": membre.cle.id() });
        let genre = EventType::ConsultationSeanceContresignee;
        chronique.dit(at(9, minute), &membre, &marche.sujet, genre, data, Vec::new());
        anyhow::Ok(())
    };
    contresigne(chronique, 1, 5)?;
    let membre = marche.membre(1)?;
    let part = chronique.tire().0.to_vec();
    let part = chronique.fichier("part", "application/octet-stream", "part-1", part);
    let data = json!({ "seance": seance, "membre": membre.cle.id() });
    chronique.est_refuse(
        (at(9, 7), &membre),
        &plis[0].sujet,
        (EventType::PliPartRestituee, data, vec![part]),
        "seance-non-contresignee",
        "Un membre de la commission rend sa part avant que la séance soit contresignée à deux",
    );
    contresigne(chronique, 2, 12)?;
    for (pli, minute) in plis.iter().zip([20, 30]) {
        marche.ouvre(chronique, pli, at(9, minute), seance, Some(1))?;
        let data = json!({ "decision": "admise", "date": marche.annee.jour(SEANCE - 5) });
        let at = marche.annee.a(SEANCE - 5, 10, 0);
        chronique.dit(at, &marche.acheteur, &pli.sujet, EventType::PliCandidatureExaminee, data, Vec::new());
    }
    Ok(())
}

/// Lot 1 to the first bidder, lot 2 given up; the standstill, the contract, its data, an amendment.
fn attribue(chronique: &mut Chronique, marche: &Marche, plis: &[Pli; 2], late: &Pli) {
    let annee = marche.annee;
    let [first, second] = plis;
    let titulaire = json!({ "organisation": first.voix.source });
    let data = json!({
        "lot": 1, "titulaires": [titulaire], "groupement": "aucun", "montant": "248000.00", "offres_recues": 2,
        "date": annee.jour(ATTRIBUEE), "plis": [first.id.numero],
    });
    marche.dit(chronique, annee.a(ATTRIBUEE, 17, 0), EventType::ConsultationAttribuee, data, Vec::new());
    let motif = chronique.confidentiel("motif", &json!({ "motif": "Le budget ne permet pas le lot 2." }));
    let data = json!({ "lots": [2], "motif": "budget", "date": annee.jour(ATTRIBUEE) });
    marche.dit(chronique, annee.a(ATTRIBUEE, 17, 30), EventType::ConsultationSansSuite, data, vec![motif]);
    marche.rejette(chronique, second, ATTRIBUEE - 1, "non-retenue", &[1]);
    marche.rejette(chronique, late, ATTRIBUEE - 1, "hors-delai", &[1]);
    let contrat = marche.contrat();
    let dates = |day| json!({ "lot": 1, "marche": contrat, "date": annee.jour(day) });
    let signe = chronique.page("contrat", "contrat.pdf", &["Acte d'engagement (démonstration)"]);
    marche.dit(chronique, annee.a(152, 11, 0), EventType::ConsultationSignee, dates(152), vec![signe]);
    marche.dit(chronique, annee.a(150, 9, 0), EventType::ConsultationNotifiee, dates(150), Vec::new());
    let mut data = dates(130);
    data["donnees_marche"] = json!({
        "acheteur": marche.siret, "nature": "marche", "procedure": "appel-offres-ouvert", "cpv": "45214210-5",
        "techniques": ["SANS_OBJET"], "modalites_execution": ["SANS_OBJET"], "innovant": false, "ccag": "travaux",
        "offres_recues": 2, "avance": "5.00", "groupement": "aucun", "sous_traitance": false,
        "lieu": { "code": "096", "type": "departement" }, "duree_mois": 12, "montant": "248000.00",
        "types_prix": ["DEFINITIF_REVISABLE"], "forme_prix": "forfaitaire", "titulaires": [titulaire],
    });
    marche.dit(chronique, annee.a(130, 9, 0), EventType::ConsultationDonneesPubliees, data, Vec::new());
    let avenant = chronique.page("contrat", "avenant-1.pdf", &["Avenant n° 1 (démonstration)"]);
    let data = json!({
        "lot": 1, "marche": contrat, "numero": 1, "nature": "avenant", "date_notification": annee.jour(60),
        "montant": "259500.00", "duree_mois": 14,
    });
    marche.dit(chronique, annee.a(60, 14, 0), EventType::ConsultationModifiee, data, vec![avenant]);
}
