//! What the caller does, step by step, in the order of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// One thing a caller does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Speaks when it is the caller's turn.
    Say(String),
    /// Plays a WAV file when it is the caller's turn.
    Wav(PathBuf),
    /// Presses keys when it is the caller's turn.
    Dtmf(String),
    /// Speaks while the other side is speaking.
    Interrupt(String),
    /// Says nothing for so long, whatever the other side does.
    Silent(Duration),
}

/// The steps of a call; repeated options keep their order among each other.
#[derive(Debug, Clone, Default)]
pub struct Steps(pub Vec<Step>);

const OPTIONS: [(&str, &str, &str); 5] = [
    ("say", "TEXT", "Speak TEXT with the local voice when it is the caller's turn (may be repeated; order counts)"),
    ("wav", "FILE", "Play a WAV file when it is the caller's turn"),
    ("dtmf", "KEYS", "Press KEYS (0-9 * # A-D) when it is the caller's turn"),
    ("interrupt", "TEXT", "Speak TEXT while the other side is speaking"),
    ("silent", "SECONDS", "Say nothing for SECONDS"),
];

impl Args for Steps {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, (name, value, help)| {
            command.arg(Arg::new(*name).long(*name).value_name(*value).help(*help).action(ArgAction::Append))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Steps {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found = Vec::new();
        for (name, _, _) in OPTIONS {
            let Some(indices) = matches.indices_of(name) else { continue };
            let values = matches.get_many::<String>(name).into_iter().flatten();
            for (index, value) in indices.zip(values) {
                found.push((index, step(name, value)?));
            }
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(Self(found.into_iter().map(|(_, step)| step).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn step(name: &str, value: &str) -> Result<Step, clap::Error> {
    let wrong = |what: String| clap::Error::raw(clap::error::ErrorKind::ValueValidation, what);
    Ok(match name {
        "say" => Step::Say(value.to_owned()),
        "wav" => Step::Wav(PathBuf::from(value)),
        "interrupt" => Step::Interrupt(value.to_owned()),
        "dtmf" => {
            let keys = value.to_ascii_uppercase();
            if keys.is_empty() || !keys.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')) {
                return Err(wrong(format!("--dtmf takes keys out of 0-9 * # A-D, not `{value}`\n")));
            }
            Step::Dtmf(keys)
        }
        _ => {
            let seconds: f64 = value
                .parse()
                .ok()
                .filter(|s| (0.0..=600.0).contains(s))
                .ok_or_else(|| wrong(format!("--{name} takes seconds between 0 and 600, not `{value}`\n")))?;
            Step::Silent(Duration::from_secs_f64(seconds))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Probe {
        #[command(flatten)]
        steps: Steps,
    }

    #[test]
    fn steps_keep_the_order_of_the_command_line() {
        let probe = Probe::parse_from(["x", "--say", "one", "--dtmf", "12#", "--silent", "2.5", "--say", "two"]);
        assert_eq!(
            probe.steps.0,
            [
                Step::Say("one".into()),
                Step::Dtmf("12#".into()),
                Step::Silent(Duration::from_millis(2_500)),
                Step::Say("two".into())
            ]
        );
        assert!(Probe::try_parse_from(["x", "--dtmf", "12x"]).is_err());
        assert!(Probe::try_parse_from(["x", "--silent", "-1"]).is_err());
    }
}
