//! `vca call`: a caller for tests, demonstrations and a first impression.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::mpsc;

use super::Failure;
use crate::call::leg::Answerer;
use crate::domain::SrtpUse;
use crate::media::{
    Capabilities, Codec, MediaConfig, MediaEngine, SAMPLE_RATE_HZ, SdpSession, SessionOptions, Suite,
    WIDE_SAMPLE_RATE_HZ, resample,
};
use crate::sip::message::{NameAddr, Uri};
use crate::sip::net::{self, Leg, LegEvent, LegPolicy, OutgoingInvite, StackConfig, Transport};
use crate::speech::pool::{Class, Priority};
use crate::speech::{NO_TURN_MODEL, Speech, SpeechConfig, synthesize_all_at};

mod caller;
mod script;

pub(super) use caller::level_dbfs;
use caller::{Caller, Prepared};
pub use caller::{Ending, Said};
use script::{Step, Steps};

/// Be a caller: speak, listen, and print the conversation.
///
/// Steps are taken in the order given. Before each, the caller waits for its turn as a person would: until the other
/// side has spoken and been quiet for 0.7 s. After the last step the caller listens until the other side hangs up.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vca call --to sip:+918047180000@127.0.0.1:5060 --say \"What time do you open?\"
  vca call --to sip:+918047180000@127.0.0.1 --say \"I want an appointment\" --say \"Rahul Verma\" --dtmf 9876543210#
  vca call --to sip:+918047180000@127.0.0.1 --interrupt \"excuse me\" --silent 10 --json")]
pub struct CallArgs {
    /// Whom to call
    #[arg(long, value_name = "SIP-URI")]
    to: String,
    /// The number shown to the other side
    #[arg(long, value_name = "NUMBER", default_value = "+919812345678")]
    from: String,
    #[command(flatten)]
    steps: Steps,
    /// Print one JSON document at the end instead of the conversation as it happens
    #[arg(long)]
    json: bool,
    /// Where both sides are saved as WAV: left the other side, right the caller
    #[arg(long, value_name = "FILE", default_value = "vca-call.wav")]
    record: PathBuf,
    /// Hang up after so many seconds whatever happens
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u64,
    /// Offer CODEC: pcma, pcmu, g722 or opus (may be repeated; the first is preferred) [default: pcma, pcmu]
    #[arg(long = "codec", value_name = "CODEC", value_parser = codec)]
    codecs: Vec<Codec>,
    /// Signal over TCP instead of UDP
    #[arg(long)]
    tcp: bool,
    /// Encrypt the media: offer it, or require it
    #[arg(long, value_name = "offer|require", value_parser = srtp_use)]
    srtp: Option<SrtpUse>,
    /// Folder with the speech models [default: $VCA_MODELS or ~/.cache/vca/models]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, serde::Serialize)]
struct Report<'a> {
    /// From INVITE to the first 18x.
    ringing_ms: Option<u64>,
    /// From INVITE to 200.
    answered_ms: u64,
    ending: Ending,
    duration_ms: u64,
    /// The crypto suite of the media, when they were encrypted.
    srtp: Option<&'static str>,
    conversation: &'a [Said],
    recording: &'a Path,
}

/// Runs `vca call`.
///
/// # Errors
/// Set-up failures (models, addresses, files) and calls that were not answered.
pub fn run(args: CallArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::setup(&error))?;
    runtime.block_on(place(args))
}

async fn place(args: CallArgs) -> Result<ExitCode, Failure> {
    let to = Uri::parse(args.to.as_bytes())
        .map_err(|error| Failure::Setup(format!("--to {}: {error}; write sip:NUMBER@HOST:PORT", args.to)))?;
    let destination = destination(&to)?;
    let local_ip = local_ip_towards(destination)?;
    let prompts = std::env::temp_dir().join("vca-call-prompts");
    // The same words sound the same in every call, so that calls can be compared.
    let mut config =
        SpeechConfig { tts_variation: 0.0, turn_model: NO_TURN_MODEL.to_owned(), ..SpeechConfig::new(prompts) };
    if let Some(dir) = &args.models {
        config.models_dir.clone_from(dir);
    }
    let speech = tokio::task::spawn_blocking(move || Speech::load(&config))
        .await
        .map_err(|error| Failure::run(&error))?
        .map_err(|error| Failure::setup(&error))?;
    let speech = Arc::new(speech);
    let mut capabilities = Capabilities { srtp: args.srtp.unwrap_or(SrtpUse::Off), ..Capabilities::default() };
    if !args.codecs.is_empty() {
        capabilities.codecs.clone_from(&args.codecs);
    }
    let rate_hz =
        if capabilities.codecs.iter().any(|codec| codec.is_wide()) { WIDE_SAMPLE_RATE_HZ } else { SAMPLE_RATE_HZ };
    let steps = prepare(&speech, args.steps.0.clone(), rate_hz).await?;

    let transport = if args.tcp { Transport::Tcp } else { Transport::Udp };
    let (stack, _incoming) = net::start(stack_config(local_ip)).await.map_err(|error| Failure::setup(&error))?;
    let media = MediaEngine::start(MediaConfig { bind_ip: local_ip, ..MediaConfig::default() })
        .map_err(|error| Failure::setup(&error))?;
    let options = SessionOptions { recording: Some(args.record.clone()), ..SessionOptions::default() };
    let (session, mut media_events) = media.open(options).map_err(|error| Failure::setup(&error))?;
    let mut answerer = Answerer::new(SdpSession::random()).with_capabilities(capabilities);
    let offer = answerer.offer(SocketAddr::new(local_ip, session.local_port()));
    let from = Uri::sip(Some(&args.from), &local_ip.to_string())
        .map_err(|error| Failure::Setup(format!("--from {}: {error}", args.from)))?;
    let dialled = Instant::now();
    let invite = OutgoingInvite {
        to,
        from: NameAddr::new(from),
        destination: Some(destination),
        transport,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), offer)),
        policy: LegPolicy::default(),
    };
    let (leg, mut leg_events) = stack.invite(invite).await.map_err(|error| Failure::run(&error))?;
    let Ringing { ringing_ms, answer } = wait_for_answer(&mut leg_events, dialled).await?;
    let answered_ms = elapsed_ms(dialled);
    answerer
        .accept(&answer, &session)
        .map_err(|error| Failure::Run(format!("the answer's SDP cannot be used: {error}")))?;
    let suite = answerer.suite().map(Suite::name);

    let mut print = printer(args.json);
    let started = Instant::now();
    let mut caller = Caller::new(speech, session, answerer, steps, &mut print);
    let ending = talk(&mut caller, &leg, leg_events, &mut media_events, Duration::from_secs(args.limit)).await;
    let duration_ms = elapsed_ms(started);
    let conversation = std::mem::take(&mut caller.said);
    drop(caller);
    // The receiver ends when the recording is whole.
    let recorded = async { while media_events.recv().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(5), recorded).await.is_err() {
        return Err(Failure::Run(format!("{} could not be finished in time", args.record.display())));
    }
    drop(leg);
    stack.shutdown().await;
    let (conversation, recording) = (conversation.as_slice(), args.record.as_path());
    let report = Report { ringing_ms, answered_ms, ending, duration_ms, srtp: suite, conversation, recording };
    conclude(&report, args.json)
}

fn srtp_use(text: &str) -> Result<SrtpUse, String> {
    match text {
        "offer" => Ok(SrtpUse::Offer),
        "require" => Ok(SrtpUse::Require),
        _ => Err("write `offer` or `require`".to_owned()),
    }
}

/// A stack that only calls out: any port, both transports.
pub(super) fn stack_config(local_ip: IpAddr) -> StackConfig {
    let any_port = SocketAddr::new(local_ip, 0);
    StackConfig { udp: vec![any_port], tcp: vec![any_port], ..StackConfig::default() }
}

async fn talk(
    caller: &mut Caller<'_>,
    leg: &Leg,
    leg_events: mpsc::Receiver<LegEvent>,
    media_events: &mut mpsc::Receiver<crate::media::MediaEvent>,
    limit: Duration,
) -> Ending {
    tokio::select! {
        ending = caller.converse(leg, leg_events, media_events) => ending,
        () = tokio::time::sleep(limit) => {
            leg.bye(None).await;
            Ending::CallerHungUp
        }
        _ = tokio::signal::ctrl_c() => {
            leg.bye(None).await;
            Ending::CallerHungUp
        }
    }
}

pub(super) struct Ringing {
    ringing_ms: Option<u64>,
    pub answer: Vec<u8>,
}

pub(super) async fn wait_for_answer(
    events: &mut mpsc::Receiver<LegEvent>,
    dialled: Instant,
) -> Result<Ringing, Failure> {
    let mut ringing_ms = None;
    loop {
        match events.recv().await {
            Some(LegEvent::Provisional { status, .. }) if status > 100 => {
                ringing_ms.get_or_insert_with(|| elapsed_ms(dialled));
            }
            Some(LegEvent::Answered { sdp }) => return Ok(Ringing { ringing_ms, answer: sdp }),
            Some(LegEvent::Failed { status, reason, .. }) => {
                return Err(Failure::Run(format!("the call was not answered: {status} {reason}")));
            }
            Some(LegEvent::Ended { .. }) | None => {
                return Err(Failure::Run("the call ended before it was answered".to_owned()));
            }
            Some(_) => {}
        }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Where the INVITE goes: the host of the URI, which must be an address, or `localhost`.
pub(super) fn destination(to: &Uri) -> Result<SocketAddr, Failure> {
    let host = to.host().trim_start_matches('[').trim_end_matches(']');
    let ip: IpAddr = if host.eq_ignore_ascii_case("localhost") {
        IpAddr::from([127, 0, 0, 1])
    } else {
        host.parse()
            .map_err(|_| Failure::Setup(format!("--to: `{host}` is not an IP address; names are not looked up here")))?
    };
    Ok(SocketAddr::new(ip, to.port().unwrap_or(5060)))
}

/// The address of this machine that reaches `destination`; no packet is sent.
pub(super) fn local_ip_towards(destination: SocketAddr) -> Result<IpAddr, Failure> {
    let any: SocketAddr = if destination.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let probe = UdpSocket::bind(any).and_then(|socket| socket.connect(destination).map(|()| socket));
    let local = probe.and_then(|socket| socket.local_addr());
    local.map(|addr| addr.ip()).map_err(|error| Failure::Setup(format!("no way to {destination}: {error}")))
}

pub(super) fn codec(name: &str) -> Result<Codec, String> {
    let known = Codec::ALL.into_iter().find(|codec| codec.rtpmap_name().eq_ignore_ascii_case(name));
    known.ok_or_else(|| "not one of pcma, pcmu, g722, opus".to_owned())
}

async fn prepare(speech: &Arc<Speech>, steps: Vec<Step>, rate_hz: u32) -> Result<Vec<Prepared>, Failure> {
    let mut prepared = Vec::new();
    for step in steps {
        prepared.push(match &step {
            Step::Dtmf(keys) => Prepared::Keys(keys.clone()),
            Step::Silent(length) => Prepared::Silent(*length),
            Step::Say(text) | Step::Interrupt(text) => {
                let priority = Priority { deadline: Instant::now() + Duration::from_secs(60), class: Class::Final };
                let (tts, words) = (Arc::clone(&speech.tts), text.clone());
                let job = speech.pool.submit(priority, move |cancel| synthesize_all_at(&*tts, &words, rate_hz, cancel));
                let samples = job.map_err(|error| Failure::run(&error))?.await.map_err(|error| Failure::run(&error))?;
                Prepared::speak(&step, text.clone(), &samples.map_err(|error| Failure::run(&error))?, rate_hz)
            }
            Step::Wav(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Prepared::speak(&step, format!("[{name}]"), &read_wav(path, rate_hz)?, rate_hz)
            }
        });
    }
    Ok(prepared)
}

/// A WAV file's first channel at this rate.
fn read_wav(path: &Path, rate_hz: u32) -> Result<Vec<i16>, Failure> {
    let wrong = |what: String| Failure::Setup(format!("--wav {}: {what}", path.display()));
    let mut reader = hound::WavReader::open(path).map_err(|error| wrong(error.to_string()))?;
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int || spec.bits_per_sample != 16 {
        return Err(wrong("only 16-bit PCM is read; convert it with `sox in.wav -b 16 out.wav`".to_owned()));
    }
    let samples: Result<Vec<i16>, _> = reader.samples::<i16>().step_by(usize::from(spec.channels.max(1))).collect();
    let samples = samples.map_err(|error| wrong(error.to_string()))?;
    resample::resample_i16(&samples, spec.sample_rate, rate_hz).map_err(|error| wrong(error.to_string()))
}

fn printer(json: bool) -> impl FnMut(&Said) {
    let colour = std::io::stdout().is_terminal();
    move |said: &Said| {
        if json {
            return;
        }
        let took = said.response_ms.map_or_else(String::new, |ms| format!("  (after {ms} ms)"));
        let who = match (said.speaker, colour) {
            ("agent", true) => "\x1b[36magent \x1b[0m",
            ("agent", false) => "agent ",
            _ => "caller",
        };
        let seconds = said.start_ms as f64 / 1_000.0;
        // A closed standard output ends nothing: the call is the point.
        let _ = writeln!(std::io::stdout(), "{seconds:7.2} s  {who}  {}{took}", said.text);
    }
}

fn conclude(report: &Report<'_>, json: bool) -> Result<ExitCode, Failure> {
    let text = if json {
        serde_json::to_string_pretty(report).map_err(|error| Failure::run(&error))?
    } else {
        let ending = match report.ending {
            Ending::AgentHungUp => "the other side hung up",
            Ending::CallerHungUp => "we hung up",
            Ending::Failed => "the call failed",
        };
        let seconds = report.duration_ms as f64 / 1_000.0;
        let encrypted = report.srtp.map_or_else(String::new, |suite| format!(", encrypted by {suite}"));
        format!("{ending} after {seconds:.1} s{encrypted}; both sides are in {}", report.recording.display())
    };
    writeln!(std::io::stdout(), "{text}").map_err(|error| Failure::run(&error))?;
    Ok(if report.ending == Ending::Failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
