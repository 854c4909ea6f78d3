//! The carriers' side of digest authentication (RFC 2617, RFC 8760), from the hash functions up.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::text::Msg;

/// How a carrier asks who we are.
#[derive(Debug, Clone, Copy)]
pub struct Auth {
    /// 401 or 407.
    pub status: u16,
    pub realm: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    pub algorithm: Algorithm,
    /// Whether `qop="auth"` is offered; without it, the answer is that of RFC 2069.
    pub qop: bool,
    /// Whether the first good answer is called stale, so that a second nonce is to be used.
    pub stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Without an `algorithm` in the challenge, as old equipment does.
    Unnamed,
    Md5,
    Sha256,
}

impl Auth {
    pub const MD5: Self = Self {
        status: 401,
        realm: "",
        user: "",
        password: super::PASSWORD,
        algorithm: Algorithm::Md5,
        qop: true,
        stale: false,
    };

    fn answer_header(&self) -> &'static str {
        if self.status == 407 { "Proxy-Authorization" } else { "Authorization" }
    }

    fn hash(&self, text: &str) -> String {
        let bytes: Vec<u8> = match self.algorithm {
            Algorithm::Unnamed | Algorithm::Md5 => Md5::digest(text.as_bytes()).to_vec(),
            Algorithm::Sha256 => Sha256::digest(text.as_bytes()).to_vec(),
        };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The challenge, for the header of its status.
    pub fn challenge(&self, nonce: &str, stale: bool) -> (&'static str, String) {
        let name = if self.status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let mut value = format!("Digest realm=\"{}\", nonce=\"{nonce}\"", self.realm);
        match self.algorithm {
            Algorithm::Unnamed => {}
            Algorithm::Md5 => value += ", algorithm=MD5",
            Algorithm::Sha256 => value += ", algorithm=SHA-256",
        }
        if self.qop {
            value += ", qop=\"auth\"";
        }
        if stale {
            value += ", stale=true";
        }
        (name, value)
    }

    /// What is wrong with the request's answer to `nonce`, which was used `uses` times before; `None`: nothing.
    pub fn fault(&self, request: &Msg, nonce: &str, uses: u32) -> Option<String> {
        let Some(answer) = request.get(self.answer_header()) else {
            return Some(format!("no {}", self.answer_header()));
        };
        let field = |name: &str| fields(answer).into_iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let is = |name: &str, wanted: &str| match field(name) {
            Some(value) if value == wanted => None,
            value => Some(format!("{name} is {value:?} instead of {wanted:?}")),
        };
        // The digest's uri is the Request-URI byte for byte: what SBCs compare.
        let wrong = is("username", self.user).or(is("realm", self.realm)).or(is("nonce", nonce));
        let wrong = wrong.or(is("uri", request.uri()));
        if wrong.is_some() {
            return wrong;
        }
        let ha1 = self.hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let ha2 = self.hash(&format!("{}:{}", request.method(), request.uri()));
        let response = if self.qop {
            let count = format!("{:08x}", uses + 1);
            let wrong = is("qop", "auth").or(is("nc", &count));
            if wrong.is_some() {
                return wrong;
            }
            let cnonce = field("cnonce").unwrap_or_default();
            self.hash(&format!("{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}"))
        } else {
            if field("qop").is_some() {
                return Some("qop, which was not offered".to_owned());
            }
            self.hash(&format!("{ha1}:{nonce}:{ha2}"))
        };
        is("response", &response).map(|_| "the response is wrong".to_owned())
    }
}

/// Name and value of each parameter, without quotes.
fn fields(header: &str) -> Vec<(String, String)> {
    let rest = header.trim().strip_prefix("Digest ").unwrap_or_default();
    let (mut quoted, mut parts) = (false, vec![String::new()]);
    for character in rest.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(String::new()),
            _ => parts.last_mut().expect("never empty").push(character),
        }
    }
    let pair =
        |part: String| part.split_once('=').map(|(name, value)| (name.trim().to_lowercase(), value.trim().into()));
    parts.into_iter().filter_map(pair).collect()
}

#[test]
fn the_digest_of_rfc_2617_section_3_5() {
    let auth = Auth {
        realm: "testrealm@host.com",
        user: "Mufasa",
        password: "Circle Of Life",
        algorithm: Algorithm::Unnamed,
        ..Auth::MD5
    };
    let answer = |response: &str| {
        Msg { start: "GET /dir/index.html SIP/2.0".to_owned(), ..Msg::default() }.with(
            "Authorization",
            format!(
                "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b\", \
                 uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"{response}\""
            ),
        )
    };
    let ha1 = "939e7578ed9e3c518a452acee763bce9";
    assert_eq!(auth.hash("Mufasa:testrealm@host.com:Circle Of Life"), ha1);
    assert!(auth.fault(&answer("00000000000000000000000000000000"), "dcd98b", 0).is_some());
    let right = auth.hash(&format!("{ha1}:dcd98b:00000001:0a4f113b:auth:39aff3a2bab6126f332b942af96d3366"));
    assert_eq!(auth.fault(&answer(&right), "dcd98b", 0), None);
    assert!(auth.fault(&answer(&right), "dcd98b", 1).is_some_and(|fault| fault.contains("nc")));
}
