//! The acts of the year: decided, transmitted by real ACTES archives, acknowledged or not, published, one cancelled.
//!
//! | of the acts that were transmitted long enough ago | |
//! |---|---|
//! | one in two | acknowledged by the prefecture's own signature, the next day or a week later |
//! | the others | by a file that the commune received and states |
//! | one in eight | never |
//! | one in twenty | rejected first (classification out of date), and transmitted again |
//!
//! The newest ones wait.

use std::path::{Path, PathBuf};

use greffe_events::EventType;
use greffe_events::horodatage::Jour;
use greffe_events::ident::{IdActe, Subject};
use serde_json::json;

use super::annee::Annee;
use super::archives::{self, ActeEcrit, Envoi};
use super::modeles::{MODELES, Modele};
use super::region::{DEPARTEMENT, Region, qui};
use super::scene::{Chronique, Import, Quoi, Voix};
use crate::cli::progress_bar;

/// Worked days before the present on which the first act is transmitted.
const PREMIER: i32 = 255;

/// Acts transmitted on fewer worked days before the present are not answered yet.
const RECENT: i32 = 5;

/// Worked days before the present on which act number `n` of so many is transmitted: spread over the year, but for the newest ones,
/// one in ten and at most four.
fn jour_de_transmission(n: usize, count: usize) -> anyhow::Result<i32> {
    let newest = (count / 10).min(4);
    if n + newest >= count {
        return Ok(i32::try_from(count - n)?);
    }
    let since = n * usize::try_from(PREMIER - RECENT)? / (count - newest);
    Ok(PREMIER - i32::try_from(since)?)
}

/// What later parts of the demonstration show.
#[derive(Debug)]
pub struct ActesDeLAnnee {
    /// The first act of the first commune: acknowledged, its delay run out.
    pub premier: IdActe,
    /// The archive that transmits it.
    pub archive: PathBuf,
}

/// Where and when one act lives.
struct Vie<'a> {
    n: usize,
    /// Worked days before the present.
    transmis: i32,
    /// Position among [`Region::collectivites`].
    emetteur: usize,
    modele: &'a Modele,
}

impl Vie<'_> {
    fn est_recent(&self) -> bool {
        self.transmis < RECENT
    }

    fn est_refuse(&self) -> bool {
        self.n % 20 == 5 && self.transmis > RECENT + 3
    }

    fn est_oublie(&self) -> bool {
        self.n % 8 == 6
    }

    /// Worked days before the present on which the prefecture received it, if it did.
    fn recu(&self) -> Option<i32> {
        let waits = if self.n % 9 == 4 { 6 } else { 1 };
        let sent = if self.est_refuse() { self.transmis - 3 } else { self.transmis };
        (!self.est_recent() && !self.est_oublie()).then(|| (sent - waits).max(1))
    }
}

/// Writes the lives of so many acts, and their archives to the folder.
pub fn ecris(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    (folder, count): (&Path, usize),
) -> anyhow::Result<Option<ActesDeLAnnee>> {
    let bar = progress_bar("Archives");
    bar.set_length(count as u64);
    let mut shown = None;
    for n in 0..count {
        let vie = Vie {
            n,
            transmis: jour_de_transmission(n, count)?,
            emetteur: n % region.collectivites.len(),
            modele: &MODELES[n % MODELES.len()],
        };
        let (acte, archive) = transmets(chronique, annee, region, folder, &vie)?;
        if n == 0 {
            shown = Some(ActesDeLAnnee { premier: acte.id.clone(), archive });
        }
        reponds(chronique, annee, region, folder, &vie, &acte)?;
        publie(chronique, annee, region, &vie, &acte)?;
        if n == 2 && vie.transmis > RECENT + 12 {
            annule(chronique, annee, region, &vie, &acte)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if count > 0 {
        usurpe(chronique, annee, region, shown.as_ref())?;
    }
    Ok(shown)
}

fn transmets(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    folder: &Path,
    vie: &Vie,
) -> anyhow::Result<(ActeEcrit, PathBuf)> {
    let emetteur = region.collectivite(vie.emetteur)?;
    // Contracts and individual decisions are due within 15 days (CGCT L2131-1): now and then one is late.
    let before = if vie.n % 11 == 3 { 25 } else { 1 + i32::try_from(vie.n % 7)? };
    let Jour(jour) = annee.jour(vie.transmis);
    let envoi = Envoi {
        rang: vie.n / region.collectivites.len() + 1,
        decision: annee.jour(vie.transmis + before).0,
        transmission: jour,
        classification: jour.first_of_year(),
    };
    let cle = region.voix_de(vie.emetteur)?.cle;
    let heure = annee.a(vie.transmis, 8 + i8::try_from(vie.n % 8)?, 15);
    let importe = |archive: &PathBuf, id: &IdActe, rangement| {
        let (id, archive, cle) = (id.clone(), archive.clone(), cle.clone());
        Quoi::Importe(Box::new(Import { id, archive, quoi: "acte", rangement, cle }))
    };
    if !vie.est_refuse() {
        let (acte, archive) = archives::write_acte(folder, emetteur, vie.modele, vie.n, &envoi)?;
        chronique.ajoute(heure, "archive", importe(&archive, &acte.id, None));
        return Ok((acte, archive));
    }
    let stale = Envoi { classification: (jour - jiff::Span::new().years(1)).first_of_year(), ..envoi };
    let (acte, archive) = archives::write_acte(folder, emetteur, vie.modele, vie.n, &stale)?;
    chronique.ajoute(heure, "archive", importe(&archive, &acte.id, None));
    let motif =
        json!({ "motif": "La date de la classification est périmée : demandez la nouvelle et transmettez à nouveau." });
    let motif = chronique.confidentiel("motif", &motif);
    let anomalie = json!({ "date": annee.jour(vie.transmis - 1), "code": "002", "portee": "acte" });
    let prefecture = region.prefecture.voix()?;
    let at = annee.a(vie.transmis - 1, 9, 30);
    chronique.dit(at, &prefecture, &acte.id.dossier(), EventType::ActeAnomalie, anomalie, vec![motif]);
    let again = Envoi { transmission: annee.jour(vie.transmis - 3).0, ..envoi };
    let (acte, archive) = archives::write_acte(folder, emetteur, vie.modele, vie.n, &again)?;
    let at = annee.a(vie.transmis - 3, 10, 15);
    chronique.ajoute(at, "archive", importe(&archive, &acte.id, Some("apres-anomalie")));
    Ok((acte, archive))
}

/// By the prefecture's own signature, or by a file that its collectivité received.
fn reponds(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    folder: &Path,
    vie: &Vie,
    acte: &ActeEcrit,
) -> anyhow::Result<()> {
    let Some(recu) = vie.recu() else { return Ok(()) };
    let jour = annee.jour(recu);
    if vie.n.is_multiple_of(2) {
        let accuse = json!({ "date_reception": jour, "classification_en_cours": Jour(jour.0.first_of_year()) });
        let prefecture = region.prefecture.voix()?;
        let at = annee.a(recu, 17, 0);
        chronique.dit(at, &prefecture, &acte.id.dossier(), EventType::ActeAccuseReception, accuse, Vec::new());
        return Ok(());
    }
    let archive = archives::write_accuse(folder, acte, vie.n + 1, jour.0)?;
    let cle = region.voix_de(vie.emetteur)?.cle;
    let import = Import { id: acte.id.clone(), archive, quoi: "accuse", rangement: None, cle };
    chronique.ajoute(annee.a(recu, 17, 30), "archive", Quoi::Importe(Box::new(import)));
    Ok(())
}

/// Three in four are published, individual acts notified: with the transmission, what makes them executory (CGCT L2131-1).
fn publie(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    vie: &Vie,
    acte: &ActeEcrit,
) -> anyhow::Result<()> {
    if vie.n % 4 == 3 || vie.transmis <= 1 {
        return Ok(());
    }
    let day = (vie.transmis - 2).max(1);
    let mode = if vie.modele.nature.is_public() { "electronique" } else { "notification" };
    let data = json!({ "mode": mode, "date": annee.jour(day) });
    let voix = region.voix_de(vie.emetteur)?;
    chronique.dit(annee.a(day, 11, 0), &voix, &acte.id.dossier(), EventType::ActePublie, data, Vec::new());
    Ok(())
}

fn annule(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    vie: &Vie,
    acte: &ActeEcrit,
) -> anyhow::Result<()> {
    let (asked, answered) = (vie.transmis - 9, vie.transmis - 11);
    let motif = chronique.confidentiel("motif", &json!({ "motif": "Erreur d'annexe ; l'acte sera repris." }));
    let (voix, sujet) = (region.voix_de(vie.emetteur)?, acte.id.dossier());
    chronique.dit(annee.a(asked, 10, 0), &voix, &sujet, EventType::ActeAnnulationDemandee, json!({}), vec![motif]);
    let data = json!({ "date_reception": annee.jour(answered) });
    let prefecture = region.prefecture.voix()?;
    chronique.dit(annee.a(answered, 15, 0), &prefecture, &sujet, EventType::ActeAnnulationAcquittee, data, Vec::new());
    Ok(())
}

/// A commune speaks for its neighbour; a gateway for a member that no longer lets it.
fn usurpe(
    chronique: &mut Chronique,
    annee: &Annee,
    region: &Region,
    shown: Option<&ActesDeLAnnee>,
) -> anyhow::Result<()> {
    let Some(shown) = shown else { return Ok(()) };
    let mut publie = |day: i32, voix: &Voix, sujet: &Subject, code, histoire: String| {
        let data = json!({ "mode": "affichage", "date": annee.jour(day) });
        let said = (EventType::ActePublie, data, Vec::new());
        chronique.est_refuse((annee.a(day, 14, 0), voix), sujet, said, code, histoire);
    };
    let (commune, voisine) = (region.collectivite(qui::EXEMPLEVILLE)?, region.collectivite(qui::MODELE)?);
    let histoire = format!("{} signe pour {}", voisine.nom, commune.nom);
    publie(200, &commune.par(voisine)?, &shown.premier.dossier(), "key-other-organisation", histoire);
    let parangon = region.collectivite(qui::PARANGON)?;
    let Jour(day) = annee.jour(98);
    let siren = parangon.siren.as_str();
    let acte: IdActe = format!("{DEPARTEMENT}-{siren}-{}-ARR_HORS_DELEG-AR", day.strftime("%Y%m%d")).parse()?;
    let histoire = format!("{} signe pour {}, qui lui a retiré sa délégation", region.passerelle.nom, parangon.nom);
    publie(98, &parangon.par(&region.passerelle)?, &acte.dossier(), "delegation-missing", histoire);
    Ok(())
}
