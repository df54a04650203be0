//! Life cycles of exchanges: what is impossible is refused with its code, what real systems do is admitted, and what is late
//! in law is recorded with its verdict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

#[path = "echantillons/mod.rs"]
mod echantillons;

use echantillons::{Dossiers, avec, evenement, nomme};
use greffe_events::catalogue::Data;
use greffe_events::catalogue::facture::{Avancement, EcartStatut, ListeStatuts, Statut};
use greffe_events::catalogue::flux::ResultatAcquit;
use greffe_events::dossier::{Acquit, Consultation, Dossier, EtatFacture, Pli, Verdict};
use greffe_events::{Code, Refusal};
use proptest::prelude::*;
use serde_json::{Value, json};

#[track_caller]
fn refuse(dossiers: &Dossiers, event: &Value, code: Code, field: &str) {
    let refusal: Refusal = dossiers.clone().poste(event).expect_err(code.as_str());
    assert_eq!((refusal.code, refusal.field.as_deref().unwrap_or_default()), (code, field), "{refusal}");
}

fn apres(nom: &str) -> Dossiers {
    let mut dossiers = Dossiers::avant(nom);
    dossiers.poste(&nomme(nom)).unwrap();
    dossiers
}

fn pli(dossiers: &Dossiers, event: &Value) -> Pli {
    match dossiers.etat(event["subject"].as_str().unwrap()) {
        Dossier::Pli(pli) => *pli.clone(),
        other => panic!("{other:?}"),
    }
}

fn consultation(dossiers: &Dossiers) -> Consultation {
    match dossiers.etat("consultation/214502494_2026-M12") {
        Dossier::Consultation(consultation) => *consultation.clone(),
        other => panic!("{other:?}"),
    }
}

fn le(event: &Value, time: &str) -> Value {
    avec(event, "/time", json!(time))
}

#[test]
fn an_act_is_acknowledged_rejected_and_cancelled_only_after_its_transmission() {
    let vide = Dossiers::default();
    for nom in ["acte.accuse-reception.v1", "acte.anomalie.v1", "acte.annulation-demandee.v1"] {
        refuse(&vide, &nomme(nom), Code::ActeInconnu, "subject");
    }
    vide.clone().poste(&nomme("acte.publie.v1")).unwrap();
    let mut transmis = apres("acte.transmis.v1");
    refuse(&transmis, &nomme("acte.transmis.v1"), Code::ActeDejaTransmis, "subject");
    refuse(&transmis, &nomme("acte.annulation-acquittee.v1"), Code::AnnulationNonDemandee, "subject");
    transmis.poste(&nomme("acte.annulation-demandee.v1")).unwrap();
    refuse(&transmis, &nomme("acte.annulation-demandee.v1"), Code::AnnulationDejaDemandee, "subject");
    transmis.poste(&nomme("acte.annulation-acquittee.v1")).unwrap();
    refuse(&transmis, &nomme("acte.annulation-acquittee.v1"), Code::AnnulationDejaAcquittee, "subject");
    transmis.poste(&nomme("acte.annulation-acquittee.v1.constat")).unwrap();
}

#[test]
fn only_an_anomaly_before_any_acknowledgement_frees_a_number() {
    let mut refuse_puis = apres("acte.anomalie.v1.constat");
    refuse_puis.clone().poste(&nomme("acte.transmis.v1")).unwrap();
    // The acknowledgement came after all.
    refuse_puis.poste(&nomme("acte.accuse-reception.v1")).unwrap();
    refuse(&refuse_puis, &nomme("acte.transmis.v1"), Code::ActeDejaTransmis, "subject");
    // After an acknowledgement the anomaly is kept and frees nothing.
    refuse_puis.poste(&nomme("acte.anomalie.v1")).unwrap();
    refuse(&refuse_puis, &nomme("acte.transmis.v1"), Code::ActeDejaTransmis, "subject");
}

#[test]
fn letters_about_an_act_need_its_transmission_and_nothing_else() {
    let lettres = [
        "courrier-simple",
        "reponse-courrier-simple",
        "demande-pieces",
        "accuse-demande-pieces",
        "refus-pieces",
        "pieces-complementaires",
        "accuse-pieces",
        "lettre-observations",
        "accuse-lettre-observations",
        "rejet-lettre-observations",
        "reponse-lettre-observations",
        "accuse-reponse-observations",
        "defere",
    ];
    let annule = apres("acte.annulation-acquittee.v1");
    for nom in lettres {
        let lettre = nomme(&format!("acte.{nom}.v1"));
        refuse(&Dossiers::default(), &lettre, Code::ActeInconnu, "subject");
        // Out of order, without a receipt, twice, and after a cancellation: real systems do.
        let mut transmis = apres("acte.transmis.v1");
        transmis.poste(&lettre).unwrap();
        transmis.poste(&lettre).unwrap();
        assert_eq!(
            transmis.etat(lettre["subject"].as_str().unwrap()),
            apres("acte.transmis.v1").etat(lettre["subject"].as_str().unwrap())
        );
        annule.clone().poste(&lettre).unwrap();
    }
}

#[test]
fn no_day_that_an_act_reports_lies_in_the_future() {
    let transmis = apres("acte.transmis.v1");
    // Signed on the 6th and 7th: the day after is admitted, it has begun east of Greenwich; the one after that is not.
    for (nom, field, last) in [
        ("acte.accuse-reception.v1", "date_reception", "2026-11-07"),
        ("acte.anomalie.v1", "date", "2026-11-08"),
        ("acte.publie.v1", "date", "2026-11-08"),
        ("acte.courrier-simple.v1", "date", "2026-11-07"),
        ("acte.reponse-courrier-simple.v1", "courrier", "2026-11-07"),
        ("acte.demande-pieces.v1", "date", "2026-11-08"),
        ("acte.accuse-demande-pieces.v1", "courrier", "2026-11-08"),
        ("acte.accuse-demande-pieces.v1", "date_reception", "2026-11-08"),
        ("acte.refus-pieces.v1", "courrier", "2026-11-08"),
        ("acte.pieces-complementaires.v1", "courrier", "2026-11-08"),
        ("acte.accuse-pieces.v1", "date_reception", "2026-11-08"),
        ("acte.lettre-observations.v1", "date", "2026-11-08"),
        ("acte.accuse-lettre-observations.v1", "courrier", "2026-11-08"),
        ("acte.accuse-lettre-observations.v1", "date_reception", "2026-11-08"),
        ("acte.rejet-lettre-observations.v1", "courrier", "2026-11-08"),
        ("acte.reponse-lettre-observations.v1", "courrier", "2026-11-08"),
        ("acte.accuse-reponse-observations.v1", "date_reception", "2026-11-08"),
        ("acte.defere.v1", "date_depot", "2026-11-08"),
    ] {
        let dated = |day: &str| avec(&nomme(nom), &format!("/data/{field}"), json!(day));
        transmis.clone().poste(&dated(last)).unwrap();
        let next = last.parse::<greffe_events::horodatage::Jour>().unwrap().0.tomorrow().unwrap().to_string();
        refuse(&transmis, &dated(&next), Code::DateFuture, &format!("data.{field}"));
    }
    // A week-year in place of the year, in the last days of December.
    let act = avec(&nomme("acte.transmis.v1"), "/subject", json!("acte/045-214502494-20271231-D202611-AI"));
    let mut act = le(&act, "2026-12-31T10:00:00Z");
    act["data"]["pieces"].as_array_mut().unwrap().retain(|piece| piece.get("sha256").is_none());
    let mut whole = nomme("acte.transmis.v1")["data"]["pieces"][0].clone();
    whole.as_object_mut().unwrap().remove("sha256");
    whole.as_object_mut().unwrap().remove("nom");
    whole["engagement"] = json!("00".repeat(32));
    act["data"]["pieces"].as_array_mut().unwrap().push(whole);
    refuse(&Dossiers::default(), &act, Code::DateFuture, "subject");
}

#[test]
fn a_message_put_aside_finds_its_place_once() {
    let (mise, rattachee, ecartee) =
        (nomme("quarantaine.mise.v1"), nomme("quarantaine.rattachee.v1"), nomme("quarantaine.ecartee.v1"));
    let ecartee = avec(&ecartee, "/subject", mise["subject"].clone());
    for event in [&rattachee, &ecartee] {
        refuse(&Dossiers::default(), event, Code::QuarantaineInconnue, "subject");
    }
    let mut dossiers = Dossiers::default();
    dossiers.poste(&mise).unwrap();
    refuse(&dossiers, &mise, Code::QuarantaineDejaMise, "subject");
    let mut autre = dossiers.clone();
    autre.poste(&rattachee).unwrap();
    refuse(&autre, &rattachee, Code::QuarantaineReglee, "subject");
    refuse(&autre, &ecartee, Code::QuarantaineReglee, "subject");
    // Whoever set it aside too soon attaches it still.
    dossiers.poste(&ecartee).unwrap();
    refuse(&dossiers, &ecartee, Code::QuarantaineReglee, "subject");
    dossiers.poste(&rattachee).unwrap();
    let sans_message = avec(&mise, "/data/pieces", json!([mise["data"]["pieces"][1]]));
    let refusal = greffe_events::Event::parse(sans_message.to_string().as_bytes()).unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::DataInvalid, Some("data.pieces")));
}

#[test]
fn only_what_was_transmitted_and_recorded_is_examined() {
    let examen = nomme("acte.examine.v1");
    refuse(&Dossiers::default(), &examen, Code::ActeInconnu, "subject");
    let mut published = Dossiers::default();
    published.poste(&nomme("acte.publie.v1")).unwrap();
    refuse(&published, &examen, Code::ActeInconnu, "subject");
    let mut transmis = apres("acte.transmis.v1");
    let head = avec(&examen, "/data/jusqu_a", json!(transmis.taille()));
    refuse(&transmis, &head, Code::DataInvalid, "data.jusqu_a");
    transmis.poste(&examen).unwrap();
    // An agent who saw less takes nothing back.
    transmis.poste(&avec(&examen, "/data/jusqu_a", json!(0))).unwrap();
    match transmis.etat(examen["subject"].as_str().unwrap()) {
        Dossier::Examen(examen) => assert_eq!(examen.jusqu_a, 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flow_answers_to_its_own_accountant_and_goes_again_only_when_rejected() {
    refuse(&Dossiers::default(), &nomme("flux.acquitte.v1.constat"), Code::FluxInconnu, "subject");
    for own in ["flux.acquitte.v1", "flux.retour.v1"] {
        refuse(&Dossiers::default(), &nomme(own), Code::FluxInconnu, "subject");
        // A return that a constat tells of opens a dossier, and makes no transmission of it.
        let mut retourne = Dossiers::default();
        retourne.poste(&nomme("flux.retour.v1.constat")).unwrap();
        refuse(&retourne, &nomme(own), Code::FluxInconnu, "subject");
    }
    let transmis = apres("flux.transmis.v1");
    refuse(&transmis, &nomme("flux.transmis.v1"), Code::FluxDejaTransmis, "subject");
    let stranger = avec(&nomme("flux.acquitte.v1"), "/source", json!("urn:siren:491011698"));
    refuse(&transmis, &stranger, Code::ComptableNonDesigne, "source");
    let mut rejete = transmis.clone();
    let mut rejet = nomme("flux.acquitte.v1");
    rejet["data"]["resultat"] = json!("rejete");
    rejet["data"]["elements"] = json!([]);
    rejete.poste(&rejet).unwrap();
    rejete.poste(&nomme("flux.transmis.v1")).unwrap();
    rejete.poste(&nomme("flux.acquitte.v1.constat")).unwrap();
    refuse(&rejete, &nomme("flux.transmis.v1"), Code::FluxDejaTransmis, "subject");
}

#[test]
fn an_invoice_tolerates_what_helios_does_and_keeps_what_it_does_not_know() {
    let status = |liste: &str, code: &str, at: &str| {
        let mut event = nomme("facture.statut.v1");
        let data = json!({ "liste": liste, "code": code, "survenu_le": at, "comptable": "urn:siren:130004955" });
        event["data"] = data;
        event
    };
    // Statuses before any deposit, MANDATEE after MISE_EN_PAIEMENT.
    let mut dossiers = Dossiers::default();
    let subject = nomme("facture.statut.v1")["subject"].as_str().unwrap().to_owned();
    let facture = |dossiers: &Dossiers| match dossiers.etat(&subject) {
        Dossier::Facture(facture) => *facture.clone(),
        other => panic!("{other:?}"),
    };
    dossiers.poste(&status("chorus", "MISE_EN_PAIEMENT", "2026-11-12T09:00:00Z")).unwrap();
    dossiers.poste(&status("chorus", "MANDATEE", "2026-11-13T09:00:00Z")).unwrap();
    assert_eq!(facture(&dossiers).metier.etat(), EtatFacture::En(Avancement::MiseEnPaiement));
    // An unknown code moves nothing and is counted.
    let unknown = status("cdar", "999", "2026-11-14T09:00:00Z");
    dossiers.poste(&unknown).unwrap();
    assert_eq!(facture(&dossiers).metier.inconnus, 1);
    let ecarts = |event: &Value| match evenement(event).data {
        Data::FactureStatut(data) => data.ecarts(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ecarts(&unknown), [EcartStatut::StatutInconnu]);
    assert_eq!(ecarts(&status("cdar", "210", "2026-11-14T09:00:00Z")), [EcartStatut::MotifAbsent]);
    assert_eq!(ecarts(&status("cdar", "212", "2026-11-14T09:00:00Z")), [EcartStatut::MontantAbsent]);
    assert_eq!(ecarts(&nomme("facture.statut.v1.cdar")), []);
}

#[test]
fn an_invoice_is_handed_in_once_unless_it_was_sent_back_and_paid_by_the_named_accountant() {
    let mut deposee = apres("facture.deposee.v1");
    refuse(&deposee, &nomme("facture.deposee.v1"), Code::FactureDejaDeposee, "subject");
    refuse(&deposee, &nomme("facture.paiement.v1"), Code::ComptableNonDesigne, "source");
    let mut by_seller = nomme("facture.statut.v1");
    by_seller["source"] = json!("urn:siren:491011698");
    by_seller["data"]["auteur_declare"] = json!({ "qualite": "chorus-pro" });
    by_seller["data"]["pieces"] = nomme("facture.statut.v1.constat")["data"]["pieces"].clone();
    refuse(&deposee, &by_seller, Code::NotOwner, "data.comptable");
    let mut rejetee = nomme("facture.statut.v1");
    rejetee["data"] =
        json!({ "liste": "chorus", "code": "REJETEE", "survenu_le": "2026-11-11T09:00:00Z", "motifs": ["X"] });
    deposee.poste(&rejetee).unwrap();
    deposee.poste(&nomme("facture.deposee.v1")).unwrap();
    refuse(&deposee, &nomme("facture.deposee.v1"), Code::FactureDejaDeposee, "subject");
    deposee.poste(&nomme("facture.statut.v1")).unwrap();
    deposee.poste(&nomme("facture.paiement.v1")).unwrap();
    let mut correction = nomme("facture.paiement.v1");
    correction["data"]["montant"] = json!("-1511.45");
    deposee.poste(&correction).unwrap();
    let Dossier::Facture(facture) = deposee.etat(correction["subject"].as_str().unwrap()) else { panic!() };
    assert_eq!((facture.paye_centimes, facture.paiements), (0, 2));
}

#[test]
fn nothing_of_a_tender_is_there_before_the_tender() {
    let vide = Dossiers::default();
    for sample in echantillons::tous() {
        let event = evenement(&sample.valeur);
        let family = event.subject.family();
        if matches!(family, "consultation" | "pli") && !sample.nom.contains("consultation.creee") {
            refuse(&vide, &sample.valeur, Code::ConsultationInconnue, "subject");
        }
    }
    refuse(&apres("consultation.creee.v1"), &nomme("consultation.creee.v1"), Code::ConsultationDejaCreee, "subject");
}

#[test]
fn a_deadline_is_extended_only_before_it_has_passed_and_only_to_later() {
    let dossiers = apres("consultation.delai-reporte.v1");
    let report = avec(&nomme("consultation.delai-reporte.v1"), "/data/date_limite", json!("2026-12-05T11:00:00Z"));
    refuse(&dossiers, &nomme("consultation.delai-reporte.v1"), Code::DelaiAnterieur, "data.date_limite");
    refuse(&dossiers, &le(&report, "2026-12-02T11:00:00.001Z"), Code::DelaiEchu, "data.phase");
    refuse(&dossiers, &avec(&report, "/data/phase", json!(2)), Code::PhaseInconnue, "data.phase");
    let mut reported = dossiers.clone();
    reported.poste(&le(&report, "2026-12-02T11:00:00Z")).unwrap();
    // A request that came before the deadline but is recorded after it does not extend.
    let event = evenement(&le(&report, "2026-12-02T10:59:59Z"));
    let late = dossiers.clone().poste_a(
        &le(&report, "2026-12-02T10:59:59Z"),
        event.time.unix_ms(),
        event.time.unix_ms() + 1_001,
    );
    assert_eq!(late.unwrap_err().code, Code::DelaiEchu);
    assert_eq!(consultation(&reported).phases[0].limite.unwrap().to_string(), "2026-12-05T11:00:00Z");
}

#[test]
fn a_submission_is_late_by_when_it_was_received_and_is_recorded_all_the_same() {
    let depot = nomme("pli.depose.v1");
    let limite = "2026-12-02T11:00:00Z".parse::<greffe_events::horodatage::Horodatage>().unwrap().unix_ms();
    let cases = [
        (limite - 1, limite - 1, Verdict::EnTemps),
        (limite, limite, Verdict::EnTemps),
        // Received in time, recorded after: it waited in our queue.
        (limite, limite + 5_000, Verdict::EnTemps),
        (limite + 1, limite + 1, Verdict::HorsDelai),
        (limite + 86_400_000, limite + 86_400_000, Verdict::HorsDelai),
    ];
    for (received, recorded, verdict) in cases {
        let mut dossiers = Dossiers::avant("pli.depose.v1");
        dossiers.poste_a(&depot, received, recorded).unwrap();
        let envoi = pli(&dossiers, &depot).depot.unwrap();
        assert_eq!((envoi.verdict, envoi.recu_le.unix_ms(), envoi.constat), (verdict, received, false));
    }
    // The poster's own words about time change nothing.
    let boast = avec(&depot, "/data/transmission_commencee_le", json!("2026-12-01T10:00:00Z"));
    let mut dossiers = Dossiers::avant("pli.depose.v1");
    dossiers.poste_a(&boast, limite + 1, limite + 1).unwrap();
    assert_eq!(pli(&dossiers, &depot).depot.unwrap().verdict, Verdict::HorsDelai);
    let claims = avec(&depot, "/data/recu_le", json!("2026-12-01T10:00:00Z"));
    let refusal = greffe_events::Event::parse(claims.to_string().as_bytes()).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("data.recu_le"));
    // A constat tells when the profile had it; the deadline given up makes it no later.
    let mut dossiers = Dossiers::avant("pli.depose.v1.constat");
    let late = avec(&nomme("pli.depose.v1.constat"), "/data/recu_le", json!("2026-12-02T11:00:00.001Z"));
    dossiers.poste(&late).unwrap();
    assert_eq!(pli(&dossiers, &late).depot.unwrap().verdict, Verdict::HorsDelai);
}

#[test]
fn a_submission_to_a_tender_that_ended_is_recorded_with_that_verdict() {
    let mut dossiers = Dossiers::avant("pli.depose.v1");
    let end = avec(&nomme("consultation.sans-suite.v1"), "/data/lots", json!([]));
    dossiers.poste(&le(&end, "2026-12-02T09:30:00Z")).unwrap();
    dossiers.poste(&nomme("pli.depose.v1")).unwrap();
    assert_eq!(pli(&dossiers, &nomme("pli.depose.v1")).depot.unwrap().verdict, Verdict::ConsultationTerminee);
}

#[test]
fn a_deposit_has_one_number_one_round_and_lots_that_exist() {
    let avant = Dossiers::avant("pli.depose.v1");
    let depot = nomme("pli.depose.v1");
    refuse(&avant, &avec(&depot, "/data/lots", json!([4])), Code::LotInconnu, "data.lots");
    refuse(&avant, &avec(&depot, "/data/phase", json!(2)), Code::PhaseInconnue, "data.phase");
    let apres_depot = apres("pli.depose.v1");
    refuse(&apres_depot, &depot, Code::PliDejaDepose, "subject");
    refuse(&apres_depot, &nomme("pli.empreinte-deposee.v1"), Code::PliDejaDepose, "subject");
    // Other files than announced, another seal than the commission's: kept, with their verdicts.
    let mut other = avec(&depot, "/data/fichiers/0/empreinte", json!("ab".repeat(32)));
    other["data"]["scellement"]["cles"][0] = json!("cd".repeat(32));
    let mut dossiers = avant;
    dossiers.poste(&other).unwrap();
    let state = pli(&dossiers, &other);
    assert_eq!((state.annonce_tenue, state.scellement_conforme), (Some(false), Some(false)));
}

#[test]
fn the_commission_is_whole_before_the_deadline_and_never_held_by_one_hand() {
    let avant = Dossiers::avant("consultation.cle-commission.v1");
    let cle = nomme("consultation.cle-commission.v1");
    refuse(&avant, &avec(&cle, "/data/rang", json!(4)), Code::MembreInconnu, "data.rang");
    refuse(&avant, &le(&cle, "2026-12-01T11:00:00.001Z"), Code::DelaiEchu, "subject");
    let un = apres("consultation.cle-commission.v1");
    let deux = nomme("consultation.cle-commission.v1.membre-2");
    refuse(&un, &avec(&deux, "/data/rang", json!(1)), Code::MembreDejaInscrit, "data.rang");
    refuse(&un, &avec(&deux, "/data/membre", cle["data"]["membre"].clone()), Code::MembreDejaInscrit, "data.rang");
    let same_key = avec(&deux, "/data/cle_chiffrement", cle["data"]["cle_chiffrement"].clone());
    refuse(&un, &same_key, Code::MembreDejaInscrit, "data.rang");
    let tous = apres("consultation.cle-commission.v1.sequestre");
    assert_eq!(consultation(&tous).commission.len(), 3);
    // Threshold 2: one key in escrow is useless alone, two would open.
    let escrow = |event: &Value| avec(event, "/data/garde", json!("sequestre"));
    let mut escrowed = Dossiers::avant("consultation.cle-commission.v1");
    escrowed.poste(&escrow(&cle)).unwrap();
    refuse(&escrowed, &escrow(&deux), Code::SequestreExcessif, "data.garde");
    let mut sans = nomme("consultation.creee.v1");
    sans["data"].as_object_mut().unwrap().remove("quorum");
    let mut dossiers = Dossiers::default();
    dossiers.poste(&sans).unwrap();
    refuse(&dossiers, &cle, Code::CommissionAbsente, "subject");
}

#[test]
fn nothing_is_opened_closed_or_awarded_before_the_deadline() {
    let avant = Dossiers::avant("consultation.close.v1");
    let early = "2026-12-02T11:00:00Z";
    for nom in ["consultation.close.v1", "consultation.seance-ouverte.v1", "consultation.attribuee.v1"] {
        refuse(&avant, &le(&nomme(nom), early), Code::DelaiNonEchu, "subject");
    }
    for nom in ["pli.ouvert.v1", "pli.part-restituee.v1", "pli.qualifie.v1", "pli.candidature-examinee.v1"] {
        refuse(&avant, &le(&nomme(nom), early), Code::DelaiNonEchu, "subject");
    }
    let mut open_copy = nomme("pli.copie-sauvegarde.v1");
    open_copy["data"] = json!({ "operation": "ouverte", "le": early, "phase": 1, "cause": "virus" });
    refuse(&avant, &le(&open_copy, early), Code::DelaiNonEchu, "subject");
    avant.clone().poste(&le(&nomme("consultation.close.v1"), "2026-12-02T11:00:00.001Z")).unwrap();
    refuse(&apres("consultation.close.v1"), &nomme("consultation.close.v1"), Code::PhaseDejaClose, "data.phase");
}

#[test]
fn a_share_waits_for_its_session_and_an_opening_says_whether_shares_sufficed() {
    let part = nomme("pli.part-restituee.v1");
    let ouvert = nomme("pli.ouvert.v1");
    let seance = apres("consultation.seance-ouverte.v1");
    refuse(&seance, &part, Code::SeanceNonContresignee, "data.seance");
    let une = apres("consultation.seance-contresignee.v1");
    refuse(&une, &part, Code::SeanceNonContresignee, "data.seance");
    refuse(&une, &nomme("consultation.seance-contresignee.v1"), Code::SeanceDejaContresignee, "data.membre");
    let stranger = json!(format!("ed25519:{}", "aa".repeat(32)));
    let signed = nomme("consultation.seance-contresignee.v1");
    refuse(&une, &avec(&signed, "/data/membre", stranger.clone()), Code::MembreInconnu, "data.membre");
    let other = json!("01990000-0000-7000-8000-00000000ffff");
    refuse(&une, &avec(&signed, "/data/seance", other.clone()), Code::SeanceInconnue, "data.seance");
    let contresignee = apres("consultation.seance-contresignee.v1.membre-2");
    refuse(&contresignee, &avec(&part, "/data/seance", other.clone()), Code::SeanceInconnue, "data.seance");
    refuse(&contresignee, &avec(&part, "/data/membre", stranger), Code::MembreInconnu, "data.membre");
    refuse(&contresignee, &avec(&ouvert, "/data/seance", other), Code::SeanceInconnue, "data.seance");
    // Opened outside of what the log saw: recorded, and said.
    let mut hidden = apres("pli.part-restituee.v1");
    refuse(&hidden, &part, Code::PartDejaRestituee, "data.membre");
    hidden.poste(&ouvert).unwrap();
    assert_eq!(pli(&hidden, &ouvert).ouvert, Some(false));
    let mut whole = apres("pli.part-restituee.v1.membre-2");
    whole.poste(&ouvert).unwrap();
    assert_eq!(pli(&whole, &ouvert).ouvert, Some(true));
    refuse(&whole, &ouvert, Code::PliDejaOuvert, "subject");
    let retrait = avec(&nomme("pli.retire.v1"), "/subject", ouvert["subject"].clone());
    refuse(&whole, &retrait, Code::PliDejaOuvert, "subject");
}

#[test]
fn a_withdrawal_in_time_ends_a_submission_and_a_late_one_binds_nobody() {
    let of_second = |nom: &str| avec(&nomme(nom), "/subject", nomme("pli.retire.v1")["subject"].clone());
    let dossiers = apres("pli.part-restituee.v1.membre-2");
    refuse(&dossiers, &of_second("pli.ouvert.v1"), Code::PliRetire, "subject");
    refuse(&dossiers, &of_second("pli.part-restituee.v1"), Code::PliRetire, "subject");
    refuse(&dossiers, &nomme("pli.retire.v1"), Code::PliRetire, "subject");
    let mut late = dossiers.clone();
    let retrait = avec(&nomme("pli.retire.v1"), "/subject", nomme("pli.ouvert.v1")["subject"].clone());
    late.poste(&le(&retrait, "2026-12-03T08:15:00Z")).unwrap();
    assert_eq!(pli(&late, &retrait).retrait.unwrap().verdict, Verdict::HorsDelai);
    late.poste(&nomme("pli.ouvert.v1")).unwrap();
    let unknown = avec(
        &nomme("pli.retire.v1"),
        "/subject",
        json!("pli/214502494_2026-M12_491011698_01990000-0000-7000-8000-0000000000ff"),
    );
    refuse(&dossiers, &unknown, Code::PliInconnu, "subject");
}

#[test]
fn a_safety_copy_is_opened_or_destroyed_once_after_it_came() {
    let mut dossiers = apres("consultation.close.v1");
    let copy = |operation: &str| {
        let mut event = le(&nomme("pli.copie-sauvegarde.v1"), "2026-12-03T08:00:00Z");
        event["data"] = json!({ "operation": operation, "le": "2026-12-03T07:00:00Z", "phase": 1 });
        if operation == "ouverte" {
            event["data"]["cause"] = json!("illisible");
        }
        event
    };
    refuse(&dossiers, &nomme("pli.copie-sauvegarde.v1"), Code::CopieEtat, "data.operation");
    dossiers.clone().poste(&copy("detruite")).unwrap();
    dossiers.poste(&copy("ouverte")).unwrap();
    refuse(&dossiers, &copy("detruite"), Code::CopieEtat, "data.operation");
    // It may be all that came.
    let alone = avec(
        &nomme("pli.copie-sauvegarde.v1"),
        "/subject",
        json!("pli/214502494_2026-M12_210703385_01990000-0000-7000-8000-000000000009"),
    );
    dossiers.poste(&alone).unwrap();
}

#[test]
fn lots_go_their_way_and_no_other() {
    let avant = Dossiers::avant("consultation.attribuee.v1");
    for nom in ["consultation.signee.v1", "consultation.notifiee.v1", "consultation.donnees-publiees.v1"] {
        refuse(&avant, &nomme(nom), Code::LotEtat, "data.lot");
    }
    let attribuee = nomme("consultation.attribuee.v1");
    refuse(&avant, &avec(&attribuee, "/data/lot", json!(9)), Code::LotInconnu, "data.lots");
    refuse(&avant, &avec(&attribuee, "/data/lot", Value::Null), Code::LotInconnu, "data.lot");
    let mut twice = apres("consultation.attribuee.v1");
    // The first holder may give up: awarded again before the signature.
    twice.poste(&attribuee).unwrap();
    refuse(&twice, &nomme("consultation.modifiee.v1"), Code::LotEtat, "data.lot");
    let signee = apres("consultation.signee.v1");
    refuse(&signee, &attribuee, Code::LotEtat, "data.lot");
    let give_up = avec(&nomme("consultation.sans-suite.v1"), "/data/lots", json!([1]));
    refuse(&signee, &give_up, Code::LotEtat, "data.lots");
    // The awarded lot does not go down with the whole unnoticed.
    refuse(&signee, &avec(&give_up, "/data/lots", json!([])), Code::LotEtat, "data.lots");
    let fruitless = apres("consultation.infructueuse.v1");
    refuse(&fruitless, &avec(&attribuee, "/data/lot", json!(3)), Code::LotEtat, "data.lot");
}

#[test]
fn versions_of_the_dce_and_rounds_follow_each_other() {
    let avant = Dossiers::avant("consultation.dce-publie.v1");
    refuse(&avant, &nomme("consultation.dce-modifie.v1"), Code::VersionDce, "data.version");
    refuse(&avant, &nomme("consultation.dce-retire.v1"), Code::VersionDce, "data.version");
    let publie = apres("consultation.dce-publie.v1");
    refuse(&publie, &nomme("consultation.dce-publie.v1"), Code::VersionDce, "data.version");
    let second = nomme("consultation.phase-ouverte.v1");
    refuse(&publie, &avec(&second, "/data/phase", json!(3)), Code::PhaseInconnue, "data.phase");
    let mut dossiers = publie;
    dossiers.poste(&second).unwrap();
    refuse(&dossiers, &second, Code::PhaseInconnue, "data.phase");
}

/// Statuses of both lists, with the instants at which they took effect.
fn statuts() -> impl Strategy<Value = Vec<Value>> {
    let status = (0..Statut::CONNUS.len() + 1, 0_u32..60).prop_map(|(at, minute)| {
        let (liste, code) = match Statut::CONNUS.get(at) {
            Some(statut) => (statut.liste, statut.code),
            None => (ListeStatuts::Cdar, "999"),
        };
        let mut event = nomme("facture.statut.v1.constat");
        event["data"]["liste"] = json!(liste);
        event["data"]["code"] = json!(code);
        event["data"]["survenu_le"] = json!(format!("2026-11-10T10:{minute:02}:00Z"));
        event
    });
    proptest::collection::vec(status, 0..12)
}

fn acquits() -> impl Strategy<Value = Vec<Value>> {
    let element = (100_u64..104, any::<bool>());
    let acquit = proptest::collection::vec(element, 0..4).prop_map(|elements| {
        let mut event = nomme("flux.acquitte.v1.constat");
        let accepted = elements.iter().filter(|(_, accepte)| *accepte).count();
        event["data"]["resultat"] = json!(match (accepted, elements.len()) {
            (n, all) if n == all => "accepte",
            (0, _) => "rejete",
            _ => "partiel",
        });
        event["data"]["justificatifs_acceptes"] = json!(0);
        event["data"]["justificatifs_rejetes"] = json!(0);
        event["data"]["elements"] = elements
            .iter()
            .map(|(n, accepte)| json!({ "sens": "depense", "exercice": 2026, "numero": n, "accepte": accepte }))
            .collect();
        event
    });
    proptest::collection::vec(acquit, 1..8)
}

fn in_both_orders(events: Vec<Value>) -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    (Just(events.clone()), Just(events).prop_shuffle())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn statuses_in_any_order_end_in_the_same_business_state((one, other) in statuts().prop_flat_map(in_both_orders)) {
        let end = |events: &[Value]| {
            let mut dossiers = Dossiers::default();
            for event in events {
                dossiers.poste(event).unwrap();
            }
            events.first().map(|event| match dossiers.etat(event["subject"].as_str().unwrap()) {
                Dossier::Facture(facture) => (facture.metier.clone(), facture.metier.etat()),
                other => panic!("{other:?}"),
            })
        };
        prop_assert_eq!(end(&one), end(&other));
    }

    #[test]
    fn acquits_in_any_order_end_in_the_same_state((one, other) in acquits().prop_flat_map(in_both_orders)) {
        let end = |events: &[Value]| {
            let mut dossiers = Dossiers::default();
            dossiers.poste(&nomme("flux.transmis.v1")).unwrap();
            for event in events {
                dossiers.poste(event).unwrap();
            }
            dossiers.etat(events[0]["subject"].as_str().unwrap()).clone()
        };
        let (one, other) = (end(&one), end(&other));
        prop_assert_eq!(&one, &other);
        let Dossier::Flux(flux) = one else { panic!() };
        let rejects = flux.bordereaux.values().any(|acquit| *acquit != Acquit::Accepte);
        prop_assert!(!rejects || flux.resultat != Some(ResultatAcquit::Accepte));
    }
}
