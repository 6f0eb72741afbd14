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
            "profile" => Self::Profile(rest.to_owned()),
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

    /// In words. `moved` are the names of its features with how far each is from the middle, the weightiest first.
    pub(super) fn text(&self, moved: &[(&str, f32)]) -> String {
        let up = moved.first().is_some_and(|(_, by)| *by > 0.0);
        let lead = moved.first().map_or("", |(name, _)| *name);
        let high = if up { "high" } else { "low" };
        match self {
            Self::Drift => "amounts at your regular merchants changed".into(),
            Self::Turnover => "payments moved from your regular merchants to others".into(),
            Self::Spread => "how your payments spread over merchants".into(),
            Self::Trend if lead.contains("net") => "the balance of money in and out over time".into(),
            Self::Trend => format!("your spending {} over time", if up { "rose" } else { "fell" }),
            Self::WordShift => listed("visits", "moved to", "moved away from", moved),
            Self::WordAmount => listed("amounts", "rose at", "fell at", moved),
            Self::WordShare => listed("visits", "were many to", "were few to", moved),
            Self::Category(name) if lead.ends_with("shift") => {
                format!("visits in the category \"{name}\" {}", if up { "rose" } else { "fell" })
            }
            Self::Category(name) if lead.ends_with("amount") => {
                format!("{high} amounts in the category \"{name}\"")
            }
            Self::Category(name) => format!("{high} share of the category \"{name}\""),
            Self::Number(name) if lead.ends_with("negative") => format!("times with a negative {name}"),
            Self::Number(name) if lead.contains("deviation") => {
                format!("the {name} {}", if up { "moves up and down a lot" } else { "hardly moves" })
            }
            Self::Number(name) if lead.ends_with("late") => {
                format!("the {name} {} lately", if up { "rose" } else { "fell" })
            }
            Self::Number(name) => format!("the {name} is {high}"),
            Self::Calendar => "when and how regularly you pay".into(),
            Self::Profile(name) => format!("the value of {name} is {high}"),
            Self::Volume => format!("{high} number or size of your payments"),
        }
    }
}

/// Words by which way they moved: `visits moved to merchants described as "outlet", moved away from …`.
fn listed(what: &str, more: &str, less: &str, moved: &[(&str, f32)]) -> String {
    let word = |name: &str| {
        let word = name.strip_prefix("word:").unwrap_or(name);
        let word = word.strip_suffix(" deviation by time").or_else(|| word.rsplit_once(' ').map(|(w, _)| w));
        format!("\"{}\"", word.unwrap_or(name))
    };
    let named = &moved[..moved.len().min(NAMED_MAX)];
    let part = |verb: &str, rising: bool| {
        let words: Vec<String> =
            named.iter().filter(|(_, by)| (*by > 0.0) == rising).map(|(name, _)| word(name)).collect();
        (!words.is_empty()).then(|| format!("{verb} merchants described as {}", words.join(", ")))
    };
    let parts: Vec<String> = [part(more, true), part(less, false)].into_iter().flatten().collect();
    format!("{what} {}", parts.join(" and "))
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
        let moved = [("word:outlet shift", 2.0), ("word:prime shift", -1.0), ("word:saver shift", 0.5)];
        assert_eq!(
            Cause::WordShift.text(&moved),
            "visits moved to merchants described as \"outlet\", \"saver\" and moved away from merchants described as \"prime\""
        );
        assert_eq!(
            Cause::WordAmount.text(&[("word:outlet deviation by time", -1.0)]),
            "amounts fell at merchants described as \"outlet\""
        );
        assert_eq!(
            Cause::Category("food".into()).text(&[("category:food shift", -1.0)]),
            "visits in the category \"food\" fell"
        );
        assert_eq!(
            Cause::Number("balance".into()).text(&[("number:balance least", -1.0)]),
            "the balance is low"
        );
    }
}
