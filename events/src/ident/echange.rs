//! Identifiers of the dossiers of accounting and tenders, and of messages that could not be placed. Each names its owners; none has room for a person's name.
//!
//! ```text
//! flux/<SIRET of the budget>_<repère of the file's name>
//! facture/<seller>_<buyer>_<year of issue>_<repère of the number>
//! consultation/<buyer>_<the buyer's reference>
//! pli/<buyer>_<the buyer's reference>_<bidder>_<UUID chosen by who opens it>
//! quarantaine/<who received the message>_<UUID chosen by who opens it>
//! ```
//!
//! A party is written `<SIREN>` or `<ICD>:<id>`; neither has an underscore, so the parts never run together. The name of a PES
//! file (`NomFic`, ≤ 100 characters) and the number of an invoice (BT-1) are free text that may hold anything: the dossier
//! shows a digest of them together with its other parts, and the text itself goes into a confidential piece (finalité
//! `reference`). Both sides of an exchange compute the same identifier without asking each other.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{IdentError, Organisation, Siret, Subject, excerpt};

/// 128 bits that stand for a free text within one dossier's other parts: 32 lowercase hex digits.
///
/// `SHA-256("greffe-repere-v1" ‖ 0x00 ‖ part ‖ 0x00 ‖ … ‖ text)`, cut to 16 bytes, where the text's spaces are collapsed to one
/// and trimmed. Whoever guesses the whole text can confirm it; nobody can read it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repere([u8; 16]);

impl Repere {
    fn of(parts: &[&str], text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"greffe-repere-v1");
        for part in parts {
            hasher.update([0]);
            hasher.update(part);
        }
        hasher.update([0]);
        hasher.update(text.split_whitespace().collect::<Vec<_>>().join(" "));
        let digest: [u8; 32] = hasher.finalize().into();
        let mut cut = [0; 16];
        cut.copy_from_slice(&digest[..16]);
        Self(cut)
    }
}

impl fmt::Display for Repere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Repere {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| IdentError::Echange("a repère is 32 lowercase hex digits", excerpt(text)))
    }
}

/// A flow between an ordonnateur and its accountant (PES): owned by the body of the budget.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdFlux {
    /// The budget (PES, `IdColl`).
    pub budget: Siret,
    /// Stands for the file's name (PES, `NomFic`).
    pub repere: Repere,
}

impl IdFlux {
    /// Of the file's name.
    pub fn new(budget: Siret, nom_fic: &str) -> Self {
        Self { budget, repere: Repere::of(&[Subject::FLUX, budget.as_str()], nom_fic) }
    }

    /// The dossier.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::FLUX, &self.to_string())
    }
}

impl fmt::Display for IdFlux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.budget, self.repere)
    }
}

impl FromStr for IdFlux {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let (budget, repere) =
            text.split_once('_').ok_or_else(|| IdentError::Echange("a flow is SIRET_REPERE", excerpt(text)))?;
        Ok(Self { budget: budget.parse()?, repere: repere.parse()? })
    }
}

/// An invoice, owned by its seller and its buyer. Unique by seller, year and number, as BR-FR-12 wants.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdFacture {
    /// Seller (BG-4).
    pub vendeur: Organisation,
    /// Buyer (BG-7).
    pub acheteur: Organisation,
    /// Year of issue (BT-2).
    pub annee: u16,
    /// Stands for the number (BT-1).
    pub repere: Repere,
}

/// Years that an invoice may bear: four digits, one spelling.
const ANNEES: std::ops::RangeInclusive<u16> = 1900..=2199;

impl IdFacture {
    /// Of the number; none for a year that no invoice here bears.
    pub fn new(vendeur: Organisation, acheteur: Organisation, annee: u16, numero: &str) -> Option<Self> {
        let parts = [Subject::FACTURE, &vendeur.abrege(), &acheteur.abrege(), &annee.to_string()];
        let repere = Repere::of(&parts, numero);
        ANNEES.contains(&annee).then_some(Self { vendeur, acheteur, annee, repere })
    }

    /// The dossier.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::FACTURE, &self.to_string())
    }
}

impl fmt::Display for IdFacture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_{}", self.vendeur.abrege(), self.acheteur.abrege(), self.annee, self.repere)
    }
}

impl FromStr for IdFacture {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = || IdentError::Echange("an invoice is SELLER_BUYER_YEAR_REPERE", excerpt(text));
        let parts: Vec<&str> = text.split('_').collect();
        let [vendeur, acheteur, annee, repere] = parts.as_slice() else { return Err(wrong()) };
        let year: u16 = annee.parse().ok().filter(|year| ANNEES.contains(year)).ok_or_else(wrong)?;
        if year.to_string() != *annee {
            return Err(wrong());
        }
        Ok(Self {
            vendeur: Organisation::of_abrege(vendeur)?,
            acheteur: Organisation::of_abrege(acheteur)?,
            annee: year,
            repere: repere.parse()?,
        })
    }
}

/// Longest reference of a consultation, in characters.
pub const REFERENCE_CHARS_MAX: usize = 30;

/// The reference that a buyer gives its consultation: 1 to 30 characters of `A-Z a-z 0-9 . -`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefConsultation(String);

impl FromStr for RefConsultation {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let holds = (1..=REFERENCE_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
        if holds {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentError::Echange("a reference is 1 to 30 characters of A-Z a-z 0-9 . -", excerpt(text)))
        }
    }
}

impl fmt::Display for RefConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tender, owned by its buyer.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdConsultation {
    /// Who buys.
    pub acheteur: Organisation,
    /// Its reference.
    pub reference: RefConsultation,
}

impl IdConsultation {
    /// The dossier.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::CONSULTATION, &self.to_string())
    }
}

impl fmt::Display for IdConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.acheteur.abrege(), self.reference)
    }
}

impl FromStr for IdConsultation {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let (acheteur, reference) = text
            .split_once('_')
            .ok_or_else(|| IdentError::Echange("a consultation is BUYER_REFERENCE", excerpt(text)))?;
        Ok(Self { acheteur: Organisation::of_abrege(acheteur)?, reference: reference.parse()? })
    }
}

/// One submission of one bidder, owned by both sides.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdPli {
    /// The tender.
    pub consultation: IdConsultation,
    /// Who bids: for a group, its mandataire.
    pub soumissionnaire: Organisation,
    /// Chosen by who opens the dossier: the bidder, or the buyer where it states a deposit.
    pub numero: Uuid,
}

impl IdPli {
    /// The dossier.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::PLI, &self.to_string())
    }
}

impl fmt::Display for IdPli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.consultation, self.soumissionnaire.abrege(), self.numero.hyphenated())
    }
}

impl FromStr for IdPli {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = || IdentError::Echange("a pli is BUYER_REFERENCE_BIDDER_UUID", excerpt(text));
        let (consultation, rest) = text.match_indices('_').nth(1).map(|(at, _)| text.split_at(at)).ok_or_else(wrong)?;
        let (soumissionnaire, numero) = rest[1..].split_once('_').ok_or_else(wrong)?;
        Ok(Self {
            consultation: consultation.parse()?,
            soumissionnaire: Organisation::of_abrege(soumissionnaire)?,
            numero: uuid(numero).ok_or_else(wrong)?,
        })
    }
}

/// A UUID in its one spelling.
fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|uuid| uuid.hyphenated().to_string() == text)
}

/// A message that could not be placed, owned by who received it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdQuarantaine {
    /// Who received it.
    pub titulaire: Organisation,
    /// Chosen by who puts it aside.
    pub numero: Uuid,
}

impl IdQuarantaine {
    /// The dossier.
    pub fn dossier(&self) -> Subject {
        Subject::made(Subject::QUARANTAINE, &self.to_string())
    }
}

impl fmt::Display for IdQuarantaine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.titulaire.abrege(), self.numero.hyphenated())
    }
}

impl FromStr for IdQuarantaine {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let wrong = || IdentError::Echange("a message put aside is RECEIVER_UUID", excerpt(text));
        let (titulaire, numero) = text.split_once('_').ok_or_else(wrong)?;
        Ok(Self { titulaire: Organisation::of_abrege(titulaire)?, numero: uuid(numero).ok_or_else(wrong)? })
    }
}

super::text_identifiers! {
    Repere, "^[0-9a-f]{32}$", "Stands for a free text, 32 hex digits";
    IdFlux, "^[0-9]{14}_[0-9a-f]{32}$", "Flow: SIRET_REPERE";
    IdFacture, "^([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_[0-9]{4}_[0-9a-f]{32}$", "Invoice: SELLER_BUYER_YEAR_REPERE";
    RefConsultation, "^[A-Za-z0-9.-]{1,30}$", "The buyer's reference";
    IdConsultation, "^([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_[A-Za-z0-9.-]{1,30}$", "Tender: BUYER_REFERENCE";
    IdQuarantaine, "^([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "Message put aside: RECEIVER_UUID";
    IdPli, "^([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_[A-Za-z0-9.-]{1,30}_([0-9]{9}|[0-9]{4}:[A-Za-z0-9.-]{1,50})_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "Submission: BUYER_REFERENCE_BIDDER_UUID";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reads<T: FromStr + fmt::Display>(text: &str) -> bool {
        text.parse::<T>().is_ok_and(|value| {
            assert_eq!(value.to_string(), text, "one value, one spelling");
            true
        })
    }

    #[test]
    fn each_identifier_names_its_owners_and_has_one_spelling() {
        let hex = "0123456789abcdef0123456789abcdef";
        let uuid = "01935a4c-0000-7000-8000-000000000001";
        assert!(reads::<IdFlux>(&format!("35600000000048_{hex}")));
        assert!(reads::<IdFacture>(&format!("491011698_214502494_2026_{hex}")));
        assert!(reads::<IdFacture>(&format!("0060:a.b-c_214502494_2026_{hex}")));
        assert!(reads::<IdConsultation>("214502494_2026-M.12"));
        assert!(reads::<IdPli>(&format!("214502494_2026-M12_491011698_{uuid}")));
        assert!(reads::<IdQuarantaine>(&format!("214502494_{uuid}")));
        assert!(!reads::<IdQuarantaine>(&format!("214502494_{}", uuid.to_uppercase())));
        assert!(!reads::<IdQuarantaine>(uuid));
        assert!(reads::<IdPli>(&format!("0060:x-1_2026-M12_0060:y-2_{uuid}")));
        for bad in ["", "214502494", "214502494_a_b", "214502495_a", "214502494_", "214502494_é", "x:y_a"] {
            assert!(!reads::<IdConsultation>(bad), "{bad}");
        }
        for bad in ["491011698_214502494_26_", "491011698_214502494_02026_", "491011698_214502494_1899_"] {
            assert!(!reads::<IdFacture>(&format!("{bad}{hex}")), "{bad}");
        }
        assert!(!reads::<IdFacture>(&format!("491011698_214502494_2026_{}", hex.to_uppercase())));
        assert!(!reads::<IdPli>(&format!("214502494_2026-M12_491011698_{}", uuid.to_uppercase())));
        assert!(!reads::<IdPli>("214502494_2026-M12_491011698"));
        assert!(!reads::<IdPli>("214502494"));
    }

    #[test]
    fn both_sides_of_an_exchange_find_the_same_dossier_and_nobody_reads_the_number() {
        let vendeur: Organisation = "urn:siren:491011698".parse().unwrap();
        let acheteur: Organisation = "urn:siren:214502494".parse().unwrap();
        let of = |number: &str| IdFacture::new(vendeur.clone(), acheteur.clone(), 2026, number).unwrap();
        assert_eq!(of(" FA 2026\t12 "), of("FA 2026 12"));
        assert_ne!(of("FA-1"), of("FA-2"));
        assert!(!of("DUPONT-2026-12").to_string().contains("DUPONT"));
        // The same number elsewhere shows another repère: they can't be matched against each other.
        let other = IdFacture::new(acheteur.clone(), vendeur.clone(), 2026, "FA-1").unwrap();
        assert_ne!(other.repere, of("FA-1").repere);
        assert_eq!(IdFacture::new(vendeur, acheteur, 26, "FA-1"), None);
        let budget: Siret = "35600000000048".parse().unwrap();
        // The formula of the type's head, spelled out.
        let digest: [u8; 32] = Sha256::digest(b"greffe-repere-v1\0flux\x0035600000000048\0PES.xml").into();
        assert_eq!(IdFlux::new(budget, "PES.xml").repere.to_string(), HEXLOWER.encode(&digest[..16]));
    }

    #[test]
    fn the_longest_identifier_still_fits_a_subject() {
        let party = format!("0060:{}", "a".repeat(super::super::ISO6523_ID_CHARS_MAX));
        let uuid = "01935a4c-0000-7000-8000-000000000001";
        let longest: IdPli = format!("{party}_{}_{party}_{uuid}", "r".repeat(REFERENCE_CHARS_MAX)).parse().unwrap();
        assert_eq!(longest.dossier().as_str().parse::<Subject>().unwrap(), longest.dossier());
    }
}
