//! A sandbox for templates: an untrusted template cannot fill the memory or the stack.
//!
//! minijinja counts a template's steps, and one step may double a string or build a cyclic list. So
//! every value that comes onto its stack is weighed there, and everything weighed in one render
//! together has a limit. Knows nothing of what a template is for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::machinery::{CodeGenerator, Instruction, Instructions, Span, Token, Vm};
use minijinja::machinery::{WhitespaceConfig, make_string_output, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, escape_formatter};

/// The maximum number of steps; real templates take some hundreds a message.
const FUEL: u64 = 1_000_000;
/// The maximum size of a value: the bytes of a string; one for each element of a list or map, and their
/// sizes.
const MAX_VALUE: usize = 1 << 20;
/// The maximum size of all values together, each counted whenever it is pushed onto the stack.
const MAX_TOTAL: usize = 1 << 26;
/// The maximum depth of lists within lists.
const MAX_DEPTH: usize = 32;
/// Filters that can make much of little in one step, which no chat template needs.
const UNBOUNDED: [&str; 10] =
    ["batch", "chain", "format", "groupby", "indent", "pprint", "slice", "sum", "tojson", "zip"];

/// The size of all values of one render so far.
#[derive(Debug, Default)]
struct SizeBudget(AtomicUsize);

impl Object for SizeBudget {}

/// An environment whose templates are bounded, if they are rendered by `render`.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // Else every error would copy all variables there are.
    environment.set_debug(false);
    environment.set_recursion_limit(64);
    for name in UNBOUNDED {
        environment.remove_filter(name);
    }
    environment.remove_global("debug");
    environment.add_filter("weighed", weighed);
    environment.add_filter("spent", |state: &State, bytes: usize| spend(state, bytes));
    environment.add_filter("product", product);
    environment.add_filter("replace", replace);
    environment.add_filter("join", |state: &State, parts: Value, between: Option<String>| {
        join(state, &parts, &between.unwrap_or_default())
    });
    environment.add_filter("tojson", |value: Value, _: Rest<Value>| {
        serde_json::to_string(&value).map_err(|_| refused("no JSON"))
    });
    environment.set_unknown_method_callback(method);
    environment.set_formatter(|output: &mut Output, state: &State, value: &Value| {
        weighed(state, value.clone())?;
        escape_formatter(output, state, value)
    });
    environment
}

/// Checks that this is Jinja, in one part.
///
/// # Errors
/// minijinja's own, or one for a template that is in parts.
pub(super) fn check(template: &str) -> Result<(), Error> {
    compiled(template).map(|_| ())
}

/// The text that a template renders from `context`.
///
/// # Errors
/// Where the template fails, or makes too much.
pub(super) fn render(
    environment: &Environment<'static>,
    template: &str,
    context: Value,
) -> Result<String, Error> {
    let instructions = bounded(&compiled(template)?);
    let mut rendered = String::new();
    let blocks = BTreeMap::new();
    Vm::new(environment).eval(
        &instructions,
        context,
        &blocks,
        &mut make_string_output(&mut rendered),
        AutoEscape::None,
    )?;
    Ok(rendered)
}

fn compiled(template: &str) -> Result<Instructions<'_>, Error> {
    let whitespace =
        WhitespaceConfig { keep_trailing_newline: false, lstrip_blocks: true, trim_blocks: true };
    let syntax = SyntaxConfig;
    constants(tokenize(template, false, syntax.clone(), whitespace))?;
    let tree = parse(template, "chat", syntax, whitespace)?;
    let mut generator = CodeGenerator::new("chat", template);
    generator.compile_stmt(&tree);
    let (instructions, blocks) = generator.finish();
    if blocks.is_empty() { Ok(instructions) } else { Err(refused("it is in parts")) }
}

/// Refuses products of anything but names and numbers: minijinja works out those of constants
/// before the first step is taken.
fn constants<'a>(
    tokens: impl Iterator<Item = Result<(Token<'a>, Span), Error>>,
) -> Result<(), Error> {
    let plain = |token: &Token| matches!(token, Token::Ident(_) | Token::Int(_) | Token::Float(_));
    let mut before = None;
    for token in tokens {
        let (token, _) = token?;
        let product = matches!(before, Some(Token::Mul)) && !plain(&token)
            || matches!(token, Token::Mul) && !before.as_ref().is_some_and(plain);
        if product {
            return Err(refused("a product of texts"));
        }
        before = Some(token);
    }
    Ok(())
}

/// The same steps, with a weighing after each that brings a value onto the stack.
fn bounded<'a>(steps: &Instructions<'a>) -> Instructions<'a> {
    use Instruction as I;
    /// The place of no cached filter: it is looked up by name.
    const BY_NAME: u8 = !0;
    let mut bounded = Instructions::new("chat", steps.source());
    // Where each step of the template is now.
    let mut moved = Vec::new();
    for n in 0..steps.len() as u32 {
        let Some(step) = steps.get(n) else { break };
        moved.push(bounded.len() as u32);
        match step {
            I::EmitRaw(text) => {
                bounded.add(I::LoadConst(Value::from(text.len())));
                bounded.add(I::ApplyFilter("spent", Some(1), BY_NAME));
                bounded.add(I::DiscardTop);
                bounded.add(step.clone());
            }
            I::Mul => {
                bounded.add(I::ApplyFilter("product", Some(2), BY_NAME));
            }
            _ => {
                bounded.add(step.clone());
            }
        }
        if matches!(
            step,
            I::Lookup(_)
                | I::GetAttr(_)
                | I::GetItem
                | I::Slice
                | I::BuildMap(_)
                | I::BuildKwargs(_)
                | I::MergeKwargs(_)
                | I::BuildList(Some(_))
                | I::Add
                | I::Mul
                | I::StringConcat
                | I::ApplyFilter(..)
                | I::EndCapture
                | I::CallFunction(..)
                | I::CallMethod(..)
                | I::CallObject(_)
        ) {
            bounded.add(I::ApplyFilter("weighed", Some(1), BY_NAME));
        }
    }
    moved.push(bounded.len() as u32);
    for n in 0..bounded.len() as u32 {
        if let Some(
            I::Iterate(to)
            | I::Jump(to)
            | I::JumpIfFalse(to)
            | I::JumpIfFalseOrPop(to)
            | I::JumpIfTrueOrPop(to)
            | I::BuildMacro(_, to, _),
        ) = bounded.get_mut(n)
        {
            *to = moved.get(*to as usize).copied().unwrap_or(*to);
        }
    }
    bounded
}

/// The value itself, unless it is too heavy, or too much was weighed before it.
fn weighed(state: &State, value: Value) -> Result<Value, Error> {
    let mut left = MAX_VALUE;
    size(&value, MAX_DEPTH, &mut left)?;
    spend(state, MAX_VALUE - left)?;
    Ok(value)
}

fn size(value: &Value, deepest: usize, left: &mut usize) -> Result<(), Error> {
    let own = 1 + value.as_str().map_or(0, str::len) + value.as_bytes().map_or(0, <[u8]>::len);
    *left = left.checked_sub(own).ok_or_else(|| refused("it makes too much"))?;
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
        return Ok(());
    }
    let deepest = deepest.checked_sub(1).ok_or_else(|| refused("it goes too deep"))?;
    for part in value.try_iter()? {
        size(&part, deepest, left)?;
        if value.kind() == ValueKind::Map {
            size(&value.get_item(&part)?, deepest, left)?;
        }
    }
    Ok(())
}

fn spend(state: &State, bytes: usize) -> Result<(), Error> {
    let weighed: Arc<SizeBudget> = state.get_or_set_temp_object("weighed", SizeBudget::default);
    let before = weighed.0.fetch_add(bytes, Ordering::Relaxed);
    if before.saturating_add(bytes) > MAX_TOTAL {
        return Err(refused("it makes too much"));
    }
    Ok(())
}

/// `*` of numbers. Of texts and lists it is refused: in minijinja that is one step, whatever its
/// size.
fn product(left: Value, right: Value) -> Result<Value, Error> {
    let exact = i64::try_from(left.clone()).ok().zip(i64::try_from(right.clone()).ok());
    if let Some(product) = exact.and_then(|(left, right)| left.checked_mul(right)) {
        return Ok(product.into());
    }
    Ok((f64::try_from(left)? * f64::try_from(right)?).into())
}

fn replace(state: &State, text: String, from: String, to: String) -> Result<String, Error> {
    let times = text.matches(from.as_str()).count();
    spend(state, text.len().saturating_add(times.saturating_mul(to.len())))?;
    Ok(text.replace(&from, &to))
}

fn join(state: &State, parts: &Value, between: &str) -> Result<String, Error> {
    let mut joined = String::new();
    for (n, part) in parts.try_iter()?.enumerate() {
        let between = if n > 0 { between } else { "" };
        let part = part.to_string();
        spend(state, between.len() + part.len())?;
        joined.push_str(between);
        joined.push_str(&part);
    }
    Ok(joined)
}

/// Python's methods, those that can make much of little in our own way.
fn method(state: &State, value: &Value, name: &str, given: &[Value]) -> Result<Value, Error> {
    let text = |n: usize| given.get(n).and_then(Value::as_str).map(str::to_owned);
    match (name, value.as_str(), text(0), text(1)) {
        ("replace", Some(own), Some(from), Some(to)) if given.len() == 2 => {
            replace(state, own.to_owned(), from, to).map(Value::from)
        }
        ("join", Some(own), ..) if given.len() == 1 => join(state, &given[0], own).map(Value::from),
        ("replace" | "join" | "format", ..) => Err(refused("a method unknown here")),
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, given),
    }
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
