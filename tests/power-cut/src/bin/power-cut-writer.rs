//! The program that the self test runs under power cuts: `power-cut-writer DIR COUNT sync|no-dir-sync|no-sync`.
//!
//! For each number it makes a file of its own (written under a temporary name and renamed) and appends a line to one
//! file for all, then says the number on standard output and waits for a line on standard input, so that the reader
//! notes the place in the log before the next number's syncs move it. With `sync` both files and the directory are
//! synced before, with `no-dir-sync` only the files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, dir, count, mode] = arguments.as_slice() else {
        return Err(io::Error::other(
            "usage: power-cut-writer DIR COUNT sync|no-dir-sync|no-sync",
        ));
    };
    let count: u32 = count.parse().map_err(io::Error::other)?;
    let dir = Path::new(dir);
    let (sync_files, sync_dir) = match mode.as_str() {
        "sync" => (true, true),
        "no-dir-sync" => (true, false),
        "no-sync" => (false, false),
        other => return Err(io::Error::other(format!("unknown mode {other}"))),
    };
    let directory = File::open(dir)?;
    let mut all = File::options().append(true).create(true).open(dir.join("all"))?;
    for number in 0..count {
        let temporary = dir.join("next");
        let mut own = File::create(&temporary)?;
        own.write_all(format!("{number}\n").repeat(1 + number as usize % 2000).as_bytes())?;
        writeln!(all, "{number}")?;
        if sync_files {
            own.sync_data()?;
            all.sync_data()?;
        }
        fs::rename(&temporary, dir.join(number.to_string()))?;
        if sync_dir {
            directory.sync_all()?;
        }
        writeln!(io::stdout(), "{number}")?;
        if io::stdin().read_line(&mut String::new())? == 0 {
            return Err(io::Error::other("the reader of the numbers is gone"));
        }
    }
    Ok(())
}
