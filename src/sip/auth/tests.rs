use super::hash::{Inputs, hmac_sha256};
use super::*;
use crate::domain::Secret;
use crate::sip::message::{Method, Request, Response, Uri};

fn vector(algorithm: Algorithm, qop: Option<Qop>) -> Inputs<'static> {
    Inputs {
        algorithm,
        username: b"Mufasa",
        realm: b"http-auth@example.org",
        password: b"Circle of Life",
        nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc: b"00000001",
        cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        qop,
        method: b"GET",
        uri: b"/dir/index.html",
        body: b"",
    }
}

#[test]
fn rfc_7616_3_9_1_vectors() {
    let md5 = vector(Algorithm::Md5, Some(Qop::Auth));
    assert_eq!(md5.response(), "8ca523f5e9506fed4657c9700eebdbec");
    let sha = vector(Algorithm::Sha256, Some(Qop::Auth));
    assert_eq!(sha.response(), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/// The value of erratum 4897: the one in the RFC was made with a truncated SHA-512.
#[test]
fn rfc_7616_3_9_2_vector_as_corrected() {
    let inputs = Inputs {
        username: "Jäsøn Doe".as_bytes(),
        realm: b"api@example.org",
        password: b"Secret, or not?",
        nonce: b"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        cnonce: b"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        uri: b"/doe.json",
        ..vector(Algorithm::Sha512_256, Some(Qop::Auth))
    };
    assert_eq!(inputs.response(), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

#[test]
fn rfc_2617_3_5_vector() {
    let inputs = Inputs {
        realm: b"testrealm@host.com",
        password: b"Circle Of Life",
        nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
        cnonce: b"0a4f113b",
        ..vector(Algorithm::Md5, Some(Qop::Auth))
    };
    assert_eq!(inputs.response(), "6629fae49393a05397450978507c4ef1");
}

/// RFC 4231 §4.3 with its key padded by zeros, which HMAC does itself.
#[test]
fn hmac_vector() {
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    let mac = hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(hash::hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

const URI: &str = "sip:+918047180000@ims.example:5070;user=phone";

fn register(body: &[u8]) -> Request {
    let mut request = Request::new(Method::Register, URI.parse().unwrap());
    request.body = body.to_vec();
    request
}

fn client() -> ClientAuth {
    ClientAuth::new("+91@c.ims", Secret::new("s3cret"))
}

fn challenge(status: u16, values: &[&str]) -> Response {
    let mut response = Response { status, reason: String::new(), headers: Default::default(), body: Vec::new() };
    let authority = if status == 407 { Authority::Proxy } else { Authority::Server };
    values.iter().for_each(|v| response.headers.push(authority.challenge_header(), *v));
    response
}

/// Meets the challenge and gives the credentials sent then.
fn answer(auth: &mut ClientAuth, first: &Request, response: &Response, cnonce: &str) -> String {
    auth.challenged(first, response).unwrap();
    let mut again = first.clone();
    auth.authorize(&mut again, cnonce);
    let name = if response.status == 407 { HeaderName::ProxyAuthorization } else { HeaderName::Authorization };
    again.headers.get(name).unwrap().as_str().unwrap().to_owned()
}

fn param(credentials: &str, name: &str) -> Option<String> {
    let list = challenge::DigestParams::parse_all(credentials.as_bytes());
    list[0].get(name).map(|v| String::from_utf8(v.to_vec()).unwrap())
}

/// Expected values computed with Python's hashlib.
#[test]
fn every_algorithm_and_qop_signs_as_an_independent_computation_does() {
    let cases = [
        ("MD5", "", "d9cf1f145d6af06a5fb6ab056e80c705"),
        ("MD5", "auth", "9159749924eef585f3d60447a9a1fad8"),
        ("MD5", "auth-int", "3f638ddb064a6bc81a83011eeb1805e0"),
        ("SHA-256", "", "454284b435cc6421899149cd7d4d3c1cbc09737165b139e717b99a6ee863abc1"),
        ("SHA-256", "auth", "61d58d6a4882c24f6d7f589b474cd460a0cc6f96912480d613dcd4c6e2425c17"),
        ("SHA-256", "auth-int", "69cea69e9901d1fe644f39fedb42a47a73da619a20a89946640de42287aa007f"),
        ("SHA-512-256", "", "9904a191f51c217def446f9aa66ff2d1973ec3669ce3a73021e01e9dcdb8f433"),
        ("SHA-512-256", "auth", "28130d49a81bd5f37f7b904dc20cca6d7e1e67b770b74af451b206379754bbaa"),
        ("SHA-512-256", "auth-int", "feb8b9a0e2673a64c69b0aebd85ba9a9be9ae70aeac406f8ee7d3c42ec987504"),
    ];
    for (algorithm, qop, expected) in cases {
        let offer = if qop.is_empty() { String::new() } else { format!(", qop=\"{qop}\"") };
        let value = format!("Digest realm=\"trunk.example\", nonce=\"n0\", algorithm={algorithm}{offer}");
        let body = if qop == "auth-int" { b"v=0\r\n".as_slice() } else { b"" };
        let sent = answer(&mut client(), &register(body), &challenge(401, &[&value]), "c0");
        assert_eq!(param(&sent, "response").as_deref(), Some(expected), "{sent}");
        assert_eq!(param(&sent, "uri").as_deref(), Some(URI), "the Request-URI, byte for byte");
        assert_eq!(param(&sent, "algorithm").as_deref(), Some(algorithm));
        assert_eq!(param(&sent, "nc").is_some(), !qop.is_empty());
        assert_eq!(param(&sent, "username").as_deref(), Some("+91@c.ims"));
    }
}

/// The second request keeps the first client nonce, so the secret of the session stays what the server knows.
#[test]
fn session_algorithms_keep_their_first_client_nonce() {
    let cases = [
        ("MD5-sess", "de1640cb8a81cdac1eb63ddcce9db2af"),
        ("SHA-256-sess", "6604630ae764b6123238031ff77464b0e18f57421f3f957a54fb6862888031f5"),
        ("SHA-512-256-sess", "12025e75f11a7ee5e5b5b95fea46fc848522ed362bc0bc7fcad6b814e73ddfaf"),
    ];
    for (algorithm, expected) in cases {
        let value = format!("Digest realm=\"trunk.example\", nonce=\"n0\", qop=\"auth\", algorithm={algorithm}");
        let mut auth = client();
        answer(&mut auth, &register(b""), &challenge(401, &[&value]), "c0");
        let mut second = register(b"");
        auth.authorize(&mut second, "another");
        let sent = second.headers.get(HeaderName::Authorization).unwrap().as_str().unwrap();
        assert_eq!(param(sent, "response").as_deref(), Some(expected), "{sent}");
        assert_eq!(param(sent, "nc").as_deref(), Some("00000002"));
    }
}

#[test]
fn the_strongest_known_challenge_wins_and_unknown_ones_are_skipped() {
    let headers = [
        "Digest realm=\"r\", nonce=\"n1\", algorithm=SHA3-999, qop=\"auth\"",
        "Basic realm=\"r\"",
        "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n3\", algorithm=SHA-256, qop=\"auth,auth-int\"",
        "Digest realm=\"r\", nonce=\"n4\", algorithm=MD5, qop=\"auth\"",
    ];
    let sent = answer(&mut client(), &register(b""), &challenge(401, &headers), "c");
    assert_eq!(param(&sent, "nonce").as_deref(), Some("n3"));
    assert_eq!(param(&sent, "qop").as_deref(), Some("auth"), "of a list, auth");

    let joined = headers.join(", ");
    let sent = answer(&mut client(), &register(b""), &challenge(401, &[&joined]), "c");
    assert_eq!(param(&sent, "nonce").as_deref(), Some("n3"), "several challenges in one field");

    let unknown = challenge(401, &headers[..2]);
    assert_eq!(client().challenged(&register(b""), &unknown), Err(ClientAuthError::NoUsableChallenge));
    let odd_qop = challenge(401, &["Digest realm=\"r\", nonce=\"n\", qop=\"future\""]);
    assert_eq!(client().challenged(&register(b""), &odd_qop), Err(ClientAuthError::NoUsableChallenge));
}

#[test]
fn oddly_written_challenges_are_understood() {
    let value = "digest REALM=\"a, \\\"b\\\"\" ,nonce = \"x==\",opaque=\"\", QOP=\"auth-int , AUTH\",algorithm=\"md5\",,stale=FALSE";
    let sent = answer(&mut client(), &register(b""), &challenge(401, &[value]), "c");
    assert_eq!(param(&sent, "realm").as_deref(), Some("a, \\\"b\\\""), "escapes go back as they came");
    assert_eq!(param(&sent, "opaque").as_deref(), Some(""));
    assert_eq!(param(&sent, "qop").as_deref(), Some("auth"));
    assert!(sent.contains("algorithm=MD5"), "{sent}");
}

#[test]
fn a_401_behind_a_407_is_answered_with_both() {
    let mut auth = client();
    let first = register(b"");
    let mut second = first.clone();
    auth.challenged(&first, &challenge(407, &["Digest realm=\"proxy\", nonce=\"p\", qop=\"auth\""])).unwrap();
    auth.authorize(&mut second, "c1");
    let mut third = first.clone();
    auth.challenged(&second, &challenge(401, &["Digest realm=\"home\", nonce=\"h\", qop=\"auth\""])).unwrap();
    auth.authorize(&mut third, "c2");
    let proxy = third.headers.get(HeaderName::ProxyAuthorization).unwrap().as_str().unwrap();
    let home = third.headers.get(HeaderName::Authorization).unwrap().as_str().unwrap();
    assert_eq!((param(proxy, "realm").as_deref(), param(proxy, "nc").as_deref()), (Some("proxy"), Some("00000002")));
    assert_eq!((param(home, "realm").as_deref(), param(home, "nc").as_deref()), (Some("home"), Some("00000001")));
}

#[test]
fn nonces_are_used_again_with_a_rising_count_and_renewed_when_stale() {
    let mut auth = client();
    let mut request = register(b"");
    auth.challenged(&request, &challenge(401, &["Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""])).unwrap();
    for count in ["00000001", "00000002", "00000003"] {
        auth.authorize(&mut request, "c");
        assert_eq!(request.headers.get_all(HeaderName::Authorization).count(), 1);
        let sent = request.headers.get(HeaderName::Authorization).unwrap().as_str().unwrap();
        assert_eq!(param(sent, "nc").as_deref(), Some(count));
        auth.accepted();
    }
    let stale = challenge(401, &["Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true"]);
    let sent = answer(&mut auth, &request, &stale, "c");
    assert_eq!((param(&sent, "nonce").as_deref(), param(&sent, "nc").as_deref()), (Some("n2"), Some("00000001")));
}

#[test]
fn refused_credentials_end_the_attempt() {
    let mut auth = client();
    let mut request = register(b"");
    auth.challenged(&request, &challenge(401, &["Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""])).unwrap();
    auth.authorize(&mut request, "c");
    let again = challenge(401, &["Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""]);
    assert_eq!(auth.challenged(&request, &again), Err(ClientAuthError::Refused));
}

#[test]
fn a_server_that_always_says_stale_is_left_after_three_times() {
    let mut auth = client();
    let mut request = register(b"");
    let mut rounds = 0;
    loop {
        let value = format!("Digest realm=\"r\", nonce=\"n{rounds}\", qop=\"auth\", stale=true");
        if auth.challenged(&request, &challenge(401, &[&value])).is_err() {
            break;
        }
        auth.authorize(&mut request, "c");
        rounds += 1;
        assert!(rounds < 10, "endless");
    }
    assert_eq!(rounds, 4);
}

const KEY: [u8; 32] = [7; 32];

fn server() -> ServerAuth {
    ServerAuth::new(Authority::Proxy, "vca", KEY, 60, &[Algorithm::Sha256, Algorithm::Md5])
}

fn users(name: &str) -> Option<Secret> {
    (name == "+91@c.ims").then(|| Secret::new("s3cret"))
}

/// A request signed for a challenge the server issued at 100 s.
fn signed(server: &ServerAuth, auth: &mut ClientAuth, salt: u64) -> Request {
    let values = server.challenges(100, salt, false);
    let texts: Vec<&str> = values.iter().map(|v| v.as_str().unwrap()).collect();
    let mut request = register(b"body");
    auth.challenged(&request, &challenge(407, &texts)).unwrap();
    auth.authorize(&mut request, "c");
    request
}

#[test]
fn our_two_sides_agree() {
    let (mut server, mut auth) = (server(), client());
    let mut request = signed(&server, &mut auth, 1);
    assert_eq!(server.verify(&request, 101, users), Ok("+91@c.ims".into()));
    auth.authorize(&mut request, "d");
    assert_eq!(server.verify(&request, 102, users), Ok("+91@c.ims".into()), "the nonce is good again");
}

#[test]
fn wrong_credentials_are_told_apart_from_none() {
    let mut server = server();
    assert_eq!(server.verify(&register(b""), 100, users), Err(ServerAuthError::Missing));
    let mut wrong = ClientAuth::new("+91@c.ims", Secret::new("guess"));
    let request = signed(&server, &mut wrong, 1);
    assert_eq!(server.verify(&request, 100, users), Err(ServerAuthError::Wrong));
    let mut unknown = ClientAuth::new("nobody", Secret::new(""));
    let request = signed(&server, &mut unknown, 2);
    assert_eq!(server.verify(&request, 100, users), Err(ServerAuthError::Wrong), "an empty password is none");
}

#[test]
fn credentials_count_once_and_for_their_request_only() {
    let mut server = server();
    let request = signed(&server, &mut client(), 1);
    let mut other = request.clone();
    other.uri = Uri::sip(Some("+911900"), "ims.example").unwrap();
    assert_eq!(server.verify(&other, 100, users), Err(ServerAuthError::Malformed), "made for another URI");
    let mut other = request.clone();
    other.method = Method::Invite;
    assert_eq!(server.verify(&other, 100, users), Err(ServerAuthError::Wrong), "made for another method");
    assert!(server.verify(&request, 100, users).is_ok());
    assert_eq!(server.verify(&request, 100, users), Err(ServerAuthError::Stale), "a replay");
}

#[test]
fn old_and_foreign_nonces_are_refused() {
    let mut server = server();
    let request = signed(&server, &mut client(), 1);
    assert_eq!(server.verify(&request, 161, users), Err(ServerAuthError::Stale));
    assert!(server.verify(&request, 160, users).is_ok());
    let foreign = ServerAuth::new(Authority::Proxy, "vca", [8; 32], 60, &[Algorithm::Sha256]);
    let request = signed(&foreign, &mut client(), 1);
    assert_eq!(server.verify(&request, 100, users), Err(ServerAuthError::Wrong));
}

#[test]
fn counts_may_come_out_of_order_but_never_twice() {
    let mut server = server();
    let mut auth = client();
    let first = signed(&server, &mut auth, 1);
    let later: Vec<Request> = (0..70)
        .map(|_| {
            let mut request = register(b"body");
            auth.authorize(&mut request, "c");
            request
        })
        .collect();
    assert!(server.verify(&later[1], 100, users).is_ok());
    assert!(server.verify(&later[0], 100, users).is_ok());
    assert!(server.verify(&first, 100, users).is_ok());
    for request in [&first, &later[0], &later[1]] {
        assert_eq!(server.verify(request, 100, users), Err(ServerAuthError::Stale));
    }
    assert!(server.verify(&later[69], 100, users).is_ok());
    assert_eq!(server.verify(&later[3], 100, users), Err(ServerAuthError::Stale), "too far back to know");
    assert!(server.verify(&later[8], 100, users).is_ok());
}

#[test]
fn the_nonce_table_is_bounded_and_forgetting_never_allows_a_replay() {
    let mut server = server();
    let first = signed(&server, &mut client(), 0);
    assert!(server.verify(&first, 100, users).is_ok());
    for salt in 1..=5000 {
        let request = signed(&server, &mut client(), salt);
        assert!(server.verify(&request, 100, users).is_ok(), "{salt}");
    }
    assert_eq!(server.remembered(), 4096);
    assert_eq!(server.verify(&first, 100, users), Err(ServerAuthError::Stale));
}

#[test]
fn broken_credentials_are_malformed_and_never_panic() {
    let mut server = server();
    let good = signed(&server, &mut client(), 1);
    let text = good.headers.get(HeaderName::ProxyAuthorization).unwrap().as_str().unwrap().to_owned();
    for (from, to) in [("nc=00000001", "nc=1"), ("nc=00000001", "nc=00000000"), ("qop=auth", "qop=all"), ("uri=", "u=")]
    {
        let mut request = good.clone();
        request.headers.set(HeaderName::ProxyAuthorization, text.replace(from, to));
        assert_eq!(server.verify(&request, 100, users), Err(ServerAuthError::Malformed), "{to}");
    }
    for cut in 0..text.len() {
        let mut request = good.clone();
        request.headers.set(HeaderName::ProxyAuthorization, &text[..cut]);
        assert!(server.verify(&request, 100, users).is_err(), "{}", &text[..cut]);
    }
}

proptest::proptest! {
    #[test]
    fn any_challenge_is_read_without_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        words in "[Dd]igest [a-z\", =\\\\]{0,60}",
    ) {
        let _ = challenge::DigestParams::parse_all(&bytes);
        let _ = challenge::DigestParams::parse_all(words.as_bytes());
    }
}
