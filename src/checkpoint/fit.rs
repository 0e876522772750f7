//! Stored arrays, fitted to a configuration.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use super::arrays::{Arrays, Dtype};
use super::misfits::{Fault, Misfit, Misfits, layer};
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{ParameterSpec, Parameters};

/// How a family's files write down the tensors that [`Config::parameters`](crate::vivit::Config::parameters) lists.
pub(super) trait Convention: fmt::Debug + Send + Sync {
    /// The name under which the file at hand should have the tensor called `name`.
    fn stored(&self, name: &str) -> String;

    /// Every name under which it is taken, the best known first.
    fn accepted(&self, name: &str) -> Vec<String> {
        vec![self.stored(name)]
    }

    /// The shape in which `spec` is stored.
    fn shape(&self, spec: &ParameterSpec) -> Shape {
        spec.shape.clone()
    }

    /// The tensor called `name` from the array that was stored for it.
    fn restored(&self, name: &str, array: Tensor) -> Result<Tensor> {
        let _ = name;
        Ok(array)
    }

    /// The array that is stored for a tensor called `name`: the way back from [`restored`](Self::restored).
    fn array(&self, name: &str, tensor: Tensor) -> Result<Tensor> {
        let _ = name;
        Ok(tensor)
    }

    /// Whether an array that is no tensor of the model may be there all the same.
    fn unused(&self, stored: &str) -> bool {
        let _ = stored;
        false
    }
}

/// Weights that fit a configuration.
#[derive(Debug)]
pub(super) struct Fitted {
    arrays: Box<dyn Arrays>,
    convention: Box<dyn Convention>,
    specs: Vec<ParameterSpec>,
    /// For each tensor its index in `specs` and its stored name.
    stored: HashMap<String, (usize, String)>,
}

/// Arrays and all that does not fit.
type Unfit = (Box<dyn Arrays>, Misfits);

impl Fitted {
    /// Finds every tensor of `specs` in `arrays`, and returns a note on the arrays that are of no use; else gives back the
    /// arrays and all that does not fit.
    ///
    /// Where every tensor is found, `strays` are of no use: class weights of a loss, buffers, a training's state. Where a
    /// tensor is missing, a stray may be that tensor under a wrong name, and is listed beside it.
    pub(super) fn new(
        arrays: Box<dyn Arrays>,
        convention: Box<dyn Convention>,
        specs: Vec<ParameterSpec>,
        strays: Strays,
    ) -> Result<(Self, Option<String>), Unfit> {
        let mut misfits = Vec::new();
        let mut stored = HashMap::new();
        let mut used = HashSet::new();
        for (index, spec) in specs.iter().enumerate() {
            let mut found = convention.accepted(&spec.name);
            found.retain(|name| arrays.shape(name).is_some());
            misfits.extend(misfit(&*arrays, &*convention, spec, &found));
            used.extend(found.iter().cloned());
            stored.extend(found.pop().map(|name| (spec.name.clone(), (index, name))));
        }
        let names = arrays.names();
        let extra: BTreeSet<_> =
            names.iter().filter(|name| !used.contains(**name) && !convention.unused(name)).collect();
        let expected: Vec<_> = specs.iter().map(|spec| convention.stored(&spec.name)).collect();
        let layers = Layers::of(&expected);
        let complete = misfits.is_empty();
        let is_stray = |name: &&&str| complete && strays.include(name, arrays.dtype(name), &layers);
        let (useless, wrong): (Vec<_>, Vec<_>) = extra.into_iter().partition(is_stray);
        let unexpected = |name: &&str| Misfit { fault: Fault::Unexpected, name: (*name).into(), detail: String::new() };
        misfits.extend(wrong.into_iter().map(unexpected));
        let of_all = |all| {
            let stored = names.iter().map(|name| (*name).to_owned()).collect();
            Misfits { all, expected, stored }
        };
        if misfits.is_empty() {
            let useless: Vec<_> = useless.into_iter().map(unexpected).collect();
            let note = (!useless.is_empty()).then(|| of_all(useless).note(arrays.path()));
            return Ok((Self { arrays, convention, specs, stored }, note));
        }
        let misfits = of_all(misfits);
        Err((arrays, misfits))
    }

    fn find(&self, name: &str) -> Result<(&ParameterSpec, &str)> {
        let found = self.stored.get(name).map(|(index, stored)| (&self.specs[*index], stored.as_str()));
        found.ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

/// Which arrays that no model uses may be there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Strays {
    /// All but those in the encoder's layers, where they would change what is computed.
    Any,
    /// What cannot be a parameter, or belongs to a loss by its name: an image model may have further parameters
    /// anywhere, which no video model takes over.
    Buffers,
}

impl Strays {
    fn include(self, name: &str, dtype: Option<Dtype>, layers: &Layers) -> bool {
        if matches!(dtype, Some(Dtype::Other(_))) {
            return true;
        }
        match self {
            Self::Any => !layers.hold(name),
            Self::Buffers => ["loss", "criterion", "class_weight"].iter().any(|part| name.contains(part)),
        }
    }
}

/// What the names of the layers' tensors begin with, without the layers' numbers.
struct Layers(BTreeSet<String>);

impl Layers {
    fn of(expected: &[String]) -> Self {
        let path = |name: &String| Some(layer(name)?.0.trim_end_matches(['.', '/', '_']).to_owned());
        Self(expected.iter().filter_map(path).collect())
    }

    fn hold(&self, name: &str) -> bool {
        let follows =
            |path: &String| name.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '/', '_']));
        self.0.iter().any(follows)
    }
}

/// What is wrong with the one tensor that `spec` asks for, of which `found` are the stored names.
fn misfit(arrays: &dyn Arrays, convention: &dyn Convention, spec: &ParameterSpec, found: &[String]) -> Option<Misfit> {
    let expected = convention.shape(spec);
    let (fault, name, detail) = match found {
        [] => (Fault::Missing, convention.stored(&spec.name), format!(" of shape {expected}")),
        [first, others @ ..] if !others.is_empty() => {
            (Fault::Several, first.clone(), format!(", {}", others.join(", ")))
        }
        [name, ..] => {
            let shape = arrays.shape(name)?;
            let (fault, detail) = match arrays.dtype(name)? {
                _ if shape != expected => (Fault::Shape, format!(" is {shape}, expected {expected}")),
                Dtype::Other(dtype) => {
                    (Fault::Type, format!(" has elements of {dtype}, expected F16, BF16, F32 or F64"))
                }
                _ => return None,
            };
            (fault, name.clone(), detail)
        }
    };
    Some(Misfit { fault, name, detail })
}

impl Parameters for Fitted {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        Ok(self.find(name)?.0.shape.clone())
    }

    fn as_stored(&self, name: &str, tensor: Tensor) -> Result<(String, Tensor)> {
        let (spec, stored) = self.find(name)?;
        if *tensor.shape() != spec.shape {
            return Err(Error::usage(format!("{name} is a tensor of {}, not of {}", spec.shape, tensor.shape())));
        }
        Ok((stored.to_owned(), self.convention.array(name, tensor)?))
    }
}

impl Weights for Fitted {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let (_, stored) = self.find(name)?;
        self.convention.restored(name, self.arrays.tensor(stored)?)
    }
}
