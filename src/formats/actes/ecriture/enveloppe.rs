//! Both envelopes. The two generations agree about them.

use super::super::enveloppe::{Autorite, EnveloppeClMisill, EnveloppeMisillCl, Referent};
use super::super::message::FichierSigne;
use super::page::Page;
use super::{EcritureError, departement, valeur};

pub(super) fn de_collectivite(page: &mut Page, enveloppe: &EnveloppeClMisill) -> Result<(), EcritureError> {
    let EnveloppeClMisill { emetteur, referent, courriels_retour, formulaires } = enveloppe;
    page.element("Emetteur", &[], |page| {
        page.vide(
            "IDCL",
            &[
                ("insee:SIREN", valeur("SIREN", emetteur.siren.valeur)?.as_str()),
                ("actes:Departement", departement(emetteur.departement.valeur)?.as_str()),
                ("actes:Arrondissement", &valeur("Arrondissement", emetteur.arrondissement.valeur)?.to_string()),
                ("actes:Nature", &format!("{:02}", valeur("Nature", emetteur.nature.valeur)?)),
            ],
        )?;
        ecrit_referent(page, referent.as_ref())
    })?;
    if courriels_retour.is_empty() {
        return Err(EcritureError::Champ { champ: "AdressesRetour" });
    }
    page.element("AdressesRetour", &[], |page| courriels_retour.iter().try_for_each(|c| ecrit_courriel(page, c)))?;
    ecrit_formulaires(page, formulaires)
}

pub(super) fn de_l_etat(page: &mut Page, enveloppe: &EnveloppeMisillCl) -> Result<(), EcritureError> {
    let EnveloppeMisillCl { emetteur, referent, formulaires, destinataire } = enveloppe;
    page.element("Emetteur", &[], |page| {
        let departement = departement(emetteur.departement().valeur)?;
        let departement = ("actes:Departement", departement.as_str());
        match emetteur {
            Autorite::Sgar(_) => page.vide("IDSGAR", &[departement])?,
            Autorite::Prefecture(_) => page.vide("IDPref", &[departement])?,
            Autorite::SousPrefecture { arrondissement, .. } => {
                let arrondissement = valeur("Arrondissement", arrondissement.valeur)?.to_string();
                page.vide("IDSousPref", &[departement, ("actes:Arrondissement", &arrondissement)])?;
            }
        }
        ecrit_referent(page, referent.as_ref())
    })?;
    ecrit_formulaires(page, formulaires)?;
    page.vide("Destinataire", &[("insee:SIREN", valeur("SIREN", destinataire.valeur)?.as_str())])
}

fn ecrit_courriel(page: &mut Page, courriel: &str) -> Result<(), EcritureError> {
    if !est_courriel(courriel) {
        return Err(EcritureError::Champ { champ: "Email" });
    }
    page.texte("Email", courriel)
}

fn ecrit_referent(page: &mut Page, referent: Option<&Referent>) -> Result<(), EcritureError> {
    let Some(Referent { nom, telephone, courriel }) = referent else { return Ok(()) };
    page.element("Referent", &[], |page| {
        if let Some(nom) = nom {
            page.texte("Nom", nom)?;
        }
        if let Some(telephone) = telephone {
            page.texte("Telephone", telephone)?;
        }
        courriel.as_ref().map_or(Ok(()), |courriel| ecrit_courriel(page, courriel))
    })
}

fn ecrit_formulaires(page: &mut Page, formulaires: &[FichierSigne]) -> Result<(), EcritureError> {
    let formulaire = |page: &mut Page, f| page.fichier("Formulaire", f);
    page.element("FormulairesEnvoyes", &[], |page| formulaires.iter().try_for_each(|f| formulaire(page, f)))
}

/// The schema's pattern: `local@domain`, words of letters, digits, `_`, `-` joined by dots, an end of 2 to 6 letters.
pub(super) fn est_courriel(texte: &str) -> bool {
    let mots = |texte: &str, souligne: bool| {
        let tient = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || (souligne && b == b'_');
        texte.split('.').all(|mot| !mot.is_empty() && mot.bytes().all(tient))
    };
    let Some((local, domaine)) = texte.split_once('@') else { return false };
    let Some((debut, fin)) = domaine.rsplit_once('.') else { return false };
    let fin_tient = (2..=6).contains(&fin.len()) && fin.bytes().all(|b| b.is_ascii_alphabetic());
    mots(local, true) && mots(debut, false) && fin_tient
}
