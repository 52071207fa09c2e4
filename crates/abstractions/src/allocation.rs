//! What a piece of memory takes, as an allocator hands it out: what a bounded cache counts.

/// An allocation of so many bytes: most allocators hand out sixteens, thirty-two at least, and keep
/// eight of them for themselves.
pub(crate) const fn allocated(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let taken = (bytes + 8).next_multiple_of(16);
    if taken < 32 { 32 } else { taken }
}

/// So many bytes behind an `Arc`, with its two counts before them.
pub(crate) const fn shared(bytes: usize) -> usize {
    allocated(bytes + 2 * size_of::<usize>())
}
