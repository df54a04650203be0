//! A small KurrentDB: real streams in memory, over the real protocol, on real sockets; and faults on demand.
//!
//! What it keeps of the server's behaviour is what a client can trip over: the expected revision, an idempotence that compares event ids alone,
//! `MaxAppendSize`, a leader that others refer to, streams that are not there, credentials. Its nodes share their streams at once;
//! a follower lags only where it is told to.

// `tonic::Status` is what a service answers; its messages are read best without their module's name.
#![allow(clippy::result_large_err, clippy::wildcard_imports, clippy::missing_panics_doc)]

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tonic::codec::{ProstCodec, Streaming};
use tonic::metadata::MetadataMap;
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status};

use crate::wire::*;

/// What happens to one append.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is written, and the connection breaks instead of an answer.
    AnswerLost,
    /// The connection breaks before it is written.
    CutBefore,
    /// It is written, and the answer is this.
    Answer(Code, &'static str),
    /// Neither an answer nor a write, until it is released: then it is written, if it still can be, for nobody.
    Stall,
    /// Somebody else writes first: these records take its place.
    Overtaken(Vec<Proposed>),
}

/// A record as the server keeps it.
pub type Stored = Proposed;

#[derive(Default)]
struct State {
    streams: HashMap<String, Vec<Stored>>,
    /// None: no majority.
    leader: Option<usize>,
    is_up: Vec<bool>,
    /// Records at the end of each stream that followers do not have yet.
    lag: usize,
    planned: VecDeque<Fault>,
    /// Appends that reached a leader, whatever came of them.
    appends: usize,
    stalled: usize,
    append_size_max: usize,
    credentials: Option<String>,
    /// Whether the ids of earlier appends are forgotten, as they are once they have left the server's caches.
    is_forgetful: bool,
}

struct Shared {
    state: Mutex<State>,
    release: Notify,
    ports: Vec<SocketAddr>,
}

/// A cluster of nodes that run in this process.
pub struct Cluster {
    shared: Arc<Shared>,
    nodes: Vec<Mutex<Option<Runtime>>>,
}

impl Cluster {
    /// Starts `nodes` nodes; the first leads.
    pub fn start(nodes: usize) -> Self {
        let listeners: Vec<_> = (0..nodes).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let state = State { leader: Some(0), is_up: vec![false; nodes], append_size_max: 1 << 20, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), release: Notify::new(), ports });
        let cluster = Self { shared, nodes: (0..nodes).map(|_| Mutex::new(None)).collect() };
        for (node, listener) in listeners.into_iter().enumerate() {
            cluster.serve(node, listener);
        }
        cluster
    }

    /// Its connection string.
    pub fn url(&self, stream: &str) -> String {
        let hosts: Vec<_> = self.shared.ports.iter().map(ToString::to_string).collect();
        format!("esdb://{}?tls=false&stream={stream}", hosts.join(","))
    }

    /// Stops a node: its connections break. If it led, nobody does until one is elected.
    pub fn stop(&self, node: usize) {
        {
            let mut state = self.state();
            state.is_up[node] = false;
            if state.leader == Some(node) {
                state.leader = None;
            }
        }
        if let Some(runtime) = self.nodes[node].lock().unwrap().take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// Starts a node again, at its old address.
    pub fn restart(&self, node: usize) {
        self.serve(node, std::net::TcpListener::bind(self.shared.ports[node]).unwrap());
    }

    /// Stops all nodes, has this done to the disks, and starts them again; the first leads.
    pub fn replace_while_down(&self, stream: &str, records: Vec<Stored>) {
        (0..self.nodes.len()).for_each(|node| self.stop(node));
        self.replace(stream, records);
        // Longer than an answer vouches for the stream, as any restart of a server takes.
        std::thread::sleep(greffe::store::kurrentdb::CONFIRMED);
        (0..self.nodes.len()).for_each(|node| self.restart(node));
        self.elect(0);
    }

    /// Makes a node the leader.
    pub fn elect(&self, node: usize) {
        self.state().leader = Some(node);
    }

    /// Takes the majority away: the nodes answer, none leads.
    pub fn lose_majority(&self) {
        self.state().leader = None;
    }

    /// Plans what happens to the next appends, in order.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().planned.extend(faults);
    }

    /// Plans nothing any more.
    pub fn forget_plans(&self) {
        self.state().planned.clear();
    }

    /// Lets stalled appends go on, and waits until they are through.
    pub fn release(&self) {
        let start = Instant::now();
        while self.state().stalled > 0 {
            self.shared.release.notify_waiters();
            assert!(start.elapsed() < Duration::from_secs(10), "an append does not go on");
            std::thread::yield_now();
        }
    }

    /// Appends that reached a leader.
    pub fn appends(&self) -> usize {
        self.state().appends
    }

    /// The records of a stream.
    pub fn records(&self, stream: &str) -> Vec<Stored> {
        self.state().streams.get(stream).cloned().unwrap_or_default()
    }

    /// Replaces a stream, as only somebody with the disks can.
    pub fn replace(&self, stream: &str, records: Vec<Stored>) {
        self.state().streams.insert(stream.to_owned(), records);
    }

    /// Sets what followers lag behind by, in records.
    pub fn lag(&self, records: usize) {
        self.state().lag = records;
    }

    /// Sets `MaxAppendSize`.
    pub fn limit_appends(&self, bytes: usize) {
        self.state().append_size_max = bytes;
    }

    /// From now on no append is known again.
    pub fn forget_ids(&self) {
        self.state().is_forgetful = true;
    }

    /// From now on only this user is served.
    pub fn require(&self, user: &str, password: &str) {
        let both = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        self.state().credentials = Some(format!("Basic {both}"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    fn serve(&self, node: usize, listener: std::net::TcpListener) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::clone(&self.shared);
        listener.set_nonblocking(true).unwrap();
        self.state().is_up[node] = true;
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (shared, cut) = (Arc::clone(&shared), Arc::new(Notify::new()));
                let asked_to_cut = Arc::clone(&cut);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let call = Call { node, shared: Arc::clone(&shared), cut: Arc::clone(&cut) };
                        async move { Ok::<_, std::convert::Infallible>(call.route(request).await) }
                    });
                    let connection =
                        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        _ = connection => {}
                        () = asked_to_cut.notified() => {}
                    }
                });
            }
        });
        *self.nodes[node].lock().unwrap() = Some(runtime);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.nodes {
            if let Some(runtime) = node.lock().unwrap().take() {
                runtime.shutdown_background();
            }
        }
    }
}

/// An append that stalls; it ends when it is released, or with its node.
struct Stalled(Arc<Shared>);

impl Stalled {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.state.lock().unwrap().stalled += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().stalled -= 1;
    }
}

/// One request on one connection.
#[derive(Clone)]
struct Call {
    node: usize,
    shared: Arc<Shared>,
    /// Breaks the connection.
    cut: Arc<Notify>,
}

type Reply = tonic::body::BoxBody;

impl Call {
    async fn route(self, request: hyper::Request<Incoming>) -> hyper::Response<Reply> {
        match request.uri().path() {
            "/event_store.client.streams.Streams/Append" => {
                let append = tower::service_fn(move |request| self.clone().append(request));
                Grpc::new(ProstCodec::<AppendResp, AppendReq>::default()).client_streaming(append, request).await
            }
            "/event_store.client.streams.Streams/Read" => {
                let read = tower::service_fn(move |request| {
                    let answer = self.read(&request);
                    async move { answer }
                });
                Grpc::new(ProstCodec::<ReadResp, ReadReq>::default()).server_streaming(read, request).await
            }
            "/event_store.client.gossip.Gossip/Read" => {
                let gossip = tower::service_fn(move |_: Request<()>| {
                    let answer = Ok(Response::new(self.gossip()));
                    async move { answer }
                });
                Grpc::new(ProstCodec::<ClusterInfo, ()>::default()).unary(gossip, request).await
            }
            "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" => {
                let features = tower::service_fn(|_: Request<()>| async {
                    Ok(Response::new(SupportedMethods { event_store_server_version: "24.10.0".to_owned() }))
                });
                Grpc::new(ProstCodec::<SupportedMethods, ()>::default()).unary(features, request).await
            }
            // Subscriptions are a kind of Read; everything else of the API is not for a ledger.
            _ => Status::unimplemented("not in this server").into_http(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Refuses strangers, and what only the leader may answer.
    fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let state = self.state();
        let said = metadata.get("authorization").and_then(|value| value.to_str().ok());
        if state.credentials.is_some() && state.credentials.as_deref() != said {
            return Err(Status::permission_denied("Access Denied"));
        }
        if !metadata.contains_key("requires-leader") || state.leader == Some(self.node) {
            return Ok(());
        }
        let Some(leader) = state.leader else {
            return Err(Status::unavailable("No leader info available in response"));
        };
        let leader = self.shared.ports[leader];
        let mut status = Status::not_found("Leader info available");
        let metadata = status.metadata_mut();
        metadata.insert("exception", "not-leader".parse().unwrap());
        metadata.insert("leader-endpoint-host", leader.ip().to_string().parse().unwrap());
        metadata.insert("leader-endpoint-port", leader.port().to_string().parse().unwrap());
        Err(status)
    }

    async fn append(self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        self.admit(request.metadata())?;
        let mut messages = request.into_inner();
        let (mut options, mut proposed) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            match message.content {
                Some(AppendContent::Options(found)) => options = Some(found),
                Some(AppendContent::Proposed(one)) => proposed.push(one),
                None => {}
            }
        }
        let options = options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let stream = name(options.stream_identifier)?;
        let expected = options.expected.ok_or_else(|| Status::invalid_argument("no expected revision"))?;
        let fault = {
            let mut state = self.state();
            state.appends += 1;
            state.planned.pop_front()
        };
        match fault {
            None => {}
            Some(Fault::AnswerLost) => {
                self.state().append(&stream, expected, proposed)?;
                return self.broken().await;
            }
            Some(Fault::CutBefore) => return self.broken().await,
            Some(Fault::Answer(code, message)) => {
                self.state().append(&stream, expected, proposed)?;
                return Err(Status::new(code, message));
            }
            Some(Fault::Stall) => {
                // Not of this request: who asked may be gone when it is written.
                let late = self.clone();
                let stalled = Stalled::new(&self.shared);
                tokio::spawn(async move {
                    late.shared.release.notified().await;
                    let _ = late.state().append(&stream, expected, proposed);
                    drop(stalled);
                });
                return std::future::pending().await;
            }
            Some(Fault::Overtaken(records)) => {
                self.state().streams.entry(stream.clone()).or_default().extend(records);
            }
        }
        let result = self.state().append(&stream, expected, proposed)?;
        Ok(Response::new(AppendResp { result: Some(result) }))
    }

    async fn broken<T>(&self) -> T {
        self.cut.notify_one();
        std::future::pending().await
    }

    #[allow(clippy::type_complexity)]
    fn read(
        &self,
        request: &Request<ReadReq>,
    ) -> Result<Response<tonic::codegen::tokio_stream::Iter<std::vec::IntoIter<Result<ReadResp, Status>>>>, Status>
    {
        self.admit(request.metadata())?;
        let state = self.state();
        let options = request.get_ref().options.as_ref().ok_or_else(|| Status::invalid_argument("no options"))?;
        let asked = options.stream.as_ref().ok_or_else(|| Status::unimplemented("$all is no ledger"))?;
        let count = options.count.ok_or_else(|| Status::unimplemented("no subscriptions"))?;
        let stream = name(asked.stream_identifier.clone())?;
        let all = state.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let lag = if state.leader == Some(self.node) { 0 } else { state.lag };
        let seen = &all[..all.len() - lag.min(all.len())];
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let answer = |revision: usize| {
            Ok(ReadResp { content: Some(ReadContent::Event(recorded(&stream, revision, &seen[revision]))) })
        };
        let content: Vec<_> = if seen.is_empty() {
            let not_found = StreamNotFound { stream_identifier: asked.stream_identifier.clone() };
            vec![Ok(ReadResp { content: Some(ReadContent::StreamNotFound(not_found)) })]
        } else if options.direction == 1 {
            assert_eq!(asked.from, Some(ReadFrom::End(())), "backwards from the end only");
            (0..seen.len()).rev().take(count).map(answer).collect()
        } else {
            let from = match asked.from {
                Some(ReadFrom::Revision(revision)) => usize::try_from(revision).unwrap_or(usize::MAX),
                _ => 0,
            };
            let last = ReadResp { content: Some(ReadContent::LastStreamPosition(seen.len() as u64 - 1)) };
            (from..seen.len()).take(count).map(answer).chain([Ok(last)]).collect()
        };
        Ok(Response::new(tonic::codegen::tokio_stream::iter(content)))
    }

    fn gossip(&self) -> ClusterInfo {
        let state = self.state();
        let member = |(node, at): (usize, &SocketAddr)| MemberInfo {
            instance_id: None,
            state: if state.leader == Some(node) { 8 } else { 6 },
            is_alive: state.is_up[node],
            http_end_point: Some(EndPoint { address: at.ip().to_string(), port: u32::from(at.port()) }),
        };
        ClusterInfo { members: self.shared.ports.iter().enumerate().map(member).collect() }
    }
}

impl State {
    fn append(&mut self, stream: &str, expected: Expected, proposed: Vec<Proposed>) -> Result<AppendResult, Status> {
        let size: usize = proposed.iter().map(size_of_record).sum();
        if size > self.append_size_max {
            let mut status =
                Status::invalid_argument(format!("Maximum Append Size of {} Exceeded.", self.append_size_max));
            status.metadata_mut().insert("exception", "maximum-append-size-exceeded".parse().unwrap());
            return Err(status);
        }
        let records = self.streams.entry(stream.to_owned()).or_default();
        let at = match expected {
            Expected::Revision(revision) => usize::try_from(revision).unwrap().saturating_add(1),
            Expected::NoStream(()) => 0,
            Expected::Any(()) | Expected::StreamExists(()) => records.len(),
        };
        let success = |end: usize| {
            Ok(AppendResult::Success(Success { current_revision: Some(end as u64 - 1), no_position: Some(()) }))
        };
        let end = at.saturating_add(proposed.len());
        if at == records.len() {
            records.extend(proposed);
            return success(end);
        }
        // As the server does: the ids alone.
        let is_known = records.get(at..end).is_some_and(|there| there.iter().zip(&proposed).all(|(a, b)| a.id == b.id));
        if is_known && !self.is_forgetful {
            return success(end);
        }
        Ok(AppendResult::WrongExpectedVersion(WrongExpectedVersion {
            current: Some(match records.len() {
                0 => CurrentRevision::NoStream(()),
                count => CurrentRevision::Revision(count as u64 - 1),
            }),
            expected: Some(match expected {
                Expected::Revision(revision) => ExpectedRevision::Revision(revision),
                Expected::NoStream(()) => ExpectedRevision::NoStream(()),
                Expected::Any(()) => ExpectedRevision::Any(()),
                Expected::StreamExists(()) => ExpectedRevision::StreamExists(()),
            }),
        }))
    }
}

/// What the server counts of a record towards `MaxAppendSize`.
fn size_of_record(record: &Proposed) -> usize {
    record.data.len() + record.custom_metadata.len() + 2 * record.metadata.get("type").map_or(0, String::len)
}

fn name(stream: Option<StreamIdentifier>) -> Result<String, Status> {
    let stream = stream.ok_or_else(|| Status::invalid_argument("no stream"))?;
    String::from_utf8(stream.stream_name).map_err(|_| Status::invalid_argument("the stream's name is not UTF-8"))
}

fn recorded(stream: &str, revision: usize, record: &Stored) -> ReadEvent {
    let event = Recorded {
        id: record.id.clone(),
        stream_identifier: Some(StreamIdentifier { stream_name: stream.as_bytes().to_vec() }),
        stream_revision: revision as u64,
        metadata: record.metadata.clone(),
        custom_metadata: record.custom_metadata.clone(),
        data: record.data.clone(),
    };
    ReadEvent { event: Some(event), no_position: Some(()) }
}
