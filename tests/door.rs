//! The commands over IPC: every command, called through Tauri's mock runtime, answers or fails with
//! a code and a sentence, and never panics.

use std::fs;

use ghost_desk::commands::{COMMANDS, RENAMED};
use ghost_desk::{Desk, Host};
use serde_json::{Value, json};
use tauri::test::{
    INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets,
};
use tauri::{App, WebviewWindow, WebviewWindowBuilder};

use crate::support::{Place, sample};

/// A window on the mock runtime, and its sandbox.
struct Window {
    window: WebviewWindow<MockRuntime>,
    _app: App<MockRuntime>,
    place: Place,
}

impl Window {
    fn open() -> Self {
        let place = Place::new();
        // The first place where the desk looks for a base.
        fs::create_dir_all(place.home().join("bases")).unwrap();
        let starter = place.home().join("bases").join("SmolLM2-135M-Instruct.Q4_1.gguf");
        fs::copy(place.base(), starter).unwrap();
        let desk = Desk::open(&place.home(), Host::Window).unwrap();
        let app = ghost_app::app(mock_builder(), desk).build(mock_context(noop_assets())).unwrap();
        let window = WebviewWindowBuilder::new(&app, "main", Default::default()).build().unwrap();
        Window { window, _app: app, place }
    }

    fn invoke(&self, body: Value) -> Result<Value, Value> {
        let request = tauri::webview::InvokeRequest {
            cmd: "call".into(),
            callback: tauri::ipc::CallbackFn(0),
            error: tauri::ipc::CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: tauri::ipc::InvokeBody::Json(body),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        get_ipc_response(&self.window, request).map(|answer| answer.deserialize().unwrap())
    }

    fn call(&self, name: &str, request: Value) -> Result<Value, Value> {
        self.invoke(json!({ "name": name, "request": request, "channel": "__CHANNEL__:1" }))
    }

    /// "ok", or the code a command fails with; panics on anything else.
    #[track_caller]
    fn code(&self, name: &str, request: Value) -> String {
        match self.call(name, request.clone()) {
            Ok(_) => "ok".into(),
            Err(failure) => {
                let sentence = failure["message"].as_str();
                assert!(sentence.is_some_and(|s| !s.is_empty()), "{name} {request}: {failure}");
                let code = failure["code"].as_str().unwrap();
                assert_ne!(code, "bug", "{name} {request}: {failure}");
                code.to_owned()
            }
        }
    }
}

#[test]
fn every_command_answers_or_fails_with_the_expected_code() {
    let window = Window::open();
    let text = "It rained. I put a pan under it, and the pan filled.";
    let out = window.place.at("copy").display().to_string();
    let seed = json!({ "topic": "rain", "words": 12 });
    let expected: Vec<(&str, Value, &str)> = vec![
        ("desk_read", json!({}), "ok"),
        ("form_save", seed.clone(), "ok"),
        ("archive_import", json!({ "paths": [sample()] }), "ok"),
        ("import_stop", json!({}), "ok"),
        ("authors_set", json!({ "names": [] }), "ok"),
        ("archive_read", json!({}), "ok"),
        ("piece_read", json!({ "piece": 1 }), "ok"),
        ("folder_watch", json!({ "path": sample(), "on": true }), "ok"),
        ("base_list", json!({}), "ok"),
        ("base_use", json!({ "file": window.place.base() }), "ok"),
        ("draft_write", json!({ "seed": seed, "random_seed": 1 }), "ok"),
        ("draft_stop", json!({}), "ok"),
        ("draft_read", json!({ "draft": 1 }), "ok"),
        ("draft_list", json!({}), "ok"),
        ("draft_save", json!({ "draft": 1, "text": text }), "ok"),
        ("draft_ship", json!({ "draft": 1, "text": text }), "ok"),
        ("edit_read", json!({ "draft": 1 }), "ok"),
        ("row_list", json!({}), "ok"),
        ("row_exclude", json!({ "row": 1, "excluded": true }), "ok"),
        ("run_list", json!({}), "ok"),
        ("adapter_list", json!({}), "ok"),
        ("adapter_promote", json!({ "adapter": 0 }), "ok"),
        ("adapter_rollback", json!({}), "not_found"),
        ("piece_seed_read", json!({ "piece": 1 }), "ok"),
        ("piece_seed_save", json!({ "piece": 1, "seed": { "topic": "rain", "points": [] } }), "ok"),
        ("piece_seed_save", json!({ "piece": 1 }), "ok"),
        ("seeds_choose", json!({ "minutes": 0.001 }), "ok"),
        ("profile_read", json!({ "draft": 1 }), "ok"),
        ("readiness_read", json!({}), "ok"),
        ("doctor", json!({}), "ok"),
        ("remote_read", json!({}), "ok"),
        ("remote_set", json!({ "address": "" }), "ok"),
        // There is no run and no adapter yet; `pipeline.rs` has both.
        ("run_start", json!({ "recipe": "no such recipe" }), "bad_input"),
        ("run_stop", json!({}), "not_found"),
        ("run_read", json!({ "run": 1 }), "not_found"),
        ("adapter_evaluate", json!({}), "not_found"),
        ("evaluation_stop", json!({}), "ok"),
        ("prompt_optimize", json!({ "recipe": "no such recipe" }), "bad_input"),
        ("adapter_retire", json!({ "adapter": 1 }), "not_found"),
        ("adapter_export", json!({ "format": "peft", "adapter": 1, "out": out }), "not_found"),
    ];
    let mut uncalled: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
    for (name, request, code) in expected {
        assert_eq!(window.code(name, request.clone()), code, "{name} {request}");
        uncalled.retain(|one| *one != name);
    }
    assert!(uncalled.is_empty(), "not called: {uncalled:?}");
}

#[test]
fn no_request_causes_a_panic() {
    let window = Window::open();
    let long = "word ".repeat(20_000);
    for (name, _) in COMMANDS {
        if *name == "run_start" {
            continue; // any object is a valid request for it
        }
        for request in [
            json!(null),
            json!([]),
            json!("text"),
            json!({ "no": "such field" }),
            json!({ "draft": -1, "piece": -1, "run": -1, "adapter": -1, "file": "", "path": "" }),
            json!({ "draft": i64::MAX, "piece": i64::MAX, "run": i64::MAX, "adapter": i64::MAX,
                    "text": long, "paths": ["/no/such/place", ""], "file": "\u{0}", "path": "\u{0}",
                    "on": true, "topic": long, "words": 4_000_000_000_u32, "format": "papyrus",
                    "out": "" }),
            json!({ "draft": 0, "text": "", "topic": "", "seed": { "topic": "" }, "paths": [],
                    "ghost": "nobody" }),
        ] {
            window.code(name, request);
        }
    }
}

#[test]
fn an_unknown_command_is_refused() {
    let window = Window::open();
    assert_eq!(window.code("archive_burn", json!({})), "unknown_command");
}

#[test]
fn an_invalid_request_is_bad_input() {
    let window = Window::open();
    assert_eq!(window.code("draft_read", json!({ "draft": "three" })), "bad_input");
    assert_eq!(window.code("draft_read", json!({ "draft": 3 })), "not_found");
}

#[test]
fn a_call_without_a_name_or_channel_is_refused() {
    let window = Window::open();
    assert!(window.invoke(json!({})).is_err());
    assert!(window.invoke(json!({ "name": "desk_read", "request": {} })).is_err());
}

#[test]
fn former_names_of_commands_and_fields_are_accepted() {
    let window = Window::open();
    for (former, current) in RENAMED {
        assert!(COMMANDS.iter().any(|(name, _)| name == current), "{former} became {current}");
    }
    assert_eq!(window.code("fit_read", json!({})), "ok");
    assert_eq!(window.code("ghost_rollback", json!({})), "not_found");
    let remote = json!({
        "address": "http://localhost:9/v1", "model": "large-1", "dialect": "openai",
        "reading": 2.0, "writing": 10.0, "may_send": true,
    });
    assert_eq!(window.code("elsewhere_set", remote), "ok");
    let read = window.call("remote_read", json!({})).unwrap();
    assert_eq!(read["model"], "large-1");
}
