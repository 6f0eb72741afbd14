//! A run that is repeated: module and input, which the verifier runs itself. Nobody has to be believed.
//!
//! What a module does with an input is the same for every task, so a text beside it binds nothing: whoever copies the run would copy it
//! with a text of his own. Hence the binding is made here of the run's own input, with the contract and the nonce that stand beside: it
//! is the task's only where the input is the task's output, whatever the predicate asks for. The predicate says which module counts.

use super::{Fact, FactType, fact};
use crate::read::text::{base64, hex, unhex_array};
use crate::{Check, Claims, Kind, Refusal};
use sha2::{Digest as _, Sha256};
use tollgate_core::Digest;
use tollgate_pay::escrow::bind as made;
use tollgate_pay::json::Json;
use tollgate_rerun::{Bounds, RunError, run};

/// Its `type`.
pub const EXECUTION: &str = "tollgate/execution/v1";
/// Most fuel: about a second.
const FUEL_MAX: u64 = 1 << 28;
/// Most bytes of output, which are facts.
const OUTPUT_MAX: usize = 64 << 10;
const WHAT: &str = "execution";
/// What the binding is made of.
const PLACE: &str = "the binding of task, nonce and input";

pub(super) const FACTS: &[Fact] = &[
    fact("code", FactType::Integer, "what the run returned; 0 says that all is well"),
    fact("input", FactType::Text, "SHA-256 of its input"),
    fact("module", FactType::Text, "SHA-256 of the module"),
    fact("output", FactType::Text, "SHA-256 of what it wrote"),
    fact("said", FactType::Json, "what it wrote, where that is text"),
];

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

fn refusal(error: RunError) -> Refusal {
    let status = |is: String, accepted: &str| Refusal::Status { what: "run", is, accepted: accepted.into() };
    match error {
        RunError::TooLarge { what, is, most } => Refusal::TooLarge { what, is, unit: "bytes", most },
        RunError::Module(_) => bad("it is no module that can be run here"),
        RunError::Import { module, name } => {
            Refusal::Unsupported { what: "import", is: Refusal::shown(&format!("{module}.{name}")) }
        }
        RunError::Export(what) => Refusal::Missing { what },
        RunError::Bound(what) => status(format!("one that needs more {what}"), "one within its bounds"),
        RunError::Trap(why) => status(format!("one that fails: {why}"), "one that ends"),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let json = Json::parse(evidence).map_err(|_| bad("it is not strict JSON"))?;
    let text =
        |name: &'static str| json.get(name).and_then(Json::text).ok_or(Refusal::Missing { what: name });
    if text("type")? != EXECUTION {
        return Err(Refusal::Unsupported { what: "type of an execution", is: Refusal::shown(text("type")?) });
    }
    let (module, input) = (base64("module", text("module")?)?, base64("input", text("input")?)?);
    if let Some(bind) = check.bind {
        let digest = |name: &'static str| unhex_array(name, text(name)?).map(Digest);
        let output = Digest(Sha256::digest(&input).into());
        bind.is(PLACE, &made(&digest("task")?, &digest("nonce")?, &output))?;
    }
    let fuel = json.get("fuel").and_then(Json::integer).and_then(|fuel| u64::try_from(fuel).ok());
    let fuel =
        fuel.filter(|fuel| *fuel <= FUEL_MAX).ok_or_else(|| bad("its fuel is no number up to 2^28"))?;
    let bounds = Bounds { fuel, output: OUTPUT_MAX, ..Bounds::default() };
    let done = run(&module, &input, &bounds).map_err(refusal)?;
    let claims = Claims::new(Kind::Execution, "the verifier's own run".into())
        .with("code", i64::from(done.code))
        .with("input", sha256(&input))
        .with("module", sha256(&module))
        .with("output", sha256(&done.output));
    Ok(match String::from_utf8(done.output) {
        Ok(said) => claims.with("said", said),
        Err(_) => claims,
    })
}
