//! Why a file is no backup that can be restored, for the technician. Finds nothing by itself.

/// Why not. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// It is something else.
    #[error("das ist keine Sicherung von drk-relay. Abhilfe: die Datei nennen, die `drk-relay backup` geschrieben hat.")]
    Foreign,
    /// It ends too early.
    #[error("die Sicherung hört mittendrin auf. Abhilfe: noch einmal vollständig übertragen, oder eine andere nehmen.")]
    Truncated,
    /// It is larger than any can be.
    #[error("die Datei ist größer als 16 MiB und keine Sicherung von drk-relay. Abhilfe: die richtige Datei nennen.")]
    TooLarge,
    /// Another program wrote it.
    #[error("die Sicherung stammt von einer neueren Version ({version}). Abhilfe: mindestens diese Version installieren.")]
    Newer {
        /// Its version, as it says.
        version: String,
    },
    /// The checksum does not fit.
    #[error(
        "die Sicherung wurde verändert oder ist beschädigt: die Prüfsumme stimmt nicht. Abhilfe: unverändert übertragen (scp, USB-Stick), \
         oder eine andere nehmen; die Konfiguration lässt sich nach dem Zurückspielen bearbeiten."
    )]
    Altered,
    /// Something in it cannot be.
    #[error("die Sicherung ist beschädigt: {0} ist nicht zu verstehen. Abhilfe: eine andere nehmen.")]
    Damaged(&'static str),
}
