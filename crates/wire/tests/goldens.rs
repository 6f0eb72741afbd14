//! Every file of the corpus in every other dialect, with the report of what did not cross.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

mod common;

use common::corpus;
use std::fmt::Write;
use tollgate_wire::form::{Options, Report};
use tollgate_wire::{Dialect, translate};

fn options() -> Options {
    Options { model: Some("target-model".to_owned()), created: Some(1_790_000_001), ..Options::default() }
}

fn losses(out: &mut String, report: &Report) {
    for loss in &report.losses {
        writeln!(out, "  {:?} {} ({}): {}", loss.outcome, loss.path, loss.kind, loss.why).unwrap();
    }
}

/// One snapshot for each pair.
fn each_pair(kind: &str, show: impl Fn(&mut String, &common::Entry, Dialect)) {
    let entries = corpus(kind);
    for from in Dialect::CONVERSATIONS {
        for to in Dialect::CONVERSATIONS.iter().filter(|to| *to != from) {
            let mut out = String::new();
            for entry in entries.iter().filter(|entry| entry.dialect == *from) {
                writeln!(out, "# {}: {}", entry.name, entry.covers).unwrap();
                show(&mut out, entry, *to);
            }
            let name = format!("{kind}_{}_to_{}", from.word(), to.word());
            insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
                insta::assert_snapshot!(name, out);
            });
        }
    }
}

#[test]
fn requests() {
    each_pair("requests", |out, entry, to| {
        let sent = translate::request(entry.dialect, to, &entry.bytes, &options()).unwrap();
        if let Some(path) = &sent.path {
            writeln!(out, "{path}").unwrap();
        }
        writeln!(out, "{}", String::from_utf8(sent.body).unwrap()).unwrap();
        losses(out, &sent.report);
    });
}

#[test]
fn responses() {
    each_pair("responses", |out, entry, to| {
        match translate::response(entry.dialect, to, &entry.bytes, &options()) {
            Ok((body, report)) => {
                writeln!(out, "{}", String::from_utf8(body).unwrap()).unwrap();
                losses(out, &report);
            }
            Err(error) => writeln!(out, "error: {error}").unwrap(),
        }
    });
}

#[test]
fn streams() {
    each_pair("streams", |out, entry, to| {
        let mut stream = translate::Stream::new(entry.dialect, to, options()).unwrap();
        let mut bytes = stream.push(&entry.bytes);
        bytes.extend(stream.finish());
        out.push_str(&String::from_utf8(bytes).unwrap().replace("\n\n", "\n"));
        losses(out, stream.report());
    });
}
