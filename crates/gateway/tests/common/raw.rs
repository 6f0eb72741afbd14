//! Bytes as they are: an upstream that plays a script, and a caller that writes what it likes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// The longest that a raw caller waits for bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a scripted upstream does after it has read a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these bytes.
    Say(String),
    /// Writes this again and again for as long as somebody takes it, and counts the bytes.
    Flood(String, Arc<AtomicUsize>),
    /// Keeps the connection open until the other side closes it.
    Hold,
    /// Goes on after this many milliseconds.
    Rest(u64),
    /// Goes on when told to.
    Await(Arc<Notify>),
    /// Writes these bytes each time that it is told to, until the other side closes.
    Each(String, Arc<Notify>),
}

/// An upstream that answers every request with a script and then closes.
pub struct Scripted {
    pub addr: SocketAddr,
    /// Every request as it came, head and body.
    pub heard: UnboundedReceiver<String>,
    /// One message for each connection that the other side closed during a [`Step::Hold`].
    pub left: UnboundedReceiver<()>,
    task: JoinHandle<()>,
}

impl Scripted {
    /// One that has the same script for every request.
    pub async fn start(script: Vec<Step>) -> Self {
        Self::in_turn(vec![script]).await
    }

    /// One that has a script for each request in turn; the last serves all that follow.
    #[expect(clippy::disallowed_methods, reason = "the task ends with this value")]
    pub async fn in_turn(mut scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, left) = unbounded_channel();
        let (hear, heard) = unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let next = if scripts.len() > 1 { scripts.remove(0) } else { scripts[0].clone() };
                let (script, tell, hear) = (next, tell.clone(), hear.clone());
                tokio::spawn(async move {
                    let _ = hear.send(read_request(&mut stream).await);
                    for step in script {
                        match step {
                            Step::Say(text) => {
                                if stream.write_all(text.as_bytes()).await.is_err() {
                                    return;
                                }
                            }
                            Step::Flood(text, count) => {
                                while stream.write_all(text.as_bytes()).await.is_ok() {
                                    count.fetch_add(text.len(), Ordering::Relaxed);
                                }
                                let _ = tell.send(());
                            }
                            Step::Rest(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                            Step::Await(go) => go.notified().await,
                            Step::Each(text, go) => loop {
                                go.notified().await;
                                if stream.write_all(text.as_bytes()).await.is_err() {
                                    return;
                                }
                            },
                            Step::Hold => {
                                let mut rest = [0; 64];
                                while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
                                let _ = tell.send(());
                            }
                        }
                    }
                });
            }
        });
        Self { addr, heard, left, task }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The head of a streamed answer without a length: it ends when the connection does.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One piece of a chunked body.
pub fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The end of a chunked body.
pub const LAST_CHUNK: &str = "0\r\n\r\n";

/// A chat event with these words.
pub fn delta(words: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut piece = vec![0; 4096];
    loop {
        if let Some(head) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&got[..head]).to_lowercase();
            let length = text.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
            if got.len() >= head + 4 + length.unwrap_or(0) {
                return String::from_utf8_lossy(&got).into_owned();
            }
        }
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => return String::from_utf8_lossy(&got).into_owned(),
        }
    }
}

/// A caller without manners.
pub struct Raw(TcpStream);

impl Raw {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    /// Writes; a closed connection is the answer to something worse, so it is no failure here.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Everything until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut got = Vec::new();
        let mut piece = vec![0; 16 << 10];
        let read = async {
            loop {
                match self.0.read(&mut piece).await {
                    Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, read).await;
        let text = String::from_utf8_lossy(&got).into_owned();
        assert!(done.is_ok(), "the connection stays open after {text:?}");
        text
    }

    /// The head of the next answer, and what came of its body.
    pub async fn head(&mut self) -> String {
        let mut got = Vec::new();
        let mut piece = vec![0; 4096];
        let read = async {
            while !got.windows(4).any(|w| w == b"\r\n\r\n") {
                match self.0.read(&mut piece).await {
                    Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, read).await;
        let text = String::from_utf8_lossy(&got).into_owned();
        assert!(done.is_ok(), "no head: {text:?}");
        text
    }
}

/// Sends `bytes` on a connection of their own and gives everything that comes back until it closes.
pub async fn exchange(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(addr).await;
    raw.say(bytes).await;
    raw.rest().await
}
