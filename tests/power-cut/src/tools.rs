//! The programs of the system that this crate runs, and what can go wrong.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::write_log::CutPoint;

/// Why there is no disk or image.
#[derive(Debug, thiserror::Error)]
pub enum PowerCutError {
    /// A program is not installed.
    #[error("{tool} is not installed: install the package {package} (Debian's and Fedora's name)")]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// Where it is found.
        package: &'static str,
    },
    /// A program failed.
    #[error("{command} failed ({status}): {output}")]
    Tool {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// A system call failed.
    #[error("{during}: {source}")]
    Io {
        /// What was being done.
        during: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The log is not that long yet.
    #[error("there is no {cut:?}, the log ends at {end:?}")]
    NoSuchCut {
        /// The cut that was asked for.
        cut: CutPoint,
        /// The last one there is.
        end: CutPoint,
    },
}

/// Adds to an error what was being done.
pub(crate) trait During<T> {
    fn during(self, during: &'static str) -> Result<T, PowerCutError>;
}

impl<T> During<T> for Result<T, io::Error> {
    fn during(self, during: &'static str) -> Result<T, PowerCutError> {
        self.map_err(|source| PowerCutError::Io { during, source })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    MkfsExt4,
    E2fsck,
    Mount,
    Umount,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::MkfsExt4 => "mkfs.ext4",
            Tool::E2fsck => "e2fsck",
            Tool::Mount => "mount",
            Tool::Umount => "umount",
        }
    }

    fn missing(self) -> PowerCutError {
        let package = match self {
            Tool::MkfsExt4 | Tool::E2fsck => "e2fsprogs",
            Tool::Mount | Tool::Umount => "mount (util-linux on Fedora)",
        };
        PowerCutError::MissingTool {
            tool: self.name(),
            package,
        }
    }

    /// Whether it is there to be run.
    pub(crate) fn check(self) -> Result<(), PowerCutError> {
        match self
            .command()
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing()),
            other => other.map(drop).during("starting a program"),
        }
    }

    /// Runs it to its end; what it said if it succeeded.
    pub(crate) fn run<const N: usize>(self, flags: [&OsStr; N], paths: &[&Path]) -> Result<String, PowerCutError> {
        let mut command = self.command();
        command.args(flags).args(paths).stdin(Stdio::null());
        let output = match command.output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.missing()),
            other => other.during("starting a program")?,
        };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if output.status.success() {
            return Ok(said);
        }
        Err(PowerCutError::Tool {
            command: format!(
                "{} {}",
                self.name(),
                command
                    .get_args()
                    .map(OsStr::to_string_lossy)
                    .collect::<Vec<_>>()
                    .join(" ")
            ),
            status: output.status.to_string(),
            output: said,
        })
    }

    fn command(self) -> Command {
        let mut command = Command::new(self.name());
        // mkfs lives where the PATH of a user need not lead.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut path = std::env::split_paths(&path).collect::<Vec<_>>();
        path.extend(["/usr/sbin", "/sbin"].map(Into::into));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        command.env("LC_ALL", "C");
        command
    }
}
