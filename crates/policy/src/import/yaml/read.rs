//! Events of the parser to the tree, within bounds.

use super::{Entry, Node, Value};
use crate::import::limits;
use crate::import::{ImportError, fault};
use granit_parser::{Event, Parser, ScalarStyle, Span, options};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// Reads the first document of `text`.
///
/// # Errors
/// [`ImportError`] with the line: bad syntax, a key that stands twice, or more than the bounds allow.
pub(crate) fn read(text: &str) -> Result<Node, ImportError> {
    if text.len() > limits::MAX_BYTES {
        let message = format!("the file has {} bytes; at most {} are read", text.len(), limits::MAX_BYTES);
        return Err(fault(1, &message));
    }
    let options = options! { emit_comments: false };
    let mut reader =
        Reader { left: limits::MAX_NODES, open: Vec::new(), anchors: HashMap::new(), root: None };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| fault(1, &error.to_string()))?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        reader.event(event, span)?;
    }
    let empty = || Node { line: 1, path: "".into(), value: Value::Map(Vec::new()) };
    Ok(reader.root.unwrap_or_else(empty))
}

/// A list or map whose end was not seen yet.
struct Open {
    anchor: usize,
    node: Node,
    /// The key whose value comes next.
    key: Option<(Rc<str>, u32)>,
    /// Keys so far, with their lines.
    keys: HashMap<Rc<str>, u32>,
    /// Values of `<<`, which count less than the map's own members.
    merges: Vec<Node>,
}

struct Reader {
    /// How many more values may come.
    left: usize,
    open: Vec<Open>,
    /// Values that aliases copy, with the number of values in each.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
}

fn line(span: &Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(u32::MAX)
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ImportError> {
        let line = line(&span);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = matches!(style, ScalarStyle::Plain);
                self.value(line, anchor, Value::Scalar(text.as_ref().into(), plain))
            }
            Event::SequenceStart(_, anchor, _) => self.start(line, anchor, Value::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.start(line, anchor, Value::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => {
                let Some((node, count)) = self.anchors.get(&id).cloned() else {
                    return Err(fault(line, "an alias inside the value that it stands for"));
                };
                self.spend(count, line)?;
                self.value(line, 0, node.value)
            }
            _ => Ok(()),
        }
    }

    fn spend(&mut self, count: usize, line: u32) -> Result<(), ImportError> {
        let message = || {
            let most = limits::MAX_NODES;
            format!("the file unfolds to more than {most} values; aliases count as what they stand for")
        };
        self.left = self.left.checked_sub(count).ok_or_else(|| fault(line, &message()))?;
        Ok(())
    }

    /// The path of the next value.
    fn path(&self) -> Rc<str> {
        let Some(open) = self.open.last() else { return "".into() };
        let parent = &*open.node.path;
        let path = match (&open.node.value, &open.key) {
            (Value::List(items), _) => format!("{parent}[{}]", items.len()),
            (_, Some((key, _))) if parent.is_empty() => key.to_string(),
            (_, Some((key, _))) => format!("{parent}.{key}"),
            _ => parent.to_owned(),
        };
        if path.len() <= limits::MAX_PATH { path.into() } else { parent.into() }
    }

    fn start(&mut self, line: u32, anchor: usize, value: Value) -> Result<(), ImportError> {
        self.spend(1, line)?;
        if self.open.len() >= limits::MAX_DEPTH {
            return Err(fault(line, &format!("nested deeper than {} levels", limits::MAX_DEPTH)));
        }
        if self.expects_key() {
            return Err(fault(line, "a key is a text"));
        }
        let node = Node { line, path: self.path(), value };
        self.open.push(Open { anchor, node, key: None, keys: HashMap::new(), merges: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ImportError> {
        let Some(Open { anchor, mut node, mut keys, merges, .. }) = self.open.pop() else { return Ok(()) };
        if let Value::Map(entries) = &mut node.value {
            merges.into_iter().for_each(|other| merge(entries, &mut keys, other));
        }
        self.place(anchor, node)
    }

    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.node.value, Value::Map(_)) && open.key.is_none())
    }

    fn value(&mut self, line: u32, anchor: usize, value: Value) -> Result<(), ImportError> {
        self.spend(1, line)?;
        if self.expects_key() {
            let Value::Scalar(text, _) = value else { return Err(fault(line, "a key is a text")) };
            if let Some(open) = self.open.last_mut() {
                open.key = Some((text, line));
            }
            return Ok(());
        }
        let node = Node { line, path: self.path(), value };
        self.place(anchor, node)
    }

    fn place(&mut self, anchor: usize, node: Node) -> Result<(), ImportError> {
        if anchor != 0 {
            let count = count(&node);
            // Copies are kept for aliases, so they count as well.
            self.spend(count, node.line)?;
            self.anchors.insert(anchor, (node.clone(), count));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => {
                let Some((key, line)) = open.key.take() else { return Ok(()) };
                if &*key == "<<" {
                    open.merges.push(node);
                } else if let Some(first) = open.keys.insert(key.clone(), line) {
                    let shown: String = key.chars().take(80).collect();
                    return Err(fault(
                        line,
                        &format!("the key {shown:?} stands twice, first in line {first}"),
                    ));
                } else {
                    entries.push(Entry { key, node, seen: Cell::new(false) });
                }
            }
            Value::Scalar(..) => {}
        }
        Ok(())
    }
}

/// `<<`: members of other maps, where the map has none of that key itself.
fn merge(entries: &mut Vec<Entry>, keys: &mut HashMap<Rc<str>, u32>, node: Node) {
    let maps = if matches!(node.value, Value::Map(_)) { vec![node] } else { node.items().to_vec() };
    for map in maps {
        for entry in map.entries() {
            if keys.insert(entry.key.clone(), entry.node.line).is_none() {
                entries.push(entry.clone());
            }
        }
    }
}

/// How many values a value holds, itself included.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(..) => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.node)).sum::<usize>(),
    }
}
