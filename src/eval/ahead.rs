//! Decoding in threads, ahead of what is done with it.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::tensor::{Error, ErrorKind, Result};

/// Decodes `items` in `workers` threads and hands each, with the time that it took, to `consume` on the caller's thread, one
/// after the other in their order. There is at most one item ready and one in work for each thread.
///
/// `decode` may fail for one item, of which `consume` is told; an error of `consume` ends it all. `decode` must itself
/// keep to `timeout`; a thread that does not return soon after is left alone, its item has failed, and another thread
/// replaces it.
///
/// ```
/// let mut sum = 0;
/// tubelet::eval::decode_ahead(vec![1, 2, 3], 2, None, |item| Ok(item * 10), |_, decoded, _| {
///     sum += decoded?;
///     Ok(())
/// })?;
/// assert_eq!(sum, 60);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[doc(hidden)]
pub fn decode_ahead<Item, Decoded>(
    items: Vec<Item>,
    workers: usize,
    timeout: Option<Duration>,
    decode: impl Fn(&Item) -> Result<Decoded> + Send + Sync + 'static,
    mut consume: impl FnMut(&Item, Result<Decoded>, Duration) -> Result<()>,
) -> Result<()>
where
    Item: Send + Sync + 'static,
    Decoded: Send + 'static,
{
    let items: Arc<[Item]> = items.into();
    let mut threads = Threads::start(Arc::clone(&items), workers, timeout, Box::new(decode))?;
    items.iter().enumerate().try_for_each(|(index, item)| {
        let (decoded, elapsed) = threads.take(index)?;
        consume(item, decoded, elapsed)
    })
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

type Decode<Item, Decoded> = Box<dyn Fn(&Item) -> Result<Decoded> + Send + Sync>;

/// Threads that decode, and what they have decoded so far. Items go by their indices.
struct Threads<Item, Decoded> {
    shared: Arc<Shared<Item, Decoded>>,
    timeout: Option<Duration>,
    waiting: VecDeque<usize>,
    jobs: Sender<usize>,
    events: Receiver<Event<Decoded>>,
    sender: Sender<Event<Decoded>>,
    ready: BTreeMap<usize, (Result<Decoded>, Duration)>,
    begun: BTreeMap<usize, Begun>,
}

struct Shared<Item, Decoded> {
    items: Arc<[Item]>,
    decode: Decode<Item, Decoded>,
    queue: Mutex<Receiver<usize>>,
}

/// An item in work.
struct Begun {
    at: Instant,
    /// Tells the thread that nobody waits for it any more.
    given_up: Arc<AtomicBool>,
}

enum Event<Decoded> {
    Begun(usize, Begun),
    Decoded(usize, Result<Decoded>, Duration),
}

impl<Item: Send + Sync + 'static, Decoded: Send + 'static> Threads<Item, Decoded> {
    fn start(
        items: Arc<[Item]>,
        workers: usize,
        timeout: Option<Duration>,
        decode: Decode<Item, Decoded>,
    ) -> Result<Self> {
        let workers = workers.clamp(1, items.len().max(1));
        let ((jobs, queue), (sender, events)) = (channel(), channel());
        let waiting = (0..items.len()).collect();
        let shared = Arc::new(Shared { items, decode, queue: Mutex::new(queue) });
        let (ready, begun) = (BTreeMap::new(), BTreeMap::new());
        let mut threads = Self { shared, timeout, waiting, jobs, events, sender, ready, begun };
        (0..workers).try_for_each(|_| threads.add())?;
        (0..2 * workers).for_each(|_| threads.hand_out());
        Ok(threads)
    }

    fn add(&self) -> Result<()> {
        let (shared, sender) = (Arc::clone(&self.shared), self.sender.clone());
        let thread = std::thread::Builder::new().name("decoding".to_owned()).spawn(move || shared.work(&sender));
        let failed = |error| Error::new(ErrorKind::Io, format!("no thread can be started to decode videos: {error}"));
        thread.map(drop).map_err(failed)
    }

    fn hand_out(&mut self) {
        if let Some(job) = self.waiting.pop_front() {
            // Its receiver lives as long as this does.
            let _ = self.jobs.send(job);
        }
    }

    /// The outcome of item `index`, the next in order.
    fn take(&mut self, index: usize) -> Result<(Result<Decoded>, Duration)> {
        let decoded = loop {
            if let Some(decoded) = self.ready.remove(&index) {
                break decoded;
            }
            match self.wait(index) {
                Some(Event::Begun(index, begun)) => _ = self.begun.insert(index, begun),
                Some(Event::Decoded(index, decoded, elapsed)) => {
                    // What was given up may come after all.
                    if self.begun.remove(&index).is_some() {
                        self.ready.insert(index, (decoded, elapsed));
                    }
                }
                None => break self.give_up(index)?,
            }
        };
        self.hand_out();
        Ok(decoded)
    }

    /// What happens next; `None` where nothing is to be expected of this item any more.
    fn wait(&self, index: usize) -> Option<Event<Decoded>> {
        match self.begun.get(&index).zip(self.timeout) {
            None => self.events.recv().ok(),
            Some((begun, timeout)) => {
                let left = timeout.saturating_add(PATIENCE).saturating_sub(begun.at.elapsed());
                self.events.recv_timeout(left).ok()
            }
        }
    }

    fn give_up(&mut self, index: usize) -> Result<(Result<Decoded>, Duration)> {
        let elapsed = self.begun.remove(&index).map_or(Duration::ZERO, |begun| {
            begun.given_up.store(true, Ordering::Relaxed);
            begun.at.elapsed()
        });
        self.add()?;
        let seconds = self.timeout.unwrap_or_default().as_secs_f64();
        Ok((Err(Error::file(format!("it could not be read within {seconds} seconds, and its decoder hangs"))), elapsed))
    }
}

/// How much longer than its time an item is waited for: its decoder notices by itself, as a rule.
const PATIENCE: Duration = Duration::from_secs(2);

impl<Item, Decoded> Drop for Threads<Item, Decoded> {
    /// What nobody wants any more is not begun; threads end with what they have in work.
    fn drop(&mut self) {
        self.jobs = channel().0;
        while self.shared.next().is_some() {}
    }
}

impl<Item, Decoded> Shared<Item, Decoded> {
    fn next(&self) -> Option<usize> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    fn work(&self, sender: &Sender<Event<Decoded>>) {
        while let Some(index) = self.next() {
            let given_up = Arc::new(AtomicBool::new(false));
            let begun = Begun { at: Instant::now(), given_up: Arc::clone(&given_up) };
            if sender.send(Event::Begun(index, begun)).is_err() {
                return;
            }
            let decode = || catch_unwind(AssertUnwindSafe(|| (self.decode)(&self.items[index])));
            let (decoded, elapsed) = timed(|| decode().unwrap_or_else(|_| Err(panicked())));
            let heard = sender.send(Event::Decoded(index, decoded, elapsed)).is_ok();
            if !heard || given_up.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Io, "its decoder failed by a mistake of this program, which is worth a report")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_their_order_and_failures_among_them() {
        let items: Vec<u64> = (0..20).collect();
        let decode = |item: &u64| {
            std::thread::sleep(Duration::from_millis(item * 7 % 5));
            match *item {
                7 => Err(Error::file("broken")),
                9 => panic!("a mistake"),
                item => Ok(10 * item),
            }
        };
        for workers in [0, 1, 3, 100] {
            let mut seen = Vec::new();
            let consume = |item: &u64, decoded: Result<u64>, _| {
                seen.push((*item, decoded.ok()));
                Ok(())
            };
            decode_ahead(items.clone(), workers, None, decode, consume).unwrap();
            let right = |item: u64| (item != 7 && item != 9).then_some(10 * item);
            assert_eq!(seen, items.iter().map(|item| (*item, right(*item))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_consumer_ends_it() {
        let mut seen = 0;
        let consume = |_: &u64, _: Result<u64>, _| {
            seen += 1;
            if seen == 3 { Err(Error::usage("enough")) } else { Ok(()) }
        };
        assert!(decode_ahead(vec![0; 1000], 4, None, |item| Ok(*item), consume).is_err());
        assert_eq!(seen, 3);
    }

    /// More items hang than there are threads, neighbours among them, and one is only late.
    #[test]
    fn a_decoder_that_hangs_is_left_alone() {
        let (_kept, never) = channel::<()>();
        let never = Mutex::new(never);
        let decode = move |item: &usize| {
            if [2, 3, 7, 8, 9].contains(item) {
                let _ = never.lock().map(|never| never.recv());
            }
            if *item == 5 {
                std::thread::sleep(Duration::from_millis(500));
            }
            Ok(*item)
        };
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        let consume = |item: &usize, decoded: Result<usize>, _| {
            match decoded {
                Ok(_) => done.push(*item),
                Err(error) => {
                    assert!(error.to_string().contains("within 0.1 seconds"), "{error}");
                    failed.push(*item);
                }
            }
            Ok(())
        };
        decode_ahead((0..12).collect(), 2, Some(Duration::from_millis(100)), decode, consume).unwrap();
        assert_eq!((done, failed), (vec![0, 1, 4, 5, 6, 10, 11], vec![2, 3, 7, 8, 9]));
    }
}
