//! Catalogue files of one's own: what contradicts itself, a publication or what is shipped is told.

use crate::{place, say};
use anyhow::Result;
use std::path::Path;
use tollgate_fleet::catalogue::check::{self, Finding};
use tollgate_fleet::catalogue::{Catalogue, Model};

/// Most findings that are told one by one.
const TOLD_MAX: usize = 32;

/// The shipped catalogue with files added, and what is wrong with them. The shipped one alone has no finding.
pub(in crate::fleet) fn catalogue(
    gpus: Option<&Path>,
    models: Option<&Path>,
) -> Result<(Catalogue, Vec<Finding>)> {
    let shipped = Catalogue::shipped()?;
    let mut own = shipped.clone();
    if let Some(path) = gpus {
        own.add_gpus(&path.display().to_string(), &place::read_text(path)?)?;
    }
    if let Some(path) = models {
        own.add_models(&path.display().to_string(), &place::read_text(path)?)?;
    }
    let mut findings = check::catalogue(&own);
    for model in own.models() {
        findings.extend(against_shipped(model, &shipped));
    }
    Ok((own, findings))
}

/// How a model differs from the shipped one of its name, whose figures are its publisher's.
fn against_shipped(model: &Model, shipped: &Catalogue) -> Vec<Finding> {
    shipped.model(&model.name).map_or_else(|_| Vec::new(), |published| check::against(model, published))
}

/// What is wrong with a model that was read from its published configuration.
pub(super) fn imported(model: &Model) -> Result<Vec<Finding>> {
    let mut findings = check::model(model);
    findings.extend(against_shipped(model, &Catalogue::shipped()?));
    Ok(findings)
}

/// Tells findings on standard error: they may be meant.
pub(in crate::fleet) fn tell(findings: &[Finding]) {
    for finding in findings.iter().take(TOLD_MAX) {
        say::remark(&format!("catalogue: {finding}"));
    }
    if findings.len() > TOLD_MAX {
        say::remark(&format!("catalogue: {} more contradictions", findings.len() - TOLD_MAX));
    }
}
