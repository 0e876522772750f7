//! Hugging Face's `preprocessor_config.json`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    preset::{Normalise, Preprocessing, Resize, Values},
    resample::Resample,
};
use crate::tensor::{Error, Result};

mod fields;

pub(crate) use fields::Fields;

/// The keys of the file; what is absent has the default of `VivitImageProcessor`.
struct File {
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
    /// The preprocessing that the text of a `preprocessor_config.json` describes, as `VivitImageProcessor` reads it.
    ///
    /// An old file with `do_zero_centering` means `2·byte·rescale_factor − 1` where it is true and plain
    /// `byte·rescale_factor` where it is false. An error ([`File`](crate::tensor::ErrorKind::File)) for what is not
    /// such a file, [`Unsupported`](crate::tensor::ErrorKind::Unsupported) for settings beyond a ViViT processor's.
    pub fn from_hugging_face(text: &str) -> Result<Self> {
        let fields = Fields::parse(text).map_err(|instead| Error::file(format!("the file is {instead}")))?;
        let file = File::read(&fields).map_err(Error::file)?;
        file.check_supported()?;
        Self::new(file.resize()?, file.crop()?, Resample::PillowBilinear, file.values()?)
            .map_err(|error| Error::file(error.to_string()))
    }
}

impl File {
    fn read(fields: &Fields) -> Result<Self, String> {
        let text = |name| fields.get(name, "a text in quotes", None);
        let switch = |name| fields.get(name, "true or false", None);
        let any = |name| fields.get(name, "a value", None);
        Ok(Self {
            types: [text("image_processor_type")?, text("video_processor_type")?, text("feature_extractor_type")?],
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
                "the file is for {other}, not for a ViViT processor; use a preset"
            )));
        }
        let switches = [
            ("do_pad", self.do_pad),
            ("do_grayscale", self.do_grayscale),
            ("do_flip_channel_order", self.do_flip_channel_order),
        ];
        if let Some((name, _)) = switches.iter().find(|(_, switch)| *switch == Some(true)) {
            return Err(Error::unsupported(format!("{name} is not a step of ViViT's preprocessing; use a preset")));
        }
        match &self.resample {
            None => Ok(()),
            Some(filter) if filter == 2 || filter == "bilinear" => Ok(()),
            Some(filter) => {
                Err(Error::unsupported(format!("resample {filter} is not supported, only 2 (bilinear) is")))
            }
        }
    }

    fn resize(&self) -> Result<Option<Resize>> {
        if self.do_resize == Some(false) {
            return Ok(None);
        }
        let Some(size) = &self.size else { return Ok(Some(Resize::ShortEdge(256))) };
        if let Some(edge) = side(size) {
            return Ok(Some(Resize::ShortEdge(edge)));
        }
        match (keys(size).as_slice(), side(&size["shortest_edge"])) {
            (["shortest_edge"], Some(edge)) => Ok(Some(Resize::ShortEdge(edge))),
            _ => height_and_width("size", size).map(|sides| Some(Resize::Exact(sides))),
        }
    }

    fn crop(&self) -> Result<Option<[usize; 2]>> {
        match &self.crop_size {
            _ if self.do_center_crop == Some(false) => Ok(None),
            None => Ok(Some([224; 2])),
            Some(size) => match side(size) {
                Some(side) => Ok(Some([side; 2])),
                None => height_and_width("crop_size", size).map(Some),
            },
        }
    }

    fn values(&self) -> Result<Values> {
        let rescale = self.do_rescale != Some(false);
        let factor = if rescale { self.rescale_factor.unwrap_or(1.0 / 127.5) } else { 1.0 };
        let (scale, zero_centred) = match (self.do_zero_centering, self.offset) {
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
                "rescale_factor is {factor:?}, but bytes are multiplied by it: write a number such as 1/127.5 = \
                 0.00784313725490196"
            )));
        }
        Ok(Values { scale, zero_centred, normalise })
    }

    fn normalise(&self) -> Result<Normalise> {
        let mean = per_plane("image_mean", self.image_mean.as_ref(), Normalise::HALVES.mean)?;
        let std = per_plane("image_std", self.image_std.as_ref(), Normalise::HALVES.std)?;
        match &self.image_std {
            Some(value) if std.contains(&0.0) => Err(Error::file(format!(
                "image_std is {value}, but values are divided by it: write numbers other than 0, or set do_normalize \
                 to false"
            ))),
            _ => Ok(Normalise { mean, std }),
        }
    }
}

/// A number of pixels, at least 1.
fn side(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|side| usize::try_from(side).ok()).filter(|&side| side > 0)
}

fn keys(size: &Value) -> Vec<&str> {
    let given = |(_, value): &(&String, &Value)| !value.is_null();
    size.as_object().into_iter().flatten().filter(given).map(|(key, _)| key.as_str()).collect()
}

fn height_and_width(name: &str, size: &Value) -> Result<[usize; 2]> {
    let mut keys = keys(size);
    keys.sort_unstable();
    match (keys.as_slice(), side(&size["height"]), side(&size["width"])) {
        (["height", "width"], Some(height), Some(width)) => Ok([height, width]),
        _ => Err(Error::unsupported(format!(
            "{name} {size} is not supported; write a number, {{\"height\": …, \"width\": …}}, or for size {{\"shortest_edge\": …}}"
        ))),
    }
}

fn per_plane(name: &str, value: Option<&Value>, default: [f32; 3]) -> Result<[f32; 3]> {
    let wrong = |value: &Value| {
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
            (r#"{"resample": 3}"#, "resample 3"),
            (r#"{"do_rescale": false}"#, "do_rescale"),
            (r#"{"offset": true, "do_zero_centering": true}"#, "do_zero_centering"),
            (r#"{"size": {"shortest_edge": 224, "longest_edge": 300}}"#, "size"),
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
