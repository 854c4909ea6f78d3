//! Reads the corpus of this folder; the format is in README.md. Standard library only, so that both the unit tests
//! and the integration tests can include it with `#[path]`.

use std::fs;
use std::path::{Path, PathBuf};

/// One message with its expected answers.
#[derive(Debug)]
pub struct Case {
    /// File name without its ending; a number is added from the second message of a file on.
    pub name: String,
    /// `request METHOD`, `response STATUS`, `STATUS Reason`, or `silence`: from parser and validation.
    pub expect: String,
    /// What an idle user agent server answers: a status, perhaps with a header, or `silence`.
    pub uas: String,
    /// `key = value` facts about an accepted message.
    pub facts: Vec<(String, String)>,
    /// The bytes on the wire.
    pub bytes: Vec<u8>,
}

/// All cases in the order of their names; messages of one file in their order.
///
/// # Panics
/// When a file cannot be read or does not follow the format.
pub fn load() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sip");
    let entries = fs::read_dir(&folder).expect("the corpus folder");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a folder entry").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "sip"));
    files.sort();
    files.iter().flat_map(|f| read_file(f)).collect()
}

fn read_file(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).expect("a readable case");
    let stem = file.file_stem().expect("a file name").to_string_lossy().into_owned();
    let mut cases = Vec::new();
    for (i, block) in text.split("\n===\n").enumerate() {
        let name = if i == 0 { stem.clone() } else { format!("{stem}-{}", i + 1) };
        cases.push(read_block(name, block));
    }
    cases
}

fn read_block(name: String, block: &str) -> Case {
    let (head, raw) = block.split_once("---\n").unwrap_or_else(|| panic!("{name}: no `---` line"));
    let mut case = Case { name, expect: String::new(), uas: String::new(), facts: Vec::new(), bytes: wire_bytes(raw) };
    for line in head.lines() {
        let Some((key, value)) = line.strip_prefix('#').and_then(|l| l.split_once(':')) else { continue };
        match key {
            "expect" => case.expect = value.trim().to_owned(),
            "uas" => case.uas = value.trim().to_owned(),
            "is" => {
                let (key, value) = value.split_once('=').unwrap_or_else(|| panic!("{}: {line}", case.name));
                case.facts.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            _ if key.starts_with(' ') => {}
            _ => panic!("{}: unknown key {key}", case.name),
        }
    }
    assert!(!case.expect.is_empty(), "{}: no #expect", case.name);
    if case.uas.is_empty() {
        let accepted = case.expect.starts_with("request") || case.expect.starts_with("response");
        assert!(!accepted, "{}: no #uas for an accepted message", case.name);
        case.uas = case.expect.split(' ').next().unwrap_or_default().to_owned();
    }
    case
}

/// Lines to bytes: CRLF after each line, escapes resolved, then `\L` filled in.
fn wire_bytes(raw: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length_at = None;
    for line in raw.lines() {
        let backslashes = line.bytes().rev().take_while(|b| *b == b'\\').count();
        let joined = backslashes % 2 == 1;
        unescape(if joined { &line[..line.len() - 1] } else { line }, &mut out, &mut length_at);
        if !joined {
            out.extend_from_slice(b"\r\n");
        }
    }
    if let Some(at) = length_at {
        let start = out.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(0);
        let end = out[start..].windows(4).position(|w| w == b"\r\n\r\n").map_or(out.len(), |i| start + i + 4);
        let length = (out.len() - end).to_string();
        out.splice(at..at, length.into_bytes());
    }
    out
}

fn unescape(text: &str, out: &mut Vec<u8>, length_at: &mut Option<usize>) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        match rest.as_bytes().first() {
            Some(b'\\') => out.push(b'\\'),
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b'L') => *length_at = Some(out.len()),
            Some(b'x') => {
                out.push(u8::from_str_radix(&rest[1..3], 16).expect("two hexadecimal digits behind \\x"));
                rest = &rest[2..];
            }
            Some(b'R') => rest = repeat(rest, out),
            other => panic!("unknown escape {other:?} in {text}"),
        }
        rest = &rest[1..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// `R{count}{text}`: gives the text from the last brace on.
fn repeat<'a>(text: &'a str, out: &mut Vec<u8>) -> &'a str {
    let (count, rest) = text[2..].split_once("}{").expect("\\R{count}{text}");
    let end = rest.find('}').expect("\\R{count}{text}");
    for _ in 0..count.parse::<usize>().expect("a count") {
        unescape(&rest[..end], out, &mut None);
    }
    &rest[end..]
}
