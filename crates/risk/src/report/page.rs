//! The page.

use super::Report;
use super::svg::Chart;
use crate::evaluate::reliability;
use std::fmt::Write as _;

/// Bins of the calibration and of the histogram.
const BINS: usize = 10;
/// Inputs and reasons that are shown.
const SHOWN: usize = 12;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1d2433}\
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
td,th{padding:.2em .8em .2em 0;text-align:left;border-bottom:1px solid #dde2ea}td.n,th.n{text-align:right}\
figure{display:inline-block;margin:0 1em 1em 0}figcaption{font-size:.85em;color:#566}\
.axis{fill:none;stroke:#8a93a3}.even{fill:none;stroke:#b9c0cc;stroke-dasharray:4 3}.curve{fill:none;stroke:#2457a6;stroke-width:2}\
.dot{fill:#2457a6}.paid{fill:#2457a6;opacity:.45}.defaulted{fill:#c2452d;opacity:.6}.tick,.name{font-size:11px;fill:#566}\
.act{color:#b3261e}.watch{color:#8a5a00}code{background:#f2f4f7;padding:.1em .3em}\
@media(prefers-color-scheme:dark){body{background:#14181f;color:#e4e8ef}td,th{border-color:#333b48}code{background:#222936}\
.tick,.name,figcaption{fill:#9aa4b5;color:#9aa4b5}.curve{stroke:#7fb0ff}.dot{fill:#7fb0ff}}";

/// Text that cannot be taken for markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A table: names of columns, and rows of cells; all but the first column are numbers.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::from("<table><tr>");
    let class = |column: usize| if column > 0 { " class=\"n\"" } else { "" };
    for (column, name) in head.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(column), escaped(name));
    }
    out.push_str("</tr>");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{}</td>", class(column), escaped(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    out
}

fn figure(chart: Chart, caption: &str) -> String {
    format!("<figure>{}<figcaption>{}</figcaption></figure>", chart.done(), escaped(caption))
}

/// The whole page as HTML.
#[must_use]
pub fn page(report: &Report<'_>) -> String {
    let model = report.model;
    let name = model.fitted.winner.name();
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>Risk model: {name}</title><style>{STYLE}</style></head><body><h1>Risk model: {name}</h1>"
    );
    let from = &model.card.made_from;
    let _ = write!(
        out,
        "<p>Made from {} users and {} payments ({} rows refused, data {}), window {} days. Judged here on {} users{}.</p>\
<p>This page: <code>{}</code><br>The model: <code>{}</code></p>",
        from.users,
        from.events,
        from.refused,
        escaped(&from.digest),
        model.card.window_days,
        report.judged().0.len(),
        if report.watched.judged.training {
            ": <strong>training figures</strong>, for the model has learned from all of them"
        } else {
            " from whom it has not learned"
        },
        escaped(report.command),
        escaped(&model.card.command),
    );
    for (title, body) in [
        ("How good", good(report)),
        ("Calibration", calibration(report)),
        ("All kinds of models, in training", kinds(report)),
        ("Why scores are what they are", why(report)),
        ("Drift", drift(report)),
        ("Cost", format!("<p>{:.1} µs per user on one thread, features included.</p>", report.cost_us)),
    ] {
        let _ = write!(out, "<section><h2>{title}</h2>{body}</section>");
    }
    out.push_str("</body></html>\n");
    out
}

fn good(report: &Report<'_>) -> String {
    let Some(m) = report.metrics() else {
        return "<p>There are no users of both outcomes to judge the model on.</p>".into();
    };
    let (low, high) = m.auc_interval;
    let row = vec![
        format!("{:.4} ({low:.4} to {high:.4})", m.auc),
        format!("{:.4}", m.ks),
        format!("{:.4}", m.pr_auc),
        format!("{:.2}", m.lift),
        format!("{:.4}", m.brier),
        format!("{:.4}", m.ece),
        m.users.to_string(),
        m.defaults.to_string(),
    ];
    let head = ["AUC (95 %)", "KS", "PR", "lift of the first tenth", "Brier", "ECE", "users", "defaults"];
    let (scores, labels) = report.judged();
    let roc = Chart::new("paid, refused", "defaulted, refused", (1.0, 1.0))
        .line("even", &[(0.0, 0.0), (1.0, 1.0)])
        .line("curve", &roc(&scores, &labels));
    let parts = [false, true].map(|outcome| histogram(&scores, &labels, outcome));
    let most = parts.iter().flatten().copied().fold(1e-9, f64::max);
    let [paid, defaulted] = parts.map(|part| part.iter().map(|share| share / most).collect::<Vec<f64>>());
    let spread =
        Chart::new("probability", "share", (1.0, most)).bars("paid", &paid).bars("defaulted", &defaulted);
    table(&head, &[row])
        + &figure(roc, "ROC: of those who defaulted, how many are refused when so many who paid are refused")
        + &figure(
            spread,
            "Scores of those who paid (blue) and of those who defaulted (red), each adding up to one",
        )
}

/// The ROC curve, at most a few hundred places of it.
fn roc(scores: &[f64], labels: &[bool]) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let hits = labels.iter().filter(|l| **l).count().max(1) as f64;
    let others = labels.iter().filter(|l| !**l).count().max(1) as f64;
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = vec![(0.0, 0.0)];
    let stride = (order.len() / 300).max(1);
    for (i, user) in order.iter().enumerate() {
        if labels[*user] {
            y += 1.0 / hits;
        } else {
            x += 1.0 / others;
        }
        // Users of one score are one place.
        let last = order.get(i + 1).is_none_or(|next| scores[*next] < scores[*user]);
        if last && (i % stride == 0 || i + 1 == order.len()) {
            places.push((x, y));
        }
    }
    places
}

fn histogram(scores: &[f64], labels: &[bool], outcome: bool) -> Vec<f64> {
    let mut counts = [0.0; BINS * 2];
    let mut all = 0.0f64;
    for (score, _) in scores.iter().zip(labels).filter(|(_, label)| **label == outcome) {
        counts[((score * (BINS * 2) as f64) as usize).min(BINS * 2 - 1)] += 1.0;
        all += 1.0;
    }
    counts.iter().map(|count| count / all.max(1.0)).collect()
}

fn calibration(report: &Report<'_>) -> String {
    let (scores, labels) = report.judged();
    let bins = reliability(&scores, &labels, BINS);
    let most = bins.iter().map(|(p, share, _)| p.max(*share)).fold(0.05, f64::max);
    let places: Vec<(f64, f64)> = bins.iter().map(|(p, share, _)| (p / most, share / most)).collect();
    let chart = Chart::new("expected", "defaulted", (most, most))
        .line("even", &[(0.0, 0.0), (1.0, 1.0)])
        .line("curve", &places)
        .dots("dot", &places);
    let rows: Vec<Vec<String>> = bins
        .iter()
        .enumerate()
        .map(|(i, (p, share, n))| {
            vec![(i + 1).to_string(), n.to_string(), format!("{p:.4}"), format!("{share:.4}")]
        })
        .collect();
    figure(chart, "Each dot is a tenth of the users; on the line, as many defaulted as were expected to")
        + &table(&["tenth", "users", "expected", "defaulted"], &rows)
}

fn kinds(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.model.card.outcome.candidates.iter().map(super::card::row).collect();
    table(&super::card::HEAD, &rows)
}

fn why(report: &Report<'_>) -> String {
    if report.causes.is_empty() {
        return "<p>No reasons were asked for.</p>".into();
    }
    let all: usize = report.causes.iter().map(|c| c.1).sum();
    let rows: Vec<Vec<String>> = report
        .causes
        .iter()
        .take(SHOWN)
        .map(|(text, count)| {
            vec![text.clone(), count.to_string(), format!("{:.1} %", *count as f64 * 100.0 / all as f64)]
        })
        .collect();
    format!("<p>First reasons of {all} users.</p>") + &table(&["reason", "users", "share"], &rows)
}

fn drift(report: &Report<'_>) -> String {
    let watched = report.watched;
    let rows: Vec<Vec<String>> = watched
        .score
        .iter()
        .chain(watched.inputs.iter().take(SHOWN))
        .map(|d| vec![d.name.clone(), format!("{:.4}", d.psi), format!("{:?}", d.level).to_lowercase()])
        .collect();
    let mut out = table(&["input", "PSI", "level"], &rows);
    if let Some((then, now)) = &watched.shape {
        let rows: Vec<Vec<String>> = then
            .beside(now)
            .iter()
            .map(|(name, then, now)| vec![(*name).to_owned(), format!("{then:.3}"), format!("{now:.3}")])
            .collect();
        out.push_str(&table(&["folds", "in training", "here"], &rows));
    }
    for alarm in &watched.alarms {
        let level = format!("{:?}", alarm.level).to_lowercase();
        let _ = write!(out, "<p class=\"{level}\">{level}: {}</p>", escaped(&alarm.text));
    }
    out
}
