//! A guard in a line, for pictures and lists.

use super::Guard;
use std::fmt;

impl fmt::Display for Guard {
    /// `role analyst: regions eu-*; cost at most 20000 micro-dollars; tools search, transfer (some arguments)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights = &self.rights;
        let lists = [
            ("models", &rights.models),
            ("pools", &rights.pools),
            ("providers", &rights.providers),
            ("regions", &rights.regions),
        ];
        let mut parts: Vec<String> = lists
            .iter()
            .filter_map(|(what, list)| Some(format!("{what} {}", list.as_ref()?.join(", "))))
            .collect();
        parts.extend(rights.on_premise.then(|| "on premise".to_owned()));
        parts.extend(rights.cost_micro.map(|most| format!("cost at most {most} micro-dollars")));
        parts.extend(rights.tokens_per_joule.map(|least| format!("at least {least} tokens per joule")));
        let tool = |right: &super::ToolRight| match (right.never, right.when.is_some()) {
            (true, _) => format!("not {}", right.pattern),
            (false, true) => format!("{} (some arguments)", right.pattern),
            (false, false) => right.pattern.clone(),
        };
        if !rights.tools.is_empty() {
            parts.push(format!("tools {}", rights.tools.iter().map(tool).collect::<Vec<_>>().join(", ")));
        }
        parts.extend(
            (!rights.unread.refuse.is_empty()).then(|| format!("refuses unread {}", rights.unread.refuse)),
        );
        let all = if parts.is_empty() { "everything".to_owned() } else { parts.join("; ") };
        write!(f, "{}: {all}", self.label())
    }
}
