//! Envelopes: who sends which messages to whom.
//!
//! ```text
//! EnveloppeCLMISILL                            EnveloppeMISILLCL
//! ├── Emetteur/IDCL @SIREN @Departement        ├── Emetteur/IDSGAR | IDPref | IDSousPref @Departement
//! │            @Arrondissement @Nature         ├── Emetteur/Referent?
//! ├── Emetteur/Referent? (Nom?, Telephone?, Email?)
//! ├── AdressesRetour/Email+                    ├── FormulairesEnvoyes/Formulaire+ (NomFichier, Signature?)
//! └── FormulairesEnvoyes/Formulaire+           └── Destinataire @SIREN
//! ```
//!
//! Source: `actesv1_1.xsd`, types DonneesEnveloppeCLMISILL and EnveloppeMISILLCL; both generations agree. `SIREN` is in
//! INSEE's namespace. Referent and return addresses are personal data: whoever keeps these values keeps them apart.
//!
//! An envelope without a sender or without messages is an error; any other gap is a deviation.

use greffe_events::ident::{Departement, Siren};
use roxmltree::Node;

use super::lecture::{Lecteur, Lecture, LectureError, Lu, chemin, enfants_bornes, extrait, texte};
use super::message::{FICHIERS_MAX, FichierSigne, fichier};
use super::{ESPACE, ESPACE_INSEE, Motif, xml};

/// Root of an envelope of a collectivité.
pub const RACINE_CL: &str = "EnveloppeCLMISILL";
/// Root of an envelope of the State.
pub const RACINE_ETAT: &str = "EnveloppeMISILLCL";

/// Most return addresses: four occur in the field, repeated ones among them; fifty times that.
pub const COURRIELS_MAX: usize = 200;

/// An envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enveloppe {
    /// From a collectivité to the prefecture.
    ClMisill(EnveloppeClMisill),
    /// From the prefecture to a collectivité.
    MisillCl(EnveloppeMisillCl),
}

impl Enveloppe {
    /// The messages that it lists.
    pub fn formulaires(&self) -> &[FichierSigne] {
        match self {
            Self::ClMisill(enveloppe) => &enveloppe.formulaires,
            Self::MisillCl(enveloppe) => &enveloppe.formulaires,
        }
    }

    /// The collectivité concerned: the sender, or the addressee.
    pub fn siren(&self) -> &Lu<Siren> {
        match self {
            Self::ClMisill(enveloppe) => &enveloppe.emetteur.siren,
            Self::MisillCl(enveloppe) => &enveloppe.destinataire,
        }
    }
}

/// EnveloppeCLMISILL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnveloppeClMisill {
    /// Who sends.
    pub emetteur: IdCl,
    /// Whom to call. Personal data.
    pub referent: Option<Referent>,
    /// Where the prefecture answers, at least one. Personal data.
    pub courriels_retour: Vec<String>,
    /// The messages.
    pub formulaires: Vec<FichierSigne>,
}

/// IDCL: a collectivité.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdCl {
    /// Its SIREN.
    pub siren: Lu<Siren>,
    /// Its département.
    pub departement: Lu<Departement>,
    /// One digit.
    pub arrondissement: Lu<u8>,
    /// Two digits; 31 is a commune.
    pub nature: Lu<u8>,
}

/// Name and contacts; each as it stands, possibly empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referent {
    /// Name.
    pub nom: Option<String>,
    /// Telephone.
    pub telephone: Option<String>,
    /// E-mail.
    pub courriel: Option<String>,
}

/// EnveloppeMISILLCL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnveloppeMisillCl {
    /// Who sends.
    pub emetteur: Autorite,
    /// Whom to call. Personal data.
    pub referent: Option<Referent>,
    /// The messages.
    pub formulaires: Vec<FichierSigne>,
    /// To whom.
    pub destinataire: Lu<Siren>,
}

/// The State's authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Autorite {
    /// IDSGAR.
    Sgar(Lu<Departement>),
    /// IDPref.
    Prefecture(Lu<Departement>),
    /// IDSousPref.
    SousPrefecture {
        /// Its département.
        departement: Lu<Departement>,
        /// One digit.
        arrondissement: Lu<u8>,
    },
}

impl Autorite {
    /// Its département.
    pub fn departement(&self) -> &Lu<Departement> {
        match self {
            Self::Sgar(departement) | Self::Prefecture(departement) | Self::SousPrefecture { departement, .. } => {
                departement
            }
        }
    }
}

impl Autorite {
    /// As names of envelopes say it (`PREF044`, `SPREF0441`, `SGAR044`); none where a part can't be read.
    pub fn sigle(&self) -> Option<String> {
        let departement = self.departement().valeur?;
        match self {
            Self::Sgar(_) => Some(format!("SGAR{departement}")),
            Self::Prefecture(_) => Some(format!("PREF{departement}")),
            Self::SousPrefecture { arrondissement, .. } => {
                Some(format!("SPREF{departement}{}", arrondissement.valeur?))
            }
        }
    }
}

/// Reads one envelope.
pub fn read(octets: &[u8]) -> Result<Lecture<Enveloppe>, LectureError> {
    let decode = xml::decode(octets)?;
    let document = xml::parse(&decode)?;
    let racine = document.root_element();
    let mut lecteur = Lecteur::new(&decode);
    let nom = racine.tag_name();
    let enveloppe = match (nom.namespace(), nom.name()) {
        (Some(ESPACE), RACINE_CL) => Enveloppe::ClMisill(de_collectivite(&mut lecteur, racine)?),
        (Some(ESPACE), RACINE_ETAT) => Enveloppe::MisillCl(de_l_etat(&mut lecteur, racine)?),
        (espace, nom) => {
            return Err(LectureError::Racine {
                racine: extrait(nom),
                espace: extrait(espace.unwrap_or_default()),
                attendu: "an envelope of ACTES",
            });
        }
    };
    Ok(lecteur.rend(enveloppe))
}

/// A DonneesEnveloppeCLMISILL.
pub(super) fn de_collectivite(lecteur: &mut Lecteur, noeud: Node) -> Result<EnveloppeClMisill, LectureError> {
    lecteur.inconnus(noeud, &["Emetteur", "AdressesRetour", "FormulairesEnvoyes"]);
    let emetteur = lecteur.requis(noeud, "Emetteur")?;
    lecteur.inconnus(emetteur, &["IDCL", "Referent"]);
    let idcl = lecteur.requis(emetteur, "IDCL")?;
    let courriels_retour = match lecteur.enfant(noeud, "AdressesRetour") {
        Some(adresses) => {
            lecteur.inconnus(adresses, &["Email"]);
            enfants_bornes(adresses, "Email", COURRIELS_MAX)?.map(|n| texte(n).trim().to_owned()).collect()
        }
        None => Vec::new(),
    };
    if courriels_retour.is_empty() {
        lecteur.note(format!("{}/AdressesRetour/Email", chemin(noeud)), Motif::Absent);
    }
    Ok(EnveloppeClMisill {
        emetteur: IdCl {
            siren: siren(lecteur, idcl)?,
            departement: departement(lecteur, idcl),
            arrondissement: arrondissement(lecteur, idcl),
            nature: lecteur.attribut_lu(idcl, "Nature", |brut| chiffres(brut, 2)),
        },
        referent: referent(lecteur, emetteur),
        courriels_retour,
        formulaires: formulaires(lecteur, noeud)?,
    })
}

fn de_l_etat(lecteur: &mut Lecteur, noeud: Node) -> Result<EnveloppeMisillCl, LectureError> {
    lecteur.inconnus(noeud, &["Emetteur", "FormulairesEnvoyes", "Destinataire"]);
    let emetteur = lecteur.requis(noeud, "Emetteur")?;
    lecteur.inconnus(emetteur, &["IDSGAR", "IDPref", "IDSousPref", "Referent"]);
    let destinataire = lecteur.requis(noeud, "Destinataire")?;
    let autorite = if let Some(sgar) = lecteur.enfant(emetteur, "IDSGAR") {
        Autorite::Sgar(departement(lecteur, sgar))
    } else if let Some(prefecture) = lecteur.enfant(emetteur, "IDPref") {
        Autorite::Prefecture(departement(lecteur, prefecture))
    } else {
        let sous_prefecture = lecteur.requis(emetteur, "IDSousPref")?;
        Autorite::SousPrefecture {
            departement: departement(lecteur, sous_prefecture),
            arrondissement: arrondissement(lecteur, sous_prefecture),
        }
    };
    Ok(EnveloppeMisillCl {
        emetteur: autorite,
        referent: referent(lecteur, emetteur),
        formulaires: formulaires(lecteur, noeud)?,
        destinataire: siren(lecteur, destinataire)?,
    })
}

fn siren(lecteur: &mut Lecteur, noeud: Node) -> Result<Lu<Siren>, LectureError> {
    let ici = format!("{}/@SIREN", chemin(noeud));
    match lecteur.attribut(noeud, ESPACE_INSEE, "SIREN") {
        Some(brut) => Ok(lecteur.siren(brut, &ici)),
        None => Err(LectureError::Absent { chemin: ici }),
    }
}

fn departement(lecteur: &mut Lecteur, noeud: Node) -> Lu<Departement> {
    lecteur.attribut_lu(noeud, "Departement", |brut| brut.parse().ok())
}

fn arrondissement(lecteur: &mut Lecteur, noeud: Node) -> Lu<u8> {
    lecteur.attribut_lu(noeud, "Arrondissement", |brut| chiffres(brut, 1))
}

/// Exactly `n` digits.
fn chiffres(brut: &str, n: usize) -> Option<u8> {
    brut.parse().ok().filter(|_| brut.len() == n && brut.bytes().all(|b| b.is_ascii_digit()))
}

fn referent(lecteur: &mut Lecteur, emetteur: Node) -> Option<Referent> {
    let noeud = lecteur.enfant(emetteur, "Referent")?;
    lecteur.inconnus(noeud, &["Nom", "Telephone", "Email"]);
    Some(Referent {
        nom: lecteur.texte_de(noeud, "Nom"),
        telephone: lecteur.texte_de(noeud, "Telephone"),
        courriel: lecteur.texte_de(noeud, "Email"),
    })
}

fn formulaires(lecteur: &mut Lecteur, noeud: Node) -> Result<Vec<FichierSigne>, LectureError> {
    let liste = lecteur.requis(noeud, "FormulairesEnvoyes")?;
    lecteur.inconnus(liste, &["Formulaire"]);
    let formulaires: Vec<_> = enfants_bornes(liste, "Formulaire", FICHIERS_MAX)?
        .map(|n| fichier(lecteur, n))
        .collect::<Result<_, LectureError>>()?;
    // Without any, the envelope sends nothing.
    if formulaires.is_empty() {
        return Err(LectureError::Absent { chemin: format!("{}/Formulaire", chemin(liste)) });
    }
    Ok(formulaires)
}

#[cfg(test)]
mod tests;
