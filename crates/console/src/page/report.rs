//! A report as one file: style and pictures inside, no scripts, nothing from elsewhere.

use crate::assets;
use crate::chart::plot;
use crate::view::{ReportSection, ReportTable, ReportView};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The assets whose rules a report needs, in their order.
const STYLES: [&str; 3] = ["base.css", "parts.css", "report.css"];

/// The report as a document that needs nothing else. It is for a file: its style is inside, which the policy of the
/// served pages forbids.
#[must_use]
pub fn report(report: &ReportView) -> String {
    let style: String = STYLES.iter().filter_map(|name| assets::find(name)).map(|asset| asset.text).collect();
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (report.title) }
                style { (PreEscaped(style)) }
            }
            body.report { main {
                div.page-head { h1 { (report.title) } }
                p.lead { (report.lead) }
                @if !report.facts.is_empty() { dl.report-facts { @for (name, value) in &report.facts {
                    div { dt { (name) } dd { (value) } }
                } } }
                @for part in &report.sections { (section(part)) }
            } }
        }
    };
    document.into_string()
}

fn section(part: &ReportSection) -> Markup {
    html! {
        section {
            h2 { (part.title) }
            @if !part.text.is_empty() { p { (part.text) } }
            @if !part.plots.is_empty() { div.charts { @for picture in &part.plots { (plot(picture)) } } }
            @for rows in &part.tables { (table(rows)) }
        }
    }
}

fn table(table: &ReportTable) -> Markup {
    let starts = |c: char| c.is_ascii_digit() || "-+$–".contains(c);
    let number = |cell: &str| cell.starts_with(starts) && !cell.contains('×');
    // A column's name stands over its numbers.
    let numbers = |at: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(at)).peekable();
        cells.peek().is_some() && cells.all(|cell| number(cell) || cell.is_empty())
    };
    // A row that ends early has something to say: its last cell takes the rest.
    let span = |row: &[String], at: usize| {
        let last = at + 1 == row.len() && row.len() < table.head.len();
        last.then(|| table.head.len() - at)
    };
    html! {
        div.report-table { table {
            thead { tr { @for (at, name) in table.head.iter().enumerate() { th.num[numbers(at)] { (name) } } } }
            tbody { @for row in &table.rows { tr { @for (at, cell) in row.iter().enumerate() {
                td.num[number(cell)] colspan=[span(row, at)] { (cell) }
            } } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Plot, PlotSeries};

    #[test]
    fn a_report_needs_nothing_from_elsewhere_and_escapes_what_it_is_given() {
        let series = PlotSeries {
            name: "cost".into(),
            points: vec![(1.0, 2.0, "<here>".into())],
            ..PlotSeries::default()
        };
        let plots = vec![Plot { title: "Cost".into(), series: vec![series], ..Plot::default() }];
        let rows = vec![
            vec!["short".into(), "12".into()],
            vec!["</table><script>".into(), "$1".into()],
            vec!["no fleet".into()],
        ];
        let tables = vec![ReportTable { head: vec!["pool".into(), "GPUs".into()], rows }];
        let sections = vec![ReportSection { title: "Fleet".into(), text: String::new(), plots, tables }];
        let view = ReportView {
            title: "A <fleet>".into(),
            lead: "&".into(),
            facts: vec![("GPUs".into(), "12".into())],
            sections,
        };
        let html = report(&view);
        assert!(html.starts_with("<!DOCTYPE html>") && html.contains("A &lt;fleet&gt;"));
        assert_eq!(html.matches("<script").count(), 0);
        for never in ["http://", "https://", "src=", "href=", "url(", "@import"] {
            assert!(!html.contains(never), "{never}");
        }
        assert!(html.contains("<th class=\"num\">GPUs") && html.contains("colspan=\"2\">no fleet"));
        assert!(html.contains("td class=\"num\"") && html.contains("color-scheme: light dark"));
    }
}
