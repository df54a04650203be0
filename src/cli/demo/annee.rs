//! The calendar of the demonstration: a year that ends on the last worked day before the day on which it was first run.
//!
//! Days are counted backwards in worked days (Monday to Friday), so that stories read as delays do: day 260 is a year ago, 1 the last
//! day that is told, 0 and below are still to come. Hours are UTC.

use greffe_events::horodatage::{Horodatage, Jour};
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, Zoned};

/// Worked days that the year has: 52 weeks of five.
pub const JOURS: i32 = 260;

/// Worked days beyond the present that something may be due in.
const A_VENIR: i32 = 40;

/// The worked days of the year, and some to come.
#[derive(Debug)]
pub struct Annee {
    /// The latest first.
    jours: Vec<Date>,
}

impl Annee {
    /// The year before the day of this instant.
    pub fn avant(present: Horodatage) -> Self {
        let ms = i64::try_from(present.unix_ms()).unwrap_or(i64::MAX);
        let day = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
        let is_worked = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        // From the present day on, forwards, then backwards from the day before.
        let coming = day.series(jiff::Span::new().days(1)).filter(is_worked).take(A_VENIR as usize + 1);
        let mut jours: Vec<Date> = coming.collect();
        jours.reverse();
        let past = day.series(jiff::Span::new().days(-1)).skip(1).filter(is_worked).take(JOURS as usize);
        jours.extend(past);
        Self { jours }
    }

    /// The worked day that many before the present; those beyond the calendar are its ends.
    pub fn jour(&self, n: i32) -> Jour {
        let at = usize::try_from(n.clamp(-A_VENIR, JOURS) + A_VENIR).unwrap_or(0);
        Jour(self.jours.get(at).or(self.jours.last()).copied().unwrap_or_default())
    }

    /// An instant of that day, Unix ms.
    pub fn a(&self, n: i32, heure: i8, minute: i8) -> u64 {
        let instant = self.jour(n).0.at(heure, minute, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).as_ref().map_or(0, ms);
        u64::try_from(instant).unwrap_or(0)
    }
}

fn ms(instant: &Zoned) -> i64 {
    instant.timestamp().as_millisecond()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_story_told_in_worked_days_never_runs_backwards_and_ends_before_the_present() {
        for present in ["2026-11-22T00:00:01Z", "2026-11-23T23:59:00Z", "2028-03-01T08:00:00Z"] {
            let present: Horodatage = present.parse().unwrap();
            let annee = Annee::avant(present);
            let all: Vec<u64> = (-A_VENIR..=JOURS).rev().map(|n| annee.a(n, 12, 0)).collect();
            assert!(all.is_sorted_by(|a, b| a < b));
            let now = present.unix_ms();
            assert!(annee.a(1, 23, 59) < now && annee.a(-1, 0, 0) > now);
            let year = now - annee.a(JOURS, 12, 0);
            assert!((362..=366).contains(&(year / 86_400_000)), "{}", year / 86_400_000);
        }
    }
}
