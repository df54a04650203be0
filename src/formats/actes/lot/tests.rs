#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;

const NS: &str = "xmlns:a=\"http://www.interieur.gouv.fr/ACTES#v1.1-20040216\" xmlns:i=\"http://xml.insee.fr/schema\"";
const ENVELOPPE: &str = "EACT--214502494--20240301-1.xml";
const ACTE: &str = "045-214502494-20240229-N1-DE-1-1_0.xml";

fn jour() -> Date {
    Date::constant(2026, 11, 20)
}

fn enveloppe(siren: &str, formulaires: &[&str]) -> Vec<u8> {
    let formulaires: String = formulaires
        .iter()
        .map(|nom| format!("<a:Formulaire><a:NomFichier>{nom}</a:NomFichier></a:Formulaire>"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<a:EnveloppeCLMISILL {NS}><a:Emetteur><a:IDCL i:SIREN='{siren}' a:Departement='045' a:Arrondissement='1' \
         a:Nature='31'/></a:Emetteur><a:AdressesRetour><a:Email>a@b.example</a:Email></a:AdressesRetour>\
         <a:FormulairesEnvoyes>{formulaires}</a:FormulairesEnvoyes></a:EnveloppeCLMISILL>"
    )
    .into_bytes()
}

fn etat(siren: &str, formulaire: &str) -> Vec<u8> {
    format!(
        "<a:EnveloppeMISILLCL {NS}><a:Emetteur><a:IDPref a:Departement='045'/></a:Emetteur><a:FormulairesEnvoyes>\
         <a:Formulaire><a:NomFichier>{formulaire}</a:NomFichier></a:Formulaire></a:FormulairesEnvoyes>\
         <a:Destinataire i:SIREN='{siren}'/></a:EnveloppeMISILLCL>"
    )
    .into_bytes()
}

fn donnees(numero: &str, fichiers: &[&str]) -> String {
    let nom = |f: &&str| format!("<a:NomFichier>{f}</a:NomFichier>");
    let annexes: String =
        fichiers[1..].iter().map(|f| format!("<a:Annexe>{}</a:Annexe>", nom(f))).collect::<Vec<_>>().concat();
    format!(
        " a:Date='2024-02-29' a:NumeroInterne='{numero}' a:CodeNatureActe='1'><a:CodeMatiere1 a:CodeMatiere='9'/>\
         <a:CodeMatiere2 a:CodeMatiere='1'/><a:Objet>Voirie</a:Objet>\
         <a:ClassificationDateVersion>2023-06-01</a:ClassificationDateVersion><a:Document>{}</a:Document>\
         <a:Annexes a:Nombre='{}'>{annexes}</a:Annexes><a:DocumentPapier>N</a:DocumentPapier>",
        nom(&fichiers[0]),
        fichiers.len() - 1
    )
}

fn acte(numero: &str, fichiers: &[&str]) -> Vec<u8> {
    format!("<a:Acte {NS}{}</a:Acte>", donnees(numero, fichiers)).into_bytes()
}

fn ar(id: &str) -> Vec<u8> {
    format!(
        "<a:ARActe {NS} {id} a:DateReception='2024-03-01'><a:ActeRecu{}</a:ActeRecu>\
         <a:ClassificationDateVersionEnCours>2023-06-01</a:ClassificationDateVersionEnCours></a:ARActe>",
        donnees("N1", &["a.pdf"])
    )
    .into_bytes()
}

fn lot(fichiers: &[(&str, Vec<u8>)]) -> Result<Lot, LotError> {
    Lot::from_entries(fichiers.iter().map(|(nom, octets)| ((*nom).to_owned(), octets.clone())), jour())
}

fn codes(ecarts: &[Ecart]) -> Vec<&'static str> {
    ecarts.iter().map(Ecart::code).collect()
}

fn pdf() -> Vec<u8> {
    b"%PDF-1.7".to_vec()
}

#[test]
fn two_acts_in_one_envelope_each_get_their_files_and_identifier() {
    let second = "045-214502494-20240229-N2-DE-1-1_0.xml";
    let lot = lot(&[
        ("b.pdf", b"annexe".to_vec()),
        ("a.pdf", pdf()),
        (second, acte("N2", &["c.pdf"])),
        ("c.pdf", b"c".to_vec()),
        (ACTE, acte("N1", &["a.pdf", "b.pdf"])),
        ("lisezmoi.txt", b"?".to_vec()),
        (ENVELOPPE, enveloppe("214502494", &[ACTE, second])),
    ])
    .unwrap();
    assert_eq!(lot.enveloppe.as_ref().unwrap().nom, ENVELOPPE);
    let ids: Vec<_> = lot.messages.iter().map(|m| m.id_acte.as_ref().unwrap().to_string()).collect();
    assert_eq!(ids, ["045-214502494-20240229-N1-DE", "045-214502494-20240229-N2-DE"]);
    let fichiers: Vec<_> = lot.messages[0].documents.iter().map(|f| (f.role, f.nom.as_str())).collect();
    assert_eq!(fichiers, [(Role::Document, "a.pdf"), (Role::Annexe, "b.pdf")]);
    assert_eq!(lot.messages[0].documents[1].octets, b"annexe");
    assert_eq!(lot.messages[0].octets, acte("N1", &["a.pdf", "b.pdf"]), "bytes are kept as received");
    assert_eq!(lot.messages.iter().flat_map(|m| codes(&m.ecarts)).collect::<Vec<_>>(), [""; 0]);
    assert_eq!((lot.autres[0].nom.as_str(), codes(&lot.ecarts)), ("lisezmoi.txt", vec!["non-reference"]));
}

#[test]
fn a_folder_gives_the_same_as_an_archive() {
    let fichiers = [(ENVELOPPE, enveloppe("214502494", &[ACTE])), (ACTE, acte("N1", &["a.pdf"])), ("a.pdf", pdf())];
    let dossier: BTreeMap<String, Vec<u8>> = fichiers.iter().map(|(n, o)| ((*n).to_owned(), o.clone())).collect();
    assert_eq!(Lot::from_entries(dossier, jour()).unwrap(), lot(&fichiers).unwrap());
}

#[test]
fn the_envelope_is_known_by_its_root_not_by_its_name() {
    let lot = lot(&[("x.xml", enveloppe("214502494", &[ACTE])), (ACTE, acte("N1", &["a.pdf"])), ("a.pdf", pdf())]);
    assert_eq!(lot.unwrap().enveloppe.unwrap().nom, "x.xml");
}

#[test]
fn what_is_not_a_whole_submission_is_refused_and_named() {
    let e = || enveloppe("214502494", &[ACTE]);
    let a = || acte("N1", &["a.pdf"]);
    let dtd = b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>".to_vec();
    for (fichiers, code, nomme) in [
        (vec![], "enveloppe-absente", ""),
        (vec![(ACTE, a()), ("a.pdf", pdf())], "enveloppe-absente", ""),
        (vec![(ENVELOPPE, e()), ("x.xml", e()), (ACTE, a()), ("a.pdf", pdf())], "enveloppe-multiple", "x.xml"),
        (vec![(ENVELOPPE, e()), ("a.pdf", pdf())], "fichier-manquant", ACTE),
        (vec![(ENVELOPPE, e()), (ACTE, a())], "fichier-manquant", "a.pdf"),
        (
            vec![(ENVELOPPE, e()), (ACTE, acte("N1", &["a.pdf", "b.pdf"])), ("a.pdf", pdf())],
            "fichier-manquant",
            "b.pdf",
        ),
        (vec![(ENVELOPPE, e()), (ACTE, acte("N1", &["a.pdf", "a.pdf"])), ("a.pdf", pdf())], "fichier-repete", "a.pdf"),
        (vec![(ENVELOPPE, e()), (ACTE, acte("N1", &[ACTE]))], "fichier-repete", ACTE),
        (
            vec![(ENVELOPPE, enveloppe("214502494", &[ACTE, ACTE])), (ACTE, a()), ("a.pdf", pdf())],
            "fichier-repete",
            ACTE,
        ),
        (vec![(ENVELOPPE, e()), (ACTE, b"<x/>".to_vec())], "xml-racine", ACTE),
        (vec![(ENVELOPPE, e()), (ACTE, dtd.clone())], "xml-dtd", ACTE),
        (vec![(ENVELOPPE, dtd), (ACTE, a())], "xml-dtd", ENVELOPPE),
        (vec![(ENVELOPPE, b"not XML".to_vec()), (ACTE, a())], "xml-malformed", ENVELOPPE),
        (vec![("../x.xml", e())], "archive-path", "../x.xml"),
        (vec![("a.pdf", pdf()), ("a.pdf", pdf())], "archive-duplicate", "a.pdf"),
    ] {
        let error = lot(&fichiers).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(nomme), "{error}");
    }
}

#[test]
fn a_dtd_in_an_annex_is_not_our_concern() {
    let svg = b"<!DOCTYPE svg><svg/>".to_vec();
    let lot = lot(&[
        (ENVELOPPE, enveloppe("214502494", &[ACTE])),
        (ACTE, acte("N1", &["a.pdf", "plan.xml"])),
        ("a.pdf", pdf()),
        ("plan.xml", svg.clone()),
    ]);
    assert_eq!(lot.unwrap().messages[0].documents[1].octets, svg);
}

#[test]
fn neither_markup_in_a_pdf_nor_a_long_preamble_hides_the_envelope() {
    let pdf = [b"%PDF-1.7 ".to_vec(), enveloppe("214502494", &[ACTE])].concat();
    let preambule = [format!("<!--{}-->", "x".repeat(20_000)).into_bytes(), enveloppe("214502494", &[ACTE])].concat();
    let lot = lot(&[(ENVELOPPE, preambule), (ACTE, acte("N1", &["a.pdf"])), ("a.pdf", pdf)]).unwrap();
    assert_eq!((lot.enveloppe.unwrap().nom.as_str(), lot.messages[0].documents.len()), (ENVELOPPE, 1));
}

#[test]
fn the_xml_decides_and_the_name_is_only_compared() {
    let nom = "02A-214502494-20240301-N2-AR-1-2_12345.xml";
    let lot = lot(&[(ENVELOPPE, enveloppe("214502494", &[nom])), (nom, acte("N1", &["a.pdf"])), ("a.pdf", pdf())]);
    let message = lot.unwrap().messages.remove(0);
    assert_eq!(message.id_acte.unwrap().to_string(), "045-214502494-20240229-N1-DE");
    let mut expected = vec!["ordre-long"];
    expected.extend(["nom-different"; 5]);
    assert_eq!(codes(&message.ecarts), expected);
}

#[test]
fn without_a_valid_siren_there_is_no_identifier() {
    let lot = lot(&[(ENVELOPPE, enveloppe("214502495", &[ACTE])), (ACTE, acte("N1", &["a.pdf"])), ("a.pdf", pdf())]);
    let message = lot.unwrap().messages.remove(0);
    assert_eq!((message.id_acte, codes(&message.ecarts)), (None, vec!["sans-identifiant"]));
}

#[test]
fn a_receipt_needs_no_copy_of_the_act_and_finds_its_identifier() {
    let id = "a:IDActe='045-214502494-20240229-N1-DE'";
    let nom = "045-214502494-20240229-N1-DE-1-2_0.xml";
    for (destinataire, id, nom, attendu, ecarts) in [
        ("214502494", id, nom, Some("045-214502494-20240229-N1-DE"), vec![]),
        ("210703385", id, nom, Some("045-214502494-20240229-N1-DE"), vec!["autre-destinataire"]),
        ("214502494", "", nom, Some("045-214502494-20240229-N1-DE"), vec!["absent", "id-acte-deduit"]),
        ("214502494", "", "02A-----1-2_0.xml", Some("02A-214502494-20240229-N1-DE"), vec!["absent", "id-acte-deduit"]),
        ("214502494", "", "ar.xml", Some("045-214502494-20240229-N1-DE"), vec!["absent", "id-acte-deduit"]),
        ("214502495", "", "ar.xml", None, vec!["absent", "sans-identifiant"]),
    ] {
        let mut lot = lot(&[("e.xml", etat(destinataire, nom)), (nom, ar(id))]).unwrap();
        let message = lot.messages.remove(0);
        assert_eq!(message.id_acte.map(|id| id.to_string()).as_deref(), attendu, "{nom}");
        assert_eq!((codes(&message.ecarts), message.documents.len()), (ecarts, 0), "{nom}");
    }
}

#[test]
fn a_message_may_come_alone() {
    let id = "a:IDActe='045-214502494-20240229-N1-DE'";
    let lot = Lot::from_message("ar.xml".to_owned(), ar(id), jour()).unwrap();
    assert_eq!(lot.messages[0].id_acte.as_ref().unwrap().to_string(), "045-214502494-20240229-N1-DE");
    assert!(lot.enveloppe.is_none() && lot.messages[0].ecarts.is_empty());
    let seul = Lot::from_message(ACTE.to_owned(), acte("N1", &["a.pdf"]), jour());
    assert_eq!(seul.unwrap_err().code(), "fichier-manquant");
}

#[test]
fn other_messages_keep_their_files_and_an_anomaly_travels_alone() {
    let courrier = "045-214502494-20240229-N1-DE-2-1_17.xml";
    let octets = format!(
        "<a:CourrierSimple {NS} a:IDActe='045-214502494-20240229-N1-DE' a:DateCourrierPref='2024-03-05'><a:Document>\
         <a:NomFichier>lettre.pdf</a:NomFichier></a:Document></a:CourrierSimple>"
    );
    let fichiers = [("e.xml", etat("214502494", courrier)), (courrier, octets.into_bytes()), ("lettre.pdf", pdf())];
    let complet = lot(&fichiers).unwrap();
    assert_eq!(complet.messages[0].message.code(), CodeMessage::CourrierSimple);
    assert_eq!((complet.messages[0].documents.len(), complet.autres.len()), (1, 0));
    assert!(complet.messages[0].id_acte.is_some());
    assert_eq!(lot(&fichiers[..2]).unwrap_err().code(), "fichier-manquant");

    let ano = format!("<a:AnomalieEnveloppe {NS}><a:NomFichier>{ACTE}</a:NomFichier></a:AnomalieEnveloppe>");
    let seule = lot(&[("ANO_EACT--214502494--20240301-1.xml", ano.into_bytes())]).unwrap();
    assert_eq!(seule.messages[0].message.code(), CodeMessage::AnomalieEnveloppe);
    assert!(seule.enveloppe.is_none());
}
