//! Fields of a change, where a field that is not there means something else than `null`.

use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One field of a PATCH body (RFC 7396): absent leaves it as it is, `null` takes the value away. Written with
/// `#[serde(default)]`; its values are checked by `#[garde(inner(…))]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    /// What the field is after the change, where it may be without a value.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Absent => current,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> garde::rules::inner::Inner<T> for Patch<T> {
    type Key = garde::error::NoKey;

    fn validate_inner<F: FnMut(&T, &Self::Key)>(&self, mut check: F) {
        if let Self::Value(value) = self {
            check(value, &garde::error::NoKey::default());
        }
    }
}

impl<T: ToSchema> PartialSchema for Patch<T> {
    fn schema() -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        OneOfBuilder::new().item(null).item(T::schema()).into()
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, garde::Validate)]
    #[serde(deny_unknown_fields)]
    struct Change {
        #[serde(default)]
        #[garde(inner(length(min = 1)))]
        landmark: Patch<String>,
    }

    #[test]
    fn absent_is_not_null() {
        let read = |text: &str| serde_json::from_str::<Change>(text).map(|change| change.landmark);
        assert_eq!(read("{}").unwrap(), Patch::Absent);
        assert_eq!(read(r#"{"landmark":null}"#).unwrap(), Patch::Null);
        assert_eq!(
            read(r#"{"landmark":"opposite the metro"}"#).unwrap(),
            Patch::Value("opposite the metro".to_owned())
        );
        assert!(read(r#"{"landmark":3}"#).is_err());
    }

    #[test]
    fn a_change_is_applied() {
        assert_eq!(Patch::Absent.apply(Some(1)), Some(1));
        assert_eq!(Patch::Null.apply(Some(1)), None);
        assert_eq!(Patch::Value(2).apply(Some(1)), Some(2));
    }

    #[test]
    fn values_are_checked() {
        use garde::Validate;
        assert!(Change { landmark: Patch::Null }.validate().is_ok());
        let report = Change { landmark: Patch::Value(String::new()) }.validate().unwrap_err();
        assert_eq!(report.iter().next().unwrap().0.to_string(), "landmark");
    }
}
