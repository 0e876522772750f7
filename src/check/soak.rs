//! Random shapes until the time is over.

use std::time::Instant;

use super::case::Trial;
use super::kernels::Session;

impl Session<'_> {
    /// Goes on with random shapes, a kernel after the other, for as long as was asked.
    pub(super) fn soak(&mut self) {
        let checks = self.checks;
        let Some(time) = checks.soak else { return };
        let begun = Instant::now();
        self.soaking = Some(begun);
        self.watch.begin(&self.findings.name, time.as_secs().max(1));
        // After those that every run has.
        for number in checks.shapes.. {
            let trials = checks.families.iter().filter_map(|family| Trial::random(family, checks.seed, number));
            let mut any = false;
            for trial in trials {
                if begun.elapsed() >= time || self.stopped().is_some() {
                    return;
                }
                any = true;
                self.trial(&trial, false);
            }
            if !any {
                return;
            }
        }
    }
}
