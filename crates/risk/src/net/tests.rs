//! Gradients against finite differences, threads against one, and what each part sees.

use super::forward::{Input, Weights};
use super::inputs::{Histories, Scales};
use super::layout::{Layout, Shape, Switches};
use super::{NetConfig, Network, fused_columns};
use crate::dataset::Dataset;
use crate::feature::{FeatureSpace, Matrix};
use crate::fold::Caps;
use crate::generate::{Plan, dataset, generate};
use crate::linear::Logistic;
use tollgate_core::Seed;

fn small(users: u32, events: f64) -> (Dataset, FeatureSpace, Matrix) {
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
    let (data, space, features) = small(3, 24.0);
    let users = [0, 1, 2];
    let on = Switches::default();
    let variants = [
        on,
        Switches::unfolded(),
        Switches { relation: false, ..on },
        Switches { wide: false, names: false, ..on },
        Switches { fused: false, ..on },
    ];
    for switches in variants {
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
                assert!(close, "{name}[{}]: {found} is not {numeric} ({switches:?})", i - range.start);
            }
        }
    }
}

#[test]
fn one_thread_or_many_give_the_same_weights() {
    let (data, space, features) = small(80, 20.0);
    let users: Vec<u32> = (0..80).collect();
    let train = |threads| {
        let config = NetConfig { width: 8, head: 8, epochs: 2, batch: 40, threads, ..NetConfig::default() };
        let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
        let line = Logistic::fit(&features, &labels, &users[..60], 10.0);
        Network::train(&data, &features, &space, users.split_at(60), &line, &config, &mut |_, _, _| {})
            .unwrap()
    };
    let one = train(1);
    assert_eq!(one, train(3));
    assert_ne!(one.weights, Layout::of(&one.shape).start(Seed(1)));
}
