use super::*;

#[test]
fn the_manifest_is_consistent() {
    let mut names: Vec<&str> = MODELS.iter().flat_map(|model| model.files).map(|file| file.name).collect();
    for file in MODELS.iter().flat_map(|model| model.files) {
        assert_eq!(file.sha256.len(), 64, "{}", file.name);
        assert!(file.bytes > 0, "{}", file.name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two models write the same file");
}

#[test]
fn a_missing_model_says_where_and_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let message = store.locate("whisper-base").unwrap_err().to_string();
    assert!(message.contains("vca models pull") && message.contains("make run"), "{message}");
    assert!(message.contains(dir.path().to_str().unwrap()), "{message}");
    assert!(store.locate("whisper-huge").unwrap_err().to_string().contains("piper-joe"));
    assert!(matches!(store.locate("ggml-small.bin"), Err(ModelError::Missing { .. })));
}

#[test]
fn state_and_verify_see_missing_short_and_altered_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let model = ModelStore::find("silero-vad").unwrap();
    assert_eq!(store.state(model), ModelState::Missing);
    let path = dir.path().join(model.files[0].name);
    std::fs::write(&path, b"short").unwrap();
    assert_eq!(store.state(model), ModelState::Damaged);
    assert!(matches!(store.verify(model), Err(ModelError::Damaged { .. })));
}

#[test]
fn a_url_must_name_a_file() {
    let store = ModelStore::new(tempfile::tempdir().unwrap().path());
    for url in ["http://host/", "http://host", "nonsense", "http://host/dir/.hidden"] {
        assert!(matches!(store.pull_url(url, &mut |_| {}), Err(ModelError::Url(_))), "{url}");
    }
}

#[test]
fn curl_fetches_resumes_and_reports() {
    let from = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let source = from.path().join("voice.onnx");
    std::fs::write(&source, b"0123456789").unwrap();
    // What an interrupted run left behind.
    std::fs::write(to.path().join("voice.onnx.part"), b"01234").unwrap();
    let store = ModelStore::new(to.path());
    let url = format!("file://{}", source.display());
    let path = store.pull_url(&url, &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"0123456789");
    let error = store.pull_url(&format!("{url}.absent"), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("voice.onnx.absent"), "{error}");
}

#[test]
fn the_default_models_are_whole() {
    let store = ModelStore::default();
    for model in MODELS.iter().filter(|model| model.default) {
        store.verify(model).unwrap();
        let pulled = store.pull(model, &mut |progress| panic!("{progress:?} for what is already here")).unwrap();
        assert!(!pulled);
    }
}

#[test]
fn a_second_pull_waits_for_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let downloads = dir.path().join(".download");
    std::fs::create_dir(&downloads).unwrap();
    let held = File::create(downloads.join("lock")).unwrap();
    held.lock().unwrap();
    let store = ModelStore::new(dir.path());
    let mut held = Some(held);
    let mut waited = false;
    let mut on_progress = |progress: Progress<'_>| {
        if matches!(progress, Progress::Waiting { .. }) {
            waited = true;
            held = None;
        }
    };
    let error = store.pull_url("file:///nowhere/at.all", &mut on_progress).unwrap_err();
    assert!(matches!(error, ModelError::Download { .. }), "{error}");
    assert!(waited);
}
