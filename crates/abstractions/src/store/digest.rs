//! One SHA-256 over parts, none of which can be taken for another's end.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// As much as nearly all keys take: what fits is put together and digested in one call.
const ROOM: usize = 512;

/// The digest of these parts, each with its length before it, so that no two lists read the same.
pub(super) fn of<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> [u8; 32] {
    let mut room = [0; ROOM];
    let mut filled = 0;
    let mut context: Option<Context> = None;
    for part in parts {
        let part = part.as_ref();
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
        for bytes in [length.as_slice(), part] {
            if let Some(free) = room.get_mut(filled..filled + bytes.len()) {
                free.copy_from_slice(bytes);
                filled += bytes.len();
                continue;
            }
            let context = context.get_or_insert_with(|| Context::new(&SHA256));
            context.update(room.get(..filled).unwrap_or_default());
            context.update(bytes);
            filled = 0;
        }
    }
    let rest = room.get(..filled).unwrap_or_default();
    let digest = match context {
        None => digest(&SHA256, rest),
        Some(mut context) => {
            context.update(rest);
            context.finish()
        }
    };
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_whatever_fits() {
        for lengths in
            [vec![], vec![0], vec![3, 0, 7], vec![504], vec![505], vec![500, 4, 1], vec![1, 2_000, 600, 5]]
        {
            let parts: Vec<Vec<u8>> = lengths.iter().map(|length| vec![b'?'; *length]).collect();
            let mut whole = Vec::new();
            for part in &parts {
                whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
                whole.extend_from_slice(part);
            }
            assert_eq!(of(&parts), digest(&SHA256, &whole).as_ref(), "{lengths:?}");
        }
    }
}
