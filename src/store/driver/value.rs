//! Queries, and how our types become columns of both databases.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::sqlite::{SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Postgres, Sqlite, Type};
use uuid::Uuid;

/// A statement and the values of its `$1`, `$2`, …
pub(in crate::store) struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement that is written out whole.
pub(in crate::store) fn sql(text: &'static str) -> Sql {
    Sql { text: Cow::Borrowed(text), values: Vec::new() }
}

impl Sql {
    /// The next value.
    pub(in crate::store) fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.value());
        self
    }

    /// More of the statement. What comes from outside is bound, never pushed: the text is `'static`.
    pub(in crate::store) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// The next value, at this place in the statement.
    pub(in crate::store) fn push_bind(&mut self, value: impl Bind) -> &mut Self {
        self.values.push(value.value());
        let place = format!("${}", self.values.len());
        self.text.to_mut().push_str(&place);
        self
    }

    pub(super) fn into_parts(self) -> (Cow<'static, str>, Vec<Value>) {
        (self.text, self.values)
    }
}

/// A value to be bound, in the form that both drivers can take it from.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) enum Value {
    Null(Kind),
    Text(String),
    Int(i64),
    Bool(bool),
    Bytes(Vec<u8>),
    /// The identifier, and its prefixed text.
    Id(Uuid, String),
    Time(Timestamp),
    /// Serialised JSON.
    Json(String),
    /// A value that cannot be serialised; the statement fails with this.
    Unfit(String),
}

/// The type of a NULL: PostgreSQL wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Text,
    Int,
    Bool,
    Bytes,
    Id,
    Time,
    Json,
}

/// What can be bound.
pub(in crate::store) trait Bind {
    const KIND: Kind;
    fn value(self) -> Value;
}

impl<T: Bind> Bind for Option<T> {
    const KIND: Kind = T::KIND;

    fn value(self) -> Value {
        self.map_or(Value::Null(T::KIND), T::value)
    }
}

macro_rules! bind {
    ($($type:ty: $kind:ident = |$value:ident| $make:expr;)*) => {$(
        impl Bind for $type {
            const KIND: Kind = Kind::$kind;

            fn value(self) -> Value {
                let $value = self;
                $make
            }
        }
    )*};
}
bind! {
    String: Text = |text| Value::Text(text);
    &str: Text = |text| Value::Text(text.to_owned());
    &String: Text = |text| Value::Text(text.clone());
    &Option<String>: Text = |text| text.clone().value();
    i64: Int = |number| Value::Int(number);
    bool: Bool = |truth| Value::Bool(truth);
    Vec<u8>: Bytes = |bytes| Value::Bytes(bytes);
    &[u8]: Bytes = |bytes| Value::Bytes(bytes.to_vec());
    Time: Time = |time| Value::Time(time.0);
}

/// An identifier: its prefixed text in SQLite, `uuid` in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store) struct Id<T>(pub T);

/// A value that serialises to one JSON string, without the quotes: an enum's word, a telephone number. Text in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Word<T>(pub T);

/// A JSON document: text in SQLite, `jsonb` in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Document<T>(pub T);

/// A time: microseconds since 1970 in SQLite, `timestamptz` in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Time(pub Timestamp);

impl<T: Copy + Into<Uuid> + Display> Bind for Id<T> {
    const KIND: Kind = Kind::Id;

    fn value(self) -> Value {
        Value::Id(self.0.into(), self.0.to_string())
    }
}

impl<T: Serialize> Bind for Word<T> {
    const KIND: Kind = Kind::Text;

    fn value(self) -> Value {
        match serde_json::to_value(&self.0) {
            Ok(serde_json::Value::String(word)) => Value::Text(word),
            Ok(other) => Value::Unfit(format!("{other} is not a word")),
            Err(error) => Value::Unfit(error.to_string()),
        }
    }
}

impl<T: Serialize> Bind for Document<T> {
    const KIND: Kind = Kind::Json;

    fn value(self) -> Value {
        match serde_json::to_string(&self.0) {
            Ok(json) => Value::Json(json),
            Err(error) => Value::Unfit(error.to_string()),
        }
    }
}

/// `type_info` and `compatible` of a column, as those of another type.
macro_rules! typed_as {
    ($database:ty, $info:ty, $inner:ty: $($column:ty),*) => {$(
        impl<T> Type<$database> for $column {
            fn type_info() -> $info {
                <$inner as Type<$database>>::type_info()
            }

            fn compatible(info: &$info) -> bool {
                <$inner as Type<$database>>::compatible(info)
            }
        }
    )*};
}
typed_as!(Sqlite, SqliteTypeInfo, String: Id<T>, Word<T>, Document<T>);
typed_as!(Postgres, PgTypeInfo, String: Word<T>);
typed_as!(Postgres, PgTypeInfo, Uuid: Id<T>);
typed_as!(Postgres, PgTypeInfo, sqlx::types::Json<T>: Document<T>);

impl Type<Sqlite> for Time {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(info: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(info)
    }
}

/// `timestamptz` in PostgreSQL's catalogue (`pg_type.dat`).
const TIMESTAMPTZ: Oid = Oid(1184);

/// 2000-01-01, from which PostgreSQL counts, in seconds since 1970.
const POSTGRES_EPOCH_S: i64 = 946_684_800;

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl sqlx::Encode<'_, Postgres> for Time {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, BoxDynError> {
        let micros = self.0.as_microsecond() - POSTGRES_EPOCH_S * 1_000_000;
        <i64 as sqlx::Encode<Postgres>>::encode(micros, buffer)
    }
}

impl<T: FromStr<Err = crate::domain::IdError>> Decode<'_, Sqlite> for Id<T> {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(<&str as Decode<Sqlite>>::decode(value)?.parse()?))
    }
}

impl<T: From<Uuid>> Decode<'_, Postgres> for Id<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(<Uuid as Decode<Postgres>>::decode(value)?.into()))
    }
}

fn word<T: DeserializeOwned>(text: &str) -> Result<Word<T>, BoxDynError> {
    Ok(Word(serde_json::from_value(serde_json::Value::String(text.to_owned()))?))
}

impl<T: DeserializeOwned> Decode<'_, Sqlite> for Word<T> {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        word(<&str as Decode<Sqlite>>::decode(value)?)
    }
}

impl<T: DeserializeOwned> Decode<'_, Postgres> for Word<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        word(<&str as Decode<Postgres>>::decode(value)?)
    }
}

impl<T: DeserializeOwned> Decode<'_, Sqlite> for Document<T> {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(serde_json::from_str(<&str as Decode<Sqlite>>::decode(value)?)?))
    }
}

impl<T: DeserializeOwned> Decode<'_, Postgres> for Document<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let sqlx::types::Json(document) = Decode::<Postgres>::decode(value)?;
        Ok(Self(document))
    }
}

impl Decode<'_, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(Timestamp::from_microsecond(<i64 as Decode<Sqlite>>::decode(value)?)?))
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros = SignedDuration::from_micros(<i64 as Decode<Postgres>>::decode(value)?);
                Ok(Self(Timestamp::from_second(POSTGRES_EPOCH_S)?.checked_add(micros)?))
            }
            PgValueFormat::Text => Ok(Self(value.as_str()?.parse()?)),
        }
    }
}
