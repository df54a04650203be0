//! Any message and any envelope that a generation can say; what is written of them is read back equal.

use std::collections::BTreeMap;

use greffe_events::ident::{Departement, Nature, Siren};
use proptest::option;
use proptest::prelude::*;

use super::super::super::classification::{Classification, MatiereClassee, NatureClassee, TypePjClasse};
use super::super::super::enveloppe::{EnveloppeMisillCl, IdCl, Referent};
use super::super::super::message::anomalie::NATURES_ENVELOPPE;
use super::super::super::message::courrier::{Documents, Forme};
use super::super::super::message::{
    Annulation, AnomalieActe, AnomalieEnveloppe, ArActe, ArAnnulation, ArReponse, Courrier, CourrierPref, DefereTa,
    FichierSigne, Matieres, Signature,
};
use super::super::super::nom::TypePj;
use super::super::*;

pub(super) fn texte() -> impl Strategy<Value = String> {
    // Everything XML takes, with a weight on what goes wrong.
    let c = prop_oneof![
        prop::char::any().prop_filter("XML", |c| *c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')),
        prop::sample::select(vec![
            '&', '<', '>', '"', '\'', 'é', 'Ÿ', '€', '😀', '\n', '\r', '\t', ']', '\u{80}', '\u{a0}'
        ]),
    ];
    prop::collection::vec(c, 0..60).prop_map(|v| v.into_iter().collect())
}

fn un_fichier() -> impl Strategy<Value = FichierSigne> {
    ("[a-zé&<'\"_0-9]{1,20}\\.pdf", option::of(texte()))
        .prop_map(|(nom, signature)| FichierSigne { nom, signature: signature.map(Signature::Texte) })
}

fn un_jour() -> impl Strategy<Value = Date> {
    (0i32..20_000).prop_map(|jours| Date::constant(1990, 1, 1).checked_add(jiff::Span::new().days(jours)).unwrap())
}

/// The number as it is written.
fn un_numero(generation: Generation) -> impl Strategy<Value = String> {
    match generation {
        Generation::Gen1 => "[A-Za-z0-9]([A-Za-z0-9_ -]{0,13}[A-Za-z0-9])?",
        Generation::Gen2 => "[A-Za-z0-9_]{1,15}",
    }
}

fn retenu(numero: &str) -> String {
    numero.replace(['-', ' '], "_")
}

fn un_id(generation: Generation) -> impl Strategy<Value = IdActe> {
    let departements = prop::sample::select(vec!["001", "02A", "02B", "045", "971", "999"]);
    (departements, un_jour(), un_numero(generation), 1u8..=6).prop_map(|(departement, date, numero, nature)| IdActe {
        departement: departement.parse().unwrap(),
        siren: "214502494".parse().unwrap(),
        date,
        numero: retenu(&numero).parse().unwrap(),
        nature: Nature::from_code(nature).unwrap(),
    })
}

prop_compose! {
    pub(super) fn un_acte(generation: Generation)(
        numero in un_numero(generation),
        nature in 1u8..=6,
        niveaux in (any::<u16>(), any::<u16>(), option::of(any::<u16>()), option::of(any::<u16>())),
        objet in texte(),
        date in un_jour(),
        classification in un_jour(),
        precedent in option::of(un_id(generation)),
        document in un_fichier(),
        annexes in prop::collection::vec(un_fichier(), 0..4),
        papier in option::of(any::<bool>()),
    ) -> Acte {
        Acte {
            generation,
            date,
            numero: retenu(&numero).parse().unwrap(),
            numero_brut: numero,
            nature: Nature::from_code(nature).unwrap(),
            matieres: Matieres([Some(niveaux.0), Some(niveaux.1), niveaux.2, niveaux.3, None]),
            objet,
            precedent: precedent.map(Into::into),
            classification_date: Some(classification),
            document,
            annexes,
            document_papier: papier.filter(|_| generation == Generation::Gen2),
        }
    }
}

type Noms = BTreeMap<u16, String>;

/// Matières of `niveaux` levels; below the first there is always one.
fn des_matieres(niveaux: usize) -> BoxedStrategy<Vec<MatiereClassee>> {
    if niveaux == 0 {
        return Just(Vec::new()).boxed();
    }
    let noms = prop::collection::btree_map(any::<u16>(), texte(), 1..3);
    (noms, des_matieres(niveaux - 1))
        .prop_map(|(noms, sous): (Noms, _)| {
            noms.into_iter().map(|(code, libelle)| MatiereClassee { code, libelle, sous: sous.clone() }).collect()
        })
        .boxed()
}

prop_compose! {
    fn une_classification(generation: Generation)(
        date in un_jour(),
        natures in prop::sample::subsequence(Nature::ALL.to_vec(), 1..=6),
        libelle in texte(),
        types in prop::collection::btree_map("[A-Z0-9_]{5}", texte(), 1..4),
        matieres in (2usize..=5).prop_flat_map(des_matieres),
    ) -> Classification {
        let types_pj: Vec<_> = match generation {
            Generation::Gen1 => Vec::new(),
            Generation::Gen2 => types
                .into_iter()
                .map(|(code, libelle)| TypePjClasse { code: TypePj::new(&code).unwrap(), libelle })
                .collect(),
        };
        let nature = |nature: Nature| NatureClassee {
            nature,
            abrege: nature.as_str().to_owned(),
            libelle: libelle.clone(),
            types_pj: types_pj.clone(),
        };
        Classification { date, natures: natures.into_iter().map(nature).collect(), matieres }
    }
}

fn un_referent() -> impl Strategy<Value = Option<Referent>> {
    option::of(
        (option::of(texte()), option::of(texte()), option::of(Just("a.b-c@d-e.fr".to_owned())))
            .prop_map(|(nom, telephone, courriel)| Referent { nom, telephone, courriel }),
    )
}

prop_compose! {
    fn une_enveloppe_cl()(
        referent in un_referent(),
        formulaires in prop::collection::vec(un_fichier(), 1..4),
        arrondissement in 0u8..=9,
        nature in 10u8..=99,
    ) -> EnveloppeClMisill {
        EnveloppeClMisill {
            emetteur: IdCl {
                siren: "214502494".parse::<Siren>().unwrap().into(),
                departement: "02A".parse::<Departement>().unwrap().into(),
                arrondissement: arrondissement.into(),
                nature: nature.into(),
            },
            referent,
            courriels_retour: vec!["a@b.fr".to_owned(); 2],
            formulaires,
        }
    }
}

pub(super) fn une_enveloppe() -> impl Strategy<Value = Enveloppe> {
    (une_enveloppe_cl(), 0..4).prop_map(|(cl, genre)| {
        let departement = cl.emetteur.departement.clone();
        let emetteur = match genre {
            0 => return Enveloppe::ClMisill(cl),
            1 => Autorite::Sgar(departement),
            2 => Autorite::Prefecture(departement),
            _ => Autorite::SousPrefecture { departement, arrondissement: cl.emetteur.arrondissement },
        };
        let (referent, formulaires, destinataire) = (cl.referent, cl.formulaires, cl.emetteur.siren);
        Enveloppe::MisillCl(EnveloppeMisillCl { emetteur, referent, formulaires, destinataire })
    })
}

/// What any kind of message is made of.
#[derive(Debug, Clone)]
struct Matiere {
    id: IdActe,
    acte: Acte,
    dates: (Date, Date),
    texte: String,
    detail: Option<String>,
    fichiers: Vec<FichierSigne>,
    classification: Classification,
    enveloppe: EnveloppeClMisill,
    nature: u16,
}

impl Matiere {
    fn courrier(self, code: CodeMessage) -> Courrier {
        let forme = Forme::of(code);
        let documents = match forme.documents {
            Documents::Aucun => Vec::new(),
            Documents::Un => self.fichiers[..1].to_vec(),
            Documents::Plusieurs => self.fichiers.clone(),
        };
        Courrier { texte: forme.texte.map(|_| self.texte.clone()), documents, reference: self.reference() }
    }

    fn reference(self) -> CourrierPref {
        CourrierPref { id_acte: self.id.into(), date: Some(self.dates.0) }
    }

    fn message(self, code: CodeMessage) -> Message {
        let (date, date_reception) = (Some(self.dates.0), self.dates.1);
        let detail = self.detail.clone();
        match code {
            CodeMessage::Acte => Message::Acte(Box::new(self.acte)),
            CodeMessage::ArActe => Message::ArActe(Box::new(ArActe {
                id_acte: self.id.into(),
                date_reception,
                acte: self.acte.into(),
                classification_en_cours: date,
            })),
            CodeMessage::AnomalieActe => Message::AnomalieActe(Box::new(AnomalieActe {
                date,
                nature: self.nature,
                detail,
                acte: self.acte.into(),
                classification_en_cours: Some(date_reception),
            })),
            CodeMessage::AnomalieEnveloppe => Message::AnomalieEnveloppe(Box::new(AnomalieEnveloppe {
                date,
                nature: NATURES_ENVELOPPE[usize::from(self.nature) % NATURES_ENVELOPPE.len()],
                detail,
                enveloppe: Some(self.enveloppe),
            })),
            CodeMessage::CourrierSimple => Message::CourrierSimple(self.courrier(code)),
            CodeMessage::ReponseCourrierSimple => Message::ReponseCourrierSimple(self.courrier(code)),
            CodeMessage::DemandePieceComplementaire => Message::DemandePieceComplementaire(self.courrier(code)),
            CodeMessage::ArDemandePieceComplementaire => Message::ArDemandePieceComplementaire(self.courrier(code)),
            CodeMessage::RefusPieceComplementaire => Message::RefusPieceComplementaire(self.courrier(code)),
            CodeMessage::PieceComplementaire => Message::PieceComplementaire(self.courrier(code)),
            CodeMessage::LettreObservations => Message::LettreObservations(self.courrier(code)),
            CodeMessage::ArLettreObservations => Message::ArLettreObservations(self.courrier(code)),
            CodeMessage::RejetLettreObservations => Message::RejetLettreObservations(self.courrier(code)),
            CodeMessage::ReponseLettreObservations => Message::ReponseLettreObservations(self.courrier(code)),
            CodeMessage::ArPieceComplementaire => {
                Message::ArPieceComplementaire(ArReponse { date_reception, reference: self.reference() })
            }
            CodeMessage::ArReponseRejetLettreObservations => {
                Message::ArReponseRejetLettreObservations(ArReponse { date_reception, reference: self.reference() })
            }
            CodeMessage::DefereTa => Message::DefereTa(DefereTa {
                id_acte: self.id.into(),
                date_depot: date,
                nature_illegalite: Some(self.texte),
                pieces: if detail.is_some() { self.fichiers } else { Vec::new() },
            }),
            CodeMessage::Annulation => Message::Annulation(Annulation { id_acte: self.id.into() }),
            CodeMessage::ArAnnulation => {
                Message::ArAnnulation(ArAnnulation { id_acte: self.id.into(), date_reception })
            }
            CodeMessage::DemandeClassification => Message::DemandeClassification(date.filter(|_| detail.is_some())),
            CodeMessage::RetourClassification => Message::RetourClassification(Box::new(self.classification)),
            CodeMessage::ReponseClassificationSansChangement => Message::ReponseClassificationSansChangement(date),
        }
    }
}

prop_compose! {
    fn une_matiere(generation: Generation)(
        id in un_id(generation),
        acte in un_acte(generation),
        dates in (un_jour(), un_jour()),
        texte in texte(),
        detail in option::of(texte()),
        fichiers in prop::collection::vec(un_fichier(), 1..4),
        classification in une_classification(generation),
        enveloppe in une_enveloppe_cl(),
        nature in 0u16..=999,
    ) -> Matiere {
        Matiere { id, acte, dates, texte, detail, fichiers, classification, enveloppe, nature }
    }
}

/// Every kind of message, each once, of one generation.
pub(super) fn tous_les_messages(generation: Generation) -> impl Strategy<Value = Vec<Message>> {
    une_matiere(generation)
        .prop_map(|matiere| CodeMessage::ALL.iter().map(|code| matiere.clone().message(*code)).collect())
}

proptest! {
    #[test]
    fn every_message_written_is_the_message_read(
        (generation, messages) in prop_oneof![Just(Generation::Gen1), Just(Generation::Gen2)]
            .prop_flat_map(|generation| (Just(generation), tous_les_messages(generation)))
    ) {
        for valeur in messages {
            let octets = message(&valeur, generation).unwrap();
            let lecture = messages::read(&octets, Date::MAX).unwrap();
            // What the value itself has: a number that an identifier does not take, a level that is left out, two identities.
            let siens = ["numero-hors-forme", "matiere-niveau-saute", "id-acte-contenu"];
            prop_assert!(lecture.ecarts.iter().all(|ecart| siens.contains(&ecart.code())), "{:?}", lecture.ecarts);
            prop_assert_eq!(lecture.valeur, valeur);
        }
    }

    #[test]
    fn an_envelope_written_is_the_envelope_read(valeur in une_enveloppe()) {
        prop_assert_eq!(enveloppes::read(&enveloppe(&valeur).unwrap()).unwrap().valeur, valeur);
    }

    #[test]
    fn a_classification_is_the_same_behind_json(valeur in une_classification(Generation::Gen2)) {
        prop_assert_eq!(Classification::from_json(&valeur.to_json()).unwrap(), valeur);
    }

    #[test]
    fn no_bytes_make_the_reader_fail(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = messages::read(&octets, Date::MAX);
        let _ = enveloppes::read(&octets);
    }
}
