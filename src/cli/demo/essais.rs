//! What to try once the demonstration serves: for each kind of user a command or two, to be copied as they stand, and what
//! they show. `tests/demo.rs` runs every one of them.

use std::path::Path;

use super::Demo;
use super::region::{Organisme, qui};
use crate::cli::print;

/// The address that commands take where none is given.
const URL_DEFAULT: &str = "http://127.0.0.1:4180";

/// Writes commands as they can be typed where this program was started.
struct Commandes<'a> {
    greffe: String,
    url: &'a str,
    root: &'a Path,
}

impl Commandes<'_> {
    /// `--url`, where it is not the default.
    fn adresse(&self) -> String {
        if self.url == URL_DEFAULT { String::new() } else { format!(" --url {}", self.url) }
    }

    /// A list as a table of these columns.
    fn tableau(&self, qui: &Organisme, path: &str, columns: &str) -> anyhow::Result<String> {
        Ok(format!("{} | cut -d';' -f{columns}", self.curl(qui, path, "-H 'Accept: text/csv' ")?))
    }

    fn curl(&self, qui: &Organisme, path: &str, options: &str) -> anyhow::Result<String> {
        let (greffe, key, adresse, url) = (&self.greffe, qui.chemin()?.display(), self.adresse(), self.url);
        Ok(format!(
            "curl -s {options}-H \"Authorization: Bearer $({greffe} token --key {key}{adresse})\" '{url}{path}'"
        ))
    }
}

/// What one kind of user can try: what each command shows, and the command.
struct Essai {
    pour: &'static str,
    commandes: Vec<(&'static str, String)>,
}

/// Prints the log's key and what to try.
pub fn dis(demo: &Demo, url: &str, vkey: &str) -> anyhow::Result<()> {
    let commandes = Commandes { greffe: program(), url, root: &demo.root };
    print(format_args!("Clé du registre (à épingler) : {vkey}"))?;
    print("")?;
    print("À essayer, dans un autre terminal, du même dossier :")?;
    let all = [comptes_et_actes(demo, &commandes)?, marches(demo, &commandes)?, lecteurs(demo, &commandes)?];
    for essai in all.into_iter().flatten() {
        print(essai.pour)?;
        for (what, command) in essai.commandes {
            print(format_args!("  # {what}\n  {command}"))?;
        }
    }
    print("")
}

fn comptes_et_actes(demo: &Demo, c: &Commandes) -> anyhow::Result<Vec<Essai>> {
    let region = &demo.region;
    let (ville, vendeur) = (region.collectivite(qui::EXEMPLEVILLE)?, region.entreprise(0)?);
    let (archive, key) = (demo.actes.archive.display(), ville.chemin()?.display());
    let import = format!("{} actes import {archive} --key {key}{}", c.greffe, c.adresse());
    let totaux = format!("/v1/flux/totaux?budget={}", ville.siren.as_str());
    Ok(vec![
        Essai {
            pour: "Secrétaire de mairie (Exempleville)",
            commandes: vec![
                (
                    "ses derniers actes : numéro, objet, état, exécutoire depuis, déféré possible jusqu'au",
                    c.tableau(ville, "/v1/actes?limit=5", "5,8,9,18,21")?,
                ),
                ("transmettre deux fois la même archive n'ajoute rien", import),
            ],
        },
        Essai {
            pour: "Préfecture",
            commandes: vec![(
                "les actes du département qui attendent leur accusé : qui, numéro, objet, depuis quand",
                c.tableau(&region.prefecture, "/v1/actes?etat=transmis", "2,5,8,10")?,
            )],
        },
        Essai {
            pour: "Comptable public",
            commandes: vec![
                (
                    "par exercice : bordereaux, mandats, montant HT, accepté, rejeté",
                    c.tableau(&region.comptable, &totaux, "2,4,5,6,8,9")?,
                ),
                (
                    "les dernières factures dont il est le comptable : vendeur, acheteur, état, échéance, à payer, payé",
                    c.tableau(&region.comptable, "/v1/factures?limit=5", "2,3,6,12,17,18")?,
                ),
            ],
        },
        Essai {
            pour: "Fournisseur (Bâtisseurs Fictifs)",
            commandes: vec![(
                "ses factures : acheteur, état, échéance, à payer, payé ; l'une attend depuis des mois",
                c.tableau(vendeur, "/v1/factures", "3,6,12,17,18")?,
            )],
        },
    ])
}

fn marches(demo: &Demo, c: &Commandes) -> anyhow::Result<Vec<Essai>> {
    let (pays, candidat) = (demo.region.collectivite(qui::PAYS)?, demo.region.entreprise(1)?);
    let (close, en_cours) = (&demo.consultations.close, &demo.consultations.en_cours);
    Ok(vec![
        Essai {
            pour: "Acheteur (Pays d'Exemple)",
            commandes: vec![
                (
                    "les plis d'une consultation close et pas encore ouverte : qu'ils sont venus et quand, pas de qui",
                    c.tableau(pays, &format!("/v1/consultations/{close}/plis"), "1,5,6,8,12")?,
                ),
                (
                    "qui a retiré le dossier de consultation, et quand",
                    c.tableau(pays, &format!("/v1/consultations/{close}/retraits"), "2,4")?,
                ),
            ],
        },
        Essai {
            pour: "Soumissionnaire (Fournitures Imaginaires)",
            commandes: vec![
                (
                    "les consultations où un pli peut encore être déposé : référence, catégorie, date limite",
                    c.tableau(candidat, "/v1/consultations?ouverte=true", "1,5,8")?,
                ),
                (
                    "les plis qu'il a déposés dans l'une, et nul autre",
                    c.tableau(candidat, &format!("/v1/consultations/{en_cours}/plis"), "5,6,12")?,
                ),
            ],
        },
    ])
}

fn lecteurs(demo: &Demo, c: &Commandes) -> anyhow::Result<Vec<Essai>> {
    let region = &demo.region;
    let (greffe, root, url) = (&c.greffe, c.root.display(), c.url);
    let siren = region.collectivite(qui::EXEMPLEVILLE)?.siren.as_str().to_owned();
    let (auditrice, chambre) = (region.auditrice.chemin()?.display(), region.chambre.chemin()?.display());
    let extrait = format!("{root}/extrait-{siren}.tar");
    let vkey = format!("--vkey {root}/vkey");
    let recu = format!("{root}/recus/{}.acte.recu.json", demo.actes.premier);
    Ok(vec![
        Essai {
            pour: "Auditeur d'une commune (Exempleville)",
            commandes: vec![
                (
                    "tout ce qui est de la commune, en un fichier",
                    format!("{greffe} export --siren {siren} --key {auditrice}{} -o {extrait}", c.adresse()),
                ),
                ("que n'importe qui vérifie, hors ligne", format!("{greffe} verify {extrait} {vkey}")),
            ],
        },
        Essai {
            pour: "Auditeur de tout (chambre des comptes)",
            commandes: vec![
                ("l'historique entier, à distance", format!("{greffe} verify {url} --key {chambre} {vkey}")),
                ("ce qui a été refusé, et à qui", c.tableau(&region.chambre, "/v1/refus", "2,4,6")?),
            ],
        },
        Essai {
            pour: "Logiciel d'un éditeur (syndicat numérique, par délégation)",
            commandes: vec![(
                "le fil des événements, page par page : un curseur, et de quoi tout vérifier",
                c.curl(&region.passerelle, "/v1/events?type=greffe.flux.transmis.v1&limit=1", "")?,
            )],
        },
        Essai {
            pour: "N'importe qui",
            commandes: vec![(
                "un reçu se vérifie hors ligne, avec la seule clé du registre",
                format!("{greffe} verify {recu} {vkey}"),
            )],
        },
    ])
}

/// This program, as it can be typed where it was started.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "greffe".to_owned() };
    let named = std::env::var_os("PATH").into_iter().flat_map(|all| std::env::split_paths(&all).collect::<Vec<_>>());
    let mut named = named.map(|folder| folder.join("greffe")).filter(|named| named.exists());
    let is_found = named.next().and_then(|first| first.canonicalize().ok()) == path.canonicalize().ok();
    if is_found {
        return "greffe".to_owned();
    }
    let here = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok());
    here.unwrap_or(path).display().to_string()
}
