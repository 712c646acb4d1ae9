//! Zips: exports, and what was zipped to be sent. Members are read in memory, never written out.

use std::io::{Read, Seek};

use zip::ZipArchive;

/// Members in one zip.
const MOST_MEMBERS: usize = 50_000;
/// Bytes of one member, unpacked.
pub(super) const LARGEST_MEMBER: u64 = 64 << 20;
/// Bytes of all members together, unpacked.
pub(super) const LARGEST_TOTAL: u64 = 128 << 20;
/// Text packs to a tenth; beyond this it is a trap.
const STEEPEST: u64 = 400;

/// A zip that was opened.
pub(super) struct Zip<R>(ZipArchive<R>);

/// A member of a zip.
pub(super) enum Member {
    File {
        name: String,
        bytes: Vec<u8>,
    },
    /// Why it was left, in a sentence.
    Left {
        name: String,
        reason: &'static str,
    },
    /// A folder, or something that is no writing by its name.
    Nothing,
}

pub(super) fn looks_zipped(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

impl<R: Read + Seek> Zip<R> {
    /// `None` for a zip that is broken.
    pub(super) fn open(zip: R) -> Option<Zip<R>> {
        ZipArchive::new(zip).ok().map(Zip)
    }

    /// How many members are looked at, and whether there are more.
    pub(super) fn count(&self) -> (usize, bool) {
        (self.0.len().min(MOST_MEMBERS), self.0.len() > MOST_MEMBERS)
    }

    /// Whether all that is in it lies in a single folder.
    pub(super) fn is_one_folder(&self) -> bool {
        let mut names = self.0.file_names().flatten().filter(|name| !name.starts_with("__MACOSX"));
        let top = |name: &str| name.split_once(['/', '\\']).map(|(top, _)| top.to_owned());
        let first = names.next().and_then(|name| top(&name));
        first.is_some() && names.all(|name| top(&name) == first)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.index_for_name(name).is_some()
    }

    /// The bytes of a part by its name; `None` where it is missing, broken or too large.
    pub(super) fn part(&mut self, name: &str, room: u64) -> Option<Vec<u8>> {
        let index = self.0.index_for_name(name)?;
        match self.member(index, room, |_| true) {
            Member::File { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Reads one member, of at most `room` bytes, if its name is wanted.
    pub(super) fn member(
        &mut self,
        index: usize,
        room: u64,
        wanted: impl Fn(&str) -> bool,
    ) -> Member {
        let Ok(raw) = self.0.by_index_raw(index) else {
            return Member::Left {
                name: format!("member {}", index + 1),
                reason: "This part of the zip is broken.",
            };
        };
        // Many tools write UTF-8 without saying so.
        let name = std::str::from_utf8(raw.name_raw())
            .map(str::to_owned)
            .unwrap_or_else(|_| String::from_utf8_lossy(raw.name_raw()).into_owned());
        let name = name.replace('\\', "/");
        let (encrypted, size, packed) = (raw.encrypted(), raw.size(), raw.compressed_size());
        let (folder, link) = (raw.is_dir() || name.ends_with('/'), raw.is_symlink());
        drop(raw);
        let left = |reason| Member::Left { name: name.clone(), reason };
        if folder || name.is_empty() {
            return Member::Nothing;
        }
        if escapes(&name) {
            return left("Its name points outside of the zip, so it was left alone.");
        }
        if !wanted(&name) {
            return Member::Nothing;
        }
        if link {
            return left("It is a link to another file, so it was left alone.");
        }
        if encrypted {
            return left("It is locked with a password, so it could not be read.");
        }
        if size > LARGEST_MEMBER {
            return left("It is too large to be a text, so it was left alone.");
        }
        if size > (1 << 20) && size / packed.max(1) > STEEPEST {
            return left("It unpacks to far more than a text would, so it was left alone.");
        }
        let limit = room.min(LARGEST_MEMBER).min(packed.saturating_mul(STEEPEST).max(1 << 20));
        let Ok(file) = self.0.by_index(index) else {
            return left(
                "This part of the zip is broken or packed in a way that is not known here.",
            );
        };
        let mut bytes = Vec::with_capacity(size.min(1 << 20) as usize);
        match file.take(limit + 1).read_to_end(&mut bytes) {
            Err(_) => left("This part of the zip is broken."),
            Ok(_) if bytes.len() as u64 > limit => {
                left("It unpacks to far more than a text would, so it was left alone.")
            }
            Ok(_) => Member::File { name, bytes },
        }
    }
}

/// Absolute, on a drive, or climbing out.
fn escapes(name: &str) -> bool {
    name.starts_with('/')
        || name.contains('\0')
        || name.split('/').any(|part| part == "..")
        || name.as_bytes().get(1) == Some(&b':')
}
