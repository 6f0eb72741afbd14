//! Lines per function. Laid-out code closes a function with a brace at the indent of its `fn`.

use super::Source;

/// Most lines of a function, from its `fn` to its brace. Sixty is the aim.
const FUNCTION_LINES_MAX: usize = 100;

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|s| s.is_rust()).flat_map(long).collect()
}

fn long(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| starts(line)) {
        let indent = line.len() - line.trim_start().len();
        let brace = format!("{}}}", " ".repeat(indent));
        // A declaration without a body ends before anything stands at its indent again.
        let rest = lines.iter().skip(at + 1);
        let Some(length) = rest.take_while(|l| !declares(l, indent)).position(|l| **l == brace) else {
            continue;
        };
        if length + 2 > FUNCTION_LINES_MAX {
            findings.push(format!(
                "{}:{}: a function of {} lines, the budget is {FUNCTION_LINES_MAX}",
                source.path,
                at + 1,
                length + 2
            ));
        }
    }
    findings
}

fn starts(line: &str) -> bool {
    let mut words = line
        .split_whitespace()
        .skip_while(|w| w.starts_with("pub") || ["const", "async", "unsafe", "crate)", "super)"].contains(w));
    words.next() == Some("fn") && !line.ends_with(';') && !line.ends_with('}')
}

/// Whether another item starts at this indent, so that what came before had no body.
fn declares(line: &str, indent: usize) -> bool {
    line.len() - line.trim_start().len() == indent && starts(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: String) -> usize {
        check(&[Source { path: "crates/a/src/a.rs".into(), text }]).len()
    }

    #[test]
    fn a_long_function_is_found_wherever_it_stands() {
        let body = |n: usize, indent: &str| format!("{indent}    x();\n").repeat(n);
        for (indent, head) in
            [("", "fn a() {"), ("    ", "pub(crate) async fn a(&self) -> u8 {"), ("", "pub const fn a()")]
        {
            let function = |n| format!("{indent}{head}\n{}{indent}}}\n", body(n, indent));
            assert_eq!(found(function(98)), 0, "{head}");
            assert_eq!(found(function(99)), 1, "{head}");
        }
    }

    #[test]
    fn what_has_no_body_is_no_function() {
        let text = format!(
            "trait T {{\n    fn a();\n    fn b(\n        x: u8,\n    );\n    fn c() {{\n    }}\n}}\n{}",
            "// x\n".repeat(200)
        );
        assert_eq!(found(text), 0);
    }
}
