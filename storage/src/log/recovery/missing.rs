//! What stands for a segment that is not there.

use std::io;
use std::sync::Arc;

use crate::disk::{DiskFile, Map};

/// Stands for the file of a partition whose directory is gone.
#[derive(Debug)]
pub(super) struct MissingFile;

impl MissingFile {
    fn error<T>() -> io::Result<T> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl DiskFile for MissingFile {
    fn len(&self) -> io::Result<u64> {
        Self::error()
    }
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Self::error()
    }
    fn read_uncached_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Self::error()
    }
    fn write_at(&self, _: &[io::IoSlice<'_>], _: u64) -> io::Result<usize> {
        Self::error()
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Self::error()
    }
    fn sync_data(&self) -> io::Result<()> {
        Self::error()
    }
    fn map(&self, _: u64) -> io::Result<Map> {
        Self::error()
    }
    fn is_resident(&self, _: u64, _: usize) -> io::Result<bool> {
        Self::error()
    }
    fn descriptor(&self) -> io::Result<Option<Arc<std::os::fd::OwnedFd>>> {
        Self::error()
    }
}
