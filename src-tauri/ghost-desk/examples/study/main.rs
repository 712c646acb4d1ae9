//! Study: does training on edits help? The prompted base drafts from the seeds of real texts, an
//! imitated writer ([`Manner`]) edits each draft, the pairs become rows, and adapters trained with them
//! are compared with adapters trained for the same time without.
//!
//! Measured on unseen texts: how often the writer's wording is more likely than the wording it
//! replaces (preference), the edit distance between a new draft and what the writer would ship, and
//! the bits per byte of the real text. Below each row is the difference the pairs made, per text,
//! with its standard error. Everything follows from one random seed, so the same call prints the same
//! table.
//!
//! `make study`, or: `cargo run --example study -- archive=DIR base=FILE pairs=0,10,30,100 …`
//! (every setting and its default: [`Settings`]).

// It prints a table, as commands do.
#![allow(clippy::print_stdout)]

mod imitated;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ghost_core::archive::{self, Piece};
use ghost_core::chunk;
use ghost_core::edit::{Edit, Segment};
use ghost_core::id::{EditId, PieceId};
use ghost_core::measure;
use ghost_core::outline::RequestScope;
use ghost_core::preference::{DpoConfig, PreferencePair};
use ghost_core::program::{Example, Form, Pick, Program};
use ghost_core::rng::Rng;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::{Seed, TfIdf};
use ghost_core::split::Split;
use ghost_core::words;
use ghost_engine::adapter::Adapter;
use ghost_engine::base::Base;
use ghost_engine::device::Device;
use ghost_engine::eval;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{GenerateRequest, PrefixCache, generate};
use ghost_engine::model::Model;
use ghost_engine::prompt;
use ghost_engine::train;
use ghost_engine::train::dpo;

use imitated::{Manner, Revision};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Maximum bytes of an excerpt: about 120 words.
const STRETCH: usize = 700;
/// Minimum words of a text.
const LEAST_WORDS: usize = 50;
/// Example pieces in the baseline's prompt, and its maximum tokens.
const EXAMPLES: usize = 2;
const PROMPT_TOKENS: usize = 700;
/// Maximum changes scored per pair, longest first, and the minimum words of one.
const MOST_CHANGES: usize = 8;
const LEAST_CHANGE: usize = 2;

/// How a pair is trained on.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Weights {
    /// The shipped text, with equal weights.
    Plain,
    /// Added text has the highest weight.
    Diff,
    /// In addition, removed text has a negative weight.
    Unlearn,
    /// In addition, preference training on the changes.
    Prefer,
}

/// `name=value` on the command line.
#[derive(Debug)]
struct Settings {
    /// Folder of one writer's pieces; the sample archive.
    archive: PathBuf,
    /// The base; the starter base.
    base: PathBuf,
    /// Numbers of pairs, one per point of the curve; 0,10,30,100.
    pairs: Vec<usize>,
    /// Pieces to measure on, in up to three texts each; 12.
    test: usize,
    /// Bytes of the archive before the first edit; 48000.
    bytes: usize,
    /// Passes over the rows; 2.
    passes: usize,
    /// `whole` (the default), `turns`, `habits` or `revisions`.
    manner: Manner,
    /// Folder of the revisions.
    edits: PathBuf,
    /// Share of the changes the writer makes; 0.75.
    diligence: f64,
    /// `plain` (equal weights), `diff` (added text has the highest weight), `unlearn` (the default: in
    /// addition, removed text has a negative weight) or `prefer` (in addition, preference training).
    weights: Weights,
    /// 1.
    random_seed: u64,
}

impl Settings {
    fn read() -> Outcome<Settings> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let starter = here.join(".base/SmolLM2-135M-Instruct.Q4_1.gguf");
        let mut settings = Settings {
            archive: here.join("assets/archive"),
            base: std::env::var_os("GHOST_BASE").map_or(starter, PathBuf::from),
            pairs: vec![0, 10, 30, 100],
            test: 12,
            bytes: 48_000,
            passes: 2,
            manner: Manner::Whole,
            edits: PathBuf::new(),
            diligence: 0.75,
            weights: Weights::Unlearn,
            random_seed: 1,
        };
        for asked in std::env::args().skip(1) {
            let (name, value) = asked.split_once('=').ok_or("settings are name=value")?;
            match name {
                "archive" => settings.archive = value.into(),
                "base" => settings.base = value.into(),
                "pairs" => {
                    settings.pairs = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "test" => settings.test = value.parse()?,
                "bytes" => settings.bytes = value.parse()?,
                "passes" => settings.passes = value.parse()?,
                "manner" => settings.manner = Manner::named(value).ok_or("no such manner")?,
                "edits" => settings.edits = value.into(),
                "diligence" => settings.diligence = value.parse()?,
                "weights" if value == "plain" => settings.weights = Weights::Plain,
                "weights" if value == "diff" => settings.weights = Weights::Diff,
                "weights" if value == "unlearn" => settings.weights = Weights::Unlearn,
                "weights" if value == "prefer" => settings.weights = Weights::Prefer,
                "random_seed" => settings.random_seed = value.parse()?,
                _ => return Err(format!("there is no setting {name}={value}").into()),
            }
        }
        Ok(settings)
    }
}

/// A real text and its seed.
#[derive(Clone)]
struct Text {
    seed: Seed,
    text: String,
}

/// A draft and the text that the imitated writer shipped.
struct Pair {
    seed: Seed,
    draft: String,
    shipped: String,
}

/// The data of a study.
struct Matter {
    /// The archive before the first edit.
    old: Vec<Text>,
    /// The texts of the pairs, with drafts if there are any.
    wanted: Vec<(Text, Option<String>)>,
    /// The same, for measuring only.
    test: Vec<(Text, Option<String>)>,
}

fn main() -> Outcome<()> {
    let settings = Settings::read()?;
    let began = Instant::now();
    let base = Base::open(&settings.base)?;
    let base = Model::new(base, Arc::new(Device::from_env()));
    let Matter { old, wanted, test } = Matter::of(&settings)?;
    let most = settings.pairs.iter().copied().max().unwrap_or(0).min(wanted.len());
    println!(
        "{} on {}: {} texts before the first edit, {most} to draft, {} to measure on ({:?}, {:?}, \
         {} passes)",
        settings.archive.file_name().unwrap_or_default().display(),
        base.card.name,
        old.len(),
        test.len(),
        settings.manner,
        settings.weights,
        settings.passes
    );
    let study = Study { base: &base, settings: &settings, old: &old };
    let pairs = study.pairs(&wanted[..most], 0)?;
    let held_out = study.pairs(&test, 1_000_000)?;
    let test: Vec<Text> = test.into_iter().map(|(text, _)| text).collect();
    say_pairs("to learn from", &pairs);
    say_pairs("held out", &held_out);
    if let Some(floor) = floor(&test) {
        println!("of one piece, one text of the writer's from another: {floor:.4}");
    }
    println!("drafted in {:.0} s\n", began.elapsed().as_secs_f64());

    println!("pairs  learned  steps  preference   margin  distance  bits a byte  seconds");
    let bare = study.measure(None, &test, &held_out)?;
    println!("    –  nothing      0  {bare}");
    for &n in &settings.pairs {
        // Fewer if a draft was shipped unchanged, or the archive is too small.
        let n = n.min(pairs.len());
        let began = Instant::now();
        let (with, steps) = study.learn(&pairs[..n], None)?;
        let with = study.measure(Some(&with), &test, &held_out)?;
        let name = if n == 0 { "archive" } else { "edits" };
        println!("{n:>5}  {name:<7}  {steps:>5}  {with}  {:>7.0}", began.elapsed().as_secs_f64());
        if n > 0 {
            let began = Instant::now();
            let (without, steps) = study.learn(&[], Some(steps))?;
            let without = study.measure(Some(&without), &test, &held_out)?;
            println!(
                "{n:>5}  archive  {steps:>5}  {without}  {:>7.0}",
                began.elapsed().as_secs_f64()
            );
            println!(
                "       the pairs: margin {}, distance {}, bits a byte {}",
                changed(&with.margins, &without.margins),
                changed(&with.distances, &without.distances),
                changed(&with.bits, &without.bits)
            );
        }
    }
    println!("\n{:.0} s in all", began.elapsed().as_secs_f64());
    Ok(())
}

/// The mean paired difference and its standard error.
fn changed(these: &[f64], than: &[f64]) -> String {
    let more: Vec<f64> = these.iter().zip(than).map(|(this, than)| this - than).collect();
    let n = more.len() as f64;
    let middle = mean(&more);
    let squares = more.iter().map(|more| (more - middle).powi(2)).sum::<f64>();
    format!("{middle:+.4} ± {:.4}", (squares / (n - 1.0).max(1.0) / n.max(1.0)).sqrt())
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len().max(1) as f64
}

/// The writer's distance to themself, between texts of the same piece: a lower bound for any draft.
fn floor(test: &[Text]) -> Option<f64> {
    let of_one = test.windows(2).filter(|two| two[0].seed.topic == two[1].seed.topic);
    let far: Vec<f64> =
        of_one.map(|two| measure::edit_distance(&two[0].text, &two[1].text)).collect();
    (!far.is_empty()).then(|| mean(&far))
}

impl Matter {
    fn of(settings: &Settings) -> Outcome<Matter> {
        let mut pieces = Vec::new();
        read(&settings.archive, &settings.archive, &mut pieces)?;
        pieces.retain(|piece| piece.words >= LEAST_WORDS && !piece.unfinished);
        pieces.sort_by(|a, b| a.date.cmp(&b.date).then_with(|| a.source.cmp(&b.source)));
        let phrases = TfIdf::of(pieces.iter().map(|piece| piece.text.as_str()));
        let mut matter = match settings.manner {
            Manner::Revisions => Matter::revised(settings, pieces, &phrases)?,
            _ => Matter::drafted(settings, &pieces, &phrases),
        };
        // The newest old pieces that fit.
        let mut bytes = 0;
        let from = matter.old.iter().rposition(|text| {
            bytes += text.text.len();
            bytes > settings.bytes
        });
        matter.old.drain(..from.map_or(0, |from| from + 1));
        if matter.old.is_empty() || matter.test.is_empty() {
            return Err("the archive is too small to study".into());
        }
        Ok(matter)
    }

    /// Splits the pieces by age: the archive (oldest), the pairs (middle) and the measured texts (newest).
    fn drafted(settings: &Settings, pieces: &[Piece], phrases: &TfIdf) -> Matter {
        let test = pieces.len().saturating_sub(settings.test);
        let middle = test * 2 / 5;
        let some = |pieces: &[Piece], most| {
            Text::all(pieces, most, phrases).into_iter().map(|text| (text, None)).collect()
        };
        Matter {
            old: Text::all(&pieces[..middle], usize::MAX, phrases),
            wanted: some(&pieces[middle..test], 4),
            test: some(&pieces[test..], 3),
        }
    }

    /// Uses the revisions of the newest pieces for measuring and the others for training; the archive is
    /// all but the newest pieces.
    fn revised(settings: &Settings, mut pieces: Vec<Piece>, phrases: &TfIdf) -> Outcome<Matter> {
        let revisions = imitated::revisions(&settings.edits, STRETCH)?;
        let mut titles: Vec<&str> = revisions.iter().map(|one| one.after.title.as_str()).collect();
        titles.dedup();
        let newest = titles.split_off(titles.len().saturating_sub(settings.test));
        pieces.retain(|piece| !newest.contains(&piece.title.as_str()));
        let old = Text::all(&pieces, usize::MAX, phrases);
        let as_text = |one: &Revision| {
            let text = Text::of(&one.after, one.after.text.trim(), phrases);
            (text, Some(one.before.trim().to_owned()))
        };
        let (test, wanted): (Vec<_>, Vec<_>) =
            revisions.iter().partition(|one| newest.contains(&one.after.title.as_str()));
        Ok(Matter {
            old,
            wanted: wanted.into_iter().map(as_text).collect(),
            test: test.into_iter().map(as_text).collect(),
        })
    }
}

impl Text {
    fn of(piece: &Piece, text: &str, phrases: &TfIdf) -> Text {
        let topics = phrases.keyphrases(text);
        let words = words::count(text);
        let seed = Seed::of_piece(&Piece { words, text: String::new(), ..piece.clone() }, &topics);
        Text { seed, text: text.to_owned() }
    }

    /// Up to `most` excerpts of each piece.
    fn all(pieces: &[Piece], most: usize, phrases: &TfIdf) -> Vec<Text> {
        let mut all = Vec::new();
        for piece in pieces {
            let parts = chunk::chunks(&piece.text, STRETCH).into_iter();
            let long = parts.filter(|part| words::count(&piece.text[part.clone()]) >= LEAST_WORDS);
            let texts = long.map(|part| Text::of(piece, piece.text[part].trim(), phrases));
            all.extend(texts.take(most));
        }
        all
    }
}

fn read(folder: &Path, root: &Path, pieces: &mut Vec<Piece>) -> Outcome<()> {
    let mut inside: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    inside.sort_by_key(std::fs::DirEntry::path);
    for entry in inside {
        let path = entry.path();
        if path.is_dir() {
            read(&path, root, pieces)?;
        } else {
            let name = path.strip_prefix(root.parent().unwrap_or(root))?;
            pieces.extend(archive::read(&name.to_string_lossy(), &std::fs::read(&path)?).0);
        }
    }
    Ok(())
}

struct Study<'a> {
    base: &'a Model,
    settings: &'a Settings,
    old: &'a [Text],
}

/// Measurements of an adapter on unseen texts.
struct Measured {
    /// Per change: log-likelihood of the added text minus that of the removed text, in nats per token.
    margins: Vec<f64>,
    /// Per text: edit distance between its draft and what the writer would ship.
    distances: Vec<f64>,
    /// Bits per byte of the real text.
    bits: Vec<f64>,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let right = self.margins.iter().filter(|margin| **margin > 0.0).count();
        let changes = self.margins.len();
        let preference = right as f64 / changes.max(1) as f64;
        let [margin, distance, bits] =
            [&self.margins, &self.distances, &self.bits].map(|of| mean(of));
        write!(f, "{preference:.3} of {changes:<3} {margin:>+7.3}  {distance:>8.4}  {bits:>11.4}")
    }
}

impl Study<'_> {
    /// The few-shot prompt of a seed, with the pieces nearest in length.
    fn prompt(&self, seed: &Seed) -> Outcome<Vec<u32>> {
        let mut near: Vec<&Text> = self.old.iter().collect();
        let words = |seed: &Seed| seed.words.unwrap_or(0);
        near.sort_by_key(|text| words(&text.seed).abs_diff(words(seed)));
        let examples: Vec<_> = near
            .into_iter()
            .take(EXAMPLES)
            .map(|text| Example { seed: &text.seed, text: &text.text })
            .collect();
        let program = Program {
            form: Form::Turns,
            pick: Pick::Near,
            shots: EXAMPLES,
            instruction: String::new(),
            card: String::new(),
            rules: Vec::new(),
        };
        Ok(prompt::few_shot_for_seed(self.base, &program, &examples, seed, PROMPT_TOKENS)?)
    }

    fn pairs(&self, wanted: &[(Text, Option<String>)], first: u64) -> Outcome<Vec<Pair>> {
        let mut pairs = Vec::new();
        for (n, (text, draft)) in (first..).zip(wanted) {
            let draft = match draft {
                Some(draft) => draft.clone(),
                None => self.draft(None, &self.prompt(&text.seed)?, text, n)?,
            };
            let mut rng = Rng::new(self.settings.random_seed ^ n.wrapping_mul(0x9E37));
            let shipped = match self.settings.manner {
                Manner::Whole => {
                    imitated::toward(&draft, &text.text, self.settings.diligence, &mut rng)
                }
                Manner::Habits => imitated::habits(&draft),
                Manner::Turns | Manner::Revisions => text.text.clone(),
            };
            // Without a change there is nothing to train on.
            if draft.trim() != shipped.trim() {
                pairs.push(Pair { seed: text.seed.clone(), draft, shipped });
            }
        }
        Ok(pairs)
    }

    fn draft(
        &self,
        adapter: Option<&Adapter>,
        prompt: &[u32],
        text: &Text,
        n: u64,
    ) -> Outcome<String> {
        let how = Sampling {
            random_seed: self.settings.random_seed.wrapping_mul(7_919).wrapping_add(n),
            max_tokens: 400,
            ..Sampling::default()
        };
        if self.settings.manner != Manner::Turns {
            let mut hear = |_: &str| ControlFlow::Continue(());
            let written = generate(
                self.base,
                &mut PrefixCache::new(self.base),
                &GenerateRequest {
                    adapter,
                    prompt,
                    written: &[],
                    words: text.seed.words,
                    sampling: &how,
                },
                &mut hear,
            )?;
            return Ok(written.text);
        }
        let mut draft = String::new();
        let starts: Vec<usize> = words::sentences(&text.text).map(|(at, _)| at).collect();
        for (n, &from) in starts.iter().enumerate() {
            let to = starts.get(n + 1).copied().unwrap_or(text.text.len());
            if n % 2 == 0 {
                draft += &text.text[from..to];
                continue;
            }
            let mut so_far = prompt.to_vec();
            so_far.extend(self.base.tokenizer.encode(text.text[..from].trim_end()));
            let how = Sampling { max_tokens: 60, ..how.clone() };
            let mut grown = String::new();
            let mut hear = |piece: &str| {
                grown.push_str(piece);
                let over = words::sentences(&grown).count() > 1 || grown.trim().contains('\n');
                if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            generate(
                self.base,
                &mut PrefixCache::new(self.base),
                &GenerateRequest {
                    adapter,
                    prompt: &so_far,
                    written: &[],
                    words: None,
                    sampling: &how,
                },
                &mut hear,
            )?;
            let sentence = words::sentences(&grown).next().map_or("", |(_, sentence)| sentence);
            let own = &text.text[from..to];
            draft += sentence;
            draft += &own[own.trim_end().len()..];
        }
        Ok(draft)
    }

    /// Trains an adapter on the archive and these pairs; `steps` makes it as long as another training.
    fn learn(&self, pairs: &[Pair], steps: Option<usize>) -> Outcome<(Adapter, usize)> {
        let settings = self.settings;
        let archive = self.old.iter().zip(0..).map(|(text, n)| Row {
            seed: text.seed.clone(),
            scope: RequestScope::Whole,
            text: text.text.clone(),
            weights: Vec::new(),
            origin: Origin::Archive(PieceId(n)),
            split: Split::Train,
        });
        let edits = pairs.iter().zip(0..).flat_map(|(pair, n)| self.lessons(EditId(n), pair));
        let rows: Vec<Row> = archive.chain(edits).collect();
        let parameters = self.base.card.parameters;
        let recipe = Recipe {
            rank: 8,
            alpha: 16.0,
            context: 512,
            batch_tokens: 768,
            epochs: steps.map_or(settings.passes, |_| 1_000),
            steps,
            validate_every: 0,
            ..Recipe::quick(parameters, rows.len(), settings.random_seed)
        };
        let folder = std::env::temp_dir().join(format!("ghost-study-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut hear = |_: train::Event| ControlFlow::Continue(());
        let learned = train::train(self.base, &rows, &[], &recipe, &folder, &mut hear);
        std::fs::remove_dir_all(&folder)?;
        let learned = learned?;
        let adapter = match self.settings.weights {
            Weights::Prefer if !pairs.is_empty() => {
                self.preferred(&learned.adapter, pairs, &rows)?
            }
            _ => learned.adapter,
        };
        Ok((adapter, learned.steps.len()))
    }

    /// Trains an adapter, then continues with preference training.
    fn preferred(&self, begun: &Adapter, pairs: &[Pair], rows: &[Row]) -> Outcome<Adapter> {
        let choices: Vec<PreferencePair> = pairs
            .iter()
            .flat_map(|pair| PreferencePair::of(&pair.seed, &pair.draft, &pair.shipped))
            .collect();
        if choices.is_empty() {
            return Ok(begun.clone());
        }
        let is_edit = |row: &&Row| matches!(row.origin, Origin::Edit(_));
        let put_in = |row: &&Row| row.weights.iter().all(|one| one.weight >= 0.0);
        let edits: Vec<Row> = rows.iter().filter(is_edit).filter(put_in).cloned().collect();
        let how = DpoConfig::after(&begun.card.recipe);
        let mut hear = |_, _| ControlFlow::Continue(());
        let adapter = dpo::train_preferences(self.base, begun, &choices, &edits, &how, &mut hear)?;
        Ok(adapter.ok_or("nobody stopped it")?)
    }

    /// The rows of a pair.
    fn lessons(&self, id: EditId, pair: &Pair) -> Vec<Row> {
        let Pair { seed, draft, shipped } = pair;
        let apart = |text: &str| archive::non_prose_spans(text);
        let side = Split::Train;
        let put_in = Row::of_edit(id, seed.clone(), draft, shipped, &apart(shipped), side);
        match self.settings.weights {
            Weights::Plain => vec![Row { weights: Vec::new(), ..put_in }],
            Weights::Diff => vec![put_in],
            Weights::Unlearn | Weights::Prefer => {
                let cut = Row::of_cuts(id, seed.clone(), draft, shipped, &apart(draft), side);
                std::iter::once(put_in).chain(cut).collect()
            }
        }
    }

    fn measure(
        &self,
        adapter: Option<&Adapter>,
        test: &[Text],
        held_out: &[Pair],
    ) -> Outcome<Measured> {
        let mut margins = Vec::new();
        for pair in held_out {
            let prompt = self.asked(adapter, &pair.seed)?;
            let changes = self.changes(adapter, &prompt, pair);
            margins.extend(changes.into_iter().map(|[added, cut]| added - cut));
        }
        let (mut distances, mut bits) = (Vec::new(), Vec::new());
        for (n, text) in (2_000_000..).zip(test) {
            let prompt = self.asked(adapter, &text.seed)?;
            let draft = self.draft(adapter, &prompt, text, n)?;
            distances.push(match self.settings.manner {
                Manner::Habits => measure::edit_distance(&draft, &imitated::habits(&draft)),
                _ => measure::edit_distance(&draft, &text.text),
            });
            bits.push(eval::bits_per_byte(self.base, adapter, &prompt, &text.text));
        }
        Ok(Measured { margins, distances, bits })
    }

    /// The prompt: with examples for the base, without for an adapter.
    fn asked(&self, adapter: Option<&Adapter>, seed: &Seed) -> Outcome<Vec<u32>> {
        match adapter {
            None => self.prompt(seed),
            Some(_) => Ok(prompt::for_seed(self.base, seed)?),
        }
    }

    /// For each larger change of a pair: nats per token of the added and of the removed text, both after
    /// the shipped text before it.
    fn changes(&self, adapter: Option<&Adapter>, prompt: &[u32], pair: &Pair) -> Vec<[f64; 2]> {
        let edit = Edit::presentable(&pair.draft, &pair.shipped);
        let mut at = 0;
        let mut all: Vec<(usize, &str, &str)> = Vec::new();
        for segment in edit.segments() {
            match segment {
                Segment::Same(same) => at += same.len(),
                Segment::Changed { cut, added } => {
                    all.push((at, cut, added));
                    at += added.len();
                }
            }
        }
        let long = |text: &str| words::count(text) >= LEAST_CHANGE;
        all.retain(|(_, cut, added)| long(cut) && long(added));
        all.sort_by_key(|(_, cut, added)| std::cmp::Reverse(cut.len().min(added.len())));
        let likely = |at: usize, next: &str| {
            let text = format!("{}{next}", &pair.shipped[..at]);
            let scored = eval::token_log_probs(self.base, adapter, prompt, &text);
            let new: Vec<f64> = scored
                .iter()
                .filter(|(bytes, _)| bytes.end > at)
                .map(|(_, nats)| f64::from(*nats))
                .collect();
            new.iter().sum::<f64>() / new.len().max(1) as f64
        };
        all.iter()
            .take(MOST_CHANGES)
            .map(|(at, cut, added)| [likely(*at, added), likely(*at, cut)])
            .collect()
    }
}

fn say_pairs(what: &str, pairs: &[Pair]) {
    let mean = |of: &dyn Fn(&Pair) -> f64| mean(&pairs.iter().map(of).collect::<Vec<_>>());
    println!(
        "{} pairs {what}: {:.0} words drafted, {:.0} shipped, edit distance {:.2}",
        pairs.len(),
        mean(&|pair| words::count(&pair.draft) as f64),
        mean(&|pair| words::count(&pair.shipped) as f64),
        mean(&|pair| measure::edit_distance(&pair.draft, &pair.shipped))
    );
}
