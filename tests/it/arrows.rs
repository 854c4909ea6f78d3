//! The layout's import arrows: which module may name which. The table is the one of `src/lib.rs`; an arrow that is not in it
//! is either a mistake or a decision to be taken there and here.

use std::fs;
use std::path::{Path, PathBuf};

/// For every module under `src/` what it may name: a whole module, or only `module::item`.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("sip", &["domain"]),
    ("vault", &["domain"]),
    ("privacy", &["domain", "store", "vault"]),
    ("media", &["domain", "vault"]),
    ("voice", &["domain", FRAMES]),
    ("dialogue", &["domain"]),
    ("speech", &["domain", FRAMES, "media::{codec, Codec, EncodedAudio, resample, tone}"]),
    ("metrics", &["domain"]),
    ("telemetry", &["domain", "metrics"]),
    ("store", &["domain"]),
    ("live", &["domain"]),
    ("notify", &["domain", "store"]),
    (
        "call",
        &[
            "domain",
            "sip",
            "media",
            "voice",
            "dialogue",
            "speech",
            "metrics",
            "telemetry",
            "vault",
            "store",
            "live",
            "notify",
        ],
    ),
    ("api", &["domain", "metrics", "store", "vault", "privacy", "live", "notify", "call::{handle, CallHandle}"]),
    (
        "cli",
        &[
            "domain",
            "sip",
            "media",
            "voice",
            "dialogue",
            "speech",
            "metrics",
            "telemetry",
            "vault",
            "privacy",
            "store",
            "live",
            "notify",
            "call",
            "api",
        ],
    ),
];

/// What `voice` and `speech` may know of `media`.
const FRAMES: &str = "media::{frame, PcmFrame, FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, WIDE_SAMPLE_RATE_HZ}";

#[test]
fn modules_import_only_what_the_layout_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 10, "found only {} source files under {}", files.len(), src.display());
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).expect("invariant: walked from src").to_owned();
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        wrong.extend(violations(&path, &text));
    }
    assert!(wrong.is_empty(), "{} arrow(s) against the layout:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn wrong_arrows_are_found_however_they_are_written() {
    let planted = [
        ("voice/controller.rs", "use crate::sip::Uri;", "voice → sip::Uri"),
        ("voice/controller.rs", "use crate::media::rtp::Packet;", "voice → media::rtp"),
        ("voice/controller.rs", "use crate::media::{frame::PcmFrame, sdp};", "voice → media::sdp"),
        ("voice/controller.rs", "use crate::{domain::{Pii, E164}, store as db};", "voice → store"),
        ("voice/controller.rs", "use super::super::store::Store;", "voice → store::Store"),
        ("voice/mod.rs", "fn f() -> super::store::Store { todo() }", "voice → store::Store"),
        ("sip/ua.rs", "fn f() { crate::media::sdp::parse(\"\") }", "sip → media::sdp"),
        ("dialogue/mod.rs", "pub(crate) use crate :: speech /* why */ :: Stt ;", "dialogue → speech::Stt"),
        ("call/leg.rs", "use crate::api::App;", "call → api::App"),
        ("call/mod.rs", "use crate::cli;", "call → cli"),
        ("api/calls.rs", "use crate::call::router::Router;", "api → call::router"),
        ("domain/id.rs", "use crate::media::PcmFrame;", "domain → media::PcmFrame"),
        ("telepathy/mod.rs", "", "telepathy has no row"),
        ("stray.rs", "", "stray.rs is in no module"),
    ];
    for (path, text, expected) in planted {
        let found = violations(Path::new(path), text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        assert!(found[0].contains(expected) && found[0].contains(path), "{path}: {text}: {found:?}");
    }
}

#[test]
fn right_arrows_and_mere_words_are_not_found() {
    let fine = [
        (
            "voice/a.rs",
            "use crate::domain::{Pii, TurnSettings}; use crate::media::{PcmFrame, frame}; use super::types::Ms;",
        ),
        ("voice/a/b.rs", "use super::super::keypad; use super::media;"),
        ("voice/a.rs", "// crate::sip::Uri\n/* crate::sip /* nested */ crate::sip */ /// [`crate::call`]"),
        (
            "voice/a.rs",
            "const A: &str = \"crate::sip\"; const B: &str = r#\"crate::\"sip\"#; const C: char = '\"'; type D<'a> = &'a str;",
        ),
        ("call/mod.rs", "use crate::{sip, media, voice, dialogue, speech, store};"),
        ("cli/serve.rs", "use crate::{api, call::router};"),
        ("main.rs", "use vca::cli;"),
        ("lib.rs", "pub mod api;"),
    ];
    for (path, text) in fine {
        assert_eq!(violations(Path::new(path), text), Vec::<String>::new(), "{path}: {text}");
    }
}

/// The arrows of one file that the table does not allow, one message each. `path` is relative to `src/`.
fn violations(path: &Path, text: &str) -> Vec<String> {
    let parts: Vec<String> = path.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    let shown = path.display();
    let module = match parts.as_slice() {
        [root] if root == "lib.rs" || root == "main.rs" => return Vec::new(),
        [_] => return vec![format!("src/{shown}: {shown} is in no module; give it a folder and a row in the layout")],
        [module, ..] => module.as_str(),
        [] => return Vec::new(),
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("src/{shown}: {module} has no row in the layout (src/lib.rs, tests/it/arrows.rs)")];
    };
    // How many `super` reach the crate's root from the file's own module.
    let depth = parts.len() - usize::from(parts.last().is_some_and(|p| p == "mod.rs"));
    let mut wrong = Vec::new();
    for target in targets(text, depth) {
        let is_module = ARROWS.iter().any(|(name, _)| *name == target[0]);
        if is_module && target[0] != module && !allowed.iter().any(|arrow| allows(arrow, &target)) {
            wrong.push(format!("src/{shown}: {module} → {}", target.join("::")));
        }
    }
    wrong
}

/// Whether `arrow`, a module or `module::{item, …}`, covers the path.
fn allows(arrow: &str, target: &[String]) -> bool {
    match arrow.split_once("::") {
        None => target[0] == arrow,
        Some((module, items)) => {
            let mut items = items.trim_matches(['{', '}']).split(',').map(str::trim);
            target[0] == module && target.get(1).is_some_and(|named| items.any(|item| item == named))
        }
    }
}

/// All paths that begin at the crate's root, without the `crate`, cut to two segments.
fn targets(text: &str, depth: usize) -> Vec<Vec<String>> {
    let tokens = tokens(&without_comments_and_literals(text));
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = at == 0 || tokens[at - 1] != "::";
        let mut supers = 0;
        while begins && tokens[at..].get(2 * supers).is_some_and(|t| t == "super") {
            supers += 1;
        }
        let root = match tokens[at].as_str() {
            "crate" if begins => Some(at + 1),
            "super" if begins && supers >= depth => Some(at + 2 * supers - 1),
            _ => None,
        };
        if let Some(root) = root.filter(|r| tokens.get(*r).is_some_and(|t| t == "::")) {
            use_tree(&tokens, root + 1, &[], &mut found);
        }
        at += 1;
    }
    found
}

/// Reads a path or a braced list of paths at `at`; returns the position behind it.
fn use_tree(tokens: &[String], mut at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    if tokens.get(at).is_some_and(|t| t == "{") {
        at += 1;
        while let Some(token) = tokens.get(at) {
            match token.as_str() {
                "}" => return at + 1,
                "," => at += 1,
                _ => {
                    at = use_tree(tokens, at, prefix, found);
                    // `as name`
                    while tokens.get(at).is_some_and(|t| t != "," && t != "}") {
                        at += 1;
                    }
                }
            }
        }
        return at;
    }
    let Some(segment) = tokens.get(at) else { return at };
    let mut path = prefix.to_vec();
    path.push(segment.clone());
    at += 1;
    if tokens.get(at).is_some_and(|t| t == "::") && tokens.get(at + 1).is_some_and(|t| t == "{" || is_name(t)) {
        return use_tree(tokens, at + 1, &path, found);
    }
    path.truncate(2);
    found.push(path);
    at
}

fn is_name(token: &str) -> bool {
    token == "*" || token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other visible character by itself.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            name => name,
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Blanks what only looks like code.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = literal_or_comment(rest);
        if skipped > 0 {
            code.push(' ');
            rest = &rest[skipped..];
            continue;
        }
        // A whole name at once, so that the `r` at its end does not look like a raw string.
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let taken = name.max(first.len_utf8());
        code.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    code
}

/// The length in bytes of the comment or literal that `rest` begins with; 0 when it begins with neither.
fn literal_or_comment(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let unprefixed = rest.trim_start_matches(['b', 'c']);
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            let length = body.find(&end).map_or(body.len(), |at| at + end.len());
            return rest.len() - body.len() + length;
        }
    }
    if unprefixed.starts_with('"') {
        return rest.len() - unprefixed.len() + quoted(unprefixed);
    }
    let mut chars = rest.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted(rest),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// The length of a literal from its quote to the same quote, escapes respected.
fn quoted(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, c)| c);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if Some(c) == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let mut level = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            level += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            level -= 1;
            at += 2;
            if level == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
