//! YAML of others as a tree that knows its lines and what of it was read.
//!
//! Every value carries its line and its path. Looking a member up marks it as seen, so that at the end everything
//! that nobody looked at can be listed: nothing is dropped silently. Aliases are copies and count against the same
//! bound as what is written, so a file that unfolds to more than [`MAX_NODES`](super::limits::MAX_NODES) is refused.
//!
//! ```text
//! routing: {signals: {keywords: [...]}}   root.get("routing")?.get("signals")?.get("keywords")?.items()
//! ```

mod read;

pub(crate) use read::read;

use std::cell::Cell;
use std::rc::Rc;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Line, from 1.
    pub(crate) line: u32,
    /// Where it stands: `routing.signals.keywords[2].name`.
    pub(crate) path: Rc<str>,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A scalar, and whether it was written without quotes.
    Scalar(Rc<str>, bool),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One member of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Rc<str>,
    pub(crate) node: Node,
    pub(crate) seen: Cell<bool>,
}

impl Node {
    /// The member `key` of a map, marked as seen. A null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| &*entry.key == key)?;
        entry.seen.set(true);
        (!entry.node.is_null()).then_some(&entry.node)
    }

    /// Marks members as seen that say nothing by themselves: names, descriptions, what another member has settled.
    pub(crate) fn see(&self, keys: &[&str]) {
        self.entries()
            .iter()
            .filter(|entry| keys.contains(&&*entry.key))
            .for_each(|entry| entry.seen.set(true));
    }

    /// The members of a map, as written; looking at them marks nothing.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; a scalar counts as a list of one.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar(..) => std::slice::from_ref(self),
            Value::Map(_) => &[],
        }
    }

    /// The items of the list `key`; none when it is absent.
    pub(crate) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The text of the member `key`.
    pub(crate) fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The texts of the list `key`.
    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        self.list(key).iter().filter_map(Self::text).collect()
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Option<f64> {
        self.text()?.trim().replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// `true` or `false`, in the spellings of YAML 1.1.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// Whether the member `key` is `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Self::flag) == Some(true)
    }

    fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true) if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Marks everything below as seen.
    pub(crate) fn see_all(&self) {
        for entry in self.entries() {
            entry.seen.set(true);
            entry.node.see_all();
        }
        if let Value::List(items) = &self.value {
            items.iter().for_each(Self::see_all);
        }
    }

    /// What nobody looked at: the topmost members, in order.
    pub(crate) fn unseen<'n>(&'n self, found: &mut Vec<&'n Self>) {
        for entry in self.entries() {
            if entry.seen.get() {
                entry.node.unseen(found);
            } else {
                found.push(&entry.node);
            }
        }
        if let Value::List(items) = &self.value {
            items.iter().for_each(|item| item.unseen(found));
        }
    }

    /// The value on one line, for reports: at most 80 characters, and nothing of secrets and of what requests say.
    pub(crate) fn shown(&self) -> String {
        if self.path.rsplit('.').next().is_some_and(is_private) {
            return NOT_SHOWN.to_owned();
        }
        let mut out = String::new();
        self.show(&mut out);
        if out.chars().count() > SHOWN {
            out = out.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        out
    }

    fn show(&self, out: &mut String) {
        if out.len() > 4 * SHOWN {
            return;
        }
        match &self.value {
            Value::Scalar(text, _) => {
                out.extend(text.chars().take(SHOWN + 1).map(|c| if c.is_control() { ' ' } else { c }));
            }
            Value::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate().take(SHOWN) {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.show(out);
                }
                out.push(']');
            }
            Value::Map(entries) => {
                out.push('{');
                for (at, entry) in entries.iter().enumerate().take(SHOWN) {
                    out.push_str(if at > 0 { ", " } else { "" });
                    out.extend(entry.key.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }));
                    out.push_str(": ");
                    if is_private(&entry.key) {
                        out.push_str(NOT_SHOWN);
                    } else {
                        entry.node.show(out);
                    }
                }
                out.push('}');
            }
        }
    }
}

/// Stands for a value that is nobody's business.
pub(crate) const NOT_SHOWN: &str = "(not shown)";
/// Ends of the names of members whose values are not shown.
const PRIVATE: &[&str] =
    &["_key", "apikey", "token", "secret", "password", "credentials", "authorization", "messages"];

/// Whether a member of this name holds a secret or what a request says.
fn is_private(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    PRIVATE.iter().any(|end| key.ends_with(end))
}

/// Most characters of a value in a report.
const SHOWN: usize = 80;
