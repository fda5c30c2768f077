//! Meta's error codes and what each of them means for a message: one table, for answers to a send and for failed statuses alike. Source:
//! WhatsApp docs, error-codes; what is marked as seen elsewhere in `whatsapp-cloud-api.md` section 6 is treated as it says there.

/// What follows from an error code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Meta has a hiccup: the message may go again soon.
    Passing,
    /// Too many messages from this number, app or account: the message may go again, later.
    TooFast,
    /// Too many messages to this person: the message may go again after 4^X seconds.
    TooFastForOne,
    /// Token, permission, payment, number or account: nobody gets anything until somebody has repaired it.
    Account,
    /// The window is closed, whatever we believe.
    Closed,
    /// This message will never go: it is wrong, or this person cannot be reached.
    Final,
}

/// The table.
pub fn of_code(code: u32, transient: bool) -> Fault {
    match code {
        // 1 API unknown, 2 API service, 131000 something went wrong, 131016 service unavailable, 131036 payload gone, 131057 maintenance,
        // 133004 server temporarily unavailable.
        1 | 2 | 131_000 | 131_016 | 131_036 | 131_057 | 133_004 => Fault::Passing,
        // 4 the app, 80007 the account, 130429 the number.
        4 | 80_007 | 130_429 => Fault::TooFast,
        131_056 => Fault::TooFastForOne,
        // Authentication and permissions: 0 AuthException, 3 capability, 10 and 200 to 299 permission, 190 token, 33 number deleted,
        // 131005 access denied.
        0 | 3 | 10 | 33 | 190 | 200..=299 | 131_005 => Fault::Account,
        // Integrity: 368 policy, 131031 account locked, 131048 spam rate.
        368 | 131_031 | 131_048 => Fault::Account,
        // Payment and registration: 131037 display name, 131042 payment, 131045 certificate, 133xxx registration and PIN.
        131_037 | 131_042 | 131_045 | 133_000 | 133_005 | 133_006 | 133_008..=133_010 | 133_015 | 133_016 => Fault::Account,
        // 470 is what 131047 was called before the Cloud API.
        470 | 131_047 => Fault::Closed,
        _ if transient => Fault::Passing,
        _ => Fault::Final,
    }
}

/// Attempts after a hiccup; then the message is given up. 1 and 131000 are said of what is wrong for ever, too.
pub(super) const PASSING_ATTEMPTS: u8 = 6;
