//! Doubts: what speaks against a history, with a code that never changes meaning, and the place.

use std::fmt;

use serde::{Serialize, Serializer};

/// Doubts kept with their details; all are counted. A history that was shifted by one leaf has one at every leaf.
pub const DOUBTS_KEPT_MAX: usize = 100;

/// Longest detail kept, in characters: it may quote hostile input.
const DETAIL_CHARS_MAX: usize = 500;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// Which rule is broken.
    pub code: DoubtCode,
    /// At which leaf, where it is at one.
    pub index: Option<u64>,
    /// Where in it: a leaf's field, an attribute, a path into `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What exactly was seen, in English.
    pub detail: String,
}

impl Doubt {
    /// A doubt on the history as a whole.
    pub fn new(code: DoubtCode, detail: impl fmt::Display) -> Self {
        Self { code, index: None, field: None, detail: printable(&detail.to_string()) }
    }

    /// The same, at a leaf.
    #[must_use]
    pub fn at(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    /// The same, in a field.
    #[must_use]
    pub fn field(mut self, field: impl fmt::Display) -> Self {
        self.field = Some(printable(&field.to_string()));
        self
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "leaf {index}: {}: {}", self.code, self.detail)?,
            None => write!(f, "{}: {}", self.code, self.detail)?,
        }
        match &self.field {
            Some(field) => write!(f, " ({field})"),
            None => Ok(()),
        }
    }
}

/// Cut, and without control characters: a report is read in terminals, and what it quotes may be hostile.
fn printable(text: &str) -> String {
    let cut = text.chars().take(DETAIL_CHARS_MAX);
    cut.flat_map(|c| {
        let escaped: Box<dyn Iterator<Item = char>> =
            if is_safe_to_show(c) { Box::new(std::iter::once(c)) } else { Box::new(c.escape_unicode()) };
        escaped
    })
    .collect()
}

/// Neither a control character nor one that turns the direction of the text around.
fn is_safe_to_show(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! doubts {
    ($($variant:ident $text:literal $english:literal $french:literal;)*) => {
        /// Every code. A code is never reused for another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DoubtCode {
            $(#[doc = $english] $variant,)*
        }

        impl DoubtCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The title in English.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $english,)* }
            }

            /// The title in French.
            pub fn titre(self) -> &'static str {
                match self { $(Self::$variant => $french,)* }
            }
        }
    };
}

doubts! {
    LeafMalformed "leaf-malformed" "The bytes are not a leaf" "Les octets ne forment pas une feuille";
    PayloadMalformed "payload-malformed" "The event is not I-JSON within its bounds" "L'événement n'est pas du JSON admissible";
    SignatureInvalid "signature-invalid" "A signature does not verify" "Une signature est fausse";
    EventMalformed "event-malformed" "The event is not what its type says" "L'événement n'est pas conforme à son type";
    OpeningMissing "opening-missing" "The first leaf does not open a log" "La première feuille n'ouvre pas un registre";
    OpeningInvalid "opening-invalid" "The opening's vkey is no log key" "La clé du journal dans l'ouverture est invalide";
    VkeyOther "vkey-other" "The opening names another log key than the pinned one" "L'ouverture nomme une autre clé que la clé épinglée";
    RegistreWrong "registre-wrong" "The event was written for another log" "L'événement a été écrit pour un autre registre";
    TimeOutOfRange "time-out-of-range" "The signing time is too far from the recording" "L'heure de signature est trop loin de l'enregistrement";
    RecordedAtDecreases "recorded-at-decreases" "The leaf was recorded before the one before it" "La feuille est enregistrée avant la précédente";
    PreviousWrong "previous-wrong" "The leaf names another preceding leaf of its dossier" "La feuille précédente du dossier est fausse";
    RankWrong "rank-wrong" "The leaf's rank is not its source's number of earlier leaves" "Le rang de la feuille est faux";
    Authority "authority" "The signers had no right to write this event" "Les signataires n'avaient pas le droit d'écrire cet événement";
    IdentityRepeated "identity-repeated" "This source and id were recorded before" "Cet identifiant de la même source est déjà enregistré";
    LifeCycle "life-cycle" "The dossier's life cycle forbids this event" "Le cycle de vie du dossier interdit cet événement";
    RefusalMalformed "refusal-malformed" "The recorded refusal is not one that a node records" "Le refus enregistré n'est pas recevable";
    PieceDiffers "piece-differs" "A cited piece is not the file that was cited" "Une pièce n'est pas le fichier cité";
    PieceAbsent "piece-absent" "A cited piece is not there" "Une pièce citée manque";
    PieceKept "piece-kept" "A piece that a leaf says was erased is still there" "Une pièce dite effacée est toujours là";
    PieceErased "piece-erased" "The event cites a piece that a leaf before it erased" "L'événement cite une pièce effacée par une feuille antérieure";
    PieceUnreadable "piece-unreadable" "A cited piece is there and can't be read" "Une pièce présente ne peut pas être lue";
    StoreDamaged "store-damaged" "The leaves' file is damaged" "Le fichier des feuilles est endommagé";
    LeafMissing "leaf-missing" "A leaf is missing in the middle" "Une feuille manque au milieu";
    LeavesMissing "leaves-missing" "There are fewer leaves than there were" "Il y a moins de feuilles qu'il n'y en eut";
    NotCovered "not-covered" "Leaves stand behind the checkpoint, which nobody signed for" "Des feuilles suivent le point de contrôle sans être signées";
    CheckpointMissing "checkpoint-missing" "There is no checkpoint" "Il n'y a pas de point de contrôle";
    CheckpointInvalid "checkpoint-invalid" "The checkpoint is not the log's word" "Le point de contrôle n'est pas signé par le journal";
    RootMismatch "root-mismatch" "The leaves do not make the tree that the log signed" "Les feuilles ne forment pas l'arbre que le journal a signé";
    LeafAltered "leaf-altered" "These are not the bytes whose hash the log signed" "Ce ne sont pas les octets dont le journal a signé le hachage";
    HashAltered "hash-altered" "A kept hash of the tree is not the one that the leaves make" "Un hachage conservé n'est pas celui des feuilles";
    SinceInvalid "since-invalid" "The older checkpoint is not this log's word" "L'ancien point de contrôle n'est pas signé par ce journal";
    SinceNewer "since-newer" "The kept checkpoint has more leaves than this history" "Le point de contrôle conservé compte plus de feuilles";
    ExtractMalformed "extract-malformed" "The file is not an extract as the format writes it" "Le fichier n'est pas un extrait bien formé";
    ExtractUndeclared "extract-undeclared" "The extract ends with no declaration of this log" "L'extrait ne porte pas la déclaration de ce registre";
    ExtractContradicted "extract-contradicted" "The extract does not hold what the log declared" "L'extrait ne contient pas ce que le registre a déclaré";
    ProofWrong "proof-wrong" "The proof does not lead from the leaf to the checkpoint" "La preuve ne mène pas de la feuille au point de contrôle";
    RankGap "rank-gap" "A leaf of the organisation is missing: its ranks have a gap" "Il manque une feuille de l'organisme : ses rangs ont un trou";
    DossierGap "dossier-gap" "A leaf of one of the organisation's dossiers is missing" "Il manque une feuille d'un dossier de l'organisme";
    LeafForeign "leaf-foreign" "The leaf has no place in this extract" "La feuille n'a pas sa place dans cet extrait";
    PieceForeign "piece-foreign" "No leaf of the period cites this file" "Aucune feuille de la période ne cite ce fichier";
    SinceContradicted "since-contradicted" "The history contradicts the kept checkpoint: it was rewritten" "L'historique contredit le point de contrôle conservé : il a été réécrit";
}

impl fmt::Display for DoubtCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for DoubtCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_doubts_share_a_code() {
        let texts: std::collections::HashSet<_> = DoubtCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), DoubtCode::ALL.len());
    }

    #[test]
    fn what_a_report_quotes_cannot_command_a_terminal() {
        let doubt = Doubt::new(DoubtCode::EventMalformed, "\u{1b}[2J\u{202e}éà\n".repeat(200));
        assert!(doubt.detail.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{}", doubt.detail);
        assert!(doubt.detail.contains('é') && doubt.detail.len() < 10 * DETAIL_CHARS_MAX);
    }
}
