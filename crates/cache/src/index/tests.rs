use super::{Index, Row};
use proptest::prelude::*;
use tollgate_core::Seed;

/// Vectors around a few hundred directions, as questions lie around topics.
fn vectors(count: usize, dims: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut seed = Seed(seed).derive("vectors");
    let mut unit = move || {
        seed = seed.next();
        2.0 * seed.unit() as f32 - 1.0
    };
    let mut random = move || (0..dims).map(|_| unit()).collect::<Vec<f32>>();
    let topics: Vec<_> = (0..200).map(|_| random()).collect();
    let mut near = |at: usize| {
        let noise = random();
        let sum: Vec<f32> = topics[at % topics.len()].iter().zip(&noise).map(|(t, n)| t + 0.5 * n).collect();
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        sum.iter().map(|x| x / length).collect()
    };
    (0..count).map(&mut near).collect()
}

#[test]
fn the_graph_finds_what_a_scan_finds() {
    let (count, dims) = (4_000, 48);
    let mut graph = Index::with_graph_from(dims, 1_000);
    let rows = vectors(count, dims, 1);
    for row in &rows {
        graph.insert(row);
    }
    assert!(graph.by_graph());
    let (mut first, mut eight) = (0, 0);
    let queries = vectors(200, dims, 1);
    for query in &queries {
        let exact = graph.scan(query, 8, -1.0);
        let found = graph.nearest(query, 8, -1.0);
        assert_eq!(found.len(), 8);
        first += usize::from(found[0] == exact[0]);
        eight += exact.iter().filter(|hit| found.contains(hit)).count();
    }
    assert!(first >= 198, "{first} of 200 nearest rows");
    assert!(eight >= 1568, "{eight} of 1600 of the eight nearest");
}

#[test]
fn removed_rows_are_not_found_and_their_room_is_given_back() {
    let dims = 16;
    for graph_from in [100, usize::MAX] {
        let mut index = Index::with_graph_from(dims, graph_from);
        let rows = vectors(600, dims, 2);
        let names: Vec<Row> = rows.iter().map(|row| index.insert(row)).collect();
        for name in names.iter().step_by(2).chain(names.iter().skip(1).step_by(4)) {
            index.remove(*name);
            index.remove(*name);
        }
        assert_eq!(index.len(), 150);
        assert!(index.rows.names.len() <= 300, "{}", index.rows.names.len());
        for (name, row) in names.iter().zip(&rows) {
            let found = index.nearest(row, 3, 0.999);
            let live = index.places.contains_key(name);
            assert_eq!(found.iter().any(|(hit, _)| hit == name), live);
        }
    }
}

proptest! {
    #[test]
    fn a_scan_gives_the_nearest_in_order(
        rows in proptest::collection::vec(proptest::collection::vec(-1.0_f32..1.0, 9), 0..30),
        query in proptest::collection::vec(-1.0_f32..1.0, 9),
        count in 1_usize..6,
        least in -1.0_f32..1.0,
    ) {
        let mut index = Index::new(9);
        let names: Vec<Row> = rows.iter().map(|row| index.insert(row)).collect();
        let mut wanted: Vec<(Row, f32)> = names.iter().zip(&rows)
            .map(|(name, row)| (*name, super::product(row, &query)))
            .filter(|(_, cosine)| *cosine >= least)
            .collect();
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        wanted.truncate(count);
        prop_assert_eq!(index.nearest(&query, count, least), wanted);
    }
}
