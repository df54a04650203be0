#![allow(clippy::unwrap_used)]

use super::super::enveloppe::{EnveloppeMisillCl, IdCl};
use super::super::lot::{Lot, Role};
use super::super::message::{
    AnomalieActe, ArActe, Courrier, CourrierPref, DefereTa, FichierSigne, Matieres, Signature,
};
use super::super::nom::{self, Quadrigramme, Serie, Trigramme, TypePj};
use super::enveloppe::est_courriel;
use super::*;
use greffe_events::ident::{Nature, Siren};

mod modeles;
mod schema;

fn lu<T: std::str::FromStr + std::fmt::Display>(texte: &str) -> Lu<T> {
    Lu { brut: texte.to_owned(), valeur: texte.parse().ok() }
}

fn modele() -> Acte {
    Acte {
        generation: Generation::Gen2,
        date: Date::constant(2024, 2, 29),
        numero: "DEL2024_01".parse().unwrap(),
        numero_brut: "DEL2024_01".to_owned(),
        nature: Nature::De,
        matieres: Matieres([Some(9), Some(1), None, None, None]),
        objet: "Tarifs".to_owned(),
        precedent: None,
        classification_date: Some(Date::constant(2023, 6, 1)),
        document: FichierSigne { nom: "a.pdf".to_owned(), signature: None },
        annexes: Vec::new(),
        document_papier: None,
    }
}

fn emetteur() -> IdCl {
    IdCl {
        siren: lu::<Siren>("214502494"),
        departement: lu::<Departement>("045"),
        arrondissement: lu("1"),
        nature: lu("31"),
    }
}

fn ecrit(acte: &Acte, generation: Generation) -> Result<Vec<u8>, EcritureError> {
    message(&Message::Acte(Box::new(acte.clone())), generation)
}

fn relu(octets: &[u8]) -> Acte {
    match messages::read(octets, Date::MAX).unwrap().valeur {
        Message::Acte(acte) => *acte,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_latin_1_lacks_becomes_references() {
    let objet = "Été à l'œuvre: \"5 €\" <& 😀> \u{85}\u{7f}\r\n\t";
    let octets = ecrit(&Acte { objet: objet.to_owned(), ..modele() }, Generation::Gen2).unwrap();
    let attendu =
        b"<actes:Objet>\xc9t\xe9 \xe0 l&apos;&#339;uvre: &quot;5 &#8364;&quot; &lt;&amp; &#128512;&gt; &#133;&#127;\
        &#13;&#10;&#9;</actes:Objet>";
    assert!(octets.windows(attendu.len()).any(|w| w == attendu), "{}", String::from_utf8_lossy(&octets));
    assert!(!octets.iter().any(|b| (0x80..0xa0).contains(b)), "readers take this range for windows-1252");
    assert_eq!(relu(&octets).objet, objet);
}

#[test]
fn what_the_schema_does_not_take_is_not_written() {
    let long = "é".repeat(501);
    let xml = |x: &str| FichierSigne { nom: "a.pdf".to_owned(), signature: Some(Signature::Xml(x.to_owned())) };
    for (valeur, code) in [
        (Acte { objet: "a\u{1}".to_owned(), ..modele() }, "ecriture-caractere"),
        (Acte { objet: "a\u{ffff}".to_owned(), ..modele() }, "ecriture-caractere"),
        (Acte { objet: long, ..modele() }, "ecriture-champ"),
        (Acte { matieres: Matieres([Some(9), None, Some(1), None, None]), ..modele() }, "ecriture-champ"),
        (Acte { classification_date: None, ..modele() }, "ecriture-champ"),
        (Acte { numero_brut: "1234567890123456".to_owned(), ..modele() }, "ecriture-champ"),
        (Acte { numero_brut: "AUTRE".to_owned(), ..modele() }, "ecriture-relecture"),
        (Acte { document: xml("<s>"), ..modele() }, "ecriture-relecture"),
        (Acte { document: xml("</actes:Signature><actes:Signature>"), ..modele() }, "ecriture-relecture"),
        (Acte { document: FichierSigne { nom: String::new(), signature: None }, ..modele() }, "ecriture-relecture"),
    ] {
        assert_eq!(ecrit(&valeur, Generation::Gen2).unwrap_err().code(), code, "{valeur:?}");
    }
    assert!(ecrit(&Acte { document: xml("<s xmlns='urn:x'>é</s>"), ..modele() }, Generation::Gen2).is_ok());
}

#[test]
fn return_addresses_follow_the_pattern_of_the_schema() {
    for (courriel, attendu) in [
        ("actes@commune.test", true),
        ("a_b.c-d@x-y.commune.fr", true),
        ("actes@commune", false),
        ("actes@com_mune.fr", false),
        ("a@b@c.fr", false),
        (".a@b.fr", false),
        ("a+b@c.fr", false),
        ("a@b.abcdefg", false),
        ("a@b.f", false),
        ("é@b.fr", false),
        ("", false),
    ] {
        assert_eq!(est_courriel(courriel), attendu, "{courriel}");
    }
}

#[test]
fn what_the_first_generation_can_not_say_is_not_written_in_it() {
    let numero = |brut: &str| {
        let numero = brut.replace(['-', ' '], "_").parse().unwrap();
        Acte { numero, numero_brut: brut.to_owned(), ..modele() }
    };
    let type_pj = FichierSigne { nom: "99_DE-045-214502494-20240229-N1-DE-1-1_1.pdf".to_owned(), signature: None };
    for (valeur, gen1, gen2) in [
        (modele(), None, None),
        (numero("2024-01 b"), None, None),
        (numero("_2024"), Some("ecriture-champ"), None),
        (numero("2024-"), Some("ecriture-champ"), None),
        (Acte { document_papier: Some(false), ..modele() }, Some("ecriture-champ"), None),
        (Acte { document: type_pj, ..modele() }, Some("ecriture-relecture"), None),
        (Acte { date: Date::constant(0, 3, 1), ..modele() }, Some("ecriture-champ"), Some("ecriture-champ")),
    ] {
        for (generation, attendu) in [(Generation::Gen1, gen1), (Generation::Gen2, gen2)] {
            let code = ecrit(&valeur, generation).err().map(|e| e.code());
            assert_eq!(code, attendu, "{generation:?} {valeur:?}");
        }
    }
}

fn id() -> IdActe {
    "045-214502494-20240229-DEL2024_01-DE".parse().unwrap()
}

fn reference() -> CourrierPref {
    CourrierPref { id_acte: id().into(), date: Some(Date::constant(2024, 3, 5)) }
}

fn courrier(texte: Option<&str>, documents: usize) -> Courrier {
    let documents = (0..documents).map(|n| FichierSigne { nom: format!("{n}.pdf"), signature: None }).collect();
    Courrier { reference: reference(), texte: texte.map(ToOwned::to_owned), documents }
}

#[test]
fn a_letter_is_written_with_what_its_kind_has_and_nothing_else() {
    for (message, tient) in [
        (Message::CourrierSimple(courrier(None, 1)), true),
        (Message::CourrierSimple(courrier(None, 0)), false),
        (Message::CourrierSimple(courrier(None, 2)), false),
        (Message::CourrierSimple(courrier(Some("motif"), 1)), false),
        (Message::LettreObservations(courrier(Some("motif"), 1)), true),
        (Message::LettreObservations(courrier(None, 1)), false),
        (Message::ArLettreObservations(courrier(None, 0)), true),
        (Message::ArLettreObservations(courrier(None, 1)), false),
        (Message::PieceComplementaire(courrier(None, 3)), true),
        (Message::PieceComplementaire(courrier(None, 0)), false),
    ] {
        let ecrit = super::message(&message, Generation::Gen2);
        assert_eq!(ecrit.is_ok(), tient, "{message:?} {ecrit:?}");
    }
    for (reference, champ) in [
        (CourrierPref { date: None, ..reference() }, "DateCourrierPref"),
        (CourrierPref { id_acte: lu("034-1"), ..reference() }, "IDActe"),
        (CourrierPref { id_acte: lu("345-214502494-20240229-N1-DE"), ..reference() }, "Departement"),
    ] {
        let error =
            message(&Message::ArLettreObservations(Courrier { reference, ..courrier(None, 0) }), Generation::Gen2);
        assert!(error.unwrap_err().to_string().contains(champ));
    }
}

#[test]
fn values_read_with_another_spelling_are_written_in_theirs() {
    let lu = |brut: &str, id: &str| Lu { brut: brut.to_owned(), valeur: Some(id.parse().unwrap()) };
    let id_acte: Lu<IdActe> = lu("034-000000000-20170701-2017-07 D-AI", "034-000000000-20170701-2017_07_D-AI");
    let octets = message(&Message::Annulation(messages::Annulation { id_acte }), Generation::Gen1).unwrap();
    assert!(String::from_utf8(octets).unwrap().contains("\"034-000000000-20170701-2017_07_D-AI\"/>"));
    let anomalie = AnomalieActe {
        date: Some(Date::constant(2024, 3, 1)),
        nature: 2,
        detail: None,
        acte: modele().into(),
        classification_en_cours: Some(Date::constant(2024, 1, 1)),
    };
    let octets = message(&Message::AnomalieActe(Box::new(anomalie.clone())), Generation::Gen2).unwrap();
    assert!(String::from_utf8(octets).unwrap().contains("<actes:Nature>002</actes:Nature>"));
    let partiel = ActeRecu::Partiel { date: None, numero: None, nature: None };
    let partielle = AnomalieActe { acte: partiel, ..anomalie };
    assert!(message(&Message::AnomalieActe(Box::new(partielle)), Generation::Gen2).is_err());
}

fn fichier(octets: &str) -> FichierADeposer {
    FichierADeposer {
        type_pj: TypePj::new("99_DE"),
        extension: "pdf".to_owned(),
        octets: octets.as_bytes().to_vec(),
        signature: Some(Signature::Texte("MIIB".to_owned())),
    }
}

fn acte_a_deposer(numero: &str) -> MessageADeposer {
    let acte = Acte { numero: numero.parse().unwrap(), numero_brut: numero.to_owned(), ..modele() };
    MessageADeposer {
        message: Message::Acte(Box::new(acte)),
        fichiers: vec![fichier("acte"), fichier("annexe")],
        signature: None,
    }
}

fn de_la_collectivite() -> Enveloppe {
    Enveloppe::ClMisill(EnveloppeClMisill {
        emetteur: emetteur(),
        referent: None,
        courriels_retour: vec!["actes@commune.test".to_owned()],
        formulaires: Vec::new(),
    })
}

fn de_la_sous_prefecture() -> Enveloppe {
    Enveloppe::MisillCl(EnveloppeMisillCl {
        emetteur: Autorite::SousPrefecture { departement: lu("045"), arrondissement: lu("2") },
        referent: None,
        formulaires: Vec::new(),
        destinataire: lu("214502494"),
    })
}

fn depot(enveloppe: Enveloppe, messages: Vec<MessageADeposer>) -> Depot {
    Depot {
        trigramme: Trigramme::new("GRF").unwrap(),
        quadrigramme: Quadrigramme::Test,
        enveloppe,
        // An ISO week-based year would say 2025.
        date: Date::constant(2024, 12, 30),
        serie: Serie::new(3).unwrap(),
        generation: Generation::Gen2,
        messages,
        mtime_s: 1_735_600_000,
    }
}

/// The submission read back from its archive, which must not deviate in anything; the names in it.
fn relit_archive(archive: &ArchiveEcrite) -> (Lot, Vec<String>) {
    let entrees = super::super::archive::read(archive.octets.as_slice()).unwrap();
    let noms: Vec<String> = entrees.iter().map(|e| e.nom.clone()).collect();
    let lot = Lot::from_entries(entrees, Date::constant(2026, 11, 20)).unwrap();
    let ids: Vec<_> = lot.messages.iter().map(|m| m.id_acte.clone()).collect();
    assert_eq!(ids, archive.ids);
    assert_eq!((lot.ecarts.as_slice(), lot.refuses.as_slice()), (&[][..], &[][..]));
    assert!(lot.messages.iter().all(|m| m.ecarts.is_empty()), "{:?}", lot.messages);
    (lot, noms)
}

#[test]
fn a_deposit_becomes_an_archive_that_reads_back_whole() {
    let mut depot = depot(de_la_collectivite(), vec![acte_a_deposer("N1"), acte_a_deposer("N2")]);
    depot.messages[1].signature = Some(Signature::Texte("MIIC".to_owned()));
    let archive = depot.archive().unwrap();
    assert_eq!(archive.nom, "GRF-TACT--214502494--20241230-3.tar.gz");
    assert_eq!(archive.octets, depot.archive().unwrap().octets, "the same deposit gives the same bytes");
    let (lot, noms) = relit_archive(&archive);
    assert_eq!(
        noms[..4],
        [
            "TACT--214502494--20241230-3.xml",
            "045-214502494-20240229-N1-DE-1-1_0.xml",
            "99_DE-045-214502494-20240229-N1-DE-1-1_1.pdf",
            "99_DE-045-214502494-20240229-N1-DE-1-1_2.pdf",
        ]
    );
    assert!(noms.iter().all(|nom| nom::is_normalise(nom)));
    let fichiers: Vec<_> = lot.messages[1].documents.iter().map(|f| (f.role, f.octets.as_slice())).collect();
    assert_eq!(fichiers, [(Role::Document, &b"acte"[..]), (Role::Annexe, b"annexe")]);
    let Message::Acte(acte) = &lot.messages[0].message else { panic!("1-1") };
    assert_eq!(acte.annexes[0].signature, Some(Signature::Texte("MIIB".to_owned())));
    let formulaires = lot.enveloppe.as_ref().unwrap().enveloppe.formulaires();
    assert_eq!([&formulaires[0].signature, &formulaires[1].signature], [&None, &depot.messages[1].signature]);
}

#[test]
fn every_answer_of_the_collectivite_goes_out_in_one_archive() {
    let avec = |message, n: usize| MessageADeposer {
        message,
        fichiers: vec![FichierADeposer { type_pj: None, ..fichier("x") }; n],
        signature: None,
    };
    let depot = depot(
        de_la_collectivite(),
        vec![
            avec(Message::ReponseCourrierSimple(courrier(None, 1)), 1),
            // A second answer about the same act: its files must not take the names of the first.
            avec(Message::ReponseCourrierSimple(courrier(None, 1)), 1),
            avec(Message::PieceComplementaire(courrier(None, 1)), 2),
            avec(Message::ArLettreObservations(courrier(None, 0)), 0),
            avec(Message::Annulation(messages::Annulation { id_acte: id().into() }), 0),
            avec(Message::DemandeClassification(Some(Date::constant(2024, 1, 1))), 0),
        ],
    );
    let (lot, noms) = relit_archive(&depot.archive().unwrap());
    let acte = "045-214502494-20240229-DEL2024_01-DE";
    let attendus = [
        "TACT--214502494--20241230-3.xml".to_owned(),
        format!("{acte}-2-2_0.xml"),
        format!("{acte}-2-2_1.pdf"),
        format!("{acte}-2-2_2.xml"),
        format!("{acte}-2-2_3.pdf"),
        format!("{acte}-3-4_0.xml"),
        format!("{acte}-3-4_1.pdf"),
        format!("{acte}-3-4_2.pdf"),
        format!("{acte}-4-2_0.xml"),
        format!("{acte}-6-1_0.xml"),
        "045-214502494----7-1_0.xml".to_owned(),
    ];
    assert_eq!(noms, attendus);
    assert!(noms.iter().all(|nom| nom::is_normalise(nom)));
    let pieces = &lot.messages[2];
    assert_eq!((pieces.documents.len(), pieces.identifiants.date_courrier), (2, Some(Date::constant(2024, 3, 5))));
}

#[test]
fn the_prefecture_sends_its_own_archives() {
    let sans = |message| MessageADeposer { message, fichiers: Vec::new(), signature: None };
    let document =
        FichierSigne { nom: "99_DE-045-214502494-20240229-DEL2024_01-DE-1-1_1.pdf".to_owned(), signature: None };
    let acte = Acte { document, ..modele() };
    let ar = ArActe {
        id_acte: id().into(),
        date_reception: Date::constant(2024, 3, 1),
        acte: acte.clone().into(),
        classification_en_cours: acte.classification_date,
    };
    let anomalie = AnomalieActe {
        date: Some(Date::constant(2024, 3, 1)),
        nature: 2,
        detail: Some("ODT-VERIF-01".to_owned()),
        acte: acte.clone().into(),
        classification_en_cours: acte.classification_date,
    };
    let defere = DefereTa {
        id_acte: id().into(),
        date_depot: Some(Date::constant(2024, 4, 1)),
        nature_illegalite: Some("Incompétence".to_owned()),
        pieces: Vec::new(),
    };
    let piece = FichierADeposer { type_pj: None, ..fichier("recours") };
    let depot = depot(
        de_la_sous_prefecture(),
        vec![
            sans(Message::ArActe(Box::new(ar))),
            sans(Message::AnomalieActe(Box::new(anomalie))),
            MessageADeposer { message: Message::DefereTa(defere), fichiers: vec![piece; 2], signature: None },
            sans(Message::ReponseClassificationSansChangement(Some(Date::constant(2024, 1, 1)))),
        ],
    );
    let archive = depot.archive().unwrap();
    assert_eq!(archive.nom, "GRF-TACT--SPREF0452-214502494-20241230-3.tar.gz");
    let (lot, noms) = relit_archive(&archive);
    assert_eq!(noms[0], "TACT--SPREF0452-214502494-20241230-3.xml");
    assert_eq!(noms[2], "045-214502494-20240229-DEL2024_01-DE-1-3_0.xml");
    assert!(noms.iter().all(|nom| nom::is_normalise(nom)));
    assert_eq!(lot.messages[1].id_acte, Some(id()), "a 1-3 has no IDActe of its own");
    assert_eq!(lot.messages[2].documents.len(), 2);
    let enveloppe = nom::NomEnveloppe::parse("EACT--210703385--20170612-2.xml").unwrap();
    assert_eq!(enveloppe.nom_anomalie(), "ANO_EACT--210703385--20170612-2.xml");
}

#[test]
fn a_submission_that_would_be_wrong_is_not_made() {
    let cl = de_la_collectivite;
    let seul = |message| vec![MessageADeposer { message, fichiers: Vec::new(), signature: None }];
    let autre: IdActe = "045-210703385-20240229-N1-DE".parse().unwrap();
    for (depot, code) in [
        (depot(cl(), vec![]), "ecriture-champ"),
        (depot(cl(), vec![acte_a_deposer("N1"), acte_a_deposer("N1")]), "ecriture-champ"),
        (depot(de_la_sous_prefecture(), vec![acte_a_deposer("N1")]), "ecriture-sens"),
        (depot(cl(), seul(Message::ReponseClassificationSansChangement(None))), "ecriture-sens"),
        // About another's act; an act without its file; a file that the message does not cite.
        (depot(cl(), seul(Message::Annulation(messages::Annulation { id_acte: autre.into() }))), "ecriture-champ"),
        (depot(cl(), vec![MessageADeposer { fichiers: vec![], ..acte_a_deposer("N1") }]), "ecriture-champ"),
        (
            depot(
                cl(),
                vec![MessageADeposer {
                    message: Message::Annulation(messages::Annulation { id_acte: id().into() }),
                    fichiers: vec![fichier("x")],
                    signature: None,
                }],
            ),
            "ecriture-champ",
        ),
        (Depot { generation: Generation::Gen1, ..depot(cl(), vec![acte_a_deposer("N1")]) }, "ecriture-relecture"),
    ] {
        assert_eq!(depot.archive().unwrap_err().code(), code, "{depot:?}");
    }
    let annexes = vec![FichierADeposer { octets: Vec::new(), ..fichier("") }; super::super::archive::ENTRIES_MAX];
    let trop = MessageADeposer { fichiers: annexes, ..acte_a_deposer("N1") };
    assert_eq!(depot(cl(), vec![trop]).archive().unwrap_err().code(), "archive-entries");
}
