//! How long an answer is kept and how close is close, by the question's category.

/// What one category has of its own.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Category {
    /// Seconds that an answer is kept; 0 = never.
    pub ttl_s: Option<u64>,
    /// Least cosine of two questions that may be the same; above 1 = only equal requests.
    pub threshold: Option<f32>,
}

/// The rules of all categories.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rules {
    /// Seconds that an answer is kept.
    pub ttl_s: u64,
    /// Least cosine; none = only equal requests are answered from the cache.
    pub threshold: Option<f32>,
    /// By category, as the domain signal names them.
    pub categories: Vec<(String, Category)>,
}

impl Rules {
    fn of(&self, category: &str) -> Category {
        let own = self.categories.iter().find(|(name, _)| name == category);
        own.map(|(_, rule)| *rule).unwrap_or_default()
    }

    /// Seconds that an answer to a question of this category is kept; none = it is not.
    #[must_use]
    pub fn ttl_s(&self, category: &str) -> Option<u64> {
        Some(self.of(category).ttl_s.unwrap_or(self.ttl_s)).filter(|ttl| *ttl > 0)
    }

    /// Least cosine for this category; none = only equal requests.
    #[must_use]
    pub fn threshold(&self, category: &str) -> Option<f32> {
        let usual = self.threshold?;
        Some(self.of(category).threshold.unwrap_or(usual)).filter(|least| *least <= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_overrules_what_it_names() {
        let rules = Rules {
            ttl_s: 60,
            threshold: Some(0.9),
            categories: vec![
                ("health".into(), Category { ttl_s: Some(0), threshold: None }),
                ("law".into(), Category { ttl_s: None, threshold: Some(0.97) }),
                ("math".into(), Category { ttl_s: Some(5), threshold: Some(1.1) }),
            ],
        };
        assert_eq!((rules.ttl_s("other"), rules.threshold("other")), (Some(60), Some(0.9)));
        assert_eq!((rules.ttl_s("health"), rules.threshold("health")), (None, Some(0.9)));
        assert_eq!((rules.ttl_s("law"), rules.threshold("law")), (Some(60), Some(0.97)));
        assert_eq!((rules.ttl_s("math"), rules.threshold("math")), (Some(5), None));
        let exact = Rules { threshold: None, ..rules };
        assert_eq!(exact.threshold("law"), None, "a category cannot turn on what is off");
    }
}
