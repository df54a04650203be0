//! Refusals: why something is not admitted, with a code that never changes meaning.
//!
//! The code is for programs, the titles (English and French) for people, the detail for whoever
//! debugs. Nothing here decides; each module that decides returns these.

mod conseil;

use std::fmt;

/// One reason, with its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule was broken.
    pub code: Code,
    /// What exactly was seen, in English, bounded, never a secret and never the submitted content.
    pub detail: String,
    /// The place, where there is one: an attribute or a path into `data` such as `data.pieces[2].sha256`.
    pub field: Option<String>,
}

/// Longest detail, in characters: it may quote hostile input.
const DETAIL_CHARS_MAX: usize = 400;

impl Refusal {
    /// A refusal without a place.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        let detail = match detail.char_indices().nth(DETAIL_CHARS_MAX) {
            Some((cut, _)) => format!("{}…", &detail[..cut]),
            None => detail,
        };
        Self { code, detail, field: None }
    }

    /// The same, with its place.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{}: {} ({field})", self.code, self.detail),
            None => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

impl std::error::Error for Refusal {}

macro_rules! codes {
    ($($variant:ident $text:literal $english:literal $french:literal;)*) => {
        /// Every code. A code is never reused for another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $english] $variant,)*
        }

        impl Code {
            /// All codes, in the order in which admission looks for them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The title in English.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $english,)* }
            }

            /// The title in French, for the people who run a mairie.
            pub fn titre(self) -> &'static str {
                match self { $(Self::$variant => $french,)* }
            }
        }
    };
}

codes! {
    TooLarge "too-large" "The submission is larger than the limit" "L'envoi dépasse la taille permise";
    DsseMalformed "dsse-malformed" "The submission is not a DSSE envelope" "L'envoi n'est pas une enveloppe DSSE";
    PayloadType "payload-type" "The envelope does not hold a Greffe event" "L'enveloppe ne contient pas un événement Greffe";
    Base64Invalid "base64-invalid" "A base64 text is not valid" "Un texte en base64 n'est pas valide";
    JsonMalformed "json-malformed" "The JSON is malformed" "Le JSON est mal formé";
    JsonDuplicateName "json-duplicate-name" "A name stands twice in one object (RFC 7493 §2.3)" "Un nom figure deux fois dans un même objet JSON";
    JsonTooDeep "json-too-deep" "The JSON is nested too deeply" "Le JSON est imbriqué trop profondément";
    JsonNumber "json-number" "A number is not an integer within ±(2^53−1) (RFC 7493 §2.2)" "Un nombre n'est pas un entier de 53 bits";
    JsonString "json-string" "A string holds a noncharacter (RFC 7493 §2.1), or a name is reserved by a reader" "Un texte ou un nom contient ce qui y est interdit";
    SignatureMissing "signature-missing" "A required signature is missing" "Il manque une signature";
    SignatureExtra "signature-extra" "There are more signatures than the type admits" "Il y a une signature de trop";
    SignatureRepeated "signature-repeated" "The same key signs twice" "La même clé signe deux fois";
    SignatureInvalid "signature-invalid" "A signature does not verify" "Une signature est fausse";
    AttributeMissing "attribute-missing" "A CloudEvents attribute is missing" "Il manque un attribut de l'événement";
    AttributeInvalid "attribute-invalid" "A CloudEvents attribute is not as it must be" "Un attribut de l'événement n'est pas valide";
    RegistreWrong "registre-wrong" "The event names another log" "L'événement nomme un autre registre";
    TimeOutOfRange "time-out-of-range" "The signing time is too old or in the future" "L'heure de signature est trop ancienne ou dans le futur";
    TypeUnknown "type-unknown" "The event type is not known" "Le type d'événement n'est pas connu";
    DataMissing "data-missing" "A mandatory field is missing" "Il manque un champ obligatoire";
    DataInvalid "data-invalid" "A field is not as it must be" "Un champ n'est pas valide";
    KeyUnknown "key-unknown" "The key is not enrolled" "La clé n'est pas enrôlée";
    KeyNotInForce "key-not-in-force" "The key is outside its validity period" "La clé n'est pas en cours de validité";
    KeyPending "key-pending" "The recovered key waits for its 72 hours" "La clé de recouvrement attend la fin de ses 72 heures";
    KeyRevoked "key-revoked" "The key was revoked or replaced" "La clé a été révoquée ou remplacée";
    KeyOtherOrganisation "key-other-organisation" "The key belongs to another organisation" "La clé appartient à un autre organisme";
    KeyNotEntitled "key-not-entitled" "The key's roles do not allow this event" "Le rôle de la clé ne permet pas cet événement";
    DelegationMissing "delegation-missing" "No delegation of this family is in force" "Aucune délégation en vigueur ne permet de signer pour cet organisme";
    DepartementAutre "departement-autre" "The act names another département than its collectivité's" "Le département de l'acte n'est pas celui de la collectivité";
    KeyWeak "key-weak" "The public key is not canonical, has torsion, or is the identity" "La clé publique est invalide";
    KeyAlreadyEnrolled "key-already-enrolled" "A public key is enrolled once, ever" "Cette clé publique a déjà été enrôlée";
    IdReused "id-reused" "This source already used this id for another event" "Cet identifiant a déjà servi à un autre événement";
    PieceMissing "piece-missing" "A cited piece has not been uploaded by this organisation" "Une pièce citée n'a pas été déposée";
    PieceMismatch "piece-mismatch" "A piece differs from what is said of it" "Une pièce ne correspond pas à sa description";
    PieceDejaEffacee "piece-deja-effacee" "The piece was erased already" "La pièce a déjà été effacée";
    NotOwner "not-owner" "Only an owner of the dossier may do this" "Seul le titulaire du dossier peut faire cela";
    RegistreDejaOuvert "registre-deja-ouvert" "The log is open already" "Le registre est déjà ouvert";
    RegistreFerme "registre-ferme" "The log is not open: its first event must open it" "Le registre n'est pas ouvert";
    AdherentInconnu "adherent-inconnu" "The organisation is not a member" "L'organisme n'est pas adhérent";
    AdherentDejaInscrit "adherent-deja-inscrit" "The organisation is a member already" "L'organisme est déjà adhérent";
    AdherentSorti "adherent-sorti" "The organisation has left: it says nothing here any more" "L'organisme n'est plus adhérent";
    CleDejaRevoquee "cle-deja-revoquee" "The key ended before" "Cette clé avait déjà pris fin";
    RecouvrementEnCours "recouvrement-en-cours" "A recovery waits already" "Un recouvrement est déjà en attente";
    RecouvrementInconnu "recouvrement-inconnu" "No such recovery waits" "Aucun recouvrement de cette clé n'est en attente";
    DelegationInconnue "delegation-inconnue" "There is no such delegation" "Cette délégation n'existe pas";
    LimiteAtteinte "limite-atteinte" "The dossier holds as many of these as it may" "Le dossier en compte déjà autant que permis";
    CleAbsente "cle-absente" "The node does not hold the key that this event names" "Le nœud n'a pas encore la clé que cet événement désigne";
    ActeInconnu "acte-inconnu" "The act was never transmitted here" "Cet acte n'a jamais été transmis ici";
    ActeDejaTransmis "acte-deja-transmis" "The act was transmitted already" "Cet acte a déjà été transmis";
    AnnulationDejaDemandee "annulation-deja-demandee" "The cancellation is asked for already" "L'annulation est déjà demandée";
    AnnulationNonDemandee "annulation-non-demandee" "Nobody asked for a cancellation" "Aucune annulation n'a été demandée";
    AnnulationDejaAcquittee "annulation-deja-acquittee" "This acknowledgement of the cancellation is recorded already" "Cet acquittement d'annulation est déjà enregistré";
    DateFuture "date-future" "A day has not come yet" "Une date n'est pas encore venue";
    QuarantaineDejaMise "quarantaine-deja-mise" "The message is put aside already" "Ce message est déjà en quarantaine";
    QuarantaineInconnue "quarantaine-inconnue" "No such message was put aside" "Ce message n'est pas en quarantaine";
    QuarantaineReglee "quarantaine-reglee" "The message found its place already" "Ce message a déjà été rattaché ou écarté";
    ConstatRequis "constat-requis" "This is another's deed: it can only be stated from a file" "C'est le fait d'un autre : seul un constat du fichier reçu est possible";
    ComptableNonDesigne "comptable-non-designe" "The dossier's owner did not name this accountant" "Le titulaire du dossier n'a pas désigné ce comptable";
    FluxInconnu "flux-inconnu" "The flow was never transmitted here" "Ce flux n'a jamais été transmis ici";
    FluxDejaTransmis "flux-deja-transmis" "The flow was transmitted already" "Ce flux a déjà été transmis";
    FactureDejaDeposee "facture-deja-deposee" "This deposit of the invoice is recorded already" "Ce dépôt de la facture est déjà enregistré";
    ConsultationInconnue "consultation-inconnue" "The consultation was never created here" "Cette consultation n'a jamais été créée ici";
    ConsultationDejaCreee "consultation-deja-creee" "The consultation was created already" "Cette consultation existe déjà";
    PhaseInconnue "phase-inconnue" "The consultation has no such round" "La consultation n'a pas cette phase";
    PhaseDejaClose "phase-deja-close" "The round is closed already" "Cette phase est déjà close";
    DelaiEchu "delai-echu" "The deadline has passed" "Le délai est échu";
    DelaiNonEchu "delai-non-echu" "The deadline has not passed" "Le délai n'est pas échu";
    DelaiAnterieur "delai-anterieur" "A deadline is extended to a later instant" "Un délai ne se reporte qu'à une date postérieure";
    VersionDce "version-dce" "The versions of the DCE follow each other" "Les versions du DCE se suivent";
    LotInconnu "lot-inconnu" "The consultation has no such lot" "La consultation n'a pas ce lot";
    LotEtat "lot-etat" "The state of the lot does not allow this" "L'état du lot ne le permet pas";
    CommissionAbsente "commission-absente" "The consultation has no opening commission" "La consultation n'a pas de commission d'ouverture";
    MembreInconnu "membre-inconnu" "No such member of the commission" "La commission n'a pas ce membre";
    MembreDejaInscrit "membre-deja-inscrit" "This place or key of the commission is taken" "Cette place ou cette clé de la commission est déjà prise";
    SequestreExcessif "sequestre-excessif" "Keys in escrow could open alone" "Les clés sous séquestre suffiraient à ouvrir";
    SeanceInconnue "seance-inconnue" "No such session was announced for this round" "Cette séance n'a pas été annoncée pour cette phase";
    SeanceNonContresignee "seance-non-contresignee" "Too few members countersigned the session" "Trop peu de membres ont contresigné la séance";
    SeanceDejaContresignee "seance-deja-contresignee" "This member countersigned already" "Ce membre a déjà contresigné";
    PliInconnu "pli-inconnu" "The submission was never deposited here" "Ce pli n'a jamais été déposé ici";
    PliDejaDepose "pli-deja-depose" "The submission is deposited already" "Ce pli est déjà déposé";
    PliRetire "pli-retire" "The submission is withdrawn" "Ce pli est retiré";
    PliDejaOuvert "pli-deja-ouvert" "The submission is opened already" "Ce pli est déjà ouvert";
    PartDejaRestituee "part-deja-restituee" "This member gave its share already" "Ce membre a déjà restitué sa part";
    CopieEtat "copie-etat" "The state of the safety copy does not allow this" "L'état de la copie de sauvegarde ne le permet pas";
    AccuseDejaEnregistre "accuse-deja-enregistre" "This acknowledgement is recorded already" "Cet accusé de réception est déjà enregistré";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_codes_share_a_text() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(
            texts.iter().all(|text| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        );
    }

    #[test]
    fn each_code_says_what_to_do_in_a_whole_sentence() {
        for code in Code::ALL {
            let conseil = code.conseil();
            assert!(conseil.len() > 20 && conseil.ends_with('.'), "{code}: {conseil}");
        }
    }

    #[test]
    fn a_detail_that_quotes_hostile_input_is_cut() {
        let refusal = Refusal::new(Code::DataInvalid, "é".repeat(10_000));
        assert!(refusal.detail.chars().count() <= DETAIL_CHARS_MAX + 1);
    }
}
