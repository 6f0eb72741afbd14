//! The page of keys and budgets.

use crate::config::written::AuthMode;
use crate::config::{Budget, BudgetScope};
use crate::worker::Worker;
use tollgate_console::view::{BudgetView, BudgetsView, KeyView, Meter, RuleLimit, RuleView};
use tollgate_core::Timestamp;
use tollgate_store::budget;

/// The budgets page's model.
pub(super) fn view(worker: &Worker) -> BudgetsView {
    let shared = worker.shared();
    let ring = shared.store.keys();
    let subject = |subject: &budget::Subject| match subject.parts() {
        ("key", id) => format!("key {}", ring.get(id).map_or(id, |k| k.spec.name.as_str())),
        ("tenant", name) => format!("tenant {name}"),
        _ => "all callers".to_owned(),
    };
    let budgets = shared.store.budgets().accounts(shared.clock.now()).into_iter().filter_map(|account| {
        let counter = &account.counter;
        Some(BudgetView {
            subject: subject(&counter.subject),
            meter: match counter.meter {
                budget::Meter::Requests => Meter::Requests,
                budget::Meter::Tokens => Meter::Tokens,
                budget::Meter::Micro => Meter::Micro,
            },
            window: counter.window.word().into(),
            limit: account.limit?,
            settled: counter.settled,
            reserved: account.reserved,
            overrun: counter.overrun,
            resets: (counter.end < Timestamp(i64::MAX)).then_some(counter.end),
        })
    });
    let mut keys: Vec<KeyView> = ring
        .all()
        .iter()
        .map(|key| KeyView {
            id: key.id.to_string(),
            name: key.spec.name.clone(),
            hint: key.hint.clone(),
            tenant: key.spec.tenant.clone(),
            roles: key.spec.roles.clone(),
            scopes: key.spec.scopes.clone(),
            models: key.spec.models.clone(),
            created: key.created,
            expires: key.spec.expires,
            revoked: key.revoked,
        })
        .collect();
    keys.sort_by_key(|k| std::cmp::Reverse(k.created));
    let rules = shared.snapshot.load().settings.budgets.iter().map(rule).collect();
    let keyless = shared.snapshot.load().settings.auth.mode == AuthMode::Open;
    BudgetsView { budgets: budgets.collect(), rules, keys, keyless }
}

fn rule(budget: &Budget) -> RuleView {
    let limits =
        [(Meter::Requests, budget.requests), (Meter::Tokens, budget.tokens), (Meter::Micro, budget.micro)];
    RuleView {
        name: budget.name.clone(),
        scope: match &budget.scope {
            BudgetScope::Global => "all callers together".into(),
            BudgetScope::Key(name) if name == "*" => "each key".into(),
            BudgetScope::Key(name) => format!("key {name}"),
            BudgetScope::Tenant(name) if name == "*" => "each tenant".into(),
            BudgetScope::Tenant(name) => format!("tenant {name}"),
        },
        window: budget.window.clone(),
        limits: limits
            .into_iter()
            .filter_map(|(meter, limit)| Some(RuleLimit { meter, limit: limit? }))
            .collect(),
        degrade_to: budget.degrade_to.clone(),
    }
}
