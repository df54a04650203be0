//! The history of a delay in words, for a prefecture agent and a mayor.

use std::fmt;

use greffe_events::horodatage::Jour;

use super::defere::{DansLeDelai, Defere, Effet, EtatDefere, Ligne, Quoi, SansEffet, Silence};
use super::{Genre, Incertitude};

impl Genre {
    /// For people, in French.
    pub fn libelle(self) -> &'static str {
        match self {
            Self::Reception => "la préfecture accuse réception de l'acte",
            Self::Anomalie => "la préfecture rejette la transmission",
            Self::CourrierSimple => "la préfecture demande des explications",
            Self::CourrierSimpleRepondu => "la collectivité donne des explications",
            Self::DemandePieces => "la préfecture demande des pièces complémentaires",
            Self::DemandePiecesAcquittee => "la collectivité accuse réception de la demande de pièces",
            Self::PiecesRefusees => "la collectivité refuse les pièces",
            Self::PiecesTransmises => "la collectivité envoie les pièces",
            Self::PiecesAcquittees => "la préfecture accuse réception des pièces",
            Self::Observations => "la préfecture fait des observations, qui valent recours gracieux",
            Self::ObservationsAcquittees => "la collectivité accuse réception des observations",
            Self::ObservationsRejetees => "la collectivité rejette les observations",
            Self::ObservationsRepondues => "la collectivité répond aux observations",
            Self::ReponseObservationsAcquittee => "la préfecture accuse réception de la réponse",
            Self::Defere => "le préfet défère l'acte au tribunal administratif",
            Self::AnnulationDemandee => "la collectivité demande l'annulation de l'acte",
            Self::AnnulationAcquittee => "la préfecture accuse réception de l'annulation",
            Self::Publication => "l'acte est publié",
            Self::Notification => "l'acte est notifié",
        }
    }
}

impl SansEffet {
    /// For people, in French: follows « sans effet sur le délai : ».
    pub fn libelle(self) -> &'static str {
        match self {
            Self::EtrangerAuDelai => "le délai n'en dépend pas",
            Self::RienNeCourt => "rien ne dit que la préfecture a reçu l'acte",
            Self::DejaRecu => "la réception était déjà établie",
            Self::DemandeExplications => "des explications ne sont pas des pièces",
            Self::HorsDelai => "le délai avait expiré",
            Self::Repete => "ce courrier était déjà connu",
            Self::PasLaPremiere => "seul le premier recours gracieux proroge",
            Self::SansDemande => "aucun courrier qui proroge n'est connu, auquel ce serait la réponse",
            Self::DejaDecide => "la question était déjà tranchée, ou le délai expiré",
            Self::NonExamine => "trop de messages pour être tous examinés",
        }
    }
}

impl fmt::Display for Quoi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message(genre) => genre.libelle(),
            Self::Silence(Silence::PiecesImplicitementRefusees) => "deux mois de silence valent refus des pièces",
            Self::Silence(Silence::ObservationsImplicitementRejetees) => {
                "deux mois de silence valent rejet des observations"
            }
        })?;
        match self {
            Self::Message(genre) => genre.code().map_or(Ok(()), |code| write!(f, " ({code})")),
            Self::Silence(_) => Ok(()),
        }
    }
}

/// « 05/03/2026 : deux mois de silence valent rejet des observations ; deux mois en courent ; déféré possible jusqu'au 06/05/2026
/// [CE 18/4/1986 n°62470] ».
impl fmt::Display for Ligne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} : {} ; ", Francais(self.le), self.quoi)?;
        match (self.effet, self.raison) {
            (Effet::Ouvre, _) => f.write_str("deux mois en courent")?,
            (Effet::Proroge, _) => f.write_str("deux mois courront de la réponse, ou de deux mois de silence")?,
            (Effet::Precise, _) => f.write_str("le délai se compte de cette date")?,
            (Effet::Clot, _) => f.write_str("plus rien n'est attendu")?,
            (Effet::SansEffet, None) => f.write_str("sans effet sur le délai")?,
            (Effet::SansEffet, Some(raison)) => write!(f, "sans effet sur le délai : {}", raison.libelle())?,
        }
        if self.effet != Effet::Clot {
            dates(f, " ; déféré possible", self.au_plus_tot, self.au_plus_tard, &self.incertitudes)?;
        }
        self.source.map_or(Ok(()), |source| write!(f, " [{source}]"))
    }
}

/// One line for each step, then where the question stands.
impl fmt::Display for Defere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ligne in &self.etapes {
            writeln!(f, "{ligne}")?;
        }
        f.write_str(match self.etat {
            EtatDefere::NonRecu => "Rien ne dit que la préfecture a reçu l'acte : aucun délai ne court",
            EtatDefere::Rejete => "Transmission rejetée : aucun délai ne court",
            EtatDefere::Annule => "Acte annulé",
            EtatDefere::Purge => "Délai purgé : le déféré n'était possible que",
            EtatDefere::Ouvert => "Déféré possible",
            EtatDefere::Incertain => "Déféré peut-être encore possible",
            EtatDefere::Defere => "Déféré",
        })?;
        if let (EtatDefere::Defere, Some(depot)) = (self.etat, &self.depot) {
            let verdict = match depot.dans_le_delai {
                DansLeDelai::Oui => "dans le délai",
                DansLeDelai::Incertain => "peut-être hors délai",
                DansLeDelai::Non => "hors délai",
            };
            write!(f, " le {}, {verdict}", Francais(depot.le))?;
        }
        dates(f, "", self.au_plus_tot, self.au_plus_tard, &self.incertitudes)
    }
}

fn dates(
    f: &mut fmt::Formatter<'_>,
    before: &str,
    shortest: Option<Jour>,
    longest: Option<Jour>,
    why: &[Incertitude],
) -> fmt::Result {
    let Some(shortest) = shortest else { return Ok(()) };
    write!(f, "{before} jusqu'au {}", Francais(shortest))?;
    match longest {
        Some(longest) if longest == shortest => return Ok(()),
        Some(longest) => write!(f, " au plus tôt, {} au plus tard", Francais(longest))?,
        None => f.write_str(" au plus tôt")?,
    }
    let why: Vec<&str> = why.iter().map(|why| why.libelle()).collect();
    write!(f, " ({})", why.join(" ; "))
}

/// `JJ/MM/AAAA`.
struct Francais(Jour);

impl fmt::Display for Francais {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Jour(day) = self.0;
        write!(f, "{:02}/{:02}/{:04}", day.day(), day.month(), day.year())
    }
}
