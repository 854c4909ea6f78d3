//! What somebody looks for in transcripts.

/// Words of one search, at most.
const MOST_WORDS: usize = 8;
/// Characters of one word, at most; what follows does not count.
const LONGEST_WORD: usize = 64;

/// The words of a search: a call is found when each of them begins a word that was said in it, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("has no word to look for")]
    NoWord,
    #[error("has too many words; at most {MOST_WORDS} are looked for")]
    TooMany,
}

impl SearchWords {
    /// Splits a text into words at spaces and punctuation, as transcripts are split.
    ///
    /// # Errors
    /// [`SearchError`] when there is no word in it, or too many.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let divides = |c: char| !(c.is_alphanumeric() || is_mark(c));
        let short = |word: &str| word.chars().take(LONGEST_WORD).collect::<String>().to_lowercase();
        // A mark without a letter is nothing to look for.
        let words = text.split(divides).filter(|word| word.chars().any(char::is_alphanumeric));
        let words: Vec<String> = words.take(MOST_WORDS + 1).map(short).collect();
        match words.len() {
            0 => Err(SearchError::NoWord),
            n if n > MOST_WORDS => Err(SearchError::TooMany),
            _ => Ok(Self(words)),
        }
    }

    /// The words in lower case: letters, digits and their marks, nothing that a query language knows.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Marks that belong to a letter and are no letters themselves: nukta and virama of the scripts of India, combining
/// accents.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}') || matches!(c as u32, 0x900..=0xdff if matches!(c as u32 & 0x7f, 0x3c | 0x4d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, SearchError> {
        SearchWords::parse(text).map(|words| words.words().map(str::to_owned).collect())
    }

    #[test]
    fn a_text_is_split_as_transcripts_are() {
        assert_eq!(
            words("Ravi@example.co.in, 24-hour"),
            Ok(["ravi", "example", "co", "in", "24", "hour"].map(Into::into).into())
        );
        assert_eq!(words("\"tooth\"* OR (x)"), Ok(["tooth", "or", "x"].map(Into::into).into()));
        assert_eq!(words("नमस्ते दाँत"), Ok(["नमस्ते", "दाँत"].map(Into::into).into()), "signs stay with their letters");
        assert_eq!(words(" '; -- \u{301}"), Err(SearchError::NoWord));
        assert_eq!(words("a b c d e f g h i"), Err(SearchError::TooMany));
        assert_eq!(words(&"x".repeat(100)).unwrap()[0].len(), LONGEST_WORD);
    }
}
