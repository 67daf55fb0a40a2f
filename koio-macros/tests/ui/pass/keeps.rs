//! The function stays as it was: attributes, docs, visibility, and the lints it answers for.

use koio::{Handlers, handlers};

mod inner {
    use koio::on;

    /// Says the same.
    ///
    /// Its text is the answer.
    #[on("echo")]
    #[must_use]
    #[inline]
    pub(in super::super) async fn echo(text: String) -> String {
        text
    }

    #[on("old")]
    #[deprecated = "kept for old clients"]
    pub(crate) async fn old() {}

    // What the user allows in the signature is allowed where the expansion repeats it.
    #[expect(clippy::type_complexity, reason = "the client wants it so")]
    #[on("complex")]
    pub(super) async fn complex(
        _: Vec<Vec<Result<Vec<(Vec<u32>, Vec<u32>, Box<Vec<u32>>)>, (Vec<String>, Vec<u64>)>>>,
    ) -> Result<Vec<Vec<(Vec<u32>, Vec<u32>, Vec<(u32, u32)>)>>, std::num::ParseIntError> {
        Ok(Vec::new())
    }

    #[on("fine as it is")]
    #[expect(clippy::unused_async, reason = "the user said so first")]
    pub(super) async fn expected() {}
}

pub(super) fn listed() -> Handlers {
    handlers![inner::echo, inner::old, inner::complex, inner::expected]
}

#[test]
fn a_handler_is_called_like_any_function() {
    let _ = listed();
    let future = inner::echo("hello".to_owned());
    drop(future);
}
