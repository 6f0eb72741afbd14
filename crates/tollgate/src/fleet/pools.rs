//! A plan as a configuration that `tollgate serve` loads.

use std::fmt::Write as _;
use tollgate_fleet::plan::{Goal, Plan, PoolPlan, Problem};
use tollgate_fleet::service::Profile;

/// Most instances that a configuration names; more are told in a comment.
const INSTANCES_MAX: u32 = 4096;

/// A policy that sends everything to the model; pools are chosen by length.
pub(super) fn policy(model: &str) -> String {
    format!(
        "# For the pools beside it: every request goes to the model, and its length chooses the pool.\npolicy \"fleet\"\n\ndefault {{\n  models {{ {} }}\n}}\n",
        quoted(model)
    )
}

/// The configuration: a pool for each of the plan's, with an instance for each of its instances, at addresses to replace.
/// A plan for least power is served by least power.
pub(super) fn configuration(plan: &Plan, problem: &Problem, model: &str, policy_file: &str) -> String {
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
    let mut left = INSTANCES_MAX;
    for (index, pool) in plan.pools.iter().enumerate() {
        let name = if index == last && last > 0 { "long".into() } else { pool_name(index, last) };
        let named = pool.instances.min(left);
        left -= named;
        let profile = problem.profiles.get(pool.profile_index);
        let energy = energy(pool, profile, problem.goal);
        add(&one_pool(&name, pool, index < last, model, named, &energy));
    }
    out
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

    #[test]
    fn the_gateway_loads_what_a_plan_writes() {
        let shipped = Catalogue::shipped().unwrap();
        let serving = Serving { tensor_parallel: 8, ..Serving::default() };
        let model = shipped.model("llama-3.1-70b").unwrap();
        let h100 = Profile::derive(shipped.gpu("h100").unwrap(), model, &serving).unwrap();
        let cdf = Cdf::new(vec![(1024, 0.6), (8192, 0.97), (32_768, 1.0)]).unwrap();
        let lengths = JointLengths::of_totals(&cdf, 0.2).unwrap();
        let chat = Class { name: "chat".into(), slo: Slo::ttft(2000.0) };
        let spaces = [Space::two_pools(8192, 32_768), Space::one_pool(32_768)];
        for (space, goal) in spaces.into_iter().zip([Goal::Cost, Goal::Power]) {
            let stream = Stream::new(chat.clone(), lengths.clone(), 60.0);
            let mut problem = Problem::new(vec![stream], vec![h100.clone()], space);
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
