//! A value that tasks use in turns.

use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A value that one task uses at a time, across awaits too, where a [`Mutex`] would hold up a thread and all its tasks.
pub(crate) struct Turns<T: Default>(Mutex<State<T>>);

struct State<T> {
    /// Absent during a turn, which has it.
    value: Option<T>,
    waiting: Vec<Waker>,
}

impl<T: Default> Turns<T> {
    /// Resolves when it is the caller's turn, which ends when the result is dropped.
    pub(crate) async fn take(&self) -> Turn<'_, T> {
        poll_fn(|context| {
            let mut state = self.state();
            match state.value.take() {
                Some(value) => Poll::Ready(Turn { value, turns: self }),
                None => {
                    if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        state.waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Turns<T> {
    fn default() -> Self {
        Self(Mutex::new(State { value: Some(T::default()), waiting: Vec::new() }))
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
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // All of them: one that is no longer polled would keep the others asleep.
        waiting.into_iter().for_each(Waker::wake);
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
