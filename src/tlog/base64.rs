//! Base64 as C2SP writes it: RFC 4648 §4, padded, one spelling for the same bytes.

use data_encoding::BASE64;

/// The bytes of one text. Our codec reads several padded texts in a row as one (`AA==AA==`); no other reader does, so that is refused.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.trim_end_matches('=').contains('=') {
        return None;
    }
    BASE64.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_stands_at_the_end_and_nowhere_else() {
        assert_eq!(decode_base64("AA=="), Some(vec![0]));
        assert_eq!(decode_base64("AAAA"), Some(vec![0; 3]));
        for bad in ["AA==AA==", "AA==AAAA", "AAA=AAAA", "AA=", "AA", "AAAA====", "AB==", "A A="] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }
}
