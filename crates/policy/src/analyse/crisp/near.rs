//! Routes of one rank that ask for vectors in caps that meet: one text can be like the examples of both.

use super::shape::Shape;
use crate::Severity;
use crate::analyse::World;
use crate::analyse::caps::Meeting;
use crate::analyse::finding::{Finding, FindingKind, Findings};
use std::collections::BTreeSet;

/// A rule with what it needs at the least.
type Shaped<'p> = (u32, Shape<'p>);

/// Adds a finding for each pair of routes with caps that meet and that can hold together, which `ask` answers; gives the
/// pairs.
pub(super) fn find<'p>(
    world: &World<'p>,
    shapes: &[Shaped<'p>],
    ask: &mut impl FnMut(&Shaped<'p>, &Shaped<'p>, &mut usize) -> Option<Finding>,
    findings: &mut Findings,
) -> BTreeSet<(u32, u32)> {
    let mut told = BTreeSet::new();
    for ((one, other), meeting) in &world.meetings {
        let with = |signal: u32| shapes.iter().filter(move |(_, shape)| shape.needs(signal));
        let pairs = with(*one).flat_map(|first| with(*other).map(move |second| (first, second)));
        for (first, second) in pairs.filter(|(first, second)| first.0 != second.0) {
            let (first, second) = if first.0 < second.0 { (first, second) } else { (second, first) };
            if told.contains(&(first.0, second.0)) {
                continue;
            }
            if let Some(mut found) = ask(first, second, &mut findings.unsettled) {
                describe(&mut found, meeting);
                findings.findings.push(found);
                told.insert((first.0, second.0));
            }
        }
    }
    told
}

/// The finding of two routes whose examples are near enough that one text can be like both.
fn describe(found: &mut Finding, meeting: &Meeting) {
    let Meeting { signals: [one, other], examples: [first, second], angle, radii, .. } = meeting;
    let degrees = |radians: f64| radians.to_degrees();
    found.kind = FindingKind::CapOverlap;
    found.severity = Severity::Warning;
    found.message = format!(
        "{}: texts like {first:?} (`{one}`) and like {second:?} (`{other}`) are {:.1} degrees apart, within the {:.1} + {:.1} \
         that their thresholds allow, so one text can be like both",
        found.message,
        degrees(*angle),
        degrees(radii[0]),
        degrees(radii[1])
    );
    found.repair = format!(
        "raise the thresholds until they are less than {:.1} degrees together (cosines of {:.3} each), or put `{one}` and \
         `{other}` into one exclusive group",
        degrees(*angle),
        (angle / 2.0).cos()
    );
    found.meeting = Some(meeting.clone());
}
