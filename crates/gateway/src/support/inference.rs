//! A model of natural language inference beside the head that reads words: paraphrases support, and what is said the other way
//! round contradicts, whatever words it has in common.

use super::passages::Passages;
use crate::config::InferenceSettings;
use crate::threads::{Shed, Threads};
use std::ops::Range;
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_encode::{EncodeError, Inference, Inferred, Options, load_classifier};
use tollgate_signals::support::{Sentence, Verdict};

/// Most sentences of an answer that are judged, from its start, and most passages that are read beside each.
const SENTENCES_MAX: usize = 64;
const PASSAGES: usize = 3;
/// From this probability on something counts as said.
const SAID: f32 = 0.5;
/// How sure anything is at most, so that its logarithm is finite.
const SUREST: f32 = 0.999;

/// Why there is no inference.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The folder cannot be used.
    #[error("support.inference: {0}")]
    Model(#[from] EncodeError),
    /// The system gives no thread.
    #[error("support.inference: the system gives no thread: {0}")]
    Thread(std::io::Error),
}

/// Sentences beside a context.
struct Question {
    context: Arc<str>,
    answer: Arc<str>,
    sentences: Vec<Range<usize>>,
}

/// The model on threads of its own.
pub(crate) struct Inferring(Threads<Question, Vec<Inferred>>);

impl Inferring {
    /// Loads the model and starts its threads.
    pub(crate) fn start(settings: &InferenceSettings, clock: Arc<dyn Clock>) -> Result<Self, InferenceError> {
        let inference = Inference::of(load_classifier(&settings.folder, &Options::default())?)?;
        let work =
            move |question: &Question, wanted: &dyn Fn() -> bool| inferred(&inference, question, wanted);
        let threads = Threads::start("the inference", settings.size, clock, work);
        threads.map(Self).map_err(InferenceError::Thread)
    }

    /// What the model adds to the verdicts of words; they stay as they are where it does not come to it.
    pub(crate) async fn join(
        &self,
        context: Arc<str>,
        answer: Arc<str>,
        judged: &mut [Sentence],
    ) -> Result<(), Shed> {
        let states =
            |sentence: &&mut Sentence| !matches!(sentence.verdict, Verdict::Nothing | Verdict::Unread);
        let mut stated: Vec<&mut Sentence> = judged.iter_mut().filter(states).take(SENTENCES_MAX).collect();
        if stated.is_empty() {
            return Ok(());
        }
        let sentences = stated.iter().map(|sentence| sentence.bytes.clone()).collect();
        let found = self.0.ask(Question { context, answer, sentences }).await?;
        stated.iter_mut().zip(found).for_each(|(sentence, found)| joined(sentence, found));
        Ok(())
    }
}

/// What is said of each sentence by the passages that fit it best; none once nobody wants it any more.
fn inferred(inference: &Inference, question: &Question, wanted: &dyn Fn() -> bool) -> Option<Vec<Inferred>> {
    let passages = Passages::of(&question.context);
    let one = |range: &Range<usize>| {
        let sentence = question.answer.get(range.clone())?;
        let mut most = Inferred::default();
        for passage in passages.beside(sentence, PASSAGES) {
            if !wanted() {
                return None;
            }
            let found = inference.judge(question.context.get(passage)?, sentence);
            most.entailment = most.entailment.max(found.entailment);
            most.contradiction = most.contradiction.max(found.contradiction);
        }
        Some(most)
    };
    question.sentences.iter().map(one).collect()
}

/// What words say of a sentence and what the model says, together: what either calls a contradiction is one; else the support is
/// the mean of both, of the logarithms of their odds.
fn joined(sentence: &mut Sentence, found: Inferred) {
    if sentence.verdict == Verdict::Contradicted {
        return;
    }
    let odds = |share: f32| {
        let share = share.clamp(1.0 - SUREST, SUREST);
        (share / (1.0 - share)).ln()
    };
    let mean = f32::midpoint(odds(sentence.support), odds(found.entailment));
    sentence.support = 1.0 / (1.0 + (-mean).exp());
    sentence.verdict = match sentence.support {
        _ if found.contradiction >= SAID && found.contradiction > found.entailment => Verdict::Contradicted,
        support if support >= SAID => Verdict::Supported,
        _ => Verdict::Unsupported,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_contradicts_and_support_is_the_mean_of_both() {
        let verdict = |words: Verdict, support: f32, entailment: f32, contradiction: f32| {
            let mut sentence = Sentence { bytes: 0..1, support, verdict: words };
            joined(&mut sentence, Inferred { entailment, contradiction });
            (sentence.verdict, sentence.support)
        };
        use Verdict::{Contradicted, Supported, Unsupported};
        // A paraphrase has few words of its page.
        assert_eq!(verdict(Unsupported, 0.1, 0.97, 0.01).0, Supported);
        assert_eq!(verdict(Supported, 0.9, 0.02, 0.1).0, Unsupported);
        assert_eq!(verdict(Supported, 0.95, 0.01, 0.98).0, Contradicted);
        assert_eq!(verdict(Supported, 0.95, 0.6, 0.55).0, Supported);
        // Another number is another number, whatever a model makes of it.
        assert_eq!(verdict(Contradicted, 0.4, 0.99, 0.0), (Contradicted, 0.4));
        let (_, even) = verdict(Supported, 0.8, 0.2, 0.0);
        assert!((even - 0.5).abs() < 1e-6, "{even}");
        assert!(verdict(Supported, 1.0, 0.0, 0.0).1.is_finite());
    }
}
