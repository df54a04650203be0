//! Connections: HTTP/1.1, their timeouts and their number, and the graceful end.
//!
//! `axum::serve` gives connections no clock, so a client may send its head for ever; hence this loop over hyper, with
//! [`HEAD_WAIT_MAX`]. TLS and HTTP/2 are the reverse proxy's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::bounds::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_WAIT_MAX, HEADERS_MAX, STOP_WAIT_MAX};
use super::{App, router};

/// Wait after the system refused a connection for lack of something (files, memory).
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// Serves the API until `shutdown` is done; then takes no more connections, finishes the requests under way, and returns
/// after [`STOP_WAIT_MAX`] at the latest.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let router = router(app);
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    // Closed when this function ends: whatever is left then is cut.
    let (_alive, ended) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (place, stream))
        };
        let (place, stream) = tokio::select! {
            () = &mut shutdown => break,
            next = next => match next {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // A client that is gone already costs nothing; anything else lasts a moment.
                    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                    continue;
                }
            },
        };
        // Answers are written whole: no reason to wait for more.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
        let mut ended = ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = connection => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                }
                _ = ended.changed() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_WAIT_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut: they took too long to finish");
    }
    Ok(())
}
