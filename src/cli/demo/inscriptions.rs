//! Who comes into the log: members, their keys, and whom they let sign for them.

use greffe_events::EventType;
use greffe_events::catalogue::Categorie;
use greffe_events::horodatage::Horodatage;
use serde_json::json;

use super::annee::{Annee, JOURS};
use super::region::{DEPARTEMENT, Region, qui};
use super::scene::Chronique;

/// How long the keys of the demonstration are in force, in milliseconds: the year that is told, and the next.
const KEY_VALIDITY_MS: u64 = 2 * 365 * 24 * 3_600 * 1_000;

/// Writes what the operator and the members do.
pub fn ecris(chronique: &mut Chronique, annee: &Annee, region: &Region) -> anyhow::Result<()> {
    let debut = annee.a(JOURS, 8, 0);
    let from = Horodatage::from_unix_ms(debut);
    let until = Horodatage::from_unix_ms(debut + KEY_VALIDITY_MS);
    for organisme in region.membres() {
        let organisation = organisme.organisation();
        let sujet = organisation.dossier();
        let mut admis = json!({ "organisation": organisation, "categorie": organisme.categorie });
        if organisme.categorie != Categorie::Entreprise {
            admis["denomination"] = organisme.nom.into();
            admis["departement"] = DEPARTEMENT.into();
        }
        chronique.dit(debut, &region.operateur, &sujet, EventType::AdherentInscrit, admis, Vec::new());
        for (n, (_, cle)) in organisme.cles.iter().enumerate() {
            let enrolee = json!({
                "organisation": organisation, "cle": cle.id(), "roles": organisme.roles,
                "valable_du": from, "valable_jusqu": until,
            });
            // A further key takes the signature of one that is there.
            let mut signataires = vec![cle.clone()];
            if n > 0 {
                signataires.insert(0, organisme.voix()?.cle);
            }
            chronique.signe(debut, &region.operateur, &sujet, EventType::CleEnrolee, enrolee, &signataires);
        }
    }
    delegations(chronique, annee, region)
}

/// One by a mandate on paper, one by the commune itself, one that is withdrawn.
fn delegations(chronique: &mut Chronique, annee: &Annee, region: &Region) -> anyhow::Result<()> {
    let accordee = EventType::DelegationAccordee;
    let passerelle = region.passerelle.organisation();
    let debut = annee.a(JOURS, 9, 0);
    let jusqu = Horodatage::from_unix_ms(debut + KEY_VALIDITY_MS);
    let data = |n: usize| {
        let organisation = region.collectivite(n)?.organisation();
        anyhow::Ok(json!({
            "organisation": organisation, "delegataire": passerelle, "familles": ["actes", "comptabilite"], "jusqu": jusqu,
        }))
    };
    let specimen = region.collectivite(qui::SPECIMEN)?;
    let mandat =
        chronique.page("mandat", "mandat.pdf", &["Mandat (démonstration)", specimen.nom, "au syndicat numérique"]);
    let sujet = specimen.organisation().dossier();
    chronique.dit(debut, &region.operateur, &sujet, accordee, data(qui::SPECIMEN)?, vec![mandat]);
    for n in [qui::FICTIVE, qui::PARANGON] {
        let commune = region.collectivite(n)?;
        let sujet = commune.organisation().dossier();
        chronique.dit(debut, &commune.voix()?, &sujet, accordee, data(n)?, Vec::new());
    }
    let parangon = region.collectivite(qui::PARANGON)?;
    let sujet = parangon.organisation().dossier();
    let retiree = json!({ "organisation": parangon.organisation(), "delegataire": passerelle });
    chronique.dit(annee.a(100, 9, 0), &parangon.voix()?, &sujet, EventType::DelegationRetiree, retiree, Vec::new());
    Ok(())
}
