//! What prefecture and collectivité write to each other about an act that was transmitted: letters, requests, answers,
//! the referral to the court (ACTES messages 2-1 to 5-1).
//!
//! ```text
//! prefecture                       collectivité                                   prefecture
//! 2-1 courrier simple         ──►  2-2 réponse
//! 3-1 demande de pièces       ──►  3-2 accusé, then 3-3 refus or 3-4 pièces  ──►  3-5 accusé
//! 4-1 lettre d'observations   ──►  4-2 accusé, then 4-3 rejet or 4-4 réponse ──►  4-5 accusé
//! 5-1 déféré
//! ```
//!
//! An answer names its letter by the day that the letter bears (`DateCourrierPref`): the protocol has nothing else. What a letter says
//! in words (`DescriptionPieces`, `Motif`, `NatureIllegalite`) goes into a confidential piece.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AuteurDeclare;
use crate::catalogue::Controle;
use crate::forme::{self, Liste, vocabulaire};
use crate::horodatage::Jour;
use crate::piece::{PIECES_MAX, Piece};

vocabulaire! {
    /// What a collectivité does about an act after the prefecture's observations.
    pub enum SuiteObservations {
        /// It takes the act back.
        Retrait = "retrait",
        /// It changes the act.
        Modification = "modification",
        /// It keeps the act as it is: an explicit refusal.
        Maintien = "maintien",
    }
}

/// A letter of the prefecture, or, with `auteur_declare`, the word of who received it as a file.
macro_rules! courriers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// Day that the letter bears (ACTES, `DateCourrierPref`): answers name it by that.
            pub date: Jour,
            /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
            #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
            pub auteur_declare: Option<AuteurDeclare>,
            /// The letter; for a constat at least the message itself.
            #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
            pub pieces: Liste<Piece, PIECES_MAX>,
        }

        impl Controle for $name {}
    )*};
}

courriers! {
    /// The prefecture writes about an act (ACTES message 2-1), or, with `auteur_declare`, a member states that it received a
    /// file saying so. A mere request for explanations prolongs nothing (CE 15/5/2013 n°357031).
    ActeCourrierSimple;
    /// The prefecture asks for documents that it lacks to control an act (ACTES message 3-1; its list goes into a piece of
    /// finalité `texte`), or, with `auteur_declare`, a member states that it received a file saying so.
    ActeDemandePieces;
    /// The prefecture asks the collectivité to take an act back or change it (ACTES message 4-1; its reasons go into a piece of
    /// finalité `motif`), or, with `auteur_declare`, a member states that it received a file saying so.
    ActeLettreObservations;
}

/// That the collectivité received a letter.
macro_rules! accuses_du_membre {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// Day that the letter bears (ACTES, `DateCourrierPref`).
            pub courrier: Jour,
            /// Day on which the collectivité received it: silence counts from then. Absent where the message is all that is known.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub date_reception: Option<Jour>,
            /// The message.
            #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
            pub pieces: Liste<Piece, PIECES_MAX>,
        }

        impl Controle for $name {}
    )*};
}

accuses_du_membre! {
    /// The collectivité received a request for documents (ACTES message 3-2).
    ActeAccuseDemandePieces;
    /// The collectivité received a letter of observations (ACTES message 4-2).
    ActeAccuseLettreObservations;
}

/// What the collectivité answers.
macro_rules! reponses {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// Day that the letter bears to which it answers (ACTES, `DateCourrierPref`).
            pub courrier: Jour,
            /// The message, the answer, the documents.
            #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
            pub pieces: Liste<Piece, PIECES_MAX>,
        }

        impl Controle for $name {}
    )*};
}

reponses! {
    /// The collectivité answers a plain letter (ACTES message 2-2).
    ActeReponseCourrierSimple;
    /// The collectivité refuses to send documents (ACTES message 3-3): the déféré's delay runs anew from its reception.
    ActeRefusPieces;
    /// The collectivité sends the documents asked for (ACTES message 3-4): the déféré's delay runs anew from the reception of
    /// what makes the act complete (CE 13/1/1988 n°68166).
    ActePiecesComplementaires;
    /// The collectivité refuses to answer a letter of observations (ACTES message 4-3).
    ActeRejetLettreObservations;
}

/// The collectivité answers a letter of observations (ACTES message 4-4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeReponseLettreObservations {
    /// Day that the letter bears to which it answers (ACTES, `DateCourrierPref`).
    pub courrier: Jour,
    /// What it does about the act. Absent where the message is all that is known: it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<SuiteObservations>,
    /// The message, the answer.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeReponseLettreObservations {}

/// That the prefecture received an answer.
macro_rules! accuses_de_l_etat {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// Day that the letter bears to which the collectivité had answered (ACTES, `InfosCourrierPref`).
            pub courrier: Jour,
            /// Day on which the prefecture received the answer: the déféré's delay runs anew from then (CGCT L2131-6).
            pub date_reception: Jour,
            /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
            #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
            pub auteur_declare: Option<AuteurDeclare>,
            /// The files: for a constat at least the message itself.
            #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
            pub pieces: Liste<Piece, PIECES_MAX>,
        }

        impl Controle for $name {}
    )*};
}

accuses_de_l_etat! {
    /// The prefecture received the documents, or the refusal to send them (ACTES message 3-5), or, with `auteur_declare`, a
    /// member states that it received a file saying so.
    ActeAccusePieces;
    /// The prefecture received the answer to its observations, or the refusal to answer (ACTES message 4-5), or, with
    /// `auteur_declare`, a member states that it received a file saying so.
    ActeAccuseReponseObservations;
}

/// The prefect refers an act to the administrative court (CGCT L2131-6; ACTES message 5-1; what is wrong with the act goes into a
/// piece of finalité `motif`), or, with `auteur_declare`, a member states that it received a file saying so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeDefere {
    /// Day on which the court got it (ACTES, `DateDepot`).
    pub date_depot: Jour,
    /// Whether suspension is asked for with it: the court rules within a month (CGCT L2131-6). Absent where nothing says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension_demandee: Option<bool>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The referral and its files; for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeDefere {}
