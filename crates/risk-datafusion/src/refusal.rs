//! `risk_refusal`: why a payment is refused, so that a query can count reasons.

use crate::columns::{long, text};
use datafusion::arrow::array::{Array, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;
use tollgate_risk::online::Payment;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    signature: Signature,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Refusal {
    fn name(&self) -> &str {
        "risk_refusal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given.len() {
            3 => Ok(vec![DataType::Int64, DataType::Utf8, DataType::Int64]),
            n => plan_err!("risk_refusal takes time, merchant and amount; {n} were given"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [time, merchant, amount] = columns.as_slice() else {
            return exec_err!("risk_refusal takes three columns, not {}", columns.len());
        };
        let (times, amounts) = (time.as_primitive::<Int64Type>(), amount.as_primitive::<Int64Type>());
        let merchants: &StringArray = merchant.as_string();
        let reason = |row| {
            let payment = Payment {
                time: long(times, row),
                merchant: text(merchants, row).unwrap_or_default(),
                amount: long(amounts, row),
                ..Payment::default()
            };
            payment.whole(0).err().map(|reason| reason.meaning())
        };
        let reasons: StringArray = (0..merchants.len()).map(reason).collect();
        Ok(ColumnarValue::Array(Arc::new(reasons)))
    }
}
