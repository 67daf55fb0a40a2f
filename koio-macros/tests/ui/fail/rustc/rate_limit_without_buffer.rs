use std::time::Duration;

use koio::Io;
use tower::limit::RateLimitLayer;

fn main() {
    let _ = Io::new().layer(RateLimitLayer::new(100, Duration::from_secs(1)));
}
