//! Asterisk's configuration files, read as `main/config.c` reads them: sections, templates, `=>`, comments, escapes.

/// `key = value` or `key => value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    pub line: usize,
}

/// `[name]`, with what its templates give it in front of its own entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub is_template: bool,
    pub entries: Vec<Entry>,
    pub line: usize,
}

impl Section {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |entry| entry.key == key).map(|entry| entry.value.as_str())
    }
}

/// Reads a file; what Asterisk would skip with a warning is an error here.
pub fn parse(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    let mut in_comment = false;
    for (number, raw) in text.lines().enumerate() {
        let line = number + 1;
        let bare = without_comment(raw, &mut in_comment);
        let bare = bare.trim();
        if bare.is_empty() {
            continue;
        }
        if let Some(head) = bare.strip_prefix('[') {
            sections.push(section(head, line, &sections)?);
            continue;
        }
        if bare.starts_with('#') {
            return Err(format!("{line}: a directive: {bare}"));
        }
        let (key, value) = bare.split_once('=').ok_or_else(|| format!("{line}: no `=` in {bare:?}"))?;
        let value = value.strip_prefix('>').unwrap_or(value);
        let section = sections.last_mut().ok_or_else(|| format!("{line}: before any section: {bare:?}"))?;
        section.entries.push(Entry { key: key.trim().to_owned(), value: value.trim().to_owned(), line });
    }
    if in_comment { Err("a comment is not ended".to_owned()) } else { Ok(sections) }
}

fn section(head: &str, line: usize, earlier: &[Section]) -> Result<Section, String> {
    let (name, options) = head.split_once(']').ok_or_else(|| format!("{line}: `[` without `]`"))?;
    let mut section = Section { name: name.to_owned(), is_template: false, entries: Vec::new(), line };
    let options = options.trim();
    if options.is_empty() {
        return Ok(section);
    }
    let list = options.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    for option in list.ok_or_else(|| format!("{line}: {options:?} after a section's name"))?.split(',').map(str::trim) {
        match option {
            "!" => section.is_template = true,
            template => {
                let known = earlier.iter().rev().find(|known| known.is_template && known.name == template);
                let known = known.ok_or_else(|| format!("{line}: no template is called {template:?}"))?;
                section.entries.extend(known.entries.iter().cloned());
            }
        }
    }
    Ok(section)
}

/// `;` begins a comment, `\;` is a semicolon, `;--` and `--;` surround a longer comment.
fn without_comment(raw: &str, in_comment: &mut bool) -> String {
    let mut out = String::new();
    let mut rest = raw;
    if *in_comment {
        let Some((_, after)) = rest.split_once("--;") else { return out };
        *in_comment = false;
        rest = after;
    }
    while let Some(at) = rest.find(';') {
        let (before, comment) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('\\') {
            out.push_str(escaped);
            out.push(';');
            rest = &comment[1..];
            continue;
        }
        out.push_str(before);
        if !comment.starts_with(";--") || comment.starts_with(";---") {
            return out;
        }
        match comment[3..].split_once("--;") {
            Some((_, after)) => rest = after,
            None => {
                *in_comment = true;
                return out;
            }
        }
    }
    out + rest
}

#[test]
fn the_dialect_is_read() {
    let text = "; first\n[base](!)\ntype = endpoint ; why\nallow=>alaw\n;-- [gone]\nx = y --;\n[a](base)\npassword = a\\;b\\\\;c\n;---- ruler\nb = c\n";
    let sections = parse(text).expect("it is well formed");
    assert!(sections[0].is_template);
    let entries: Vec<(&str, &str)> = sections[1].entries.iter().map(|e| (e.key.as_str(), e.value.as_str())).collect();
    assert_eq!(entries, [("type", "endpoint"), ("allow", "alaw"), ("password", "a;b\\;c"), ("b", "c")]);
    for wrong in ["a = b\n", "[a\n", "[a]\nword\n", "[a](none)\n", "[a] x\n", "#include b\n", "[a]\n;-- x\n"] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}
