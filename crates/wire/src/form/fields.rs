//! Reading an object member by member; what nobody took is kept as [`Extra`].
//!
//! Every error names the path of the member, what was found and what is allowed. `null` reads as absent, as the
//! providers do.

use super::error::{missing, wrong};
use super::json::{Json, Members};
use super::part::Part;
use super::report::Report;
use crate::Dialect;
use crate::error::WireError;
use serde::{Serialize, Serializer};
use serde_json::Number;

/// Members that the form has no word for. They return when the same dialect is written and are reported as
/// dropped when another one is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Extra {
    /// The dialect they were read from.
    pub dialect: Option<Dialect>,
    /// The members, in order.
    pub members: Members,
}

/// As the object of its members.
impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members.iter().map(|(key, value)| (key, value)))
    }
}

impl Extra {
    /// Appends the members to `object` when it is in their own dialect; reports each one otherwise.
    pub fn put(&self, into: Dialect, path: &str, object: &mut Json, report: &mut Report) {
        if self.dialect == Some(into) {
            self.members.iter().for_each(|(key, value)| object.set(key, value.clone()));
            return;
        }
        for (key, value) in &self.members {
            report.dropped(join(path, key), value.kind(), "the target dialect has no such field");
        }
    }

    /// As [`Self::put`] at the top of a request, where an object may stand already that holds what the form knows of it: its
    /// further members join those.
    pub fn join(&self, into: Dialect, object: &mut Json, report: &mut Report) {
        for (key, value) in &self.members {
            if let (true, Some(Json::Object(there)), Json::Object(more)) =
                (self.dialect == Some(into), object.get(key), value)
            {
                let both = there.iter().chain(more).cloned().collect();
                object.set(key, Json::Object(both));
            } else {
                let one = Self { dialect: self.dialect, members: vec![(key.clone(), value.clone())] };
                one.put(into, "extra", object, report);
            }
        }
    }
}

/// Reads the content of a message that stands at `path`: a string, or an array of parts.
///
/// # Errors
/// When it is something else, or a part cannot be read.
pub fn parts_of(
    content: Option<Json>,
    path: &str,
    read: impl Fn(Json, String) -> Result<Part, WireError>,
) -> Result<Vec<Part>, WireError> {
    match content {
        None => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(vec![Part::text(text)]),
        Some(Json::Array(parts)) => {
            parts.into_iter().enumerate().map(|(n, part)| read(part, format!("{path}[{n}]"))).collect()
        }
        Some(other) => Err(wrong(path, &other, "a string or an array of parts")),
    }
}

/// `path.key`, or `key` at the top.
#[must_use]
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// An object being read.
#[derive(Debug)]
pub struct Fields {
    path: String,
    members: Members,
}

impl Fields {
    /// Starts reading `json`, which stands at `path`.
    ///
    /// # Errors
    /// When it is not an object.
    pub fn of(json: Json, path: impl Into<String>) -> Result<Self, WireError> {
        let path = path.into();
        match json {
            Json::Object(members) => Ok(Self { path, members }),
            other => Err(wrong(&path, &other, "an object")),
        }
    }

    /// Where the object stands.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of one of its members.
    #[must_use]
    pub fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Takes a member; `null` counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Json> {
        let mut found = None;
        while let Some(at) = self.members.iter().rposition(|(k, _)| k == key) {
            let (_, value) = self.members.remove(at);
            found.get_or_insert(value);
        }
        found.filter(|value| !value.is_null())
    }

    /// Gives a member back.
    pub fn put(&mut self, key: &str, value: Json) {
        self.members.push((key.to_owned(), value));
    }

    /// Looks at a string member without taking it.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.members.iter().rev().find(|(k, _)| k == key).and_then(|(_, v)| v.as_str())
    }

    /// Whether a member is there and not `null`.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(k, v)| k == key && !v.is_null())
    }

    /// Takes a string.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, WireError> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.at(key), &other, "a string")),
        }
    }

    /// Takes a string that must be there.
    ///
    /// # Errors
    /// When it is absent or another kind of value.
    pub fn need_text(&mut self, key: &str) -> Result<String, WireError> {
        self.text(key)?.ok_or_else(|| missing(&self.at(key), "a string"))
    }

    /// Takes a number.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn number(&mut self, key: &str) -> Result<Option<Number>, WireError> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::Number(number)) => Ok(Some(number)),
            Some(other) => Err(wrong(&self.at(key), &other, "a number")),
        }
    }

    /// Takes a whole number from 0 up. A float without a fraction is accepted.
    ///
    /// # Errors
    /// When it is something else.
    pub fn count(&mut self, key: &str) -> Result<Option<u64>, WireError> {
        let Some(number) = self.number(key)? else { return Ok(None) };
        whole(&number)
            .map(Some)
            .ok_or_else(|| wrong(&self.at(key), &Json::Number(number), "a whole number from 0 up"))
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, WireError> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(&self.at(key), &other, "true or false")),
        }
    }

    /// Takes an array; absent reads as empty.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn list(&mut self, key: &str) -> Result<Vec<Json>, WireError> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => Ok(items),
            Some(other) => Err(wrong(&self.at(key), &other, "an array")),
        }
    }

    /// Takes an array and reads each of its items with its path; absent reads as empty.
    ///
    /// # Errors
    /// When it is another kind of value, or an item cannot be read.
    pub fn each<T>(
        &mut self,
        key: &str,
        read: impl Fn(Json, String) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let path = self.at(key);
        let items = self.list(key)?.into_iter().enumerate();
        items.map(|(n, item)| read(item, format!("{path}[{n}]"))).collect()
    }

    /// Takes an object.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn object(&mut self, key: &str) -> Result<Option<Self>, WireError> {
        let path = self.at(key);
        self.take(key).map(|json| Self::of(json, path)).transpose()
    }

    /// Takes a string or an array of strings.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, WireError> {
        let path = self.at(key);
        let one = |json: Json| match json {
            Json::String(text) => Ok(text),
            other => Err(wrong(&path, &other, "a string or an array of strings")),
        };
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => items.into_iter().map(one).collect(),
            Some(other) => Ok(vec![one(other)?]),
        }
    }

    /// What was not taken.
    #[must_use]
    pub fn rest(mut self, dialect: Dialect) -> Extra {
        self.members.retain(|(_, value)| !value.is_null());
        if self.members.is_empty() {
            return Extra::default();
        }
        Extra { dialect: Some(dialect), members: self.members }
    }
}

/// A number as a count, when it is one.
#[must_use]
pub fn whole(number: &Number) -> Option<u64> {
    /// Above this an `f64` no longer holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && (0.0..=EXACT).contains(&float)).then_some(float as u64)
    })
}
