//! A bounded table of transactions, found by number or by key.

use std::collections::{BTreeSet, HashMap};

/// Rows numbered in the order they came. When it is full, the oldest finished row makes room.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: HashMap<u64, (String, T)>,
    keys: HashMap<String, u64>,
    finished: BTreeSet<u64>,
    next: u64,
    capacity: usize,
}

/// What an insertion did.
#[derive(Debug)]
pub(super) enum Inserted<T> {
    /// The row's number, and the row that made room for it.
    At(u64, Option<(u64, T)>),
    /// Every row is still needed.
    Full,
}

impl<T> Table<T> {
    pub fn new(capacity: usize) -> Self {
        Self { rows: HashMap::new(), keys: HashMap::new(), finished: BTreeSet::new(), next: 1, capacity }
    }

    /// Adds a row under a key that is not in use.
    pub fn insert(&mut self, key: String, row: T) -> Inserted<T> {
        let mut evicted = None;
        if self.rows.len() >= self.capacity {
            let Some(oldest) = self.finished.first().copied() else { return Inserted::Full };
            evicted = self.remove(oldest).map(|row| (oldest, row));
        }
        let id = self.next;
        self.next += 1;
        self.keys.insert(key.clone(), id);
        self.rows.insert(id, (key, row));
        Inserted::At(id, evicted)
    }

    pub fn find(&self, key: &str) -> Option<u64> {
        self.keys.get(key).copied()
    }

    pub fn get(&self, id: u64) -> Option<&T> {
        self.rows.get(&id).map(|(_, row)| row)
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.rows.get_mut(&id).map(|(_, row)| row)
    }

    /// From now on this row only waits for retransmissions and may make room for another.
    pub fn set_finished(&mut self, id: u64) {
        if self.rows.contains_key(&id) {
            self.finished.insert(id);
        }
    }

    pub fn remove(&mut self, id: u64) -> Option<T> {
        let (key, row) = self.rows.remove(&id)?;
        // The key may since have been given to a newer row.
        if self.keys.get(&key) == Some(&id) {
            self.keys.remove(&key);
        }
        self.finished.remove(&id);
        Some(row)
    }

    pub fn ids(&self) -> Vec<u64> {
        self.rows.keys().copied().collect()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<T: std::fmt::Debug>(inserted: Inserted<T>) -> u64 {
        match inserted {
            Inserted::At(id, _) => id,
            Inserted::Full => panic!("full"),
        }
    }

    #[test]
    fn a_full_table_gives_up_the_oldest_finished_row_and_no_other() {
        let mut table = Table::new(3);
        let [_a, b, c] = ["a", "b", "c"].map(|key| id(table.insert(key.to_owned(), key)));
        assert!(matches!(table.insert("d".to_owned(), "d"), Inserted::Full));
        table.set_finished(c);
        table.set_finished(b);
        assert!(matches!(table.insert("d".to_owned(), "d"), Inserted::At(_, Some((_, "b")))));
        assert!(matches!(table.insert("e".to_owned(), "e"), Inserted::At(_, Some((_, "c")))));
        assert!(matches!(table.insert("f".to_owned(), "f"), Inserted::Full));
        assert_eq!((table.find("a").is_some(), table.find("b"), table.find("c"), table.len()), (true, None, None, 3));
    }

    #[test]
    fn a_removed_row_leaves_nothing() {
        let mut table = Table::new(3);
        let a = id(table.insert("a".to_owned(), 1));
        table.set_finished(a);
        assert_eq!(table.remove(a), Some(1));
        assert_eq!((table.len(), table.keys.len(), table.finished.len()), (0, 0, 0));
    }
}
