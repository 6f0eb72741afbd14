//! Keys: made on the command line, used at the gateway, ended again; secrets never shown twice.

use crate::tool::{Folder, Server};

fn models(server: &Server, secret: &str) -> String {
    server.ask("GET", "/v1/models", &format!("authorization: Bearer {secret}\r\n"), "")
}

#[test]
fn a_key_opens_the_gateway_until_it_is_revoked() {
    let folder = Folder::new("keys");
    let default = folder.run(&["config", "default"]).out;
    folder.write(
        "t.yaml",
        &format!(
            "auth: {{mode: keys}}\n{}",
            default.replace("listen: 127.0.0.1:8080", "listen: 127.0.0.1:0")
        ),
    );
    let made = folder.run(&["key", "create", "ci", "--config", "t.yaml", "--model", "sim-small", "--json"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let key: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    let (id, secret) = (key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    assert!(secret.starts_with("tg-") && id.starts_with("key_"));

    let mut server = Server::start(&folder, &["t.yaml"]);
    assert!(server.greeting.contains("Bearer $TOLLGATE_KEY"));
    assert!(models(&server, "tg-wrong").starts_with("HTTP/1.1 401"));
    let allowed = models(&server, secret);
    assert!(
        allowed.starts_with("HTTP/1.1 200")
            && allowed.contains("sim-small")
            && !allowed.contains("sim-large"),
        "{allowed}"
    );

    // What the command does to keys is in force in the running gateway, in both directions, without a restart.
    let late = folder.run(&["key", "create", "late", "--config", "t.yaml", "--json"]);
    let late: serde_json::Value = serde_json::from_str(&late.out).unwrap();
    let (late_id, late_secret) = (late["id"].as_str().unwrap(), late["secret"].as_str().unwrap());
    server.hear("keys were changed by another process");
    assert!(models(&server, late_secret).starts_with("HTTP/1.1 200"));
    assert_eq!(folder.run(&["key", "revoke", late_id, "--config", "t.yaml"]).code, 0);
    server.hear("keys were changed by another process");
    assert!(models(&server, late_secret).starts_with("HTTP/1.1 401"));
    assert!(models(&server, secret).starts_with("HTTP/1.1 200"), "others are as before");
    server.signal("INT");
    assert!(server.end().0.success());

    let listed = folder.run(&["key", "list", "--config", "t.yaml"]);
    assert!(listed.out.contains("good") && !listed.out.contains(secret), "{}", listed.out);
    let rotated = folder.run(&["key", "rotate", id, "--config", "t.yaml", "--grace-minutes", "5"]);
    assert!(rotated.code == 0 && rotated.out.starts_with("tg-") && rotated.out.trim() != secret);
    assert_eq!(folder.run(&["key", "revoke", id, "--config", "t.yaml"]).code, 0);
    assert!(folder.run(&["key", "list", "--config", "t.yaml"]).out.contains("revoked"));
    let again = folder.run(&["key", "rotate", id, "--config", "t.yaml"]);
    assert!(again.code == 1 && again.err.contains("is revoked"), "{}", again.err);
}

#[test]
fn wrong_words_say_what_is_right() {
    let folder = Folder::new("wrong-keys");
    let nobody = format!("key_{:032x}", 7);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["key", "list"], 2, "--data DIR"),
        (&["key", "revoke", "7"], 2, "key_"),
        (&["key", "create", " ", "--data", "d"], 2, "name"),
        (&["key", "create", "a", "--data", "d", "--expires", "2001-01-01T00:00:00Z"], 2, "past"),
        (&["key", "revoke", &nobody, "--data", "d"], 1, "does not exist"),
    ];
    for (words, code, said) in cases {
        let ran = folder.run(words);
        assert!(ran.code == code && ran.err.contains(said), "{words:?}: {} {}", ran.code, ran.err);
    }
}
