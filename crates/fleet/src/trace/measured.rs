//! Tables of measured serving points: what calibration fits to and is judged by.

use super::{
    lines::{Line, Lines},
    report::{Reason, Report},
    row::{Row, split_csv},
};
use crate::Error;
use std::{io::Read, marker::PhantomData};

/// A kind of row that a [`Table`] can hold.
pub trait Measured: Sized {
    /// The fields that a header must have.
    const NEEDED: &'static [&'static str];

    #[doc(hidden)]
    fn of(fields: &Fields<'_>) -> Result<Self, Reason>;
}

/// A row's fields by name.
#[derive(Debug)]
pub struct Fields<'a>(Row<'a>);

impl Fields<'_> {
    fn text(&self, field: &str) -> String {
        self.0.text(field).unwrap_or_default().into_owned()
    }

    fn number(&self, field: &str) -> Result<f64, Reason> {
        self.0.number(field)
    }

    fn whole(&self, field: &str) -> Result<u32, Reason> {
        self.0.tokens(field)
    }

    /// A degree of parallelism: 1 where it is not stated.
    fn degree(&self, field: &str) -> Result<u32, Reason> {
        if self.0.text(field).is_none() { Ok(1) } else { Ok(self.whole(field)?.max(1)) }
    }
}

/// Time to first token and per token of a serving benchmark (the columns of AIConfigurator's silicon sample).
#[derive(Clone, PartialEq, Debug)]
pub struct SiliconPoint {
    /// The benchmark run, as its publisher names it: hold out by this.
    pub source: String,
    /// Serving engine.
    pub backend: String,
    /// Its version.
    pub backend_version: String,
    /// Model, as a repository path.
    pub model: String,
    /// GPU, as `h100_sxm`.
    pub system: String,
    /// Whether one pool does prefill and decode (`agg`) or two (`disagg`).
    pub mode: String,
    /// Weights of the matrix products, as `fp8`.
    pub weight_type: String,
    /// Prompt tokens of each request.
    pub prompt_tokens: u32,
    /// Output tokens of each request.
    pub output_tokens: u32,
    /// Requests at once (of the decode side where there are two).
    pub concurrency: u32,
    /// Tensor-parallel degree.
    pub tensor_parallel: u32,
    /// Pipeline-parallel degree.
    pub pipeline_parallel: u32,
    /// Data-parallel degree of attention.
    pub attention_data_parallel: u32,
    /// Expert-parallel degree.
    pub expert_parallel: u32,
    /// Measured time to the first token, in milliseconds.
    pub ttft_ms: f64,
    /// Measured time per output token, in milliseconds.
    pub tpot_ms: f64,
}

impl Measured for SiliconPoint {
    const NEEDED: &'static [&'static str] =
        &["silicon_ttft_ms", "silicon_tpot_ms", "model_path", "system", "isl", "osl"];

    fn of(row: &Fields<'_>) -> Result<Self, Reason> {
        let disagg = row.text("mode") == "disagg";
        let side = |agg: &'static str, decode: &'static str| if disagg { decode } else { agg };
        Ok(Self {
            source: row.text("silicon_data_source"),
            backend: row.text("backend"),
            backend_version: row.text("backend_version"),
            model: row.text("model_path"),
            system: row.text("system"),
            mode: row.text("mode"),
            weight_type: row.text("gemm_quant_mode"),
            prompt_tokens: row.whole("isl")?,
            output_tokens: row.whole("osl")?,
            concurrency: row.degree(side("batch_size", "decode_batch_size"))?,
            tensor_parallel: row.degree(side("tp_size", "decode_tp_size"))?,
            pipeline_parallel: row.degree(side("pp_size", "decode_pp_size"))?,
            attention_data_parallel: row.degree(side("attention_dp_size", "decode_attention_dp_size"))?,
            expert_parallel: row.degree(side("moe_ep_size", "decode_moe_ep_size"))?,
            ttft_ms: row.number("silicon_ttft_ms")?,
            tpot_ms: row.number("silicon_tpot_ms")?,
        })
    }
}

/// One batch run to its end on one machine (the columns of Splitwise's performance model).
#[derive(Clone, PartialEq, Debug)]
pub struct PerformancePoint {
    /// Model, as `llama2-70b`.
    pub model: String,
    /// GPU, as `h100-80gb`; `-pcap` where power was capped.
    pub hardware: String,
    /// Prompt tokens of each sequence.
    pub prompt_tokens: u32,
    /// Sequences.
    pub batch: u32,
    /// Output tokens of each sequence.
    pub output_tokens: u32,
    /// Tensor-parallel degree.
    pub tensor_parallel: u32,
    /// Highest power as a share of the limit; `None` where it was not recorded.
    pub peak_power_share: Option<f64>,
    /// Mean power as a share of the limit; `None` where it was not recorded.
    pub mean_power_share: Option<f64>,
    /// Prefill, in milliseconds.
    pub prompt_ms: f64,
    /// One token, in milliseconds.
    pub token_ms: f64,
    /// All of it, in milliseconds.
    pub e2e_ms: f64,
}

impl Measured for PerformancePoint {
    const NEEDED: &'static [&'static str] =
        &["model", "hardware", "prompt_size", "batch_size", "prompt_time", "token_time"];

    fn of(row: &Fields<'_>) -> Result<Self, Reason> {
        let recorded = |field: &'static str| Ok(Some(row.number(field)?).filter(|&share| share > 0.0));
        Ok(Self {
            model: row.text("model"),
            hardware: row.text("hardware"),
            prompt_tokens: row.whole("prompt_size")?,
            batch: row.whole("batch_size")?,
            output_tokens: row.whole("token_size")?,
            tensor_parallel: row.whole("tensor_parallel")?,
            peak_power_share: recorded("peak_power")?,
            mean_power_share: recorded("average_power")?,
            prompt_ms: row.number("prompt_time")?,
            token_ms: row.number("token_time")?,
            e2e_ms: row.number("e2e_time")?,
        })
    }
}

/// Watts of one GPU while its instance runs a batch.
#[derive(Clone, PartialEq, Debug)]
pub struct PowerMeasured {
    /// GPU, as the catalogue names it.
    pub gpu: String,
    /// Model, as the catalogue names it.
    pub model: String,
    /// GPUs of the instance.
    pub tensor_parallel: u32,
    /// Sequences of the instance.
    pub batch: f64,
    /// Watts of one of its GPUs.
    pub watts: f64,
}

impl Measured for PowerMeasured {
    const NEEDED: &'static [&'static str] = &["gpu", "model", "batch", "watts"];

    fn of(row: &Fields<'_>) -> Result<Self, Reason> {
        Ok(Self {
            gpu: row.text("gpu"),
            model: row.text("model"),
            tensor_parallel: row.degree("tensor_parallel")?,
            batch: row.number("batch")?,
            watts: row.number("watts")?,
        })
    }
}

/// One request of a recorded engine run with the engine's own times (seconds on the engine's clock).
#[derive(Clone, PartialEq, Debug)]
pub struct ServedRequest {
    /// Prompt tokens.
    pub prompt_tokens: u32,
    /// Output tokens.
    pub output_tokens: u32,
    /// When the client sent it, on a clock of its own.
    pub arrival_s: f64,
    /// When it was put into the queue.
    pub queued_s: f64,
    /// When it was first scheduled.
    pub scheduled_s: f64,
    /// When its first token was there.
    pub first_token_s: f64,
    /// When its last token was there.
    pub last_token_s: f64,
}

impl Measured for ServedRequest {
    const NEEDED: &'static [&'static str] =
        &["input_toks", "output_toks", "arrival_time", "queued_ts", "first_token_ts", "last_token_ts"];

    fn of(row: &Fields<'_>) -> Result<Self, Reason> {
        let request = Self {
            prompt_tokens: row.whole("input_toks")?,
            output_tokens: row.whole("output_toks")?,
            arrival_s: row.number("arrival_time")?,
            queued_s: row.number("queued_ts")?,
            scheduled_s: row.number("scheduled_ts")?,
            first_token_s: row.number("first_token_ts")?,
            last_token_s: row.number("last_token_ts")?,
        };
        let Self { queued_s, scheduled_s, first_token_s, last_token_s, .. } = request;
        let follow = [queued_s, scheduled_s, first_token_s, last_token_s].is_sorted_by(|a, b| a <= b);
        if follow { Ok(request) } else { Err(Reason::Order) }
    }
}

/// Reads measured rows one by one, CSV with a header or JSON lines.
#[derive(Debug)]
pub struct Table<R, T> {
    lines: Lines<R>,
    header: Option<Vec<String>>,
    waiting: Option<Vec<u8>>,
    report: Report,
    rows: PhantomData<T>,
}

impl<R: Read, T: Measured> Table<R, T> {
    /// Opens a table; `place` names it in errors.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Empty`]; [`Error::Format`] where the header lacks a field.
    pub fn new(place: &str, bytes: R) -> Result<Self, Error> {
        let mut lines = Lines::new(place, bytes);
        let first = match lines.next()? {
            Some(Line::Text(text)) => text.to_vec(),
            _ => return Err(Error::Empty { what: "the table", fix: "give a file with at least one row" }),
        };
        let (header, waiting) = if first.starts_with(b"{") {
            (None, Some(first))
        } else {
            let text = String::from_utf8_lossy(&first).into_owned();
            (Some(split_csv(&text).iter().map(|field| field.trim().to_owned()).collect::<Vec<_>>()), None)
        };
        let absent = header
            .iter()
            .flat_map(|header| T::NEEDED.iter().find(|&&needed| !header.iter().any(|field| field == needed)));
        if let Some(absent) = absent.into_iter().next() {
            let problem = format!("there is no column `{absent}`");
            return Err(Error::Format {
                place: place.into(),
                problem,
                fix: format!("give {}", T::NEEDED.join(", ")),
            });
        }
        Ok(Self { lines, header, waiting, report: Report::default(), rows: PhantomData })
    }

    /// How reading went so far.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

fn parse<T: Measured>(header: Option<&[String]>, line: &[u8]) -> Result<T, Reason> {
    let row = match header {
        Some(header) => Row::csv(header, std::str::from_utf8(line).map_err(|_| Reason::Encoding)?)?,
        None => Row::json(line)?,
    };
    T::of(&Fields(row))
}

impl<R: Read, T: Measured> Iterator for Table<R, T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let parsed = if let Some(first) = self.waiting.take() {
                parse(None, &first)
            } else {
                match self.lines.next() {
                    Err(error) => return Some(Err(error)),
                    Ok(None) => return None,
                    Ok(Some(Line::TooLong)) => Err(Reason::TooLong),
                    Ok(Some(Line::Text(line))) => parse(self.header.as_deref(), line),
                }
            };
            self.report.rows += 1;
            match parsed {
                Ok(row) => return Some(Ok(row)),
                Err(reason) => self.report.refuse(reason),
            }
        }
    }
}
