//! In which order clips are shown.

use std::collections::BTreeMap;

use crate::train::Remainder;
use crate::video::augment::{Draws, Purpose};

/// A place in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) epoch: u64,
    /// From 0 on.
    pub(super) number: usize,
}

/// The orders of epochs, drawn when they are first asked for.
#[derive(Debug)]
pub(super) struct Orders {
    seed: u64,
    clips: usize,
    batch: usize,
    /// Clips of an epoch that are shown.
    shown: usize,
    drawn: BTreeMap<u64, Vec<usize>>,
}

impl Orders {
    pub(super) fn new(seed: u64, clips: usize, batch: usize, remainder: Remainder) -> Self {
        let shown = match remainder {
            Remainder::Drop => clips - clips % batch,
            Remainder::Keep => clips,
        };
        Self { seed, clips, batch, shown, drawn: BTreeMap::new() }
    }

    /// Batches of an epoch.
    pub(super) fn batches(&self) -> u64 {
        self.shown.div_ceil(self.batch) as u64
    }

    /// Clips of batch `batch` of an epoch.
    pub(super) fn clips_in(&self, batch: u64) -> usize {
        self.batch.min(self.shown - self.first_of(0, batch).number)
    }

    /// The place of the first clip of a batch.
    pub(super) fn first_of(&self, epoch: u64, batch: u64) -> Slot {
        let number = usize::try_from(batch).unwrap_or(usize::MAX).saturating_mul(self.batch).min(self.shown);
        Slot { epoch, number }
    }

    pub(super) fn after(&self, Slot { epoch, number }: Slot) -> Slot {
        match number + 1 < self.shown {
            true => Slot { epoch, number: number + 1 },
            false => Slot { epoch: epoch + 1, number: 0 },
        }
    }

    /// The clip at a place.
    pub(super) fn index(&mut self, slot: Slot) -> usize {
        self.order(slot.epoch)[slot.number]
    }

    /// The clip at a place; where it has failed, the next in the epoch's order that has not, from its beginning again at its
    /// end. `None` where all have.
    pub(super) fn readable<Reason>(&mut self, slot: Slot, failed: &BTreeMap<usize, Reason>) -> Option<usize> {
        let (before, after) = self.order(slot.epoch).split_at(slot.number);
        after.iter().chain(before).copied().find(|index| !failed.contains_key(index))
    }

    pub(super) fn forget_before(&mut self, epoch: u64) {
        self.drawn.retain(|drawn, _| *drawn >= epoch);
    }

    fn order(&mut self, epoch: u64) -> &[usize] {
        let (seed, clips) = (self.seed, self.clips);
        self.drawn.entry(epoch).or_insert_with(|| Draws::new(seed, epoch).stream(0, Purpose::Order).permutation(clips))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(orders: &mut Orders, epoch: u64) -> Vec<usize> {
        (0..orders.shown).map(|number| orders.index(Slot { epoch, number })).collect()
    }

    #[test]
    fn an_epoch_is_a_permutation_of_its_own() {
        let mut orders = Orders::new(7, 20, 3, Remainder::Keep);
        let (first, second) = (order(&mut orders, 0), order(&mut orders, 1));
        for epoch in [&first, &second] {
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        }
        assert_ne!(first, second);
        assert_ne!(first, order(&mut Orders::new(8, 20, 3, Remainder::Keep), 0));
        orders.forget_before(5);
        assert_eq!(order(&mut orders, 0), first);
    }

    #[test]
    fn a_remainder_is_dropped_or_kept() {
        let of = |remainder| Orders::new(0, 20, 3, remainder);
        let (dropped, kept) = (of(Remainder::Drop), of(Remainder::Keep));
        assert_eq!((dropped.batches(), dropped.clips_in(5)), (6, 3));
        assert_eq!((kept.batches(), kept.clips_in(5), kept.clips_in(6)), (7, 3, 2));
        assert_eq!(dropped.after(Slot { epoch: 2, number: 17 }), Slot { epoch: 3, number: 0 });
        assert_eq!(kept.after(Slot { epoch: 2, number: 17 }), Slot { epoch: 2, number: 18 });
        assert_eq!(of(Remainder::Drop).first_of(4, 2), Slot { epoch: 4, number: 6 });
        assert_eq!(Orders::new(0, 2, 3, Remainder::Drop).batches(), 0);
    }

    #[test]
    fn the_next_that_has_not_failed_takes_the_place() {
        let mut orders = Orders::new(7, 5, 1, Remainder::Drop);
        let order = order(&mut orders, 0);
        let last = Slot { epoch: 0, number: 4 };
        let mut failed = BTreeMap::from([(order[4], ()), (order[0], ())]);
        assert_eq!(orders.readable(last, &failed), Some(order[1]));
        assert_eq!(orders.readable(Slot { epoch: 0, number: 2 }, &failed), Some(order[2]));
        failed.extend(order.iter().map(|index| (*index, ())));
        assert_eq!(orders.readable(last, &failed), None);
    }
}
