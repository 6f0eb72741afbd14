//! Parameters of one signal, checked against the catalogue and read with their defaults.

use crate::error::{Problem, SpecError};
use tollgate_core::signal::{Param, ParamType, SignalSpec};

/// Reads one signal's parameters; what is wrong goes to `errors`, and reading goes on with the default.
pub(crate) struct Params<'s> {
    pub(crate) spec: &'s SignalSpec,
    pub(crate) errors: &'s mut Vec<SpecError>,
}

/// A parameter's value as it reads in an error.
fn show(value: &Param) -> String {
    match value {
        Param::Flag(flag) => flag.to_string(),
        Param::Number(number) => number.to_string(),
        Param::Text(text) => format!("{text:?}"),
        Param::List(items) => format!("{items:?}"),
    }
}

const fn wanted(kind: ParamType) -> &'static str {
    match kind {
        ParamType::Flag => "true or false",
        ParamType::Number => "a number",
        ParamType::Text => "a text in quotes",
        ParamType::Word(_) => "a word",
        ParamType::List => "a list of texts",
    }
}

const fn fits(value: &Param, kind: ParamType) -> bool {
    matches!(
        (value, kind),
        (Param::Flag(_), ParamType::Flag)
            | (Param::Number(_), ParamType::Number)
            | (Param::Text(_), ParamType::Text | ParamType::Word(_) | ParamType::List)
            | (Param::List(_), ParamType::List)
    )
}

impl Params<'_> {
    /// Records an error about a parameter.
    pub(crate) fn error(&mut self, param: &str, problem: Problem) {
        let value = self.spec.params.get(param).map_or_else(|| "(missing)".to_owned(), show);
        self.error_at(param, &value, problem);
    }

    /// Records an error about one value of a parameter.
    pub(crate) fn error_at(&mut self, param: &str, value: &str, problem: Problem) {
        self.errors.push(SpecError::new(&self.spec.name, param, value, problem));
    }

    /// Checks names, types, fixed words and required parameters against the catalogue.
    pub(crate) fn check(&mut self) {
        let info = self.spec.kind.info();
        for (name, value) in &self.spec.params {
            let Some(param) = info.params.iter().find(|p| p.name == name) else {
                let known = info.params.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "(none)".into() } else { known };
                self.error(name, Problem::Unknown { kind: info.word, known });
                continue;
            };
            if !fits(value, param.param_type) {
                self.error(name, Problem::WrongType { wanted: wanted(param.param_type) });
            } else if let (ParamType::Word(words), Param::Text(word)) = (param.param_type, value)
                && !words.contains(&word.as_str())
            {
                self.error(name, Problem::NotAWord { allowed: words.join(", ") });
            }
        }
        for param in info.params.iter().filter(|p| p.required && !self.spec.params.contains_key(p.name)) {
            self.error(param.name, Problem::Missing { fix: param.help });
        }
    }

    /// A number in a range, or its default.
    pub(crate) fn number(&mut self, name: &str, default: f64, low: f64, high: f64) -> f64 {
        let number = self.spec.number(name).unwrap_or(default);
        if number.is_finite() && (low..=high).contains(&number) {
            return number;
        }
        self.error(name, Problem::OutOfRange { low, high });
        default
    }

    /// A whole number in a range, or its default.
    pub(crate) fn whole(&mut self, name: &str, default: usize, low: usize, high: usize) -> usize {
        let number = self.number(name, default as f64, low as f64, high as f64);
        if number.fract() != 0.0 {
            self.error(name, Problem::WrongType { wanted: "a whole number" });
        }
        number as usize
    }

    /// One of fixed words, or its default; a wrong word was reported by [`Self::check`].
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&'static str, T)], default: T) -> T {
        let given = self.spec.text(name);
        words.iter().find(|(word, _)| Some(*word) == given).map_or(default, |(_, value)| *value)
    }

    /// Texts of a list, each non-empty (white space is no content) and within `limit` bytes.
    pub(crate) fn texts(&mut self, name: &str, limit: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for text in self.spec.list(name) {
            if text.trim().is_empty() {
                self.error_at(name, &format!("{text:?}"), Problem::Empty);
            } else if text.len() > limit {
                self.error_at(name, &format!("{text:?}"), Problem::TooLong { bytes: text.len(), limit });
            } else {
                texts.push(text.to_owned());
            }
        }
        texts
    }
}
