//! Copies of files that are mostly holes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::tools::{During, PowerCutError};

const CHUNK: u64 = 1 << 20;

/// Copies `from` to a new file, data only.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), PowerCutError> {
    let during = "copying the disk's file";
    let from = File::open(from).during(during)?;
    let to = File::create_new(to).during(during)?;
    let size = from.metadata().during(during)?.len();
    to.set_len(size).during(during)?;
    let mut buffer = Vec::new();
    let mut position = 0;
    loop {
        let start = match seek(&from, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(()), // a hole up to the end
            Err(errno) => return Err(errno.into()).during(during),
        };
        let end = seek(&from, SeekFrom::Hole(start)).map_err(Into::into).during(during)?;
        position = start;
        while position < end {
            buffer.resize((end - position).min(CHUNK) as usize, 0);
            from.read_exact_at(&mut buffer, position).during(during)?;
            to.write_all_at(&buffer, position).during(during)?;
            position += buffer.len() as u64;
        }
    }
}
