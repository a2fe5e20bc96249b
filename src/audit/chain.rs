//! What ties records together.
//!
//! * A **leaf** is the hash of one record with its place: its segment and its number in it.
//! * The **moving key** authenticates each record with the tag before it, and is replaced by its own hash afterwards:
//!   who takes it today cannot make the tags of yesterday.
//! * A **tree** (RFC 9162, 2.1) over the leaves between two checkpoints has one root, which the checkpoint signs. A path
//!   through it proves one record to somebody who must not see the others.

use crate::crypto::seal;
use crate::secret::Secret;

/// Length of every hash, key and tag here, in bytes.
pub const LEN: usize = 32;

/// A hash.
pub type Hash = [u8; LEN];

/// The hash of one record at its place.
pub fn leaf(segment: &[u8; 16], number: u64, record: &[u8]) -> Hash {
    seal::digest_of(&[b"\0", segment, &number.to_le_bytes(), record])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    seal::digest_of(&[b"\x01", left, right])
}

/// The head of a segment after another checkpoint.
pub fn head(before: &Hash, root: &Hash, first: u64, end: u64) -> Hash {
    seal::digest_of(&[b"\x02", before, root, &first.to_le_bytes(), &end.to_le_bytes()])
}

/// The key that moves forward.
pub struct MovingKey(Secret);

impl MovingKey {
    /// Begins with this key.
    pub const fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The key as it is now, to be sealed.
    pub const fn now(&self) -> &Secret {
        &self.0
    }

    /// The tag of a leaf behind the tag before it; the key moves on.
    pub fn tag(&mut self, before: &Hash, leaf: &Hash) -> Hash {
        let tag = seal::code(&self.0, &[before, leaf]);
        let next = seal::digest_of(&[b"\x03", self.0.expose()]);
        self.0.expose_mut().copy_from_slice(&next);
        tag
    }
}

/// A tree that grows by leaves. It keeps the roots of its whole subtrees, at most one of each height.
#[derive(Clone, Default)]
pub struct Tree {
    /// (leaves, root), the largest first.
    whole: Vec<(u64, Hash)>,
}

impl Tree {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut count, mut root) = (1, leaf);
        while let Some((leaves, left)) = self.whole.pop() {
            if leaves != count {
                self.whole.push((leaves, left));
                break;
            }
            root = node(&left, &root);
            count += leaves;
        }
        self.whole.push((count, root));
    }

    /// The root; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.whole.iter().rev();
        let Some((_, last)) = subtrees.next() else { return seal::digest_of(&[]) };
        subtrees.fold(*last, |right, (_, left)| node(left, &right))
    }
}

/// The path of the leaf at `index`, from the leaf up: what [`climb`] needs to come to the root.
pub fn path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    leaves.get(index)?;
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
        if index < left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            index -= left.len();
            path.push(root(left));
            leaves = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root that the leaf at `index` of `count` comes to along `path`.
pub fn climb(leaf: Hash, index: u64, count: u64, path: &[Hash]) -> Option<Hash> {
    // The turns from the root down, then taken from the leaf up.
    let mut turns = Vec::new();
    let (mut count, mut index) = (count, index);
    if index >= count {
        return None;
    }
    while count > 1 {
        let left = split_of(count);
        let goes_left = index < left;
        turns.push(goes_left);
        if goes_left {
            count = left;
        } else {
            index -= left;
            count -= left;
        }
    }
    if turns.len() != path.len() {
        return None;
    }
    let steps = turns.iter().rev().zip(path);
    Some(steps.fold(
        leaf,
        |hash, (goes_left, other)| {
            if *goes_left { node(&hash, other) } else { node(other, &hash) }
        },
    ))
}

/// The root over leaves that are all at hand.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// The largest power of two below the number of leaves.
fn split(leaves: usize) -> usize {
    usize::try_from(split_of(leaves as u64)).unwrap_or(0)
}

const fn split_of(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| leaf(&[1; 16], number, b"record")).collect()
    }

    #[test]
    fn every_leaf_climbs_to_the_root_and_no_other_does() {
        for count in 1..40 {
            let all = leaves(count);
            let whole = root(&all);
            for index in 0..count {
                let at = usize::try_from(index).unwrap();
                let way = path(&all, at).unwrap();
                assert_eq!(climb(all[at], index, count, &way), Some(whole), "{index} of {count}");
                assert_ne!(climb([0; LEN], index, count, &way), Some(whole));
                assert_ne!(
                    climb(all[at], (index + 1) % count, count, &way),
                    Some(whole).filter(|_| count > 1)
                );
                if let Some((_, shorter)) = way.split_last() {
                    assert_eq!(climb(all[at], index, count, shorter), None);
                }
            }
            assert_eq!(climb(all[0], count, count, &[]), None);
        }
    }

    #[test]
    fn trees_with_other_leaves_or_another_order_have_another_root() {
        let all = leaves(13);
        let whole = root(&all);
        for index in 0..all.len() {
            let mut dropped = all.clone();
            dropped.remove(index);
            assert_ne!(root(&dropped), whole);
            let mut doubled = all.clone();
            doubled.insert(index, all[index]);
            assert_ne!(root(&doubled), whole);
            let mut swapped = all.clone();
            swapped.swap(index, (index + 1) % 13);
            assert_ne!(root(&swapped), whole);
        }
    }

    #[test]
    fn moving_key_gives_other_tags_each_time_and_forgets() {
        let mut key = MovingKey::new(Secret::from_slice(&[5; LEN]));
        let first = key.tag(&[0; LEN], &[1; LEN]);
        let second = key.tag(&[0; LEN], &[1; LEN]);
        assert_ne!(first, second);
        assert_ne!(key.now().expose(), [5; LEN]);
        let mut again = MovingKey::new(Secret::from_slice(&[5; LEN]));
        assert_eq!(again.tag(&[0; LEN], &[1; LEN]), first);
    }
}
