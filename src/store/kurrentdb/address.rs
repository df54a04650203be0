//! Where the stream is: a connection string of EventStoreDB or KurrentDB, with parameters of ours.
//!
//! ```text
//! esdb://user@host:2113,host2:2113?tlsCaFile=…&stream=greffe&passwordFile=…&waitMs=10000&maxAppendSize=1048576
//! ```
//!
//! | parameter | meaning | default |
//! |---|---|---|
//! | `stream` | the stream that holds the log | `greffe` |
//! | `passwordFile` | file with the user's password, readable by its owner only | |
//! | `waitMs` | longest that one call of the store waits for the server, in milliseconds | 10,000 |
//! | `maxAppendSize` | the server's own `MaxAppendSize`, in bytes | 1,048,576 |
//!
//! All others are the client's own. Schemes `esdb`, `esdb+discover`, `kurrentdb` and `kurrentdb+discover` name the same protocol. A password
//! in the string itself is refused: whoever lists the processes would read it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use eventstore::{ClientSettings, Credentials};

use super::Fault;
use super::record::RECORD_EXTRA_MAX;
use crate::store::{AppendMax, LEAF_BYTES_MAX};

/// The stream, unless the address names another.
pub const STREAM: &str = "greffe";

/// How long a call waits for the server, unless the address says otherwise: an election takes some seconds.
pub const WAIT: Duration = Duration::from_secs(10);

/// The least and the most that an address may say instead.
pub const WAIT_RANGE_MS: std::ops::RangeInclusive<u64> = 100..=60_000;

/// `MaxAppendSize` of a server that was not told otherwise, in bytes.
pub const APPEND_SIZE: usize = 1 << 20;

/// The least that an address may say instead: a few of the largest leaves.
pub const APPEND_SIZE_MIN: usize = 4 * (LEAF_BYTES_MAX + RECORD_EXTRA_MAX);

/// Most leaves in one append: beyond that the metadata of small leaves would take most of the server's limit.
pub const APPEND_LEAVES: usize = 256;

/// Bytes of the server's limit for each leaf that an append may have, so that a smaller limit leaves room for large leaves.
const APPEND_BYTES_PER_LEAF: usize = 4_096;

/// Part of the wait that the client gives one server to say who leads, unless the address says otherwise: a third is one attempt, in which
/// a server that is silent leaves time for another.
const GOSSIP_PART: u32 = 6;

/// Pause of the client between the choice of a server and its use, unless the address says otherwise, in milliseconds: its own default, 500,
/// also passes where nothing has failed. Attempts are paced by the store.
const DISCOVERY_MS: u64 = 20;

/// Any server will do, unless the address says otherwise: whoever must ask the leader says so in the call. With the client's own default, `leader`,
/// each call would, and nothing could be read without a majority.
const NODE_PREFERENCE: &str = "nodePreference=random";

/// Longest password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// A connection string, read.
#[derive(Clone)]
pub struct Address {
    /// The client's own settings.
    pub settings: ClientSettings,
    /// Who asks.
    pub credentials: Option<Credentials>,
    /// The stream.
    pub stream: String,
    /// Longest that one call of the store waits for the server.
    pub wait: Duration,
    /// What one append may hold, so that its records stay within the server's limit.
    pub append_max: AppendMax,
}

impl Address {
    /// Whether a store's address is one of these.
    pub fn is_one(text: &str) -> bool {
        client_scheme(text).is_some()
    }

    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::Address(what);
        let (scheme, rest) = client_scheme(text)
            .ok_or_else(|| wrong("it begins with esdb:// or kurrentdb://, or with +discover before ://".to_owned()))?;
        let (hosts, query) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = hosts.trim_end_matches('/');
        let mut user = None;
        if let Some((who, _)) = hosts.rsplit_once('@') {
            if who.contains(':') {
                let how =
                    "no password in it: name a file that holds it, readable by its owner only, with passwordFile=";
                return Err(wrong(how.to_owned()));
            }
            user = Some(who.to_owned());
        }
        let (mut stream, mut wait, mut append_size, mut password) = (STREAM.to_owned(), WAIT, APPEND_SIZE, None);
        let mut clients = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let number = || value.parse::<u64>().map_err(|_| wrong(format!("{name}={value} is no number")));
            match name.to_ascii_lowercase().as_str() {
                "stream" if is_stream_name(value) => value.clone_into(&mut stream),
                "stream" => {
                    return Err(wrong(format!("stream={value}: 1 to 128 letters, digits, and - _ . after the first")));
                }
                "waitms" => {
                    let ms = number()?;
                    if !WAIT_RANGE_MS.contains(&ms) {
                        return Err(wrong(format!("{name} is within {WAIT_RANGE_MS:?}")));
                    }
                    wait = Duration::from_millis(ms);
                }
                "maxappendsize" => {
                    append_size = usize::try_from(number()?).unwrap_or(usize::MAX);
                    if append_size < APPEND_SIZE_MIN {
                        return Err(wrong(format!("{name} is at least {APPEND_SIZE_MIN}")));
                    }
                }
                "passwordfile" => password = Some(read_password(Path::new(value))?),
                // The client panics on a file that it can't read.
                "tlscafile" | "usercertfile" | "userkeyfile" => {
                    File::open(value).map_err(|error| wrong(format!("{name}={value}: {error}")))?;
                    clients.push(parameter);
                }
                _ => clients.push(parameter),
            }
        }
        let credentials = match (user, password) {
            (Some(user), Some(password)) => Some(Credentials::new(user, password)),
            (None, None) => None,
            _ => return Err(wrong("a user and a passwordFile go together".to_owned())),
        };
        let hosts = hosts.rsplit_once('@').map_or(hosts, |(_, hosts)| hosts);
        let own = [
            format!("gossipTimeout={}", (wait / GOSSIP_PART).as_millis()),
            format!("discoveryInterval={DISCOVERY_MS}"),
            NODE_PREFERENCE.to_owned(),
        ];
        for default in &own {
            let name = default.split('=').next().unwrap_or_default();
            if !clients
                .iter()
                .any(|parameter| parameter.split('=').next().is_some_and(|n| n.eq_ignore_ascii_case(name)))
            {
                clients.push(default);
            }
        }
        let settings = format!("{scheme}://{hosts}?{}", clients.join("&"));
        let settings = settings.parse::<ClientSettings>().map_err(|error| wrong(error.to_string()))?;
        let leaves = APPEND_LEAVES.min(append_size / APPEND_BYTES_PER_LEAF);
        let bytes = append_size - leaves * RECORD_EXTRA_MAX;
        Ok(Self { settings, credentials, stream, wait, append_max: AppendMax { leaves, bytes } })
    }
}

/// The client's scheme, and what follows it.
fn client_scheme(text: &str) -> Option<(&'static str, &str)> {
    [
        ("esdb", "esdb"),
        ("esdb+discover", "esdb+discover"),
        ("kurrentdb", "esdb"),
        ("kurrentdb+discover", "esdb+discover"),
    ]
    .into_iter()
    .find_map(|(scheme, own)| Some((own, text.strip_prefix(scheme)?.strip_prefix("://")?)))
}

/// A name that needs no escaping anywhere, and is no system stream.
fn is_stream_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= 128
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(rest)
}

fn read_password(path: &Path) -> Result<String, Fault> {
    let wrong = |error: std::io::Error| Fault::Address(format!("passwordFile={}: {error}", path.display()));
    let file = File::open(path).map_err(wrong)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(wrong)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(std::io::Error::other(format!("others may read it (mode {mode:o}); chmod 600"))));
        }
    }
    let mut password = String::new();
    file.take(PASSWORD_BYTES_MAX).read_to_string(&mut password).map_err(wrong)?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use eventstore::NodePreference;

    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn our_parameters_are_taken_out_and_the_clients_stay() {
        let plain = parse("esdb://localhost:2113?tls=false");
        assert!(!plain.settings.is_secure_mode_enabled());
        assert_eq!((plain.stream.as_str(), plain.wait), (STREAM, WAIT));
        assert!(plain.credentials.is_none());
        let cluster =
            parse("kurrentdb://a:1,b:2,c:3?tls=false&stream=registre-039.essai&waitMs=250&maxAppendSize=4194304");
        assert_eq!(cluster.settings.hosts().len(), 3);
        assert_eq!((cluster.stream.as_str(), cluster.wait.as_millis()), ("registre-039.essai", 250));
        assert_eq!(plain.settings.gossip_timeout().as_millis(), WAIT.as_millis() / 6);
        let said = parse("esdb://a:1?GossipTimeout=77&nodePreference=follower").settings;
        assert_eq!((said.gossip_timeout().as_millis(), said.node_preference()), (77, NodePreference::Follower));
        assert_eq!(plain.settings.node_preference(), NodePreference::Random);
        assert!(parse("kurrentdb+discover://a:1").settings.is_dns_discovery_enabled());
        assert!(Address::is_one("esdb+discover://a") && !Address::is_one("sqlite") && !Address::is_one("esdbx://a"));
    }

    #[test]
    fn a_batch_within_the_bounds_is_within_the_servers_limit() {
        for size in [APPEND_SIZE_MIN, 400_000, APPEND_SIZE, 16 << 20] {
            let max = parse(&format!("esdb://a?maxAppendSize={size}")).append_max;
            assert!(max.bytes + max.leaves * RECORD_EXTRA_MAX <= size, "{size}: {max:?}");
            assert!(
                max.leaves >= 64 && max.bytes >= max.leaves * 1_024 + 2 * LEAF_BYTES_MAX,
                "of use: {size}: {max:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_refused_before_any_connection() {
        for bad in [
            "http://a:1",
            "esdb:/a",
            "esdb://admin:changeit@a:1",
            "esdb://admin@a:1",
            "esdb://a:1?passwordFile=/nowhere",
            "esdb://a:1?tlsCaFile=/nowhere",
            "esdb://a:1?stream=$all",
            "esdb://a:1?stream=",
            "esdb://a:1?waitMs=99",
            "esdb://a:1?waitMs=x",
            "esdb://a:1?maxAppendSize=1000",
            "esdb://a:1,b:x",
        ] {
            assert!(matches!(Address::parse(bad), Err(Fault::Address(_))), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_password_comes_from_a_file_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "chan:ge@it\n").unwrap();
        let text = format!("esdb://greffe@a:1?passwordFile={}", file.display());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Address::parse(&text).err().unwrap().to_string().contains("chmod 600"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(parse(&text).credentials, Some(Credentials::new("greffe", "chan:ge@it")));
    }
}
