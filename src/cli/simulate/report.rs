//! The scores as a table, as JUnit and as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::score::Score;
use crate::cli::Failure;

/// All calls in one table, what went wrong with its transcript, and the sums.
pub fn table(scores: &[Score]) -> String {
    let width = scores.iter().map(|score| score.scenario.len()).max().unwrap_or(8).max(8);
    let mut text = format!(
        "{:width$}  {:17}  {:6}  {:12}  {:>5} {:>5} {:>5}  {:>6} {:>4} {:>7}  {:>5}\n",
        "scenario", "persona", "result", "outcome", "p50", "p95", "max", "silent", "cuts", "cut off", "s"
    );
    for score in scores {
        let result = if score.is_right() { "right" } else { "WRONG" };
        let [p50, p95, max] = percentiles(&score.latencies_ms).map(shown);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:width$}  {:17}  {result:6}  {:12}  {p50:>5} {p95:>5} {max:>5}  {:>6} {:>4} {:>7}  {:>5.1}",
            score.scenario,
            score.persona,
            score.outcome,
            score.silent_turns,
            score.false_cuts,
            score.cut_off,
            score.duration_ms as f64 / 1_000.0
        );
    }
    for score in scores.iter().filter(|score| !score.is_right()) {
        let _ =
            write!(text, "\n{}: {}\n  {}\n", score.scenario, score.faults.join("; "), score.transcript.join("\n  "));
    }
    text.push_str(&sums(scores));
    text
}

fn sums(scores: &[Score]) -> String {
    let right = scores.iter().filter(|score| score.is_right()).count();
    let all: Vec<u64> = scores.iter().flat_map(|score| score.latencies_ms.iter().copied()).collect();
    let [p50, p95, max] = percentiles(&all).map(shown);
    let sum = |of: fn(&Score) -> usize| scores.iter().map(of).sum::<usize>();
    let (silent, cuts, cut_off) =
        (sum(|score| score.silent_turns), sum(|score| score.false_cuts), sum(|score| score.cut_off));
    let longest = scores.iter().map(|score| score.longest_silence_ms).max().unwrap_or(0);
    let percent = right as f64 * 100.0 / scores.len().max(1) as f64;
    format!(
        "\n{right} of {} right ({percent:.1} %); end of speech to first sound p50 {p50} ms, p95 {p95} ms, max {max} ms over {} turns;\n\
         longest silence {longest} ms, silent turns {silent}; agent cut by no interruption {cuts}, caller cut off {cut_off}\n",
        scores.len(),
        all.len()
    )
}

fn shown(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string())
}

/// The median, the 95th percentile (nearest rank) and the largest.
fn percentiles(values: &[u64]) -> [Option<u64>; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied();
    [rank(50), rank(95), sorted.last().copied()]
}

/// Writes JUnit XML, a test case for each call.
///
/// # Errors
/// When the file cannot be written.
pub fn junit(scores: &[Score], path: &Path) -> Result<(), Failure> {
    let mut suite = TestSuite::new("conversations");
    for score in scores {
        let status = if score.is_right() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(score.faults.join("; "));
            status
        };
        let mut case = TestCase::new(score.scenario.as_str(), status);
        case.set_classname(score.persona.as_str());
        case.set_time(Duration::from_millis(score.duration_ms));
        case.set_system_out(score.transcript.join("\n"));
        suite.add_test_case(case);
    }
    let mut report = Report::new("vca simulate");
    report.add_test_suite(suite);
    let text = report.to_string().map_err(|error| Failure::run(&error))?;
    std::fs::write(path, text).map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}

/// Writes the scores as JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn json(scores: &[Score], path: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(scores).map_err(|error| Failure::run(&error))?;
    std::fs::write(path, text).map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(percentiles(&[]), [None, None, None]);
        assert_eq!(percentiles(&[7]), [Some(7); 3]);
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentiles(&hundred), [Some(50), Some(95), Some(100)]);
    }
}
