//! A whole gateway in front of simulated instances, on loopback.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "test helpers fail by panicking"
)]

pub mod models;
pub mod raw;
pub mod shapes;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tollgate_gateway::config::secret::SecretRef;
use tollgate_gateway::config::{self, DEFAULT_INSTANCES, Settings};
use tollgate_gateway::serve::{Options, Serving};
use tollgate_net::client::Client;
use tollgate_net::upstream::{Outgoing, UpstreamBody};
use tollgate_sim::{Running, Sim, SimConfig};

/// Looks at something that is about to happen this often, and no longer than this in all: a minute, for slow machines.
const LOOK_MS: u64 = 5;
const LOOKS_MAX: usize = 12_000;

/// A gateway, its instances and a client.
pub struct World {
    pub gateway: Serving,
    pub sims: Vec<Running>,
    pub client: Client,
    /// The secret that is sent to the operator's paths, where nothing else is.
    pub admin: Option<String>,
}

/// One answer.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// A simulated instance that answers at once.
pub async fn sim(name: &str) -> Running {
    let config = SimConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        instance: name.into(),
        any_model: true,
        speed: 0.0,
        journal_bodies: true,
        ..SimConfig::default()
    };
    Sim::start(config).await.unwrap()
}

impl World {
    /// The embedded default.
    pub async fn start() -> Self {
        let mut sims = Vec::new();
        for name in DEFAULT_INSTANCES {
            sims.push(sim(name).await);
        }
        let addresses: Vec<_> = sims.iter().map(Running::addr).collect();
        let settings = config::default_settings(&addresses, "tollgate.yaml".as_ref()).unwrap();
        Self::with(sims, settings).await
    }

    /// A configuration in which `{0}`, `{1}`, … stand for the addresses of as many instances.
    pub async fn configured(count: usize, text: &str) -> Self {
        let mut sims = Vec::new();
        for i in 0..count {
            sims.push(sim(&format!("sim-{i}")).await);
        }
        let filled = sims.iter().enumerate().fold(text.to_owned(), |text, (i, sim)| {
            text.replace(&format!("{{{i}}}"), &sim.addr().to_string())
        });
        let settings = config::read(&filled, "tollgate.yaml".as_ref()).unwrap_or_else(|e| panic!("{e}"));
        Self::with(sims, settings).await
    }

    async fn with(sims: Vec<Running>, settings: Settings) -> Self {
        Self::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
    }

    /// A gateway with these options on a free port, with one worker, in memory unless said otherwise.
    /// Where callers are told apart, it has a secret for the operator.
    pub fn launch(sims: Vec<Running>, mut options: Options) -> Pin<Box<dyn Future<Output = Self>>> {
        Box::pin(async move {
            const SECRET: &str = "the-operator";
            let folder = Folder::new();
            let auth = options.settings.as_mut().map(|settings| &mut settings.auth);
            let auth = auth.filter(|auth| auth.admin.is_none() && auth.tells_callers_apart());
            let admin = auth.map(|auth| {
                auth.admin = Some(SecretRef::File(folder.write("admin", SECRET)).resolve().unwrap());
                SECRET.to_owned()
            });
            Self { admin, ..Self::launch_as_it_is(sims, options).await }
        })
    }

    /// The same with nothing added.
    pub async fn launch_as_it_is(sims: Vec<Running>, options: Options) -> Self {
        let options = Options {
            listen: Some(options.listen.unwrap_or(([127, 0, 0, 1], 0).into())),
            data: Some(options.data.unwrap_or("memory".into())),
            workers: Some(options.workers.unwrap_or(1)),
            ..options
        };
        let gateway = Serving::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        Self { gateway, sims, client: Client::default(), admin: None }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// The same, for who may lose the answer because it is still sending when that comes.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Got, tollgate_net::Error> {
        let mut request = Outgoing::new(method, path).unwrap().body(body.into());
        request = request.header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            request =
                request.header(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let operators = ["/api/v1/", "/console", "/metrics"].iter().any(|start| path.starts_with(start));
        let named = headers.iter().any(|(name, _)| ["authorization", "x-api-key"].contains(name));
        if let Some(secret) = self.admin.as_ref().filter(|_| operators && !named) {
            let bearer = HeaderValue::try_from(format!("Bearer {secret}")).unwrap();
            request = request.header(http::header::AUTHORIZATION, bearer);
        }
        let url = format!("http://{}", self.gateway.addr());
        let answer = self.client.send(&url, request).await?;
        Ok(Got { status: answer.status, headers: answer.headers, body: answer.body })
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(Method::POST, path, &[], body.to_string()).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// What an instance was really sent: its journal.
    pub async fn journal(&self, sim: usize) -> Value {
        let url = format!("http://{}/sim/requests", self.sims[sim].addr());
        serde_json::from_slice(&self.client.get(&url).await.unwrap().body).unwrap()
    }

    pub async fn stop(self) {
        self.gateway.shutdown().await.unwrap();
        for sim in self.sims {
            sim.stop().await;
        }
    }

    /// Sends a request and gives its answer's head and the body as it comes.
    pub async fn open(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (StatusCode, HeaderMap, Flow) {
        let mut request = Outgoing::new(Method::POST, path).unwrap().body(body.to_string().into());
        for (name, value) in headers {
            request =
                request.header(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let url = format!("http://{}", self.gateway.addr());
        let target = self.client.pool.target(&url.parse().unwrap()).unwrap();
        let (parts, body) = target.send(request, &self.client.timeouts).await.unwrap().into_parts();
        (parts.status, parts.headers, Flow(body))
    }

    /// Lets an instance misbehave: a rule of `POST /sim/faults`.
    pub async fn fault(&self, sim: usize, rule: &Value) {
        let url = format!("http://{}/sim/faults", self.sims[sim].addr());
        let done = self.client.post_json(&url, rule.to_string()).await.unwrap();
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    }

    /// Takes back what [`Self::fault`] asked for.
    pub async fn mend(&self, sim: usize) {
        let request = Outgoing::new(Method::DELETE, "/sim/faults").unwrap();
        self.client.send(&format!("http://{}", self.sims[sim].addr()), request).await.unwrap();
    }

    /// The model requests that an instance was sent.
    pub async fn received(&self, sim: usize) -> Vec<Value> {
        let all = self.journal(sim).await["requests"].as_array().unwrap().clone();
        // Probes are none.
        all.into_iter().filter(|r| r["method"] == "POST").collect()
    }

    /// What an instance was sent last: body and headers.
    pub async fn sent(&self, sim: usize) -> (Value, Vec<Value>) {
        let last = self.received(sim).await.pop().unwrap();
        let body = serde_json::from_str(last["body"].as_str().unwrap()).unwrap();
        (body, last["headers"].as_array().unwrap().clone())
    }

    /// An instance as `/api/v1/pools` shows it.
    pub async fn instance(&self, name: &str) -> Value {
        let pools = self.get("/api/v1/pools").await.json();
        let pools = pools["pools"].as_array().unwrap().clone();
        let mut instances = pools.iter().flat_map(|p| p["instances"].as_array().unwrap().clone());
        instances.find(|i| i["name"] == name).unwrap()
    }

    /// Waits until no instance has a request in flight: the load guards are all back.
    pub async fn settled(&self) {
        self.until("nothing in flight", async || {
            let pools = self.get("/api/v1/pools").await.json();
            let mut instances =
                pools["pools"].as_array().unwrap().iter().flat_map(|p| p["instances"].as_array().unwrap());
            instances.all(|i| i["in_flight"] == 0)
                && self.gateway.shared().in_flight.load(Ordering::Relaxed) == 0
        })
        .await;
    }

    /// Looks again and again until something is so.
    pub async fn until(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        for _ in 0..LOOKS_MAX {
            if look().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        panic!("never: {what}");
    }

    /// The record of the request that was answered so.
    pub async fn decision(&self, headers: &HeaderMap) -> Value {
        let id = headers["x-tollgate-request-id"].to_str().unwrap();
        self.get(&format!("/api/v1/decisions/{id}")).await.json()
    }

    /// All records, newest first.
    pub async fn decisions(&self) -> Vec<Value> {
        self.gateway.shared().store.flush().unwrap();
        let page = self.get("/api/v1/decisions?limit=1000").await.json();
        page["rows"].as_array().unwrap().clone()
    }

    /// Makes a key; gives its id and secret.
    pub async fn key(&self, spec: &Value) -> (String, String) {
        let made = self.post("/api/v1/keys", spec).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let made = made.json();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }
}

/// An answer's body as it comes.
pub struct Flow(UpstreamBody);

impl Flow {
    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, tollgate_net::Error>> {
        let frame = poll_fn(|cx| Pin::new(&mut self.0).poll_frame(cx)).await?;
        Some(frame.map(|f| f.into_data().unwrap_or_default()))
    }

    /// Reads until `needle` has come.
    pub async fn read_until(&mut self, needle: &str) -> String {
        let mut got = BytesMut::new();
        while let Some(piece) = self.next().await {
            got.extend_from_slice(&piece.unwrap());
            if String::from_utf8_lossy(&got).contains(needle) {
                return String::from_utf8_lossy(&got).into_owned();
            }
        }
        panic!("{needle:?} never came: {got:?}");
    }

    /// Everything that is left, and whether it ended as HTTP wants it.
    pub async fn rest(&mut self) -> (String, bool) {
        let mut got = BytesMut::new();
        while let Some(piece) = self.next().await {
            match piece {
                Ok(bytes) => got.extend_from_slice(&bytes),
                Err(_) => return (String::from_utf8_lossy(&got).into_owned(), false),
            }
        }
        (String::from_utf8_lossy(&got).into_owned(), true)
    }
}

/// Drives futures side by side on this task.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    poll_fn(|cx| {
        let mut open = false;
        for (future, done) in &mut running {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *done = Some(output),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

/// A folder of its own for one test; gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-e2e-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file here, with an modification time that differs from the one before.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let aside = self.0.join(format!("{name}.new"));
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings from text in which `{0}`, `{1}`, … stand for addresses and `{policy}` for a policy file.
pub fn settings(text: &str, addresses: &[String], policy: &Path) -> Settings {
    let text = text.replace("{policy}", &policy.display().to_string());
    let filled = addresses.iter().enumerate().fold(text, |t, (i, a)| t.replace(&format!("{{{i}}}"), a));
    config::read(&filled, "tollgate.yaml".as_ref()).unwrap_or_else(|e| panic!("{e}"))
}

/// Simulated instances, and their addresses as text.
pub async fn sims(count: usize) -> (Vec<Running>, Vec<String>) {
    let mut sims = Vec::new();
    for i in 0..count {
        sims.push(sim(&format!("sim-{i}")).await);
    }
    let addresses = sims.iter().map(|s| s.addr().to_string()).collect();
    (sims, addresses)
}

/// `{"fault": …}` for [`World::fault`].
pub fn rule(fault: &str) -> Value {
    json!({"fault": fault})
}
