//! Video classification inside an application that has a wgpu device already.
//!
//! ```sh
//! cargo run --release --example embed -- tests/data/video/bigbuckbunny.mp4 [MODEL]
//! ```
//!
//! `MODEL` is a folder or a name on the Hugging Face hub; without it a small model of random weights stands in.

use std::process::ExitCode;

use tubelet::gpu::wgpu;
use tubelet::vivit::Config;
use tubelet::{Device, LoadOptions, Vivit, checkpoint};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(video) = arguments.next() else {
        eprintln!("usage: embed VIDEO [MODEL]");
        return ExitCode::from(2);
    };
    match classify(&video, arguments.next().as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn classify(video: &str, model: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = pollster::block_on(open())?;
    // The device stays the application's: no handler of its is replaced, and its limits are obeyed.
    let device: Device = tubelet::gpu::Gpu::from_wgpu(device, queue).into();
    let checkpoint = match model {
        Some(name) => checkpoint::load(name)?,
        None => checkpoint::untrained(Config::named("vit-ti/16x4")?, 0)?,
    };
    let model = Vivit::from_checkpoint(&device, checkpoint, LoadOptions::new())?;
    let clip = tubelet::video::open(video)?.clip(&model.sampling())?;
    println!("{} on {}", model.checkpoint().source, device.name());
    for class in model.classify(&clip)?.top(3) {
        println!("{:5.1} %  {}", 100.0 * class.probability, class.name);
    }
    Ok(())
}

/// What the application does anyway: opens a device, here with what the faster kernels like to have.
async fn open() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn std::error::Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    let liked = wgpu::Features::SUBGROUP | wgpu::Features::SHADER_INT64 | wgpu::Features::TIMESTAMP_QUERY;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features() & liked,
        required_limits: adapter.limits(),
        ..Default::default()
    };
    Ok(adapter.request_device(&descriptor).await?)
}
