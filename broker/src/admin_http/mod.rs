//! The admin listener: /livez, /readyz, /metrics.
