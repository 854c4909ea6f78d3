//! How many parts an SMS is sent and billed as (3GPP TS 23.038 and 23.040).

/// How the text is coded on air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM 7-bit alphabet with its extension table.
    Gsm7,
    /// UCS-2, for everything else.
    Ucs2,
}

/// The size of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub encoding: Encoding,
    /// Septets, where the characters of the extension table take two; or UTF-16 units.
    pub units: u32,
    /// Parts; at least 1.
    pub segments: u32,
}

/// The basic alphabet but for the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                     ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Characters that an escape stands before.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The septets of a character; `None` when the alphabet has it not.
pub fn septets(c: char) -> Option<u32> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// Counts a text. A character is never divided between two parts.
pub fn size(text: &str) -> Size {
    let septets: Option<Vec<u32>> = text.chars().map(septets).collect();
    match septets {
        Some(widths) => counted(Encoding::Gsm7, &widths, 160, 153),
        None => {
            let widths: Vec<u32> = text.chars().map(|c| if u32::from(c) > 0xffff { 2 } else { 1 }).collect();
            counted(Encoding::Ucs2, &widths, 70, 67)
        }
    }
}

/// `alone` units fit one part; of several parts each holds `each`, the rest is the header that joins them.
fn counted(encoding: Encoding, widths: &[u32], alone: u32, each: u32) -> Size {
    let units: u32 = widths.iter().sum();
    if units <= alone {
        return Size { encoding, units, segments: 1 };
    }
    let (mut segments, mut room) = (1, each);
    for width in widths {
        if *width > room {
            segments += 1;
            room = each;
        }
        room -= width;
    }
    Size { encoding, units, segments }
}

/// Writes with the GSM alphabet what people write otherwise: `₹` as "Rs.", curly quotes as straight ones. What has no
/// such form stays, and makes the message UCS-2.
pub fn simplified(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '₹' => plain.push_str("Rs."),
            '‘' | '’' | '‛' | '`' | '´' | '′' => plain.push('\''),
            '“' | '”' | '„' | '″' => plain.push('"'),
            '‐' | '‑' | '‒' | '–' | '—' | '−' => plain.push('-'),
            '…' => plain.push_str("..."),
            '•' | '·' => plain.push('*'),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> (Encoding, u32, u32) {
        let size = size(text);
        (size.encoding, size.units, size.segments)
    }

    #[test]
    fn parts_are_counted_as_operators_do() {
        use Encoding::{Gsm7, Ucs2};
        assert_eq!(BASIC.chars().count(), 127, "the alphabet has 128 places, one of them the escape");
        for (text, expected) in [
            (String::new(), (Gsm7, 0, 1)),
            ("a".repeat(160), (Gsm7, 160, 1)),
            ("a".repeat(161), (Gsm7, 161, 2)),
            ("a".repeat(306), (Gsm7, 306, 2)),
            ("a".repeat(307), (Gsm7, 307, 3)),
            ("€".repeat(80), (Gsm7, 160, 1)),
            ("€".repeat(81), (Gsm7, 162, 2)),
            // 152 septets, then a pair that does not fit the 153rd.
            (format!("{}€{}", "a".repeat(152), "a".repeat(151)), (Gsm7, 305, 2)),
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), (Gsm7, 306, 3)),
            ("₹".repeat(70), (Ucs2, 70, 1)),
            ("₹".repeat(71), (Ucs2, 71, 2)),
            ("₹".repeat(135), (Ucs2, 135, 3)),
            ("😀".repeat(35), (Ucs2, 70, 1)),
            // 33 pairs to a part, not 33 and a half.
            ("😀".repeat(67), (Ucs2, 134, 3)),
        ] {
            assert_eq!(of(&text), expected, "{text}");
        }
    }

    #[test]
    fn common_signs_are_written_in_the_alphabet() {
        let plain = simplified("₹500 – “today”, Ravi’s…\tnow\u{200b}");
        assert_eq!(plain, "Rs.500 - \"today\", Ravi's... now");
        assert_eq!(size(&plain).encoding, Encoding::Gsm7);
        assert_eq!(simplified("दाँत"), "दाँत");
    }

    proptest! {
        #[test]
        fn counting_holds_for_any_text(text in "\\PC{0,400}") {
            let counted = size(&text);
            let (alone, each) = if counted.encoding == Encoding::Gsm7 { (160, 153) } else { (70, 67) };
            let least = if counted.units <= alone { 1 } else { counted.units.div_ceil(each) };
            prop_assert!(counted.segments >= least);
            // A part wastes one unit at most.
            prop_assert!(counted.segments <= counted.units.div_ceil(each - 1).max(1));
        }
    }
}
