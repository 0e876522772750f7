//! A model's own options as text: `order=time_space`, `temporal.layers=2`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::Model;
use crate::tensor::{Error, Result};

/// One of a model's own options, by the name that it has in a configuration file, and its value. What lies inside another
/// option is reached by dots: `temporal.layers=2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOption {
    name: String,
    value: String,
}

impl ModelOption {
    /// The option called `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value as JSON: a number, a list, or a name, in which hyphens stand for underscores too.
    fn json(&self) -> Value {
        serde_json::from_str(&self.value).unwrap_or_else(|_| Value::String(self.value.replace('-', "_")))
    }
}

impl fmt::Display for ModelOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl FromStr for ModelOption {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok(Self::new(name, value)),
            _ => Err(Error::usage(format!(
                "a model's option is written NAME=VALUE, such as order=time_space; {text} is not"
            ))),
        }
    }
}

impl Model {
    /// The model with this option of its own.
    ///
    /// # Errors
    ///
    /// An option that it does not have, with those it has; a value that the option does not take.
    pub fn with_option(self, option: &ModelOption) -> Result<Self> {
        let mut fields = self.fields()?;
        let Some(value) = find(&mut fields, &option.name) else {
            let known: Vec<_> = self.options()?.iter().map(ModelOption::to_string).collect();
            let known =
                if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            return Err(Error::usage(format!("{self} has no option {}; {known}", option.name)));
        };
        *value = option.json();
        fields.insert(KIND.to_owned(), self.kind()?);
        let model = serde_json::from_value(Value::Object(fields));
        model.map_err(|error| Error::usage(format!("{self} does not take {option}: {error}")))
    }

    /// Its own options with their values.
    ///
    /// # Errors
    ///
    /// None for the models of the paper: only for values that JSON cannot hold.
    pub fn options(self) -> Result<Vec<ModelOption>> {
        let mut options = Vec::new();
        list(&self.fields()?, "", &mut options);
        Ok(options)
    }

    /// Its options that show in no parameter, so that the user must give them.
    ///
    /// # Errors
    ///
    /// As [`Model::options`].
    pub fn untold_options(self) -> Result<Vec<ModelOption>> {
        let untold = self.untold().map(|untold| untold.name);
        Ok(self.options()?.into_iter().filter(|option| untold == Some(option.name())).collect())
    }

    /// Its options as they are written to a configuration file.
    fn fields(self) -> Result<Map<String, Value>> {
        match self.json()? {
            Value::Object(mut fields) => {
                fields.shift_remove(KIND);
                Ok(fields)
            }
            _ => Ok(Map::new()),
        }
    }

    fn kind(self) -> Result<Value> {
        Ok(self.json()?[KIND].take())
    }

    fn json(self) -> Result<Value> {
        serde_json::to_value(self).map_err(|error| Error::usage(format!("{self}: {error}")))
    }
}

/// The field that says which model it is.
const KIND: &str = "kind";

/// The value that `name` leads to. A choice among several forms is passed through: `temporal.layers` is
/// `temporal.encoder.layers` where there is an encoder.
fn find<'a>(fields: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let fields = match fields.contains_key(first) {
        true => fields,
        false => chosen(fields)?,
    };
    let value = fields.get_mut(first)?;
    match rest {
        None => Some(value),
        Some(rest) => find(value.as_object_mut()?, rest),
    }
}

/// The fields of the form that is chosen, where there is one.
fn chosen(fields: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    match fields.len() {
        1 => fields.values_mut().next()?.as_object_mut(),
        _ => None,
    }
}

/// Adds all values below `fields` to `options`, by the names with which they are found.
fn list(fields: &Map<String, Value>, path: &str, options: &mut Vec<ModelOption>) {
    for (name, value) in fields {
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(inner) => match inner.values().next() {
                Some(Value::Object(form)) if inner.len() == 1 => list(form, &name, options),
                _ => list(inner, &name, options),
            },
            Value::String(text) => options.push(ModelOption::new(name, text)),
            value => options.push(ModelOption::new(name, value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{EncoderSize, FactorisedEncoder, FactorisedSelfAttention, Joint, Order, Temporal};

    fn with(model: impl Into<Model>, option: &str) -> Result<Model> {
        model.into().with_option(&option.parse()?)
    }

    #[test]
    fn an_option_is_set_by_its_name() {
        let time_first = FactorisedSelfAttention { order: Order::TimeSpace };
        for text in ["order=time_space", "order=time-space"] {
            assert_eq!(with(FactorisedSelfAttention::default(), text).unwrap(), time_first.into());
        }
        let shallow = Temporal::Encoder(EncoderSize { layers: 2, heads: 12, hidden: 3072 });
        for text in ["temporal.layers=2", "temporal.encoder.layers=2"] {
            let found = with(FactorisedEncoder::default(), text).unwrap();
            assert_eq!(found, FactorisedEncoder { temporal: shallow }.into());
        }
        let mean = FactorisedEncoder { temporal: Temporal::Mean };
        assert_eq!(with(FactorisedEncoder::default(), "temporal=mean").unwrap(), mean.into());
    }

    #[test]
    fn what_is_listed_can_be_set() {
        for model in Model::all() {
            for option in model.options().unwrap() {
                assert_eq!(model.with_option(&option).unwrap(), model, "{option}");
            }
        }
        let listed: Vec<_> = Model::from(FactorisedEncoder::default()).options().unwrap();
        let listed: Vec<_> = listed.iter().map(ModelOption::to_string).collect();
        assert_eq!(listed, ["temporal.layers=4", "temporal.heads=12", "temporal.hidden=3072"]);
    }

    #[test]
    fn what_a_model_does_not_have_or_take_is_refused() {
        for (model, option, culprits) in [
            (Model::from(Joint), "order=time_space", ["Model 1", "no option order"]),
            (FactorisedEncoder::default().into(), "order=time_space", ["no option order", "temporal.layers=4"]),
            (FactorisedEncoder::default().into(), "kind=joint", ["no option kind", "temporal.layers=4"]),
            (FactorisedSelfAttention::default().into(), "order=sideways", ["order=sideways", "`time_space`"]),
            (FactorisedEncoder::default().into(), "temporal.layers=some", ["temporal.layers=some", "invalid type"]),
        ] {
            let error = with(model, option).unwrap_err().to_string();
            assert!(culprits.iter().all(|culprit| error.contains(culprit)), "{error}");
        }
        for text in ["order", "=2", "order="] {
            assert!(text.parse::<ModelOption>().unwrap_err().to_string().contains("NAME=VALUE"), "{text}");
        }
    }
}
