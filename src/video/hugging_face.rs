//! Hugging Face's `preprocessor_config.json` and `video_preprocessor_config.json`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    preset::{PlaneStatistics, Preprocessing, Resize, Values},
    resample::{Filter, Resampling},
};
use crate::tensor::{Error, Result};

mod fields;

pub(crate) use fields::{Fields, shortened};

/// Which of the library's two processors a file is for. Both have the same defaults.
#[derive(Clone, Copy, PartialEq)]
enum Processor {
    /// `VivitImageProcessor`, by Pillow.
    Image,
    /// `VivitVideoProcessor`, by torchvision: it always subtracts 1 from scaled bytes, and takes more forms of `size`.
    Video,
}

impl Processor {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "VivitImageProcessor",
            Self::Video => "VivitVideoProcessor",
        }
    }
}

/// The keys of the file; what is absent has the processor's default.
struct File {
    processor: Processor,
    /// The processor's type, by each of the names that releases gave the field.
    types: [Option<String>; 3],
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<Value>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    offset: Option<bool>,
    do_zero_centering: Option<bool>,
    do_normalize: Option<bool>,
    image_mean: Option<Value>,
    image_std: Option<Value>,
    do_pad: Option<bool>,
    do_grayscale: Option<bool>,
    do_flip_channel_order: Option<bool>,
}

impl Preprocessing {
    /// The preprocessing that the text of a `preprocessor_config.json` describes, as `VivitImageProcessor` reads it; as
    /// `VivitVideoProcessor` does where it names a `video_processor_type`.
    ///
    /// An old file with `do_zero_centering` means `2·byte·rescale_factor − 1` where it is true and plain
    /// `byte·rescale_factor` where it is false. An error ([`File`](crate::tensor::ErrorKind::File)) for what is not
    /// such a file, [`Unsupported`](crate::tensor::ErrorKind::Unsupported) for settings beyond a ViViT processor's.
    pub fn from_hugging_face(text: &str) -> Result<Self> {
        Self::read(text, None)
    }

    /// The preprocessing that the text of a `video_preprocessor_config.json` describes, as `VivitVideoProcessor` reads it.
    ///
    /// That one resizes with torchvision, which rounds otherwise than Pillow, as is done here: after `1/127.5` single
    /// values differ by up to one step of a byte. Errors are those of [`Self::from_hugging_face`].
    pub fn from_hugging_face_video(text: &str) -> Result<Self> {
        Self::read(text, Some(Processor::Video))
    }

    fn read(text: &str, processor: Option<Processor>) -> Result<Self> {
        let fields = Fields::parse(text).map_err(|instead| Error::file(format!("the file is {instead}")))?;
        let file = File::read(&fields, processor).map_err(Error::file)?;
        file.check_supported()?;
        let preprocessing = Self::new(file.resize()?, file.crop()?, Resampling::Pillow(file.filter()?), file.values()?)
            .map_err(|error| Error::file(error.to_string()))?;
        Ok(match file.processor {
            Processor::Image => preprocessing,
            Processor::Video => preprocessing.with_extra_behind(),
        })
    }
}

impl File {
    fn read(fields: &Fields, processor: Option<Processor>) -> Result<Self, String> {
        let text = |name| fields.get(name, "a text in quotes", None::<String>);
        let switch = |name| fields.get(name, "true or false", None);
        let any = |name| fields.get(name, "a value", None);
        let video_type = text("video_processor_type")?;
        let said = if video_type.is_some() { Processor::Video } else { Processor::Image };
        Ok(Self {
            processor: processor.unwrap_or(said),
            types: [text("image_processor_type")?, video_type, text("feature_extractor_type")?],
            do_resize: switch("do_resize")?,
            size: any("size")?,
            resample: any("resample")?,
            do_center_crop: switch("do_center_crop")?,
            crop_size: any("crop_size")?,
            do_rescale: switch("do_rescale")?,
            rescale_factor: fields.get("rescale_factor", "a number", None)?,
            offset: switch("offset")?,
            do_zero_centering: switch("do_zero_centering")?,
            do_normalize: switch("do_normalize")?,
            image_mean: any("image_mean")?,
            image_std: any("image_std")?,
            do_pad: switch("do_pad")?,
            do_grayscale: switch("do_grayscale")?,
            do_flip_channel_order: switch("do_flip_channel_order")?,
        })
    }

    fn check_supported(&self) -> Result<()> {
        if let Some(other) = self.types.iter().flatten().find(|name| !name.to_lowercase().starts_with("vivit")) {
            return Err(Error::unsupported(format!(
                "the file is for {}, not for a ViViT processor; use a preset",
                shortened(other)
            )));
        }
        let switches = [
            ("do_pad", self.do_pad),
            ("do_grayscale", self.do_grayscale),
            ("do_flip_channel_order", self.do_flip_channel_order),
        ];
        match switches.iter().find(|(_, switch)| *switch == Some(true)) {
            Some((name, _)) => {
                Err(Error::unsupported(format!("{name} is not a step of ViViT's preprocessing; use a preset")))
            }
            None => Ok(()),
        }
    }

    /// By Pillow's number, or by its name.
    fn filter(&self) -> Result<Filter> {
        let Some(value) = &self.resample else { return Ok(Filter::Bilinear) };
        let by_number = || Filter::ALL.get(usize::try_from(value.as_u64()?).ok()?).copied();
        let by_name = || {
            let name = value.as_str()?.to_lowercase();
            Filter::ALL.into_iter().find(|filter| filter.name() == name)
        };
        by_number().or_else(by_name).ok_or_else(|| {
            let known: Vec<_> =
                (0..).zip(Filter::ALL).map(|(number, filter)| format!("{number} ({})", filter.name())).collect();
            Error::unsupported(format!(
                "resample {} is no filter of Pillow's; there are {}",
                shortened(&value.to_string()),
                known.join(", ")
            ))
        })
    }

    fn resize(&self) -> Result<Option<Resize>> {
        if self.do_resize == Some(false) {
            return Ok(None);
        }
        let Some(size) = &self.size else { return Ok(Some(Resize::ShortEdge(256))) };
        let edge = |key: &str| side(&size[key]);
        let resize = match (self.processor, keys(size).as_slice()) {
            (_, []) => side(size).map(Resize::ShortEdge).or_else(|| sides(size).map(Resize::Exact)),
            (_, ["height", "width"]) => sides(size).map(Resize::Exact),
            // The library's image processor does not look at the other.
            (_, ["shortest_edge"]) | (Processor::Image, ["longest_edge", "shortest_edge"]) => {
                edge("shortest_edge").map(Resize::ShortEdge)
            }
            (Processor::Video, ["longest_edge", "shortest_edge"]) => edge("shortest_edge")
                .zip(edge("longest_edge"))
                .map(|(shortest, longest)| Resize::ShortEdgeUpTo { shortest, longest }),
            (Processor::Video, ["max_height", "max_width"]) => {
                edge("max_height").zip(edge("max_width")).map(|(height, width)| Resize::Within([height, width]))
            }
            _ => None,
        };
        resize.map(Some).ok_or_else(|| {
            let more = match self.processor {
                Processor::Image => "",
                Processor::Video => ", with or without a longest_edge, or {\"max_height\": …, \"max_width\": …}",
            };
            self.refused("size", size, &format!("{{\"shortest_edge\": …}}{more}"))
        })
    }

    fn crop(&self) -> Result<Option<[usize; 2]>> {
        match &self.crop_size {
            _ if self.do_center_crop == Some(false) => Ok(None),
            None => Ok(Some([224; 2])),
            Some(size) => {
                let square = side(size).map(|side| [side; 2]);
                let sides = square.or_else(|| sides(size));
                sides.map(Some).ok_or_else(|| self.refused("crop_size", size, "a square of [pixels, pixels]"))
            }
        }
    }

    /// The error of a size that the processor does not take.
    fn refused(&self, name: &str, size: &Value, or: &str) -> Error {
        Error::unsupported(format!(
            "{name} {} is none that {} takes; write a number of pixels, [height, width], {{\"height\": …, \"width\": …}} or \
             {or}",
            shortened(&size.to_string()),
            self.processor.name()
        ))
    }

    fn values(&self) -> Result<Values> {
        let rescale = self.do_rescale != Some(false);
        let factor = if rescale { self.rescale_factor.unwrap_or(1.0 / 127.5) } else { 1.0 };
        let (scale, zero_centred) = match (self.do_zero_centering, self.offset) {
            _ if self.processor == Processor::Video => (factor, rescale),
            (Some(_), Some(_)) => {
                return Err(Error::unsupported("offset and do_zero_centering exclude each other; remove one"));
            }
            (Some(true), None) => (2.0 * factor, true),
            (Some(false), None) => (factor, false),
            (None, offset) => (factor, offset != Some(false)),
        };
        if zero_centred && !rescale {
            return Err(Error::unsupported(
                "offset (on where the file does not mention it) needs do_rescale; set offset to false or do_rescale to true",
            ));
        }
        let normalise = match self.do_normalize {
            Some(false) => None,
            _ => Some(self.normalise()?),
        };
        if rescale && (factor == 0.0 || !(255.0 * factor).is_finite()) {
            return Err(Error::file(format!(
                "rescale_factor is {factor:e}, but bytes are multiplied by it: write a number such as 1/127.5 = \
                 0.00784313725490196"
            )));
        }
        Ok(Values { scale, zero_centred, normalise })
    }

    fn normalise(&self) -> Result<PlaneStatistics> {
        let mean = per_plane("image_mean", self.image_mean.as_ref(), PlaneStatistics::HALVES.mean)?;
        let std = per_plane("image_std", self.image_std.as_ref(), PlaneStatistics::HALVES.std)?;
        match &self.image_std {
            Some(value) if std.contains(&0.0) => Err(Error::file(format!(
                "image_std is {value}, but values are divided by it: write numbers other than 0, or set do_normalize \
                 to false"
            ))),
            _ => Ok(PlaneStatistics { mean, std }),
        }
    }
}

/// A number of pixels, at least 1.
fn side(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|side| usize::try_from(side).ok()).filter(|&side| side > 0)
}

/// The keys of a size that have a value, in their order.
fn keys(size: &Value) -> Vec<&str> {
    let given = |(_, value): &(&String, &Value)| !value.is_null();
    let mut keys: Vec<_> = size.as_object().into_iter().flatten().filter(given).map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// Height and width, in a list or by their names alone.
fn sides(size: &Value) -> Option<[usize; 2]> {
    let [height, width] = match size.as_array().map(Vec::as_slice) {
        Some([height, width]) => [height, width],
        Some(_) => return None,
        None if keys(size) == ["height", "width"] => [&size["height"], &size["width"]],
        None => return None,
    };
    Some([side(height)?, side(width)?])
}

fn per_plane(name: &str, value: Option<&Value>, default: [f32; 3]) -> Result<[f32; 3]> {
    let wrong = |value: &Value| {
        let value = shortened(&value.to_string());
        Error::file(format!("{name} is {value}, but must be a number, or a list of one for each of 3 colours"))
    };
    match value {
        None => Ok(default),
        Some(Value::Number(number)) => Ok([number.as_f64().unwrap_or(f64::NAN) as f32; 3]),
        Some(value) => {
            Vec::<f32>::deserialize(value).ok().and_then(|planes| planes.try_into().ok()).ok_or_else(|| wrong(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tensor::ErrorKind, video::Preset};

    fn parse(text: &str) -> Preprocessing {
        Preprocessing::from_hugging_face(text).unwrap()
    }

    #[test]
    fn an_empty_file_is_the_class_default() {
        assert_eq!(parse("{}"), Preset::HfDefault.preprocessing([224, 224]).unwrap());
    }

    #[test]
    fn the_published_file_resizes_to_224_and_normalises_twice() {
        let published = parse(
            r#"{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_normalize": true,
                "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
                "image_processor_type": "ViViTImageProcessor", "resample": 2,
                "rescale_factor": 0.00784313725490196, "size": {"shortest_edge": 224}}"#,
        );
        assert_eq!(published.resize(), Some(Resize::ShortEdge(224)));
        assert_eq!(published.range(), "[-3, 1]");
        let default = Preset::HfDefault.preprocessing([224, 224]).unwrap();
        assert_eq!(published.value_table(), default.value_table());
    }

    #[test]
    fn zero_centering_of_old_files_gives_the_trained_range() {
        let old = parse(
            r#"{"do_normalize": false, "do_zero_centering": true, "rescale_factor": 0.00392156862745098,
                "size": {"shortest_edge": 256}}"#,
        );
        assert_eq!(old.range(), "[-1, 1]");
        assert_eq!(old.value_table(), Preset::Scenic.preprocessing([224, 224]).unwrap().value_table());
        let plain =
            parse(r#"{"do_normalize": false, "do_zero_centering": false, "rescale_factor": 0.00392156862745098}"#);
        assert_eq!(plain.range(), "[0, 1]");
    }

    #[test]
    fn sizes_are_numbers_edges_or_sides() {
        assert_eq!(parse(r#"{"size": 40}"#).resize(), Some(Resize::ShortEdge(40)));
        assert_eq!(parse(r#"{"size": {"height": 40, "width": 50}}"#).resize(), Some(Resize::Exact([40, 50])));
        assert_eq!(parse(r#"{"size": {"shortest_edge": 30, "height": null}}"#).resize(), Some(Resize::ShortEdge(30)));
        assert_eq!(parse(r#"{"do_resize": false}"#).resize(), None);
        assert_eq!(parse(r#"{"crop_size": 36}"#).crop(), Some([36, 36]));
        assert_eq!(parse(r#"{"do_center_crop": false}"#).crop(), None);
    }

    #[test]
    fn every_filter_of_pillow_has_a_number_and_a_name() {
        let filter = |value: &str| parse(&format!(r#"{{"resample": {value}}}"#)).resample();
        for (value, expected) in [
            ("0", Filter::Nearest),
            ("1", Filter::Lanczos),
            ("2", Filter::Bilinear),
            ("3", Filter::Bicubic),
            ("4", Filter::Box),
            ("5", Filter::Hamming),
            (r#""nearest""#, Filter::Nearest),
            (r#""BICUBIC""#, Filter::Bicubic),
            ("null", Filter::Bilinear),
        ] {
            assert_eq!(filter(value), Resampling::Pillow(expected), "{value}");
        }
        assert!(parse(r#"{"resample": 5}"#).to_string().contains("Pillow's hamming"));
    }

    #[test]
    fn lists_and_edges_mean_what_they_mean_to_the_processor() {
        assert_eq!(parse(r#"{"size": [40, 50]}"#).resize(), Some(Resize::Exact([40, 50])));
        assert_eq!(parse(r#"{"crop_size": [36, 30]}"#).crop(), Some([36, 30]));
        assert_eq!(
            parse(r#"{"size": {"shortest_edge": 30, "longest_edge": 40}}"#).resize(),
            Some(Resize::ShortEdge(30))
        );
        let video = |size: &str| {
            Preprocessing::from_hugging_face_video(&format!(r#"{{"size": {size}}}"#)).unwrap().resize().unwrap()
        };
        assert_eq!(video("30"), Resize::ShortEdge(30));
        assert_eq!(video("[30, 40]"), Resize::Exact([30, 40]));
        let up_to = Resize::ShortEdgeUpTo { shortest: 30, longest: 40 };
        assert_eq!(video(r#"{"shortest_edge": 30, "longest_edge": 40}"#), up_to);
        assert_eq!(video(r#"{"max_height": 30, "max_width": 40}"#), Resize::Within([30, 40]));
    }

    #[test]
    fn a_file_of_the_video_processor_has_no_offset() {
        let text = r#"{"video_processor_type": "VivitVideoProcessor", "offset": false, "do_normalize": false}"#;
        assert_eq!(parse(text).range(), "[-1, 1]");
        let plain = r#"{"do_rescale": false, "do_normalize": false}"#;
        assert_eq!(Preprocessing::from_hugging_face_video(plain).unwrap().range(), "[0, 255]");
        assert!(Preprocessing::from_hugging_face(plain).is_err());
        // The extra pixel of an odd padding is behind the picture here, and before it there.
        let padding = |preprocessing: Preprocessing| preprocessing.crop_window([221, 224]).rows.before;
        assert_eq!(padding(Preprocessing::from_hugging_face_video("{}").unwrap()), 1);
        assert_eq!(padding(parse("{}")), 2);
    }

    #[test]
    fn switches_change_the_range() {
        assert_eq!(parse(r#"{"do_normalize": false}"#).range(), "[-1, 1]");
        assert_eq!(parse(r#"{"offset": false, "do_normalize": false}"#).range(), "[0, 2]");
        assert_eq!(parse(r#"{"offset": false, "do_rescale": false, "do_normalize": false}"#).range(), "[0, 255]");
        assert_eq!(
            parse(r#"{"image_mean": 0, "image_std": [1, 1, 2]}"#).range(),
            "red [-1, 1], green [-1, 1], blue [-0.5, 0.5]"
        );
    }

    #[test]
    fn unsupported_settings_are_named() {
        for (text, named) in [
            (r#"{"resample": 6}"#, "resample 6 is no filter of Pillow's; there are 0 (nearest), 1 (lanczos)"),
            (r#"{"resample": "sharp"}"#, r#"resample "sharp""#),
            (r#"{"resample": 2.0}"#, "resample 2.0"),
            (r#"{"do_rescale": false}"#, "do_rescale"),
            (r#"{"offset": true, "do_zero_centering": true}"#, "do_zero_centering"),
            (r#"{"size": {"longest_edge": 300}}"#, "is none that VivitImageProcessor takes"),
            (r#"{"size": {"max_height": 300, "max_width": 200}}"#, "size"),
            (r#"{"size": {"height": 300}}"#, "size"),
            (r#"{"size": [1, 2, 3]}"#, "size [1,2,3]"),
            (r#"{"size": [1]}"#, "size [1]"),
            (r#"{"size": [224.5, 224]}"#, "size"),
            (r#"{"size": "large"}"#, "size"),
            (r#"{"size": {"min_pixels": 1, "max_pixels": 2}}"#, "size"),
            (r#"{"crop_size": {"height": 300}}"#, "crop_size"),
            (r#"{"video_processor_type": "VivitVideoProcessor", "size": {"longest_edge": 9}}"#, "VivitVideoProcessor"),
            (r#"{"size": 0}"#, "size"),
            (r#"{"crop_size": {"shortest_edge": 224}}"#, "crop_size"),
            (r#"{"do_flip_channel_order": true}"#, "do_flip_channel_order"),
            (r#"{"image_processor_type": "VideoMAEImageProcessor"}"#, "VideoMAEImageProcessor"),
        ] {
            let error = Preprocessing::from_hugging_face(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_errors_that_name_the_field() {
        for (text, named) in [
            ("", "the file is empty: download it again"),
            ("nonsense", "the file is not JSON (expected ident at line 1 column 2): download it again"),
            ("[]", "the file is a list"),
            (r#"{"do_resize": 1}"#, "do_resize is 1, but must be true or false"),
            (r#"{"rescale_factor": "1/255"}"#, r#"rescale_factor is "1/255", but must be a number"#),
            (r#"{"image_processor_type": 3}"#, "image_processor_type is 3"),
            (r#"{"image_mean": [0.5]}"#, "image_mean is [0.5]"),
            (r#"{"image_std": 0}"#, "image_std is 0, but values are divided by it"),
            (r#"{"image_std": [1, 0, 1]}"#, "image_std is [1,0,1], but values are divided by it"),
            (r#"{"rescale_factor": 0}"#, "rescale_factor is 0"),
            (r#"{"rescale_factor": 1e308}"#, "rescale_factor is 1"),
            (r#"{"rescale_factor": 1e999}"#, "not JSON (number out of range"),
        ] {
            let error = Preprocessing::from_hugging_face(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File, "{text}: {error}");
            assert!(error.to_string().contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn a_deviation_of_nothing_does_not_matter_where_nothing_is_divided() {
        assert_eq!(parse(r#"{"do_normalize": false, "image_std": 0}"#).range(), "[-1, 1]");
    }
}
