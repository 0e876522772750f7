//! The page: one file that shows the clip in time.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, Rgba};
use minijinja::{Value, context};
use serde::Serialize;

use super::canvas::{FADED_INK, INK};
use super::chart::Ground;
use super::document;
use super::heat::Palette;
use super::scene::Scene;
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};

/// What the page's script works with.
#[derive(Serialize)]
struct Data {
    /// F frames and T layers to lie over them, as data addresses.
    frames: Vec<String>,
    layers: Vec<String>,
    /// What the time of each frame is called, and how many seconds it is shown.
    times: Vec<String>,
    durations: Vec<f64>,
    /// The values at the two ends of the colour bar, at each temporal index.
    bounds: Vec<[String; 2]>,
    query: Option<Query>,
    /// Where in the plot each temporal index lies, in per cent of its width.
    cursor: Option<Vec<f64>>,
}

/// The query's temporal index, and its square in per cent of the frame's sides.
#[derive(Serialize)]
struct Query {
    index: usize,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// The bytes of the page.
pub(super) fn html(scene: &Scene<'_>) -> Result<Vec<u8>> {
    let (plot, cursor) = plot(scene)?.unzip();
    let data = Data {
        frames: scene.frames.iter().map(jpeg).collect::<Result<_>>()?,
        layers: (0..scene.maps.len()).map(|map| png(&scene.layer(map))).collect::<Result<_>>()?,
        times: (0..scene.frames.len()).map(|frame| scene.time(frame)).collect(),
        durations: scene.durations(),
        bounds: scene.maps.iter().map(|map| map.bounds.labels()).collect(),
        query: query(scene),
        cursor,
    };
    let data = serde_json::to_string(&data).map_err(failed)?;
    let values = context! {
        title => printable(&scene.overlay.title, LONGEST_TEXT),
        facts => scene.overlay.facts.iter().map(|(name, fact)| (name.clone(), printable(fact, LONGEST_TEXT))).collect::<Vec<_>>(),
        widest => scene.size()[0].max(WIDEST),
        start => start(scene) * scene.frames_per_map(),
        last => scene.frames.len() - 1,
        stops => stops(scene),
        ink => hexadecimal(INK),
        faded_ink => hexadecimal(FADED_INK),
        plot => plot,
        data => within_script(&data),
    };
    document::render(&[("page.html", include_str!("page.html"))], values).map(String::into_bytes)
}

/// JSON as it may stand within a script element, which no text of it may end: another spelling of the same.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Frames are shown up to this many pixels wide, or as wide as they are.
const WIDEST: u32 = 560;

/// A plot of the profile with the rows of its plotted area, in per cent of its height; and where in it, in per cent of its
/// width, each temporal index lies.
fn plot(scene: &Scene<'_>) -> Result<Option<(Value, Vec<f64>)>> {
    let Some(profile) = &scene.overlay.profile else { return Ok(None) };
    let svg = profile.chart()?.svg(Ground::Transparent)?;
    let plot = context! {
        // Within a page the name space goes without saying.
        svg => svg.text.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1),
        top => 100.0 * svg.height.start,
        height => 100.0 * (svg.height.end - svg.height.start),
    };
    Ok(Some((plot, svg.times.into_iter().map(|time| 100.0 * time).collect())))
}

/// The temporal index that is shown first: the query's, or else the first of those whose map is the brightest.
fn start(scene: &Scene<'_>) -> usize {
    let brighter =
        |best: usize, map: usize| if scene.maps[map].brightest() > scene.maps[best].brightest() { map } else { best };
    scene.overlay.query.map_or_else(|| (0..scene.maps.len()).fold(0, brighter), |[index, _, _]| index)
}

fn query(scene: &Scene<'_>) -> Option<Query> {
    let [index, _, _] = scene.overlay.query?;
    let (square, [width, height]) = (scene.query_square()?, scene.size());
    let per_cent = |pixels: u32, whole: u32| 100.0 * f64::from(pixels) / f64::from(whole);
    Some(Query {
        index,
        left: per_cent(square.x, width),
        top: per_cent(square.y, height),
        width: per_cent(square.width, width),
        height: per_cent(square.height, height),
    })
}

/// The colours of the bar from left to right.
fn stops(scene: &Scene<'_>) -> String {
    let palette = Palette::new(&scene.overlay.look);
    let stop = |step: u8| {
        let Rgba([r, g, b, alpha]) = palette.colour(f32::from(step) / 16.0);
        format!("rgba({r}, {g}, {b}, {:.3})", f32::from(alpha) / 255.0)
    };
    (0..=16).map(stop).collect::<Vec<_>>().join(", ")
}

/// As vector files write it.
fn hexadecimal(Rgb([r, g, b]): Rgb<u8>) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn jpeg(frame: &image::RgbImage) -> Result<String> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(frame).map_err(failed)?;
    Ok(format!("data:image/jpeg;base64,{}", BASE64.encode(bytes)))
}

/// Of 100; what it loses is not visible.
const JPEG_QUALITY: u8 = 92;

fn png(layer: &image::RgbaImage) -> Result<String> {
    let mut bytes = Cursor::new(Vec::new());
    layer.write_to(&mut bytes, ImageFormat::Png).map_err(failed)?;
    Ok(format!("data:image/png;base64,{}", BASE64.encode(bytes.into_inner())))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::usage(format!("the page cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::scene::tests::{hot_diagonal, is_hot};
    use crate::report::{Line, Overlay, Profile};
    use crate::tensor::Tensor;

    fn page(overlay: &Overlay) -> String {
        String::from_utf8(html(&Scene::of(overlay).unwrap()).unwrap()).unwrap()
    }

    fn with_everything() -> Overlay {
        let lines = vec![Line { name: "head <0>".into(), values: vec![0.1, 0.7, 0.2] }];
        let profile = Profile { title: "when".into(), quantity: "attention".into(), lines, seconds: None };
        Overlay {
            facts: vec![("model".into(), "</script><b>".into()), ("query".into(), "token 1,0,1".into())],
            seconds: Some((0..6).map(f64::from).collect()),
            query: Some([1, 0, 1]),
            profile: Some(profile),
            title: "cats & \u{202e}dogs\u{1b}[2J".into(),
            ..hot_diagonal(6, 3)
        }
    }

    #[test]
    fn no_text_of_the_data_ends_their_script() {
        let hostile = serde_json::json!({ "times": ["</script><b>", "<!--<script>", "a & b"] });
        let written = within_script(&hostile.to_string());
        assert!(!written.contains('<'), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), hostile);
    }

    fn data(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("id=\"data\">").unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    fn picture(address: &serde_json::Value) -> image::RgbaImage {
        let (kind, bytes) = address.as_str().unwrap().split_once(";base64,").unwrap();
        assert!(kind == "data:image/jpeg" || kind == "data:image/png", "{kind}");
        image::load_from_memory(&BASE64.decode(bytes).unwrap()).unwrap().into_rgba8()
    }

    #[test]
    fn the_page_holds_every_frame_and_map_in_order() {
        let data = data(&page(&with_everything()));
        let (frames, layers) = (data["frames"].as_array().unwrap(), data["layers"].as_array().unwrap());
        assert_eq!((frames.len(), layers.len()), (6, 3));
        for (index, frame) in frames.iter().enumerate() {
            assert!(picture(frame).get_pixel(80, 80).0[0].abs_diff(20 * index as u8) < 3, "frame {index}");
        }
        for (index, layer) in layers.iter().enumerate() {
            let layer = picture(layer);
            let seen: Vec<bool> = (0..3).map(|token| layer.get_pixel(27 + 53 * token, 80).0[3] > 100).collect();
            assert_eq!(seen, (0..3).map(|token| token == index).collect::<Vec<_>>());
            let Rgba([r, g, b, _]) = *layer.get_pixel(27 + 53 * index as u32, 80);
            assert!(is_hot(&Rgb([r, g, b])));
        }
        assert_eq!(data["times"][5], "5.00 s");
        assert_eq!(data["bounds"][0], serde_json::json!(["0", "0.5"]));
        assert!((data["query"]["left"].as_f64().unwrap() - 100.0 / 3.0).abs() < 0.5);
        let cursor: Vec<f64> = data["cursor"].as_array().unwrap().iter().map(|place| place.as_f64().unwrap()).collect();
        assert!(cursor[0] > 5.0 && cursor[0] < cursor[1] && cursor[1] < cursor[2] && cursor[2] < 95.0, "{cursor:?}");
    }

    #[test]
    fn the_page_opens_where_something_is_to_be_seen() {
        assert!(page(&with_everything()).contains("value=\"2\" aria-label=\"time\""), "the query's first frame");
        let mut overlay = hot_diagonal(6, 3);
        overlay.maps = Tensor::f32([3, 1, 1], vec![0.1, 0.2, 0.9]).unwrap();
        assert!(page(&overlay).contains("value=\"4\" aria-label=\"time\""), "the brightest map's first frame");
        overlay.maps = Tensor::f32([3, 1, 1], vec![0.3; 3]).unwrap();
        assert!(page(&overlay).contains("value=\"0\" aria-label=\"time\""), "the first frame");
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = page(&with_everything());
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "fetch("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn elements_close_in_order_and_words_cannot_open_any() {
        let page = page(&with_everything());
        assert!(page.contains("<title>cats &amp; dogs</title>") && page.contains("&lt;&#x2f;script&gt;&lt;b&gt;"));
        document::tests::assert_elements_close(&page);
        for element in ["<h1", "<canvas", "type=\"range\"", "<svg", "name=\"view\"", "id=\"cursor\""] {
            assert!(page.contains(element), "{element}");
        }
    }

    #[test]
    fn a_page_without_profile_and_query_has_neither() {
        let page = page(&hot_diagonal(2, 2));
        assert!(!page.contains("id=\"cursor\"") && data(&page)["query"].is_null());
    }
}
