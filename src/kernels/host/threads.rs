//! The threads that share a call's blocks, and the memory they work in.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use crate::tensor::{Error, Result};

/// Threads of the crate's own, apart from the thread pools of the program that embeds it.
#[derive(Debug)]
pub struct Threads {
    /// `None` where the calling thread does everything.
    pool: Option<ThreadPool>,
    count: usize,
    idle: Mutex<Vec<Vec<Line>>>,
}

/// A cache line, which scratch memory begins at.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Memory to work in, lent: its content is what the last borrower left there.
#[derive(Debug)]
pub(in crate::kernels) struct Scratch<'a> {
    lines: Vec<Line>,
    elements: usize,
    lender: &'a Mutex<Vec<Vec<Line>>>,
}

/// Threads that may be asked for where the processor runs fewer at once.
const MOST_THREADS: usize = 256;

impl Threads {
    /// Starts `count` threads; `None` for as many as the processor runs at once. An error for 0, and for so many that they
    /// would only be in each other's way.
    pub fn new(count: Option<usize>) -> Result<Self> {
        let parallel = std::thread::available_parallelism().map_or(1, usize::from);
        let most = parallel.max(MOST_THREADS);
        let count = match count {
            Some(0) => return Err(Error::usage("0 threads can do no work; ask for 1 or more")),
            Some(count) if count > most => {
                return Err(Error::usage(format!(
                    "{count} threads are too many for {parallel} processors; at most {most}"
                )));
            }
            Some(count) => count,
            None => parallel,
        };
        let pool = (count > 1).then(|| {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
            builder.thread_name(|index| format!("tubelet-{index}")).build()
        });
        let pool =
            pool.transpose().map_err(|error| Error::unsupported(format!("cannot start {count} threads: {error}")))?;
        Ok(Self { pool, count, idle: Mutex::default() })
    }

    /// The number of threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `block` once for each of `0..blocks`, in any order, several at a time.
    pub(in crate::kernels) fn run(&self, blocks: usize, block: impl Fn(usize) + Send + Sync) {
        match &self.pool {
            Some(pool) if blocks > 1 => {
                pool.install(|| (0..blocks).into_par_iter().with_max_len(1).for_each(block));
            }
            _ => (0..blocks).for_each(block),
        }
    }

    /// Calls `block` once for each run of `length` elements of `memory` (the last may be shorter) with its number.
    pub(in crate::kernels) fn chunks<T: Send>(
        &self,
        memory: &mut [T],
        length: usize,
        block: impl Fn(usize, &mut [T]) + Send + Sync,
    ) {
        let length = length.max(1);
        match &self.pool {
            Some(pool) if memory.len() > length => pool.install(|| {
                let chunks = memory.par_chunks_mut(length).enumerate().with_max_len(1);
                chunks.for_each(|(index, chunk)| block(index, chunk));
            }),
            _ => memory.chunks_mut(length).enumerate().for_each(|(index, chunk)| block(index, chunk)),
        }
    }

    /// Memory for `elements` floats, whose content is arbitrary.
    pub(in crate::kernels) fn scratch(&self, elements: usize) -> Scratch<'_> {
        let wanted = elements.div_ceil(Line::default().0.len());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().enumerate().filter(|(_, lines)| lines.len() >= wanted);
        let index = fitting.min_by_key(|(_, lines)| lines.len()).map(|(index, _)| index);
        let lines = index.map(|index| idle.swap_remove(index));
        // Memory too small for this call is likely to be too small for the next: it makes room for memory that fits.
        if lines.is_none() && idle.len() >= 4 * self.count {
            let smallest = idle.iter().enumerate().min_by_key(|(_, lines)| lines.len()).map(|(index, _)| index);
            smallest.map(|index| idle.swap_remove(index));
        }
        drop(idle);
        let lines = lines.unwrap_or_else(|| bytemuck::zeroed_vec(wanted));
        Scratch { lines, elements, lender: &self.idle }
    }
}

impl Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.elements]
    }
}

impl DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.elements]
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.lender.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.lines));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn threads_are_neither_none_nor_countless() {
        for (count, words) in [(0, "can do no work"), (usize::MAX, "are too many")] {
            let error = Threads::new(Some(count)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words), "{count}: {error}");
        }
    }

    #[test]
    fn every_block_runs_once() {
        for count in [1, 2, 5] {
            let threads = Threads::new(Some(count)).unwrap();
            let runs: Vec<_> = (0..37).map(|_| AtomicUsize::new(0)).collect();
            threads.run(runs.len(), |block| {
                runs[block].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
            let mut memory = [0; 10];
            threads.chunks(&mut memory, 4, |block, chunk| chunk.fill(block));
            assert_eq!(memory, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
        }
        assert!(Threads::new(Some(0)).is_err());
    }

    #[test]
    fn scratch_is_lent_again() {
        let threads = Threads::new(Some(1)).unwrap();
        threads.scratch(100)[99] = 7.0;
        assert_eq!(threads.scratch(100)[99], 7.0);
        let (first, second) = (threads.scratch(100), threads.scratch(100));
        assert_ne!(first.as_ptr(), second.as_ptr());
        assert!((first.as_ptr() as usize).is_multiple_of(64));
    }
}
