//! A matrix product in tiles, once right and once with each fault that a tiled kernel may have.

use tubelet::kernels::{
    Binding, Bound, Case, Dispatches, Family, Kernel, Literals, Needs, Planned, Reference, Shader, Uncertainty, Unfit,
    input, of_sum, word,
};
use tubelet::tensor::{Exact, Result, Shape};

/// Rows and columns of a tile, and the k of a step.
const TILE: usize = 8;

/// A WGSL text that differs in the row that an invocation loads, the end and the step of its loop, what it waits for
/// before it uses a tile, and how it adds the products of a step.
macro_rules! product {
    ($name:literal, $row:literal, $end:literal, $step:literal, $wait:literal, $add:literal) => {
        Planned::any(
            Shader::new(
                concat!("product.", $name, ".wgsl"),
                concat!(
                    "
                struct Uniform { rows: u32, inner: u32, columns: u32, }
                @group(0) @binding(0) var<uniform> call: Uniform;
                @group(0) @binding(1) var<storage, read> left: array<f32>;
                @group(0) @binding(2) var<storage, read> right: array<f32>;
                @group(0) @binding(3) var<storage, read_write> output: array<f32>;

                var<workgroup> lefts: array<f32, 64>;
                var<workgroup> rights: array<f32, 64>;

                @compute @workgroup_size(8, 8)
                fn main(
                    @builtin(workgroup_id) group: vec3<u32>,
                    @builtin(local_invocation_id) place: vec3<u32>,
                ) {
                    let across = (call.columns + 7u) / 8u;
                    let m = group.x / across * 8u + place.y;
                    let n = group.x % across * 8u + place.x;
                    let row = ",
                    $row,
                    ";
                    let other = min(group.x % across * 8u + place.y, call.columns - 1u);
                    var sum = 0.0;
                    for (var k = 0u; k < ",
                    $end,
                    "; k += ",
                    $step,
                    ") {
                        let at = min(k + place.x, call.inner - 1u);
                        let inside = k + place.x < call.inner;
                        lefts[8u * place.y + place.x] = select(0.0, left[row * call.inner + at], inside);
                        rights[8u * place.y + place.x] = select(0.0, right[other * call.inner + at], inside);
                        ",
                    $wait,
                    "
                        let l = 8u * place.y;
                        let r = 8u * place.x;
                        let products = lefts[l] * rights[r] + lefts[l + 1u] * rights[r + 1u]
                            + lefts[l + 2u] * rights[r + 2u] + lefts[l + 3u] * rights[r + 3u]
                            + lefts[l + 4u] * rights[r + 4u] + lefts[l + 5u] * rights[r + 5u]
                            + lefts[l + 6u] * rights[r + 6u] + lefts[l + 7u] * rights[r + 7u];
                        ",
                    $add,
                    "
                        workgroupBarrier();
                    }
                    if m < call.rows && n < call.columns {
                        output[m * call.columns + n] = sum;
                    }
                }"
                ),
            ),
            Needs::invocations(64).workgroup_floats(128),
            plan,
        )
    };
    ($name:literal) => {
        product!($name, "min(m, call.rows - 1u)", "call.inner", "8u", "workgroupBarrier();", "sum += products;")
    };
}

static VARIANTS: [Planned<Product>; 6] = [
    product!("right"),
    product!(
        "tile_edge",
        "select(min(m, call.rows - 1u), m - 1u, place.y == 0u && m > 0u)",
        "call.inner",
        "8u",
        "workgroupBarrier();",
        "sum += products;"
    ),
    product!("long_step", "min(m, call.rows - 1u)", "call.inner", "9u", "workgroupBarrier();", "sum += products;"),
    product!("no_barrier", "min(m, call.rows - 1u)", "call.inner", "8u", "", "sum += products;"),
    product!(
        "half_sums",
        "min(m, call.rows - 1u)",
        "call.inner",
        "8u",
        "workgroupBarrier();",
        "sum = unpack2x16float(pack2x16float(vec2(sum + products, 0.0))).x;"
    ),
    product!(
        "stopped_loop",
        "min(m, call.rows - 1u)",
        "min(call.inner, 65535u)",
        "8u",
        "workgroupBarrier();",
        "sum += products;"
    ),
];

fn plan(call: &Product, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let Product { rows, inner, columns } = *call;
    dispatches.check_iterations(inner.div_ceil(TILE) as u64)?;
    let uniform = Uniform { rows: word(rows)?, inner: word(inner)?, columns: word(columns)? };
    let groups = (rows.div_ceil(TILE) * columns.div_ceil(TILE)) as u64;
    dispatches.launch(groups, Literals::new(), &uniform, vec![None, None, None])
}

pub(crate) static PRODUCT: Family = Family::of::<Product>(
    "product",
    "out[m, n] = Σ_k left[m, k] · right[n, k]",
    Uniform::FIELDS,
    &[Binding::read("left", "[M, K]"), Binding::read("right", "[N, K]"), Binding::write("output", "[M, N]")],
    || {
        vec![
            Case::new("tiles and a part of one", Product { rows: 19, inner: 75, columns: 13 }),
            Case::new("a long sum", Product { rows: 2, inner: 70_000, columns: 3 }),
        ]
    },
);

tubelet::uniform! {
    struct Uniform {
        rows: u32,
        inner: u32,
        columns: u32,
    }
}

#[derive(Clone, Debug)]
struct Product {
    rows: usize,
    inner: usize,
    columns: usize,
}

impl Kernel for Product {
    const FAMILY: &'static Family = &PRODUCT;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = multiplied;
    const BOUND: Option<Bound<Self>> = Some(Bound::new("√(K/48)·u of √(Σ left²·right²)", uncertainties));

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { rows, inner, columns } = *self;
        [[rows, inner], [columns, inner], [rows, columns]].map(|shape| Some(Shape::from(shape))).into()
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        2 * (self.rows * self.inner * self.columns) as u64
    }
}

/// `of` each left and right number, added up.
fn sums(call: &Product, inputs: &[Option<&Exact>], of: impl Fn(f64, f64) -> f64) -> Result<Vec<f64>> {
    let (left, right) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let rows = left.chunks(call.inner).flat_map(|row| right.chunks(call.inner).map(move |column| (row, column)));
    Ok(rows.map(|(row, column)| row.iter().zip(column).map(|(l, r)| of(*l, *r)).sum()).collect())
}

fn multiplied(call: &Product, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    Ok(vec![Exact::from_reals([call.rows, call.columns], sums(call, inputs, |l, r| l * r)?)?])
}

/// Those of a sum of steps of eight products, each with eight roundings of products and seven of sums.
fn uncertainties(call: &Product, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let squares = sums(call, inputs, |l, r| (l * r).powi(2))?;
    let mut uncertainty = Uncertainty::of(squares.len());
    for (element, (sum, squares)) in outputs[0].reals()?.iter().zip(squares).enumerate() {
        let steps = call.inner.div_ceil(TILE);
        uncertainty.add(element, 0.0, of_sum(steps, steps, *sum, squares) + 5.0 * squares / 3.0);
    }
    Ok(vec![uncertainty])
}
