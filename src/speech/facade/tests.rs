use std::time::{Duration, Instant};

use super::*;
use crate::speech::Expect;
use crate::speech::fake::{FakeStt, FakeTts, Scripted};
use crate::speech::pool::Class;

fn soon() -> Priority {
    Priority { deadline: Instant::now() + Duration::from_secs(5), class: Class::Final }
}

#[tokio::test]
async fn fakes_speak_and_hear_through_the_pool() {
    let dir = tempfile::tempdir().unwrap();
    let stt = FakeStt::new([Scripted::Text("hello".into()), Scripted::Fail, Scripted::Panic]);
    let speech = Speech::with_engines(Arc::new(stt), Arc::new(FakeTts::default()), dir.path()).unwrap();
    let hear = || speech.transcribe(vec![0; 800], SttOptions::default(), soon()).unwrap();
    assert_eq!(hear().await.unwrap().unwrap().text, "hello");
    assert!(hear().await.unwrap().is_err());
    assert!(hear().await.is_err(), "a panic is an error of the job");

    let (mut chunks, done) = speech.speak("one two".into(), soon()).unwrap();
    let mut samples = 0;
    while let Some(chunk) = chunks.recv().await {
        samples += chunk.len();
    }
    assert_eq!(samples, 2 * 1600);
    done.await.unwrap().unwrap();
    assert_eq!(speech.new_vad().push(&[0; 160]).probability, 0.0);
}

#[test]
fn missing_models_are_named_with_the_way_to_get_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpeechConfig { models_dir: dir.path().to_owned(), ..SpeechConfig::new(dir.path().join("prompts")) };
    let error = Speech::load(&config).unwrap_err().to_string();
    assert!(error.contains("vca models pull") || error.contains("default features"), "{error}");
}

/// Words as a person compares them: case and punctuation aside, digits one by one and as words.
#[cfg(all(feature = "whisper", feature = "piper"))]
fn words(text: &str) -> Vec<String> {
    const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let mut spaced = String::new();
    for letter in text.chars() {
        match letter.to_digit(10) {
            Some(digit) => spaced.extend([" ", DIGITS[digit as usize], " "]),
            None if letter.is_alphabetic() || letter == '\'' => spaced.extend(letter.to_lowercase()),
            None => spaced.push(' '),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[cfg(all(feature = "whisper", feature = "piper"))]
#[tokio::test(flavor = "multi_thread")]
async fn what_piper_says_through_a_law_whisper_hears() {
    let dir = tempfile::tempdir().unwrap();
    let mut speech = Speech::load(&SpeechConfig::new(dir.path().join("unused"))).unwrap();
    // The same audio every time, so that the test is about the program and not about luck.
    let voice = crate::speech::models::ModelStore::default().locate("piper-joe").unwrap();
    speech.tts = Arc::new(crate::speech::tts::Piper::load(&voice).unwrap().with_variation(0.0));
    speech.prompts = Arc::new(PromptCache::open(dir.path(), Arc::clone(&speech.tts)).unwrap());
    let sentences = [
        "I would like to book an appointment for tomorrow morning.",
        "My tooth has been hurting since last night.",
        "Please call me back this evening.",
        "nine eight seven six five four three two one zero",
        "nine nine eight zero one two three four five six",
        "Yes, that is correct.",
        "Hello.",
    ];
    let texts: Vec<String> = sentences.iter().map(|&text| text.to_owned()).collect();
    let prepared = speech.prompts.prepare(&speech.pool, &texts, &mut |_, _| {}).await;
    assert!(prepared.failed.is_empty(), "{:?}", prepared.failed);
    for sentence in sentences {
        let audio = speech.prompts.get(sentence).unwrap().to_pcm();
        let began = Instant::now();
        let expect = if sentence.starts_with("nine") { Expect::Digits } else { Expect::General };
        let options = SttOptions { expect, ..SttOptions::default() };
        let heard = speech.transcribe(audio, options, soon()).unwrap().await.unwrap().unwrap();
        assert_eq!(words(&heard.text), words(sentence), "{heard:?}");
        assert!(heard.confidence > 0.5, "{heard:?}");
        eprintln!("{sentence:?}: {heard:?} in {:?}", began.elapsed());
    }
}

#[cfg(all(feature = "whisper", feature = "piper"))]
#[test]
fn a_short_word_does_not_run_away() {
    use crate::speech::models::ModelStore;
    use crate::speech::stt::{Tuning, Whisper};
    use crate::speech::tts::Piper;
    let models = ModelStore::default();
    let piper = Piper::load(&models.locate("piper-joe").unwrap()).unwrap();
    let whisper =
        Whisper::load_with(&models.locate("whisper-base").unwrap(), Tuning { slack: Some(0), ..Tuning::default() })
            .unwrap();
    let cancel = CancelFlag::new();
    for word in ["Hello.", "Yes.", "No."] {
        let audio = crate::speech::synthesize_all(&piper, word, &cancel).unwrap();
        // Half a second, cut off in the word, is what a false start looks like.
        for audio in [&audio[..], &audio[..audio.len().min(2000)]] {
            let heard = whisper.transcribe(audio, &SttOptions::default(), &cancel).unwrap();
            assert!(heard.text.split_whitespace().count() <= 4, "{heard:?}");
        }
    }
}
