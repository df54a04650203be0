//! The act (1-1) and its receipt (1-2).
//!
//! ```text
//! Acte @Date @NumeroInterne @CodeNatureActe            ARActe @IDActe @DateReception
//! ├── CodeMatiere1 … CodeMatiere5 @CodeMatiere         ├── ActeRecu (as Acte)
//! ├── Objet, PrecedentIdentifiantActe?                 └── ClassificationDateVersionEnCours
//! ├── ClassificationDateVersion
//! ├── Document (NomFichier, Signature?)
//! ├── Annexes @Nombre (Annexe*)
//! └── DocumentPapier (second generation only)
//! ```
//!
//! Without date, number, nature and document there is no act: an error. All the rest may be missing, with a
//! deviation. Where a receipt repeats an act that can't be read so, what identifies it is still kept.

use greffe_events::ident::{IdActe, Nature, Numero};
use jiff::civil::Date;
use roxmltree::Node;

use super::super::lecture::{Lecteur, LectureError, Lu, chemin, enfants_bornes, extrait, numero_retenu, texte};
use super::super::nom::NomFichier;
use super::super::{ESPACE, ESPACE_XSI, Motif};
use super::{FICHIERS_MAX, FichierSigne, Generation, fichier};

/// Longest object of an act, in characters (schema).
pub const OBJET_CHARS_MAX: usize = 500;

/// Data of an act (DonneesActe), as transmitted or as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acte {
    /// Which schema it seems to follow.
    pub generation: Generation,
    /// Date of the decision.
    pub date: Date,
    /// The collectivité's number, as the identifier has it.
    pub numero: Numero,
    /// The number as the file writes it.
    pub numero_brut: String,
    /// Its nature.
    pub nature: Nature,
    /// Its matter.
    pub matieres: Matieres,
    /// What it is about. May name persons.
    pub objet: String,
    /// An act transmitted before, that this one follows.
    pub precedent: Option<Lu<IdActe>>,
    /// Which classification its matter is of.
    pub classification_date: Option<Date>,
    /// The act's own file.
    pub document: FichierSigne,
    /// Its annexes.
    pub annexes: Vec<FichierSigne>,
    /// Whether paper follows by mail.
    pub document_papier: Option<bool>,
}

/// Codes of the matter, level 1 to 5; the first two are mandatory, a level may be missing in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matieres(pub [Option<u16>; 5]);

impl Matieres {
    /// The levels up to the first that is missing.
    pub fn niveaux(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().map_while(|niveau| *niveau)
    }

    /// `3.2.1`: the levels up to the first that is missing.
    pub fn code(&self) -> String {
        self.niveaux().map(|niveau| niveau.to_string()).collect::<Vec<_>>().join(".")
    }
}

/// 1-2: the prefecture's receipt of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArActe {
    /// Of which act.
    pub id_acte: Lu<IdActe>,
    /// The day from which the delay of the déféré runs.
    pub date_reception: Date,
    /// What was received.
    pub acte: ActeRecu,
    /// The classification in force.
    pub classification_en_cours: Option<Date>,
}

/// An act as its receipt or its refusal repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActeRecu {
    /// Read whole.
    Entier(Box<Acte>),
    /// Not an act by our reading (a refused one may well be malformed): what of its identity can be read.
    Partiel {
        /// Date of the decision.
        date: Option<Date>,
        /// The number, as the identifier has it.
        numero: Option<Numero>,
        /// Its nature.
        nature: Option<Nature>,
    },
}

impl ActeRecu {
    /// The act, where it was read whole.
    pub fn entier(&self) -> Option<&Acte> {
        match self {
            Self::Entier(acte) => Some(acte),
            Self::Partiel { .. } => None,
        }
    }

    /// Date of the decision, number and nature, where they can be read.
    pub fn identite(&self) -> (Option<Date>, Option<&Numero>, Option<Nature>) {
        match self {
            Self::Entier(acte) => (Some(acte.date), Some(&acte.numero), Some(acte.nature)),
            Self::Partiel { date, numero, nature } => (*date, numero.as_ref(), *nature),
        }
    }
}

impl From<Acte> for ActeRecu {
    fn from(acte: Acte) -> Self {
        Self::Entier(Box::new(acte))
    }
}

pub(super) fn ar_acte(lecteur: &mut Lecteur, noeud: Node, aujourdhui: Date) -> Result<ArActe, LectureError> {
    lecteur.inconnus(noeud, &["ActeRecu", "ClassificationDateVersionEnCours"]);
    let id_acte = lecteur.id_acte_de(noeud);
    let date_reception = lecteur.date_requise(noeud, "DateReception")?;
    let acte = acte_recu(lecteur, noeud, aujourdhui);
    let classification_en_cours = lecteur.date_de(noeud, "ClassificationDateVersionEnCours");
    if let Some(id) = &id_acte.valeur {
        let (date, numero, nature) = acte.identite();
        for (differe, champ) in [
            (date.is_some_and(|date| date != id.date), "date"),
            (numero.is_some_and(|numero| *numero != id.numero), "number"),
            (nature.is_some_and(|nature| nature != id.nature), "nature"),
        ] {
            if differe {
                lecteur.note(format!("{}/@IDActe", chemin(noeud)), Motif::IdActeContenu(champ));
            }
        }
    }
    Ok(ArActe { id_acte, date_reception, acte, classification_en_cours })
}

/// The `ActeRecu` of an answer: whole, or as much of its identity as there is.
pub(super) fn acte_recu(lecteur: &mut Lecteur, noeud: Node, aujourdhui: Date) -> ActeRecu {
    let Some(recu) = lecteur.enfant(noeud, "ActeRecu") else {
        lecteur.note(format!("{}/ActeRecu", chemin(noeud)), Motif::Absent);
        return ActeRecu::Partiel { date: None, numero: None, nature: None };
    };
    match acte(lecteur, recu, aujourdhui) {
        Ok(acte) => acte.into(),
        Err(error) => {
            lecteur.note(chemin(recu), Motif::RecuIllisible(error.to_string()));
            let mut muet = Lecteur::default();
            ActeRecu::Partiel {
                date: muet.date_requise(recu, "Date").ok(),
                numero: numero(&mut muet, recu).ok().map(|(retenu, _)| retenu),
                nature: nature(&mut muet, recu).ok(),
            }
        }
    }
}

pub(super) fn acte(lecteur: &mut Lecteur, noeud: Node, aujourdhui: Date) -> Result<Acte, LectureError> {
    lecteur.inconnus(
        noeud,
        &[
            "CodeMatiere1",
            "CodeMatiere2",
            "CodeMatiere3",
            "CodeMatiere4",
            "CodeMatiere5",
            "Objet",
            "PrecedentIdentifiantActe",
            "ClassificationDateVersion",
            "Document",
            "Annexes",
            "DocumentPapier",
        ],
    );
    let date = lecteur.date_requise(noeud, "Date")?;
    if date > aujourdhui {
        lecteur.note(format!("{}/@Date", chemin(noeud)), Motif::DateFuture(date));
    }
    let (numero, numero_brut) = numero(lecteur, noeud)?;
    let nature = nature(lecteur, noeud)?;
    let matieres = matieres(lecteur, noeud);
    let objet = objet(lecteur, noeud);
    let precedent = lecteur.enfant(noeud, "PrecedentIdentifiantActe").map(|n| {
        let brut = lecteur.attribut(n, ESPACE, "IDActe").unwrap_or_default();
        lecteur.id_acte(brut, &format!("{}/@IDActe", chemin(n)))
    });
    let classification_date = lecteur.date_de(noeud, "ClassificationDateVersion");
    let document = lecteur.requis(noeud, "Document")?;
    let document = fichier(lecteur, document)?;
    let annexes = annexes(lecteur, noeud)?;
    let papier = lecteur.enfant(noeud, "DocumentPapier");
    let types = std::iter::once(&document)
        .chain(&annexes)
        .any(|f| NomFichier::parse(&f.nom).is_some_and(|nom| nom.type_pj.is_some()));
    // Attachment types stand in names since the second generation only.
    let generation = if papier.is_some() || types { Generation::Gen2 } else { Generation::Gen1 };
    let document_papier = match papier {
        Some(papier) => document_papier(lecteur, papier),
        None if generation == Generation::Gen2 => {
            lecteur.note(format!("{}/DocumentPapier", chemin(noeud)), Motif::DocumentPapierAbsent);
            None
        }
        None => None,
    };
    Ok(Acte {
        generation,
        date,
        numero,
        numero_brut,
        nature,
        matieres,
        objet,
        precedent,
        classification_date,
        document,
        annexes,
        document_papier,
    })
}

fn numero(lecteur: &mut Lecteur, noeud: Node) -> Result<(Numero, String), LectureError> {
    let brut = lecteur.attribut_requis(noeud, "NumeroInterne")?;
    let ici = format!("{}/@NumeroInterne", chemin(noeud));
    let Some(retenu) = numero_retenu(brut) else {
        return Err(LectureError::Numero { chemin: ici, texte: extrait(brut) });
    };
    if retenu.as_str() != brut {
        lecteur.numero_hors_forme(brut, &retenu, &ici);
    }
    Ok((retenu, brut.to_owned()))
}

fn nature(lecteur: &mut Lecteur, noeud: Node) -> Result<Nature, LectureError> {
    let brut = lecteur.attribut_requis(noeud, "CodeNatureActe")?;
    brut.trim().parse().ok().and_then(Nature::from_code).ok_or_else(|| LectureError::NatureInconnue {
        chemin: format!("{}/@CodeNatureActe", chemin(noeud)),
        texte: extrait(brut),
    })
}

fn matieres(lecteur: &mut Lecteur, noeud: Node) -> Matieres {
    let mut matieres = Matieres::default();
    let mut manquant = None;
    for (niveau, place) in (1u8..).zip(&mut matieres.0) {
        let nom = format!("CodeMatiere{niveau}");
        if let Some(enfant) = lecteur.enfant(noeud, &nom) {
            *place = lecteur.attribut_lu(enfant, "CodeMatiere", |brut| brut.parse().ok()).valeur;
            if let Some(manquant) = manquant {
                lecteur.note(chemin(enfant), Motif::NiveauSaute { niveau, manquant });
            }
        } else {
            if niveau <= 2 {
                lecteur.note(format!("{}/{nom}", chemin(noeud)), Motif::Absent);
            }
            manquant = manquant.or(Some(niveau));
        }
    }
    matieres
}

fn objet(lecteur: &mut Lecteur, noeud: Node) -> String {
    let ici = format!("{}/Objet", chemin(noeud));
    let Some(objet) = lecteur.texte_de(noeud, "Objet") else {
        lecteur.note(ici, Motif::Absent);
        return String::new();
    };
    let caracteres = objet.chars().count();
    if caracteres > OBJET_CHARS_MAX {
        lecteur.note(ici, Motif::ObjetLong { caracteres });
    }
    objet
}

fn annexes(lecteur: &mut Lecteur, noeud: Node) -> Result<Vec<FichierSigne>, LectureError> {
    let Some(liste) = lecteur.enfant(noeud, "Annexes") else {
        lecteur.note(format!("{}/Annexes", chemin(noeud)), Motif::Absent);
        return Ok(Vec::new());
    };
    lecteur.inconnus(liste, &["Annexe"]);
    let annexes =
        enfants_bornes(liste, "Annexe", FICHIERS_MAX)?.map(|n| fichier(lecteur, n)).collect::<Result<Vec<_>, _>>()?;
    let declare = lecteur.attribut_lu(liste, "Nombre", |brut| brut.parse::<u32>().ok()).valeur;
    if let Some(declare) = declare.filter(|n| usize::try_from(*n) != Ok(annexes.len())) {
        lecteur.note(format!("{}/@Nombre", chemin(liste)), Motif::NombreAnnexes { declare, trouve: annexes.len() });
    }
    Ok(annexes)
}

/// `O`, `N`, `0`, `1`, `true`, `false`, `oui`, `non`; empty or `xsi:nil` say nothing.
fn document_papier(lecteur: &mut Lecteur, noeud: Node) -> Option<bool> {
    let brut = texte(noeud);
    let nil = noeud.attribute((ESPACE_XSI, "nil")).is_some_and(|v| matches!(v.trim(), "true" | "1"));
    match brut.trim().to_ascii_lowercase().as_str() {
        "" => None,
        _ if nil => None,
        "o" | "1" | "oui" | "true" => Some(true),
        "n" | "0" | "non" | "false" => Some(false),
        _ => {
            lecteur.note(chemin(noeud), Motif::DocumentPapierInconnu(extrait(&brut)));
            None
        }
    }
}
