//! One type of GPU.

use super::Dtype;
use serde::Deserialize;

/// A type of GPU, as data sheets and price lists describe it. Peaks are dense (no sparsity).
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// As commands and reports name it.
    #[serde(skip)]
    pub name: String,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Peak memory bandwidth, in bytes per second.
    pub bandwidth_bytes_per_s: f64,
    /// Peak 16-bit matrix rate, in operations per second.
    pub flops_fp16_per_s: f64,
    /// Peak 8-bit floating matrix rate; `None` where the hardware has none.
    #[serde(default)]
    pub flops_fp8_per_s: Option<f64>,
    /// To its neighbours in the host, one direction, in bytes per second.
    pub link_bytes_per_s: f64,
    /// To other hosts, for each GPU, in bytes per second.
    pub network_bytes_per_s: f64,
    /// To the host's memory, in bytes per second.
    pub pcie_bytes_per_s: f64,
    /// Power without work, in watts.
    pub idle_power_w: f64,
    /// Limit of board power, in watts.
    pub tdp_power_w: f64,
    /// The host's own power for each GPU in it, in watts.
    pub host_power_w: f64,
    /// How many share a host: the largest tensor-parallel degree without crossing the network.
    pub per_host: u32,
    /// Price in millionths of a US dollar for an hour of one GPU.
    pub price_micro_per_hour: i64,
}

impl Gpu {
    /// Its figures, each of which has a source.
    pub const FIGURES: [&str; 12] = [
        "memory_bytes",
        "bandwidth_bytes_per_s",
        "flops_fp16_per_s",
        "flops_fp8_per_s",
        "link_bytes_per_s",
        "network_bytes_per_s",
        "pcie_bytes_per_s",
        "idle_power_w",
        "tdp_power_w",
        "host_power_w",
        "per_host",
        "price_micro_per_hour",
    ];

    /// Peak matrix rate for weights of this type, in operations per second.
    #[must_use]
    pub fn flops_per_s(&self, dtype: Dtype) -> f64 {
        match dtype {
            Dtype::Fp8 => self.flops_fp8_per_s.unwrap_or(self.flops_fp16_per_s),
            Dtype::Fp16 | Dtype::Int4 => self.flops_fp16_per_s,
        }
    }
}
