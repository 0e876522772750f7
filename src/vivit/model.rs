//! The list of the paper's models. The files that a model is made of do not import it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Classifier;
use super::definition::{Definition, Halves, Untold};
use super::factorised_dot_product::FactorisedDotProduct;
use super::factorised_encoder::FactorisedEncoder;
use super::factorised_self_attention::FactorisedSelfAttention;
use super::joint::Joint;
use crate::tensor::{Error, Result};

/// The enum of all models, from a line for each.
macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $title:literal;)*) => {
        /// How a model relates tokens in space and time (paper, section 3.3). By text it goes by name or number:
        /// `factorised-encoder` or `2`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Model {
            $($(#[$doc])* $variant($variant),)*
        }

        impl Model {
            /// Every model, its own options at their defaults.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$variant($variant::default())),*]
            }

            /// The paper's number.
            pub fn number(&self) -> usize {
                match self {
                    $(Self::$variant(_) => $number,)*
                }
            }

            /// Its name: `factorised-encoder`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Its name in a sentence: `factorised encoder`.
            pub fn title(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $title,)*
                }
            }

            pub(super) fn definition(&self) -> &dyn Definition {
                match self {
                    $(Self::$variant(model) => model,)*
                }
            }

            pub(super) fn definition_mut(&mut self) -> &mut dyn Definition {
                match self {
                    $(Self::$variant(model) => model,)*
                }
            }
        }

        $(impl From<$variant> for Model {
            fn from(model: $variant) -> Self {
                Self::$variant(model)
            }
        })*
    };
}

models! {
    /// Model 1: every token attends to every token of the clip.
    Joint = 1, "joint", "joint space-time attention";
    /// Model 2: one encoder over space, a second one over time.
    FactorisedEncoder = 2, "factorised-encoder", "factorised encoder";
    /// Model 3: each block attends over space, then over time.
    FactorisedSelfAttention = 3, "factorised-self-attention", "factorised self-attention";
    /// Model 4: half of the heads attend over time, half over space.
    FactorisedDotProduct = 4, "factorised-dot-product", "factorised dot-product attention";
}

impl Model {
    /// How this model's output becomes one vector in the published configurations: by a class token, where it can have
    /// one.
    pub fn usual_classifier(&self) -> Classifier {
        self.definition().usual_classifier()
    }

    /// Its two halves, where one sees one temporal index at a time.
    #[doc(hidden)]
    pub fn halves(&self) -> Option<&dyn Halves> {
        self.definition().halves()
    }

    /// Its option that shows in no parameter, so that the user must give it; `None` where it has none.
    pub(crate) fn untold(&self) -> Option<Untold> {
        self.definition().untold()
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model {} ({})", self.number(), self.title())
    }
}

impl FromStr for Model {
    type Err = Error;

    /// A name, a number, or what [`Display`](fmt::Display) writes; with its own options at their defaults.
    fn from_str(text: &str) -> Result<Self> {
        let models = Self::all();
        let wanted = text.to_ascii_lowercase().replace('_', "-");
        let found = models
            .iter()
            .find(|model| model.name() == wanted || model.number().to_string() == wanted || model.to_string() == text);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = models.iter().map(|model| format!("{} ({})", model.name(), model.number())).collect();
            Error::usage(format!("no model is called {text:?}; there are {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_goes_by_name_and_number() {
        for model in Model::all() {
            assert_eq!(model.name().parse::<Model>().unwrap(), model);
            assert_eq!(model.number().to_string().parse::<Model>().unwrap(), model);
            assert_eq!(model.to_string().parse::<Model>().unwrap(), model);
        }
        assert_eq!("Factorised_Encoder".parse::<Model>().unwrap().number(), 2);
        let error = "video".parse::<Model>().unwrap_err().to_string();
        assert!(error.contains("joint (1), factorised-encoder (2)"), "{error}");
    }

    #[test]
    fn options_survive_text() {
        for model in Model::all() {
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model, "{text}");
        }
    }
}
