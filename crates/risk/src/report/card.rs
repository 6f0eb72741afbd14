//! The model card in Markdown.

use super::Report;
use crate::monitor::Fairness;
use crate::train::Candidate;
use std::fmt::Write as _;

/// Columns of the table of kinds.
pub(super) const HEAD: [&str; 9] = [
    "model",
    "held-out AUC",
    "test AUC",
    "95 % of pooled",
    "KS",
    "PR",
    "Brier",
    "ECE",
    "p beside the winner",
];

/// A kind's row in it.
pub(super) fn row(candidate: &Candidate) -> Vec<String> {
    let mut row = vec![
        candidate.kind.name().to_owned(),
        format!("{:.4}", candidate.held_auc),
        format!("{:.4} ± {:.4}", candidate.test_auc, candidate.test_auc_sd),
    ];
    match &candidate.pooled {
        Some(m) => {
            row.push(format!("{:.4} to {:.4}", m.auc_interval.0, m.auc_interval.1));
            row.extend([m.ks, m.pr_auc, m.brier, m.ece].map(|x| format!("{x:.4}")));
        }
        None => row.extend(["–"; 5].map(Into::into)),
    }
    row.push(candidate.beside_winner.as_ref().map_or_else(String::new, |d| format!("{:.3}", d.p)));
    row
}

/// The card of a model, judged on the report's data.
#[must_use]
pub fn card(report: &Report<'_>) -> String {
    let card = &report.model.card;
    let from = &card.made_from;
    let mut out = format!(
        "# Risk model: {}\n\n\
- **What it gives**: the probability that a user defaults, from the user's payments in the {} days before a decision.\n\
- **Made from**: {} users, {} payments kept, {} rows refused; data `{}`.\n\
- **Made by**: `{}`\n\
- **Reads**: {} categories, {} words, numbers of payments [{}], numbers of users [{}].\n\
- **Does not count**: merchants [{}], categories [{}].\n\
- **Not for**: users unlike those it was made from; `tollgate risk monitor` says whether they are.\n\n\
## Kinds of models, on users that each had not seen\n\n",
        report.model.fitted.winner.name(),
        card.window_days,
        from.users,
        from.events,
        from.refused,
        from.digest,
        card.command,
        card.space.categories.len(),
        card.space.words.len(),
        card.space.numbers.join(", "),
        card.space.profile.join(", "),
        card.block.merchants.join(", "),
        card.block.categories.join(", "),
    );
    // Writing to text cannot fail.
    let _ = writeln!(out, "| {} |\n|{}", HEAD.join(" | "), " --- |".repeat(HEAD.len()));
    for candidate in &card.outcome.candidates {
        let _ = writeln!(out, "| {} |", row(candidate).join(" | "));
    }
    card.outcome.fairness.iter().for_each(|fair| groups(fair, &mut out));
    let _ = write!(out, "\n## On the data of this card\n\n");
    match report.metrics() {
        Some(m) => {
            let (low, high) = m.auc_interval;
            let _ = writeln!(
                out,
                "{} users, {} defaults: AUC {:.4} ({low:.4} to {high:.4}), KS {:.4}, PR {:.4}, Brier {:.4}, ECE {:.4}.",
                m.users, m.defaults, m.auc, m.ks, m.pr_auc, m.brier, m.ece
            );
        }
        None => out.push_str("No users of both outcomes.\n"),
    }
    let _ = writeln!(
        out,
        "\nA score takes {:.1} µs of one thread. This card: `{}`",
        report.cost_us, report.command
    );
    out
}

/// How alike the winner treats groups of users that it had not seen.
fn groups(fair: &Fairness, out: &mut String) {
    let share = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| format!("{x:.4}"));
    let _ = writeln!(
        out,
        "\n## Groups by {}, on users that the winner had not seen\n\n\
| group | users | approved | of those who paid | expected | defaulted |\n| --- | --- | --- | --- | --- | --- |",
        fair.attribute
    );
    for group in &fair.groups {
        let rates =
            [Some(group.selected), group.opportunity, Some(group.expected), group.observed].map(share);
        let _ = writeln!(out, "| {} | {} | {} |", group.name, group.users, rates.join(" | "));
    }
    let _ = writeln!(
        out,
        "\nLeast selection rate over the largest: {:.3} (four-fifths rule: 0.8); largest gap in the approval of those who paid: {:.3}.",
        fair.ratio, fair.gap
    );
}
