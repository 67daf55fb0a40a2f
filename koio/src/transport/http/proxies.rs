//! Which proxies are believed, and what they say of a request.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use ipnet::{IpNet, Ipv4Net};

use super::forwarded::{self, HeaderLines};

/// The proxies whose headers are believed. By default none.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// Peers without an address.
    unix: bool,
}

/// Why a text names no proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadProxy(&'static str);

impl fmt::Display for BadProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadProxy {}

/// What trusted proxies say of a request. Without any, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ForwardedRequest {
    /// The client's address; port 0 if it was not said.
    pub(crate) client: Option<SocketAddr>,
    /// The host that the client asked for.
    pub(crate) host: Option<String>,
    /// `http` or `https`: how the client asked.
    pub(crate) scheme: Option<String>,
}

impl TrustedProxies {
    /// Believes one more proxy: an address, a network in CIDR notation, or `unix` for peers that have no address.
    ///
    /// # Errors
    /// It is none of these.
    pub fn trust(&mut self, proxy: &str) -> Result<(), BadProxy> {
        if proxy == "unix" {
            self.unix = true;
            return Ok(());
        }
        let network = match (proxy.parse::<IpNet>(), proxy.parse::<IpAddr>()) {
            (Ok(network), _) => network,
            (_, Ok(address)) => IpNet::from(address),
            _ if proxy.contains('/') => {
                return Err(BadProxy(
                    "it is no network: one is an address, a slash, and the bits that count",
                ));
            }
            _ => return Err(BadProxy("it is no address: names are not looked up")),
        };
        self.networks.push(plain(network));
        Ok(())
    }

    fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        let Some(peer) = peer else {
            return self.unix;
        };
        let address = peer.ip().to_canonical();
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(&address))
    }

    /// What a proxy says of a request from this peer, if it is one that is trusted.
    ///
    /// The client is the last address, from the server's end, that is not a proxy of ours: what stands before it may be made up
    /// by the client. A proxy that writes one of the two kinds of headers mostly passes the other on as it came. So where they
    /// name different clients, neither is believed.
    pub(crate) fn read(
        &self,
        peer: Option<SocketAddr>,
        headers: &(impl HeaderLines + ?Sized),
    ) -> ForwardedRequest {
        if !self.trusts(peer) {
            return ForwardedRequest::default();
        }
        let hops = forwarded::hops(headers);
        let addresses = forwarded::addresses(headers);
        let by_hops = self.client_of(hops.iter().map(|hop| hop.client));
        let by_list = self.client_of(addresses.iter().copied());
        let ip = |client: Option<(usize, SocketAddr)>| client.map(|(_, address)| address.ip());
        if !hops.is_empty() && !addresses.is_empty() && ip(by_hops) != ip(by_list) {
            return ForwardedRequest::default();
        }
        // The hop of the proxy that the client spoke to; the last one if it does not say who that was.
        let hop = match by_hops {
            Some((index, _)) => hops.get(index),
            None => hops.last(),
        };
        let of_hop = hop.cloned().unwrap_or_default();
        ForwardedRequest {
            client: by_hops.or(by_list).map(|(_, address)| address),
            host: of_hop
                .host
                .or_else(|| forwarded::first(headers, "x-forwarded-host")),
            scheme: of_hop.scheme.or_else(|| {
                let scheme = forwarded::first(headers, "x-forwarded-proto")?;
                forwarded::scheme(&scheme)
            }),
        }
    }

    /// The client and its place among the hops. `None` if the nearest hop has no address.
    fn client_of(
        &self,
        hops: impl DoubleEndedIterator<Item = Option<SocketAddr>> + ExactSizeIterator,
    ) -> Option<(usize, SocketAddr)> {
        let mut client = None;
        for (index, hop) in hops.enumerate().rev() {
            let Some(address) = hop else {
                // A trusted proxy does not know whom it spoke for: it is the client, as far as can be told.
                return client;
            };
            client = Some((index, address));
            if !self.trusts(Some(address)) {
                break;
            }
        }
        client
    }
}

/// A network of IPv4 addresses as such.
fn plain(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(address) = v6.addr().to_ipv4_mapped()
        && let Some(bits) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(address, bits)
    {
        return v4.into();
    }
    network
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn proxies(trusted: &[&str]) -> TrustedProxies {
        let mut proxies = TrustedProxies::default();
        for proxy in trusted {
            proxies.trust(proxy).unwrap();
        }
        proxies
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn client(trusted: &[&str], peer: &str, lines: &[(&'static str, &str)]) -> Option<String> {
        let read = proxies(trusted).read(peer.parse().ok(), &headers(lines));
        read.client.map(|address| address.to_string())
    }

    const TEN: &[&str] = &["10.0.0.0/8"];
    const PROXY: &str = "10.0.0.1:5000";

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let list = "x-forwarded-for";
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1, 10.0.0.2", "192.0.2.1:0"),
            // What stands before it may be made up.
            ("127.0.0.1, 192.0.2.1, 10.0.0.2", "192.0.2.1:0"),
            ("2001:db8::1,10.0.0.2", "[2001:db8::1]:0"),
            ("::ffff:192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1:0"),
            // All are ours: the first of them asked.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3:0"),
            // Behind the proxy that says `unknown` no client can be told: the proxy itself counts as one.
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2:0"),
        ] {
            let found = client(TEN, PROXY, &[(list, value)]);
            assert_eq!(found.as_deref(), Some(expected), "{value}");
        }
        assert_eq!(client(TEN, PROXY, &[(list, "garbage")]), None);
        assert_eq!(client(TEN, PROXY, &[(list, "")]), None);
        let several = [(list, "192.0.2.9"), (list, "192.0.2.1"), (list, "10.0.0.2")];
        assert_eq!(client(TEN, PROXY, &several).as_deref(), Some("192.0.2.1:0"));
        let hops = [("forwarded", r#"for=8.8.8.8, for="[2001:db8::1]:4711""#)];
        let found = client(TEN, PROXY, &hops);
        assert_eq!(found.as_deref(), Some("[2001:db8::1]:4711"));
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_not_believed() {
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-host", "chat.example"),
            ("forwarded", "for=192.0.2.1;host=chat.example"),
        ];
        for (trusted, peer) in [(&[][..], PROXY), (TEN, "192.0.2.7:80"), (TEN, "unknown")] {
            let read = proxies(trusted).read(peer.parse().ok(), &headers(&lines));
            assert_eq!(read, ForwardedRequest::default(), "{peer}");
        }
    }

    #[test]
    fn a_peer_without_an_address_is_trusted_by_the_word_unix() {
        let lines = [("x-forwarded-for", "192.0.2.1")];
        assert_eq!(
            client(&["unix"], "", &lines).as_deref(),
            Some("192.0.2.1:0")
        );
        assert_eq!(client(TEN, "", &lines), None);
        assert_eq!(client(&["unix"], PROXY, &lines), None);
    }

    #[test]
    fn a_dual_stack_listeners_peer_is_the_ipv4_host_that_it_is() {
        let lines = [("x-forwarded-for", "192.0.2.1")];
        for trusted in ["10.0.0.0/8", "10.0.0.1", "::ffff:10.0.0.0/104"] {
            let found = client(&[trusted], "[::ffff:10.0.0.1]:80", &lines);
            assert_eq!(found.as_deref(), Some("192.0.2.1:0"), "{trusted}");
        }
    }

    #[test]
    fn headers_that_name_different_clients_are_not_believed() {
        let forged = [
            // nginx passes on what it does not write.
            ("forwarded", "for=127.0.0.1;host=evil.example"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        let read = proxies(TEN).read(PROXY.parse().ok(), &headers(&forged));
        assert_eq!(read, ForwardedRequest::default());
        let agreed = [
            ("forwarded", "for=192.0.2.1;proto=https"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-host", "chat.example"),
        ];
        let read = proxies(TEN).read(PROXY.parse().ok(), &headers(&agreed));
        assert_eq!(read.client, "192.0.2.1:0".parse().ok());
        assert_eq!(read.host.as_deref(), Some("chat.example"));
        assert_eq!(read.scheme.as_deref(), Some("https"));
    }

    #[test]
    fn host_and_scheme_are_those_that_the_client_asked_for() {
        let list = [
            ("x-forwarded-host", "chat.example, inner.example"),
            ("x-forwarded-proto", "wss, http"),
        ];
        let hops = [(
            "forwarded",
            "for=8.8.8.8;host=made.up, for=192.0.2.1;host=chat.example;proto=https, for=10.0.0.2;host=inner.example",
        )];
        for lines in [&list[..], &hops[..]] {
            let read = proxies(TEN).read(PROXY.parse().ok(), &headers(lines));
            assert_eq!(read.host.as_deref(), Some("chat.example"));
            assert_eq!(read.scheme.as_deref(), Some("https"));
        }
    }

    #[test]
    fn a_text_that_names_no_proxy_is_refused() {
        for (text, why) in [
            ("", "no address"),
            ("localhost", "names are not looked up"),
            ("10.0.0.0/33", "no network"),
            ("10.0.0/8", "no network"),
            ("*", "no address"),
            ("10.0.0.1:80", "no address"),
            ("Unix", "no address"),
        ] {
            let refused = TrustedProxies::default().trust(text).expect_err(text);
            assert!(refused.to_string().contains(why), "{text}: {refused}");
        }
    }
}
