//! Followers of the feed: what each event costs per follower, how soon it is there, and what the machine does with bare sockets.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream as Blocking};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use greffe::http::auth;
use greffe_events::horodatage::Horodatage;
use greffe_events::key::SecretKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::monde::connexion::Connection;
use crate::monde::{ORIGIN, World, ms, now_s, own_cpu, siren};

const FOLLOWERS: usize = 1_000;
/// Events of the writer, and how many of them a second.
const EVENTS: usize = 10_000;
const RATE: usize = 1_000;
/// Lines of one body of the writer: one every hundredth of a second.
const LINES: usize = 10;
/// Streams that one organisation may open, and so how many auditors have to share the followers.
const FOLLOWERS_OF_EACH: usize = 64;
/// Longest wait for followers that lag behind.
const WAIT: Duration = Duration::from_mins(2);

pub(crate) fn measure(world: &mut World) {
    world.is_mixed = true;
    let keys: Vec<SecretKey> = (0..FOLLOWERS.div_ceil(FOLLOWERS_OF_EACH))
        .map(|n| {
            let key = SecretKey::from_seed(&[100 + n as u8; 32]);
            world.record(&world.enrolment(&siren(8_100 + n), "operateur", &["auditeur:*"], &key));
            key
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!("bare sockets: {}", bare(&runtime));
    let own: Vec<SecretKey> = world.communes.iter().take(FOLLOWERS).map(|(_, key)| key.clone()).collect();
    follow(world, &runtime, &own, "each of what concerns itself");
    let all: Vec<SecretKey> = keys.iter().cycle().take(FOLLOWERS).cloned().collect();
    follow(world, &runtime, &all[..100], "each of everything");
    follow(world, &runtime, &all, "each of everything");
    world.is_mixed = false;
}

/// What the followers have had.
#[derive(Default)]
struct Had {
    events: AtomicUsize,
    bytes: AtomicUsize,
    ready: AtomicUsize,
    delays: Mutex<Vec<Duration>>,
}

/// How each event of the feed begins, and where its time stands.
const EVENT: &str = "data: {\"index\":";
const RECORDED: &str = "\"recorded_at\":\"";

fn follow(world: &mut World, runtime: &Runtime, keys: &[SecretKey], what: &str) {
    let had = Arc::new(Had::default());
    let after = world.head() - 1;
    let tasks: Vec<_> = keys
        .iter()
        .map(|key| {
            let token = auth::issue(key, &ORIGIN.parse().unwrap(), now_s());
            let request =
                format!("GET /v1/feed?after={after} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
            runtime.spawn(one(world.node.address.clone(), request, Arc::clone(&had)))
        })
        .collect();
    wait_until(|| had.ready.load(Ordering::Relaxed) == keys.len());
    // Acts only, each of which concerns one commune and the auditors.
    let first = world.next;
    let mut events = world.events(2 * EVENTS);
    events.truncate(EVENTS);
    let (own, node) = (own_cpu(), world.node.cpu().values().sum::<f64>());
    let start = Instant::now();
    let mut connection = Connection::open(&world.node.address);
    let pace = Duration::from_secs_f64(LINES as f64 / RATE as f64);
    for (n, lines) in events.chunks(LINES).enumerate() {
        std::thread::sleep((start + pace * n as u32).saturating_duration_since(Instant::now()));
        assert_eq!(connection.post_batch(&lines.join("\n")), lines.len());
    }
    let written = start.elapsed();
    let everybody = what.ends_with("everything");
    let followed = (first..first + EVENTS).filter(|n| n % world.communes.len() < FOLLOWERS).count();
    let expected = if everybody { EVENTS * keys.len() } else { followed };
    wait_until(|| had.events.load(Ordering::Relaxed) >= expected);
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = world.node.cpu().values().sum::<f64>() - node;
    let delivered = had.events.load(Ordering::Relaxed);
    println!(
        "{} followers, {what}: {RATE} events/s written in {:.1} s, all there after {elapsed:.1} s: {:.0} deliveries/s, {:.0} MB/s; \
         node {:.2} cores ({:.1} µs of CPU a delivery), load {:.2} cores",
        keys.len(),
        written.as_secs_f64(),
        delivered as f64 / elapsed,
        had.bytes.load(Ordering::Relaxed) as f64 / 1e6 / elapsed,
        cpu / elapsed,
        cpu * 1e6 / delivered as f64,
        (own_cpu() - own) / elapsed,
    );
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let mut delays = std::mem::take(&mut *had.delays.lock().unwrap());
    delays.sort_unstable();
    let at = |percent: usize| ms(delays[(delays.len() - 1) * percent / 100]);
    println!("  from its time of recording to its follower: p50 {}, p99 {}", at(50), at(99));
}

/// One follower, until it is stopped.
async fn one(address: String, request: String, had: Arc<Had>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 256 * 1024];
    // What the last read ended with: the word that is looked for may be cut in two.
    let mut kept = 0;
    let mut is_ready = false;
    loop {
        let count = stream.read(&mut buffer[kept..]).await.unwrap();
        assert!(count > 0, "the node closed a stream");
        had.bytes.fetch_add(count, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&buffer[..kept + count]);
        assert!(!text.starts_with("HTTP/1.1 4") && !text.starts_with("HTTP/1.1 5"), "{text}");
        if !is_ready && text.contains("retry: ") {
            had.ready.fetch_add(1, Ordering::Relaxed);
            is_ready = true;
        }
        had.events.fetch_add(text.matches(EVENT).count(), Ordering::Relaxed);
        // The newest of this read.
        if let Some(at) = text.rfind(RECORDED)
            && let Some(instant) = text.get(at + RECORDED.len()..at + RECORDED.len() + 24)
        {
            let recorded = instant.parse::<Horodatage>().unwrap().unix_ms();
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
            had.delays.lock().unwrap().push(Duration::from_millis(now.saturating_sub(recorded)));
        }
        let end = kept + count;
        kept = end.min(EVENT.len() - 1);
        buffer.copy_within(end - kept..end, 0);
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < WAIT, "followers do not get there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One thread that writes as many bytes to as many sockets as the feed would, one event after the other; and readers that only read.
fn bare(runtime: &Runtime) -> String {
    /// About what an act's event is in the feed.
    const EVENT_BYTES: usize = 3_000;
    const ROUNDS: usize = 200;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let mut sockets: Vec<Blocking> = Vec::with_capacity(FOLLOWERS);
    for _ in 0..FOLLOWERS {
        let read = Arc::clone(&read);
        runtime.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut buffer = vec![0; 256 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                read.fetch_add(count, Ordering::Relaxed);
            }
        });
        sockets.push(listener.accept().unwrap().0);
    }
    let bytes = vec![b'x'; EVENT_BYTES];
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for socket in &mut sockets {
            socket.write_all(&bytes).unwrap();
        }
    }
    wait_until(|| read.load(Ordering::Relaxed) == ROUNDS * FOLLOWERS * EVENT_BYTES);
    let elapsed = start.elapsed().as_secs_f64();
    let writes = (ROUNDS * FOLLOWERS) as f64;
    format!(
        "{:.0} writes of {EVENT_BYTES} bytes/s, {:.0} MB/s",
        writes / elapsed,
        writes * EVENT_BYTES as f64 / 1e6 / elapsed
    )
}
