//! The working default: three simulated servers in this process behind the real upstream code.

use crate::place;
use crate::say;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use tollgate_gateway::config::{self, DEFAULT_INSTANCES, Settings};
use tollgate_policy::{Known, Policy};
use tollgate_sim::{ModelRow, Running, Sim, SimConfig};

/// How much faster than a real 8 B model on one accelerator the simulated ones answer.
const SPEED: f64 = 4.0;
/// Context window of the instance in the long pool, in tokens.
const LONG_CONTEXT: u32 = 200_000;
/// Context windows of the models, as the default configuration states them.
const MODELS: [(&str, bool, u32); 4] = [
    ("sim-small", false, 32_768),
    ("sim-medium", false, 131_072),
    ("sim-large", true, 200_000),
    ("sim-embed", false, 32_768),
];

/// Starts the simulated servers and gives the settings that name them. With `may_move` a taken port is replaced by
/// a free one.
pub(super) async fn start(may_move: bool) -> Result<(Settings, Vec<Running>)> {
    let mut running = Vec::new();
    for name in DEFAULT_INSTANCES {
        running.push(
            Sim::start(instance(name))
                .await
                .with_context(|| format!("cannot start the simulated server {name}"))?,
        );
    }
    let addresses: Vec<SocketAddr> = running.iter().map(Running::addr).collect();
    let mut settings = config::default_settings(&addresses, "tollgate.yaml".as_ref())?;
    if may_move && is_taken(settings.listen) {
        say::remark(&format!(
            "{} is taken, so a free port is used; choose one with --listen",
            settings.listen
        ));
        settings.listen.set_port(0);
    }
    Ok((settings, running))
}

/// Lets the simulated servers stand in for models that the policy names: without a configuration there is nothing else
/// to serve them, and a policy that was just imported can be tried.
pub(super) fn stand_in(settings: &mut Settings, policy: &Path) -> Result<()> {
    let text = place::read_text(policy)?;
    // A policy that is wrong is reported where it is loaded.
    let Ok(policy) = Policy::load(&policy.display().to_string(), &text, &Known::any()) else { return Ok(()) };
    let mut names = policy.models();
    names.retain(|name| !settings.models.iter().any(|model| model.name == *name));
    if !names.is_empty() {
        say::remark(&format!("without a configuration these models are simulated: {}", names.join(", ")));
        config::simulate(settings, &names);
    }
    Ok(())
}

/// Whether somebody listens there. The gateway's own listeners share their port, so two gateways could share one by
/// mistake; a plain listener cannot.
pub(super) fn is_taken(addr: SocketAddr) -> bool {
    TcpListener::bind(addr).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn instance(name: &str) -> SimConfig {
    let mut config = SimConfig { instance: name.to_owned(), speed: SPEED, ..SimConfig::default() };
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    if name.starts_with("long") {
        config.engine.max_model_len = LONG_CONTEXT;
    }
    let longest = config.engine.max_model_len;
    let row = |(name, reasoning, context): (&str, bool, u32)| ModelRow {
        reasoning,
        context: Some(context.min(longest)),
        ..ModelRow::named(name)
    };
    config.models = MODELS.into_iter().map(row).collect();
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_servers_hold_what_the_default_promises() {
        let addresses: Vec<SocketAddr> = (1..=3).map(|p| ([127, 0, 0, 1], p).into()).collect();
        let settings = config::default_settings(&addresses, "t.yaml".as_ref()).unwrap();
        for instance in settings.pools.iter().flat_map(|pool| &pool.instances) {
            let config = super::instance(&instance.name);
            assert!(config.check().is_ok());
            let served: Vec<_> = config.models.iter().map(|m| &m.name).collect();
            assert!(instance.models.values().all(|upstream| served.contains(&upstream)), "{}", instance.name);
        }
        for model in &settings.models {
            let context =
                MODELS.iter().find(|(name, ..)| *name == model.name).map(|(.., context)| u64::from(*context));
            assert!(model.context_window.is_none_or(|window| Some(window) == context), "{}", model.name);
        }
    }
}
