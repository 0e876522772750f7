//! Plain preprocessing on the host, for tests: shows that the integers and tables give the recorded bytes.

#[cfg(feature = "video")]
use super::Frame;
use super::resample::WEIGHT_BITS;
use super::{Antialiased, CropWindow, Filter, Lerp, Preprocessing, Preset};

/// The RGB bytes of a frame, `[Y, X, 3]`.
#[cfg(feature = "video")]
pub(super) fn rgb(frame: &Frame) -> Vec<u8> {
    super::colour::rgb(frame).into_owned()
}

/// Output pixel `pixel` of an [`Antialiased`] table whose source pixels are `byte(0)`, `byte(1)`, …
pub(super) fn weighted(table: &Antialiased, pixel: usize, byte: impl Fn(usize) -> u8) -> u8 {
    let (first, count) = (table.first[pixel] as usize, table.count[pixel] as usize);
    let weights = &table.weights[pixel * table.taps..][..count];
    let half = 1 << (WEIGHT_BITS - 1);
    let sum = (first..).zip(weights).fold(half, |sum, (source, weight)| sum + i32::from(byte(source)) * weight);
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// The seen part of a picture `[Y, X, 3]` after antialiased resizing, `[rows, columns, 3]` bytes.
pub(super) fn antialiased(
    filter: Filter,
    picture: &[u8],
    size: [usize; 2],
    resized: [usize; 2],
    window: &CropWindow,
) -> Vec<u8> {
    let columns = Antialiased::new(filter, size[1], resized[1], window.columns.range()).unwrap();
    let rows = Antialiased::new(filter, size[0], resized[0], window.rows.range()).unwrap();
    let (height, width) = (window.rows.len, window.columns.len);
    let seen = if Antialiased::columns_first(size, resized) {
        along_rows(&rows, &along_columns(&columns, picture, size), width)
    } else {
        along_columns(&columns, &along_rows(&rows, picture, size[1]), [height, size[1]])
    };
    placed(window, |y, x, plane| seen[(y * width + x) * 3 + plane])
}

/// A picture of `size` = [Y, X] with its columns resampled.
fn along_columns(table: &Antialiased, picture: &[u8], [height, width]: [usize; 2]) -> Vec<u8> {
    let resized = table.first.len();
    let byte = |i: usize| {
        let (y, x, plane) = (i / (resized * 3), i / 3 % resized, i % 3);
        weighted(table, x, |source| picture[(y * width + source) * 3 + plane])
    };
    (0..height * resized * 3).map(byte).collect()
}

/// A picture of `width` columns with its rows resampled.
fn along_rows(table: &Antialiased, picture: &[u8], width: usize) -> Vec<u8> {
    let row = width * 3;
    let byte = |i: usize| weighted(table, i / row, |source| picture[source * row + i % row]);
    (0..table.first.len() * row).map(byte).collect()
}

/// The same for TensorFlow's bilinear.
pub(super) fn bilinear(picture: &[u8], size: [usize; 2], resized: [usize; 2], window: &CropWindow) -> Vec<u8> {
    let columns = Lerp::new(size[1], resized[1], window.columns.range()).unwrap();
    let rows = Lerp::new(size[0], resized[0], window.rows.range()).unwrap();
    placed(window, |y, x, plane| {
        let at = |row: u32, column: u32| f32::from(picture[(row as usize * size[1] + column as usize) * 3 + plane]);
        let along = |row: u32| {
            let (left, right) = (at(row, columns.lower[x]), at(row, columns.upper[x]));
            left + (right - left) * columns.fraction[x]
        };
        let (top, bottom) = (along(rows.lower[y]), along(rows.upper[y]));
        (top + (bottom - top) * rows.fraction[y]) as u8
    })
}

/// `byte(y, x, plane)` of the seen part, black around it.
fn placed(window: &CropWindow, byte: impl Fn(usize, usize, usize) -> u8) -> Vec<u8> {
    let CropWindow { rows, columns } = window;
    let mut crop = vec![0; rows.size * columns.size * 3];
    for y in 0..rows.len {
        for x in 0..columns.len {
            let offset = ((rows.before + y) * columns.size + columns.before + x) * 3;
            (0..3).for_each(|plane| crop[offset + plane] = byte(y, x, plane));
        }
    }
    crop
}

/// Values `[F, P, Y, X]` of crops `[F, Y, X, P]`, as little-endian bytes.
fn values(crops: &[u8], pixels: usize, preprocessing: &Preprocessing) -> Vec<u8> {
    let table = preprocessing.value_table();
    let frames = crops.chunks_exact(pixels * 3);
    let planes = frames.flat_map(|frame| (0..3).map(move |plane| (plane, frame)));
    planes
        .flat_map(|(plane, frame)| frame.iter().skip(plane).step_by(3).map(move |&byte| (plane, byte)))
        .flat_map(|(plane, byte)| table[plane][usize::from(byte)].to_le_bytes())
        .collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::video::{Resampling, Resize, Values};

    const CASES: &[u8] = include_bytes!("../../tests/data/video/preprocess_cases.safetensors");

    /// (name, height, width, short edge, crop) of each recorded case.
    const NAMES: [(&str, [usize; 2], usize, usize); 6] = [
        ("29x200_size24_crop24", [29, 200], 24, 24),
        ("300x200_size40_crop36", [300, 200], 40, 36),
        ("37x53_size40_crop36", [37, 53], 40, 36),
        ("40x57_size40_crop33", [40, 57], 40, 33),
        ("61x61_size30_crop36", [61, 61], 30, 36),
        ("90x41_size40_crop36", [90, 41], 40, 36),
    ];

    fn hugging_face(short_edge: usize, crop: usize, values: Values) -> Preprocessing {
        let resize = Some(Resize::ShortEdge(short_edge));
        Preprocessing::new(resize, Some([crop; 2]), Resampling::PILLOW_BILINEAR, values).unwrap()
    }

    #[test]
    fn the_tables_give_the_recorded_bytes_and_values() {
        let recorded = SafeTensors::deserialize(CASES).unwrap();
        let tensor = |name: &str, kind: &str| recorded.tensor(&format!("{name}.{kind}")).unwrap().data().to_vec();
        let default = Preset::HfDefault.preprocessing([224, 224]).unwrap().values();
        for (name, size, short_edge, crop) in NAMES {
            let preprocessing = hugging_face(short_edge, crop, Values::ZERO_CENTRED);
            let resized = preprocessing.resized_size(size).unwrap();
            let window = preprocessing.crop_window(resized);
            let pictures = tensor(name, "input");
            let crops: Vec<u8> = pictures
                .chunks_exact(size[0] * size[1] * 3)
                .flat_map(|picture| antialiased(Filter::Bilinear, picture, size, resized, &window))
                .collect();
            assert!(crops == tensor(name, "u8"), "bytes of {name}");
            assert!(values(&crops, crop * crop, &preprocessing) == tensor(name, "zero_centred"), "values of {name}");
            let default = hugging_face(short_edge, crop, default);
            assert!(values(&crops, crop * crop, &default) == tensor(name, "pixel_values"), "default values of {name}");
        }
    }

    /// A picture of bytes from a linear congruential generator, [Y, X, 3].
    fn noise([height, width]: [usize; 2]) -> Vec<u8> {
        let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let states = std::iter::successors(Some(1), next);
        states.skip(1).take(height * width * 3).map(|state| (state >> 24) as u8).collect()
    }

    /// [Y, X] before and after resizing: up, down, both, by little and by much, rows first and columns first.
    const RESIZED: [[[usize; 2]; 2]; 8] = [
        [[37, 53], [20, 31]],
        [[53, 37], [80, 71]],
        [[64, 48], [9, 40]],
        [[45, 61], [60, 13]],
        [[90, 41], [87, 40]],
        [[30, 30], [7, 7]],
        [[101, 67], [33, 67]],
        [[20, 200], [20, 33]],
    ];

    /// The SHA-256 of the bytes of all these that Pillow 13.0 makes of noise, one picture after another.
    #[test]
    fn every_filter_gives_the_bytes_of_pillow() {
        for (filter, expected) in [
            (Filter::Nearest, "9f7bf12635a77b47ec79585acf8885275147263858a664bef95748e74dc986a6"),
            (Filter::Lanczos, "bb67f72f6b0abee5f269705a46ca86fc56b4a0e035a5a80c0e372ad91483d763"),
            (Filter::Bilinear, "d8af393951358214ded2e85868fe5e1f33a9b3c1d476d79eaa75c7cf7fa79343"),
            (Filter::Bicubic, "eca1ff18d062c440c52be11dc98c3240ff541a904801eb06672f422fa9f63989"),
            (Filter::Box, "ace9d61304c7a355cbd2def369ca69794366dde16b7402ce239d0266c0dca984"),
            (Filter::Hamming, "aa6c1f67c94a4261c347c8a8988766e6059e1fdd51535553271b4ed034c26cf1"),
        ] {
            let bytes: Vec<u8> = RESIZED
                .into_iter()
                .flat_map(|[size, resized]| {
                    let whole =
                        Preprocessing::new(None, None, Resampling::Pillow(filter), Values::ZERO_CENTRED).unwrap();
                    antialiased(filter, &noise(size), size, resized, &whole.crop_window(resized))
                })
                .collect();
            assert_eq!(sha256(&bytes), expected, "{}", filter.name());
        }
    }

    #[cfg(feature = "video")]
    #[test]
    fn the_clip_becomes_the_recorded_input() {
        // Of the 32 x 224 x 224 x 3 bytes that Hugging Face's processor makes of the clip before it rescales them.
        const CROPS: &str = "6d1de9eacc62bc0ba0caec058eae32e7045ebf6db96b868f7254d7d3f53259bf";
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/video/frames.json")).unwrap();
        let corrected = Preset::HfCorrected.preprocessing([224, 224]).unwrap();
        let default = Preset::HfDefault.preprocessing([224, 224]).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/bigbuckbunny.mp4");
        let mut video = crate::video::open(path).unwrap();
        let total = video.frame_count().unwrap();
        let indices = crate::video::Sampling::Uniform { frames: 32 }.indices(total).unwrap().remove(0);
        let resized = corrected.resized_size([720, 1280]).unwrap();
        let window = corrected.crop_window(resized);
        let mut crops = Vec::new();
        let mut sink = |_: usize, frame: &Frame| {
            crops.extend(antialiased(Filter::Bilinear, &rgb(frame), [720, 1280], resized, &window));
            Ok(())
        };
        video.visit(&indices, &mut sink).unwrap();
        assert_eq!(sha256(&crops), CROPS);
        assert_eq!(sha256(&values(&crops, 224 * 224, &default)), recorded["pixel_values_sha256_f32"]);
        assert_eq!(sha256(&values(&crops, 224 * 224, &corrected)), recorded["zero_centred_sha256_f32"]);
    }

    #[test]
    fn scenic_truncates_and_pads_behind() {
        let preprocessing = Preset::Scenic.preprocessing([224, 224]).unwrap();
        let picture: Vec<u8> = [10, 21, 30, 41].iter().flat_map(|&grey| [grey; 3]).collect();
        let narrow = Preprocessing::new(None, Some([2, 5]), preprocessing.resample(), preprocessing.values()).unwrap();
        // Two rows and two columns become one row of four columns; the crop adds a row and a column behind.
        let crop = bilinear(&picture, [2, 2], [1, 4], &narrow.crop_window([1, 4]));
        let grey: Vec<u8> = crop.chunks_exact(3).map(|pixel| pixel[0]).collect();
        assert_eq!(grey, [20, 22, 28, 31, 0, 0, 0, 0, 0, 0]);
    }
}
