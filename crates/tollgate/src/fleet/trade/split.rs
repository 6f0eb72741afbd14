//! `tollgate fleet split`: prefill and decode on instances of their own.

use super::super::plan::refused;
use super::super::problem::FleetArgs;
use super::super::workload::Loaded;
use super::super::{compare, compat, usd};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use tollgate_fleet::Error;
use tollgate_fleet::plan::{Disaggregated, Problem, Side, Transfer, disaggregate};

/// Plan prefill and decode on instances of their own, beside fleets that do both
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate fleet split --cdf lengths.json --rate 40 --slo-ttft-ms 2000 --slo-tpot-ms 60 --gpu h100 --gpu a100
  tollgate fleet split --cdf lengths.json --rate 200 --slo-ttft-ms 500 --slo-tpot-ms 100 --gpu h100 --gpu a100 --compat

Each side takes the cheapest of the GPUs that meets its promises. With --compat the first --gpu reads prompts and the
second writes. Exits with 1 when no fleet meets the promises.")]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(in crate::fleet) fleet: FleetArgs,
    /// Answer as the public reference simulator's `disagg` does: no queue, no transfer
    #[arg(long, conflicts_with_all = compat::REFUSED,
        conflicts_with_all = ["boundary", "gamma", "compressible", "availability", "transfer_gb_per_s", "transfer_ms"])]
    pub(in crate::fleet) compat: bool,
    /// Gigabytes per second of KV cache that each prefill instance sends [default: the network of one GPU of the
    /// slowest type]
    #[arg(long, value_name = "GB")]
    transfer_gb_per_s: Option<f64>,
    /// Fixed time of a transfer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1.0)]
    transfer_ms: f64,
    /// With --compat: the mean prompt, in tokens [default: three quarters of the mean length]
    #[arg(long, value_name = "N", requires = "compat")]
    pub(in crate::fleet) mean_prompt: Option<u32>,
    /// With --compat: the mean output, in tokens [default: a quarter of the mean length]
    #[arg(long, value_name = "N", requires = "compat")]
    pub(in crate::fleet) mean_output: Option<u32>,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::fleet) json: bool,
}

/// Plans both sides.
pub(in crate::fleet) fn run(args: &SplitArgs) -> Result<Ending> {
    if args.compat {
        return compat::split(args);
    }
    let (loaded, problem) = args.fleet.problem()?;
    let bytes_per_s = match args.transfer_gb_per_s {
        Some(gb) => gb * 1e9,
        None => args.fleet.hardware.network_bytes_per_s()?,
    };
    let transfer = Transfer { bytes_per_s, latency_s: args.transfer_ms / 1e3 };
    let found = match disaggregate(&problem, transfer) {
        Err(Error::Infeasible { why }) => return refused(args.json, &why),
        other => other?,
    };
    let together = compare::fleets(&problem);
    if args.json {
        let together: Vec<_> = together.iter().map(compare::Case::json).collect();
        say::json(
            &json!({"workload": loaded.json(), "transfer": transfer, "split": found, "together": together}),
        )?;
        return Ok(Ending::Good);
    }
    show(&loaded, &problem, &found, transfer)?;
    say::line("\nThe same promises with prefill and decode on the same instances:")?;
    say::table(&compare::HEAD, &compare::rows(&together))?;
    Ok(Ending::Good)
}

fn show(loaded: &Loaded, problem: &Problem, found: &Disaggregated, transfer: Transfer) -> Result<()> {
    let side = |name: &str, side: &Side| {
        vec![
            name.to_owned(),
            side.profile.clone(),
            side.instances.to_string(),
            side.gpus.to_string(),
            format!("{:.0} %", side.utilisation * 100.0),
            usd(side.cost_micro_per_hour),
        ]
    };
    let rows = [side("prefill", &found.prefill), side("decode", &found.decode)];
    say::table(&["side", "instances of", "instances", "GPUs", "used", "USD/h"], &rows)?;
    say::line("")?;
    let times = found.ttft_ms.iter().zip(&found.tpot_ms).zip(&problem.streams);
    let class = |((ttft, tpot), stream): ((&f64, &f64), &tollgate_fleet::plan::Stream)| {
        vec![
            stream.class.name.clone(),
            format!("P{}", stream.class.slo.percentile * 100.0),
            format!("{ttft:.0}"),
            format!("{tpot:.1}"),
        ]
    };
    say::table(&["class", "share", "TTFT ms", "TPOT ms"], &times.map(class).collect::<Vec<_>>())?;
    say::line(&format!(
        "\n{:.2} requests/s; {} GPUs, {} USD an hour; energy included, {:.1} kW; the KV cache crosses at {} GB/s after {:.1} ms, and each link is used {:.0} %",
        loaded.rate(),
        found.prefill.gpus + found.decode.gpus,
        usd(found.cost_micro_per_hour),
        found.energy.facility_w / 1e3,
        transfer.bytes_per_s / 1e9,
        transfer.latency_s * 1e3,
        found.link_utilisation * 100.0
    ))
}
