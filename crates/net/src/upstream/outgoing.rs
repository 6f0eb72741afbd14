//! A request on its way to an upstream.

use crate::{Error, headers::strip_hop_by_hop};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_LENGTH, EXPECT, HOST},
    request::Parts,
};
use http_body_util::Full;

/// A request to send: its body is in memory, so it can be sent again.
#[derive(Clone, Debug)]
pub struct Outgoing {
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Outgoing {
    /// A request without headers or body. `path` is a path with query, such as `/v1/models?limit=3`.
    ///
    /// # Errors
    /// [`Error::Config`] when `path` is no path.
    pub fn new(method: Method, path: &str) -> Result<Self, Error> {
        Ok(Self { method, path: parse_path(path)?, headers: HeaderMap::new(), body: Bytes::new() })
    }

    /// The same for a path that was read before; of `path` only its path and query count.
    #[must_use]
    pub fn to(method: Method, path: &Uri) -> Self {
        Self { method, path: path_only(path), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The request of a caller, forwarded: same method, path and headers, but for those that end at a proxy
    /// ([`strip_hop_by_hop`]), `Host`, `Content-Length` and `Expect`.
    #[must_use]
    pub fn forward(parts: Parts, body: Bytes) -> Self {
        let Parts { method, uri, mut headers, .. } = parts;
        strip_hop_by_hop(&mut headers);
        // hyper states the length of the body that is sent, which an edit may have changed.
        headers.remove(CONTENT_LENGTH);
        headers.remove(EXPECT);
        // An absolute form would name a host; what counts is where we send it.
        let path = if uri.authority().is_some() { path_only(&uri) } else { uri };
        Self { method, path, headers, body }
    }

    /// The same request to another path.
    ///
    /// # Errors
    /// [`Error::Config`] when `path` is no path.
    pub fn path(mut self, path: &str) -> Result<Self, Error> {
        self.path = parse_path(path)?;
        Ok(self)
    }

    /// The same request with a header set, in place of any of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same request with another body.
    #[must_use]
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// The headers, to be edited.
    pub const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// As hyper sends it, to the host `authority`.
    pub(crate) fn into_request(self, authority: HeaderValue) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path;
        *request.headers_mut() = self.headers;
        request.headers_mut().insert(HOST, authority);
        request
    }
}

fn parse_path(path: &str) -> Result<Uri, Error> {
    let bad = |why: &str| Error::Config { what: "path", value: path.to_owned(), why: why.to_owned() };
    if !path.starts_with('/') {
        return Err(bad("it must start with '/'"));
    }
    path.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))
}

fn path_only(uri: &Uri) -> Uri {
    uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_without_what_ends_here() {
        let (parts, ()) = Request::builder()
            .method("POST")
            .uri("http://evil.example/v1/chat?x=1")
            .header("host", "evil.example")
            .header("connection", "close, x-private")
            .header("x-private", "1")
            .header("transfer-encoding", "chunked")
            .header("content-length", "3")
            .header("expect", "100-continue")
            .header("x-kept", "2")
            .body(())
            .unwrap()
            .into_parts();
        let request = Outgoing::forward(parts, Bytes::from_static(b"hello"))
            .into_request(HeaderValue::from_static("up.example:81"));
        assert_eq!(request.uri(), "/v1/chat?x=1");
        assert_eq!(request.method(), Method::POST);
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "x-kept"]);
        assert_eq!(request.headers()["host"], "up.example:81");
    }

    #[test]
    fn a_path_must_be_a_path() {
        for path in ["", "v1", "http://a/b", "/a b", "/a\r\nx: y"] {
            assert!(matches!(Outgoing::new(Method::GET, path), Err(Error::Config { .. })), "{path:?}");
        }
        assert!(Outgoing::new(Method::GET, "/a").unwrap().path("/b?c=d").is_ok());
        let read = Outgoing::to(Method::GET, &"http://a:1/b?c=d".parse().unwrap());
        assert_eq!(read.into_request(HeaderValue::from_static("up")).uri(), "/b?c=d");
    }
}
