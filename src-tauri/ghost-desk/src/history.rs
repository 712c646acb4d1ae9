//! The history of a repository of posts: every version of every text, as pairs of states.
//!
//! Read with the `git` program, where there is one, and not with a library of our own: whoever
//! keeps posts in git has it, and a library is a hundred crates for this one file. Git is lent the
//! repository's objects and nothing else of it: a folder made for the purpose stands in for
//! `.git`, so that no hook, setting, filter or remote of a repository that may come from anywhere
//! is ever looked at. Knows what `git log` and `git cat-file` print, and no more.

use std::collections::HashMap;
use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use ghost_core::archive::Revision;
use ghost_core::archive::history::{self, Version};
use jiff::Timestamp;
use tempfile::TempDir;

/// Bytes of one version; the rest of a text's history is read without it.
const LARGEST_VERSION: u64 = 4 << 20;
/// Versions of one text; a text that has more is a list that a program writes.
const MOST_VERSIONS: usize = 1_000;
/// Bytes of what `git log` may say.
const LARGEST_LOG: u64 = 64 << 20;

/// Why a history could not be read, in a sentence.
pub(crate) type Trouble = String;

/// A repository, and the folder that stands in for its `.git`.
pub(crate) struct Repository {
    git: TempDir,
    objects: PathBuf,
    /// The commit that is checked out.
    head: String,
}

/// The versions of one text, oldest first.
pub(crate) struct Text {
    /// Its path in the repository now.
    path: String,
    states: Vec<State>,
}

/// One version, before it is read.
#[derive(Clone)]
struct State {
    at: Timestamp,
    by: String,
    blob: String,
}

impl Repository {
    /// Opens the repository whose folder `.git` is; `None` where nothing is committed yet.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn open(git: &Path) -> Result<Option<Self>, Trouble> {
        let Some(head) = head(git)? else { return Ok(None) };
        let trouble = |e: std::io::Error| format!("Its history could not be read: {e}.");
        let own = tempfile::Builder::new().prefix("ghost-git.").tempdir().map_err(trouble)?;
        for room in ["objects", "refs"] {
            fs::create_dir(own.path().join(room)).map_err(trouble)?;
        }
        let format = match head.len() {
            64 => "repositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n",
            _ => "repositoryformatversion = 0\n",
        };
        fs::write(own.path().join("config"), format!("[core]\n\tbare = true\n\t{format}"))
            .and_then(|()| fs::write(own.path().join("HEAD"), format!("{head}\n")))
            .map_err(trouble)?;
        Ok(Some(Repository { git: own, objects: git.join("objects"), head }))
    }

    /// The texts that are there now and have more than one version. Follows what was renamed; of
    /// branches that were merged, sees what came of them.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn texts(&self) -> Result<Vec<Text>, Trouble> {
        let mut log = self.command();
        log.args(["log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw"])
            .args(["--no-abbrev", "-M40%", "-l4000", "-z", "--no-color", "--no-show-signature"])
            .args(["--no-ext-diff", "--no-textconv", "--format=%x01%at%x02%an", &self.head]);
        let mut child = spawn(&mut log)?;
        let mut said = Vec::new();
        let out = child.stdout.take().ok_or("Its history could not be read.")?;
        let read = out.take(LARGEST_LOG).read_to_end(&mut said);
        let ended = child.kill().and_then(|()| child.wait());
        if read.is_err() || ended.is_err() || said.is_empty() {
            return Err("Its history could not be read.".into());
        }
        Ok(texts(&String::from_utf8_lossy(&said)))
    }

    /// What the writer changed in these texts. `name` is what a text's path is called elsewhere.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn pairs(
        &self,
        texts: &[Text],
        name: &dyn Fn(&str) -> String,
        stop: &AtomicBool,
    ) -> Result<Vec<Revision>, Trouble> {
        let mut child = spawn(self.command().args(["cat-file", "--batch"]).stdin(Stdio::piped()))?;
        let trouble = || "Its history could not be read.".to_owned();
        let mut ask = child.stdin.take().ok_or_else(trouble)?;
        let mut answers = BufReader::new(child.stdout.take().ok_or_else(trouble)?);
        let mut pairs = Vec::new();
        for text in texts.iter().take_while(|_| !stop.load(Ordering::Relaxed)) {
            let mut states = Vec::new();
            for state in &text.states {
                writeln!(ask, "{}", state.blob).map_err(|_| trouble())?;
                if let Some(bytes) = answer(&mut answers).ok_or_else(trouble)? {
                    states.push((state, bytes));
                }
            }
            let versions: Vec<Version> = states
                .iter()
                .map(|(state, bytes)| Version { at: state.at, by: &state.by, bytes })
                .collect();
            pairs.extend(history::revisions(&name(&text.path), &versions));
        }
        drop(ask);
        let _ = child.wait();
        Ok(pairs)
    }

    fn command(&self) -> Command {
        let mut git = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                git.env_remove(name);
            }
        }
        let nowhere = if cfg!(windows) { "NUL" } else { "/dev/null" };
        git.arg("--git-dir")
            .arg(self.git.path())
            .current_dir(self.git.path())
            .env("GIT_OBJECT_DIRECTORY", &self.objects)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", nowhere)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        git
    }
}

fn spawn(command: &mut Command) -> Result<std::process::Child, Trouble> {
    command.spawn().map_err(|_| {
        "It is a repository, but there is no git on this computer to read its history with.".into()
    })
}

/// The next object that `git cat-file --batch` prints; `Some(None)` where it is missing or too
/// large, `None` where nothing more comes.
fn answer(out: &mut impl std::io::BufRead) -> Option<Option<Vec<u8>>> {
    let mut line = String::new();
    if out.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let Some(size) = line.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok())
    else {
        return Some(None);
    };
    if size > LARGEST_VERSION {
        std::io::copy(&mut out.take(size + 1), &mut std::io::sink()).ok()?;
        return Some(None);
    }
    let mut bytes = vec![0; size as usize + 1];
    out.read_exact(&mut bytes).ok()?;
    bytes.pop();
    Some(Some(bytes))
}

/// The commit that is checked out in the repository whose `.git` this is.
pub(crate) fn commit(git: &Path) -> Option<String> {
    head(git).ok().flatten()
}

/// The commit that is checked out, from the files of a `.git`.
fn head(git: &Path) -> Result<Option<String>, Trouble> {
    let is_commit =
        |id: &str| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let strange = || "Its history is kept in a way that is not known here.".to_owned();
    let head = fs::read_to_string(git.join("HEAD")).map_err(|_| strange())?;
    let head = head.trim();
    if is_commit(head) {
        return Ok(Some(head.to_owned()));
    }
    let branch = head.strip_prefix("ref: ").ok_or_else(strange)?;
    let plain = branch.starts_with("refs/") && !branch.split('/').any(|part| part == "..");
    if !plain || branch.starts_with("refs/heads/.invalid") {
        return Err(strange());
    }
    if let Ok(id) = fs::read_to_string(git.join(branch)) {
        return is_commit(id.trim()).then(|| Some(id.trim().to_owned())).ok_or_else(strange);
    }
    let packed = fs::read_to_string(git.join("packed-refs")).unwrap_or_default();
    let mut refs = packed.lines().filter_map(|line| line.split_once(' '));
    Ok(refs.find(|(id, name)| *name == branch && is_commit(id)).map(|(id, _)| id.to_owned()))
}

/// The texts of a log as `git log --raw -z` prints it.
fn texts(log: &str) -> Vec<Text> {
    let mut states: HashMap<String, Vec<State>> = HashMap::new();
    let (mut at, mut by) = (Timestamp::UNIX_EPOCH, String::new());
    let mut parts = log.split('\0');
    while let Some(part) = parts.next() {
        let part = part.trim_start_matches('\n');
        if let Some(commit) = part.strip_prefix('\u{1}') {
            // The first change of a commit may stand on the line below it.
            let (when, who) = commit.split_once('\u{2}').unwrap_or((commit, ""));
            at = when.parse().ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(at);
            by = who.lines().next().unwrap_or_default().to_owned();
            continue;
        }
        let Some(change) = part.strip_prefix(':') else { continue };
        let fields: Vec<&str> = change.split(' ').collect();
        let ([_, _, _, blob, how], Some(path)) = (fields.as_slice(), parts.next()) else {
            continue;
        };
        let state = || State { at, by: by.clone(), blob: (*blob).to_owned() };
        match how.chars().next() {
            Some('D') => {
                states.remove(path);
            }
            Some('R') => {
                let Some(now) = parts.next() else { continue };
                let mut before = states.remove(path).unwrap_or_default();
                before.push(state());
                states.insert(now.to_owned(), before);
            }
            Some('C') => {
                let Some(now) = parts.next() else { continue };
                states.insert(now.to_owned(), vec![state()]);
            }
            Some('A') => {
                states.insert(path.to_owned(), vec![state()]);
            }
            _ => states.entry(path.to_owned()).or_default().push(state()),
        }
    }
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
    let mut texts: Vec<Text> = states
        .into_iter()
        .filter(|(path, states)| {
            (2..=MOST_VERSIONS).contains(&states.len())
                && !hidden(path)
                && history::has_versions(&format!("repository/{path}"))
        })
        .map(|(path, states)| Text { path, states })
        .collect();
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Who has which versions, by their blobs.
    fn read(log: &str) -> Vec<(String, String)> {
        let blobs = |text: &Text| text.states.iter().map(|s| s.blob.as_str()).collect::<String>();
        texts(&log.replace('|', "\0")).iter().map(|t| (t.path.clone(), blobs(t))).collect()
    }

    #[test]
    fn a_text_is_followed_through_its_names() {
        let log = "\u{1}10\u{2}Jo|:0 1 0 a A|_drafts/up.md|:0 1 0 x A|b.md|\
                   \u{1}20\u{2}Jo|:1 1 a b R90|_drafts/up.md|_posts/2020-01-02-up.md|\
                   \u{1}30\u{2}Jo|:1 1 b c M|_posts/2020-01-02-up.md|:1 0 x 0 D|b.md|";
        assert_eq!(read(log), [("_posts/2020-01-02-up.md".to_owned(), "abc".to_owned())]);
    }

    #[test]
    fn code_and_what_is_hidden_have_no_versions() {
        for path in ["a.rs", ".github/a.md", "README.md", "a.png"] {
            let log = format!("\u{1}1\u{2}Jo|:0 1 0 a A|{path}|\u{1}2\u{2}Jo|:1 1 a b M|{path}|");
            assert!(read(&log).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_log_that_is_cut_anywhere_is_survived() {
        let log = "\u{1}10\u{2}Jo\0:0 1 0 a A\0a.md\0\u{1}x\u{2}\0:1 1 a b R9\0a.md\0c.md\0";
        for at in (0..log.len()).filter(|at| log.is_char_boundary(*at)) {
            texts(&log[..at]);
        }
    }

    #[test]
    fn a_head_that_points_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["ref: ../../secret", "ref: refs/../../secret", "", "ref: refs/heads/.invalid"]
        {
            fs::write(folder.path().join("HEAD"), text).unwrap();
            assert!(head(folder.path()).is_err(), "{text}");
        }
        fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(head(folder.path()), Ok(None));
        let id = "a".repeat(40);
        fs::write(folder.path().join("packed-refs"), format!("{id} refs/heads/main\n")).unwrap();
        assert_eq!(head(folder.path()), Ok(Some(id)));
    }
}
