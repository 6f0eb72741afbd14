//! Which features say the same to a person, and how that is put into words.
//!
//! A reason must be specific (Regulation B, 12 CFR 1002.9, and CFPB circular 2023-03): it names the kind of merchant, the
//! number or the part of the behaviour, and which way it moved.

use std::collections::BTreeMap;

/// Words named in one reason.
const NAMED_MAX: usize = 3;

/// What features can have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// Amounts moved at the user's own merchants.
    Drift,
    /// Merchants came and went.
    Turnover,
    /// How payments spread over merchants.
    Spread,
    /// Spending over time.
    Trend,
    /// Visits moved towards some kinds of merchants.
    WordShift,
    /// Amounts moved at some kinds of merchants.
    WordAmount,
    /// Some kinds of merchants are visited much or little.
    WordShare,
    /// One category.
    Category(String),
    /// One number of payments.
    Number(String),
    /// Hours, days and gaps.
    Calendar,
    /// One number of the user.
    Profile(String),
    /// How many payments, how large.
    Volume,
}

impl Cause {
    /// The cause that a feature belongs to, by its name.
    fn of(name: &str) -> Self {
        let (head, rest) = name.split_once(':').unwrap_or((name, ""));
        let one_of = |known: &[&str]| known.iter().any(|k| rest.contains(k));
        let before_last = || rest.rsplit_once(' ').map_or(rest, |(word, _)| word).to_owned();
        match head {
            "fold" if one_of(&["drift", "compared"]) => Self::Drift,
            "fold" if one_of(&["lost", "stopped", "new", "moved"]) => Self::Turnover,
            "fold" => Self::Spread,
            "trend" | "slice" | "recent" => Self::Trend,
            "word" if rest.ends_with(" shift") => Self::WordShift,
            "word" if rest.ends_with(" deviation by time") => Self::WordAmount,
            "word" => Self::WordShare,
            "category" => Self::Category(before_last()),
            "number" => Self::Number(rest.split(' ').next().unwrap_or(rest).to_owned()),
            "calendar" => Self::Calendar,
            "profile" | "missing" => Self::Profile(rest.to_owned()),
            _ => Self::Volume,
        }
    }

    /// Columns by cause.
    pub(super) fn grouped(names: &[String]) -> Vec<(Self, Vec<usize>)> {
        let mut groups: BTreeMap<Self, Vec<usize>> = BTreeMap::new();
        for (column, name) in names.iter().enumerate() {
            groups.entry(Self::of(name)).or_default().push(column);
        }
        groups.into_iter().collect()
    }

    /// In words; none where the figures of the user say nothing of the kind. `moved` are its features, the weightiest first.
    ///
    /// What is said is read from the user's own figures, never from whether the risk rose: a model may raise it for the
    /// opposite of what is usual, and a notice must be true.
    pub(super) fn text(&self, moved: &[Moved<'_>]) -> Option<String> {
        let lead = moved.first()?;
        let of = |name: &str| moved.iter().find(|m| m.name == name);
        let among = |name: &str, many: &str, few: &str| {
            of(name).map(|m| if m.by > 0.0 { many } else { few }.to_owned())
        };
        let high = if lead.by > 0.0 { "high" } else { "low" };
        match self {
            Self::Drift if of("fold:none compared, halves").is_some_and(|m| m.value > 0.5) => {
                Some("no regular merchants whose amounts could be compared".into())
            }
            Self::Drift => among(
                "fold:drift mean, halves",
                "amounts at your regular merchants changed",
                "amounts at your regular merchants hardly changed",
            ),
            Self::Turnover => among(
                "fold:visits moved",
                "payments moved from your regular merchants to others",
                "payments hardly moved between merchants",
            ),
            Self::Spread => among(
                "fold:concentration",
                "most of your payments go to few merchants",
                "your payments are spread over many merchants",
            ),
            Self::Trend => trend(lead, of("trend:sum in the last half")),
            Self::WordShift => listed("visits", "moved to", "moved away from", moved, |m| m.value),
            Self::WordAmount => listed("amounts", "rose at", "fell at", moved, |m| m.value),
            Self::WordShare => listed("visits", "were many to", "were few to", moved, |m| m.by),
            Self::Category(name) if lead.name.ends_with("shift") => {
                Some(format!("visits in the category \"{name}\" {}", way(lead.value, "rose", "fell")?))
            }
            Self::Category(name) if lead.name.ends_with("amount") => {
                Some(format!("{high} amounts in the category \"{name}\""))
            }
            Self::Category(name) => Some(format!("{high} share of the category \"{name}\"")),
            Self::Number(name) => number(name, lead),
            Self::Calendar => Some(calendar(lead)),
            Self::Profile(name) => Some(match of(&format!("profile:{name}")) {
                Some(known) if known.value.is_finite() => {
                    format!("the value of {name} is {}", if known.by > 0.0 { "high" } else { "low" })
                }
                _ => format!("the value of {name} is not known"),
            }),
            Self::Volume => Some(match lead.name {
                "all:count" => format!("{high} number of your payments"),
                "all:balance of directions" => {
                    format!("{high} balance of money in over money out")
                }
                "all:first" | "all:last" => "when your payments in the period begin and end".into(),
                _ => format!("{high} size of your payments"),
            }),
        }
    }
}

/// A feature of a cause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved<'a> {
    pub(super) name: &'a str,
    /// How far from the middle of the users that were learned from.
    pub(super) by: f32,
    /// The user's own figure.
    pub(super) value: f32,
}

/// Which way a figure that is a difference goes; none where it goes neither.
const fn way<'a>(value: f32, more: &'a str, less: &'a str) -> Option<&'a str> {
    match value {
        v if v > 0.0 => Some(more),
        v if v < 0.0 => Some(less),
        _ => None,
    }
}

/// Spending late against early: the logarithm of the second half's sum over the first half's.
fn trend(lead: &Moved<'_>, late: Option<&Moved<'_>>) -> Option<String> {
    if lead.name.contains("net") {
        return Some(format!(
            "{} balance of money in and out over time",
            if lead.by > 0.0 { "high" } else { "low" }
        ));
    }
    Some(format!("your spending {} over time", way(late?.value, "rose", "fell")?))
}

fn number(name: &str, lead: &Moved<'_>) -> Option<String> {
    let up = lead.by > 0.0;
    Some(match lead.name {
        l if l.ends_with("negative") && up => format!("times with a negative {name}"),
        l if l.ends_with("negative") => format!("the {name} is hardly ever negative"),
        l if l.contains("deviation") => {
            format!("the {name} {}", if up { "moves up and down a lot" } else { "hardly moves" })
        }
        l if l.ends_with(" late") => format!("the {name} {} lately", way(lead.value, "rose", "fell")?),
        _ => format!("the {name} is {}", if up { "high" } else { "low" }),
    })
}

fn calendar(lead: &Moved<'_>) -> String {
    let many = if lead.by > 0.0 { "many" } else { "few" };
    match lead.name.strip_prefix("calendar:").unwrap_or(lead.name) {
        "night" => format!("{many} payments between midnight and six"),
        "morning" => format!("{many} payments between six and noon"),
        "afternoon" => format!("{many} payments between noon and six"),
        "weekend" => format!("{many} payments at weekends"),
        "gap deviation" if lead.by > 0.0 => "irregular times between payments".into(),
        "gap deviation" => "very regular times between payments".into(),
        "gap" | "longest gap" if lead.by > 0.0 => "long times between payments".into(),
        "gap" | "longest gap" => "short times between payments".into(),
        _ => format!("{many} payments at the same days of a month"),
    }
}

/// Words by which way they moved: `visits moved to merchants described as "outlet", moved away from …`. Those that moved
/// neither way are not named.
fn listed(
    what: &str,
    more: &str,
    less: &str,
    moved: &[Moved<'_>],
    side: impl Fn(&Moved<'_>) -> f32,
) -> Option<String> {
    let word = |name: &str| {
        let word = name.strip_prefix("word:").unwrap_or(name);
        let word = word.strip_suffix(" deviation by time").or_else(|| word.rsplit_once(' ').map(|(w, _)| w));
        format!("\"{}\"", word.unwrap_or(name))
    };
    let named: Vec<&Moved<'_>> = moved.iter().filter(|m| side(m) != 0.0).take(NAMED_MAX).collect();
    let part = |verb: &str, rising: bool| {
        let words: Vec<String> =
            named.iter().filter(|m| (side(m) > 0.0) == rising).map(|m| word(m.name)).collect();
        (!words.is_empty()).then(|| format!("{verb} merchants described as {}", words.join(", ")))
    };
    let parts: Vec<String> = [part(more, true), part(less, false)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{what} {}", parts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_say_the_same_share_a_cause() {
        assert_eq!(Cause::of("fold:drift, thirds"), Cause::of("fold:drift largest, halves"));
        assert_eq!(Cause::of("word:outlet shift"), Cause::of("word:saver shift"));
        assert_eq!(Cause::of("category:food|out share"), Cause::Category("food|out".into()));
        assert_eq!(Cause::of("number:balance late least"), Cause::Number("balance".into()));
        assert_eq!(Cause::of("slice:count 3"), Cause::Trend);
    }

    #[test]
    fn texts_say_what_and_which_way() {
        let told = |cause: &Cause, moved: &[(&str, f32)]| {
            let moved: Vec<Moved<'_>> =
                moved.iter().map(|(name, by)| Moved { name, by: *by, value: *by }).collect();
            cause.text(&moved).unwrap()
        };
        let moved = [("word:outlet shift", 2.0), ("word:prime shift", -1.0), ("word:saver shift", 0.5)];
        assert_eq!(
            told(&Cause::WordShift, &moved),
            "visits moved to merchants described as \"outlet\", \"saver\" and moved away from merchants described as \"prime\""
        );
        assert_eq!(
            told(&Cause::WordAmount, &[("word:outlet deviation by time", -1.0)]),
            "amounts fell at merchants described as \"outlet\""
        );
        assert_eq!(
            told(&Cause::Category("food".into()), &[("category:food shift", -1.0)]),
            "visits in the category \"food\" fell"
        );
        assert_eq!(
            told(&Cause::Number("balance".into()), &[("number:balance least", -1.0)]),
            "the balance is low"
        );
    }

    /// A notice says what the user's figures say, whichever feature weighs most and whichever way the risk went.
    #[test]
    fn texts_follow_the_figures_and_not_the_risk() {
        let one = |name, by, value| Moved { name, by, value };
        // The first twelfth of the window was high, so spending fell.
        let late = |value| one("trend:sum in the last half", value, value);
        let first = one("slice:sum 0", 2.0, 9.0);
        assert_eq!(Cause::Trend.text(&[first, late(-0.7)]).unwrap(), "your spending fell over time");
        assert_eq!(Cause::Trend.text(&[first, late(0.7)]).unwrap(), "your spending rose over time");
        assert_eq!(Cause::Trend.text(&[first, late(0.0)]), None);
        let drift =
            |by| [one("fold:drift largest, halves", 1.0, 1.0), one("fold:drift mean, halves", by, 0.2)];
        assert_eq!(Cause::Drift.text(&drift(1.0)).unwrap(), "amounts at your regular merchants changed");
        assert_eq!(
            Cause::Drift.text(&drift(-1.0)).unwrap(),
            "amounts at your regular merchants hardly changed"
        );
        let moved = |by| [one("fold:visits moved", by, 0.4)];
        assert_ne!(Cause::Turnover.text(&moved(1.0)), Cause::Turnover.text(&moved(-1.0)));
        let negative =
            |by| Cause::Number("balance".into()).text(&[one("number:balance negative", by, 0.1)]).unwrap();
        assert_eq!(negative(1.0), "times with a negative balance");
        assert_eq!(negative(-1.0), "the balance is hardly ever negative");
        // Above the middle of the others, and yet fallen.
        let late = Cause::Number("balance".into()).text(&[one("number:balance late", 1.0, -50.0)]);
        assert_eq!(late.unwrap(), "the balance fell lately");
        assert_eq!(Cause::WordShift.text(&[one("word:outlet shift", 1.0, 0.0)]), None);
        let missing = [one("missing:income", 3.0, 1.0), one("profile:income", 0.0, f32::NAN)];
        assert_eq!(
            Cause::Profile("income".into()).text(&missing).unwrap(),
            "the value of income is not known"
        );
    }
}
