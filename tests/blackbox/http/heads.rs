//! The longest head of a request.

use std::time::Duration;

use koio_tests::Http;

use crate::scene::Scene;

const MAX_HEAD: usize = 64 * 1024;

/// A request whose method, target, and names and values of headers have so many bytes.
fn request(target: &str, way: &str, length: usize) -> String {
    let fixed = "GET".len() + target.len() + "Hosta".len() + way.len() + "Cookie".len();
    let cookie = "x".repeat(length - fixed);
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{way}: 1\r\nCookie: {cookie}\r\n\r\n")
}

#[tokio::test]
async fn a_head_is_too_long_or_not_however_its_bytes_are_cut() {
    let scene = Scene::alone(|io| io.config(|config| config.engine.max_unconnected = 1_000)).await;
    let target = scene.target().polling();
    for way in ["X-Way", "Access-Control-Request-Method"] {
        for (length, status) in [
            (MAX_HEAD - 100, 200),
            (MAX_HEAD - 1, 200),
            (MAX_HEAD, 200),
            (MAX_HEAD + 1, 431),
            (MAX_HEAD + 30, 431),
            (MAX_HEAD + 5_000, 431),
            (MAX_HEAD + 60_000, 431),
        ] {
            // The value of that header is a byte, too.
            let request = request(&target, way, length - 1);
            let end = request.len();
            let around = [
                4_096,
                8_192,
                16_384,
                32_768,
                49_152,
                MAX_HEAD,
                MAX_HEAD + 4_096,
            ];
            let mut cuts: Vec<_> = around.iter().flat_map(|at| [at - 1, *at, at + 1]).collect();
            cuts.extend([1, 100, end - 3, end - 2, end - 1]);
            for cut in cuts.into_iter().filter(|cut| *cut < end) {
                let (first, rest) = request.split_at(cut);
                let mut http = Http::connect(scene.server.addr).await;
                http.write(first).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
                // The server may have refused it by now.
                http.try_write(rest).await;
                let response = http.response().await;
                let got = response.map(|response| response.status);
                assert!(
                    got == Some(status) || (status == 431 && got.is_none()),
                    "{length} cut at {cut}: {got:?}"
                );
            }
        }
    }
}
