//! Every type has a golden sample; the samples are read and written whole, hold to their schema, and play as one story.
#![allow(clippy::unwrap_used)]

#[path = "echantillons/mod.rs"]
mod echantillons;
mod schema;

use echantillons::{Dossiers, de, evenement, tous};
use greffe_events::dossier::{Dossier, EtatFacture, EtatLot, Verdict};
use greffe_events::piece::PIECES_MAX;
use greffe_events::{Event, EventType};
use serde_json::Value;

#[test]
fn each_type_has_a_sample_and_each_sample_a_type() {
    for event_type in EventType::ALL {
        assert!(de(*event_type).is_some(), "write tests/echantillons/{}.json", event_type.as_str());
    }
    for sample in tous() {
        let name = sample.valeur["type"].as_str().unwrap();
        assert!(sample.nom == name || sample.nom.starts_with(&format!("{name}.")), "{} is a {name}", sample.nom);
    }
}

#[test]
fn what_is_read_and_written_again_is_the_sample() {
    for sample in tous() {
        let event = evenement(&sample.valeur);
        let written = Event::write(event.id, &event.source, &event.subject, event.time, &event.registre, &event.data);
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), sample.valeur, "{}", sample.nom);
        assert_eq!(Event::parse(&written).unwrap(), event, "{}", sample.nom);
    }
}

#[test]
fn each_sample_holds_to_its_schema_and_so_does_what_it_lacks() {
    for sample in tous() {
        let event = evenement(&sample.valeur);
        let schema = serde_json::to_value(event.data.event_type().schema()).unwrap();
        assert_eq!(schema::check(&schema, &sample.valeur["data"]), Ok(()), "{}", sample.nom);
        // Whatever the schema calls required, the reader refuses without.
        for name in schema["required"].as_array().into_iter().flatten() {
            let mut without = sample.valeur.clone();
            without["data"].as_object_mut().unwrap().remove(name.as_str().unwrap());
            assert!(Event::parse(without.to_string().as_bytes()).is_err(), "{} without {name}", sample.nom);
        }
    }
}

#[test]
fn what_a_schema_refuses_the_reader_refuses() {
    // Each field of each sample replaced by each of these: where the schema says no, so does the reader.
    let strange = [
        Value::Null,
        Value::from(-1),
        Value::from(u64::MAX >> 11),
        Value::from("x y"),
        Value::from("1.5"),
        Value::from(vec![0; PIECES_MAX + 1]),
        serde_json::json!({ "inconnu": null }),
        serde_json::json!([]),
    ];
    let mut refused = 0;
    for sample in tous() {
        let event = evenement(&sample.valeur);
        let schema = serde_json::to_value(event.data.event_type().schema()).unwrap();
        for pointer in schema::pointers(&sample.valeur["data"], "/data") {
            for value in &strange {
                let changed = echantillons::avec(&sample.valeur, &pointer, value.clone());
                if schema::check(&schema, &changed["data"]).is_err() {
                    refused += 1;
                    let read = Event::parse(changed.to_string().as_bytes());
                    assert!(read.is_err(), "{}: {pointer} = {value}", sample.nom);
                }
            }
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn the_samples_are_one_story_that_the_life_cycles_admit() {
    let mut dossiers = Dossiers::default();
    for sample in tous() {
        dossiers.poste(&sample.valeur).unwrap_or_else(|refusal| panic!("{}: {refusal}", sample.nom));
    }
    let of = |nom: &str| dossiers.etat(echantillons::nomme(nom)["subject"].as_str().unwrap()).clone();
    let Dossier::Acte(acte) = of("acte.transmis.v1") else { panic!() };
    assert_eq!((acte.transmissions, acte.anomalies, acte.refuse, acte.est_annule()), (2, 2, false, true));
    let Dossier::Facture(facture) = of("facture.deposee.v1") else { panic!() };
    assert_eq!(facture.paye_centimes, 151_145);
    assert_eq!(facture.metier.etat(), EtatFacture::En(greffe_events::catalogue::facture::Avancement::Encaissee));
    let Dossier::Consultation(consultation) = of("consultation.creee.v1") else { panic!() };
    let lots: Vec<EtatLot> = consultation.lots.values().copied().collect();
    assert_eq!(lots, [EtatLot::Notifie, EtatLot::SansSuite, EtatLot::Infructueux]);
    let verdict = |nom: &str| match of(nom) {
        Dossier::Pli(pli) => pli.depot.unwrap().verdict,
        other => panic!("{other:?}"),
    };
    assert_eq!(verdict("pli.depose.v1"), Verdict::EnTemps);
    assert_eq!(verdict("pli.depose.v1.tardif"), Verdict::HorsDelai);
    assert_eq!(verdict("pli.depose.v1.constat"), Verdict::EnTemps, "as the register says, not as it was recorded");
    let Dossier::Pli(pli) = of("pli.depose.v1") else { panic!() };
    assert_eq!((pli.annonce_tenue, pli.scellement_conforme, pli.ouvert), (Some(true), Some(true), Some(true)));
}
