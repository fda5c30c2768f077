//! Where to reach people, in as few bytes as there are in an id. Decides nothing.
//!
//! A box for each of a million ids costs 16 bytes for the pointer, 8 for which kind it is and 9 for the allocator, on top of the id's own
//! 23. Here the addresses of [`PAGE`] people in a row lie in one box, each behind two bytes: whose and what kind, and how long. There is
//! one way to write a page, so two that hold the same are equal.

use super::ids::{Address, Bsuid, PersonId, Phone};
use std::fmt;

/// People whose addresses share a box: more would save little, and every change writes the page anew.
const PAGE: u32 = 16;
/// Marks a telephone number in a record's first byte; the rest of the byte is the person's place in the page.
const PHONE: u8 = 0x80;

// A record's second byte is the length.
const _: () = assert!(Bsuid::MAX <= u8::MAX as usize && Phone::MAX <= Bsuid::MAX && PAGE <= PHONE as u32);

/// Addresses by person.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    pages: Vec<Box<[u8]>>,
    len: usize,
}

impl Addresses {
    /// The person's address.
    pub fn get(&self, id: PersonId) -> Option<Address> {
        self.page(id).find(|record| record.place == place(id))?.address()
    }

    /// Whether the person's address is known.
    pub fn contains(&self, id: PersonId) -> bool {
        self.page(id).any(|record| record.place == place(id))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Everyone whose address is known, by number.
    pub fn people(&self) -> impl Iterator<Item = PersonId> {
        (0..).zip(&self.pages).flat_map(|(page, bytes)| Records(bytes).map(move |record| PersonId(page * PAGE + u32::from(record.place))))
    }

    /// Sets the person's address; `None` removes it.
    pub(super) fn set(&mut self, id: PersonId, address: Option<&Address>) {
        let (before, index) = (self.contains(id), (id.0 / PAGE) as usize);
        let page: Vec<Record<'_>> = self.page(id).filter(|record| record.place != place(id)).collect();
        let new = address.map(|address| Record::of(place(id), address));
        let mut bytes = Vec::with_capacity(page.iter().chain(&new).map(Record::size).sum());
        let (lower, upper) = page.split_at(page.partition_point(|record| record.place < place(id)));
        lower.iter().chain(&new).chain(upper).for_each(|record| record.write(&mut bytes));
        if new.is_some() && index >= self.pages.len() {
            self.grow(index + 1);
        }
        self.len = self.len + usize::from(new.is_some()) - usize::from(before);
        if let Some(page) = self.pages.get_mut(index) {
            *page = bytes.into();
        }
        // Memory rebuilt from disk equals memory that lived through it.
        while self.pages.last().is_some_and(|page| page.is_empty()) {
            self.pages.pop();
        }
    }

    /// By an eighth, because doubling would leave up to half of it empty.
    fn grow(&mut self, len: usize) {
        if len > self.pages.capacity() {
            self.pages.reserve_exact((len - self.pages.len()).max(self.pages.len() / 8));
        }
        self.pages.resize_with(len, Box::default);
    }

    fn page(&self, id: PersonId) -> Records<'_> {
        Records(self.pages.get((id.0 / PAGE) as usize).map_or(&[], |page| page))
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.people()).finish()
    }
}

fn place(id: PersonId) -> u8 {
    (id.0 % PAGE) as u8
}

/// One address as it lies in its page.
struct Record<'a> {
    place: u8,
    kind: u8,
    text: &'a [u8],
}

impl<'a> Record<'a> {
    fn of(place: u8, address: &'a Address) -> Record<'a> {
        let (kind, text) = match address {
            Address::Bsuid(bsuid) => (0, bsuid.expose()),
            Address::Phone(phone) => (PHONE, phone.expose()),
        };
        Record { place, kind, text: text.as_bytes() }
    }

    fn size(&self) -> usize {
        2 + self.text.len()
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let len = u8::try_from(self.text.len()).unwrap_or_else(|_| unreachable!("both kinds are shorter, whoever makes them"));
        bytes.extend([self.place | self.kind, len]);
        bytes.extend(self.text);
    }

    fn address(&self) -> Option<Address> {
        let text = std::str::from_utf8(self.text).ok()?;
        if self.kind == PHONE { Phone::new(text).map(Address::Phone) } else { Bsuid::new(text).map(Address::Bsuid) }
    }
}

/// A page's records, by place.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (head, rest) = self.0.split_first_chunk::<2>()?;
        let (text, rest) = rest.split_at_checked(head[1].into())?;
        self.0 = rest;
        Some(Record { place: head[0] & !PHONE, kind: head[0] & PHONE, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn address(nth: u32) -> Address {
        let text = nth.to_string().repeat(1 + nth as usize % 3);
        let phone = Phone::new(&text).map(Address::Phone).filter(|_| nth.is_multiple_of(2));
        phone.or_else(|| Bsuid::new(&format!("DE.{text}")).map(Address::Bsuid)).unwrap_or_else(|| unreachable!("short"))
    }

    #[test]
    fn agrees_with_a_map_whatever_came_before() {
        let (mut addresses, mut model, mut seed) = (Addresses::default(), BTreeMap::new(), 7_u32);
        for _ in 0..5_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (id, new) = (PersonId(seed >> 8 & 0xFF), (seed >> 30 > 1).then(|| address(seed >> 16)));
            addresses.set(id, new.as_ref());
            drop(match new {
                Some(new) => model.insert(id, new),
                None => model.remove(&id),
            });
            assert_eq!((addresses.get(id).as_ref(), addresses.len()), (model.get(&id), model.len()));
        }
        assert!(addresses.people().eq(model.keys().copied()));
        let mut rebuilt = Addresses::default();
        model.iter().for_each(|(id, address)| rebuilt.set(*id, Some(address)));
        assert_eq!(addresses, rebuilt);
        model.keys().for_each(|id| addresses.set(*id, None));
        assert!(addresses == Addresses::default() && addresses.is_empty() && !addresses.contains(PersonId(0)));
    }

    #[test]
    fn the_longest_ids_fit() {
        let mut addresses = Addresses::default();
        let longest = Bsuid::new(&"B".repeat(Bsuid::MAX)).map(Address::Bsuid);
        (0..PAGE).for_each(|id| addresses.set(PersonId(id), longest.as_ref()));
        assert!((0..PAGE).all(|id| addresses.get(PersonId(id)) == longest));
    }
}
