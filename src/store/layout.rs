//! How rows are written, and when a new way begins. Knows no row: [`super::rows`] does.
//!
//! A device updates itself while nobody looks, and may have to go back. So a release never writes at once what only it can read: it goes on
//! in the layout that it found, which is its predecessor's, until the update has proved itself (`port/update`). Then
//! [`super::Store::advance`] writes down that the file has the newest layout; a predecessor refuses it from there on, in words.
//!
//! What a release with a new row has to do: a variant here, and a variant of the row in `rows` that is written in the new layout only. A
//! new table, and a new variant of an enum within a row, is a new layout, too: the predecessor reads none of them. Rows that nothing
//! changes stay as they are, so a row once released is read for ever; a layout is written as long as devices may come from it.

/// The layouts that this program reads. The number is what the file says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Layout {
    /// Of 0.1, the first release.
    Four = 4,
    /// Of a release to come, for tests of updates: every row has a number more.
    #[cfg(feature = "successor")]
    Five = 5,
}

impl Layout {
    /// All of them, the oldest first.
    const ALL: &[Layout] = &[
        Layout::Four,
        #[cfg(feature = "successor")]
        Layout::Five,
    ];

    /// What every program reads that could be put back: so a file begins.
    pub(super) const FIRST: Layout = Layout::Four;

    /// What is written once this program has proved itself.
    pub(super) fn newest() -> Layout {
        Layout::ALL.last().copied().unwrap_or(Layout::FIRST)
    }

    /// The one with this number.
    pub(super) fn numbered(number: u32) -> Option<Layout> {
        Layout::ALL.iter().copied().find(|layout| layout.number() == number)
    }

    /// What the file says.
    pub(super) fn number(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
#[cfg(feature = "successor")]
impl super::Store {
    /// Whether it writes what a predecessor cannot read.
    pub(crate) fn has_advanced(&self) -> bool {
        self.layout != Layout::FIRST
    }
}

#[cfg(test)]
#[cfg(feature = "successor")]
mod tests {
    use super::super::rows::{ADDRESSES, FEEDS, META, Meta, OUTBOX, PEOPLE, SEEN, WORDINGS};
    use super::super::{Files, Store};
    use super::*;
    use crate::domain::decision::Change;
    use crate::domain::ids::{InstanceId, WamidHash};
    use crate::domain::time::Timestamp;
    use redb::{Key, ReadableDatabase, TableDefinition};
    use std::path::Path;

    const FRESH: InstanceId = InstanceId(7);

    /// The first byte of every row in a file, by table, and what it says of itself.
    fn versions(path: &Path) -> (Vec<u8>, Vec<u8>) {
        let database = redb::Database::open(path).expect("closed");
        let mut all = Vec::new();
        let meta = database.begin_read().expect("reads").open_table(META).expect("there");
        let head = meta.get(Meta::Schema as u8).expect("reads").expect("there").value().to_vec();
        for row in meta.range(Meta::Schema as u8 + 1..).expect("reads") {
            all.push(row.expect("reads").1.value()[0]);
        }
        of_table(&database, PEOPLE, &mut all);
        of_table(&database, ADDRESSES, &mut all);
        of_table(&database, OUTBOX, &mut all);
        of_table(&database, FEEDS, &mut all);
        of_table(&database, WORDINGS, &mut all);
        of_table(&database, SEEN, &mut all);
        (all, head)
    }

    fn of_table<K: Key + 'static>(database: &redb::Database, table: TableDefinition<K, &'static [u8]>, all: &mut Vec<u8>) {
        use redb::ReadableTable;
        let table = database.begin_read().expect("reads").open_table(table).expect("there");
        all.extend(table.iter().expect("reads").map(|row| row.expect("reads").1.value()[0]));
    }

    /// It goes on as it found the file, through commits and a rewrite. Once it has proved itself it writes rows of its own, and reads both.
    #[test]
    fn a_predecessor_reads_every_row_until_the_update_has_proved_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relay.redb");
        let now = Timestamp(1_795_305_600);
        let wording = |number| [Change::Wording(number, format!("Frage {number}").into()), Change::Seen(WamidHash(number.into()), 5)];

        let mut store = Store::of(&Files::at(&path), FRESH).expect("new");
        store.commit(&wording(1)).expect("commits");
        while !matches!(store.rewrite(now).expect("rewrites"), super::super::Progress::Done) {}
        store.commit(&wording(2)).expect("commits");
        let state = store.load().expect("reads");
        drop(store);
        let (rows, head) = versions(&path);
        assert_eq!((rows.len(), rows.iter().max()), (5, Some(&0)), "two wordings, two commits of ids, the time of the rewrite: {rows:?}");
        assert_eq!(head, [0, 4, 7], "version 1, layout 4, instance 7");

        let mut store = Store::existing(&Files::at(&path)).expect("opens").expect("there");
        store.advance().expect("proved");
        store.commit(&wording(3)).expect("commits");
        let after = store.load().expect("reads");
        assert_eq!((state.wordings.len(), after.wordings.len()), (2, 3), "rows of both kinds are read");
        drop(store);
        let (rows, head) = versions(&path);
        assert_eq!(rows, [0, 0, 0, 1, 0, 0, 1], "what was there stays as it was");
        assert_eq!(head, [0, 5, 7], "version 1 still, for whoever does not know layout 5");
        let again = Store::existing(&Files::at(&path)).expect("opens").expect("there");
        assert_eq!(again.layout, Layout::Five);
    }
}
