//! What a process used, as /proc tells.
