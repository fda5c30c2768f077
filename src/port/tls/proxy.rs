//! The header of the PROXY protocol, version 2, by which a proxy says for whom it calls (haproxy.org: doc/proxy-protocol.txt). Reads
//! exactly the header and not one byte behind it.
//!
//! The addresses in it are skipped: nothing here depends on who calls, and an address that was never read is in no log.

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// How the text of version 1 begins.
const VERSION_1: &[u8; 6] = b"PROXY ";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// What follows the fixed part, at most, in bytes. HAProxy's longest has less than 300; two Unix sockets take 216.
pub const LIMIT: usize = 512;

/// On whose behalf the connection was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// The proxy itself: a health check.
    Proxy,
    /// Somebody else.
    Client,
}

/// Why a header is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Malformed {
    /// The connection ended within it.
    #[error("the connection ended within the PROXY header")]
    Truncated,
    /// Something else begins the connection.
    #[error("no PROXY header: it did not come through the proxy")]
    Signature,
    /// The older one.
    #[error("a PROXY header of version 1: the proxy must send version 2")]
    Version1,
    /// Neither 1 nor 2.
    #[error("a PROXY header of an unknown version")]
    Version,
    /// Neither LOCAL nor PROXY.
    #[error("a PROXY header with an unknown command")]
    Command,
    /// Not IPv4, IPv6, Unix or unspecified, over a stream.
    #[error("a PROXY header of an unknown family")]
    Family,
    /// More than [`LIMIT`].
    #[error("a PROXY header that is too long")]
    Long,
    /// Less than its addresses take.
    #[error("a PROXY header too short for its addresses")]
    Short,
    /// What follows the addresses does not add up.
    #[error("a PROXY header whose extensions do not fit into it")]
    Extensions,
}

/// Takes the header off the front of a connection.
///
/// # Errors
/// If it begins with none. How much has been read then is of no use: the connection is to be closed.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Caller, Malformed> {
    let mut fixed = [0; FIXED];
    // In pieces, so that something else is refused at once, however short it is.
    read_exact(stream, &mut fixed[..VERSION_1.len()]).await?;
    if fixed[..VERSION_1.len()] == *VERSION_1 {
        return Err(Malformed::Version1);
    }
    if fixed[..VERSION_1.len()] != SIGNATURE[..VERSION_1.len()] {
        return Err(Malformed::Signature);
    }
    read_exact(stream, &mut fixed[VERSION_1.len()..]).await?;
    let (caller, addresses, length) = announced(&fixed)?;
    let mut rest = [0; LIMIT];
    let rest = rest.get_mut(..length).ok_or(Malformed::Long)?;
    read_exact(stream, rest).await?;
    if let Some(addresses) = addresses {
        extensions(rest.get(addresses..).ok_or(Malformed::Short)?)?;
    }
    Ok(caller)
}

/// Who calls, how many bytes the addresses take (`None`: nobody says what follows, it is to be skipped), and how many follow at all.
fn announced(fixed: &[u8; FIXED]) -> Result<(Caller, Option<usize>, usize), Malformed> {
    let [signature @ .., version_command, family, high, low] = fixed;
    if *signature != SIGNATURE {
        return Err(Malformed::Signature);
    }
    if version_command >> 4 != 2 {
        return Err(Malformed::Version);
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let caller = match version_command & 0xf {
        // The family is ignored (2.2).
        0 => return Ok((Caller::Proxy, None, length)),
        1 => Caller::Client,
        _ => return Err(Malformed::Command),
    };
    // Datagrams would have come over something else than a stream.
    let addresses = match family {
        0x00 => None,
        0x11 => Some(2 * 4 + 2 * 2),
        0x21 => Some(2 * 16 + 2 * 2),
        0x31 => Some(2 * 108),
        _ => return Err(Malformed::Family),
    };
    Ok((caller, addresses, length))
}

/// Type, length, value, one after the other (2.2.7). None is of interest.
fn extensions(mut rest: &[u8]) -> Result<(), Malformed> {
    while !rest.is_empty() {
        let [_, high, low, values @ ..] = rest else { return Err(Malformed::Extensions) };
        rest = values.get(usize::from(u16::from_be_bytes([*high, *low]))..).ok_or(Malformed::Extensions)?;
    }
    Ok(())
}

async fn read_exact(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> Result<(), Malformed> {
    // However it broke, it broke there.
    stream.read_exact(bytes).await.map(drop).map_err(|_| Malformed::Truncated)
}
