//! A model on one page: how good it is, whether its probabilities hold, why scores are what they are, what has moved, and
//! what a score costs. And a card in Markdown, for those who keep models.
//!
//! The page is one file without scripts or anything that is loaded; pictures are drawn in it.

mod card;
mod page;
mod svg;

pub use card::card;
pub use page::page;

use crate::dataset::Dataset;
use crate::evaluate::Metrics;
use crate::model::Model;
use crate::monitor::Watched;
use tollgate_core::Seed;

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The model.
    pub model: &'a Model,
    /// The data it is judged on.
    pub data: &'a Dataset,
    /// Its probabilities for every user of the data.
    pub scores: &'a [f64],
    /// What monitoring found on them.
    pub watched: &'a Watched,
    /// First reasons of the users that were asked, with how many had each, the most common first.
    pub causes: &'a [(String, usize)],
    /// Time of a user's score on one thread, in microseconds.
    pub cost_us: f64,
    /// The command that makes this report again.
    pub command: &'a str,
}

impl Report<'_> {
    /// Probabilities and outcomes of the users from whom the model has not learned, or of all where there is nobody else.
    #[must_use]
    pub fn judged(&self) -> (Vec<f64>, Vec<bool>) {
        self.watched.judged.pairs(self.data, self.scores)
    }

    fn metrics(&self) -> Option<Metrics> {
        let (scores, labels) = self.judged();
        Metrics::of(&scores, &labels, Seed(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Plan, dataset, generate};
    use crate::monitor::monitor;
    use crate::train::{Attribute, TrainConfig, train};

    #[test]
    fn a_page_is_whole_and_escapes_what_it_shows() {
        let data = dataset(&generate(&Plan { users: 250, events: 30.0, ..Plan::default() }));
        let half = (0..250).map(|user| ["even", "odd"][user % 2].to_owned()).collect();
        let attributes = vec![Attribute { name: "half".into(), groups: half }];
        let config = TrainConfig { network: None, attributes, ..TrainConfig::default() };
        let model = train(&data, &config, &mut |_| {}).unwrap();
        let features = model.features(&data).unwrap();
        let scores: Vec<f64> = model.score(&data, None).unwrap().iter().map(|s| s.probability).collect();
        let watched = monitor(&model, &data, &features, &scores, 90);
        let causes = [("amounts <changed> & moved".to_owned(), 7)];
        let (command, cost_us) = ("tollgate risk report --data 'a<b'", 12.5);
        let report = Report {
            model: &model,
            data: &data,
            scores: &scores,
            watched: &watched,
            causes: &causes,
            cost_us,
            command,
        };
        let html = page(&report);
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
        for wanted in
            ["amounts &lt;changed&gt; &amp; moved", "12.5", "a&lt;b", "<svg", "Calibration", "Drift"]
        {
            assert!(html.contains(wanted), "{wanted}");
        }
        assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("NaN"));
        for tag in ["table", "svg", "section", "tr"] {
            let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        let judged = report.judged().0.len();
        assert!(judged > 60 && judged < 120, "the test part only: {judged}");
        let text = card(&report);
        assert!(text.contains(&model.card.made_from.digest) && text.contains("| logistic |"), "{text}");
        assert!(text.contains("## Groups by half") && text.contains("\n| even | "), "{text}");
    }
}
