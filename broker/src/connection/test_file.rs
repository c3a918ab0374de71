//! A file for tests, over a temporary file: with a descriptor or without, warm or cold.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use storage::disk::{DiskFile, Map};

#[derive(Debug)]
pub(crate) struct TestFile {
    file: File,
    pub(crate) has_descriptor: bool,
    pub(crate) cold: AtomicBool,
    pub(crate) broken: AtomicBool,
    pub(crate) reads: AtomicUsize,
}

impl TestFile {
    pub(crate) fn new(content: &[u8]) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let (cold, broken) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            file,
            has_descriptor: true,
            cold,
            broken,
            reads: AtomicUsize::new(0),
        }
    }
}

impl DiskFile for TestFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, SeqCst);
        if self.broken.load(SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.read_at(buf, position)
    }

    fn read_uncached_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(buf, position)
    }

    fn write_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn map(&self, _: u64) -> io::Result<Map> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_resident(&self, _: u64, _: usize) -> io::Result<bool> {
        Ok(!self.cold.load(SeqCst))
    }

    fn descriptor(&self) -> io::Result<Option<Arc<OwnedFd>>> {
        if !self.has_descriptor {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.file.try_clone()?.into())))
    }
}
