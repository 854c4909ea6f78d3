//! Whole servers on one Redis: caps that hold on all of them, a registration that is handed over, a call that is ended from
//! another node, and Redis gone and back in the middle of calls.

use std::io::Read as _;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::far_end::{Dialog, Phone, Voice};
use crate::harness::{DID, Demo, MESSAGE, folder_with_operator, new_folder, text, wait_for};
use crate::redis::Redis;
use crate::registrar::{Habits, PASSWORD, Registrar, USER};

const LIMIT: Duration = Duration::from_secs(30);

/// A node of the platform on this Redis; its clinic may have so many calls.
fn node(redis: &Redis, most: u32, args: &[&str]) -> Demo {
    let most = most.to_string();
    let args: Vec<&str> = ["--max-calls", &most].into_iter().chain(args.iter().copied()).collect();
    let node = Demo::mock(&[("VCA__REDIS__URL", &redis.url())], &args);
    wait_for("Redis to be reached", LIMIT, || (node.metric("vca_live_redis_up") == Some(1.0)).then_some(()));
    node
}

/// A caller whom the prompt is played to.
struct Caller {
    phone: Phone,
    voice: Voice,
    dialog: Dialog,
}

impl Caller {
    /// The status of the refusal, where it is one.
    fn call(node: &Demo) -> Result<Self, u16> {
        let (mut phone, mut voice) = (Phone::at("127.0.0.1"), Voice::at("127.0.0.1"));
        let mut dialog = phone.dialog(node.sip, DID);
        let answer = phone.ask(&mut dialog, "INVITE", "", &voice.sdp("sendrecv"));
        match answer.status() {
            Some(200) => {
                voice.send_to(answer.body());
                Ok(Self { phone, voice, dialog })
            }
            status => Err(status.expect("a final response")),
        }
    }

    fn hang_up(mut self) {
        let answer = self.phone.ask(&mut self.dialog, "BYE", "", "");
        assert_eq!(answer.status(), Some(200), "{}", answer.text);
    }
}

fn answered(node: &Demo) -> Caller {
    Caller::call(node).unwrap_or_else(|status| panic!("refused with {status}"))
}

/// Answered as soon as there is a place.
fn answered_soon(node: &Demo) -> Caller {
    wait_for("a place", LIMIT, || Caller::call(node).ok())
}

#[test]
fn a_tenants_cap_holds_on_both_nodes_together_and_a_killed_nodes_calls_leave_it() {
    let redis = Redis::start();
    let (a, b) = (node(&redis, 2, &[]), node(&redis, 2, &[]));
    let first = answered(&a);
    let second = answered(&b);
    assert_eq!((Caller::call(&a).err(), Caller::call(&b).err()), (Some(486), Some(486)));
    second.hang_up();
    let third = answered_soon(&a);
    assert_eq!(Caller::call(&b).err(), Some(486), "both calls are the other node's");
    // Nobody is told: what the node held ends by itself.
    drop(a.crash());
    let (fourth, fifth) = (answered_soon(&b), answered_soon(&b));
    assert_eq!(Caller::call(&b).err(), Some(486));
    drop((first, third));
    fourth.hang_up();
    fifth.hang_up();
}

fn states(node: &Demo) -> Vec<String> {
    let (_, page) = node.get("/v1/trunks");
    let states = page["trunks"].as_array().into_iter().flatten();
    states.filter_map(|trunk| trunk["state"].as_str().map(str::to_owned)).collect()
}

#[test]
fn one_node_registers_and_the_other_takes_over_when_it_is_killed() {
    let redis = Redis::start();
    let registrar = Registrar::start(None, Habits::default());
    let folder = new_folder();
    let config = folder.path().join("trunks.toml");
    let trunk = format!(
        "[[trunks]]\nname = \"line\"\nprofile = \"generic-register\"\nregistrar = \"{}\"\nfrom_user = \"{USER}\"\n\
         password = \"{PASSWORD}\"\ndids = [\"{DID}\"]\n",
        registrar.addr
    );
    std::fs::write(&config, trunk).expect("the configuration is written");
    let args = ["--config", config.to_str().expect("a path in UTF-8")];
    let a = node(&redis, 9, &args);
    wait_for("the first node's registration", LIMIT, || (states(&a) == ["registered"]).then_some(()));
    let b = node(&redis, 9, &args);
    wait_for("the second node to stand by", LIMIT, || (states(&b) == ["standby"]).then_some(()));
    let only: Vec<String> = registrar.state().bindings.keys().cloned().collect();
    assert!(only.len() == 1 && only[0].contains(&a.sip.port().to_string()), "{only:?}");
    let killed = Instant::now();
    drop(a.crash());
    let mut answered = registrar.answered();
    let port = b.sip.port().to_string();
    let limit = Duration::from_secs(10);
    wait_for("the second node's registration within ten seconds", limit, || {
        answered.borrow_and_update();
        registrar.state().bindings.keys().any(|contact| contact.contains(&port)).then_some(())
    });
    println!("the registration was handed over {:.1} s after the kill", killed.elapsed().as_secs_f64());
    wait_for("the second node to say so", LIMIT, || (states(&b) == ["registered"]).then_some(()));
}

#[test]
fn a_live_call_is_seen_heard_and_ended_from_the_other_node() {
    let redis = Redis::start();
    let (a, b) = (node(&redis, 9, &[]), node(&redis, 9, &[]));
    let mut caller = answered(&a);
    caller.voice.expect_sound();
    let id = wait_for("the call in the other node's list", LIMIT, || {
        let (_, page) = b.get("/v1/live/calls");
        page["calls"].get(0)?["id"].as_str().map(str::to_owned)
    });
    let path = format!("/v1/live/calls/{id}");
    let samples = wait_for("the sound of the call", LIMIT, || listen_in(&b, &format!("{path}/audio")));
    let right: Vec<i16> = samples.into_iter().skip(1).step_by(2).collect();
    assert!(right.iter().any(|sample| sample.abs() > 1_000), "the prompt is heard at the other node");
    assert_eq!(b.post(&format!("/v1/live/calls/call_{:032x}/hang-up", 1)), 404);
    wait_for("the order to be passed on", LIMIT, || (b.post(&format!("{path}/hang-up")) == 202).then_some(()));
    caller.phone.expect_bye(&caller.dialog);
    let record = a.closed_call();
    assert_eq!((record["end_cause"].as_str(), record["id"].as_str()), (Some("operator"), Some(&*id)));
    wait_for("the empty list", LIMIT, || b.get("/v1/live/calls").1["calls"].as_array()?.is_empty().then_some(()));
}

/// Half a second of what is heard in a call, both sides in turn; `None` when its node cannot be reached yet.
fn listen_in(node: &Demo, path: &str) -> Option<Vec<i16>> {
    let mut response = node.stream(path)?;
    let mut wav = vec![0; 44 + 5 * 3_200];
    response.read_exact(&mut wav).expect("sound comes");
    assert_eq!((&wav[..4], &wav[36..40]), (&b"RIFF"[..], &b"data"[..]));
    Some(wav[44..].chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect())
}

#[test]
fn redis_gone_and_back_in_the_middle_of_calls_leaves_them_alone() {
    let mut redis = Redis::start();
    let (a, b) = (node(&redis, 1, &[]), node(&redis, 1, &[]));
    let on_a = answered(&a);
    on_a.voice.expect_sound();
    assert_eq!(Caller::call(&b).err(), Some(486));
    redis.kill();
    for node in [&a, &b] {
        wait_for("the metric to say so", LIMIT, || (node.metric("vca_live_redis_up") == Some(0.0)).then_some(()));
    }
    on_a.voice.expect_sound();
    assert_eq!(Caller::call(&a).err(), Some(486), "its own call counts");
    let on_b = answered(&b);
    on_b.voice.expect_sound();
    assert!(b.metric("vca_live_fallbacks_total{what=\"cap\"}") >= Some(1.0));
    redis.restart();
    for node in [&a, &b] {
        wait_for("Redis to be back", LIMIT, || (node.metric("vca_live_redis_up") == Some(1.0)).then_some(()));
    }
    on_b.hang_up();
    wait_for("the end of the call", LIMIT, || (b.metric("vca_calls_active") == Some(0.0)).then_some(()));
    assert_eq!(Caller::call(&b).err(), Some(486), "the other node's call counts again, which Redis had forgotten");
    on_a.voice.expect_sound();
    on_a.hang_up();
    for node in [&a, &b] {
        let record = node.closed_call();
        assert_eq!(
            (&record["status"], &record["end_cause"]),
            (&Value::from("completed"), &Value::from("caller_hung_up"))
        );
    }
}

/// Files of an authority, and of a certificate for `localhost` by it.
fn certificates(folder: &TempDir) -> [String; 3] {
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file is written");
        file.display().to_string()
    };
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = write("ca.pem", params.self_signed(&key).expect("a certificate").pem());
    let issuer = Issuer::new(params, key);
    let (params, key) = (CertificateParams::new(vec!["localhost".to_owned()]), KeyPair::generate().expect("a key"));
    let certificate = params.expect("a name").signed_by(&key, &issuer).expect("a certificate");
    [authority, write("certificate.pem", certificate.pem()), write("key.pem", key.serialize_pem())]
}

#[test]
fn redis_is_reached_with_a_password_over_tls_and_only_where_it_is_trusted() {
    let folder = new_folder();
    let [authority, certificate, key] = certificates(&folder);
    let redis = Redis::start_with(|port| {
        let port = port.to_string();
        let tls = ["--port", "0", "--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
        let more = ["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no", "--requirepass", "open-sesame"];
        tls.into_iter().chain(more).map(str::to_owned).collect()
    });
    let url = redis.url().replace("redis://127.0.0.1", "rediss://:open-sesame@localhost");
    // Where the machine's authorities are, for libraries that ask the machine.
    let trusting = Demo::mock(&[("VCA__REDIS__URL", &url), ("SSL_CERT_FILE", &authority)], &[]);
    wait_for("Redis to be reached", LIMIT, || (trusting.metric("vca_live_redis_up") == Some(1.0)).then_some(()));
    let wary = Demo::mock(&[("VCA__REDIS__URL", &url)], &[]);
    answered(&wary).hang_up();
    wait_for("a cap of its own", LIMIT, || {
        (wary.metric("vca_live_fallbacks_total{what=\"cap\"}") >= Some(1.0)).then_some(())
    });
    assert_eq!(wary.metric("vca_live_redis_up"), Some(0.0));
}

#[test]
fn a_message_is_taken_and_recorded_while_redis_is_killed_and_restarted() {
    let mut redis = Redis::start();
    let node = Demo::start_in(folder_with_operator(), &[("VCA__REDIS__URL", &redis.url())], &[]);
    let mut command = node.caller(&MESSAGE);
    let caller = std::thread::spawn(move || command.output().expect("vca call runs"));
    let turns = |least: usize| {
        wait_for("turns of the call", Duration::from_secs(90), || {
            let (_, calls) = node.get("/v1/calls?limit=1");
            let id = calls["calls"].get(0)?["id"].as_str()?.to_owned();
            let (_, call) = node.get(&format!("/v1/calls/{id}"));
            (call["turns"].as_array()?.len() >= least).then_some(())
        });
    };
    turns(1);
    redis.kill();
    turns(3);
    redis.restart();
    let output = caller.join().expect("the caller's thread");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let record = node.closed_call();
    assert_eq!(
        (&record["status"], &record["outcome"]),
        (&Value::from("completed"), &Value::from("message")),
        "{record}"
    );
    assert_eq!(
        (&record["recording"], &record["slots"]["number"]),
        (&"complete".into(), &"+919988776655".into()),
        "{record}"
    );
    wait_for("Redis to be back", LIMIT, || (node.metric("vca_live_redis_up") == Some(1.0)).then_some(()));
}
