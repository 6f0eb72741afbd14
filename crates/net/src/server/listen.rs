//! Several listeners on one address.

use crate::Error;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Binds `count` listeners to `addr`. With port 0 the first one learns the port and the others share it.
pub(super) fn bind(
    addr: SocketAddr,
    count: usize,
    backlog: i32,
) -> Result<(Vec<TcpListener>, SocketAddr), Error> {
    let error = |source| Error::Listen { addr, source };
    let first = bind_one(addr, count > 1, backlog).map_err(error)?;
    let bound = first.local_addr().map_err(error)?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(bind_one(bound, true, backlog).map_err(error)?);
    }
    Ok((listeners, bound))
}

fn bind_one(addr: SocketAddr, shared: bool, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the last run to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    // Only where it is needed: with one worker a second server on the same port is an error, not a silent share.
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_listeners_share_a_free_port() {
        let (listeners, addr) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 3, 16).unwrap();
        assert_ne!(addr.port(), 0);
        assert_eq!(listeners.len(), 3);
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == addr));
    }

    #[test]
    fn accepted_sockets_send_small_writes_at_once() {
        let (listeners, addr) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, 16).unwrap();
        let _client = std::net::TcpStream::connect(addr).unwrap();
        listeners[0].set_nonblocking(false).unwrap();
        assert!(listeners[0].accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let (_held, addr) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, 16).unwrap();
        let error = bind(addr, 1, 16).unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        assert!(bind(addr, 2, 16).is_err());
    }
}
