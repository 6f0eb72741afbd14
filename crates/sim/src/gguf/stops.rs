//! Stop sequences in text that comes in pieces.

/// Text that is held back while it may be the beginning of a stop sequence.
#[derive(Debug, Default)]
pub(super) struct Stops {
    stops: Vec<String>,
    held: String,
}

impl Stops {
    pub(super) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(), held: String::new() }
    }

    /// Takes more text; gives what can be shown, and whether a stop sequence was reached.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|s| self.held.find(s.as_str())).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self.stops.iter().map(|s| overlap(&self.held, s)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What is still held when the text ends.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that begin `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|n| stop.is_char_boundary(*n) && stop.get(..*n).is_some_and(|head| text.ends_with(head)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_across_pieces_is_found() {
        let mut stops = Stops::new(&["END".into(), "é!".into()]);
        assert_eq!(stops.push("one E"), ("one ".into(), false));
        assert_eq!(stops.push("Nx é"), ("ENx ".into(), false));
        assert_eq!(stops.push("? EN"), ("é? ".into(), false));
        assert_eq!(stops.push("D two"), (String::new(), true));
        let mut open = Stops::new(&["END".into()]);
        assert_eq!(open.push("E"), (String::new(), false));
        assert_eq!(open.finish(), "E");
    }
}
