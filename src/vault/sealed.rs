//! A sealed recording: AES-256-GCM over half seconds, each of which opens on its own.
//!
//! ```text
//!  0        8       12        20      32        80
//!  ├ magic ─┼ chunk ─┼ key id ─┼ nonce ┼ wrapped ┼─ slot 0 ─┬─ slot 1 ─┬ … ┬─ last slot, may be shorter ─┤
//!                                                 nonce 12 │ samples 16000 │ tag 16
//! ```
//!
//! The file has a key of its own, wrapped by a master key and bound to the file's name (`<tenant>/<call>`), and each slot
//! is bound to its place, so that neither can stand for another. A slot that was never written reads as zeros in a file
//! with a hole: silence. The head of the WAV is not kept but made anew from the length. A process that is killed leaves
//! a file that opens up to its last slot. What is not noticed is a file that was cut off at the boundary of a slot.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use ring::aead::LessSafeKey;

use super::keys::{self, MasterKeys};
use super::wav;

/// What the name of a sealed recording ends in.
pub const EXTENSION: &str = "vcar";

const MAGIC: &[u8; 8] = b"VCASEAL1";
/// Magic, bytes of a chunk, and the wrapped key.
pub(super) const HEADER_BYTES: u64 = 80;
/// Samples of one slot: half a second, as the recorder writes it.
pub(super) const CHUNK_BYTES: u64 = 16_000;
/// Nonce and tag.
const OVERHEAD: u64 = 28;
pub(super) const SLOT_BYTES: u64 = CHUNK_BYTES + OVERHEAD;

/// The name that a recording's key is bound to: its tenant and its call, by the last two parts of the path.
pub fn bound_name(path: &Path) -> String {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", part(path.parent().and_then(Path::file_name)), part(path.file_stem()))
}

/// Writes one sealed recording.
#[derive(Debug)]
pub struct Sealer {
    file: File,
    key: LessSafeKey,
    /// The slot that was written last, and what is in it.
    tail: (u64, Vec<u8>),
}

impl Sealer {
    /// Makes the file, for the owner of the process only; a file that is there is replaced.
    ///
    /// # Errors
    /// When the file cannot be written, or the system gives no random numbers.
    pub fn create(path: &Path, keys: &MasterKeys) -> io::Result<Self> {
        let (key, wrapped) = keys.new_key(&aad_of_name(&bound_name(path)))?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut header = MAGIC.to_vec();
        header.extend((CHUNK_BYTES as u32).to_le_bytes());
        header.extend(wrapped);
        debug_assert_eq!(header.len() as u64, HEADER_BYTES);
        file.write_all_at(&header, 0)?;
        Ok(Self { file, key, tail: (0, Vec::new()) })
    }

    /// Writes samples at their place, at or behind those that were written last; what is left out is silence.
    ///
    /// # Errors
    /// When the disk fails, the file would be longer than a WAV may be, or the place lies before what was written last.
    pub fn write_at(&mut self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        if at + bytes.len() as u64 > wav::MAX_DATA_BYTES {
            return Err(io::Error::other("a WAV file holds no more than 37 hours"));
        }
        while !bytes.is_empty() {
            let (index, offset) = (at / CHUNK_BYTES, at % CHUNK_BYTES);
            if index < self.tail.0 {
                return Err(io::Error::other("a sealed recording is written forwards"));
            }
            if index > self.tail.0 {
                self.leave_tail(index)?;
            }
            let (now, rest) = bytes.split_at((bytes.len() as u64).min(CHUNK_BYTES - offset) as usize);
            let (from, until) = (offset as usize, offset as usize + now.len());
            let plain = &mut self.tail.1;
            plain.resize(plain.len().max(until), 0);
            plain[from..until].copy_from_slice(now);
            self.write_tail()?;
            (at, bytes) = (at + now.len() as u64, rest);
        }
        Ok(())
    }

    /// Goes on to a later slot; one that is left before it was full is filled with silence.
    fn leave_tail(&mut self, next: u64) -> io::Result<()> {
        if !self.tail.1.is_empty() && (self.tail.1.len() as u64) < CHUNK_BYTES {
            self.tail.1.resize(CHUNK_BYTES as usize, 0);
            self.write_tail()?;
        }
        self.tail = (next, Vec::new());
        Ok(())
    }

    fn write_tail(&self) -> io::Result<()> {
        let (index, plain) = &self.tail;
        let slot = keys::seal(&self.key, &aad_of_slot(*index), plain)?;
        self.file.write_all_at(&slot, HEADER_BYTES + index * SLOT_BYTES)
    }
}

/// Opens the slots of one sealed recording.
#[derive(Debug)]
pub(super) struct Opener {
    key: LessSafeKey,
}

impl Opener {
    /// Reads the head of the file that is called `name` ([`bound_name`]).
    pub fn new(header: &[u8], name: &str, keys: &MasterKeys) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a sealed recording of this program");
        let rest = header.strip_prefix(MAGIC).filter(|_| header.len() as u64 == HEADER_BYTES).ok_or_else(invalid)?;
        let (chunk, wrapped) = rest.split_at(4);
        if chunk != (CHUNK_BYTES as u32).to_le_bytes() {
            return Err(invalid());
        }
        Ok(Self { key: keys.unwrap_key(&aad_of_name(name), wrapped)? })
    }

    /// The samples of a slot.
    pub fn open(&self, index: u64, slot: &[u8]) -> io::Result<Vec<u8>> {
        if slot.iter().all(|byte| *byte == 0) {
            return Ok(vec![0; slot.len().saturating_sub(OVERHEAD as usize)]);
        }
        keys::open(&self.key, &aad_of_slot(index), slot)
    }
}

/// Bytes of samples in a sealed file of so many bytes.
pub(super) fn data_bytes(file_bytes: u64) -> u64 {
    let body = file_bytes.saturating_sub(HEADER_BYTES);
    body / SLOT_BYTES * CHUNK_BYTES + (body % SLOT_BYTES).saturating_sub(OVERHEAD)
}

/// Cuts off what a power cut has left of a last slot that does not open, and returns the length in milliseconds.
///
/// # Errors
/// When the file cannot be read or written, or its key is not given.
pub fn repair(path: &Path, keys: &MasterKeys) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = [0; HEADER_BYTES as usize];
    file.read_exact_at(&mut header, 0)?;
    let opener = Opener::new(&header, &bound_name(path), keys)?;
    let mut length = file.metadata()?.len();
    let body = length - HEADER_BYTES;
    if body > 0 {
        let index = (body - 1) / SLOT_BYTES;
        let at = HEADER_BYTES + index * SLOT_BYTES;
        let mut slot = vec![0; (length - at) as usize];
        file.read_exact_at(&mut slot, at)?;
        if opener.open(index, &slot).is_err() {
            file.set_len(at)?;
            length = at;
        }
    }
    Ok(wav::milliseconds(data_bytes(length)))
}

fn aad_of_name(name: &str) -> Vec<u8> {
    [MAGIC.as_slice(), b"name ", name.as_bytes()].concat()
}

fn aad_of_slot(index: u64) -> Vec<u8> {
    [MAGIC.as_slice(), b"slot ", &index.to_le_bytes()].concat()
}
