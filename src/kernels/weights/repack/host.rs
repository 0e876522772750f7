//! Packing on the host.

use half::f16;

use super::Repack;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::{Element, Layout, Result};

pub(super) fn repack(call: &Repack, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let weight = arguments.floats(0)?;
    let unit = call.unit();
    threads.chunks(arguments.output_words(0)?, call.unit_words(), |index, words| {
        let columns = unit.min(call.columns - index * unit);
        let unit = Unit { call, columns, weight: &weight[index * unit * call.inner..][..columns * call.inner] };
        for (index, word) in words.iter_mut().enumerate() {
            *word = match call.format.element {
                Element::F16 => {
                    let bits = |index| u32::from(f16::from_f32(unit.value(index)).to_bits());
                    bits(2 * index) | bits(2 * index + 1) << 16
                }
                _ => unit.value(index).to_bits(),
            };
        }
    });
    Ok(())
}

/// The columns of a panel, or of a pair of rows.
struct Unit<'a> {
    call: &'a Repack,
    columns: usize,
    weight: &'a [f32],
}

impl Unit<'_> {
    /// The element at `index` of the packed unit.
    fn value(&self, index: usize) -> f32 {
        let (column, k) = match self.call.format.layout {
            Layout::Rows => return self.weight.get(index).copied().unwrap_or(0.0),
            Layout::Panels { columns } => (index % columns, index / columns),
            Layout::PairedPanels { columns } => {
                let within = index % (2 * columns);
                (within / 8 * 4 + within % 4, index / (2 * columns) * 2 + within % 8 / 4)
            }
        };
        match (column < self.columns, k < self.call.inner) {
            (true, true) => self.weight[column * self.call.inner + k],
            (true, false) => 0.0,
            (false, _) => f32::NAN,
        }
    }
}
