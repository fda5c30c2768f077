//! The store of a relay that does not run, table by table and row by row: who identifies somebody is in one of them, and only as long as
//! their window may be open.

use super::search::{Found, Search};
use super::town::Town;
use redb::{ReadOnlyDatabase, ReadTransaction, ReadableDatabase, TableDefinition, TableHandle};
use std::fs;
use std::path::Path;

/// The one table in which a BSUID may be.
const ADDRESSES: &str = "addresses";
/// A window is judged ten minutes after it has closed; the address goes then.
const JUDGED: u64 = 15 * 60_000;
/// Tables by their keys. A new one has to be written down here, or the test fails.
const U8: [&str; 2] = ["meta", "feeds"];
const U32: [&str; 3] = ["people", "addresses", "wordings"];
const U64: [&str; 2] = ["outbox", "seen"];

/// Searches all rows: how many there are, and what must not be in them.
pub(super) fn judge(path: &Path, search: &Search, town: &Town) -> (usize, Vec<String>) {
    // A copy: who looks must not change what is there.
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).expect("there");
    let database = ReadOnlyDatabase::open(&copy).expect("closed as it should be");
    let transaction = database.begin_read().expect("readable");
    let mut names: Vec<String> = transaction.list_tables().expect("readable").map(|table| table.name().to_owned()).collect();
    names.sort();
    let mut known: Vec<_> = [U8.as_slice(), &U32, &U64].concat();
    known.sort_unstable();
    assert_eq!(names, known);
    let mut rows = Vec::new();
    U8.iter().for_each(|table| read::<u8>(&transaction, table, &mut rows));
    U32.iter().for_each(|table| read::<u32>(&transaction, table, &mut rows));
    U64.iter().for_each(|table| read::<u64>(&transaction, table, &mut rows));
    fs::remove_file(copy).expect("ours");
    let mut trespasses = Vec::new();
    for (table, bytes) in &rows {
        let wrong = |found: &Found| *table != ADDRESSES || !town.may_be_kept(found, town.now(), JUDGED);
        trespasses.extend(search.find(bytes).iter().filter(|found| wrong(found)).map(|found| format!("{found:?} in table {table}")));
    }
    (rows.len(), trespasses)
}

fn read<K>(transaction: &ReadTransaction, name: &'static str, rows: &mut Vec<(&'static str, Vec<u8>)>)
where
    K: redb::Key + 'static + for<'a> std::borrow::Borrow<K::SelfType<'a>>,
{
    let table = transaction.open_table(TableDefinition::<K, &[u8]>::new(name)).expect("of this kind");
    for row in table.range::<K>(..).expect("readable") {
        rows.push((name, row.expect("readable").1.value().to_vec()));
    }
}
