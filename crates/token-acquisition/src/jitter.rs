//! A little chance, so that those who were equal do not stay equal.

use aws_lc_rs::rand;

/// A number from 0 up to 1. Where no randomness can be had it is 0, which is a valid draw.
pub(crate) fn fraction() -> f64 {
    f64::from(drawn()) / (f64::from(u32::MAX) + 1.0)
}

/// How many thousandths, up to a tenth of all.
pub(crate) fn thousandths() -> u32 {
    drawn() % 101
}

fn drawn() -> u32 {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_err() {
        return 0;
    }
    u32::from_le_bytes(bytes)
}
