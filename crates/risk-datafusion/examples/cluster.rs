//! Folds and scores on a Ballista cluster, or in process, and compares with what `risk fold` and `risk score` made.
//!
//! ```text
//! cluster generate DIR                         payments, and the same rows dealt out to DIR/parts/*.parquet
//! cluster scheduler PORT MODEL                 serves until it is stopped
//! cluster executor PORT SCHEDULER MODEL WORK   serves on PORT and PORT + 1 until it is stopped
//! cluster query SCHEDULER|none MODEL DIR       DIR/folded of `risk fold --whole` must be what is folded; prints user,probability
//! ```

#![expect(clippy::print_stdout, reason = "an example that prints what it found")]

use ballista::prelude::SessionContextExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::{default_config_producer, default_session_builder};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tollgate_risk::RiskError;
use tollgate_risk::generate::{Plan, generate, write};
use tollgate_risk::model::Model;
use tollgate_risk::online::{Payment, singles};
use tollgate_risk_datafusion::{batch, register};

/// Files that rows are dealt out to.
const PARTS: usize = 6;
/// The moment of the decision in what `generate` makes: 180 days.
const AT: i64 = 180 * 86_400;

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["generate", folder] => generated(Path::new(folder)).await,
        ["scheduler", port, model] => scheduler(port.parse()?, model).await,
        ["executor", port, scheduler, model, work] => {
            executor(port.parse()?, scheduler.parse()?, model, work).await
        }
        ["query", scheduler, model, folder] => query(scheduler, model, Path::new(folder)).await,
        _ => Err("cluster generate|scheduler|executor|query …: see the head of examples/cluster.rs".into()),
    }
}

async fn generated(folder: &Path) -> Done {
    let made = generate(&Plan { users: 600, events: 80.0, ..Plan::default() });
    write(&made, folder)?;
    let context = SessionContext::new();
    for part in 0..PARTS {
        let mut rows = Vec::new();
        for (row, (user, time, merchant, amount)) in (0i64..).zip(&made.events).skip(part).step_by(PARTS) {
            let (name, category) = &made.merchants[*merchant as usize];
            let payment = Payment {
                time: Some(*time),
                merchant: merchant.to_string(),
                amount: Some(*amount),
                name: Some(name.clone()),
                category: Some(category.to_string()),
                ..Payment::default()
            };
            rows.push((user.to_string(), row, payment));
        }
        let path = folder.join(format!("parts/part-{part}.parquet"));
        let options = DataFrameWriteOptions::new().with_single_file_output(true);
        context.read_batch(batch(&rows)?)?.write_parquet(&path.display().to_string(), options, None).await?;
    }
    Ok(())
}

async fn scheduler(port: u16, model: &str) -> Done {
    let model = Model::open(Path::new(model))?;
    let session = move |config| {
        let mut state = default_session_builder(config)?;
        register(&mut state, model.clone())?;
        Ok(state)
    };
    let config = SchedulerConfig {
        bind_port: port,
        override_session_builder: Some(Arc::new(session)),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await?;
    Ok(start_server(cluster, ([127, 0, 0, 1], port).into(), Arc::new(config)).await?)
}

async fn executor(port: u16, scheduler: u16, model: &str, work: &str) -> Done {
    let mut state = default_session_builder(default_config_producer())?;
    register(&mut state, Model::open(Path::new(model))?)?;
    let config = ExecutorProcessConfig {
        port,
        grpc_port: port + 1,
        scheduler_port: scheduler,
        scheduler_connect_timeout_seconds: 60,
        vcores: 1,
        work_dir: Some(work.into()),
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&state))),
        ..ExecutorProcessConfig::default()
    };
    Ok(start_executor_process(Arc::new(config)).await?)
}

async fn query(scheduler: &str, model: &str, folder: &Path) -> Done {
    let mut context = match scheduler {
        "none" => SessionContext::new(),
        port => SessionContext::remote(&format!("df://localhost:{port}")).await?,
    };
    register(&mut context, Model::open(Path::new(model))?)?;
    let parts = folder.join("parts").display().to_string();
    context.register_parquet("payments", &parts, ParquetReadOptions::default()).await?;
    let sql = format!(
        "SELECT \"user\", history, risk_score(history, {AT}) AS probability FROM (SELECT \"user\", \
         risk_history(ts, merchant, amount, row, name, category, description) AS history FROM payments GROUP BY \"user\")"
    );
    let mut found = BTreeMap::new();
    for rows in context.sql(&sql).await?.collect().await? {
        let users =
            datafusion::arrow::compute::cast(rows.column(0), &datafusion::arrow::datatypes::DataType::Utf8)?;
        let (users, histories) = (users.as_string::<i32>(), rows.column(1).as_binary::<i32>());
        let scores = rows.column(2).as_primitive::<Float64Type>();
        for row in 0..rows.num_rows() {
            found.insert(users.value(row).to_owned(), (histories.value(row).to_vec(), scores.value(row)));
        }
    }
    let mut users = 0;
    singles(&folder.join("folded"), &mut |user, single| {
        users += 1;
        match found.get(user) {
            Some((history, _)) if *history == single.encode() => Ok(()),
            _ => Err(RiskError::Data(format!("the history of user {user} is not that of risk fold"))),
        }
    })?;
    if users != found.len() {
        return Err(format!("{} users were folded here, {users} by risk fold", found.len()).into());
    }
    println!("user,probability");
    found.iter().for_each(|(user, (_, probability))| println!("{user},{probability}"));
    Ok(())
}
