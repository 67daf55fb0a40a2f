//! `koio::testing`, as the tests of a program use it.

mod clients;
mod contexts;
mod endings;
mod expecting;
mod hosts;
mod time;

use koio::testing::Connect;

/// The same client, over each transport.
fn both_ways(connect: impl Fn() -> Connect) -> [Connect; 2] {
    [connect(), connect().polling()]
}
