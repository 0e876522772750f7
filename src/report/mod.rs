//! Pictures for people: heat maps over the frames of a clip, lines over time, confusion matrices.
//!
//! | what | written as |
//! |---|---|
//! | [`Overlay`]: a map per temporal index over the frames that it covers | `.gif`, `.png`, `.webp`, `.html` |
//! | [`Profile`]: a value per temporal index, as lines | `.svg`, `.png`, and inside an overlay's `.html` |
//! | [`Timeline`]: the probabilities of classes in each window of a long video, as lines | `.svg`, `.png` |
//! | [`ConfusionMatrix`]: for which class the videos of each class were taken | `.svg`, `.png` |
//!
//! Nothing here knows of models: whoever has numbers can draw them. Files appear whole or not at all, need no
//! fonts on the machine and load nothing from elsewhere when they are opened.
//!
//! ```no_run
//! # fn main() -> tubelet::Result<()> {
//! # let (frames, maps): (Vec<tubelet::video::Frame>, tubelet::Tensor) = unimplemented!();
//! tubelet::report::Overlay::new("where it looks", frames, maps).write("looks.html")
//! # }
//! ```

pub(crate) mod amounts;
mod animation;
mod canvas;
mod caption;
mod chart;
mod colour_table;
pub(crate) mod confusion;
pub(crate) mod document;
mod extension;
mod heat;
mod lines;
mod overlay;
mod page;
mod pixels;
pub(crate) mod plot;
mod scene;
mod sheet;
pub(crate) mod ticks;

pub use confusion::ConfusionMatrix;
pub use heat::{Colours, Enlargement, Look, Scale};
pub use lines::{Line, PlotFormat, Profile, Timeline};
pub use overlay::{Overlay, PictureFormat};
