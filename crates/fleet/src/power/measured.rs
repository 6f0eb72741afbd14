//! Published measurements of power and efficiency.
//!
//! ML.ENERGY leaderboard, chat workload, vLLM (Chung et al., arXiv:2505.06371; figures as of 2026): watts of one GPU and
//! output tokens per joule of the whole instance at a batch.

use super::{MeasuredPower, PowerCurve, PowerPoint, PowerShape};
use crate::catalogue::Gpu;
use std::sync::LazyLock;

/// One instance that was measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// GPU, as the catalogue names it.
    pub gpu: &'static str,
    /// Model, as the catalogue names it.
    pub model: &'static str,
    /// GPUs of the instance.
    pub gpus: u32,
    /// The limit of one board, in watts.
    pub cap_w: f64,
    /// (batch, watts of one GPU, output tokens per joule of the instance).
    pub rows: &'static [(f64, f64, f64)],
}

/// All of them.
pub(super) const TABLE: &[Measured] = &[
    Measured {
        gpu: "h100-sxm",
        model: "llama-3.1-8b",
        gpus: 1,
        cap_w: 700.0,
        rows: &[(8.0, 486.0, 2.20), (32.0, 560.0, 6.06), (128.0, 669.0, 10.5), (512.0, 688.0, 14.3)],
    },
    Measured {
        gpu: "b200-sxm",
        model: "llama-3.1-8b",
        gpus: 1,
        cap_w: 1000.0,
        rows: &[(8.0, 639.0, 2.56), (64.0, 617.0, 9.07), (512.0, 577.0, 16.6), (2048.0, 691.0, 21.4)],
    },
    Measured {
        gpu: "h100-sxm",
        model: "llama-3.1-70b",
        gpus: 4,
        cap_w: 700.0,
        rows: &[
            (8.0, 441.0, 0.27),
            (32.0, 449.0, 0.83),
            (128.0, 546.0, 1.78),
            (512.0, 623.0, 2.38),
            (898.0, 637.0, 2.68),
        ],
    },
    Measured {
        gpu: "b200-sxm",
        model: "llama-3.1-70b",
        gpus: 2,
        cap_w: 1000.0,
        rows: &[(8.0, 849.0, 0.28), (128.0, 957.0, 2.08), (512.0, 966.0, 3.69), (2042.0, 954.0, 5.30)],
    },
    Measured {
        gpu: "h100-sxm",
        model: "llama-3.1-405b",
        gpus: 8,
        cap_w: 700.0,
        rows: &[(8.0, 408.0, 0.07), (128.0, 576.0, 0.41), (255.0, 609.0, 0.48)],
    },
    Measured {
        gpu: "h100-sxm",
        model: "qwen3-32b",
        gpus: 2,
        cap_w: 700.0,
        rows: &[(8.0, 425.0, 0.61), (128.0, 537.0, 3.64), (340.0, 590.0, 4.30)],
    },
    Measured {
        gpu: "h100-sxm",
        model: "qwen3-235b-a22b",
        gpus: 8,
        cap_w: 700.0,
        rows: &[(8.0, 450.0, 0.09), (128.0, 484.0, 0.73), (511.0, 495.0, 1.35)],
    },
    Measured {
        gpu: "h100-sxm",
        model: "qwen3-30b-a3b",
        gpus: 1,
        cap_w: 700.0,
        rows: &[(8.0, 399.0, 1.53), (64.0, 480.0, 4.51)],
    },
];

/// The measurement of a GPU, model and degree, where there is one.
#[must_use]
pub fn measured(gpu: &str, model: &str, gpus: u32) -> Option<&'static Measured> {
    TABLE.iter().find(|m| m.gpu == gpu && m.model == model && m.gpus == gpus)
}

/// What all of them have in common.
static SHAPE: LazyLock<Option<PowerShape>> = LazyLock::new(|| {
    let all: Vec<MeasuredPower> = TABLE.iter().map(Measured::power).collect();
    PowerShape::of(&all).ok()
});

/// Every instance that was measured.
#[must_use]
pub fn all_measured() -> &'static [Measured] {
    TABLE
}

impl Measured {
    /// Its watts, to fit to.
    #[must_use]
    pub fn power(&self) -> MeasuredPower {
        let points = self.rows.iter().map(|&(batch, watts, _)| PowerPoint { batch, watts }).collect();
        MeasuredPower { cap_w: self.cap_w, points }
    }

    /// Its watts as a curve.
    #[must_use]
    pub fn curve(&self, gpu: &Gpu) -> PowerCurve {
        let power = self.power();
        PowerCurve {
            idle_w: gpu.idle_power_w,
            trend: SHAPE.map(|shape| shape.trend(&power)),
            points: power.points,
            source: "ML.ENERGY leaderboard, chat, vLLM".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn the_shape_is_that_of_a_memory_system_beside_arithmetic() {
        let shape = SHAPE.unwrap();
        assert!((30.0..120.0).contains(&shape.half), "{shape:?}");
        assert!((0.5..0.7).contains(&shape.base_share), "{shape:?}");
    }

    #[test]
    fn every_row_names_the_catalogue() {
        let shipped = Catalogue::shipped().unwrap();
        for m in TABLE {
            assert_eq!(shipped.gpu(m.gpu).unwrap().tdp_power_w, m.cap_w);
            shipped.model(m.model).unwrap();
            assert!(m.rows.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
