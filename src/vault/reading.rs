//! A recording as a WAV file that is read in parts, wherever it lies and however it is kept.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::keys::MasterKeys;
use super::remote::Object;
use super::sealed::{self, CHUNK_BYTES, HEADER_BYTES, Opener, SLOT_BYTES};
use super::wav;

/// The most that one read gives.
const MOST_BYTES: u64 = 64 * 1_024;

/// Where the bytes lie.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(Arc<File>),
    Remote(Object),
}

impl Place {
    async fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        match self {
            Self::Local(file) => {
                let file = Arc::clone(file);
                let read = move || {
                    let mut bytes = vec![0; (range.end - range.start) as usize];
                    file.read_exact_at(&mut bytes, range.start).map(|()| bytes)
                };
                tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
            }
            Self::Remote(object) => object.read(range).await,
        }
    }
}

#[derive(Debug)]
enum Kind {
    Plain,
    Sealed { opener: Box<Opener>, file_bytes: u64 },
}

/// A recording that is open for reading.
#[derive(Debug)]
pub struct Recording {
    place: Place,
    kind: Kind,
    length: u64,
}

impl Recording {
    /// A plain WAV file of so many bytes.
    pub(super) fn plain(place: Place, length: u64) -> Self {
        Self { place, kind: Kind::Plain, length }
    }

    /// A sealed file of so many bytes, called `name` ([`sealed::bound_name`]).
    pub(super) async fn sealed(
        place: Place,
        file_bytes: u64,
        name: &str,
        keys: Option<&MasterKeys>,
    ) -> io::Result<Self> {
        let no_key = || io::Error::new(io::ErrorKind::InvalidData, "the recording is sealed, and no key is given");
        let header = place.read(0..HEADER_BYTES.min(file_bytes)).await?;
        let opener = Box::new(Opener::new(&header, name, keys.ok_or_else(no_key)?)?);
        let length = wav::HEADER_BYTES + sealed::data_bytes(file_bytes);
        Ok(Self { place, kind: Kind::Sealed { opener, file_bytes }, length })
    }

    /// Bytes of the WAV file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads from the beginning of the range, at most 64 KiB; nothing behind the end.
    ///
    /// # Errors
    /// When the file or the object store cannot be read, or a part of it is not as it was written.
    pub async fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let from = range.start.min(self.length);
        let until = range.end.min(self.length).min(from + MOST_BYTES).max(from);
        if from == until {
            return Ok(Vec::new());
        }
        let Kind::Sealed { opener, file_bytes } = &self.kind else { return self.place.read(from..until).await };
        let data_bytes = self.length - wav::HEADER_BYTES;
        let mut bytes = Vec::with_capacity((until - from) as usize);
        if from < wav::HEADER_BYTES {
            let header = wav::header(u32::try_from(data_bytes).unwrap_or(u32::MAX));
            bytes.extend(&header[from as usize..until.min(wav::HEADER_BYTES) as usize]);
        }
        let data = from.max(wav::HEADER_BYTES) - wav::HEADER_BYTES..until.max(wav::HEADER_BYTES) - wav::HEADER_BYTES;
        if !data.is_empty() {
            let (first, last) = (data.start / CHUNK_BYTES, (data.end - 1) / CHUNK_BYTES);
            let slots = HEADER_BYTES + first * SLOT_BYTES..(HEADER_BYTES + (last + 1) * SLOT_BYTES).min(*file_bytes);
            let sealed = self.place.read(slots).await?;
            let mut plain = Vec::with_capacity(sealed.len());
            for (slot, index) in sealed.chunks(SLOT_BYTES as usize).zip(first..) {
                plain.extend(opener.open(index, slot)?);
            }
            let skip = (data.start - first * CHUNK_BYTES) as usize;
            let wanted = plain.get(skip..skip + (data.end - data.start) as usize);
            bytes.extend(wanted.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the recording is short"))?);
        }
        Ok(bytes)
    }

    /// Writes the whole WAV file to a new file, for the owner of the process only.
    ///
    /// # Errors
    /// As [`Recording::read`], or when the file is there already or cannot be written.
    pub async fn save(&self, to: &Path) -> io::Result<()> {
        let file = {
            use std::os::unix::fs::OpenOptionsExt;
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?
        };
        let mut at = 0;
        while at < self.length {
            let part = self.read(at..self.length).await?;
            file.write_all_at(&part, at)?;
            at += part.len() as u64;
        }
        file.sync_all()
    }
}
