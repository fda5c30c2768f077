//! Statutory holidays of the German Länder. Knows no school holidays and no custom, and does not say what a holiday means for a feed: that
//! is `rhythm`.
//!
//! The table holds from 1995 on, when the Buß- und Bettag was given up outside Saxony. Source: the library `vacanza/holidays`
//! (`countries/germany.py`, November 2026), which names each Land's act.
//!
//! Holidays of single communities follow this rule: one counts if it is kept where most people of the Land live. Mariä Himmelfahrt counts
//! in Bavaria (about 1,700 of 2,056 communities, Munich among them). Fronleichnam in parts of Saxony and Thuringia and the Friedensfest of
//! Augsburg do not count. A day too many costs a day in which nobody asks where the figures are; a day too few is a false alarm.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// One of the sixteen Länder. Decides which days are holidays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Land {
    /// Baden-Württemberg.
    BadenWuerttemberg,
    /// Bayern.
    Bayern,
    /// Berlin.
    Berlin,
    /// Brandenburg.
    Brandenburg,
    /// Bremen.
    Bremen,
    /// Hamburg.
    Hamburg,
    /// Hessen.
    Hessen,
    /// Mecklenburg-Vorpommern.
    MecklenburgVorpommern,
    /// Niedersachsen.
    Niedersachsen,
    /// Nordrhein-Westfalen.
    NordrheinWestfalen,
    /// Rheinland-Pfalz.
    RheinlandPfalz,
    /// Saarland.
    Saarland,
    /// Sachsen.
    Sachsen,
    /// Sachsen-Anhalt.
    SachsenAnhalt,
    /// Schleswig-Holstein.
    SchleswigHolstein,
    /// Thüringen.
    Thueringen,
}

use Land::{
    BadenWuerttemberg, Bayern, Berlin, Brandenburg, Bremen, Hamburg, Hessen, MecklenburgVorpommern, Niedersachsen, NordrheinWestfalen,
    RheinlandPfalz, Saarland, Sachsen, SachsenAnhalt, SchleswigHolstein, Thueringen,
};

impl Land {
    /// All of them, in the order of their names.
    pub const ALL: [Land; 16] = [
        BadenWuerttemberg,
        Bayern,
        Berlin,
        Brandenburg,
        Bremen,
        Hamburg,
        Hessen,
        MecklenburgVorpommern,
        Niedersachsen,
        NordrheinWestfalen,
        RheinlandPfalz,
        Saarland,
        Sachsen,
        SachsenAnhalt,
        SchleswigHolstein,
        Thueringen,
    ];

    /// The Land of this code, with or without the country: `TH` or `DE-TH` (ISO 3166-2).
    pub fn of_code(code: &str) -> Option<Land> {
        let code = code.strip_prefix("DE-").unwrap_or(code);
        Land::ALL.into_iter().find(|land| land.code() == code)
    }

    /// Its two letters: `TH` (ISO 3166-2:DE without the country).
    pub fn code(self) -> &'static str {
        self.names().0
    }

    /// Its name: „Thüringen“.
    pub fn name(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            BadenWuerttemberg => ("BW", "Baden-Württemberg"),
            Bayern => ("BY", "Bayern"),
            Berlin => ("BE", "Berlin"),
            Brandenburg => ("BB", "Brandenburg"),
            Bremen => ("HB", "Bremen"),
            Hamburg => ("HH", "Hamburg"),
            Hessen => ("HE", "Hessen"),
            MecklenburgVorpommern => ("MV", "Mecklenburg-Vorpommern"),
            Niedersachsen => ("NI", "Niedersachsen"),
            NordrheinWestfalen => ("NW", "Nordrhein-Westfalen"),
            RheinlandPfalz => ("RP", "Rheinland-Pfalz"),
            Saarland => ("SL", "Saarland"),
            Sachsen => ("SN", "Sachsen"),
            SachsenAnhalt => ("ST", "Sachsen-Anhalt"),
            SchleswigHolstein => ("SH", "Schleswig-Holstein"),
            Thueringen => ("TH", "Thüringen"),
        }
    }
}

/// Whether this is a statutory holiday there; without a Land: in all of Germany.
pub fn is_holiday(land: Option<Land>, date: Date) -> bool {
    let there = |lands: Where| match lands {
        Where::Germany => true,
        Where::In(lands) => land.is_some_and(|land| lands.contains(&land)),
    };
    HOLIDAYS.iter().any(|holiday| (holiday.from..=holiday.until).contains(&date.year()) && there(holiday.lands) && holiday.when.is(date))
}

struct Holiday {
    when: When,
    from: i16,
    until: i16,
    lands: Where,
}

#[derive(Clone, Copy)]
enum When {
    /// The same month and day every year.
    On(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// Buß- und Bettag: the Wednesday before 23 November.
    Repentance,
}

#[derive(Clone, Copy)]
enum Where {
    Germany,
    In(&'static [Land]),
}

const ALWAYS: i16 = i16::MAX;

const fn holiday(when: When, lands: Where) -> Holiday {
    Holiday { when, from: 1995, until: ALWAYS, lands }
}

const fn since(from: i16, when: When, lands: &'static [Land]) -> Holiday {
    Holiday { when, from, until: ALWAYS, lands: Where::In(lands) }
}

const fn once(year: i16, when: When, lands: Where) -> Holiday {
    Holiday { when, from: year, until: year, lands }
}

const HOLIDAYS: &[Holiday] = &[
    // Neujahr, Karfreitag, Ostermontag, 1. Mai, Christi Himmelfahrt, Pfingstmontag, Tag der Deutschen Einheit, Weihnachten.
    holiday(When::On(1, 1), Where::Germany),
    holiday(When::Easter(-2), Where::Germany),
    holiday(When::Easter(1), Where::Germany),
    holiday(When::On(5, 1), Where::Germany),
    holiday(When::Easter(39), Where::Germany),
    holiday(When::Easter(50), Where::Germany),
    holiday(When::On(10, 3), Where::Germany),
    holiday(When::On(12, 25), Where::Germany),
    holiday(When::On(12, 26), Where::Germany),
    // Heilige Drei Könige.
    holiday(When::On(1, 6), Where::In(&[BadenWuerttemberg, Bayern, SachsenAnhalt])),
    // Internationaler Frauentag.
    since(2019, When::On(3, 8), &[Berlin]),
    since(2023, When::On(3, 8), &[MecklenburgVorpommern]),
    // Ostersonntag, Pfingstsonntag.
    holiday(When::Easter(0), Where::In(&[Brandenburg])),
    holiday(When::Easter(49), Where::In(&[Brandenburg])),
    // Tag der Befreiung, 75 and 80 years; Aufstand vom 17. Juni, 75 years.
    once(2020, When::On(5, 8), Where::In(&[Berlin])),
    once(2025, When::On(5, 8), Where::In(&[Berlin])),
    once(2028, When::On(6, 17), Where::In(&[Berlin])),
    // Fronleichnam.
    holiday(When::Easter(60), Where::In(&[BadenWuerttemberg, Bayern, Hessen, NordrheinWestfalen, RheinlandPfalz, Saarland])),
    // Mariä Himmelfahrt.
    holiday(When::On(8, 15), Where::In(&[Bayern, Saarland])),
    // Weltkindertag.
    since(2019, When::On(9, 20), &[Thueringen]),
    // Reformationstag, 500 years.
    once(2017, When::On(10, 31), Where::Germany),
    holiday(When::On(10, 31), Where::In(&[Brandenburg, MecklenburgVorpommern, Sachsen, SachsenAnhalt, Thueringen])),
    since(2018, When::On(10, 31), &[Bremen, Hamburg, Niedersachsen, SchleswigHolstein]),
    // Allerheiligen.
    holiday(When::On(11, 1), Where::In(&[BadenWuerttemberg, Bayern, NordrheinWestfalen, RheinlandPfalz, Saarland])),
    // Buß- und Bettag.
    holiday(When::Repentance, Where::In(&[Sachsen])),
];

impl When {
    fn is(self, date: Date) -> bool {
        match self {
            When::On(month, day) => (date.month(), date.day()) == (month, day),
            When::Easter(days) => easter(date.year()).checked_add(days.days()).is_ok_and(|day| day == date),
            When::Repentance => date.month() == 11 && (16..=22).contains(&date.day()) && date.weekday() == Weekday::Wednesday,
        }
    }
}

/// Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876, in Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Date {
    let year = i32::from(year);
    let (cycle, century, in_century) = (year % 19, year / 100, year % 100);
    let moved = (century - (century + 8) / 25 + 1) / 3;
    let moon = (19 * cycle + century - century / 4 - moved + 15) % 30;
    let to_sunday = (32 + 2 * (century % 4) + 2 * (in_century / 4) - moon - in_century % 4) % 7;
    let late = (cycle + 11 * moon + 22 * to_sunday) / 451;
    let days = moon + to_sunday - 7 * late;
    // 22 March and so many days.
    let first = date(i16::try_from(year).unwrap_or_default(), 3, 22);
    first.checked_add(days.days()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every holiday from one day to another there, but Sundays, as `MM-DD`.
    fn year(land: Option<Land>, year: i16) -> String {
        let days = date(year, 1, 1).series(1.day()).take_while(|day| day.year() == year);
        let off = days.filter(|day| day.weekday() != Weekday::Sunday && is_holiday(land, *day));
        off.map(|day| day.strftime("%m-%d").to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Dates of Easter Sunday: Physikalisch-Technische Bundesanstalt, „Osterdatum“; the earliest and the latest possible among them.
    #[test]
    fn easter_sundays() {
        for easter_sunday in [
            date(1818, 3, 22),
            date(1943, 4, 25),
            date(2000, 4, 23),
            date(2008, 3, 23),
            date(2019, 4, 21),
            date(2020, 4, 12),
            date(2021, 4, 4),
            date(2022, 4, 17),
            date(2023, 4, 9),
            date(2024, 3, 31),
            date(2025, 4, 20),
            date(2026, 4, 5),
            date(2027, 3, 28),
            date(2028, 4, 16),
            date(2038, 4, 25),
            date(2049, 4, 18),
            date(2076, 4, 19),
        ] {
            assert_eq!(easter(easter_sunday.year()), easter_sunday);
        }
    }

    #[test]
    fn holidays_of_all_germany() {
        assert_eq!(year(None, 2026), "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26");
        assert_eq!(year(None, 2017), "04-14 04-17 05-01 05-25 06-05 10-03 10-31 12-25 12-26", "500 years of Reformation");
    }

    /// What is more than in all of Germany, per Land, in a year in which hardly one of them is a Sunday.
    #[test]
    fn holidays_of_each_land() {
        for (land, more) in [
            ("BW", "01-06 05-30 11-01"),
            ("BY", "01-06 05-30 08-15 11-01"),
            ("BE", "03-08"),
            ("BB", "10-31"),
            ("HB", "10-31"),
            ("HH", "10-31"),
            ("HE", "05-30"),
            ("MV", "03-08 10-31"),
            ("NI", "10-31"),
            ("NW", "05-30 11-01"),
            ("RP", "05-30 11-01"),
            ("SL", "05-30 08-15 11-01"),
            ("SN", "10-31 11-20"),
            ("ST", "01-06 10-31"),
            ("SH", "10-31"),
            ("TH", "09-20 10-31"),
        ] {
            let land = Land::of_code(land).expect("a Land");
            let everywhere = year(None, 2024);
            let here = year(Some(land), 2024);
            let extra: Vec<&str> = here.split(' ').filter(|day| !everywhere.contains(day)).collect();
            assert_eq!(extra.join(" "), more, "{}", land.name());
        }
    }

    #[test]
    fn holidays_that_came_later() {
        let on = |land: &str, (year, month, day)| is_holiday(Land::of_code(land), date(year, month, day));
        for (land, day, is) in [
            ("TH", (2018, 9, 20), false),
            ("TH", (2019, 9, 20), true),
            ("BE", (2018, 3, 8), false),
            ("BE", (2019, 3, 8), true),
            ("MV", (2022, 3, 8), false),
            ("MV", (2023, 3, 8), true),
            ("NI", (2016, 10, 31), false),
            ("NI", (2017, 10, 31), true),
            ("SH", (2018, 10, 31), true),
            ("HE", (2017, 10, 31), true),
            ("HE", (2018, 10, 31), false),
            ("BE", (2020, 5, 8), true),
            ("BE", (2024, 5, 8), false),
            ("BE", (2025, 5, 8), true),
            ("BE", (2028, 6, 17), true),
            ("SN", (2020, 11, 18), true),
            ("SN", (2023, 11, 22), true),
            ("SN", (2026, 11, 18), true),
            ("SN", (2026, 11, 25), false),
            ("BY", (2026, 11, 18), false),
            ("BB", (2026, 4, 5), true),
            ("BE", (2026, 4, 5), false),
        ] {
            assert_eq!(on(land, day), is, "{land} {day:?}");
        }
    }

    #[test]
    fn codes_and_names() {
        for land in Land::ALL {
            assert_eq!(Land::of_code(land.code()), Some(land));
            assert_eq!(Land::of_code(&format!("DE-{}", land.code())), Some(land));
        }
        assert_eq!(["XX", "th", "", "DE-"].map(Land::of_code), [None; 4]);
        assert_eq!(Land::of_code("TH").map(Land::name), Some("Thüringen"));
    }
}
