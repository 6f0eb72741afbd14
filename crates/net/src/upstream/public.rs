//! Which addresses belong to the internet at large: what a stranger names is connected to only there.
//!
//! The others are this machine's, its networks' or nobody's (the special-purpose registries of RFC 6890), so that a name cannot be
//! made to lead a server to what only the server reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address is one of the internet at large.
#[must_use]
pub fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => public_v4(*address),
        IpAddr::V6(address) => public_v6(*address),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, shared (carrier) space, protocol assignments, benchmarks, reserved and broadcast.
        [0, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [240..=255, ..] => true,
        // The relays of 6to4, which nobody has any more.
        [192, 88, 99, _] => true,
        _ => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_multicast()
        }
    };
    !special
}

fn public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return public_v4(mapped);
    }
    match address.segments() {
        // Translated by NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Documentation, protocol assignments and Teredo, 6to4.
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast is 2000::/3, and nothing else is.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        let others = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
        ];
        for text in public {
            assert!(is_public(&text.parse().unwrap()), "{text}");
        }
        for text in others {
            assert!(!is_public(&text.parse().unwrap()), "{text}");
        }
    }
}
