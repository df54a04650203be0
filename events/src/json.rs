//! I-JSON (RFC 7493), stricter: the one reading of a payload.
//!
//! Before anybody looks at a field, the whole text is walked once, unknown fields included, so that no
//! two readers can differ on what was signed:
//!
//! - UTF-8 without BOM, one JSON object and nothing after it but white space;
//! - no name twice in an object, compared after unescaping (§2.3);
//! - no lone surrogate, no noncharacter, in names and strings (§2.1);
//! - no name that a reader takes for an instruction ([`READERS_OWN`]);
//! - every number an integer within ±(2^53−1), written without fraction or exponent and not as `-0`
//!   (§2.2 leaves fractions to IEEE doubles, on which readers differ; we have no use for them);
//! - arrays and objects nested at most [`DEPTH_MAX`] deep.
//!
//! This module checks; it builds no value. Typed readers then read the same bytes.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::refusal::{Code, Refusal};

/// Deepest nesting of arrays and objects; a document of depth 1 is `{}`. Domain data needs 5.
pub const DEPTH_MAX: u32 = 32;

/// Largest integer either side of zero, 2^53−1: exact in every JSON reader.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// How names begin that `serde_json` keeps for itself: in the place of an object whose first name is one of them, it reads what the string
/// beside it says (`{"$serde_json::private::RawValue":"1"}` is 1 there, and an object everywhere else).
pub const READERS_OWN: &str = "$serde_json::private::";

/// Checks that `text` is one I-JSON object.
pub fn check_object(text: &[u8]) -> Result<(), Refusal> {
    let first = text.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
    if first != Some(&b'{') {
        return Err(Refusal::new(Code::JsonMalformed, "a JSON object is expected"));
    }
    // What serde says is text; the code travels beside it.
    let broken_rule = Cell::new(Code::JsonMalformed);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let walk = Walk { depth: 0, broken_rule: &broken_rule };
    walk.deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| Refusal::new(broken_rule.get(), error.to_string()))
}

/// Walks one value and forgets it.
#[derive(Clone, Copy)]
struct Walk<'a> {
    depth: u32,
    broken_rule: &'a Cell<Code>,
}

impl Walk<'_> {
    fn broken<T, E: serde::de::Error>(&self, code: Code, why: &str) -> Result<T, E> {
        self.broken_rule.set(code);
        Err(E::custom(why))
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return self.broken(Code::JsonTooDeep, "arrays and objects may be nested 32 deep");
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn check_text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.is_ascii() || !text.chars().any(is_noncharacter) {
            Ok(())
        } else {
            self.broken(Code::JsonString, "a string holds a Unicode noncharacter")
        }
    }
}

/// Unicode §23.7: the last two code points of each plane and U+FDD0..=U+FDEF.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code)
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an I-JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        if value >= -INTEGER_MAX { Ok(()) } else { self.broken(Code::JsonNumber, "an integer is below -(2^53-1)") }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        if value <= INTEGER_MAX.unsigned_abs() {
            Ok(())
        } else {
            self.broken(Code::JsonNumber, "an integer is above 2^53-1")
        }
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.broken(Code::JsonNumber, "a number has a fraction, an exponent, is -0, or is too large")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.check_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let walk = self.deeper()?;
        while items.next_element_seed(walk)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let walk = self.deeper()?;
        let mut names = Names::default();
        while let Some(Texte(name)) = entries.next_key()? {
            self.check_text(&name)?;
            if name.starts_with(READERS_OWN) {
                return self.broken(Code::JsonString, "a name is one that readers in Rust keep for themselves");
            }
            if let Err(name) = names.insert(name) {
                self.broken_rule.set(Code::JsonDuplicateName);
                return Err(A::Error::custom(format_args!("the name {name:?} stands twice")));
            }
            entries.next_value_seed(walk)?;
        }
        Ok(())
    }
}

/// The names of one object so far. Objects of ours have few: comparing those is faster than hashing them.
struct Names<'de> {
    few: [Cow<'de, str>; NAMES_COMPARED_MAX],
    count: usize,
    more: HashSet<Cow<'de, str>>,
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self { few: [const { Cow::Borrowed("") }; NAMES_COMPARED_MAX], count: 0, more: HashSet::new() }
    }
}

/// Names compared one by one; the rest is hashed, so that a hostile object costs no quadratic time.
const NAMES_COMPARED_MAX: usize = 16;

impl<'de> Names<'de> {
    /// Gives the name back where it was there.
    fn insert(&mut self, name: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        if self.few[..self.count].contains(&name) || self.more.contains(&name) {
            return Err(name);
        }
        if let Some(place) = self.few.get_mut(self.count) {
            *place = name;
            self.count += 1;
        } else {
            self.more.insert(name);
        }
        Ok(())
    }
}

/// What a reader says against one field. Its line and column count from the field's own beginning: whose field it is says more.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

/// A string, borrowed from the text where it holds no escape.
#[derive(serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Texte<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Texte<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TexteVisitor;
        impl<'de> Visitor<'de> for TexteVisitor {
            type Value = Texte<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Texte<'de>, E> {
                Ok(Texte(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Texte<'de>, E> {
                Ok(Texte(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TexteVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn code_of(text: &[u8]) -> Option<Code> {
        check_object(text).err().map(|refusal| refusal.code)
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let table: &[(&[u8], Option<Code>)] = &[
            (br#"{"a":1,"b":{"a":2},"c":[true,null,-9007199254740991,9007199254740991]}"#, None),
            (b" \n{} ", None),
            ("{\"é\":\"\u{10FFFD}\"}".as_bytes(), None),
            (br#"{"a":1,"a":2}"#, Some(Code::JsonDuplicateName)),
            (br#"{"a":1,"\u0061":2}"#, Some(Code::JsonDuplicateName)),
            (br#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#, Some(Code::JsonDuplicateName)),
            (br#"{"a":9007199254740992}"#, Some(Code::JsonNumber)),
            (br#"{"a":-9007199254740992}"#, Some(Code::JsonNumber)),
            (br#"{"a":123456789012345678901234567890}"#, Some(Code::JsonNumber)),
            (br#"{"a":1.0}"#, Some(Code::JsonNumber)),
            (br#"{"a":1e3}"#, Some(Code::JsonNumber)),
            (br#"{"a":-0}"#, Some(Code::JsonNumber)),
            (br#"{"a":1e999}"#, Some(Code::JsonMalformed)),
            (br#"{"a":"\ud800"}"#, Some(Code::JsonMalformed)),
            (br#"{"a":"\udc00x"}"#, Some(Code::JsonMalformed)),
            (b"{\"a\":\"\xed\xa0\x80\"}", Some(Code::JsonMalformed)),
            (b"{\"a\":\"\xff\"}", Some(Code::JsonMalformed)),
            (b"{\"\xff\":1}", Some(Code::JsonMalformed)),
            (br#"{"a":"\ufffe"}"#, Some(Code::JsonString)),
            ("{\"\u{FDD0}\":1}".as_bytes(), Some(Code::JsonString)),
            (br#"{"$serde_json::private::RawValue":{}}"#, Some(Code::JsonString)),
            (br#"{"a":[{"$serde_json\u003a:private::RawValue":"{\"b\":1}"}]}"#, Some(Code::JsonString)),
            (br#"{"a":{"b":1,"$serde_json::private::Number":"1"}}"#, Some(Code::JsonString)),
            (br#"{"$serde_json":"$serde_json::private::RawValue"}"#, None),
            (b"\xef\xbb\xbf{}", Some(Code::JsonMalformed)),
            (b"[]", Some(Code::JsonMalformed)),
            (b"1", Some(Code::JsonMalformed)),
            (b"", Some(Code::JsonMalformed)),
            (b"{} {}", Some(Code::JsonMalformed)),
            (b"{\"a\":1,}", Some(Code::JsonMalformed)),
            (b"{'a':1}", Some(Code::JsonMalformed)),
            (b"{\"a\":01}", Some(Code::JsonMalformed)),
            (b"{\"a\":NaN}", Some(Code::JsonMalformed)),
            (b"{\"a\":\"\n\"}", Some(Code::JsonMalformed)),
            (b"{\"a\":1}\0", Some(Code::JsonMalformed)),
        ];
        for (text, expected) in table {
            assert_eq!(code_of(text), *expected, "{}", String::from_utf8_lossy(text));
        }
        // Past the names that are compared one by one.
        let many = |last: usize| {
            let names = (0..200).chain([last]).map(|n| format!("\"n{n}\":0")).collect::<Vec<_>>();
            format!("{{{}}}", names.join(","))
        };
        assert_eq!(code_of(many(200).as_bytes()), None);
        assert_eq!(code_of(many(3).as_bytes()), Some(Code::JsonDuplicateName));
        assert_eq!(code_of(many(150).as_bytes()), Some(Code::JsonDuplicateName));
        assert_eq!(code_of(nested(DEPTH_MAX as usize).as_bytes()), None);
        assert_eq!(code_of(nested(DEPTH_MAX as usize + 1).as_bytes()), Some(Code::JsonTooDeep));
        assert_eq!(code_of(nested(100_000).as_bytes()), Some(Code::JsonTooDeep));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = check_object(&bytes);
        }

        #[test]
        fn what_is_accepted_reads_the_same_in_serde_json(text in r#"\{("[a-c]":(-?[0-9]{1,18}|"[a-zé\\u0041]{0,4}"|\[\]|\{\}))?(,"[a-c]":[0-9])?\}"#) {
            if check_object(text.as_bytes()).is_ok() {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                let again: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
                prop_assert_eq!(value, again);
            }
        }
    }
}
