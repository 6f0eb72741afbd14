//! Columns of payments: which types they have, and one row of them as a payment.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Float32Type, Int64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use std::sync::Arc;
use tollgate_risk::online::Payment;

/// Columns before the further numbers: time, merchant, amount, row, name, category, description.
const NAMED: [DataType; 7] = [
    DataType::Int64,
    DataType::Utf8,
    DataType::Int64,
    DataType::Int64,
    DataType::Utf8,
    DataType::Utf8,
    DataType::Utf8,
];

/// The types that arguments are brought to.
pub(crate) fn types(function: &str, given: &[DataType]) -> Result<Vec<DataType>> {
    if given.len() < NAMED.len() {
        return plan_err!(
            "{function} takes time, merchant, amount, row, name, category, description, and further numbers; {} were given: write NULL for what there is not",
            given.len()
        );
    }
    let mut types = NAMED.to_vec();
    types.resize(given.len(), DataType::Float32);
    Ok(types)
}

/// Columns of payments.
pub(crate) struct Payments<'a> {
    times: &'a Int64Array,
    merchants: &'a StringArray,
    amounts: &'a Int64Array,
    turns: &'a Int64Array,
    words: [&'a StringArray; 3],
    numbers: Vec<&'a Float32Array>,
}

impl<'a> Payments<'a> {
    /// Reads columns of [`types`].
    pub(crate) fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        let [times, merchants, amounts, turns, name, category, description, numbers @ ..] = columns else {
            return exec_err!("{} columns are no payments", columns.len());
        };
        Ok(Self {
            times: times.as_primitive::<Int64Type>(),
            merchants: merchants.as_string(),
            amounts: amounts.as_primitive::<Int64Type>(),
            turns: turns.as_primitive::<Int64Type>(),
            words: [name, category, description].map(|column| column.as_string()),
            numbers: numbers.iter().map(|column| column.as_primitive::<Float32Type>()).collect(),
        })
    }

    /// The payments with their rows; 0 where no row is given.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Payment, i64)> + '_ {
        (0..self.times.len()).map(|row| {
            let [name, category, description] = self.words.map(|column| text(column, row));
            let payment = Payment {
                time: long(self.times, row),
                merchant: text(self.merchants, row).unwrap_or_default(),
                amount: long(self.amounts, row),
                description,
                name,
                category,
                numbers: self
                    .numbers
                    .iter()
                    .map(|c| if c.is_null(row) { f32::NAN } else { c.value(row) })
                    .collect(),
            };
            (payment, long(self.turns, row).unwrap_or(0))
        })
    }
}

/// A number of a column, where there is one.
pub(crate) fn long(column: &Int64Array, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| column.value(row))
}

/// A text of a column, where there is one.
pub(crate) fn text(column: &StringArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Payments as rows of a table: user, then the columns in the order of [`types`] by the names `ts`, `merchant`, `amount`, `row`, `name`,
/// `category` and `description`. Further numbers are left out.
///
/// # Errors
/// Arrow refuses the columns.
pub fn batch(payments: &[(String, i64, Payment)]) -> Result<RecordBatch> {
    let longs = |f: &dyn Fn(&(String, i64, Payment)) -> Option<i64>| -> ArrayRef {
        Arc::new(payments.iter().map(f).collect::<Int64Array>())
    };
    let texts = |f: &dyn Fn(&(String, i64, Payment)) -> Option<String>| -> ArrayRef {
        Arc::new(payments.iter().map(f).collect::<StringArray>())
    };
    let columns = [
        ("user", texts(&|p| Some(p.0.clone()))),
        ("ts", longs(&|p| p.2.time)),
        ("merchant", texts(&|p| Some(p.2.merchant.clone()))),
        ("amount", longs(&|p| p.2.amount)),
        ("row", longs(&|p| Some(p.1))),
        ("name", texts(&|p| p.2.name.clone())),
        ("category", texts(&|p| p.2.category.clone())),
        ("description", texts(&|p| p.2.description.clone())),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}
