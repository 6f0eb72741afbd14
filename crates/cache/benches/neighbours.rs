//! The graph against a scan of all rows: how often it finds the nearest, and how long either takes.
//!
//! `cargo bench -p tollgate-cache` over 150,000 rows of 384 numbers around 2,000 topics.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;
use tollgate_cache::index::Index;
use tollgate_core::Seed;

const DIMS: usize = 384;
const TOPICS: usize = 2_000;
const QUERIES: usize = 300;

struct Draw(Seed);

impl Draw {
    fn vector(&mut self) -> Vec<f32> {
        let mut number = || {
            self.0 = self.0.next();
            2.0 * self.0.unit() as f32 - 1.0
        };
        (0..DIMS).map(|_| number()).collect()
    }

    fn near(&mut self, topic: &[f32]) -> Vec<f32> {
        let noise = self.vector();
        let sum: Vec<f32> = topic.iter().zip(&noise).map(|(t, n)| t + 0.7 * n).collect();
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        sum.iter().map(|x| x / length).collect()
    }
}

fn main() {
    let rows: usize = if std::env::args().any(|arg| arg == "--test") { 2_000 } else { 150_000 };
    let mut draw = Draw(Seed(7));
    let topics: Vec<Vec<f32>> = (0..TOPICS).map(|_| draw.vector()).collect();
    let mut index = Index::with_graph_from(DIMS, rows.min(100_000));
    let start = Instant::now();
    for at in 0..rows {
        let row = draw.near(&topics[at % TOPICS]);
        index.insert(&row);
    }
    println!("{rows} rows inserted in {:.1} s", start.elapsed().as_secs_f64());
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|at| draw.near(&topics[at * 5 % TOPICS])).collect();
    let start = Instant::now();
    let exact: Vec<_> = queries.iter().map(|query| index.scan(query, 8, -1.0)).collect();
    let scan = start.elapsed().as_secs_f64() * 1e3 / QUERIES as f64;
    let start = Instant::now();
    let found: Vec<_> = queries.iter().map(|query| index.nearest(query, 8, -1.0)).collect();
    let graph = start.elapsed().as_secs_f64() * 1e3 / QUERIES as f64;
    let first = exact.iter().zip(&found).filter(|(e, f)| e.first() == f.first()).count();
    let eight: usize =
        exact.iter().zip(&found).map(|(e, f)| e.iter().filter(|hit| f.contains(hit)).count()).sum();
    println!("scan {scan:.3} ms, graph {graph:.3} ms a search");
    println!(
        "nearest found {:.4}, eight nearest {:.4}",
        first as f64 / QUERIES as f64,
        eight as f64 / (8 * QUERIES) as f64
    );
}
