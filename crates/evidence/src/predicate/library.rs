//! Predicates that are ready: what people buy most, each with what it must be told.

use super::{Expr, Predicate, Test};
use crate::{Kind, Value};
use std::collections::BTreeMap;
use tollgate_pay::PayError;

/// A predicate that needs only its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub says: &'static str,
    /// Its parameters: name and meaning. All must be given.
    pub needs: &'static [(&'static str, &'static str)],
    make: fn(&Given<'_>) -> Result<Expr, PayError>,
}

/// Parameters that were given.
type Given<'a> = BTreeMap<&'a str, &'a str>;

/// All of them.
pub const READY: &[Ready] = &[
    Ready {
        name: "delivery-signed",
        says: "the payee signed for the output: no more than its word",
        needs: &[],
        make: |_| Ok(signed("payee", vec![Test::Output { at: None, fact: "subjects".into() }])),
    },
    Ready {
        name: "enclave",
        says: "an AWS Nitro enclave of this image answered",
        needs: &[("pcr0", "measurement of the image"), ("most_s", "how old the document may be, in seconds")],
        make: |given| {
            let tests = vec![
                equals("pcr0", text(given, "pcr0")),
                // A nonce is what most enclaves let their callers choose: it shows that one answered, and nothing of the output.
                equals("bound_in", "user_data"),
                Test::Age { most_s: number(given, "most_s")? },
            ];
            Ok(Expr::Evidence { kind: Kind::AwsNitro, r#where: tests })
        },
    },
    Ready {
        name: "confidential-guest",
        says: "an AMD SEV-SNP guest of this measurement answered",
        needs: &[("measurement", "measurement of the guest at launch")],
        make: |given| {
            let tests = vec![equals("measurement", text(given, "measurement"))];
            Ok(Expr::Evidence { kind: Kind::AmdSevSnp, r#where: tests })
        },
    },
    Ready {
        name: "tests-passed",
        says: "a trusted runner ran this suite on the output, and nothing failed",
        needs: &[("suite", "SHA-256 of the suite"), ("least", "how many tests must have passed")],
        make: |given| {
            Ok(signed(
                "test-runner",
                vec![
                    equals("predicate_type", "tollgate/test-result/v1"),
                    Test::Output { at: None, fact: "subjects".into() },
                    within("predicate", "/suite", text(given, "suite")),
                    range("/passed", number(given, "least")?, i64::from(u32::MAX)),
                    range("/failed", 0, 0),
                ],
            ))
        },
    },
    Ready {
        name: "tests-rerun",
        says: "this suite, a module that whoever verifies runs again, was run on the output, and all of it passed",
        needs: &[("suite", "SHA-256 of the module")],
        make: |given| {
            let tests = vec![
                equals("module", text(given, "suite")),
                Test::Output { at: None, fact: "input".into() },
                Test::Equals { at: None, fact: "code".into(), value: Value::Integer(0) },
            ];
            Ok(Expr::Evidence { kind: Kind::Execution, r#where: tests })
        },
    },
    Ready {
        name: "usage-receipt",
        says: "a provider's gateway served this request by this model, within these tokens that were counted",
        needs: &[
            ("request", "SHA-256 of the request's body: others' answers cost as many tokens"),
            ("model", "the model"),
            ("least", "fewest output tokens"),
            ("most", "most output tokens"),
        ],
        make: |given| {
            Ok(signed(
                "inference-provider",
                vec![
                    equals("predicate_type", "tollgate/usage-receipt/v1"),
                    Test::Output { at: None, fact: "subjects".into() },
                    within("predicate", "/request_sha256", text(given, "request")),
                    within("predicate", "/model", text(given, "model")),
                    is("/exact"),
                    range("/output_tokens", number(given, "least")?, number(given, "most")?),
                ],
            ))
        },
    },
    Ready {
        name: "web-fact",
        says: "attestors saw this server's answer contain this text",
        needs: &[
            ("host", "the server's name"),
            ("url", "what was asked for"),
            ("contains", "the text"),
            ("most_s", "how old the answer may be, in seconds"),
        ],
        make: |given| {
            let tests = vec![
                equals("host", text(given, "host")),
                equals("url", text(given, "url")),
                Test::Contains { at: None, fact: "matches".into(), value: text(given, "contains").into() },
                Test::Age { most_s: number(given, "most_s")? },
            ];
            Ok(Expr::Evidence { kind: Kind::Reclaim, r#where: tests })
        },
    },
    Ready {
        name: "web-proof",
        says: "a notary saw this server answer this request with this value in its JSON, nothing of the answer hidden",
        needs: &[
            ("host", "the server's name"),
            ("path", "the path that was asked for"),
            ("at", "where in the answer: a JSON pointer"),
            ("value", "the text there"),
            ("most_s", "how old the answer may be, in seconds"),
        ],
        make: |given| {
            let tests = vec![
                equals("role", "notary"),
                equals("host", text(given, "host")),
                equals("authority", text(given, "host")),
                equals("path", text(given, "path")),
                Test::Equals { at: None, fact: "status".into(), value: Value::Integer(200) },
                within("body", text(given, "at"), text(given, "value")),
                Test::Age { most_s: number(given, "most_s")? },
            ];
            Ok(Expr::Evidence { kind: Kind::TlsNotary, r#where: tests })
        },
    },
];

/// The parameter, which [`Ready::with`] found to be there.
fn text<'a>(given: &Given<'a>, name: &str) -> &'a str {
    given.get(name).copied().unwrap_or_default()
}

fn number(given: &Given<'_>, name: &'static str) -> Result<i64, PayError> {
    let digits = text(given, name);
    digits.parse().map_err(|_| PayError::Bad { field: name, value: digits.into(), wanted: "a whole number" })
}

fn equals(fact: &str, value: &str) -> Test {
    Test::Equals { at: None, fact: fact.into(), value: Value::Text(value.into()) }
}

fn within(fact: &str, at: &str, value: &str) -> Test {
    Test::Equals { at: Some(at.into()), fact: fact.into(), value: Value::Text(value.into()) }
}

fn is(at: &str) -> Test {
    Test::Equals { at: Some(at.into()), fact: "predicate".into(), value: Value::Bool(true) }
}

fn range(at: &str, from: i64, to: i64) -> Test {
    Test::Range { at: Some(at.into()), fact: "predicate".into(), from, to }
}

/// A statement in an envelope that somebody of this role signed.
fn signed(role: &str, mut tests: Vec<Test>) -> Expr {
    tests.insert(0, Test::Contains { at: None, fact: "roles".into(), value: role.into() });
    Expr::Evidence { kind: Kind::Dsse, r#where: tests }
}

impl Ready {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        READY.iter().find(|ready| ready.name == name)
    }

    /// The predicate with these parameters.
    ///
    /// # Errors
    /// [`PayError::Bad`] for a parameter that is missing, unknown or no number where one is needed.
    pub fn with(&self, given: &BTreeMap<&str, &str>) -> Result<Predicate, PayError> {
        let bad = |value: &str, wanted| PayError::Bad { field: "parameter", value: value.into(), wanted };
        if let Some((missing, _)) = self.needs.iter().find(|(name, _)| !given.contains_key(name)) {
            return Err(bad(missing, "given"));
        }
        if let Some(unknown) = given.keys().find(|name| !self.needs.iter().any(|(needed, _)| needed == *name))
        {
            return Err(bad(unknown, "one that this predicate has"));
        }
        let predicate = Predicate::new((self.make)(given)?);
        match predicate.check() {
            Ok(()) => Ok(predicate),
            Err(fault) => Err(bad(&fault.to_string(), "one that makes sense")),
        }
    }
}
