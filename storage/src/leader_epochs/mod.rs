//! Where each leader epoch begins.
