//! What to do about a refusal, in French, for the people who run a mairie and those who write its software.
//!
//! Exhaustive on purpose: a new code has to say what its reader can do.

use super::Code;

impl Code {
    /// What whoever was refused can do about it.
    #[allow(clippy::too_many_lines, reason = "a table: one sentence for each code")]
    pub fn conseil(self) -> &'static str {
        match self {
            Self::TooLarge => {
                "Réduisez l'envoi : un événement a au plus 60 000 octets, un lot au plus 1 000 lignes. Un fichier se dépose à part, comme pièce."
            }
            Self::DsseMalformed | Self::PayloadType | Self::Base64Invalid => {
                "L'envoi doit être une enveloppe DSSE en JSON. C'est à l'éditeur du logiciel de corriger ; « greffe event check » dit ce qui ne va pas."
            }
            Self::JsonMalformed | Self::JsonDuplicateName | Self::JsonTooDeep | Self::JsonNumber | Self::JsonString => {
                "L'événement doit être du JSON que tous lisent de même (RFC 7493). C'est à l'éditeur du logiciel de corriger, puis de signer à nouveau."
            }
            Self::SignatureMissing => {
                "Faites signer par toutes les clés que demande ce type d'événement, dans l'ordre : le détail dit pour qui est la place."
            }
            Self::SignatureExtra | Self::SignatureRepeated => {
                "Ce type d'événement demande moins de signatures : effacez l'enveloppe (.dsse.json) et ne faites signer que celles-là, chacune une fois."
            }
            Self::SignatureInvalid => {
                "Signez à nouveau l'événement : il a changé après la signature, ou une autre clé a signé. Si vous n'avez rien changé, prévenez votre opérateur."
            }
            Self::AttributeMissing | Self::AttributeInvalid | Self::DataMissing | Self::DataInvalid => {
                "Corrigez le champ indiqué, puis signez et envoyez un nouvel événement."
            }
            Self::RegistreWrong => {
                "Cet événement a été signé pour un autre registre : envoyez-le là-bas, ou signez-en un nouveau pour celui-ci."
            }
            Self::TimeOutOfRange => {
                "Vérifiez l'heure de votre ordinateur, puis signez un nouvel événement : il est admis jusqu'à 7 jours après sa signature."
            }
            Self::TypeUnknown => "Vérifiez l'écriture du type, et que votre logiciel et ce registre sont à jour.",
            Self::KeyUnknown => "Demandez à votre opérateur d'enrôler cette clé, ou signez avec une clé déjà enrôlée.",
            Self::KeyNotInForce => {
                "Signez avec une clé en cours de validité, ou faites-en enrôler une nouvelle par votre opérateur."
            }
            Self::KeyPending => {
                "Attendez la fin des 72 heures : jusque-là, une autre clé de l'organisme peut s'opposer au recouvrement."
            }
            Self::KeyRevoked => {
                "Signez avec une clé en vigueur, ou faites-en enrôler une nouvelle par votre opérateur."
            }
            Self::DelegationMissing => {
                "Demandez à l'organisme au nom duquel vous signez une délégation pour cette famille, ou faites-le signer lui-même."
            }
            Self::KeyOtherOrganisation => {
                "Signez avec une clé de l'organisme qui parle, ou corrigez la source de l'événement."
            }
            Self::KeyNotEntitled => {
                "Signez avec une clé dont le rôle permet cet événement, ou demandez ce rôle à votre opérateur."
            }
            Self::KeyWeak => "Créez une nouvelle clé (« greffe key new »), puis faites-la enrôler.",
            Self::KeyAlreadyEnrolled => "Créez une autre clé : chaque clé n'est enrôlée qu'une fois.",
            Self::IdReused => {
                "Donnez un nouvel identifiant à l'événement et signez-le à nouveau ; pour renvoyer le premier, renvoyez exactement les mêmes octets."
            }
            Self::PieceMissing => {
                "Déposez d'abord chaque pièce que l'événement cite, puis renvoyez-le. Pour un effacement, vérifiez l'organisme et la référence."
            }
            Self::PieceMismatch => {
                "La taille ou la désignation citée n'est pas celle de la pièce déposée : corrigez la citation, ou déposez la bonne pièce."
            }
            Self::NotOwner => {
                "Seul le titulaire du dossier peut faire cela : adressez-vous à lui, ou vérifiez l'identifiant du dossier."
            }
            Self::RegistreDejaOuvert | Self::RegistreFerme => {
                "Rien à faire de votre côté : prévenez l'opérateur du registre."
            }
            Self::AdherentInconnu => "L'opérateur doit d'abord inscrire cet organisme.",
            Self::AdherentDejaInscrit => "Rien à faire : l'organisme est déjà adhérent.",
            Self::AdherentSorti => "L'organisme n'est plus adhérent : adressez-vous à l'opérateur s'il doit revenir.",
            Self::CleDejaRevoquee => "Rien à faire : cette clé a déjà pris fin.",
            Self::RecouvrementEnCours => {
                "Attendez la fin du recouvrement en cours, ou faites-y opposition avec une clé de l'organisme."
            }
            Self::RecouvrementInconnu => "Vérifiez la clé : aucun recouvrement de celle-ci n'est en attente.",
            Self::DelegationInconnue => {
                "Vérifiez le délégataire et la famille : cette délégation n'existe pas, ou a pris fin."
            }
            Self::LimiteAtteinte => "Mettez d'abord fin à ce qui ne sert plus (clé, délégation), puis renvoyez.",
            Self::CleAbsente => {
                "Placez d'abord la nouvelle clé dans le dossier cles/ du registre (<nom>.suivante.pem), puis renvoyez."
            }
            Self::ActeInconnu => {
                "Transmettez d'abord l'acte, ou vérifiez son identifiant ; puis signez et envoyez un nouvel événement."
            }
            Self::ActeDejaTransmis => "Rien à faire si c'est le même acte. Sinon, donnez-lui un autre numéro.",
            Self::AnnulationDejaDemandee | Self::AnnulationDejaAcquittee => "Rien à faire : c'est déjà au registre.",
            Self::AnnulationNonDemandee => "La collectivité demande d'abord l'annulation de l'acte.",
            Self::DateFuture => {
                "Corrigez la date : ce que l'événement rapporte ne peut pas avoir eu lieu après aujourd'hui. D'un fichier reçu, mettez le message en quarantaine."
            }
            Self::DepartementAutre => {
                "Corrigez le département de l'identifiant : la préfecture ne verrait pas cet acte. Si la fiche de la collectivité est fausse, l'opérateur la corrige."
            }
            Self::QuarantaineDejaMise => "Rien à faire si c'est le même message. Sinon, donnez-lui un numéro neuf.",
            Self::QuarantaineInconnue => {
                "Vérifiez l'identifiant : aucun message n'a été mis en quarantaine sous ce numéro."
            }
            Self::QuarantaineReglee => "Rien à faire : ce message a déjà trouvé sa place.",
            Self::ConstatRequis => {
                "Déposez le fichier reçu et citez-le, avec « auteur_declare » : vous constatez ce qu'un autre a dit, sans parler à sa place."
            }
            Self::ComptableNonDesigne => {
                "Le titulaire du dossier désigne d'abord ce comptable (« comptable »), ou constate lui-même le fichier reçu."
            }
            Self::FluxInconnu => "Transmettez d'abord le flux, ou vérifiez le nom du fichier et le budget.",
            Self::FluxDejaTransmis | Self::FactureDejaDeposee => {
                "Rien à faire si c'est le même envoi : il ne se refait qu'après un rejet ou un renvoi."
            }
            Self::ConsultationInconnue => "Créez d'abord la consultation, ou vérifiez sa référence.",
            Self::ConsultationDejaCreee => "Rien à faire si c'est la même. Sinon, donnez-lui une autre référence.",
            Self::PhaseInconnue | Self::LotInconnu => "Vérifiez le numéro de phase ou de lot de la consultation.",
            Self::PhaseDejaClose => "Rien à faire : la phase est déjà close.",
            Self::DelaiEchu => {
                "Le délai est passé : il ne se rouvre pas. Déclarez sans suite et relancez si la procédure doit reprendre."
            }
            Self::DelaiNonEchu => "Attendez la fin du délai : rien ne s'ouvre ni ne se décide avant.",
            Self::DelaiAnterieur => "Donnez une date limite postérieure à celle en vigueur.",
            Self::VersionDce => "Vérifiez la version du DCE : chaque nouvelle version a un numéro plus grand.",
            Self::LotEtat => "Vérifiez où en est ce lot : attribué, signé, sans suite ou infructueux.",
            Self::CommissionAbsente => {
                "Cette consultation n'a pas de quorum d'ouverture : aucune clé de membre n'y est attendue."
            }
            Self::MembreInconnu => {
                "Vérifiez le membre : sa clé doit être inscrite à la commission de cette consultation."
            }
            Self::MembreDejaInscrit => "Choisissez une autre place et une clé de chiffrement neuve pour ce membre.",
            Self::SequestreExcessif => "Confiez cette clé à un membre : celles sous séquestre suffiraient à ouvrir.",
            Self::SeanceInconnue => "Annoncez d'abord la séance de cette phase, ou vérifiez son identifiant.",
            Self::SeanceNonContresignee => {
                "Faites d'abord contresigner la séance par assez de membres de la commission."
            }
            Self::SeanceDejaContresignee | Self::PartDejaRestituee => "Rien à faire : ce membre l'a déjà fait.",
            Self::PliInconnu => "Vérifiez l'identifiant du pli : rien n'en a été déposé ici.",
            Self::PliDejaDepose => "Rien à faire si c'est le même. Sinon, donnez au nouveau dépôt un numéro neuf.",
            Self::PliRetire => "Ce pli est retiré : il ne s'ouvre plus. Le soumissionnaire peut en déposer un autre.",
            Self::PliDejaOuvert => "Rien à faire : ce pli est déjà ouvert.",
            Self::CopieEtat => {
                "Vérifiez ce qui a été fait de la copie de sauvegarde : reçue, puis ouverte ou détruite."
            }
            Self::PieceDejaEffacee => {
                "Rien à faire : la pièce est déjà effacée ; la feuille qui l'efface reste au registre."
            }
            Self::AccuseDejaEnregistre => "Rien à faire : l'accusé de réception est déjà au registre.",
        }
    }
}
