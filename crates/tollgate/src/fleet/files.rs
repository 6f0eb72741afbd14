//! Files of workloads: opened with a bar, bounded, and the fields of a trace of one's own.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::path::Path;
use tollgate_fleet::trace::{Layout, TimeUnit};

/// Largest CDF file, in bytes.
const CDF_MAX: u64 = 1 << 20;

/// A CDF file's bytes, bounded.
pub(super) fn cdf_bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = crate::place::read(path)?;
    if bytes.len() as u64 > CDF_MAX {
        bail!("{} is larger than {CDF_MAX} bytes: a CDF has a few knots", path.display());
    }
    Ok(bytes)
}

/// A file with a bar that shows how much of it was read (on a terminal only).
pub(super) fn watched(path: &Path) -> Result<impl std::io::Read + use<>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bar = ProgressBar::new(file.metadata().map_or(0, |m| m.len()));
    bar.set_style(style("{bytes}/{total_bytes} read")?);
    Ok(bar.wrap_read(file))
}

/// How bars look.
pub(super) fn style(what: &str) -> Result<ProgressStyle> {
    Ok(ProgressStyle::with_template(&format!("{{bar:30}} {what}, {{eta}} left"))?)
}

/// The name of a file without its endings.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "workload".into(), |name| name.to_string_lossy().into_owned());
    name.split('.').next().unwrap_or("workload").to_owned()
}

/// What `--fields` is not.
#[derive(Debug, thiserror::Error)]
#[error("write TIME:UNIT,PROMPT,OUTPUT with the unit s, ms or text, as ts:s,input,output")]
pub(super) struct NoLayout;

/// Reads `TIME:UNIT,PROMPT,OUTPUT`.
pub(super) fn layout(text: &str) -> Result<Layout, NoLayout> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[time, prompt, output] = fields.as_slice() else { return Err(NoLayout) };
    let (field, unit) = time.rsplit_once(':').ok_or(NoLayout)?;
    let unit = match unit {
        "s" => TimeUnit::Seconds,
        "ms" => TimeUnit::Milliseconds,
        "text" => TimeUnit::Text,
        _ => return Err(NoLayout),
    };
    Ok(Layout::own(Some((field, unit)), prompt, output))
}
