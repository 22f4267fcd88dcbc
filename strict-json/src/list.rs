//! A list with a bound.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Reads a list of at most `max` elements. `expected` and `too_long` are what is said of what is none, and of a longer one.
///
/// # Errors
/// Those of an element, and when there are more.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
    max: usize,
    expected: impl Display,
    too_long: impl Display,
) -> Result<Vec<T>, D::Error> {
    input.deserialize_seq(List { max, expected, too_long, element: PhantomData })
}

struct List<T, E, L> {
    max: usize,
    expected: E,
    too_long: L,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, E: Display, L: Display> Visitor<'de> for List<T, E, L> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expected.fmt(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            if elements.len() == self.max {
                return Err(A::Error::custom(self.too_long));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(text: &str) -> Result<Vec<u8>, String> {
        let mut input = serde_json::Deserializer::from_str(text);
        list(&mut input, 2, "a pair", "three are too many")
            .map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn a_list_has_as_many_as_it_may() {
        assert_eq!(two("[]"), Ok(vec![]));
        assert_eq!(two("[1, 2]"), Ok(vec![1, 2]));
        for (text, says) in [("[1, 2, 3]", "three are too many"), ("{}", "expected a pair"), ("[256]", "u8")]
        {
            let error = two(text).expect_err(text);
            assert!(error.contains(says), "{error}");
        }
    }
}
