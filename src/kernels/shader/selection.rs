//! Which variant of a kernel runs.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::gpu::Capabilities;
use crate::kernels::ALL;
use crate::kernels::contract::Family;
use crate::kernels::shader::Variant;
use crate::tensor::{Error, Result};

/// Variants that are asked for instead of those a device would get.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selection {
    /// For every kernel that has a variant of this name.
    everywhere: Option<String>,
    /// For single kernels.
    by_kernel: BTreeMap<String, String>,
}

impl Selection {
    /// The device's own choice for every kernel.
    pub fn automatic() -> Self {
        Self::default()
    }

    /// The variant of `family` to run on `device`.
    ///
    /// An error where a variant is asked for that `device` cannot run: it is never replaced silently.
    pub fn variant(&self, family: &'static Family, device: &Capabilities) -> Result<&'static Variant> {
        if let Some(name) = self.by_kernel.get(family.name) {
            return family.variant_named(name, device);
        }
        match &self.everywhere {
            Some(name) if family.variants.iter().any(|variant| variant.name == name) => {
                family.variant_named(name, device)
            }
            _ => family.variant_for(device),
        }
    }
}

impl FromStr for Selection {
    type Err = Error;

    /// Comma-separated: `plain` (for every kernel that has it) or `linear=workgroup` (for one kernel).
    fn from_str(text: &str) -> Result<Self> {
        let mut selection = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (kernel, name) = match part.split_once('=') {
                Some((kernel, name)) => (Some(kernel.trim()), name.trim()),
                None => (None, part),
            };
            let known = |family: &&&'static Family| kernel.is_none_or(|kernel| family.name == kernel);
            let families: Vec<_> = ALL.iter().filter(known).collect();
            let mut names: Vec<_> =
                families.iter().flat_map(|family| family.variants).map(|variant| variant.name).collect();
            names.sort_unstable();
            names.dedup();
            if !names.contains(&name) {
                return Err(Error::usage(match kernel {
                    Some(kernel) if families.is_empty() => format!("there is no kernel {kernel:?}"),
                    Some(kernel) => format!("kernel {kernel} has no variant {name:?}; it has {}", names.join(", ")),
                    None => format!("no kernel has a variant {name:?}; there are {}", names.join(", ")),
                }));
            }
            match kernel {
                Some(kernel) => _ = selection.by_kernel.insert(kernel.to_owned(), name.to_owned()),
                None => selection.everywhere = Some(name.to_owned()),
            }
        }
        Ok(selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_parsed_and_checked() {
        assert!("plain".parse::<Selection>().is_ok());
        assert!("layer_norm=workgroup, plain".parse::<Selection>().is_ok());
        let message = |text: &str| text.parse::<Selection>().unwrap_err().to_string();
        assert!(message("fastest").contains("plain"));
        assert!(message("layer_norm=fastest").contains("layer_norm"));
        assert!(message("layernorm=plain").contains("layernorm"));
    }
}
