//! A model somewhere else, as one more opponent: off until the writer enters an address.
//!
//! It is asked as the best prompt asks, so pieces of the writer's leave this computer; that is said
//! before, and nothing leaves without the writer's word. Two dialects are spoken: chat completions
//! as OpenAI has them and many others do, and Anthropic's messages. The key lies in the store as it
//! was entered, is shown to nobody, and goes to that address alone: redirections are not followed.

use std::time::{Duration, Instant};

use ghost_core::readiness::cost::Prices;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::{Code, Failure, Result};
use crate::store::settings;
use crate::wire::{ElsewhereForm, ElsewhereView};
use crate::{Desk, fit};

/// The setting it is kept under.
const SETTING: &str = "elsewhere";
/// One answer may take so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// No draft is longer, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// How an address wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dialect {
    Openai,
    Anthropic,
}

/// A model somewhere else, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    address: String,
    model: String,
    dialect: Dialect,
    key: String,
    /// Price of a million tokens read.
    reading: f64,
    /// And of a million written.
    writing: f64,
}

/// What came from there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) seconds: f64,
    /// In the money of the table of prices.
    pub(crate) cost: f64,
}

/// Somebody who can be asked for a draft, message by message.
pub(crate) trait Far {
    /// What the writer calls it by.
    fn name(&self) -> String;
    /// Asks. Messages are (role, text): perhaps "system", then "user" and "assistant" by turns.
    fn ask(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer>;
    /// What so many seconds of this computer cost.
    fn here(&self, seconds: f64) -> f64;
}

impl Elsewhere {
    fn of(form: ElsewhereForm) -> Result<Elsewhere> {
        let bad = |why: &str| Err(Failure::new(Code::BadInput, why));
        let address = form.address.trim().trim_end_matches('/').to_owned();
        let after = |scheme: &str| address.strip_prefix(scheme);
        let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or("").to_owned();
        let at_home = |host: &str| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        };
        match (after("https://").map(host), after("http://").map(host)) {
            (Some(host), _) if !host.is_empty() && !host.contains('@') => {}
            (_, Some(host)) if at_home(&host) => {}
            _ => {
                return bad(
                    "The address begins with https://, or with http:// where the model is \
                            on this computer.",
                );
            }
        }
        let model = form.model.trim().to_owned();
        if model.is_empty() || model.len() > 200 {
            return bad("Say which model is meant.");
        }
        let key = form.key.unwrap_or_default().trim().to_owned();
        if key.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return bad("The key has a character that no key has.");
        }
        let dialect = match form.dialect.as_deref().unwrap_or("openai") {
            "openai" => Dialect::Openai,
            "anthropic" => Dialect::Anthropic,
            _ => return bad("The dialect is openai or anthropic."),
        };
        let (reading, writing) = (form.reading.unwrap_or(0.0), form.writing.unwrap_or(0.0));
        if ![reading, writing].iter().all(|price| (0.0..1e6).contains(price)) {
            return bad("A price is an amount.");
        }
        if !form.may_send {
            return Err(Failure::new(Code::BadInput, warning(&address)));
        }
        Ok(Elsewhere { address, model, dialect, key, reading, writing })
    }

    fn view(&self) -> ElsewhereView {
        ElsewhereView {
            address: Some(self.address.clone()),
            model: Some(self.model.clone()),
            has_key: !self.key.is_empty(),
            warning: warning(&self.address),
        }
    }

    fn request(&self, messages: &[(&str, String)], max_tokens: usize) -> (String, Value) {
        let said = |all: &[(&str, String)]| -> Value {
            all.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect()
        };
        let path = |path: &str| match self.address.ends_with(path) {
            true => self.address.clone(),
            false => format!("{}{path}", self.address),
        };
        match self.dialect {
            Dialect::Openai => (
                path("/chat/completions"),
                json!({ "model": self.model, "max_tokens": max_tokens, "messages": said(messages) }),
            ),
            Dialect::Anthropic => {
                let (system, turns): (Vec<_>, Vec<_>) =
                    messages.iter().cloned().partition(|(role, _)| *role == "system");
                let mut body = json!({
                    "model": self.model, "max_tokens": max_tokens, "messages": said(&turns)
                });
                if let Some((_, system)) = system.first() {
                    body["system"] = json!(system);
                }
                (path("/messages"), body)
            }
        }
    }

    /// The text of an answer, and the tokens read and written for it.
    fn read(&self, answer: &Value) -> Option<(String, [f64; 2])> {
        let count = |of: &Value| of.as_f64().filter(|n| *n >= 0.0).unwrap_or(0.0);
        let usage = &answer["usage"];
        match self.dialect {
            Dialect::Openai => {
                let text = answer["choices"][0]["message"]["content"].as_str()?.to_owned();
                Some((text, [count(&usage["prompt_tokens"]), count(&usage["completion_tokens"])]))
            }
            Dialect::Anthropic => {
                let parts = answer["content"].as_array()?.iter();
                let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
                Some((text, [count(&usage["input_tokens"]), count(&usage["output_tokens"])]))
            }
        }
    }

    fn post(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer> {
        let begun = Instant::now();
        let far = |why: String| Failure::new(Code::Elsewhere, why);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let (url, body) = self.request(messages, max_tokens);
        let mut post = agent.post(&url).content_type("application/json");
        post = match self.dialect {
            _ if self.key.is_empty() => post,
            Dialect::Openai => post.header("authorization", format!("Bearer {}", self.key)),
            Dialect::Anthropic => post.header("x-api-key", &self.key),
        };
        if self.dialect == Dialect::Anthropic {
            post = post.header("anthropic-version", "2023-06-01");
        }
        // What went wrong is told without what was sent.
        let lost = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => far(format!("{} did not answer in time.", self.model)),
            ureq::Error::BodyExceedsLimit(_) => {
                far(format!("{} answered with more than any draft has.", self.model))
            }
            _ => far(format!("{} was not reached.", self.model)),
        };
        let mut answer = post.send(body.to_string()).map_err(lost)?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        if status != 200 {
            let why = match status {
                401 | 403 => "does not take the key",
                402 | 429 => "wants no more questions for now",
                404 => "is not known at that address",
                500.. => "is out of order",
                _ => "does not understand the question",
            };
            return Err(far(format!("{} {why} ({status}).", self.model)));
        }
        let answer: Value = serde_json::from_str(&read.map_err(lost)?).unwrap_or_default();
        let Some((text, [read, written])) = self.read(&answer) else {
            return Err(far(format!("What {} answered is no draft.", self.model)));
        };
        let cost = (read * self.reading + written * self.writing) / 1e6;
        Ok(Answer { text, seconds: begun.elapsed().as_secs_f64(), cost })
    }
}

/// One that is asked, with the prices of this computer.
pub(crate) struct Asked {
    elsewhere: Elsewhere,
    prices: Prices,
}

impl Far for Asked {
    fn name(&self) -> String {
        self.elsewhere.model.clone()
    }

    fn ask(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer> {
        self.elsewhere.post(messages, max_tokens)
    }

    fn here(&self, seconds: f64) -> f64 {
        self.prices.local_cost(seconds)
    }
}

/// What the writer is told before anything is sent.
fn warning(address: &str) -> String {
    format!(
        "Each verdict will send seeds and pieces of your archive to {address}, and may cost money. \
         Until you say that it may, nothing leaves this computer."
    )
}

impl Desk {
    pub(crate) fn set_elsewhere(&self, form: ElsewhereForm) -> Result<ElsewhereView> {
        let elsewhere = match form.address.trim() {
            "" => None,
            _ => Some(Elsewhere::of(form)?),
        };
        settings::set(self.store().on(), SETTING, &elsewhere)?;
        self.elsewhere()
    }

    pub(crate) fn elsewhere(&self) -> Result<ElsewhereView> {
        let kept: Option<Option<Elsewhere>> = settings::get(self.store().on(), SETTING)?;
        Ok(kept.flatten().map_or_else(
            || ElsewhereView {
                address: None,
                model: None,
                has_key: false,
                warning: warning("the address you enter"),
            },
            |kept| kept.view(),
        ))
    }

    /// The model elsewhere, where the writer entered one.
    pub(crate) fn far(&self) -> Result<Option<Asked>> {
        let kept: Option<Option<Elsewhere>> = settings::get(self.store().on(), SETTING)?;
        let Some(elsewhere) = kept.flatten() else { return Ok(None) };
        Ok(Some(Asked { elsewhere, prices: fit::prices(self)?.0 }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use crate::Host;

    use super::*;

    /// A server on this computer that answers once, and what it was asked.
    fn server(status: &'static str, answer: String) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                asked.read_line(&mut line).unwrap();
                let lower = line.to_lowercase();
                if let Some(n) = lower.strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            asked.read_exact(&mut body).unwrap();
            let length = answer.len();
            let head_back = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head_back.as_bytes()).unwrap();
            let _ = stream.write_all(answer.as_bytes());
            head + &String::from_utf8(body).unwrap()
        });
        (address, served)
    }

    fn form(address: &str, dialect: &str) -> ElsewhereForm {
        ElsewhereForm {
            address: address.into(),
            model: "large-1".into(),
            dialect: Some(dialect.into()),
            key: Some("secret".into()),
            reading: Some(2.0),
            writing: Some(10.0),
            may_send: true,
        }
    }

    fn messages() -> Vec<(&'static str, String)> {
        vec![("system", "Short.".into()), ("user", "Write a post about rain.".into())]
    }

    #[test]
    fn both_dialects_are_spoken() {
        let openai = json!({
            "choices": [{ "message": { "role": "assistant", "content": "It rained." } }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 100 }
        });
        let anthropic = json!({
            "content": [{ "type": "text", "text": "It " }, { "type": "text", "text": "rained." }],
            "usage": { "input_tokens": 1000, "output_tokens": 100 }
        });
        for (dialect, answer, path, header) in [
            ("openai", openai, "POST /v1/chat/completions", "authorization: Bearer secret"),
            ("anthropic", anthropic, "POST /v1/messages", "x-api-key: secret"),
        ] {
            let (address, served) = server("200 OK", answer.to_string());
            let far = Elsewhere::of(form(&format!("{address}/v1/"), dialect)).unwrap();
            let told = far.post(&messages(), 300).unwrap();
            assert_eq!((told.text.as_str(), told.cost), ("It rained.", 0.003));
            let asked = served.join().unwrap();
            assert!(asked.starts_with(path) && asked.contains(header), "{asked}");
            assert!(asked.contains("Write a post about rain.") && asked.contains("Short."));
        }
    }

    #[test]
    fn what_goes_wrong_is_told_in_a_sentence_without_key_or_words() {
        for (status, answer, why) in [
            ("401 Unauthorized", "secret", "does not take the key"),
            ("429 Too Many Requests", "", "wants no more questions"),
            ("500 Oh", "", "out of order"),
            ("302 Found\r\nlocation: http://127.0.0.1:1/", "", "does not understand"),
            ("200 OK", "no JSON", "is no draft"),
            ("200 OK", "{\"choices\":[]}", "is no draft"),
        ] {
            let (address, served) = server(status, answer.to_owned());
            let far = Elsewhere::of(form(&address, "openai")).unwrap();
            let failure = far.post(&messages(), 300).unwrap_err();
            assert_eq!(failure.code, Code::Elsewhere);
            assert!(failure.message.contains(why), "{failure}");
            assert!(!failure.message.contains("secret") && !failure.message.contains("rain"));
            served.join().unwrap();
        }
        let (address, served) = server("200 OK", "x".repeat(MOST_BYTES as usize + 10));
        let far = Elsewhere::of(form(&address, "openai")).unwrap();
        assert!(far.post(&messages(), 300).unwrap_err().message.contains("more than any draft"));
        served.join().unwrap();
        let nobody = Elsewhere::of(form("http://127.0.0.1:1", "openai")).unwrap();
        assert!(nobody.post(&messages(), 300).unwrap_err().message.contains("was not reached"));
    }

    #[test]
    fn nothing_leaves_before_the_writer_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(&dir.path().join("home"), Host::CommandLine).unwrap();
        assert!(desk.far().unwrap().is_none(), "off until an address is entered");
        let silent = ElsewhereForm { may_send: false, ..form("https://example.com/v1", "openai") };
        let failure = desk.set_elsewhere(silent).unwrap_err();
        assert!(
            failure.message.contains("send seeds and pieces of your archive to https://example")
        );
        assert!(desk.far().unwrap().is_none());
        let view = desk.set_elsewhere(form("https://example.com/v1", "openai")).unwrap();
        assert!(view.has_key && !serde_json::to_string(&view).unwrap().contains("secret"));
        assert_eq!(desk.far().unwrap().unwrap().name(), "large-1");
        desk.set_elsewhere(form("", "openai")).unwrap();
        assert!(desk.far().unwrap().is_none(), "and off again");
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for address in [
            "example.com",
            "ftp://x",
            "http://example.com",
            "https://",
            "https://a:b@c/v1",
            "http://localhost.evil",
        ] {
            assert!(Elsewhere::of(form(address, "openai")).is_err(), "{address}");
        }
        for address in ["http://localhost:8080/v1", "http://[::1]:8080", "https://example.com"] {
            assert!(Elsewhere::of(form(address, "openai")).is_ok(), "{address}");
        }
        assert!(Elsewhere::of(form("https://example.com", "french")).is_err());
        let free = ElsewhereForm { reading: Some(-1.0), ..form("https://example.com", "openai") };
        assert!(Elsewhere::of(free).is_err());
    }
}
