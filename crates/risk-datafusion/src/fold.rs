//! `risk_history` and `risk_fold`: payments to a folded history, gathered where they lie and joined by user.

use crate::columns::{Payments, types};
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use std::hash::{Hash, Hasher};
use tollgate_risk::fold::Caps;
use tollgate_risk::online::Gathered;

/// The aggregate function.
#[derive(Debug)]
pub struct Fold {
    name: String,
    caps: Caps,
    signature: Signature,
}

impl Fold {
    /// Under a name, with caps on each history.
    #[must_use]
    pub fn new(name: &str, caps: Caps) -> Self {
        Self { name: name.into(), caps, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for Fold {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.caps) == (&other.name, other.caps)
    }
}

impl Eq for Fold {}

impl Hash for Fold {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Fold {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        types(&self.name, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // The partial stage sees the payments; later stages learn from the states how many numbers there are.
        let numbers = args.exprs.len().saturating_sub(7);
        Ok(Box::new(Gathering { payments: Gathered::new(numbers), caps: self.caps }))
    }
}

/// Payments of one user.
#[derive(Debug)]
struct Gathering {
    payments: Gathered,
    caps: Caps,
}

impl Accumulator for Gathering {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for (payment, row) in Payments::of(columns)?.each() {
            // What is not whole is in no history; `risk_refusal` says why, and counts it in a query of its own.
            let _ = self.payments.add(&payment, row);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first() else { return Ok(()) };
        for state in states.as_binary::<i32>().iter().flatten() {
            self.payments.join(state).map_err(|e| DataFusionError::External(Box::new(e)))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.payments.state()))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(std::mem::take(&mut self.payments).fold(self.caps).encode())))
    }

    fn size(&self) -> usize {
        self.payments.size()
    }
}
