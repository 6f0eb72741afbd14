//! A plan as a configuration that `tollgate serve` loads.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::Path;
use tollgate_fleet::plan::{Goal, Plan, PoolPlan, Problem};
use tollgate_fleet::service::Profile;

/// Most instances that a configuration names; more are told in a comment.
const INSTANCES_MAX: u32 = 4096;

/// How the policy beside a configuration begins: what begins otherwise is somebody's.
const POLICY_HEAD: &str = "# For the pools beside it: ";

/// Writes the configuration to `path`, and beside it the policy that it names.
pub(super) fn write(path: &Path, plan: &Plan, problem: &Problem, model: &str) -> Result<()> {
    let beside = path.with_extension("tollgate");
    if beside == path {
        bail!("--pools-out {}: the policy goes to that name; name a .yaml file", path.display());
    }
    match std::fs::read_to_string(&beside) {
        Ok(there) if !there.starts_with(POLICY_HEAD) => {
            bail!(
                "{} is there and not of this command: name another file with --pools-out",
                beside.display()
            );
        }
        Ok(_) | Err(_) => {}
    }
    let name = beside.file_name().unwrap_or_default().to_string_lossy();
    let text = configuration(plan, problem, model, &name);
    tollgate_gateway::config::read(&text, path).with_context(|| {
        format!("--pools-out: a gateway cannot load pools of the model {model:?}; rename it")
    })?;
    for (path, text) in [(path, text), (&beside, policy(model))] {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A policy that sends everything to the model; pools are chosen by length.
fn policy(model: &str) -> String {
    format!(
        "{POLICY_HEAD}every request goes to the model, and its length chooses the pool.\npolicy \"fleet\"\n\ndefault {{\n  models {{ {} }}\n}}\n",
        quoted(model)
    )
}

/// The configuration: a pool for each of the plan's, with an instance for each of its instances, at addresses to replace.
/// A plan for least power is served by least power.
fn configuration(plan: &Plan, problem: &Problem, model: &str, policy_file: &str) -> String {
    let context = problem.space.context;
    let mut out = String::from(
        "# Pools of a plan by `tollgate fleet plan`. Replace the addresses by those of your instances.\n",
    );
    let mut add = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    for why in &plan.why {
        add(&format!("# {}", one_line(why)));
    }
    add(&format!("policy: {}\n\nproviders:\n  - {{name: fleet, kind: vllm}}\n", quoted(policy_file)));
    add(&format!("models:\n  - {{name: {}, context_window: {context}}}\n\npools:", quoted(model)));
    let last = plan.pools.len().saturating_sub(1);
    for (index, pool) in plan.pools.iter().enumerate() {
        let name = if index == last && last > 0 { "long".into() } else { pool_name(index, last) };
        let named = named(plan, pool);
        let profile = problem.profiles.get(pool.profile_index);
        let energy = energy(pool, profile, problem.goal);
        add(&one_pool(&name, pool, index < last, model, named, &energy));
    }
    out
}

/// How many of a pool's instances are named: all, or its part of the most, and one at least, as a pool without any is none.
fn named(plan: &Plan, pool: &PoolPlan) -> u32 {
    let all: u64 = plan.pools.iter().map(|pool| u64::from(pool.instances)).sum();
    if all <= u64::from(INSTANCES_MAX) {
        return pool.instances;
    }
    let room = u64::from(INSTANCES_MAX).saturating_sub(plan.pools.len() as u64);
    let more = u64::from(pool.instances.saturating_sub(1)) * room / all;
    u32::try_from(more).unwrap_or(INSTANCES_MAX).saturating_add(1)
}

fn pool_name(index: usize, last: usize) -> String {
    match (index, last) {
        (_, 0) => "all".into(),
        (0, 1) => "short".into(),
        _ => format!("up-to-{}", index + 1),
    }
}

/// How instances are placed, and what one of them draws.
fn energy(pool: &PoolPlan, profile: Option<&Profile>, goal: Goal) -> String {
    let placement = if goal == Goal::Power { "least_energy" } else { "least_ttft" };
    let mut out = format!("    placement: {placement}\n");
    if pool.energy.tokens_per_joule > 0.0 {
        let _ = writeln!(out, "    tokens_per_joule: {:.4}", pool.energy.tokens_per_joule);
    }
    if let Some(profile) = profile {
        let watts =
            |n: u32| f64::from(profile.gpus) * profile.power.watts(f64::from(n)) + profile.host_power_w;
        let (idle, peak) = (watts(0), watts(pool.slots).max(watts(0)));
        let middle = f64::midpoint(idle, peak);
        let half = (1..=pool.slots).find(|n| watts(*n) >= middle).unwrap_or(1);
        let _ = writeln!(out, "    power: {{idle_w: {idle:.0}, peak_w: {peak:.0}, half: {half}}}");
    }
    out
}

fn one_pool(name: &str, pool: &PoolPlan, bounded: bool, model: &str, named: u32, energy: &str) -> String {
    let mut out = format!(
        "  # {} of {}, {} GPUs\n  - name: {name}\n",
        pool.instances,
        one_line(&pool.profile),
        pool.gpus
    );
    // Writing to a string does not fail.
    if bounded {
        let gamma = pool.gamma.clamp(1.0, 10.0);
        let _ = writeln!(out, "    max_total_tokens: {}\n    gamma: {gamma:?}", pool.max_total_tokens);
    }
    if named < pool.instances {
        let _ =
            writeln!(out, "    # {} more instances than a configuration can name", pool.instances - named);
    }
    out.push_str(energy);
    out.push_str("    instances:");
    for n in 1..=named {
        let model = quoted(model);
        let _ = write!(
            out,
            "\n      - {{name: {name}-{n}, provider: fleet, url: \"http://{name}-{n}:8000\", models: {{{model}: {model}}}}}"
        );
    }
    out
}

/// A word in double quotes, as YAML and JSON share them.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.into()).to_string()
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tollgate_fleet::catalogue::Catalogue;
    use tollgate_fleet::plan::{Space, Stream, plan};
    use tollgate_fleet::service::Serving;
    use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo};
    use tollgate_gateway::config::written::Placement;

    /// A problem of 70B on eight GPUs at a rate.
    fn problem(rate: f64, space: Space) -> Problem {
        let shipped = Catalogue::shipped().unwrap();
        let serving = Serving { tensor_parallel: 8, ..Serving::default() };
        let model = shipped.model("llama-3.1-70b").unwrap();
        let h100 = Profile::derive(shipped.gpu("h100").unwrap(), model, &serving).unwrap();
        let cdf = Cdf::new(vec![(1024, 0.6), (8192, 0.97), (32_768, 1.0)]).unwrap();
        let lengths = JointLengths::of_totals(&cdf, 0.2).unwrap();
        let chat = Class { name: "chat".into(), slo: Slo::ttft(2000.0) };
        Problem::new(vec![Stream::new(chat, lengths, rate)], vec![h100], space)
    }

    /// Names that mean something to YAML, and more pools and instances than usual, are read back as they were.
    #[test]
    fn odd_names_many_pools_and_many_instances_are_read_back() {
        let several =
            Space { pools: 3, boundaries: vec![1024, 8192], gammas: vec![1.0], ..Space::one_pool(32_768) };
        let asked = problem(60_000.0, several);
        let mut found = plan(&asked).unwrap();
        let one = found.pools[0].clone();
        let pool = |max_total_tokens, instances| PoolPlan { max_total_tokens, instances, ..one.clone() };
        found.pools = vec![pool(1024, 1), pool(8192, 3 * INSTANCES_MAX), pool(32_768, INSTANCES_MAX)];
        found.why.push("two\nlines: {of} #words".into());
        for name in ["org/model:8b", "it's:{x}", "#no-comment", "null", "~", "*all", "1e3"] {
            let text = configuration(&found, &asked, name, "odd: \"name\".tollgate");
            let settings = tollgate_gateway::config::read(&text, Path::new("pools.yaml")).unwrap();
            let instances: Vec<usize> = settings.pools.iter().map(|p| p.instances.len()).collect();
            assert_eq!(instances, [1, 3070, 1023], "{name}");
            assert!(text.contains("# 9218 more instances than a configuration can name"), "{text}");
            assert!(settings.models.iter().any(|model| model.name == name), "{name}");
        }
        let out = std::env::temp_dir().join(format!("tollgate-two-words-{}.yaml", std::process::id()));
        let refused = write(&out, &found, &asked, "two words").unwrap_err();
        assert!(format!("{refused:#}").contains("models[0].name"), "{refused:#}");
        assert!(!out.exists());
    }

    #[test]
    fn the_gateway_loads_what_a_plan_writes() {
        let spaces = [Space::two_pools(8192, 32_768), Space::one_pool(32_768)];
        for (space, goal) in spaces.into_iter().zip([Goal::Cost, Goal::Power]) {
            let mut problem = problem(60.0, space);
            problem.goal = goal;
            let found = plan(&problem).unwrap();
            let text = configuration(&found, &problem, "llama-3.1-70b", "pools.tollgate");
            let settings = tollgate_gateway::config::read(&text, Path::new("pools.yaml")).unwrap();
            let draws = settings.pools[0].instances[0].power.unwrap();
            assert!(draws.peak_w > draws.idle_w && draws.half >= 1.0, "{draws:?}");
            assert_eq!(settings.pools[0].placement == Placement::LeastEnergy, goal == Goal::Power);
            let pools: Vec<_> =
                settings.pools.iter().map(|p| (p.max_total_tokens, p.instances.len())).collect();
            let last = found.pools.len() - 1;
            let wanted: Vec<_> = found
                .pools
                .iter()
                .enumerate()
                .map(|(i, p)| ((i < last).then_some(u64::from(p.max_total_tokens)), p.instances as usize))
                .collect();
            assert_eq!(pools, wanted, "{text}");
        }
    }
}
