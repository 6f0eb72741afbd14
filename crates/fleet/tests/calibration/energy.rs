//! Power and energy against measured points.

use super::Section;
use tollgate_fleet::calibrate::power::leave_one_out;
use tollgate_fleet::catalogue::{Catalogue, Dtype};
use tollgate_fleet::power::{Measured, MeasuredPower, all_measured, measured};
use tollgate_fleet::service::{Profile, Serving};

/// What was measured: GPU, model, degree, weights.
const MEASURED: [(&str, &str, u32, Dtype); 8] = [
    ("h100-sxm", "llama-3.1-8b", 1, Dtype::Fp16),
    ("b200-sxm", "llama-3.1-8b", 1, Dtype::Fp16),
    ("h100-sxm", "llama-3.1-70b", 4, Dtype::Fp16),
    ("b200-sxm", "llama-3.1-70b", 2, Dtype::Fp16),
    ("h100-sxm", "llama-3.1-405b", 8, Dtype::Fp8),
    ("h100-sxm", "qwen3-32b", 2, Dtype::Fp16),
    ("h100-sxm", "qwen3-235b-a22b", 8, Dtype::Fp8),
    ("h100-sxm", "qwen3-30b-a3b", 1, Dtype::Fp16),
];

/// Tokens of context of a chat in mid-answer: the benchmark does not publish it.
const CHAT_CONTEXT: f64 = 512.0;

pub(super) fn section() -> Option<Section> {
    let mut section = Section::default();
    section.line("## Power, one batch left out\n");
    section.line("Watts of one GPU by batch (ML.ENERGY leaderboard, chat, vLLM; figures quoted). Each batch is left out in turn and predicted by the curve");
    section.line("that ships, with all that it is fitted to from the other batches: `base + rise·b/(b + half)` up to the board's limit, one `half` for all");
    section.line("instances, and the share of the limit that an empty batch draws on the mean counted as one measurement of each. Bar: 5 %, ends included.\n");
    section.line("| instance | batch | measured W | predicted W | error | |");
    section.line("| --- | --- | --- | --- | --- | --- |");
    let instances: Vec<MeasuredPower> = all_measured().iter().map(Measured::power).collect();
    let (mut inner, mut all) = (Vec::new(), Vec::new());
    for out in leave_one_out(&instances).unwrap() {
        let Measured { gpus, gpu, model, .. } = all_measured()[out.instance];
        all.push(out.error());
        if out.inner {
            inner.push(out.error());
        }
        section.line(&format!(
            "| {gpus} x {gpu}, {model} | {:.0} | {:.0} | {:.0} | {:.1} % | {} |",
            out.batch,
            out.measured_w,
            out.predicted_w,
            out.error() * 100.0,
            if out.inner { "between two" } else { "beyond the ends" }
        ));
    }
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let verdict = section.promise("power, one batch left out", mean(&all), 0.05);
    section.line(&format!(
        "\nMean error {:.1} % ({verdict}): {:.1} % between two measured batches, {:.1} % where the smallest or the largest is left out.",
        mean(&all) * 100.0,
        mean(&inner) * 100.0,
        (mean(&all) * all.len() as f64 - mean(&inner) * inner.len() as f64) / (all.len() - inner.len()) as f64 * 100.0,
    ));
    section.line(
        "The worst is the 8B model on a B200, whose measured power falls and rises again with the batch.\n",
    );
    tokens_per_joule(&mut section);
    Some(section)
}

fn tokens_per_joule(section: &mut Section) {
    section.line("## Tokens per joule against measured points\n");
    section.line("Output tokens per joule of the whole instance: measured, and from first principles (batch over the iteration's time over measured");
    section.line(&format!("power, {CHAT_CONTEXT:.0} tokens of context a sequence, prompts left out). The reference claims 9 to 18 for the 70B model on H100, because it"));
    section.line("prices one GPU of the instance. A curve that counts decoding alone, as this one, is an upper bound and is labelled so.\n");
    section.line("| instance | batch | measured tok/J | decode only, from first principles | ratio |");
    section.line("| --- | --- | --- | --- | --- |");
    let catalogue = Catalogue::shipped().unwrap();
    for (gpu, model, gpus, weights) in MEASURED {
        let serving = Serving { tensor_parallel: gpus, weights, sequences: 4096, ..Serving::default() };
        let profile = Profile::derive(catalogue.gpu(gpu).unwrap(), catalogue.model(model).unwrap(), &serving);
        let Ok(profile) = profile else { continue };
        for &(batch, watts, per_joule) in measured(gpu, model, gpus).unwrap().rows {
            let step_s = profile.step.seconds(batch, batch * CHAT_CONTEXT, 0.0);
            let predicted = batch / step_s / (f64::from(gpus) * watts);
            section.line(&format!(
                "| {gpus} x {gpu}, {model} | {batch:.0} | {per_joule:.2} | {predicted:.2} | {:.1} |",
                predicted / per_joule
            ));
        }
    }
    section.line("\nThe ratio grows with the batch: prompts share the iterations, which this curve leaves out, contexts are longer than assumed, and");
    section.line("scheduling and sampling grow with the sequences. A plan that needs absolute figures should fit its profile to measurements.\n");
}
