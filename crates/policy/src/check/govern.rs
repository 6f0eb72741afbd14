//! Guards: from what was written to rights, with every slip named.

use super::names::{Checker, shorten};
use crate::govern::{ArgTest, Condition, Governance, Guard, GuardKind, OnUnread, Path, Rights, ToolRight};
use crate::limits;
use crate::syntax::govern::{ArgumentExpr, ArgumentTest, GuardDecl, Right, RightKind, Scope, ToolDecl};
use crate::syntax::tree::{Cmp, Item, ItemKind, Name, Number, Text};
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use tollgate_core::signal::{NAMED, PERSONAL, Unread, UnreadSet};

impl<'a> Checker<'a, '_> {
    /// Checks every guard.
    pub(super) fn governance(&mut self, items: &[Item<'a>]) -> Governance {
        let mut governance = Governance::default();
        let declared = items.iter().filter_map(|item| match &item.kind {
            ItemKind::Guard(guard) => Some((guard, item.span)),
            _ => None,
        });
        for (count, (guard, span)) in declared.enumerate() {
            if count == limits::MAX_GUARDS {
                let message =
                    format!("there are more than {} roles, data classes and rules", limits::MAX_GUARDS);
                self.push(Diagnostic::error("too-many", span, message).help("split the policy"));
                break;
            }
            self.guard(guard, &mut governance);
        }
        governance
    }

    fn guard(&mut self, declared: &GuardDecl<'a>, governance: &mut Governance) {
        let (name, span) = declared.name();
        let kind = match declared.scope {
            Scope::Role(_) => GuardKind::Role,
            Scope::Others(_) => GuardKind::Others,
            Scope::Data(_) => GuardKind::Data,
            Scope::Rule(_) => GuardKind::Rule,
        };
        let same = |held: &&Guard| held.kind == kind && held.name == name;
        if let Some(first) = governance.guards().find(same).map(|held| held.span) {
            let message = format!("`{}` is declared twice", shorten(name));
            self.push(Diagnostic::error("duplicate-name", span, message).label(first, "first here"));
        }
        let root = self.guard_when(declared, kind);
        let rights = self.rights(declared, kind);
        if declared.whole && !rights.bound() && kind != GuardKind::Others && kind != GuardKind::Role {
            let message = format!("`{}` bounds nothing", shorten(name));
            let found = Diagnostic::error("bad-value", span, message);
            self.push(found.help(
                "say what it bounds: models, pools, providers, regions, on_premise, cost, energy or tool, or what it masks",
            ));
        }
        let guard = Guard { kind, name: name.to_owned(), rights, span, root };
        match kind {
            GuardKind::Role => governance.roles.push(guard),
            GuardKind::Others => governance.others = Some(guard),
            GuardKind::Data | GuardKind::Rule => governance.rules.push(guard),
        }
    }

    /// The node of its condition.
    fn guard_when(&mut self, declared: &GuardDecl<'a>, kind: GuardKind) -> Option<u32> {
        let (_, span) = declared.name();
        match (declared.when(), kind) {
            (Some(when), GuardKind::Role | GuardKind::Others) => {
                let found = Diagnostic::error("bad-value", when.span, "a role has no `when`");
                self.push(found.help("use `rule NAME { when role has \"...\" and ... }`"));
                None
            }
            (Some(when), GuardKind::Data | GuardKind::Rule) => {
                self.leaves = 0;
                self.truth(when)
            }
            (None, GuardKind::Data) if declared.whole => {
                let found = Diagnostic::error("missing-when", span, "a class of data needs a `when`");
                self.push(found.help("say which requests carry it; a bound for all requests is a `rule`"));
                None
            }
            (None, _) => None,
        }
    }

    fn rights(&mut self, declared: &GuardDecl<'a>, kind: GuardKind) -> Rights {
        // What a class of data looks for may stand in what nobody reads.
        let unread = if kind == GuardKind::Data { OnUnread::ALL } else { OnUnread::default() };
        let mut rights = Rights { unread, ..Rights::default() };
        let mut once: Vec<(&str, Span)> = Vec::new();
        for right in &declared.body {
            self.once_right(&mut once, right);
            match &right.kind {
                RightKind::When(_) => {}
                RightKind::Only(what, texts) => self.only(*what, texts, right.span, &mut rights),
                RightKind::OnPremise(_) => rights.on_premise = true,
                RightKind::Bound(what, cmp, number) => {
                    self.bound(*what, *cmp, *number, right.span, &mut rights);
                }
                RightKind::Tool(tool) => rights.tools.extend(self.tool_right(tool)),
                RightKind::Denied(word) => rights.block = self.block(*word),
                RightKind::Mask(types) => {
                    rights.mask = self.masked(types.as_deref(), right.span);
                    self.only_of_data(kind, right.span);
                }
                RightKind::Unread(word, kinds) => {
                    rights.unread = self.unread(*word, kinds.as_deref(), right.span, kind);
                }
            }
        }
        if rights.tools.len() > limits::MAX_LIST {
            let (_, span) = declared.name();
            let message = format!("there are more than {} tool statements", limits::MAX_LIST);
            self.push(Diagnostic::error("too-many", span, message));
        }
        if rights.block && rights.tools.is_empty() {
            let (_, span) = declared.name();
            let found = Diagnostic::warning("unused", span, "`denied` is about tools, and none is named");
            self.push(found.help(format!("add a `tool` statement to this {}", word(kind))));
        }
        self.hidden_tools(&rights.tools);
        rights
    }

    fn once_right(&mut self, seen: &mut Vec<(&'a str, Span)>, right: &Right<'a>) {
        let word = match &right.kind {
            RightKind::When(_) => "when",
            RightKind::Only(name, _) | RightKind::OnPremise(name) | RightKind::Bound(name, ..) => name.text,
            RightKind::Denied(_) => "denied",
            RightKind::Unread(..) => "unread",
            RightKind::Mask(_) => "mask",
            RightKind::Tool(_) => return,
        };
        match seen.iter().find(|(held, _)| *held == word).copied() {
            Some((_, first)) => {
                let message = format!("`{word}` stands twice");
                let found = Diagnostic::error("duplicate-statement", right.span, message);
                self.push(found.label(first, "first here").help("join them in one"));
            }
            None => seen.push((word, right.span)),
        }
    }

    fn only(&mut self, what: Name<'a>, texts: &[Text<'a>], span: Span, rights: &mut Rights) {
        let patterns: Vec<String> = texts.iter().map(|text| text.value.clone().into_owned()).collect();
        if patterns.is_empty() {
            let message = format!("the list of {} is empty, so nothing is allowed", what.text);
            self.push(
                Diagnostic::error("bad-value", span, message)
                    .help("name at least one, or a pattern such as \"eu-*\""),
            );
        }
        self.known_patterns(what, texts);
        let slot = match what.text {
            "models" => &mut rights.models,
            "pools" => &mut rights.pools,
            "providers" => &mut rights.providers,
            _ => &mut rights.regions,
        };
        *slot = Some(patterns);
    }

    /// Warns of patterns that fit nothing the gateway has.
    fn known_patterns(&mut self, what: Name<'a>, texts: &[Text<'a>]) {
        let Some(names) = self.known.names_of(what.text) else { return };
        for text in texts {
            if names.iter().any(|name| crate::effects::like(&text.value, name)) {
                continue;
            }
            let one = what.text.trim_end_matches('s');
            let message = format!("{:?} fits no {one} of the gateway", shorten(&text.value));
            let some: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            let all = || {
                Some(if some.is_empty() {
                    format!("no {one} is declared")
                } else {
                    format!("it has {}", some.join(", "))
                })
            };
            let meant = crate::text::suggest::nearest(&text.value, names.iter().map(String::as_str));
            self.push(Diagnostic::warning("unknown-pattern", text.span, message).meant(meant, all));
        }
    }

    fn bound(&mut self, what: Name<'a>, cmp: Cmp, number: Number, span: Span, rights: &mut Rights) {
        match (what.text, cmp) {
            // Whole and below the largest number, so the cast is exact.
            ("cost", Cmp::Le) if number.value.fract() == 0.0 && number.value >= 0.0 => {
                rights.cost_micro = Some(number.value as u64);
            }
            ("cost", Cmp::Le) => {
                let found =
                    Diagnostic::error("range", number.span, "a cost is a whole number of micro-dollars");
                self.push(found.help("write 20_000 for two cents"));
            }
            ("energy", Cmp::Ge) if number.value > 0.0 => rights.tokens_per_joule = Some(number.value),
            ("energy", Cmp::Ge) => {
                self.push(Diagnostic::error("range", number.span, "tokens per joule are more than 0"));
            }
            ("cost", _) => {
                let found = Diagnostic::error("syntax", span, "a cost is bounded from above");
                self.push(found.help("write `cost <= 20_000`, in micro-dollars"));
            }
            _ => {
                let found = Diagnostic::error("syntax", span, "energy is bounded from below");
                self.push(found.help("write `energy >= 2.5`, in tokens per joule"));
            }
        }
    }

    fn block(&mut self, word: Name<'a>) -> bool {
        if !matches!(word.text, "strip" | "block") {
            let message = format!("`{}` is not known here", shorten(word.text));
            let found = Diagnostic::error("bad-value", word.span, message);
            self.push(
                found.help("write strip (take denied tools from the request) or block (refuse the request)"),
            );
        }
        word.text == "block"
    }

    /// Types of personal data to replace: those listed, or all usual ones.
    pub(super) fn masked(&mut self, types: Option<&[Text<'a>]>, span: Span) -> Vec<String> {
        let Some(types) = types else {
            return PERSONAL.iter().filter(|word| **word != "url").map(|word| (*word).to_owned()).collect();
        };
        if types.is_empty() {
            let found = Diagnostic::error("bad-value", span, "the list is empty, so nothing is masked");
            self.push(found.help("name types, or leave the list out to mean all but url"));
        }
        let mut meant = Vec::new();
        for text in types {
            match PERSONAL.iter().chain(&NAMED).find(|word| **word == text.value) {
                Some(word) if meant.iter().all(|held| held != word) => meant.push((*word).to_owned()),
                Some(_) => {}
                None => {
                    let message = format!("{:?} is no type of personal data", shorten(&text.value));
                    let found = Diagnostic::error("bad-value", text.span, message);
                    self.push(found.help(format!(
                        "the types are {}, {}",
                        PERSONAL.join(", "),
                        NAMED.join(", ")
                    )));
                }
            }
        }
        meant
    }

    fn only_of_data(&mut self, kind: GuardKind, span: Span) {
        if kind != GuardKind::Data {
            let found = Diagnostic::error("bad-value", span, "only a class of data is masked");
            self.push(
                found.help("say it in a `data` declaration, or on a route, where it holds whoever asks"),
            );
        }
    }

    fn unread(
        &mut self,
        word: Name<'a>,
        kinds: Option<&[Text<'a>]>,
        span: Span,
        kind: GuardKind,
    ) -> OnUnread {
        if !matches!(kind, GuardKind::Data | GuardKind::Rule) {
            let found = Diagnostic::error("bad-value", span, "a role does not look at what is sent");
            self.push(found.help("say it in a class of data, or in a rule with a `when`"));
        }
        let mut listed = UnreadSet::default();
        for text in kinds.unwrap_or_default() {
            match Unread::parse(&text.value) {
                Some(kind) => listed.insert(kind),
                None => {
                    let message = format!("{:?} is no kind of content", shorten(&text.value));
                    let words: Vec<&str> = Unread::ALL.iter().map(|kind| kind.word()).collect();
                    let found = Diagnostic::error("bad-value", text.span, message);
                    self.push(found.help(format!("the kinds are {}", words.join(", "))));
                }
            }
        }
        let all = UnreadSet::ALL;
        let meant = if kinds.is_some() { listed } else { all };
        match word.text {
            "suspect" => OnUnread { suspect: meant, refuse: UnreadSet::default() },
            "refuse" => OnUnread { suspect: all, refuse: meant },
            "allow" => OnUnread { suspect: all.without(meant), refuse: UnreadSet::default() },
            other => {
                let message = format!("`{}` is not known here", shorten(other));
                let found = Diagnostic::error("bad-value", word.span, message);
                self.push(found.help(
                    "write suspect (what is not read counts as carrying it), refuse (such a request is refused) or allow",
                ));
                OnUnread::ALL
            }
        }
    }

    fn tool_right(&mut self, declared: &ToolDecl<'a>) -> Option<ToolRight> {
        if declared.pattern.value.is_empty() {
            self.push(Diagnostic::error("bad-value", declared.pattern.span, "the pattern is empty"));
            return None;
        }
        let mut left = limits::MAX_LEAVES;
        let when = declared.when.as_ref().map(|expr| self.condition(expr, &mut left));
        Some(ToolRight {
            pattern: declared.pattern.value.clone().into_owned(),
            never: declared.never,
            when,
            span: declared.pattern.span,
        })
    }

    fn condition(&mut self, expr: &ArgumentExpr<'a>, left: &mut usize) -> Condition {
        let mut all = |parts: &[ArgumentExpr<'a>], left: &mut usize| {
            parts.iter().map(|part| self.condition(part, left)).collect()
        };
        match expr {
            ArgumentExpr::Or(parts) => Condition::Any(all(parts, left)),
            ArgumentExpr::And(parts) => Condition::All(all(parts, left)),
            ArgumentExpr::Not(inner) => Condition::Not(Box::new(self.condition(inner, left))),
            ArgumentExpr::Test(path, test) => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    let message = format!("the condition has more than {} tests", limits::MAX_LEAVES - 1);
                    self.push(Diagnostic::error("too-many", path.span, message));
                }
                Condition::Test(self.path(path), self.argument(test, path.span))
            }
        }
    }

    fn path(&mut self, path: &Text<'a>) -> Path {
        let steps: Path = path.value.split('.').map(str::to_owned).collect();
        if steps.iter().any(String::is_empty) || steps.len() > limits::MAX_PATH {
            let message = format!("{:?} is no path of an argument", shorten(&path.value));
            let found = Diagnostic::error("bad-value", path.span, message);
            self.push(found.help("names joined by dots, such as \"to.account\"; `*` stands for every item"));
        }
        steps
    }

    fn argument(&mut self, test: &ArgumentTest<'a>, span: Span) -> ArgTest {
        let texts =
            |texts: &[Text<'a>]| texts.iter().map(|text| text.value.clone().into_owned()).collect::<Vec<_>>();
        let test = match test {
            ArgumentTest::Number(cmp, number) => ArgTest::Number(*cmp, number.value),
            ArgumentTest::Is(text) => ArgTest::OneOf(vec![text.value.clone().into_owned()]),
            ArgumentTest::Flag(flag) => ArgTest::Flag(*flag),
            ArgumentTest::In(list) => ArgTest::OneOf(texts(list)),
            ArgumentTest::Like(list) => ArgTest::Like(texts(list)),
            ArgumentTest::Given => ArgTest::Given,
        };
        if let ArgTest::OneOf(list) | ArgTest::Like(list) = &test
            && list.is_empty()
        {
            self.push(Diagnostic::error("bad-value", span, "the list is empty, so this is never true"));
        }
        test
    }

    /// Warns of tool statements that an earlier one hides: the first that fits a name decides.
    fn hidden_tools(&mut self, tools: &[ToolRight]) {
        for (at, later) in tools.iter().enumerate().take(limits::MAX_COMPARED) {
            let before = tools.get(..at).unwrap_or_default();
            if let Some(first) = before.iter().find(|first| covers(&first.pattern, &later.pattern)) {
                let message =
                    format!("this is never reached: {:?} fits every such tool", shorten(&first.pattern));
                let found = Diagnostic::warning("unreachable", later.span, message);
                let help = "the first statement that fits a tool decides; put this one before it";
                self.push(found.label(first.span, "decides before").help(help));
            }
        }
    }
}

const fn word(kind: GuardKind) -> &'static str {
    match kind {
        GuardKind::Role | GuardKind::Others => "role",
        GuardKind::Data => "class of data",
        GuardKind::Rule => "rule",
    }
}

/// Whether every name that fits `inner` fits `outer`; may say no where it is so.
fn covers(outer: &str, inner: &str) -> bool {
    // A star in `inner` stands for texts that no name has: what fits it then fits for any text.
    crate::effects::like(outer, &inner.replace('*', "\u{0}"))
}
