//! A filesystem of its own, mounted from a file: it can be filled, and break, without harm to others.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An ext4 that is unmounted when it is dropped. Needs root, `mkfs.ext4`, `mount` and `umount`.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
    is_mounted: bool,
}

impl SmallDisk {
    /// Makes and mounts one of so many bytes. It becomes read-only at an error.
    pub fn new(bytes: u64) -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("weir-disk-").tempdir();
        let dir = dir.map_err(|problem| problem.to_string())?;
        let disk = SmallDisk { dir, is_mounted: false };
        let make = || -> std::io::Result<()> {
            std::fs::create_dir(disk.mount_point())?;
            File::create(disk.image())?.set_len(bytes)
        };
        make().map_err(|problem| problem.to_string())?;
        tool("mkfs.ext4", &["-q", "-m", "0", &text(&disk.image())])?;
        disk.mount()
    }

    /// Where it is mounted.
    pub fn mount_point(&self) -> PathBuf {
        self.dir.path().join("mount")
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mount(mut self) -> Result<Self, String> {
        let (image, at) = (text(&self.image()), text(&self.mount_point()));
        tool("mount", &["-o", "loop,errors=remount-ro", &image, &at])?;
        self.is_mounted = true;
        Ok(self)
    }

    /// Takes all the room that is left, until the returned value is dropped.
    pub fn fill(&self) -> Result<Filler, String> {
        let path = self.mount_point().join("filler");
        let mut file = File::create(&path).map_err(|problem| problem.to_string())?;
        let chunk = vec![1; 1 << 20];
        for size in [1 << 20, 4 << 10] {
            while std::io::Write::write(&mut file, &chunk[..size]).is_ok_and(|written| written > 0) {}
        }
        Ok(Filler(path))
    }

    /// Has the filesystem meet an error, as of a device: it is read-only from then on.
    pub fn break_it(&self) -> Result<(), String> {
        let mounts = std::fs::read_to_string("/proc/mounts").map_err(|problem| problem.to_string())?;
        let at = text(&self.mount_point());
        let device = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|words| words.get(1) == Some(&at.as_str()))
            .and_then(|words| words[0].strip_prefix("/dev/"))
            .ok_or("the disk is not mounted")?;
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        std::fs::write(&trigger, "1").map_err(|problem| format!("{trigger}: {problem}"))
    }

    /// Unmounts it, has it checked and mended, and mounts it again.
    pub fn mend(mut self) -> Result<Self, String> {
        tool("umount", &[&text(&self.mount_point())])?;
        self.is_mounted = false;
        // Its exit codes 1 and 2 say that it has mended something.
        let checked = Command::new("e2fsck").args(["-fy", &text(&self.image())]).output();
        let checked = checked.map_err(|problem| format!("e2fsck: {problem}"))?;
        match checked.status.code() {
            Some(0..=2) => self.mount(),
            _ => Err(String::from_utf8_lossy(&checked.stdout).into_owned()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = tool("umount", &["-l", &text(&self.mount_point())]);
        }
    }
}

/// A filesystem that can be written to below one that cannot, as containers have it.
#[derive(Debug)]
pub struct ReadOnlyRoot {
    dir: TempDir,
}

impl ReadOnlyRoot {
    /// Mounts both. Needs root.
    pub fn new() -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("weir-root-").tempdir();
        let root = ReadOnlyRoot {
            dir: dir.map_err(|problem| problem.to_string())?,
        };
        let (outer, inner) = (text(root.dir.path()), text(&root.data()));
        tool("mount", &["-t", "tmpfs", "weir-test", &outer])?;
        std::fs::create_dir(root.data()).map_err(|problem| problem.to_string())?;
        tool("mount", &["-t", "tmpfs", "weir-test", &inner])?;
        tool("mount", &["-o", "remount,ro", &outer])?;
        Ok(root)
    }

    /// Where it can be written to.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for ReadOnlyRoot {
    fn drop(&mut self) {
        for at in [self.data(), self.dir.path().to_path_buf()] {
            let _ = tool("umount", &["-l", &text(&at)]);
        }
    }
}

/// What takes the room.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn tool(name: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(name).args(arguments).output();
    let output = output.map_err(|problem| format!("{name}: {problem}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{name} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
