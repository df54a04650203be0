//! Faults of the machine and of the line, on the built node: nothing is acknowledged that is not kept, others are served
//! meanwhile, and whatever is over is over without hands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, clippy::print_stdout)]
#![cfg(target_os = "linux")]

#[path = "../support/charge.rs"]
mod charge;
mod disque;
mod horloge;
#[path = "../support/node.rs"]
mod node;
mod panne;
mod reseau;
mod suiveurs;
#[path = "../support/mod.rs"]
mod support;

/// Looks again until it holds; fails after some time.
#[track_caller]
fn wait_until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < std::time::Duration::from_secs(seconds), "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
