//! Classifiers against logits of another implementation: tiny random models made from the configuration classes of the
//! `transformers` package and computed by it in 64 bits. Their vocabularies are those of `tiny-modern` and `tiny-bert`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod folder;

use folder::{BERT, Folder, MODERN, Vocabulary};
use tollgate_encode::{Kernel, Options, Precision, Windows, load, load_classifier};

const MODELS: [(&str, Vocabulary); 2] = [("modern-classifier", MODERN), ("bert-classifier", BERT)];

#[test]
fn logits_are_those_of_transformers_and_probabilities_follow() {
    for model in MODELS {
        let folder = Folder::new("logits", model.0, model.1);
        for kernel in Kernel::all() {
            let options = Options { precision: Precision::F32, kernel: Some(kernel), ..Options::default() };
            let classifier = load_classifier(&folder.0, &options).unwrap();
            for case in folder.cases() {
                let text = case["text"].as_str().unwrap();
                let wanted: Vec<f32> =
                    case["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
                let found = classifier.logits(text);
                assert_eq!(found.len(), classifier.labels().len());
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert!(
                        (found - wanted).abs() < 1e-4,
                        "{model:?} {} {text:?}: {found} {wanted}",
                        kernel.name()
                    );
                }
                let shares = classifier.classify(text);
                let sum: f32 = shares.iter().sum();
                match model.0 {
                    "modern-classifier" => assert!((sum - 1.0).abs() < 1e-5),
                    // Each label stands alone.
                    _ => assert!((shares[0] - 1.0 / (1.0 + (-wanted[0]).exp())).abs() < 1e-4),
                }
            }
        }
    }
}

#[test]
fn a_temperature_beside_it_calibrates() {
    let folder = Folder::new("temperature", MODELS[0].0, MODELS[0].1);
    let cold = load_classifier(&folder.0, &Options::default()).unwrap();
    assert_eq!(cold.labels(), ["safe", "unsafe", "unsure"]);
    std::fs::write(folder.0.join("calibration.json"), r#"{"temperature": 2.5}"#).unwrap();
    let warm = load_classifier(&folder.0, &Options::default()).unwrap();
    assert_eq!((cold.temperature(), warm.temperature()), (1.0, 2.5));
    assert_ne!(cold.card().digest, warm.card().digest);
    let (logits, shares) = (warm.logits("the cat"), warm.classify("the cat"));
    let ratio = ((logits[0] - logits[1]) / 2.5).exp();
    assert!((shares[0] / shares[1] / ratio - 1.0).abs() < 1e-4);
    std::fs::write(folder.0.join("calibration.json"), r#"{"temperature": 0}"#).unwrap();
    assert!(load_classifier(&folder.0, &Options::default()).is_err());
}

#[test]
fn windows_reach_what_a_whole_text_does_not() {
    let folder = Folder::new("windows", MODELS[0].0, MODELS[0].1);
    let classifier = load_classifier(&folder.0, &Options::default()).unwrap();
    let text = format!("{}the model", "the cat sat. ".repeat(60));
    let windows = classifier.classify_windows(&text, Windows { tokens: 40, overlap: 8, most: 99 });
    assert!(windows.len() > 5 && windows.last().unwrap().0.end == text.len());
    let (bytes, shares) = &windows[0];
    assert_eq!(*shares, classifier.classify(&text[bytes.clone()]));
}

#[test]
fn a_folder_that_does_not_fit_is_refused() {
    for (from, to) in [
        (r#""2": "unsure""#, r#""3": "unsure""#),
        (r#""classifier_pooling": "mean""#, r#""classifier_pooling": "max""#),
        (r#""model_type": "modernbert""#, r#""model_type": "t5""#),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\""),
        ("\"sliding_attention\"\n", "\"chunked_attention\"\n"),
    ] {
        let folder = Folder::new("refused", MODELS[0].0, MODELS[0].1);
        folder.edit(from, to);
        assert!(load_classifier(&folder.0, &Options::default()).is_err(), "{to}");
    }
    // An encoder is no classifier, but a classifier's body is an encoder.
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-modern");
    assert!(load_classifier(&data, &Options::default()).is_err());
    let folder = Folder::new("body", MODELS[0].0, MODELS[0].1);
    assert_eq!(load(&folder.0, &Options::default()).unwrap().card().dims, 16);
}
