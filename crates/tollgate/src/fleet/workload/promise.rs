//! What single classes are promised.

use anyhow::{Result, bail};
use tollgate_fleet::workload::Slo;

/// What a promise is not.
#[derive(Debug, thiserror::Error)]
#[error(
    "write CLASS:ttft=T,tpot=T,e2e=T with one or more of the three in milliseconds, as agent:ttft=4000,tpot=60"
)]
pub(super) struct NoPromise;

/// Reads `CLASS:ttft=T,tpot=T,e2e=T`. The percentile is that of all.
pub(super) fn promise(text: &str) -> Result<(String, Slo), NoPromise> {
    let (class, promised) = text.split_once(':').ok_or(NoPromise)?;
    let mut slo = Slo { ttft_ms: None, tpot_ms: None, e2e_ms: None, ..Slo::ttft(1.0) };
    for part in promised.split(',') {
        let (what, ms) = part.split_once('=').ok_or(NoPromise)?;
        let ms = ms.parse::<f64>().ok().filter(|ms| *ms > 0.0 && ms.is_finite()).ok_or(NoPromise)?;
        let place = match what {
            "ttft" => &mut slo.ttft_ms,
            "tpot" => &mut slo.tpot_ms,
            "e2e" => &mut slo.e2e_ms,
            _ => return Err(NoPromise),
        };
        *place = Some(ms);
    }
    Ok((class.into(), slo))
}

/// The promise to a class: its own where it has one, of several the last, at the percentile of all.
pub(super) fn for_class(all: Slo, class: &str, own: &[(String, Slo)]) -> Slo {
    let found = own.iter().rfind(|(name, _)| name == class);
    found.map_or(all, |(_, slo)| Slo { percentile: all.percentile, ..*slo })
}

/// Refuses promises to classes that do not exist.
pub(super) fn known<'a>(own: &[(String, Slo)], classes: impl Iterator<Item = &'a str>) -> Result<()> {
    let classes: Vec<&str> = classes.collect();
    if let Some((unknown, _)) = own.iter().find(|(name, _)| !classes.contains(&name.as_str())) {
        bail!("--class-slo: there is no class `{unknown}`; there is {}", classes.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_own_promise_at_the_percentile_of_all() {
        let own = [promise("agent:ttft=4000,tpot=60").unwrap(), promise("agent:e2e=9000").unwrap()];
        let all = Slo { percentile: 0.9, ..Slo::ttft(500.0) };
        let slo = for_class(all, "agent", &own);
        assert_eq!((slo.ttft_ms, slo.tpot_ms, slo.e2e_ms, slo.percentile), (None, None, Some(9000.0), 0.9));
        assert_eq!((for_class(all, "chat", &own), own[0].1.tpot_ms), (all, Some(60.0)));
        for wrong in ["agent", "agent:", "agent:ttft", "agent:ttft=-1", "agent:p99=1", "agent:ttft=x"] {
            assert!(promise(wrong).is_err(), "{wrong}");
        }
        assert!(known(&own, ["chat"].into_iter()).is_err() && known(&own, ["agent"].into_iter()).is_ok());
    }
}
