//! Decimal numbers as C2SP texts write them: ASCII digits, no sign, "no leading zeroes" unless the number is `0`
//! (tlog-checkpoint §Note text, tlog-proof §Format, tlog-tiles §Merkle Tree, tlog-cosignature §Ed25519 signed message).

/// The number that `text` writes canonically, when it is at most `max`.
///
/// One spelling a number: what was parsed formats back to the same bytes.
pub(super) fn parse(text: &str, max: u64) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    // An empty text or one that overflows is refused by `parse` itself.
    if canonical { text.parse().ok().filter(|&number| number <= max) } else { None }
}
