//! What only a start reads: sockets, threads, the database, settlement, the log's form, and the counters made then.
//!
//! A reload keeps these as they are in force, and says of each that the file has otherwise.

use crate::config::{CacheSettings, Settings};
use std::fmt::Display;
use std::path::PathBuf;
use tollgate_store::settlement::SettlementConfig;

/// Takes fields over from the settings in force.
struct Keeper<'a> {
    /// Whether the command line set a field: what the file says of it then never counts.
    overridden: &'a dyn Fn(&str) -> bool,
    ignored: Vec<String>,
}

impl Keeper<'_> {
    fn keep<T: Clone + PartialEq>(&mut self, field: &str, next: &mut T, now: &T, shown: fn(&T) -> String) {
        if next != now && !(self.overridden)(field) {
            let (next, now) = (shown(next), shown(now));
            self.ignored
                .push(format!("`{field}: {next}` is ignored, {now} stays in force: restart to change it"));
        }
        next.clone_from(now);
    }

    /// [`Self::keep`] for what is shown as it is written.
    fn value<T: Clone + PartialEq + Display>(&mut self, field: &str, next: &mut T, now: &T) {
        self.keep(field, next, now, T::to_string);
    }
}

impl Settings {
    /// Keeps what only a start reads as `now` has it; says what of it these settings have otherwise, but for what the
    /// command line set (`overridden`).
    pub(crate) fn keep_started(&mut self, now: &Self, overridden: impl Fn(&str) -> bool) -> Vec<String> {
        let mut keeper = Keeper { overridden: &overridden, ignored: Vec::new() };
        keeper.value("listen", &mut self.listen, &now.listen);
        keeper.value("workers", &mut self.workers, &now.workers);
        keeper.keep("data", &mut self.database, &now.database, folder);
        keeper.value("limits.connections", &mut self.limits.connections, &now.limits.connections);
        keeper.value("limits.header_bytes", &mut self.limits.header_bytes, &now.limits.header_bytes);
        keeper.value("limits.headers", &mut self.limits.headers, &now.limits.headers);
        keeper.value("limits.header_ms", &mut self.limits.header_ms, &now.limits.header_ms);
        keeper.value("limits.idle_ms", &mut self.limits.idle_ms, &now.limits.idle_ms);
        keeper.value("limits.drain_ms", &mut self.limits.drain_ms, &now.limits.drain_ms);
        keeper.value("retry.budget_percent", &mut self.retry.budget_percent, &now.retry.budget_percent);
        keeper.value("retry.floor_per_second", &mut self.retry.floor_per_second, &now.retry.floor_per_second);
        keeper.value("log.level", &mut self.log.level, &now.log.level);
        keeper.value("log.json", &mut self.log.json, &now.log.json);
        keeper.value("log.decisions", &mut self.log.decisions, &now.log.decisions);
        keeper.value(
            "log.decisions_per_second",
            &mut self.log.decisions_per_second,
            &now.log.decisions_per_second,
        );
        keeper.keep("signals", &mut self.sources, &now.sources, |sources| {
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            format!("[{}]", names.join(", "))
        });
        keeper.keep("otlp.endpoint", &mut self.otlp, &now.otlp, |endpoint| {
            endpoint.clone().unwrap_or_else(|| "none".into())
        });
        keeper.keep("settle", &mut self.settle, &now.settle, |settle| {
            let shown = |of: &SettlementConfig| {
                let hooks: Vec<_> = of.hooks.iter().map(|hook| hook.name.as_str()).collect();
                format!(
                    "{{data: {}, ledger: {}, clearing: {}, rails: [{}], webhooks: [{}]}}",
                    of.data.display(),
                    if of.ledger.is_some() { "a database" } else { "in the folder" },
                    of.clearing,
                    of.rails.join(", "),
                    hooks.join(", ")
                )
            };
            settle.as_ref().map_or_else(|| "none".into(), shown)
        });
        keeper.keep("encoder", &mut self.encoder, &now.encoder, |encoder| {
            encoder.as_ref().map_or_else(|| "none".into(), ToString::to_string)
        });
        keeper.keep("risk", &mut self.risk, &now.risk, |folder| {
            folder.as_ref().map_or_else(|| "none".into(), |folder| folder.display().to_string())
        });
        keeper.keep("x402", &mut self.x402, &now.x402, |x402| {
            x402.as_ref().map_or_else(|| "none".into(), |x402| x402.started())
        });
        self.keep_cache(now, &mut keeper);
        keeper.ignored
    }

    /// How much the cache keeps and where is as of the start; that it is left out is taken over, as are its rules.
    fn keep_cache(&mut self, now: &Self, keeper: &mut Keeper<'_>) {
        let Some(next) = self.cache.clone() else { return };
        let started = now.cache.as_ref().map(|now| CacheSettings {
            bounds: now.bounds,
            persist: now.persist,
            ..next.clone()
        });
        keeper.keep("cache", &mut self.cache, &started, |cache| {
            cache.as_ref().map_or_else(|| "none".into(), CacheSettings::started)
        });
    }
}

/// The folder of a database, as the configuration names it.
fn folder(database: &Option<PathBuf>) -> String {
    database
        .as_deref()
        .and_then(|file| file.parent())
        .map_or_else(|| "memory".to_owned(), |folder| folder.display().to_string())
}
