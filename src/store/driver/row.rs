//! Rows of either database.

use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use super::StoreError;

/// One row of a result.
pub(in crate::store) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// What a column of both databases can be read as.
pub(in crate::store) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

impl Row {
    /// Reads a column by its name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it holds something else; [`StoreError::Database`] when there is no such column.
    pub(in crate::store) fn get<T: Column>(&self, column: &str) -> Result<T, StoreError> {
        let value = match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        };
        Ok(value?)
    }
}
