//! koio: an embeddable event router that speaks Socket.IO and feels like koa.
