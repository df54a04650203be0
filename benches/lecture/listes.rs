//! How long a page takes, reader by reader.

use std::time::Instant;

use data_encoding::BASE64URL_NOPAD;
use greffe::http::auth;
use greffe_events::key::SecretKey;
use serde_json::Value;

use crate::monde::connexion::Connection;
use crate::monde::echanges::{Echanges, siret};
use crate::monde::{ORIGIN, World, ms, now_s, siren};

/// Requests for each line of the table.
const REQUESTS: usize = 200;

/// An auditor of everything, enrolled for this.
const AUDITEUR: usize = 8_000;

pub(crate) fn measure(world: &World, echanges: &Echanges) {
    let auditeur = SecretKey::from_seed(&[3; 32]);
    world.record(&world.enrolment(&siren(AUDITEUR), "operateur", &["auditeur:*"], &auditeur));
    let head = world.head() as u64;
    let mut connection = Connection::open(&world.node.address);
    let commune = |n: usize| &world.communes[n * 13 % world.communes.len()];
    // A multiplier that is prime to any length walks all over the log.
    let somewhere = |n: usize| {
        let index = (n as u64 * 7_919_113) % (head - 1) + 1;
        // As the node writes the `suite` of a page.
        BASE64URL_NOPAD.encode(&[&[1][..], &index.to_be_bytes()].concat())
    };
    let fournisseur = |n: usize| &echanges.fournisseurs[n % echanges.fournisseurs.len()];
    line(&mut connection, "(the smallest answer that asks for a token: no such act)", |n| {
        (&commune(n).1, "/v1/actes?limit=1&siren=139600019".to_owned())
    });
    for (name, filter) in [("", ""), (", etat=transmis", "&etat=transmis"), (", nature=AI (none)", "&nature=AI")] {
        line(&mut connection, &format!("commune: its acts{name}"), |n| {
            (&commune(n).1, format!("/v1/actes?limit=100{filter}"))
        });
        line(&mut connection, &format!("prefecture: acts of its département{name}"), |_| {
            (&world.prefecture, format!("/v1/actes?limit=100&departement=039{filter}"))
        });
        line(&mut connection, &format!("prefecture: the same, from anywhere{name}"), |n| {
            (&world.prefecture, format!("/v1/actes?limit=100&departement=039&apres={}{filter}", somewhere(n)))
        });
        line(&mut connection, &format!("auditor: all acts, from anywhere{name}"), |n| {
            (&auditeur, format!("/v1/actes?limit=100&apres={}{filter}", somewhere(n)))
        });
    }
    line(&mut connection, "prefecture: acts of one commune", |n| {
        (&world.prefecture, format!("/v1/actes?limit=100&siren={}", commune(n).0))
    });
    line(&mut connection, "prefecture: 1,000 acts a page", |n| {
        (&world.prefecture, format!("/v1/actes?limit=1000&apres={}", somewhere(n)))
    });
    for liste in ["a-examiner", "a-suivre", "expirent", "a-acquitter", "silencieux", "pieces-attendues"] {
        line(&mut connection, &format!("prefecture: work list {liste}"), |_| {
            (&world.prefecture, format!("/v1/travail/{liste}?limit=100"))
        });
    }
    for liste in ["a-publier", "a-repondre", "refuses"] {
        line(&mut connection, &format!("commune: work list {liste}"), |n| {
            (&commune(n).1, format!("/v1/travail/{liste}?limit=100"))
        });
    }
    line(&mut connection, "commune: its journal", |n| (&commune(n).1, "/v1/journal?limit=100".to_owned()));
    line(&mut connection, "prefecture: its journal, constats (none)", |n| {
        (&world.prefecture, format!("/v1/journal?limit=100&constat=true&apres={}", somewhere(n)))
    });
    line(&mut connection, "auditor: the journal from anywhere", |n| {
        (&auditeur, format!("/v1/journal?limit=100&apres={}", somewhere(n)))
    });
    line(&mut connection, "auditor: one source's journal, from anywhere", |n| {
        (&auditeur, format!("/v1/journal?limit=100&source={}&apres={}", commune(n).0, somewhere(n)))
    });
    line(&mut connection, "auditor: 1,000 rows of the journal", |n| {
        (&auditeur, format!("/v1/journal?limit=1000&apres={}", somewhere(n)))
    });
    line(&mut connection, "auditor: refusals (none)", |_| (&auditeur, "/v1/refus?limit=100".to_owned()));
    line(&mut connection, "commune: its flows", |n| (&commune(n).1, "/v1/flux?limit=100".to_owned()));
    line(&mut connection, "accountant: all flows, from anywhere", |n| {
        (&echanges.comptable, format!("/v1/flux?limit=100&apres={}", somewhere(n)))
    });
    line(&mut connection, "accountant: flows of one budget", |n| {
        (&echanges.comptable, format!("/v1/flux?limit=100&budget={}", siret(&commune(n).0)))
    });
    line(&mut connection, "accountant: flows rejected (none)", |n| {
        (&echanges.comptable, format!("/v1/flux?limit=100&etat=rejete&apres={}", somewhere(n)))
    });
    line(&mut connection, "commune: its invoices", |n| (&commune(n).1, "/v1/factures?limit=100".to_owned()));
    line(&mut connection, "supplier: its invoices", |n| (&fournisseur(n).1, "/v1/factures?limit=100".to_owned()));
    line(&mut connection, "auditor: invoices from anywhere", |n| {
        (&auditeur, format!("/v1/factures?limit=100&apres={}", somewhere(n)))
    });
    line(&mut connection, "anybody: tenders", |n| (&fournisseur(n).1, "/v1/consultations?limit=100".to_owned()));
    line(&mut connection, "auditor: members", |_| (&auditeur, "/v1/adherents?limit=100".to_owned()));
    println!("totals:");
    line(&mut connection, "prefecture: what was said, by month, nature and matière", |_| {
        (&world.prefecture, "/v1/actes/statistiques?par=mois,nature,matiere".to_owned())
    });
    line(&mut connection, "auditor: the same, of all départements", |_| {
        (&auditeur, "/v1/actes/statistiques?par=departement,mois,nature,matiere".to_owned())
    });
    line(&mut connection, "commune: its budgets, by exercice", |n| {
        (&commune(n).1, format!("/v1/flux/totaux?budget={}", commune(n).0))
    });
    line(&mut connection, "accountant: one budget", |n| {
        (&echanges.comptable, format!("/v1/flux/totaux?budget={}", siret(&commune(n).0)))
    });
    line(&mut connection, "commune: what it owes, by year", |n| {
        (&commune(n).1, format!("/v1/factures/totaux?acheteur={}", commune(n).0))
    });
}

/// One line of the table.
fn line<'k>(connection: &mut Connection, name: &str, request: impl Fn(usize) -> (&'k SecretKey, String)) {
    let mut times = Vec::with_capacity(REQUESTS);
    let mut rows = 0;
    for n in 0..REQUESTS {
        let (key, path) = request(n);
        let token = auth::issue(key, &ORIGIN.parse().unwrap(), now_s());
        let start = Instant::now();
        let (status, body) = connection.get(&path, &token);
        times.push(start.elapsed());
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        let list = body.as_object().unwrap().values().find_map(Value::as_array);
        rows += list.map_or(0, Vec::len);
    }
    times.sort_unstable();
    let at = |percent: usize| ms(times[(times.len() - 1) * percent / 100]);
    let mean = rows as f64 / REQUESTS as f64;
    println!("{name:>60}: p50 {:>9} p95 {:>9} max {:>9}, {mean:.0} rows", at(50), at(95), at(100));
}
