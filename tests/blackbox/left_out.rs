//! Says what `cargo test` alone does not run.

use std::io::Write;

#[test]
fn says_what_needs_the_command_tests_run() {
    if std::env::var_os("KOIO_TESTS_RUN").is_some() {
        return;
    }
    // Not `eprintln!`, which the test runner would keep to itself.
    let mut stderr = std::io::stderr().lock();
    let said = writeln!(
        stderr,
        "\nLEFT OUT: the official client (tests/node), servers of Node (tests/cluster), python-socketio (tests/python), \
         rust_socketio (tests/rust-client), the chat in browsers (tests/browser), \
         the same tests on the slow twins, the benchmark, the system calls of a write, \
         formatting, lints, licences, documentation and each feature alone. `tests/run` installs \
         what they need and runs everything but what `tests/run --long` is for.\n"
    );
    said.expect("stderr");
}
