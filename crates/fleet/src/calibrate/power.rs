//! Power curves of measured machines, and how well they predict a batch that was not measured.

use crate::Error;
use crate::catalogue::Catalogue;
use crate::power::{MeasuredPower, PowerCurve, PowerPoint, PowerShape, all_measured};
use crate::trace::PowerMeasured;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The power of a machine as measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePower {
    /// GPU, as the catalogue names it.
    pub gpu: String,
    /// Model, as the catalogue names it.
    pub model: String,
    /// GPUs of the instance.
    pub tensor_parallel: u32,
    /// Watts of one GPU against the batch.
    pub curve: PowerCurve,
    /// The mean relative error on each batch, predicted from the others; none with fewer than three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<f64>,
}

/// A curve for every machine of `rows`, through its points and with the shape of these machines and of those that ship; several
/// measurements at one batch count as their mean.
///
/// # Errors
/// A GPU or model that the catalogue lacks; what [`PowerShape::of`] refuses.
pub fn machine_power(
    catalogue: &Catalogue,
    rows: &[PowerMeasured],
    source: &str,
) -> Result<Vec<MachinePower>, Error> {
    let mut machines: BTreeMap<(String, String, u32), BTreeMap<u64, Vec<PowerPoint>>> = BTreeMap::new();
    for row in rows {
        let (gpu, model) = (catalogue.gpu(&row.gpu)?, catalogue.model(&row.model)?);
        let machine =
            machines.entry((gpu.name.clone(), model.name.clone(), row.tensor_parallel)).or_default();
        // Batches are not negative, so their bits sort as they do.
        let point = PowerPoint { batch: row.batch, watts: row.watts };
        machine.entry(row.batch.max(0.0).to_bits()).or_default().push(point);
    }
    let mean = |points: &Vec<PowerPoint>| {
        let watts = points.iter().map(|point| point.watts).sum::<f64>() / points.len() as f64;
        points.first().map(|first| PowerPoint { watts, ..*first })
    };
    let mut all = Vec::new();
    for ((gpu, _, _), batches) in &machines {
        let points = batches.values().filter_map(mean).collect();
        all.push(MeasuredPower { cap_w: catalogue.gpu(gpu)?.tdp_power_w, points });
    }
    let own = |gpu: &str, model: &str, gpus| machines.contains_key(&(gpu.into(), model.into(), gpus));
    all.extend(all_measured().iter().filter(|m| !own(m.gpu, m.model, m.gpus)).map(|m| m.power()));
    let shape = PowerShape::of(&all)?;
    let left_out = leave_one_out(&all)?;
    let mut found = Vec::new();
    for (at, (gpu, model, tensor_parallel)) in machines.into_keys().enumerate() {
        let curve = shape.curve(catalogue.gpu(&gpu)?.idle_power_w, &all[at], source)?;
        let errors: Vec<f64> = left_out.iter().filter(|l| l.instance == at).map(LeftOut::error).collect();
        let left_out = (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64);
        found.push(MachinePower { gpu, model, tensor_parallel, curve, left_out });
    }
    Ok(found)
}

/// A batch that was left out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LeftOut {
    /// The instance, by index.
    pub instance: usize,
    /// The batch.
    pub batch: f64,
    /// Watts as measured.
    pub measured_w: f64,
    /// Watts as the curve of all the others says.
    pub predicted_w: f64,
    /// Whether smaller and larger batches were there.
    pub inner: bool,
}

impl LeftOut {
    /// The relative error, without its sign.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.predicted_w / self.measured_w - 1.0).abs()
    }
}

/// Leaves each batch out in turn, fits everything to the others, and asks the curve that ships for it. An instance of fewer than
/// three points is fitted to, and not asked.
///
/// # Errors
/// What [`PowerShape::of`] refuses.
pub fn leave_one_out(instances: &[MeasuredPower]) -> Result<Vec<LeftOut>, Error> {
    let mut found = Vec::new();
    for (instance, whole) in instances.iter().enumerate().filter(|(_, one)| one.points.len() >= 3) {
        for at in 0..whole.points.len() {
            let mut rest = instances.to_vec();
            let out = rest[instance].points.remove(at);
            let curve = PowerShape::of(&rest)?.curve(0.0, &rest[instance], "the other batches")?;
            let (batch, measured_w) = (out.batch, out.watts);
            let inner = at > 0 && at + 1 < whole.points.len();
            found.push(LeftOut { instance, batch, measured_w, predicted_w: curve.watts(batch), inner });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{PowerPoint, Trend};

    #[test]
    fn measured_machines_get_curves_through_their_points() {
        let shipped = Catalogue::shipped().unwrap();
        let row = |batch, watts| PowerMeasured {
            gpu: "h100".into(),
            model: "llama-3.1-8b".into(),
            tensor_parallel: 2,
            batch,
            watts,
        };
        let rows = [row(64.0, 520.0), row(8.0, 440.0), row(256.0, 600.0), row(8.0, 460.0)];
        let found = machine_power(&shipped, &rows, "mine").unwrap();
        let [machine] = found.as_slice() else { unreachable!("{found:?}") };
        assert_eq!((machine.gpu.as_str(), machine.tensor_parallel), ("h100-sxm", 2));
        let watts = [8.0, 64.0, 256.0].map(|batch| machine.curve.watts(batch));
        assert!(watts.iter().zip([450.0, 520.0, 600.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{watts:?}");
        assert!((520.0..600.0).contains(&machine.curve.watts(128.0)) && machine.curve.watts(1e6) <= 700.0);
        assert!(machine.left_out.is_some_and(|error| error < 0.1), "{machine:?}");
        assert!(machine_power(&shipped, &[row(0.0, 1.0)], "mine").is_err(), "half a sequence");
        assert!(
            machine_power(&shipped, &[PowerMeasured { gpu: "?".into(), ..row(8.0, 1.0) }], "mine").is_err()
        );
    }

    #[test]
    fn what_follows_the_shape_is_predicted_at_the_ends_too_and_an_outlier_is_not() {
        let of = |rise_w: f64| {
            let trend = Trend { base_w: 420.0, rise_w, half: 64.0, cap_w: 700.0 };
            let points =
                [8.0, 32.0, 128.0, 512.0].map(|batch| PowerPoint { batch, watts: trend.watts(batch) });
            MeasuredPower { cap_w: 700.0, points: points.to_vec() }
        };
        let mut instances = [of(100.0), of(200.0), of(260.0)];
        instances[2].points.truncate(2);
        let found = leave_one_out(&instances).unwrap();
        assert_eq!((found.len(), found.iter().filter(|one| one.inner).count()), (8, 4));
        assert!(found.iter().all(|one| one.error() < 0.01), "{found:?}");
        // A point that is twice as high must not be seen by the curve that is asked for it.
        instances[0].points[3].watts *= 1.3;
        let found = leave_one_out(&instances).unwrap();
        assert!((found[3].predicted_w / of(100.0).points[3].watts - 1.0).abs() < 0.02, "{:?}", found[3]);
        assert!(found[3].error() > 0.2);
    }
}
