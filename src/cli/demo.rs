//! `greffe demo`: the README's first command.
//!
//! ```text
//! D/registre            the ledger
//! D/registre.garde      its rollback guard
//! D/hors-ligne/         the operator's key and the recovery keys
//! D/membres/<siren>.pem one key per body of the fictional region
//! D/archives/           real ACTES archives, written once
//! D/recus/              one receipt per event
//! D/vkey                the log's public key, to pin
//! ```
//!
//! Everything goes through the doors that anyone has: HTTP, reader tokens, `actes import`. Run again on the same folder,
//! it records nothing twice and serves what is there.

mod archives;
mod document;
mod region;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::Uuid;
use greffe_events::catalogue::{ActeAccuseReception, AdherentInscrit, CleEnrolee, Data};
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::{Horodatage, Jour};
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::SecretKey;

use self::archives::ActeDemo;
use self::region::Organisme;
use super::client::{Client, Posted, Problem};
use super::kept::keep_receipt;
use super::{Outcome, actes, now_ms, print, progress_bar, say, serve, verify};
use crate::ledger::Options;
use crate::ledger::folder::{Folder, read_secret_key, write_secret_key};
use crate::ledger::head::Receipt;
use crate::ledger::opening::NewLedger;
use crate::ledger::pieces::Quota;
use crate::store::place::Place;

/// Acts of one demonstration; each emitter has a daily serial of at most 9,999.
const ACTES_MAX: usize = 10_000;

/// How long the keys of the demonstration are in force, in milliseconds: one year.
const KEY_VALIDITY_MS: u64 = 365 * 24 * 3_600 * 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier de la démonstration ; repris s'il existe.
    #[arg(long, default_value = "greffe-demo")]
    dir: PathBuf,
    /// Adresse d'écoute.
    #[arg(long, default_value = "127.0.0.1:4180")]
    listen: SocketAddr,
    /// Nombre d'actes.
    #[arg(long, default_value_t = 40)]
    actes: usize,
    /// S'arrête après la vérification au lieu de servir.
    #[arg(long)]
    once: bool,
}

pub fn run(args: &Args) -> Outcome {
    if !(1..=ACTES_MAX).contains(&args.actes) {
        bail!("--actes va de 1 à {ACTES_MAX}");
    }
    // A port that is taken is told before anything is made; the node takes it a moment later.
    let listens = std::net::TcpListener::bind(args.listen).map(drop);
    listens
        .with_context(|| format!("rien ne peut écouter sur {} (autre adresse : --listen 127.0.0.1:0)", args.listen))?;
    let demo = Demo::prepare(&args.dir)?;
    let options = Options {
        folder: demo.ledger.clone(),
        store: Place::Folder,
        has_other_nodes: false,
        guard: None,
        accept_store: false,
        quota: Quota::default(),
    };
    let node = serve::start(&options, args.listen, Vec::new()).with_context(|| {
        format!("le nœud n'a pas démarré sur {} (autre adresse : --listen 127.0.0.1:0)", args.listen)
    })?;
    say(format_args!("Nœud démarré sur {}", node.url()));
    let client = Client::connect(node.url())?;
    demo.enrol(&client)?;
    let acts = demo.send_acts(&client, args.actes)?;
    demo.acknowledge(&client, &acts)?;
    if demo.is_new {
        demo.show_a_refusal(&client, &acts)?;
    }
    say("Vérification de tout l'historique, comme un inconnu le ferait :");
    let vkey = client.claimed_verifier()?.to_string();
    let vkey_file = args.dir.join("vkey");
    std::fs::write(&vkey_file, format!("{vkey}\n")).with_context(|| vkey_file.display().to_string())?;
    let is_good = verify::history(node.url(), Some(&vkey), Some(&demo.operator_key()), None)?;
    demo.say_what_next(node.url(), &vkey, &acts)?;
    if args.once {
        node.stop()?;
        return Ok(is_good);
    }
    let signals = node.take_signals()?;
    say("Le nœud sert jusqu'à Ctrl-C.");
    node.wait(signals)?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of a demonstration.
struct Demo {
    root: PathBuf,
    ledger: Folder,
    emetteurs: Vec<Organisme>,
    prefecture: Organisme,
    operateur: Organisation,
    /// Made by this run, not an earlier one.
    is_new: bool,
}

impl Demo {
    /// Makes the ledger where there is none.
    fn prepare(root: &Path) -> anyhow::Result<Self> {
        let mut demo = Self {
            is_new: false,
            root: root.to_owned(),
            ledger: Folder::new(root.join("registre")),
            emetteurs: region::emetteurs(),
            prefecture: region::prefecture().context("région")?,
            operateur: region::operateur().context("région")?,
        };
        for folder in ["archives", "recus", "membres", "hors-ligne"] {
            std::fs::create_dir_all(root.join(folder)).with_context(|| root.display().to_string())?;
        }
        if demo.ledger.checkpoint().exists() {
            say(format_args!("Reprise de la démonstration de {}", root.display()));
            return Ok(demo);
        }
        let operator_key = demo.key(&demo.operator_key())?;
        let recovery = |n: u8| demo.key(&root.join(format!("hors-ligne/recouvrement-{n}.pem"))).map(|key| key.id());
        let opening = NewLedger {
            folder: &demo.ledger,
            store: &Place::Folder,
            guard: &demo.ledger.default_guard(),
            origin: region::ORIGIN.parse()?,
            operator: demo.operateur.clone(),
            operator_key: &operator_key,
            recovery: [recovery(1)?, recovery(2)?, recovery(3)?],
            now_ms: now_ms(),
        }
        .create()?;
        say(format_args!("Registre « {} » créé dans {}", opening.origine, root.join("registre").display()));
        demo.is_new = true;
        Ok(demo)
    }

    fn operator_key(&self) -> PathBuf {
        self.root.join("hors-ligne/operateur.pem")
    }

    fn member_key(&self, organisme: &Organisme) -> PathBuf {
        self.root.join(format!("membres/{}.pem", organisme.siren))
    }

    /// The key of a file; made where it is missing.
    #[expect(clippy::unused_self, reason = "keys belong to the demonstration")]
    fn key(&self, path: &Path) -> anyhow::Result<SecretKey> {
        if path.exists() {
            return Ok(read_secret_key(path)?);
        }
        let key = SecretKey::generate()?;
        write_secret_key(path, &key)?;
        Ok(key)
    }

    fn post(
        &self,
        client: &Client,
        source: &Organisation,
        subject: &Subject,
        data: &Data,
        keys: &[&SecretKey],
    ) -> anyhow::Result<Result<Receipt, Problem>> {
        let time = Horodatage::from_unix_ms(now_ms());
        let payload = Event::write(Uuid::now_v7(), source, subject, time, client.origin(), data);
        Ok(match client.post(&Envelope::sign(payload, keys)?)? {
            Posted::New(receipt) | Posted::Known(receipt) => {
                keep_receipt(&self.root.join(format!("recus/{:06}.recu.json", receipt.index)), &receipt)?;
                Ok(receipt)
            }
            Posted::Refused(problem) => Err(problem),
        })
    }

    /// The operator admits each body and enrols its key.
    fn enrol(&self, client: &Client) -> anyhow::Result<()> {
        let operator_key = read_secret_key(&self.operator_key())?;
        let mut members = 0;
        for organisme in self.emetteurs.iter().chain([&self.prefecture]) {
            let path = self.member_key(organisme);
            let is_new = !path.exists();
            let key = self.key(&path)?;
            if !is_new {
                continue;
            }
            let organisation = organisme.organisation();
            let subject = organisation.dossier();
            let admitted = AdherentInscrit {
                organisation: organisation.clone(),
                categorie: organisme.categorie,
                denomination: Some(organisme.nom.to_owned()),
                departement: Some(region::DEPARTEMENT.parse()?),
            };
            let now = now_ms();
            let enrolled = CleEnrolee {
                organisation,
                cle: key.id(),
                roles: vec![organisme.role],
                valable_du: Horodatage::from_unix_ms(now / 1_000 * 1_000),
                valable_jusqu: Horodatage::from_unix_ms(now / 1_000 * 1_000 + KEY_VALIDITY_MS),
            };
            let steps: [(Data, Vec<&SecretKey>); 2] =
                [(admitted.into(), vec![&operator_key]), (enrolled.into(), vec![&operator_key, &key])];
            for (data, keys) in steps {
                if let Err(problem) = self.post(client, &self.operateur, &subject, &data, &keys)? {
                    bail!("{} : {problem}", organisme.nom);
                }
            }
            members += 1;
        }
        say(format_args!("{members} organisme(s) inscrit(s), chacun avec sa clé"));
        Ok(())
    }

    /// Each body transmits its acts, from archives.
    fn send_acts(&self, client: &Client, count: usize) -> anyhow::Result<Vec<ActeDemo>> {
        let today = self.day()?;
        let folder = self.root.join("archives");
        let acts = (0..count)
            .map(|n| archives::write_acte(&folder, &self.emetteurs, n, today))
            .collect::<anyhow::Result<Vec<_>>>()?;
        say(format_args!("{count} archives ACTES écrites dans {}", folder.display()));
        let mut recorded = 0;
        let bar = progress_bar("Transmission");
        bar.set_length(self.emetteurs.len() as u64);
        for (at, organisme) in self.emetteurs.iter().enumerate() {
            let files: Vec<PathBuf> =
                acts.iter().filter(|act| act.emetteur == at).map(|act| act.archive.clone()).collect();
            recorded += self.import(client, organisme, &files)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        say(format_args!("{recorded} acte(s) transmis par {} collectivités", self.emetteurs.len()));
        Ok(acts)
    }

    fn import(&self, client: &Client, organisme: &Organisme, files: &[PathBuf]) -> anyhow::Result<usize> {
        let key = read_secret_key(&self.member_key(organisme))?;
        let summary = actes::import(client, &key, files, Some(&self.root.join("recus")), &mut |_| ())?;
        if summary.failed > 0 {
            bail!("{} : {} import(s) en échec", organisme.nom, summary.failed);
        }
        Ok(summary.recorded)
    }

    /// One act in three is acknowledged by the prefecture's own signature, one in three by a file that the commune
    /// received and states; the third one waits.
    fn acknowledge(&self, client: &Client, acts: &[ActeDemo]) -> anyhow::Result<()> {
        let today = self.day()?;
        let key = read_secret_key(&self.member_key(&self.prefecture))?;
        let folder = self.root.join("archives");
        let (mut signed, mut stated) = (0, 0);
        for (n, act) in acts.iter().enumerate() {
            match n % 3 {
                0 if is_signed_for(client, &key, act)? => {}
                0 => {
                    let data = ActeAccuseReception {
                        date_reception: Jour(today),
                        classification_en_cours: act.acte.classification_date.map(Jour),
                        auteur_declare: None,
                        pieces: Vec::new(),
                    };
                    let source = self.prefecture.organisation();
                    match self.post(client, &source, &act.id.dossier(), &data.into(), &[&key])? {
                        Ok(_) => signed += 1,
                        Err(problem) => bail!("{} : {problem}", act.id),
                    }
                }
                1 => {
                    let file = archives::write_accuse(&folder, act, n + 1, today)?;
                    stated += self.import(client, &self.emetteurs[act.emetteur], &[file])?;
                }
                _ => {}
            }
        }
        say(format_args!(
            "{signed} accusé(s) signé(s) par la préfecture, {stated} constaté(s) d'après un fichier reçu"
        ));
        Ok(())
    }

    /// A commune tries to speak for its neighbour.
    fn show_a_refusal(&self, client: &Client, acts: &[ActeDemo]) -> anyhow::Result<()> {
        let Some(act) = acts.first() else { return Ok(()) };
        let other = &self.emetteurs[(act.emetteur + 1) % self.emetteurs.len()];
        let key = read_secret_key(&self.member_key(other))?;
        let data = ActeAccuseReception {
            date_reception: Jour(self.day()?),
            classification_en_cours: None,
            auteur_declare: None,
            pieces: Vec::new(),
        };
        let source = self.emetteurs[act.emetteur].organisation();
        match self.post(client, &source, &act.id.dossier(), &data.into(), &[&key])? {
            Ok(receipt) => bail!("le nœud a laissé une commune parler pour une autre (indice {})", receipt.index),
            Err(problem) => say(format_args!("{} tente de signer pour sa voisine : {problem}", other.nom)),
        }
        Ok(())
    }

    /// The day of the demonstration: the one of its first run, so that archives and identifiers stay the same.
    fn day(&self) -> anyhow::Result<jiff::civil::Date> {
        let file = self.root.join("jour");
        if let Ok(text) = std::fs::read_to_string(&file) {
            return text.trim().parse().with_context(|| file.display().to_string());
        }
        let today = jiff::Zoned::now().date();
        std::fs::write(&file, format!("{today}\n")).with_context(|| file.display().to_string())?;
        Ok(today)
    }

    fn say_what_next(&self, url: &str, vkey: &str, acts: &[ActeDemo]) -> anyhow::Result<()> {
        let root = self.root.display();
        let commune = &self.emetteurs[0];
        let commune_key = self.member_key(commune);
        let prefecture_key = self.member_key(&self.prefecture);
        let Some(act) = acts.first() else { return Ok(()) };
        let program = program();
        print(format_args!("Clé du registre (à épingler) : {vkey}"))?;
        print("")?;
        print("À essayer, dans un autre terminal :")?;
        print(format_args!("  # la commune relit son acte ; la préfecture voit ceux de son département"))?;
        print(format_args!(
            "  curl -s -H \"Authorization: Bearer $({program} token --url {url} --key {})\" {url}/v1/actes/{}",
            commune_key.display(),
            act.id
        ))?;
        print(format_args!(
            "  curl -s -H \"Authorization: Bearer $({program} token --url {url} --key {})\" '{url}/v1/actes?limit=5'",
            prefecture_key.display()
        ))?;
        print("  # un inconnu vérifie un reçu, hors ligne, avec la seule clé du registre")?;
        print(format_args!("  {program} verify {root}/recus/{}.acte.recu.json --vkey {root}/vkey", act.id))?;
        print("  # un auditeur vérifie tout l'historique, à distance")?;
        print(format_args!("  {program} verify {url} --key {} --vkey {root}/vkey", self.operator_key().display()))?;
        print("  # déposer deux fois n'ajoute rien")?;
        print(format_args!(
            "  {program} actes import {} --key {} --url {url}",
            act.archive.display(),
            commune_key.display()
        ))?;
        print("")?;
        Ok(())
    }
}

/// Whether the prefecture's own acknowledgement is recorded already.
fn is_signed_for(client: &Client, key: &SecretKey, act: &ActeDemo) -> anyhow::Result<bool> {
    let acte = client.get_json(key, &format!("/v1/actes/{}", act.id))?;
    let accuses = acte.as_ref().and_then(|acte| acte.get("accuses")).and_then(|accuses| accuses.as_array());
    Ok(accuses.is_some_and(|accuses| {
        accuses.iter().any(|accuse| accuse.get("signe_par").is_some_and(serde_json::Value::is_string))
    }))
}

/// This program, as it can be typed where it was started.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "greffe".to_owned() };
    let here = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok());
    here.unwrap_or(path).display().to_string()
}
