//! Candidates and state to a choice: models, pools, instances.
