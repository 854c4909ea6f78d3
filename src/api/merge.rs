//! Changes of a whole document by a merge patch (RFC 7396): a field that is absent stays, `null` takes it away, so that
//! its default holds again.

use axum::Json;
use axum::extract::{FromRequest, Request};
use garde::Validate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Problem;
use super::extract::{invalid, unread};

/// Extracts a merge patch: any JSON object. It is read as a document only once it is applied.
pub(super) struct Merge(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Merge {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(patch) = Json::<Map<String, Value>>::from_request(request, state).await.map_err(unread)?;
        Ok(Self(patch))
    }
}

impl Merge {
    /// The document after the change, checked as a whole: 422 names every field that is wrong.
    pub(super) fn apply<T>(self, current: &T) -> Result<T, Problem>
    where
        T: Serialize + DeserializeOwned + Validate<Context: Default>,
    {
        let mut document = serde_json::to_value(current).map_err(|_| Problem::internal())?;
        json_patch::merge(&mut document, &Value::Object(self.0));
        let text = serde_json::to_vec(&document).map_err(|_| Problem::internal())?;
        // As axum reads a body, so that a mistake is told with its path.
        let Json(changed) = Json::<T>::from_bytes(&text).map_err(unread)?;
        changed.validate().map_err(invalid)?;
        Ok(changed)
    }
}
