//! The process's memory, from `/proc/self/status`.

use super::text::{Kind, TextWriter};

pub(super) fn collect(out: &mut TextWriter) {
    // Absent outside Linux: then these families are absent too.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return;
    };
    let families = [
        ("RssAnon:", "weir_memory_anonymous_bytes", "Resident anonymous memory."),
        (
            "VmRSS:",
            "weir_memory_resident_bytes",
            "Resident memory, page cache of maps included.",
        ),
    ];
    for (field, name, help) in families {
        if let Some(bytes) = field_bytes(&status, field) {
            out.single(name, Kind::Gauge, help, bytes);
        }
    }
}

/// The value of a line such as `VmRSS:     1234 kB`, in bytes.
fn field_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
