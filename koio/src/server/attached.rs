//! The service beside koio, given to [`Io::attach`](crate::Io::attach).

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::error::BoxError;

/// A service of any type.
pub(crate) type AttachedService =
    BoxCloneSyncService<Request<Incoming>, Response<AttachedBody>, AttachedError>;

pub(crate) type AttachedBody = UnsyncBoxBody<Bytes, AttachedError>;

/// The attached service failed, or its body. A type of its own: with a bare boxed error the compiler can't see
/// that a connection's future is `Send`.
#[derive(Debug)]
pub(crate) struct AttachedError {
    what: &'static str,
    error: BoxError,
}

impl AttachedError {
    fn service(error: BoxError) -> Self {
        let what = "the attached service failed";
        Self { what, error }
    }

    /// Of an HTTP layer around koio.
    pub(crate) fn layer(error: BoxError) -> Self {
        let what = "an HTTP layer failed";
        Self { what, error }
    }
}

impl fmt::Display for AttachedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl std::error::Error for AttachedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}

/// Boxes a service, its body and its error.
pub(crate) fn boxed<S, B>(service: S) -> AttachedService
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(
        service
            .map_response(|response: Response<B>| {
                response.map(|body| {
                    body.map_err(|error| AttachedError::service(error.into()))
                        .boxed_unsync()
                })
            })
            .map_err(|error: S::Error| AttachedError::service(error.into())),
    )
}
