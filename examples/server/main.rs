//! Video classification as a service over HTTP, which stays upright when more is asked of it than it can compute.
//!
//! ```sh
//! cargo run --release --example server -- --model google/vivit-b-16x2-kinetics400
//! curl --data-binary @clip.mp4 'http://127.0.0.1:8080/classify?top=3'
//! curl http://127.0.0.1:8080/health
//! ```
//!
//! Without `--model` a small model of random weights stands in.
//!
//! A video goes through [`service`] (what is asked and answered), [`upload`] (its bytes, and the frames in them) and
//! [`computing`] (clips that wait, several in a pass) or ends as a [`refusal`]. Everything is bounded:
//!
//! * a request takes its place in the queue before its body is read, and is told 503 where there is none;
//! * a body is written to a file, never longer than `--largest`, and as many are decoded at once as there are processors;
//! * nobody waits longer than `--timeout`, and what nobody waits for any more is not computed.

mod computing;
mod refusal;
mod service;
mod upload;

use std::error::Error;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tubelet::graph::{DeviceChoice, DeviceOptions};
use tubelet::tensor::ErrorKind;
use tubelet::vivit::Config;
use tubelet::{Device, LoadOptions, Pass, Vivit, checkpoint, video};

use computing::Computing;
use service::{Limits, Service};

/// Classify videos over HTTP: POST one to /classify, and GET /health
///
/// Ctrl-C and SIGTERM let it finish what has been asked; a second one ends it at once.
#[derive(Parser)]
#[command(name = "server", max_term_width = 110)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A folder or file of weights, or a name on the Hugging Face hub. Without it, a small model of random weights.
    #[arg(long, value_name = "DIR_OR_NAME")]
    model: Option<String>,
    /// Videos that may wait, those included that are being received and decoded.
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// The most clips to compute in one pass.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// The longest that a request may take.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// The largest video.
    #[arg(long, value_name = "BYTES", default_value = "268435456")]
    largest: u64,
    /// As the program's --device: cpu, gpu, software, a part of a name.
    #[arg(long, default_value = "fastest")]
    device: DeviceChoice,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "a time limit is a number of seconds above 0".to_owned())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let kind = error.downcast_ref::<tubelet::Error>().map(tubelet::Error::kind);
            ExitCode::from(if kind == Some(ErrorKind::Usage) { 2 } else { 1 })
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let checkpoint = match &arguments.model {
        Some(name) => checkpoint::load(name)?,
        None => checkpoint::untrained(Config::named("vit-ti/16x4")?, 0)?,
    };
    let device = Device::open(&DeviceOptions::new().choice(arguments.device.clone()))?;
    let model = Vivit::from_checkpoint(&device, checkpoint, LoadOptions::new())?;
    // What is wrong with the model or the device shows now, and no request waits for weights and kernels.
    for clips in 1..=arguments.batch {
        model.warm_up(&Pass::new(), clips.into())?;
    }
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(serve(model, arguments));
    // Some may still be decoding for those who have gone.
    video::end_programs();
    runtime.shutdown_background();
    outcome
}

/// Serves until it is asked to end or the device is lost, and finishes what has been asked by then.
async fn serve(model: Vivit, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let beginning = format!("{}: {} on {}", listener.local_addr()?, model.checkpoint().source, model.device().name());
    let (queue, waiting) = mpsc::channel(arguments.queue.into());
    let Computing { task: mut computing, computed } = Computing::start(model.clone(), waiting, arguments.batch.into());
    let limits = Limits { timeout: arguments.timeout, largest: arguments.largest };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, Service::new(model, queue, computed, limits).router());
    let serving = serving.with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
    let serving = tokio::spawn(serving.into_future());
    eprintln!("listening on http://{beginning}");

    let lost = select! {
        () = signals.next() => None,
        ended = &mut computing => Some(ended),
    };
    drop(stop);
    let answered = async {
        // Whoever has asked has an answer by then; what is left are connections on which nothing was asked.
        let closed = timeout(arguments.timeout + upload::LINGER, serving).await.is_ok();
        match lost {
            Some(ended) => ended,
            // The last connection has given its end of the queue back.
            None if closed => computing.await,
            None => Ok(Ok(())),
        }
    };
    select! {
        ended = answered => Ok(ended??),
        () = signals.next() => Err("ended before everything was answered".into()),
    }
}

/// Requests to end.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on.
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    async fn next(&mut self) {
        #[cfg(unix)]
        select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
