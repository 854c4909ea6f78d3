//! The second opinion: what was said, if it was an answer of the kind that was asked for.
//!
//! The encoder's work is done by then, so that a walk along a grammar costs some steps of the decoder only. It is our
//! own walk and not whisper.cpp's grammar: whisper-rs 0.16 hands its rules over as one array where whisper.cpp reads an
//! array of pointers, and whisper.cpp gives one reading where the likeliest few are wanted.

use std::ffi::c_int;

use whisper_rs::{WhisperContext, WhisperState};

use super::super::guard::spoken_text;
use super::{Abort, Grammar, Whisper, plain, prompt};
use crate::domain::Fit;
use crate::speech::engine::{CancelFlag, Expect, SttError, SttOptions};

/// Readings that are tried besides the likeliest.
const BRANCHES: usize = 3;
/// A reading that is believed less than this (mean token probability) is none: something else was said.
const BELIEVED: f32 = 0.4;
/// A reading so much less likely than the likeliest (as a logarithm) is no rival to it.
const RIVAL: f32 = 1.5;

/// A grammar's words as a tree of tokens.
pub(super) struct Lexicon {
    nodes: Vec<Node>,
    separator: Option<c_int>,
    /// What may stand for the end of the answer; looked up once, since every step of a walk asks for it.
    full_stop: Option<c_int>,
    most: usize,
}

#[derive(Default)]
struct Node {
    next: Vec<(c_int, usize)>,
    /// A word ends here.
    word: Option<Word>,
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    /// The answer may end after it.
    Free,
    /// Another must follow.
    Bound,
}

/// Where a walk stands.
#[derive(Clone, Copy, PartialEq)]
struct Place {
    node: usize,
    /// Words that are whole.
    words: usize,
}

/// What may follow.
#[derive(Clone, Copy, PartialEq)]
enum Choice {
    Token(c_int, Place),
    End,
}

impl Lexicon {
    /// `None` when the separator is no token of the model.
    pub fn of(grammar: &Grammar, context: &WhisperContext) -> Option<Self> {
        let tokens = |text: &str| context.tokenize(text, 16).ok().filter(|tokens| !tokens.is_empty());
        let separator = match grammar.separator {
            "" => None,
            text => Some(*tokens(text)?.first()?),
        };
        let full_stop = tokens(".").and_then(|tokens| tokens.first().copied());
        let mut lexicon = Self { nodes: vec![Node::default()], separator, full_stop, most: grammar.most };
        for word in grammar.words {
            lexicon.add(&tokens(word)?, Word::Free);
        }
        for word in grammar.bound {
            lexicon.add(&tokens(word)?, Word::Bound);
        }
        Some(lexicon)
    }

    fn add(&mut self, tokens: &[c_int], word: Word) {
        let mut at = 0;
        for token in tokens {
            let known = self.nodes[at].next.iter().find(|(next, _)| next == token).map(|(_, node)| *node);
            at = known.unwrap_or_else(|| {
                self.nodes.push(Node::default());
                let node = self.nodes.len() - 1;
                self.nodes[at].next.push((*token, node));
                node
            });
        }
        self.nodes[at].word = Some(word);
    }

    fn choices(&self, place: Place) -> Vec<Choice> {
        let into = |node: usize, words: usize| {
            self.nodes[node].next.iter().map(move |(token, next)| Choice::Token(*token, Place { node: *next, words }))
        };
        let mut choices: Vec<Choice> = into(place.node, place.words).collect();
        let Some(word) = self.nodes[place.node].word else { return choices };
        let words = place.words + 1;
        match (word, self.separator) {
            (Word::Bound, _) => choices.extend(into(0, place.words)),
            (Word::Free, Some(separator)) if words < self.most => {
                choices.push(Choice::Token(separator, Place { node: 0, words }))
            }
            (Word::Free, None) if words < self.most => choices.extend(into(0, words)),
            (Word::Free, _) => {}
        }
        if word == Word::Free {
            choices.push(Choice::End);
        }
        choices
    }
}

/// A reading under way.
#[derive(Clone)]
struct Path {
    tokens: Vec<c_int>,
    /// Sum of the logarithms of the tokens' probabilities, the end's included once it is there.
    log_probability: f32,
    place: Place,
}

/// A choice that was nearly made otherwise.
struct Branch {
    /// The path as it would have been.
    path: Path,
    /// It would have ended there.
    ends: bool,
    /// By how much the other choice was likelier, as a logarithm.
    gap: f32,
}

/// A finished reading.
pub(super) struct Reading {
    pub text: String,
    pub confidence: f32,
    log_probability: f32,
}

impl Whisper {
    /// Other readings of the audio that `state` holds encoded, where the judge finds `text` only near an answer.
    pub(super) fn alternatives(
        &self,
        state: &mut WhisperState,
        text: &str,
        options: &SttOptions,
        cancel: &CancelFlag,
    ) -> Result<Vec<String>, SttError> {
        let Some(judge) = options.judge else { return Ok(Vec::new()) };
        if text.is_empty() || judge(text) != Fit::Near {
            return Ok(Vec::new());
        }
        let lead = Grammar::of(options.expect).map_or("", |grammar| grammar.lead(text));
        let readings = match self.readings(state, lead, options, cancel) {
            // What was heard at first is worth more than nothing in time.
            Err(SttError::DeadlinePassed) => Vec::new(),
            readings => readings?,
        };
        let likeliest = readings.first().map_or(0.0, |reading| reading.log_probability);
        let fits = |reading: &Reading| {
            let rival = likeliest - reading.log_probability <= RIVAL;
            rival && reading.confidence >= BELIEVED && judge(&reading.text) == Fit::Whole
        };
        Ok(readings.into_iter().filter(fits).map(|reading| reading.text).collect())
    }

    /// What is heard of a number without the style of digits, if that is a whole one: the style keeps digits apart, and now
    /// and then it swallows the "double" before them.
    pub(super) fn unstyled(
        &self,
        state: &mut WhisperState,
        samples: &[f32],
        text: &str,
        options: &SttOptions,
        cancel: &CancelFlag,
    ) -> Result<Option<String>, SttError> {
        let near = |judge: &fn(&str) -> Fit| options.expect == Expect::Digits && judge(text) == Fit::Near;
        let Some(judge) = options.judge.filter(near).filter(|_| !text.is_empty()) else { return Ok(None) };
        match self.decode(state, samples, &plain(options), cancel, self.tuning.slack) {
            Ok(decoded) => Ok(Some(spoken_text(&decoded.text)).filter(|text| judge(text) == Fit::Whole)),
            // What was heard at first is worth more than nothing in time.
            Err(SttError::DeadlinePassed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The likeliest readings after `lead` under the grammar of the expected answer, the likeliest first; none without a
    /// grammar.
    pub(super) fn readings(
        &self,
        state: &mut WhisperState,
        lead: &str,
        options: &SttOptions,
        cancel: &CancelFlag,
    ) -> Result<Vec<Reading>, SttError> {
        let Some(lexicon) = self.lexicons.get(&options.expect) else { return Ok(Vec::new()) };
        let abort = Abort { cancel, deadline: options.deadline };
        let mut walk = Walk { whisper: self, state, lexicon, base: self.base(lead, options)?, abort };
        // The first token alone, because whisper-rs reads the first row of logits and whisper.cpp fills the last.
        let (last, before) = walk.base.split_last().expect("invariant: there is a start of transcript");
        walk.state.decode(before, 0, 1).map_err(|error| self.error(error))?;
        walk.state.decode(&[*last], before.len(), 1).map_err(|error| self.error(error))?;
        let start = Path { tokens: Vec::new(), log_probability: 0.0, place: Place { node: 0, words: 0 } };
        let mut branches = Vec::new();
        let mut readings: Vec<Reading> = walk.follow(start, Some(&mut branches))?.into_iter().collect();
        branches.sort_by(|a, b| a.gap.total_cmp(&b.gap));
        branches.truncate(BRANCHES);
        // The latest first, so that the decoder's memory of what came before stays good.
        branches.sort_by_key(|branch| std::cmp::Reverse(branch.path.tokens.len() - usize::from(!branch.ends)));
        for branch in branches {
            let reading = if branch.ends { Some(walk.finished(&branch.path)) } else { walk.go_on(branch.path)? };
            readings.extend(reading);
        }
        readings.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        Ok(readings)
    }

    /// What the decoder is given before the answer, as whisper.cpp gives it.
    fn base(&self, lead: &str, options: &SttOptions) -> Result<Vec<c_int>, SttError> {
        let context = &self.context;
        let language = whisper_rs::get_lang_id(&options.language).map(|id| context.token_lang(id));
        let prompt = self.prompt_tokens(&prompt(options))?;
        let mut base = Vec::with_capacity(prompt.len() + 5);
        if !prompt.is_empty() {
            base.push(context.token_prev());
            base.extend(prompt);
        }
        base.push(context.token_sot());
        if context.is_multilingual() {
            base.extend(language);
            base.push(context.token_transcribe());
        }
        base.push(context.token_beg());
        if !lead.is_empty() {
            let lead = format!(" {lead}");
            base.extend(context.tokenize(&lead, lead.len()).map_err(|error| self.error(error))?);
        }
        Ok(base)
    }
}

struct Walk<'a> {
    whisper: &'a Whisper,
    state: &'a mut WhisperState,
    lexicon: &'a Lexicon,
    base: Vec<c_int>,
    abort: Abort<'a>,
}

impl Walk<'_> {
    /// Takes the likeliest choice until the end. The logits must be those after the path.
    fn follow(&mut self, mut path: Path, mut branches: Option<&mut Vec<Branch>>) -> Result<Option<Reading>, SttError> {
        const MOST_TOKENS: usize = 60;
        while path.tokens.len() < MOST_TOKENS {
            self.abort.verdict()?;
            let mut choices = self.rated(path.place)?;
            choices.sort_by(|a, b| b.1.total_cmp(&a.1));
            let Some((best, log_probability)) = choices.first().copied() else { return Ok(None) };
            if let (Some(branches), Some((other, less))) = (branches.as_deref_mut(), choices.get(1).copied()) {
                let branch = step(&path, other, less);
                branches.push(Branch { path: branch, ends: other == Choice::End, gap: log_probability - less });
            }
            path = step(&path, best, log_probability);
            if best == Choice::End {
                return Ok(Some(self.finished(&path)));
            }
            self.feed(&path)?;
        }
        Ok(None)
    }

    fn go_on(&mut self, path: Path) -> Result<Option<Reading>, SttError> {
        self.feed(&path)?;
        self.follow(path, None)
    }

    /// Gives the path's last token to the decoder, which knows those before.
    fn feed(&mut self, path: &Path) -> Result<(), SttError> {
        let Some((last, before)) = path.tokens.split_last() else { return Ok(()) };
        let past = self.base.len() + before.len();
        self.state.decode(&[*last], past, 1).map_err(|error| self.whisper.error(error))
    }

    /// What may follow, with the logarithm of its probability among everything that the model might write.
    fn rated(&self, place: Place) -> Result<Vec<(Choice, f32)>, SttError> {
        let logits = self.state.get_logits().map_err(|error| self.whisper.error(error))?;
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total = log_sum(logits.iter().copied(), most);
        let at = |token: c_int| usize::try_from(token).ok().and_then(|token| logits.get(token)).copied();
        let context = &self.whisper.context;
        let first_time = usize::try_from(context.token_beg()).unwrap_or(usize::MAX).min(logits.len());
        let full_stop = self.lexicon.full_stop.and_then(at);
        let rate = |choice: &Choice| match *choice {
            Choice::Token(token, _) => at(token).unwrap_or(f32::NEG_INFINITY) - total,
            Choice::End => {
                let ends = logits[first_time..].iter().copied().chain(at(context.token_eot())).chain(full_stop);
                log_sum(ends, most) - total
            }
        };
        Ok(self.lexicon.choices(place).iter().map(|choice| (*choice, rate(choice))).collect())
    }

    fn finished(&self, path: &Path) -> Reading {
        let mut bytes = Vec::new();
        for token in &path.tokens {
            bytes.extend_from_slice(self.whisper.context.token_to_bytes(*token).unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        let confidence = (path.log_probability / (path.tokens.len() + 1) as f32).exp();
        Reading { text, confidence, log_probability: path.log_probability }
    }
}

fn step(path: &Path, choice: Choice, log_probability: f32) -> Path {
    let mut path = path.clone();
    path.log_probability += log_probability;
    if let Choice::Token(token, place) = choice {
        path.tokens.push(token);
        path.place = place;
    }
    path
}

/// The logarithm of the sum of the exponentials, taken from `most` so that nothing overflows.
fn log_sum(logits: impl Iterator<Item = f32>, most: f32) -> f32 {
    most + logits.map(|logit| (logit - most).exp()).sum::<f32>().ln()
}
