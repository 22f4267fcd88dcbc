//! A derived struct.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Reads a derived struct from an object only; serde's own visitor takes a list as well.
///
/// # Errors
/// Those of the struct: that of a member which is there twice, too.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    input.deserialize_map(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in {}")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Point {
        x: u8,
    }

    fn point(text: &str) -> Result<Point, String> {
        object(&mut serde_json::Deserializer::from_str(text))
            .map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn an_object_is_read_and_a_list_is_none() {
        assert_eq!(point(r#"{"x": 1}"#), Ok(Point { x: 1 }));
        assert_eq!(serde_json::from_str::<Point>("[1]").expect("serde's own"), Point { x: 1 });
        for (text, says) in
            [("[1]", "expected an object in {}"), (r#"{"x": 1, "x": 1}"#, "duplicate field `x`")]
        {
            let error = point(text).expect_err(text);
            assert!(error.contains(says), "{error}");
        }
    }
}
