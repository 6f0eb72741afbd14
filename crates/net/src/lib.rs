//! Sockets: listeners per core, upstream connections driven by the request that uses them.
