//! ACTES archives of our own: second generation, ISO-8859-1, as S²LOW would write them.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};

use greffe::formats::actes::archive::{self, Entree};

fn stem(departement: &str, collectivite: &str, numero: &str) -> String {
    format!("{departement}-{}-20260717-{numero}-AI", &collectivite[10..])
}

/// The subject of the act of [`sample`].
pub fn subject(departement: &str, collectivite: &str, numero: &str) -> String {
    format!("acte/{}", stem(departement, collectivite, numero))
}

/// An archive with one individual act of that collectivité.
pub fn sample(dir: &Path, departement: &str, collectivite: &str, numero: &str) -> PathBuf {
    let siren = &collectivite[10..];
    let stem = format!("{}-1-1", stem(departement, collectivite, numero));
    let acte = format!(
        r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<actes:Acte xmlns:actes="http://www.interieur.gouv.fr/ACTES#v1.1-20040216" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" actes:Date="2026-07-17" actes:NumeroInterne="{numero}" actes:CodeNatureActe="3">
 <actes:CodeMatiere1 actes:CodeMatiere="4"/><actes:CodeMatiere2 actes:CodeMatiere="2"/>
 <actes:Objet>Titularisation d'un agent du service des espaces verts, à compter du 1er août</actes:Objet>
 <actes:ClassificationDateVersion>2026-01-01</actes:ClassificationDateVersion>
 <actes:Document><actes:NomFichier>99_AI-{stem}_1.pdf</actes:NomFichier></actes:Document>
 <actes:Annexes actes:Nombre="0"/>
 <actes:DocumentPapier xsi:nil="true"/>
</actes:Acte>"#
    );
    let enveloppe = format!(
        r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<actes:EnveloppeCLMISILL xmlns:actes="http://www.interieur.gouv.fr/ACTES#v1.1-20040216" xmlns:insee="http://xml.insee.fr/schema">
 <actes:Emetteur><actes:IDCL insee:SIREN="{siren}" actes:Departement="{departement}" actes:Arrondissement="1" actes:Nature="31"/>
  <actes:Referent><actes:Nom>Secrétariat</actes:Nom><actes:Telephone>0000000000</actes:Telephone><actes:Email>mairie@example.org</actes:Email></actes:Referent></actes:Emetteur>
 <actes:AdressesRetour><actes:Email>mairie@example.org</actes:Email></actes:AdressesRetour>
 <actes:FormulairesEnvoyes><actes:Formulaire><actes:NomFichier>{stem}_0.xml</actes:NomFichier></actes:Formulaire></actes:FormulairesEnvoyes>
</actes:EnveloppeCLMISILL>"#
    );
    let latin1 = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let entries = [
        Entree { nom: format!("TACT--{siren}--20260717-1.xml"), octets: latin1(&enveloppe) },
        Entree { nom: format!("{stem}_0.xml"), octets: latin1(&acte) },
        Entree { nom: format!("99_AI-{stem}_1.pdf"), octets: b"%PDF-1.7\nacte individuel\n".to_vec() },
    ];
    write(dir, &format!("GRF-TACT--{siren}--20260717-{numero}.tar.gz"), &entries)
}

/// An archive of any entries.
pub fn write(dir: &Path, nom: &str, entries: &[Entree]) -> PathBuf {
    let mut octets = Vec::new();
    archive::write(entries, 0, &mut octets).unwrap();
    let path = dir.join(nom);
    std::fs::write(&path, octets).unwrap();
    path
}

/// The prefecture's acknowledgement of it, as the file that it sends.
pub fn accuse(dir: &Path, departement: &str, collectivite: &str, numero: &str) -> PathBuf {
    let id = stem(departement, collectivite, numero);
    let ar = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<actes:ARActe xmlns:actes="http://www.interieur.gouv.fr/ACTES#v1.1-20040216" actes:IDActe="{id}" actes:DateReception="2026-07-18">
 <actes:ActeRecu actes:Date="2026-07-17" actes:NumeroInterne="{numero}" actes:CodeNatureActe="3">
 <actes:CodeMatiere1 actes:CodeMatiere="4"/><actes:CodeMatiere2 actes:CodeMatiere="2"/><actes:Objet>Titularisation</actes:Objet>
 <actes:ClassificationDateVersion>2026-01-01</actes:ClassificationDateVersion>
 <actes:Document><actes:NomFichier>99_AI-{id}-1-1_1.pdf</actes:NomFichier></actes:Document><actes:Annexes actes:Nombre="0"/><actes:DocumentPapier>N</actes:DocumentPapier></actes:ActeRecu>
 <actes:ClassificationDateVersionEnCours>2026-01-01</actes:ClassificationDateVersionEnCours></actes:ARActe>"#
    );
    let path = dir.join(format!("{id}-1-2_1.xml"));
    std::fs::write(&path, ar).unwrap();
    path
}
