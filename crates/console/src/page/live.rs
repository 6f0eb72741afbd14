//! Live requests.

use super::parts::{name, scroll, status, tile};
use super::shell::{Place, document};
use crate::chart::{Chart, Series, Shape};
use crate::format::{TimeStyle, compact, count, money, number, percent, share, us, us_or, when};
use crate::view::{Filter, LiveView, RequestRow, SeriesPoint, Shell, WINDOWS};
use maud::{Markup, html};

/// Most rows of the table; the script keeps the same bound while it grows.
pub const ROWS_MAX: usize = 200;
/// Seconds after which the overview is fetched again.
const REFRESH_S: u32 = 10;

/// The page of live requests.
#[must_use]
pub fn live(shell: &Shell, view: &LiveView) -> String {
    let body = html! {
        div.page-head { h1 { "Live requests" } (windows(view)) }
        section #overview aria-label="Overview" data-refresh=(REFRESH_S) {
            (tiles(shell, view))
            div.charts { (charts(view)) }
        }
        (table(shell, view))
    };
    document(shell, "Live requests", Some(Place::Live), &body, &["live.js"])
}

fn query(filter: &Filter, minutes: u32) -> String {
    let mut text = format!("?minutes={minutes}");
    for (name, value) in
        [("route", &filter.route), ("model", &filter.model), ("key", &filter.key), ("id", &filter.id)]
    {
        if !value.is_empty() {
            text.push_str(&format!("&{name}={}", percent_encode(value)));
        }
    }
    text
}

/// A value of a query: all but letters, digits and `-._~` as `%XX`.
fn percent_encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn window_name(minutes: u32) -> String {
    match minutes {
        60.. if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

fn windows(view: &LiveView) -> Markup {
    html! { nav.choice aria-label="Window" { @for minutes in WINDOWS {
        a href=(query(&view.filter, *minutes)) aria-current=[(*minutes == view.window_minutes).then_some("true")] {
            (window_name(*minutes))
        }
    } } }
}

fn tiles(shell: &Shell, view: &LiveView) -> Markup {
    let t = &view.tiles;
    let per_minute = t.requests as f64 / f64::from(view.window_minutes.max(1));
    let tokens = t.prompt_tokens.saturating_add(t.completion_tokens);
    let errors = (t.requests > 0).then(|| share(t.errors, t.requests));
    html! { dl.tiles {
        (tile("Requests / min", &number(per_minute), &format!("{} in {}", count(t.requests), window_name(view.window_minutes))))
        (tile("Errors", &percent(errors), &format!("{} failed, {} refused or left", count(t.errors), count(t.refused))))
        (tile("TTFT p50", &us_or(t.ttft_p50_us), "first content byte"))
        (tile("TTFT p99", &us_or(t.ttft_p99_us), "first content byte"))
        (tile("Overhead p50", &us_or(t.overhead_p50_us), &format!("p99 {}", us_or(t.overhead_p99_us))))
        (tile("Tokens", &compact(tokens), &format!("{} in, {} out", compact(t.prompt_tokens), compact(t.completion_tokens))))
        (tile(&format!("Cost ({})", shell.currency), &money(t.cost_micro), &format!("{} tokens cached", compact(t.cached_tokens))))
    } }
}

fn charts(view: &LiveView) -> Markup {
    let starts: Vec<_> = view.series.iter().map(|p| p.start).collect();
    let per_minute = 60.0 / f64::from(view.step_s.max(1));
    let rate = |of: fn(&SeriesPoint) -> u64| -> Vec<Option<f64>> {
        view.series.iter().map(|p| Some(of(p) as f64 * per_minute)).collect()
    };
    let time = |of: fn(&SeriesPoint) -> Option<u64>| -> Vec<Option<f64>> {
        view.series.iter().map(|p| of(p).map(|us| us as f64)).collect()
    };
    let whole = |value: f64| compact(value.round().max(0.0) as u64);
    let requests = vec![
        Series {
            name: "good",
            class: "c1",
            values: rate(|p| p.requests.saturating_sub(p.errors).saturating_sub(p.refused)),
        },
        Series { name: "refused", class: "c2", values: rate(|p| p.refused) },
        Series { name: "errors", class: "c4", values: rate(|p| p.errors) },
    ];
    let ttft = vec![
        Series { name: "p50", class: "c1", values: time(|p| p.ttft_p50_us) },
        Series { name: "p99", class: "c2", values: time(|p| p.ttft_p99_us) },
    ];
    let tokens = vec![
        Series { name: "in", class: "c1", values: rate(|p| p.prompt_tokens) },
        Series { name: "out", class: "c3", values: rate(|p| p.completion_tokens) },
    ];
    let chart = |title, shape, series, print| Chart { title, shape, starts: &starts, series, print }.render();
    html! {
        (chart("Requests per minute", Shape::Bars, requests, |v| number((v * 10.0).round() / 10.0)))
        (chart("Time to first content", Shape::Lines, ttft, |v| us(v.round().max(0.0) as u64)))
        (chart("Tokens per minute", Shape::Bars, tokens, whole))
    }
}

fn table(shell: &Shell, view: &LiveView) -> Markup {
    let empty = view.rows.is_empty();
    html! {
        section.panel aria-labelledby="latest" {
            div.panel-head {
                h2 #latest { "Latest requests" }
                span #live-state.live-state data-state="off" { "not live" }
                button #pause type="button" aria-pressed="false" hidden { "Pause" }
            }
            (filter(view))
            (empty_state(view, empty))
            div #live-table hidden[empty] { (scroll("Latest requests", &html! { table.rows {
                thead { tr {
                    th { "Time" } th { "Route" } th { "Model" } th { "Pool / instance" } th { "Status" }
                    th.num { "Tokens in → out" } th.num { "Cost (" (shell.currency) ")" } th.num { "TTFT" } th.num { "Total" } th.num { "Overhead" }
                } }
                tbody #rows data-max=(ROWS_MAX) data-newest=[view.newest.then_some("")] {
                    @for row in view.rows.iter().take(ROWS_MAX) { (request_row(row)) }
                }
            } })) }
            // Rows may come by the hundred: what is read aloud is a count, now and then.
            p.unseen #live-news aria-live="polite" {}
            template #row-template { (request_row(&RequestRow::default())) }
            nav.pager aria-label="Pages of the log" {
                @if !view.newest { a href=(query(&view.filter, view.window_minutes)) { "Newest" } }
                @if let Some(next) = view.next {
                    a href={ (query(&view.filter, view.window_minutes)) "&before=" (next) } { "Older" }
                }
            }
        }
    }
}

fn filter(view: &LiveView) -> Markup {
    let f = &view.filter;
    let field = |name: &str, label: &str, value: &str, list: Option<&str>| {
        html! { label { span { (label) } input type="search" name=(name) value=(value) list=[list] autocomplete="off" maxlength="256"; } }
    };
    html! {
        form.filter #filter method="get" action="/console" role="search" aria-label="Filter requests" {
            (field("route", "Route", &f.route, Some("route-names")))
            (field("model", "Model", &f.model, Some("model-names")))
            (field("key", "Key id", &f.key, None))
            (field("id", "Request, session or trace id", &f.id, None))
            input type="hidden" name="minutes" value=(view.window_minutes);
            button type="submit" { "Filter" }
            @if !f.is_empty() { a href=(query(&Filter::default(), view.window_minutes)) { "Clear" } }
            datalist #route-names { @for route in &view.routes { option value=(route) {} } }
            datalist #model-names { @for model in &view.models { option value=(model) {} } }
        }
    }
}

fn empty_state(view: &LiveView, empty: bool) -> Markup {
    html! { div.empty #empty hidden[!empty] {
        @if view.filter.is_empty() {
            p { strong { "No requests yet." } " Send the first one; it appears here as soon as it is answered:" }
            div.command { pre tabindex="0" { code #curl { (view.curl) } } button type="button" data-copy="curl" hidden { "Copy" } }
        } @else {
            p { "No request passes this filter. New ones that do appear here." }
        }
    } }
}

/// One row. The script fills clones of it by the `data-f` names.
fn request_row(row: &RequestRow) -> Markup {
    html! { tr data-id=(row.id) {
        td data-label="Time" { a.row-link data-f="link" href={ "/console/requests/" (percent_encode(&row.id)) } { (when(row.time, TimeStyle::Clock)) } }
        td data-label="Route" data-f="route" { (name(row.route.as_deref())) }
        td data-label="Model" data-f="model" { (name(row.model.as_deref())) }
        td data-label="Pool / instance" data-f="place" {
            (name(row.pool.as_deref())) @if row.instance.is_some() { " / " (name(row.instance.as_deref())) }
        }
        td data-label="Status" data-f="status" { (status(row)) }
        td.num data-label="Tokens" data-f="tokens" { (count(row.prompt_tokens)) " → " (count(row.completion_tokens)) }
        td.num data-label="Cost" data-f="cost" { (money(row.cost_micro)) }
        td.num data-label="TTFT" data-f="ttft" { (us_or(row.ttft_us)) }
        td.num data-label="Total" data-f="total" { (us(row.total_us)) }
        td.num data-label="Overhead" data-f="overhead" { (us(row.overhead_us)) }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        let filter = Filter { route: "a&b=\"<é".into(), ..Filter::default() };
        assert_eq!(query(&filter, 15), "?minutes=15&route=a%26b%3D%22%3C%C3%A9");
    }

    #[test]
    fn the_table_is_bounded() {
        let view = LiveView { rows: vec![RequestRow::default(); ROWS_MAX + 50], ..LiveView::default() };
        let html = live(&Shell::default(), &view);
        assert_eq!(html.matches("<tr data-id").count(), ROWS_MAX + 1, "and the template");
    }
}
