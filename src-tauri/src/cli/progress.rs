//! Progress on standard error: a line that is updated in a terminal, a line at intervals in a file,
//! an object a line for scripts.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use ghost_desk::event::Event;
use ghost_desk::wire::{RunProgress, RunStage, RunStateName, StepView};

use super::streams::{err, out};

/// Interval between lines where a line cannot be overwritten.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// How progress is printed.
pub(crate) struct Progress {
    json: bool,
    tty: bool,
    /// Time of the last line.
    printed_at: Option<Instant>,
    /// The last line.
    line: String,
    /// Whether a line is on screen that must be cleared first.
    on_screen: bool,
}

impl Progress {
    /// Progress for scripts (`json`) or for people.
    pub(crate) fn new(json: bool) -> Self {
        Progress {
            json,
            tty: stderr().is_terminal(),
            printed_at: None,
            line: String::new(),
            on_screen: false,
        }
    }

    /// Prints an event.
    pub(crate) fn on_event(&mut self, event: &Event) {
        if self.json {
            if let Ok(line) = serde_json::to_string(event) {
                err(&(line + "\n"));
            }
            return;
        }
        match event {
            Event::ImportProgressed { done, of, .. } => {
                self.print_line(&format!("reading {done} of {of}"), done == of);
            }
            // The draft itself is the answer, printed as it grows.
            Event::DraftGrew { text, .. } => out(text),
            Event::DraftPlanning { .. } => self.print_line("planning the sections", true),
            Event::RunProgressed { progress, .. } => {
                if let Some(line) = progress_line(progress) {
                    self.print_line(&line, false);
                }
            }
            Event::RunStepped { step, .. } => self.print_line(&step_line(step), step.n == step.of),
            Event::RunChanged { run } if run.state == RunStateName::Evaluating => {
                self.print_line("evaluating on the test pieces", true);
            }
            Event::EvaluationProgressed { done, of, .. } => {
                self.print_line(&format!("evaluating: {done} of {of} measured"), done == of);
            }
            Event::GpuFailed { sentence } => {
                self.clear();
                err(&format!("{sentence}\n"));
            }
            _ => {}
        }
    }

    /// Prints a line, overwriting the last one or at intervals.
    fn print_line(&mut self, line: &str, last: bool) {
        if let Some(text) = self.text_of(line, last) {
            err(&text);
        }
    }

    /// The text that prints `line`; `None` if it repeats the last line or follows it too soon.
    fn text_of(&mut self, line: &str, last: bool) -> Option<String> {
        if self.line == line {
            return None;
        }
        let is_due = self.printed_at.is_none_or(|printed_at| printed_at.elapsed() >= LINE_INTERVAL);
        if !self.tty && !last && !is_due {
            return None;
        }
        line.clone_into(&mut self.line);
        self.printed_at = Some(Instant::now());
        self.on_screen = self.tty;
        Some(if self.tty { format!("\r\x1b[2K{line}") } else { format!("{line}\n") })
    }

    /// Clears the line.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.on_screen) {
            err("\r\x1b[2K");
            self.line.clear();
        }
    }
}

fn step_line(step: &StepView) -> String {
    let dev = step
        .validation_bits_per_byte
        .map_or_else(String::new, |d| format!(", validation {d:.4} bits/byte"));
    format!(
        "step {} of {}: loss {:.3}{dev}, {:.0} tokens/s, {} left",
        step.n,
        step.of,
        step.loss,
        step.tokens_per_second,
        duration(f64::from(step.seconds_left)),
    )
}

/// The progress of a run outside its training steps, which have lines of their own.
fn progress_line(progress: &RunProgress) -> Option<String> {
    let doing = match progress.stage {
        RunStage::Measuring => "measuring the speed of this computer".to_owned(),
        RunStage::TryingRates => {
            format!("trying learning rates: step {} of {}", progress.done, progress.of)
        }
        RunStage::Learning => format!("training: step {} of {}", progress.done, progress.of),
        RunStage::Preference => "training on your preferences".to_owned(),
        // The evaluation reports its own progress.
        RunStage::Evaluating => return None,
    };
    let left = progress.seconds_left.map(|left| format!(", about {} left", duration(left)));
    Some(doing + &left.unwrap_or_default())
}

/// A duration in words.
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
        Progress { json: false, tty, printed_at: None, line: String::new(), on_screen: false }
    }

    #[test]
    fn a_line_is_not_repeated() {
        let mut file = progress(false);
        let lines = (0..50).filter_map(|_| file.text_of("evaluating: 75 of 75 measured", true));
        assert_eq!(lines.collect::<Vec<_>>(), ["evaluating: 75 of 75 measured\n"]);
        let mut terminal = progress(true);
        let lines = (0..50).filter_map(|_| terminal.text_of("reading 9 of 9", true));
        assert_eq!(lines.collect::<Vec<_>>(), ["\r\x1b[2Kreading 9 of 9"]);
    }

    #[test]
    fn a_file_gets_progress_at_intervals_and_at_the_end() {
        let mut file = progress(false);
        let lines = (1..=75).filter_map(|n| file.text_of(&format!("{n} of 75"), n == 75));
        assert_eq!(lines.collect::<Vec<_>>(), ["1 of 75\n", "75 of 75\n"]);
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(61.0), "1 min 01 s");
        assert_eq!(duration(7260.0), "2 h 01 min");
        assert_eq!(duration(f64::NAN), "0 s");
    }
}
