//! A sandbox: a data folder on the tiny base, and the program running in it.
//!
//! Everything a test creates is in one temporary folder: the store, the base, and what the desktop
//! would store in the home directory. The program never uses the folders of the user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ghost_engine::tiny::Tiny;
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_the-ghost");

/// A temporary folder: `home/` is the data folder, `base.gguf` the tiny base.
pub struct Place {
    dir: TempDir,
}

impl Place {
    /// With the tiny base.
    pub fn new() -> Self {
        let place = Place::without_base();
        ghost_engine::tiny::write_gguf(&place.base(), 1).unwrap();
        place
    }

    /// With a base that writes one or two hundred tokens a second, so that there is time to stop it.
    pub fn unhurried() -> Self {
        let place = Place::without_base();
        let base = Tiny { layers: 80, ..Tiny::default() };
        fs::write(place.base(), base.bytes()).unwrap();
        place
    }

    /// Without a base.
    pub fn without_base() -> Self {
        let dir = tempfile::Builder::new().prefix("ghost-test.").tempdir().unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Place { dir }
    }

    /// A path in the sandbox.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data folder.
    pub fn home(&self) -> PathBuf {
        self.at("home")
    }

    /// The tiny base.
    pub fn base(&self) -> PathBuf {
        self.at("base.gguf")
    }

    /// Writes a file and creates its parent folders.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, in an environment that keeps it in the sandbox.
    pub fn program(&self) -> Command {
        let mut program = self.program_called(PROGRAM);
        program.env_remove("GHOST_EXE");
        program
    }

    /// Another program, in the same environment.
    pub fn program_called(&self, name: &str) -> Command {
        let mut program = Command::new(name);
        program.envs(self.environment()).stdin(Stdio::null());
        program
    }

    /// The environment of the sandbox.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOME", self.at("user")),
            ("XDG_DATA_HOME", self.at("user/data")),
            ("XDG_CONFIG_HOME", self.at("user/config")),
            ("XDG_CACHE_HOME", self.at("user/cache")),
            ("TMPDIR", self.dir.path().to_owned()),
            // Keeps other bases on this computer from being found.
            ("GHOST_BASE", self.base()),
            // At low priority a run would wait for the other tests.
            ("GHOST_PRIORITY", "normal".into()),
        ]
    }

    /// Runs a command line with `--json`.
    pub fn run(&self, line: &[&str]) -> Output {
        self.program().arg("--home").arg(self.home()).arg("--json").args(line).output().unwrap()
    }

    /// The answer of a command line that succeeds.
    #[track_caller]
    pub fn answer(&self, line: &[&str]) -> Value {
        let output = self.run(line);
        let answer = json(&output);
        assert!(output.status.success(), "{line:?}: {answer}\n{}", text(&output.stderr));
        answer
    }

    /// The code of a command line that fails: status 1, a code, a sentence.
    #[track_caller]
    pub fn failure(&self, line: &[&str]) -> String {
        let output = self.run(line);
        let answer = json(&output);
        let error = &answer["error"];
        assert_eq!(output.status.code(), Some(1), "{line:?}: {answer}");
        assert!(error["message"].as_str().is_some_and(|m| m.ends_with('.')), "{line:?}: {answer}");
        error["code"].as_str().unwrap().to_owned()
    }

    /// Imports the sample archive.
    pub fn import_sample(&self) -> Value {
        self.answer(&["import", sample().to_str().unwrap()])
    }
}

/// The sample archive.
pub fn sample() -> PathBuf {
    root().join("assets").join("archive")
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The one object on standard output.
#[track_caller]
pub fn json(output: &Output) -> Value {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}\nstdout: {out}\nstderr: {err}"))
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reports a test that cannot run here. With `GHOST_TESTS=required` that is a failure.
#[track_caller]
pub fn skipped(what: &str, why: &str) {
    let required = std::env::var("GHOST_TESTS").is_ok_and(|value| value == "required");
    assert!(!required, "GHOST_TESTS=required, but {what} cannot be tested: {why}");
    eprintln!("skipped: {what} ({why})");
}
