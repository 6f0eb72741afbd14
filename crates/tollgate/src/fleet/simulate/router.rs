//! Which rules of the gateway's routing code are in force.

use super::RunArgs;
use clap::{Args, ValueEnum};
use tollgate_fleet::sim::{Affinity, OutputGuess, RouterSpec};
use tollgate_select::cascade::{Cascade, MAX_STAGES};
use tollgate_select::place::{PlaceRule, Strategy};

/// Waits after which requests spill, and scores from which an answer stands, in a comparison of routers.
const COMPARED: (f64, f64) = (250.0, 0.7);

/// How requests are routed
#[derive(Args, Debug, Clone)]
pub(in crate::fleet) struct RouterArgs {
    /// How the router picks an instance
    #[arg(long, value_enum, default_value_t = Placement::LeastTtft)]
    placement: Placement,
    /// What the router takes for the output that is still to come
    #[arg(long, value_enum, default_value_t = Guess::Exact)]
    output: Guess,
    /// A pool with a longer wait than this gives way to a longer pool [default: never]
    #[arg(long, value_name = "MS")]
    spill_over_ms: Option<f64>,
    /// Cheapest pool first, and the next one where an answer's score, drawn evenly between 0 and 1, is below this
    /// [default: the first answer stands]
    #[arg(long, value_name = "SCORE")]
    cascade: Option<f64>,
    /// How often a request is sent again after its instance failed
    #[arg(long, value_name = "N", default_value_t = RouterSpec::default().retries)]
    retries: u8,
}

/// What the router takes for the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Guess {
    /// It knows it, as the plan assumes
    Exact,
    /// What the class needed lately
    Learned,
    /// Nothing: it looks at the prompt alone
    None,
}

/// How the router picks an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Placement {
    /// Least expected time to the first token
    LeastTtft,
    /// The better of two drawn at random
    TwoChoices,
    /// At random
    Weighted,
    /// The owner of the prompt's beginning (known of replayed requests)
    PrefixAffinity,
    /// The owner of the conversation (known of replayed requests)
    SessionAffinity,
    /// Least additional power
    LeastEnergy,
}

impl Placement {
    fn rule(self) -> (PlaceRule, Affinity) {
        let strategy = match self {
            Self::LeastTtft | Self::TwoChoices => Strategy::LeastTtft,
            Self::Weighted => Strategy::Weighted,
            Self::PrefixAffinity | Self::SessionAffinity => Strategy::PrefixAffinity,
            Self::LeastEnergy => Strategy::LeastEnergy,
        };
        let affinity = match self {
            Self::PrefixAffinity => Affinity::Prefix,
            Self::SessionAffinity => Affinity::Session,
            _ => Affinity::None,
        };
        (PlaceRule { strategy, two_choices: self == Self::TwoChoices, ..PlaceRule::default() }, affinity)
    }
}

impl RouterArgs {
    /// What was asked for beside the plan.
    pub(super) fn change(&self, spec: &mut RouterSpec) {
        spec.output = match self.output {
            Guess::Exact => OutputGuess::Exact,
            Guess::Learned => OutputGuess::Learned,
            Guess::None => OutputGuess::None,
        };
        (spec.place, spec.affinity) = self.placement.rule();
        if let Some(spill_wait_ms) = self.spill_over_ms {
            spec.pools.spill_wait_ms = spill_wait_ms;
        }
        spec.cascade = self.cascade.map(|accept| Cascade { accept, max_stages: MAX_STAGES });
        spec.retries = self.retries;
    }
}

/// The routers of a comparison, by name: as asked, and each with one thing changed.
pub(in crate::fleet) fn routers(asked: &RunArgs) -> Vec<(&'static str, RunArgs)> {
    let with = |change: &dyn Fn(&mut RouterArgs)| {
        let mut changed = asked.clone();
        change(&mut changed.router);
        changed
    };
    let placed = |placement| with(&|router| router.placement = placement);
    vec![
        ("as asked", asked.clone()),
        ("by prompt length", with(&|router| router.output = Guess::None)),
        ("by token budget", with(&|router| router.output = Guess::Learned)),
        ("least expected TTFT", placed(Placement::LeastTtft)),
        ("better of two", placed(Placement::TwoChoices)),
        ("at random", placed(Placement::Weighted)),
        ("prefix affinity", placed(Placement::PrefixAffinity)),
        ("session affinity", placed(Placement::SessionAffinity)),
        ("least energy", placed(Placement::LeastEnergy)),
        ("spill over after 250 ms", with(&|router| router.spill_over_ms = Some(COMPARED.0))),
        ("cascade, accepting from 0.7", with(&|router| router.cascade = Some(COMPARED.1))),
    ]
}
