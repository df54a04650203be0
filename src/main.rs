//! The `greffe` command: parses its arguments, runs one command, ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    greffe::cli::run()
}
