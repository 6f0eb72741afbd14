//! Readers of what a fleet is planned from: recordings, distributions, catalogues, published model configurations.

use std::sync::LazyLock;
use tollgate_fleet::catalogue::{Catalogue, check, from_config};
use tollgate_fleet::service::{Profile, Serving};
use tollgate_fleet::trace::{Reader, archive, servegen};
use tollgate_fleet::workload::Cdf;

static SHIPPED: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::shipped().expect("what ships is read"));

/// A row is a request or counted as bad, and arrivals count from the first.
pub(crate) fn trace(data: &[u8]) -> bool {
    let Ok(content) = archive::unpack("fuzz", data) else { return false };
    let Ok(mut reader) = Reader::new("fuzz", content) else { return false };
    let (mut good, mut first) = (0, None);
    while let Some(request) = reader.next() {
        let Ok(request) = request else { return false };
        assert!(request.total_tokens() > 0, "{request:?}");
        assert!(usize::from(request.class) < reader.classes().len());
        first.get_or_insert(request.arrival_ns);
        good += 1;
    }
    let report = reader.report();
    assert_eq!(report.rows, good + report.bad, "every row is one or the other");
    assert!(first.unwrap_or(0) == 0 && (report.bad == 0) == report.samples.is_empty());
    good > 0
}

/// Windows of a client rise; lengths that are read have a mean.
pub(crate) fn clients(data: &[u8]) -> bool {
    let mut report = tollgate_fleet::trace::Report::default();
    let Ok(Some(client)) = servegen::windows("fuzz", data, &mut report) else { return false };
    assert!(client.windows.is_sorted_by(|a, b| a.start_ns < b.start_ns) && client.end_ns > 0);
    assert!(client.mean_rate_per_s().is_finite());
    true
}

/// A distribution rises to 1 and its quantiles lie in it.
pub(crate) fn lengths(data: &[u8]) -> bool {
    let Ok(cdf) = Cdf::from_json(data) else { return false };
    let quantiles = [0.0, 0.01, 0.5, 0.99, 1.0].map(|share| cdf.quantile(share));
    assert!(quantiles.is_sorted() && quantiles[4] <= f64::from(cdf.max_tokens()), "{quantiles:?}");
    assert!((cdf.at(f64::from(cdf.max_tokens())) - 1.0).abs() < 1e-9);
    true
}

/// A model that is imported can be checked, and planned with or refused with a reason.
pub(crate) fn model_config(data: &[u8]) -> bool {
    let Ok(imported) = from_config("fuzz", data) else { return false };
    let _ = check::model(&imported.model);
    let gpu = SHIPPED.gpu("h100-sxm").expect("it ships");
    let serving = Serving { tensor_parallel: 8, weights: imported.weights, ..Serving::default() };
    if let Ok(profile) = Profile::derive(gpu, &imported.model, &serving) {
        assert!(profile.check().is_ok(), "{profile:?}");
    }
    true
}

/// A catalogue that is added can be checked and looked up; the first byte says of what it is.
pub(crate) fn catalogue(data: &[u8]) -> bool {
    let Some((&choice, text)) = data.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut all = SHIPPED.clone();
    let added =
        if choice.is_multiple_of(2) { all.add_gpus("fuzz", text) } else { all.add_models("fuzz", text) };
    let _ = check::catalogue(&all);
    assert!(all.gpu("h100-sxm").is_ok() && all.model("llama-3.1-8b").is_ok(), "what ships stays");
    added.is_ok()
}
