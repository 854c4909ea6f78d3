//! Fills a registered template, and refuses what an operator would refuse.

use crate::domain::{DltId, NoticeError, Piece, Placeholder, SmsCategory, SmsTemplate, SmsValue};

use super::segments::{self, Size, simplified};

/// The most characters in one placeholder.
pub const LONGEST_VALUE: usize = 40;

/// What a placeholder holds that has nothing to say: an empty one is refused.
const NOTHING: &str = "-";
const NOTHING_ALPHANUMERIC: &str = "NA";

/// A text that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub template: DltId,
    /// The provider's own name of the template.
    pub provider_template: Option<String>,
    pub category: SmsCategory,
    pub text: String,
    /// What was put into the placeholders, in their order.
    pub variables: Vec<String>,
    pub size: Size,
}

/// Why a template cannot be filled. Trying again is of no use until somebody mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error(transparent)]
    Template(#[from] NoticeError),
    #[error(
        "placeholder {place} ({value:?}) needs {needs}; register the template with {{#var#}} there, or another value"
    )]
    Unfit { place: usize, value: SmsValue, needs: &'static str },
    #[error(
        "placeholder {place} ({value:?}) is {length} characters long, {LONGEST_VALUE} are allowed; use a shorter address, or `link_code` behind a fixed beginning"
    )]
    TooLong { place: usize, value: SmsValue, length: usize },
}

/// Fills the placeholders. Free text is cut between words to [`LONGEST_VALUE`] characters, or goes on in the next
/// placeholder when that one holds the same value; an address or a number is never cut.
///
/// # Errors
/// [`RenderError`] when a value does not fit its placeholder.
pub fn render(template: &SmsTemplate, value_of: impl Fn(SmsValue) -> String) -> Result<Rendered, RenderError> {
    template.check()?;
    let mut text = String::new();
    let mut variables = Vec::new();
    let mut values = template.values.iter();
    // Words of the value before that did not fit.
    let mut left: Option<(SmsValue, String)> = None;
    for piece in template.pieces()? {
        let placeholder = match piece {
            Piece::Fixed(fixed) => {
                text.push_str(fixed);
                continue;
            }
            Piece::Free(placeholder) => placeholder,
        };
        let value = *values.next().expect("invariant: a checked template has a value for each placeholder");
        let whole = match left.take() {
            Some((of, rest)) if of == value && flows(value) => rest,
            _ => simplified(&value_of(value)),
        };
        let (taken, rest) = fitted(placeholder, value, variables.len() + 1, &whole)?;
        left = Some((value, rest));
        text.push_str(&taken);
        variables.push(taken);
    }
    let size = segments::size(&text);
    Ok(Rendered {
        template: template.id.clone(),
        provider_template: template.provider_id.clone(),
        category: template.category,
        text,
        variables,
        size,
    })
}

/// Whether a value goes on in the next placeholder.
fn flows(value: SmsValue) -> bool {
    matches!(value, SmsValue::Summary | SmsValue::Reason)
}

/// What goes into the placeholder, and what is left.
fn fitted(
    placeholder: Placeholder,
    value: SmsValue,
    place: usize,
    whole: &str,
) -> Result<(String, String), RenderError> {
    let unfit = |needs| Err(RenderError::Unfit { place, value, needs });
    let digits = || whole.chars().filter(char::is_ascii_digit).collect::<String>();
    let exact = match placeholder {
        Placeholder::Any if matches!(value, SmsValue::Link) => whole.trim().to_owned(),
        Placeholder::Any => return Ok(cut(&unlinked(whole), NOTHING)),
        Placeholder::Alphanumeric => return Ok(cut(&alphanumeric(whole), NOTHING_ALPHANUMERIC)),
        Placeholder::Numeric => match digits() {
            digits if digits.is_empty() => return unfit("digits"),
            digits => digits,
        },
        Placeholder::CallBack => match digits() {
            digits if !matches!(value, SmsValue::Number) || digits.len() < 3 => return unfit("a telephone number"),
            digits => digits,
        },
        Placeholder::Url | Placeholder::UrlOtt => match whole.trim() {
            address if !matches!(value, SmsValue::Link) || address.is_empty() => return unfit("a web address"),
            address => address.to_owned(),
        },
        Placeholder::Email => return unfit("an e-mail address, and none is known"),
    };
    match exact.chars().count() {
        0 => Ok((NOTHING.to_owned(), String::new())),
        length if length > LONGEST_VALUE => Err(RenderError::TooLong { place, value, length }),
        _ => Ok((exact, String::new())),
    }
}

/// The first words, as many as fit, and the rest.
fn cut(text: &str, nothing: &str) -> (String, String) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (mut taken, mut length, mut used) = (String::new(), 0, 0);
    for word in &words {
        let more = word.chars().count() + usize::from(used > 0);
        if length + more > LONGEST_VALUE {
            break;
        }
        if used > 0 {
            taken.push(' ');
        }
        taken.push_str(word);
        length += more;
        used += 1;
    }
    let mut rest = words[used..].join(" ");
    if used == 0 && !rest.is_empty() {
        // One word that is too long by itself.
        taken = rest.chars().take(LONGEST_VALUE).collect();
        rest = rest.chars().skip(LONGEST_VALUE).collect();
    }
    if taken.is_empty() { (nothing.to_owned(), String::new()) } else { (taken, rest) }
}

/// Letters, digits and spaces.
fn alphanumeric(text: &str) -> String {
    // An apostrophe goes without a gap: "Ravi's" is "Ravis".
    let without = text.replace('\'', "");
    without.chars().map(|c| if c.is_alphanumeric() || is_mark(c) { c } else { ' ' }).collect()
}

/// The signs of Indic scripts that join a letter and are no letters themselves.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{dff}')
}

/// Words as a caller said them must not look like an address: operators drop a message with an address that is not
/// registered, and the owner should not be led anywhere.
fn unlinked(text: &str) -> String {
    let word = |word: &str| -> String {
        let bare = word.split("://").last().unwrap_or(word);
        let parts: Vec<char> = bare.chars().collect();
        let inside = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| parts.get(before));
            let after = parts.get(at + 1);
            // "Rs.500" and "3.5" stay as they are.
            before.is_some_and(|c| c.is_alphanumeric()) && after.is_some_and(|c| c.is_alphabetic())
        };
        parts.iter().enumerate().map(|(at, c)| if *c == '.' && inside(at) { ' ' } else { *c }).collect()
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::sms::segments::Encoding;

    fn template(text: &str, values: &[SmsValue]) -> SmsTemplate {
        SmsTemplate {
            id: DltId::parse("1107160000000000001").unwrap(),
            text: text.to_owned(),
            values: values.to_vec(),
            category: SmsCategory::ServiceImplicit,
            provider_id: None,
        }
    }

    fn filled(text: &str, values: &[(SmsValue, &str)]) -> Result<Rendered, RenderError> {
        let names: Vec<SmsValue> = values.iter().map(|(name, _)| *name).collect();
        let said = |name| values.iter().find(|(known, _)| *known == name).map_or("", |(_, said)| said).to_owned();
        render(&template(text, &names), said)
    }

    #[test]
    fn free_text_is_cut_between_words_and_flows_on() {
        let reason = "toothache on the left side since three days and cannot eat anything";
        let text = "Call: {#var#} {#var#}, {#var#}.";
        let got = filled(text, &[(SmsValue::Reason, reason), (SmsValue::Reason, reason), (SmsValue::Name, "Ravi")]);
        let got = got.unwrap();
        assert_eq!(got.variables, ["toothache on the left side since three", "days and cannot eat anything", "Ravi"]);
        assert_eq!(got.text, "Call: toothache on the left side since three days and cannot eat anything, Ravi.");
        assert_eq!((got.size.encoding, got.size.segments), (Encoding::Gsm7, 1));
        let short = filled("{#var#}{#var#}", &[(SmsValue::Reason, "pain"), (SmsValue::Reason, "pain")]).unwrap();
        assert_eq!(short.variables, ["pain", "-"], "an empty placeholder would be refused");
        let long = "a".repeat(50);
        assert_eq!(filled("{#var#}", &[(SmsValue::Name, &long)]).unwrap().variables, ["a".repeat(40)]);
    }

    #[test]
    fn typed_placeholders_hold_their_type() {
        let number = [(SmsValue::Number, "98765 43210")];
        assert_eq!(filled("{#numeric#}", &number).unwrap().text, "9876543210");
        assert_eq!(filled("{#cbn#}", &number).unwrap().text, "9876543210");
        let said = [(SmsValue::Reason, "Ravi's tooth (left), ₹500!")];
        assert_eq!(filled("{#alphanumeric#}", &said).unwrap().text, "Ravis tooth left Rs 500");
        assert_eq!(filled("{#alphanumeric#}", &[(SmsValue::Reason, "?!")]).unwrap().text, "NA");
        let link = [(SmsValue::Link, "https://vca.in/c/4fzyo82mvyr1x9aaaaaaaa")];
        assert_eq!(filled("See {#url#}", &link).unwrap().text, "See https://vca.in/c/4fzyo82mvyr1x9aaaaaaaa");
        for (text, values) in [
            ("{#numeric#}", [(SmsValue::Name, "Ravi")]),
            ("{#cbn#}", [(SmsValue::Name, "12345")]),
            ("{#url#}", [(SmsValue::Reason, "see evil.com")]),
            ("{#url#}", [(SmsValue::Link, "")]),
            ("{#email#}", [(SmsValue::Name, "Ravi")]),
        ] {
            assert!(matches!(filled(text, &values), Err(RenderError::Unfit { place: 1, .. })), "{text}");
        }
        let long = [(SmsValue::Link, "https://dashboard.example.in/calls/4fzyo82mvyr1x9aaaaaaaa")];
        assert!(matches!(filled("{#url#}", &long), Err(RenderError::TooLong { length: 57, .. })));
    }

    #[test]
    fn what_a_caller_said_is_no_address() {
        let said = "please see https://evil.example.com/x or www.evil.in about Rs.500 at 3.5";
        let got = filled("{#var#}{#var#}", &[(SmsValue::Reason, said), (SmsValue::Reason, said)]).unwrap().text;
        assert!(!got.contains("://") && !got.contains("evil.example") && !got.contains("www.evil"), "{got}");
        assert!(got.contains("Rs.500") && got.contains("3.5"), "{got}");
        let tag = filled("{#var#}", &[(SmsValue::Name, "{#var#}")]).unwrap();
        assert_eq!(tag.variables, ["{#var#}"], "a value is no template");
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_told() {
        let error = render(&template("{#var#} {#date#}", &[SmsValue::Name]), |_| String::new()).unwrap_err();
        assert!(error.to_string().contains("{#date#}"), "{error}");
    }

    proptest! {
        #[test]
        fn any_words_fit(said in "\\PC{0,200}", name in "\\PC{0,80}") {
            let text = "A {#var#} b {#var#} c {#alphanumeric#}";
            let values = [(SmsValue::Summary, said.as_str()), (SmsValue::Summary, &said), (SmsValue::Name, &name)];
            let got = filled(text, &values).unwrap();
            prop_assert_eq!(got.variables.len(), 3);
            for variable in &got.variables {
                let length = variable.chars().count();
                prop_assert!((1..=LONGEST_VALUE).contains(&length), "{}", variable);
                prop_assert!(!variable.chars().any(char::is_control));
            }
            prop_assert!(!got.variables[2].contains(|c: char| c.is_ascii_punctuation()));
            let [first, second, third] = &got.variables[..] else { unreachable!() };
            prop_assert_eq!(got.text, format!("A {first} b {second} c {third}"));
        }
    }
}
