//! Connections: HTTP/1.1, their timeouts and their number, and the graceful end.
//!
//! `axum::serve` gives connections no clock, so a client may send its head for ever; hence this loop over hyper, with
//! [`HEAD_WAIT_MAX`]. Who gets a place is `connexion`'s matter. TLS and HTTP/2 are the reverse proxy's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use super::bounds::{HEAD_BYTES_MAX, HEAD_WAIT_MAX, HEADERS_MAX, STOP_WAIT_MAX, connections_max};
use super::connexion::{Corps, Places, Suivi};
use super::webhooks::tournee;
use super::{App, Node, router};

/// Wait after the system refused a connection for lack of something (files, memory).
const ACCEPT_RETRY: Duration = Duration::from_millis(500);
/// What the system keeps of an answer that its client has not taken yet, in bytes: at the slowest rate that is borne, four seconds.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Serves the API until `shutdown` is done; then takes no more connections, finishes the requests under way, and returns
/// after [`STOP_WAIT_MAX`] at the latest.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let node = Node::new(app);
    let router = router(node.clone());
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let (stop_webhooks, webhooks_stopped) = watch::channel(());
    let webhooks = tokio::spawn(tournee::tourner(node.clone(), webhooks_stopped));
    let places = Places::new(connections_max());
    let graceful = GracefulShutdown::new();
    // Closed when this function ends: whatever is left then is cut.
    let (_alive, ended) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
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
        // None where the node works for all connections: closed, as nothing can be promised to this one.
        let Some(place) = places.take() else { continue };
        // Answers are written whole: no reason to wait for more.
        let _ = stream.set_nodelay(true);
        // With the system's own, of megabytes, whoever reads slowly would seem not to read for a minute.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
        let (router, trafic) = (router.clone(), Arc::clone(&place.trafic));
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, trafic) = (router.clone(), Arc::clone(&trafic));
            trafic.begins(!request.body().is_end_stream());
            let body_trafic = Arc::clone(&trafic);
            let request = request.map(|body| Body::new(Corps { body, trafic: body_trafic }));
            async move {
                let response = router.oneshot(request).await;
                trafic.answers();
                response
            }
        });
        let stream = Suivi { stream, trafic: Arc::clone(&place.trafic) };
        let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
        let mut ended = ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = connection => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                }
                () = place.trafic.is_cut() => {}
                _ = ended.changed() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    // Neither a stream nor those who are told would end by themselves.
    node.recentes.stop();
    drop(stop_webhooks);
    if tokio::time::timeout(STOP_WAIT_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut: they took too long to finish");
    }
    if webhooks.await.is_err() {
        tracing::error!("webhooks ended badly");
    }
    Ok(())
}
