//! Prefill and decode apart (`disagg`).

use super::super::trade::SplitArgs;
use super::{CONTEXT, NOTE, knots, rate, slo_ms};
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use serde_json::json;
use tollgate_fleet::compat::Profile;
use tollgate_fleet::compat::disagg::{Split, SplitCase, means, split};

/// The objective for the time per output token where none is said, milliseconds: the reference's.
const TPOT_MS: f64 = 100.0;
const HEAD: [&str; 7] = ["prefill", "decode", "GPUs", "req/s", "TTFT ms", "TPOT ms", "USD/h"];

/// `fleet split --compat`.
pub(in crate::fleet) fn run(args: &SplitArgs) -> Result<Ending> {
    let fleet = &args.fleet;
    let (prefill, decode) = match fleet.hardware.gpu.as_slice() {
        [both] => (both, both),
        [prefill, decode] => (prefill, decode),
        _ => bail!("--compat takes one --gpu for both sides, or two: prefill and decode"),
    };
    let tpot_ms = match fleet.workload.slo_tpot_ms.as_slice() {
        [] => TPOT_MS,
        [one] => *one,
        _ => bail!("--compat answers for one --slo-tpot-ms"),
    };
    let (prompt, output) = means(&knots(&fleet.workload)?);
    let case = SplitCase {
        rate: rate(fleet)?,
        ttft_ms: slo_ms(fleet)?,
        tpot_ms,
        context: fleet.context.unwrap_or(CONTEXT),
        prompt: args.mean_prompt.unwrap_or(prompt),
        output: args.mean_output.unwrap_or(output),
        prefill: Profile::named(prefill)?,
        decode: Profile::named(decode)?,
    };
    let found = split(&case);
    if args.json {
        let (best, front) = found.clone().unzip();
        say::json(&json!({"mode": "compat", "met": found.is_some(), "best": best, "pareto": front}))?;
        return Ok(Ending::of(found.is_some()));
    }
    say::line(NOTE)?;
    let Some((best, front)) = found else {
        say::line("none of 32 by 64 instances meets both promises at this rate")?;
        return Ok(Ending::Refused);
    };
    say::table(&HEAD, &front.iter().map(cells).collect::<Vec<_>>())?;
    let year = best.cost_hour * 8.76;
    say::line(&format!(
        "\nmean prompt {} and output {} tokens; the cheapest: {} prefill and {} decode, {year:.1} kUSD a year",
        case.prompt, case.output, best.prefill, best.decode
    ))?;
    Ok(Ending::Good)
}

fn cells(row: &Split) -> Vec<String> {
    vec![
        row.prefill.to_string(),
        row.decode.to_string(),
        row.gpus.to_string(),
        format!("{:.1}", row.rate),
        format!("{:.0}", row.ttft_ms),
        format!("{:.0}", row.tpot_ms),
        format!("{:.2}", row.cost_hour),
    ]
}
