//! JSON read without leniency: no key twice, no list for an object, every count bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Reads a key that may be left out; written down, it has a value: `null` is none.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// What the value of a map's entry must keep beyond its own type.
pub(super) trait Entry<K> {
    /// Why this value cannot stand under this key: a sentence.
    fn check(&self, key: &K) -> Result<(), String>;
}

/// An object as a map: at most `MAX` entries, no key twice however it is spelled.
#[derive(Debug, Clone)]
pub(super) struct Map<K, V, const MAX: usize>(pub BTreeMap<K, V>);

impl<K, V, const MAX: usize> Default for Map<K, V, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, K, V, const MAX: usize> Deserialize<'de> for Map<K, V, MAX>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de> + Entry<K>,
{
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(MapVisitor::<K, V, MAX>(PhantomData))
    }
}

struct MapVisitor<K, V, const MAX: usize>(PhantomData<(K, V)>);

impl<'de, K, V, const MAX: usize> Visitor<'de> for MapVisitor<K, V, MAX>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de> + Entry<K>,
{
    type Value = Map<K, V, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {MAX} entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<K>()? {
            let full = entries.len() == MAX;
            let twice = entries.contains_key(&key);
            let value =
                map.next_value_seed(EntrySeed { key: &key, full, twice, max: MAX, value: PhantomData })?;
            entries.insert(key, value);
        }
        Ok(Map(entries))
    }
}

/// Reads and checks one value; failing in here is what puts the key into the error's path.
struct EntrySeed<'k, K, V> {
    key: &'k K,
    full: bool,
    twice: bool,
    max: usize,
    value: PhantomData<V>,
}

impl<'de, K: fmt::Display, V: Deserialize<'de> + Entry<K>> DeserializeSeed<'de> for EntrySeed<'_, K, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<V, D::Error> {
        if self.full {
            return Err(D::Error::custom(format_args!("more than {} entries", self.max)));
        }
        if self.twice {
            return Err(D::Error::custom(format_args!("'{}' stands there already: name it once", self.key)));
        }
        let value = V::deserialize(input)?;
        value.check(self.key).map_err(D::Error::custom)?;
        Ok(value)
    }
}

/// A list of at most `MAX` entries.
#[derive(Debug, Clone)]
pub(super) struct List<T, const MAX: usize>(pub Vec<T>);

/// A list of at most `MAX` entries, none of them twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Set<T, const MAX: usize>(pub Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Default for Set<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let expected = format_args!("a list of at most {MAX} entries");
        strict_json::list(input, MAX, expected, format_args!("more than {MAX} entries")).map(Self)
    }
}

impl<'de, T: Deserialize<'de> + PartialEq, const MAX: usize> Deserialize<'de> for Set<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let entries = List::<T, MAX>::deserialize(input)?.0;
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].contains(entry) {
                return Err(D::Error::custom(format_args!(
                    "entry {} of this list stands there already",
                    index + 1
                )));
            }
        }
        Ok(Self(entries))
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranged<const MIN: u64, const MAX: u64>(pub u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Ranged<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_u64(RangedVisitor::<MIN, MAX>).map(Self)
    }
}

struct RangedVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for RangedVisitor<MIN, MAX> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if (MIN..=MAX).contains(&number) {
            return Ok(number);
        }
        Err(E::custom(format_args!("{number} is out of range: from {MIN} to {MAX}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        Err(E::custom(format_args!("{number} is out of range: from {MIN} to {MAX}")))
    }
}
