//! Finding the call that went wrong.

use std::fmt;

use super::{Executor, Feeds, Graph, Origin, Value};
use crate::gpu::Pending;
use crate::tensor::{Closeness, Error, Result, Tensor, Tolerance};

/// The first call on which two executors differ.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Divergence {
    /// The call's index in [`Graph::nodes`].
    pub index: usize,
    /// The kernel it calls.
    pub kernel: &'static str,
    /// The value it computes.
    pub value: String,
    /// How far apart the two results are.
    pub closeness: Closeness,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} ({}) computes {}: {}", self.index, self.kernel, self.value, self.closeness)
    }
}

impl Divergence {
    /// The call that computes `value`, which is this far off; an error where no call computes it.
    pub(crate) fn at(graph: &Graph, value: Value, closeness: Closeness) -> Result<Self> {
        let name = graph.name(value);
        let call = match graph.origin(value) {
            Origin::Call(index) => graph.nodes().get(*index).map(|node| (*index, node)),
            _ => None,
        };
        let (index, node) = call.ok_or_else(|| Error::usage(format!("no call computes {name}")))?;
        Ok(Self { index, kernel: node.call.family().name, value: name.to_owned(), closeness })
    }
}

/// Runs the same graph on two executors and names the first call whose result differs by more than `tolerance`; `None`
/// where all agree.
///
/// Reads every value of the graph back from both: meant for small clips.
///
/// ```no_run
/// # use tubelet::graph::Executor;
/// # fn shown(suspect: &dyn Executor, trusted: &dyn Executor, clip: &tubelet::Tensor) -> tubelet::Result<()> {
/// use tubelet::graph::{Feed, bisect};
/// use tubelet::tensor::Tolerance;
///
/// let feeds = [("clip", Feed::Host(clip))];
/// match bisect(suspect, trusted, &feeds, Tolerance::MODEL).wait()? {
///     Some(divergence) => println!("{divergence}"),
///     None => println!("all calls agree"),
/// }
/// # Ok(())
/// # }
/// ```
pub fn bisect<'a>(
    suspect: &'a dyn Executor,
    trusted: &'a dyn Executor,
    feeds: &'a Feeds<'a>,
    tolerance: Tolerance,
) -> Pending<'a, Option<Divergence>> {
    Pending::new(async move {
        let computed: Vec<_> = suspect.graph().computed().collect();
        if !computed.iter().copied().eq(trusted.graph().computed()) {
            return Err(Error::usage("the two executors run different graphs"));
        }
        let actual = suspect.run(feeds, &computed).await?;
        let expected = trusted.run(feeds, &computed).await?;
        first_divergence(suspect.graph(), &actual, &expected, tolerance)
    })
}

/// The first call of `graph` whose outputs differ. `actual` and `expected` are all computed values, in order.
pub(crate) fn first_divergence(
    graph: &Graph,
    actual: &[Tensor],
    expected: &[Tensor],
    tolerance: Tolerance,
) -> Result<Option<Divergence>> {
    let computed: Vec<_> = graph.computed().collect();
    for node in graph.nodes() {
        for value in node.outputs() {
            let Some(read) = computed.iter().position(|computed| *computed == value) else { continue };
            let closeness = Closeness::between(&actual[read], &expected[read])
                .ok_or_else(|| Error::usage(format!("the executors disagree on the shape of {}", graph.name(value))))?;
            if !closeness.within(tolerance) {
                return Divergence::at(graph, value, closeness).map(Some);
            }
        }
    }
    Ok(None)
}
