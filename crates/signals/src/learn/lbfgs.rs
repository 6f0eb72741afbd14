//! Limited-memory BFGS (Nocedal 1980): the minimum of a smooth convex function by its gradient.
//!
//! Two loops over the last steps give the direction, a backtracking search under Armijo's condition its length. No
//! randomness: the same function and start give the same minimum, bit for bit.

use std::collections::VecDeque;

/// Steps that are remembered.
const MEMORY: usize = 8;
/// Most steps.
const STEPS_MAX: usize = 200;
/// Shortest share of a step that is tried, as halvings.
const HALVINGS: u32 = 20;
/// Share of the decrease that the gradient promises which a step must keep.
const ARMIJO: f64 = 1e-4;

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// One remembered step: how far, how the gradient changed, and one over their product.
struct Memory {
    moved: Vec<f32>,
    turned: Vec<f32>,
    inverse: f64,
}

/// Minimises `function`, which gives a value and writes its gradient; ends when the gradient is `tolerance` times the
/// first one.
pub(super) fn minimise(
    mut at: Vec<f32>,
    tolerance: f64,
    function: &mut dyn FnMut(&[f32], &mut [f32]) -> f64,
) -> Vec<f32> {
    let mut gradient = vec![0.0_f32; at.len()];
    let mut value = function(&at, &mut gradient);
    let first = dot(&gradient, &gradient).sqrt();
    let mut memory: VecDeque<Memory> = VecDeque::with_capacity(MEMORY);
    for _ in 0..STEPS_MAX {
        if dot(&gradient, &gradient).sqrt() <= tolerance * first {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            break;
        }
        let scale = if memory.is_empty() { 1.0 / first.max(1e-12) } else { 1.0 };
        let Some((next, next_value, next_gradient)) =
            search(&at, value, &direction, slope, scale.min(1.0), function)
        else {
            break;
        };
        let moved: Vec<f32> = next.iter().zip(&at).map(|(new, old)| new - old).collect();
        let turned: Vec<f32> = next_gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let product = dot(&moved, &turned);
        if product > 1e-12 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Memory { moved, turned, inverse: 1.0 / product });
        }
        (at, value, gradient) = (next, next_value, next_gradient);
    }
    at
}

/// The quasi-Newton direction: the two-loop recursion.
fn direction(gradient: &[f32], memory: &VecDeque<Memory>) -> Vec<f32> {
    let mut direction: Vec<f32> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let share = step.inverse * dot(&step.moved, &direction);
        direction.iter_mut().zip(&step.turned).for_each(|(d, t)| *d -= share as f32 * t);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = (1.0 / (last.inverse * dot(&last.turned, &last.turned))) as f32;
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (step, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = share - step.inverse * dot(&step.turned, &direction);
        direction.iter_mut().zip(&step.moved).for_each(|(d, m)| *d += back as f32 * m);
    }
    direction
}

type Found = (Vec<f32>, f64, Vec<f32>);

/// The first of ever shorter steps that decreases the value enough.
fn search(
    at: &[f32],
    value: f64,
    direction: &[f32],
    slope: f64,
    scale: f64,
    function: &mut dyn FnMut(&[f32], &mut [f32]) -> f64,
) -> Option<Found> {
    let mut gradient = vec![0.0_f32; at.len()];
    (0..HALVINGS).find_map(|halvings| {
        let step = scale * 0.5_f64.powi(halvings.cast_signed());
        let next: Vec<f32> = at.iter().zip(direction).map(|(a, d)| a + step as f32 * d).collect();
        let found = function(&next, &mut gradient);
        (found <= value + ARMIJO * step * slope).then(|| (next, found, std::mem::take(&mut gradient)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bowl whose axes differ a thousandfold: its minimum is known.
    #[test]
    fn finds_the_minimum_of_a_narrow_bowl() {
        let centre = [3.0_f32, -2.0, 0.5];
        let width = [1.0_f32, 1000.0, 0.1];
        let found = minimise(vec![0.0; 3], 1e-7, &mut |x, gradient| {
            let mut value = 0.0;
            for i in 0..3 {
                let away = x[i] - centre[i];
                gradient[i] = 2.0 * width[i] * away;
                value += f64::from(width[i] * away * away);
            }
            value
        });
        for (x, wanted) in found.iter().zip(centre) {
            assert!((x - wanted).abs() < 1e-3, "{found:?}");
        }
    }
}
