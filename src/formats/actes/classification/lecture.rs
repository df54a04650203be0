//! Reading a 7-2. Without its date there is no version: an error. An entry whose code can't be read, or stands twice, is left out
//! with a deviation.

use greffe_events::ident::Nature;
use roxmltree::Node;

use super::super::lecture::{Lecteur, LectureError, Lu, chemin, enfants_bornes, extrait, texte};
use super::super::nom::TypePj;
use super::super::{ESPACE, Motif};
use super::{
    Classification, LIBELLE_CHARS_MAX, MATIERES_MAX, MatiereClassee, NATURES_MAX, NIVEAUX_MAX, NatureClassee,
    TYPES_PJ_MAX, TypePjClasse,
};

const ELEMENTS_MATIERE: [&str; NIVEAUX_MAX] = ["Matiere1", "Matiere2", "Matiere3", "Matiere4", "Matiere5"];

pub(in super::super) fn classification(lecteur: &mut Lecteur, noeud: Node) -> Result<Classification, LectureError> {
    lecteur.inconnus(noeud, &["DateClassification", "NaturesActes", "Matieres"]);
    let brut = texte(lecteur.requis(noeud, "DateClassification")?);
    let ici = format!("{}/DateClassification", chemin(noeud));
    let Some(date) = lecteur.date(&brut, &ici) else {
        return Err(LectureError::Valeur { chemin: ici, attendu: "a date", texte: extrait(&brut) });
    };
    let mut natures: Vec<NatureClassee> = Vec::new();
    let liste = lecteur.requis(noeud, "NaturesActes")?;
    lecteur.inconnus(liste, &["NatureActe"]);
    for classee in enfants_bornes(liste, "NatureActe", NATURES_MAX)? {
        if let Some(classee) = nature(lecteur, classee)? {
            if natures.iter().any(|autre| autre.nature == classee.nature) {
                lecteur.note(chemin(liste), Motif::CodeRepete(classee.nature.code().to_string()));
            } else {
                natures.push(classee);
            }
        }
    }
    let liste = lecteur.requis(noeud, "Matieres")?;
    let mut reste = MATIERES_MAX;
    let matieres = matieres(lecteur, liste, &ELEMENTS_MATIERE, &mut reste)?;
    Ok(Classification { date, natures, matieres })
}

fn nature(lecteur: &mut Lecteur, noeud: Node) -> Result<Option<NatureClassee>, LectureError> {
    lecteur.inconnus(noeud, &["TypePJNatureActe"]);
    let lue = lecteur.attribut_lu(noeud, "CodeNatureActe", |brut| brut.parse().ok().and_then(Nature::from_code));
    let abrege = libelle(lecteur, noeud, "TypeAbrege");
    let intitule = libelle(lecteur, noeud, "Libelle");
    let mut types_pj: Vec<TypePjClasse> = Vec::new();
    for classe in enfants_bornes(noeud, "TypePJNatureActe", TYPES_PJ_MAX)? {
        let Lu { valeur: Some(code), brut } = lecteur.attribut_lu(classe, "CodeTypePJ", TypePj::new) else { continue };
        let libelle = libelle(lecteur, classe, "Libelle");
        if types_pj.iter().any(|autre| autre.code == code) {
            lecteur.note(chemin(classe), Motif::CodeRepete(brut));
        } else {
            types_pj.push(TypePjClasse { code, libelle });
        }
    }
    Ok(lue.valeur.map(|nature| NatureClassee { nature, abrege, libelle: intitule, types_pj }))
}

/// The matières of one level, as deep as there are names of elements left.
fn matieres(
    lecteur: &mut Lecteur,
    noeud: Node,
    elements: &[&str],
    reste: &mut usize,
) -> Result<Vec<MatiereClassee>, LectureError> {
    let Some((element, dessous)) = elements.split_first() else {
        lecteur.inconnus(noeud, &[]);
        return Ok(Vec::new());
    };
    lecteur.inconnus(noeud, &[element]);
    let mut matieres: Vec<MatiereClassee> = Vec::new();
    for enfant in enfants_bornes(noeud, element, MATIERES_MAX)? {
        *reste = reste
            .checked_sub(1)
            .ok_or_else(|| LectureError::TropNombreux { chemin: chemin(enfant), max: MATIERES_MAX })?;
        let lue = lecteur.attribut_lu(enfant, "CodeMatiere", |brut| brut.parse::<u16>().ok());
        let libelle = libelle(lecteur, enfant, "Libelle");
        let sous = self::matieres(lecteur, enfant, dessous, reste)?;
        let Some(code) = lue.valeur else { continue };
        if matieres.iter().any(|autre| autre.code == code) {
            lecteur.note(chemin(enfant), Motif::CodeRepete(lue.brut));
        } else {
            matieres.push(MatiereClassee { code, libelle, sous });
        }
    }
    Ok(matieres)
}

/// A label, as it stands; over its bound, its beginning.
fn libelle(lecteur: &mut Lecteur, noeud: Node, nom: &str) -> String {
    let ici = format!("{}/@{nom}", chemin(noeud));
    let Some(libelle) = lecteur.attribut(noeud, ESPACE, nom) else {
        lecteur.note(ici, Motif::Absent);
        return String::new();
    };
    match libelle.char_indices().nth(LIBELLE_CHARS_MAX) {
        None => libelle.to_owned(),
        Some((fin, _)) => {
            lecteur.note(ici, Motif::Illisible(extrait(libelle)));
            libelle[..fin].to_owned()
        }
    }
}
