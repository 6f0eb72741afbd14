//! The least value of a function of a few numbers, without derivatives.

/// Most evaluations of one minimisation.
pub const MAX_EVALUATIONS: usize = 100_000;

/// Where a search ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Minimum {
    /// The point.
    pub at: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// How often the function was asked.
    pub evaluations: usize,
}

/// Nelder and Mead's simplex (1965) from `start`, whose corners lie `step` away in each direction; ends after `evaluations`
/// (at most [`MAX_EVALUATIONS`]) or when the corners agree to a millionth. Values that are not numbers count as infinite.
pub fn minimise(
    start: &[f64],
    step: f64,
    evaluations: usize,
    mut value: impl FnMut(&[f64]) -> f64,
) -> Minimum {
    let most = evaluations.clamp(start.len() + 1, MAX_EVALUATIONS);
    let mut asked = 0;
    let mut ask = |at: &[f64]| {
        asked += 1;
        let found = value(at);
        if found.is_nan() { f64::INFINITY } else { found }
    };
    let mut corners: Vec<(f64, Vec<f64>)> = vec![(ask(start), start.to_vec())];
    for axis in 0..start.len() {
        let mut corner = start.to_vec();
        corner[axis] += step;
        corners.push((ask(&corner), corner));
    }
    let n = start.len();
    let mut left = most.saturating_sub(n + 1);
    while left > 0 && n > 0 {
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (corners[0].0, corners[n].0);
        if worst - best <= 1e-6 * (best.abs() + 1e-12) {
            break;
        }
        let centre: Vec<f64> =
            (0..n).map(|axis| corners[..n].iter().map(|c| c.1[axis]).sum::<f64>() / n as f64).collect();
        let along = |t: f64, from: &[f64]| -> Vec<f64> {
            centre.iter().zip(from).map(|(c, w)| c + t * (c - w)).collect()
        };
        let reflected = along(1.0, &corners[n].1);
        let at_reflected = ask(&reflected);
        left -= 1;
        let replacement = if at_reflected < best {
            let expanded = along(2.0, &corners[n].1);
            let at_expanded = ask(&expanded);
            left = left.saturating_sub(1);
            if at_expanded < at_reflected { (at_expanded, expanded) } else { (at_reflected, reflected) }
        } else if at_reflected < corners[n - 1].0 {
            (at_reflected, reflected)
        } else {
            let inside = along(if at_reflected < worst { 0.5 } else { -0.5 }, &corners[n].1);
            let at_inside = ask(&inside);
            left = left.saturating_sub(1);
            if at_inside >= worst.min(at_reflected) {
                let towards = corners[0].1.clone();
                for corner in &mut corners[1..] {
                    corner.1.iter_mut().zip(&towards).for_each(|(x, to)| *x = f64::midpoint(*x, *to));
                    corner.0 = ask(&corner.1);
                }
                left = left.saturating_sub(n);
                continue;
            }
            (at_inside, inside)
        };
        corners[n] = replacement;
    }
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (value, at) = corners.swap_remove(0);
    Minimum { at, value, evaluations: asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_bottom_of_a_curved_valley() {
        let rosenbrock = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimise(&[-1.2, 1.0], 0.5, 2_000, rosenbrock);
        assert!((found.at[0] - 1.0).abs() < 1e-3 && (found.at[1] - 1.0).abs() < 1e-3, "{found:?}");
        let walled = |x: &[f64]| if x[0] < 2.0 { f64::NAN } else { x[0] };
        assert!((minimise(&[9.0], 1.0, 500, walled).at[0] - 2.0).abs() < 1e-3);
        assert!(minimise(&[0.0; 3], 1.0, 50, |x| x.iter().sum()).evaluations <= 60);
    }
}
