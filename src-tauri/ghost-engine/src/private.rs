//! Makes folders and files that only their owner can read, whatever the umask of the process.
//!
//! Only Unix knows such permissions; other systems keep a person's own folders private themselves.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Read, write and enter, for the owner alone.
pub const FOLDER_MODE: u32 = 0o700;
/// Read and write, for the owner alone.
pub const FILE_MODE: u32 = 0o600;

/// Makes a private folder, and its missing parents.
///
/// # Errors
/// The system's own.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
    builder.recursive(true).create(path)
}

/// Options for opening a file, which is private where it is made.
pub fn options() -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options
}
