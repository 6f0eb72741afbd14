//! What has no equivalent: collected while a file is read, listed in its order.

use super::limits::MAX_GAPS;
use super::yaml::Node;
use serde::Serialize;

/// What kind of gap it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Something else stands in; decisions may differ.
    StandsIn,
    /// It has no effect here.
    Dropped,
    /// It is wrong in the file itself.
    Wrong,
    /// It is no field that the importer knows.
    Unknown,
}

impl GapKind {
    /// Its name, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::StandsIn => "stands in",
            Self::Dropped => "dropped",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that has no equivalent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Gap {
    /// Line in the file, from 1.
    pub line: u32,
    /// Where it stands in the file's tree.
    pub path: String,
    /// Its value, at most 80 characters.
    pub value: String,
    /// What kind of gap it is.
    pub kind: GapKind,
    /// What follows.
    pub consequence: String,
}

/// The list in the making.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    list: Vec<Gap>,
    more: usize,
}

impl Gaps {
    fn push(&mut self, node: &Node, kind: GapKind, consequence: &str) {
        if self.list.len() >= MAX_GAPS {
            self.more += 1;
            return;
        }
        self.list.push(Gap {
            line: node.line,
            path: node.path.to_string(),
            value: node.shown(),
            kind,
            consequence: consequence.to_owned(),
        });
    }

    /// Something else stands in for `node`.
    pub(crate) fn stands_in(&mut self, node: &Node, consequence: &str) {
        self.push(node, GapKind::StandsIn, consequence);
    }

    /// `node` has no effect here; nothing below it is reported again.
    pub(crate) fn dropped(&mut self, node: &Node, consequence: &str) {
        node.see_all();
        self.push(node, GapKind::Dropped, consequence);
    }

    /// The member `key` of `node`, where there is one, has no effect here.
    pub(crate) fn drop_key(&mut self, node: &Node, key: &str, consequence: &str) {
        if let Some(found) = node.get(key) {
            self.dropped(found, consequence);
        }
    }

    /// `node` is wrong in the file itself.
    pub(crate) fn wrong(&mut self, node: &Node, consequence: &str) {
        self.push(node, GapKind::Wrong, consequence);
    }

    /// `node` lacks something that the gateway needs; what stands there is still read.
    pub(crate) fn missing(&mut self, node: &Node, consequence: &str) {
        self.push(node, GapKind::Dropped, consequence);
    }

    /// `node` is a secret: its value is not shown.
    pub(crate) fn secret(&mut self, node: &Node, consequence: &str) {
        let before = self.list.len();
        self.push(node, GapKind::Dropped, consequence);
        if let Some(added) = self.list.get_mut(before) {
            super::yaml::NOT_SHOWN.clone_into(&mut added.value);
        }
    }

    /// The member `key` of `node`, where there is one, has no effect here, and what it says is nobody's business.
    pub(crate) fn drop_unshown(&mut self, node: &Node, key: &str, consequence: &str) {
        if let Some(found) = node.get(key) {
            found.see_all();
            self.secret(found, consequence);
        }
    }

    /// Reports every member that nobody looked at.
    pub(crate) fn unread(&mut self, root: &Node) {
        let mut found = Vec::new();
        root.unseen(&mut found);
        for node in found {
            self.push(node, GapKind::Unknown, "not a field that the importer knows; it has no effect");
        }
    }

    /// The gaps in the order of the file, and how many more there are.
    pub(crate) fn finish(mut self) -> (Vec<Gap>, usize) {
        self.list.sort_by(|a, b| (a.line, &a.path, a.kind).cmp(&(b.line, &b.path, b.kind)));
        self.list.dedup();
        (self.list, self.more)
    }
}
