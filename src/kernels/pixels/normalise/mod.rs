//! Pixels to the values that a model was trained on: crop, pad, and look each byte up.

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, frames};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Normalise`].
pub static FAMILY: Family = Family {
    name: "normalise",
    formula: "out[b, f, p, y, x] = values[p, byte p of in[b·F + f, top + y, left + x]], byte 0 outside the picture",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read_words("pixels", "[B·F, Y, X]"),
        Binding::read("values", "[P, 256]"),
        Binding::write("output", "[B, F, P, Y', X'] or [B, F, Y', X', P]"),
    ],
    variants: &[Variant {
        name: "plain",
        file: "pixels/normalise.wgsl",
        text: include_str!("../../../../shaders/pixels/normalise.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

/// Invocations of a workgroup; each looks up a pixel.
const INVOCATIONS: u32 = 64;
/// P: red, green, blue.
const PLANES: usize = 3;

crate::kernel_parameters! {
    struct Parameters {
        frames: u32,
        height: u32,
        width: u32,
        rows: u32,
        columns: u32,
        top: i32,
        left: i32,
        plane: u32,
        row: u32,
        column: u32,
        first_pixel: u32,
        first_value: u32,
    }
}

/// Turns the pixels of `clips` clips of `frames` frames into values by a table of one value a plane and byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalise {
    /// B.
    pub clips: usize,
    /// F.
    pub frames: usize,
    /// [Y, X] of the picture.
    pub picture: [usize; 2],
    /// [Y', X'] of the values.
    pub crop: [usize; 2],
    /// The row and column of the picture that are the crop's first. Where the crop reaches beyond the picture
    /// (negative offsets are before it) it sees byte 0.
    pub offset: [i32; 2],
    /// The order of the values.
    pub layout: ClipLayout,
}

impl Normalise {
    fn parameters(&self, run: &frames::Run) -> Result<Parameters> {
        let ([height, width], [rows, columns], [top, left]) = (self.picture, self.crop, self.offset);
        let strides = self.layout.strides(self.crop, PLANES);
        Ok(Parameters {
            frames: word(run.frames)?,
            height: word(height)?,
            width: word(width)?,
            rows: word(rows)?,
            columns: word(columns)?,
            top,
            left,
            plane: word(strides.plane)?,
            row: word(strides.row)?,
            column: word(strides.column)?,
            first_pixel: run.input.first,
            first_value: run.output.first,
        })
    }
}

impl Kernel for Normalise {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let [height, width] = self.picture;
        vec![
            Some([self.clips * self.frames, height, width].into()),
            Some([PLANES, 256].into()),
            Some(self.layout.shape(self.clips, self.frames, self.crop, PLANES)),
        ]
    }

    fn validate(&self) -> Result<()> {
        let ([height, width], [rows, columns]) = (self.picture, self.crop);
        if self.clips * self.frames * height * width * rows * columns == 0 {
            return Err(Error::usage(format!(
                "{} clips of {} frames of {height}x{width} cropped to {rows}x{columns} hold no values",
                self.clips, self.frames
            )));
        }
        let fits = |offset: i32, size: usize| i32::try_from(size).is_ok_and(|size| offset.checked_add(size).is_some());
        if !fits(self.offset[0], rows) || !fits(self.offset[1], columns) {
            return Err(Error::usage(format!("a crop of {rows}x{columns} at {:?} is beyond 32 bits", self.offset)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        0
    }

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let ([height, width], [rows, columns]) = (self.picture, self.crop);
        let literals = Literals::new().with("invocations", INVOCATIONS);
        frames::runs(self.clips * self.frames, height * width, PLANES * rows * columns, &device.limits)?
            .into_iter()
            .map(|run| {
                let invocations = (run.frames * rows * columns) as u64;
                Ok(Launch {
                    literals: literals.clone(),
                    parameters: bytemuck::bytes_of(&self.parameters(&run)?).to_vec(),
                    groups: fold_groups(invocations.div_ceil(INVOCATIONS.into()), &device.limits)?,
                    windows: vec![Some(run.input.window), None, Some(run.output.window)],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::normalise(self, inputs)
    }
}
