//! Open files: every connection is one, and shells usually give a process 1,024 of them although it may have many more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have as many open files as it may.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused it goes on with what it has; what is too much is refused connection by connection.
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
