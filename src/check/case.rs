//! A case to be run, and how it is made again.

use crate::kernels::{Case, Draw, Family};

/// A case of a kernel, and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) family: &'static Family,
    pub(super) case: Case,
    /// What was decided, where it was drawn.
    pub(super) decisions: Option<Vec<u32>>,
}

impl Trial {
    /// The cases that the family declares, and `shapes` random ones.
    pub(super) fn of(family: &'static Family, seed: u64, shapes: u64) -> Vec<Self> {
        let cases = (family.cases)().into_iter().filter(|case| case.checked);
        let declared = cases.map(|case| Self { family, case, decisions: None });
        declared.chain((0..shapes).filter_map(|number| Self::random(family, seed, number))).collect()
    }

    /// The random case of this number; `None` where the family has none.
    pub(super) fn random(family: &'static Family, seed: u64, number: u64) -> Option<Self> {
        let name = format!("random shape {number} of seed {seed}");
        Self::drawn(family, &name, Draw::random(seed ^ hash(family.name), number))
    }

    /// The random case of these decisions. Its name decides what its inputs are filled with.
    pub(super) fn recorded(family: &'static Family, name: &str, decisions: &[u32]) -> Option<Self> {
        Self::drawn(family, name, Draw::recorded(decisions.to_vec()))
    }

    /// The case that the family declares under this name.
    pub(super) fn declared(family: &'static Family, name: &str) -> Option<Self> {
        let case = (family.cases)().into_iter().find(|case| case.name == name)?;
        Some(Self { family, case, decisions: None })
    }

    fn drawn(family: &'static Family, name: &str, mut draw: Draw) -> Option<Self> {
        let mut case = (family.random?)(&mut draw);
        name.clone_into(&mut case.name);
        Some(Self { family, case, decisions: Some(draw.decisions().to_vec()) })
    }

    /// The call in words: `Softmax { rows: 3, width: 5 }`, and the limits it is held to.
    pub(super) fn describe(&self) -> String {
        let Case { call, binding_bytes, workgroups, precision, .. } = &self.case;
        let mut words = format!("{call:?}");
        if let Some(bytes) = binding_bytes {
            words += &format!(", bindings of at most {bytes} bytes");
        }
        if let Some(workgroups) = workgroups {
            words += &format!(", at most {workgroups} workgroups along a dimension");
        }
        if *precision != Default::default() {
            words += &format!(", weights in {precision}");
        }
        words
    }
}

/// FNV-1a: the same on every machine and in every version.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::ALL;
    use crate::kernels::suite::Expectation;

    /// Every kernel has random cases; they make sense, the reference computes them, and their decisions make them again.
    #[test]
    fn random_cases_make_sense() {
        for family in ALL {
            for number in 0..25 {
                let trial = Trial::random(family, 7, number).unwrap();
                let words = trial.describe();
                trial.case.call.validate().unwrap_or_else(|error| panic!("{}: {words}: {error}", family.name));
                let again = Trial::recorded(family, &trial.case.name, trial.decisions.as_deref().unwrap()).unwrap();
                assert_eq!((again.describe(), &again.decisions), (words, &trial.decisions));
                if number < 6 {
                    let [one, two] = [&trial, &again].map(|trial| Expectation::of(&trial.case).unwrap());
                    let bytes = |expected: &Expectation| -> Vec<_> {
                        expected.outputs.iter().map(|output| output.as_bytes().to_vec()).collect()
                    };
                    assert_eq!(bytes(&one), bytes(&two), "{}: {}", family.name, trial.describe());
                }
            }
            let smallest = Trial::recorded(family, "smallest", &[]).unwrap();
            smallest.case.call.validate().unwrap();
            let elements: usize = smallest.case.call.operands().iter().flatten().map(|shape| shape.elements()).sum();
            assert!(elements < 1600, "{}: the simplest case has {elements} elements", family.name);
        }
    }
}
