//! What a model keeps for repeated passes, within a budget of memory.

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gpu::Turns;
use crate::tensor::{ErrorKind, Result};

/// Things of any type by what they are for, made when they are first asked for and shared from then on. Where they take more
/// than a budget together, those that have not been used for longest are forgotten.
pub(super) struct Kept<K> {
    budget: u64,
    /// The one used last is the last.
    entries: Mutex<Vec<Entry<K>>>,
}

struct Entry<K> {
    key: K,
    /// Those who want the same thing wait here until one of them has made it.
    cell: Cell,
    /// What it takes of the budget: nothing before it is made.
    size: u64,
}

type Cell = Arc<Turns<Option<Box<dyn Any + Send + Sync>>>>;

impl<K: PartialEq + Clone> Kept<K> {
    /// Nothing yet, and never more than `budget` but for the thing used last.
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, entries: Mutex::default() }
    }

    /// The thing for `key`: the one that is kept, else what `make` makes, with its size.
    ///
    /// Where there is too little memory to make it, everything else is forgotten and it is tried once more.
    pub(super) async fn get<T, F>(&self, key: &K, make: impl Fn() -> F) -> Result<T>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(T, u64)>>,
    {
        let cell = self.used(key);
        let mut turn = cell.take().await;
        if let Some(made) = turn.as_ref().and_then(|made| made.downcast_ref::<T>()) {
            return Ok(made.clone());
        }
        let mut outcome = make().await;
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutOfMemory) && self.forget_all() {
            outcome = make().await;
        }
        let (made, size) = outcome?;
        *turn = Some(Box::new(made.clone()));
        self.keep(key, &cell, size);
        Ok(made)
    }

    /// What everything that is kept takes of the budget.
    pub(super) fn size(&self) -> u64 {
        self.entries().iter().map(|entry| entry.size).sum()
    }

    /// Forgets everything that has been made; whether there was any.
    pub(super) fn forget_all(&self) -> bool {
        let mut forgotten = Vec::new();
        let mut entries = self.entries();
        forgotten.extend(entries.extract_if(.., |entry| entry.size > 0));
        // Its memory is freed when nobody waits for the list.
        drop(entries);
        !forgotten.is_empty()
    }

    /// The place of the thing for `key`, which becomes the one used last.
    fn used(&self, key: &K) -> Cell {
        let mut entries = self.entries();
        let known = entries.iter().position(|entry| entry.key == *key);
        let entry = match known {
            Some(index) => entries.remove(index),
            None => Entry { key: key.clone(), cell: Arc::default(), size: 0 },
        };
        let cell = entry.cell.clone();
        // What nobody makes any more: its future was dropped, or it failed.
        entries.retain(|entry| entry.size > 0 || Arc::strong_count(&entry.cell) > 1);
        entries.push(entry);
        cell
    }

    /// Keeps what has been made in `cell`, and forgets what there is too much of.
    fn keep(&self, key: &K, cell: &Cell, size: u64) {
        let mut forgotten = Vec::new();
        let mut entries = self.entries();
        // It has been forgotten where there was too little memory for something else meanwhile.
        entries.retain(|entry| entry.key != *key);
        entries.push(Entry { key: key.clone(), cell: cell.clone(), size: size.max(1) });
        let mut total: u64 = entries.iter().map(|entry| entry.size).sum();
        while total > self.budget {
            let last = entries.len() - 1;
            let Some(index) = entries[..last].iter().position(|entry| entry.size > 0) else { break };
            total -= entries[index].size;
            forgotten.push(entries.remove(index));
        }
        drop(entries);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry<K>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::gpu::Pending;
    use crate::tensor::Error;

    /// Things of one size, whose makings are counted.
    struct Counted {
        kept: Kept<char>,
        made: AtomicUsize,
    }

    impl Counted {
        fn new(budget: u64) -> Self {
            Self { kept: Kept::new(budget), made: AtomicUsize::new(0) }
        }

        /// How many have been made once `key` has been asked for.
        fn made_after(&self, key: char) -> usize {
            let make = || async {
                self.made.fetch_add(1, Ordering::Relaxed);
                Ok((key.to_string(), 10))
            };
            let found: String = Pending::new(self.kept.get(&key, make)).wait().unwrap();
            assert_eq!(found, key.to_string());
            self.made.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let counted = Counted::new(20);
        assert_eq!([counted.made_after('a'), counted.made_after('b'), counted.made_after('a')], [1, 2, 2]);
        // Too much by one: b goes, a stays.
        assert_eq!([counted.made_after('c'), counted.made_after('a'), counted.made_after('b')], [3, 3, 4]);
        assert_eq!(counted.kept.size(), 20);
    }

    #[test]
    fn what_is_larger_than_the_budget_is_kept_alone() {
        let counted = Counted::new(5);
        assert_eq!([counted.made_after('a'), counted.made_after('a'), counted.made_after('b')], [1, 1, 2]);
        assert_eq!(counted.kept.size(), 10);
    }

    #[test]
    fn too_little_memory_forgets_the_rest_and_tries_again() {
        let counted = Counted::new(100);
        counted.made_after('a');
        let scarce = || async {
            match counted.kept.size() {
                0 => Ok(("b".to_owned(), 10)),
                _ => Err(Error::new(ErrorKind::OutOfMemory, "too little memory")),
            }
        };
        let found: String = Pending::new(counted.kept.get(&'b', scarce)).wait().unwrap();
        assert_eq!(found, "b");
        assert_eq!((counted.kept.size(), counted.made_after('b')), (10, 1));
    }

    #[test]
    fn a_failure_and_a_dropped_future_leave_nothing_behind() {
        let counted = Counted::new(100);
        let fails = || async { Err::<(String, u64), _>(Error::usage("no")) };
        assert!(Pending::new(counted.kept.get(&'a', fails)).wait().is_err());
        let mut never = Box::pin(counted.kept.get(&'b', std::future::pending::<Result<(String, u64)>>));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(never.as_mut().poll(&mut context).is_pending());
        drop(never);
        assert_eq!(counted.made_after('b'), 1);
        assert_eq!((counted.made_after('a'), counted.kept.entries().len()), (2, 2));
    }
}
