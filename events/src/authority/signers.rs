//! The table of DESIGN §5: which signers each event type asks for, in which order.
//!
//! | event | signatures, in order |
//! |---|---|
//! | `registre.ouvert` | the operator's key that it names |
//! | `registre.refus` | the node |
//! | `registre.operateur-remplace`, `journal-remplace`, `recouvrement-remplace` | two recovery keys, the new key |
//! | `registre.noeud-remplace` | operator, the new key |
//! | `adherent.inscrit`, `adherent.modifie` | operator |
//! | `piece.effacee` | operator |
//! | `adherent.sorti` | operator, or a key of the member |
//! | `cle.enrolee`, first key | operator, the new key |
//! | `cle.enrolee`, further keys | operator, a key of the member, the new key |
//! | `cle.recouvree` | operator, the new key |
//! | `cle.opposition` | a key of the member, in validity or not; or one that the operator ended less than 72 h before the recovery |
//! | `cle.revoquee` | that key, in validity or not, or another of the member; or operator |
//! | `cle.compromise` | another key of the member; or operator |
//! | `delegation.accordee` | a key of the member with a role for each family; or operator, with the signed mandate |
//! | `delegation.retiree` | a key of the member, or of the delegate; or operator |
//! | an exchange | a key of the source with the role of the deed, or of its delegate |
//!
//! The `source` says on whose part an event is signed where there is a choice. Keys that only read sign nothing.

use super::{Decision, Needed, Signer, familles};
use crate::catalogue::{Data, Role};
use crate::event::Event;
use crate::ident::Organisation;
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

impl<'a> Decision<'a> {
    pub(super) fn required_signers(&self, signers: &[KeyId]) -> Result<Vec<Signer<'a>>, Refusal> {
        let event: &'a Event = self.event;
        let source = &event.source;
        let operator = Signer::Of(source, Needed::Role(Role::Operateur));
        let recovered = |new: KeyId| {
            let recovery = || Signer::Of(source, Needed::Recovery);
            vec![recovery(), recovery(), Signer::Possession(new)]
        };
        let by = |organisations: &[&Organisation], as_member: Signer<'a>| {
            self.on_behalf_of(organisations, signers).map(|is_operator| {
                vec![if is_operator { Signer::Of(source, Needed::Role(Role::Operateur)) } else { as_member }]
            })
        };
        Ok(match &event.data {
            Data::RegistreOuvert(data) => vec![Signer::Possession(data.operateur.cle)],
            Data::RegistreRefus(_) => vec![Signer::Of(source, Needed::Role(Role::Registre))],
            Data::RegistreOperateurRemplace(data) => recovered(data.cle),
            Data::RegistreJournalRemplace(data) => recovered(data.log_key(&event.registre)?),
            Data::RegistreRecouvrementRemplace(data) => recovered(data.cle),
            Data::RegistreNoeudRemplace(data) => vec![operator, Signer::Possession(data.cle)],
            Data::AdherentInscrit(_) | Data::AdherentModifie(_) | Data::PieceEffacee(_) => vec![operator],
            Data::AdherentSorti(data) => by(&[&data.organisation], Signer::Of(source, Needed::AnySigning))?,
            Data::CleEnrolee(data) => {
                let mut required = vec![operator];
                if self.rights.member(&data.organisation).is_some_and(|member| member.a_eu_une_cle) {
                    required.push(Signer::Of(&data.organisation, Needed::AnySigning));
                }
                required.push(Signer::Possession(data.cle));
                required
            }
            Data::CleRecouvree(data) => vec![operator, Signer::Possession(data.cle)],
            Data::CleOpposition(data) => {
                self.check_source(&[&data.organisation], "")?;
                vec![Signer::Objector(source)]
            }
            Data::CleRevoquee(data) => {
                let is_itself = signers.first() == Some(&data.cle);
                let member = if is_itself { Signer::Itself(source) } else { Signer::Of(source, Needed::AnySigning) };
                by(&[&data.organisation], member)?
            }
            Data::CleCompromise(data) => {
                // Whoever stole a key does not say which of its signatures are in doubt.
                if signers.first() == Some(&data.cle) {
                    let detail =
                        "a key does not dispute its own signatures: another of the organisation does, or the operator";
                    return Err(Refusal::new(Code::KeyNotEntitled, detail).at("signatures[0].keyid"));
                }
                by(&[&data.organisation], Signer::Of(source, Needed::AnySigning))?
            }
            Data::DelegationAccordee(data) if data.est_par_mandat() => vec![operator],
            Data::DelegationAccordee(data) => {
                if data.organisation != *source && self.is_operator(source) {
                    let detail = format!(
                        "the operator records a delegation of {} with its signed mandate, and none is cited",
                        data.organisation
                    );
                    return Err(Refusal::new(Code::DataMissing, detail).at("data.pieces"));
                }
                self.check_source(&[&data.organisation], "")?;
                // One signature: its key must hold a role for each family; what is asked of it is the first that it lacks.
                let key = signers.first().and_then(|key| self.rights.key(key));
                let lacks = |roles: &&[Role]| key.is_some_and(|key| !roles.iter().any(|role| key.roles.contains(role)));
                let asked = data.familles.iter().map(|famille| famille.roles_deleguants());
                let roles = asked.clone().find(lacks).or(asked.clone().next()).unwrap_or_default();
                vec![Signer::Of(source, Needed::OneOf(roles))]
            }
            Data::DelegationRetiree(data) => {
                by(&[&data.organisation, &data.delegataire], Signer::Of(source, Needed::AnySigning))?
            }
            // Every family of exchanges.
            _ => vec![self.speaker(signers)?],
        })
    }

    /// Whether the event is signed on the operator's part, rather than on that of one of these organisations.
    fn on_behalf_of(&self, organisations: &[&Organisation], signers: &[KeyId]) -> Result<bool, Refusal> {
        let source = &self.event.source;
        if !self.is_operator(source) {
            return self.check_source(organisations, " or the operator").map(|()| false);
        }
        // The operator may be a member too: then its key tells.
        let signs_as_operator = signers
            .first()
            .and_then(|key| self.rights.key(key))
            .is_none_or(|record| record.roles.contains(&Role::Operateur));
        Ok(signs_as_operator || !organisations.contains(&source))
    }

    fn is_operator(&self, source: &Organisation) -> bool {
        self.rights.log().is_some_and(|log| log.operateur == *source)
    }

    /// `or_others` names those who may say it too, and are none of these.
    fn check_source(&self, organisations: &[&Organisation], or_others: &str) -> Result<(), Refusal> {
        let source = &self.event.source;
        if organisations.contains(&source) {
            return Ok(());
        }
        let names: Vec<String> = organisations.iter().map(ToString::to_string).collect();
        let detail = format!("only {}{or_others} says this, and the source is {source}", names.join(" or "));
        Err(Refusal::new(Code::NotOwner, detail).at("source"))
    }

    /// Who speaks an event of a family of exchanges.
    fn speaker(&self, signers: &[KeyId]) -> Result<Signer<'a>, Refusal> {
        let source = &self.event.source;
        let parole = familles::parole(self.event)?;
        if self.rights.member(source).is_some_and(|member| member.sorti) {
            return Err(Refusal::new(Code::AdherentSorti, format!("{source} has left")).at("source"));
        }
        if let (Some(member), Some(first)) = (parole.signataire, signers.first())
            && *first != member
        {
            let detail = format!("this member speaks with the key {member} and no other");
            return Err(Refusal::new(Code::SignatureMissing, detail).at("signatures[0].keyid"));
        }
        if parole.titulaires.contains(source) {
            return Ok(match parole.delegable {
                Some(famille) => Signer::Speaker(source, parole.role, famille),
                None => Signer::Of(source, Needed::Role(parole.role)),
            });
        }
        // Neither its own dossier nor its own word: but who carries files states what they say.
        let carries = |key: &KeyId| {
            self.rights
                .key(key)
                .is_some_and(|record| record.organisation == *source && record.roles.contains(&Role::Transmetteur))
        };
        match parole.delegable {
            Some(famille) if parole.est_constat && signers.first().is_some_and(carries) => {
                let delegates = |owner: &&Organisation| self.check_delegation(owner, source, famille).is_ok();
                if parole.titulaires.iter().any(|owner| delegates(&owner)) {
                    return Ok(Signer::Of(source, Needed::Role(Role::Transmetteur)));
                }
                let detail = format!("no owner of the dossier lets {source} carry this family now");
                Err(Refusal::new(Code::DelegationMissing, detail).at("source"))
            }
            _ => {
                let names: Vec<String> = parole.titulaires.iter().map(ToString::to_string).collect();
                let detail = format!("the dossier belongs to {}, the source is {source}", names.join(", "));
                Err(Refusal::new(Code::NotOwner, detail).at("source"))
            }
        }
    }
}
