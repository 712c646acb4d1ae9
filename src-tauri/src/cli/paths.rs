//! Paths and files named on the command line.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ghost_desk::failure::{Code, Failure, Result};

/// The canonical path of an existing file or folder, since the desk may run in another process.
pub(crate) fn canonical(path: &Path) -> Result<String> {
    let path = fs::canonicalize(path).map_err(|_| {
        Failure::new(Code::NotFound, format!("No such file or folder: {}.", path.display()))
    })?;
    Ok(path.display().to_string())
}

/// The absolute path of a file or folder that may not exist yet.
pub(crate) fn absolute(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .map_err(|e| Failure::new(Code::Io, format!("{}: {e}.", path.display())))?;
    Ok(path.display().to_string())
}

/// Reads a text to ship, decoded as in an import.
pub(crate) fn read_text(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let done = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(file).map(|read| bytes = read)
    };
    done.map_err(|e| Failure::new(Code::Io, format!("Could not read {}: {e}.", file.display())))?;
    // Valid UTF-8 is text, whatever characters it contains.
    let utf8 = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
    let text = utf8.map(|text| ghost_core::normalize::text(text).into_owned());
    text.or_else(|| ghost_core::archive::decode_text(&bytes)).ok_or_else(|| {
        Failure::new(
            Code::BadInput,
            format!("{} is not a text file. Save it as plain text or Markdown.", file.display()),
        )
    })
}
