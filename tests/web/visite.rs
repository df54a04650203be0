//! A visitor of the pages: a client that keeps no cookie and follows nothing by itself, so that tests see each answer.

use greffe::web::lien;
use greffe_events::ident::Origin;
use ureq::http::{Method, Request};

use crate::monde::{Node, ORIGIN, Reply, key, now_ms};

/// A request to `http://address`.
pub fn demande(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
    let agent: ureq::Agent = config.into();
    let mut request = Request::builder().method(method.parse::<Method>().unwrap());
    request = request.uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = match body {
        Some(body) => agent.run(request.body(body).unwrap()).unwrap(),
        None => agent.run(request.body(()).unwrap()).unwrap(),
    };
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().read_to_vec().unwrap(),
    }
}

/// A link's token, as `greffe token --link` makes it.
pub fn lien_de(seed: u8) -> String {
    lien_a(seed, ORIGIN, now_ms() / 1_000)
}

/// The same, for that log and of that second.
pub fn lien_a(seed: u8, origin: &str, at_s: u64) -> String {
    lien::issue(&key(seed), &origin.parse::<Origin>().unwrap(), at_s)
}

/// The button of the page that a link shows.
pub fn entre(node: &Node, token: &str) -> Reply {
    let origin = format!("http://{}", node.address);
    demande(&node.address, "POST", "/session", &[("origin", &origin)], Some(&format!("lien={token}")))
}

/// A browser that has come in.
pub struct Visite<'a> {
    node: &'a Node,
    pub cookie: String,
}

impl<'a> Visite<'a> {
    pub fn de(node: &'a Node, seed: u8) -> Self {
        loop {
            let reply = entre(node, &lien_de(seed));
            // A node takes no link that was made in the second in which it started.
            if reply.status == 403 && reply.text().contains("dernier démarrage") {
                std::thread::yield_now();
                continue;
            }
            reply.expect(303);
            let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
            return Self { node, cookie };
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        demande(&self.node.address, "GET", path, &[("cookie", &self.cookie)], None)
    }
}
