//! Policies whose questions have no short answer.

use std::fmt::Write as _;

pub(crate) const DEFAULT: &str = "default { models { \"d\" } }\n";

pub(crate) fn signals(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "signal s{at} = keyword any [\"w{at}\"]");
        text
    })
}

/// n + 1 pigeons in n holes.
pub(crate) fn pigeons(holes: usize) -> String {
    let at = |pigeon: usize, hole: usize| format!("s{}", pigeon * holes + hole);
    let mut text = signals((holes + 1) * holes);
    for pigeon in 0..=holes {
        let places: Vec<String> = (0..holes).map(|hole| at(pigeon, hole)).collect();
        let _ = writeln!(text, "flag housed{pigeon} = {}", places.join(" or "));
    }
    for hole in 0..holes {
        let mut apart = Vec::new();
        for one in 0..=holes {
            apart.extend(
                (one + 1..=holes).map(|other| format!("not ({} and {})", at(one, hole), at(other, hole))),
            );
        }
        let _ = writeln!(text, "flag alone{hole} = {}", apart.join(" and "));
    }
    let all: Vec<String> =
        (0..=holes).map(|p| format!("housed{p}")).chain((0..holes).map(|h| format!("alone{h}"))).collect();
    text + &format!("route r {{ when {} models {{ \"m\" }} }}\n{DEFAULT}", all.join(" and "))
}
