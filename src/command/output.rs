//! What a command answers, on stdout, and what is wrong, on stderr. Not what the relay does: that goes into its log.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// A line on stdout, formatted as `println!` does.
macro_rules! say {
    ($($words:tt)*) => { $crate::command::output::line(format_args!($($words)*)) };
}
pub(super) use say;

/// Writes a line. Whoever has closed the other end (`| head`) has read enough: the command goes on, for it may be writing a card. Where an
/// answer can be written no more for another reason, as into a file on a full disk, the process ends with 1 and says so.
pub(super) fn line(words: Arguments) {
    if let Err(error) = write(&mut io::stdout().lock(), words) {
        complain(format_args!("drk-relay: die Ausgabe lässt sich nicht schreiben ({error}). Ist der Datenträger voll?"));
        std::process::exit(1);
    }
}

fn write(to: &mut impl Write, words: Arguments) -> io::Result<()> {
    match writeln!(to, "{words}").and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line on stderr. If nobody hears it, there is nobody else to tell.
pub fn complain(words: Arguments) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ends(ErrorKind);

    impl Write for Ends {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_has_read_enough_is_no_error() {
        assert!(write(&mut Ends(ErrorKind::BrokenPipe), format_args!("viel")).is_ok());
    }

    #[test]
    fn a_full_disk_is_one() {
        assert!(write(&mut Ends(ErrorKind::StorageFull), format_args!("viel")).is_err());
    }
}
