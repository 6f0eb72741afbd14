//! Searches that take many steps find what one look at all agents would.

use super::{RECORD, at, first, to_json};
use serde_json::{Value, json};
use tollgate_core::Digest;
use tollgate_pay::registry::{Directory, Query, Sealed, SecretKey};

/// More than two steps of a search.
const AGENTS: u64 = 600;

#[test]
fn a_search_of_many_steps_finds_every_agent_once() {
    let mut agents = Directory::new(1_000);
    let (mut every_seventh, mut all) = (Vec::new(), Vec::new());
    for n in 0..AGENTS {
        let key = SecretKey::from_seed(&Digest::of(&n.to_le_bytes()).0);
        let jwk: Value = serde_json::from_str(&key.public().jwk().canonical().unwrap()).unwrap();
        let mut record = first();
        record["id"] = json!(key.public().did());
        record["keys"] = json!([{"kid": "k", "jwk": jwk, "purposes": ["control"]}]);
        record["skills"] = json!([if n % 7 == 0 { "Translate" } else { "paint" }]);
        let sealed = Sealed::sign(&to_json(&record), RECORD, "k", &key).unwrap();
        assert!(agents.take(&sealed, None, at(0)).unwrap());
        all.push(key.public().did());
        every_seventh.extend((n % 7 == 0).then(|| key.public().did()));
    }
    all.sort_unstable();
    every_seventh.sort_unstable();
    for (skill, wanted) in [(None, &all), (Some("translate"), &every_seventh), (Some("none"), &Vec::new())] {
        for limit in [1, 50, 100] {
            let skill = skill.map(str::to_owned);
            let (mut query, mut seen) = (Query { skill, limit, ..Query::default() }, Vec::new());
            loop {
                let (page, next) = agents.find(&query);
                assert!(page.len() <= limit);
                seen.extend(page.iter().map(|record| record.id.clone()));
                let Some(next) = next else { break };
                assert_eq!(page.len(), limit, "a page before another is full");
                query.after = Some(next);
            }
            assert_eq!(&seen, wanted, "pages of {limit}");
        }
    }
    assert_eq!(agents.len(), all.len());
}
