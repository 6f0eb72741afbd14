//! `tollgate pay demo`: two whole tasks on a fresh ledger or a running server, every step with its proof in the log.

pub(super) mod place;
pub(super) mod remote;

use super::books::Books;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use place::{Folder, Place};
use remote::Remote;
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest, Timestamp};
use tollgate_evidence::Kind;
use tollgate_evidence::predicate::Predicate;
use tollgate_evidence::proof::{Blob, Dossier, Exhibit, Package, judge_again, verdict};
use tollgate_gateway::clock::entropy;
use tollgate_pay::escrow::{
    ControlPlane, Evaluator, Event, EvidencePolicy, Fee, Form, Mandate, Objection, Owner, Party, Payee,
    Quorum, Ruling, SettlementPlane, Side, Signed, Signer, Source, Stage, Submission, TaskContract, Told,
    digest,
};
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Bound, Op};
use tollgate_pay::log::{Role, SigningKey, VerifyingKey};
use tollgate_pay::mandate::issue::{self, Es256Secret};
use tollgate_pay::registry::PublicKey;
use tollgate_produce::{IN_TOTO, Statement, Task};

/// A minute, in microseconds.
const MINUTE: i64 = 60_000_000;
/// The account through which the ledger rail clears.
const CLEARING: &str = "acct_clearing";
/// The name of the demonstration's log.
const ORIGIN: &str = "demo.tollgate.example/books";

/// Play two whole tasks, on a fresh ledger or a running server: one that is done, one that is disputed
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay demo --data demo
  tollgate pay demo --server http://127.0.0.1:8080 --log \"$(cat log.pub)\"

Everything is real: keys, mandates, signatures of quorums, holds in a ledger on disk, the log's proofs, and the final replay of
log and dispute. Only the parties are played. The folder must not exist; look at it afterwards with `tollgate pay escrow show`.
On a server (`tollgate serve --settle DIR`) new accounts are opened, and what it answers is checked by the log's key.")]
pub(crate) struct DemoArgs {
    /// Folder to make
    #[arg(long, value_name = "DIR", required_unless_present = "server", conflicts_with = "server")]
    data: Option<PathBuf>,
    /// Address of a running server
    #[arg(long, value_name = "URL", requires = "log")]
    server: Option<String>,
    /// Public key of the server's log
    #[arg(long, value_name = "KEY")]
    log: Option<VerifyingKey>,
    /// File of a key of the server with the role settle.operate, or of the operator's secret [default: none, for loopback]
    #[arg(long, value_name = "FILE", requires = "server")]
    key: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(args: &DemoArgs) -> Result<Ending> {
    let (place, suffix): (Box<dyn Place>, String) = match (&args.data, &args.server, &args.log) {
        (Some(data), ..) => (Box::new(fresh(data)?), String::new()),
        (None, Some(url), Some(log)) => {
            let secret = args.key.as_deref().map(crate::place::read_text).transpose()?;
            let plane = SettlementPlane::new(log.clone(), log.name().into());
            let remote = Remote::new(url, secret.map(|secret| secret.trim_end().to_owned()), plane)?;
            // Others have accounts there, and demonstrations before this one.
            let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
            (Box::new(remote), format!("-{}", Digest(seed).to_string().get(..8).unwrap_or_default()))
        }
        _ => bail!("name a folder by --data, or a server by --server and its log's key by --log"),
    };
    let mut demo = Demo::new(args, place, suffix)?;
    demo.open_accounts()?;
    demo.mandate = demo.allow()?;
    demo.done()?;
    demo.disputed()?;
    demo.end()?;
    Ok(Ending::Good)
}

/// A folder of its own, with a log key.
fn fresh(data: &Path) -> Result<Folder> {
    ensure!(!data.exists(), "{} exists: name a folder that does not", data.display());
    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let books = Books { data: data.into(), clearing: CLEARING.parse()? };
    make_log_key(&data.join("log.key"))?;
    super::books::put(Some(&data.join("log.pub")), &books.key()?.public().to_string())?;
    Folder::open(books)
}

/// What the terms want to be shown: two of three.
fn wanted() -> Result<Predicate> {
    let text = json!({"type": "tollgate/predicate/v1", "require": {"at_least": {"count": 2, "of": [
        {"evidence": {"kind": "dsse", "where": [
            {"contains": {"fact": "roles", "value": "payee"}}, {"output": {"fact": "subjects"}}]}},
        {"evidence": {"kind": "dsse", "where": [
            {"contains": {"fact": "roles", "value": "evaluator"}}, {"output": {"fact": "subjects"}},
            {"equals": {"fact": "predicate_type", "value": "tollgate/test-result/v1"}},
            {"range": {"fact": "predicate", "at": "/failed", "from": 0, "to": 0}}]}},
        {"evidence": {"kind": "evaluators", "where": [{"count": {"fact": "passed_by", "least": 2}}]}}]}}});
    Ok(Predicate::parse(text.to_string().as_bytes())?)
}

struct Demo<'a> {
    args: &'a DemoArgs,
    place: Box<dyn Place>,
    /// Behind the names of accounts.
    suffix: String,
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
    fn new(args: &'a DemoArgs, place: Box<dyn Place>, suffix: String) -> Result<Self> {
        let verifier = || signer().map(ControlPlane::new);
        Ok(Self {
            args,
            place,
            suffix,
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
        let (receipt, plane) = (self.place.receipt(seq)?, self.place.plane());
        let entry = receipt.extra.as_deref().unwrap_or_default();
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
        let told = self.place.act(id, event)?;
        self.told(what, &told)
    }

    fn account(&self, name: &str) -> Result<AccountId> {
        Ok(format!("{name}{}", self.suffix).parse()?)
    }

    fn usd(&self, minor: i128) -> Amount {
        Amount::new(minor, self.usd)
    }

    fn open_accounts(&mut self) -> Result<()> {
        let open = |id, bound| Op::Open { asset: self.usd, bound, id };
        let mut ops = vec![open(self.account("acct_bank")?, Bound::None)];
        for id in ["acct_ada", "acct_bob", "acct_fees"] {
            ops.push(open(self.account(id)?, Bound::DebitsWithinCredits));
        }
        let clearing: AccountId = CLEARING.parse()?;
        if self.place.balance(&clearing)?.is_none() {
            ops.push(open(clearing, Bound::DebitsWithinCredits));
        }
        ops.push(Op::Transfer {
            amount: self.usd(50_000),
            credit: self.account("acct_ada")?,
            debit: self.account("acct_bank")?,
        });
        let ada = PublicKey::P256(self.ada.public());
        ops.push(Owner::new(self.account("acct_ada")?, vec![ada])?.op()?);
        let bob = PublicKey::from_ed25519(self.payee.public().as_bytes())?;
        ops.push(Owner::new(self.account("acct_bob")?, vec![bob])?.op()?);
        let seq = self.place.tell("demo:accounts", ops)?;
        self.show("Ada has 500.00 USD; her account and Bob's have owners", seq, "")
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
        Ok(issue::first(&self.ada, "ada", &mandate, self.place.now()))
    }

    /// The agent's payment for a contract.
    fn pay(&self, contract: &TaskContract) -> Result<Event> {
        let (payment, to) =
            (Mandate::payment(contract)?, Mandate::addressed(self.place.plane().origin(), contract));
        let token = issue::next(&self.agent, &self.mandate, &payment, &to, self.place.now());
        Ok(Event::Authorize { mandate: Some(Box::new(Mandate { hops: Vec::new(), token })) })
    }

    /// Terms that both parties signed, one stage of 100.00 USD.
    fn contract(&self, task: &str, challenge_us: i64) -> Result<Signed<TaskContract>> {
        let (now, price, wanted) = (self.place.now(), self.usd(10_000), wanted()?);
        let keys = self.verifiers.iter().map(ControlPlane::key).collect();
        let contract = TaskContract {
            challenge_us,
            evaluators: Quorum { keys: self.evaluators.iter().map(Signer::public).collect(), threshold: 2 },
            evidence: EvidencePolicy {
                kinds: wanted.kinds().into_iter().map(|kind| kind.name().to_owned()).collect(),
                policy: None,
                predicate: wanted.digest(),
            },
            fees: vec![Fee { account: self.account("acct_fees")?, bps: 250 }],
            funding: vec![Source { account: self.account("acct_ada")?, amount: price }],
            mandate: Some(issue::name(&self.mandate)?),
            nonce: Digest(entropy().context("the system gave no entropy")?),
            partial: true,
            payee: Payee { account: self.account("acct_bob")?, key: self.payee.public() },
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

    /// What shows that the work was done: Bob's word for it, and that of who ran the tests, each of this task and output.
    fn package(&self, contract: &TaskContract, output: Digest) -> Result<Package> {
        let task = Task { contract: contract.digest(), nonce: contract.nonce };
        let delivery = Statement::new("tollgate/delivery/v1", &[output]).of(&task).text();
        let tests = Statement::new("tollgate/test-result/v1", &[output]).of(&task);
        let tests = tests.say("failed", 0).say("passed", 47).text();
        let [runner, ..] = &self.evaluators;
        let envelopes =
            [self.payee.envelope(IN_TOTO, delivery.as_bytes()), runner.envelope(IN_TOTO, tests.as_bytes())];
        let exhibit = |envelope: String| Exhibit {
            collateral: Vec::new(),
            evidence: Blob(envelope.into_bytes()),
            kind: Kind::Dsse,
        };
        Ok(Package::new(envelopes.into_iter().map(exhibit).collect())?)
    }

    /// From the contract to the verdict, which follows from the evidence.
    fn work(&mut self, task: &str, challenge_us: i64) -> Result<(Digest, Dossier)> {
        let signed = self.contract(task, challenge_us)?;
        let output = digest(b"the delivered archive");
        let package = self.package(&signed.statement, output)?;
        let (id, payment) = (signed.statement.digest(), self.pay(&signed.statement)?);
        let what = format!("{task}: Ada's agent and Bob signed the terms");
        self.act(&what, id, Event::Propose(Box::new(signed)))?;
        self.act("Ada's mandate allows it, and counts it", id, payment)?;
        self.act("100.00 USD are to be held", id, Event::Lock)?;
        let escrow = self.place.escrow(id)?;
        let (kind, evidence) = (Kind::Dsse.name().to_owned(), package.digest());
        let said =
            Submission { contract: id, evidence, kind, output, stage: escrow.stage, version: escrow.version };
        let mark = self.payee.sign(&said);
        self.act("Bob hands evidence in (its digest)", id, Event::Submit(Signed::new(said, vec![mark])))?;
        self.act("the verifiers take it up", id, Event::Take)?;
        let dossier = self.place.judge(id, &package, &wanted()?)?;
        let (pote, said) = verdict(&self.place.escrow(id)?, &dossier)?;
        ensure!(pote.holds, "the predicate does not hold: {:?}", pote.reasons);
        self.say("two of the three proofs that the terms want hold: the verdict follows from them")?;
        let [one, _, three] = &self.verifiers;
        let marks = vec![one.sign(&said), three.sign(&said)];
        self.act(
            "2 of 3 verifiers sign it: Bob is to be paid",
            id,
            Event::Verdict(Signed::new(said, marks)),
        )?;
        Ok((id, dossier))
    }

    /// The order of the control plane, executed by the settlement plane.
    fn release(&mut self, id: Digest, what: &str) -> Result<()> {
        let mut event = self.place.order(id)?;
        let [one, two, _] = &self.verifiers;
        if let Event::Order { order, .. } = &mut event {
            order.signatures = vec![one.sign(&order.statement), two.sign(&order.statement)];
        }
        self.act(what, id, event)
    }

    fn done(&mut self) -> Result<()> {
        let (id, _) = self.work("translate-1", 0)?;
        self.release(id, "2 of 3 verifiers order the release")
    }

    fn disputed(&mut self) -> Result<()> {
        let (id, dossier) = self.work("translate-2", 60 * MINUTE)?;
        for (side, signer, what) in [
            (Side::Payer, &self.payer, "Ada objects within the hour"),
            (Side::Payee, &self.payee, "Bob answers"),
        ] {
            let version = self.place.escrow(id)?.version;
            let said = Objection { by: side, contract: id, evidence: digest(what.as_bytes()), version };
            let mark = signer.sign(&said);
            let signed = Signed::new(said, vec![mark]);
            let event = if side == Side::Payer { Event::Dispute(signed) } else { Event::Counter(signed) };
            let told = self.place.act(id, event)?;
            self.told(what, &told)?;
        }
        let version = self.place.escrow(id)?.version;
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
        let bundle = self.place.bundle(id)?;
        let mut what = "the dispute".to_owned();
        if let Some(data) = &self.args.data {
            let path = data.join("dispute.json");
            what = path.display().to_string();
            std::fs::write(&path, bundle.text()).with_context(|| format!("cannot write {what}"))?;
            let path = data.join("dossier.json");
            std::fs::write(&path, dossier.canonical())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let replayed = bundle.replay(self.place.plane())?;
        judge_again(&replayed, &[dossier])?;
        self.say(&format!(
            "{what}: {} events replay offline to {}, {} released; judged again, the verdict is the same",
            replayed.events.len(),
            replayed.escrow.phase,
            replayed.escrow.released
        ))
    }

    fn say(&self, line: &str) -> Result<()> {
        if self.args.json { say::line(&json!({"step": line}).to_string()) } else { say::line(line) }
    }

    /// What everybody has, and that the log holds.
    fn end(self) -> Result<()> {
        self.say(&self.place.end()?)?;
        let mut balances = Vec::new();
        for name in ["acct_bank", "acct_ada", "acct_bob", "acct_fees"] {
            let id = self.account(name)?;
            let balance = self.place.balance(&id)?.with_context(|| format!("{id} is gone"))?;
            balances.push(format!("{id} {balance}"));
        }
        let clearing: AccountId = CLEARING.parse()?;
        balances.extend(self.place.balance(&clearing)?.map(|balance| format!("{clearing} {balance}")));
        self.say(&balances.join(", "))
    }
}
