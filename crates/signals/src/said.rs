//! Signals of a text that is no request: what a model said, in whole or in a window of it.
//!
//! The same signals that a policy declares for requests, compiled for one text: every scope is that text. Facts of a request
//! are not asked here.
//!
//! ```
//! use tollgate_core::{ManualClock, Timestamp, signal::{Kind, Param, SignalSpec, SignalSource}};
//! let words = Param::List(vec!["secret".into()]);
//! let mut spec = SignalSpec::fact(Kind::Keyword);
//! spec.params.insert("any".into(), words);
//! let signals = tollgate_signals::TextSignals::compile(&[spec]).unwrap();
//! let clock = ManualClock::new(Timestamp(0));
//! assert!(signals.of("It is a Secret.", &clock).read(0).matched);
//! assert!(!signals.of("It is not.", &clock).read(0).matched);
//! ```

use crate::{Input, Reading, SignalSet, SpecError};
use tollgate_core::Clock;
use tollgate_core::signal::SignalSpec;
use tollgate_wire::Dialect;
use tollgate_wire::peek::empty;
use tollgate_wire::view::RequestView;

/// See the module.
#[derive(Debug)]
pub struct TextSignals {
    set: SignalSet,
    nothing: RequestView,
}

impl TextSignals {
    /// Compiles signals; positions in `specs` are the indexes of what [`Self::of`] gives.
    ///
    /// # Errors
    /// As [`SignalSet::compile`].
    pub fn compile(specs: &[SignalSpec]) -> Result<Self, Vec<SpecError>> {
        let nothing = empty(Dialect::OpenaiChat, Default::default());
        Ok(Self { set: SignalSet::compile(specs)?, nothing })
    }

    /// The signals of `text`, each computed when it is first read.
    #[must_use]
    pub fn of<'a>(&'a self, text: &'a str, clock: &'a dyn Clock) -> Reading<'a> {
        Reading::new(&self.set, &Input::new(&self.nothing), clock).over(text)
    }
}
