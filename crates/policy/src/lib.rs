//! The policy language: text to typed rules to a decision.
