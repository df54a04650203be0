//! Envelopes: DSSE v1 (github.com/secure-systems-lab/dsse), the JSON form.
//!
//! ```json
//! {"payloadType":"application/vnd.greffe.event+json",
//!  "payload":"<base64 of the event>",
//!  "signatures":[{"keyid":"ed25519:<64 hex>","sig":"<base64 of 64 bytes>"}]}
//! ```
//!
//! Each signature is over `PAE(payloadType, payload)`. One to four signatures, the author's first. The JSON
//! around the payload is not kept: the leaf holds keys, signatures and payload (`leaf`), and an equivalent
//! envelope can be written again from it. Who must sign what is `authority`'s matter.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};

use crate::forme::Objet;
use crate::json::{self, Texte};
use crate::key::{Claim, KeyCache, KeyId, SecretKey, Signature};
use crate::refusal::{Code, Refusal};

/// The `payloadType` of every envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.greffe.event+json";

/// Largest payload, in bytes: with four signatures a leaf then stays under the 65,535 bytes of a
/// C2SP entry (tlog-tiles, "Log entries").
pub const PAYLOAD_BYTES_MAX: usize = 60_000;

/// Largest envelope, in bytes: the base64 of the largest payload, four signatures, and room for white space.
pub const ENVELOPE_BYTES_MAX: usize = 96 * 1024;

/// Most signatures on one envelope.
pub const SIGNATURES_MAX: usize = 4;

/// An event's bytes and the signatures on them. The bytes are I-JSON within their bounds, there is at least one signature and
/// no key twice; the signatures are **not** verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<(KeyId, Signature)>,
}

/// As it is written; read from the text where that holds no escape.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(rename = "payloadType", borrow)]
    payload_type: Texte<'a>,
    #[serde(borrow)]
    payload: Texte<'a>,
    #[serde(borrow, deserialize_with = "signatures")]
    signatures: Vec<WireSignature<'a>>,
}

fn signatures<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<WireSignature<'de>>, D::Error> {
    Vec::<Objet<WireSignature<'de>>>::deserialize(deserializer)
        .map(|all| all.into_iter().map(|Objet(one)| one).collect())
}

#[derive(Serialize, Deserialize)]
struct WireSignature<'a> {
    #[serde(borrow)]
    keyid: Texte<'a>,
    #[serde(borrow)]
    sig: Texte<'a>,
}

impl Envelope {
    /// Reads an envelope: its size, its JSON, the I-JSON of its payload. Signatures are not verified here.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            let detail = format!("the envelope has {} bytes, the limit is {ENVELOPE_BYTES_MAX}", bytes.len());
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        json::check_object(bytes).map_err(|refusal| match refusal.code {
            Code::JsonMalformed => Refusal::new(Code::DsseMalformed, refusal.detail),
            _ => refusal.at("envelope"),
        })?;
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| Refusal::new(Code::DsseMalformed, error.to_string()))?;
        if wire.payload_type.0 != PAYLOAD_TYPE {
            let detail = format!("payloadType must be {PAYLOAD_TYPE}, got {:?}", wire.payload_type.0);
            return Err(Refusal::new(Code::PayloadType, detail).at("payloadType"));
        }
        let payload = decode_base64(&wire.payload.0, "payload")?;
        check_payload(&payload)?;
        let signatures = wire
            .signatures
            .iter()
            .take(SIGNATURES_MAX + 1)
            .enumerate()
            .map(|(at, signature)| signature.read(at))
            .collect::<Result<Vec<_>, _>>()?;
        Self::assemble(payload, signatures)
    }

    /// Puts a payload and its signatures together.
    pub fn new(payload: Vec<u8>, signatures: Vec<(KeyId, Signature)>) -> Result<Self, Refusal> {
        check_payload(&payload)?;
        Self::assemble(payload, signatures)
    }

    /// The same for a payload that was checked.
    pub(crate) fn assemble(payload: Vec<u8>, signatures: Vec<(KeyId, Signature)>) -> Result<Self, Refusal> {
        if signatures.is_empty() {
            return Err(Refusal::new(Code::SignatureMissing, "the envelope holds no signature").at("signatures"));
        }
        if signatures.len() > SIGNATURES_MAX {
            let detail = format!("an envelope holds at most {SIGNATURES_MAX} signatures");
            return Err(Refusal::new(Code::SignatureExtra, detail).at("signatures"));
        }
        for (at, (key, _)) in signatures.iter().enumerate() {
            if signatures[..at].iter().any(|(earlier, _)| earlier == key) {
                let detail = format!("{key} signs twice");
                return Err(Refusal::new(Code::SignatureRepeated, detail).at(format!("signatures[{at}].keyid")));
            }
        }
        Ok(Self { payload, signatures })
    }

    /// Signs a payload with each key in turn.
    pub fn sign(payload: Vec<u8>, keys: &[&SecretKey]) -> Result<Self, Refusal> {
        let message = pae(PAYLOAD_TYPE, &payload);
        let signatures = keys.iter().map(|key| (key.id(), key.sign(&message))).collect();
        Self::new(payload, signatures)
    }

    /// The event's bytes, as they were signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Keys and signatures, in order, the author's first.
    pub fn signatures(&self) -> &[(KeyId, Signature)] {
        &self.signatures
    }

    /// The keys, in order.
    pub fn signers(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.signatures.iter().map(|(key, _)| *key)
    }

    /// Verifies every signature by the frozen rule (`key`).
    pub fn verify(&self) -> Result<(), Refusal> {
        let message = self.message();
        self.judged(self.signatures.iter().map(|(key, signature)| key.verify(&message, signature)))
    }

    /// The same of many envelopes, for whoever verifies many signatures of few keys. Each has its own answer.
    pub fn verify_all<'a>(envelopes: impl IntoIterator<Item = &'a Self>, keys: &KeyCache) -> Vec<Result<(), Refusal>> {
        let signed: Vec<_> = envelopes.into_iter().map(|envelope| (envelope, envelope.message())).collect();
        let claims = signed.iter().flat_map(|(envelope, message)| {
            envelope.signatures.iter().map(|(key, signature)| Claim { key: *key, message, signature })
        });
        let mut are_good = keys.verify_all(&claims.collect::<Vec<_>>()).into_iter();
        signed.iter().map(|(envelope, _)| envelope.judged(are_good.by_ref().take(envelope.signatures.len()))).collect()
    }

    /// What is signed.
    fn message(&self) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &self.payload)
    }

    /// The first signature that is not known to be good; takes as many answers as there are signatures. One without an answer is
    /// not good.
    fn judged(&self, are_good: impl Iterator<Item = bool>) -> Result<(), Refusal> {
        let are_good: Vec<bool> = are_good.collect();
        for (at, (key, _)) in self.signatures.iter().enumerate() {
            if are_good.get(at) != Some(&true) {
                let detail = format!("the signature of {key} does not verify over the payload");
                return Err(Refusal::new(Code::SignatureInvalid, detail).at(format!("signatures[{at}].sig")));
            }
        }
        Ok(())
    }

    /// Takes the envelope apart.
    pub fn into_parts(self) -> (Vec<u8>, Vec<(KeyId, Signature)>) {
        (self.payload, self.signatures)
    }

    /// Writes the envelope as JSON, standard base64 with padding.
    pub fn to_json(&self) -> String {
        let signatures = self
            .signatures
            .iter()
            .map(|(key, signature)| WireSignature {
                keyid: Texte(key.to_string().into()),
                sig: Texte(BASE64.encode(&signature.0).into()),
            })
            .collect();
        let payload = Texte(BASE64.encode(&self.payload).into());
        let wire = Wire { payload_type: Texte(PAYLOAD_TYPE.into()), payload, signatures };
        // Strings and a list of strings: nothing in it can fail to serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

impl WireSignature<'_> {
    fn read(&self, at: usize) -> Result<(KeyId, Signature), Refusal> {
        let key = self.keyid.0.parse().map_err(|error: crate::key::KeyError| {
            Refusal::new(Code::DsseMalformed, error.to_string()).at(format!("signatures[{at}].keyid"))
        })?;
        let field = format!("signatures[{at}].sig");
        let bytes = decode_base64(&self.sig.0, &field)?;
        let signature = bytes.try_into().map_err(|bytes: Vec<u8>| {
            Refusal::new(Code::DsseMalformed, format!("a signature has 64 bytes, got {}", bytes.len())).at(field)
        })?;
        Ok((key, Signature(signature)))
    }
}

/// The payload's own rules: size and I-JSON.
pub fn check_payload(payload: &[u8]) -> Result<(), Refusal> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        let detail = format!("the event has {} bytes, the limit is {PAYLOAD_BYTES_MAX}", payload.len());
        return Err(Refusal::new(Code::TooLarge, detail).at("payload"));
    }
    json::check_object(payload).map_err(|refusal| refusal.at("payload"))
}

/// DSSE: "Either standard or URL-safe encoding is allowed". Padding may be left out; stray bits may not be set.
fn decode_base64(text: &str, field: &str) -> Result<Vec<u8>, Refusal> {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let is_padded = padding > 0;
    let decode = |encoding: data_encoding::Encoding| encoding.decode(text.as_bytes());
    let decoded = decode(if is_padded { BASE64 } else { BASE64_NOPAD }).or_else(|error| {
        let is_url_safe = text.bytes().any(|byte| byte == b'-' || byte == b'_');
        if is_url_safe { decode(if is_padded { BASE64URL } else { BASE64URL_NOPAD }) } else { Err(error) }
    });
    match decoded {
        // Our codec would read several padded texts in a row as one; no other reader does.
        Ok(bytes) if is_padded && bytes.len() + padding != text.len() / 4 * 3 => {
            Err(Refusal::new(Code::Base64Invalid, "not base64: padding in the middle").at(field))
        }
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Refusal::new(Code::Base64Invalid, format!("not base64: {error}")).at(field)),
    }
}

/// Pre-authentication encoding: `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in ASCII decimal.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut message = Vec::with_capacity(head.len() + payload.len());
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn code_of(envelope: &str) -> Option<Code> {
        Envelope::parse(envelope.as_bytes()).err().map(|refusal| refusal.code)
    }

    /// Well signed, whatever the payload.
    fn signed(payload: &str) -> String {
        let key = SecretKey::from_seed(&[1; 32]);
        let signature = key.sign(&pae(PAYLOAD_TYPE, payload.as_bytes()));
        let payload = payload.as_bytes().to_vec();
        Envelope { payload, signatures: vec![(key.id(), signature)] }.to_json()
    }

    #[test]
    fn pae_is_the_one_of_the_dsse_specification() {
        // DSSE v1, "Test Vectors".
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn what_is_not_an_envelope_is_refused_with_its_own_code() {
        let good = signed(r#"{"a":1}"#);
        assert_eq!(code_of(&good), None);
        let key = SecretKey::from_seed(&[1; 32]).id();
        let signature = BASE64.encode(&[0; 64]);
        let with = |payload: &str, signatures: &str| {
            format!(r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{signatures}]}}"#)
        };
        let one = format!(r#"{{"keyid":"{key}","sig":"{signature}"}}"#);
        let other =
            |seed: u8| format!(r#"{{"keyid":"{}","sig":"{signature}"}}"#, SecretKey::from_seed(&[seed; 32]).id());
        let five = (1..=5).map(other).collect::<Vec<_>>().join(",");
        let table = [
            (String::new(), Code::DsseMalformed),
            ("[]".to_owned(), Code::DsseMalformed),
            (r#"{"payload":"e30="}"#.to_owned(), Code::DsseMalformed),
            (good.replace("\"payload\"", "\"payloadType\""), Code::JsonDuplicateName),
            (good.replace("greffe.event", "other"), Code::PayloadType),
            (with("e30*", &one), Code::Base64Invalid),
            (with("e31=", &one), Code::Base64Invalid),
            (with("e30=e30=", &one), Code::Base64Invalid),
            (with("e30=e30", &one), Code::Base64Invalid),
            (with("e3-=_30=", &one), Code::Base64Invalid),
            (with("W10=", &one), Code::JsonMalformed),
            (with("e30=", ""), Code::SignatureMissing),
            (with("e30=", &format!("{one},{one}")), Code::SignatureRepeated),
            (with("e30=", &five), Code::SignatureExtra),
            (with("e30=", r#"{"keyid":"ed25519:00","sig":""}"#), Code::DsseMalformed),
            (with("e30=", &format!(r#"{{"keyid":"{key}","sig":"AAAA"}}"#)), Code::DsseMalformed),
            (with("e30=", &format!(r#"{{"keyid":"{key}","sig":"?"}}"#)), Code::Base64Invalid),
            (signed(&format!("{{\"a\":\"{}\"}}", "x".repeat(PAYLOAD_BYTES_MAX))), Code::TooLarge),
            (" ".repeat(ENVELOPE_BYTES_MAX + 1), Code::TooLarge),
            (signed(r#"{"a":1,"a":1}"#), Code::JsonDuplicateName),
            (signed(r#"{"a":1.5}"#), Code::JsonNumber),
        ];
        for (envelope, expected) in table {
            assert_eq!(code_of(&envelope), Some(expected), "{}", &envelope[..envelope.len().min(200)]);
        }
    }

    #[test]
    fn url_safe_and_unpadded_base64_read_the_same() {
        let payload = r#"{"a":"~~??>>"}"#;
        let standard = signed(payload);
        for other in [BASE64URL, BASE64URL_NOPAD, BASE64_NOPAD] {
            let same = standard.replace(&BASE64.encode(payload.as_bytes()), &other.encode(payload.as_bytes()));
            assert_ne!(same, standard);
            assert_eq!(Envelope::parse(same.as_bytes()).unwrap().payload(), payload.as_bytes());
        }
        // A text with escapes is the same text.
        let escaped = standard.replace("application/", "application\\/").replace("ed25519:", "ed25519\\u003a");
        assert_ne!(escaped, standard);
        assert_eq!(Envelope::parse(escaped.as_bytes()), Envelope::parse(standard.as_bytes()));
    }

    #[test]
    fn one_bad_signature_among_good_ones_is_found() {
        let keys = [SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32])];
        let envelope = Envelope::sign(b"{}".to_vec(), &[&keys[0], &keys[1]]).unwrap();
        assert_eq!(envelope.verify(), Ok(()));
        let (payload, mut signatures) = envelope.into_parts();
        signatures[1].1 = signatures[0].1;
        let refusal = Envelope::new(payload, signatures).unwrap().verify().unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::SignatureInvalid, Some("signatures[1].sig")));
    }

    #[test]
    fn envelopes_verified_together_each_have_their_own_answer() {
        let keys: Vec<_> = (1..=4).map(|seed| SecretKey::from_seed(&[seed; 32])).collect();
        let envelopes: Vec<_> = (0..30_usize)
            .map(|at| {
                let signers: Vec<_> = keys.iter().cycle().skip(at).take(1 + at % 4).collect();
                let mut envelope = Envelope::sign(format!("{{\"a\":{at}}}").into_bytes(), &signers).unwrap();
                if at % 3 == 0 {
                    let last = envelope.signatures.len() - 1;
                    envelope.signatures[last].1 = keys[0].sign(b"another");
                }
                envelope
            })
            .collect();
        let alone: Vec<_> = envelopes.iter().map(Envelope::verify).collect();
        assert_eq!(alone.iter().filter(|answer| answer.is_err()).count(), 10);
        assert_eq!(Envelope::verify_all(&envelopes, &KeyCache::default()), alone);
        let one = &envelopes[1];
        assert!(one.judged([true; 2].into_iter()).is_ok() && one.judged([true].into_iter()).is_err());
    }

    proptest! {
        #[test]
        fn an_envelope_is_read_as_it_was_written(text in "[ -~]{0,50}", seeds in proptest::collection::hash_set(any::<[u8; 32]>(), 1..=4)) {
            let keys: Vec<_> = seeds.iter().map(SecretKey::from_seed).collect();
            let payload = serde_json::json!({ "text": text }).to_string().into_bytes();
            let envelope = Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(&Envelope::parse(envelope.to_json().as_bytes()).unwrap(), &envelope);
            prop_assert_eq!(envelope.verify(), Ok(()));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
