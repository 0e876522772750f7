//! Which variant of a kernel runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::gpu::Capabilities;
use crate::kernels::contract::{Family, Operation};
use crate::kernels::shader::{Plan, Precision, TilePicks, Unfit, Variant};
use crate::tensor::{Error, Result};

/// Variants that are forced instead of those that a device would get; and tiles that were timed on it.
///
/// `workgroup` names the tiles of workgroups, too: which of them runs is chosen by the call and the device.
/// `workgroup.64x64x16` names one.
///
/// ```
/// use tubelet::LoadOptions;
///
/// let options = LoadOptions::new().variants("plain,linear=workgroup".parse()?);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selection {
    /// For every kernel that has a variant of this name.
    everywhere: Option<String>,
    /// For single kernels.
    by_kernel: BTreeMap<String, String>,
    /// Tiles for products that are given no tile by name.
    picks: TilePicks,
}

impl Selection {
    /// The device's own choice for every kernel.
    pub fn automatic() -> Self {
        Self::default()
    }

    /// Whether no variant is forced.
    pub fn is_automatic(&self) -> bool {
        self.everywhere.is_none() && self.by_kernel.is_empty()
    }

    /// The same, with the tiles that were timed on the device on which calls will be planned.
    #[must_use]
    pub fn tiles(self, picks: TilePicks) -> Self {
        Self { picks, ..self }
    }

    /// Whether tiles are taken as they were timed.
    pub fn is_tuned(&self) -> bool {
        !self.picks.is_empty()
    }

    /// Whether the variant `name` of `family` is among those that are named here: all are where none is forced.
    #[doc(hidden)]
    pub fn names(&self, family: &Family, name: &str) -> bool {
        match self.by_kernel.get(family.name).or(self.everywhere.as_ref()) {
            Some(forced) => {
                let rest = name.strip_prefix(forced.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            None => self.is_automatic(),
        }
    }

    /// How `call` runs on `device` at this precision: with the first variant that fits, those written for
    /// its class before others.
    ///
    /// An error where a forced variant cannot run on `device` or does not fit the call: it is never replaced silently.
    pub fn plan(&self, call: &dyn Operation, device: &Capabilities, precision: Precision) -> Result<Plan> {
        let family = call.family();
        call.validate().map_err(|error| error.within(family.name))?;
        if let Some(name) = self.forced(family) {
            let variant = family.named(name, device, precision)?;
            let unfit = |reason| Error::unsupported(format!("{}, variant {name}: {reason}", family.name));
            return self.plan_by(variant, call, device, precision).map_err(unfit);
        }
        let mut reason = format!("{} can run none of its variants", device.name);
        for variant in family.fitting(device, precision) {
            match self.plan_by(variant, call, device, precision) {
                Ok(plan) => return Ok(plan),
                Err(unfit) => reason = unfit.to_string(),
            }
        }
        Err(Error::unsupported(format!("{}: {reason}", family.name)))
    }

    /// How `variant` computes `call`: where it leaves its tile open, first with the one that suits the product on `device`.
    fn plan_by(
        &self,
        variant: &'static Variant,
        call: &dyn Operation,
        device: &Capabilities,
        precision: Precision,
    ) -> Result<Plan, Unfit> {
        let tiled = self.tiled(variant, call, device).map(|tiled| call.plan(tiled, device, precision));
        tiled.and_then(Result::ok).map_or_else(|| call.plan(variant, device, precision), Ok)
    }

    /// `variant` with the tile that was timed or stands in the table, where the device can run it.
    fn tiled(&self, variant: &Variant, call: &dyn Operation, device: &Capabilities) -> Option<&'static Variant> {
        let family = call.family();
        let tile = self.picks.tile(family.name, call.product()?, device.family)?;
        let has_it = |other: &&'static Variant| other.tile == Some(tile) && other.is_tile_of(variant);
        family.variants().into_iter().find(has_it).filter(|tiled| tiled.missing(device).is_none())
    }

    /// The variant that is forced for `family`.
    fn forced(&self, family: &Family) -> Option<&str> {
        let everywhere = self.everywhere.as_ref();
        let known = |name: &&String| family.variants().iter().any(|variant| variant.name == **name);
        self.by_kernel.get(family.name).or(everywhere.filter(known)).map(String::as_str)
    }

    /// Comma-separated: `plain` (for every kernel that has it) or `linear=workgroup` (for one kernel), of `families`.
    pub(in crate::kernels) fn parse(text: &str, families: &[&'static Family]) -> Result<Self> {
        let mut selection = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (kernel, name) = match part.split_once('=') {
                Some((kernel, name)) => (Some(kernel.trim()), name.trim()),
                None => (None, part),
            };
            let families: Vec<_> =
                families.iter().filter(|family| kernel.is_none_or(|kernel| family.name == kernel)).collect();
            let mut names: Vec<_> =
                families.iter().flat_map(|family| family.variants()).map(|variant| variant.name).collect();
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

/// What [`FromStr`](std::str::FromStr) takes: `plain,linear=workgroup`; nothing for the device's own choice. Tiles that were
/// timed are no part of it.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.by_kernel.iter().map(|(kernel, name)| format!("{kernel}={name}"));
        f.write_str(&self.everywhere.iter().cloned().chain(single).collect::<Vec<_>>().join(","))
    }
}
