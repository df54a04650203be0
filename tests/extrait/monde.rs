//! A region of two communes, a gateway that signs for both, and their prefecture, told by a ledger and closed; and the hands of
//! whoever takes an extract apart.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use greffe::audit::{Control, ExtractReport, verify_extract};
use greffe::extrait::choix::choisis;
use greffe::extrait::conteneur::{Ecrivain, Lecteur, Nom};
use greffe::extrait::declaration::Declaration;
use greffe::extrait::demande::Demande;
use greffe::extrait::ecriture::ecris;
use greffe::extrait::folder::FolderFonds;
use greffe::ledger::Ledger;
use greffe::ledger::folder::{Folder, read_secret_key};
use greffe::store::EventStore;
use greffe::store::sqlite::SqliteStore;
use greffe::tlog::{NoteSigner, TlogProof, Verifier};
use greffe_events::Event;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use greffe_events::piece::{Empreinte, engagement};
use serde_json::{Value, json};

use crate::support::*;

pub const PASSERELLE: &str = "urn:siren:130005481";
/// Seeds of keys, as in `support`: 10 commune, 11 neighbour, 12 prefecture; 13 is the gateway's.
pub const CLE_PASSERELLE: u8 = 13;
pub const DENOMINATION_VOISINE: &str = "Commune de Voisine-sur-Autre";
pub const SEL: [u8; 32] = [7; 32];

pub struct Monde {
    pub dir: tempfile::TempDir,
    pub folder: Folder,
    pub vkey: Verifier,
    /// The log's own key, which signs checkpoints and declarations.
    pub journal: NoteSigner,
    /// The reference of the objet of the commune's first act, which was erased.
    pub effacee: Empreinte,
}

pub fn abrege(organisation: &str) -> &str {
    &organisation[10..]
}

pub fn id_de(organisation: &str, n: u32) -> String {
    format!("045-{}-20260717-D{n}-DE", abrege(organisation))
}

pub fn document(organisation: &str, n: u32) -> Vec<u8> {
    format!("%PDF-1.7 délibération {n} de {organisation}").into_bytes()
}

pub fn objet(organisation: &str, n: u32) -> Vec<u8> {
    json!({ "objet": format!("Objet {n} de {organisation}") }).to_string().into_bytes()
}

/// The prefecture's answer, as a file.
pub fn message(organisation: &str, n: u32) -> Vec<u8> {
    format!("<accuse>{}</accuse>", id_de(organisation, n)).into_bytes()
}

pub fn acte_de(organisation: &str, n: u32) -> Value {
    let (document, objet, id) = (document(organisation, n), objet(organisation, n), id_de(organisation, n));
    let data = json!({
        "matiere": "7.1", "classification": "2026-01-01", "pieces": [
            { "role": "acte", "type": "application/pdf", "taille": document.len(), "nom": format!("{id}-1-1_1.pdf"),
              "sha256": Empreinte::of(&document) },
            { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": objet.len(),
              "engagement": engagement(&SEL, Empreinte::of(&objet)) },
        ],
    });
    event("acte.transmis", organisation, &format!("acte/{id}"), data)
}

pub fn accuse_de(source: &str, organisation: &str, n: u32) -> Value {
    let mut data = json!({ "date_reception": "2026-07-18" });
    if source != PREFECTURE {
        let message = message(organisation, n);
        data["auteur_declare"] = json!({ "qualite": "prefecture", "departement": "045" });
        data["pieces"] = json!([{ "role": "message", "type": "application/xml", "taille": message.len(),
                                  "engagement": engagement(&SEL, Empreinte::of(&message)) }]);
    }
    event("acte.accuse-reception", source, &format!("acte/{}", id_de(organisation, n)), data)
}

pub fn dossier(organisation: &str) -> String {
    format!("adherent/{}", abrege(organisation))
}

fn depose(ledger: &Ledger, espace: &str, organisation: &str, n: u32) {
    deposit(ledger, espace, &document(organisation, n), None);
    deposit(ledger, espace, &objet(organisation, n), Some(SEL));
}

/// Tells the region's story.
pub fn raconte(ledger: &Ledger) -> Empreinte {
    let inscris = |organisation: &str, categorie: &str, nom: &str| {
        let mut member = member(organisation, categorie);
        member["data"]["denomination"] = json!(nom);
        recorded(ledger, &member, &[1]);
    };
    inscris(COMMUNE, "commune", "Commune de Modèle");
    inscris(VOISINE, "commune", DENOMINATION_VOISINE);
    inscris(PREFECTURE, "prefecture", "Préfecture du Loiret");
    inscris(PASSERELLE, "operateur", "Passerelle");
    for (organisation, seed, role) in [
        (COMMUNE, 10, "collectivite"),
        (VOISINE, 11, "collectivite"),
        (PREFECTURE, 12, "prefecture:045"),
        (PASSERELLE, CLE_PASSERELLE, "transmetteur"),
    ] {
        recorded(ledger, &enrolment(organisation, seed, &[role]), &[1, seed]);
    }
    for (organisation, seed) in [(COMMUNE, 10), (VOISINE, 11)] {
        let data = json!({ "organisation": organisation, "delegataire": PASSERELLE, "familles": ["actes"],
                           "jusqu": "2120-01-01T00:00:00Z" });
        recorded(ledger, &event("delegation.accordee", organisation, &dossier(organisation), data), &[seed]);
    }
    // Each commune signs its first and third acts, the gateway the second; the prefecture acknowledges the first itself, the
    // gateway states a file about the second.
    for n in 1..=3 {
        for (organisation, seed) in [(COMMUNE, 10), (VOISINE, 11)] {
            let (espace, seed) = if n == 2 { (PASSERELLE, CLE_PASSERELLE) } else { (organisation, seed) };
            depose(ledger, espace, organisation, n);
            recorded(ledger, &acte_de(organisation, n), &[seed]);
            match n {
                1 => recorded(ledger, &accuse_de(PREFECTURE, organisation, n), &[12]),
                2 => {
                    deposit(ledger, PASSERELLE, &message(organisation, n), Some(SEL));
                    recorded(ledger, &accuse_de(PASSERELLE, organisation, n), &[CLE_PASSERELLE])
                }
                _ => continue,
            };
        }
    }
    // Each transmits its first act again, and is refused.
    for (organisation, seed) in [(COMMUNE, 10), (VOISINE, 11)] {
        let answer = submit(ledger, &acte_de(organisation, 1), &[seed]);
        assert!(matches!(answer, greffe::ledger::answer::Answer::Refused(_, Some(_))), "{answer:?}");
    }
    // The objet of the commune's first act is erased.
    let effacee = engagement(&SEL, Empreinte::of(&objet(COMMUNE, 1)));
    let data = json!({ "demandeur": "personne-concernee", "motif": "droit-effacement", "base_legale": "rgpd-17-1-a" });
    let subject = format!("piece/{}/{effacee}", abrege(COMMUNE));
    recorded(ledger, &event("piece.effacee", OPERATOR, &subject, data), &[1]);
    effacee
}

impl Monde {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = create(dir.path());
        let ledger = open(&folder);
        let effacee = raconte(&ledger);
        let vkey = ledger.verifier();
        ledger.close().unwrap();
        let journal = signataire(&vkey, &read_secret_key(&folder.log_key()).unwrap());
        Self { dir, folder, vkey, journal, effacee }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Opens the ledger again, has something happen, and closes it.
    pub fn ensuite<T>(&self, what: impl FnOnce(&Ledger) -> T) -> T {
        let ledger = open(&self.folder);
        let said = what(&ledger);
        ledger.close().unwrap();
        said
    }

    /// Puts a leaf into the store that no node would have admitted: a dishonest operator's, which its log then signs.
    pub fn glisse(&self, event: &Value, seeds: &[u8]) -> u64 {
        self.glisse_plus_tard(event, seeds, 0)
    }

    /// The same, recorded so many milliseconds from now.
    pub fn glisse_plus_tard(&self, event: &Value, seeds: &[u8], later_ms: u64) -> u64 {
        let store = SqliteStore::open(self.folder.root()).unwrap();
        let head = store.head().unwrap();
        let leaves = self.feuilles();
        let of_source = leaves.iter().filter(|(_, event_of)| event["source"] == event_of.source.to_string()).count();
        let previous = leaves.iter().rposition(|(_, event_of)| event["subject"] == event_of.subject.to_string());
        let now = now_ms() + later_ms;
        let leaf = Leaf {
            recorded_at_ms: now,
            received_at_ms: now,
            previous: previous.map(|at| at as u64),
            rank: of_source as u64,
            envelope: signed(event, seeds),
        };
        store.append(head, &[leaf.encode()]).unwrap();
        drop(store);
        self.ensuite(|_| ());
        head
    }

    /// All leaves.
    pub fn feuilles(&self) -> Vec<(Vec<u8>, Event)> {
        let store = SqliteStore::open_read_only(self.folder.root()).unwrap();
        let leaves = store.read(0, 4_096).unwrap();
        leaves.into_iter().map(|leaf| (leaf.clone(), event_of(&leaf))).collect()
    }

    pub fn extrait(&self, demande: &Demande) -> Vec<u8> {
        let mut fonds = FolderFonds::open(self.folder.root(), &demande.organisation, &mut |_, _| ()).unwrap();
        let choix = choisis(&mut fonds, demande, &mut |_, _| ()).unwrap();
        ecris(&mut fonds, demande, &choix, Vec::new(), &mut |_, _| ()).unwrap()
    }

    pub fn de(&self, organisation: &str) -> Vec<u8> {
        self.extrait(&tout(organisation))
    }

    pub fn verifie(&self, extrait: &[u8]) -> ExtractReport {
        verifie(extrait, Some(&self.vkey))
    }

    /// The same files, changed, under a new declaration of the log's: what a dishonest node would give.
    pub fn redeclare(&self, fichiers: &[Fichier], change: impl FnOnce(&mut Declaration)) -> Vec<u8> {
        redeclare(fichiers, &self.journal, change)
    }
}

pub fn tout(organisation: &str) -> Demande {
    Demande { organisation: organisation.parse().unwrap(), du: None, au: None, pieces: true }
}

pub fn verifie(extrait: &[u8], vkey: Option<&Verifier>) -> ExtractReport {
    let (go_on, mut progress) = (AtomicBool::new(false), |_: u64, _: u64| ());
    verify_extract(extrait, vkey, &mut Control { progress: &mut progress, cancelled: &go_on }).unwrap()
}

pub fn codes(report: &ExtractReport) -> Vec<&'static str> {
    let mut codes: Vec<_> = report.doubts_by_code.keys().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes
}

pub fn event_of(leaf: &[u8]) -> Event {
    Event::of(&Leaf::decode(leaf).unwrap().envelope).unwrap()
}

/// A file of an extract.
#[derive(Debug, Clone, PartialEq)]
pub struct Fichier {
    pub nom: Nom,
    pub octets: Vec<u8>,
}

impl Fichier {
    pub fn preuve(&self) -> TlogProof {
        TlogProof::parse(&self.octets).unwrap()
    }

    pub fn feuille(&self) -> Option<Vec<u8>> {
        matches!(self.nom, Nom::Feuille(_)).then(|| self.preuve().extra().unwrap().to_vec())
    }

    pub fn event(&self) -> Option<Event> {
        self.feuille().map(|leaf| event_of(&leaf))
    }
}

pub fn fichiers(extrait: &[u8]) -> Vec<Fichier> {
    let mut file = Lecteur::new(extrait);
    let mut all = Vec::new();
    while let Some((nom, _)) = file.suivant().unwrap() {
        all.push(Fichier { nom, octets: file.contenu().unwrap() });
    }
    all
}

/// The files, whatever they are, without another word.
pub fn rassemble(fichiers: &[Fichier]) -> Vec<u8> {
    let mut file = Ecrivain::new(Vec::new());
    for fichier in fichiers {
        file.fichier(&fichier.nom, &fichier.octets).unwrap();
    }
    file.finis().unwrap()
}

/// What somebody signs as that log with that key.
pub fn signataire(vkey: &Verifier, key: &SecretKey) -> NoteSigner {
    NoteSigner::new(vkey.name().clone(), key.signing_key().clone()).unwrap()
}

pub fn declaration(fichiers: &[Fichier], vkey: &Verifier) -> Declaration {
    Declaration::open(&fichiers.last().unwrap().octets, vkey).unwrap()
}

/// The files, changed, under a declaration like the one that they had, by that key.
pub fn redeclare(fichiers: &[Fichier], journal: &NoteSigner, change: impl FnOnce(&mut Declaration)) -> Vec<u8> {
    let (last, others) = fichiers.split_last().unwrap();
    let text = String::from_utf8(last.octets.clone()).unwrap();
    let mut said: Declaration = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let mut file = Ecrivain::new(Vec::new());
    for fichier in others {
        file.fichier(&fichier.nom, &fichier.octets).unwrap();
    }
    said.sha256 = file.empreinte();
    change(&mut said);
    file.fichier(&Nom::Declaration, said.sign(journal).unwrap().to_string().as_bytes()).unwrap();
    file.finis().unwrap()
}

/// Without the leaf at that place and the files that follow it.
pub fn sans(fichiers: &[Fichier], at: usize) -> Vec<Fichier> {
    let pieces = fichiers[at + 1..].iter().take_while(|f| matches!(f.nom, Nom::Fiche(..) | Nom::Piece(..))).count();
    [&fichiers[..at], &fichiers[at + 1 + pieces..]].concat()
}

/// Where the leaves of that source are.
pub fn places_de(fichiers: &[Fichier], source: &str) -> Vec<usize> {
    let is_its = |fichier: &Fichier| fichier.event().is_some_and(|event| event.source.to_string() == source);
    (0..fichiers.len()).filter(|at| is_its(&fichiers[*at])).collect()
}

/// Whether these bytes stand in any file of the extract, the leaves decoded, or in the extract itself.
pub fn contient(extrait: &[u8], needle: &str) -> bool {
    let has = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    has(extrait) || fichiers(extrait).iter().any(|fichier| fichier.feuille().is_some_and(|leaf| has(&leaf)))
}

pub fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::write(path, bytes).unwrap();
    path.to_owned()
}
