//! The kernels from decoder bytes to a model's input, with the tables of [`tubelet::video`], against what PyAV, Pillow
//! and Hugging Face's processor made of the same bytes.

mod common;

use std::process::ExitCode;

use common::small::{crops_by_references, prepared_by_references};
use common::{DeviceTest, DeviceTests};
use std::sync::Arc;

use safetensors::SafeTensors;
use tubelet::gpu::Gpu;
use tubelet::kernels::pixels::{Axis, Colour, ColourFormat, Normalise, Resample};
use tubelet::kernels::{Case, ClipLayout, Kernel, Selection, suite};
use tubelet::tensor::Tensor;
use tubelet::video::{
    Antialiased, Clip, ColourRange, CropWindow, Crops, Filter, Frame, Matrix, PixelFormat, Preparer, Preprocessing,
    Preset, Resize, coefficients,
};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let on_device: &[DeviceTest] = &[
        (
            "pictures of odd sizes become the recorded bytes and values",
            pictures_of_odd_sizes_become_the_recorded_bytes_and_values,
        ),
        (
            "clips prepared on the device are those prepared by the references",
            clips_prepared_on_the_device_are_those_prepared_by_the_references,
        ),
        ("each frame is prepared by its own size", each_frame_is_prepared_by_its_own_size),
        #[cfg(feature = "video")]
        (
            "a video becomes the recorded rgb and the recorded input",
            a_video_becomes_the_recorded_rgb_and_the_recorded_input,
        ),
    ];
    tests.add_all(on_device);
    tests.run("pixels")
}

/// One kernel call on the device.
fn run<K: Kernel>(device: &Gpu, kernel: K, inputs: &[&Tensor]) -> Tensor {
    let variant = K::FAMILY.variants_for(device.capabilities())[0];
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    suite::run(device, &Case::new("alone", kernel), variant, &inputs).wait().unwrap().remove(0)
}

fn colour_format(format: PixelFormat) -> ColourFormat {
    match format {
        PixelFormat::Rgb24 => ColourFormat::Rgb24,
        PixelFormat::Yuv420p { matrix, range } => ColourFormat::Yuv420p(coefficients(matrix, range)),
        other => panic!("{other:?} has no layout here"),
    }
}

/// Frames of one size and format as pixels, `[F, Y, X]`.
fn pixels(device: &Gpu, frames: &[Frame]) -> Tensor {
    let size = [frames[0].height(), frames[0].width()];
    let format = colour_format(frames[0].format());
    let words = format.frame_words(size);
    let mut bytes = Vec::new();
    for (place, frame) in frames.iter().enumerate() {
        bytes.extend_from_slice(frame.as_bytes());
        bytes.resize(4 * words * (place + 1), 0xff);
    }
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
    let words = Tensor::u32([frames.len(), words.len() / frames.len()], words).unwrap();
    run(device, Colour { frames: frames.len(), size, format }, &[&words])
}

/// All lines of `pixels` along `axis`, by a table for their new pixels.
fn resampled(device: &Gpu, pixels: &Tensor, axis: Axis, table: &Antialiased) -> Tensor {
    let &[frames, height, width] = pixels.shape().axes() else { panic!("{} are not frames", pixels.shape()) };
    let lines = match axis {
        Axis::X => 0..height,
        Axis::Y => 0..width,
    };
    let call = Resample { axis, frames, size: [height, width], lines, length: table.first.len(), taps: table.taps };
    let table = Resample::table(&table.first, &table.count, &table.weights, table.taps).unwrap();
    run(device, call, &[pixels, &table])
}

/// The part of Pillow's resized pictures that `window` shows.
fn resized(device: &Gpu, pixels: &Tensor, resized: [usize; 2], window: &CropWindow) -> Tensor {
    let size = [pixels.shape().axes()[1], pixels.shape().axes()[2]];
    let rows = Antialiased::new(Filter::Bilinear, size[0], resized[0], window.rows.range()).unwrap();
    let columns = Antialiased::new(Filter::Bilinear, size[1], resized[1], window.columns.range()).unwrap();
    if Antialiased::columns_first(size, resized) {
        resampled(device, &resampled(device, pixels, Axis::X, &columns), Axis::Y, &rows)
    } else {
        resampled(device, &resampled(device, pixels, Axis::Y, &rows), Axis::X, &columns)
    }
}

/// A padded crop as one value a byte and plane.
fn values(device: &Gpu, seen: &Tensor, window: &CropWindow, table: [[f32; 256]; 3], layout: ClipLayout) -> Tensor {
    let &[frames, height, width] = seen.shape().axes() else { panic!("{} are not frames", seen.shape()) };
    let offset = [-(window.rows.before as i32), -(window.columns.before as i32)];
    let call = Normalise::new(frames, [height, width], layout).crop([window.rows.size, window.columns.size], offset);
    run(device, call, &[seen, &Tensor::f32([3, 256], table.concat()).unwrap()])
}

/// The processor with the values in [-1, 1], and with its defaults.
fn hugging_face(short_edge: usize, crop: usize) -> [Preprocessing; 2] {
    [Preset::HfCorrected, Preset::HfDefault].map(|preset| {
        let preset = preset.preprocessing([crop; 2]).unwrap();
        let resize = Some(Resize::ShortEdge(short_edge));
        Preprocessing::new(resize, Some([crop; 2]), preset.resample(), preset.values()).unwrap()
    })
}

const RECORDED: &[u8] = include_bytes!("data/video/preprocess_cases.safetensors");

/// Two pictures that were prepared together.
struct Pictures {
    name: String,
    frames: Vec<Frame>,
    short_edge: usize,
    crop: usize,
}

/// The pictures of `recorded`; their names end in "_size40_crop36" for a short edge of 40 and a crop of 36×36.
fn pictures(recorded: &SafeTensors<'_>) -> Vec<Pictures> {
    let names = recorded.names();
    let inputs =
        names.into_iter().filter_map(|name| Some((name.strip_suffix(".input")?, recorded.tensor(name).unwrap())));
    let all: Vec<_> = inputs
        .map(|(name, input)| {
            let (height, width) = (input.shape()[1], input.shape()[2]);
            let frame = |bytes: &[u8]| Frame::new(height, width, PixelFormat::Rgb24, bytes.to_vec()).unwrap();
            let frames = input.data().chunks_exact(height * width * 3).map(frame).collect();
            let (short_edge, crop) = name.split_once("_size").unwrap().1.split_once("_crop").unwrap();
            Pictures {
                name: name.to_owned(),
                frames,
                short_edge: short_edge.parse().unwrap(),
                crop: crop.parse().unwrap(),
            }
        })
        .collect();
    assert_eq!(all.len(), 6);
    all
}

fn pictures_of_odd_sizes_become_the_recorded_bytes_and_values(device: &Gpu) {
    let recorded = SafeTensors::deserialize(RECORDED).unwrap();
    for Pictures { name, frames, short_edge, crop } in pictures(&recorded) {
        let tensor = |kind: &str| recorded.tensor(&format!("{name}.{kind}")).unwrap().data().to_vec();
        let [corrected, default] = hugging_face(short_edge, crop);
        let target = corrected.resized_size([frames[0].height(), frames[0].width()]).unwrap();
        let window = corrected.crop_window(target);
        let seen = resized(device, &pixels(device, &frames), target, &window);
        let as_they_are = [std::array::from_fn(|byte| byte as f32); 3];
        let bytes = values(device, &seen, &window, as_they_are, ClipLayout::Bthwc);
        let bytes: Vec<u8> = bytes.as_f32().unwrap().iter().map(|&byte| byte as u8).collect();
        assert!(bytes == tensor("u8"), "bytes of {name}");
        for (preprocessing, kind) in [(corrected, "zero_centred"), (default, "pixel_values")] {
            let values = values(device, &seen, &window, preprocessing.value_table(), ClipLayout::Btchw);
            assert!(values.as_bytes() == tensor(kind), "{kind} of {name}");
        }
    }
}

fn clips_prepared_on_the_device_are_those_prepared_by_the_references(device: &Gpu) {
    let device = &device.clone().into();
    let recorded = SafeTensors::deserialize(RECORDED).unwrap();
    for Pictures { name, frames, short_edge, crop } in pictures(&recorded) {
        let clip = Clip::new(frames.into_iter().map(Arc::new).collect(), vec![0, 1]).unwrap();
        let prepared = |preprocessing: &Preprocessing, layout| {
            let preparer = Preparer::new(device, &clip, preprocessing, layout, &Selection::automatic()).wait().unwrap();
            let prepared = preparer.prepare(&clip).wait().unwrap().read(device).wait().unwrap();
            assert_eq!(
                prepared,
                prepared_by_references(&clip, preprocessing, layout).unwrap(),
                "{name}, {preprocessing:?}"
            );
            prepared
        };
        let [_, default] = hugging_face(short_edge, crop);
        let values = prepared(&default, ClipLayout::Btchw);
        assert!(values.as_bytes() == recorded.tensor(&format!("{name}.pixel_values")).unwrap().data(), "{name}");
        prepared(&Preset::Scenic.preprocessing([crop; 2]).unwrap(), ClipLayout::Bthwc);
    }
}

/// A video that changes its size and its format within a clip.
fn each_frame_is_prepared_by_its_own_size(device: &Gpu) {
    let device = &device.clone().into();
    let yuv = PixelFormat::Yuv420p { matrix: Matrix::Bt709, range: ColourRange::Limited };
    let kinds = [(48, 64, yuv), (48, 64, yuv), (64, 48, yuv), (47, 63, PixelFormat::Rgb24), (48, 64, yuv)];
    let frames: Vec<_> = kinds
        .into_iter()
        .enumerate()
        .map(|(place, (height, width, format))| {
            let bytes = (0..format.bytes(height, width)).map(|byte| (byte * (7 + place) % 251) as u8).collect();
            Arc::new(Frame::new(height, width, format, bytes).unwrap())
        })
        .collect();
    let clip = Clip::new(frames.clone(), (0..frames.len()).collect()).unwrap();
    for (preset, layout) in [(Preset::Scenic, ClipLayout::Bthwc), (Preset::HfCorrected, ClipLayout::Btchw)] {
        let preprocessing = preset.preprocessing([32, 32]).unwrap();
        let prepared = |clip: &Clip| {
            let automatic = Selection::automatic();
            let crops = Crops::Three;
            let preparer =
                Preparer::with_crops(device, clip, &preprocessing, crops, layout, &automatic).wait().unwrap();
            assert!(preparer.fits(clip));
            let crops = preparer.prepare_crops(clip).wait().unwrap();
            crops.iter().map(|crop| crop.read(device).wait().unwrap()).collect::<Vec<_>>()
        };
        let whole = prepared(&clip);
        assert_eq!(whole, crops_by_references(&clip, &preprocessing, Crops::Three, layout).unwrap());
        for (place, frame) in frames.iter().enumerate() {
            let alone = prepared(&Clip::new(vec![frame.clone()], vec![place]).unwrap());
            for (whole, alone) in whole.iter().zip(&alone) {
                let own = whole.as_bytes().chunks(alone.as_bytes().len()).nth(place).unwrap();
                assert!(own == alone.as_bytes(), "frame {place} by {preset}");
            }
        }
    }
}

/// Runs the ffmpeg program.
#[cfg(feature = "video")]
fn a_video_becomes_the_recorded_rgb_and_the_recorded_input(device: &Gpu) {
    let recorded: serde_json::Value = serde_json::from_str(include_str!("data/video/frames.json")).unwrap();
    let indices: Vec<usize> = serde_json::from_value(recorded["uniform_indices"].clone()).unwrap();
    let mut video =
        tubelet::video::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/bigbuckbunny.mp4")).unwrap();

    let [corrected, default] = hugging_face(256, 224);
    let target = corrected.resized_size([720, 1280]).unwrap();
    let window = corrected.crop_window(target);
    let (mut zero_centred, mut pixel_values) = (Vec::new(), Vec::new());
    for indices in indices.chunks(8) {
        let pixels = pixels(device, &video.read(indices).unwrap());
        for (index, pixels) in indices.iter().zip(pixels.as_u32().unwrap().chunks_exact(720 * 1280)) {
            let rgb: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.to_le_bytes().into_iter().take(3)).collect();
            assert_eq!(sha256(&rgb), recorded["frames"][index]["rgb24_pyav_sha256"], "frame {index}");
        }
        let seen = resized(device, &pixels, target, &window);
        for (preprocessing, all) in [(&corrected, &mut zero_centred), (&default, &mut pixel_values)] {
            let values = values(device, &seen, &window, preprocessing.value_table(), ClipLayout::Btchw);
            all.extend_from_slice(values.as_bytes());
        }
    }
    assert_eq!(sha256(&zero_centred), recorded["zero_centred_sha256_f32"]);
    assert_eq!(sha256(&pixel_values), recorded["pixel_values_sha256_f32"]);
}

#[cfg(feature = "video")]
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
