//! Position tables fitted to clips of another size or length than a model was trained on.

use std::sync::Arc;

use super::positions::width_and_class_row;
use super::{PositionTable, described};
use crate::graph::Weights;
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use crate::vivit::{Config, Parameters};

/// A model's parameters for other clips, and what was done to them.
#[derive(Clone, Debug)]
pub(crate) struct FittedPositions {
    /// The parameters of the model on its new clips.
    pub parameters: Arc<dyn Parameters>,
    /// What its user should know, a sentence each; none where nothing changed.
    pub notes: Vec<String>,
}

/// The parameters of a model of shape `from`, its position tables resized for the clips of `to`.
///
/// Each temporal index is resized by itself over rows and columns, and time by itself where the number of temporal
/// indices changes, linearly with the corners aligned; never across time and space. Rows of class tokens stay as they
/// are. In Model 2 this concerns both tables. Tables are resized when they are asked for.
///
/// # Errors
///
/// Configurations that differ in more than the size and number of frames; tables that are not those of `from`.
pub(crate) fn fit_positions(parameters: Arc<dyn Parameters>, from: &Config, to: &Config) -> Result<FittedPositions> {
    from.validate()?;
    to.validate()?;
    let otherwise = Config {
        frames: to.frames,
        rows: to.rows,
        columns: to.columns,
        frame_sampling: from.frame_sampling.and(to.frame_sampling),
        ..from.clone()
    };
    if otherwise != *to {
        return Err(Error::usage(format!(
            "positions can be fitted to other sizes and numbers of frames only, but the model differs otherwise: it is \
             a {from}, not a {to}"
        )));
    }
    for name in parameters.names().into_iter().filter(|name| is_table(name)) {
        width_and_class_row(&parameters.shape(name)?, from.positions(name)).map_err(|error| error.within(name))?;
    }
    if from.grid() == to.grid() {
        return Ok(FittedPositions { parameters, notes: Vec::new() });
    }
    let notes = vec![format!(
        "positions are interpolated from {} to {}, for clips of {}×{}×{} where the model was trained on {}×{}×{}",
        described(from.grid()),
        described(to.grid()),
        to.frames,
        to.rows,
        to.columns,
        from.frames,
        from.rows,
        from.columns
    )];
    let parameters = Arc::new(Interpolated { parameters, from: from.clone(), to: to.clone() });
    Ok(FittedPositions { parameters, notes })
}

#[derive(Debug)]
struct Interpolated {
    parameters: Arc<dyn Parameters>,
    from: Config,
    to: Config,
}

impl Parameters for Interpolated {
    fn names(&self) -> Vec<&str> {
        self.parameters.names()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let shape = self.parameters.shape(name)?;
        if !is_table(name) {
            return Ok(shape);
        }
        let (width, class_row) = width_and_class_row(&shape, self.from.positions(name))?;
        Ok([1, self.to.positions(name).tokens() + usize::from(class_row), width].into())
    }

    /// A table as it is: the files have none of its size.
    fn as_stored(&self, name: &str, tensor: Tensor) -> Result<(String, Tensor)> {
        if !is_table(name) {
            return self.parameters.as_stored(name, tensor);
        }
        let (stored, _) = self.parameters.as_stored(name, Tensor::zeros(self.parameters.shape(name)?, Element::F32))?;
        Ok((stored, tensor))
    }
}

impl Weights for Interpolated {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensor = self.parameters.tensor(name)?;
        if !is_table(name) {
            return Ok(tensor);
        }
        let [from, to] = [&self.from, &self.to].map(|config| config.positions(name));
        PositionTable::new(tensor, from)?.resized(to)?.into_table()
    }
}

fn is_table(name: &str) -> bool {
    name.ends_with(".pos_embedding")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{FactorisedEncoder, ParameterSpec, Tubelet};

    /// Parameters of which each row is its own number, from 0.
    #[derive(Debug)]
    struct Numbered(Vec<ParameterSpec>);

    impl Parameters for Numbered {
        fn names(&self) -> Vec<&str> {
            self.0.iter().map(|spec| spec.name.as_str()).collect()
        }

        fn shape(&self, name: &str) -> Result<Shape> {
            let spec = self.0.iter().find(|spec| spec.name == name);
            spec.map(|spec| spec.shape.clone()).ok_or_else(|| Error::usage(name))
        }
    }

    impl Weights for Numbered {
        fn tensor(&self, name: &str) -> Result<Tensor> {
            let shape = self.shape(name)?;
            let values = (0..shape.elements()).map(|at| (at / shape.last()) as f32).collect();
            Tensor::f32(shape, values)
        }
    }

    /// A small model on clips of 2-frame tubelets of 4×4 pixels.
    fn config(frames: usize, rows: usize, columns: usize) -> Config {
        let tubelet = Tubelet { frames: 2, rows: 4, columns: 4 };
        let base = Config::named("vit-ti").unwrap();
        Config { frames, rows, columns, tubelet, width: 12, heads: 2, hidden: 8, layers: 1, classes: 3, ..base }
    }

    fn fitted(from: &Config, to: &Config) -> FittedPositions {
        fit_positions(Arc::new(Numbered(from.parameters().unwrap())), from, to).unwrap()
    }

    /// The first column of the table called `name`, whose shape is as promised.
    fn column(parameters: &dyn Parameters, name: &str) -> Vec<f32> {
        let table = parameters.tensor(name).unwrap();
        assert_eq!(*table.shape(), parameters.shape(name).unwrap());
        table.as_f32().unwrap().iter().step_by(12).copied().collect()
    }

    const JOINT: &str = "Transformer.posembed_input.pos_embedding";

    #[test]
    fn each_temporal_index_is_resized_by_itself() {
        let FittedPositions { parameters, notes } = fitted(&config(4, 8, 8), &config(4, 8, 12));
        // The class token's row 0, then two rows of 1, 2 and 3, 4 at the first index, 5 to 8 at the second.
        let expected = [0.0, 1.0, 1.5, 2.0, 3.0, 3.5, 4.0, 5.0, 5.5, 6.0, 7.0, 7.5, 8.0];
        assert_eq!(column(&*parameters, JOINT), expected);
        assert_eq!(
            notes,
            ["positions are interpolated from 2 temporal indices of 2×2 to 2 temporal indices of 2×3, for clips of \
              4×8×12 where the model was trained on 4×8×8"]
        );
        assert_eq!(parameters.names(), Numbered(config(4, 8, 12).parameters().unwrap()).names());
        for ParameterSpec { name, shape } in config(4, 8, 12).parameters().unwrap() {
            assert_eq!(parameters.shape(&name).unwrap(), shape, "{name}");
        }
    }

    #[test]
    fn longer_clips_are_resized_along_time() {
        let FittedPositions { parameters, .. } = fitted(&config(4, 4, 8), &config(6, 4, 8));
        assert_eq!(column(&*parameters, JOINT), [0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
        let bias = "Transformer.encoder_norm.bias";
        assert_eq!(parameters.tensor(bias).unwrap().shape().axes(), [12]);
    }

    #[test]
    fn both_tables_of_model_2_are_resized() {
        let model_2 =
            |frames, columns| Config { model: FactorisedEncoder::default().into(), ..config(frames, 8, columns) };
        let [spatial, temporal] =
            ["Spatial", "Temporal"].map(|encoder| format!("{encoder}Transformer.posembed_input.pos_embedding"));
        let FittedPositions { parameters, .. } = fitted(&model_2(32, 8), &model_2(16, 8));
        assert_eq!(column(&*parameters, &spatial), [0.0, 1.0, 2.0, 3.0, 4.0]);
        let expected: Vec<_> = (0..8).map(|index| 1.0 + 15.0 * index as f32 / 7.0).collect();
        let found = column(&*parameters, &temporal);
        assert_eq!(found[0], 0.0);
        assert!(found[1..].iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-5), "{found:?}");
        let FittedPositions { parameters, .. } = fitted(&model_2(16, 8), &model_2(16, 12));
        assert_eq!(column(&*parameters, &spatial), [0.0, 1.0, 1.5, 2.0, 3.0, 3.5, 4.0]);
        assert_eq!(column(&*parameters, &temporal), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn the_same_clips_change_nothing() {
        let FittedPositions { parameters, notes } = fitted(&config(4, 8, 8), &config(5, 11, 8));
        assert!(notes.is_empty());
        assert_eq!(column(&*parameters, JOINT).len(), 9);
    }

    #[test]
    fn another_model_is_refused() {
        let (from, to) = (config(4, 8, 8), Config { layers: 2, ..config(4, 8, 12) });
        let parameters = Arc::new(Numbered(from.parameters().unwrap()));
        let error = fit_positions(parameters, &from, &to).unwrap_err().to_string();
        assert!(error.contains("1 layer") && error.contains("2 layers"), "{error}");
    }

    #[test]
    fn tables_of_other_clips_are_refused() {
        let (shown, from, to) = (config(4, 4, 4), config(4, 8, 8), config(4, 8, 12));
        let error = fit_positions(Arc::new(Numbered(shown.parameters().unwrap())), &from, &to).unwrap_err().to_string();
        assert!(error.contains(JOINT) && error.contains("must have 8 rows"), "{error}");
    }
}
