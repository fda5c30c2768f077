//! Where the certificate comes from. (being written)
