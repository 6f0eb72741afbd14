//! The pages as a whole: what must stand on them, and what must never.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../examples/preview/sample/mod.rs"]
mod sample;

use proptest::prelude::*;
use tollgate_console::view::*;
use tollgate_console::{CSP, assets, page};
use tollgate_core::Timestamp;

/// 2026-01-15T09:30:00Z.
const NOW: Timestamp = Timestamp(1_768_469_400_000_000);

/// Every page of the sample, with its name.
fn every_page() -> Vec<(&'static str, String)> {
    let shell = sample::shell(NOW);
    vec![
        ("live", page::live(&shell, &sample::live(40, NOW))),
        ("empty", page::live(&shell, &sample::live(0, NOW))),
        ("request", page::request(&shell, &sample::request(NOW))),
        ("pools", page::pools(&shell, &sample::pools(NOW))),
        ("policy", page::policy(&shell, &sample::policy(NOW))),
        ("budgets", page::budgets(&shell, &sample::budgets(NOW))),
        ("escrows", page::escrows(&shell, &sample::escrows(NOW))),
        ("no escrows", page::escrows(&shell, &EscrowsView::default())),
        ("escrow", page::escrow(&shell, &sample::escrow(NOW))),
        ("agents", page::agents(&shell, &sample::agents(NOW))),
        ("mandates", page::mandates(&shell, &sample::mandates(NOW))),
        ("log", page::log(&shell, &sample::log(NOW))),
        ("problem", page::problem(&shell, 404, "Not found", "There is no such request.")),
    ]
}

/// The text of a page without its tags, white space as one blank.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_page_has_its_landmarks_and_obeys_the_policy() {
    for (name, html) in every_page() {
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
        for once in ["<main ", "<h1>", "<footer>", "href=\"#main\"", "name=\"viewport\""] {
            assert_eq!(html.matches(once).count(), 1, "{name}: {once}");
        }
        for never in [" style=", "<style", "onclick=", "onload=", "javascript:", "http-equiv"] {
            assert!(!html.contains(never), "{name}: {never} is forbidden by {CSP}");
        }
        for script in html.split("<script").skip(1) {
            assert!(
                script.contains("src=\"/console/assets/") && script.contains("></script>"),
                "{name}: {script:.80}"
            );
        }
        for part in html.split("/console/assets/").skip(1) {
            let asset = part.split('"').next().unwrap();
            assert!(assets::find(asset).is_some(), "{name}: {asset} is not embedded");
        }
    }
}

#[test]
fn ids_are_unique_and_references_resolve() {
    for (name, html) in every_page() {
        let ids: Vec<_> = html.split(" id=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        for attribute in ["aria-labelledby=\"", "aria-describedby=\"", "href=\"#", "data-copy=\"", " list=\""]
        {
            for id in html.split(attribute).skip(1).filter_map(|part| part.split('"').next()) {
                assert!(unique.contains(&id), "{name}: {attribute}{id} leads nowhere");
            }
        }
    }
}

#[test]
fn the_live_page_says_what_happened() {
    let html = page::live(&sample::shell(NOW), &sample::live(40, NOW));
    let text = text(&html);
    for part in [
        "Requests / min 50.13 3,008 in 1 h",
        "TTFT p50 112 ms",
        "Overhead p50 74 µs p99 212 µs",
        "09:30:00.000 UTC greeting sim-small short / short-1 200 120 → 40 0.000092 38.0 ms 310 ms 60 µs",
        "429 limit reached",
        "503 upstream failed",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(html.contains("href=\"?minutes=60&amp;before=4950\""), "older rows");
    assert!(html.contains("<div class=\"empty\" id=\"empty\" hidden>"));
}

#[test]
fn an_empty_log_tells_how_to_begin() {
    let html = page::live(&sample::shell(NOW), &sample::live(0, NOW));
    assert!(
        html.contains("<div class=\"empty\" id=\"empty\">")
            && html.contains("<div id=\"live-table\" hidden>")
    );
    assert!(html.contains("curl http://127.0.0.1:8080/v1/chat/completions"));
    assert!(text(&html).contains("Errors – 0 failed, 0 refused or left"), "no share of nothing");
}

#[test]
fn a_request_shows_each_phase_with_its_reason() {
    let html = page::request(&sample::shell(NOW), &sample::request(NOW));
    let text = text(&html);
    for part in [
        "total_tokens total_tokens yes 12480 1 210 ns",
        "tool_loop tool_loop not needed",
        "budget_left budget_left failed the store did not answer",
        "Confidence 0.93 to 1 Runner-up long",
        "✓ total_tokens &gt; 8_000 is 12480 holds, confidence 1",
        "Pool: named by the policy",
        "long-1 first ready 7 38.2 ms 214 ms 252 ms",
        "503 upstream_failed: no slot is free retried elsewhere after 12 ms",
        "12,113 tokens, 8,192 of them from a cache",
        "Replay the decision",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let order = [
        "authenticate",
        "characterise",
        "signal",
        "decide",
        "shape",
        "select",
        "place",
        "dispatch",
        "validate",
        "settle",
        "record",
    ];
    let links: Vec<_> =
        html.split("<a href=\"#phase-").skip(1).filter_map(|p| p.split(['>', '<']).nth(1)).collect();
    assert_eq!(links, order);
}

#[test]
fn a_request_that_was_refused_at_the_door_is_a_page_too() {
    let row = RequestRow {
        status: 401,
        fault: Some("unauthenticated".into()),
        id: "req_1".into(),
        ..RequestRow::default()
    };
    let view = RequestView { row, fault_message: Some("no such key".into()), ..RequestView::default() };
    let text = text(&page::request(&sample::shell(NOW), &view));
    assert!(text.contains("401 unauthenticated") && text.contains("The caller was told: no such key"));
}

#[test]
fn pools_show_every_state() {
    let html = page::pools(&sample::shell(NOW), &sample::pools(NOW));
    for state in InstanceState::ALL {
        assert!(html.contains(&format!(">{}</span>", state.word())), "{state:?}");
    }
    assert!(text(&html).contains("1 of 7 up") && text(&html).contains("sim-large short, long 200,000"));
}

#[test]
fn budgets_show_what_is_left_and_keys_what_they_may() {
    let text = text(&page::budgets(&sample::shell(NOW), &sample::budgets(NOW)));
    for part in [
        "50.00 USD per day 45.9 %",
        "nothing allowed",
        "1,000.00 USD per month 100 %",
        "sim-* ",
        "revoked",
        "expired",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn a_refused_policy_leaves_a_notice() {
    let kept = LastGood { refused: NOW, reason: "line 3: no such model".into() };
    let view = PolicyView { last_good: Some(kept), read_only: Some("no file".into()), ..sample::policy(NOW) };
    let html = page::policy(&sample::shell(NOW), &view);
    assert!(html.contains("The last good policy is in force.") && html.contains("line 3: no such model"));
    assert!(html.contains("readonly") && html.contains("id=\"apply\" type=\"button\" hidden disabled"));
}

/// The sample with every text in it replaced by `word`.
fn hostile<T: serde::Serialize + serde::de::DeserializeOwned>(view: &T, word: &str) -> T {
    fn walk(value: &mut serde_json::Value, word: &str) {
        match value {
            serde_json::Value::String(text) => *text = word.into(),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| walk(item, word)),
            serde_json::Value::Object(fields) => {
                // Words of fixed sets stay what they are.
                let free = |name: &str| !["state", "verdict", "severity", "meter", "tone"].contains(&name);
                fields.iter_mut().filter(|(name, _)| free(name)).for_each(|(_, field)| walk(field, word));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(view).unwrap();
    walk(&mut value, word);
    serde_json::from_value(value).unwrap()
}

/// The tags of a page with the names of their attributes, without values and text.
fn skeleton(html: &str) -> String {
    let mut kept = String::new();
    let (mut tag, mut value) = (false, false);
    for c in html.chars() {
        match c {
            '"' if tag => value = !value,
            _ if value => {}
            '<' => tag = true,
            '>' => tag = false,
            _ => {}
        }
        if tag && !value {
            kept.push(c);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the texts say, the page has the tags and attributes that it has with harmless texts.
    #[test]
    fn no_text_becomes_markup(word in prop_oneof![
        "[<>\"'&/=a-z \n]{1,24}",
        Just("</textarea><script>alert(1)</script>".to_owned()),
        Just("\" onmouseover=\"alert(1)".to_owned()),
        Just("=\"=".to_owned()),
        Just("--><img src=x onerror=alert(1)>".to_owned()),
        "\\PC{1,12}",
    ]) {
        let pages = |word: &str| {
            let shell = hostile(&sample::shell(NOW), word);
            [
                page::live(&shell, &LiveView { filter: hostile(&sample::live(0, NOW).filter, word), ..hostile(&sample::live(12, NOW), word) }),
                page::request(&shell, &hostile(&sample::request(NOW), word)),
                page::pools(&shell, &hostile(&sample::pools(NOW), word)),
                page::policy(&shell, &hostile(&sample::policy(NOW), word)),
                page::budgets(&shell, &hostile(&sample::budgets(NOW), word)),
                page::escrows(&shell, &hostile(&sample::escrows(NOW), word)),
                page::escrow(&shell, &hostile(&sample::escrow(NOW), word)),
                page::agents(&shell, &hostile(&sample::agents(NOW), word)),
                page::mandates(&shell, &hostile(&sample::mandates(NOW), word)),
                page::log(&shell, &hostile(&sample::log(NOW), word)),
                page::problem(&shell, 500, word, word),
            ]
        };
        // As long as the hostile word, so that what is cut is cut on both.
        let harmless = "x".repeat(word.chars().count());
        for (at, (plain, hostile)) in pages(&harmless).iter().zip(&pages(&word)).enumerate() {
            prop_assert!(skeleton(plain) == skeleton(hostile), "page {at}: another tag or attribute");
        }
    }
}

#[test]
fn what_waits_and_what_was_refused_is_seen() {
    let shell = sample::shell(NOW);
    let listed = text(&page::escrows(&shell, &sample::escrows(NOW)));
    assert!(listed.contains("the rail has not answered") && listed.contains("80.00 USD"), "{listed}");
    let one = page::escrow(&shell, &sample::escrow(NOW));
    assert!(one.contains("/console/log?from=43") && one.contains("/bundle\""), "{one}");
    let log = page::log(&shell, &sample::log(NOW));
    assert!(log.contains("/v1/settle/log/entries/41/receipt") && text(&log).contains("80.00 USD are spent"));
    // An id's own per cent signs survive the way back.
    let mut agents = sample::agents(NOW);
    agents.next = Some("did:web:localhost%3A80".into());
    assert!(page::agents(&shell, &agents).contains("after=did:web:localhost%253A80"));
    // Where settlement is not served nothing leads to it.
    let plain = Shell { settlement: false, ..shell };
    assert!(!page::pools(&plain, &sample::pools(NOW)).contains("/console/escrows"));
}
