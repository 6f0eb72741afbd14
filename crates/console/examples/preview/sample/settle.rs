//! Escrows, agents and the log of the sample.

use tollgate_console::view::*;
use tollgate_core::Timestamp;

const HOUR: i64 = 3_600_000_000;

fn row(n: u64, now: Timestamp) -> EscrowRow {
    let (phase, tone) = [
        ("locked", Tone::Plain),
        ("disputed", Tone::Attention),
        ("released", Tone::Good),
        ("refunded", Tone::Over),
        ("releasing", Tone::Attention),
    ][(n % 5) as usize];
    EscrowRow {
        id: format!("{n:02x}").repeat(32),
        task: format!("translate-{n}"),
        price: "100.00 USD".into(),
        released: if phase == "released" { "80.00 USD".into() } else { "0.00 USD".into() },
        phase: phase.into(),
        tone,
        waiting: phase == "releasing",
        at: Timestamp(now.0 - HOUR),
        refund_after: Timestamp(now.0 + 48 * HOUR),
    }
}

/// One escrow in each kind of phase.
pub(crate) fn escrows(now: Timestamp) -> EscrowsView {
    EscrowsView {
        rows: (0..5).map(|n| row(n, now)).collect(),
        phase: Some("disputed".into()),
        phases: vec!["locked".into(), "disputed".into(), "released".into()],
        next: Some("04".repeat(32)),
    }
}

/// An escrow in dispute.
pub(crate) fn escrow(now: Timestamp) -> EscrowView {
    let steps =
        [("propose", "proposed"), ("authorize", "authorized"), ("lock", "locking"), ("rail done", "locked")];
    let event = |(n, (what, phase)): (u64, &(&str, &str))| EventRow {
        entry: 40 + n,
        at: Timestamp(now.0 - HOUR),
        what: (*what).into(),
        phase: (*phase).into(),
        tone: Tone::Plain,
    };
    EscrowView {
        escrow: row(1, now),
        facts: vec![
            Fact { name: "Paid to".into(), value: "acct_bob".into(), note: None },
            Fact { name: "Granted".into(), value: "60.00 USD".into(), note: Some("from tomorrow".into()) },
        ],
        timeline: (0..).zip(&steps).map(event).collect(),
    }
}

/// A mandate that counts and one that was revoked.
pub(crate) fn mandates(now: Timestamp) -> MandatesView {
    let row = |n: u64| MandateRow {
        name: format!("{n:02x}").repeat(32),
        payments: n,
        spent: (n > 0).then(|| "80.00 USD".into()),
        last: (n > 0).then_some(Timestamp(now.0 - HOUR)),
        revoked: n == 0,
        escrows: vec!["01".repeat(32)],
        count: 1 + n * 9,
    };
    MandatesView { rows: vec![row(0), row(1)], next: Some("01".repeat(32)) }
}

/// Two agents.
pub(crate) fn agents(now: Timestamp) -> AgentsView {
    let agent = |name: &str| AgentRow {
        id: "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK".into(),
        name: name.into(),
        version: 3,
        issued: now,
        skills: vec!["translate".into(), "summarise".into()],
        keys: vec!["main: control, mandate".into(), "next: evidence".into()],
        accounts: vec!["acct_ada on ledger".into()],
    };
    AgentsView {
        rows: vec![agent("Ada's agent"), agent("A shop")],
        next: Some("did:web:shop.example".into()),
    }
}

/// The end of a log.
pub(crate) fn log(now: Timestamp) -> LogView {
    let entry = |n: u64| LogRow {
        entry: n,
        at: now,
        key: format!("escrow:{}:{n}", "ab".repeat(32)),
        what: "lock".into(),
        refused: (n == 41).then(|| "operation 1: 80.00 USD are spent".into()),
        escrow: (n != 42).then(|| "ab".repeat(32)),
    };
    LogView {
        origin: "example.com/pay".into(),
        size: 43,
        rows: (40..43).rev().map(entry).collect(),
        newer: Some(43),
        older: Some(0),
    }
}
