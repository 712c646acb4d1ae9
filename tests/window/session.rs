//! A WebDriver client for the real window, over WebKitWebDriver and without an async runtime.
//!
//! On Linux that driver talks to a Tauri window directly. The driver can outlive a crashed window,
//! and a window can outlive the driver, so both share a process group that ends with the session.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PROGRAM, Place, root};

/// The key of an element's id in WebDriver's answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Timeout of one request to the driver.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Timeout for something to appear.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for a run and its verdict, on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(180);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);

/// An open window on one data folder.
pub struct Session {
    agent: ureq::Agent,
    base: String,
    driver: Child,
    home: PathBuf,
}

impl Session {
    /// Opens the window and waits until the page is there.
    pub fn open(place: &Place) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("WebKitWebDriver")
            .args([format!("--port={port}"), "--host=127.0.0.1".into()])
            .envs(place.environment())
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(place.at("window.log")).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        let agent = ureq::Agent::new_with_config(
            ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(REQUEST_TIMEOUT))
                .build(),
        );
        let url = format!("http://127.0.0.1:{port}");
        let mut session = Session { agent, base: url.clone(), driver, home: place.home() };
        session.until("the driver answers", || {
            session.agent.get(format!("{url}/status")).call().is_ok().then_some(())
        });
        let window = json!({ "binary": PROGRAM, "args": ["--home", place.home()] });
        let wanted = json!({ "alwaysMatch": { "webkitgtk:browserOptions": window } });
        let begun = session.post("/session", json!({ "capabilities": wanted })).unwrap();
        session.base = format!("{url}/session/{}", begun["sessionId"].as_str().unwrap());
        session.find("nav-write");
        session
    }

    fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.base))
            .send_json(body)
            .map_err(|e| e.to_string())?;
        let done = answer.status().is_success();
        let answer: Value = answer.body_mut().read_json().map_err(|e| e.to_string())?;
        if done { Ok(answer["value"].clone()) } else { Err(answer["value"].to_string()) }
    }

    #[track_caller]
    fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        within(TIMEOUT, what, look)
    }

    /// The id of an element with this test id, once it exists.
    #[track_caller]
    fn find(&self, id: &str) -> String {
        self.element(&format!("[data-testid={id}]"))
    }

    #[track_caller]
    fn element(&self, css: &str) -> String {
        self.until(css, || {
            let found = self.post("/element", json!({ "using": "css selector", "value": css }));
            Some(found.ok()?[ELEMENT].as_str()?.to_owned())
        })
    }

    /// Clicks an element, once it is enabled.
    #[track_caller]
    pub fn click(&self, id: &str) {
        self.wait(&format!("{} && !{}.disabled", by(id), by(id)));
        self.until(&format!("{id} is clicked"), || {
            let element = self.find(id);
            self.post(&format!("/element/{element}/click"), json!({})).ok()
        });
    }

    /// Replaces the text of a field.
    #[track_caller]
    pub fn fill(&self, id: &str, text: &str) {
        let element = self.find(id);
        self.post(&format!("/element/{element}/clear"), json!({})).unwrap();
        self.post(&format!("/element/{element}/value"), json!({ "text": text })).unwrap();
    }

    /// Types into the editor at the cursor, key by key.
    #[track_caller]
    pub fn write(&self, text: &str) {
        let editor = self.element("[data-testid=editor] .cm-content");
        self.post(&format!("/element/{editor}/value"), json!({ "text": text })).unwrap();
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn js(&self, expression: &str) -> Value {
        let script = json!({ "script": format!("return ({expression})"), "args": [] });
        self.post("/execute/sync", script).unwrap()
    }

    /// Runs statements in the page.
    #[track_caller]
    pub fn run(&self, statements: &str) {
        self.post("/execute/sync", json!({ "script": statements, "args": [] })).unwrap();
    }

    /// Waits until an expression is truthy, and returns its value.
    #[track_caller]
    pub fn wait(&self, expression: &str) -> Value {
        self.until(expression, || {
            let value = self.js(expression);
            let nothing = [json!(null), json!(false), json!(""), json!(0)].contains(&value);
            (!nothing).then_some(value)
        })
    }

    /// Waits for an element that appears at the end of a run.
    #[track_caller]
    pub fn wait_for_run(&self, id: &str) {
        let there = || (self.js(&format!("!!{}", by(id))) == true).then_some(());
        within(RUN_TIMEOUT, id, there);
    }

    /// The text of an element, once it has some.
    #[track_caller]
    pub fn text(&self, id: &str) -> String {
        let text = self.wait(&format!("{}?.textContent.trim()", by(id)));
        text.as_str().unwrap().to_owned()
    }

    /// The text in the editor.
    #[track_caller]
    pub fn editor_text(&self) -> String {
        let lines = "[...document.querySelectorAll('[data-testid=editor] .cm-line')]";
        let text = self.js(&format!("{lines}.map(line => line.textContent).join('\\n')"));
        text.as_str().unwrap().to_owned()
    }

    /// Saves a screenshot of the window in `target/window`.
    pub fn screenshot(&self, name: &str) {
        // Without this wait the first screenshot lacks the fonts.
        let painted = "const done = arguments[arguments.length - 1]; document.fonts.ready.then(() => \
                       requestAnimationFrame(() => requestAnimationFrame(() => done(1))))";
        let _ = self.post("/execute/async", json!({ "script": painted, "args": [] }));
        let mut answer = self.agent.get(format!("{}/screenshot", self.base)).call().unwrap();
        let answer: Value = answer.body_mut().with_config().limit(64 << 20).read_json().unwrap();
        let folder = root().join("target").join("window");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), base64(answer["value"].as_str().unwrap())).unwrap();
    }

    /// Kills the window at once, like a crash or a power cut.
    pub fn kill(self) {
        let home = self.home.display().to_string();
        for pid in processes() {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if line.starts_with(PROGRAM) && line.contains(&home) && !line.contains("\0work\0") {
                let _ = Command::new("kill").args(["-9", &pid]).status();
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let end = self.agent.delete(&self.base).config().timeout_global(Some(TIMEOUT / 10)).build();
        let _ = end.call();
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.driver.id())]).status();
        let _ = self.driver.wait();
    }
}

/// Polls until `look` finds something.
#[track_caller]
fn within<T>(timeout: Duration, what: &str, look: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < timeout, "timed out waiting for {what}");
        sleep(POLL);
    }
}

/// A JavaScript expression for the element with a test id.
pub fn by(id: &str) -> String {
    format!("document.querySelector('[data-testid={id}]')")
}

fn processes() -> impl Iterator<Item = String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
}

fn base64(text: &str) -> Vec<u8> {
    let six = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let bits: Vec<u8> = text.bytes().filter_map(six).collect();
    let whole = |four: &[u8]| {
        let word = four.iter().fold(0_u32, |word, six| word << 6 | u32::from(*six));
        let word = word << (6 * (4 - four.len()));
        word.to_be_bytes()[1..four.len()].to_vec()
    };
    bits.chunks(4).flat_map(whole).collect()
}

/// True if `PATH` has the program.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}
