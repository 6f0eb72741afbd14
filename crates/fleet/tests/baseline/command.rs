//! A recorded command line.

/// Options with the words that follow them.
pub(crate) struct Command(Vec<(String, Vec<String>)>);

impl Command {
    /// `$ vllm-sr-sim WORD --option value …`; `None` for another word.
    pub(crate) fn parse(line: &str, word: &str) -> Option<Self> {
        let mut words = line.strip_prefix("$ vllm-sr-sim ")?.split_whitespace();
        if words.next() != Some(word) {
            return None;
        }
        let mut options: Vec<(String, Vec<String>)> = Vec::new();
        for word in words {
            match (word.strip_prefix("--"), options.last_mut()) {
                (Some(option), _) => options.push((option.to_owned(), Vec::new())),
                (None, Some((_, values))) => values.push(word.to_owned()),
                (None, None) => return None,
            }
        }
        Some(Self(options))
    }

    /// The words after an option.
    pub(crate) fn words(&self, option: &str) -> Vec<&str> {
        let found = self.0.iter().find(|(name, _)| name == option);
        found.map_or(Vec::new(), |(_, values)| values.iter().map(String::as_str).collect())
    }

    /// The first of them, empty for a switch; `None` when the option is not there.
    pub(crate) fn text(&self, option: &str) -> Option<&str> {
        let (_, values) = self.0.iter().find(|(name, _)| name == option)?;
        Some(values.first().map_or("", String::as_str))
    }

    /// The first of them as a number.
    pub(crate) fn number(&self, option: &str) -> Option<f64> {
        self.text(option)?.parse().ok()
    }

    /// All of them as numbers.
    pub(crate) fn numbers(&self, option: &str) -> Vec<f64> {
        self.words(option).iter().filter_map(|w| w.parse().ok()).collect()
    }
}
