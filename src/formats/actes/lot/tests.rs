#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use greffe_events::ident::Nature;

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

const ID: &str = "045-214502494-20240229-N1-DE";
const COURRIER: &str = "045-214502494-20240229-N1-DE-2-1_17.xml";

fn courrier() -> Vec<u8> {
    format!(
        "<a:CourrierSimple {NS} a:IDActe='{ID}' a:DateCourrierPref='2024-03-05'><a:Document>\
         <a:NomFichier>lettre.pdf</a:NomFichier></a:Document></a:CourrierSimple>"
    )
    .into_bytes()
}

fn anomalie(nature: &str) -> Vec<u8> {
    format!(
        "<a:AnomalieActe {NS}><a:Date>2024-03-02</a:Date><a:Nature>{nature}</a:Nature><a:ActeRecu{}</a:ActeRecu>\
         <a:ClassificationDateVersionEnCours>2023-06-01</a:ClassificationDateVersionEnCours></a:AnomalieActe>",
        donnees("N1", &["99_DE-a.pdf", "b.pdf"])
    )
    .into_bytes()
}

#[test]
fn letters_keep_their_files() {
    let fichiers = [("e.xml", etat("214502494", COURRIER)), (COURRIER, courrier()), ("lettre.pdf", pdf())];
    let complet = lot(&fichiers).unwrap();
    assert_eq!(complet.messages[0].message.code(), CodeMessage::CourrierSimple);
    assert_eq!((complet.messages[0].documents.len(), complet.autres.len()), (1, 0));
    assert!(complet.messages[0].id_acte.is_some());
}

#[test]
fn what_the_state_sends_and_can_not_be_taken_is_set_apart_with_what_tells_its_act() {
    let mauvaise = "034-214502494-20240229-N1-DE-1-3_0.xml";
    let formulaires = format!("{COURRIER}</a:NomFichier></a:Formulaire><a:Formulaire><a:NomFichier>{mauvaise}");
    let enveloppe = etat("214502494", &formulaires);
    let nom = "EACT--PREF045-214502494-20240306-1.xml";
    let bonne = (COURRIER, courrier());
    for (mut fichiers, lus, refuse, code) in [
        (
            vec![bonne.clone(), (mauvaise, anomalie("ERREUR2")), ("lettre.pdf", pdf())],
            1,
            mauvaise,
            "anomalie-nature-illisible",
        ),
        (vec![bonne.clone(), (mauvaise, anomalie("2"))], 1, COURRIER, "fichier-manquant"),
        (vec![bonne.clone(), ("lettre.pdf", pdf())], 1, mauvaise, "fichier-manquant"),
        (vec![(COURRIER, pdf()), ("lettre.pdf", pdf()), (mauvaise, anomalie("2"))], 1, COURRIER, "xml-malformed"),
    ] {
        fichiers.push((nom, enveloppe.clone()));
        let lot = lot(&fichiers).unwrap();
        assert_eq!((lot.messages.len(), lot.refuses.len()), (lus, 1), "{refuse} {code}");
        let trouve = &lot.refuses[0];
        assert_eq!((trouve.nom.as_str(), trouve.code), (refuse, code), "{}", trouve.detail);
        let attendus = fichiers.iter().find(|(nom, _)| *nom == refuse).map(|(_, octets)| octets.clone());
        assert_eq!(trouve.octets, attendus, "bytes are kept");
        let Identifiants { siren, nom, enveloppe, .. } = &trouve.identifiants;
        assert_eq!(siren.unwrap().as_str(), "214502494");
        assert_eq!(nom.as_ref().unwrap().numero.as_deref(), Some("N1"));
        assert_eq!(enveloppe.as_ref().unwrap().date, Date::constant(2024, 3, 6));
    }
    // Alone, whoever has the file has its bytes: the error says all.
    let seule = Lot::from_message(mauvaise.to_owned(), anomalie("ERREUR2"), jour()).unwrap_err();
    assert_eq!(seule.code(), "anomalie-nature-illisible");
}

#[test]
fn a_refusal_names_no_act_and_is_identified_by_what_it_repeats() {
    let nomme = "045-214502494----1-3_1.xml";
    for (nom, departement, siren, id, ecarts) in [
        (nomme, "045", "214502494", Some(ID), vec![]),
        ("034-214502494----1-3_1.xml", "045", "214502494", Some("034-214502494-20240229-N1-DE"), vec![]),
        ("ano.xml", "045", "214502494", Some(ID), vec!["id-acte-deduit"]),
        (nomme, "045", "214502495", None, vec!["sans-identifiant"]),
    ] {
        let enveloppe = String::from_utf8(etat(siren, nom)).unwrap().replace("'045'", &format!("'{departement}'"));
        let mut lot = lot(&[("e.xml", enveloppe.into_bytes()), (nom, anomalie("002"))]).unwrap();
        let message = lot.messages.remove(0);
        assert_eq!(message.id_acte.map(|id| id.to_string()).as_deref(), id, "{nom} {siren}");
        assert_eq!((codes(&message.ecarts), message.documents.len()), (ecarts, 0), "{nom} {siren}");
        let Identifiants { date, numero, nature, cites, id_acte, .. } = message.identifiants;
        assert_eq!(
            (date, numero.unwrap().as_str(), nature),
            (Some(Date::constant(2024, 2, 29)), "N1", Some(Nature::De))
        );
        assert_eq!((cites.as_slice(), id_acte), (&["99_DE-a.pdf".to_owned(), "b.pdf".to_owned()][..], None));
    }
}

#[test]
fn every_identifier_of_a_letter_stands_beside_where_it_was_read() {
    let nom = "02A-210703385-20240301-N2-AR-2-1_17.xml";
    let enveloppe = "EACT--SPREF0452-214502494-20240306-7.xml";
    let sous_pref = String::from_utf8(etat("214502494", nom)).unwrap();
    let sous_pref =
        sous_pref.replace("IDPref a:Departement='045'", "IDSousPref a:Departement='045' a:Arrondissement='2'");
    let fichiers = [(enveloppe, sous_pref.into_bytes()), (nom, courrier()), ("lettre.pdf", pdf())];
    let message = lot(&fichiers).unwrap().messages.remove(0);
    let Identifiants {
        id_acte, siren, departement, arrondissement, date, date_courrier, nom, enveloppe, cites, ..
    } = message.identifiants;
    assert_eq!((id_acte.unwrap().brut.as_str(), siren.unwrap().as_str()), (ID, "214502494"));
    assert_eq!((departement.unwrap().as_str(), arrondissement, date), ("045", Some(2), None));
    assert_eq!(date_courrier, Some(Date::constant(2024, 3, 5)));
    let nom = nom.unwrap();
    assert_eq!(
        (nom.siren.unwrap().as_str(), nom.date, nom.nature),
        ("210703385", Some(Date::constant(2024, 3, 1)), Some(Nature::Ar))
    );
    assert_eq!((enveloppe.unwrap().serie.get(), cites), (7, vec!["lettre.pdf".to_owned()]));
    // The name contradicts the XML in all: noted, and the XML decides.
    assert_eq!(
        (message.id_acte.unwrap().to_string(), codes(&message.ecarts)),
        (ID.to_owned(), vec!["nom-different"; 5])
    );
}

#[test]
fn a_message_about_no_act_has_no_identifier_and_needs_none() {
    let nom = "045-214502494----7-3_1.xml";
    let octets = format!(
        "<a:ReponseClassificationSansChangement {NS}><a:DateClassification>2024-01-01</a:DateClassification>\
         </a:ReponseClassificationSansChangement>"
    );
    let message = lot(&[("e.xml", etat("214502494", nom)), (nom, octets.into_bytes())]).unwrap().messages.remove(0);
    assert_eq!((message.id_acte, codes(&message.ecarts)), (None, vec![]));
    assert_eq!(message.identifiants.siren.unwrap().as_str(), "214502494");
}

#[test]
fn an_anomaly_of_an_envelope_travels_alone_and_names_it() {
    let recue = String::from_utf8(enveloppe("214502494", &[ACTE])).unwrap();
    let recue = recue.replace("EnveloppeCLMISILL", "EnveloppeRecue");
    let ano = format!(
        "<a:AnomalieEnveloppe {NS}><a:Date>2024-03-02</a:Date><a:Nature>5</a:Nature>{recue}</a:AnomalieEnveloppe>"
    );
    let nom = "ANO_EACT--214502494--20240301-1.xml";
    let seule = lot(&[(nom, ano.clone().into_bytes())]).unwrap();
    assert_eq!(Lot::from_message(nom.to_owned(), ano.clone().into_bytes(), jour()).unwrap(), seule);
    assert!(seule.enveloppe.is_none());
    let message = &seule.messages[0];
    assert_eq!((message.message.code(), codes(&message.ecarts)), (CodeMessage::AnomalieEnveloppe, vec![]));
    let Identifiants { siren, departement, enveloppe, cites, .. } = &message.identifiants;
    assert_eq!((siren.unwrap().as_str(), departement.unwrap().as_str()), ("214502494", "045"));
    assert_eq!(enveloppe.as_ref().unwrap().to_string(), ENVELOPPE);
    assert_eq!(cites.as_slice(), [ACTE]);
    let illisible = lot(&[(nom, ano.replace(">5<", ">ERREUR<").into_bytes())]).unwrap();
    assert_eq!((illisible.messages.len(), illisible.refuses[0].code), (0, "anomalie-nature-illisible"));
}
