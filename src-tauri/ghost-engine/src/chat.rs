//! The chat template of a base's own file, rendered by minijinja.
//!
//! The template comes from an untrusted file, so its work is bounded (`sandbox`).

mod sandbox;

use std::sync::Arc;

use minijinja::{Environment, ErrorKind, context};
use regex::{Captures, Regex};

use crate::error::{Error, Result};
use crate::load::gguf::Gguf;
use crate::tokenizer::Tokenizer;

/// No real template is longer, in bytes.
const MAX_BYTES: usize = 1 << 18;
/// The maximum length of a template's own reason that is shown, in characters.
const MAX_REASON: usize = 200;
/// ChatML: the template of files without one that have its tokens.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' \
     + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}\
     {{ '<|im_start|>assistant\\n' }}{% endif %}";
/// The template of a base that was not trained to chat.
const PLAIN: &str = "{% for message in messages %}{{ message['content'] + '\\n\\n' }}{% endfor %}";
/// The day for templates that ask for one: always the same, so that the same seed makes the same
/// prompt tomorrow.
const TODAY: &str = "1 January 2025";
/// Around the number of a message while a template is rendered, so that what the template says
/// and what the writer says can be distinguished afterwards. Private-use characters, which the
/// messages themselves may hold: they are not in the text at that time.
const MARK: [char; 2] = ['\u{F0000}', '\u{F0001}'];

/// A message: its role and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// "system", "user" or "assistant".
    pub role: String,
    /// Plain text, whatever it looks like.
    pub content: String,
}

/// A base's chat template.
#[derive(Clone)]
pub struct Chat {
    environment: Arc<Environment<'static>>,
    template: String,
    begin: String,
    end: String,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chat")
    }
}

impl Chat {
    /// The template of a file, or the plainest one that suits its tokens.
    ///
    /// # Errors
    /// `Template` where it is no Jinja.
    pub fn from_gguf(file: &Gguf, tokenizer: &Tokenizer) -> Result<Self> {
        let token = |key: &str| {
            let id = file.count(key)?;
            Some((*file.texts("tokenizer.ggml.tokens")?.get(id)?).to_owned())
        };
        Self::suited(
            file.text("tokenizer.chat_template"),
            tokenizer,
            token("tokenizer.ggml.bos_token_id").unwrap_or_default(),
            token("tokenizer.ggml.eos_token_id").unwrap_or_default(),
        )
    }

    /// A base's own template, or the plainest one that suits its tokens. What begins and what
    /// ends a text goes into it by name.
    pub(crate) fn suited(
        own: Option<&str>,
        tokenizer: &Tokenizer,
        begin: String,
        end: String,
    ) -> Result<Self> {
        let fallback = if tokenizer.special("<|im_start|>").is_some() { CHATML } else { PLAIN };
        Self::new(own.unwrap_or(fallback), begin, end)
    }

    fn new(template: &str, begin: String, end: String) -> Result<Self> {
        if template.len() > MAX_BYTES {
            return Err(Error::Template("is too long".into()));
        }
        let mut environment = sandbox::environment();
        environment.add_function(
            "raise_exception",
            |why: String| -> std::result::Result<String, _> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, "raised")
                    .with_source(Raised(why)))
            },
        );
        environment.add_function("strftime_now", |_: String| TODAY);
        let template = plain(template)?;
        sandbox::check(&template).map_err(|e| broken(&e))?;
        Ok(Self { environment: Arc::new(environment), template, begin, end })
    }

    /// The tokens of a conversation. Specials of the template are tokens of their
    /// own; a message's content is plain text even where it looks like one.
    /// With `answer`, ends where the assistant begins to speak.
    ///
    /// # Errors
    /// `Template` where the template fails.
    pub fn tokens(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        answer: bool,
    ) -> Result<Vec<u32>> {
        let rendered = match self.render(messages, answer) {
            // Some bases have no system role: its text is then put before the user's.
            Err(error) => match without_system(messages) {
                Some(fewer) => {
                    let rendered = self.render(&fewer, answer).map_err(|_| error)?;
                    return tokens(tokenizer, &rendered, &fewer);
                }
                None => return Err(error),
            },
            Ok(rendered) => rendered,
        };
        tokens(tokenizer, &rendered, messages)
    }

    /// The template's own text, with a mark in place of each message.
    fn render(&self, messages: &[Message], answer: bool) -> Result<String> {
        let marked: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(n, message)| {
                let content = format!("{}{n}{}", MARK[0], MARK[1]);
                context! { role => message.role, content => content }
            })
            .collect();
        let given = context! {
            messages => marked,
            add_generation_prompt => answer,
            // A ghost writes; it doesn't think aloud first.
            enable_thinking => false,
            bos_token => self.begin,
            eos_token => self.end,
        };
        sandbox::render(&self.environment, &self.template, given).map_err(|e| broken(&e))
    }
}

/// A conversation with what its system says put before what its user says; `None` where it has
/// no system.
fn without_system(messages: &[Message]) -> Option<Vec<Message>> {
    let [system, user, rest @ ..] = messages else { return None };
    if system.role != "system" {
        return None;
    }
    let content = format!("{}\n\n{}", system.content, user.content);
    let first = Message { role: user.role.clone(), content };
    Some([&[first], rest].concat())
}

/// A template in plain Jinja: Transformers marks what an assistant said with a `generation` tag
/// of its own.
fn plain(template: &str) -> Result<String> {
    let tag = Regex::new(r"(\{%[-+]?\s*)(end)?generation(\s*[-+]?%\})")
        .map_err(|error| Error::Bug(format!("a pattern of ours: {error}")))?;
    let plain = tag.replace_all(template, |found: &Captures<'_>| {
        let word = if found.get(2).is_some() { "endif" } else { "if true" };
        format!("{}{word}{}", &found[1], &found[3])
    });
    Ok(plain.into_owned())
}

/// The maximum number of times that a template may repeat the messages.
const MAX_RENDERED_TIMES: usize = 4;

/// Puts the messages back where their marks are, finding specials only between them.
fn tokens(tokenizer: &Tokenizer, rendered: &str, messages: &[Message]) -> Result<Vec<u32>> {
    let all = |messages: &[Message]| messages.iter().map(|one| one.content.len()).sum::<usize>();
    let mut room = MAX_RENDERED_TIMES * all(messages);
    let mut ids = Vec::new();
    // Text since the last special, so that text on both sides of a mark is tokenised together.
    let mut text = String::new();
    for (n, part) in rendered.split(MARK[0]).enumerate() {
        let mut rest = part;
        if n > 0
            && let Some((message, after)) = part.split_once(MARK[1])
        {
            let message = message.parse().ok().and_then(|n: usize| messages.get(n));
            let message = message.map_or("", |message| &message.content);
            let too_often = || Error::Template("repeats a message too often".to_owned());
            room = room.checked_sub(message.len()).ok_or_else(too_often)?;
            text.push_str(message);
            rest = after;
        }
        while let Some((id, place)) = tokenizer.find_special(rest) {
            text.push_str(&rest[..place.start]);
            ids.extend(tokenizer.encode(&text));
            text.clear();
            ids.push(id);
            rest = &rest[place.end..];
        }
        text.push_str(rest);
    }
    ids.extend(tokenizer.encode(&text));
    Ok(ids)
}

/// A reason that a template itself gives for not being rendered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn broken(error: &minijinja::Error) -> Error {
    let raised =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<Raised>());
    Error::Template(match raised {
        // Whose words they are: a template's, so short and without line ends.
        Some(Raised(why)) => {
            let why: String = why
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(MAX_REASON)
                .collect();
            format!("refuses a plain request (\u{201c}{why}\u{201d})")
        }
        None => format!("fails ({})", error.kind()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;

    fn user(content: &str) -> Vec<Message> {
        vec![Message { role: "user".into(), content: content.into() }]
    }

    fn read(base: &crate::Base, ids: &[u32]) -> String {
        ids.iter()
            .map(|id| match base.tokenizer.bytes_of(*id) {
                [] => "#".to_owned(),
                bytes => String::from_utf8_lossy(bytes).into_owned(),
            })
            .collect()
    }

    #[test]
    fn a_request_is_put_between_specials() {
        let base = tiny::base(1);
        let ids = base.chat.tokens(&base.tokenizer, &user("Rain."), true).unwrap();
        assert_eq!(read(&base, &ids), "#user\nRain.#\n#assistant\n");
    }

    #[test]
    fn a_template_that_repeats_a_message_endlessly_is_refused() {
        let base = tiny::base(1);
        let tokens = |times: usize| {
            let template = format!(
                "{{% for _ in range({times}) %}}{{{{ messages[0].content }}}}{{% endfor %}}"
            );
            let chat = Chat::new(&template, "<|im_start|>".into(), String::new()).unwrap();
            chat.tokens(&base.tokenizer, &user("Rain."), true)
        };
        assert!(tokens(2).is_ok());
        assert!(matches!(tokens(100), Err(Error::Template(_))));
    }

    #[test]
    fn a_writers_special_stays_text() {
        let base = tiny::base(1);
        let ids = base.chat.tokens(&base.tokenizer, &user("a<|im_end|>b"), false).unwrap();
        assert_eq!(read(&base, &ids), "#user\na<|im_end|>b#\n");
    }

    #[test]
    fn a_writers_private_characters_stay_text() {
        let base = tiny::base(1);
        let odd = "\u{F0000}0\u{F0001}";
        let ids = base.chat.tokens(&base.tokenizer, &user(odd), false).unwrap();
        let written: Vec<u8> =
            ids.iter().flat_map(|id| base.tokenizer.bytes_of(*id)).copied().collect();
        assert_eq!(String::from_utf8(written).unwrap(), format!("user\n{odd}\n"));
    }

    /// The rendering of a system's "S" and a user's "U".
    #[track_caller]
    fn rendered(template: &str) -> String {
        let chat = Chat::new(template, "<|im_start|>".into(), String::new()).unwrap();
        let messages = [("system", "S"), ("user", "U")];
        let messages =
            messages.map(|(role, content)| Message { role: role.into(), content: content.into() });
        let base = tiny::base(1);
        read(&base, &chat.tokens(&base.tokenizer, &messages, true).unwrap())
    }

    #[test]
    fn a_template_without_a_system_role_gets_it_in_the_users_message() {
        let template = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
             {{ raise_exception('System role not supported') }}{% endif %}[{{ m['content'] | trim }}]{% endfor %}";
        assert_eq!(rendered(template), "#[S\n\nU]");
    }

    #[test]
    fn a_template_with_generation_tags_renders() {
        let template = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration -%}{% endfor %}";
        assert_eq!(rendered(template), "SU");
    }

    #[test]
    fn pythons_string_methods_work_in_a_template() {
        let template = "{%- for m in messages[::-1] %}{{ m.role.upper().startswith('US') }}\
             {{ m.content.split('</think>')[-1].lstrip('\n') }}{% if loop.last %}{% break %}{% endif %}{% endfor %}\
             {% if enable_thinking is defined and enable_thinking is false %}.{% endif %}{{ strftime_now('%d') }}\
             {% if tools %}{{ tools | tojson }}{% endif %}";
        assert_eq!(rendered(template), "TrueUFalseS.1 January 2025");
    }

    #[test]
    fn a_template_with_every_construct_of_real_ones_renders() {
        let template = "{%- macro say(role, text='') -%}<{{ role }}:{{ text | trim }}>{%- endmacro -%}\
             {%- set ns = namespace(last=messages | length - 1, all='') -%}\
             {%- if messages[0].role == 'system' -%}{%- set system = messages[0]['content'] -%}\
             {%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}\
             {%- for m in rest if m.role in ['user', 'assistant'] -%}\
             {%- set ns.all = ns.all + ',' ~ loop.index0 * 2 -%}\
             {{ say(m.role, m.content if m.content is string else '') }}\
             {%- else -%}nobody{%- endfor -%}\
             {{ ns.all }} {{ ns.last }} {{ {'a': 1}.get('a') }} {{ ['a', 'b'] | join('-') }}\
             {% for k, v in {'x': 'y'} | items %}{{ k }}{{ v }}{% endfor %}\
             {% set caught %}<{{ system }}>{% endset %}{{ caught }}\
             {{ (system or 'none') | replace('a', 'b') if system is defined and not false }}\
             {{ 'yes' if (rest | selectattr('role', 'equalto', 'user') | list | length) > 0 else 'no' }}";
        assert_eq!(rendered(template), "<user:U>,0 1 1 a-bxy<S>Syes");
    }

    /// Asks a template that means harm for a prompt; it must say no.
    #[track_caller]
    fn stopped(template: &str) {
        let chat = Chat::new(template, String::new(), String::new()).unwrap();
        let base = tiny::base(1);
        assert!(chat.tokens(&base.tokenizer, &user("a"), false).is_err());
    }

    #[test]
    fn templates_that_would_fill_the_memory_are_stopped() {
        let twice = |set: &str| {
            format!(
                "{{% set ns = namespace(x='x') %}}{{% for a in range(99) %}}{set}{{% endfor %}}"
            )
        };
        let long = "x".repeat(1 << 16);
        for template in [
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            &twice("{% set ns.x = ns.x ~ ns.x %}"),
            &twice("{% set ns.x = ns.x + ns.x %}"),
            &twice("{% set ns.x = [ns.x, ns.x] %}"),
            &twice("{% set ns.x = {'a': ns.x, 'b': ns.x} %}"),
            &twice("{% set ns.x = ns.x.replace('x', 'xx') %}"),
            &twice("{% set ns.x = ns.x | replace('x', 'xx') %}"),
            &twice("{% set ns.x = ns.x.join([ns.x, ns.x, ns.x]) %}"),
            &twice("{% set ns.x = [ns.x, ns.x] | join %}"),
            &twice("{% set x %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = x %}"),
            &twice("{% set ns.x = [ns.x] %}{{ ns.x == ns.x }}"),
            "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
            "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ 'a' ~ ns }}",
            "{% set ns = namespace() %}{% set ns.x = ns %}{% set ns.y = ns %}{{ ns == ns }}",
            "{% set x = 'x' %}{{ x * 99999999 }}",
            "{% set x = [1, 2, 3] %}{{ x * 9223372036854775807 }}",
            "{{ 'x' | indent(999999999) }}",
            "{{ '%999999999d' | format(1) }}",
            "{{ '{:>999999999}'.format(1) }}",
            "{{ [1] | batch(999999999, 1) }}",
            "{% macro f(x) %}{{ x }}{{ f(x ~ x) }}{% endmacro %}{{ f('x') }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% for a in [1] recursive %}{{ loop([a]) }}{% endfor %}",
            "{% include 'chat' %}",
            &format!("{{% for a in range(99999) %}}{long}{{% endfor %}}"),
            &format!(
                "{{% set x %}}{{% for a in range(99999) %}}{long}{{% endfor %}}{{% endset %}}"
            ),
        ] {
            stopped(template);
        }
    }

    #[test]
    fn templates_that_are_too_large_to_start_are_refused() {
        for template in [
            "{% block a %}x{% endblock %}",
            "{{ 'x' * 99999999 ~ 'x' * 99999999 }}",
            "{{ 99999999 * ('x') }}",
            "{{ [1, 2, 3] * 9223372036854775807 }}",
        ] {
            assert!(Chat::new(template, String::new(), String::new()).is_err());
        }
    }

    #[test]
    fn a_template_that_is_not_jinja_is_refused() {
        assert!(Chat::new("{% for %}", String::new(), String::new()).is_err());
    }
}
