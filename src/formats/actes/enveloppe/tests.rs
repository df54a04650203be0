#![allow(clippy::unwrap_used)]

use super::*;
use crate::formats::actes::Ecart;

const CL: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>
<a:EnveloppeCLMISILL xmlns:a=\"http://www.interieur.gouv.fr/ACTES#v1.1-20040216\" xmlns:i=\"http://xml.insee.fr/schema\">
 <a:Emetteur>
  <a:IDCL i:SIREN=\"214502494\" a:Departement=\"045\" a:Arrondissement=\"1\" a:Nature=\"31\"/>
  <a:Referent><a:Nom>Service des assembl\u{e9}es</a:Nom><a:Telephone></a:Telephone></a:Referent>
 </a:Emetteur>
 <a:AdressesRetour><a:Email>actes@commune.example</a:Email><a:Email>actes@commune.example</a:Email></a:AdressesRetour>
 <a:FormulairesEnvoyes><a:Formulaire><a:NomFichier>m.xml</a:NomFichier></a:Formulaire></a:FormulairesEnvoyes>
</a:EnveloppeCLMISILL>";

const ETAT: &str = "<EnveloppeMISILLCL xmlns=\"http://www.interieur.gouv.fr/ACTES#v1.1-20040216\"
 xmlns:a=\"http://www.interieur.gouv.fr/ACTES#v1.1-20040216\" xmlns:i=\"http://xml.insee.fr/schema\">
 <Emetteur><IDSousPref a:Departement=\"02A\" a:Arrondissement=\"2\"/></Emetteur>
 <FormulairesEnvoyes><Formulaire><NomFichier>r.xml</NomFichier></Formulaire></FormulairesEnvoyes>
 <Destinataire i:SIREN=\"214502494\"/>
</EnveloppeMISILLCL>";

/// The text in ISO-8859-1.
fn latin_1(texte: &str) -> Vec<u8> {
    texte.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn lit(texte: &str) -> (Enveloppe, Vec<&'static str>) {
    let lecture = read(&latin_1(texte)).unwrap();
    (lecture.valeur, lecture.ecarts.iter().map(Ecart::code).collect())
}

#[test]
fn a_collectivite_says_who_sends_and_what() {
    let (enveloppe, codes) = lit(CL);
    assert_eq!(codes, [""; 0]);
    let Enveloppe::ClMisill(cl) = &enveloppe else { panic!("{enveloppe:?}") };
    assert_eq!(enveloppe.siren().brut, "214502494");
    assert_eq!(cl.emetteur.departement.valeur.unwrap().as_str(), "045");
    assert_eq!((cl.emetteur.arrondissement.valeur, cl.emetteur.nature.valeur), (Some(1), Some(31)));
    let referent = cl.referent.as_ref().unwrap();
    assert_eq!(referent.nom.as_deref(), Some("Service des assemblées"));
    assert_eq!((referent.telephone.as_deref(), referent.courriel.as_deref()), (Some(""), None));
    assert_eq!(cl.courriels_retour.len(), 2, "repeated return addresses occur");
    assert_eq!(enveloppe.formulaires()[0].nom, "m.xml");
}

#[test]
fn the_state_writes_from_three_kinds_of_authority() {
    let (enveloppe, codes) = lit(ETAT);
    assert_eq!(codes, [""; 0]);
    let Enveloppe::MisillCl(etat) = &enveloppe else { panic!("{enveloppe:?}") };
    assert!(
        matches!(&etat.emetteur, Autorite::SousPrefecture { arrondissement, .. } if arrondissement.valeur == Some(2))
    );
    for (element, attendu) in [("IDPref", "02A"), ("IDSGAR", "02A")] {
        let (enveloppe, _) = lit(&ETAT.replace("IDSousPref", element).replace("a:Arrondissement=\"2\"", ""));
        let Enveloppe::MisillCl(etat) = &enveloppe else { panic!("{element}") };
        assert!(!matches!(etat.emetteur, Autorite::SousPrefecture { .. }));
        assert_eq!(etat.emetteur.departement().brut, attendu);
    }
}

#[test]
fn gaps_are_said_and_only_a_sender_and_messages_are_essential() {
    for (ancien, nouveau, codes) in [
        ("214502494", "214502495", vec!["siren-invalide"]),
        ("\"045\"", "\"45\"", vec!["illisible"]),
        (" a:Departement=\"045\"", "", vec!["absent"]),
        ("Nature=\"31\"", "Nature=\"3\"", vec!["illisible"]),
        ("i:SIREN", "SIREN", vec!["attribut-sans-espace"]),
    ] {
        assert_eq!(lit(&CL.replace(ancien, nouveau)).1, codes, "{nouveau}");
    }
    for (ancien, nouveau, code) in [
        ("i:SIREN=\"214502494\"", "", "xml-missing"),
        ("IDCL", "IDXX", "xml-missing"),
        ("a:FormulairesEnvoyes", "a:Formulaires", "xml-missing"),
        ("<a:Formulaire><a:NomFichier>m.xml</a:NomFichier></a:Formulaire>", "", "xml-missing"),
        ("EnveloppeCLMISILL", "Enveloppe", "xml-racine"),
    ] {
        assert_eq!(read(&latin_1(&CL.replace(ancien, nouveau))).unwrap_err().code(), code, "{nouveau}");
    }
}
