//! One line of the report before it is measured: ours, the floor and, where there is one, a peer.

use anyhow::{Context, Result};

use super::{
    figure::Figure,
    gate::Gate,
    report::{Peer, Row},
    turns::{self, Op},
};

/// Who takes turns, and what ours is held against.
pub(super) struct Contest {
    pub(super) name: String,
    pub(super) threads: Threads,
    pub(super) gate: Gate,
    pub(super) goal: Gate,
    pub(super) ours: Op,
    pub(super) floor: (&'static str, Op),
    pub(super) peer: Option<(&'static str, Op)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    One,
    Two,
}

/// Enough operations to see one that allocates now and then.
const COUNTED: u32 = 1_000;

impl Contest {
    pub(super) fn measure(self, rounds: usize) -> Result<Row> {
        let peer = self.peer.as_ref();
        let mut contestants = vec![&self.ours, &self.floor.1];
        contestants.extend(peer.map(|(_, op)| op));
        let samples = match self.threads {
            Threads::One => turns::alone(&contestants, rounds),
            Threads::Two => turns::by_two(&contestants, rounds),
        };
        let mut figures = samples.into_iter().map(Figure::of);
        let mut next = || figures.next().flatten().context("no round was left undisturbed; try again");
        let (ours, floor) = (next()?, next()?);
        let peer = match peer {
            Some((name, op)) => Some(Peer { name, figure: next()?, allocations: count(op) }),
            None => None,
        };
        Ok(Row {
            allocations: Some(count(&self.ours)),
            name: self.name,
            ours,
            floor,
            floor_is: self.floor.0,
            peer,
            gate: self.gate,
            goal: self.goal,
        })
    }
}

/// How many allocations one operation makes.
fn count(op: &Op) -> f64 {
    let counted = allocation_counter::measure(|| op(COUNTED));
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let all = counted.count_total as f64;
    all / f64::from(COUNTED)
}
