//! C2SP tlog-policy: which logs and witnesses are believed, and how many of the witnesses must have seen a checkpoint.
//!
//! ```text
//! log     example.com/pay+…
//! witness a witness-a.example+… https://witness-a.example
//! witness b witness-b.example+… https://witness-b.example
//! witness c witness-c.example+…
//! group   two 2 a b c
//! quorum  two
//! ```
//!
//! A log that shows different trees to different people needs the witnesses' help for it: each of them cosigns only what
//! continues what it cosigned before. So a checkpoint with a quorum of cosignatures is one that all see.

use super::{Cosigned, Note, Role, VerifyingKey};
use crate::PayError;
use std::collections::BTreeSet;
use std::fmt;

/// Most lines that name something: logs, witnesses and groups each.
const EACH_MAX: usize = 64;
/// Longest file, in bytes.
const BYTES_MAX: usize = 1 << 16;

/// A witness that is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trusted {
    /// Its name in the file.
    pub name: String,
    /// Its key.
    pub key: VerifyingKey,
    /// The prefix under which it is asked (C2SP tlog-witness); whoever only verifies needs none.
    pub url: Option<String>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    logs: Vec<VerifyingKey>,
    witnesses: Vec<Trusted>,
    /// Name, and how many of which must have seen it. Members are witnesses and groups that stand before.
    groups: Vec<(String, usize, Vec<String>)>,
    /// The name of a witness or group; `None` when no cosignature is wanted.
    quorum: Option<String>,
}

impl Policy {
    /// That `quorum` of these witnesses must have seen a checkpoint.
    ///
    /// # Errors
    /// [`PayError::Bad`] when there are fewer, one stands there twice, or one is no witness's key.
    pub fn of(witnesses: &[VerifyingKey], quorum: usize) -> Result<Self, PayError> {
        let lines = witnesses.iter().enumerate().map(|(n, key)| format!("witness {n} {key}\n"));
        let mut text: String = lines.collect();
        if quorum == 0 {
            text.push_str("quorum none\n");
        } else {
            let names: Vec<_> = (0..witnesses.len()).map(|n| n.to_string()).collect();
            text.push_str(&format!("group all {quorum} {}\nquorum all\n", names.join(" ")));
        }
        Self::parse(&text)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`PayError::Bad`] with the line that is not as it must be.
    pub fn parse(text: &str) -> Result<Self, PayError> {
        let mut policy = Self { logs: vec![], witnesses: vec![], groups: vec![], quorum: None };
        let (mut has_quorum, mut members) = (false, BTreeSet::new());
        if text.len() > BYTES_MAX || text.chars().any(|c| c.is_control() && !"\n\t".contains(c)) {
            return Err(bad("the file", "at most 64 KiB of text without control characters"));
        }
        for line in text.lines() {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => policy.log(line, key)?,
                ["witness", name, key] => policy.witness(line, name, key, None)?,
                ["witness", name, key, url] => policy.witness(line, name, key, Some(url))?,
                ["group", name, count, of @ ..] => policy.group(line, name, count, of, &mut members)?,
                ["quorum", name] if !has_quorum => {
                    has_quorum = true;
                    policy.quorum = (*name != "none").then(|| (*name).to_owned());
                    if policy.quorum.as_ref().is_some_and(|name| !policy.knows(name)) {
                        return Err(bad(line, "none, or a witness or group of a line before"));
                    }
                }
                _ => return Err(bad(line, "log, witness, group or, once, quorum, with what belongs to it")),
            }
        }
        if has_quorum { Ok(policy) } else { Err(bad("the file", "a quorum line: `quorum none` for none")) }
    }

    fn log(&mut self, line: &str, key: &str) -> Result<(), PayError> {
        let key: VerifyingKey = key.parse()?;
        if key.role() != Role::Log || self.logs.len() >= EACH_MAX || self.logs.iter().any(|log| log.is(&key))
        {
            return Err(bad(line, "a log's key, each once, 64 at most"));
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, line: &str, name: &str, key: &str, url: Option<&&str>) -> Result<(), PayError> {
        let key: VerifyingKey = key.parse()?;
        let twice = self.witnesses.iter().any(|witness| witness.key.is(&key));
        if key.role() != Role::Witness || self.witnesses.len() >= EACH_MAX || twice || !self.is_new(name) {
            return Err(bad(line, "a new name and a witness's key, each once, 64 at most"));
        }
        let url = url.map(|url| url.trim_end_matches('/').to_owned());
        self.witnesses.push(Trusted { name: name.into(), key, url });
        Ok(())
    }

    fn group(
        &mut self,
        line: &str,
        name: &str,
        count: &str,
        of: &[&str],
        members: &mut BTreeSet<String>,
    ) -> Result<(), PayError> {
        let count = match count {
            "any" => 1,
            "all" => of.len(),
            digits => digits.parse().unwrap_or(0),
        };
        if !(1..=of.len()).contains(&count) || self.groups.len() >= EACH_MAX || !self.is_new(name) {
            return Err(bad(line, "a new name, how many (1 to all) and the members, 64 groups at most"));
        }
        // A name is a member once: nobody counts twice.
        if let Some(wrong) = of.iter().find(|one| !self.knows(one) || !members.insert((**one).to_owned())) {
            return Err(bad(wrong, "a witness or group of a line before, in one group only"));
        }
        self.groups.push((name.into(), count, of.iter().map(|one| (*one).to_owned()).collect()));
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        self.groups.iter().any(|(group, ..)| group == name)
            || self.witnesses.iter().any(|witness| witness.name == name)
    }

    fn is_new(&self, name: &str) -> bool {
        name != "none" && !self.knows(name)
    }

    /// The witnesses, in order.
    #[must_use]
    pub fn witnesses(&self) -> &[Trusted] {
        &self.witnesses
    }

    /// Checks that a log is one of those that are named; any is where none is.
    ///
    /// # Errors
    /// [`PayError::NotProven`] when others are named.
    pub fn is_about(&self, log: &VerifyingKey) -> Result<(), PayError> {
        if self.logs.is_empty() || self.logs.contains(log) {
            return Ok(());
        }
        Err(PayError::NotProven { what: "log", reason: format!("the policy is about others than {log}") })
    }

    /// Checks that the quorum has cosigned a checkpoint. That the log signed it is for the caller to check.
    ///
    /// # Errors
    /// [`PayError::NotProven`] with who has and which quorum is wanted.
    pub fn met(&self, note: &Note) -> Result<(), PayError> {
        let Some(quorum) = &self.quorum else { return Ok(()) };
        let held = |witness: &&Trusted| Cosigned::verified(note, &witness.key).is_ok();
        let mut seen: BTreeSet<&str> =
            self.witnesses.iter().filter(held).map(|witness| witness.name.as_str()).collect();
        let said: Vec<_> = seen.iter().copied().collect();
        let said = if said.is_empty() { "no witness".to_owned() } else { said.join(", ") };
        // Members stand on earlier lines.
        for (name, count, members) in &self.groups {
            if members.iter().filter(|one| seen.contains(one.as_str())).count() >= *count {
                seen.insert(name);
            }
        }
        if seen.contains(quorum.as_str()) {
            return Ok(());
        }
        let reason = format!("{said} cosigned the checkpoint, which is not {quorum:?}");
        Err(PayError::NotProven { what: "witness quorum", reason })
    }
}

/// The policy in its file's language, one line for each name.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.logs.iter().try_for_each(|log| writeln!(f, "log {log}"))?;
        for Trusted { name, key, url } in &self.witnesses {
            let url = url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
            writeln!(f, "witness {name} {key}{url}")?;
        }
        for (name, count, members) in &self.groups {
            writeln!(f, "group {name} {count} {}", members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or("none"))
    }
}

fn bad(value: &str, wanted: &'static str) -> PayError {
    PayError::bad("policy of witnesses", value, wanted)
}
