//! The time by Meta's clock: the `Date` of its answers, and how far ours is from it. Sets no clock and trusts none; whoever decides about
//! time reads it (promise 11).
//!
//! Only what came over TLS with a certificate that proves Meta counts. A `Date` that is missing, or not exactly as RFC 9110 wants it to be
//! written, changes nothing.

use crate::domain::time::{Millis, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// RFC 9110 5.6.7, IMF-fixdate. Its two obsolete forms are what no server of this century sends.
const IMF_FIXDATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// A `Date` header, to the letter: written again it must read the same.
pub(super) fn parse(header: &str) -> Option<Timestamp> {
    let date = DateTime::strptime(IMF_FIXDATE, header).ok()?;
    if date.strftime(IMF_FIXDATE).to_string() != header {
        return None;
    }
    let seconds = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    u32::try_from(seconds).ok().map(Timestamp)
}

/// How far Meta's clock is ahead of ours at least, in milliseconds; negative if it is behind, 0 if both may be right.
///
/// The answer was dated at some moment between asking and hearing it, and is dated in whole seconds: what that leaves open is given to our
/// clock. `None` if ours was set back meanwhile.
pub(super) fn ahead(date: Timestamp, asked: Millis, heard: Millis) -> Option<i64> {
    let signed = |at: Millis| i64::try_from(at.0).ok();
    let (date, asked, heard) = (signed(date.millis())?, signed(asked)?, signed(heard)?);
    (asked <= heard).then(|| 0.clamp(date - heard, date + 999 - asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_is_read() {
        let good = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse(good), Some(Timestamp(784_111_777)));
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Timestamp(0)));
        assert_eq!(parse("Sun, 07 Feb 2106 06:28:15 GMT"), Some(Timestamp(u32::MAX)));
        let bad = [
            "",
            "0",
            "784111777",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Tue, 30 Feb 2027 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun, 07 Feb 2106 06:28:16 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Sun, 06 Nov 0094 08:49:37 GMT",
            "Sun, \u{661}6 Nov 1994 08:49:37 GMT",
        ];
        for bad in bad {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_the_whole_second_and_the_way_leave_open_is_ours() {
        let date = Timestamp(1_000);
        let table = [
            // Asked, heard, certain.
            (1_000_000, 1_000_100, 0),
            (1_000_999, 1_001_500, 0),
            (1_001_000, 1_001_000, -1),
            (999_000, 999_900, 100),
            (990_000, 1_010_000, 0),
            (1_011_000, 1_012_000, -10_001),
            (0, 1_000, 999_000),
        ];
        for (asked, heard, certain) in table {
            assert_eq!(ahead(date, Millis(asked), Millis(heard)), Some(certain), "{asked} to {heard}");
        }
        assert_eq!(ahead(date, Millis(2), Millis(1)), None, "set back meanwhile");
        assert_eq!(ahead(date, Millis(u64::MAX), Millis(u64::MAX)), None);
        assert_eq!(ahead(Timestamp(u32::MAX), Millis(0), Millis(0)), Some(4_294_967_295_000));
    }
}
