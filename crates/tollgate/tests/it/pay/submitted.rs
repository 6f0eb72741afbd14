//! Evidence is handed in on a server, judged by the task's predicate, and judged again by whoever has the dossier.

use crate::tool::{Folder, Server};
use serde_json::{Value, json};
use tollgate_core::{Clock as _, Timestamp};
use tollgate_gateway::clock::SystemClock;

const WANTED: &str = r#"{"type": "tollgate/predicate/v1", "require": {"all": [
    {"evidence": {"kind": "dsse", "where": [{"contains": {"fact": "roles", "value": "payee"}}, {"output": {"fact": "subjects"}}]}},
    {"evidence": {"kind": "dsse", "where": [{"contains": {"fact": "roles", "value": "evaluator"}},
        {"range": {"fact": "predicate", "at": "/failed", "from": 0, "to": 0}}]}}]}}"#;

/// A folder with a ledger, keys and files.
struct Scene {
    folder: Folder,
    log: String,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new("submitted");
        std::fs::create_dir(folder.path().join("pay")).unwrap();
        let log = folder.run(&["pay", "audit", "keygen", "submitted.example/pay", "--out", "pay/log.key"]);
        let scene = Self { log: log.out.trim().to_owned(), folder };
        for (name, role) in
            [("ada", "party"), ("bob", "party"), ("runner", "evaluator"), ("verifier", "verifier")]
        {
            let public = scene.good(&["pay", "task", "keygen", role, "--out", &format!("{name}.key")]);
            scene.folder.write(&format!("{name}.pub"), public.trim());
        }
        let usd = json!({"code": "USD", "exponent": 2});
        let open = |id: &str, bound: &str| json!({"open": {"asset": usd, "bound": bound, "id": id}});
        let bound = "debits_within_credits";
        let ops = json!([open("acct_bank", "none"), open("acct_ada", bound), open("acct_bob", bound), open("acct_clearing", bound),
            {"transfer": {"amount": {"asset": usd, "minor": "50000"}, "credit": "acct_ada", "debit": "acct_bank"}}]);
        scene.folder.write("accounts.jsonl", &json!({"key": "accounts", "ops": ops}).to_string());
        scene.good(&["pay", "ledger", "apply", "accounts.jsonl", "--ledger", "pay/books"]);
        scene.good(&["pay", "ledger", "own", "acct_ada", &scene.read("ada.pub"), "--ledger", "pay/books"]);
        scene.folder.write("wanted.json", WANTED);
        scene.folder.write("fix.diff", "the fix");
        scene
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn good(&self, words: &[&str]) -> String {
        let ran = self.folder.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// A task whose funds are held; its escrow.
    fn locked(&self, task: &str) -> String {
        let file = format!("{task}.json");
        let now = SystemClock::new().now().0;
        let at = |hours: i64| Timestamp(now + hours * 3_600_000_000).to_string();
        self.good(&[
            "pay",
            "task",
            "new",
            "--task",
            task,
            "--asset",
            "USD/2",
            "--fund",
            "acct_ada=10000",
            "--payee-account",
            "acct_bob",
            "--payer",
            &self.read("ada.pub"),
            "--payee",
            &self.read("bob.pub"),
            "--evidence",
            "dsse",
            "--predicate",
            "wanted.json",
            "--stage",
            &format!("10000,{}", at(24)),
            "--refund-after",
            &at(48),
            "--verifier",
            &self.read("verifier.pub"),
            "--evaluator",
            &self.read("runner.pub"),
            "--out",
            &file,
        ]);
        for key in ["ada.key", "bob.key"] {
            self.good(&["pay", "task", "sign", &file, "--key", key]);
        }
        let shown: Value =
            serde_json::from_str(&self.good(&["pay", "task", "show", &file, "--json"])).unwrap();
        let id = shown["escrow"].as_str().unwrap().to_owned();
        self.good(&["pay", "escrow", "apply", &file, "--data", "pay"]);
        for what in ["authorize", "lock"] {
            self.good(&["pay", "escrow", "do", what, &id, "--data", "pay"]);
        }
        id
    }

    /// A package with what Bob says, and with what the runner says if it is asked.
    fn pack(&self, task: &str, failed: Option<&str>) {
        let (file, output) = (format!("{task}.json"), tollgate_pay::escrow::digest(b"the fix").to_string());
        let attest = |key: &str, more: &[&str]| {
            let words = ["pay", "evidence", "attest", "--task", &file, "--output", &output, "--key", key];
            self.good(&[&words, more].concat())
        };
        self.folder.write("delivery.json", &attest("bob.key", &[]));
        let mut words =
            vec!["pay", "evidence", "pack", "--out", "package.json", "--exhibit", "dsse=delivery.json"];
        if let Some(failed) = failed {
            let said = attest("runner.key", &["--type", "tollgate/test-result/v1", "--say", failed]);
            self.folder.write("tests.json", &said);
            words.extend(["--exhibit", "dsse=tests.json"]);
        }
        self.good(&words);
    }

    fn submit(&self, id: &str, url: &str) -> (i32, Value) {
        let ran = self.folder.run(&[
            "pay",
            "evidence",
            "submit",
            id,
            "--package",
            "package.json",
            "--predicate",
            "wanted.json",
            "--output",
            "fix.diff",
            "--key",
            "bob.key",
            "--server",
            url,
            "--log",
            &self.log,
            "--verdict",
            "verdict.json",
            "--dossier",
            "dossier.json",
            "--json",
        ]);
        (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err)))
    }

    fn granted(&self) -> Value {
        let verdict: Value = serde_json::from_str(&self.read("verdict.json")).unwrap();
        verdict["verdict"]["statement"]["granted"]["minor"].clone()
    }
}

#[test]
fn evidence_decides_on_a_server_and_the_dossier_judges_again() {
    let scene = Scene::new();
    let tasks = ["proven", "failed", "silent"].map(|task| (task, scene.locked(task)));
    let server = Server::start(&scene.folder, &["--settle", "pay", "--data", "memory"]);
    let url = format!("http://{}", server.address);
    for (task, id) in &tasks {
        let path = format!("/v1/settle/escrows/{id}/evidence");
        let before = server.ask("GET", &path, "", "");
        assert!(before.starts_with("HTTP/1.1 404"), "nothing was judged yet: {before}");
        let failed = match *task {
            "proven" => Some("failed=0"),
            "failed" => Some("failed=3"),
            _ => None,
        };
        scene.pack(task, failed);
        let (code, judged) = scene.submit(id, &url);
        let holds = *task == "proven";
        assert_eq!((code, judged["pote"]["holds"].as_bool()), (i32::from(!holds), Some(holds)), "{judged}");
        assert_eq!(scene.granted(), if holds { "10000" } else { "0" }, "{task}");
        let reasons = judged["pote"]["reasons"].to_string();
        match *task {
            "failed" => assert!(reasons.contains("3, not 0 to 0"), "{reasons}"),
            "silent" => assert!(reasons.contains("roles does not contain"), "{reasons}"),
            _ => assert_eq!(reasons, "[]"),
        }
        // The server kept what it judged by, byte for byte; the same files get the same answer.
        let kept = server.ask("GET", &path, "", "");
        assert_eq!(kept.split_once("\r\n\r\n").unwrap().1, scene.read("dossier.json"));
        let body = format!(r#"{{"package":{},"predicate":{WANTED}}}"#, scene.read("package.json"));
        let again = server.ask("POST", &path, "idempotency-key: again\r\n", &body);
        assert!(again.contains(judged["digest"].as_str().unwrap()), "{again}");
        let other = body.replace("\"evaluator\"", "\"payee\"");
        let refused = server.ask("POST", &path, "idempotency-key: other\r\n", &other);
        assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("predicate"), "{refused}");
        replays(&scene, &server, id, holds);
    }
    let nobody = format!("/v1/settle/escrows/{}/evidence", "00".repeat(32));
    assert!(server.ask("GET", &nobody, "", "").starts_with("HTTP/1.1 404"));
    let unread = format!("/v1/settle/escrows/{}/evidence", tasks[0].1);
    let refused = server.ask("POST", &unread, "idempotency-key: unread\r\n", "{}");
    assert!(refused.starts_with("HTTP/1.1 422"), "{refused}");
}

/// The signed verdict stands in the log, and bundle and dossier give it again with no network.
fn replays(scene: &Scene, server: &Server, id: &str, holds: bool) {
    scene.good(&["pay", "task", "sign", "verdict.json", "--key", "verifier.key"]);
    let events = format!("/v1/settle/escrows/{id}/events");
    let told = server.ask(
        "POST",
        &events,
        &format!("idempotency-key: verdict-{id}\r\n"),
        &scene.read("verdict.json"),
    );
    assert!(told.contains(if holds { "\"releasable\"" } else { "\"refusable\"" }), "{told}");
    let bundle = server.ask("GET", &format!("/v1/settle/escrows/{id}/bundle"), "", "");
    scene.folder.write("bundle.json", bundle.split_once("\r\n\r\n").unwrap().1);
    let words = [
        "pay",
        "dispute",
        "replay",
        "bundle.json",
        "--key",
        &scene.log,
        "--dossier",
        "dossier.json",
        "--json",
    ];
    let shown: Value = serde_json::from_str(&scene.good(&words)).unwrap();
    assert_eq!(shown["judged_again"][0]["predicate_holds"], holds, "{shown}");
}
