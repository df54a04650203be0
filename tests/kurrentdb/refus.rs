//! What stands in the stream, and streams that are refused, with the reason.

use std::collections::HashMap;

use greffe::store::kurrentdb::address::Address;
use greffe::store::kurrentdb::record::id_of;
use greffe::store::kurrentdb::{Fault, KurrentdbStore};
use greffe::store::{AppendError, EventStore, StoreError};
use greffe_events::Uuid;
use greffe_events::leaf::Fields;

use crate::server::{Cluster, Stored};
use crate::wire::UuidValue;
use crate::{leaf, leaves, open};

fn refusal_of(url: &str) -> Fault {
    match KurrentdbStore::open(&Address::parse(url).unwrap()) {
        Err(StoreError::Kurrentdb(fault)) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
}

fn record(kind: &str, data: &str) -> Stored {
    let metadata = [("type", kind), ("content-type", "application/json")];
    Stored {
        id: Some(crate::wire::Uuid { value: Some(UuidValue::String(Uuid::nil().to_string())) }),
        metadata: metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        custom_metadata: Vec::new(),
        data: data.as_bytes().to_vec(),
    }
}

#[test]
fn a_record_shows_the_event_as_it_was_signed() {
    let cluster = Cluster::start(1);
    let store = open(&cluster.url("journal"));
    let (plain, spaced) = (leaf(1, 300), spaced_leaf());
    store.append(0, &[plain.clone(), spaced.clone()]).unwrap();
    let records = cluster.records("journal");
    for ((index, leaf), content_type) in
        (0..).zip([&plain, &spaced]).zip(["application/json", "application/octet-stream"])
    {
        let record = &records[usize::try_from(index).unwrap()];
        assert_eq!(record.data, Fields::decode(leaf).unwrap().payload, "the event's bytes, unchanged");
        let expected = HashMap::from([("type", "greffe.essai.v1"), ("content-type", content_type)]);
        assert_eq!(record.metadata, expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        let Some(UuidValue::Structured(id)) = record.id.as_ref().and_then(|id| id.value.clone()) else { panic!() };
        let id =
            Uuid::from_u64_pair(id.most_significant_bits.cast_unsigned(), id.least_significant_bits.cast_unsigned());
        assert_eq!(id, id_of(index, leaf));
        assert_eq!(id.get_version_num(), 8);
    }
    assert_eq!(store.read(0, 2).unwrap(), [plain, spaced]);
    // The rest of a leaf is small JSON.
    let rest: serde_json::Value = serde_json::from_slice(&records[0].custom_metadata).unwrap();
    assert_eq!(
        (&rest["recorded_at"], &rest["previous"], &rest["rank"]),
        (&1.into(), &serde_json::Value::Null, &1.into())
    );
    assert!(rest["signatures"][0]["keyid"].as_str().unwrap().starts_with("ed25519:0707"));
}

/// White space around the event is signed too.
fn spaced_leaf() -> Vec<u8> {
    let plain = leaf(2, 300);
    let fields = Fields::decode(&plain).unwrap();
    let payload = [b" \n", fields.payload, b"\n"].concat();
    Fields { payload: &payload, ..fields }.encode()
}

#[test]
fn a_stream_that_the_server_may_truncate_is_refused_by_name() {
    for setting in [r#"{"$maxAge":86400}"#, r#"{"$maxCount":1000}"#, r#"{"$tb":3,"$acl":{"$w":"greffe"}}"#] {
        let cluster = Cluster::start(1);
        let store = open(&cluster.url("greffe"));
        store.append(0, &leaves(0, 5)).unwrap();
        cluster.replace_while_down("$$greffe", vec![record("$metadata", setting)]);
        let Fault::Truncatable { setting: named, .. } = refusal_of(&cluster.url("greffe")) else { panic!("{setting}") };
        assert!(setting.replace('"', "").contains(&named.replace(": ", ":")), "{named} names {setting}");
        let error = store.append(5, &leaves(5, 1)).unwrap_err();
        assert!(matches!(error, AppendError::NotWritten(StoreError::Kurrentdb(Fault::Truncatable { .. }))), "{error}");
        // Once it is removed all goes on.
        cluster.replace("$$greffe", vec![record("$metadata", r#"{"$acl":{"$w":"greffe"}}"#)]);
        store.append(5, &leaves(5, 1)).unwrap();
    }
}

#[test]
fn a_record_of_somebody_else_is_named() {
    let cluster = Cluster::start(1);
    let store = open(&cluster.url("greffe"));
    store.append(0, &leaves(0, 3)).unwrap();
    let mut records = cluster.records("greffe");
    records.push(record("AnotherThing", r#"{"a":1}"#));
    cluster.replace("greffe", records.clone());
    assert_eq!(store.read(0, 3).unwrap(), leaves(0, 3), "what is before it can be read");
    for (from, count) in [(0, 10), (3, 1)] {
        let error = store.read(from, count).unwrap_err();
        assert!(matches!(error, StoreError::Kurrentdb(Fault::Foreign { revision: 3, .. })), "{error}");
    }

    // A leaf of ours that was redacted (overwritten in place), or moved.
    records.pop();
    records[1].data.fill(0xff);
    cluster.replace("greffe", records.clone());
    let error = store.read(0, 3).unwrap_err();
    assert!(matches!(error, StoreError::Kurrentdb(Fault::Foreign { revision: 1, .. })), "{error}");
    records.remove(1);
    cluster.replace("greffe", records);
    let error = store.read(0, 3).unwrap_err();
    assert!(matches!(error, StoreError::Kurrentdb(Fault::Foreign { revision: 1, .. })), "{error}");
}

#[test]
fn what_is_no_leaf_is_not_written() {
    let cluster = Cluster::start(1);
    let store = open(&cluster.url("greffe"));
    let error = store.append(0, &[leaf(0, 300), vec![7; 300]]).unwrap_err();
    let AppendError::NotWritten(StoreError::Kurrentdb(Fault::NotALeaf { position: 1, .. })) = error else {
        panic!("{error}")
    };
    assert_eq!(cluster.appends(), 0);
}

#[test]
fn a_ledger_is_created_only_in_an_empty_stream() {
    let cluster = Cluster::start(1);
    let address = Address::parse(&cluster.url("greffe")).unwrap();
    KurrentdbStore::create(&address).unwrap().append(0, &leaves(0, 2)).unwrap();
    let again = KurrentdbStore::create(&address).err().unwrap();
    assert!(matches!(again, StoreError::Kurrentdb(Fault::Exists { leaves: 2, .. })), "{again}");
    KurrentdbStore::create(&Address::parse(&cluster.url("another")).unwrap()).unwrap();
}

#[test]
fn a_server_with_a_smaller_limit_says_so_and_the_batch_is_not_written() {
    let cluster = Cluster::start(1);
    cluster.limit_appends(10_000);
    let store = open(&cluster.url("greffe"));
    let error = store.append(0, &leaves(0, 100)).unwrap_err();
    assert!(matches!(&error, AppendError::NotWritten(reason) if reason.to_string().contains("10000")), "{error}");
    assert_eq!(store.head().unwrap(), 0);
    store.append(0, &leaves(0, 5)).unwrap();
}

#[cfg(unix)]
#[test]
fn the_password_of_the_file_is_what_the_server_gets() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = Cluster::start(1);
    cluster.require("greffe", "s:e@cret");
    assert!(matches!(refusal_of(&cluster.url("greffe")), Fault::Refused { .. }));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mot-de-passe");
    std::fs::write(&file, "s:e@cret\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let url = cluster.url("greffe").replace("esdb://", "esdb://greffe@");
    let store = open(&format!("{url}&passwordFile={}", file.display()));
    store.append(0, &leaves(0, 2)).unwrap();
    assert_eq!(store.read(0, 5).unwrap(), leaves(0, 2));
}
