//! Video classification of what an application draws: its textures never leave the device.
//!
//! ```sh
//! cargo run --release --example texture -- [MODEL]
//! ```
//!
//! `MODEL` is a folder or a name on the Hugging Face hub; without it a small model of random weights stands in.

use std::process::ExitCode;

use tubelet::gpu::{DeviceFrames, Gpu, wgpu};
use tubelet::vivit::Config;
use tubelet::{Device, LoadOptions, Vivit, checkpoint};

fn main() -> ExitCode {
    match pollster::block_on(classify(std::env::args().nth(1).as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn classify(model: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = open().await?;
    let shared: Device = Gpu::from_wgpu(device.clone(), queue.clone()).into();
    let checkpoint = match model {
        Some(name) => checkpoint::load(name)?,
        None => checkpoint::untrained(Config::named("vit-ti/16x4")?, 0)?,
    };
    let model = Vivit::from_checkpoint(&shared, checkpoint, LoadOptions::new())?;
    let drawn = draw(&device, &queue, model.config().frames as u32);

    // One clip: the layers of one texture, whatever its size. Several textures are a clip as well.
    let frames = DeviceFrames::from_textures(&device, &[drawn])?;
    let [height, width] = frames.size();
    println!(
        "{} on {}: {} frames of {width}×{height} pixels",
        model.checkpoint().source,
        shared.name(),
        frames.count()
    );
    for class in model.classify_async(&frames).await?.top(3) {
        println!("{:5.1} %  {}", 100.0 * class.probability, class.name);
    }

    // The logits as well can stay there, for kernels of the application: here they are copied into a buffer of its own.
    let left = model.forward_on_device_async(&frames).await?;
    let logits = &left["logits"];
    let bytes = logits.format().bytes(logits.shape());
    let own = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("logits"),
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(logits.buffer()?.wgpu(), 0, &own, 0, bytes);
    queue.submit([encoder.finish()]);
    println!("logits {} left on the device, {bytes} bytes", logits.shape());
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

/// A ball that rolls over a lawn, a frame in each layer.
const SCENE: &str = "
struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) frame: u32,
}

@vertex
fn corner(@builtin(vertex_index) corner: u32, @builtin(instance_index) frame: u32) -> Corner {
    let position = vec2(f32(corner & 1u), f32(corner >> 1u)) * 4.0 - 1.0;
    return Corner(vec4(position, 0.0, 1.0), frame);
}

@fragment
fn colour(seen: Corner) -> @location(0) vec4<f32> {
    let centre = vec2(40.0 + 12.0 * f32(seen.frame), 170.0);
    let ball = smoothstep(31.0, 29.0, distance(seen.position.xy, centre));
    let lawn = mix(vec3(0.4, 0.6, 0.9), vec3(0.1, 0.5, 0.1), step(200.0, seen.position.y));
    return vec4(mix(lawn, vec3(0.9, 0.3, 0.1), ball), 1.0);
}
";

fn draw(device: &wgpu::Device, queue: &wgpu::Queue, frames: u32) -> wgpu::Texture {
    let format = wgpu::TextureFormat::Rgba8UnormSrgb;
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("drawn"),
        size: wgpu::Extent3d { width: 480, height: 270, depth_or_array_layers: frames },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        // What is classified is copied from.
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let pipeline = pipeline(device, format);
    let mut encoder = device.create_command_encoder(&Default::default());
    for frame in 0..frames {
        let layer = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(wgpu::TextureViewDimension::D2),
            base_array_layer: frame,
            array_layer_count: Some(1),
            ..Default::default()
        });
        let attachment = wgpu::RenderPassColorAttachment {
            view: &layer,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations::default(),
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(attachment)],
            ..Default::default()
        });
        pass.set_pipeline(&pipeline);
        pass.draw(0..3, frame..frame + 1);
    }
    queue.submit([encoder.finish()]);
    texture
}

fn pipeline(device: &wgpu::Device, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("scene"),
        source: wgpu::ShaderSource::Wgsl(SCENE.into()),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("scene"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("colour"),
            compilation_options: Default::default(),
            targets: &[Some(format.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}
