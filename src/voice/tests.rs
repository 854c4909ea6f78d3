//! The rules of turn-taking, each as a script with these settings: speculate 200, end 500 (likely 350, doubtful 1200),
//! dictation 1200, barge-in 300, no input 6000, watchdog 1500.

use super::script::Call;
use super::{Ending, Expectation, Input, LineId, Ms, UtteranceId};
use crate::domain::{Pii, TurnSettings};

// ---- end of turn ----

#[test]
fn a_turn_is_speculated_on_at_200_ms_and_ends_at_500() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognised("hello there").silence(300);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2300 turn 0 \"hello there\" 1000-1800 closed 2300"]);
}

#[test]
fn a_late_transcript_is_waited_for_over_the_speculated_range() {
    let mut call = Call::greeted();
    call.speech(800).silence(500);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2300 commit 0 700-2000 ended 1800"]);
    call.silence(400).recognised("hello");
    assert_eq!(call.log(), ["2700 turn 0 \"hello\" 1000-1800 closed 2300"]);
}

#[test]
fn a_caller_who_resumes_keeps_the_whole_utterance() {
    let mut call = Call::greeted();
    call.speech(800).silence(300).speech(600).silence(200).recognised("all of it").silence(300);
    assert_eq!(
        call.log(),
        [
            "2000 speculate 0 700-2000",
            "2180 drop 0",
            "2900 speculate 0 700-2900",
            "3200 turn 0 \"all of it\" 1000-2700 closed 3200",
        ]
    );
}

#[test]
fn a_caller_who_resumes_before_the_words_are_known_had_not_ended_the_turn() {
    let mut call = Call::greeted();
    call.speech(800).silence(560).speech(400).silence(200).recognised("both halves").silence(300);
    assert_eq!(
        call.log(),
        [
            "2000 speculate 0 700-2000",
            "2300 commit 0 700-2000 ended 1800",
            "2440 drop 0",
            "2960 speculate 0 700-2960",
            "3260 turn 0 \"both halves\" 1000-2760 closed 3260",
        ]
    );
}

#[test]
fn later_speech_is_a_turn_of_its_own_and_the_turns_stay_in_order() {
    let mut call = Call::greeted();
    call.speech(800).silence(1_200);
    let first = (UtteranceId(0), Ms(2_000));
    call.speech(800).silence(200).recognised("second").silence(300);
    assert_eq!(
        call.log(),
        ["2000 speculate 0 700-2000", "2300 commit 0 700-2000 ended 1800", "4000 speculate 1 2700-4000",],
        "the second turn waits for the first"
    );
    call.put(Input::Transcript {
        utterance: first.0,
        to: first.1,
        text: Pii("first".into()),
        confidence: 0.5,
        ending: Ending::Open,
    });
    assert_eq!(
        call.log(),
        ["4300 turn 0 \"first\" 1000-1800 closed 2300", "4300 turn 1 \"second\" 3000-3800 closed 4300"]
    );
}

#[test]
fn dictation_waits_longer() {
    let mut call = Call::greeted();
    call.expect(Expectation::Dictation, None);
    call.speech(1_000).silence(100).speech(1_000).silence(700).recognised("98765 432").silence(500);
    assert_eq!(
        call.log(),
        [
            "3300 speculate 0 700-3300",
            "3460 commit 0 700-3300 ended 3100",
            "4300 turn 0 \"98765 432\" 1000-3100 closed 4300",
        ],
        "closed while the words are awaited, and opened again by them"
    );
}

#[test]
fn dictation_ends_when_the_words_are_all_that_was_asked_for() {
    let mut call = Call::greeted();
    call.expect(Expectation::Dictation, None);
    call.speech(1_000).silence(320).recognised_as("9876543210", Ending::Whole).speech(500).silence(320);
    assert_eq!(call.log().last().unwrap(), "3020 speculate 0 700-3020", "who goes on has not ended");
    call.recognised_as("98765 43210", Ending::Whole).silence(400);
    assert_eq!(call.log(), ["3180 turn 0 \"98765 43210\" 1000-2820 closed 3180"]);

    call.speech(1_000).silence(700).recognised_as("98765 43210", Ending::Whole);
    assert_eq!(
        call.log().last().unwrap(),
        "5240 turn 1 \"98765 43210\" 3540-4540 closed 4900",
        "at once when it comes late"
    );
}

#[test]
fn a_turn_that_sounds_finished_ends_sooner() {
    let mut call = Call::greeted();
    call.speech(800).silence(300).judged(0.9).silence(200);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2160 commit 0 700-2000 ended 1800"]);
    call.recognised("hello there");
    assert_eq!(call.log(), ["2300 turn 0 \"hello there\" 1000-1800 closed 2160"]);

    call.speech(800).silence(420).judged(0.9);
    let at_once = "3520 commit 1 2000-3300 ended 3100";
    assert_eq!(call.log().last().unwrap(), at_once, "at once when the answer is late");
}

#[test]
fn a_turn_that_sounds_unfinished_is_waited_for() {
    let mut call = Call::greeted();
    call.speech(800).silence(300).judged(0.1).recognised("I would like").silence(700);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000"]);
    call.speech(600).silence(260).judged(0.9).silence(100).recognised("I would like a haircut");
    assert_eq!(
        call.log(),
        [
            "2880 drop 0",
            "3600 speculate 0 700-3600",
            "3760 commit 0 700-3600 ended 3400",
            "3760 turn 0 \"I would like a haircut\" 1000-3400 closed 3760",
        ]
    );

    call.speech(800).silence(300).judged(0.1).recognised("it is about").silence(900);
    let closed = "5760 turn 1 \"it is about\" 3760-4560 closed 5760";
    assert_eq!(call.log().last().unwrap(), closed, "not for ever");
}

#[test]
fn words_that_break_off_are_waited_for_even_when_they_come_late() {
    let mut call = Call::greeted();
    call.speech(800).silence(520).recognised_as("my name is", Ending::Unfinished).silence(300);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2300 commit 0 700-2000 ended 1800"]);
    call.speech(600).silence(200).recognised("my name is Rahul").silence(300);
    assert_eq!(
        call.log(),
        ["2700 drop 0", "3420 speculate 0 700-3420", "3720 turn 0 \"my name is Rahul\" 1000-3220 closed 3720",]
    );
    call.speech(800).silence(520).recognised_as("and", Ending::Unfinished).silence(900);
    assert_eq!(call.log().last().unwrap(), "5720 turn 1 \"and\" 3720-4520 closed 5720");
}

#[test]
fn a_late_doubt_opens_the_turn_again_until_its_words_are_there() {
    let mut call = Call::greeted();
    call.speech(800).silence(560).judged(0.0).silence(200).speech(600).silence(200).recognised("both").silence(300);
    assert_eq!(
        call.log(),
        [
            "2000 speculate 0 700-2000",
            "2300 commit 0 700-2000 ended 1800",
            "2640 drop 0",
            "3360 speculate 0 700-3360",
            "3660 turn 0 \"both\" 1000-3160 closed 3660",
        ]
    );
    call.judged(0.0).silence(500);
    assert_eq!(call.log(), Vec::<String>::new(), "what was delivered stays delivered");
}

#[test]
fn an_answer_to_a_dropped_question_is_not_believed() {
    let mut call = Call::greeted();
    call.speech(800).silence(300).speech(600).silence(220);
    let stale = Input::EndOfTurn { utterance: UtteranceId(0), to: Ms(2_000), probability: 0.0 };
    call.put(stale).silence(280).recognised("all");
    assert_eq!(call.log().last().unwrap(), "3200 turn 0 \"all\" 1000-2700 closed 3200");
}

#[test]
fn in_a_dictation_every_group_sounds_finished() {
    let mut call = Call::greeted();
    call.expect(Expectation::Dictation, None).speech(1_000).silence(320).judged(0.99).silence(780);
    call.speech(300).silence(320).recognised_as("98765", Ending::Unfinished).silence(900);
    assert_eq!(call.log().last().unwrap(), "4600 turn 0 \"98765\" 1000-3400 closed 4600");
}

#[test]
fn a_number_that_is_nearly_whole_is_not_waited_for_as_long_as_a_part_of_it() {
    let closed = |ending| {
        let mut call = Call::greeted();
        call.expect(Expectation::Dictation, None)
            .speech(1_000)
            .silence(220)
            .recognised_as("9876", ending)
            .silence(1_800);
        let log = call.log();
        let turn = log.iter().find(|line| line.contains("turn 0")).unwrap();
        turn.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!((closed(Ending::Nearly).as_str(), closed(Ending::Unfinished).as_str()), ("2900", "3200"));
}

#[test]
fn yes_or_no_ends_sooner() {
    let mut call = Call::greeted();
    call.expect(Expectation::YesNo, None).speech(300).silence(200).recognised("yes").silence(200);
    assert_eq!(call.log(), ["1500 speculate 0 700-1500", "1700 turn 0 \"yes\" 1000-1300 closed 1700"]);
}

#[test]
fn a_dropped_speculation_that_answers_late_is_not_believed() {
    let mut call = Call::greeted();
    call.speech(800).silence(300).speech(600);
    call.put(Input::Transcript {
        utterance: UtteranceId(0),
        to: Ms(2_000),
        text: Pii("half".into()),
        confidence: 0.9,
        ending: Ending::Open,
    });
    call.silence(500);
    assert_eq!(call.log().last().unwrap(), "3200 commit 0 700-2900 ended 2700", "the half was not taken");
}

#[test]
fn a_failed_speculation_is_asked_for_again() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognition_fails().silence(300);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2300 commit 0 700-2100 ended 1800"]);
    call.recognition_fails();
    assert_eq!(call.log(), ["2300 failed 0"]);
}

#[test]
fn who_talks_without_end_is_answered_at_the_limit_and_heard_on() {
    let settings = TurnSettings { max_utterance_ms: 3_000, ..TurnSettings::default() };
    let mut call = Call::answered(settings);
    call.agent_says(1_000).silence(1_000).speech(3_000);
    assert_eq!(call.log(), ["4000 commit 0 700-4000 ended 4000"]);
    call.recognised("a long story").agent_says(1_000).speech(500);
    assert_eq!(
        call.log(),
        ["4000 turn 0 \"a long story\" 1000-4000 closed 4000"],
        "the rest of the story does not stop the answer"
    );
    call.silence(600);
    assert_eq!(call.log(), ["4640 speculate 1 4000-4640", "5000 commit 1 4000-4640 ended 4500"]);
}

#[test]
fn a_dead_line_ends_the_turn_by_the_clock() {
    let mut call = Call::greeted();
    call.speech(800).outage(600);
    assert_eq!(call.log(), ["2000 speculate 0 700-2000", "2300 commit 0 700-2000 ended 1800"]);
}

#[test]
fn after_a_dead_line_the_caller_begins_anew() {
    let mut call = Call::greeted();
    call.speech(800).outage(600).recognised("hello").log();
    call.agent_says(3_000).speech(400);
    assert_eq!(call.log(), ["2500 duck", "2700 pause"]);
}

#[test]
fn speech_that_was_cut_for_its_length_is_not_resumed() {
    let settings = TurnSettings { max_utterance_ms: 3_000, ..TurnSettings::default() };
    let mut call = Call::answered(settings);
    call.agent_says(1_000).silence(1_000).speech(3_000).silence(200).speech(400);
    assert_eq!(call.log(), ["4000 commit 0 700-4000 ended 4000"], "the first part is not taken back");
}

#[test]
fn the_rest_of_a_cut_speech_may_interrupt_after_a_pause() {
    let settings = TurnSettings { max_utterance_ms: 3_000, ..TurnSettings::default() };
    let mut call = Call::answered(settings);
    call.agent_says(1_000).silence(1_000).speech(3_200).recognised("a story").log();
    call.agent_says(4_000).speech(400).silence(320).speech(400);
    assert!(call.log().iter().any(|l| l.ends_with("pause")));
}

#[test]
fn when_too_many_turns_wait_for_their_words_the_oldest_fails() {
    let mut call = Call::greeted();
    for _ in 0..4 {
        call.speech(200).silence(1_000);
    }
    assert!(!call.log().iter().any(|l| l.contains("failed")));
    call.speech(200).silence(500);
    assert_eq!(call.log()[1..], ["6500 commit 4 5500-6200 ended 6000", "6500 drop 0", "6500 failed 0"]);
}

// ---- what is no turn ----

#[test]
fn noise_bursts_are_no_turn() {
    let mut call = Call::greeted();
    for _ in 0..4 {
        call.speech(100).silence(700);
    }
    assert_eq!(call.log(), Vec::<String>::new());
}

#[test]
fn a_short_sound_without_words_is_no_speech() {
    let mut call = Call::greeted();
    call.speech(300).silence(500).recognised(" . ").silence(3_000);
    assert_eq!(call.log(), ["1500 speculate 0 700-1500", "1800 commit 0 700-1500 ended 1300"]);
    call.silence(2_300);
    assert_eq!(call.log(), ["7000 no-input 1"], "the cough did not put the question off");
}

#[test]
fn a_long_sound_without_words_was_not_understood() {
    let mut call = Call::greeted();
    call.speech(900).silence(500).recognised("");
    assert_eq!(call.log().last().unwrap(), "2400 failed 0");
}

#[test]
fn a_short_sound_is_answered_once_patience_was_asked_for() {
    let mut call = Call::greeted();
    call.speech(300).silence(1_600);
    assert_eq!(call.log().last().unwrap(), "2800 fill 1 since 1300");
    call.agent_fills(500).silence(600).recognised("");
    assert_eq!(call.log(), ["3500 failed 0"]);
}

#[test]
fn a_transcript_that_never_comes_fails_the_turn() {
    let mut call = Call::greeted();
    call.speech(800).silence(500).log();
    call.agent_says(60_000).silence(5_400);
    assert_eq!(call.log(), ["7640 drop 0", "7640 failed 0"]);
    call.recognised("too late");
    assert_eq!(call.log(), Vec::<String>::new());
}

// ---- never silent ----

#[test]
fn a_call_that_is_answered_with_silence_is_filled() {
    let mut call = Call::answered(super::script::settings());
    call.silence(6_000);
    assert_eq!(call.log(), ["1500 fill 1 since 0", "5500 fill 2 since 0"]);
}

#[test]
fn sound_is_demanded_1500_ms_after_speech_and_every_4_s() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognised("what are your hours").silence(6_000);
    assert_eq!(call.log()[2..], ["3300 fill 1 since 1800", "7300 fill 2 since 1800"]);
}

#[test]
fn a_filler_does_not_pay_for_the_answer() {
    let mut call = Call::greeted();
    call.speech(800).silence(200).recognised("hours").silence(1_300).log();
    call.agent_fills(800).silence(5_000);
    assert_eq!(call.log(), ["8100 fill 2 since 1800"], "4 s after the end of the filler");
    call.agent_says(1_000).silence(6_900);
    assert_eq!(call.log(), Vec::<String>::new(), "paid: it is the caller's turn");
    call.silence(100);
    assert_eq!(call.log(), ["15300 no-input 1"]);
}

#[test]
fn an_announced_line_that_never_starts_does_not_count_as_sound() {
    let mut call = Call::greeted();
    call.speech(800).silence(500).recognised("hello").log();
    call.announce(true, false);
    call.silence(1_000);
    assert_eq!(call.log(), ["3300 fill 1 since 1800"]);
}

#[test]
fn a_line_that_stalls_or_is_lost_is_noticed() {
    let mut call = Call::greeted();
    call.agent_says(3_000).silence(1_000).put(Input::PlayoutStalled { line: LineId(1) });
    call.silence(1_500);
    assert_eq!(call.log(), ["3500 fill 1 since 2000"]);
    let mut call = Call::greeted();
    call.agent_says(3_000).playout_is_lost().silence(10_000);
    assert_eq!(call.log(), ["11000 no-input 1"], "6 s after the line was given up at 5000");
}

#[test]
fn a_gap_in_the_agents_lines_is_the_agents_to_fill() {
    let mut call = Call::greeted();
    let first = call.announce(true, false);
    call.announce(true, false);
    call.start(first, 1_000).silence(2_600);
    assert_eq!(call.log(), ["3500 fill 1 since 2000"]);
}

#[test]
fn a_line_that_the_driver_cut_leaves_the_agent_owing() {
    let mut call = Call::greeted();
    call.agent_says(3_000).silence(1_000).playout_is_lost();
    call.put(Input::PlayoutStopped { line: LineId(1), played_ms: 1_000, total_ms: 3_000 }).silence(1_500);
    assert_eq!(call.log(), ["3500 fill 1 since 2000"]);
}

#[test]
fn a_cough_does_not_pay_what_the_agent_owes() {
    let mut call = Call::greeted();
    call.silence(6_200).speech(300).silence(500).recognised("").log();
    call.silence(1_000);
    assert_eq!(call.log(), ["9000 fill 1 since 7500"], "the no-input was never answered");
}

#[test]
fn a_line_does_not_pay_for_a_turn_whose_words_are_still_awaited() {
    let mut call = Call::greeted();
    call.speech(800).silence(500).log();
    call.agent_says(1_000).silence(2_500);
    assert_eq!(call.log(), ["4800 fill 1 since 1800"]);
}

#[test]
fn no_input_counts_up_until_the_caller_is_heard() {
    let mut call = Call::greeted();
    call.silence(6_000).agent_says(1_000).silence(7_000);
    assert_eq!(call.log(), ["7000 no-input 1", "14000 no-input 2"]);
    call.agent_says(1_000).silence(1_000).speech(500).silence(500).recognised("yes").log();
    call.agent_says(1_000).silence(7_000);
    assert_eq!(call.log(), ["23000 no-input 1"]);
}

#[test]
fn no_input_that_nobody_answers_is_filled() {
    let mut call = Call::greeted();
    call.outage(12_000);
    assert_eq!(call.log(), ["7000 no-input 1", "8500 fill 1 since 7000", "12500 fill 2 since 7000"]);
}

#[test]
fn silence_on_hold_is_no_silence() {
    let mut call = Call::greeted();
    call.silence(5_000).hold(60_000).silence(5_000);
    assert_eq!(call.log(), Vec::<String>::new(), "the caller has 6 s from the end of the hold");
    call.silence(1_000);
    assert_eq!(call.log(), ["72000 no-input 1"]);
}

#[test]
fn a_line_that_a_hold_cut_in_two_goes_on_after_it() {
    let mut call = Call::greeted();
    call.agent_says(3_000).silence(1_000).hold(60_000).silence(2_000);
    assert_eq!(call.log(), Vec::<String>::new(), "neither lost nor filled over");
    call.silence(6_000);
    assert_eq!(call.log(), ["70000 no-input 1"], "6 s after its end at 64000");
}

#[test]
fn words_before_a_hold_are_a_turn_whose_answer_is_owed_after_it() {
    let mut call = Call::greeted();
    call.speech(800).put(Input::Hold(true)).recognised("an appointment please");
    assert_eq!(
        call.log(),
        ["1800 commit 0 700-1800 ended 1800", "1800 turn 0 \"an appointment please\" 1000-1800 closed 1800"]
    );
    call.hold(60_000).silence(1_400);
    assert_eq!(call.log(), Vec::<String>::new());
    call.silence(100);
    assert_eq!(call.log(), ["63300 fill 1 since 61800"]);
}

#[test]
fn what_is_heard_on_hold_is_nobodys_turn() {
    let mut call = Call::greeted();
    call.agent_says(3_000).put(Input::Hold(true)).speech(2_000).put(Input::Dtmf { digit: '1' });
    call.put(Input::Hold(false));
    assert_eq!(call.log(), Vec::<String>::new(), "the holder's music neither interrupts nor speaks");
}

#[test]
fn nothing_is_expected_so_silence_is_filled() {
    let mut call = Call::greeted();
    call.expect(Expectation::None, None).silence(4_100);
    assert_eq!(call.log(), ["5000 fill 1 since 1000"]);
}

#[test]
fn a_caller_who_speaks_is_not_filled_over() {
    let mut call = Call::greeted();
    call.speech(800).silence(500).recognised("book").log();
    call.silence(300).speech(3_000);
    assert_eq!(call.log(), Vec::<String>::new());
    call.silence(1_500);
    assert_eq!(call.log().last().unwrap(), "7100 fill 1 since 5600");
}

// ---- keypad ----

#[test]
fn digits_end_by_hash_by_length_or_by_a_pause() {
    let mut call = Call::greeted();
    call.keys("98#");
    assert_eq!(call.log(), ["1400 digits 98"]);
    call.agent_says(200).expect(Expectation::YesNo, Some(1)).keys("1");
    assert_eq!(call.log(), ["1600 stop", "1600 digits 1", "1600 barge-in 1 0/200"]);
    call.agent_says(200).silence(300).expect(Expectation::Dictation, None).keys("9876").silence(3_800);
    assert_eq!(call.log(), ["6700 digits 9876"]);
}

#[test]
fn the_hash_behind_a_full_entry_does_not_stop_its_answer() {
    let mut call = Call::greeted();
    call.expect(Expectation::Dictation, Some(2)).keys("98");
    assert_eq!(call.log(), ["1200 digits 98"]);
    call.agent_says(3_000).silence(200).keys("#").silence(600);
    assert_eq!(call.log(), Vec::<String>::new());
    call.keys("#");
    assert_eq!(call.log().len(), 2, "one more is a key as any other: it stops the line");
}

#[test]
fn star_begins_anew_and_an_empty_entry_is_none() {
    let mut call = Call::greeted();
    call.keys("12*34#");
    assert_eq!(call.log(), ["2000 digits 34"]);
    let mut call = Call::greeted();
    call.keys("1*#A");
    call.silence(6_000);
    assert_eq!(call.log(), ["7600 no-input 1"], "6 s after the last key");
}

#[test]
fn a_key_stops_the_line_but_not_the_notice() {
    let mut call = Call::greeted();
    call.agent_says(3_000).silence(500).keys("1");
    assert_eq!(call.log(), ["1500 stop", "1500 barge-in 1 500/3000"]);
    let mut call = Call::greeted();
    call.agent_notifies(3_000).silence(500).keys("1");
    assert_eq!(call.log(), Vec::<String>::new());
}

#[test]
fn the_tone_of_a_key_is_not_speech() {
    let mut call = Call::greeted();
    call.speech(100).put(Input::Dtmf { digit: '5' });
    call.speech(180).silence(600);
    assert_eq!(call.log(), Vec::<String>::new());
}
