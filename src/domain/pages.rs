//! An ordered map for millions of small rows. Decides nothing, and knows nothing of what it holds.
//!
//! A `BTreeMap` keeps eleven rows in a node and leaves a third to half of it empty, a `HashMap` as much and doubles at once. Here a leaf
//! is a sorted `Vec` of up to [`PAGE`] rows that grows by an eighth, so that a row of 8 bytes costs 9 and not 14 to 23; finding it costs
//! two binary searches, and inserting it moves at most a page.

use std::collections::BTreeMap;
use std::fmt;

/// Rows in a page, at most: at 12 bytes each, what is moved by an insertion fits the first-level cache of the smallest Pi.
const PAGE: usize = 256;

/// Keys and values in the order of the keys; `Pages<K>` is a set.
#[derive(Clone)]
pub(super) struct Pages<K, V = ()> {
    /// Each page holds the keys from its own key on to the next page's. None is empty.
    pages: BTreeMap<K, Vec<(K, V)>>,
    len: usize,
}

impl<K: Ord + Copy, V> Pages<K, V> {
    /// The key's value.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        let (_, page) = self.pages.range(..=key).next_back()?;
        let at = page.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        page.get(at).map(|(_, value)| value)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Everything, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.pages.values().flatten()
    }

    /// The lowest key and its value.
    pub(super) fn first(&self) -> Option<&(K, V)> {
        self.iter().next()
    }

    /// Everything from this key on, in order.
    pub(super) fn from(&self, key: K) -> impl Iterator<Item = &(K, V)> {
        let page = self.pages.range(..=key).next_back().map_or(key, |(page, _)| *page);
        self.pages.range(page..).flat_map(move |(_, page)| page.get(page.partition_point(|(other, _)| *other < key)..).unwrap_or_default())
    }

    /// Sets the key's value; the one it had before.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(page) = self.page_of(key) else {
            self.pages.insert(key, vec![(key, value)]);
            self.len += 1;
            return None;
        };
        match page.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => return page.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) if page.len() < PAGE => put(page, at, (key, value)),
            // What comes in order fills its pages.
            Err(PAGE) => drop(self.pages.insert(key, vec![(key, value)])),
            Err(at) => {
                let mut upper = page.split_off(PAGE / 2);
                page.shrink_to_fit();
                let (half, at) = if at > PAGE / 2 { (&mut upper, at - PAGE / 2) } else { (page, at) };
                put(half, at, (key, value));
                if let Some((first, _)) = upper.first() {
                    self.pages.insert(*first, upper);
                }
            }
        }
        self.len += 1;
        None
    }

    /// Removes the key; the value it had.
    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let (first, page) = self.pages.range_mut(..=key).next_back()?;
        let at = page.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        let (_, value) = page.remove(at);
        let first = *first;
        if page.is_empty() {
            self.pages.remove(&first);
        } else if page.len() <= page.capacity() / 2 {
            page.shrink_to_fit();
        }
        self.len -= 1;
        Some(value)
    }

    /// The page that the key belongs into; the lowest one begins with it if it is lower than all. `None`: there is no page.
    fn page_of(&mut self, key: K) -> Option<&mut Vec<(K, V)>> {
        if self.pages.first_key_value().is_some_and(|(first, _)| key < *first) {
            let (_, page) = self.pages.pop_first()?;
            self.pages.insert(key, page);
        }
        self.pages.range_mut(..=key).next_back().map(|(_, page)| page)
    }
}

/// Inserts a row into a page, which grows by an eighth.
fn put<T>(page: &mut Vec<T>, at: usize, row: T) {
    if page.len() == page.capacity() {
        page.reserve_exact((page.len() / 8).max(4).min(PAGE - page.len()));
    }
    page.insert(at, row);
}

impl<K, V> Default for Pages<K, V> {
    fn default() -> Pages<K, V> {
        Pages { pages: BTreeMap::new(), len: 0 }
    }
}

/// Where one page ends and the next begins is history, not content.
impl<K: Ord + Copy, V: PartialEq> PartialEq for Pages<K, V> {
    fn eq(&self, other: &Pages<K, V>) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Copy, V: Eq> Eq for Pages<K, V> {}

impl<K: Ord + Copy + fmt::Debug, V: fmt::Debug> fmt::Debug for Pages<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl<K: Ord + Copy, V> Pages<K, V> {
        fn check(&self) {
            let bounds: Vec<K> = self.pages.keys().copied().collect();
            for (nth, (first, page)) in self.pages.iter().enumerate() {
                assert!((1..=PAGE).contains(&page.len()) && page.is_sorted_by(|a, b| a.0 < b.0));
                assert!(page.capacity() <= page.len() * 2 + 4, "{} of {}", page.len(), page.capacity());
                let inside = |key: &K| key >= first && bounds.get(nth + 1).is_none_or(|next| key < next);
                assert!(page.iter().all(|(key, _)| inside(key)));
            }
        }
    }

    /// What is done: 0 removes, anything else inserts it; keys close together, so that pages split, run dry and are hit again.
    fn acts() -> impl Strategy<Value = Vec<(u16, u8)>> {
        prop::collection::vec((0..1_200_u16, 0..3_u8), 0..3_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_a_btreemap(acts in acts(), ordered in 0..1_200_u16, from in 0..1_200_u16) {
            let (mut pages, mut model) = (Pages::default(), BTreeMap::new());
            for (key, act) in (0..ordered).map(|key| (key, 1)).chain(acts) {
                let (old, wanted) = match act {
                    0 => (pages.remove(key), model.remove(&key)),
                    value => (pages.insert(key, value), model.insert(key, value)),
                };
                prop_assert_eq!(old, wanted);
            }
            pages.check();
            prop_assert!(pages.iter().map(|(key, value)| (key, value)).eq(&model));
            prop_assert!(pages.from(from).map(|(key, value)| (key, value)).eq(model.range(from..)));
            prop_assert_eq!(pages.first().copied(), model.first_key_value().map(|(key, value)| (*key, *value)));
            prop_assert_eq!((pages.get(from), pages.len()), (model.get(&from), model.len()));
            let mut rebuilt = Pages::default();
            for (key, value) in model.into_iter().rev() {
                rebuilt.insert(key, value);
            }
            prop_assert_eq!(pages, rebuilt);
        }
    }

    #[test]
    fn what_comes_in_order_fills_its_pages() {
        let mut pages = Pages::<u32>::default();
        for key in 0..2_560 {
            pages.insert(key, ());
        }
        assert!(pages.pages.len() == 10 && pages.pages.values().all(|page| page.len() == PAGE && page.capacity() == PAGE));
    }
}
