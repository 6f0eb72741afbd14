//! `tollgate sim`: arguments, and the server until it is told to stop.

use crate::{ModelRow, Sim, SimConfig, SimError};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use tollgate_core::Seed;

/// A simulated OpenAI-compatible inference server with real queueing.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tollgate sim                                     serve `sim-small` on 127.0.0.1:8100
  tollgate sim --model small --model big:reasoning two models, the second thinks aloud
  tollgate sim --speed 0                           answer as fast as possible
  tollgate sim --kv-blocks 256 --max-num-seqs 8    a small engine that queues and preempts

Faults on demand, by header `x-sim-fault`, behind the model's name (`sim-small+status=503`) or POST /sim/faults:
  status=CODE[:RETRY_AFTER_S], context, hang[=MS], slow=MS, stall=EVENT:MS, cut=EVENT, error_event=EVENT,
  bad_json, bad_sse, close, content_type, tokens=N")]
pub struct SimArgs {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:8100", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// A model to serve, `NAME` or `NAME:reasoning`; may be repeated
    #[arg(long = "model", default_value = "sim-small", value_name = "NAME")]
    pub models: Vec<String>,
    /// Answer under whatever model name is asked for
    #[arg(long)]
    pub any_model: bool,
    /// Name of this instance, part of every answer
    #[arg(long, default_value = "sim-0", value_name = "NAME")]
    pub instance: String,
    /// Virtual seconds per real second; 0 answers as fast as possible
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    pub speed: f64,
    /// Seed of all text
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Least tokens of an ordinary answer
    #[arg(long, default_value_t = 24, value_name = "TOKENS")]
    pub least_tokens: u32,
    /// Context window in tokens
    #[arg(long, value_name = "TOKENS")]
    pub max_model_len: Option<u32>,
    /// Most sequences in the running batch
    #[arg(long, value_name = "N")]
    pub max_num_seqs: Option<u32>,
    /// Most tokens computed in one step
    #[arg(long, value_name = "TOKENS")]
    pub max_batched_tokens: Option<u32>,
    /// Most requests that wait; one more gets 503
    #[arg(long, value_name = "N")]
    pub max_waiting: Option<u32>,
    /// KV blocks
    #[arg(long, value_name = "N")]
    pub kv_blocks: Option<u32>,
    /// Prompt tokens computed per second
    #[arg(long, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..))]
    pub prefill_rate: Option<u32>,
    /// Microseconds of every step
    #[arg(long, value_name = "US")]
    pub step_us: Option<u32>,
    /// Do not share prefixes
    #[arg(long)]
    pub no_prefix_cache: bool,
    /// A GGUF file whose text is the answer
    #[cfg(feature = "gguf")]
    #[arg(long, value_name = "FILE")]
    pub gguf: Option<std::path::PathBuf>,
}

impl From<SimArgs> for SimConfig {
    fn from(args: SimArgs) -> Self {
        let mut config = Self {
            listen: args.listen,
            models: args.models.iter().map(|text| model(text)).collect(),
            any_model: args.any_model,
            instance: args.instance,
            speed: args.speed,
            seed: Seed(args.seed),
            least_tokens: args.least_tokens,
            #[cfg(feature = "gguf")]
            gguf: args.gguf,
            ..Self::default()
        };
        let engine = &mut config.engine;
        let set = |field: &mut u32, given: Option<u32>| *field = given.unwrap_or(*field);
        set(&mut engine.max_model_len, args.max_model_len);
        set(&mut engine.max_num_seqs, args.max_num_seqs);
        set(&mut engine.max_batched_tokens, args.max_batched_tokens);
        set(&mut engine.max_waiting, args.max_waiting);
        set(&mut engine.kv_blocks, args.kv_blocks);
        if let Some(rate) = args.prefill_rate {
            engine.prefill_per_token_ns = 1_000_000_000 / u64::from(rate.max(1));
        }
        if let Some(us) = args.step_us {
            engine.step_ns = u64::from(us) * 1000;
        }
        engine.prefix_cache = !args.no_prefix_cache;
        config
    }
}

fn model(text: &str) -> ModelRow {
    match text.strip_suffix(":reasoning") {
        Some(name) => ModelRow { reasoning: true, ..ModelRow::named(name) },
        None => ModelRow::named(text),
    }
}

/// Serves until an interrupt, then lets open answers finish.
///
/// # Errors
/// As [`Sim::start`], and [`SimError::Io`] when the runtime cannot be made.
pub fn run(args: SimArgs) -> Result<(), SimError> {
    let io = |doing| move |source| SimError::Io { doing, source };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build().map_err(io("starting the runtime"))?;
    runtime.block_on(async {
        let config = SimConfig::from(args);
        let names: Vec<String> = config.models.iter().map(|m| m.name.clone()).collect();
        let first = names.first().cloned().unwrap_or_default();
        let running = Sim::start(config).await?;
        let url = format!("http://{}", running.addr());
        let body = format!(r#"{{"model":"{first}","messages":[{{"role":"user","content":"Hello"}}]}}"#);
        let shown = format!(
            "simulating {} on {url}\n\ncurl {url}/v1/chat/completions -H 'content-type: application/json' \
             -d '{body}'\n",
            names.join(", ")
        );
        std::io::stdout().write_all(shown.as_bytes()).map_err(io("writing to standard output"))?;
        tokio::signal::ctrl_c().await.map_err(io("waiting for an interrupt"))?;
        running.stop().await;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimArgs,
    }

    fn config(line: &str) -> SimConfig {
        Cli::try_parse_from(line.split_whitespace()).unwrap().args.into()
    }

    #[test]
    fn no_arguments_mean_the_default_engine() {
        let plain = config("sim");
        assert_eq!(plain.engine, SimConfig::default().engine);
        assert_eq!(plain.models, [ModelRow::named("sim-small")]);
        assert!(plain.check().is_ok());
    }

    #[test]
    fn arguments_reach_the_engine() {
        let given = config(
            "sim --model a --model b:reasoning --kv-blocks 9 --prefill-rate 1000 --step-us 7 --no-prefix-cache",
        );
        assert_eq!(given.models.iter().map(|m| m.reasoning).collect::<Vec<_>>(), [false, true]);
        assert_eq!((given.engine.kv_blocks, given.engine.prefill_per_token_ns), (9, 1_000_000));
        assert_eq!((given.engine.step_ns, given.engine.prefix_cache), (7000, false));
        assert!(Cli::try_parse_from(["sim", "--prefill-rate", "0"]).is_err());
    }
}
