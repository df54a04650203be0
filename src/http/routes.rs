//! Every operation of the API, in the order in which it is described.

use axum::routing::{delete, get, post, put};
use greffe_events::Code;

use super::operation::{Corps, JSON, Operation, Qui, of};
use super::problem::Cause;
use super::{
    actes, adherents, consultations, docs, events, extrait, factures, feuille, fil, flux, journal, lots, metrics, node,
    openapi, pieces, proofs, quarantaine, refus, tiles, travail, vues, webhooks,
};
use crate::ledger::head::Receipt;

const EVENEMENTS: &str = "Événements";
const WEBHOOKS: &str = "Webhooks";
const PIECES: &str = "Pièces";
const ACTES: &str = "Actes";
const COMPTABILITE: &str = "Comptabilité";
const MARCHES: &str = "Marchés";
const ADHERENTS: &str = "Adhérents";
const JOURNAL: &str = "Journal";
const PREUVES: &str = "Preuves";
const NOEUD: &str = "Nœud";

/// The groups, and what each is for.
pub(super) const GROUPES: [(&str, &str); 10] = [
    (EVENEMENTS, "Déposer un événement signé, le relire, obtenir son reçu ; les refus et leur motif."),
    (WEBHOOKS, "Être averti à votre adresse de ce qui vient d'être enregistré (docs/WEBHOOKS.md)."),
    (PIECES, "Déposer un fichier avant l'événement qui le cite, et le relire octet pour octet."),
    (ACTES, "Actes transmis au contrôle de légalité : état, réception, caractère exécutoire, délai de déféré."),
    (COMPTABILITE, "Flux comptables et factures, leurs états, montants et totaux."),
    (MARCHES, "Consultations et leurs registres ; rien d'un pli n'est lisible avant son ouverture."),
    (ADHERENTS, "Organismes, leurs clés et leurs délégations, avec leur histoire."),
    (JOURNAL, "Tout ce qui est enregistré : qui l'a dit, avec quelle clé, pour qui."),
    (PREUVES, "L'arbre de Merkle (C2SP tlog-tiles, RFC 6962) : de quoi vérifier sans faire confiance au nœud."),
    (NOEUD, "Le nœud lui-même : sa carte, son état, ses mesures, cette description."),
];

const OCTETS: Corps = Corps { media_type: "application/octet-stream", schema: None };
const TEXTE: Corps = Corps { media_type: "text/plain", schema: None };

/// What reading the ledger may answer.
const REGISTRE: [Cause; 2] = [Cause::Overloaded, Cause::StoreUnavailable];
/// What writing to it may.
const ECRITURE: [Cause; 6] =
    [Cause::Overloaded, Cause::StoreUnavailable, Cause::QueueFull, Cause::Horloge, Cause::Garde, Cause::Stopping];

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    [evenements(), webhooks(), pieces_et_refus(), legalite(), comptabilite(), marches(), registre(), preuves(), noeud()]
        .into_iter()
        .flatten()
        .collect()
}

/// One that asks for a token and reads the ledger.
fn lue(
    path: &'static str,
    id: &'static str,
    groupe: &'static str,
    handler: axum::routing::MethodRouter<super::Node>,
) -> Operation {
    Operation::new("get", path, id, groupe, handler).jeton(Qui::Jeton).causes(&REGISTRE)
}

fn evenements() -> Vec<Operation> {
    vec![
        Operation {
            qui: Qui::Signataires,
            ..Operation::new("post", "/v1/events", "deposer", EVENEMENTS, post(events::post))
                .codes(Code::ALL)
                .resume(
                    "Dépose un événement signé (enveloppe DSSE), ou un lot d'au plus 1 000 enveloppes, une par ligne.",
                )
                // Counted once its body has come: bodies that never come must not keep others out.
                .hors_limite()
                .corps(JSON, Some(openapi::envelope))
                .corps("application/x-ndjson", None)
                .json::<Receipt>(201, "Enregistré : son reçu.", &["Location"])
                .reponse(
                    200,
                    "Déjà enregistré, octet pour octet : son reçu. D'un lot : un résultat par ligne, dans l'ordre.",
                    vec![
                        Corps { media_type: JSON, schema: Some(of::<Receipt>) },
                        Corps { media_type: "application/x-ndjson", schema: Some(of::<lots::Resultat>) },
                    ],
                    &["Location"],
                )
                .causes(&ECRITURE)
                .causes(&[Cause::BodyIncomplete, Cause::BodyTimeout, Cause::TooManyRefusals])
        },
        lue("/v1/events", "suivre-page", EVENEMENTS, get(fil::page))
            .resume("Ce qui a été enregistré après un curseur, dans l'ordre, pour ce lecteur ; une page.")
            .query::<fil::Demande>()
            .json::<fil::Page<'static>>(200, "Une page ; `suite` dit où reprendre.", &[])
            .causes(&[Cause::CursorAhead]),
        lue("/v1/feed", "suivre-flux", EVENEMENTS, get(fil::feed))
            .resume("La même chose, au fil de l'eau (server-sent events) ; même curseur.")
            .query::<fil::Demande>()
            .headers(&["Last-Event-ID"])
            .reponse(
                200,
                "Un flux.",
                vec![Corps { media_type: "text/event-stream", schema: Some(openapi::message) }],
                &[],
            )
            .causes(&[Cause::CursorAhead, Cause::HeaderInvalid, Cause::TooManyFollowers]),
        lue("/v1/events/{index}", "evenement", EVENEMENTS, get(events::get))
            .resume("Un événement : ses octets signés, ses signatures, sa feuille.")
            .json::<feuille::EvenementJson<'static>>(200, "L'événement.", &["ETag"])
            .inchange()
            .causes(&[Cause::NotFound]),
        lue("/v1/events/{index}/receipt", "recu", EVENEMENTS, get(events::receipt))
            .resume("Son reçu, vérifiable hors ligne ; text/plain donne la seule preuve (.tlog-proof).")
            .reponse(200, "Le reçu.", vec![Corps { media_type: JSON, schema: Some(of::<Receipt>) }, TEXTE], &["ETag"])
            .inchange()
            .causes(&[Cause::NotFound, Cause::NotAcceptable]),
    ]
}

fn webhooks() -> Vec<Operation> {
    use webhooks::{Creation, EchecsQuery, EssaiJson, PageEchecs, RenvoiJson, RenvoiQuery, Tous, WebhookJson};
    // What changes something takes a token that is bound to it.
    let ecrit = |method, path, id, handler| {
        Operation::new(method, path, id, WEBHOOKS, handler).jeton(Qui::Jeton).causes(&REGISTRE)
    };
    let sien = |operation: Operation| operation.causes(&[Cause::NotFound]);
    vec![
        ecrit("post", "/v1/webhooks", "creer-webhook", post(webhooks::creer))
            .resume("Fait annoncer le fil à une adresse, signé (Standard Webhooks) ; jeton lié à la requête.")
            .query::<Creation>()
            .json::<WebhookJson>(201, "Le webhook.", &["Location"])
            .json::<WebhookJson>(200, "Le même existait déjà : il n'a pas changé.", &["Location"])
            .causes(&[Cause::CursorAhead, Cause::TooManyWebhooks]),
        lue("/v1/webhooks", "lister-webhooks", WEBHOOKS, get(webhooks::lister))
            .resume("Les webhooks de l'organisme, et les clés qui les signent ; à l'opérateur, ceux de tous.")
            .query::<webhooks::TousQuery>()
            .causes(&[Cause::TokenNotEntitled])
            .json::<Tous>(200, "Les webhooks.", &[]),
        sien(lue("/v1/webhooks/{id}", "webhook", WEBHOOKS, get(webhooks::lire)))
            .resume("Un webhook : où il en est, ce qui a échoué en dernier.")
            .json::<WebhookJson>(200, "Le webhook.", &[]),
        sien(ecrit("delete", "/v1/webhooks/{id}", "supprimer-webhook", delete(webhooks::supprimer)))
            .resume(
                "Supprime un webhook et ses échecs ; jeton lié à la requête. À l'opérateur, celui de n'importe qui.",
            )
            .causes(&[Cause::TokenNotEntitled])
            .reponse(204, "Supprimé.", Vec::new(), &[]),
        sien(ecrit("post", "/v1/webhooks/{id}/essai", "essayer-webhook", post(webhooks::essayer)))
            .resume("Envoie maintenant un message d'essai, et dit ce qu'il est devenu ; jeton lié à la requête.")
            .json::<EssaiJson>(200, "Ce qu'il est devenu.", &[]),
        sien(ecrit("post", "/v1/webhooks/{id}/reprise", "reprendre-webhook", post(webhooks::reprendre)))
            .resume("Repart tout de suite d'où il en était, avec les droits de cette clé ; jeton lié à la requête.")
            .causes(&[Cause::TokenNotEntitled])
            .json::<WebhookJson>(200, "Le webhook, actif.", &[]),
        sien(ecrit("post", "/v1/webhooks/{id}/suspension", "suspendre-webhook", post(webhooks::operateur::suspendre)))
            .resume(
                "Suspend le webhook de n'importe qui, jusqu'à ce que l'opérateur le reprenne ; jeton lié à la requête.",
            )
            .causes(&[Cause::TokenNotEntitled])
            .json::<WebhookJson>(200, "Le webhook, suspendu.", &[]),
        sien(lue("/v1/webhooks/{id}/echecs", "echecs-webhook", WEBHOOKS, get(webhooks::echecs)))
            .resume("Les messages abandonnés après leur dernière tentative, dans l'ordre du registre.")
            .query::<EchecsQuery>()
            .json::<PageEchecs>(200, "Une page.", &[]),
        sien(ecrit("post", "/v1/webhooks/{id}/renvoi", "renvoyer-webhook", post(webhooks::renvoyer)))
            .resume("Renvoie un message abandonné, ou tous ; jeton lié à la requête.")
            .query::<RenvoiQuery>()
            .json::<RenvoiJson>(202, "Combien seront renvoyés.", &[]),
    ]
}

fn pieces_et_refus() -> Vec<Operation> {
    vec![
        lue("/v1/refus", "lister-refus", EVENEMENTS, get(refus::list))
            .resume("Les refus, du plus récent au plus ancien : code, motif, que faire.")
            .query::<refus::ListQuery>()
            .liste::<vues::PageJson<refus::RefusJson>>(),
        lue("/v1/refus/{index}", "refus", EVENEMENTS, get(refus::find))
            .resume("Un refus, avec son reçu.")
            .json::<refus::RefusJson>(200, "Le refus.", &[])
            .causes(&[Cause::NotFound]),
        Operation::new("put", "/v1/pieces/{reference}", "deposer-piece", PIECES, put(pieces::put))
            .resume("Dépose un fichier ; supprimé après 48 heures si aucun événement ne le cite.")
            .jeton(Qui::Jeton)
            .headers(&["Greffe-Sel", "Greffe-Nom"])
            .codes(&[Code::TooLarge])
            .corps("application/octet-stream", None)
            .json::<pieces::Deposited>(201, "Gardé : ce qu'il faut pour le citer.", &[])
            .causes(&REGISTRE)
            .causes(&[
                Cause::QueryInvalid,
                Cause::HeaderInvalid,
                Cause::TokenNotEntitled,
                Cause::BodyIncomplete,
                Cause::BodyTimeout,
                Cause::DigestMismatch,
                Cause::PieceEffacee,
                Cause::PieceQuota,
                Cause::DiskFull,
            ]),
        lue("/v1/pieces/{reference}", "piece", PIECES, get(pieces::get))
            .resume("Un fichier, octet pour octet.")
            .reponse(200, "Ses octets.", vec![OCTETS], &["Content-Disposition"])
            .causes(&[Cause::NotFound, Cause::PieceEffacee]),
    ]
}

fn legalite() -> Vec<Operation> {
    vec![
        lue("/v1/actes", "lister-actes", ACTES, get(actes::list))
            .resume("Les actes, du plus récent au plus ancien.")
            .query::<actes::ListQuery>()
            .liste::<vues::PageJson<greffe_projections::legalite::ActeRow>>(),
        lue("/v1/actes/statistiques", "statistiques-actes", ACTES, get(travail::statistiques))
            .resume("Ce qui a été dit des actes, compté par département, arrondissement, nature, matière ou mois.")
            .query::<travail::StatistiquesQuery>()
            .liste::<travail::Statistiques>()
            .causes(&[Cause::NotFound]),
        lue("/v1/travail/{liste}", "liste-de-travail", ACTES, get(travail::travail))
            .resume("Ce qui attend la préfecture ou la collectivité, le plus pressant d'abord.")
            .query::<travail::TravailQuery>()
            .liste::<vues::PageJson<greffe_projections::legalite::ActeRow>>()
            .causes(&[Cause::NotFound]),
        lue("/v1/classifications", "lister-classifications", ACTES, get(travail::classifications))
            .resume("Les versions de la classification : celles d'une préfecture, ou celles qu'un membre a reçues.")
            .query::<travail::ClassificationsQuery>()
            .liste::<travail::Classifications>()
            .causes(&[Cause::NotFound]),
        lue("/v1/actes/{id}", "acte", ACTES, get(actes::find))
            .resume("Un acte : état, accusés, publications, caractère exécutoire, dernier jour du déféré, pièces.")
            .query::<vues::FindQuery>()
            .un::<greffe_projections::legalite::ActeRow>(),
        lue("/v1/quarantaine", "lister-quarantaine", ACTES, get(quarantaine::list))
            .resume("Les messages qu'aucun acte n'a pu recevoir : pourquoi, et ce qu'il en est advenu.")
            .query::<quarantaine::ListQuery>()
            .liste::<vues::PageJson<greffe_projections::quarantaine::QuarantaineRow>>(),
        lue("/v1/quarantaine/{id}", "message-en-quarantaine", ACTES, get(quarantaine::find))
            .resume("Un message en quarantaine, avec ses fichiers.")
            .query::<vues::FindQuery>()
            .un::<greffe_projections::quarantaine::QuarantaineRow>(),
    ]
}

fn comptabilite() -> Vec<Operation> {
    use greffe_projections::comptabilite::{FactureRow, FluxRow};
    vec![
        lue("/v1/flux", "lister-flux", COMPTABILITE, get(flux::list))
            .resume("Les flux comptables ; en CSV une ligne par bordereau.")
            .query::<flux::ListQuery>()
            .liste::<vues::PageJson<FluxRow>>(),
        lue("/v1/flux/totaux", "totaux-flux", COMPTABILITE, get(flux::totaux))
            .resume("Totaux des bordereaux par budget, exercice et sens.")
            .query::<flux::TotauxQuery>()
            .liste::<flux::Totaux>(),
        lue("/v1/flux/{id}", "flux", COMPTABILITE, get(flux::find))
            .resume("Un flux, avec tout ce qui en a été dit.")
            .query::<vues::FindQuery>()
            .un::<FluxRow>(),
        lue("/v1/factures", "lister-factures", COMPTABILITE, get(factures::list))
            .resume("Les factures, leur état et leurs montants.")
            .query::<factures::ListQuery>()
            .liste::<vues::PageJson<FactureRow>>(),
        lue("/v1/factures/totaux", "totaux-factures", COMPTABILITE, get(factures::totaux))
            .resume("Totaux des factures d'un acheteur par année, budget, exercice et devise.")
            .query::<factures::TotauxQuery>()
            .liste::<factures::Totaux>(),
        lue("/v1/factures/{id}", "facture", COMPTABILITE, get(factures::find))
            .resume("Une facture, avec tout ce qui en a été dit.")
            .query::<vues::FindQuery>()
            .un::<FactureRow>(),
    ]
}

fn marches() -> Vec<Operation> {
    use greffe_projections::marches::{ConsultationRow, PliRow, RetraitRow};
    vec![
        lue("/v1/consultations", "lister-consultations", MARCHES, get(consultations::list))
            .resume("Les consultations : celles qui sont publiées, pour tous.")
            .query::<consultations::ListQuery>()
            .liste::<vues::PageJson<ConsultationRow>>(),
        lue("/v1/consultations/{id}", "consultation", MARCHES, get(consultations::find))
            .resume("Une consultation, avec ce qui en a été dit pour ce lecteur.")
            .query::<vues::FindQuery>()
            .un::<ConsultationRow>(),
        lue("/v1/consultations/{id}/retraits", "retraits", MARCHES, get(consultations::retraits))
            .resume("Le registre des retraits, pour l'acheteur.")
            .query::<consultations::RegistreQuery>()
            .liste::<vues::PageJson<RetraitRow>>()
            .causes(&[Cause::NotFound]),
        lue("/v1/consultations/{id}/plis", "plis", MARCHES, get(consultations::plis))
            .resume("Le registre des dépôts, pour l'acheteur ; ses propres plis, pour un soumissionnaire.")
            .query::<consultations::RegistreQuery>()
            .liste::<vues::PageJson<PliRow>>()
            .causes(&[Cause::NotFound]),
    ]
}

fn registre() -> Vec<Operation> {
    use greffe_projections::adherents::AdherentRow;
    use greffe_projections::journal::EvenementRow;
    vec![
        lue("/v1/adherents", "lister-adherents", ADHERENTS, get(adherents::list))
            .resume("Les adhérents.")
            .query::<adherents::ListQuery>()
            .liste::<vues::PageJson<AdherentRow>>(),
        lue("/v1/adherents/{organisation}", "adherent", ADHERENTS, get(adherents::find))
            .resume("Un adhérent, ses clés, ses délégations, son histoire.")
            .query::<vues::FindQuery>()
            .un::<AdherentRow>(),
        lue("/v1/journal", "lister-journal", JOURNAL, get(journal::list))
            .resume("Le journal, du plus récent au plus ancien.")
            .query::<journal::ListQuery>()
            .liste::<vues::PageJson<EvenementRow>>(),
        lue("/v1/journal/{index}", "ligne-journal", JOURNAL, get(journal::find))
            .resume("Une ligne du journal.")
            .query::<vues::FindQuery>()
            .un::<EvenementRow>(),
        lue("/v1/extraits/{organisation}", "extrait", JOURNAL, get(extrait::get))
            .resume("Tout ce que le registre tient d'un organisme, en un fichier qui se vérifie hors ligne.")
            .query::<extrait::ExtraitQuery>()
            .reponse(
                200,
                "L'extrait (tar).",
                vec![Corps { media_type: "application/x-tar", schema: None }],
                &["Content-Disposition"],
            )
            .causes(&[Cause::NotFound, Cause::ViewBehind, Cause::ViewStopped]),
    ]
}

fn preuves() -> Vec<Operation> {
    let public = |path, id, handler| Operation::new("get", path, id, PREUVES, handler).causes(&REGISTRE);
    vec![
        public("/checkpoint", "tete", get(tiles::checkpoint))
            .resume("La tête signée du registre (C2SP tlog-checkpoint).")
            .reponse(200, "La note signée.", vec![TEXTE], &[]),
        public("/tile/{*path}", "tuile", get(tiles::tile))
            .resume("Une tuile de hachés, pour tous ; ou de feuilles (entries/…), pour l'opérateur et les auditeurs de tout.")
            .jeton(Qui::Mixte)
            .reponse(200, "La tuile.", vec![OCTETS], &["ETag"])
            .inchange()
            .causes(&[Cause::NotFound, Cause::TokenNotEntitled]),
        public("/v1/proof/inclusion", "inclusion", get(proofs::inclusion))
            .resume("Preuve qu'une feuille est dans l'arbre de cette taille.")
            .query::<proofs::InclusionQuery>()
            .json::<proofs::InclusionJson>(200, "La preuve.", &[]),
        public("/v1/proof/consistency", "coherence", get(proofs::consistency))
            .resume("Preuve qu'un arbre prolonge un arbre plus ancien.")
            .query::<proofs::ConsistencyQuery>()
            .json::<proofs::ConsistencyJson>(200, "La preuve.", &[]),
    ]
}

fn noeud() -> Vec<Operation> {
    let public = |path, id, handler| Operation::new("get", path, id, NOEUD, handler).hors_limite();
    vec![
        public("/.well-known/greffe.json", "carte", get(node::card))
            .resume("La carte du nœud : nom du registre, clés du journal, opérateur.")
            .json::<node::Card>(200, "La carte.", &[])
            .causes(&REGISTRE),
        public("/health/live", "vivant", get(node::live)).resume("Le processus répond.").json::<node::Healthy>(
            200,
            "Il répond.",
            &[],
        ),
        public("/health/ready", "pret", get(node::ready))
            .resume("Le nœud enregistre et ses vues suivent ; sinon ce qui ne va pas.")
            .json::<node::Healthy>(200, "Tout va.", &[])
            .causes(&[Cause::NotReady]),
        public("/metrics", "mesures", get(metrics::get))
            .resume("Mesures pour Prometheus (OpenMetrics) ; à garder à l'intérieur par votre mandataire.")
            .reponse(
                200,
                "Les mesures.",
                vec![Corps { media_type: "application/openmetrics-text", schema: None }],
                &[],
            ),
        public("/openapi.json", "openapi", get(openapi::get))
            .resume("Cette description (OpenAPI 3.1).")
            .reponse(200, "La description.", vec![Corps { media_type: JSON, schema: None }], &["ETag"])
            .inchange(),
        public("/docs", "documentation", get(docs::get))
            .resume("La même, pour les lire dans un navigateur ; rien n'y est chargé d'ailleurs.")
            .reponse(200, "La page.", vec![Corps { media_type: "text/html", schema: None }], &["ETag"])
            .inchange(),
    ]
}
