//! The binary as its users run it: output, errors, exit codes, and a gateway from start to stop.

mod commands;
mod guide;
mod keys;
mod serving;
mod tool;
mod written;
