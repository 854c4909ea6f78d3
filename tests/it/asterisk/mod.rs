//! The files of `vca asterisk`: of every profile, as Asterisk would read them.

mod ini;
mod live;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::harness::{new_folder, text, vca};
use ini::{Section, parse};

const PASSWORD: &str = "s;e\\;c;ret {{name}}";

/// Applications that a dialplan of pure signalling may use: nothing that answers, plays, waits or records.
const APPLICATIONS: [&str; 9] = ["Set", "NoOp", "Gosub", "Return", "Goto", "GotoIf", "ExecIf", "Dial", "Hangup"];

/// Functions of the dialplan, and the module that each is in.
const FUNCTIONS: [(&str, &str); 6] = [
    ("FILTER", "func_strings"),
    ("LEN", "func_strings"),
    ("CUT", "func_cut"),
    ("CALLERID", "func_callerid"),
    ("DIALPLAN_EXISTS", "func_dialplan"),
    ("PJSIP_HEADER", "res_pjsip_header_funcs"),
];

fn trunk(profile: &str, more: &str) -> String {
    format!(
        "[[trunks]]\nname = \"line\"\nprofile = \"{profile}\"\nregistrar = \"sbc.carrier.example:5070\"\n\
         from_user = \"+918047180000\"\nsbc_ips = [\"203.0.113.8/29\"]\ndids = [\"+918047180000\"]\nchannels = 30\n{more}"
    )
}

fn asterisk(configuration: &str, args: &[&str]) -> Output {
    let folder = new_folder();
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, configuration).expect("a file is written");
    vca().args(["asterisk", "--trunk", "line", "--config"]).arg(file).args(args).output().expect("vca runs")
}

/// Renders into a folder; the text of each file by its name.
fn rendered(configuration: &str) -> BTreeMap<String, String> {
    let folder = new_folder();
    let out = folder.path().join("out");
    let args = ["--vca", "198.51.100.7:5060", "--asterisk", "198.51.100.6:5080", "--out"];
    let output = asterisk(configuration, &[&args[..], &[out.to_str().expect("UTF-8")]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let files = std::fs::read_dir(&out).expect("the folder").map(|entry| entry.expect("an entry"));
    files
        .map(|file| (text(file.file_name().as_encoded_bytes()), std::fs::read_to_string(file.path()).expect("text")))
        .collect()
}

fn pjsip(files: &BTreeMap<String, String>) -> Vec<Section> {
    parse(&files["pjsip.conf"]).expect("pjsip.conf is well formed")
}

fn of_type<'a>(sections: &'a [Section], name: &str, kind: &str) -> &'a Section {
    let found = sections.iter().find(|section| section.name == name && section.get("type") == Some(kind));
    found.unwrap_or_else(|| panic!("[{name}] of type {kind} in {sections:#?}"))
}

fn profiles() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-profiles");
    let files = std::fs::read_dir(folder).expect("profiles").map(|entry| entry.expect("an entry").path());
    files.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_profile_gives_files_that_asterisk_can_read() {
    let profiles = profiles();
    assert!(profiles.len() > 10);
    for profile in profiles {
        for more in ["", "password = 'secret'\n", "user_phone = true\nidentity = \"rpid\"\npublic_ip = \"192.0.2.1\"\n"]
        {
            let files = rendered(&trunk(&profile, more));
            assert_eq!(files.len(), 5, "{profile}: {:?}", files.keys());
            for (name, text) in &files {
                assert!(!text.contains("{{") && !text.contains("}}"), "{profile}: {name} has a key left:\n{text}");
            }
            let dialplan = parse(&files["extensions.conf"]).expect("extensions.conf is well formed");
            check_pjsip(&profile, &pjsip(&files), &dialplan);
            check_dialplan(&profile, &dialplan, &pjsip(&files), &parse(&files["modules.conf"]).expect("well formed"));
            parse(&files["rtp.conf"]).expect("rtp.conf is well formed");
        }
    }
}

/// Every object is of a known type, every option one of that type's, every object that is named is there.
fn check_pjsip(profile: &str, sections: &[Section], dialplan: &[Section]) {
    let table = include_str!("../../data/asterisk/pjsip-options.txt").lines().filter(|line| !line.starts_with('#'));
    let options: BTreeMap<&str, Vec<&str>> = table
        .map(|line| line.split_once(' ').expect("a type and its options"))
        .map(|(kind, list)| (kind, list.split(' ').collect()))
        .collect();
    let mut seen = Vec::new();
    for section in sections {
        let kind = section.get("type").unwrap_or_else(|| panic!("{profile}: [{}] has no type", section.name));
        let known = options.get(kind).unwrap_or_else(|| panic!("{profile}: no object is of type {kind}"));
        assert!(!seen.contains(&(&section.name, kind)), "{profile}: two [{}] of type {kind}", section.name);
        seen.push((&section.name, kind));
        let mut keys: Vec<&str> = Vec::new();
        for entry in &section.entries {
            let place = format!("{profile}: pjsip.conf:{}: {} = {:?}", entry.line, entry.key, entry.value);
            assert!(known.contains(&entry.key.as_str()), "{place}: no option of {kind}");
            assert!(!entry.value.is_empty(), "{place}: no value");
            assert!(
                !keys.contains(&entry.key.as_str()) || ["match", "local_net"].contains(&entry.key.as_str()),
                "{place}: twice"
            );
            keys.push(&entry.key);
            check_value(&entry.key, &entry.value, &place);
            match (kind, entry.key.as_str()) {
                ("endpoint" | "registration", "transport") => drop(of_type(sections, &entry.value, "transport")),
                (_, "outbound_auth") => drop(of_type(sections, &entry.value, "auth")),
                ("endpoint", "aors") => drop(of_type(sections, &entry.value, "aor")),
                ("identify", "endpoint") => drop(of_type(sections, &entry.value, "endpoint")),
                ("endpoint", "context") => {
                    assert!(dialplan.iter().any(|context| context.name == entry.value), "{place}: no such context");
                }
                _ => {}
            }
        }
    }
    let (carrier, vca) = (of_type(sections, "line", "endpoint"), of_type(sections, "vca", "endpoint"));
    assert_eq!(carrier.get("identify_by").zip(vca.get("identify_by")), Some(("ip", "ip")), "{profile}");
    assert_eq!(carrier.get("allow"), vca.get("allow"), "{profile}: equal codecs, or media could not run directly");
}

fn check_value(key: &str, value: &str, place: &str) {
    let words: &[&str] = match key {
        "direct_media"
        | "rtp_symmetric"
        | "rewrite_contact"
        | "allow_transfer"
        | "allow_subscribe"
        | "user_eq_phone"
        | "trust_id_inbound"
        | "trust_id_outbound"
        | "send_pai"
        | "send_rpid"
        | "send_connected_line"
        | "support_path"
        | "use_ptime"
        | "media_encryption_optimistic"
        | "auth_rejection_permanent"
        | "verify_server"
        | "srv_lookups" => &["yes", "no"],
        "dtmf_mode" => &["rfc4733", "inband", "info", "auto", "auto_info"],
        "100rel" => &["yes", "no", "required", "peer_supported"],
        "timers" => &["yes", "no", "required", "always", "forced"],
        "media_encryption" => &["no", "sdes", "dtls"],
        "protocol" => &["udp", "tcp", "tls", "ws", "wss", "flow"],
        "auth_type" => &["md5", "userpass", "digest", "google_oauth"],
        "expiration"
        | "retry_interval"
        | "forbidden_retry_interval"
        | "fatal_retry_interval"
        | "max_retries"
        | "qualify_frequency"
        | "timers_sess_expires"
        | "timers_min_se" => {
            return assert!(value.parse::<u32>().is_ok(), "{place}: no number");
        }
        "bind" => return assert!(value.parse::<std::net::SocketAddr>().is_ok(), "{place}: no address"),
        "server_uri" | "client_uri" | "contact" | "outbound_proxy" => {
            return assert!(value.starts_with("sip:"), "{place}: no URI");
        }
        _ => return,
    };
    assert!(words.contains(&value), "{place}: none of {words:?}");
}

/// One priority of an extension.
struct Step<'a> {
    label: Option<&'a str>,
    application: &'a str,
    data: &'a str,
}

/// The extensions of a context with their priorities.
fn extensions(context: &Section) -> BTreeMap<&str, Vec<Step<'_>>> {
    let mut found: BTreeMap<&str, Vec<Step<'_>>> = BTreeMap::new();
    let mut current = "";
    for entry in &context.entries {
        let place = format!("extensions.conf:{}: {:?}", entry.line, entry.value);
        let (priority, call) = match entry.key.as_str() {
            "exten" => {
                let (pattern, rest) = entry.value.split_once(',').expect("an extension and its priority");
                current = pattern;
                rest.split_once(',').expect("a priority and its application")
            }
            "same" => entry.value.split_once(',').expect("a priority and its application"),
            other => panic!("{place}: {other}"),
        };
        let steps = found.entry(current).or_default();
        let (number, label) = match priority.split_once('(') {
            Some((number, label)) => (number, Some(label.strip_suffix(')').expect("a label in brackets"))),
            None => (priority, None),
        };
        assert_eq!(number == "1", steps.is_empty(), "{place}: priorities begin with 1 and go on with n");
        assert!(number == "1" || number == "n", "{place}");
        let (application, data) = call.split_once('(').expect("an application and its arguments");
        let data = data.strip_suffix(')').unwrap_or_else(|| panic!("{place}: not closed"));
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            let count = |wanted: char| data.chars().filter(|c| *c == wanted).count();
            assert_eq!(count(open), count(close), "{place}: {open}{close}");
        }
        steps.push(Step { label, application, data });
    }
    found
}

fn check_dialplan(profile: &str, dialplan: &[Section], pjsip: &[Section], modules: &[Section]) {
    let contexts: BTreeMap<&str, BTreeMap<&str, Vec<Step<'_>>>> = dialplan
        .iter()
        .filter(|section| !["general", "globals"].contains(&section.name.as_str()))
        .map(|section| (section.name.as_str(), extensions(section)))
        .collect();
    let exists = |context: &str, extension: &str| contexts.get(context).is_some_and(|all| all.contains_key(extension));
    let loaded: Vec<&str> = modules[0].all("load").collect();
    for (context, extensions) in &contexts {
        for (extension, steps) in extensions {
            for step in steps {
                let place = format!("{profile}: [{context}] {extension}: {}({})", step.application, step.data);
                assert!(APPLICATIONS.contains(&step.application), "{place}");
                let mut rest = step.data;
                while let Some((_, tail)) = rest.split_once("${") {
                    rest = tail;
                    let name: String = tail.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
                    if tail[name.len()..].starts_with('(') {
                        let module = FUNCTIONS.iter().find(|(function, _)| *function == name);
                        let (_, module) = module.unwrap_or_else(|| panic!("{place}: no function {name}"));
                        assert!(loaded.contains(&format!("{module}.so").as_str()), "{place}: {module} is not loaded");
                    }
                }
                match step.application {
                    "Gosub" | "Goto" => {
                        let target: Vec<&str> = step.data.split(',').collect();
                        assert!(exists(target[0], target[1]), "{place}: leads nowhere");
                    }
                    "GotoIf" => {
                        let label = step.data.rsplit('?').next().expect("a target");
                        let here = steps.iter().any(|step| step.label == Some(label));
                        assert!(
                            here || exists(label.split(',').next().expect("a context"), "s"),
                            "{place}: leads nowhere"
                        );
                    }
                    "Dial" => check_dial(&place, step.data, &exists, pjsip),
                    _ => {}
                }
            }
            let last = steps.last().map(|step| step.application);
            assert!(
                matches!(last, Some("Hangup" | "Return" | "NoOp" | "Goto")),
                "{profile}: [{context}] {extension} ends with {last:?}"
            );
        }
    }
    for context in ["from-line", "from-vca"] {
        assert!(contexts.contains_key(context), "{profile}: {context}");
    }
}

/// The endpoint is there, and the only option is a subroutine before the call, which is there too.
fn check_dial(place: &str, data: &str, exists: &dyn Fn(&str, &str) -> bool, pjsip: &[Section]) {
    let arguments: Vec<&str> = data.split(',').collect();
    let device = arguments[0].strip_prefix("PJSIP/").unwrap_or_else(|| panic!("{place}: not by PJSIP"));
    let endpoint = match device.split_once("/sip:") {
        Some((endpoint, _)) => endpoint,
        None => device.rsplit('@').next().expect("a part"),
    };
    of_type(pjsip, endpoint, "endpoint");
    assert!(arguments[1].parse::<u32>().is_ok(), "{place}: no limit");
    if let Some(options) = arguments.get(2) {
        let target = options.strip_prefix("b(").and_then(|rest| rest.strip_suffix(')'));
        let target: Vec<&str> =
            target.unwrap_or_else(|| panic!("{place}: keeps Asterisk in the media")).split('^').collect();
        assert!(exists(target[0], target[1]), "{place}: leads nowhere");
    }
}

#[test]
fn what_a_carrier_wants_is_in_its_files() {
    let exotel = rendered(&trunk("exotel", ""));
    let sections = pjsip(&exotel);
    assert_eq!(of_type(&sections, "line-transport", "transport").get("protocol"), Some("tcp"));
    assert_eq!(of_type(&sections, "line", "aor").get("contact"), Some("sip:sbc.carrier.example:5070;transport=tcp"));
    assert!(!sections.iter().any(|section| section.get("type") == Some("registration")), "it refuses REGISTER");
    assert_eq!(of_type(&sections, "line", "endpoint").get("direct_media"), Some("yes"));
    let matches: Vec<&str> = of_type(&sections, "line-identify", "identify").all("match").collect();
    assert_eq!(matches, ["203.0.113.8/29", "sbc.carrier.example"]);
    assert_eq!(of_type(&sections, "vca-identify", "identify").get("match"), Some("198.51.100.7"));

    let public = pjsip(&rendered(&trunk("airtel-public", "")));
    assert_eq!(of_type(&public, "line", "endpoint").get("user_eq_phone"), Some("yes"));
    let plivo = pjsip(&rendered(&trunk("plivo", "")));
    assert_eq!(of_type(&plivo, "line", "endpoint").get("100rel"), Some("no"));

    let more = "outbound_proxy = \"10.1.1.1:5060\"\nauth_user = \"+918047180000@ka.ims.example\"\npassword = 'x'\nlocal_bind = \"10.1.1.2:5060\"\n";
    let ims = rendered(&trunk("airtel-ims", more));
    let sections = pjsip(&ims);
    let registration = of_type(&sections, "line-registration", "registration");
    assert_eq!(registration.get("client_uri"), Some("sip:+918047180000@sbc.carrier.example"));
    assert_eq!(registration.get("outbound_proxy"), Some("sip:10.1.1.1:5060;lr"));
    assert_eq!(of_type(&sections, "line-auth", "auth").get("username"), Some("+918047180000@ka.ims.example"));
    assert_eq!(of_type(&sections, "line-transport", "transport").get("bind"), Some("10.1.1.2:5060"));
    let dialplan = &ims["extensions.conf"];
    assert!(
        dialplan.contains("Set(PJSIP_HEADER(add,P-Preferred-Identity)=<sip:${SHOWN}@sbc.carrier.example>)"),
        "{dialplan}"
    );
    assert!(dialplan.contains("PJSIP_HEADER(read,P-Called-Party-ID)"), "{dialplan}");

    let tata = rendered(&trunk("tata-cloud", ""));
    assert!(tata["extensions.conf"].contains("exten => _+91X.,1,Set(TO=0091${FILTER"), "{}", tata["extensions.conf"]);
    let tls = pjsip(&rendered(&trunk("exotel", "transport = \"tls\"\n")));
    let transport = of_type(&tls, "line-transport", "transport");
    assert_eq!((transport.get("protocol"), transport.get("verify_server")), (Some("tls"), Some("yes")));
    assert!(transport.get("ca_list_path").is_some() && transport.get("bind") == Some("0.0.0.0:5061"));
    let keys = pjsip(&rendered(&trunk("generic-peer", "srtp = \"require\"\ndtmf = \"info\"\n")));
    let endpoint = of_type(&keys, "line", "endpoint");
    assert_eq!((endpoint.get("media_encryption"), endpoint.get("direct_media")), (Some("sdes"), Some("no")));
}

#[test]
fn a_password_is_in_files_of_the_owner_only_and_never_on_the_screen() {
    let configuration = trunk("generic-register", &format!("password = '{PASSWORD}'\n"));
    let folder = new_folder();
    let out = folder.path().join("a/b");
    let path = out.to_str().expect("UTF-8");
    let written = asterisk(&configuration, &["--out", path]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    // A second time over files that others may read.
    std::fs::set_permissions(out.join("pjsip.conf"), std::fs::Permissions::from_mode(0o644))
        .expect("permissions are set");
    assert!(asterisk(&configuration, &["--out", path]).status.success());
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&out), 0o700);
    for file in std::fs::read_dir(&out).expect("the folder") {
        let file = file.expect("an entry");
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        let holds = std::fs::read_to_string(file.path()).expect("text").contains("ret {{name}}");
        assert_eq!(holds, file.file_name() == "pjsip.conf", "{file:?}");
    }
    let sections = parse(&std::fs::read_to_string(out.join("pjsip.conf")).expect("text")).expect("well formed");
    assert_eq!(of_type(&sections, "line-auth", "auth").get("password"), Some(PASSWORD), "as it was, for Asterisk");
    assert!(!text(&written.stdout).contains("ret"), "{}", text(&written.stdout));

    let shown = text(&asterisk(&configuration, &[]).stdout);
    assert!(shown.contains("password = ********") && !shown.contains("ret {{"), "{shown}");
    assert!(text(&asterisk(&configuration, &["--show-secrets"]).stdout).contains("ret {{name}}"));
}

#[test]
fn vca_then_trusts_asterisk_alone() {
    let files = rendered(&trunk("exotel", "cps = 2\n"));
    let folder = new_folder();
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, format!("[sip]\npeers = []\n{}", files["vca-trunk.toml"])).expect("a file is written");
    let output = vca().args(["check-config", "--config"]).arg(file).output().expect("vca runs");
    let shown = text(&output.stdout);
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("trunks.line.{key} = ")));
        line.unwrap_or_else(|| panic!("{key} in {shown}")).split(" # ").next().expect("a value").trim().to_owned()
    };
    assert_eq!(line("profile"), "trunks.line.profile = \"asterisk\"");
    assert_eq!(line("sbc_ips"), "trunks.line.sbc_ips = [\"198.51.100.6\"]");
    assert_eq!(line("outbound_proxy"), "trunks.line.outbound_proxy = \"198.51.100.6:5080\"");
    assert_eq!(line("dids"), "trunks.line.dids = [\"+918047180000\"]");
    assert_eq!((line("channels").as_str(), line("cps").as_str()), ("trunks.line.channels = 30", "trunks.line.cps = 2"));
    assert_eq!(line("codecs"), "trunks.line.codecs = [\"pcma\", \"pcmu\"]");
}

#[test]
fn what_asterisk_could_not_tell_or_hold_is_refused_with_the_reason() {
    for (more, args, reason) in [
        ("", &["--vca", "203.0.113.9:5060", "--asterisk", "198.51.100.6:5080"][..], "covers VCA's own address"),
        ("", &["--vca", "198.51.100.7:5060"], "would not reach each other"),
        ("caller_id = \"${SHELL(id)}\"\n", &[], "`caller_id` holds '$'"),
        ("ppi_host = \"a,b\"\nidentity = \"ppi\"\n", &[], "`ppi_host` holds ','"),
        ("password = \" x\"\n", &[], "`password` begins or ends with a space"),
    ] {
        let output = asterisk(&trunk("generic-register", more), args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{more}{args:?}: {said}");
        assert!(said.contains(reason) && said.trim().lines().count() == 1, "{reason}: {said}");
    }
    let unknown = asterisk(&trunk("generic-peer", "").replace("name = \"line\"", "name = \"other\""), &[]);
    assert!(
        text(&unknown.stderr).contains("no trunk is called `line`; configured: other"),
        "{}",
        text(&unknown.stderr)
    );
}
