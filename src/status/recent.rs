//! The newest of what comes and comes.

/// The newest records of a kind, `MAX` of them at most: the next one takes the place of the
/// oldest.
#[derive(Debug, Clone)]
pub struct Recent<T, const MAX: usize> {
    records: Vec<T>,
    /// Where the oldest lies, once there are so many.
    oldest: usize,
}

impl<T, const MAX: usize> Default for Recent<T, MAX> {
    fn default() -> Self {
        Recent { records: Vec::new(), oldest: 0 }
    }
}

impl<T, const MAX: usize> Recent<T, MAX> {
    /// Takes in the next record.
    #[inline]
    pub fn add(&mut self, record: T) {
        if self.records.len() < MAX {
            return self.records.push(record);
        }
        self.records[self.oldest] = record;
        self.oldest = if self.oldest + 1 == MAX { 0 } else { self.oldest + 1 };
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        let (newer, older) = self.records.split_at(self.oldest);
        older.iter().chain(newer)
    }

    /// The `last` newest ones, oldest first.
    pub fn newest(&self, last: usize) -> impl Iterator<Item = &T> {
        self.iter().skip(self.len().saturating_sub(last))
    }

    /// The `last` newest ones of those for which `wanted` holds, oldest first.
    pub fn newest_that(&self, last: usize, wanted: impl Fn(&T) -> bool) -> Vec<&T> {
        let mut found: Vec<&T> =
            self.iter().rev().filter(|record| wanted(record)).take(last).collect();
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_all_stay_in_order() {
        let mut recent: Recent<u32, 3> = Recent::default();
        assert!(recent.is_empty());
        for next in 0..10 {
            recent.add(next);
            let expected: Vec<u32> = (next.saturating_sub(2)..=next).collect();
            assert!(recent.iter().copied().eq(expected.iter().copied()), "{recent:?}");
            assert_eq!(recent.len(), expected.len());
            assert!(recent.newest(1).eq([&next]));
            assert!(recent.newest(usize::MAX).eq(&expected));
        }
        assert_eq!(recent.newest_that(1, |record| record % 2 == 1), [&9]);
        assert_eq!(recent.newest_that(5, |record| record % 2 == 1), [&7, &9]);
    }
}
