//! Files of Asterisk out of templates.
//!
//! `{{key}}` stands for a value. A line is written once for each value of its keys, and not at all where one has none.
//! Lines between `;{{#key}}` and `;{{/key}}` are written once for each value of the key, which is `{{.}}` there.

use std::collections::BTreeMap;

/// What the keys of a template stand for. Every key of the templates is there, if only with no value.
pub(super) type Values = BTreeMap<&'static str, Vec<String>>;

/// Writes a template with the values in it. Values are taken as they are: see [`escape`].
pub(super) fn render(template: &str, values: &Values) -> String {
    let mut out = String::new();
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        let Some(key) = line.strip_prefix(";{{#").and_then(|line| line.strip_suffix("}}")) else {
            fill(line, values, None, &mut out);
            continue;
        };
        let end = format!(";{{{{/{key}}}}}");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        for value in of(values, key) {
            block.iter().for_each(|line| fill(line, values, Some(value), &mut out));
        }
    }
    out
}

fn of<'a>(values: &'a Values, key: &str) -> &'a [String] {
    values.get(key).expect("invariant: every key of the templates has its values")
}

fn fill(line: &str, values: &Values, current: Option<&str>, out: &mut String) {
    let mut written = vec![String::new()];
    let mut rest = line;
    while let Some((before, tail)) = rest.split_once("{{") {
        let (key, after) = tail.split_once("}}").expect("invariant: the templates are well formed");
        let here: Vec<&str> = match current {
            Some(value) if key == "." => vec![value],
            _ => of(values, key).iter().map(String::as_str).collect(),
        };
        let longer = |start: &String| here.iter().map(|value| format!("{start}{before}{value}")).collect::<Vec<_>>();
        written = written.iter().flat_map(longer).collect();
        rest = after;
    }
    for line in written {
        out.push_str(&line);
        out.push_str(rest);
        out.push('\n');
    }
}

/// A value as Asterisk's files want it: `;` begins a comment there unless a backslash stands before it.
///
/// # Errors
/// What those files cannot hold: control characters, and spaces at the ends, which Asterisk strips.
pub(super) fn escape(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character, which Asterisk's files cannot".to_owned());
    }
    if text.trim() != text {
        return Err("begins or ends with a space, which Asterisk strips".to_owned());
    }
    Ok(text.replace(';', "\\;"))
}

/// [`escape`] for what goes into the dialplan, where more characters have a meaning.
///
/// # Errors
/// A character that no host, number or parameter needs.
pub(super) fn escape_dialplan(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+._-:[]@=;~".contains(c);
    match text.chars().find(|c| !fits(*c)) {
        Some(wrong) => Err(format!("holds {wrong:?}, which has a meaning of its own in a dialplan")),
        None => escape(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&'static str, &[&str])]) -> Values {
        pairs.iter().map(|(key, list)| (*key, list.iter().map(|text| (*text).to_owned()).collect())).collect()
    }

    #[test]
    fn lines_and_blocks_come_once_for_each_value() {
        let template = "a = {{one}}\nb = {{none}}\nc = {{two}}/{{one}}\n;{{#two}}\n[{{.}}]\nd = {{none}}\ne\n;{{/two}}\n;{{#none}}\nf\n;{{/none}}\nend";
        let values = values(&[("one", &["1"]), ("two", &["x", "y"]), ("none", &[])]);
        assert_eq!(render(template, &values), "a = 1\nc = x/1\nc = y/1\n[x]\ne\n[y]\ne\nend\n");
    }

    #[test]
    fn a_value_that_looks_like_a_key_stays_what_it_is() {
        assert_eq!(render("password = {{one}}", &values(&[("one", &["{{two}}"])])), "password = {{two}}\n");
    }

    #[test]
    fn what_has_a_meaning_to_asterisk_is_escaped_or_refused() {
        assert_eq!(escape("a;b\\;c").unwrap(), "a\\;b\\\\;c");
        for wrong in ["a\nb", " a", "a ", "\t"] {
            assert!(escape(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(escape_dialplan("sip.example;transport=tcp").unwrap(), "sip.example\\;transport=tcp");
        for wrong in ["${SHELL(x)}", "a,b", "a)", "a&SIP/b", "a b"] {
            assert!(escape_dialplan(wrong).is_err(), "{wrong:?}");
        }
    }
}
