//! Events of `/` that are handled once for each key.

use super::Io;

impl Io {
    /// Handles an event of `/` once for each key, as `#[on(.., once_by = "/0/id")]` does: for handlers that are closures. The key
    /// is at a JSON pointer (RFC 6901) into the list of the event's arguments. See [`on`](macro@crate::on#handled-once).
    ///
    /// A pointer that is none, an event that has no handler, and one whose handler has a `once_by` already, are errors at the
    /// start.
    ///
    /// ```
    /// use koio::{Context, Io};
    ///
    /// let io = Io::new()
    ///     .on("order", |ctx: Context| async move {
    ///         let order: serde_json::Value = ctx.args()?.next()?;
    ///         Ok(format!("ordered {}", order["article"]))
    ///     })
    ///     .once_by("order", "/0/id");
    /// ```
    #[track_caller]
    pub fn once_by(mut self, event: &'static str, pointer: &'static str) -> Self {
        self.setup = self.setup.once_by(event, pointer);
        self
    }
}
