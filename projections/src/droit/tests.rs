//! The law held against rulings, the domain page, and itself.
#![allow(clippy::unwrap_used)]

mod dates;
mod exemples;
mod proprietes;

use jiff::civil::Date;

use super::*;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A message of that day, recorded the same day, in the prefecture's or the member's own word.
fn etape(genre: Genre, jour: &str) -> Etape {
    Etape { feuille: 0, genre, date: day(jour), enregistre_le: day(jour), courrier: None, constat: false }
}

/// An act of place 045, received on that day, then these messages, each its own day.
struct Cas {
    calendrier: Calendrier,
    nature: &'static str,
    matiere: Option<&'static str>,
    decide_le: Option<Date>,
    transmis_le: Option<Date>,
    etapes: Vec<Etape>,
}

impl Cas {
    fn recu(jour: &str) -> Self {
        Self::jamais_recu().puis(etape(Genre::Reception, jour))
    }

    fn jamais_recu() -> Self {
        Self {
            calendrier: Calendrier::du_departement("045"),
            nature: "DE",
            matiere: Some("7.1"),
            decide_le: None,
            transmis_le: None,
            etapes: Vec::new(),
        }
    }

    /// With a message more; its leaf is its place.
    fn puis(mut self, etape: Etape) -> Self {
        let feuille = self.etapes.len() as u64;
        self.etapes.push(Etape { feuille, ..etape });
        self
    }

    fn dit(self, genre: Genre, jour: &str) -> Self {
        self.puis(etape(genre, jour))
    }

    fn faits(&self) -> Faits<'_> {
        Faits {
            calendrier: &self.calendrier,
            nature: self.nature,
            matiere: self.matiere,
            decide_le: self.decide_le,
            transmis_le: self.transmis_le,
            rejete: false,
            annule: false,
            etapes: &self.etapes,
        }
    }

    fn defere(&self, au_jour: &str) -> Defere {
        defere(&self.faits(), day(au_jour))
    }

    /// Both days, and why they differ, once everything is long over.
    fn bornes(&self) -> (String, String, Vec<Incertitude>) {
        self.bornes_au("2090-01-01")
    }

    fn bornes_au(&self, au_jour: &str) -> (String, String, Vec<Incertitude>) {
        let defere = self.defere(au_jour);
        let text =
            |jour: Option<greffe_events::horodatage::Jour>| jour.map(|jour| jour.to_string()).unwrap_or_default();
        (text(defere.au_plus_tot), text(defere.au_plus_tard), defere.incertitudes)
    }
}

/// One day, beyond doubt.
fn un(jour: &str) -> (String, String, Vec<Incertitude>) {
    (jour.to_owned(), jour.to_owned(), Vec::new())
}

fn entre(tot: &str, tard: &str, raisons: &[Incertitude]) -> (String, String, Vec<Incertitude>) {
    (tot.to_owned(), tard.to_owned(), raisons.to_vec())
}
