//! AdamW with a one-cycle rate.

/// Weights' moments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Adam {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
    pub(super) steps: i32,
}

const FIRST: f32 = 0.9;
const SECOND: f32 = 0.99;

impl Adam {
    pub(super) fn new(count: usize) -> Self {
        Self { first: vec![0.0; count], second: vec![0.0; count], steps: 0 }
    }

    /// One step (Kingma and Ba 2015; decay apart from the gradient: Loshchilov and Hutter 2019).
    pub(super) fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32, decay: f32) {
        self.steps += 1;
        let (one, two) = (1.0 - FIRST.powi(self.steps), 1.0 - SECOND.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = FIRST * *m + (1.0 - FIRST) * g;
            *v = SECOND * *v + (1.0 - SECOND) * g * g;
            *w -= rate * ((*m / one) / ((*v / two).sqrt() + 1e-8) + decay * *w);
        }
    }
}

/// The rate at a place 0 … 1 of training: up over the first third, down along a cosine (Smith and Topin 2019).
pub(super) fn one_cycle(most: f32, at: f32) -> f32 {
    if at < 0.3 {
        most * (0.1 + 0.9 * at / 0.3)
    } else {
        most * (0.01 + 0.99 * 0.5 * (1.0 + ((at - 0.3) / 0.7 * std::f32::consts::PI).cos()))
    }
}
