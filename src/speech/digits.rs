//! Rows of digits out of ready pieces: pairs and single digits that were synthesised once for a voice, joined without a
//! click. A number is then read back at once, and at no cost.

use crate::domain::digit_words;

/// Between the words before the digits and the first of them, in milliseconds.
const AFTER_LEAD_MS: usize = 60;
/// Between two pieces of a group.
const WITHIN_GROUP_MS: usize = 25;
/// Between two groups, where a comma stands.
const BETWEEN_GROUPS_MS: usize = 220;
/// Fade at both ends of a piece, so that no edge clicks.
const FADE_MS: usize = 4;

/// What the dialogue says before a row of digits.
const LEADS: [&str; 3] = ["Your number is,", "Your PIN code is,", "So far I have,"];

/// A ready piece, and the silence before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
    pub pause_ms: usize,
}

/// Every piece that rows of digits are made of: each pair and digit, once going on and once closing, and what stands
/// before them. In the order of their use.
pub fn pieces() -> Vec<String> {
    let spoken = |digits: String| digit_words(&digits);
    let pairs = (0..100).map(|pair| spoken(format!("{pair:02}")));
    let digits = (0..10).map(|digit: u8| spoken(digit.to_string()));
    let rows: Vec<String> = pairs.chain(digits).collect();
    let going_on = rows.iter().map(|row| format!("{row},"));
    let closing = rows.iter().map(|row| format!("{row}."));
    LEADS.iter().map(|lead| (*lead).to_owned()).chain(going_on).chain(closing).collect()
}

/// The pieces of a text like "Your number is nine eight seven six five, four three two one zero."; `None` when it is not
/// words before digits, or digits alone.
pub(super) fn plan(text: &str) -> Option<Vec<Piece>> {
    let is_digit = |word: &str| (0..10).any(|digit: u8| digit_words(&digit.to_string()) == word);
    let body = text.trim().strip_suffix('.')?;
    let (mut lead, mut groups) = (Vec::new(), vec![Vec::new()]);
    for token in body.split(' ') {
        let word = token.trim_end_matches(',');
        if !is_digit(word) {
            if groups != [Vec::<&str>::new()] {
                return None;
            }
            lead.push(token);
            continue;
        }
        groups.last_mut()?.push(word);
        if token.ends_with(',') {
            groups.push(Vec::new());
        }
    }
    if groups.iter().any(Vec::is_empty) || groups.iter().map(Vec::len).sum::<usize>() < 3 {
        return None;
    }
    let lead = format!("{},", lead.join(" ").trim_end_matches(','));
    let known = LEADS.contains(&lead.as_str());
    if lead != "," && !known {
        return None;
    }
    let mut plan: Vec<Piece> = known.then_some(Piece { text: lead, pause_ms: 0 }).into_iter().collect();
    for (index, group) in groups.iter().enumerate() {
        for (at, pair) in group.chunks(2).enumerate() {
            let pause_ms = match (index, at) {
                (0, 0) if known => AFTER_LEAD_MS,
                (0, 0) => 0,
                (_, 0) => BETWEEN_GROUPS_MS,
                _ => WITHIN_GROUP_MS,
            };
            plan.push(Piece { text: format!("{},", pair.join(" ")), pause_ms });
        }
    }
    let last = plan.last_mut()?;
    last.text = format!("{}.", last.text.trim_end_matches(','));
    Some(plan)
}

/// The pieces with the silence before each, edges faded.
pub(super) fn join(pieces: impl IntoIterator<Item = (usize, Vec<i16>)>, rate_hz: u32) -> Vec<i16> {
    let per_ms = rate_hz as usize / 1_000;
    let mut joined = Vec::new();
    for (pause_ms, mut samples) in pieces {
        let fade = (FADE_MS * per_ms).min(samples.len() / 2).max(1) as i32;
        let len = samples.len();
        for at in 0..fade as usize {
            for place in [at, len.saturating_sub(1 + at)] {
                if let Some(sample) = samples.get_mut(place) {
                    *sample = (i32::from(*sample) * at as i32 / fade) as i16;
                }
            }
        }
        joined.resize(joined.len() + pause_ms * per_ms, 0);
        joined.append(&mut samples);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<Vec<String>> {
        plan(text).map(|plan| plan.into_iter().map(|piece| piece.text).collect())
    }

    #[test]
    fn a_number_is_made_of_pieces_that_are_prepared() {
        let plan = texts("Your number is nine eight seven six five, four three two one zero.").unwrap();
        assert_eq!(plan, ["Your number is,", "nine eight,", "seven six,", "five,", "four three,", "two one,", "zero."]);
        let pin = texts("Your PIN code is five six zero, zero three eight.").unwrap();
        assert_eq!(pin, ["Your PIN code is,", "five six,", "zero,", "zero three,", "eight."]);
        let ready = pieces();
        assert!(plan.iter().chain(&pin).all(|piece| ready.contains(piece)));
        assert_eq!(ready.len(), 3 + 2 * 110);
        for other in ["Your name is Rahul.", "We open at nine.", "", "Come at five, or six.", "one two three four now."]
        {
            assert_eq!(texts(other), None, "{other}");
        }
    }

    #[test]
    fn pieces_are_joined_at_silence() {
        let joined = join([(0, vec![1_000; 800]), (25, vec![-1_000; 800])], 8_000);
        assert_eq!(joined.len(), 800 + 200 + 800);
        assert!(joined[800..1_000].iter().all(|sample| *sample == 0));
        let jump = joined.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        assert!(jump < Some(100), "no click: {jump:?}");
        assert_eq!(join([(0, Vec::new())], 8_000), Vec::<i16>::new());
    }
}
