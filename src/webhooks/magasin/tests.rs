#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt;

use greffe_events::key::KeyId;

use super::super::abonnement::{Filtres, Motif};
use super::*;

fn nouveau(organisation: &str, url: &str) -> Nouveau {
    Nouveau {
        organisation: organisation.parse().unwrap(),
        cle: KeyId([7; 32]),
        url: url.to_owned(),
        filtre: Filtres { famille: Some("acte".to_owned()), ..Filtres::default() },
        position: 12,
        cree_ms: 99,
    }
}

fn kept(magasin: &Magasin, nouveau: &Nouveau) -> Abonnement {
    match magasin.ajouter(nouveau, &Options::default()).unwrap() {
        Ajout::Nouveau(abonnement) => abonnement,
        other => panic!("{other:?}"),
    }
}

fn open() -> (tempfile::TempDir, Magasin) {
    let dir = tempfile::tempdir().unwrap();
    let magasin = Magasin::open(&dir.path().join("webhooks.sqlite")).unwrap();
    (dir, magasin)
}

const MAIRIE: &str = "urn:siren:214502494";
const VOISINE: &str = "urn:siren:210703385";

#[test]
fn what_is_kept_is_read_again_by_another_process() {
    let (dir, magasin) = open();
    let first = kept(&magasin, &nouveau(MAIRIE, "https://a.exemple/"));
    let echec = Echec { le_ms: 7, motif: Motif::Statut, statut: Some(500) };
    let etat = Etat {
        position: 14,
        tentatives: 2,
        prochaine_ms: Some(8),
        arret: Some(Arret::Parti),
        en_echec_depuis_ms: Some(5),
        livres: 3,
        derniere_livraison_ms: Some(4),
        dernier_echec: Some(echec),
    };
    magasin.noter(&first, &etat, None, 10).unwrap();
    let path = dir.path().join("webhooks.sqlite");
    drop(magasin);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Magasin::open(&path).unwrap();
    assert_eq!(again.lire(first.id).unwrap(), Some(Abonnement { etat, ..first }));
    assert_eq!(again.compte().unwrap(), Compte { suspendus: 1, ..Compte::default() });
}

#[test]
fn subscriptions_are_bounded_and_the_same_one_is_kept_once() {
    let (_dir, magasin) = open();
    let options = Options { par_organisme: 2, par_noeud: 3, ..Options::default() };
    let add = |organisation, url| magasin.ajouter(&nouveau(organisation, url), &options).unwrap();
    let Ajout::Nouveau(first) = add(MAIRIE, "https://a.exemple/") else { panic!() };
    assert_eq!(add(MAIRIE, "https://a.exemple/"), Ajout::Connu(first.clone()));
    assert!(matches!(add(MAIRIE, "https://b.exemple/"), Ajout::Nouveau(_)));
    assert_eq!(add(MAIRIE, "https://c.exemple/"), Ajout::TropPourLui);
    assert!(matches!(add(VOISINE, "https://a.exemple/"), Ajout::Nouveau(_)), "another's is another");
    assert_eq!(add(VOISINE, "https://b.exemple/"), Ajout::TropPourTous);
    assert!(magasin.supprimer(first.id).unwrap() && !magasin.supprimer(first.id).unwrap());
    assert!(matches!(add(VOISINE, "https://b.exemple/"), Ajout::Nouveau(_)));
}

#[test]
fn an_outcome_moves_only_the_state_that_it_is_about() {
    let (_dir, magasin) = open();
    let avant = kept(&magasin, &nouveau(MAIRIE, "https://a.exemple/"));
    let apres = Etat { position: 13, livres: 1, ..avant.etat.clone() };
    magasin.suspendre(avant.id, Arret::Cle).unwrap();
    magasin.noter(&avant, &apres, None, 10).unwrap();
    magasin.avancer(&avant, 40).unwrap();
    assert_eq!(magasin.lire(avant.id).unwrap().unwrap().etat.position, 12, "suspended meanwhile");
    let again = KeyId([8; 32]);
    magasin.reprendre(avant.id, &again.to_string(), &avant.etat).unwrap();
    magasin.noter(&avant, &apres, None, 10).unwrap();
    magasin.noter(&avant, &Etat { position: 99, ..apres.clone() }, None, 10).unwrap();
    let now = magasin.lire(avant.id).unwrap().unwrap();
    assert_eq!((now.etat, now.cle), (apres, again), "an outcome of before says nothing any more");
    assert_eq!(magasin.borner(5).unwrap(), 1);
    assert_eq!(magasin.lire(avant.id).unwrap().unwrap().etat.position, 5);
}

#[test]
fn dead_letters_are_bounded_and_counted_and_go_with_their_subscription() {
    let (_dir, magasin) = open();
    let abonnement = kept(&magasin, &nouveau(MAIRIE, "https://a.exemple/"));
    let mut avant = abonnement.clone();
    for index in 12..17 {
        let echec = Echec { le_ms: index, motif: Motif::Delai, statut: None };
        let mort = Mort { index, tentatives: 10, echec, renvoi: false };
        let apres = Etat { position: index + 1, ..Etat::default() };
        magasin.noter(&avant, &apres, Some(&mort), 3).unwrap();
        avant.etat = apres;
    }
    let indices = |apres, limit| -> Vec<u64> {
        magasin.echecs(abonnement.id, apres, limit).unwrap().iter().map(|mort| mort.index).collect()
    };
    assert_eq!((indices(None, 10), indices(Some(14), 1)), (vec![14, 15, 16], vec![15]));
    let now = magasin.lire(abonnement.id).unwrap().unwrap();
    assert_eq!((now.echecs, now.perdus), (3, 2));
    assert_eq!(magasin.renvoyer(abonnement.id, Some(15)).unwrap(), 1);
    assert_eq!(magasin.renvoyer(abonnement.id, Some(12)).unwrap(), 0, "it is gone");
    assert!(magasin.actifs().unwrap()[0].renvois);
    assert_eq!(magasin.a_renvoyer(abonnement.id).unwrap().unwrap().index, 15);
    let echec = Echec { le_ms: 1, motif: Motif::Tls, statut: None };
    magasin.noter_renvoi(abonnement.id, 15, Some(echec), 2).unwrap();
    assert_eq!(magasin.a_renvoyer(abonnement.id).unwrap(), None);
    assert_eq!(magasin.renvoyer(abonnement.id, None).unwrap(), 3);
    magasin.noter_renvoi(abonnement.id, 14, None, 2).unwrap();
    assert_eq!(indices(None, 10), [15, 16]);
    assert_eq!(magasin.lire(abonnement.id).unwrap().unwrap().etat.livres, 1);
    magasin.supprimer(abonnement.id).unwrap();
    assert_eq!(magasin.compte().unwrap(), Compte::default());
}
