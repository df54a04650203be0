//! Messages ("fichiers métier"): the act (1-1) and its receipt (1-2); the others are recognised.
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
//! Source: `actesv1_1.xsd`, types DonneesActe, FichierSigne, element ARActe, in both generations; S²LOW and Stela for
//! what occurs beside them. Without date, number, nature and document there is no act: an error. All the rest may be
//! missing, with a deviation.
//!
//! It does not verify signatures, and does not know which file a name stands for ([`super::lot`] does).

use greffe_events::ident::{IdActe, Nature, Numero};
use jiff::civil::Date;
use roxmltree::Node;

use super::lecture::{Lecteur, Lecture, LectureError, Lu, chemin, enfants, extrait, numero_retenu, texte};
use super::nom::{NomFichier, ORDRE_MAX};
use super::{ESPACE, ESPACE_XSI, Motif, xml};

pub use super::code::CodeMessage;

/// Longest object of an act, in characters (schema).
pub const OBJET_CHARS_MAX: usize = 500;

/// The two schemas that share one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// Up to 2017: no DocumentPapier, no attachment types; numbers with `-` and space.
    Gen1,
    /// Since September 2017.
    Gen2,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// 1-1.
    Acte(Box<Acte>),
    /// 1-2.
    ArActe(Box<ArActe>),
    /// Recognised, not read further: keep its bytes.
    Autre {
        /// Its kind.
        code: CodeMessage,
        /// Local name of its root.
        racine: String,
        /// `IDActe` of its root, where it has one.
        id_acte: Option<Lu<IdActe>>,
        /// Every file name that it cites, in order.
        fichiers: Vec<String>,
    },
}

impl Message {
    /// Its kind.
    pub fn code(&self) -> CodeMessage {
        match self {
            Self::Acte(_) => CodeMessage::Acte,
            Self::ArActe(_) => CodeMessage::ArActe,
            Self::Autre { code, .. } => *code,
        }
    }
}

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
    /// `3.2.1`: the levels up to the first that is missing.
    pub fn code(&self) -> String {
        self.0.iter().map_while(|n| n.map(|n| n.to_string())).collect::<Vec<_>>().join(".")
    }
}

/// A file that a message or an envelope cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FichierSigne {
    /// Its name.
    pub nom: String,
    /// Its detached signature.
    pub signature: Option<Signature>,
}

/// A detached signature, as it stands. Nothing verifies it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Text, mostly base64 of PKCS#7.
    Texte(String),
    /// XML (XAdES): what stands between the tags.
    Xml(String),
}

impl Signature {
    /// The text or the XML.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Texte(contenu) | Self::Xml(contenu) => contenu,
        }
    }

    /// Its size, in bytes of UTF-8.
    pub fn taille_octets(&self) -> usize {
        self.as_str().len()
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
    pub acte: Acte,
    /// The classification in force.
    pub classification_en_cours: Option<Date>,
}

/// Reads one message. `aujourdhui` is the day against which a decision is in the future.
pub fn read(octets: &[u8], aujourdhui: Date) -> Result<Lecture<Message>, LectureError> {
    let decode = xml::decode(octets)?;
    let document = xml::parse(&decode)?;
    let racine = document.root_element();
    let mut lecteur = Lecteur::new(&decode);
    let message = match code(racine)? {
        CodeMessage::Acte => Message::Acte(Box::new(acte(&mut lecteur, racine, aujourdhui)?)),
        CodeMessage::ArActe => Message::ArActe(Box::new(ar_acte(&mut lecteur, racine, aujourdhui)?)),
        code => {
            let brut = lecteur.attribut(racine, ESPACE, "IDActe");
            let ici = format!("{}/@IDActe", chemin(racine));
            Message::Autre {
                code,
                racine: racine.tag_name().name().to_owned(),
                id_acte: brut.map(|brut| lecteur.id_acte(brut, &ici)),
                fichiers: racine
                    .descendants()
                    .filter(|n| n.has_tag_name((ESPACE, "NomFichier")))
                    .map(|n| texte(n).trim().to_owned())
                    .collect(),
            }
        }
    };
    Ok(lecteur.rend(message))
}

fn code(racine: Node) -> Result<CodeMessage, LectureError> {
    let nom = racine.tag_name();
    CodeMessage::from_racine(nom.name()).filter(|_| nom.namespace() == Some(ESPACE)).ok_or_else(|| {
        LectureError::Racine {
            racine: extrait(nom.name()),
            espace: extrait(nom.namespace().unwrap_or_default()),
            attendu: "a message of ACTES",
        }
    })
}

fn ar_acte(lecteur: &mut Lecteur, noeud: Node, aujourdhui: Date) -> Result<ArActe, LectureError> {
    lecteur.inconnus(noeud, &["ActeRecu", "ClassificationDateVersionEnCours"]);
    let ici = format!("{}/@IDActe", chemin(noeud));
    let id_acte = if let Some(brut) = lecteur.attribut(noeud, ESPACE, "IDActe") {
        lecteur.id_acte(brut, &ici)
    } else {
        lecteur.note(ici.clone(), Motif::Absent);
        Lu { brut: String::new(), valeur: None }
    };
    let date_reception = lecteur.date_requise(noeud, "DateReception")?;
    let recu = lecteur.requis(noeud, "ActeRecu")?;
    let acte = acte(lecteur, recu, aujourdhui)?;
    let classification_en_cours = lecteur.date_de(noeud, "ClassificationDateVersionEnCours");
    if let Some(id) = &id_acte.valeur {
        for (tient, champ) in
            [(id.date == acte.date, "date"), (id.numero == acte.numero, "number"), (id.nature == acte.nature, "nature")]
        {
            if !tient {
                lecteur.note(ici.clone(), Motif::IdActeContenu(champ));
            }
        }
    }
    Ok(ArActe { id_acte, date_reception, acte, classification_en_cours })
}

fn acte(lecteur: &mut Lecteur, noeud: Node, aujourdhui: Date) -> Result<Acte, LectureError> {
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
    let annexes = enfants(liste, "Annexe").map(|n| fichier(lecteur, n)).collect::<Result<Vec<_>, _>>()?;
    let declare = lecteur.attribut_lu(liste, "Nombre", |brut| brut.parse::<u32>().ok()).valeur;
    if let Some(declare) = declare.filter(|n| usize::try_from(*n) != Ok(annexes.len())) {
        lecteur.note(format!("{}/@Nombre", chemin(liste)), Motif::NombreAnnexes { declare, trouve: annexes.len() });
    }
    Ok(annexes)
}

/// A FichierSigne: an element that cites a file.
pub(super) fn fichier(lecteur: &mut Lecteur, noeud: Node) -> Result<FichierSigne, LectureError> {
    lecteur.inconnus(noeud, &["NomFichier", "Signature"]);
    let nom = texte(lecteur.requis(noeud, "NomFichier")?).trim().to_owned();
    let ici = format!("{}/NomFichier", chemin(noeud));
    if nom.is_empty() {
        return Err(LectureError::Absent { chemin: ici });
    }
    if NomFichier::parse(&nom).and_then(|n| n.ordre).is_some_and(|ordre| ordre > ORDRE_MAX) {
        lecteur.note(ici, Motif::OrdreLong(extrait(&nom)));
    }
    let signature = lecteur.enfant(noeud, "Signature").map(signature);
    Ok(FichierSigne { nom, signature })
}

fn signature(noeud: Node) -> Signature {
    if noeud.children().any(|n| n.is_element()) {
        let source = noeud.document().input_text();
        let debut = noeud.first_child().map_or(0, |n| n.range().start);
        let fin = noeud.last_child().map_or(0, |n| n.range().end);
        Signature::Xml(source[debut..fin].to_owned())
    } else {
        Signature::Texte(texte(noeud))
    }
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

#[cfg(test)]
mod tests;
