#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| greffe_fuzz::message(octets));
