//! Remote model: an additional opponent in evaluations, off until the writer enters an address.
//!
//! It gets the optimized prompt, so pieces of the writer's leave this computer. The form says so,
//! and nothing is sent without the writer's consent. Two APIs are supported: OpenAI's chat
//! completions, which many servers offer, and Anthropic's messages. The key is stored as entered,
//! never shown again, and sent to that address only: redirects are not followed.

use std::time::{Duration, Instant};

use ghost_core::readiness::cost::Prices;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::{Code, Failure, Result};
use crate::prices;
use crate::store::settings;
use crate::wire::{RemoteForm, RemoteView};
use crate::workspace::Workspace;

/// Setting: the remote model.
const SETTING: &str = "elsewhere";
/// Timeout of one answer.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The API of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Api {
    Openai,
    Anthropic,
}

/// A remote model, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemoteModel {
    address: String,
    model: String,
    #[serde(rename = "dialect")]
    api: Api,
    key: String,
    /// Price per million input tokens.
    #[serde(rename = "reading")]
    input_price: f64,
    /// Price per million output tokens.
    #[serde(rename = "writing")]
    output_price: f64,
}

/// A draft from a remote model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) seconds: f64,
    /// In the currency of the price table.
    pub(crate) cost: f64,
}

/// A remote model that can be asked for a draft.
pub(crate) trait RemoteWriter {
    /// The name the writer knows it by.
    fn name(&self) -> String;
    /// Asks for a draft. Messages are (role, text): optionally "system", then "user" and "assistant" in turn.
    fn ask(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer>;
    /// The cost of `seconds` on this computer.
    fn here(&self, seconds: f64) -> f64;
}

impl RemoteModel {
    fn of(form: RemoteForm) -> Result<RemoteModel> {
        let bad = |why: &str| Err(Failure::new(Code::BadInput, why));
        let address = form.address.trim().trim_end_matches('/').to_owned();
        let after = |scheme: &str| address.strip_prefix(scheme);
        let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or("").to_owned();
        let is_local = |host: &str| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        };
        match (after("https://").map(host), after("http://").map(host)) {
            (Some(host), _) if !host.is_empty() && !host.contains('@') => {}
            (_, Some(host)) if is_local(&host) => {}
            _ => {
                return bad(
                    "The address must start with https://, or with http:// for a model on this \
                     computer.",
                );
            }
        }
        let model = form.model.trim().to_owned();
        if model.is_empty() || model.len() > 200 {
            return bad("Enter the name of the model.");
        }
        let key = form.key.unwrap_or_default().trim().to_owned();
        if key.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return bad("The API key contains an invalid character.");
        }
        let api = match form.api.as_deref().unwrap_or("openai") {
            "openai" => Api::Openai,
            "anthropic" => Api::Anthropic,
            _ => return bad("The API must be openai or anthropic."),
        };
        let (input_price, output_price) =
            (form.input_price.unwrap_or(0.0), form.output_price.unwrap_or(0.0));
        if ![input_price, output_price].iter().all(|price| (0.0..1e6).contains(price)) {
            return bad("Prices must be numbers of zero or more.");
        }
        if !form.allow_upload {
            return Err(Failure::new(Code::BadInput, warning(&address)));
        }
        Ok(RemoteModel { address, model, api, key, input_price, output_price })
    }

    fn view(&self) -> RemoteView {
        RemoteView {
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
        match self.api {
            Api::Openai => (
                path("/chat/completions"),
                json!({ "model": self.model, "max_tokens": max_tokens, "messages": said(messages) }),
            ),
            Api::Anthropic => {
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

    /// The text of an answer, and its input and output tokens.
    fn read(&self, answer: &Value) -> Option<(String, [f64; 2])> {
        let count = |of: &Value| of.as_f64().filter(|n| *n >= 0.0).unwrap_or(0.0);
        let usage = &answer["usage"];
        match self.api {
            Api::Openai => {
                let text = answer["choices"][0]["message"]["content"].as_str()?.to_owned();
                Some((text, [count(&usage["prompt_tokens"]), count(&usage["completion_tokens"])]))
            }
            Api::Anthropic => {
                let parts = answer["content"].as_array()?.iter();
                let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
                Some((text, [count(&usage["input_tokens"]), count(&usage["output_tokens"])]))
            }
        }
    }

    fn post(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer> {
        let begun = Instant::now();
        let remote = |why: String| Failure::new(Code::RemoteModel, why);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let (url, body) = self.request(messages, max_tokens);
        let mut post = agent.post(&url).content_type("application/json");
        post = match self.api {
            _ if self.key.is_empty() => post,
            Api::Openai => post.header("authorization", format!("Bearer {}", self.key)),
            Api::Anthropic => post.header("x-api-key", &self.key),
        };
        if self.api == Api::Anthropic {
            post = post.header("anthropic-version", "2023-06-01");
        }
        // Errors never quote what was sent.
        let lost = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => remote(format!("{} did not answer in time.", self.model)),
            ureq::Error::BodyExceedsLimit(_) => {
                remote(format!("{} sent more than 1 MB.", self.model))
            }
            _ => remote(format!("{} could not be reached.", self.model)),
        };
        let mut answer = post.send(body.to_string()).map_err(lost)?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        if status != 200 {
            let why = match status {
                401 | 403 => "rejected the API key",
                402 | 429 => "refused: rate limit or quota reached",
                404 => "was not found at that address",
                500.. => "returned a server error",
                _ => "rejected the request",
            };
            return Err(remote(format!("{} {why} ({status}).", self.model)));
        }
        let answer: Value = serde_json::from_str(&read.map_err(lost)?).unwrap_or_default();
        let Some((text, [read, written])) = self.read(&answer) else {
            return Err(remote(format!("{} sent an answer without a draft.", self.model)));
        };
        let cost = (read * self.input_price + written * self.output_price) / 1e6;
        Ok(Answer { text, seconds: begun.elapsed().as_secs_f64(), cost })
    }
}

/// A remote model with the prices of this computer.
pub(crate) struct PricedRemote {
    remote: RemoteModel,
    prices: Prices,
}

impl RemoteWriter for PricedRemote {
    fn name(&self) -> String {
        self.remote.model.clone()
    }

    fn ask(&self, messages: &[(&str, String)], max_tokens: usize) -> Result<Answer> {
        self.remote.post(messages, max_tokens)
    }

    fn here(&self, seconds: f64) -> f64 {
        self.prices.local_cost(seconds)
    }
}

/// The warning that is shown before anything is sent.
fn warning(address: &str) -> String {
    format!(
        "Each evaluation will send seeds and pieces of your archive to {address}, and may cost money. \
         Nothing leaves this computer until you agree."
    )
}

/// Sets or removes the remote model.
///
/// # Errors
/// `bad_input`, or the store's.
pub(crate) fn set(workspace: &Workspace, form: RemoteForm) -> Result<RemoteView> {
    let remote = match form.address.trim() {
        "" => None,
        _ => Some(RemoteModel::of(form)?),
    };
    settings::set(workspace.store().db(), SETTING, &remote)?;
    view(workspace)
}

/// The remote model, for display.
///
/// # Errors
/// The store's.
pub(crate) fn view(workspace: &Workspace) -> Result<RemoteView> {
    let kept: Option<Option<RemoteModel>> = settings::get(workspace.store().db(), SETTING)?;
    Ok(kept.flatten().map_or_else(
        || RemoteView {
            address: None,
            model: None,
            has_key: false,
            warning: warning("the address you enter"),
        },
        |kept| kept.view(),
    ))
}

/// The remote model, if the writer set one.
///
/// # Errors
/// `bad_input` for an invalid price table, or the store's.
pub(crate) fn configured(workspace: &Workspace) -> Result<Option<PricedRemote>> {
    let kept: Option<Option<RemoteModel>> = settings::get(workspace.store().db(), SETTING)?;
    let Some(remote) = kept.flatten() else { return Ok(None) };
    Ok(Some(PricedRemote { remote, prices: prices::prices(workspace.folder())?.0 }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use crate::desk::{Desk, Host};

    use super::*;

    /// A local server that answers once, and the request it received.
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

    fn form(address: &str, dialect: &str) -> RemoteForm {
        RemoteForm {
            address: address.into(),
            model: "large-1".into(),
            api: Some(dialect.into()),
            key: Some("secret".into()),
            input_price: Some(2.0),
            output_price: Some(10.0),
            allow_upload: true,
        }
    }

    fn messages() -> Vec<(&'static str, String)> {
        vec![("system", "Short.".into()), ("user", "Write a post about rain.".into())]
    }

    #[test]
    fn both_apis_are_supported() {
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
            let remote = RemoteModel::of(form(&format!("{address}/v1/"), dialect)).unwrap();
            let reply = remote.post(&messages(), 300).unwrap();
            assert_eq!((reply.text.as_str(), reply.cost), ("It rained.", 0.003));
            let asked = served.join().unwrap();
            assert!(asked.starts_with(path) && asked.contains(header), "{asked}");
            assert!(asked.contains("Write a post about rain.") && asked.contains("Short."));
        }
    }

    #[test]
    fn an_error_is_reported_without_key_or_text() {
        for (status, answer, why) in [
            ("401 Unauthorized", "secret", "rejected the API key"),
            ("429 Too Many Requests", "", "rate limit or quota"),
            ("500 Oh", "", "server error"),
            ("302 Found\r\nlocation: http://127.0.0.1:1/", "", "rejected the request"),
            ("200 OK", "no JSON", "without a draft"),
            ("200 OK", "{\"choices\":[]}", "without a draft"),
        ] {
            let (address, served) = server(status, answer.to_owned());
            let remote = RemoteModel::of(form(&address, "openai")).unwrap();
            let failure = remote.post(&messages(), 300).unwrap_err();
            assert_eq!(failure.code, Code::RemoteModel);
            assert!(failure.message.contains(why), "{failure}");
            assert!(!failure.message.contains("secret") && !failure.message.contains("rain"));
            served.join().unwrap();
        }
        let (address, served) = server("200 OK", "x".repeat(MAX_ANSWER_BYTES as usize + 10));
        let remote = RemoteModel::of(form(&address, "openai")).unwrap();
        assert!(remote.post(&messages(), 300).unwrap_err().message.contains("more than 1 MB"));
        served.join().unwrap();
        let nobody = RemoteModel::of(form("http://127.0.0.1:1", "openai")).unwrap();
        assert!(
            nobody.post(&messages(), 300).unwrap_err().message.contains("could not be reached")
        );
    }

    #[test]
    fn nothing_is_sent_without_consent() {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(&dir.path().join("home"), Host::CommandLine).unwrap();
        assert!(configured(desk.workspace()).unwrap().is_none(), "off until an address is entered");
        let silent = RemoteForm { allow_upload: false, ..form("https://example.com/v1", "openai") };
        let failure = set(desk.workspace(), silent).unwrap_err();
        assert!(
            failure.message.contains("send seeds and pieces of your archive to https://example")
        );
        assert!(configured(desk.workspace()).unwrap().is_none());
        let view = set(desk.workspace(), form("https://example.com/v1", "openai")).unwrap();
        assert!(view.has_key && !serde_json::to_string(&view).unwrap().contains("secret"));
        assert_eq!(configured(desk.workspace()).unwrap().unwrap().name(), "large-1");
        set(desk.workspace(), form("", "openai")).unwrap();
        assert!(configured(desk.workspace()).unwrap().is_none(), "off again");
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for address in [
            "example.com",
            "ftp://x",
            "http://example.com",
            "https://",
            "https://a:b@c/v1",
            "http://localhost.evil",
        ] {
            assert!(RemoteModel::of(form(address, "openai")).is_err(), "{address}");
        }
        for address in ["http://localhost:8080/v1", "http://[::1]:8080", "https://example.com"] {
            assert!(RemoteModel::of(form(address, "openai")).is_ok(), "{address}");
        }
        assert!(RemoteModel::of(form("https://example.com", "french")).is_err());
        let free = RemoteForm { input_price: Some(-1.0), ..form("https://example.com", "openai") };
        assert!(RemoteModel::of(free).is_err());
    }
}
