//! A folder of a classifier, and what it says of a text whose end may be far behind what the model reads at one time.

use crate::config::FolderSettings;
use tollgate_encode::{
    Classifier, EncodeError, Inference, Inferred, Labeller, Options, TokenClassifier, Windows, load_labeller,
};
use tollgate_signals::Labels;

/// The windows that a text is read in: what stands at an edge of one is inside of another.
const WINDOWS: Windows = Windows { tokens: 256, overlap: 32, most: usize::MAX };

/// See the module.
pub(super) enum Model {
    /// Labels of a text.
    Texts(Classifier),
    /// Labels of pieces.
    Tokens(TokenClassifier),
    /// Labels are what a text says of itself.
    Inference(Inference, Vec<(String, Vec<String>)>),
}

impl Model {
    pub(super) fn load(settings: &FolderSettings) -> Result<Self, EncodeError> {
        let labelled = load_labeller(&settings.path, &Options::default())?;
        Ok(match (labelled, settings.hypotheses.is_empty()) {
            (Labeller::Sequence(classifier), true) => Self::Texts(classifier),
            (Labeller::Sequence(classifier), false) => {
                Self::Inference(Inference::of(classifier)?, settings.hypotheses.clone())
            }
            (Labeller::Tokens(classifier), true) => Self::Tokens(classifier),
            (Labeller::Tokens(_), false) => {
                let place = settings.path.display().to_string();
                let problem = "a classifier of tokens has labels of its own; leave `labels` out".into();
                return Err(EncodeError::Unsupported { place, problem });
            }
        })
    }

    /// Each label with the highest probability that anything in `text` gives it: what stands anywhere counts.
    pub(super) fn labels(&self, text: &str) -> Labels {
        match self {
            Self::Texts(classifier) => {
                let windows = classifier.classify_windows(text, WINDOWS).into_iter();
                most(classifier.labels(), windows.flat_map(|(_, shares)| shares.into_iter().enumerate()))
            }
            Self::Tokens(classifier) => {
                let pieces = classifier.pieces_in_windows(text, WINDOWS).into_iter();
                most(classifier.labels(), pieces.map(|piece| (piece.label, piece.sure)))
            }
            Self::Inference(inference, labels) => {
                let names: Vec<String> = labels.iter().map(|(name, _)| name.clone()).collect();
                let said = labels.iter().enumerate().flat_map(|(at, (_, said))| {
                    let windows = said.iter().flat_map(|said| inference.windows(text, said, WINDOWS.most));
                    windows.map(move |found: Inferred| (at, found.lean()))
                });
                most(&names, said)
            }
        }
    }
}

fn most(names: &[String], found: impl Iterator<Item = (usize, f32)>) -> Labels {
    let mut labels: Labels = names.iter().map(|name| (name.clone(), 0.0)).collect();
    for (at, sure) in found {
        if let Some((_, most)) = labels.get_mut(at) {
            *most = most.max(sure);
        }
    }
    labels
}
