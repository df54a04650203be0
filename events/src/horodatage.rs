//! Instants as events write them: RFC 3339, to the millisecond at most, one reading.

use std::fmt;
use std::str::FromStr;

/// An instant, Unix milliseconds. Text form `YYYY-MM-DDTHH:MM:SS[.d{1,3}](Z|±HH:MM)`, years 1970 to 9999.
///
/// No leap second (`:60`), no lowercase `t` or `z`, no bracketed zone: every reader must see the same instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Horodatage(u64);

impl Horodatage {
    /// The instant of a number of milliseconds since 1970.
    pub fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// The day in UTC; the last of the calendar for instants beyond it.
    pub fn jour_utc(self) -> Jour {
        let instant = i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        Jour(instant.map_or(jiff::civil::Date::MAX, |instant| instant.to_zoned(jiff::tz::TimeZone::UTC).date()))
    }
}

impl FromStr for Horodatage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "an instant is YYYY-MM-DDTHH:MM:SSZ (RFC 3339, at most milliseconds, Z or ±HH:MM)";
        let has_form = |pattern: &str, part: &[u8]| {
            part.len() == pattern.len()
                && part.iter().zip(pattern.bytes()).all(|(b, p)| if p == b'0' { b.is_ascii_digit() } else { *b == p })
        };
        let bytes = text.as_bytes();
        let (head, rest) = bytes.split_at_checked(19).ok_or(WRONG)?;
        let zone_at = rest.iter().position(|b| matches!(b, b'Z' | b'+' | b'-')).ok_or(WRONG)?;
        let (fraction, zone) = rest.split_at(zone_at);
        let fraction_holds = fraction.is_empty() || [".0", ".00", ".000"].iter().any(|p| has_form(p, fraction));
        let zone_holds = zone == b"Z" || has_form("+00:00", zone) || has_form("-00:00", zone);
        if !has_form("0000-00-00T00:00:00", head) || !fraction_holds || !zone_holds || &head[17..] > b"59".as_slice() {
            return Err(WRONG);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| WRONG)?;
        u64::try_from(instant.as_millisecond()).map(Self).map_err(|_| WRONG)
    }
}

impl fmt::Display for Horodatage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).ok();
        match ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
            Some(instant) if self.0.is_multiple_of(1_000) => write!(f, "{instant:.0}"),
            Some(instant) => write!(f, "{instant:.3}"),
            None => write!(f, "{} ms after 1970", self.0),
        }
    }
}

impl fmt::Debug for Horodatage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Horodatage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Horodatage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::Texte::deserialize(deserializer)?.0.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Horodatage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Horodatage".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?(Z|[+-][0-9]{2}:[0-9]{2})$"
        })
    }
}

/// A day of the calendar, `YYYY-MM-DD`, years 0 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jour(pub jiff::civil::Date);

impl FromStr for Jour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a date is YYYY-MM-DD, a day of the calendar";
        let mut parts = text.splitn(3, '-');
        let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(WRONG);
        };
        crate::ident::date_of(year, month, day).map(Self).ok_or(WRONG)
    }
}

impl fmt::Display for Jour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Jour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Jour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Jour {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::Texte::deserialize(deserializer)?.0.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Jour {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Jour".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_instant_that_readers_could_read_differently_is_refused() {
        for (text, ms) in [
            ("2026-11-20T10:15:30Z", 1_795_169_730_000),
            ("2026-11-20T10:15:30.5Z", 1_795_169_730_500),
            ("2026-11-20T11:15:30.123+01:00", 1_795_169_730_123),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(text.parse::<Horodatage>().unwrap().unix_ms(), ms, "{text}");
        }
        for bad in [
            "2026-11-20T10:15:60Z",
            "2026-11-20t10:15:30Z",
            "2026-11-20T10:15:30z",
            "2026-11-20 10:15:30Z",
            "2026-11-20T10:15:30",
            "2026-11-20T10:15:30.1234Z",
            "2026-11-20T10:15:30.Z",
            "2026-02-30T10:15:30Z",
            "2026-11-20T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-20T10:15:30+0100",
            "2026-11-20T10:15:30Z[UTC]",
            "2026-11-20T10:15:30+99:00",
            "",
            "é026-11-20T10:15:30Z",
        ] {
            assert!(bad.parse::<Horodatage>().is_err(), "{bad}");
        }
        for ms in [0, 1_795_169_730_000, 1_795_169_730_007] {
            let instant = Horodatage::from_unix_ms(ms);
            assert_eq!(instant.to_string().parse::<Horodatage>(), Ok(instant));
        }
    }

    #[test]
    fn a_date_has_one_spelling_and_exists() {
        assert_eq!("2024-02-29".parse::<Jour>().unwrap().to_string(), "2024-02-29");
        for bad in ["2023-02-29", "20240229", "2024-2-29", "24-02-29", "2024-02-29T00:00:00Z", "2024--0229", ""] {
            assert!(bad.parse::<Jour>().is_err(), "{bad}");
        }
    }
}
