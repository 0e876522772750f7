//! How near the layers of a ViT-B/16x2 come on this processor to the matrix library alone:
//! `cargo run --release --example host_rates -- [threads [part of a name]]`.
//!
//! Each row is a kernel as a model calls it. Its rate is in GFLOP per second of processor time, and beside it stands what
//! the library alone reaches, on one thread, on the products that the kernel consists of, timed in turn with it.

use cpu_time::{ProcessTime, ThreadTime};
use tubelet::kernels::attention::{Attention, Mask, Qkv, Sequences};
use tubelet::kernels::host::{Arguments, Operand, OperandMut, Threads};
use tubelet::kernels::products::{Linear, OutputLayout, TubeletEmbed};
use tubelet::kernels::rows::LayerNorm;
use tubelet::kernels::{Access, Activation, ClipLayout, Operation};

/// Runs of which the fastest counts.
const RUNS: usize = 5;

/// A kernel, how often the models run it, and the products `[M, K, N]` it consists of, each so many times.
struct Row {
    name: &'static str,
    call: Box<dyn Operation>,
    /// For Models 1 to 4.
    times: [usize; 4],
    products: Vec<([usize; 3], usize)>,
}

fn linear(rows: usize, inner: usize, columns: usize) -> Linear {
    Linear::new(rows, inner, columns).bias(true)
}

fn rows_of(tokens: usize, times: [usize; 4], more: [usize; 4], names: [&'static str; 5]) -> Vec<Row> {
    let product = |name, call: Linear, times| Row {
        name,
        products: vec![([call.rows, call.inner, call.columns], 1)],
        call: Box::new(call),
        times,
    };
    let both = std::array::from_fn(|model| times[model] + more[model]);
    let norms = std::array::from_fn(|model| 2 * times[model] + more[model]);
    let gelu = Some(Activation::GeluTanh);
    vec![
        product(names[0], linear(tokens, 768, 2304).output(OutputLayout::Planes { width: 64 }), both),
        product(names[1], linear(tokens, 768, 768).residual(true), both),
        product(names[2], linear(tokens, 768, 3072).activation(gelu), times),
        product(names[3], linear(tokens, 3072, 768).residual(true), times),
        Row {
            name: names[4],
            call: Box::new(LayerNorm { rows: tokens, width: 768, epsilon: 1e-6 }),
            times: norms,
            products: Vec::new(),
        },
    ]
}

fn attention(name: &'static str, sequences: Sequences, heads: usize, times: [usize; 4]) -> Row {
    let (count, tokens) = (sequences.count(), sequences.tokens);
    let call = Attention::new(Qkv::in_planes(sequences.rows(), heads, 64), sequences, Mask::NONE);
    let products = vec![([tokens, 64, tokens], count * heads), ([tokens, tokens, 64], count * heads)];
    Row { name, call: Box::new(call), times, products }
}

fn table() -> Vec<Row> {
    let embed = TubeletEmbed::new(ClipLayout::Bthwc, 32, [224, 224], 3, [2, 16, 16], 768).bias(true);
    let products = vec![([3136, 1536, 768], 1)];
    let mut table = vec![Row { name: "tubelets", call: Box::new(embed), times: [1; 4], products }];
    let names = ["qkv", "attention out", "mlp in", "mlp out", "norm"];
    table.extend(rows_of(3136, [12, 12, 12, 12], [0, 0, 12, 0], names));
    let names = ["qkv 17", "attention out 17", "mlp in 17", "mlp out 17", "norm 17"];
    table.extend(rows_of(17, [0, 4, 0, 0], [0; 4], names));
    table.extend([
        attention("attention joint", Sequences::joint(1, 3137), 12, [12, 0, 0, 0]),
        attention("attention 16 x 197", Sequences::spatial(1, 16, 197), 12, [0, 12, 0, 0]),
        attention("attention 16 x 196", Sequences::spatial(1, 16, 196), 12, [0, 0, 12, 6]),
        attention("attention 196 x 16", Sequences::temporal(1, 16, 196), 12, [0, 0, 12, 6]),
        attention("attention 17", Sequences::joint(1, 17), 12, [0, 4, 0, 0]),
    ]);
    table
}

fn numbers(elements: usize) -> Vec<f32> {
    (0..elements).map(|index| ((index * 7919 % 1013) as f32 / 506.5 - 1.0) * 0.5).collect()
}

/// Seconds of processor time that a call takes.
fn time_call(call: &dyn Operation, threads: &Threads) -> f64 {
    let operands = call.operands();
    let memory: Vec<_> =
        operands.iter().map(|shape| numbers(shape.as_ref().map_or(0, |shape| shape.elements()))).collect();
    let bindings = call.family().bindings.iter().zip(&operands).zip(&memory);
    let inputs: Vec<_> = bindings
        .filter(|((binding, _), _)| binding.access == Access::Read)
        .map(|((_, shape), memory)| shape.as_ref().map(|_| Operand::F32(memory)))
        .collect();
    let bindings = call.family().bindings.iter().zip(&operands);
    let written =
        bindings.filter(|(binding, _)| binding.access == Access::Write).filter_map(|(_, shape)| shape.as_ref());
    let mut outputs: Vec<_> = written.map(|shape| vec![0.0; shape.elements()]).collect();
    let mut fastest = f64::INFINITY;
    for _ in 0..=RUNS {
        let start = ProcessTime::now();
        let memory = outputs.iter_mut().map(|output| OperandMut::F32(output)).collect();
        let mut arguments = Arguments::new(inputs.clone(), memory);
        call.host(&mut arguments, threads).expect("the call runs");
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    fastest
}

/// Seconds that the library takes for `[M, K]` · `[N, K]`ᵀ on one thread.
#[allow(unsafe_code)]
fn time_product([rows, inner, columns]: [usize; 3]) -> f64 {
    let (left, right, mut output) = (numbers(rows * inner), numbers(columns * inner), vec![0.0f32; rows * columns]);
    let k = inner as isize;
    let mut fastest = f64::INFINITY;
    for _ in 0..=RUNS {
        let start = ThreadTime::now();
        // SAFETY: sizes and strides are those of the three vectors.
        unsafe {
            let (to, left, right) = (output.as_mut_ptr(), left.as_ptr(), right.as_ptr());
            let step = columns as isize;
            let one = gemm::Parallelism::None;
            gemm::gemm(
                rows, columns, inner, to, 1, step, false, left, 1, k, right, k, 1, 0.0, 1.0, false, false, false, one,
            );
        }
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    fastest
}

fn main() {
    let count = std::env::args().nth(1).map(|count| count.parse().expect("a number of threads"));
    let threads = Threads::new(count).expect("threads");
    println!("{:<20}{:>8}{:>9}{:>9}{:>7}", "", "ms", "GFLOP/s", "library", "share");
    let (mut own, mut library, mut work) = ([0.0; 4], [0.0; 4], [0.0; 4]);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    for row in table().into_iter().filter(|row| row.name.contains(&wanted)) {
        let seconds = time_call(&*row.call, &threads);
        let alone: f64 = row.products.iter().map(|(sizes, times)| time_product(*sizes) * *times as f64).sum();
        let products = row.products.iter().map(|(sizes, times)| 2.0 * (sizes.iter().product::<usize>() * times) as f64);
        let flops = products.sum::<f64>() / 1e9;
        let share = alone / seconds;
        println!("{:<20}{:>8.2}{:>9.1}{:>9.1}{share:>7.2}", row.name, 1e3 * seconds, flops / seconds, flops / alone);
        for model in 0..4 {
            let times = row.times[model] as f64;
            own[model] += times * seconds;
            library[model] += times * alone;
            work[model] += times * flops;
        }
    }
    for model in 0..4 {
        let (seconds, alone, flops) = (own[model], library[model], work[model]);
        println!(
            "Model {}: {seconds:.2} s, {:.1} GFLOP/s; library {alone:.2} s; share {:.2}",
            model + 1,
            flops / seconds,
            alone / seconds
        );
    }
}
