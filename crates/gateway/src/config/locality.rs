//! Where an instance stands: its address, and its place and what it burns, as declared: instance before pool before provider.
//!
//! What is not declared is not known: governance that asks for it denies.

use super::check::Findings;
use super::models::name;
use super::written::{self, Word};

/// What is declared of an instance's place.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Locality {
    /// Its region.
    pub region: Option<String>,
    /// Whether it stands on premise.
    pub on_premise: bool,
    /// Output tokens per joule.
    pub tokens_per_joule: Option<f64>,
}

impl Locality {
    pub(super) fn of_provider(written: &written::Provider, field: &str, findings: &mut Findings) -> Self {
        Self {
            region: region(written.region.as_ref(), field, findings),
            on_premise: written.on_premise.unwrap_or(false),
            tokens_per_joule: None,
        }
    }

    pub(super) fn of_instance(
        instance: &written::Instance,
        pool: &written::Pool,
        provider: &Self,
        field: &str,
        findings: &mut Findings,
    ) -> Self {
        let word = instance.region.as_ref().or(pool.region.as_ref());
        let joule = instance.tokens_per_joule.or(pool.tokens_per_joule);
        if let Some(value) = joule.filter(|value| !(value.is_finite() && *value > 0.0)) {
            let message = format!("{value} is out of range");
            findings.at(
                &instance.name,
                &format!("{field}.tokens_per_joule"),
                message,
                "use a number above 0",
            );
        }
        Self {
            region: region(word, field, findings).or_else(|| provider.region.clone()),
            on_premise: instance.on_premise.or(pool.on_premise).unwrap_or(provider.on_premise),
            tokens_per_joule: joule,
        }
    }
}

fn region(word: Option<&Word>, field: &str, findings: &mut Findings) -> Option<String> {
    word.map(|word| name(word, &format!("{field}.region"), findings))
}

/// An `http` or `https` address with an optional path prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseUrl {
    /// Whether it is TLS.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path prefix without a slash at its end; empty when none.
    pub prefix: String,
}

impl BaseUrl {
    /// Reads `http[s]://host[:port][/prefix]`. A prefix that ends in `/v1` loses it, as the paths of the
    /// provider table start with it; one that ends in another version keeps it, and [`Self::path`] leaves out theirs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/');
        let prefix = prefix.strip_suffix("/v1").unwrap_or(prefix).to_owned();
        Some(Self { tls, host, port, prefix })
    }

    /// A path of the provider table under this address: where the address names a version of its own (`/api/paas/v4`,
    /// `/v1beta/openai`), the table's `/v1` is left out.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        let mut last = self.prefix.rsplit('/').skip_while(|segment| *segment == "openai");
        let version = |segment: &str| {
            segment
                .strip_prefix('v')
                .is_some_and(|number| number.starts_with(|digit: char| digit.is_ascii_digit()))
        };
        let path = path
            .strip_prefix("/v1")
            .filter(|rest| rest.starts_with('/') && last.next().is_some_and(version))
            .unwrap_or(path);
        format!("{}{path}", self.prefix)
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}{}", self.host, self.port, self.prefix)
    }
}
