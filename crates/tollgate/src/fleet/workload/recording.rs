//! A recording: rows of a trace, or a day drawn from the clients of a ServeGen archive.

use super::super::files::watched;
use crate::say;
use anyhow::Result;
use std::io::Read;
use std::path::Path;
use tollgate_core::Seed;
use tollgate_fleet::Error;
use tollgate_fleet::trace::{Layout, Reader, Report, archive, servegen};
use tollgate_fleet::workload::{NS_PER_S, Request};

/// What is drawn of clients, in seconds.
const DAY_S: f64 = 86_400.0;
/// Most requests that are drawn of clients.
const DRAWN_MAX: usize = 1_000_000;
/// What the requests are drawn from: the same archive is always the same recording.
const SEED: Seed = Seed(0);

/// Requests by rising time, as a reader gives them.
pub(super) enum Recording {
    Rows(Box<Reader<Box<dyn Read>>>),
    Drawn { requests: std::vec::IntoIter<Request>, report: Report },
}

impl Recording {
    /// Opens a file, compressed or not.
    pub(super) fn open(path: &Path, fields: Option<&Layout>) -> Result<Self> {
        let place = path.display().to_string();
        if archive::is_tar(&place, watched(path)?)? {
            return Self::drawn(&place, servegen::read(&place, watched(path)?)?);
        }
        let bytes = archive::unpack(&place, watched(path)?)?;
        Ok(Self::Rows(Box::new(match fields {
            Some(layout) => Reader::with_layout(&place, bytes, layout.clone())?,
            None => Reader::new(&place, bytes)?,
        })))
    }

    fn drawn(place: &str, clients: servegen::Clients) -> Result<Self> {
        let workload = clients.workload(place)?;
        let of_day = |request: &Request| request.arrival_ns as f64 / NS_PER_S <= DAY_S;
        let requests: Vec<Request> = workload.requests(SEED)?.take(DRAWN_MAX).take_while(of_day).collect();
        let hours = requests.last().map_or(0.0, |last| last.arrival_ns as f64 / NS_PER_S / 3600.0);
        let (count, all) = (requests.len(), clients.clients.len());
        say::remark(&format!(
            "{place}: {count} requests, {hours:.1} hours, drawn from the models of {all} clients"
        ));
        let without = clients.without_lengths();
        if without > 0 {
            say::remark(&format!(
                "{place}: {without} of the clients have no lengths and get those of the others"
            ));
        }
        Ok(Self::Drawn { requests: requests.into_iter(), report: clients.report })
    }

    /// How reading went so far.
    pub(super) fn report(&self) -> &Report {
        match self {
            Self::Rows(reader) => reader.report(),
            Self::Drawn { report, .. } => report,
        }
    }

    /// Names of the classes seen so far.
    pub(super) fn classes(&self) -> &[String] {
        match self {
            Self::Rows(reader) => reader.classes(),
            Self::Drawn { .. } => &[],
        }
    }

    /// The name of its layout.
    pub(super) fn layout(&self) -> &'static str {
        match self {
            Self::Rows(reader) => reader.layout().name,
            Self::Drawn { .. } => "ServeGen clients",
        }
    }

    /// When its first row was, in nanoseconds by its own clock.
    pub(super) fn start_ns(&self) -> i128 {
        match self {
            Self::Rows(reader) => reader.start_ns(),
            Self::Drawn { .. } => 0,
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Request, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Rows(reader) => reader.next(),
            Self::Drawn { requests, .. } => requests.next().map(Ok),
        }
    }
}
