//! What a process used, as /proc tells.

use std::io;
use std::path::Path;

use serde::Serialize;

/// CPU time, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cpu {
    /// In the process's own code.
    pub(crate) user: f64,
    /// In the kernel, for it.
    pub(crate) system: f64,
}

impl Cpu {
    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    /// With this id.
    pub(crate) fn new(pid: u32) -> Self {
        Process(pid)
    }

    /// This one.
    pub(crate) fn own() -> Self {
        Process(std::process::id())
    }

    fn read(self, file: &str) -> io::Result<String> {
        let path = Path::new("/proc").join(self.0.to_string()).join(file);
        std::fs::read_to_string(&path).map_err(|problem| io::Error::other(format!("{}: {problem}", path.display())))
    }

    /// CPU time so far, of all its threads.
    pub(crate) fn cpu(self) -> io::Result<Cpu> {
        let stat = self.read("stat")?;
        cpu_of(&stat).ok_or_else(|| io::Error::other(format!("/proc/{}/stat has no CPU times", self.0)))
    }

    /// Resident memory that no file backs, in bytes.
    pub(crate) fn rss_anon(self) -> io::Result<u64> {
        let kib = field(&self.read("status")?, "RssAnon:").unwrap_or_default();
        Ok(kib << 10)
    }

    /// Bytes that it had written to a disk so far (pages made dirty; a tmpfs does not count).
    pub(crate) fn written(self) -> io::Result<u64> {
        Ok(field(&self.read("io")?, "write_bytes:").unwrap_or_default())
    }
}

/// The numbers after the name, which stands in brackets and may hold anything.
fn cpu_of(stat: &str) -> Option<Cpu> {
    const USER: usize = 11;
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut times = numbers.split_ascii_whitespace().skip(USER).map(str::parse::<f64>);
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Some(Cpu {
        user: times.next()?.ok()? / ticks,
        system: times.next()?.ok()? / ticks,
    })
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_hides_no_number() {
        let cpu = cpu_of("7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7").unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!((cpu.user, cpu.system), (250.0 / ticks, 50.0 / ticks));
    }

    #[test]
    fn fields_are_found_by_name() {
        assert_eq!(field("VmRSS:\t 10 kB\nRssAnon:\t    1234 kB\n", "RssAnon:"), Some(1234));
        assert_eq!(field("VmRSS:\t 10 kB\n", "RssAnon:"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let own = Process::own();
        assert!(own.rss_anon().unwrap() > 0);
        assert!(own.cpu().unwrap().since(Cpu::default()).user >= 0.0);
        own.written().unwrap();
    }
}
