//! Power against the batch, from measured watts.

use super::rows;
use crate::say;
use anyhow::{Context, Result};
use std::path::Path;
use tollgate_fleet::calibrate::power::{MachinePower, machine_power};
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::trace::PowerMeasured;

const HEAD: [&str; 7] = ["GPU", "model", "batches", "W at 1", "W at 32", "W at 256", "error left out"];

/// A curve for each machine of a file.
pub(super) fn machines(catalogue: &Catalogue, path: &Path) -> Result<Vec<MachinePower>> {
    let place = path.display().to_string();
    machine_power(catalogue, &rows::<PowerMeasured>(path)?, &place)
        .with_context(|| format!("cannot use {place}"))
}

/// Shows them, where there are any.
pub(super) fn show(machines: &[MachinePower]) -> Result<()> {
    if machines.is_empty() {
        return Ok(());
    }
    say::line("\npower of one GPU; each batch predicted from the others, where there are three:")?;
    let cells = |machine: &MachinePower| {
        let watts = |batch: f64| format!("{:.0}", machine.curve.watts(batch));
        vec![
            format!("{}x{}", machine.gpu, machine.tensor_parallel),
            machine.model.clone(),
            machine.curve.points.len().to_string(),
            watts(1.0),
            watts(32.0),
            watts(256.0),
            machine.left_out.map_or_else(|| "–".into(), |error| format!("{:.1} %", error * 100.0)),
        ]
    };
    say::table(&HEAD, &machines.iter().map(cells).collect::<Vec<_>>())
}
