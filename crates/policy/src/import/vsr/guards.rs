//! What guards a model, and what kind of answer is wanted: attacks, personal data, pictures.

use super::super::limits::MAX_WORDS;
use super::super::write::{list, number};
use super::super::yaml::Node;
use super::leaf::{Lower, Term};

/// Words that ask for a picture, and for a picture beside text, where the file gives none.
const IMAGE: &[&str] = &[
    "generate an image",
    "generate image",
    "create an image",
    "draw",
    "paint",
    "picture of",
    "illustration of",
    "render an image",
    "logo design",
    "画一",
    "生成图片",
    "生成一张图",
    "绘制",
];
const BOTH: &[&str] = &[
    "explain with an image",
    "with illustrations",
    "illustrated guide",
    "text and image",
    "describe and draw",
    "include a picture",
    "图文并茂",
    "配图",
];
/// Types of personal data with the incumbent's names.
const PII: &[(&str, &str)] = &[
    ("EMAIL_ADDRESS", "email"),
    ("EMAIL", "email"),
    ("PHONE_NUMBER", "phone"),
    ("PHONE", "phone"),
    ("CREDIT_CARD", "credit_card"),
    ("CREDIT_CARD_NUMBER", "credit_card"),
    ("US_SSN", "ssn"),
    ("SSN", "ssn"),
    ("IBAN_CODE", "iban"),
    ("IBAN", "iban"),
    ("IP_ADDRESS", "ip_address"),
];

impl<'y> Lower<'y, '_> {
    /// Attempts to turn the model against its instructions.
    pub(super) fn jailbreak(&mut self, name: &str, rule: &'y Node) -> Term {
        let scope = if rule.is_true("include_history") { " scope users" } else { "" };
        let threshold = rule.get("threshold").and_then(Node::number);
        let bad = self.words(rule, "jailbreak_patterns", MAX_WORDS);
        let good = self.words(rule, "benign_patterns", MAX_WORDS);
        self.gaps.drop_key(rule, "on_error", "there is no classifier that could fail");
        self.gaps.drop_key(rule, "positive_labels", "there is no classifier whose labels could be chosen");
        self.gaps
            .stands_in(rule, "patterns of known attacks and the shipped head stand in for the classifier");
        if rule.str("method") == Some("contrastive") && !bad.is_empty() {
            let bad =
                self.helper(&format!("{name}_bad"), &format!("similar to {} threshold 0{scope}", list(bad)));
            let minus = if good.is_empty() {
                String::new()
            } else {
                let good = self.helper(
                    &format!("{name}_benign"),
                    &format!("similar to {} threshold 0{scope}", list(good)),
                );
                format!(" - confidence({good})")
            };
            let lean = self.sum(&format!("{name}_lean"), &format!("confidence({bad}){minus}"));
            let threshold = number(threshold.unwrap_or(0.10).clamp(0.0, 1.0));
            return self.flag("jailbreak", name, name, &format!("{lean} > {threshold}"));
        }
        let threshold = number(threshold.unwrap_or(0.7).clamp(0.0, 1.0));
        self.signal("jailbreak", name, name, &format!("jailbreak threshold {threshold}{scope}"))
    }

    /// Personal data of a type that is not allowed.
    pub(super) fn pii(&mut self, name: &str, rule: &'y Node) -> Term {
        let allowed: Vec<String> =
            rule.texts("pii_types_allowed").into_iter().map(str::to_ascii_uppercase).collect();
        self.gaps.drop_key(
            rule,
            "threshold",
            "patterns find or do not find: there is nothing to compare with",
        );
        let mut types: Vec<&str> = PII
            .iter()
            .filter(|(theirs, _)| !allowed.iter().any(|name| name == theirs))
            .map(|(_, ours)| *ours)
            .collect();
        // A type that is allowed under one of its names is allowed.
        let free = |ours: &str| {
            PII.iter().any(|(theirs, name)| *name == ours && allowed.iter().any(|a| a == theirs))
        };
        types.retain(|ours| !free(ours));
        types.dedup();
        self.gaps.stands_in(
            rule,
            "patterns find addresses and numbers; names of persons and places are not found",
        );
        if types.is_empty() {
            return Term::Never;
        }
        let scope = if rule.is_true("include_history") { " scope users" } else { "" };
        self.signal("pii", name, name, &format!("pii types {}{scope}", list(types)))
    }

    /// Text, a picture, or both, by keywords.
    pub(super) fn modality(&mut self, name: &str, at: &'y Node) -> Term {
        if !["AR", "DIFFUSION", "BOTH"].contains(&name) {
            self.gaps.wrong(at, "the modalities are AR, DIFFUSION and BOTH; it never holds");
            return Term::Never;
        }
        if matches!(self.settled("modality", "#image"), Term::Never) {
            let detector = self
                .root
                .get("global")
                .and_then(|g| g.get("model_catalog")?.get("modules")?.get("modality_detector"));
            let given = |key: &str| detector.map(|node| node.texts(key)).unwrap_or_default();
            let (mut image, mut both) = (given("image_keywords"), given("both_keywords"));
            for (words, default) in [(&mut image, IMAGE), (&mut both, BOTH)] {
                words.retain(|word| !word.is_empty() && word.len() <= MAX_WORDS);
                if words.is_empty() {
                    words.extend(default);
                }
            }
            let image = self.helper("image_words", &format!("keyword any {}", list(image)));
            let both = self.helper("image_and_text_words", &format!("keyword any {}", list(both)));
            self.settle("modality", "#image", Term::Named(image));
            self.settle("modality", "#both", Term::Named(both));
            self.gaps.stands_in(at, "keywords stand in for the classifier");
        }
        let (Term::Named(image), Term::Named(both)) =
            (self.settled("modality", "#image"), self.settled("modality", "#both"))
        else {
            return Term::Never;
        };
        let condition = match name {
            "DIFFUSION" => format!("{image} and not {both}"),
            "BOTH" => both,
            _ => format!("not {image} and not {both}"),
        };
        self.flag("modality", name, &format!("modality_{}", name.to_ascii_lowercase()), &condition)
    }
}
