//! The masks of attention: what they hide has no influence at all, what they show counts as without them, and a
//! neighbouring mask would be noticed (spec §4.2).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::process::ExitCode;

use common::{DeviceTest, DeviceTests};
use tubelet::gpu::Gpu;
use tubelet::kernels::attention::{Attention, EmptyRow, Mask, Part, Qkv, Sequences};
use tubelet::kernels::suite::{Outcome, judge, run};
use tubelet::kernels::{Case, Kernel, Variant, rounded_reference};
use tubelet::tensor::{Data, Tensor};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let on_device: &[DeviceTest] = &[
        ("with everything valid not a bit changes", with_everything_valid_not_a_bit_changes),
        ("what is invalid has no influence", what_is_invalid_has_no_influence),
        ("the future has no influence", the_future_has_no_influence),
        (
            "class tokens see all and are not seen by causal patches",
            class_tokens_see_all_and_are_not_seen_by_causal_patches,
        ),
    ];
    tests.add_all(on_device);
    tests.add_without_device("a neighbouring mask is rejected", || {
        a_neighbouring_mask_is_rejected();
        Ok(())
    });
    tests.run("attention masks")
}

const BATCH: usize = 2;
const TIMES: usize = 5;
const POSITIONS: usize = 7;
const HEADS: usize = 2;
const WIDTH: usize = 12;
/// Clips whose second and last, or first, temporal index is invalid.
const HOLES: [u32; BATCH * TIMES] = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1];

/// Joint attention over a class token and all tubelets.
fn joint(mask: Mask) -> Attention {
    let sequences = Sequences::joint(BATCH, 1 + TIMES * POSITIONS);
    Attention::new(Qkv::in_planes(sequences.rows(), HEADS, WIDTH), sequences, mask)
}

/// Temporal heads, then spatial ones; the mask is for the temporal.
fn factorised(mask: Mask) -> Attention {
    let temporal = Sequences::temporal(BATCH, TIMES, POSITIONS);
    let spatial = Sequences::spatial(BATCH, TIMES, POSITIONS);
    Attention::halves(Qkv::in_planes(temporal.rows(), HEADS, WIDTH), (temporal, mask), (spatial, Mask::NONE))
}

fn with_class() -> Mask {
    Mask::of(1, POSITIONS)
}

fn frames() -> Mask {
    Mask::of(0, 1)
}

/// What a call gets: query, key, value and, where it wants one, this validity.
fn inputs_of(call: &Attention, validity: [u32; BATCH * TIMES]) -> Vec<Option<Tensor>> {
    let mut inputs = Case::new("masks", call.clone()).tensors().unwrap();
    inputs[3] = call.operands()[3].clone().map(|shape| Tensor::u32(shape, validity.to_vec()).unwrap());
    inputs
}

fn outputs(device: &Gpu, variant: &'static Variant, call: &Attention, inputs: &[Option<Tensor>]) -> Vec<f32> {
    let present: Vec<_> = inputs.iter().map(Option::as_ref).collect();
    let outputs = run(device, &Case::new("masks", call.clone()), variant, &present).wait().unwrap();
    outputs[0].as_f32().unwrap().to_vec()
}

/// Every variant that the device can run.
fn variants(device: &Gpu) -> impl Iterator<Item = &'static Variant> {
    Attention::FAMILY.variants_for(device.capabilities()).into_iter()
}

/// The inputs with the keys and values of `rows` replaced, in the heads of `part`.
fn replaced(inputs: &[Option<Tensor>], call: &Attention, part: &Part, rows: &[usize], by: f32) -> Vec<Option<Tensor>> {
    let mut inputs = inputs.to_vec();
    let Qkv { rows: all, heads, width, .. } = call.qkv;
    for which in [1, 2] {
        let Data::F32(mut values) = inputs[which].clone().unwrap().into_data() else { unreachable!() };
        for head in part.heads.clone() {
            for row in rows {
                values[((which * heads + head) * all + row) * width..][..width].fill(by);
            }
        }
        inputs[which] = Some(Tensor::f32(call.qkv.shape(), values).unwrap());
    }
    inputs
}

/// The rows of the tokens of temporal index `time` in clip `outer`.
fn rows_at(part: &Part, outer: usize, time: usize) -> Vec<usize> {
    let (sequences, mask) = (&part.sequences, &part.mask);
    let first = mask.class_tokens + time * mask.tokens_per_time;
    let tokens = first..first + mask.tokens_per_time;
    let row =
        |inner, token| outer * sequences.outer_stride + inner * sequences.inner_stride + token * sequences.token_stride;
    (0..sequences.inner).flat_map(|inner| tokens.clone().map(move |token| row(inner, token))).collect()
}

fn with_everything_valid_not_a_bit_changes(device: &Gpu) {
    for variant in variants(device) {
        for (plain, masked) in [
            (joint(with_class()), joint(with_class().validity())),
            (factorised(frames()), factorised(frames().validity())),
        ] {
            let without = outputs(device, variant, &plain, &inputs_of(&plain, [1; BATCH * TIMES]));
            let with = outputs(device, variant, &masked, &inputs_of(&masked, [1; BATCH * TIMES]));
            assert_eq!(without, with, "{}", variant.name);
        }
    }
}

fn what_is_invalid_has_no_influence(device: &Gpu) {
    for variant in variants(device) {
        for call in
            [joint(with_class().validity()), factorised(frames().validity()), joint(with_class().causal().validity())]
        {
            let inputs = inputs_of(&call, HOLES);
            let part = &call.parts[0];
            let hidden: Vec<usize> = (0..BATCH * TIMES)
                .filter(|&place| HOLES[place] == 0)
                .flat_map(|place| rows_at(part, place / TIMES, place % TIMES))
                .collect();
            let before = outputs(device, variant, &call, &inputs);
            for by in [1e3, f32::NAN] {
                let after = outputs(device, variant, &call, &replaced(&inputs, &call, part, &hidden, by));
                assert_eq!(before, after, "{}, replaced by {by}", variant.name);
            }
            let shown = replaced(&inputs, &call, part, &rows_at(part, 0, 0), 1e3);
            assert_ne!(before, outputs(device, variant, &call, &shown), "{}: valid tokens must count", variant.name);
        }
    }
}

fn the_future_has_no_influence(device: &Gpu) {
    for variant in variants(device) {
        for call in [joint(with_class().causal()), factorised(frames().causal())] {
            let inputs = inputs_of(&call, HOLES);
            let part = &call.parts[0];
            let columns = HEADS * WIDTH;
            let before = outputs(device, variant, &call, &inputs);
            for time in 1..TIMES {
                let later = replaced(&inputs, &call, part, &rows_at(part, 1, time), f32::NAN);
                let after = outputs(device, variant, &call, &later);
                for row in (0..time).flat_map(|time| rows_at(part, 1, time)) {
                    let columns = row * columns..(row + 1) * columns;
                    assert_eq!(before[columns.clone()], after[columns], "{}, row {row}", variant.name);
                }
                let now = rows_at(part, 1, time)[0] * columns;
                assert!(after[now].is_nan(), "{}: a token must see its own time", variant.name);
            }
        }
    }
}

fn class_tokens_see_all_and_are_not_seen_by_causal_patches(device: &Gpu) {
    let call = joint(with_class().causal());
    let inputs = inputs_of(&call, HOLES);
    let part = &call.parts[0];
    for variant in variants(device) {
        let poisoned = replaced(&inputs, &call, part, &[0], f32::NAN);
        let after = outputs(device, variant, &call, &poisoned);
        assert!(after[..HEADS * WIDTH].iter().all(|value| value.is_nan()), "{}: it sees itself", variant.name);
        assert!(after[HEADS * WIDTH..].iter().all(|value| value.is_finite()), "{}: no patch does", variant.name);
        let poisoned = replaced(&inputs, &call, part, &rows_at(part, 0, TIMES - 1), f32::NAN);
        assert!(outputs(device, variant, &call, &poisoned)[0].is_nan(), "{}: it sees the last time", variant.name);
    }
}

fn a_neighbouring_mask_is_rejected() {
    let (both, causal) = (with_class().causal().validity(), with_class().causal());
    let later = [0, 1, 0, 1, 1, 1, 0, 1, 1, 1];
    for (name, mask, neighbour, validity) in [
        ("not causal", both, with_class().validity(), HOLES),
        ("everything valid", both, causal, HOLES),
        ("one temporal index later", both, both, later),
        ("uniform empty rows", both, both.empty_row(EmptyRow::Uniform), HOLES),
        ("causal by token", causal, Mask::of(1, 1).causal(), HOLES),
        ("the class token a patch", Mask::of(1, 1).causal(), Mask::of(0, 1).causal(), HOLES),
    ] {
        let (expected, actual) = (reference(mask, HOLES), reference(neighbour, validity));
        let case = Case::new(name, joint(mask));
        assert!(matches!(judge(&case, &expected, &expected), Outcome::Passed(_)), "{name}");
        assert!(matches!(judge(&case, &actual, &expected), Outcome::Failed(_)), "{name}");
    }
}

fn reference(mask: Mask, validity: [u32; BATCH * TIMES]) -> Vec<Tensor> {
    let call = joint(mask);
    let inputs = inputs_of(&call, validity);
    rounded_reference(&call, &inputs.iter().map(Option::as_ref).collect::<Vec<_>>()).unwrap()
}
