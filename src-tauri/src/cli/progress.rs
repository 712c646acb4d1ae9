//! What happens meanwhile, told on standard error: one line that changes where a person looks, a
//! line now and then where a file does, an object a line where a script does.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use ghost_desk::event::Event;
use ghost_desk::wire::{RunProgress, RunStage, RunStateName, StepView};

use super::say::{err, out};

/// How often a line is written where it cannot be written over.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// How progress is told.
pub(crate) struct Progress {
    json: bool,
    tty: bool,
    /// When something was last told.
    told: Option<Instant>,
    /// What it was.
    line: String,
    /// Whether a line stands that must be cleared first.
    standing: bool,
}

impl Progress {
    /// For scripts, or for people.
    pub(crate) fn new(json: bool) -> Self {
        Progress {
            json,
            tty: stderr().is_terminal(),
            told: None,
            line: String::new(),
            standing: false,
        }
    }

    /// Tells an event.
    pub(crate) fn hear(&mut self, event: &Event) {
        if self.json {
            if let Ok(line) = serde_json::to_string(event) {
                err(&(line + "\n"));
            }
            return;
        }
        match event {
            Event::ImportProgressed { done, of, .. } => {
                self.now(&format!("reading {done} of {of}"), done == of);
            }
            // The draft itself is the answer, told as it grows.
            Event::DraftGrew { text, .. } => out(text),
            Event::DraftPlanning { .. } => self.now("planning the sections", true),
            Event::RunProgressed { progress, .. } => {
                if let Some(line) = progress_line(progress) {
                    self.now(&line, false);
                }
            }
            Event::RunStepped { step, .. } => self.now(&step_line(step), step.n == step.of),
            Event::RunChanged { run } if run.state == RunStateName::Judging => {
                self.now("judging on the held-out pieces", true);
            }
            Event::JudgeProgressed { done, of, .. } => {
                self.now(&format!("judging: {done} of {of} measured"), done == of);
            }
            Event::CardLost { sentence } => {
                self.still();
                err(&format!("{sentence}\n"));
            }
            _ => {}
        }
    }

    /// One line: written over where that can be done, otherwise only now and then.
    fn now(&mut self, line: &str, last: bool) {
        if let Some(text) = self.written(line, last) {
            err(&text);
        }
    }

    /// What is written to say `line`; nothing where it was said last, or a moment ago.
    fn written(&mut self, line: &str, last: bool) -> Option<String> {
        if self.line == line {
            return None;
        }
        let is_due = self.told.is_none_or(|told| told.elapsed() >= NOW_AND_THEN);
        if !self.tty && !last && !is_due {
            return None;
        }
        line.clone_into(&mut self.line);
        self.told = Some(Instant::now());
        self.standing = self.tty;
        Some(if self.tty { format!("\r\x1b[2K{line}") } else { format!("{line}\n") })
    }

    /// Clears the line.
    pub(crate) fn still(&mut self) {
        if std::mem::take(&mut self.standing) {
            err("\r\x1b[2K");
            self.line.clear();
        }
    }
}

fn step_line(step: &StepView) -> String {
    let dev =
        step.dev_bits_per_byte.map_or_else(String::new, |d| format!(", dev {d:.4} bits/byte"));
    format!(
        "step {} of {}: loss {:.3}{dev}, {:.0} tokens/s, {} left",
        step.n,
        step.of,
        step.loss,
        step.tokens_per_second,
        duration(f64::from(step.seconds_left)),
    )
}

/// What a run does before, between and after its steps, which speak for themselves.
fn progress_line(progress: &RunProgress) -> Option<String> {
    let doing = match progress.stage {
        RunStage::Measuring => "measuring how fast this computer is".to_owned(),
        RunStage::TryingRates => {
            format!("trying learning rates: step {} of {}", progress.done, progress.of)
        }
        RunStage::Learning => format!("learning: step {} of {}", progress.done, progress.of),
        RunStage::Preferring => "learning what you preferred".to_owned(),
        // Told by what is measured.
        RunStage::Judging => return None,
    };
    let left = progress.seconds_left.map(|left| format!(", about {} left", duration(left)));
    Some(doing + &left.unwrap_or_default())
}

/// A duration as people say it.
pub(crate) fn duration(seconds: f64) -> String {
    let s = if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { 0 };
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(tty: bool) -> Progress {
        Progress { json: false, tty, told: None, line: String::new(), standing: false }
    }

    #[test]
    fn what_was_said_last_is_not_said_again() {
        let mut file = progress(false);
        let said = (0..50).filter_map(|_| file.written("judging: 75 of 75 measured", true));
        assert_eq!(said.collect::<Vec<_>>(), ["judging: 75 of 75 measured\n"]);
        let mut terminal = progress(true);
        let said = (0..50).filter_map(|_| terminal.written("reading 9 of 9", true));
        assert_eq!(said.collect::<Vec<_>>(), ["\r\x1b[2Kreading 9 of 9"]);
    }

    #[test]
    fn a_file_hears_of_progress_now_and_then_and_of_the_end() {
        let mut file = progress(false);
        let said = (1..=75).filter_map(|n| file.written(&format!("{n} of 75"), n == 75));
        assert_eq!(said.collect::<Vec<_>>(), ["1 of 75\n", "75 of 75\n"]);
    }

    #[test]
    fn a_duration_is_said_as_people_say_it() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(61.0), "1 min 01 s");
        assert_eq!(duration(7260.0), "2 h 01 min");
        assert_eq!(duration(f64::NAN), "0 s");
    }
}
