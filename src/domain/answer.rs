//! How a text stands to the question that was asked.

/// How well a text answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// It can be taken as it stands.
    Whole,
    /// It looks like a misheard answer: nine digits, or ten that are no number.
    Near,
    /// It is something else, a part of an answer, or there is nothing to tell the two apart.
    Other,
}
