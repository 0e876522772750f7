//! Values of arguments that shells can complete.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use tubelet::tensor::Error;

/// Parses as `T` itself does, which may take more values than those listed.
pub(super) struct Known<T> {
    values: Vec<&'static str>,
    parsed: PhantomData<fn() -> T>,
}

/// A parser of `T` that lists `values`.
pub(super) fn known<T>(values: impl IntoIterator<Item = &'static str>) -> Known<T> {
    Known { values: values.into_iter().collect(), parsed: PhantomData }
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), parsed: PhantomData }
    }
}

impl<T: FromStr<Err = Error> + Clone + Send + Sync + 'static> TypedValueParser for Known<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&T::from_str, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.values.iter().map(PossibleValue::new)))
    }
}
