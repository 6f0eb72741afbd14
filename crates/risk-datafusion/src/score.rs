//! `risk_score`: a folded history, a moment, and the numbers of the user, to the probability of a default.

use crate::columns::long;
use datafusion::arrow::array::{Array, AsArray, Float32Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float32Type, Int64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tollgate_risk::RiskError;
use tollgate_risk::model::Model;
use tollgate_risk::online::{History, Scorer, Single};

/// The function of one model.
#[derive(Debug)]
pub struct Score {
    scorer: Arc<Scorer>,
    signature: Signature,
}

impl Score {
    /// Scores by a model.
    ///
    /// # Errors
    /// It needs all users' payments at once, or its card does not fit its weights.
    pub fn new(model: Model) -> Result<Self> {
        let scorer = Scorer::new(model).map_err(external)?;
        Ok(Self { scorer: Arc::new(scorer), signature: Signature::user_defined(Volatility::Immutable) })
    }

    fn profile(&self) -> usize {
        self.scorer.model().card.space.profile.len()
    }

    /// The score of the history that bytes hold.
    fn of(&self, bytes: &[u8], at: i64, profile: &[f32]) -> std::result::Result<f64, RiskError> {
        let single = Single::decode(bytes).ok_or_else(|| {
            RiskError::Data("risk_score was given bytes that risk_history did not make".into())
        })?;
        let history = History::of_single(&self.scorer, &single)?;
        self.scorer.score(&history, at, profile).map(|scored| scored.probability)
    }
}

fn external(error: RiskError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.scorer.model() == other.scorer.model()
    }
}

impl Eq for Score {}

impl Hash for Score {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scorer.model().card.made_from.digest.hash(state);
    }
}

impl ScalarUDFImpl for Score {
    fn name(&self) -> &str {
        "risk_score"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != self.profile() + 2 {
            let names = &self.scorer.model().card.space.profile;
            return plan_err!(
                "risk_score takes a history, a moment, and the numbers [{}] of the user; {} arguments were given",
                names.join(", "),
                given.len()
            );
        }
        let mut types = vec![DataType::Binary, DataType::Int64];
        types.resize(given.len(), DataType::Float32);
        Ok(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [histories, moments, profile @ ..] = columns.as_slice() else {
            return exec_err!("risk_score takes a history and a moment");
        };
        let (histories, moments) = (histories.as_binary::<i32>(), moments.as_primitive::<Int64Type>());
        let profile: Vec<&Float32Array> = profile.iter().map(|c| c.as_primitive::<Float32Type>()).collect();
        let mut scores = Vec::with_capacity(histories.len());
        for row in 0..histories.len() {
            let Some(at) = long(moments, row).filter(|_| histories.is_valid(row)) else {
                scores.push(None);
                continue;
            };
            let own: Vec<f32> =
                profile.iter().map(|c| if c.is_null(row) { f32::NAN } else { c.value(row) }).collect();
            scores.push(Some(self.of(histories.value(row), at, &own).map_err(external)?));
        }
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from(scores))))
    }
}
