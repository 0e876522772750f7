//! Weights that no training has seen.

use tubelet::checkpoint::untrained;

use super::*;

fn tiny() -> Config {
    load(&fixture("hf-tiny")).unwrap().config
}

#[test]
fn the_seed_decides_everything() {
    let [first, again, other] = [7, 7, 8].map(|seed| untrained(tiny(), seed).unwrap());
    assert_eq!(first.provenance, Provenance::Untrained);
    assert!(first.source.contains("untrained") && first.source.contains('7'));
    for name in first.parameters.names() {
        assert_eq!(tensor(&first, name), tensor(&again, name));
        assert_ne!(tensor(&first, name), tensor(&other, name), "{name}");
    }
    // The same on every machine and in every release: these values are part of what a seed means.
    assert_eq!(tensor(&first, "embedding.kernel")[..3], PINNED);
}

const PINNED: [f32; 3] = [-0.03293349, -0.079341374, -0.067055106];

#[test]
fn every_tensor_is_alive_and_of_a_sane_size() {
    let checkpoint = untrained(tiny(), 1).unwrap();
    let specs = checkpoint.config.parameters().unwrap();
    assert_eq!(checkpoint.parameters.names(), specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>());
    for spec in specs {
        assert_eq!(checkpoint.parameters.shape(&spec.name).unwrap(), spec.shape);
        let values = tensor(&checkpoint, &spec.name);
        assert_eq!(values.len(), spec.shape.elements());
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
        let centre = if spec.name.ends_with(".scale") { 1.0 } else { 0.0 };
        assert!(deviation > 0.01 && deviation < 0.2, "{}: {deviation}", spec.name);
        let spread_of_mean = deviation / (values.len() as f32).sqrt();
        assert!((mean - centre).abs() < 5.0 * spread_of_mean, "{}: mean {mean}", spec.name);
    }
}

#[test]
fn tensors_of_one_shape_differ() {
    let checkpoint = untrained(tiny(), 1).unwrap();
    let block = |layer, projection| {
        let path = format!("Transformer.encoderblock_{layer}.MultiHeadDotProductAttention_0.{projection}.kernel");
        tensor(&checkpoint, &path)
    };
    assert_ne!(block(0, "query"), block(0, "key"));
    assert_ne!(block(0, "query"), block(1, "query"));
}

#[test]
fn a_senseless_shape_is_refused() {
    assert!(untrained(tiny().heads(0), 1).unwrap_err().to_string().contains("heads is 0"));
    assert!(untrained(tiny(), 1).unwrap().parameters.tensor("clss").is_err());
}
