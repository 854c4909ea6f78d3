//! When a message is tried again.

use jiff::SignedDuration;

/// Tries of one sending; then a message is given up. The last one is about 20 hours after the first.
pub const MOST_TRIES: u32 = 10;

/// The wait after the first failure.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
const FACTOR: i32 = 4;
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

/// How long to wait after so many failures (from 1): 5 s, four times as long each time, at most six hours. `random`, from
/// 0 to 1, takes up to half of it off, so that what failed together does not come back together.
pub fn wait(failures: u32, random: f64) -> SignedDuration {
    let mut whole = FIRST;
    for _ in 1..failures.min(MOST_TRIES) {
        whole = whole.saturating_mul(FACTOR).min(LONGEST);
    }
    let off = whole.as_secs_f64() * 0.5 * random.clamp(0.0, 1.0);
    whole.saturating_sub(SignedDuration::try_from_secs_f64(off).unwrap_or(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_grow_to_six_hours_and_all_tries_take_a_day_at_most() {
        let whole: Vec<i64> = (1..MOST_TRIES).map(|failures| wait(failures, 0.0).as_secs()).collect();
        assert_eq!(whole, [5, 20, 80, 320, 1_280, 5_120, 20_480, 21_600, 21_600]);
        assert!(whole.iter().sum::<i64>() < 24 * 3_600);
        assert_eq!(wait(1, 1.0), SignedDuration::from_millis(2_500));
    }

    proptest! {
        #[test]
        fn jitter_takes_half_at_most(failures in any::<u32>(), random in any::<f64>()) {
            let (got, whole) = (wait(failures, random), wait(failures, 0.0));
            prop_assert!(got <= whole && got >= whole / 2);
        }
    }
}
