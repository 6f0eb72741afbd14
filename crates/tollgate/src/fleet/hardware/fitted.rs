//! Fitted times in a file: what `fleet calibrate --out` writes and `--fitted` reads.

use crate::{place, say};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tollgate_fleet::calibrate::Machine;
use tollgate_fleet::calibrate::power::MachinePower;
use tollgate_fleet::catalogue::Dtype;
use tollgate_fleet::power::PowerCurve;
use tollgate_fleet::service::{Basis, Fit, Profile};
use tollgate_fleet::sim::engine::EngineTime;

/// From this distance on a fitted line is told to be far off, as a share.
const FAR_OFF: f64 = 0.2;

/// The machine that a run was recorded on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::fleet) struct RunMachine {
    pub(in crate::fleet) gpu: String,
    pub(in crate::fleet) model: String,
    pub(in crate::fleet) tensor_parallel: u32,
    pub(in crate::fleet) weights: Dtype,
}

impl std::fmt::Display for RunMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { gpu, model, tensor_parallel, .. } = self;
        let weights = format!("{:?}", self.weights).to_lowercase();
        write!(f, "{gpu}x{tensor_parallel} {model} with {weights} weights")
    }
}

/// A fit with where it comes from and how far it was off on what it did not see.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fleet) struct Fitted {
    /// The measurements.
    pub(in crate::fleet) source: String,
    /// Measurements that judged it.
    pub(in crate::fleet) held_out: usize,
    /// Errors on them, as shares; none where no times were fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::fleet) errors: Option<Errors>,
    /// Of a recorded run: the engine's iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::fleet) time: Option<EngineTime>,
    /// What that engine ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::fleet) machine: Option<RunMachine>,
    /// Of measured points: the machines that they are of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::fleet) machines: Vec<Machine>,
    /// Watts of measured machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::fleet) power: Vec<MachinePower>,
}

/// Held-out errors of the mean times, as shares.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::fleet) struct Errors {
    pub(in crate::fleet) ttft: f64,
    pub(in crate::fleet) tpot: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::fleet) e2e: Option<f64>,
}

/// What the fit is for.
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) weights: Dtype,
    /// How many degrees were said.
    pub(super) degrees: usize,
    /// The length of prompts, tokens.
    pub(super) prompt: u32,
}

impl Fitted {
    /// # Errors
    /// What is not such a file, or no times.
    pub(in crate::fleet) fn read(path: &Path) -> Result<Self> {
        let bytes = place::read(path)?;
        let wrong = || format!("{} is not what `fleet calibrate --out` writes", path.display());
        let fitted: Self = serde_json::from_slice(&bytes).with_context(wrong)?;
        if fitted.time.is_none() && fitted.machines.is_empty() && fitted.power.is_empty() {
            bail!("{}: there is neither `time` nor `machines` nor `power` in it", wrong());
        }
        for PowerCurve { idle_w, points, source, .. } in fitted.power.iter().map(|machine| &machine.curve) {
            PowerCurve::of_points(*idle_w, points.clone(), source).with_context(wrong)?;
        }
        if fitted.errors.is_none() && (fitted.time.is_some() || !fitted.machines.is_empty()) {
            bail!("{}: there are times in it, and no `errors`", wrong());
        }
        fitted.time.iter().try_for_each(EngineTime::check).with_context(wrong)?;
        fitted.machines.iter().try_for_each(|machine| machine.step.check()).with_context(wrong)?;
        Ok(fitted)
    }

    /// Puts what was fitted in place of what data sheets imply. A run is of one machine, so there must be one
    /// profile and one degree that was said, and it must be that machine; of measured points, profiles that were not measured are left out.
    pub(super) fn onto(&self, profiles: Vec<Profile>, asked: &Asked<'_>) -> Result<Vec<Profile>> {
        let timed = match (&self.time, profiles.as_slice()) {
            (Some(time), [one]) if asked.degrees == 1 => {
                self.same_machine(one, asked)?;
                vec![self.of_run(one.clone(), time, asked.prompt)]
            }
            (Some(_), _) => bail!("--fitted is of one machine: give one --gpu and one --tensor-parallel"),
            (None, _) if self.machines.is_empty() => profiles,
            (None, _) => self.of_points(profiles, asked.model, asked.weights)?,
        };
        Ok(timed.into_iter().map(|profile| self.powered(profile, asked.model)).collect())
    }

    /// With the measured watts, where that machine was measured.
    fn powered(&self, profile: Profile, model: &str) -> Profile {
        let same = |machine: &&MachinePower| {
            machine.gpu == profile.gpu && machine.model == model && machine.tensor_parallel == profile.gpus
        };
        match self.power.iter().find(same) {
            Some(machine) => Profile { power: machine.curve.clone(), ..profile },
            None => {
                if !self.power.is_empty() {
                    say::remark(&format!("{}: no power of it was measured", profile.name));
                }
                profile
            }
        }
    }

    fn fit(&self, engine: &str, errors_of: String) -> Basis {
        let errors = self.errors.unwrap_or_default();
        Basis::Fitted(Fit {
            source: format!("{}{engine}", self.source),
            points: self.held_out,
            errors_of,
            tpot_error: errors.tpot.abs(),
            ttft_error: errors.ttft.abs(),
        })
    }

    fn same_machine(&self, profile: &Profile, asked: &Asked<'_>) -> Result<()> {
        let wanted = RunMachine {
            gpu: profile.gpu.clone(),
            model: asked.model.to_owned(),
            tensor_parallel: profile.gpus,
            weights: asked.weights,
        };
        match &self.machine {
            Some(machine) if *machine == wanted => Ok(()),
            Some(machine) => {
                bail!("--fitted is of {machine}, and {wanted} is asked for: plan that, or calibrate this")
            }
            None => {
                bail!("--fitted does not say which machine it is of: calibrate again, with --gpu and --model")
            }
        }
    }

    fn of_run(&self, profile: Profile, time: &EngineTime, prompt: u32) -> Profile {
        let step = time.step(prompt);
        let errors_of = format!(
            "of the engine's iteration; planned with its line at prompts of {prompt} tokens, no token free"
        );
        Profile { step, basis: self.fit("", errors_of), ..profile }
    }

    fn of_points(&self, profiles: Vec<Profile>, model: &str, weights: Dtype) -> Result<Vec<Profile>> {
        let mut measured = Vec::new();
        for profile in profiles {
            let same = |machine: &&Machine| {
                machine.gpu == profile.gpu
                    && machine.model == model
                    && machine.weights == weights
                    && machine.tensor_parallel == profile.gpus
            };
            // Of several engines, the one that most is known of.
            match self.machines.iter().filter(same).max_by_key(|machine| machine.points) {
                Some(machine) => {
                    if machine.tpot_off > FAR_OFF {
                        let (name, percent) = (&profile.name, machine.tpot_off * 100.0);
                        say::remark(&format!(
                            "{name}: the fitted line is {percent:.0} % off what was measured on average"
                        ));
                    }
                    let errors_of = format!(
                        "of the model learned of all machines; the line of this one is {:.0} % off per output token",
                        machine.tpot_off * 100.0
                    );
                    let basis = self.fit(&format!(", {}", machine.backend), errors_of);
                    measured.push(Profile { step: machine.step, basis, ..profile });
                }
                None => say::remark(&format!("{} is left out: nothing was fitted to it", profile.name)),
            }
        }
        if measured.is_empty() {
            let named = |m: &Machine| {
                format!("{}x{} {} {:?}", m.gpu, m.tensor_parallel, m.model, m.weights).to_lowercase()
            };
            let there: Vec<String> = self.machines.iter().map(named).collect();
            bail!(
                "--fitted has no {model} with {} weights on these GPUs; it has {}",
                format!("{weights:?}").to_lowercase(),
                there.join(", ")
            );
        }
        Ok(measured)
    }
}
