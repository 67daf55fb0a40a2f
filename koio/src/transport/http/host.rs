//! The host that a request is for.

use http::{HeaderMap, Uri, header::HOST};

/// The host and port that a client asked, as it wrote them.
///
/// The authority of the target counts where there is one: always in HTTP/2 (RFC 9113 section 8.3.1), and in HTTP/1.1 in an
/// absolute target, beside which `Host` means nothing (RFC 9112 section 3.2.2). `None` if there is neither, or more than one
/// `Host`.
pub(crate) fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str().as_bytes());
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(uri: &'static str, hosts: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        let uri = Uri::from_static(uri);
        let host = host_of(&uri, &headers)?;
        Some(String::from_utf8(host.to_vec()).unwrap())
    }

    #[test]
    fn the_authority_of_the_target_counts() {
        let expected = Some("chat.example:8443".to_owned());
        let absolute = "https://chat.example:8443/socket.io/?EIO=4";
        assert_eq!(host(absolute, &[]), expected);
        assert_eq!(host(absolute, &["other.example"]), expected);
        assert_eq!(host(absolute, &["a.example", "b.example"]), expected);
    }

    #[test]
    fn without_one_it_is_the_only_host_header() {
        let one = Some("chat.example".to_owned());
        assert_eq!(host("/socket.io/", &["chat.example"]), one);
        assert_eq!(host("/socket.io/", &["chat.example", "chat.example"]), None);
        assert_eq!(host("/socket.io/", &[]), None);
    }
}
