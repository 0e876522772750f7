//! Work in threads, such as decoding, ahead of what is done with its results.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::tensor::{Error, ErrorKind, Result};

/// Decodes `items` in `workers` threads and hands each, with the time that it took, to `consume` on the caller's thread, one
/// after the other in their order. There is at most one item ready and one in work for each thread.
///
/// `decode` may fail for one item, of which `consume` is told; an error of `consume` ends it all. As for [`Ahead::start`],
/// `decode` must itself keep to `timeout`.
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
    let items: Vec<Arc<Item>> = items.into_iter().map(Arc::new).collect();
    let workers = workers.clamp(1, items.len().max(1));
    let mut ahead = Ahead::start(workers, timeout, move |item: &Arc<Item>| decode(item))?;
    let mut waiting = items.iter();
    let mut tickets: VecDeque<_> =
        waiting.by_ref().take(2 * workers).map(|item| ahead.push(Arc::clone(item))).collect();
    for item in &items {
        let Some(ticket) = tickets.pop_front() else { break };
        let (decoded, elapsed) = ahead.take(ticket)?;
        tickets.extend(waiting.next().map(|item| ahead.push(Arc::clone(item))));
        consume(item, decoded, elapsed)?;
    }
    Ok(())
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// Threads that do jobs in the order in which they were pushed. Whoever pushes bounds how many there are at a time.
#[doc(hidden)]
pub struct Ahead<Job, Done> {
    shared: Arc<Shared<Job, Done>>,
    timeout: Option<Duration>,
    pushed: u64,
    jobs: Sender<(u64, Job)>,
    events: Receiver<Event<Done>>,
    sender: Sender<Event<Done>>,
    ready: BTreeMap<u64, (Result<Done>, Duration)>,
    begun: BTreeMap<u64, Begun>,
}

/// By what the outcome of a job is asked for, once.
#[doc(hidden)]
#[derive(Debug)]
pub struct Ticket(u64);

type Work<Job, Done> = Box<dyn Fn(&Job) -> Result<Done> + Send + Sync>;

struct Shared<Job, Done> {
    work: Work<Job, Done>,
    queue: Mutex<Receiver<(u64, Job)>>,
}

/// A job in work.
struct Begun {
    at: Instant,
    /// Tells the thread that nobody waits for it any more.
    given_up: Arc<AtomicBool>,
}

enum Event<Done> {
    Begun(u64, Begun),
    Done(u64, Result<Done>, Duration),
}

impl<Job, Done> fmt::Debug for Ahead<Job, Done> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("timeout", &self.timeout).field("pushed", &self.pushed).finish_non_exhaustive()
    }
}

impl<Job: Send + 'static, Done: Send + 'static> Ahead<Job, Done> {
    /// Starts `workers` threads, at least one. `work` must itself keep to `timeout`; a thread that does not return soon after
    /// is left alone, its job has failed, and another thread replaces it.
    pub fn start(
        workers: usize,
        timeout: Option<Duration>,
        work: impl Fn(&Job) -> Result<Done> + Send + Sync + 'static,
    ) -> Result<Self> {
        let ((jobs, queue), (sender, events)) = (channel(), channel());
        let shared = Arc::new(Shared { work: Box::new(work), queue: Mutex::new(queue) });
        let (ready, begun) = (BTreeMap::new(), BTreeMap::new());
        let ahead = Self { shared, timeout, pushed: 0, jobs, events, sender, ready, begun };
        (0..workers.max(1)).try_for_each(|_| ahead.add())?;
        Ok(ahead)
    }

    fn add(&self) -> Result<()> {
        let (shared, sender) = (Arc::clone(&self.shared), self.sender.clone());
        let thread = std::thread::Builder::new().name("decoding".to_owned()).spawn(move || shared.work(&sender));
        let failed = |error| Error::new(ErrorKind::Io, format!("no thread can be started to decode videos: {error}"));
        thread.map(drop).map_err(failed)
    }

    /// Has a job done when those that were pushed before are done or in work.
    pub fn push(&mut self, job: Job) -> Ticket {
        let ticket = self.pushed;
        self.pushed += 1;
        // Its receiver lives as long as this does.
        let _ = self.jobs.send((ticket, job));
        Ticket(ticket)
    }

    /// Waits for the outcome of a job, and says how long it took.
    ///
    /// An error where no thread can be started in place of one that hangs.
    pub fn take(&mut self, Ticket(ticket): Ticket) -> Result<(Result<Done>, Duration)> {
        loop {
            if let Some(done) = self.ready.remove(&ticket) {
                return Ok(done);
            }
            match self.wait(ticket) {
                Some(Event::Begun(ticket, begun)) => _ = self.begun.insert(ticket, begun),
                Some(Event::Done(ticket, done, elapsed)) => {
                    // What was given up may come after all.
                    if self.begun.remove(&ticket).is_some() {
                        self.ready.insert(ticket, (done, elapsed));
                    }
                }
                None => return self.give_up(ticket),
            }
        }
    }

    /// What happens next; `None` where nothing is to be expected of this job any more.
    fn wait(&self, ticket: u64) -> Option<Event<Done>> {
        match self.begun.get(&ticket).zip(self.timeout) {
            None => self.events.recv().ok(),
            Some((begun, timeout)) => {
                let left = timeout.saturating_add(PATIENCE).saturating_sub(begun.at.elapsed());
                self.events.recv_timeout(left).ok()
            }
        }
    }

    fn give_up(&mut self, ticket: u64) -> Result<(Result<Done>, Duration)> {
        let elapsed = self.begun.remove(&ticket).map_or(Duration::ZERO, |begun| {
            begun.given_up.store(true, Ordering::Relaxed);
            begun.at.elapsed()
        });
        self.add()?;
        let seconds = self.timeout.unwrap_or_default().as_secs_f64();
        Ok((Err(Error::file(format!("it could not be read within {seconds} seconds, and its decoder hangs"))), elapsed))
    }
}

/// How much longer than its time a job is waited for: its decoder notices by itself, as a rule.
const PATIENCE: Duration = Duration::from_secs(2);

impl<Job, Done> Drop for Ahead<Job, Done> {
    /// What nobody wants any more is not begun; threads end with what they have in work.
    fn drop(&mut self) {
        self.jobs = channel().0;
        while self.shared.next().is_some() {}
    }
}

impl<Job, Done> Shared<Job, Done> {
    fn next(&self) -> Option<(u64, Job)> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    fn work(&self, sender: &Sender<Event<Done>>) {
        while let Some((ticket, job)) = self.next() {
            let given_up = Arc::new(AtomicBool::new(false));
            let begun = Begun { at: Instant::now(), given_up: Arc::clone(&given_up) };
            if sender.send(Event::Begun(ticket, begun)).is_err() {
                return;
            }
            let work = || catch_unwind(AssertUnwindSafe(|| (self.work)(&job)));
            let (done, elapsed) = timed(|| work().unwrap_or_else(|_| Err(panicked())));
            let heard = sender.send(Event::Done(ticket, done, elapsed)).is_ok();
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
