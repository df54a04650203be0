#![allow(clippy::unwrap_used)]

use greffe_events::ident::{Departement, IdActe, Nature, Siren};
use proptest::option;
use proptest::prelude::*;

use super::super::enveloppe::IdCl;
use super::super::lecture::Lu;
use super::super::lot::{Lot, Role};
use super::super::message::Matieres;
use super::super::nom::{Quadrigramme, Serie, Trigramme, TypePj};
use super::*;

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

fn relu(octets: &[u8]) -> Acte {
    match message::read(octets, Date::MAX).unwrap().valeur {
        Message::Acte(acte) => *acte,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_latin_1_lacks_becomes_references() {
    let objet = "Été à l'œuvre: \"5 €\" <& 😀> \u{85}\u{7f}\r\n\t";
    let octets = acte(&Acte { objet: objet.to_owned(), ..modele() }).unwrap();
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
        assert_eq!(acte(&valeur).unwrap_err().code(), code, "{valeur:?}");
    }
    assert!(acte(&Acte { document: xml("<s xmlns='urn:x'>é</s>"), ..modele() }).is_ok());
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

fn fichier(nom: &str) -> FichierADeposer {
    FichierADeposer {
        type_pj: TypePj::new("99_DE"),
        extension: "pdf".to_owned(),
        octets: nom.as_bytes().to_vec(),
        signature: None,
    }
}

fn depot(date: Date, numeros: &[&str]) -> Depot {
    let acte = |numero: &&str| ActeADeposer {
        acte: Acte { numero: numero.parse().unwrap(), numero_brut: (*numero).to_owned(), ..modele() },
        document: fichier("acte"),
        annexes: vec![fichier("annexe")],
    };
    Depot {
        trigramme: Trigramme::new("GRF").unwrap(),
        quadrigramme: Quadrigramme::Test,
        emetteur: emetteur(),
        referent: None,
        courriels_retour: vec!["actes@commune.test".to_owned()],
        date,
        serie: Serie::new(3).unwrap(),
        actes: numeros.iter().map(acte).collect(),
        mtime_s: 1_735_600_000,
    }
}

#[test]
fn a_deposit_becomes_an_archive_that_reads_back_whole() {
    // An ISO week-based year would say 2025.
    let depot = depot(Date::constant(2024, 12, 30), &["N1", "N2"]);
    let archive = depot.archive().unwrap();
    assert_eq!(archive.nom, "GRF-TACT--214502494--20241230-3.tar.gz");
    assert_eq!(archive.octets, depot.archive().unwrap().octets, "the same deposit gives the same bytes");
    let entrees = super::super::archive::read(archive.octets.as_slice()).unwrap();
    let noms: Vec<_> = entrees.iter().map(|e| e.nom.as_str()).collect();
    assert_eq!(
        noms[..4],
        [
            "TACT--214502494--20241230-3.xml",
            "045-214502494-20240229-N1-DE-1-1_0.xml",
            "99_DE-045-214502494-20240229-N1-DE-1-1_1.pdf",
            "99_DE-045-214502494-20240229-N1-DE-1-1_2.pdf",
        ]
    );
    assert!(noms.iter().all(|nom| super::super::nom::is_normalise(nom)));
    let lot = Lot::from_entries(entrees, Date::constant(2026, 11, 20)).unwrap();
    let ids: Vec<_> = lot.messages.iter().map(|m| m.id_acte.clone().unwrap()).collect();
    assert_eq!(ids, archive.ids);
    assert!(lot.messages.iter().all(|m| m.ecarts.is_empty()) && lot.ecarts.is_empty());
    let fichiers: Vec<_> = lot.messages[1].documents.iter().map(|f| (f.role, f.octets.as_slice())).collect();
    assert_eq!(fichiers, [(Role::Document, &b"acte"[..]), (Role::Annexe, b"annexe")]);
}

#[test]
fn two_acts_of_one_identifier_or_none_make_no_deposit() {
    for numeros in [&["N1", "N1"][..], &[]] {
        assert_eq!(depot(Date::constant(2024, 3, 1), numeros).archive().unwrap_err().code(), "ecriture-champ");
    }
}

fn texte() -> impl Strategy<Value = String> {
    // Everything XML takes, with a weight on what goes wrong.
    let c = prop_oneof![
        prop::char::any().prop_filter("XML", |c| *c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')),
        prop::sample::select(vec![
            '&', '<', '>', '"', '\'', 'é', 'Ÿ', '€', '😀', '\n', '\r', '\t', ']', '\u{80}', '\u{a0}'
        ]),
    ];
    prop::collection::vec(c, 0..60).prop_map(|v| v.into_iter().collect())
}

fn un_fichier() -> impl Strategy<Value = FichierSigne> {
    ("[a-zé&<'\"_0-9]{1,20}\\.pdf", option::of(texte()))
        .prop_map(|(nom, signature)| FichierSigne { nom, signature: signature.map(Signature::Texte) })
}

prop_compose! {
    fn un_acte()(
        numero in "[A-Za-z0-9_]{1,15}",
        nature in 1u8..=6,
        niveaux in (any::<u16>(), any::<u16>(), option::of(any::<u16>()), option::of(any::<u16>())),
        objet in texte(),
        jours in 0i32..20_000,
        precedent in any::<bool>(),
        document in un_fichier(),
        annexes in prop::collection::vec(un_fichier(), 0..4),
        document_papier in option::of(any::<bool>()),
    ) -> Acte {
        let id: IdActe = "02A-214502494-20240229-N1-CC".parse().unwrap();
        Acte {
            date: Date::constant(1990, 1, 1).checked_add(jiff::Span::new().days(jours)).unwrap(),
            numero: numero.parse().unwrap(),
            numero_brut: numero,
            nature: Nature::from_code(nature).unwrap(),
            matieres: Matieres([Some(niveaux.0), Some(niveaux.1), niveaux.2, niveaux.3, None]),
            objet,
            precedent: precedent.then(|| id.into()),
            document,
            annexes,
            document_papier,
            ..modele()
        }
    }
}

proptest! {
    #[test]
    fn an_act_written_is_the_act_read(valeur in un_acte()) {
        prop_assert_eq!(relu(&acte(&valeur).unwrap()), valeur);
    }

    #[test]
    fn a_receipt_written_is_the_receipt_read(valeur in un_acte()) {
        let numero = valeur.numero.clone();
        let id = IdActe { departement: "971".parse().unwrap(), siren: "214502494".parse().unwrap(), date: valeur.date, numero,
            nature: valeur.nature };
        let classification_en_cours = valeur.classification_date;
        let ar = ArActe { id_acte: id.into(), date_reception: valeur.date, acte: valeur, classification_en_cours };
        let lecture = message::read(&ar_acte(&ar).unwrap(), Date::MAX).unwrap();
        prop_assert_eq!(lecture.valeur, Message::ArActe(Box::new(ar)));
    }

    #[test]
    fn an_envelope_written_is_the_envelope_read(
        nom in option::of(texte()), telephone in option::of(texte()), formulaires in prop::collection::vec(un_fichier(), 1..4), kind in 0..4,
    ) {
        let referent = Some(Referent { nom, telephone, courriel: Some("a@b.fr".to_owned()) });
        let departement = lu::<Departement>("02B");
        let autorite = match kind {
            0 => None,
            1 => Some(Autorite::Sgar(departement)),
            2 => Some(Autorite::Prefecture(departement)),
            _ => Some(Autorite::SousPrefecture { departement, arrondissement: lu("4") }),
        };
        let valeur = match autorite {
            None => Enveloppe::ClMisill(EnveloppeClMisill {
                emetteur: emetteur(), referent, courriels_retour: vec!["a@b.fr".to_owned(); 2], formulaires,
            }),
            Some(emetteur) => Enveloppe::MisillCl(EnveloppeMisillCl {
                emetteur, referent, formulaires, destinataire: lu("214502494"),
            }),
        };
        prop_assert_eq!(enveloppe::read(&enveloppe(&valeur).unwrap()).unwrap().valeur, valeur);
    }

    #[test]
    fn no_bytes_make_the_reader_fail(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = message::read(&octets, Date::MAX);
        let _ = enveloppe::read(&octets);
    }
}
