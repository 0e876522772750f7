//! A value that tasks use in turns.

use std::collections::VecDeque;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A value that one task uses at a time, in the order in which they ask, across awaits too, where a [`Mutex`] would hold up
/// a thread and all its tasks.
pub(crate) struct Turns<T: Default>(Mutex<State<T>>);

struct State<T> {
    /// Absent during a turn, which has it.
    value: Option<T>,
    /// Those who wait, by their numbers, the first in front.
    waiting: VecDeque<(u64, Waker)>,
    /// The number of the next to come.
    next: u64,
}

impl<T: Default> Turns<T> {
    /// Resolves when it is the caller's turn, which ends when the result is dropped.
    pub(crate) fn take(&self) -> Take<'_, T> {
        Take { turns: self, number: None }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Turns<T> {
    fn default() -> Self {
        Self(Mutex::new(State { value: Some(T::default()), waiting: VecDeque::new(), next: 0 }))
    }
}

impl<T> State<T> {
    /// The first of those who wait, where it can go on.
    fn awaited(&self) -> Option<Waker> {
        self.value.as_ref().and(self.waiting.front()).map(|(_, waker)| waker.clone())
    }
}

/// Someone who waits for a turn. Dropped, it lets the others pass.
pub(crate) struct Take<'a, T: Default> {
    turns: &'a Turns<T>,
    /// Among those who wait; none before it has been polled, and none once it had its turn.
    number: Option<u64>,
}

impl<'a, T: Default> Future for Take<'a, T> {
    type Output = Turn<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let turns = self.turns;
        let mut state = turns.state();
        let front = state.waiting.front().map(|(number, _)| *number);
        if front.is_none_or(|front| Some(front) == self.number)
            && let Some(value) = state.value.take()
        {
            if self.number.take().is_some() {
                state.waiting.pop_front();
            }
            return Poll::Ready(Turn { value, turns });
        }
        let waker = context.waker().clone();
        let replaced = match state.waiting.iter_mut().find(|(number, _)| Some(*number) == self.number) {
            Some((_, known)) => Some(std::mem::replace(known, waker)),
            None => {
                let number = state.next;
                state.next += 1;
                state.waiting.push_back((number, waker));
                self.number = Some(number);
                None
            }
        };
        // Whatever a waker owns may want a turn when it is dropped.
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<T: Default> Drop for Take<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.turns.state();
        let index = state.waiting.iter().position(|(waiting, _)| *waiting == number);
        let removed = index.and_then(|index| state.waiting.remove(index));
        let next = state.awaited();
        drop(state);
        drop(removed);
        next.into_iter().for_each(Waker::wake);
    }
}

/// Someone's turn.
pub(crate) struct Turn<'a, T: Default> {
    value: T,
    turns: &'a Turns<T>,
}

impl<T: Default> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.value = Some(std::mem::take(&mut self.value));
        let next = state.awaited();
        drop(state);
        next.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn turns_come_in_the_order_in_which_they_are_asked_for() {
        let turns = Turns::<()>::default();
        let mut idle = Context::from_waker(Waker::noop());
        let Poll::Ready(turn) = pin!(turns.take()).poll(&mut idle) else { panic!("it is nobody's turn yet") };
        let [mut first, mut second] = [(); 2].map(|()| Box::pin(turns.take()));
        assert!(first.as_mut().poll(&mut idle).is_pending() && second.as_mut().poll(&mut idle).is_pending());
        drop(turn);
        // Nobody gets in front of those who wait: neither the second nor one who comes now.
        assert!(second.as_mut().poll(&mut idle).is_pending() && pin!(turns.take()).poll(&mut idle).is_pending());
        let Poll::Ready(turn) = first.as_mut().poll(&mut idle) else { panic!("it is the first one's turn") };
        drop(turn);
        assert!(second.as_mut().poll(&mut idle).is_ready());
    }

    #[test]
    fn one_who_goes_when_it_is_its_turn_lets_the_next_know() {
        let turns = Turns::<()>::default();
        let mut idle = Context::from_waker(Waker::noop());
        let Poll::Ready(turn) = pin!(turns.take()).poll(&mut idle) else { panic!("it is nobody's turn yet") };
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let (mut gone, mut next) = (Box::pin(turns.take()), Box::pin(turns.take()));
        assert!(gone.as_mut().poll(&mut idle).is_pending());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(turn);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        drop(gone);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(next.as_mut().poll(&mut idle).is_ready());
    }

    #[test]
    fn those_who_wait_are_woken_and_one_who_has_gone_holds_up_nobody() {
        let turns = Turns::<Vec<u32>>::default();
        let mut idle = Context::from_waker(Waker::noop());
        let Poll::Ready(mut turn) = pin!(turns.take()).poll(&mut idle) else { panic!("it is nobody's turn yet") };
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let mut context = Context::from_waker(&waker);
        let mut gone = Box::pin(turns.take());
        assert!(gone.as_mut().poll(&mut idle).is_pending());
        let mut next = pin!(turns.take());
        assert!(next.as_mut().poll(&mut context).is_pending());
        drop(gone);
        turn.push(7);
        drop(turn);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(turn) = next.as_mut().poll(&mut context) else { panic!("the first one's turn is over") };
        assert_eq!(*turn, [7]);
    }
}
