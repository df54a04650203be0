//! Shapes: an object is an object, a word is a word.
//!
//! serde's derived readers also take an array for a struct, and an object for a word of a list. A reader that follows the
//! published schema would refuse those, so we do too: nobody signs what two readers read differently.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::json::Texte;

/// A struct that was written as a JSON object.
pub(crate) struct Objet<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjetVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjetVisitor<T> {
            type Value = Objet<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Objet<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries)).map(Objet)
            }
        }
        deserializer.deserialize_map(ObjetVisitor(PhantomData))
    }
}

/// For a field that is an object.
pub(crate) fn objet<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Objet::deserialize(deserializer).map(|Objet(value)| value)
}

/// For a field that is an object or absent.
pub(crate) fn objet_option<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Objet<T>>::deserialize(deserializer).map(|value| value.map(|Objet(value)| value))
}

/// For a field that is one word of a list.
pub(crate) fn mot<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let Texte(text) = Texte::deserialize(deserializer)?;
    let word: StrDeserializer<D::Error> = text.as_ref().into_deserializer();
    T::deserialize(word)
}

/// For a field that is a list of words.
pub(crate) fn mots<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Vec::<Mot<T>>::deserialize(deserializer).map(|words| words.into_iter().map(|Mot(word)| word).collect())
}

/// One word of a list.
struct Mot<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Mot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        mot(deserializer).map(Mot)
    }
}

/// Makes structs read from an object and nothing else, wherever they stand. Each is derived with
/// `#[serde(remote = "Self")]`, which makes the derived reader an inherent function.
macro_rules! objets {
    ($($name:ident),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Entries;
                impl<'de> serde::de::Visitor<'de> for Entries {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, entries: A) -> Result<$name, A::Error> {
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(entries))
                    }
                }
                deserializer.deserialize_map(Entries)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }
    )*};
}
pub(crate) use objets;

/// A closed list of words: an enum that is read from one of its words and nothing else.
macro_rules! vocabulaire {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let crate::json::Texte(text) = serde::Deserialize::deserialize(deserializer)?;
                Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or_else(|| {
                    serde::de::Error::custom(concat!("not one of:", $(" ", $word),*))
                })
            }
        }
    )*};
}
pub(crate) use vocabulaire;

/// A list of at most `MAX` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liste<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Liste<T, MAX> {
    /// None of more than `MAX` values.
    pub fn new(values: Vec<T>) -> Option<Self> {
        (values.len() <= MAX).then_some(Self(values))
    }
}

impl<T, const MAX: usize> Default for Liste<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for Liste<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a Liste<T, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: serde::Serialize, const MAX: usize> serde::Serialize for Liste<T, MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Liste<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Values<T, MAX> {
            type Value = Liste<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a list of at most {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = values.next_element()? {
                    if list.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    list.push(value);
                }
                Ok(Liste(list))
            }
        }
        deserializer.deserialize_seq(Values(PhantomData))
    }
}

impl<T: schemars::JsonSchema, const MAX: usize> schemars::JsonSchema for Liste<T, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Liste_{}_{MAX}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let items = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "array", "items": items, "maxItems": MAX })
    }
}
