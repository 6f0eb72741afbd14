//! Token counts as upstreams spell them, and in one form.

use crate::Dialect;
use crate::json::{Flaw, Kind, Scanner};

/// Token counts of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Prompt tokens, those read from or written to a cache included.
    pub prompt: u64,
    /// Of these, read from a cache.
    pub cached: u64,
    /// Of these, written to a cache.
    pub cache_write: u64,
    /// Of those written, to be kept for an hour.
    pub cache_write_1h: u64,
    /// Tokens written, reasoning included.
    pub completion: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

/// A number as JSON writes it, where it is a whole one that fits.
fn whole(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |count, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        count.checked_mul(10)?.checked_add(u64::from(value))
    })
}

/// The counts as they came; a later event overrides what it names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawUsage {
    input: u64,
    output: u64,
    cached: u64,
    cache_write: u64,
    cache_write_1h: u64,
    reasoning: u64,
    tool_prompt: u64,
}

impl RawUsage {
    /// In one form. Anthropic counts cached input beside `input_tokens`, Gemini thoughts beside the candidates.
    pub(super) fn usage(&self, dialect: Dialect) -> Usage {
        let Self { input, output, cached, cache_write, cache_write_1h, reasoning, tool_prompt } = *self;
        let (prompt, completion) = match dialect {
            Dialect::Anthropic => (input.saturating_add(cached).saturating_add(cache_write), output),
            Dialect::Gemini => (input.saturating_add(tool_prompt), output.saturating_add(reasoning)),
            _ => (input, output),
        };
        Usage { prompt, cached, cache_write, cache_write_1h, completion, reasoning }
    }

    /// Reads a usage object, or what stands in its place.
    pub(super) fn read(&mut self, scan: &mut Scanner<'_>) -> Result<(), Flaw> {
        if scan.kind()? != Kind::Object {
            return scan.skip().map(drop);
        }
        scan.enter_object()?;
        while let Some(key) = scan.next_key()? {
            let name = scan.name(key);
            let kind = scan.kind()?;
            if kind == Kind::Object && (name.ends_with(b"_details") || name.as_ref() == b"cache_creation") {
                self.read(scan)?;
                continue;
            }
            let slot = match name.as_ref() {
                b"prompt_tokens" | b"input_tokens" | b"promptTokenCount" => &mut self.input,
                b"completion_tokens" | b"output_tokens" | b"candidatesTokenCount" => &mut self.output,
                b"cached_tokens"
                | b"cache_read_input_tokens"
                | b"cachedContentTokenCount"
                | b"prompt_cache_hit_tokens" => &mut self.cached,
                b"cache_creation_input_tokens" | b"cache_write_tokens" => &mut self.cache_write,
                b"ephemeral_1h_input_tokens" => &mut self.cache_write_1h,
                b"reasoning_tokens" | b"thoughtsTokenCount" | b"thinking_tokens" => &mut self.reasoning,
                b"toolUsePromptTokenCount" => &mut self.tool_prompt,
                _ => {
                    scan.skip()?;
                    continue;
                }
            };
            let span = scan.skip()?;
            // A count that is no whole number is left as it was.
            if kind == Kind::Number
                && let Some(count) = whole(scan.raw(span))
            {
                *slot = count;
            }
        }
        Ok(())
    }
}
