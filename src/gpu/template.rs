//! WGSL files as templates: tiles that must be unrolled with literal lane numbers are unrolled by a loop in the file.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::tensor::{Error, ErrorKind, Result};

/// The literals that a shader template is rendered with, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Literals(BTreeMap<&'static str, Value>);

impl Literals {
    /// No literals.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same literals and one more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }
}

/// A set of WGSL templates that may include one another by file name.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Templates by file name. An undefined literal is an error when a template is rendered.
    pub fn new(files: impl IntoIterator<Item = (&'static str, &'static str)>) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| broken("syntax", &error))?);
        for (name, text) in files {
            environment.add_template(name, text).map_err(|error| broken(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// The WGSL of the file `name` (whose text is `text`) with `literals` put in.
    pub fn render(&self, name: &str, text: &str, literals: &Literals) -> Result<String> {
        self.environment.render_named_str(name, text, &literals.0).map_err(|error| broken(name, &error))
    }
}

fn broken(name: &str, error: &minijinja::Error) -> Error {
    let mut reasons = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        reasons.push(error.to_string());
        source = error.source();
    }
    Error::new(ErrorKind::Device, format!("shader template {name} cannot be rendered: {}", reasons.join(": ")))
}
