//! A whole gateway in front of simulated instances, on loopback.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tollgate_gateway::config::{self, DEFAULT_INSTANCES, Settings};
use tollgate_gateway::serve::{Options, Serving};
use tollgate_net::client::Client;
use tollgate_net::upstream::Outgoing;
use tollgate_sim::{Running, Sim, SimConfig};

/// A gateway, its instances and a client.
pub struct World {
    pub gateway: Serving,
    pub sims: Vec<Running>,
    pub client: Client,
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
        let options = Options {
            settings: Some(settings),
            listen: Some(([127, 0, 0, 1], 0).into()),
            data: Some("memory".into()),
            workers: Some(1),
            ..Options::default()
        };
        let gateway = Serving::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        Self { gateway, sims, client: Client::default() }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        let mut request = Outgoing::new(method, path).unwrap().body(body.into());
        request = request.header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            request =
                request.header(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let url = format!("http://{}", self.gateway.addr());
        let answer = self.client.send(&url, request).await.unwrap();
        Got { status: answer.status, headers: answer.headers, body: answer.body }
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
}
