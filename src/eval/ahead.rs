//! Decoding in threads, ahead of what is done with it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::tensor::{Error, ErrorKind, Result};

/// Decodes `items` in `workers` threads and hands each, with the time that it took, to `consume` on the caller's thread, one
/// after the other in their order. A thread has at most one item ready and one in work.
///
/// `decode` may fail for one item, of which `consume` is told; an error of `consume` ends it all.
pub fn decode_ahead<Item: Sync, Decoded: Send>(
    items: &[Item],
    workers: usize,
    decode: &(dyn Fn(&Item) -> Result<Decoded> + Sync),
    mut consume: impl FnMut(&Item, Result<Decoded>, Duration) -> Result<()>,
) -> Result<()> {
    let workers = workers.clamp(1, items.len().max(1));
    std::thread::scope(|scope| {
        // Worker w decodes every w-th item, so that taking from them in turn keeps their order.
        let queues: Vec<Receiver<_>> = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(1);
                let mut own = items.iter().skip(worker).step_by(workers);
                // Nobody listens any more once the caller has ended.
                scope.spawn(move || own.all(|item| sender.send(timed(|| decode(item))).is_ok()));
                receiver
            })
            .collect();
        items.iter().enumerate().try_for_each(|(place, item)| {
            let (decoded, decoding) = queues[place % workers].recv().map_err(|_| stopped())?;
            consume(item, decoded, decoding)
        })
    })
}

fn stopped() -> Error {
    Error::new(ErrorKind::Io, "a thread that decodes videos ended too early")
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_their_order_and_failures_among_them() {
        let items: Vec<u64> = (0..20).collect();
        let decode = |item: &u64| {
            std::thread::sleep(Duration::from_millis(item * 7 % 5));
            if *item == 7 { Err(Error::file("broken")) } else { Ok(10 * item) }
        };
        for workers in [0, 1, 3, 100] {
            let mut seen = Vec::new();
            let consume = |item: &u64, decoded: Result<u64>, _| {
                seen.push((*item, decoded.ok()));
                Ok(())
            };
            decode_ahead(&items, workers, &decode, consume).unwrap();
            let expected: Vec<_> = items.iter().map(|item| (*item, (*item != 7).then_some(10 * item))).collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn an_error_of_the_consumer_ends_it() {
        let mut seen = 0;
        let consume = |_: &u64, _: Result<u64>, _| {
            seen += 1;
            if seen == 3 { Err(Error::usage("enough")) } else { Ok(()) }
        };
        assert!(decode_ahead(&[0; 1000], 4, &|item| Ok(*item), consume).is_err());
        assert_eq!(seen, 3);
    }
}
