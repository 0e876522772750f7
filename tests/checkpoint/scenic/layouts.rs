//! How the original lays arrays out, and back.

use tubelet::checkpoint::FlaxLayout;

use crate::{fixture, load, stored, tensor};

/// Each element against the stored one, by the index formulas of the layouts.
#[test]
fn kernels_are_laid_out_anew() {
    let name = "scenic-model2-gap";
    let checkpoint = load(&fixture(name)).unwrap();
    let arrays = stored(&fixture(name).join("model.safetensors"));
    let flax = |name: &str| -> Vec<f32> { bytemuck::pod_collect_to_vec(&arrays[name].2) };
    let (width, heads, head_width) = (40, 4, 10);
    let attention = "TemporalTransformer/encoderblock_2/MultiHeadDotProductAttention_0";
    let canonical = |name: &str| tensor(&checkpoint, &name.replace('/', "."));
    let (query, stored_query) =
        (canonical(&format!("{attention}/query/kernel")), flax(&format!("{attention}/query/kernel")));
    let (out, stored_out) = (canonical(&format!("{attention}/out/kernel")), flax(&format!("{attention}/out/kernel")));
    for channel in 0..width {
        for head in 0..heads {
            for j in 0..head_width {
                let row = head * head_width + j;
                assert_eq!(query[row * width + channel], stored_query[(channel * heads + head) * head_width + j]);
                assert_eq!(out[channel * width + row], stored_out[(head * head_width + j) * width + channel]);
            }
        }
    }
    let (kernel, stored_kernel) = (canonical("embedding/kernel"), flax("embedding/kernel"));
    let (t, h, w, planes) = (3, 6, 4, 3);
    for (index, value) in kernel.iter().enumerate() {
        let (x, y, frame) = (index % w, index / w % h, index / (w * h) % t);
        let (plane, channel) = (index / (w * h * t) % planes, index / (w * h * t * planes));
        assert_eq!(*value, stored_kernel[(((frame * h + y) * w + x) * planes + plane) * width + channel]);
    }
    let (head, stored_head) = (canonical("output_projection/kernel"), flax("output_projection/kernel"));
    for (class, channel) in (0..7).flat_map(|class| (0..width).map(move |channel| (class, channel))) {
        assert_eq!(head[class * width + channel], stored_head[channel * 7 + class]);
    }
}

#[test]
fn layouts_lead_back_to_what_is_stored() {
    for name in ["scenic-model1-sampling", "scenic-model3"] {
        let checkpoint = load(&fixture(name)).unwrap();
        for (stored_name, (_, shape, data)) in stored(&fixture(name).join("model.safetensors")) {
            let name = stored_name.replace('/', ".");
            let layout = FlaxLayout::of(&name);
            let array = layout.stored(checkpoint.parameters.tensor(&name).unwrap(), 4).unwrap();
            assert_eq!(array.shape().axes(), shape, "{name}");
            assert_eq!(array.as_bytes(), data, "{name}");
        }
    }
}
