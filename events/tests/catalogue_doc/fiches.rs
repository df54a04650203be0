//! When a life cycle admits each type of an exchange, in words, with the codes that refuse it.

use greffe_events::{Code, EventType};

/// What the catalogue says of a type beyond its form.
pub struct Fiche {
    /// In which states of its dossier.
    pub admis: &'static str,
    /// By which codes its life cycle refuses it.
    pub refus: &'static [Code],
}

/// What the catalogue says of a type that governs the log, its members or its pieces.
pub struct Gouvernance {
    /// Its subject.
    pub subject: &'static str,
    /// On whose part it is signed, and by whom, in order: `events/src/authority/signers.rs` in words.
    pub signatures: &'static str,
}

/// The subject and signers of a type; none for exchanges.
pub fn gouvernance(event_type: EventType) -> Option<Gouvernance> {
    use EventType as T;
    const REGISTRE: &str = "registre/<name of the log>";
    const ADHERENT: &str = "adherent/<SIREN of the organisation>";
    let (subject, signatures) = match event_type {
        T::RegistreOuvert => (REGISTRE, "the operator: its key, which the event names"),
        T::RegistreRefus => (REGISTRE, "the operator: the node's key"),
        T::RegistreOperateurRemplace | T::RegistreJournalRemplace | T::RegistreRecouvrementRemplace => {
            (REGISTRE, "the operator: two recovery keys, then the new key")
        }
        T::RegistreNoeudRemplace => (REGISTRE, "the operator: the operator's key, then the node's new key"),
        T::AdherentInscrit | T::AdherentModifie => (ADHERENT, "the operator: its key"),
        T::AdherentSorti => (ADHERENT, "the operator: its key; or the member: one of its keys"),
        T::CleEnrolee => (
            ADHERENT,
            "the operator: its key; then, if the organisation ever had a key, one of its keys in force; then the new key",
        ),
        T::CleRecouvree => (ADHERENT, "the operator: its key, then the new key"),
        T::CleOpposition => (
            ADHERENT,
            "the member: one of its keys, in validity or not, but neither revoked nor waiting itself; never the operator",
        ),
        T::CleRevoquee => {
            (ADHERENT, "the member: that key itself, in validity or not, or another in force; or the operator: its key")
        }
        T::CleCompromise => (ADHERENT, "the member: another of its keys; or the operator: its key"),
        T::DelegationAccordee => (
            ADHERENT,
            "the member: one of its keys, with a role for each family, and no `pieces`; or the operator: its \
             key, and the signed mandate in `pieces`",
        ),
        T::DelegationRetiree => (ADHERENT, "the member or the delegate: one of its keys; or the operator: its key"),
        T::PieceEffacee => ("piece/<SIREN that keeps it>/<its reference>", "the operator: its key"),
        _ => return None,
    };
    Some(Gouvernance { subject, signatures })
}

/// The fiche of a type; none for the log's own and for members.
#[allow(clippy::too_many_lines, reason = "a table: one entry for each type")]
pub fn fiche(event_type: EventType) -> Option<Fiche> {
    use Code as C;
    use EventType as T;
    const TENDER: &str = "in any state of the consultation";
    let (admis, refus): (&str, &[Code]) = match event_type {
        T::ActeTransmis => (
            "to open the dossier; again after an anomaly that came before any acknowledgement; decided today at the latest",
            &[C::ActeDejaTransmis, C::DateFuture],
        ),
        T::ActeAccuseReception => (
            "after a transmission; once signed and once stated",
            &[C::ActeInconnu, C::AccuseDejaEnregistre, C::DateFuture],
        ),
        T::ActeAnomalie => (
            "after a transmission, any number of times; frees the number only before any acknowledgement",
            &[C::ActeInconnu, C::DateFuture],
        ),
        T::ActePublie => {
            ("always, before the transmission and without one too; may open the dossier", &[C::DateFuture])
        }
        T::ActeCourrierSimple
        | T::ActeReponseCourrierSimple
        | T::ActeDemandePieces
        | T::ActeAccuseDemandePieces
        | T::ActeRefusPieces
        | T::ActePiecesComplementaires
        | T::ActeAccusePieces
        | T::ActeLettreObservations
        | T::ActeAccuseLettreObservations
        | T::ActeRejetLettreObservations
        | T::ActeReponseLettreObservations
        | T::ActeAccuseReponseObservations
        | T::ActeDefere => (
            "after a transmission, in any number and order: what is late or answers nothing that is known here is recorded",
            &[C::ActeInconnu, C::DateFuture],
        ),
        T::ActeExamine => ("of an act that was transmitted, in any number", &[C::ActeInconnu]),
        T::QuarantaineMise => ("to open the dossier", &[C::QuarantaineDejaMise]),
        T::QuarantaineRattachee => {
            ("once, also after it was set aside", &[C::QuarantaineInconnue, C::QuarantaineReglee])
        }
        T::QuarantaineEcartee => ("while it waits", &[C::QuarantaineInconnue, C::QuarantaineReglee]),
        T::ClassificationDemandee | T::ClassificationPubliee | T::ClassificationInchangee => {
            ("always, in any number and order", &[])
        }
        T::ActeAnnulationDemandee => ("after a transmission, once", &[C::ActeInconnu, C::AnnulationDejaDemandee]),
        T::ActeAnnulationAcquittee => (
            "after the request; once signed and once stated",
            &[C::ActeInconnu, C::AnnulationNonDemandee, C::AnnulationDejaAcquittee, C::DateFuture],
        ),
        T::FluxTransmis => ("to open the dossier; again when every acquit so far rejects it", &[C::FluxDejaTransmis]),
        T::FluxAcquitte => (
            "after a transmission, in any number and order, in part or whole; what it says of a bordereau that the flow has not is shown as such",
            &[C::FluxInconnu, C::ComptableNonDesigne],
        ),
        T::FluxRetour => (
            "after a transmission, in any number; a constat always, and it may open a dossier of its own",
            &[C::FluxInconnu, C::ComptableNonDesigne],
        ),
        T::FactureDeposee => (
            "once signed and once stated, and once more after each return or rejection; may come after statuses",
            &[C::FactureDejaDeposee],
        ),
        T::FactureStatut => (
            "in any number and order; an owner's may open the dossier. Verdicts: `statut-inconnu`, `motif-absent`, `montant-absent`",
            &[C::ConstatRequis, C::ComptableNonDesigne, C::NotOwner],
        ),
        T::FacturePaiement => ("in any number; an owner's constat may open the dossier", &[C::ComptableNonDesigne]),
        T::ConsultationCreee => ("to open the dossier", &[C::ConsultationDejaCreee]),
        T::ConsultationAvisPublie | T::ConsultationQuestionPosee | T::ConsultationReponsePubliee => {
            (TENDER, &[C::ConsultationInconnue])
        }
        T::ConsultationDcePublie | T::ConsultationDceModifie => {
            ("with a version above the newest; a change after a publication", &[C::ConsultationInconnue, C::VersionDce])
        }
        T::ConsultationDceRetire => ("of a version that is published", &[C::ConsultationInconnue, C::VersionDce]),
        T::ConsultationDelaiReporte => (
            "recorded before the deadline in force has passed, to a later one",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::DelaiEchu, C::DelaiAnterieur],
        ),
        T::ConsultationPhaseOuverte => ("with the next number", &[C::ConsultationInconnue, C::PhaseInconnue]),
        T::ConsultationTentativeRefusee => {
            ("in any state, for a round that exists", &[C::ConsultationInconnue, C::PhaseInconnue])
        }
        T::ConsultationCleCommission => (
            "before the first deadline, a place, a member and a key once; fewer keys in escrow than the threshold",
            &[
                C::ConsultationInconnue,
                C::CommissionAbsente,
                C::MembreInconnu,
                C::MembreDejaInscrit,
                C::DelaiEchu,
                C::SequestreExcessif,
            ],
        ),
        T::ConsultationClose => (
            "after the deadline, once by round",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::DelaiNonEchu, C::PhaseDejaClose],
        ),
        T::ConsultationSeanceOuverte => (
            "after the deadline of its round; at most 64",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::DelaiNonEchu, C::LimiteAtteinte],
        ),
        T::ConsultationSeanceContresignee => (
            "after the session, once by member",
            &[C::ConsultationInconnue, C::SeanceInconnue, C::MembreInconnu, C::SeanceDejaContresignee],
        ),
        T::ConsultationAttribuee => (
            "after the last deadline, for a lot that is open or awarded and not signed",
            &[C::ConsultationInconnue, C::DelaiNonEchu, C::LotInconnu, C::LotEtat],
        ),
        T::ConsultationSignee | T::ConsultationNotifiee | T::ConsultationDonneesPubliees => {
            ("once the lot is awarded, in any order", &[C::ConsultationInconnue, C::LotInconnu, C::LotEtat])
        }
        T::ConsultationModifiee => {
            ("once the lot is signed or notified", &[C::ConsultationInconnue, C::LotInconnu, C::LotEtat])
        }
        T::ConsultationSansSuite => {
            ("for lots that are not signed", &[C::ConsultationInconnue, C::LotInconnu, C::LotEtat])
        }
        T::ConsultationInfructueuse => {
            ("for lots that are open", &[C::ConsultationInconnue, C::LotInconnu, C::LotEtat])
        }
        T::PliEmpreinteDeposee => (
            "to open the dossier, at any time. Verdict: `en-temps`, `hors-delai`, `sans-delai`, `consultation-terminee`",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::LotInconnu, C::PliDejaDepose],
        ),
        T::PliDepose => (
            "once, at any time; may open the dossier. Verdict: `en-temps`, `hors-delai`, `sans-delai`, `consultation-terminee`, from when the request was received (a constat: from `recu_le`); and whether it is what was announced, sealed to the commission as it stands",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::LotInconnu, C::PliDejaDepose],
        ),
        T::PliRetire => (
            "of what was announced, deposited or came as a safety copy, before it is opened. Verdict as for a deposit: late, it binds nobody",
            &[C::ConsultationInconnue, C::PliInconnu, C::PliRetire, C::PliDejaOuvert],
        ),
        T::PliCopieSauvegarde => (
            "received (may open the dossier), then opened after the deadline, or destroyed",
            &[C::ConsultationInconnue, C::PhaseInconnue, C::CopieEtat, C::DelaiNonEchu, C::PliRetire],
        ),
        T::PliPartRestituee => (
            "after the deadline, in a session that the threshold of members countersigned, once by member",
            &[
                C::ConsultationInconnue,
                C::PliInconnu,
                C::DelaiNonEchu,
                C::PliRetire,
                C::MembreInconnu,
                C::SeanceInconnue,
                C::SeanceNonContresignee,
                C::PartDejaRestituee,
            ],
        ),
        T::PliOuvert => (
            "after the deadline, in a session, once. Verdict: whether enough shares were given in the log",
            &[
                C::ConsultationInconnue,
                C::PliInconnu,
                C::DelaiNonEchu,
                C::PliRetire,
                C::SeanceInconnue,
                C::PliDejaOuvert,
            ],
        ),
        T::PliIllisible => (
            "after the deadline, in a session",
            &[C::ConsultationInconnue, C::PliInconnu, C::DelaiNonEchu, C::SeanceInconnue],
        ),
        T::PliQualifie => ("after the deadline", &[C::ConsultationInconnue, C::PliInconnu, C::DelaiNonEchu]),
        T::PliCandidatureExaminee | T::PliOffreRejetee | T::PliRejetNotifie => (
            "after the deadline, for lots that exist",
            &[C::ConsultationInconnue, C::PliInconnu, C::DelaiNonEchu, C::LotInconnu],
        ),
        _ => return None,
    };
    Some(Fiche { admis, refus })
}
