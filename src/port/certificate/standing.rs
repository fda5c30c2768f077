//! How long a certificate still has, and who has to be told. Orders nothing.

use crate::domain::time::Timestamp;
use crate::port::certificates::Validity;
use crate::port::link::Link;

/// A certificate that has less left than this, or than a quarter of its time, should have been renewed: it takes a person to find out why
/// not, and people have holidays.
const LATE: u32 = 14 * 24 * 3600;

/// What the technician is told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Nothing.
    Good,
    /// It ends soon.
    Late,
    /// It has ended: Meta delivers nothing.
    Expired,
}

impl Standing {
    pub(super) fn at(validity: Validity, now: Timestamp) -> Standing {
        match () {
            () if now > validity.not_after => Standing::Expired,
            () if now >= late(validity) => Standing::Late,
            () => Standing::Good,
        }
    }
}

/// When it should have been renewed.
pub(super) fn late(validity: Validity) -> Timestamp {
    validity.not_after.minus(LATE.min(lifetime(validity) / 4))
}

/// In seconds.
pub(super) fn lifetime(validity: Validity) -> u32 {
    validity.not_after.since(validity.not_before)
}

/// Says it on the link, and once, when it changes, in the log.
#[derive(Debug, Default)]
pub(super) struct Teller {
    latest: Option<Option<Standing>>,
}

impl Teller {
    /// What is shown is good until then; `trouble`: why there will be no other, and what to do, in German. Nothing is shown if there is no
    /// `validity`.
    pub(super) fn tell(&mut self, validity: Option<Validity>, now: Timestamp, trouble: Option<&str>, link: &Link) {
        let standing = validity.map(|validity| Standing::at(validity, now));
        let until = validity.map(|validity| day(validity.not_after)).unwrap_or_default();
        let why = trouble.unwrap_or("Abhilfe: das Zertifikat erneuern");
        match standing {
            None => link.down(trouble.unwrap_or("es gibt noch kein Zertifikat")),
            Some(Standing::Good) => link.up(),
            Some(Standing::Late) => link.down(format!("das Zertifikat gilt nur noch bis {until}; {why}")),
            Some(Standing::Expired) => link.down(format!("das Zertifikat galt bis {until}, Meta stellt nichts mehr zu; {why}")),
        }
        if self.latest.replace(standing) == Some(standing) {
            return;
        }
        match standing {
            None => tracing::error!("there is no certificate: Meta cannot deliver anything"),
            Some(Standing::Good) => tracing::info!(%until, "certificate shown"),
            Some(Standing::Late) => tracing::warn!(%until, "the certificate ends soon and has not been renewed"),
            Some(Standing::Expired) => tracing::error!(%until, "the certificate has expired: Meta cannot deliver anything"),
        }
    }
}

/// For people: day and minute, UTC, because no port knows the branch's zone.
pub(super) fn day(at: Timestamp) -> String {
    at.instant().strftime("%d.%m.%Y %H:%M UTC").to_string()
}
