//! How requests are put together: twenty at most, and those that wait for each other in one.

use crate::GraphError;

/// What Graph takes at once.
const MOST: usize = 20;

/// Splits what is still to be asked. `after` has, for each request, the earlier ones that it waits
/// for.
pub(super) fn groups(pending: &[usize], after: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, GraphError> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for &at in pending {
        let waits_for = after.get(at).map(Vec::as_slice).unwrap_or_default();
        let (joined, others): (Vec<_>, Vec<_>) =
            chains.into_iter().partition(|chain| chain.iter().any(|before| waits_for.contains(before)));
        chains = others;
        chains.push(joined.into_iter().flatten().chain([at]).collect());
    }
    if chains.iter().any(|chain| chain.len() > MOST) {
        return Err(GraphError::misconfigured(
            "more than 20 requests of a batch wait for each other",
            "send them in several batches",
        ));
    }
    chains.sort_unstable_by_key(|chain| chain.first().copied());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for chain in chains {
        match groups.last_mut().filter(|group| group.len() + chain.len() <= MOST) {
            Some(group) => group.extend(chain),
            None => groups.push(chain),
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_at_most_and_chains_together() {
        let alone = vec![Vec::new(); 45];
        let pending: Vec<usize> = (0..45).collect();
        let sizes: Vec<usize> = groups(&pending, &alone).unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [20, 20, 5]);

        let mut after = vec![Vec::new(); 25];
        after[24] = vec![0];
        let split = groups(&(0..25).collect::<Vec<_>>(), &after).unwrap();
        let of = |at: usize| split.iter().position(|group| group.contains(&at));
        assert_eq!(of(24), of(0));
        assert!(split.iter().all(|group| group.len() <= 20));
        assert_eq!(split.iter().flatten().count(), 25);
        // What was waited for has been answered: nothing holds the other one.
        assert_eq!(groups(&[24], &after).unwrap(), [vec![24]]);
    }

    #[test]
    fn a_chain_that_is_too_long_is_refused() {
        let after: Vec<Vec<usize>> =
            (0..21_usize).map(|at| at.checked_sub(1).into_iter().collect()).collect();
        assert!(groups(&(0..21).collect::<Vec<_>>(), &after).is_err());
        assert_eq!(groups(&[], &after).unwrap().len(), 0);
    }
}
