//! What Weir counts and measures.
