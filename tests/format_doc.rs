//! docs/FORMAT.md holds true: each test vector is computed anew, and the openssl recipe is run as it stands.
//!
//! `GREFFE_WRITE_VECTORS=1 cargo test --test format_doc` writes the vectors into the page after a deliberate change; a change
//! of a published vector breaks every signature ever made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::Path;
use std::process::Command;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::SigningKey;
use greffe::extrait::declaration::{ComptePieces, Declaration, Etendue, Paroles, VERSION};
use greffe::extrait::demande::Demande;
use greffe::tlog::{
    Checkpoint, Edge, Hash, KeyName, Nodes, Note, NoteSigner, TlogProof, inclusion_proof, leaf_hash, node_hash,
};
use greffe_events::Event;
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use greffe_events::piece::{Empreinte, engagement};

const PAYLOAD: &str = r#"{"specversion":"1.0","id":"01935a4c-0000-7000-8000-000000000001","source":"urn:siren:214502494","type":"greffe.acte.accuse-reception.v1","subject":"acte/045-214502494-20261117-DEL2026_041-DE","time":"2026-11-20T10:15:30Z","datacontenttype":"application/json","registre":"greffe.exemple.fr","data":{"date_reception":"2026-11-20","auteur_declare":{"qualite":"prefecture","departement":"045"},"pieces":[{"role":"message","type":"application/xml","taille":5,"engagement":"ENGAGEMENT"}]}}"#;

struct Vectors {
    page: String,
    write: bool,
}

impl Vectors {
    /// Where the content of a block begins and ends.
    fn place(&self, name: &str) -> (usize, usize) {
        let marker = format!("<!-- vector: {name} -->\n```");
        let at = self.page.find(&marker).unwrap_or_else(|| panic!("no vector {name}")) + marker.len();
        let begin = at + self.page[at..].find('\n').unwrap() + 1;
        let end = begin + self.page[begin..].find("```").unwrap();
        (begin, end)
    }

    fn check(&mut self, name: &str, computed: &str) {
        let computed = if computed.ends_with('\n') { computed.to_owned() } else { format!("{computed}\n") };
        let (begin, end) = self.place(name);
        if self.write {
            self.page.replace_range(begin..end, &computed);
        } else {
            assert_eq!(&self.page[begin..end], computed, "vector {name}");
        }
    }
}

fn wrapped(bytes: &[u8]) -> String {
    let hex = HEXLOWER.encode(bytes);
    let lines: Vec<&str> = hex.as_bytes().chunks(96).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

struct Three([Hash; 3]);

impl Nodes for Three {
    type Error = std::convert::Infallible;

    fn node(&self, level: u8, n: u64) -> Result<Hash, Self::Error> {
        Ok(match (level, n) {
            (1, 0) => node_hash(&self.0[0], &self.0[1]),
            (_, n) => self.0[usize::try_from(n).unwrap()],
        })
    }
}

fn author() -> SecretKey {
    SecretKey::from_seed(&std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

/// What a log declares of an extract with this checkpoint.
fn declaration(proof: &TlogProof) -> Declaration {
    let note = Note::parse(proof.checkpoint().as_bytes()).unwrap();
    let head = Checkpoint::parse(note.text()).unwrap();
    Declaration {
        version: VERSION,
        demande: Demande {
            organisation: "urn:siren:214502494".parse().unwrap(),
            du: Some("2026-01-01".parse().unwrap()),
            au: None,
            pieces: true,
        },
        taille: head.size(),
        racine: head.root().to_string(),
        periode: Etendue { debut: 0, fin: 3 },
        paroles: Paroles { avant: 0, dedans: 1, total: 1 },
        dossiers: 0,
        appui: 2,
        pieces: Some(ComptePieces { jointes: 1, effacees: 0, absentes: 0 }),
        sha256: Empreinte::of(b"acte\n"),
    }
}

fn leaf() -> Leaf {
    let file = Empreinte::of(b"acte\n");
    let payload = PAYLOAD.replace("ENGAGEMENT", &engagement(&[7; 32], file).to_string());
    let envelope = Envelope::sign(payload.into_bytes(), &[&author()]).unwrap();
    Event::parse(envelope.payload()).unwrap();
    Leaf { recorded_at_ms: 1_795_169_731_000, received_at_ms: 1_795_169_730_988, previous: Some(41), rank: 3, envelope }
}

fn proof(bytes: &[u8]) -> (NoteSigner, String, TlogProof) {
    let signer =
        NoteSigner::new(KeyName::new("greffe.exemple.fr").unwrap(), SigningKey::from_bytes(&[0x42; 32])).unwrap();
    let hashes = [leaf_hash(bytes), leaf_hash(&[1]), leaf_hash(&[2])];
    let mut edge = Edge::new();
    for hash in &hashes {
        edge.push(*hash);
    }
    let checkpoint = Checkpoint::new("greffe.exemple.fr", 3, edge.root()).unwrap().sign(&signer).unwrap().to_string();
    let path = inclusion_proof(0, 3, &Three(hashes)).unwrap();
    let proof = TlogProof::new(0, path, checkpoint.clone()).unwrap().with_extra(bytes.to_vec()).unwrap();
    (signer, checkpoint, proof)
}

#[test]
fn every_vector_of_the_page_is_what_the_code_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FORMAT.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut vectors = Vectors { page, write: std::env::var_os("GREFFE_WRITE_VECTORS").is_some() };
    let leaf = leaf();
    let bytes = leaf.encode();
    let (signer, checkpoint, proof) = proof(&bytes);
    let (key, signature) = leaf.envelope.signatures()[0];
    vectors.check("payload", std::str::from_utf8(leaf.envelope.payload()).unwrap());
    vectors.check("keyid", &key.to_string());
    vectors.check("signature", &BASE64.encode(&signature.0));
    vectors.check("leaf", &wrapped(&bytes));
    vectors.check("leaf-hash", &leaf_hash(&bytes).to_hex());
    vectors.check("engagement", &engagement(&[7; 32], Empreinte::of(b"acte\n")).to_string());
    vectors.check("vkey", &signer.verifier().to_string());
    vectors.check("checkpoint", &checkpoint);
    vectors.check("tlog-proof", &proof.to_string());
    let said = declaration(&proof);
    vectors.check("declaration", &said.sign(&signer).unwrap().to_string());
    assert_eq!(proof.verify(&leaf_hash(&bytes), signer.verifier()).unwrap().size(), 3);
    if vectors.write {
        std::fs::write(&path, vectors.page).unwrap();
    }
}

#[test]
fn openssl_alone_verifies_an_event_by_the_recipe_of_the_page() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: openssl is not installed (event signature by FORMAT.md)");
        return;
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FORMAT.md")).unwrap();
    let vectors = Vectors { page, write: false };
    let (begin, end) = vectors.place("openssl");
    let recipe = &vectors.page[begin..end];
    let bytes = leaf().encode();
    // The signature, the payload, the key: one bit in each.
    for (flipped, expected) in [(None, true), (Some(67), false), (Some(bytes.len() - 1), false), (Some(40), false)] {
        let mut bytes = bytes.clone();
        if let Some(at) = flipped {
            bytes[at] ^= 1;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("recu.tlog-proof"),
            format!("c2sp.org/tlog-proof@v1\nextra {}\n", BASE64.encode(&bytes)),
        )
        .unwrap();
        let run = Command::new("sh").arg("-euc").arg(recipe).current_dir(dir.path()).output().unwrap();
        assert_eq!(run.status.success(), expected, "{flipped:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}
