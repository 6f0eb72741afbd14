//! A table of wrong files with the line, column and words that must come back, and a right one.

use super::*;

const GOOD: &str = r#"
listen: 127.0.0.1:9000
providers:
  - name: local
    kind: vllm
  - name: cloud
    kind: openai_compatible
    base_url: https://api.example.com/v1
models:
  - {name: small, price: {input: 0.15, output: "0.60"}, aliases: [mini]}
  - {name: big, provider: cloud, upstream: big-2026, context_window: 128000, capabilities: [tools]}
pools:
  - name: long
    instances:
      - {name: l1, provider: local, url: "http://127.0.0.1:8001", models: {small: s}}
  - name: short
    max_total_tokens: 4096
    placement: prefix_affinity
    instances:
      - {name: s1, provider: local, models: {mini: s}}
budgets:
  - {name: daily, scope: "key:*", window: day, usd: 12.50, when_spent: small}
"#;

#[test]
fn a_good_file_becomes_settings() {
    let settings = read(GOOD, "/etc/t/tollgate.yaml".as_ref()).unwrap();
    let pools: Vec<_> = settings.pools.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(pools, ["short", "long", "cloud"], "smallest boundary first");
    assert_eq!(
        settings.models[0].price,
        Price {
            input_micro: 150_000,
            cached_input_micro: 150_000,
            cache_write_micro: 150_000,
            cache_write_1h_micro: 150_000,
            output_micro: 600_000
        }
    );
    assert_eq!(settings.pools[0].instances[0].models["small"], "s", "an alias stands for its model");
    assert_eq!(settings.pools[2].instances[0].models["big"], "big-2026");
    assert_eq!(settings.pools[2].instances[0].url.to_string(), "https://api.example.com:443");
    assert_eq!(settings.budgets[0].micro, Some(12_500_000));
    assert_eq!(settings.database.unwrap(), Path::new("/etc/t/tollgate-data/tollgate.db"));
}

#[test]
fn each_mistake_is_named_with_its_place_and_fix() {
    let cases = [
        (
            "pools:\n  - name: p\n    gamma: lots # of it\n",
            3,
            "gamma: \"lots\" is not a number",
            "such as 1.5",
        ),
        ("# retry: {}\nretry: {attempts: many}", 2, "attempts: \"many\" is not a whole number", "from 0 up"),
        ("retry:\n  attempts: -1", 2, "attempts: \"-1\" is not a whole number", "from 0 up"),
        ("log: {json: perhaps}", 1, "json: \"perhaps\" is not true or false", "one of them"),
        ("models: 5", 1, "models: \"5\" is not a list", "brackets"),
        ("models: [{name: x, price: 5}]", 1, "price: \"5\" is not a group of fields", "{key: value}"),
        ("listen: [1]", 1, "listen: \"[1]\" is not a word", "quotes"),
        ("log: {levle: info}", 1, "unknown field `levle`", "did you mean `level`?"),
        (
            "pools:\n  - {name: p, placement: weigthed}",
            2,
            "unknown variant `weigthed`",
            "did you mean `weighted`?",
        ),
        (
            "# log.level: x\nlog:\n  json: true\n  level: loud",
            4,
            "log.level: \"loud\" is not a level",
            "debug",
        ),
        ("listen: nowhere", 1, "\"nowhere\" is not an address", "host:port"),
        ("lisen: x", 1, "unknown field `lisen`", "listen"),
        ("models:\n  - {name: a, provider: p}", 2, "there is no provider \"p\"", "add it under `providers:`"),
        ("providers:\n  - {name: p, kind: opnai}", 2, "no provider kind \"opnai\"", "openai,"),
        ("providers:\n  - {name: p, kind: openai, key: sk-123}", 2, "by reference", "env:NAME"),
        (
            "providers:\n  - {name: p, kind: vllm}\n  - {name: p, kind: vllm}",
            3,
            "the name \"p\" is taken",
            "choose another",
        ),
        ("models:\n  - {name: a, price: {input: cheap}}", 2, "\"cheap\" is not a price", "0.15"),
        ("models:\n  - {name: a}", 2, "nothing serves \"a\"", "provider"),
        ("budgets:\n  - {name: b, scope: everyone, window: day, requests: 1}", 2, "not a scope", "tenant:*"),
        ("budgets:\n  - {name: b, scope: global, window: year, requests: 1}", 2, "not a window", "month"),
        ("budgets:\n  - {name: b, scope: global, window: day}", 2, "limits nothing", "usd"),
        ("auth: {trusted_hops: [10.0.0.0/40]}", 1, "not an address block", "address/bits"),
        ("limits: {json_depth: 5}", 1, "limits.json_depth: 5 is out of range", "8 to 128"),
        ("retry: {attempts: 0}", 1, "retry.attempts: 0 is out of range", "1 to 10"),
        ("log: {level: loud}", 1, "\"loud\" is not a level", "debug"),
        ("listen: a\nlisten: b", 2, "duplicate", "listen"),
        ("models: {", 1, "", ""),
    ];
    for (text, line, message, fix) in cases {
        let error = read(text, "t.yaml".as_ref()).unwrap_err();
        assert_eq!(error.problems[0].line, line, "{text}\n{error}");
        let shown = error.to_string();
        assert!(
            shown.starts_with("t.yaml:") && shown.contains(message) && shown.contains(fix),
            "{text}\n{shown}"
        );
        assert!(!shown.contains("sk-123"), "a secret must not be printed");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let error = read("listen: x\nmodels:\n  - {name: a, provider: p}\n", "t.yaml".as_ref()).unwrap_err();
    assert!(error.problems.len() >= 2, "{error}");
}

#[test]
fn fields_that_cannot_be_read_are_reported_together() {
    let text = "listen: 127.0.0.1:9000
lisen: x
log:
  levle: info
  json: perhaps
providers:
- nmae: p
  name: p
  kind: vllm
modles:
- name: a
  provider: p
models:
  - {name: a, provider: p, alias: [b]}
  - {name: b, provider: p}
retry: {attempts: many}
";
    let error = read(text, "t.yaml".as_ref()).unwrap_err();
    let found: Vec<_> = error.problems.iter().map(|p| (p.line, p.message.as_str())).collect();
    let starts = [
        (2, "unknown field `lisen`"),
        (4, "unknown field `levle`"),
        (5, "\"perhaps\" is not true or false"),
        (7, "unknown field `nmae`"),
        (10, "unknown field `modles`"),
        (14, "unknown field `alias`"),
        (16, "\"many\" is not a whole number"),
    ];
    assert_eq!(found.len(), starts.len(), "{error}");
    for start in starts {
        assert!(
            found.iter().any(|(line, said)| *line == start.0 && said.starts_with(start.1)),
            "{start:?}: {error}"
        );
    }
    assert!(error.problems.iter().any(|p| p.fix == "did you mean `models`?"), "{error}");
}

#[test]
fn blanking_a_field_out_invents_no_problem() {
    for (text, count) in [
        ("log:\n  levle: info\n", 1),
        ("models:\n  - {nmae: a}\n", 1),
        ("providers:\n  - name: [p]\n    kind: vllm\n", 1),
        ("models: [\n  {nmae: a},\n]\nlisen: x\n", 2),
        ("lisen: x\nlisten: a\nlisten: b\n", 1),
        ("lisen: x\nretry: [\n", 2),
        ("retry:\n  attempts:\n    many\n", 1),
    ] {
        let error = read(text, "t.yaml".as_ref()).unwrap_err();
        assert_eq!(error.problems.len(), count, "{text}\n{error}");
    }
}

#[test]
fn an_empty_file_is_a_configuration_without_models() {
    let settings = read("", "t.yaml".as_ref()).unwrap();
    assert!(settings.models.is_empty() && settings.listen.ip().is_loopback());
}

#[test]
fn an_address_with_a_version_of_its_own_is_used_as_it_is() {
    let chat = "/v1/chat/completions";
    let cases = [
        ("https://api.openai.com", "/v1/chat/completions"),
        ("https://api.openai.com/v1/", "/v1/chat/completions"),
        ("https://host/proxy", "/proxy/v1/chat/completions"),
        ("https://open.bigmodel.cn/api/paas/v4", "/api/paas/v4/chat/completions"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "/v1beta/openai/chat/completions"),
        ("https://host/openai", "/openai/v1/chat/completions"),
        ("https://host/vllm", "/vllm/v1/chat/completions"),
    ];
    for (base, path) in cases {
        assert_eq!(BaseUrl::parse(base).unwrap().path(chat), path, "{base}");
    }
    let v4 = BaseUrl::parse("https://host/v4").unwrap();
    assert_eq!((v4.path("/health"), v4.path("/v1beta/x")), ("/v4/health".into(), "/v4/v1beta/x".into()));
}

#[test]
fn a_file_of_authorities_is_read_where_it_is_named() {
    let text = "providers:\n  - {name: p, kind: vllm, ca_file: /nowhere/ca.pem}\n";
    let said = read(text, "t.yaml".as_ref()).unwrap_err().to_string();
    for word in ["t.yaml:2", "providers[0].ca_file", "/nowhere/ca.pem", "PEM"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn writing_to_a_cache_costs_what_the_file_says_or_the_provider_is_known_to_bill() {
    let text = r#"
providers: [{name: claude, kind: anthropic}, {name: local, kind: vllm}]
models:
  - {name: known, provider: claude, price: {input: "0.000003", output: "15"}}
  - {name: stated, provider: claude, price: {input: "3", cache_write: "1", output: "15"}}
  - {name: both, provider: claude, price: {input: "3", cache_write: "7", cache_write_1h: "9", output: "15"}}
  - {name: other, provider: local, price: {input: "3", output: "15"}}
  - {name: free, provider: claude}
"#;
    let settings = read(text, "t.yaml".as_ref()).unwrap();
    let writes: Vec<_> =
        settings.models.iter().map(|m| (m.price.cache_write_micro, m.price.cache_write_1h_micro)).collect();
    let million = 1_000_000;
    assert_eq!(
        writes,
        [(4, 6), (million, 6 * million), (7 * million, 9 * million), (3 * million, 3 * million), (0, 0)]
    );
}

#[test]
fn files_that_are_referred_to_are_known_with_what_stands_in_them() {
    let folder = std::env::temp_dir().join(format!("tollgate-referred-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (key, ca) = (folder.join("key"), folder.join("ca.pem"));
    std::fs::write(&key, "secret").unwrap();
    let text = format!(
        "providers: [{{name: p, kind: vllm, key: 'file:{}', ca_file: '{}'}}]\nmodels: [{{name: m, provider: p}}]",
        key.display(),
        ca.display()
    );
    let pem = std::fs::read_to_string("../net/tests/tls/ca.pem").unwrap();
    let mut seen = Vec::new();
    for content in [pem.clone(), format!("{pem}\n"), pem] {
        std::fs::write(&ca, content).unwrap();
        let settings = read(&text, "t.yaml".as_ref()).unwrap();
        let files: Vec<_> = settings.referred.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(files, [key.clone(), ca.clone()]);
        assert!(settings.referred.iter().all(|(path, time)| time.is_some() && *time == last_written(path)));
        seen.push(settings.pools[0].instances[0].provider.ca_file.clone());
    }
    assert!(seen[0] != seen[1] && seen[0] == seen[2], "a renewed file is another authority: {seen:?}");
    let mut made: std::collections::BTreeMap<_, _> = [(None, 0), (seen[0].clone(), 1)].into();
    crate::fleet::renew(&mut made, seen[0].as_ref());
    assert_eq!(made.len(), 2);
    crate::fleet::renew(&mut made, seen[1].as_ref());
    assert_eq!(made.keys().collect::<Vec<_>>(), [&None], "what was made with the old one goes");
    std::fs::remove_dir_all(folder).unwrap();
}
