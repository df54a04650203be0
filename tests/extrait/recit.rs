//! The story: each gets all that is its own, nothing of another, and a stranger verifies it.

use greffe::audit::Verdict;
use greffe::extrait::choix::concerne;
use greffe::extrait::conteneur::Nom;
use greffe::extrait::declaration::Paroles;
use greffe::http::access::{Audience, Faits, Reader};
use greffe_events::authority::{KeyRecord, enrolments};
use greffe_events::catalogue::{Data, Role};
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdPli, Organisation};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;

use crate::monde::*;
use crate::support::*;

#[test]
fn a_commune_gets_all_that_is_its_own_and_nothing_of_its_neighbour() {
    let monde = Monde::new();
    let extrait = monde.de(COMMUNE);
    assert_eq!(extrait, monde.de(COMMUNE), "the same log, the same question, the same bytes");
    let report = monde.verifie(&extrait);
    assert_eq!((report.verdict, codes(&report)), (Verdict::Good, vec![]), "{report}");
    // A delegation and three acts of its own; membership, key, two acknowledgements, a refusal and an erasure by others.
    assert_eq!(report.paroles, Paroles { avant: 0, dedans: 4, total: 4 }, "{report}");
    assert_eq!((report.dossiers, report.by_type["greffe.acte.transmis.v1"]), (6, 3), "{report}");
    assert_eq!(report.membres, [PASSERELLE, PREFECTURE, COMMUNE], "who spoke in it: {report}");
    let pieces = report.pieces.unwrap();
    assert_eq!((pieces.good, pieces.erased, pieces.absent, pieces.differs), (6, 1, 0, 0), "{report}");
    for code in ["others", "after", "last-rank", "dossiers", "same-for-everybody", "timestamps"] {
        assert!(report.not_checked.iter().any(|not| not.code == code), "{code}: {report}");
    }

    let files = fichiers(&extrait);
    for n in 1..=3 {
        let piece = Nom::Piece(COMMUNE.parse().unwrap(), Empreinte::of(&document(COMMUNE, n)));
        let found = files.iter().find(|file| file.nom == piece).unwrap();
        assert_eq!(found.octets, document(COMMUNE, n));
    }
    assert!(!files.iter().any(|file| matches!(&file.nom, Nom::Piece(_, reference) if *reference == monde.effacee)));
    let theirs = [
        abrege(VOISINE).to_owned(),
        DENOMINATION_VOISINE.to_owned(),
        key(11).id().to_string(),
        Empreinte::of(&document(VOISINE, 1)).to_string(),
        String::from_utf8(document(VOISINE, 1)).unwrap(),
    ];
    for other in &theirs {
        assert!(!contient(&extrait, other), "{other}");
        assert!(contient(&monde.de(VOISINE), other), "{other} would be found if it stood there");
    }
    let ids = monde.feuilles().into_iter().filter(|(_, event)| event.source.to_string() == VOISINE);
    for (_, event) in ids {
        assert!(!contient(&extrait, &event.id.to_string()));
    }
}

#[test]
fn a_gateway_a_prefecture_and_the_operator_get_what_they_said() {
    let monde = Monde::new();
    for (organisation, paroles, unknown) in [(PASSERELLE, 2, "delegations"), (PREFECTURE, 2, "life-cycles")] {
        let extrait = monde.de(organisation);
        let report = monde.verifie(&extrait);
        assert_eq!(report.verdict, Verdict::Good, "{organisation}: {report}");
        assert_eq!((report.paroles.dedans, report.membres), (paroles, vec![organisation.to_owned()]));
        // What it said stands in dossiers of communes, which are not shown: neither their acts nor their delegations.
        assert!(report.not_checked.iter().any(|not| not.code == unknown), "{organisation}: {unknown}");
        assert!(!report.by_type.contains_key("greffe.acte.transmis.v1") && !contient(&extrait, DENOMINATION_VOISINE));
    }
    let report = monde.verifie(&monde.de(OPERATOR));
    assert_eq!(report.verdict, Verdict::Good, "{report}");
    let said = monde.feuilles().iter().filter(|(_, event)| event.source.to_string() == OPERATOR).count() as u64;
    assert_eq!(report.paroles, Paroles { avant: 0, dedans: said, total: said });
}

#[test]
fn whatever_an_extract_is_about_a_key_of_that_organisation_may_read() {
    let monde = Monde::new();
    let leaves = monde.feuilles();
    let mut keys: Vec<(KeyId, KeyRecord)> = Vec::new();
    for (index, (_, event)) in (0..).zip(&leaves) {
        keys.extend(enrolments(event, index));
    }
    let whose = |key: &KeyId| {
        let known = keys.iter().find(|(id, _)| id == key);
        Ok::<_, std::convert::Infallible>(known.map(|(_, record)| record.organisation.clone()))
    };
    let mut shown = 0;
    for organisation in [COMMUNE, VOISINE, PREFECTURE, PASSERELLE] {
        let organisation: Organisation = organisation.parse().unwrap();
        let reader = Reader::of(&KeyRecord {
            organisation: organisation.clone(),
            roles: vec![Role::Collectivite],
            valable_du: Horodatage::from_unix_ms(0),
            valable_jusqu: None,
            index: 0,
        });
        for (_, event) in &leaves {
            let concerns = concerne(&organisation, event, whose).unwrap();
            // No submission (pli) in this story: there is nothing that one shows and the other does not.
            let refus = match &event.data {
                Data::RegistreRefus(refus) => Some(refus),
                _ => None,
            };
            // What a gateway signed for another is that other's.
            let nobody: [KeyId; 0] = [];
            let audience = Audience::of(event.source.clone(), event.dossier.clone(), nobody, refus, &Cles(&keys));
            let reads = reader.reads(&audience.unwrap()).selon(&Cles(&keys)).unwrap();
            assert_eq!(concerns, reads, "{organisation}: {event:?}");
            shown += u32::from(concerns);
        }
    }
    assert!(shown > 20);
}

/// Whose keys are, as the leaves enrolled them.
struct Cles<'a>(&'a [(KeyId, KeyRecord)]);

impl Faits for Cles<'_> {
    type Error = std::convert::Infallible;

    fn organisation_of(&self, key: &KeyId) -> Result<Option<Organisation>, Self::Error> {
        Ok(self.0.iter().find(|(id, _)| id == key).map(|(_, record)| record.organisation.clone()))
    }

    fn ouverture_commencee(&self, _: &IdPli) -> Result<bool, Self::Error> {
        Ok(false)
    }
}
