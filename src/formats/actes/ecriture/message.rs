//! The messages, each shape in the order of the schema.

use greffe_events::ident::{IdActe, NUMERO_CHARS_MAX};

use super::super::classification::{Classification, MatiereClassee};
use super::super::enveloppe::EnveloppeClMisill;
use super::super::lecture::Lu;
use super::super::message::anomalie::NATURES_ENVELOPPE;
use super::super::message::courrier::{Documents, Forme};
use super::super::message::{
    Acte, ActeRecu, AnomalieActe, AnomalieEnveloppe, ArActe, ArReponse, CodeMessage, Courrier, CourrierPref, DefereTa,
    Generation, Message, OBJET_CHARS_MAX,
};
use super::page::Page;
use super::{EcritureError, date, departement, enveloppe, valeur};

const IDENTIFIANT: &str = "actes:IDActe";
const RECEPTION: &str = "actes:DateReception";

/// The attributes of a root, then its content.
pub(super) fn message(message: &Message, generation: Generation) -> Result<Vec<u8>, EcritureError> {
    let id = message.id_acte().map(|lu| id_acte(lu, generation)).transpose()?.unwrap_or_default();
    let racine = message.code().racine();
    match message {
        Message::Acte(acte) => {
            let attributs = attributs_acte(acte, generation)?;
            Page::document(racine, &emprunte(&attributs), generation, |page| donnees_acte(page, acte))
        }
        Message::ArActe(ar) => {
            let ArActe { id_acte: _, date_reception, acte, classification_en_cours } = ar.as_ref();
            let reception = date("DateReception", Some(*date_reception))?;
            Page::document(racine, &[(IDENTIFIANT, &id), (RECEPTION, &reception)], generation, |page| {
                acte_recu(page, acte)?;
                page.texte("ClassificationDateVersionEnCours", &date("Classification", *classification_en_cours)?)
            })
        }
        Message::AnomalieActe(anomalie) => {
            Page::document(racine, &[], generation, |page| anomalie_acte(page, anomalie))
        }
        Message::AnomalieEnveloppe(anomalie) => {
            Page::document(racine, &[], generation, |page| anomalie_enveloppe(page, anomalie))
        }
        Message::ArPieceComplementaire(ar) | Message::ArReponseRejetLettreObservations(ar) => {
            let ArReponse { reference, date_reception } = ar;
            let reception = date("DateReception", Some(*date_reception))?;
            Page::document(racine, &[(RECEPTION, &reception)], generation, |page| {
                let attributs = attributs_courrier(reference, generation)?;
                page.vide("InfosCourrierPref", &emprunte(&attributs))
            })
        }
        Message::DefereTa(defere) => Page::document(racine, &[(IDENTIFIANT, &id)], generation, |page| {
            let DefereTa { id_acte: _, date_depot, nature_illegalite, pieces } = defere;
            page.texte("DateDepot", &date("DateDepot", *date_depot)?)?;
            page.texte("NatureIllegalite", valeur("NatureIllegalite", nature_illegalite.as_ref())?)?;
            page.element("PiecesJointes", &[], |page| pieces.iter().try_for_each(|p| page.fichier("PieceJointe", p)))
        }),
        Message::Annulation(_) => Page::document(racine, &[(IDENTIFIANT, &id)], generation, |_| Ok(())),
        Message::ArAnnulation(ar) => {
            let reception = date("DateReception", Some(ar.date_reception))?;
            Page::document(racine, &[(IDENTIFIANT, &id), (RECEPTION, &reception)], generation, |_| Ok(()))
        }
        Message::DemandeClassification(None) => Page::document(racine, &[], generation, |_| Ok(())),
        Message::DemandeClassification(jour) | Message::ReponseClassificationSansChangement(jour) => {
            Page::document(racine, &[], generation, |page| {
                page.texte("DateClassification", &date("DateClassification", *jour)?)
            })
        }
        Message::RetourClassification(classification) => {
            Page::document(racine, &[], generation, |page| ecrit_classification(page, classification))
        }
        Message::CourrierSimple(courrier)
        | Message::ReponseCourrierSimple(courrier)
        | Message::DemandePieceComplementaire(courrier)
        | Message::ArDemandePieceComplementaire(courrier)
        | Message::RefusPieceComplementaire(courrier)
        | Message::PieceComplementaire(courrier)
        | Message::LettreObservations(courrier)
        | Message::ArLettreObservations(courrier)
        | Message::RejetLettreObservations(courrier)
        | Message::ReponseLettreObservations(courrier) => {
            let attributs = attributs_courrier(&courrier.reference, generation)?;
            Page::document(racine, &emprunte(&attributs), generation, |page| {
                ecrit_courrier(page, message.code(), courrier)
            })
        }
    }
}

fn emprunte<'a, const N: usize>(attributs: &'a [(&'static str, String); N]) -> [(&'static str, &'a str); N] {
    attributs.each_ref().map(|(nom, valeur)| (*nom, valeur.as_str()))
}

/// An `IDActe` within the pattern of the generation.
fn id_acte(lu: &Lu<IdActe>, generation: Generation) -> Result<String, EcritureError> {
    let id = valeur("IDActe", lu.valeur.as_ref())?;
    departement(Some(id.departement))?;
    date("IDActe", Some(id.date))?;
    if generation == Generation::Gen1 && !est_numero_gen1(id.numero.as_str()) {
        return Err(EcritureError::Champ { champ: "IDActe" });
    }
    Ok(id.to_string())
}

/// The pattern of a number in the first generation: letters and digits at both ends, `-`, `_` and spaces between.
fn est_numero_gen1(numero: &str) -> bool {
    let bords = [numero.chars().next(), numero.chars().last()];
    bords.iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
        && numero.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '))
}

fn attributs_acte(acte: &Acte, generation: Generation) -> Result<[(&'static str, String); 3], EcritureError> {
    let numero = &acte.numero_brut;
    let forme = match generation {
        Generation::Gen1 => est_numero_gen1(numero),
        Generation::Gen2 => true,
    };
    if !forme || numero.chars().count() > NUMERO_CHARS_MAX {
        return Err(EcritureError::Champ { champ: "NumeroInterne" });
    }
    Ok([
        ("actes:Date", date("Date", Some(acte.date))?),
        ("actes:NumeroInterne", numero.clone()),
        ("actes:CodeNatureActe", acte.nature.code().to_string()),
    ])
}

fn donnees_acte(page: &mut Page, acte: &Acte) -> Result<(), EcritureError> {
    const CODES: [&str; 5] = ["CodeMatiere1", "CodeMatiere2", "CodeMatiere3", "CodeMatiere4", "CodeMatiere5"];
    if acte.objet.chars().count() > OBJET_CHARS_MAX {
        return Err(EcritureError::Champ { champ: "Objet" });
    }
    let [un, deux, ..] = acte.matieres.0;
    if un.is_none() || deux.is_none() {
        return Err(EcritureError::Champ { champ: "CodeMatiere" });
    }
    for (element, code) in CODES.into_iter().zip(acte.matieres.0) {
        if let Some(code) = code {
            page.vide(element, &[("actes:CodeMatiere", &code.to_string())])?;
        }
    }
    page.texte("Objet", &acte.objet)?;
    if let Some(precedent) = &acte.precedent {
        let id = id_acte(precedent, page.generation)?;
        page.vide("PrecedentIdentifiantActe", &[(IDENTIFIANT, &id)])?;
    }
    page.texte("ClassificationDateVersion", &date("ClassificationDateVersion", acte.classification_date)?)?;
    page.fichier("Document", &acte.document)?;
    let nombre = acte.annexes.len().to_string();
    page.element("Annexes", &[("actes:Nombre", &nombre)], |page| {
        acte.annexes.iter().try_for_each(|annexe| page.fichier("Annexe", annexe))
    })?;
    match (page.generation, acte.document_papier) {
        (Generation::Gen1, None) => Ok(()),
        (Generation::Gen1, Some(_)) => Err(EcritureError::Champ { champ: "DocumentPapier" }),
        (Generation::Gen2, None) => page.vide("DocumentPapier", &[("xsi:nil", "true")]),
        (Generation::Gen2, Some(true)) => page.texte("DocumentPapier", "O"),
        (Generation::Gen2, Some(false)) => page.texte("DocumentPapier", "N"),
    }
}

fn acte_recu(page: &mut Page, recu: &ActeRecu) -> Result<(), EcritureError> {
    let acte = valeur("ActeRecu", recu.entier())?;
    let attributs = attributs_acte(acte, page.generation)?;
    page.element("ActeRecu", &emprunte(&attributs), |page| donnees_acte(page, acte))
}

fn anomalie_acte(page: &mut Page, anomalie: &AnomalieActe) -> Result<(), EcritureError> {
    let AnomalieActe { date: jour, nature, detail, acte, classification_en_cours } = anomalie;
    page.texte("Date", &date("Date", *jour)?)?;
    page.texte("Nature", &format!("{nature:03}"))?;
    if let Some(detail) = detail {
        page.texte("Detail", detail)?;
    }
    acte_recu(page, acte)?;
    page.texte("ClassificationDateVersionEnCours", &date("Classification", *classification_en_cours)?)
}

fn anomalie_enveloppe(page: &mut Page, anomalie: &AnomalieEnveloppe) -> Result<(), EcritureError> {
    let AnomalieEnveloppe { date: jour, nature, detail, enveloppe: recue } = anomalie;
    if !NATURES_ENVELOPPE.contains(nature) {
        return Err(EcritureError::Champ { champ: "Nature" });
    }
    page.texte("Date", &date("Date", *jour)?)?;
    page.texte("Nature", &format!("{nature:03}"))?;
    if let Some(detail) = detail {
        page.texte("Detail", detail)?;
    }
    let recue: &EnveloppeClMisill = valeur("EnveloppeRecue", recue.as_ref())?;
    page.element("EnveloppeRecue", &[], |page| enveloppe::de_collectivite(page, recue))
}

fn attributs_courrier(
    reference: &CourrierPref,
    generation: Generation,
) -> Result<[(&'static str, String); 2], EcritureError> {
    let jour = date("DateCourrierPref", reference.date)?;
    Ok([(IDENTIFIANT, id_acte(&reference.id_acte, generation)?), ("actes:DateCourrierPref", jour)])
}

fn ecrit_courrier(page: &mut Page, code: CodeMessage, courrier: &Courrier) -> Result<(), EcritureError> {
    let forme = Forme::of(code);
    match (forme.texte, &courrier.texte) {
        (None, None) => {}
        (Some(element), Some(texte)) => page.texte(element, texte)?,
        (attendu, _) => return Err(EcritureError::Champ { champ: attendu.unwrap_or("texte") }),
    }
    match (forme.documents, courrier.documents.as_slice()) {
        (Documents::Aucun, []) => Ok(()),
        (Documents::Un, [document]) => page.fichier("Document", document),
        (Documents::Plusieurs, documents @ [_, ..]) => {
            page.element("Documents", &[], |page| documents.iter().try_for_each(|d| page.fichier("Document", d)))
        }
        _ => Err(EcritureError::Champ { champ: "Document" }),
    }
}

fn ecrit_classification(page: &mut Page, classification: &Classification) -> Result<(), EcritureError> {
    /// TypeAbrege in the schema.
    const ABREGE_CHARS: usize = 2;
    let Classification { date: jour, natures, matieres } = classification;
    page.texte("DateClassification", &date("DateClassification", Some(*jour))?)?;
    if natures.is_empty() {
        return Err(EcritureError::Champ { champ: "NatureActe" });
    }
    page.element("NaturesActes", &[], |page| {
        for nature in natures {
            if nature.abrege.chars().count() != ABREGE_CHARS {
                return Err(EcritureError::Champ { champ: "TypeAbrege" });
            }
            // The first generation has none, the second one or more.
            if nature.types_pj.is_empty() != (page.generation == Generation::Gen1) {
                return Err(EcritureError::Champ { champ: "TypePJNatureActe" });
            }
            let attributs = [
                ("actes:CodeNatureActe", &*nature.nature.code().to_string()),
                ("actes:Libelle", &nature.libelle),
                ("actes:TypeAbrege", &nature.abrege),
            ];
            page.element("NatureActe", &attributs, |page| {
                nature.types_pj.iter().try_for_each(|type_pj| {
                    let attributs = [("actes:CodeTypePJ", type_pj.code.as_str()), ("actes:Libelle", &type_pj.libelle)];
                    page.vide("TypePJNatureActe", &attributs)
                })
            })?;
        }
        Ok(())
    })?;
    let avec_sous = !matieres.is_empty() && matieres.iter().all(|matiere| !matiere.sous.is_empty());
    if !avec_sous {
        return Err(EcritureError::Champ { champ: "Matiere" });
    }
    page.element("Matieres", &[], |page| {
        ecrit_matieres(page, matieres, &["Matiere1", "Matiere2", "Matiere3", "Matiere4", "Matiere5"])
    })
}

fn ecrit_matieres(
    page: &mut Page,
    matieres: &[MatiereClassee],
    elements: &[&'static str],
) -> Result<(), EcritureError> {
    for matiere in matieres {
        let (element, dessous) = elements.split_first().ok_or(EcritureError::Champ { champ: "Matiere" })?;
        let attributs = [("actes:CodeMatiere", &*matiere.code.to_string()), ("actes:Libelle", &matiere.libelle)];
        page.element(element, &attributs, |page| ecrit_matieres(page, &matiere.sous, dessous))?;
    }
    Ok(())
}
