//! A request to facts: workload identity and heuristic signals.
