//! Words and patterns that must not stand in the repository.

use super::Source;

/// A banned pattern: where, what, and why.
struct Ban {
    text: String,
    applies: fn(&str) -> bool,
    why: &'static str,
}

fn rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn anywhere(_: &str) -> bool {
    true
}

fn money(path: &str) -> bool {
    rust(path)
        && (path.starts_with("crates/pay/src/")
            || path.starts_with("crates/store/src/budget/")
            || path == "crates/core/src/amount.rs")
}

fn bans() -> Vec<Ban> {
    // Written in two halves so that this table does not find itself.
    let ban = |head: &str, tail: &str, applies, why| Ban { text: format!("{head}{tail}"), applies, why };
    vec![
        ban("TO", "DO", anywhere, "finish it, or write it in the issue"),
        ban("FIX", "ME", anywhere, "mend it, or write it in the issue"),
        ban("for ", "now,", anywhere, "say what it is, not what it may become"),
        ban(", Str", "ing>> {", rust, "errors are enums, never strings"),
        ban("todo", "!(", rust, "no stubs"),
        ban("unimplemented", "!(", rust, "no stubs"),
        ban("thread::sl", "eep", rust, "time is injected; wait for an event, not for a while"),
        ban("/wo", "rk/", anywhere, "machine paths do not belong here"),
        ban("f6", "4", money, "money is integers"),
        ban("f3", "2", money, "money is integers"),
    ]
}

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let bans = bans();
    let mut findings = Vec::new();
    for source in sources {
        for ban in bans.iter().filter(|b| (b.applies)(&source.path)) {
            for (number, line) in source.text.lines().enumerate().filter(|(_, line)| line.contains(&ban.text))
            {
                if ban.text.ends_with(">> {") && !line.contains("Result<") {
                    continue;
                }
                findings.push(format!("{}:{}: {:?}: {}", source.path, number + 1, ban.text, ban.why));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_ban_where_it_applies() {
        let found = |path: &str, text: String| check(&[Source { path: path.into(), text }]).len();
        assert_eq!(found("crates/a/src/a.rs", format!("// {}: x", ["TO", "DO"].concat())), 1);
        assert_eq!(found("crates/core/src/amount.rs", format!("x: {}", ["f6", "4"].concat())), 1);
        assert_eq!(found("crates/a/src/a.rs", format!("x: {}", ["f6", "4"].concat())), 0);
        assert_eq!(found("docs/a.md", ["std::thread::sl", "eep"].concat()), 0);
        assert_eq!(found("crates/a/src/a.rs", ["std::thread::sl", "eep(x)"].concat()), 1);
    }
}
