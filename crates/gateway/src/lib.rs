//! The pipeline, upstreams, admission, admin API and configuration.
