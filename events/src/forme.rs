//! Shapes: an object is an object, a word is a word.
//!
//! serde's derived readers also take an array for a struct, and an object for a word of a list. A reader that follows the
//! published schema would refuse those, so we do too: nobody signs what two readers read differently.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};

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
    let text = <Cow<'de, str>>::deserialize(deserializer)?;
    let word: StrDeserializer<D::Error> = text.as_ref().into_deserializer();
    T::deserialize(word)
}

/// For a field that is one word of a list, or absent.
pub(crate) fn mot_option<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Mot<T>>::deserialize(deserializer).map(|value| value.map(|Mot(word)| word))
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
