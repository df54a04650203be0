//! What an extract proves, in words, and what it does not.

use super::rejeu::Rejeu;
use super::report::ExtractReport;
use crate::audit::report::NotChecked;
use crate::extrait::declaration::Paroles;
use crate::extrait::demande::Borne;

/// What is proved, once nothing speaks against it under a pinned key.
pub(super) fn proved(report: &ExtractReport) -> Vec<String> {
    let Paroles { avant, dedans, total } = report.paroles;
    let size = report.size.unwrap_or_default();
    let is_unproved = |code| report.not_checked.iter().any(|not| not.code == code);
    let rights = if is_unproved("delegations") {
        "the signers had the right to sign, by the key events that are here, but for what is said below"
    } else {
        "every signer had the right to sign, by the key events that are here"
    };
    let ranks = match (dedans, is_unproved("last-rank")) {
        (0, false) => "the organisation said nothing in the period: the ranks around it follow one another".to_owned(),
        (0, true) => {
            format!("the organisation said nothing in the period before its leaf of rank {avant}, if it has one")
        }
        (_, false) => {
            format!(
                "these {dedans} leaves, ranks {avant} to {}, are all that the organisation said in the period",
                avant.saturating_add(dedans - 1)
            )
        }
        (_, true) => format!(
            "these {dedans} leaves, ranks {avant} to {}, are all that the organisation said in the period up to the last of them",
            avant.saturating_add(dedans - 1)
        ),
    };
    vec![
        format!(
            "each leaf here is in the tree of {size} leaves that the log signed, and was signed by the keys that it names"
        ),
        ranks,
        rights.to_owned(),
        format!(
            "the log, with the key of this checkpoint, declared this file, and that the organisation has {total} leaves up to it"
        ),
    ]
}

/// What is not, whatever the verdict.
pub(super) fn not_checked(rejeu: &Rejeu, is_closed: bool) -> Vec<NotChecked> {
    let mut not = vec![
        NotChecked::new(
            "others",
            "what other organisations said, but about this one's dossiers and about the keys that signed here",
        ),
        NotChecked::new("after", "anything that was recorded after the checkpoint"),
        NotChecked::new(
            "dossiers",
            "that others said nothing more about its dossiers than stands here: how many leaves that are is the log's word",
        ),
        NotChecked::new(
            "key-events",
            "that no dossier of a member, nor that of the log, holds anything else that bears on the signatures here: other members' and the log's are not here whole, the organisation's own may go on after its last leaf here, and that what is not here does not matter is the log's word",
        ),
    ];
    not.push(NotChecked::new("ranks", "that the log counted ranks rightly: verifying the whole history shows it"));
    let is_by_day = |borne: Option<Borne>| matches!(borne, Some(Borne::Jour(_)));
    if is_by_day(rejeu.demande().du) || is_by_day(rejeu.demande().au) {
        let detail = "which leaf is the first of the days asked for, and which the last: what others said right there is the log's word";
        not.push(NotChecked::new("days", detail));
    }
    if !is_closed {
        let detail = "that the organisation said nothing more up to the checkpoint: its number of leaves is the log's word, which a later leaf of its own would contradict";
        not.push(NotChecked::new("last-rank", detail));
    }
    let comptes = &rejeu.comptes;
    if comptes.droits_inconnus > 0 {
        let detail = format!("{} leaves: the delegation of the owner whose files it carried", comptes.droits_inconnus);
        not.push(NotChecked::new("delegations", detail));
    }
    if comptes.cycles_inconnus > 0 {
        let detail = format!(
            "{} leaves: that their dossiers, which are not here from their opening on, admitted them",
            comptes.cycles_inconnus
        );
        not.push(NotChecked::new("life-cycles", detail));
    }
    if !rejeu.demande().pieces {
        not.push(NotChecked::new("pieces", "the files that events cite: they were not asked for"));
    }
    not.push(NotChecked::new("same-for-everybody", "that the operator showed everybody the same log"));
    not.push(NotChecked::new("timestamps", "that the times of recording are true: they are the operator's word"));
    not.push(NotChecked::new("witnesses", "witnesses: no cosignature was looked for"));
    not
}
