//! Pools, instances and budgets of a written file.

use super::check::{Findings, is_window};
use super::locality::Locality;
use super::models::{self, Catalogue, duplicate, known_names, name};
use super::money::micro;
use super::settings::{Budget, BudgetScope, Instance, Pool};
use super::written::{self, File, Placement, Power, Word};
use std::collections::{BTreeMap, BTreeSet};

/// Most pools, and most instances over all pools.
const POOLS_MAX: usize = 64;
const INSTANCES_MAX: usize = 4096;

/// The pools of a file; without any, one per provider that a model names.
pub(super) fn read(file: &File, catalogue: &Catalogue, findings: &mut Findings) -> Vec<Pool> {
    let mut pools = Vec::new();
    let mut taken = BTreeSet::new();
    for (i, written) in file.pools.iter().enumerate() {
        let field = format!("pools[{i}]");
        if pools.iter().any(|p: &Pool| p.name == written.name.value) {
            duplicate(&written.name, &field, findings);
        }
        pools.push(pool(written, &field, catalogue, &mut taken, findings));
    }
    implicit(file, catalogue, &mut pools, findings);
    let instances: usize = pools.iter().map(|p| p.instances.len()).sum();
    if pools.len() > POOLS_MAX || instances > INSTANCES_MAX {
        let message = format!("{} pools with {instances} instances are too many", pools.len());
        findings.whole("pools", message, "use at most 64 pools and 4096 instances");
    }
    for model in &catalogue.models {
        if !pools.iter().flat_map(|p| &p.instances).any(|i| i.models.contains_key(&model.name)) {
            let fix = "give it a `provider:`, or name it under `models:` of an instance";
            let message = format!("nothing serves {:?}", model.name);
            match file.models.iter().find(|written| written.name.value == model.name) {
                Some(written) => findings.at(&written.name, "models", message, fix),
                None => findings.whole("models", message, fix),
            }
        }
    }
    pools.sort_by_key(|p| p.max_total_tokens.unwrap_or(u64::MAX));
    pools
}

fn pool(
    written: &written::Pool,
    field: &str,
    catalogue: &Catalogue,
    taken: &mut BTreeSet<String>,
    findings: &mut Findings,
) -> Pool {
    if !(1.0..=10.0).contains(&written.gamma) {
        findings.at(
            &written.name,
            &format!("{field}.gamma"),
            format!("{} is out of range", written.gamma),
            "use 1.0 to 10.0",
        );
    }
    let mut instances = Vec::new();
    for (i, instance) in written.instances.iter().enumerate() {
        let field = format!("{field}.instances[{i}]");
        if !taken.insert(instance.name.value.clone()) {
            duplicate(&instance.name, &field, findings);
        }
        instances.extend(read_instance(instance, written, &field, catalogue, findings));
    }
    if written.instances.is_empty() {
        findings.at(
            &written.name,
            &format!("{field}.instances"),
            "a pool needs an instance".into(),
            "add one",
        );
    }
    Pool {
        name: name(&written.name, &format!("{field}.name"), findings),
        max_total_tokens: written.max_total_tokens,
        gamma: written.gamma,
        spill_over_ms: written.spill_over_ms,
        placement: written.placement,
        energy_ttft_ms: written.energy_ttft_ms,
        instances,
    }
}

fn read_instance(
    written: &written::Instance,
    pool: &written::Pool,
    field: &str,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Option<Instance> {
    let provider = catalogue.provider(&written.provider, &format!("{field}.provider"), findings)?;
    let own = written.url.as_ref().and_then(|word| models::base_url(word, &format!("{field}.url"), findings));
    let mut serves = BTreeMap::new();
    for (model, upstream) in &written.models {
        match catalogue.model(model) {
            Some(known) => drop(serves.insert(known.name.clone(), upstream.value.clone())),
            None => {
                let known: Vec<_> = catalogue.models.iter().map(|m| m.name.as_str()).collect();
                let message = format!("there is no model {model:?}");
                findings.at(
                    upstream,
                    &format!("{field}.models"),
                    message,
                    &known_names(&known, "add it under `models:`"),
                );
            }
        }
    }
    let url = own.or_else(|| provider.base_url.clone());
    if url.is_none() {
        let message = format!("provider {:?} has no base URL", provider.name);
        findings.at(
            &written.name,
            &format!("{field}.url"),
            message,
            "give the instance a `url:` or the provider a `base_url:`",
        );
    }
    let power = power(written, pool, field, findings);
    let locality = Locality::of_instance(written, pool, &provider.locality, field, findings);
    Some(Instance {
        locality,
        name: name(&written.name, &format!("{field}.name"), findings),
        url: url?,
        provider,
        models: serves,
        weight: written.weight,
        power,
    })
}

/// What an instance draws: its own, or as the pool says. Least energy cannot be found without it.
fn power(
    written: &written::Instance,
    pool: &written::Pool,
    field: &str,
    findings: &mut Findings,
) -> Option<Power> {
    let power = written.power.or(pool.power);
    let field = format!("{field}.power");
    match power {
        Some(Power { idle_w, peak_w, half }) => {
            let sound = (0.0..=1e6).contains(&idle_w)
                && (idle_w..=1e6).contains(&peak_w)
                && (1e-3..=1e6).contains(&half);
            if !sound {
                let message = format!("{idle_w} W to {peak_w} W with half at {half} is no power curve");
                findings.at(
                    &written.name,
                    &field,
                    message,
                    "give 0 ≤ idle_w ≤ peak_w ≤ 1e6 and half from 0.001",
                );
            }
        }
        None if pool.placement == Placement::LeastEnergy => {
            let message = format!("{:?} says nothing of its power", written.name.value);
            let fix =
                "`least_energy` needs `power: {idle_w: …, peak_w: …, half: …}` of the pool or the instance";
            findings.at(&written.name, &field, message, fix);
        }
        None => {}
    }
    power
}

/// One pool per provider for the models that name a provider themselves.
fn implicit(file: &File, catalogue: &Catalogue, pools: &mut Vec<Pool>, findings: &mut Findings) {
    for (i, written) in file.models.iter().enumerate() {
        let Some(word) = &written.provider else { continue };
        let field = format!("models[{i}].provider");
        let Some(provider) = catalogue.provider(word, &field, findings) else { continue };
        let Some(url) = provider.base_url.clone() else {
            findings.at(
                word,
                &field,
                format!("provider {:?} has no base URL", provider.name),
                "give it a `base_url:`",
            );
            continue;
        };
        let upstream = written.upstream.as_ref().unwrap_or(&written.name).value.clone();
        if let Some(pool) = pools.iter_mut().find(|p| p.name == provider.name) {
            if let Some(instance) = pool.instances.first_mut() {
                instance.models.insert(written.name.value.clone(), upstream);
            }
            continue;
        }
        let models = BTreeMap::from([(written.name.value.clone(), upstream)]);
        let instance = Instance {
            name: provider.name.clone(),
            url,
            provider: provider.clone(),
            models,
            weight: 1,
            power: None,
            locality: provider.locality.clone(),
        };
        pools.push(Pool {
            name: provider.name.clone(),
            max_total_tokens: None,
            gamma: 1.0,
            spill_over_ms: None,
            placement: Placement::LeastTtft,
            energy_ttft_ms: None,
            instances: vec![instance],
        });
    }
}

/// The budgets of a file.
pub(super) fn budgets(file: &File, catalogue: &Catalogue, findings: &mut Findings) -> Vec<Budget> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (i, written) in file.budgets.iter().enumerate() {
        let field = format!("budgets[{i}]");
        if budgets.iter().any(|b| b.name == written.name.value) {
            duplicate(&written.name, &field, findings);
        }
        budgets.extend(budget(written, &field, catalogue, findings));
    }
    budgets
}

fn budget(
    written: &written::Budget,
    field: &str,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Option<Budget> {
    if !is_window(&written.window.value) {
        let message = format!("{:?} is not a window", written.window.value);
        findings.at(&written.window, &format!("{field}.window"), message, &known_names(super::WINDOWS, ""));
    }
    let usd = written.usd.as_ref().and_then(|word| {
        let value = micro(&word.value);
        if value.is_none() {
            let message = format!("{:?} is not an amount", word.value);
            findings.at(word, &format!("{field}.usd"), message, "write US dollars such as 12.50");
        }
        value
    });
    if written.requests.is_none() && written.tokens.is_none() && written.usd.is_none() {
        findings.at(&written.name, field, "limits nothing".into(), "set `requests`, `tokens` or `usd`");
    }
    let degrade_to = match &written.when_spent {
        Some(word) if word.value != "reject" => {
            if catalogue.model(&word.value).is_none() {
                let message = format!("{:?} is neither `reject` nor a model", word.value);
                findings.at(
                    word,
                    &format!("{field}.when_spent"),
                    message,
                    "use `reject` or the name of a model",
                );
            }
            Some(word.value.clone())
        }
        _ => None,
    };
    Some(Budget {
        name: name(&written.name, &format!("{field}.name"), findings),
        scope: scope(&written.scope, field, findings)?,
        window: written.window.value.clone(),
        requests: written.requests,
        tokens: written.tokens,
        micro: usd,
        degrade_to,
    })
}

fn scope(word: &Word, field: &str, findings: &mut Findings) -> Option<BudgetScope> {
    match word.value.split_once(':') {
        None if word.value == "global" => return Some(BudgetScope::Global),
        Some(("key", name)) if !name.is_empty() => return Some(BudgetScope::Key(name.into())),
        Some(("tenant", name)) if !name.is_empty() => return Some(BudgetScope::Tenant(name.into())),
        _ => {}
    }
    let message = format!("{:?} is not a scope", word.value);
    findings.at(
        word,
        &format!("{field}.scope"),
        message,
        "use global, key:NAME, key:*, tenant:NAME or tenant:*",
    );
    None
}
