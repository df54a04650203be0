//! The whole conversation with the prefecture, through the built program: archives both ways, what fits no act, and what each side sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use greffe::formats::actes::classification::{Classification, MatiereClassee, NatureClassee};
use greffe::formats::actes::ecriture::{self, Depot, FichierADeposer, MessageADeposer};
use greffe::formats::actes::enveloppe::{Autorite, Enveloppe, EnveloppeClMisill, EnveloppeMisillCl, IdCl};
use greffe::formats::actes::message::{Acte, ActeRecu, FichierSigne, Matieres};
use greffe::formats::actes::message::{
    Annulation, AnomalieActe, ArActe, ArAnnulation, ArReponse, Courrier, CourrierPref, DefereTa, Generation, Message,
};
use greffe::formats::actes::nom::{Quadrigramme, Serie, Trigramme};
use greffe_events::ident::{IdActe, Nature, Siren};
use jiff::civil::{Date, date};
use node::*;
use serde_json::Value;
use support::{COMMUNE, PREFECTURE};

const JOUR: Date = date(2026, 7, 20);

fn id(numero: &str) -> IdActe {
    format!("045-214502494-20260717-{numero}-AI").parse().unwrap()
}

/// The act of [`archive::sample`], as a receipt repeats it.
fn acte(numero: &str) -> Acte {
    let nom = format!("99_AI-{}-1-1_1.pdf", id(numero));
    Acte {
        generation: Generation::Gen2,
        date: date(2026, 7, 17),
        numero: numero.parse().unwrap(),
        numero_brut: numero.to_owned(),
        nature: Nature::Ai,
        matieres: Matieres([Some(4), Some(2), None, None, None]),
        objet: "Titularisation".to_owned(),
        precedent: None,
        classification_date: Some(date(2026, 1, 1)),
        document: FichierSigne { nom, signature: None },
        annexes: Vec::new(),
        document_papier: None,
    }
}

fn lettre(numero: &str, texte: Option<&str>) -> Courrier {
    let reference = CourrierPref { id_acte: id(numero).into(), date: Some(JOUR) };
    Courrier { reference, texte: texte.map(ToOwned::to_owned), documents: Vec::new() }
}

fn avec(message: Message, fichiers: usize) -> MessageADeposer {
    let fichier = |n| FichierADeposer {
        type_pj: None,
        extension: "pdf".to_owned(),
        octets: format!("%PDF-1.7\n{} {n}\n", message.code().as_str()).into_bytes(),
        signature: None,
    };
    MessageADeposer { fichiers: (0..fichiers).map(fichier).collect(), message, signature: None }
}

struct Courriers<'a> {
    dir: &'a Path,
    serie: u16,
}

impl Courriers<'_> {
    fn archive(&mut self, enveloppe: Enveloppe, messages: Vec<MessageADeposer>) -> PathBuf {
        self.serie += 1;
        let written = Depot {
            trigramme: Trigramme::new("GRF").unwrap(),
            quadrigramme: Quadrigramme::Test,
            enveloppe,
            date: JOUR,
            serie: Serie::new(self.serie).unwrap(),
            generation: Generation::Gen2,
            messages,
            mtime_s: 0,
        }
        .archive()
        .unwrap();
        let path = self.dir.join(&written.nom);
        std::fs::write(&path, &written.octets).unwrap();
        path
    }

    fn de_l_etat(&mut self, messages: Vec<MessageADeposer>) -> PathBuf {
        let destinataire: Siren = "214502494".parse().unwrap();
        let enveloppe = EnveloppeMisillCl {
            emetteur: Autorite::SousPrefecture {
                departement: "045".parse::<greffe_events::ident::Departement>().unwrap().into(),
                arrondissement: 1.into(),
            },
            referent: None,
            formulaires: Vec::new(),
            destinataire: destinataire.into(),
        };
        self.archive(Enveloppe::MisillCl(enveloppe), messages)
    }

    fn de_la_commune(&mut self, messages: Vec<MessageADeposer>) -> PathBuf {
        let enveloppe = EnveloppeClMisill {
            emetteur: IdCl {
                siren: "214502494".parse::<Siren>().unwrap().into(),
                departement: "045".parse::<greffe_events::ident::Departement>().unwrap().into(),
                arrondissement: 1.into(),
                nature: 31.into(),
            },
            referent: None,
            courriels_retour: vec!["mairie@example.org".to_owned()],
            formulaires: Vec::new(),
        };
        self.archive(Enveloppe::ClMisill(enveloppe), messages)
    }
}

/// A node, a commune and its prefecture.
struct Monde {
    root: tempfile::TempDir,
    ledger: Initialised,
    node: Serving,
    commune: PathBuf,
    prefecture: PathBuf,
}

impl Monde {
    fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let ledger = init(root.path(), "greffe.essai.invalid");
        let node = Serving::start(&ledger.dir);
        let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
        let prefecture = enrol(root.path(), &node, &ledger.operator_key, PREFECTURE, "prefecture", "prefecture:045");
        Self { root, ledger, node, commune, prefecture }
    }

    fn import(&self, key: &Path, files: &[&Path], more: &[&str]) -> String {
        let mut args = vec!["actes", "import", "--key", arg(key), "--url", &self.node.url];
        args.extend(more);
        args.extend(files.iter().map(|file| arg(file)));
        said(&args)
    }

    fn get(&self, key: &Path, path: &str) -> Value {
        let token = succeed(&["token", "--url", &self.node.url, "--key", arg(key)]);
        let newest = succeed(&["token", "--url", &self.node.url, "--key", arg(&self.ledger.operator_key)]);
        let page = |path: &str, token: &str| {
            ureq::get(format!("{}{path}", self.node.url))
                .header("Authorization", format!("Bearer {}", token.trim()))
                .call()
                .unwrap()
                .body_mut()
                .read_to_string()
                .unwrap()
        };
        let checkpoint = page("/checkpoint", &newest);
        let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
        let sign = if path.contains('?') { '&' } else { '?' };
        serde_json::from_str(&page(&format!("{path}{sign}at_least={}", size - 1), &token)).unwrap()
    }

    fn acte(&self, numero: &str) -> Value {
        self.get(&self.commune, &format!("/v1/actes/{}", id(numero)))
    }

    fn numeros(&self, key: &Path, liste: &str) -> Vec<String> {
        let page = self.get(key, &format!("/v1/travail/{liste}"));
        page["lignes"].as_array().unwrap().iter().map(|acte| acte["numero"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn every_message_arrives_as_an_archive_and_both_sides_see_the_same_story() {
    let monde = Monde::open();
    let dir = monde.root.path().to_owned();
    let mut courriers = Courriers { dir: &dir, serie: 0 };
    let acte_file = archive::sample(&dir, "045", COMMUNE, "CONV");
    let ar = ArActe {
        id_acte: id("CONV").into(),
        date_reception: date(2026, 7, 18),
        acte: ActeRecu::Entier(Box::new(acte("CONV"))),
        classification_en_cours: Some(date(2026, 1, 1)),
    };
    let reference = || CourrierPref { id_acte: id("CONV").into(), date: Some(JOUR) };
    let recu = |jour| ArReponse { reference: reference(), date_reception: jour };
    let files = [
        acte_file,
        courriers.de_l_etat(vec![avec(Message::ArActe(Box::new(ar)), 0)]),
        courriers.de_l_etat(vec![avec(Message::CourrierSimple(lettre("CONV", None)), 1)]),
        courriers.de_la_commune(vec![avec(Message::ReponseCourrierSimple(lettre("CONV", None)), 1)]),
        courriers.de_l_etat(vec![avec(
            Message::DemandePieceComplementaire(lettre("CONV", Some("le tableau des emplois de Mme Exemple"))),
            1,
        )]),
        courriers.de_la_commune(vec![avec(Message::ArDemandePieceComplementaire(lettre("CONV", None)), 0)]),
        courriers.de_la_commune(vec![avec(Message::PieceComplementaire(lettre("CONV", None)), 2)]),
        courriers.de_l_etat(vec![avec(Message::ArPieceComplementaire(recu(date(2026, 7, 22))), 0)]),
        courriers.de_l_etat(vec![avec(Message::LettreObservations(lettre("CONV", Some("vice de forme"))), 1)]),
        courriers.de_la_commune(vec![avec(Message::ArLettreObservations(lettre("CONV", None)), 0)]),
        courriers.de_la_commune(vec![avec(Message::ReponseLettreObservations(lettre("CONV", None)), 1)]),
        courriers.de_l_etat(vec![avec(Message::ArReponseRejetLettreObservations(recu(date(2026, 7, 24))), 0)]),
        courriers.de_l_etat(vec![avec(
            Message::DefereTa(DefereTa {
                id_acte: id("CONV").into(),
                date_depot: Some(date(2026, 7, 27)),
                nature_illegalite: Some("incompétence".to_owned()),
                pieces: Vec::new(),
            }),
            1,
        )]),
        courriers.de_la_commune(vec![avec(Message::Annulation(Annulation { id_acte: id("CONV").into() }), 0)]),
        courriers.de_l_etat(vec![avec(
            Message::ArAnnulation(ArAnnulation { id_acte: id("CONV").into(), date_reception: date(2026, 7, 29) }),
            0,
        )]),
    ];
    let all: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let told = monde.import(&monde.commune, &all, &[]);
    assert!(told.contains("15 enregistré(s), 0 déjà connu(s), 0 en quarantaine, 0 en échec"), "{told}");
    let told = monde.import(&monde.commune, &all, &[]);
    assert!(told.contains("0 enregistré(s), 15 déjà connu(s)"), "twice adds nothing: {told}");

    let acte = monde.acte("CONV");
    assert_eq!(acte, monde.get(&monde.prefecture, &format!("/v1/actes/{}", id("CONV"))));
    let genres: Vec<&str> =
        acte["correspondance"].as_array().unwrap().iter().map(|row| row["genre"].as_str().unwrap()).collect();
    let expected = [
        "courrier-simple",
        "reponse-courrier-simple",
        "demande-pieces",
        "accuse-demande-pieces",
        "pieces-complementaires",
        "accuse-pieces",
        "lettre-observations",
        "accuse-lettre-observations",
        "reponse-lettre-observations",
        "accuse-reponse-observations",
        "defere",
    ];
    assert_eq!(genres, expected);
    assert_eq!((&acte["etat"], &acte["attend"]), (&"annule".into(), &Value::Null));
    // The State's messages came as files: constats, each with the file that it rests on.
    for row in acte["correspondance"].as_array().unwrap() {
        let genre = row["genre"].as_str().unwrap();
        let of_state = matches!(genre, "courrier-simple" | "demande-pieces" | "accuse-pieces" | "lettre-observations")
            || matches!(genre, "accuse-reponse-observations" | "defere");
        assert_eq!(row["constate_par"] == COMMUNE, of_state, "{row}");
        assert_eq!(row["signe_par"] == COMMUNE, !of_state, "{row}");
        let cited = acte["pieces"].as_array().unwrap().iter().filter(|piece| piece["index"] == row["index"]);
        assert!(cited.clone().any(|piece| piece["role"] == "message"), "{row}");
    }
    // What letters say in words stands in pieces, and in no leaf.
    monde.node.stop();
    succeed(&["verify", arg(&monde.ledger.dir), "--vkey", &monde.ledger.vkey]);
    let leaves = std::fs::read(monde.ledger.dir.join("registre.sqlite")).unwrap();
    for secret in ["Mme Exemple", "vice de forme", "incomp"] {
        let bytes = secret.as_bytes();
        assert!(!leaves.windows(bytes.len()).any(|window| window == bytes), "{secret} stands in a leaf");
    }
}

#[test]
fn a_prefecture_that_has_a_key_speaks_for_itself() {
    let monde = Monde::open();
    let dir = monde.root.path().to_owned();
    let mut courriers = Courriers { dir: &dir, serie: 0 };
    monde.import(&monde.commune, &[&archive::sample(&dir, "045", COMMUNE, "SEULE")], &[]);
    assert_eq!(monde.numeros(&monde.prefecture, "a-acquitter"), ["SEULE"]);
    let ar = archive::accuse(&dir, "045", COMMUNE, "SEULE");
    let demande =
        courriers.de_l_etat(vec![avec(Message::DemandePieceComplementaire(lettre("SEULE", Some("les annexes"))), 1)]);
    let told = monde.import(&monde.prefecture, &[&ar, &demande], &["--prefecture", &PREFECTURE[10..]]);
    assert!(told.contains("2 enregistré(s)"), "{told}");
    let acte = monde.acte("SEULE");
    assert_eq!(acte["accuses"][0]["signe_par"], PREFECTURE);
    assert_eq!(acte["correspondance"][0]["signe_par"], PREFECTURE);
    assert_eq!(monde.numeros(&monde.commune, "a-repondre"), ["SEULE"]);
    assert_eq!(monde.numeros(&monde.prefecture, "pieces-attendues"), ["SEULE"]);
    assert_eq!(monde.numeros(&monde.prefecture, "a-acquitter"), Vec::<String>::new());
    // Examined, it leaves the list; the commune learns nothing of it.
    let draft = dir.join("examen.json");
    let jusqu_a = acte["correspondance"][0]["index"].as_u64().unwrap();
    std::fs::write(
        &draft,
        serde_json::json!({ "type": "greffe.acte.examine.v1", "source": PREFECTURE, "subject": format!("examen/{}", id("SEULE")),
            "data": { "jusqu_a": jusqu_a, "suite": "sans-observation" } })
        .to_string(),
    )
    .unwrap();
    succeed(&["post", arg(&draft), "--key", arg(&monde.prefecture), "--url", &monde.node.url]);
    assert_eq!(monde.numeros(&monde.prefecture, "a-examiner"), Vec::<String>::new());
    let seen = monde.get(&monde.prefecture, &format!("/v1/actes/{}", id("SEULE")));
    assert_eq!((&seen["examen"]["jusqu_a"], &monde.acte("SEULE")["examen"]), (&jusqu_a.into(), &Value::Null));
    let journal = monde.get(&monde.commune, "/v1/journal?famille=examen");
    assert_eq!(journal["lignes"], serde_json::json!([]));
    let journal = monde.get(&monde.prefecture, "/v1/journal?famille=examen");
    assert_eq!(journal["lignes"].as_array().unwrap().len(), 1);
    // Nobody else takes its word for its own.
    let autre = courriers.de_l_etat(vec![avec(Message::LettreObservations(lettre("SEULE", Some("vice de forme"))), 1)]);
    fail(
        &[
            "actes",
            "import",
            arg(&autre),
            "--key",
            arg(&monde.commune),
            "--url",
            &monde.node.url,
            "--prefecture",
            &PREFECTURE[10..],
        ],
        1,
    );
}

#[test]
fn what_fits_no_act_waits_with_its_reason_until_somebody_decides() {
    let monde = Monde::open();
    let dir = monde.root.path().to_owned();
    let mut courriers = Courriers { dir: &dir, serie: 0 };
    monde.import(&monde.commune, &[&archive::sample(&dir, "045", COMMUNE, "CONNU")], &[]);
    let ar = archive::accuse(&dir, "045", COMMUNE, "CONNU");
    monde.import(&monde.commune, &[&ar], &[]);
    let anomalie = |numero: &str, jour| {
        Message::AnomalieActe(Box::new(AnomalieActe {
            date: Some(jour),
            nature: 42,
            detail: Some("Ça ne fonctionne pas".to_owned()),
            acte: ActeRecu::Entier(Box::new(acte(numero))),
            classification_en_cours: Some(date(2026, 1, 1)),
        }))
    };
    // A receipt of an act that nobody knows; an anomaly after the receipt; a date that has not come; a second receipt; a broken one.
    let inconnu = archive::accuse(&dir, "045", COMMUNE, "INCONNU");
    let tardive = courriers.de_l_etat(vec![avec(anomalie("CONNU", JOUR), 0)]);
    let future = courriers.de_l_etat(vec![avec(
        Message::ArAnnulation(ArAnnulation { id_acte: id("CONNU").into(), date_reception: date(2120, 1, 1) }),
        0,
    )]);
    let mut second = std::fs::read_to_string(&ar).unwrap();
    second = second.replace("2026-07-18", "2026-07-19");
    let deux = dir.join("045-214502494-20260717-CONNU-AI-1-2_2.xml");
    std::fs::write(&deux, second).unwrap();
    let casse = courriers.de_l_etat(vec![avec(anomalie("CONNU", JOUR), 0)]);
    broken(&casse);
    let files = [&inconnu, &tardive, &future, &deux, &casse];
    let all: Vec<&Path> = files.iter().map(|file| file.as_path()).collect();
    let told = monde.import(&monde.commune, &all, &[]);
    for expected in [
        "en quarantaine [acte-inconnu]",
        "en quarantaine [cycle-contraire]",
        "en quarantaine [date-impossible]",
        "en quarantaine [illisible]",
        "0 enregistré(s), 0 déjà connu(s), 5 en quarantaine, 0 en échec",
    ] {
        assert!(told.contains(expected), "{expected} in\n{told}");
    }
    let told = monde.import(&monde.commune, &all, &[]);
    assert!(told.contains("0 enregistré(s), 5 déjà connu(s), 0 en quarantaine"), "twice adds nothing: {told}");
    assert_eq!(monde.acte("CONNU")["etat"], "recu");
    let waiting = |etat: &str| {
        monde.get(&monde.commune, &format!("/v1/quarantaine?etat={etat}"))["lignes"].as_array().unwrap().clone()
    };
    assert_eq!(waiting("en-attente").len(), 5);
    let listed = said(&["actes", "quarantaine", "--key", arg(&monde.commune), "--url", &monde.node.url]);
    assert!(listed.contains("5 message(s) en attente"), "{listed}");

    // The act comes after all: its receipt is attached, with the files that arrived. The others are set aside.
    monde.import(&monde.commune, &[&archive::sample(&dir, "045", COMMUNE, "INCONNU")], &[]);
    let of = |motif: &str| {
        let rows = waiting("en-attente");
        rows.iter().find(|row| row["motif"] == motif).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let acte_inconnu = id("INCONNU").to_string();
    let told = said(&[
        "actes",
        "rattacher",
        &of("acte-inconnu"),
        &acte_inconnu,
        "--key",
        arg(&monde.commune),
        "--url",
        &monde.node.url,
    ]);
    assert!(told.contains("rattaché"), "{told}");
    assert_eq!(monde.acte("INCONNU")["accuses"][0]["date_reception"], "2026-07-18");
    let attached = &waiting("rattachee")[0];
    assert_eq!(
        (&attached["acte_rattache"], &attached["feuille"]),
        (&acte_inconnu.into(), &monde.acte("INCONNU")["accuses"][0]["index"])
    );
    let broken = of("illisible");
    succeed(&[
        "actes",
        "ecarter",
        &broken,
        "--motif",
        "illisible",
        "--key",
        arg(&monde.commune),
        "--url",
        &monde.node.url,
    ]);
    let told = fail(
        &["actes", "ecarter", &broken, "--motif", "illisible", "--key", arg(&monde.commune), "--url", &monde.node.url],
        1,
    );
    assert!(told.contains("quarantaine-reglee"), "{told}");
    assert_eq!((waiting("en-attente").len(), waiting("ecartee").len()), (3, 1));
    monde.node.stop();
    succeed(&["verify", arg(&monde.ledger.dir), "--vkey", &monde.ledger.vkey]);
}

/// Makes the one message of an archive say `ERREUR2` for its nature, as the ministry once did.
fn broken(file: &Path) {
    let entries = greffe::formats::actes::archive::read(std::fs::File::open(file).unwrap()).unwrap();
    let entries: Vec<_> = entries
        .into_iter()
        .map(|mut entry| {
            let text = entry.octets.iter().map(|&byte| char::from(byte)).collect::<String>();
            let text = text.replace("<actes:Nature>042</actes:Nature>", "<actes:Nature>ERREUR2</actes:Nature>");
            entry.octets = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            entry
        })
        .collect();
    let mut octets = Vec::new();
    greffe::formats::actes::archive::write(&entries, 0, &mut octets).unwrap();
    std::fs::write(file, octets).unwrap();
}

#[test]
fn a_folder_of_archives_is_imported_in_order_and_goes_on_where_it_was() {
    let monde = Monde::open();
    let fonds = monde.root.path().join("fonds");
    std::fs::create_dir(&fonds).unwrap();
    let mut courriers = Courriers { dir: &fonds, serie: 0 };
    // By name and day the answer comes before its act.
    let recu = |numero: &str| {
        Message::ArActe(Box::new(ArActe {
            id_acte: id(numero).into(),
            date_reception: date(2026, 7, 18),
            acte: ActeRecu::Entier(Box::new(acte(numero))),
            classification_en_cours: Some(date(2026, 1, 1)),
        }))
    };
    for numero in ["A1", "A2", "PERDU"] {
        courriers.de_l_etat(vec![avec(recu(numero), 0)]);
    }
    for numero in ["A1", "A2"] {
        let file = archive::sample(&fonds, "045", COMMUNE, numero);
        std::fs::rename(&file, fonds.join(format!("zz-{numero}.tar.gz"))).unwrap();
    }
    std::fs::write(fonds.join("brisee.tar.gz"), "ceci n'est pas une archive").unwrap();
    let args = ["actes", "import", arg(&fonds), "--key", arg(&monde.commune), "--url", &monde.node.url];
    let told = fail(&args, 1);
    assert!(told.contains("4 enregistré(s), 0 déjà connu(s), 1 en quarantaine, 1 en échec"), "{told}");
    assert_eq!((&monde.acte("A1")["etat"], &monde.acte("A2")["etat"]), (&"recu".into(), &"recu".into()));
    let noted = std::fs::read_to_string(fonds.join("greffe-import.jsonl")).unwrap();
    assert_eq!(noted.lines().count(), 5, "{noted}");
    // What failed is tried again, the rest is not asked about any more; without the list, the node knows.
    std::fs::remove_file(fonds.join("brisee.tar.gz")).unwrap();
    let told = said(&args);
    assert!(told.contains("0 enregistré(s), 5 déjà connu(s), 0 en quarantaine, 0 en échec"), "{told}");
    std::fs::remove_file(fonds.join("greffe-import.jsonl")).unwrap();
    let told = said(&args);
    assert!(told.contains("0 enregistré(s), 5 déjà connu(s), 0 en quarantaine, 0 en échec"), "{told}");
}

#[test]
fn a_classification_that_arrives_flags_the_act_that_names_an_older_one() {
    let monde = Monde::open();
    let dir = monde.root.path().to_owned();
    let mut courriers = Courriers { dir: &dir, serie: 0 };
    let matiere = |code, sous| MatiereClassee { code, libelle: "Fonction publique".to_owned(), sous };
    let classification = Classification {
        date: date(2026, 3, 1),
        natures: vec![NatureClassee {
            nature: Nature::Ai,
            abrege: "AI".to_owned(),
            libelle: "Actes individuels".to_owned(),
            types_pj: vec![greffe::formats::actes::classification::TypePjClasse {
                code: greffe::formats::actes::nom::TypePj::new("99_AI").unwrap(),
                libelle: "Arrêté individuel".to_owned(),
            }],
        }],
        matieres: vec![matiere(4, vec![matiere(2, Vec::new())])],
    };
    let file = courriers.de_l_etat(vec![avec(Message::RetourClassification(Box::new(classification)), 0)]);
    let act = archive::sample(&dir, "045", COMMUNE, "VIEUX");
    let told = monde.import(&monde.commune, &[&file, &act, &file], &[]);
    assert!(told.contains("2 enregistré(s), 1 déjà connu(s)"), "{told}");
    assert_eq!(monde.acte("VIEUX")["classification_plus_recente"], "2026-03-01");
    let known = monde.get(&monde.commune, &format!("/v1/classifications?siren={}", &COMMUNE[10..]));
    assert_eq!((&known["lignes"][0]["date"], &known["lignes"][0]["matieres"]), (&"2026-03-01".into(), &1.into()));
    let counted = monde.get(&monde.prefecture, "/v1/actes/statistiques?par=nature,matiere");
    assert_eq!((&counted["lignes"][0]["matiere"], &counted["lignes"][0]["transmis"]), (&"4.2".into(), &1.into()));
    assert!(ecriture::message(&Message::DemandeClassification(None), Generation::Gen2).is_ok());
}

/// What an archive that transmits the act of this identifier would hold.
fn transmission(dir: &Path, id: &IdActe) -> PathBuf {
    let acte = Acte {
        date: id.date,
        numero: id.numero.clone(),
        numero_brut: id.numero.to_string(),
        nature: id.nature,
        ..acte("X")
    };
    let enveloppe = EnveloppeClMisill {
        emetteur: IdCl {
            siren: id.siren.into(),
            departement: id.departement.into(),
            arrondissement: 1.into(),
            nature: 31.into(),
        },
        referent: None,
        courriels_retour: vec!["mairie@example.org".to_owned()],
        formulaires: Vec::new(),
    };
    Courriers { dir, serie: 0 }.archive(Enveloppe::ClMisill(enveloppe), vec![avec(Message::Acte(Box::new(acte)), 1)])
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, and what it is held against")]
fn each_answer_of_the_field_has_the_outcome_that_is_known_of_it() {
    let Some(fixtures) = std::env::var_os("GREFFE_FIXTURES").map(PathBuf::from) else {
        eprintln!("skipped: GREFFE_FIXTURES is not set (answers of prefectures)");
        return;
    };
    let fixtures = fixtures.join("actes");
    let s2low = "034-000000000-20170701-20170721D-AI";
    let courrier = "034-000000000-20170701-20170725A-AI";
    let (ano, ar_stela, nack) =
        ("007-210703385-20170519-2017_048-DE", "006-210600235-20180522-684-AI", "044-214400152-20181001-123456-DE");
    let classification = "034-000000000-20170101-C-AI";
    // Files, files that the samples lack, the act, whether it is known and received, and what becomes of the message.
    let table: Vec<(Vec<&str>, &str, &str, &str, &str)> = vec![
        (vec!["s2low/test-archive-MISILCL"], "", s2low, "transmis", "accuse"),
        (vec!["s2low/test-archive-MISILCL"], "", s2low, "", "acte-inconnu"),
        (vec!["s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml"], "", ano, "transmis", "anomalie 005"),
        (vec!["s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml"], "", ano, "", "acte-inconnu"),
        (
            vec!["s2low/test-message-anomalie/034-000000000-20170701-20170721D-AI-1-3_0.xml"],
            "",
            s2low,
            "transmis",
            "anomalie 042",
        ),
        (
            vec!["s2low/test-message-anomalie/034-000000000-20170701-20170721D-AI-1-3_0.xml"],
            "",
            s2low,
            "recu",
            "cycle-contraire",
        ),
        (vec!["s2low/test-message-anomalie-avec-erreur"], "", s2low, "transmis", "anomalie 002"),
        (
            vec!["s2low/test-message-anomalie-avec-erreur-mal-presentee/034-000000000-20170701-20170721D-AI-1-3_0.xml"],
            "",
            s2low,
            "transmis",
            "illisible",
        ),
        (
            vec!["s2low/test-courrier-simple"],
            "034-000000000-20170701-20170725A-AI-2-1_1.pdf",
            courrier,
            "transmis",
            "courrier-simple",
        ),
        (
            vec!["s2low/test-courrier-simple-renumerote"],
            "034-000000000-20170701-20170725A-AI-2-1_16.pdf",
            courrier,
            "transmis",
            "courrier-simple",
        ),
        (vec!["s2low/test-defere-ta"], "034-000000000-20170701-20170725A-AI-5-1_1.pdf", courrier, "recu", "defere"),
        (vec!["stela/006-210600235-20180522-684-AI-1-2_5279.xml"], "", ar_stela, "transmis", "accuse"),
        (
            vec!["stela/044-214400152----1-3_1.xml", "stela/EACT--SPREF0441-214400152-20181012-9.xml"],
            "",
            nack,
            "transmis",
            "anomalie 002",
        ),
        (vec!["pastell/999-1234----7-2_1.xml"], "", classification, "transmis", "classification"),
        (vec!["stela/exemple_codes_matieres.xml"], "", classification, "transmis", "classification"),
    ];
    for (files, lacking, act, known, expected) in table {
        let root = tempfile::tempdir().unwrap();
        let ledger = init(root.path(), "greffe.essai.invalid");
        let node = Serving::start(&ledger.dir);
        let id: IdActe = act.parse().unwrap();
        let (organisation, departement) = (format!("urn:siren:{}", id.siren), id.departement.to_string());
        let key =
            enrol_in(&departement, root.path(), &node, &ledger.operator_key, &organisation, "commune", "collectivite");
        let folder = root.path().join("recu");
        std::fs::create_dir(&folder).unwrap();
        for file in &files {
            let from = fixtures.join(file);
            let all: Vec<PathBuf> = if from.is_dir() {
                std::fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path()).collect()
            } else {
                vec![from]
            };
            for from in all {
                std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
            }
        }
        if !lacking.is_empty() {
            std::fs::write(folder.join(lacking), b"%PDF-1.4\n").unwrap();
        }
        let monde = Monde { root, ledger, node, commune: key.clone(), prefecture: key };
        let dir = monde.root.path().to_owned();
        if !known.is_empty() {
            monde.import(&monde.commune, &[&transmission(&dir, &id)], &[]);
        }
        if known == "recu" {
            let draft = dir.join("ar.json");
            let mut data = serde_json::json!({ "date_reception": "2017-07-26",
                "auteur_declare": { "qualite": "prefecture", "departement": departement } });
            let file = dir.join("message.xml");
            std::fs::write(&file, "<ar/>").unwrap();
            let piece = succeed(&[
                "piece",
                "put",
                arg(&file),
                "--role",
                "message",
                "--type",
                "application/xml",
                "--key",
                arg(&monde.commune),
                "--url",
                &monde.node.url,
            ]);
            let piece: Value = serde_json::from_str(&piece).unwrap();
            data["pieces"] = serde_json::json!([piece]);
            std::fs::write(
                &draft,
                serde_json::json!({ "type": "greffe.acte.accuse-reception.v1", "source": organisation,
                "subject": format!("acte/{act}"), "data": data })
                .to_string(),
            )
            .unwrap();
            succeed(&["post", arg(&draft), "--key", arg(&monde.commune), "--url", &monde.node.url]);
        }
        // A message alone is given as a file; with its envelope, as the folder of an archive.
        let count = std::fs::read_dir(&folder).unwrap().count();
        let what =
            if count == 1 { std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path() } else { folder };
        let told = monde.import(&monde.commune, &[&what], &["--pour", id.siren.as_str()]);
        let waiting = monde.get(&monde.commune, "/v1/quarantaine")["lignes"].as_array().unwrap().clone();
        let name = format!("{files:?} {known}: {told}");
        if matches!(expected, "acte-inconnu" | "cycle-contraire" | "illisible") {
            assert_eq!(waiting.len(), 1, "{name}");
            assert_eq!(waiting[0]["motif"], expected, "{name}");
            let etat = if known.is_empty() { continue } else { known };
            assert_eq!(monde.get(&monde.commune, &format!("/v1/actes/{act}"))["etat"], etat, "{name}");
            continue;
        }
        assert!(waiting.is_empty(), "{name}");
        if expected == "classification" {
            let known = monde.get(&monde.commune, &format!("/v1/classifications?siren={}", id.siren));
            assert!(known["lignes"][0]["matieres"].as_u64().unwrap() > 200, "{name} {known}");
            continue;
        }
        let acte = monde.get(&monde.commune, &format!("/v1/actes/{act}"));
        let found = match expected.split_once(' ') {
            Some((_, code)) => {
                assert_eq!(
                    (&acte["etat"], &acte["anomalies"][0]["code"]),
                    (&"anomalie".into(), &code.into()),
                    "{name}"
                );
                continue;
            }
            None if expected == "accuse" => acte["etat"] == "recu",
            None => acte["correspondance"][0]["genre"] == expected,
        };
        assert!(found, "{name}\n{acte}");
    }
}
