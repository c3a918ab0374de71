//! The FUSE filesystem: one directory with one file, the disk.
//!
//! Invariant: a write or flush is in the log before it is answered.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};
use parking_lot::Mutex;

use crate::tools::{During, PowerCutError};
use crate::write_log::WriteLog;

/// The file's name.
pub(crate) const BLOCK_FILE: &str = "block";

const FILE: INodeNo = INodeNo(2);
const TTL: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct BlockFile {
    current: File,
    size: u64,
    log: Arc<Mutex<WriteLog>>,
}

impl BlockFile {
    pub(crate) fn new(current: File, size: u64, log: Arc<Mutex<WriteLog>>) -> Self {
        BlockFile { current, size, log }
    }

    fn attributes(&self, node: INodeNo) -> FileAttr {
        let is_file = node == FILE;
        FileAttr {
            ino: node,
            size: if is_file { self.size } else { 0 },
            blocks: if is_file { self.size / 512 } else { 0 },
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file {
                FileType::RegularFile
            } else {
                FileType::Directory
            },
            perm: if is_file { 0o600 } else { 0o700 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn read(&self, offset: u64, size: u32) -> std::io::Result<Vec<u8>> {
        let mut data = vec![0; u64::from(size).min(self.size.saturating_sub(offset)) as usize];
        self.current.read_exact_at(&mut data, offset)?;
        Ok(data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        if offset.saturating_add(data.len() as u64) > self.size {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.log.lock().write(offset, data)?;
        self.current.write_all_at(data, offset)
    }
}

/// All that a loop device asks for. Punching holes is not among it: ext4 writes zeroes instead, which the log can hold.
impl Filesystem for BlockFile {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == BLOCK_FILE {
            reply.entry(&TTL, &self.attributes(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(ino));
    }

    fn open(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        // Past FUSE's page cache: each write of the loop device is one here, at once.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read(offset, size) {
            Ok(data) => reply.data(&data),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write(offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn fsync(&self, _req: &Request, _ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.log.lock().flush();
        reply.ok();
    }

    /// On `close`; says nothing about durability.
    fn flush(&self, _req: &Request, _ino: INodeNo, _fh: FileHandle, _lock_owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}

/// The FUSE mount, taken down when dropped.
#[derive(Debug)]
pub(crate) struct Served(Option<BackgroundSession>);

impl Served {
    pub(crate) fn new(file: BlockFile, at: &Path) -> Result<Self, PowerCutError> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("weir-power-cut".to_owned())];
        config.n_threads = Some(1); // the log has one order
        let session = fuser::spawn_mount(file, at, &config);
        Ok(Served(Some(
            session.during("mounting a FUSE filesystem (needs root and /dev/fuse)")?,
        )))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(BackgroundSession::umount_and_join) {
            eprintln!("weir-power-cut: the FUSE mount could not be taken down: {error}");
        }
    }
}
