//! `tollgate config check`: every problem with line, column, field, value and fix.

use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_gateway::config::{self, Settings, written::AuthMode};
use tollgate_gateway::snapshot;

/// Check a configuration and show every problem with its place and fix
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate config check tollgate.yaml
  tollgate config check tollgate.yaml --json

Secrets given by reference are looked up, so run it where the gateway runs. Exits with 1 when
there are problems.")]
pub(crate) struct CheckArgs {
    /// The configuration
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print problems, or the settings in short, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<Ending> {
    let shown = args.file.display();
    let text = place::read_text(&args.file)?;
    let settings = match config::read(&text, &args.file) {
        Ok(settings) => settings,
        Err(error) if args.json => {
            say::json(&json!({"file": shown.to_string(), "ok": false, "problems": error.problems}))?;
            return Ok(Ending::Refused);
        }
        Err(error) => {
            say::remark(&error.to_string());
            return Ok(Ending::Refused);
        }
    };
    let refusal = config::public_without_keys(&settings);
    let policy = check_policy(&settings)?;
    let ok = refusal.is_none() && policy.is_none();
    if args.json {
        let problems: Vec<_> =
            refusal.iter().chain(&policy).map(|message| json!({"message": message})).collect();
        say::json(
            &json!({"file": shown.to_string(), "ok": ok, "problems": problems, "settings": summary(&settings)}),
        )?;
        return Ok(Ending::of(ok));
    }
    for message in refusal.iter().chain(&policy) {
        say::remark(&format!("{shown}: {}", message.trim_end()));
    }
    if ok {
        let (models, pools, budgets) = (settings.models.len(), settings.pools.len(), settings.budgets.len());
        let instances: usize = settings.pools.iter().map(|pool| pool.instances.len()).sum();
        say::line(&format!(
            "{shown}: good: listens on {}, {models} models, {instances} instances in {pools} pools, {budgets} budgets",
            settings.listen
        ))?;
    }
    Ok(Ending::of(ok))
}

/// What is wrong with the policy under these models and pools.
fn check_policy(settings: &Settings) -> Result<Option<String>> {
    let text = match &settings.policy {
        None => tollgate_policy::SHIPPED.into(),
        Some(path) => place::read_text(path).context("the policy that `policy:` names")?,
    };
    Ok(snapshot::load_policy(settings, &text).err().map(|error| error.to_string()))
}

fn summary(settings: &Settings) -> Value {
    let pools: Vec<_> = settings
        .pools
        .iter()
        .map(|pool| {
            let instances: Vec<_> = pool
                .instances
                .iter()
                .map(|i| json!({"name": i.name, "provider": i.provider.row.kind, "url": i.url.to_string(), "models": i.models}))
                .collect();
            json!({"name": pool.name, "max_total_tokens": pool.max_total_tokens, "instances": instances})
        })
        .collect();
    json!({
        "listen": settings.listen.to_string(),
        "keys_required": settings.auth.mode == AuthMode::Keys,
        "database": settings.database,
        "policy": settings.policy,
        "models": settings.models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
        "pools": pools,
        "budgets": settings.budgets.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
    })
}
