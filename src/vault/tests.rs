//! Sealed recordings: written, read in parts, killed, tampered with.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::sealed::{self, CHUNK_BYTES, HEADER_BYTES, SLOT_BYTES, Sealer};
use super::*;
use crate::domain::{CallId, Secret, TenantId};

const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn keys(text: &str) -> Arc<MasterKeys> {
    Arc::new(MasterKeys::parse(text).unwrap())
}

fn ids() -> (TenantId, CallId) {
    (TenantId::from_uuid(uuid::Uuid::from_u128(7)), CallId::from_uuid(uuid::Uuid::from_u128(9)))
}

/// Half seconds, each of its own bytes, the last one shorter.
fn samples() -> Vec<u8> {
    (0..3 * CHUNK_BYTES + 4_000).map(|at| (at / 7 % 251 + 1) as u8).collect()
}

fn write(folder: &Path, keys: &MasterKeys, samples: &[u8]) -> std::path::PathBuf {
    let (tenant, call) = ids();
    let folder = folder.join(tenant.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{call}.{}", sealed::EXTENSION));
    let mut sealer = Sealer::create(&path, keys).unwrap();
    // In pieces that end within a slot.
    for (part, at) in samples.chunks(6_000).zip((0..).step_by(6_000)) {
        sealer.write_at(at, part).unwrap();
    }
    path
}

async fn read(folder: &Path, keys: &Arc<MasterKeys>) -> io::Result<Vec<u8>> {
    let (tenant, call) = ids();
    let recording = Recordings::new(folder.to_owned(), Some(Arc::clone(keys)), None).open(tenant, call).await?;
    let mut whole = Vec::new();
    while (whole.len() as u64) < recording.length() {
        whole.extend(recording.read(whole.len() as u64..recording.length()).await?);
    }
    Ok(whole)
}

#[tokio::test]
async fn what_is_sealed_reads_as_the_wav_and_its_bytes_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, samples) = (keys(ONE), samples());
    let path = write(folder.path(), &keys, &samples);
    let raw = std::fs::read(&path).unwrap();
    assert!(!raw.windows(64).any(|window| window == &samples[100..164]), "nothing of it stands in the file");
    let whole = read(folder.path(), &keys).await.unwrap();
    let mut expected = wav::header(samples.len() as u32).to_vec();
    expected.extend(&samples);
    assert_eq!(whole, expected);
    assert_eq!(hound::WavReader::new(whole.as_slice()).unwrap().duration(), samples.len() as u32 / 4);
    let (tenant, call) = ids();
    let recording = Recordings::new(folder.path().to_owned(), Some(keys), None).open(tenant, call).await.unwrap();
    for (from, until) in
        [(0, 10), (40, 50), (44, 16_044), (16_043, 16_045), (30_000, 47_000), (51_999, 60_000), (70_000, 80_000)]
    {
        let part = recording.read(from..until).await.unwrap();
        let (from, until) = (from.min(expected.len() as u64) as usize, until.min(expected.len() as u64) as usize);
        assert_eq!(part, expected[from..until], "{from}..{until}");
    }
}

#[tokio::test]
async fn another_key_another_place_and_another_name_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &keys(ONE), &samples());
    assert!(read(folder.path(), &keys(TWO)).await.unwrap_err().to_string().contains("not given"));
    // After a change of keys the old one still opens.
    assert!(read(folder.path(), &keys(&format!("{TWO}\n{ONE} # until 2027"))).await.is_ok());
    let bytes = std::fs::read(&path).unwrap();
    let slot =
        |index: u64| (HEADER_BYTES + index * SLOT_BYTES) as usize..(HEADER_BYTES + (index + 1) * SLOT_BYTES) as usize;
    let mut swapped = bytes.clone();
    swapped[slot(0)].copy_from_slice(&bytes[slot(1)]);
    std::fs::write(&path, swapped).unwrap();
    assert!(read(folder.path(), &keys(ONE)).await.is_err(), "a slot in another's place");
    let mut changed = bytes.clone();
    changed[HEADER_BYTES as usize + 100] ^= 1;
    std::fs::write(&path, changed).unwrap();
    assert!(read(folder.path(), &keys(ONE)).await.is_err(), "a changed byte");
    std::fs::remove_file(&path).unwrap();
    let (tenant, _) = ids();
    let (other, call) = (TenantId::from_uuid(uuid::Uuid::from_u128(8)), ids().1);
    assert_ne!(tenant, other);
    std::fs::create_dir_all(folder.path().join(other.to_string())).unwrap();
    std::fs::write(folder.path().join(other.to_string()).join(format!("{call}.vcar")), bytes).unwrap();
    let elsewhere = Recordings::new(folder.path().to_owned(), Some(keys(ONE)), None).open(other, call).await;
    assert!(elsewhere.is_err(), "another tenant's name");
}

#[tokio::test]
async fn a_file_is_whole_after_every_write_and_a_torn_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, samples) = (keys(ONE), samples());
    let path = write(folder.path(), &keys, &samples[..20_000]);
    let whole = read(folder.path(), &keys).await.unwrap();
    assert_eq!(whole[44..], samples[..20_000], "without being closed");
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[9; 30], HEADER_BYTES + SLOT_BYTES + 200).unwrap();
    assert!(read(folder.path(), &keys).await.is_err());
    assert_eq!(sealed::repair(&path, &keys).unwrap(), 500);
    assert_eq!(sealed::repair(&path, &keys).unwrap(), 500);
    assert_eq!(read(folder.path(), &keys).await.unwrap()[44..], samples[..16_000]);
}

#[tokio::test]
async fn holes_are_silence_and_nothing_is_written_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(ONE);
    let path = write(folder.path(), &keys, &[]);
    let mut sealer = Sealer::create(&path, &keys).unwrap();
    sealer.write_at(100, &[5; 8]).unwrap();
    sealer.write_at(3 * CHUNK_BYTES + 4, &[6; 4]).unwrap();
    assert!(sealer.write_at(200, &[7; 4]).is_err());
    let data = read(folder.path(), &keys).await.unwrap().split_off(44);
    let mut expected = vec![0; 3 * CHUNK_BYTES as usize + 8];
    expected[100..108].fill(5);
    expected[3 * CHUNK_BYTES as usize + 4..].fill(6);
    assert!(data == expected, "silence around what was written");
}

#[test]
fn keys_are_hexadecimal_and_never_shown() {
    for (text, error) in [("", KeyError::Empty), ("# none\n", KeyError::Empty), ("1234", KeyError::Malformed(1))] {
        assert_eq!(MasterKeys::parse(text).unwrap_err(), error);
    }
    assert_eq!(MasterKeys::parse(&format!("{ONE},{}", &TWO[1..])).unwrap_err(), KeyError::Malformed(2));
    assert!(!format!("{:?}", keys(ONE)).contains("1111"));
}

#[tokio::test]
async fn plain_recordings_are_read_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (tenant, call) = ids();
    let recordings = Recordings::new(folder.path().to_owned(), None, None);
    assert_eq!(recordings.open(tenant, call).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    let own = folder.path().join(tenant.to_string());
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join(format!("{call}.wav")), b"RIFFwhatever").unwrap();
    std::fs::write(own.join("notes.txt"), b"").unwrap();
    let recording = recordings.open(tenant, call).await.unwrap();
    assert_eq!(recording.read(4..100).await.unwrap(), b"whatever");
    let copy = folder.path().join("copy.wav");
    recording.save(&copy).await.unwrap();
    assert_eq!(std::fs::read(copy).unwrap(), b"RIFFwhatever");
    assert_eq!(recordings.local(10).await.unwrap(), [(tenant, call)]);
    assert!(recordings.delete(tenant, call).await.unwrap());
    assert!(!recordings.delete(tenant, call).await.unwrap());
    assert!(recordings.local(10).await.unwrap().is_empty());
}

/// A bucket of the test's own: what it holds, and the requests that it was sent.
#[derive(Default)]
struct Objects {
    held: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

fn object_store() -> (std::net::SocketAddr, Arc<Objects>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let objects = Arc::<Objects>::default();
    let shared = Arc::clone(&objects);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let objects = Arc::clone(&shared);
            std::thread::spawn(move || while serve_one(&stream, &objects).is_some() {});
        }
    });
    (addr, objects)
}

/// Answers one request as S3 does.
fn serve_one(mut stream: &TcpStream, objects: &Objects) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let signed = headers.get("authorization").is_some_and(|signed| {
        signed.starts_with("AWS4-HMAC-SHA256 Credential=access/") && signed.contains("Signature=")
    });
    objects.asked.lock().unwrap().push(format!("{method} {path}"));
    let mut held = objects.held.lock().unwrap();
    let found = held.get(&path).cloned();
    let about = "ETag: \"1\"\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n";
    let (head, content) = match (method.as_str(), found) {
        _ if !signed => ("403 Forbidden\r\n".to_owned(), Vec::new()),
        ("PUT", _) => {
            held.insert(path, body);
            (format!("200 OK\r\n{about}"), Vec::new())
        }
        ("DELETE", _) => {
            held.remove(&path);
            ("204 No Content\r\n".to_owned(), Vec::new())
        }
        ("HEAD" | "GET", None) => ("404 Not Found\r\n".to_owned(), Vec::new()),
        ("HEAD", Some(found)) => {
            let head = format!("HTTP/1.1 200 OK\r\n{about}Content-Length: {}\r\n\r\n", found.len());
            stream.write_all(head.as_bytes()).ok()?;
            return Some(());
        }
        ("GET", Some(found)) => {
            let (from, until) = headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
            let (from, until): (usize, usize) = (from.parse().ok()?, until.parse().ok()?);
            let until = until.min(found.len() - 1);
            let head = format!("206 Partial Content\r\n{about}Content-Range: bytes {from}-{until}/{}\r\n", found.len());
            (head, found[from..=until].to_vec())
        }
        _ => ("405 Method Not Allowed\r\n".to_owned(), Vec::new()),
    };
    let head = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n", content.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&content).ok()
}

fn client() -> reqwest::Client {
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

#[tokio::test]
async fn a_recording_goes_to_the_bucket_is_read_there_in_parts_and_removed() {
    let (addr, objects) = object_store();
    let settings = BucketSettings {
        bucket: "calls".to_owned(),
        prefix: "recordings".to_owned(),
        endpoint: format!("http://{addr}"),
        region: "ap-south-1".to_owned(),
        access_key: "access".to_owned(),
        secret_key: Secret::new("secret"),
    };
    let bucket = Bucket::new(&settings, client()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (keys, samples) = (keys(ONE), samples());
    let path = write(folder.path(), &keys, &samples);
    let sealed = std::fs::read(&path).unwrap();
    let (tenant, call) = ids();
    let recordings = Recordings::new(folder.path().to_owned(), Some(Arc::clone(&keys)), Some(bucket));
    recordings.upload(tenant, call).await.unwrap();
    assert!(!path.exists(), "the bucket has it");
    let name = format!("/calls/recordings/{tenant}/{call}.vcar");
    assert_eq!(objects.held.lock().unwrap()[&name], sealed, "as it was sealed");
    let recording = recordings.open(tenant, call).await.unwrap();
    assert_eq!(recording.length(), 44 + samples.len() as u64);
    assert_eq!(recording.read(16_000..40_000).await.unwrap(), samples[16_000 - 44..40_000 - 44]);
    recordings.upload(tenant, call).await.unwrap();
    recordings.delete(tenant, call).await.unwrap();
    assert!(objects.held.lock().unwrap().is_empty());
    assert_eq!(recordings.open(tenant, call).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    let asked = objects.asked.lock().unwrap();
    assert_eq!(
        asked[..2],
        [format!("PUT {name}"), format!("HEAD {name}")],
        "the file goes only once that is confirmed"
    );
}

#[tokio::test]
async fn a_bucket_that_refuses_leaves_the_recording_here() {
    let (addr, _objects) = object_store();
    let settings = BucketSettings {
        bucket: "calls".to_owned(),
        prefix: String::new(),
        endpoint: format!("http://{addr}"),
        region: "ap-south-1".to_owned(),
        access_key: "somebody".to_owned(),
        secret_key: Secret::new("secret"),
    };
    let bucket = Bucket::new(&settings, client()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &keys(ONE), &samples());
    let recordings = Recordings::new(folder.path().to_owned(), Some(keys(ONE)), Some(bucket));
    let (tenant, call) = ids();
    let refused = recordings.upload(tenant, call).await.unwrap_err().to_string();
    assert!(!refused.contains("secret"), "{refused}");
    assert!(path.exists());
    assert!(recordings.open(tenant, call).await.is_ok());
}
