//! What SQL folds and scores is what `risk fold` and `risk score` make, bit for bit, however rows are dealt out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_risk::Dataset;
use tollgate_risk::fold::{Caps, FoldJob};
use tollgate_risk::generate::{Generated, Plan, generate, write};
use tollgate_risk::ingest::Mapping;
use tollgate_risk::model::Model;
use tollgate_risk::online::{Payment, singles};
use tollgate_risk::train::{TrainConfig, train};
use tollgate_risk_datafusion::{WHOLE, batch, register};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Payments with their user and row, in the order of the file.
fn payments(made: &Generated) -> Vec<(String, i64, Payment)> {
    let of = |(row, (user, time, merchant, amount)): (i64, &(u32, i64, u32, i64))| {
        let (name, category) = &made.merchants[*merchant as usize];
        let payment = Payment {
            time: Some(*time),
            merchant: merchant.to_string(),
            amount: Some(*amount),
            name: Some(name.clone()),
            category: Some(category.to_string()),
            ..Payment::default()
        };
        (user.to_string(), row, payment)
    };
    (0i64..).zip(&made.events).map(of).collect()
}

/// A session with a table `payments` whose rows are dealt out to four partitions.
fn session(rows: &[(String, i64, Payment)], model: Model) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(4).with_batch_size(64);
    let mut state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    register(&mut state, model).unwrap();
    let context = SessionContext::new_with_state(state);
    let part = |wanted: usize| {
        let own = rows.iter().enumerate().filter(|(i, _)| i % 4 == wanted).map(|(_, r)| r.clone()).rev();
        vec![batch(&own.collect::<Vec<_>>()).unwrap()]
    };
    let parts: Vec<_> = (0..4).map(part).collect();
    let table = MemTable::try_new(parts[0][0].schema(), parts).unwrap();
    context.register_table("payments", Arc::new(table)).unwrap();
    context
}

const ARGUMENTS: &str = "ts, merchant, amount, row, name, category, description";

async fn histories(context: &SessionContext, function: &str) -> BTreeMap<String, Vec<u8>> {
    let sql = format!("SELECT \"user\", {function}({ARGUMENTS}) AS history FROM payments GROUP BY \"user\"");
    let mut all = BTreeMap::new();
    for rows in context.sql(&sql).await.unwrap().collect().await.unwrap() {
        let (users, found) = (rows.column(0).as_string::<i32>(), rows.column(1).as_binary::<i32>());
        for row in 0..rows.num_rows() {
            assert!(all.insert(users.value(row).to_owned(), found.value(row).to_vec()).is_none());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn folds_and_scores_are_those_of_files() {
    let made = generate(&Plan { users: 160, events: 60.0, ..Plan::default() });
    let folder = Folder(std::env::temp_dir().join(format!("tollgate-risk-sql-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&folder.0);
    write(&made, &folder.0).unwrap();
    let mapping = Mapping::of(&folder.0).unwrap();
    let data = Dataset::read(&folder.0, &mapping, None, &mut |_, _| {}).unwrap();
    let model = train(&data, &TrainConfig { network: None, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    let wanted = model.score(&data, None).unwrap();
    let rows = payments(&made);
    let (context, again) = (session(&rows, model.clone()), model);

    for (function, caps) in [("risk_history", WHOLE), ("risk_fold", Caps::default())] {
        let found = histories(&context, function).await;
        let out = folder.0.join(function);
        let job = FoldJob {
            data: folder.0.clone(),
            mapping: mapping.clone(),
            out: out.clone(),
            caps,
            memory: 1 << 30,
        };
        job.run(&mut |_| {}).unwrap();
        let mut users = 0;
        singles(&out, &mut |user, single| {
            assert_eq!(found[user], single.encode(), "user {user}");
            users += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((users, found.len()), (160, 160));
    }

    let at = data.ends[0];
    let sql = format!(
        "SELECT \"user\", risk_score(risk_history({ARGUMENTS}), {at}) AS probability FROM payments GROUP BY \"user\""
    );
    let mut found = BTreeMap::new();
    for rows in context.sql(&sql).await.unwrap().collect().await.unwrap() {
        let (users, scores) =
            (rows.column(0).as_string::<i32>(), rows.column(1).as_primitive::<Float64Type>());
        (0..rows.num_rows()).for_each(|row| _ = found.insert(users.value(row).to_owned(), scores.value(row)));
    }
    assert_eq!(found.len(), wanted.len());
    for score in &wanted {
        assert_eq!(found[&score.user].to_bits(), score.probability.to_bits(), "user {}", score.user);
    }

    // Payments that are not whole are in no history, and are counted by reason.
    let good = histories(&context, "risk_history").await;
    let mut broken = rows.clone();
    let (user, _, payment) = rows[0].clone();
    let bad = [
        Payment { time: None, ..payment.clone() },
        Payment { amount: None, ..payment.clone() },
        Payment { amount: None, ..payment.clone() },
        Payment { merchant: " ".into(), ..payment },
    ];
    broken.extend(bad.into_iter().map(|payment| (user.clone(), 0, payment)));
    let context = session(&broken, again);
    assert_eq!(histories(&context, "risk_history").await, good);
    let sql =
        "SELECT risk_refusal(ts, merchant, amount) AS why, count(*) FROM payments GROUP BY why ORDER BY why";
    let mut reasons = Vec::new();
    for rows in context.sql(sql).await.unwrap().collect().await.unwrap() {
        let (why, counts) = (rows.column(0).as_string::<i32>(), rows.column(1).as_primitive::<Int64Type>());
        let named = (0..rows.num_rows()).filter(|row| why.is_valid(*row));
        reasons.extend(named.map(|row| (why.value(row).to_owned(), counts.value(row))));
    }
    let wanted = [("no amount that is a number", 2), ("no merchant", 1), ("no time that can be read", 1)];
    assert_eq!(reasons, wanted.map(|(why, n)| (why.to_owned(), n)));
}

#[tokio::test]
async fn what_does_not_fit_is_said() {
    let made = generate(&Plan { users: 160, events: 30.0, ..Plan::default() });
    let data = tollgate_risk::generate::dataset(&made);
    let model = train(&data, &TrainConfig { network: None, ..TrainConfig::default() }, &mut |_| {}).unwrap();
    let context = session(&payments(&made), model);
    for (sql, wanted) in [
        ("SELECT risk_history(ts, merchant) FROM payments", "write NULL for what there is not"),
        (
            "SELECT risk_score(risk_history(ts, merchant, amount, row, name, category, NULL), 9, 1.5) FROM payments",
            "3 arguments",
        ),
        ("SELECT risk_score(CAST('x' AS BYTEA), 9)", "did not make"),
    ] {
        let found = match context.sql(sql).await {
            Ok(frame) => frame.collect().await.err().map(|e| e.to_string()),
            Err(error) => Some(error.to_string()),
        };
        assert!(found.as_ref().is_some_and(|found| found.contains(wanted)), "{sql}: {found:?}");
    }
}
