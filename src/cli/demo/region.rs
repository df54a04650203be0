//! A fictional region: its bodies, companies and keys. Everything invented: every public body in a département (096) that does not
//! exist, every company under a SIREN that begins with 2, as no company's does, so that nobody real can be meant.

use std::path::{Path, PathBuf};

use anyhow::Context;
use greffe_events::catalogue::{Categorie, Portee, Role};
use greffe_events::ident::{Departement, Organisation, Siren, Siret};
use greffe_events::key::SecretKey;

use super::scene::Voix;
use crate::ledger::folder::{read_secret_key, write_secret_key};

/// The département of the demonstration; no such number is attributed.
pub const DEPARTEMENT: &str = "096";

/// The log's name in the demonstration: nobody's, and it says so.
pub const ORIGIN: &str = "demo.greffe.invalid";

/// A body or a company of the region.
#[derive(Debug, Clone)]
pub struct Organisme {
    /// How it is called; of a company, in what is printed alone.
    pub nom: &'static str,
    /// What it is.
    pub categorie: Categorie,
    /// Its SIREN.
    pub siren: Siren,
    /// What its keys may sign or read.
    pub roles: Vec<Role>,
    /// Its keys: none of a commune that lets another sign everything.
    pub cles: Vec<(PathBuf, SecretKey)>,
}

impl Organisme {
    /// As the source of events.
    pub fn organisation(&self) -> Organisation {
        Organisation::Siren(self.siren)
    }

    /// Its first establishment.
    pub fn siret(&self) -> anyhow::Result<Siret> {
        let found = (0..10).find_map(|key| format!("{}0001{key}", self.siren.as_str()).parse().ok());
        found.context("SIRET")
    }

    /// Its own voice, with its first key.
    pub fn voix(&self) -> anyhow::Result<Voix> {
        self.membre(0)
    }

    /// The same with another of its keys.
    pub fn membre(&self, n: usize) -> anyhow::Result<Voix> {
        let (_, cle) = self.cles.get(n).with_context(|| format!("{} n'a pas de clé n° {}", self.nom, n + 1))?;
        Ok(Voix { source: self.organisation(), cle: cle.clone() })
    }

    /// Its voice, spoken by a gateway.
    pub fn par(&self, passerelle: &Self) -> anyhow::Result<Voix> {
        Ok(Voix { source: self.organisation(), cle: passerelle.voix()?.cle })
    }

    /// Where its first key is.
    pub fn chemin(&self) -> anyhow::Result<&Path> {
        let (path, _) = self.cles.first().with_context(|| format!("{} n'a pas de clé", self.nom))?;
        Ok(path)
    }
}

/// Everybody.
#[derive(Debug)]
pub struct Region {
    /// Who keeps the log.
    pub operateur: Voix,
    /// The communes and the group of communes.
    pub collectivites: Vec<Organisme>,
    /// Who receives their acts.
    pub prefecture: Organisme,
    /// Who keeps their accounts.
    pub comptable: Organisme,
    /// The gateway.
    pub passerelle: Organisme,
    /// Companies: they sell, and bid.
    pub entreprises: Vec<Organisme>,
    /// Reads what is one commune's.
    pub auditrice: Organisme,
    /// Reads everything.
    pub chambre: Organisme,
}

/// Positions among [`Region::collectivites`].
pub mod qui {
    /// Buys too.
    pub const EXEMPLEVILLE: usize = 0;
    /// Its neighbour.
    pub const MODELE: usize = 1;
    /// No key of its own: the gateway signs for it, by a mandate on paper.
    pub const SPECIMEN: usize = 3;
    /// Lets the gateway sign, by its own event.
    pub const FICTIVE: usize = 4;
    /// Took that back.
    pub const PARANGON: usize = 5;
    /// The group of communes: buys too, with a commission of three.
    pub const PAYS: usize = 6;
}

/// Members of the opening commission of the group of communes: its keys.
pub const COMMISSION: usize = 3;

const COLLECTIVITES: [(&str, Categorie, u32, usize); 7] = [
    ("Commune d'Exempleville", Categorie::Commune, 21_960_001, 1),
    ("Commune de Modèle-sur-Rive", Categorie::Commune, 21_960_002, 1),
    ("Commune de Saint-Témoin", Categorie::Commune, 21_960_003, 1),
    ("Commune du Vieux-Spécimen", Categorie::Commune, 21_960_004, 0),
    ("Commune de Fictive-la-Forêt", Categorie::Commune, 21_960_005, 1),
    ("Commune de Parangon", Categorie::Commune, 21_960_006, 1),
    ("Communauté de communes du Pays d'Exemple", Categorie::Epci, 20_960_001, COMMISSION),
];

const ENTREPRISES: [(&str, u32); 3] =
    [("Bâtisseurs Fictifs", 29_960_001), ("Fournitures Imaginaires", 29_960_002), ("Travaux d'Exemple", 29_960_003)];

/// The SIREN made of eight digits and the key that they ask for.
fn siren(head: u32) -> anyhow::Result<Siren> {
    (0..10).find_map(|key| format!("{head:08}{key}").parse().ok()).context("SIREN")
}

/// The key of a file; made where it is missing.
pub fn cle(path: &Path) -> anyhow::Result<SecretKey> {
    if path.exists() {
        return Ok(read_secret_key(path)?);
    }
    let key = SecretKey::generate()?;
    write_secret_key(path, &key)?;
    Ok(key)
}

impl Region {
    /// Reads the keys of a folder; makes those that are missing.
    pub fn de(root: &Path) -> anyhow::Result<Self> {
        let organisme = |nom, categorie, head, roles: Vec<Role>, cles: usize| {
            let siren = siren(head)?;
            let path = |n: usize| {
                let suffix = if n == 0 { String::new() } else { format!("-{}", n + 1) };
                root.join(format!("membres/{}{suffix}.pem", siren.as_str()))
            };
            let cles = (0..cles).map(|n| Ok((path(n), cle(&path(n))?))).collect::<anyhow::Result<_>>()?;
            anyhow::Ok(Organisme { nom, categorie, siren, roles, cles })
        };
        let collectivites = COLLECTIVITES.iter().map(|(nom, categorie, head, cles)| {
            organisme(nom, *categorie, *head, vec![Role::Collectivite, Role::Acheteur], *cles)
        });
        let collectivites = collectivites.collect::<anyhow::Result<Vec<_>>>()?;
        let entreprises = ENTREPRISES.iter().map(|(nom, head)| {
            organisme(nom, Categorie::Entreprise, *head, vec![Role::Fournisseur, Role::Soumissionnaire], 1)
        });
        let entreprises = entreprises.collect::<anyhow::Result<_>>()?;
        let departement: Departement = DEPARTEMENT.parse()?;
        let audited = Role::Auditeur(Portee::Siren(siren(COLLECTIVITES[qui::EXEMPLEVILLE].2)?));
        let (etat, public) = (Categorie::Etat, Categorie::EtablissementPublic);
        Ok(Self {
            operateur: Voix {
                source: Organisation::Siren(siren(13_960_001)?),
                cle: cle(&root.join("hors-ligne/operateur.pem"))?,
            },
            collectivites,
            prefecture: organisme(
                "Préfecture du département fictif 096",
                Categorie::Prefecture,
                17_960_001,
                vec![Role::Prefecture(departement)],
                1,
            )?,
            comptable: organisme("Service de gestion comptable fictif", etat, 13_960_002, vec![Role::Comptable], 1)?,
            passerelle: organisme("Syndicat numérique d'Exemple", public, 25_960_001, vec![Role::Transmetteur], 1)?,
            entreprises,
            auditrice: organisme("Audit Inventé", Categorie::Entreprise, 29_960_004, vec![audited], 1)?,
            chambre: organisme("Chambre des comptes fictive", etat, 13_960_003, vec![Role::Auditeur(Portee::Tout)], 1)?,
        })
    }

    /// Everybody whom the operator admits.
    pub fn membres(&self) -> impl Iterator<Item = &Organisme> {
        let others = [&self.prefecture, &self.comptable, &self.passerelle];
        let readers = [&self.auditrice, &self.chambre];
        self.collectivites.iter().chain(others).chain(&self.entreprises).chain(readers)
    }

    /// Who speaks for a collectivité: itself, or the gateway where it lets it.
    pub fn voix_de(&self, n: usize) -> anyhow::Result<Voix> {
        let organisme = self.collectivite(n)?;
        if matches!(n, qui::SPECIMEN | qui::FICTIVE) { organisme.par(&self.passerelle) } else { organisme.voix() }
    }

    /// One of the collectivités.
    pub fn collectivite(&self, n: usize) -> anyhow::Result<&Organisme> {
        self.collectivites.get(n).context("collectivité")
    }

    /// One of the companies.
    pub fn entreprise(&self, n: usize) -> anyhow::Result<&Organisme> {
        self.entreprises.get(n).context("entreprise")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_body_of_the_region_has_a_siren_with_its_key_and_keeps_its_keys() {
        let root = tempfile::tempdir().unwrap();
        let region = Region::de(root.path()).unwrap();
        let all: std::collections::HashSet<_> = region.membres().map(|organisme| organisme.siren).collect();
        assert_eq!(all.len(), region.membres().count());
        for organisme in region.membres() {
            organisme.siret().unwrap();
        }
        let again = Region::de(root.path()).unwrap();
        assert_eq!(again.chambre.voix().unwrap().cle.id(), region.chambre.voix().unwrap().cle.id());
    }
}
