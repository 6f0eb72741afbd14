//! Standing faults: rules that tests set and take back over `/sim/faults`.

use crate::SimError;
use crate::fault::Faults;
use serde::{Deserialize, Serialize};

/// Most rules at once.
pub(in crate::server) const RULES_MAX: usize = 64;

/// What `POST /sim/faults` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Rule {
    /// Directives, as in the header.
    fault: String,
    /// Only for this model.
    #[serde(default)]
    model: Option<String>,
    /// How many more requests it spoils; absent means all.
    #[serde(default)]
    count: Option<u64>,
    /// Only each n-th request.
    #[serde(default)]
    every: Option<u64>,
    #[serde(skip)]
    parsed: Faults,
    #[serde(skip)]
    seen: u64,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(in crate::server) struct Rules(Vec<Rule>);

impl Rules {
    pub(in crate::server) fn add(&mut self, mut rule: Rule) -> Result<(), SimError> {
        if self.0.len() == RULES_MAX {
            return Err(SimError::fault(
                &rule.fault,
                "there are 64 rules already",
                "DELETE /sim/faults first",
            ));
        }
        rule.parsed = rule.fault.parse()?;
        self.0.push(rule);
        Ok(())
    }

    /// The faults for the next request to `model`; used-up rules go.
    pub(in crate::server) fn apply(&mut self, model: &str) -> Faults {
        let mut faults = Faults::default();
        for rule in self.0.iter_mut().filter(|r| r.model.as_deref().is_none_or(|m| m == model)) {
            rule.seen += 1;
            if !rule.seen.is_multiple_of(rule.every.unwrap_or(1).max(1)) {
                continue;
            }
            match &mut rule.count {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            faults = faults.or(rule.parsed);
        }
        self.0.retain(|rule| rule.count != Some(0));
        faults
    }

    pub(in crate::server) fn list(&self) -> &[Rule] {
        &self.0
    }

    pub(in crate::server) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_rule_counts_and_ends() {
        let mut rules = Rules::default();
        rules.add(rule(r#"{"fault": "status=503", "count": 2, "model": "a"}"#)).unwrap();
        rules.add(rule(r#"{"fault": "slow=1", "every": 2}"#)).unwrap();
        let hits: Vec<_> = ["a", "b", "a", "a"]
            .map(|m| rules.apply(m))
            .iter()
            .map(|f| (f.status.is_some(), f.slow_ms.is_some()))
            .collect();
        assert_eq!(hits, [(true, false), (false, true), (true, false), (false, true)]);
        assert_eq!(rules.list().len(), 1);
    }

    #[test]
    fn bad_and_surplus_rules_are_refused() {
        let mut rules = Rules::default();
        assert!(rules.add(rule(r#"{"fault": "explode"}"#)).is_err());
        for _ in 0..RULES_MAX {
            rules.add(rule(r#"{"fault": "close"}"#)).unwrap();
        }
        assert!(rules.add(rule(r#"{"fault": "close"}"#)).is_err());
    }
}
