//! What the system or the line to a node refused, in French, with what to do.

use std::io;

use super::Dit;

impl Dit {
    pub(super) fn io(&mut self, error: &io::Error) {
        use io::ErrorKind as Kind;
        // Some libraries carry an error of ours in one of the system's.
        if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            return self.http(inner);
        }
        let (phrase, conseil) = match error.kind() {
            Kind::NotFound => ("introuvable", "Vérifiez le chemin."),
            Kind::PermissionDenied => {
                ("accès refusé", "Vérifiez à qui est le fichier ou le dossier, et ses droits (ls -l).")
            }
            Kind::AlreadyExists => ("existe déjà", "Choisissez un autre nom."),
            Kind::IsADirectory => ("c'est un dossier", "Donnez un fichier."),
            Kind::NotADirectory => ("ce n'est pas un dossier", "Donnez un dossier."),
            Kind::StorageFull | Kind::QuotaExceeded => {
                ("il n'y a plus de place", "Faites de la place, puis refaites la même commande.")
            }
            Kind::ReadOnlyFilesystem => ("ce disque est en lecture seule", "Choisissez une place où l'on peut écrire."),
            Kind::AddrInUse => (
                "cette adresse est déjà prise",
                "Arrêtez le programme qui y écoute, ou donnez une autre adresse (--listen).",
            ),
            Kind::AddrNotAvailable => {
                ("cette adresse n'est pas de cette machine", "Donnez une adresse de cette machine (--listen).")
            }
            Kind::ConnectionRefused => {
                ("connexion refusée", "Vérifiez que le nœud tourne, et son adresse (--url, ou GREFFE_URL).")
            }
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
                ("la liaison a été coupée", "Refaites la même commande : rien ne sera enregistré deux fois.")
            }
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                ("réseau injoignable", "Vérifiez le réseau et l'adresse (--url, ou GREFFE_URL).")
            }
            Kind::TimedOut | Kind::WouldBlock => {
                ("pas de réponse à temps", "Vérifiez le réseau, puis refaites la même commande.")
            }
            _ => ("le système a refusé", "Le détail dit pourquoi."),
        };
        self.phrase(phrase);
        self.conseil(conseil);
        self.detail(error);
    }

    pub(super) fn http(&mut self, error: &ureq::Error) {
        match error {
            ureq::Error::Io(error) => return self.io(error),
            ureq::Error::HostNotFound => {
                self.phrase("ce nom d'hôte n'existe pas");
                self.conseil("Vérifiez l'adresse du nœud (--url, ou GREFFE_URL).");
            }
            ureq::Error::Timeout(_) => {
                self.phrase("pas de réponse à temps");
                self.conseil("Vérifiez le réseau, puis refaites la même commande : rien ne sera enregistré deux fois.");
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                self.phrase("cette adresse n'est pas valide");
                self.conseil("L'adresse d'un nœud est de la forme https://greffe.exemple.fr (--url, ou GREFFE_URL).");
            }
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
                self.phrase("la liaison chiffrée (TLS) ne s'établit pas");
                self.conseil("Vérifiez l'adresse et le certificat du nœud ; un nœud sans mandataire TLS parle http.");
            }
            _ => self.conseil("Vérifiez l'adresse du nœud (--url, ou GREFFE_URL)."),
        }
        self.detail(error);
    }
}
