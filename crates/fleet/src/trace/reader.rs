//! Rows to requests.

use super::{
    layout::{Layout, Shape},
    lines::{Line, Lines},
    report::{Reason, Report},
    row::{Row, split_csv},
};
use crate::{
    Error,
    workload::{Prefix, Request},
};
use std::io::Read;
use tollgate_core::Seed;

/// The most classes that are told apart; requests of further ones go to the last.
pub const MAX_CLASSES: usize = 64;

/// Reads a trace row by row.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    parser: Parser,
    /// The first line where it is a row already (JSON has no header).
    waiting: Option<Vec<u8>>,
    report: Report,
}

/// Everything but the bytes, so that a borrowed line can be parsed.
#[derive(Debug)]
struct Parser {
    shape: Shape,
    layout: Layout,
    header: Vec<String>,
    classes: Vec<String>,
    start_ns: Option<i128>,
    last_ns: i128,
}

impl<R: Read> Reader<R> {
    /// Opens a trace and finds its layout; `place` names it in errors.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Empty`]; [`Error::Format`] where no known layout fits the first line.
    pub fn new(place: &str, bytes: R) -> Result<Self, Error> {
        Self::open(place, bytes, None)
    }

    /// Opens a trace whose layout is said.
    ///
    /// # Errors
    /// As [`Reader::new`]; a field that the header of a CSV lacks is named.
    pub fn with_layout(place: &str, bytes: R, layout: Layout) -> Result<Self, Error> {
        Self::open(place, bytes, Some(layout))
    }

    fn open(place: &str, bytes: R, said: Option<Layout>) -> Result<Self, Error> {
        let mut lines = Lines::new(place, bytes);
        let first = match lines.next()? {
            None => {
                return Err(Error::Empty { what: "the trace", fix: "give a file with at least one request" });
            }
            Some(Line::TooLong) => return Err(unknown(place, &["a line that is too long"])),
            Some(Line::Text(text)) => text.to_vec(),
        };
        if first.starts_with(b"PAR1") {
            return Err(Error::Format {
                place: place.into(),
                problem: "it is Parquet, which is not read as a trace".into(),
                fix: "write its columns as CSV or as JSON lines".into(),
            });
        }
        let text = String::from_utf8_lossy(&first).into_owned();
        let shape = if first.starts_with(b"{") { Shape::Jsonl } else { Shape::Csv };
        let header: Vec<String> = match shape {
            Shape::Csv => split_csv(&text).into_iter().map(|field| field.trim().to_owned()).collect(),
            Shape::Jsonl => match Row::json(&first) {
                Ok(Row::Json(object)) => object.keys().cloned().collect(),
                _ => return Err(unknown(place, &["a line that starts like JSON and is not"])),
            },
        };
        let fields: Vec<&str> = header.iter().map(String::as_str).collect();
        let layout = match said {
            Some(layout) => layout,
            None => Layout::detect(&fields).ok_or_else(|| unknown(place, &fields))?,
        };
        let needed =
            [Some(&layout.prompt), Some(&layout.output), layout.time.as_ref().map(|(field, _)| field)];
        if shape == Shape::Csv
            && let Some(absent) = needed.into_iter().flatten().find(|field| !header.contains(field))
        {
            let problem = format!("there is no column `{absent}` among {}", fields.join(", "));
            return Err(Error::Format {
                place: place.into(),
                problem,
                fix: "name a column that is there".into(),
            });
        }
        let parser =
            Parser { shape, layout, header, classes: Vec::new(), start_ns: None, last_ns: i128::MIN };
        let waiting = (shape == Shape::Jsonl).then_some(first);
        Ok(Self { lines, parser, waiting, report: Report::default() })
    }

    /// The layout that was found or said.
    pub fn layout(&self) -> &Layout {
        &self.parser.layout
    }

    /// When the first row was, in nanoseconds by the trace's own clock; arrivals count from it. 0 before it was read.
    pub fn start_ns(&self) -> i128 {
        self.parser.start_ns.unwrap_or(0)
    }

    /// How reading went so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Names of the classes seen so far; a request's `class` is an index here. One unnamed class where the layout
    /// tells none apart.
    pub fn classes(&self) -> &[String] {
        &self.parser.classes
    }
}

fn unknown(place: &str, fields: &[&str]) -> Error {
    let names: Vec<&str> = super::LAYOUTS.iter().map(|known| known.0).collect();
    Error::Format {
        place: place.into(),
        problem: format!("no known layout has the fields {}", fields.join(", ")),
        fix: format!(
            "give a trace of one of {}, or say which fields hold time, prompt and output",
            names.join(", ")
        ),
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Request, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let parsed = if let Some(first) = self.waiting.take() {
                self.parser.parse(&first, &mut self.report)
            } else {
                match self.lines.next() {
                    Err(error) => return Some(Err(error)),
                    Ok(None) => return None,
                    Ok(Some(Line::TooLong)) => {
                        self.report.rows += 1;
                        Err(Reason::TooLong)
                    }
                    Ok(Some(Line::Text(line))) => self.parser.parse(line, &mut self.report),
                }
            };
            match parsed {
                Ok(request) => return Some(Ok(request)),
                Err(reason) => self.report.refuse(reason),
            }
        }
    }
}

impl Parser {
    fn parse(&mut self, line: &[u8], report: &mut Report) -> Result<Request, Reason> {
        report.rows += 1;
        let row = match self.shape {
            Shape::Csv => Row::csv(&self.header, std::str::from_utf8(line).map_err(|_| Reason::Encoding)?)?,
            Shape::Jsonl => Row::json(line)?,
        };
        let layout = &self.layout;
        let prompt_tokens = row.tokens(&layout.prompt)?;
        let output_tokens = row.tokens(&layout.output)?;
        if prompt_tokens == 0 && output_tokens == 0 {
            return Err(Reason::NoTokens);
        }
        let time_ns = match &layout.time {
            Some((field, unit)) => row.time_ns(field, *unit)?,
            None => 0,
        };
        let session = layout.session.as_ref().and_then(|field| row.text(field)).map_or(0, |text| hash(&text));
        let prefix = layout.prefix.as_ref().map_or_else(Vec::new, |field| row.list(field));
        let class = layout.class.as_ref().and_then(|field| row.text(field)).unwrap_or_default();
        let class = class_index(&mut self.classes, &class);
        let start_ns = *self.start_ns.get_or_insert(time_ns);
        report.out_of_order += u64::from(time_ns < self.last_ns);
        report.before_first += u64::from(time_ns < start_ns);
        self.last_ns = time_ns;
        Ok(Request {
            arrival_ns: u64::try_from(time_ns - start_ns).unwrap_or(0),
            prompt_tokens,
            output_tokens,
            class,
            session,
            prefix: Prefix::of(&prefix),
            cached_tokens: 0,
        })
    }
}

/// A session's id from its text; never 0, which means none.
fn hash(text: &str) -> u64 {
    Seed(0).derive(text).0.max(1)
}

fn class_index(classes: &mut Vec<String>, name: &str) -> u16 {
    let index = match classes.iter().position(|known| known == name) {
        Some(index) => index,
        None if classes.len() < MAX_CLASSES => {
            classes.push(name.to_owned());
            classes.len() - 1
        }
        None => MAX_CLASSES - 1,
    };
    index as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Request>, Report, Vec<String>) {
        let mut reader = Reader::new("test", text.as_bytes()).unwrap();
        let requests = reader.by_ref().collect::<Result<_, _>>().unwrap();
        (requests, reader.report().clone(), reader.classes().to_vec())
    }

    #[test]
    fn bad_rows_are_counted_sampled_and_told_apart() {
        let text = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,10,2\n1.0,10\n1.5,x,2\nsoon,10,2\n2.5,0,0\n2.0,7,1\n0.1,7,1\n";
        let (requests, report, _) = read(text);
        assert_eq!(requests.iter().map(|r| r.arrival_ns).collect::<Vec<_>>(), [0, 1_500_000_000, 0]);
        assert_eq!((report.rows, report.bad, report.good()), (7, 4, 3));
        assert_eq!((report.out_of_order, report.before_first), (1, 1));
        let told: Vec<String> = report.samples.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "row 2: 2 columns where the header has 3",
                "row 3: num_prefill_tokens: `x` is not a number of tokens",
                "row 4: arrived_at: `soon` is not a time",
                "row 5: no tokens in it",
            ]
        );
    }

    #[test]
    fn samples_are_bounded_and_counts_are_not() {
        let rows = "{}\n".repeat(1000);
        let text = format!(
            "{{\"timestamp\": 1, \"input_length\": 3, \"output_length\": 4, \"hash_ids\": [7, 8]}}\n{rows}"
        );
        let (requests, report, _) = read(&text);
        assert_eq!(requests[0].prefix.blocks(), [7, 8]);
        assert_eq!((report.bad, report.samples.len()), (1000, super::super::MAX_SAMPLES));
    }

    #[test]
    fn our_own_log_keeps_sessions_and_routes() {
        let row = |time: &str, session: &str, route: &str| {
            format!(
                "{{\"time\": \"{time}\", \"prompt_tokens\": 100, \"completion_tokens\": 5, \"session\": {session}, \"route\": \"{route}\"}}\n"
            )
        };
        let text = row("2026-11-22T10:00:00Z", "\"a\"", "chat")
            + &row("2026-11-22T10:00:01.5Z", "\"a\"", "coding")
            + &row("2026-11-22T10:00:02Z", "null", "chat");
        let (requests, report, classes) = read(&text);
        assert_eq!(report.bad, 0);
        assert_eq!(classes, ["chat", "coding"]);
        assert_eq!(requests[1].arrival_ns, 1_500_000_000);
        assert!(requests[0].session == requests[1].session && requests[0].session != 0);
        assert_eq!((requests[2].session, requests[2].class), (0, 0));
    }

    #[test]
    fn classes_are_bounded() {
        let mut classes = Vec::new();
        let last = (0..200).map(|i| class_index(&mut classes, &i.to_string())).max();
        assert_eq!((last, classes.len()), (Some(MAX_CLASSES as u16 - 1), MAX_CLASSES));
    }

    #[test]
    fn what_fits_no_layout_is_refused_with_a_fix() {
        let error = Reader::new("x.csv", "a,b\n1,2\n".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("x.csv") && error.contains("a, b") && error.contains("azure"), "{error}");
        let own = Layout::own(None, "a", "c");
        let error = Reader::with_layout("x.csv", "a,b\n1,2\n".as_bytes(), own).unwrap_err().to_string();
        assert!(error.contains("`c`"), "{error}");
        let own = Layout::own(None, "a", "b");
        assert_eq!(Reader::with_layout("x.csv", "a,b\n1,2\n".as_bytes(), own).unwrap().count(), 1);
        assert!(Reader::new("x", "".as_bytes()).is_err());
        let error = Reader::new("x.parquet", &b"PAR1\x15\x04\n"[..]).unwrap_err().to_string();
        assert!(error.contains("Parquet") && error.contains("CSV"), "{error}");
    }
}
