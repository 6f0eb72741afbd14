//! Native SQLite storage: decisions, keys, budgets, responses.
