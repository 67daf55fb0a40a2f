//! The macros that return early with an error.

/// Returns early with an error that the client may see: koa's `ctx.throw`.
///
/// ```
/// fn seat(number: u32) -> koio::Result<u32> {
///     if number > 40 {
///         koio::bail!("no_such_seat", "there is no seat {number}");
///     }
///     Ok(number)
/// }
/// assert_eq!(seat(41).unwrap_err().message(), "there is no seat 41");
/// ```
#[macro_export]
macro_rules! bail {
    ($code:expr, $($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::new($code, ::std::format!($($message)+)))
    };
}

/// Returns early with an error that the client may see unless a condition holds: koa's `ctx.assert`.
///
/// ```
/// fn greet(name: &str) -> koio::Result<String> {
///     koio::ensure!(!name.is_empty(), "no_name", "a name is needed");
///     Ok(format!("hello, {name}"))
/// }
/// assert_eq!(greet("").unwrap_err().code(), "no_name");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $code:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bail!($code, $($message)+);
        }
    };
}
