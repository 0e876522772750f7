//! Frames as a player shows them: turned, and mirrored.

use image::metadata::Orientation;

use super::opening::Rotation;
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted, Watcher};
use crate::tensor::{Error, Result};

/// One of the eight ways to lay a frame: mirrored left to right or not, then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    mirrored: bool,
    quarters: u32,
}

impl Turn {
    /// Clockwise by `degrees`; a degree more or less, as cameras write, is a right angle still.
    ///
    /// An error ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)) for all else.
    fn clockwise(degrees: u32) -> Result<Self> {
        let quarters = (degrees + 45) / 90;
        if degrees.abs_diff(90 * quarters) > 1 {
            return Err(Error::unsupported(format!(
                "players turn this video by {degrees}°, but frames are turned by right angles only: take them unturned"
            )));
        }
        Ok(Self { mirrored: false, quarters: quarters % 4 })
    }

    pub(super) fn of(orientation: Orientation) -> Self {
        let (mirrored, quarters) = match orientation {
            Orientation::NoTransforms => (false, 0),
            Orientation::FlipHorizontal => (true, 0),
            Orientation::Rotate180 => (false, 2),
            Orientation::FlipVertical => (true, 2),
            Orientation::Rotate90FlipH => (true, 3),
            Orientation::Rotate90 => (false, 1),
            Orientation::Rotate270FlipH => (true, 1),
            Orientation::Rotate270 => (false, 3),
        };
        Self { mirrored, quarters }
    }

    pub(super) fn degrees(self) -> u32 {
        90 * self.quarters
    }

    pub(super) fn mirrored(self) -> bool {
        self.mirrored
    }

    /// [Y, X] of a frame of [Y, X].
    pub(super) fn size(self, [height, width]: [usize; 2]) -> [usize; 2] {
        if self.quarters % 2 == 1 { [width, height] } else { [height, width] }
    }

    pub(super) fn apply(self, frame: Frame) -> Result<Frame> {
        if self == Self::default() {
            return Ok(frame);
        }
        let (size, format) = ([frame.height(), frame.width()], frame.format());
        let bytes = match format {
            PixelFormat::Rgb24 => self.plane::<3>(frame.bytes().as_chunks().0, size).into_flattened(),
            PixelFormat::Yuv420p { .. } => {
                let half = size.map(|side| side / 2);
                let (luma, chroma) = frame.bytes().as_chunks().0.split_at(size[0] * size[1]);
                let (u, v) = chroma.split_at(half[0] * half[1]);
                [self.plane::<1>(luma, size), self.plane(u, half), self.plane(v, half)].concat().into_flattened()
            }
        };
        let [height, width] = self.size(size);
        let turned = Frame::new(height, width, format, bytes)?;
        Ok(match frame.shown() {
            Some([start, end]) => turned.shown_at(start, end),
            None => turned,
        })
    }

    /// The pixels [Y, X] of a plane in their new order.
    fn plane<const BYTES: usize>(self, pixels: &[[u8; BYTES]], size: [usize; 2]) -> Vec<[u8; BYTES]> {
        let [height, width] = size;
        let [rows, columns] = self.size(size);
        let position = |row: usize, column: usize| {
            let (y, x) = match self.quarters {
                0 => (row, column),
                1 => (height - 1 - column, row),
                2 => (height - 1 - row, width - 1 - column),
                _ => (column, width - 1 - row),
            };
            y * width + if self.mirrored { width - 1 - x } else { x }
        };
        (0..rows).flat_map(|row| (0..columns).map(move |column| pixels[position(row, column)])).collect()
    }
}

/// `source` with frames as `rotation` wants them; pictures, which have an orientation each, are turned when they are
/// decoded.
pub(super) fn turned(source: Box<dyn FrameSource>, rotation: Rotation) -> Result<Box<dyn FrameSource>> {
    let &Information { rotation: stated, turned, .. } = source.information();
    let turn = match rotation {
        Rotation::None => Turn::default(),
        Rotation::Clockwise(degrees) => Turn::clockwise(degrees % 360)?,
        Rotation::Auto => Turn::clockwise((stated + 360 - turned) % 360)?,
    };
    if turn == Turn::default() { Ok(source) } else { Ok(Box::new(Turned::new(source, turn))) }
}

/// A video whose frames are all turned.
#[derive(Debug)]
struct Turned {
    source: Box<dyn FrameSource>,
    turn: Turn,
    information: Information,
}

impl Turned {
    fn new(source: Box<dyn FrameSource>, turn: Turn) -> Self {
        let information = described(source.information(), turn);
        Self { source, turn, information }
    }

    /// What has been found out by `outcome` about the source holds for the turned frames too.
    fn after<T>(&mut self, outcome: Result<T>) -> Result<T> {
        self.information = described(self.source.information(), self.turn);
        outcome
    }
}

fn described(source: &Information, turn: Turn) -> Information {
    let [height, width] = turn.size([source.height, source.width]);
    let turned = (source.turned + turn.degrees()) % 360;
    let description = format!("{}, turned by {}°", source.description, turn.degrees());
    Information { height, width, turned, description, ..source.clone() }
}

impl FrameSource for Turned {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        let count = self.source.frame_count();
        self.after(count)
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let (wanted, turn) = (Wanted::new(indices), self.turn);
        let distinct: Vec<_> = wanted.indices().collect();
        let visited = self.source.visit(&distinct, &mut |position, frame| {
            wanted.deliver(distinct[position], &turn.apply(frame.clone())?, sink)
        });
        self.after(visited)
    }

    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        let turn = self.turn;
        let watched = self.source.watch(&mut |frame| watcher(&turn.apply(frame.clone())?));
        self.after(watched)
    }
}
