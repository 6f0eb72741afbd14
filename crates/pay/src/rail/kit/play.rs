//! The plays, and what must hold after each call.

use super::{Bench, Fault, Finding, Report};
use crate::escrow::TaskContract;
use crate::rail::{Ask, Call, Outcome, Rail as _};
use tollgate_core::Amount;

/// Times that a call is reconciled before the rail counts as stuck.
const TRIES_MAX: u32 = 4;

/// What a play does after the funds are held.
#[derive(Clone, Copy)]
enum Then {
    /// Releases all stages, the last one less by a unit where it can be.
    Pay,
    /// Gives all back.
    GiveBack,
    /// Releases the first stage and gives the rest back.
    PayAndGiveBack,
}

const PLAYS: [(&str, Then); 3] = [
    ("hold and release", Then::Pay),
    ("hold and refund", Then::GiveBack),
    ("hold, release and refund", Then::PayAndGiveBack),
];

/// Holds a rail to its promises; `make` gives a bench in which nothing has happened.
///
/// # Errors
/// [`Finding`], the first promise that is broken.
pub fn conform<B: Bench>(mut make: impl FnMut() -> B) -> Result<Report, Finding> {
    let mut report = Report::default();
    for (name, then) in PLAYS {
        for fault in Fault::ALL {
            // The fault in each call, and what is late arriving at once or after all else.
            for at in 0..calls(&make().contract(), then) {
                for late in [false, true] {
                    let bench = make();
                    let mut play = Play::new(bench, name, fault, &mut report);
                    play.whole(then, at, late)?;
                    play.report.plays = play.report.plays.saturating_add(1);
                }
            }
        }
    }
    for fault in Fault::ALL {
        let mut play = Play::new(make(), "hold without funds", fault, &mut report);
        play.unfunded()?;
        let mut play = Play::new(make(), "a key used twice", fault, &mut report);
        play.other_call()?;
    }
    Ok(report)
}

fn calls(contract: &TaskContract, then: Then) -> usize {
    match then {
        Then::Pay => contract.stages.len().saturating_add(1),
        Then::GiveBack => 2,
        Then::PayAndGiveBack => 3,
    }
}

struct Play<'a, B> {
    bench: B,
    contract: TaskContract,
    name: &'static str,
    fault: Fault,
    at: String,
    keys: u32,
    report: &'a mut Report,
}

impl<'a, B: Bench> Play<'a, B> {
    fn new(bench: B, name: &'static str, fault: Fault, report: &'a mut Report) -> Self {
        let contract = bench.contract();
        Self { bench, contract, name, fault, at: String::new(), keys: 0, report }
    }

    fn finding(&self, what: impl Into<String>) -> Finding {
        Finding { play: self.name, fault: self.fault, at: self.at.clone(), what: what.into() }
    }

    fn call(&mut self, ask: Ask) -> Call {
        self.keys = self.keys.saturating_add(1);
        Call { key: format!("kit:{}", self.keys), escrow: self.contract.digest(), ask }
    }

    fn hold(&mut self) -> Call {
        let funding = self.contract.funding.clone();
        self.call(Ask::Hold { funding })
    }

    fn release(&mut self, held: &str, before: i128, minor: i128, last: bool) -> Call {
        let contract = &self.contract;
        let ask = Ask::Release {
            held: held.into(),
            funding: contract.funding.clone(),
            before: contract.amount(before),
            amount: contract.amount(minor),
            parts: contract.split(minor).unwrap_or_default(),
            last,
        };
        self.call(ask)
    }

    fn refund(&mut self, held: &str, before: i128) -> Call {
        let funding = self.contract.funding.clone();
        let before = self.contract.amount(before);
        self.call(Ask::Refund { held: held.into(), funding, before })
    }

    /// One escrow from hold to end, with the fault at call number `faulty`.
    fn whole(&mut self, then: Then, faulty: usize, late: bool) -> Result<(), Finding> {
        let start = self.funds();
        let price = self.contract.price.minor();
        let (hold, mut number) = (self.hold(), 0);
        let held = self.done("hold", &hold, faulty == number, late)?;
        self.expect(start, price, 0)?;
        let amounts: Vec<Amount> = self.contract.stages.iter().map(|stage| stage.amount).collect();
        let stages = match then {
            Then::Pay => amounts.len(),
            Then::GiveBack => 0,
            // A rail without stages can only do the one or the other.
            Then::PayAndGiveBack => amounts.len().saturating_sub(1).min(1),
        };
        let mut paid = 0i128;
        for (n, amount) in amounts.iter().take(stages).enumerate() {
            number = number.saturating_add(1);
            let last = n.saturating_add(1) == amounts.len();
            let less = i128::from(last && self.contract.partial && amount.minor() > 1);
            let minor = amount.minor().saturating_sub(less);
            let release = self.release(&held, paid, minor, last);
            self.done("release", &release, faulty == number, late)?;
            paid = paid.saturating_add(minor);
            let left = if last { 0 } else { price.saturating_sub(paid) };
            self.expect(start, left, paid)?;
        }
        if stages < amounts.len() {
            number = number.saturating_add(1);
            let refund = self.refund(&held, paid);
            self.done("refund", &refund, faulty == number, late)?;
            self.expect(start, 0, paid)?;
        }
        self.bench.heal();
        self.at = "the end".into();
        self.expect(start, 0, paid)?;
        self.nothing_more(start, &held, paid)
    }

    /// After the end no call moves anything, under any key.
    fn nothing_more(&mut self, start: i128, held: &str, paid: i128) -> Result<(), Finding> {
        let more =
            [self.release(held, paid, 1, true), self.release(held, 0, 1, false), self.refund(held, paid)];
        for call in more {
            self.perform(&call);
            self.expect(start, 0, paid)?;
        }
        Ok(())
    }

    /// A hold that cannot be funded fails, and stays failed.
    fn unfunded(&mut self) -> Result<(), Finding> {
        let start = self.funds();
        self.contract = self.bench.beyond();
        let call = self.hold();
        self.at = "hold".into();
        self.bench.arm(self.fault);
        let outcome = self.reconciled(&call, false)?;
        self.bench.heal();
        if !matches!(outcome, Outcome::Failed { .. }) {
            return Err(self.finding(format!("a hold without funds is {outcome:?}")));
        }
        self.expect(start, 0, 0)?;
        match self.perform(&call) {
            Outcome::Failed { .. } => self.expect(start, 0, 0),
            other => Err(self.finding(format!("a hold that failed is {other:?} when it is made again"))),
        }
    }

    /// A used key moves nothing for another call.
    fn other_call(&mut self) -> Result<(), Finding> {
        let start = self.funds();
        let price = self.contract.price.minor();
        let hold = self.hold();
        let held = self.done("hold", &hold, true, false)?;
        self.expect(start, price, 0)?;
        let mut release = self.release(&held, 0, 1, false);
        release.key.clone_from(&hold.key);
        self.at = "a release under the key of the hold".into();
        self.perform(&release);
        self.bench.heal();
        self.expect(start, price, 0)
    }

    /// Makes a call until its outcome is known, which must be that it was done; answers its proof.
    fn done(&mut self, at: &str, call: &Call, faulty: bool, late: bool) -> Result<String, Finding> {
        self.at = format!("{at} ({})", call.key);
        self.bench.arm(if faulty { self.fault } else { Fault::None });
        let first = self.reconciled(call, late)?;
        let Outcome::Done { proof } = &first else {
            return Err(self.finding(format!("a call that can be done is {first:?}")));
        };
        // What is known stays known, for a query as for the same call.
        for again in [self.bench.rail().query(call), self.perform(call)] {
            if again != first {
                return Err(self.finding(format!("it was {first:?} and is {again:?} when it is asked again")));
            }
        }
        Ok(proof.clone())
    }

    /// Makes a call and reconciles it as the office does.
    fn reconciled(&mut self, call: &Call, late: bool) -> Result<Outcome, Finding> {
        let mut outcome = self.perform(call);
        if matches!(self.fault, Fault::CrashBefore | Fault::CrashAfter) {
            self.bench.restart();
            // Whatever the process was told died with it.
            outcome = Outcome::Unknown;
        }
        if outcome == Outcome::Unknown {
            self.report.unknown = self.report.unknown.saturating_add(1);
            if !late && self.fault == Fault::Delay {
                self.bench.heal();
            }
        }
        for _ in 0..TRIES_MAX {
            if outcome != Outcome::Unknown {
                return Ok(outcome);
            }
            outcome = match self.bench.rail().query(call) {
                Outcome::Unknown => self.perform(call),
                known => known,
            };
        }
        Err(self.finding("its outcome stays unknown when the network works"))
    }

    fn perform(&mut self, call: &Call) -> Outcome {
        self.report.calls = self.report.calls.saturating_add(1);
        self.bench.rail().perform(call)
    }

    /// What all funding accounts have together.
    fn funds(&self) -> i128 {
        let all = self.contract.funding.iter().map(|source| self.bench.balance(&source.account));
        all.fold(0, i128::saturating_add)
    }

    /// So much is held, and so much was paid out, to each its part.
    fn expect(&self, start: i128, held: i128, paid: i128) -> Result<(), Finding> {
        let there = self.bench.held();
        if there != held {
            return Err(self.finding(format!("{there} minor units are held, expected {held}")));
        }
        let gone = start.saturating_sub(self.funds());
        if gone != paid {
            return Err(self.finding(format!("the payer gave {gone} minor units, expected {paid}")));
        }
        let fees = self.contract.fees.iter().map(|fee| &fee.account);
        let got = fees.chain([&self.contract.payee.account]).map(|account| self.bench.balance(account));
        let got = got.fold(0, i128::saturating_add);
        if got != paid {
            return Err(self.finding(format!("payee and fees got {got} minor units, expected {paid}")));
        }
        Ok(())
    }
}
