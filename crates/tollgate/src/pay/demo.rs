//! `tollgate pay demo`: two whole tasks on a fresh ledger, every step with its proof in the log.

use super::books::{Books, Open};
use super::dispute;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Amount, Asset, Digest, Timestamp};
use tollgate_gateway::clock::entropy;
use tollgate_pay::escrow::{
    ControlPlane, Escrow, Evaluator, Event, EvidencePolicy, Fee, Form, Mandate, Objection, Owner, Party,
    Payee, Quorum, Ruling, Side, Signed, Signer, Source, Stage, Submission, TaskContract, Told, digest,
};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Account, Bound, Command, Op, Outcome};
use tollgate_pay::log::{Role, SigningKey};
use tollgate_pay::mandate::issue::{self, Es256Secret};
use tollgate_pay::registry::PublicKey;
use tollgate_store::journal::audit::Verify;

/// A minute, in microseconds.
const MINUTE: i64 = 60_000_000;
/// The name of the demonstration's log.
const ORIGIN: &str = "demo.tollgate.example/books";

/// Play two whole tasks on a fresh ledger: one that is done, one that is disputed
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay demo --data demo

Everything is real: keys, signatures of quorums, holds in a ledger on disk, the log's proofs, and the final replay of log and
dispute. Only the parties are played. The folder must not exist; look at it afterwards with `tollgate pay escrow show`.")]
pub(crate) struct DemoArgs {
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(args: &DemoArgs) -> Result<Ending> {
    ensure!(!args.data.exists(), "{} exists: name a folder that does not", args.data.display());
    let mut demo = Demo::new(args)?;
    demo.open_accounts()?;
    demo.mandate = demo.allow()?;
    demo.done()?;
    demo.disputed()?;
    demo.end()?;
    Ok(Ending::Good)
}

struct Demo<'a> {
    args: &'a DemoArgs,
    books: Books,
    open: Open,
    /// The person whose money it is, and the agent that pays with it.
    ada: Es256Secret,
    agent: Es256Secret,
    payer: Signer<Party>,
    payee: Signer<Party>,
    verifiers: [ControlPlane; 3],
    evaluators: [Signer<Evaluator>; 3],
    usd: Asset,
    mandate: String,
}

fn signer<R: tollgate_pay::escrow::Role>() -> Result<Signer<R>> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    Ok(Signer::from_seed(&seed))
}

fn mandate_key() -> Result<Es256Secret> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    Es256Secret::from_seed(&seed).context("the system gave no key: try again")
}

/// Writes the log's secret key for its owner only.
fn make_log_key(path: &Path) -> Result<()> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    let key = SigningKey::from_seed(ORIGIN, Role::Log, &seed)?;
    crate::place::write_secret(path, &key.reveal())
}

impl<'a> Demo<'a> {
    fn new(args: &'a DemoArgs) -> Result<Self> {
        std::fs::create_dir_all(&args.data)
            .with_context(|| format!("cannot make {}", args.data.display()))?;
        let books = Books { data: args.data.clone(), clearing: "acct_clearing".parse()? };
        make_log_key(&args.data.join("log.key"))?;
        super::books::put(Some(&args.data.join("log.pub")), &books.key()?.public().to_string())?;
        let verifier = || signer().map(ControlPlane::new);
        Ok(Self {
            args,
            open: books.open()?,
            books,
            ada: mandate_key()?,
            agent: mandate_key()?,
            payer: signer()?,
            payee: signer()?,
            verifiers: [verifier()?, verifier()?, verifier()?],
            evaluators: [signer()?, signer()?, signer()?],
            usd: Asset::new("USD", 2)?,
            mandate: String::new(),
        })
    }

    /// Shows an entry, proven in the log as it is now.
    fn show(&self, what: &str, seq: u64, state: &str) -> Result<()> {
        let receipt = self.books.receipt(seq)?;
        let entry = receipt.extra.as_deref().unwrap_or_default();
        let plane = self.books.plane()?;
        let checkpoint = receipt.verify(entry, plane.log(), plane.origin())?;
        let size = checkpoint.size;
        if self.args.json {
            let shown = json!({"step": what, "entry": seq, "state": state, "proven_in": size, "hashes": receipt.path.len()});
            return say::line(&shown.to_string());
        }
        let hashes = receipt.path.len();
        say::line(&format!("{what:<52} {state:<16} entry {seq} is in the log of {size} ({hashes} hashes)"))
    }

    fn told(&self, what: &str, told: &[Told]) -> Result<()> {
        for (n, one) in told.iter().enumerate() {
            let what = if n == 0 { what } else { "  the rail answered" };
            self.show(what, one.seq, one.phase.word())?;
        }
        Ok(())
    }

    fn act(&mut self, what: &str, id: Digest, event: Event) -> Result<()> {
        let told = self.open.act(id, event)?;
        self.told(what, &told)
    }

    fn usd(&self, minor: i128) -> Amount {
        Amount::new(minor, self.usd)
    }

    fn open_accounts(&mut self) -> Result<()> {
        let open =
            |id: &str, bound| -> Result<Op> { Ok(Op::Open { asset: self.usd, bound, id: id.parse()? }) };
        let mut ops = vec![open("acct_bank", Bound::None)?];
        for id in ["acct_ada", "acct_bob", "acct_fees", "acct_clearing"] {
            ops.push(open(id, Bound::DebitsWithinCredits)?);
        }
        ops.push(Op::Transfer {
            amount: self.usd(50_000),
            credit: "acct_ada".parse()?,
            debit: "acct_bank".parse()?,
        });
        let ada = PublicKey::P256(self.ada.public());
        ops.push(Owner::new("acct_ada".parse()?, vec![ada])?.op()?);
        let (seq, outcome) = self.open.tell(&Command::new("demo:accounts", ops)?)?;
        ensure!(matches!(outcome, Outcome::Applied { .. }), "the accounts could not be opened");
        self.show("Ada has 500.00 USD; her key speaks for the account", seq, "")
    }

    /// Ada allows her agent to pay 200 dollars in all.
    fn allow(&self) -> Result<String> {
        let jwk = PublicKey::P256(self.agent.public()).jwk().canonical()?;
        let mandate = json!({
            "vct": "mandate.payment.open.1",
            "constraints": [{"type": "payment.budget", "max": 200, "currency": "USD"}],
            "cnf": {"jwk": serde_json::from_str::<serde_json::Value>(&jwk)?},
        });
        let mandate = Json::parse(mandate.to_string().as_bytes())?;
        Ok(issue::first(&self.ada, "ada", &mandate, self.open.now()))
    }

    /// The agent's payment for a contract.
    fn pay(&self, contract: &TaskContract) -> Result<Event> {
        let (payment, to) = (Mandate::payment(contract)?, Mandate::addressed(ORIGIN, contract));
        let token = issue::next(&self.agent, &self.mandate, &payment, &to, self.open.now());
        Ok(Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) })
    }

    /// Terms that both parties signed, one stage of 100.00 USD.
    fn contract(&self, task: &str, challenge_us: i64) -> Result<Signed<TaskContract>> {
        let (now, price) = (self.open.now(), self.usd(10_000));
        let keys = self.verifiers.iter().map(ControlPlane::key).collect();
        let contract = TaskContract {
            challenge_us,
            evaluators: Quorum { keys: self.evaluators.iter().map(Signer::public).collect(), threshold: 2 },
            evidence: EvidencePolicy {
                kinds: vec!["test_result".into()],
                predicate: digest(b"all tests pass"),
            },
            fees: vec![Fee { account: "acct_fees".parse()?, bps: 250 }],
            funding: vec![Source { account: "acct_ada".parse()?, amount: price }],
            mandate: Some(issue::name(&self.mandate)?),
            nonce: Digest(entropy().context("the system gave no entropy")?),
            partial: true,
            payee: Payee { account: "acct_bob".parse()?, key: self.payee.public() },
            payer: self.payer.public(),
            price,
            rail: tollgate_pay::rail::LEDGER_RAIL.into(),
            refund_after: Timestamp(now.0.saturating_add(240 * MINUTE)),
            stages: vec![Stage { amount: price, submit_by: Timestamp(now.0.saturating_add(60 * MINUTE)) }],
            task: task.into(),
            r#type: Form::V1,
            verifiers: Quorum { keys, threshold: 2 },
        };
        let marks = vec![self.payer.sign(&contract), self.payee.sign(&contract)];
        Ok(Signed::new(contract, marks))
    }

    fn escrow(&self, id: Digest) -> Result<Escrow> {
        self.open.office.desk().escrow(&id).cloned().context("the escrow is gone")
    }

    /// From the contract to the evidence.
    fn work(&mut self, task: &str, challenge_us: i64) -> Result<Digest> {
        let signed = self.contract(task, challenge_us)?;
        let (id, payment) = (signed.statement.digest(), self.pay(&signed.statement)?);
        let what = format!("{task}: Ada's agent and Bob signed the terms");
        self.act(&what, id, Event::Propose(Box::new(signed)))?;
        self.act("Ada's mandate allows it, and counts it", id, payment)?;
        self.act("100.00 USD are to be held", id, Event::Lock)?;
        let escrow = self.escrow(id)?;
        let said = Submission {
            contract: id,
            evidence: digest(b"47 tests, 47 passed"),
            kind: "test_result".into(),
            output: digest(b"the delivered archive"),
            stage: escrow.stage,
            version: escrow.version,
        };
        let mark = self.payee.sign(&said);
        self.act("Bob hands evidence in (its digest)", id, Event::Submit(Signed::new(said, vec![mark])))?;
        self.act("the verifiers take it up", id, Event::Take)?;
        let said =
            ControlPlane::verdict(&self.escrow(id)?, self.usd(10_000), digest(b"proof of task execution"));
        let [one, _, three] = &self.verifiers;
        let marks = vec![one.sign(&said), three.sign(&said)];
        self.act("2 of 3 verifiers find for Bob", id, Event::Verdict(Signed::new(said, marks)))?;
        Ok(id)
    }

    /// The order of the control plane, executed by the settlement plane.
    fn release(&mut self, id: Digest, what: &str) -> Result<()> {
        let expires = Timestamp(self.open.now().0.saturating_add(10 * MINUTE));
        let mut event = super::escrow::order(&self.books, &self.escrow(id)?, expires)?;
        let [one, two, _] = &self.verifiers;
        if let Event::Order { order, .. } = &mut event {
            order.signatures = vec![one.sign(&order.statement), two.sign(&order.statement)];
        }
        self.act(what, id, event)
    }

    fn done(&mut self) -> Result<()> {
        let id = self.work("translate-1", 0)?;
        self.release(id, "2 of 3 verifiers order the release")
    }

    fn disputed(&mut self) -> Result<()> {
        let id = self.work("translate-2", 60 * MINUTE)?;
        for (side, signer, what) in [
            (Side::Payer, &self.payer, "Ada objects within the hour"),
            (Side::Payee, &self.payee, "Bob answers"),
        ] {
            let version = self.open.office.desk().escrow(&id).context("the escrow is gone")?.version;
            let said = Objection { by: side, contract: id, evidence: digest(what.as_bytes()), version };
            let mark = signer.sign(&said);
            let signed = Signed::new(said, vec![mark]);
            let event = if side == Side::Payer { Event::Dispute(signed) } else { Event::Counter(signed) };
            let told = self.open.act(id, event)?;
            self.told(what, &told)?;
        }
        let version = self.escrow(id)?.version;
        let said = Ruling {
            contract: id,
            granted: self.usd(6_000),
            reasons: digest(b"one file of three is missing"),
            version,
        };
        let [_, two, three] = &self.evaluators;
        let marks = vec![two.sign(&said), three.sign(&said)];
        self.act("2 of 3 evaluators grant 60.00 USD", id, Event::Rule(Signed::new(said, marks)))?;
        self.release(id, "the ruling is executed on the same path")?;
        let bundle = dispute::bundle(&self.books, id)?;
        let path = self.args.data.join("dispute.json");
        std::fs::write(&path, bundle.text()).with_context(|| format!("cannot write {}", path.display()))?;
        let replayed = bundle.replay(&self.books.plane()?)?;
        self.say(&format!(
            "{}: {} events replay offline to {}, {} released",
            path.display(),
            replayed.events.len(),
            replayed.escrow.phase,
            replayed.escrow.released
        ))
    }

    fn say(&self, line: &str) -> Result<()> {
        if self.args.json { say::line(&json!({"step": line}).to_string()) } else { say::line(line) }
    }

    /// What everybody has, and that all of the log follows.
    fn end(self) -> Result<()> {
        let key = self.books.key()?;
        let wanted = Verify {
            key: key.public().clone(),
            origin: ORIGIN.into(),
            witnesses: Vec::new(),
            quorum: 0,
            older: None,
            replay: true,
        };
        self.books.receipt(0)?;
        let verified = self.books.log().verify(&wanted)?;
        self.say(&format!(
            "the log of {} entries holds: every entry follows, debits equal credits; its key is {}",
            verified.entries,
            key.public()
        ))?;
        let balances = self.open.journal().look(|book| {
            let shown = |(id, account): (&tollgate_core::id::AccountId, &Account)| {
                let amount = Amount::new(account.balance().unwrap_or(0), account.asset);
                format!("{id} {amount}")
            };
            book.accounts().map(shown).collect::<Vec<_>>()
        })?;
        self.say(&balances.join(", "))?;
        self.open.close();
        Ok(())
    }
}
