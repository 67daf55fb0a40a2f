//! TLS to NATS, and tokens.

use koio::{Io, cluster::Nats};
use koio_tests::{Certificate, serve};

use super::{NATS, NatsProcess, know_each_other};
use crate::listeners::Folder;

/// The error of a server that does not start.
async fn refused(broker: Nats) -> String {
    let refused = Io::new().cluster(broker).bind("127.0.0.1:0").await;
    format!("{:#?}", refused.expect_err("no start"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_speak_tls_to_a_nats_whose_certificate_they_trust() {
    if !NATS.is_there() {
        return;
    }
    let folder = Folder::new();
    let (cert, key) = Certificate::new().write(folder.path());
    let (foreign, _) = {
        let other = folder.path().join("other");
        std::fs::create_dir_all(&other).expect("a folder");
        Certificate::new().write(&other)
    };
    let [cert_path, key_path] = [&cert, &key].map(|path| path.to_str().expect("a path"));
    let nats = NatsProcess::start(&["--tls", "--tlscert", cert_path, "--tlskey", key_path]).await;
    let port = nats.0.addr.port();

    // With `nats://` it is the server that asks for TLS.
    let broker =
        |scheme: &str| Nats::new(format!("{scheme}://localhost:{port}")).root_certificates(&cert);
    let one = serve(Io::new().cluster(broker("tls"))).await;
    let two = serve(Io::new().cluster(broker("nats"))).await;
    know_each_other(&[&one, &two]).await;

    for untrusting in [
        Nats::new(format!("tls://localhost:{port}")),
        Nats::new(format!("tls://localhost:{port}")).root_certificates(&foreign),
    ] {
        let error = refused(untrusting).await;
        assert!(
            error.contains(&format!("NATS at tls://localhost:{port}")),
            "{error}"
        );
        assert!(error.contains("certificate"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_without_tls_is_refused_if_the_url_wants_it() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&[]).await;
    let error = refused(Nats::new(format!("tls://{}", nats.0.addr))).await;
    assert!(
        error.contains(&format!("NATS at tls://{}", nats.0.addr)),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_stands_in_the_url() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&["--auth", "to/ken"]).await;
    let broker = |token: &str| Nats::new(format!("nats://{token}@{}", nats.0.addr));
    let one = serve(Io::new().cluster(broker("to%2Fken"))).await;
    let two = serve(Io::new().cluster(broker("to%2Fken"))).await;
    know_each_other(&[&one, &two]).await;
    let wrong = refused(broker("secret")).await;
    assert!(wrong.contains("authorization"), "{wrong}");
    assert!(!wrong.contains("secret"), "{wrong}");
}
