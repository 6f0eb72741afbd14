//! A simulated inference server with continuous batching.
