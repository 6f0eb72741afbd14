//! Classifiers of tokens and of pairs against another implementation: tiny random models made from the configuration classes of the
//! `transformers` package and computed by it in 64 bits, pieces by its pipeline with the simple aggregation.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod folder;

use folder::{BERT, Folder, MODERN};
use serde_json::{Value, json};
use tollgate_encode::{
    Inference, Inferred, Kernel, Labeller, Options, Precision, TokenClassifier, Windows, load,
    load_classifier, load_labeller,
};

fn tokens(folder: &Folder, kernel: Kernel) -> TokenClassifier {
    let options = Options { precision: Precision::F32, kernel: Some(kernel), ..Options::default() };
    let Labeller::Tokens(found) = load_labeller(&folder.0, &options).unwrap() else {
        panic!("a classifier of sequences")
    };
    found
}

#[test]
fn pieces_are_those_of_transformers_on_every_kernel() {
    for (name, vocabulary) in [("bert-tokens", BERT), ("modern-tokens", MODERN)] {
        let folder = Folder::new("pieces", name, vocabulary);
        for kernel in Kernel::all() {
            let classifier = tokens(&folder, kernel);
            assert_eq!(classifier.labels(), ["PER", "LOC", "MISC"]);
            for case in folder.cases() {
                let text = case["text"].as_str().unwrap();
                let found = classifier.pieces(text);
                let told: Vec<Value> = found
                    .iter()
                    .map(|piece| {
                        let label = &classifier.labels()[piece.label];
                        json!({"label": label, "start": piece.bytes.start, "end": piece.bytes.end})
                    })
                    .collect();
                let mut wanted = case["pieces"].clone();
                let sure: Vec<f64> = wanted
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .map(|piece| piece.as_object_mut().unwrap().remove("sure").unwrap().as_f64().unwrap())
                    .collect();
                assert_eq!(Value::Array(told), wanted, "{name} {} {text:?}", kernel.name());
                for (piece, sure) in found.iter().zip(sure) {
                    assert!((f64::from(piece.sure) - sure).abs() < 1e-4, "{text:?}: {piece:?} {sure}");
                }
                // One window says what the whole does.
                let windows = Windows { tokens: 1000, overlap: 8, most: 99 };
                assert_eq!(classifier.pieces_in_windows(text, windows), found);
            }
        }
    }
}

#[test]
fn windows_find_what_stands_behind_what_a_model_reads() {
    let folder = Folder::new("windows", "bert-tokens", BERT);
    let classifier = tokens(&folder, Kernel::detect());
    let text = "the cat sat on the model. ".repeat(40);
    assert!(classifier.pieces(&text).iter().all(|piece| piece.bytes.end < 200));
    let windows = Windows { tokens: 30, overlap: 10, most: 99 };
    let found = classifier.pieces_in_windows(&text, windows);
    assert!(found.last().unwrap().bytes.end > text.len() - 60, "{found:?}");
    // In order and apart, although windows overlap.
    assert!(found.windows(2).all(|two| two[0].bytes.end <= two[1].bytes.start), "{found:?}");
    // With a gap between windows nothing reaches over it.
    let few = classifier.pieces_in_windows(&text, Windows { tokens: 30, overlap: 0, most: 2 });
    assert!(few.iter().all(|piece| piece.bytes.len() < 200) && !few.is_empty(), "{few:?}");
    assert!(classifier.pieces_in_windows("", windows).is_empty() && classifier.pieces("").is_empty());
}

#[test]
fn logits_of_pairs_are_those_of_transformers_on_every_kernel() {
    for (name, vocabulary) in [("bert-pairs", BERT), ("modern-pairs", MODERN)] {
        let folder = Folder::new("pairs", name, vocabulary);
        for kernel in Kernel::all() {
            let options = Options { precision: Precision::F32, kernel: Some(kernel), ..Options::default() };
            let classifier = load_classifier(&folder.0, &options).unwrap();
            for case in folder.cases() {
                let (first, second) = (case["first"].as_str().unwrap(), case["second"].as_str().unwrap());
                let found = classifier.logits_of_pair(first, second);
                for (found, wanted) in found.iter().zip(case["logits"].as_array().unwrap()) {
                    let wanted = wanted.as_f64().unwrap() as f32;
                    let place = format!("{name} {} {first:?} {second:?}", kernel.name());
                    assert!((found - wanted).abs() < 1e-4, "{place}: {found} {wanted}");
                }
            }
        }
    }
}

#[test]
fn inference_reads_a_premise_to_its_end() {
    let folder = Folder::new("inference", "bert-pairs", BERT);
    let load =
        || load_classifier(&folder.0, &Options { precision: Precision::F32, ..Options::default() }).unwrap();
    let (classifier, inference) = (load(), Inference::of(load()).unwrap());
    let shares = classifier.classify_pair("the cat sat on the model.", "the cat sat");
    let found = inference.judge("the cat sat on the model.", "the cat sat");
    assert_eq!((found.contradiction, found.entailment), (shares[0], shares[2]));
    assert_eq!(inference.judge("the cat", ""), Inferred::default());
    assert_eq!(inference.judge("", "the cat"), Inferred::default());
    // The model reads 40 tokens: what differs stands far behind them.
    let long = "the cat sat on the model. ".repeat(20);
    let (one, two) = (format!("{long}unknown, er 12"), format!("{long}route"));
    assert_ne!(inference.judge(&one, "the cat"), inference.judge(&two, "the cat"));
    // Each probability is that of the window that is surest of it, so more to read lowers none.
    let (short, whole) = (inference.judge(&long, "the cat"), inference.judge(&one, "the cat"));
    assert!(whole.entailment >= short.entailment - 0.05 && whole.entailment <= 1.0);
    folder.edit("entailment", "follows");
    let Err(error) = Inference::of(load()) else { panic!("no label says what follows") };
    assert!(error.to_string().contains("contradiction, neutral, follows"), "{error}");
}

#[test]
fn one_kind_of_classifier_is_not_taken_for_another() {
    for (name, vocabulary) in [("bert-tokens", BERT), ("modern-tokens", MODERN)] {
        let folder = Folder::new("kinds", name, vocabulary);
        let error = load_classifier(&folder.0, &Options::default()).err().unwrap().to_string();
        assert!(error.contains("config.json") && error.contains("tokens"), "{error}");
        // Its body is an encoder all the same.
        assert_eq!(load(&folder.0, &Options::default()).unwrap().card().dims, 16);
    }
    let folder = Folder::new("sequence", "bert-pairs", BERT);
    assert!(matches!(load_labeller(&folder.0, &Options::default()), Ok(Labeller::Sequence(_))));
    let folder = Folder::new("temperature", "bert-tokens", BERT);
    let cold = tokens(&folder, Kernel::detect());
    std::fs::write(folder.0.join("calibration.json"), r#"{"temperature": 5}"#).unwrap();
    let warm = tokens(&folder, Kernel::detect());
    let (cold_piece, warm_piece) = (&cold.pieces("a cat")[0], &warm.pieces("a cat")[0]);
    assert!(cold_piece.sure > warm_piece.sure && cold_piece.bytes == warm_piece.bytes);
    assert_ne!(cold.card().digest, warm.card().digest);
}
