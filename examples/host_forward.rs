//! How long a forward pass of an untrained ViT-B/16x2 takes on this machine's processor:
//! `cargo run --release --example host_forward -- KIND [THREADS]`, KIND 1 to 4.
//!
//! Prints one line of JSON: seconds of processor time, seconds on the clock and the process's peak memory, of the second
//! pass. `benches/peers/host.py` runs it in turn with PyTorch.

use std::time::Instant;

use cpu_time::ProcessTime;
use tubelet::checkpoint;
use tubelet::vivit::{self, Config, Model, Request};
use tubelet::{Device, LoadOptions, Result, Tensor, Vivit};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model: Model = arguments.next().unwrap_or_else(|| "1".to_owned()).parse()?;
    let threads = arguments.next().and_then(|threads| threads.parse().ok());
    let config = Config::named("vit-b/16x2")?.as_model(model);
    let device = Device::host(threads)?;
    let model = Vivit::from_checkpoint(&device, checkpoint::untrained(config, 0)?, LoadOptions::new())?;
    let shape = vivit::clip_shape(model.config(), &Request::new(1, model.layout()));
    let values = (0..shape.elements()).map(|index| (index as f32 * 0.37).sin()).collect();
    let clip = Tensor::f32(shape, values)?;
    model.forward(&clip)?;
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    model.forward(&clip)?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    let report = serde_json::json!({
        "model": model.config().model.title(), "device": device.name(), "cpu_s": cpu, "wall_s": wall,
        "peak_mib": peak_mebibytes(),
    });
    println!("{report}");
    Ok(())
}

/// The most memory that the process has held; `None` where the system does not say.
fn peak_mebibytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}
