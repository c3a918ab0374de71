//! Listen, accept, shut down.
