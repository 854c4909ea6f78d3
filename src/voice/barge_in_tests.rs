//! What is said over the agent, each rule as a script: ducked at the first sound, paused after 300 ms of voice, words asked
//! for after 140 ms of silence.

use super::script::Call;
use super::{Expectation, Input, LineId};
use crate::domain::Pii;

fn stops(log: &[String]) -> bool {
    log.iter().any(|line| line.ends_with("stop"))
}

#[test]
fn an_interruption_ducks_at_once_pauses_at_300_ms_and_stops_when_its_words_are_known() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(900).silence(200).recognised("wait").silence(300);
    assert_eq!(
        call.log(),
        [
            "2020 duck",
            "2300 pause",
            "3040 speculate 0 1700-3040",
            "3100 stop",
            "3100 barge-in 1 1300/4000",
            "3400 turn 0 \"wait\" 2000-2900 closed 3400",
        ]
    );
}

#[test]
fn who_speaks_on_needs_no_words_to_stop_the_line() {
    let mut call = Call::greeted();
    call.agent_says(9_000).silence(1_000).speech(2_500);
    assert_eq!(call.log(), ["2020 duck", "2300 pause", "4000 stop", "4000 barge-in 1 1300/9000"]);
}

#[test]
fn a_short_word_that_wants_the_floor_stops_the_line_before_300_ms_of_voice() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(240).silence(200).recognised("Stop!");
    let log = call.log();
    assert_eq!(log[..2], ["2020 duck", "2380 speculate 0 1700-2380"]);
    assert_eq!(log[2..], ["2440 stop", "2440 barge-in 1 1440/4000"]);
    call.silence(400);
    assert_eq!(call.log(), ["2740 turn 0 \"Stop!\" 2000-2240 closed 2740"]);
}

#[test]
fn a_backchannel_lets_the_line_go_on_where_it_was_paused() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(600).silence(300).recognised("Haan ji.").silence(6_000);
    assert_eq!(
        call.log(),
        ["2020 duck", "2300 pause", "2740 speculate 0 1700-2740", "2900 resume", "4400 drop 0"],
        "1.5 s after the line went on it cannot be an answer to it any more"
    );
    // The line has 2.7 s left at 2900; then the caller has six.
    call.silence(2_700);
    assert_eq!(call.log(), ["11600 no-input 1"]);
}

#[test]
fn a_backchannel_whose_words_come_after_the_end_of_the_turn_is_none() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(600).silence(700);
    assert_eq!(call.log().last().unwrap(), "3100 commit 0 1700-2740 ended 2600");
    call.recognised("theek hai, theek hai").silence(6_000);
    assert_eq!(call.log(), ["3300 resume"]);
}

#[test]
fn an_interruption_whose_words_come_after_the_end_of_the_turn_stops_the_line_first() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(600).silence(700).log();
    call.recognised("what about Sunday");
    assert_eq!(
        call.log(),
        ["3300 stop", "3300 barge-in 1 1300/4000", "3300 turn 0 \"what about Sunday\" 2000-2600 closed 3100"]
    );
}

#[test]
fn words_that_do_not_come_in_time_are_taken_for_an_interruption() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(600).silence(1_500);
    assert_eq!(
        call.log()[3..],
        ["3100 commit 0 1700-2740 ended 2600", "4100 stop", "4100 fill 1 since 2600", "4100 barge-in 1 1300/4000"]
    );
    call.recognised("haan");
    assert_eq!(call.log(), ["4100 turn 0 \"haan\" 2000-2600 closed 3100"], "a filler wants an answer");
}

#[test]
fn what_goes_on_after_a_backchannel_is_heard_whole() {
    let mut call = Call::greeted();
    call.agent_says(9_000).silence(1_000).speech(400).silence(260).recognised("haan").log();
    call.silence(200).speech(500).silence(200).recognised("haan, but what does it cost").silence(400);
    assert_eq!(
        call.log(),
        [
            "2880 duck",
            "2960 drop 0",
            "3160 pause",
            "3500 speculate 0 1700-3500",
            "3560 stop",
            "3560 barge-in 1 1800/9000",
            "3860 turn 0 \"haan, but what does it cost\" 2000-3360 closed 3860",
        ],
        "1300 ms before the first pause and 500 between the two"
    );
}

#[test]
fn a_short_word_that_is_not_understood_lets_the_line_go_on_unless_it_ends_soon() {
    for (left, answers) in [(6_000, false), (1_400, true)] {
        let mut call = Call::greeted();
        call.agent_says(1_000 + left).silence(1_000).speech(500).silence(200).recognised_unsurely("Nanji");
        assert_eq!(call.log().last().unwrap(), "2700 resume");
        call.silence(8_000);
        assert_eq!(call.log().iter().any(|line| line.contains("turn 0")), answers);
    }
    let mut call = Call::greeted();
    call.agent_says(9_000).silence(1_000).speech(1_500).silence(200).recognised_unsurely("I can not");
    assert!(stops(&call.log()), "who says more wants the floor");
}

#[test]
fn dips_inside_words_count_towards_an_interruption() {
    let mut call = Call::greeted();
    call.agent_says(6_000).silence(1_000).speech(120).silence(60).speech(60).silence(40).speech(40);
    assert_eq!(call.log(), ["2020 duck", "2300 pause"]);
}

#[test]
fn a_profile_has_backchannels_of_its_own() {
    for (known, stopped) in [(vec!["seri seri".to_owned()], false), (Vec::new(), true)] {
        let mut call = Call::answered(crate::domain::TurnSettings { backchannels: known, ..super::script::settings() });
        call.agent_says(5_000).silence(1_000).speech(500).silence(200).recognised("Seri, seri.");
        assert_eq!(stops(&call.log()), stopped);
    }
}

#[test]
fn a_false_alarm_goes_on_at_full_volume_and_is_no_turn() {
    let mut call = Call::greeted();
    call.agent_says(6_000).silence(1_000).speech(240).silence(3_000);
    assert_eq!(
        call.log(),
        ["2020 duck", "2380 speculate 0 1700-2380", "2540 unduck", "3740 drop 0"],
        "a backchannel is forgotten"
    );
}

#[test]
fn a_sound_that_is_no_voice_ducks_for_a_moment_and_not_for_ever() {
    let mut call = Call::greeted();
    call.agent_says(20_000).silence(1_000);
    for _ in 0..6 {
        call.frames(60, 0.1, -20.0).silence(940);
    }
    let log = call.log();
    assert_eq!(log[..2], ["2020 duck", "2260 unduck"]);
    assert_eq!(log.len(), 6, "who knocks on does not pump the volume: {log:?}");
}

#[test]
fn what_has_only_arrived_ducks_already() {
    let mut call = Call::greeted();
    call.agent_says(6_000).silence(1_000).put(Input::Arriving { rms_dbfs: -25.0 });
    assert_eq!(call.log(), ["2000 duck"]);
}

#[test]
fn the_time_in_the_jitter_buffer_counts_towards_an_interruption() {
    let mut call = Call::greeted();
    call.agent_says(6_000).silence(960);
    for _ in 0..2 {
        call.put(Input::Arriving { rms_dbfs: -25.0 }).silence(20);
    }
    call.speech(400);
    assert_eq!(call.log(), ["1960 duck", "2240 pause"], "300 ms after the beginning of what had arrived at 1960");
}

#[test]
fn backchannels_do_not_add_up_to_an_interruption() {
    let mut call = Call::greeted();
    call.agent_says(20_000);
    for _ in 0..10 {
        call.speech(240).silence(360);
    }
    assert!(!call.log().iter().any(|line| line.ends_with("stop") || line.ends_with("pause")));
}

#[test]
fn a_short_answer_just_before_the_end_of_the_line_counts() {
    let mut call = Call::greeted();
    call.agent_says(2_000).silence(1_000).speech(240).silence(200).recognised("no");
    assert!(stops(&call.log()), "it wants the floor");
    let mut call = Call::greeted();
    call.expect(Expectation::YesNo, None).agent_says(2_000).silence(1_000).speech(240).silence(200);
    call.recognised("yes").silence(560);
    let log = call.log();
    assert_eq!(log.last().unwrap(), "3000 turn 0 \"yes\" 2000-2240 closed 3000", "when the line is over: {log:?}");
}

#[test]
fn a_yes_over_the_end_of_the_question_answers_it_also_when_it_paused_the_line() {
    let mut call = Call::greeted();
    call.expect(Expectation::YesNo, None)
        .agent_says(2_000)
        .silence(1_000)
        .speech(500)
        .silence(200)
        .recognised("Haan ji.");
    let log = call.log();
    assert_eq!(log.last().unwrap(), "2700 resume", "{log:?}");
    call.silence(700);
    assert_eq!(call.log(), ["3400 turn 0 \"Haan ji.\" 2000-2500 closed 3400"], "when the line is over");

    // Its words come after the end of the turn.
    call.agent_says(2_000).silence(1_000).speech(500).silence(500).log();
    call.recognised("haan").silence(700);
    assert_eq!(call.log(), ["5400 resume", "6100 turn 1 \"haan\" 4400-4900 closed 6100"]);
}

#[test]
fn a_yes_in_the_middle_of_a_long_question_is_no_answer() {
    let mut call = Call::greeted();
    call.expect(Expectation::YesNo, None)
        .agent_says(9_000)
        .silence(1_000)
        .speech(500)
        .silence(200)
        .recognised("Haan ji.");
    call.silence(9_000);
    assert!(!call.log().iter().any(|line| line.contains("turn") || line.ends_with("stop")));
}

#[test]
fn a_backchannel_over_the_end_of_an_open_question_is_no_answer() {
    let mut call = Call::greeted();
    call.agent_says(2_000).silence(1_500).speech(240).silence(200).recognised("okay").silence(2_000);
    assert!(!call.log().iter().any(|line| line.contains("turn")));
}

#[test]
fn a_notice_is_not_interrupted_and_long_speech_over_it_is_heard_after_it() {
    let mut call = Call::greeted();
    call.agent_notifies(5_000).silence(500).speech(1_500).silence(3_000);
    let log = call.log();
    assert_eq!(log, ["3140 speculate 0 1200-3140", "6000 commit 0 1200-3140 ended 3000"]);
}

#[test]
fn a_hello_over_the_notice_is_ignored() {
    let mut call = Call::greeted();
    call.agent_notifies(5_000).silence(500).speech(500).silence(140).recognised("hello").silence(4_500);
    assert_eq!(call.log(), ["2140 speculate 0 1200-2140", "3500 drop 0"]);
}

#[test]
fn speech_that_lasts_past_the_notice_is_an_ordinary_turn() {
    let mut call = Call::greeted();
    call.agent_notifies(1_000).silence(700).speech(800).silence(500);
    assert_eq!(call.log(), ["2700 speculate 0 1400-2700", "3000 commit 0 1400-2700 ended 2500"]);
}

#[test]
fn speech_from_the_notice_into_a_free_line_pauses_that() {
    let mut call = Call::greeted();
    call.agent_notifies(1_100).silence(500).speech(500).agent_says(3_000).speech(100);
    assert_eq!(call.log(), ["2000 pause"]);
    call.silence(200).recognised("I know").log();
    call.silence(3_000);
    assert_eq!(call.log(), ["3800 drop 0"], "it goes on");
}

#[test]
fn a_quiet_voice_is_not_an_interruption() {
    let mut call = Call::greeted();
    call.agent_says(4_000).frames(3_900, 0.9, -55.0);
    assert_eq!(call.log(), Vec::<String>::new());
}

/// The level of speech: syllables, words and pauses, a different one for each seed.
fn speech_dbfs(frame: usize, seed: usize) -> f32 {
    let noise = |n: usize| ((n * 7_919 + seed * 104_729) % 1_009) as f32 / 1_009.0;
    let word = noise(frame / 17 + 31);
    if word < 0.25 { -62.0 } else { -16.0 - 14.0 * noise(frame / 5) - 4.0 * noise(frame) }
}

#[test]
fn the_echo_of_the_agent_is_not_an_interruption_and_a_caller_over_it_is() {
    for (delay_ms, gain_db) in [(200, -20.0), (60, -20.0), (400, -20.0), (300, -30.0)] {
        let mut call = Call::greeted();
        call.agent_says(60_000);
        let delay = delay_ms / 20;
        let echo = |n: usize| if n >= delay { speech_dbfs(n - delay, 3) + gain_db } else { -62.0 };
        for n in 0..500 {
            call.put(Input::Played { rms_dbfs: speech_dbfs(n, 3) });
            let level = echo(n);
            call.frames(20, if level > -52.0 { 0.95 } else { 0.1 }, level);
        }
        assert_eq!(call.log(), Vec::<String>::new(), "{delay_ms} ms, {gain_db} dB");
        for n in 500..550 {
            call.put(Input::Played { rms_dbfs: speech_dbfs(n, 3) - 18.0 });
            call.frames(20, 0.95, (speech_dbfs(n, 8) - 4.0).max(echo(n)));
        }
        let log = call.log();
        assert!(log.iter().any(|line| line.ends_with("pause")), "{delay_ms} ms, {gain_db} dB: {log:?}");
    }
}

#[test]
fn an_echo_that_comes_back_after_the_line_is_no_turn() {
    let mut call = Call::greeted();
    call.agent_says(4_000);
    for n in 0..260 {
        let sent = |n: usize| if n < 200 { speech_dbfs(n, 3).max(-24.0) } else { -80.0 };
        call.put(Input::Played { rms_dbfs: sent(n) });
        // 400 ms late; the detector of voice does not see its end at once.
        let level = if n >= 20 { sent(n - 20) - 20.0 } else { -80.0 };
        call.frames(20, if n < 232 { 0.95 } else { 0.1 }, level.max(-70.0));
    }
    assert_eq!(call.log(), Vec::<String>::new());
}

/// The agent sounds at -20 dBFS while `sent`; something like a voice comes back at `level`.
fn comes_back(call: &mut Call, ms: u64, sent: bool, level: f32) {
    for _ in 0..ms / 20 {
        call.put(Input::Played { rms_dbfs: if sent { -20.0 } else { -80.0 } });
        call.frames(20, if level > -60.0 { 0.95 } else { 0.02 }, level);
    }
}

fn says(call: &mut Call, ms: u32, text: &str) {
    call.agent_says(ms).put(Input::AgentWords { text: Pii(text.into()) });
}

#[test]
fn the_agents_own_words_are_no_interruption_unless_they_are_as_loud_as_a_caller() {
    for (level, cut) in [(-31.0, false), (-21.0, true)] {
        let mut call = Call::greeted();
        says(&mut call, 6_000, "I am looking it up. One moment, please.");
        comes_back(&mut call, 1_000, true, -65.0);
        comes_back(&mut call, 500, true, level);
        comes_back(&mut call, 300, false, -65.0);
        call.recognised("One mom");
        assert_eq!(stops(&call.log()), cut, "{level} dBFS");
        if cut {
            continue;
        }
        // By now such an echo is expected.
        comes_back(&mut call, 1_000, true, -65.0);
        comes_back(&mut call, 500, true, level);
        let log = call.log();
        assert!(!log.iter().any(|line| line.ends_with("duck") || line.ends_with("pause")), "{log:?}");
    }
    let mut call = Call::greeted();
    says(&mut call, 6_000, "I am looking it up. One moment, please.");
    comes_back(&mut call, 1_000, true, -65.0);
    comes_back(&mut call, 500, true, -31.0);
    comes_back(&mut call, 300, false, -65.0);
    call.recognised("Wait, please.");
    assert!(stops(&call.log()), "other words are the caller's, however soft");
}

#[test]
fn the_end_of_a_line_that_comes_back_after_it_is_no_turn() {
    for (heard, turn) in [("One mom", false), ("Tomorrow.", true)] {
        let mut call = Call::greeted();
        says(&mut call, 1_000, "I am looking it up. One moment, please.");
        comes_back(&mut call, 1_000, true, -65.0);
        comes_back(&mut call, 500, false, -31.0);
        comes_back(&mut call, 500, false, -65.0);
        call.recognised(heard).silence(1_000);
        assert_eq!(call.log().iter().any(|line| line.contains("turn 0")), turn, "{heard}");
    }
}

#[test]
fn a_yes_or_no_that_repeats_the_end_of_the_question_is_an_answer() {
    let mut call = Call::greeted();
    call.expect(Expectation::YesNo, None);
    says(&mut call, 1_000, "Is that correct?");
    comes_back(&mut call, 1_000, true, -65.0);
    comes_back(&mut call, 100, false, -65.0);
    comes_back(&mut call, 400, false, -31.0);
    comes_back(&mut call, 500, false, -65.0);
    call.recognised("Correct.").silence(1_000);
    assert!(call.log().iter().any(|line| line.contains("turn 0")));
}

#[test]
fn an_answer_that_is_only_announced_is_withdrawn_when_the_caller_goes_on() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognised("I want").silence(300).log();
    call.announce(true, false);
    call.silence(100).speech(400);
    assert_eq!(call.log(), ["2700 pause"]);
    call.silence(200).recognised("to book").log();
    call.silence(400);
    assert_eq!(call.log(), ["3300 turn 1 \"to book\" 2400-2800 closed 3300"]);
}

#[test]
fn a_backchannel_before_the_answer_does_not_withdraw_it() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognised("I want a haircut").silence(300).log();
    let line = call.announce(true, false);
    call.silence(100).speech(400).silence(200).recognised("okay");
    assert!(!stops(&call.log()));
    call.start(line, 1_000).silence(7_000);
    assert_eq!(call.log(), ["10000 no-input 1"]);
}

#[test]
fn noise_lets_the_line_go_on_and_stops_it_only_twice() {
    let mut call = Call::greeted();
    call.agent_says(20_000).speech(600).silence(200).recognised("");
    assert_eq!(call.log().last().unwrap(), "1800 resume");
    call.silence(2_000).speech(600).silence(200).recognised("");
    assert_eq!(call.log().last().unwrap(), "4600 resume");
    call.silence(2_000).speech(600).silence(700);
    assert!(!call.log().iter().any(|line| line.ends_with("pause") || line.ends_with("duck")), "a television");
    call.silence(15_000).log();
    call.agent_says(2_000).speech(600);
    assert!(
        call.log().iter().any(|line| line.ends_with("pause")),
        "a line that was heard to its end earns trust again"
    );
}

#[test]
fn long_noise_stops_the_line_and_the_next_is_deaf() {
    let mut call = Call::greeted();
    call.agent_says(4_000).speech(2_100).silence(500).recognised("");
    assert_eq!(call.log().last().unwrap(), "3600 failed 0", "the line was cut, so something must be said");
    call.agent_says(2_000).silence(500).speech(600).silence(700);
    assert!(!call.log().iter().any(|line| line.ends_with("pause") || line.ends_with("duck")));
    call.silence(1_000).recognised("sorry").log();
    call.agent_says(2_000).speech(600);
    assert!(call.log().iter().any(|line| line.ends_with("pause")), "words earn trust again");
}

#[test]
fn a_line_ends_while_ducked() {
    let mut call = Call::greeted();
    call.agent_says(1_000).silence(800).speech(400);
    assert_eq!(call.log(), ["1820 duck", "2000 unduck"]);
}

#[test]
fn a_key_stops_a_line_that_waits() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(500).log();
    call.put(Input::Dtmf { digit: '1' });
    assert_eq!(call.log(), ["2500 stop", "2500 barge-in 1 1300/4000"]);
}

#[test]
fn a_recogniser_that_fails_does_not_keep_a_line_waiting() {
    let mut call = Call::greeted();
    call.agent_says(4_000).silence(1_000).speech(360).silence(200).recognition_fails();
    assert_eq!(call.log().last().unwrap(), "2560 resume", "so short a sound is not asked about");
    call.silence(1_000).speech(900).silence(200).recognition_fails().log();
    call.silence(300).recognition_fails();
    let log = call.log();
    assert!(stops(&log) && log.iter().any(|line| line.ends_with("failed 0")), "{log:?}");
}

#[test]
fn a_line_that_waits_is_not_lost() {
    let mut call = Call::greeted();
    call.agent_says(2_000).silence(1_000).speech(1_900).silence(140).recognised("haan haan haan").silence(600);
    let log = call.log();
    assert!(!log.iter().any(|line| line.contains("fill") || line.contains("stop")), "{log:?}");
    call.put(Input::PlayoutFinished { line: LineId(1) });
}
