//! The layer that `layer.py` wrote, and how an engine's work on it is measured.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use safetensors::SafeTensors;

/// Runs of which the fastest counts, after one that is not counted.
const RUNS: usize = 5;

/// A tensor of floats.
pub struct Floats {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// An encoder layer with an input and PyTorch's answer.
pub struct Layer {
    folder: PathBuf,
    tensors: HashMap<String, Floats>,
}

impl Layer {
    /// The layer in the folder that is this program's first argument.
    pub fn of_arguments() -> Result<Self, Box<dyn Error>> {
        let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: ENGINE FOLDER, as layer.py wrote it")?);
        let bytes = std::fs::read(folder.join("layer.safetensors"))?;
        let named = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let values = bytemuck::pod_collect_to_vec(view.data());
            (name, Floats { shape: view.shape().to_vec(), values })
        };
        let tensors = SafeTensors::deserialize(&bytes)?.tensors().into_iter().map(named).collect();
        Ok(Self { folder, tensors })
    }

    /// The layer as ONNX.
    pub fn onnx(&self) -> PathBuf {
        self.folder.join(Path::new("layer.onnx"))
    }

    /// One of its tensors.
    pub fn tensor(&self, name: &str) -> Option<&Floats> {
        self.tensors.get(name)
    }

    /// The input, `[B, N, C]`.
    pub fn input(&self) -> Result<&Floats, Box<dyn Error>> {
        self.tensor("input").ok_or_else(|| "the file has no input".into())
    }

    /// Times `run` and prints a line of JSON.
    pub fn measure(
        &self,
        engine: &str,
        device: &str,
        mut run: impl FnMut() -> Result<Vec<f32>, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let expected = self.tensor("expected").ok_or("the file has no answer")?;
        let error = relative_l2(&run()?, &expected.values);
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let start = ProcessTime::now();
            run()?;
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        let report = serde_json::json!({
            "engine": engine, "device": device, "shape": self.input()?.shape, "cpu_s": fastest, "relative_l2": error,
            "peak_mib": peak_mebibytes(),
        });
        println!("{report}");
        Ok(())
    }
}

/// ‖a − b‖ / ‖b‖; infinite for vectors of different lengths.
fn relative_l2(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let square = |value: f32| f64::from(value) * f64::from(value);
    let difference: f64 = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    (difference / expected.iter().map(|value| square(*value)).sum::<f64>()).sqrt()
}

/// The most memory that the process has held; `None` where the system does not say.
fn peak_mebibytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}
