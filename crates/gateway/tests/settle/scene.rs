//! A gateway with a folder of settlement, keys of every role, and a cast of parties.

use super::common::{Folder, Got, World, sims};
use http::{Method, StatusCode};
use serde_json::json;
use tollgate_core::{Clock as _, Digest, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_gateway::config;
use tollgate_gateway::serve::Options;
use tollgate_pay::escrow::{Event, TaskContract};
use tollgate_pay::simulate::Cast;

pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const SECRET: &str = "the operator's word";

pub(crate) struct Scene {
    pub(crate) cast: Cast,
    pub(crate) folder: Folder,
    pub(crate) world: World,
    /// Secrets of keys that may read, write and operate, and of one that may nothing here.
    pub(crate) keys: Vec<String>,
}

pub(crate) async fn world(folder: &Folder, settle: &str) -> World {
    let (sims, addresses) = sims(1).await;
    let text = format!(
        "auth: {{mode: keys, admin: 'file:{}'}}\npolicy: '{}'\n{settle}\nproviders: [{{name: sim, kind: tollgate_sim, base_url: 'http://{}'}}]\nmodels: [{{name: a, provider: sim}}]\n",
        folder.write("admin", SECRET).display(),
        folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"a\" } }\n").display(),
        addresses[0],
    );
    let settings = config::read(&text, "tollgate.yaml".as_ref()).unwrap_or_else(|e| panic!("{e}"));
    let data = folder.path().join("gateway");
    World::launch(sims, Options { settings: Some(settings), data: Some(data), ..Options::default() }).await
}

pub(crate) fn operator() -> (&'static str, String) {
    ("authorization", format!("Bearer {SECRET}"))
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With more under `settle:`.
    pub(crate) async fn with(settle: &str) -> Self {
        Self::prepared(settle, |_| {}).await
    }

    /// With more in its folder too.
    pub(crate) async fn prepared(settle: &str, prepare: impl FnOnce(&Folder)) -> Self {
        let (cast, folder) = (Cast::new().unwrap(), Folder::new());
        std::fs::create_dir_all(folder.path().join("pay")).unwrap();
        folder.write("pay/log.key", &cast.log.reveal());
        prepare(&folder);
        let world = Box::pin(Self::launch(&folder, settle)).await;
        let mut keys = Vec::new();
        for roles in [json!(["settle.read"]), json!(["settle.write"]), json!(["settle.operate"]), json!([])] {
            let spec = json!({"name": "k", "roles": roles});
            let (name, secret) = operator();
            let made = world.send(Method::POST, "/api/v1/keys", &[(name, &secret)], spec.to_string()).await;
            keys.push(made.json()["secret"].as_str().unwrap().to_owned());
        }
        let scene = Self { cast, folder, world, keys };
        let opening = scene.cast.opening([20_000, 20_000]).unwrap();
        let done = scene.post(2, "commands", "opening", json!({"ops": opening.ops()})).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text());
        scene
    }

    pub(crate) async fn launch(folder: &Folder, more: &str) -> World {
        let settle = format!("settle: {{data: '{}'{more}}}", folder.path().join("pay").display());
        world(folder, &settle).await
    }

    pub(crate) async fn ask(
        &self,
        key: usize,
        method: Method,
        path: &str,
        idempotency: Option<&str>,
        body: String,
    ) -> Got {
        let bearer = format!("Bearer {}", self.keys[key]);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(idempotency.map(|key| ("idempotency-key", key)));
        self.world.send(method, &format!("/v1/settle/{path}"), &headers, body).await
    }

    pub(crate) async fn post(
        &self,
        key: usize,
        path: &str,
        idempotency: &str,
        body: impl serde::Serialize,
    ) -> Got {
        let body = serde_json::to_string(&body).unwrap();
        self.ask(key, Method::POST, path, Some(idempotency), body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.ask(0, Method::GET, path, None, String::new()).await
    }

    /// Terms of the cast, from now on, under its second mandate.
    pub(crate) fn contract(&self, nonce: &str) -> TaskContract {
        let now = SystemClock::new().now();
        let mut contract = self.cast.contract();
        contract.nonce = Digest::of(nonce.as_bytes());
        contract.mandate = self.cast.mandates().nth(1).map(|(name, _)| name);
        contract.challenge_us = 0;
        contract.stages[0].submit_by = Timestamp(now.0 + HOUR);
        contract.refund_after = Timestamp(now.0 + 4 * HOUR);
        contract
    }

    /// Records an event; the phase that follows.
    pub(crate) async fn event(&self, id: Digest, key: &str, event: &Event) -> String {
        let got = self.post(1, &format!("escrows/{id}/events"), key, event).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert_eq!(got.json()["again"], false);
        got.json()["phase"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn version(&self, id: Digest) -> u64 {
        self.get(&format!("escrows/{id}")).await.json()["version"].as_u64().unwrap()
    }

    /// From the terms to held funds.
    pub(crate) async fn locked(&self, nonce: &str) -> (Digest, TaskContract) {
        let contract = self.contract(nonce);
        let id = contract.digest();
        let terms = Event::Propose(Box::new(self.cast.signed(contract.clone())));
        let got = self.post(1, "escrows", &format!("terms-{nonce}"), &terms).await;
        assert_eq!(
            (got.status, got.json()["phase"].as_str()),
            (StatusCode::OK, Some("proposed")),
            "{}",
            got.text()
        );
        let authorize = self.cast.authorize(&contract).unwrap();
        assert_eq!(self.event(id, &format!("auth-{nonce}"), &authorize).await, "authorized");
        assert_eq!(self.event(id, &format!("lock-{nonce}"), &Event::Lock).await, "locked");
        (id, contract)
    }

    pub(crate) async fn stop(self) -> Folder {
        self.world.stop().await;
        self.folder
    }
}

pub(crate) fn problem(got: &Got, status: StatusCode, word: &str) {
    assert_eq!(got.status, status, "{}", got.text());
    assert_eq!(got.header("content-type"), "application/problem+json");
    let problem = got.json();
    assert_eq!(problem["type"], format!("urn:tollgate:problem:{word}"), "{problem}");
    assert_eq!(problem["status"], status.as_u16());
}
