//! Faults on demand: what should go wrong with one request.
//!
//! A fault text is a list of directives, separated by `,` or `+`: `slow=200,cut=5`. It comes in the header
//! `x-sim-fault`, behind the model's name (`sim-small+status=503`), or as a standing rule (`POST /sim/faults`).
//! Milliseconds here are real ones, whatever the speed of the engine.
//!
//! ```
//! use tollgate_sim::fault::Faults;
//! let faults: Faults = "status=429:2".parse()?;
//! assert_eq!(faults.status, Some((429, Some(2))));
//! # Ok::<(), tollgate_sim::SimError>(())
//! ```

use crate::SimError;
use std::str::FromStr;

/// Longest delay that can be asked for, in milliseconds: one hour.
pub const DELAY_MAX_MS: u64 = 3_600_000;
/// Most directives in one text.
pub const DIRECTIVES_MAX: usize = 16;

/// All directives, for messages and help.
pub const GRAMMAR: &str = "status=CODE[:RETRY_AFTER_S], context, hang[=MS], slow=MS, stall=EVENT:MS, cut=EVENT, \
                           error_event=EVENT, bad_json, bad_sse, close, content_type, tokens=N";

/// What should go wrong with one request; the default is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Answer this status at once, with `retry-after` seconds if given.
    pub status: Option<(u16, Option<u32>)>,
    /// Answer that the context window is exceeded.
    pub context: bool,
    /// Wait this many milliseconds before the headers.
    pub hang_ms: Option<u64>,
    /// Send headers, then wait this many milliseconds before the first event.
    pub slow_ms: Option<u64>,
    /// After this many events pause the stream for so many milliseconds.
    pub stall: Option<(u32, u64)>,
    /// After this many events break the connection; a body that is not a stream breaks in its middle.
    pub cut: Option<u32>,
    /// After this many events send an error event and end the stream.
    pub error_event: Option<u32>,
    /// Send a body or a stream event that is not JSON.
    pub bad_json: bool,
    /// Send lines that are not server-sent events.
    pub bad_sse: bool,
    /// Close the connection without an answer.
    pub close: bool,
    /// Send `text/html` as the content type.
    pub content_type: bool,
    /// Not a fault: the exact number of tokens of the answer.
    pub tokens: Option<u32>,
}

impl Faults {
    /// These faults, and those of `other` where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            status: self.status.or(other.status),
            context: self.context || other.context,
            hang_ms: self.hang_ms.or(other.hang_ms),
            slow_ms: self.slow_ms.or(other.slow_ms),
            stall: self.stall.or(other.stall),
            cut: self.cut.or(other.cut),
            error_event: self.error_event.or(other.error_event),
            bad_json: self.bad_json || other.bad_json,
            bad_sse: self.bad_sse || other.bad_sse,
            close: self.close || other.close,
            content_type: self.content_type || other.content_type,
            tokens: self.tokens.or(other.tokens),
        }
    }

    fn set(&mut self, directive: &str) -> Result<(), SimError> {
        let (name, value) = directive.split_once('=').map_or((directive, None), |(n, v)| (n, Some(v)));
        match (name.trim(), value) {
            ("status", Some(v)) => self.status = Some(status(directive, v)?),
            ("context", None) => self.context = true,
            ("hang", None) => self.hang_ms = Some(DELAY_MAX_MS),
            ("hang", Some(v)) => self.hang_ms = Some(delay(directive, v)?),
            ("slow", Some(v)) => self.slow_ms = Some(delay(directive, v)?),
            ("stall", Some(v)) => {
                let Some((event, ms)) = v.split_once(':') else {
                    return Err(SimError::fault(directive, "it has no delay", "stall=EVENT:MS"));
                };
                self.stall = Some((number(directive, event)?, delay(directive, ms)?));
            }
            ("cut", Some(v)) => self.cut = Some(number(directive, v)?),
            ("error_event", Some(v)) => self.error_event = Some(number(directive, v)?),
            ("bad_json", None) => self.bad_json = true,
            ("bad_sse", None) => self.bad_sse = true,
            ("close", None) => self.close = true,
            ("content_type", None) => self.content_type = true,
            ("tokens", Some(v)) => self.tokens = Some(number(directive, v)?.max(1)),
            _ => return Err(SimError::fault(directive, "there is no such directive", GRAMMAR)),
        }
        Ok(())
    }
}

fn number(directive: &str, text: &str) -> Result<u32, SimError> {
    text.trim().parse().map_err(|_| SimError::fault(directive, "its number does not parse", "a whole number"))
}

fn delay(directive: &str, text: &str) -> Result<u64, SimError> {
    let ms = u64::from(number(directive, text)?);
    if ms > DELAY_MAX_MS {
        return Err(SimError::fault(directive, "the delay is too long", "at most 3600000 ms"));
    }
    Ok(ms)
}

fn status(directive: &str, text: &str) -> Result<(u16, Option<u32>), SimError> {
    let (code, after) = text.split_once(':').map_or((text, None), |(c, a)| (c, Some(a)));
    let code = number(directive, code)?;
    match u16::try_from(code) {
        Ok(code @ 400..=599) => Ok((code, after.map(|a| number(directive, a)).transpose()?)),
        _ => Err(SimError::fault(directive, "the status is not an error", "a status from 400 to 599")),
    }
}

impl FromStr for Faults {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        let mut faults = Self::default();
        for (i, directive) in text.split([',', '+']).map(str::trim).filter(|d| !d.is_empty()).enumerate() {
            if i == DIRECTIVES_MAX {
                return Err(SimError::fault(text, "it has too many directives", "at most 16"));
            }
            faults.set(directive)?;
        }
        Ok(faults)
    }
}

/// Splits `sim-small+status=503` into the model's name and its directives.
///
/// # Errors
/// [`SimError::Fault`] when the directives do not parse.
pub fn split_model(model: &str) -> Result<(&str, Faults), SimError> {
    match model.split_once('+') {
        Some((name, directives)) => Ok((name, directives.parse()?)),
        None => Ok((model, Faults::default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_directive() {
        let text = "status=503,context,hang=5,slow=6,stall=2:7,cut=3,error_event=4,bad_json,bad_sse,close,\
                    content_type,tokens=9";
        let all: Faults = text.parse().unwrap();
        let expected = Faults {
            status: Some((503, None)),
            context: true,
            hang_ms: Some(5),
            slow_ms: Some(6),
            stall: Some((2, 7)),
            cut: Some(3),
            error_event: Some(4),
            bad_json: true,
            bad_sse: true,
            close: true,
            content_type: true,
            tokens: Some(9),
        };
        assert_eq!(all, expected);
        assert_eq!(Faults::default().or(all), all);
        assert_eq!("hang".parse::<Faults>().unwrap().hang_ms, Some(DELAY_MAX_MS));
        assert_eq!(split_model("m+cut=1+slow=2").unwrap(), ("m", "cut=1,slow=2".parse().unwrap()));
        assert_eq!(split_model("m").unwrap(), ("m", Faults::default()));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bad in
            ["crash", "status", "status=200", "status=x", "stall=3", "slow=99999999", "cut=-1", "close=1"]
        {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
        assert!(["close"; 17].join(",").parse::<Faults>().is_err());
        assert!("crash".parse::<Faults>().unwrap_err().to_string().contains("status=CODE"));
    }
}
