//! Gradients against finite differences, threads against one, and what each part sees.

use super::forward::{Input, Weights};
use super::inputs::{Histories, Scales};
use super::layout::{Layout, Shape, Switches, Within};
use super::within::LONG;
use super::{NetConfig, Network, fused_columns};
use crate::dataset::Dataset;
use crate::feature::{FeatureSpace, Matrix};
use crate::fold::Caps;
use crate::generate::{Plan, dataset, generate};
use crate::linear::Logistic;
use tollgate_core::Seed;

pub(super) fn small(users: u32, events: f64) -> (Dataset, FeatureSpace, Matrix) {
    let plan = Plan { users, merchants: 20, events, ..Plan::default() };
    let data = dataset(&generate(&plan));
    let all: Vec<u32> = (0..users).collect();
    let space = FeatureSpace::learn(&data, &all);
    let features = space.rows(&data);
    (data, space, features)
}

/// Every part of the parameters, for the whole network and with each switch off.
#[test]
fn gradients_are_those_of_finite_differences() {
    let (data, space, features) = small(3, 60.0);
    let users = [0, 1, 2];
    let on = Switches::default();
    let variants = [
        (on, Within::Pool),
        (Switches::unfolded(), Within::Pool),
        (Switches { relation: false, ..on }, Within::Pool),
        (Switches { wide: false, names: false, ..on }, Within::Pool),
        (Switches { fused: false, ..on }, Within::Pool),
        (on, Within::Gru),
        (on, Within::Attention),
    ];
    for (switches, within) in variants {
        let columns = fused_columns(&features, switches, 0);
        let shape = Shape {
            width: 4,
            head: 3,
            words: space.words.len(),
            categories: space.categories.len(),
            numbers: 0,
            features: columns.len() * 2,
            fused: columns.len(),
            switches,
            within,
        };
        let layout = Layout::of(&shape);
        let mut w = layout.start(Seed(3));
        // Zero would hide what is multiplied by it.
        let mut draw = Seed(9);
        w.iter_mut().for_each(|w| {
            draw = draw.next();
            *w += (draw.unit() as f32 - 0.5) * 0.3;
        });
        let scales = Scales::learn(&data, &users);
        let lookup = space.lookup(&data.names);
        let from = Histories::new(&data, &lookup, &shape, &scales, Caps::default());
        let shard = from.shard(&users);
        let long = shard.groups.windows(2).filter(|ends| ends[1] - ends[0] >= LONG).count();
        assert!(long > 0 && long < shard.merchants() || !switches.fold, "{long} of {}", shard.merchants());
        let made = |n: usize| (0..3 * n).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<f32>>();
        let (features, fused) = (made(columns.len() * 2), made(columns.len()));
        let mask: Vec<f32> = (0..3 * 3 * 4).map(|i| if i % 5 == 0 { 0.0 } else { 1.25 }).collect();
        let input =
            Input { from: &from, shard: &shard, features: &features, fused: &fused, mask: Some(&mask) };
        let weigh = [0.7f32, -1.3, 0.4];
        let value = |w: &[f32]| -> f64 {
            let tape = Weights { shape: &shape, layout: &layout, w }.forward(&input);
            tape.logits.iter().zip(weigh).map(|(x, g)| f64::from(*x) * f64::from(g)).sum()
        };
        let weights = Weights { shape: &shape, layout: &layout, w: &w };
        let mut gradient = vec![0.0; layout.total];
        weights.backward(&input, &weights.forward(&input), &weigh, &mut gradient);
        for (name, range, _) in layout.parts() {
            let stride = range.len().div_ceil(12).max(1);
            for i in range.clone().step_by(stride) {
                let h = 1e-2;
                let mut moved = w.clone();
                moved[i] = w[i] + h;
                let up = value(&moved);
                moved[i] = w[i] - h;
                let down = value(&moved);
                let numeric = (up - down) / (2.0 * f64::from(h));
                let found = f64::from(gradient[i]);
                let close = (numeric - found).abs() < 2e-3 + 0.02 * numeric.abs();
                assert!(
                    close,
                    "{name}[{}]: {found} is not {numeric} ({switches:?}, {within:?})",
                    i - range.start
                );
            }
        }
    }
}

fn trained(
    (data, space, features): &(Dataset, FeatureSpace, Matrix),
    config: &NetConfig,
    step: &mut dyn FnMut(usize, f64, f64),
) -> crate::Result<Network> {
    let users: Vec<u32> = (0..data.users.count as u32).collect();
    let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
    let parts = users.split_at(users.len() * 3 / 4);
    let line = Logistic::fit(features, &labels, parts.0, 10.0);
    Network::train(data, features, space, parts, &line, config, step)
}

#[test]
fn one_thread_or_many_give_the_same_weights() {
    let made = small(80, 20.0);
    for (within, masked) in [(Within::Pool, 0), (Within::Gru, 1), (Within::Attention, 1)] {
        let train = |threads| {
            let config = NetConfig { width: 8, head: 8, epochs: 2, batch: 40, ..NetConfig::default() };
            let config = NetConfig { threads, within, masked, ..config };
            trained(&made, &config, &mut |_, _, _| {}).unwrap()
        };
        let one = train(1);
        assert_eq!(one, train(3), "{within:?}");
        assert_ne!(one.weights, Layout::of(&one.shape).start(Seed(1)));
    }
}

/// Stopped in the middle of a pass and started again, with other threads: the same bits at the end.
#[test]
fn training_that_was_stopped_ends_as_if_it_had_not_been() {
    let made = small(80, 20.0);
    let folder = std::env::temp_dir().join(format!("tollgate-risk-kept-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let config =
        NetConfig { width: 8, head: 8, epochs: 4, batch: 40, patience: 9, masked: 2, ..NetConfig::default() };
    let whole = trained(&made, &config, &mut |_, _, _| {}).unwrap();
    let kept =
        |threads| NetConfig { kept: Some(folder.join("network.safetensors")), threads, ..config.clone() };
    let stopped = std::panic::catch_unwind(|| {
        trained(&made, &kept(1), &mut |epoch, _, _| assert!(epoch < 2, "stop")).map(|_| ())
    });
    assert!(stopped.is_err());
    let mut heard = Vec::new();
    let again = trained(&made, &kept(3), &mut |epoch, _, _| heard.push(epoch)).unwrap();
    // The pass that had not ended is done again, those before it are not.
    assert_eq!(heard, [2, 3]);
    assert_eq!(again, whole);
    // What is done is not done again, and what is another training's is refused.
    assert_eq!(trained(&made, &kept(1), &mut |_, _, _| panic!("done")).unwrap(), whole);
    let other = NetConfig { decay: 0.1, ..kept(1) };
    let error = trained(&made, &other, &mut |_, _, _| {}).unwrap_err().to_string();
    assert!(error.contains("other settings"), "{error}");
    let file = folder.join("network.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(trained(&made, &kept(1), &mut |_, _, _| {}).unwrap_err().to_string().contains("no whole file"));
    std::fs::remove_dir_all(&folder).unwrap();
}
