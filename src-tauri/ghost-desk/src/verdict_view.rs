//! Verdicts in wire form.

use ghost_core::verdict::{Decision, GuardrailResult, Verdict, VoiceMeasures};

use crate::wire::{GuardView, LevelView, MeasuresView, PreferenceView, VerdictView, VoiceView};

/// The wire form of a verdict.
pub(crate) fn verdict(verdict: &Verdict) -> VerdictView {
    let m = &verdict.measures;
    // Without pieces there are no figures, and a zero would look like one.
    fn some<T>(pieces: usize, figure: T) -> Option<T> {
        (pieces > 0).then_some(figure)
    }
    VerdictView {
        decision: match verdict.decision {
            Decision::Ship => "SHIP",
            Decision::Keep => "KEEP",
            Decision::Unproven => "UNPROVEN",
            Decision::Blocked => "BLOCKED",
            Decision::Retire => "RETIRE",
        }
        .into(),
        reasons: verdict.reasons.clone(),
        measures: MeasuresView {
            pieces: m.n as u32,
            base: some(m.n, m.base),
            prompt: some(m.n, m.prompt),
            adapter: some(m.n, m.adapter),
            incumbent: m.incumbent,
            gain: some(m.n, m.gain_over_prompt),
            interval: some(m.n, m.interval.to_vec()),
            p_value: some(m.n, m.p_value),
            wins: some(m.n, m.wins as u32),
            voice: m.voice.as_ref().map(voice),
            style: m.style.map(|style| style.to_vec()),
            guards: m.guardrails.iter().map(guard).collect(),
            edits: m.preference.map(|one| PreferenceView {
                pairs: one.pairs as u32,
                adapter: one.adapter,
                prompt: one.prompt,
                incumbent: one.incumbent,
            }),
        },
    }
}

fn voice(voice: &VoiceMeasures) -> VoiceView {
    let level = |mean, [low, high]: [f64; 2]| LevelView { mean, low, high };
    VoiceView {
        seeds: voice.n as u32,
        adapter: level(voice.adapter, voice.adapter_interval),
        prompt: level(voice.prompt, voice.prompt_interval),
        base: level(voice.base, voice.base_interval),
        own: level(voice.own, voice.own_interval),
        incumbent: voice.incumbent,
        strangers: voice.reference_authors,
        base_separation: voice.auc_against_base,
        gain: level(voice.gain, voice.interval),
        p_value: voice.p_value,
        wins: voice.wins as u32,
        floor: voice.baseline_authors.clone(),
        human: voice.against_people.map(|both| both.to_vec()),
        bot: voice.against_base.map(|both| both.to_vec()),
    }
}

fn guard(found: &GuardrailResult) -> GuardView {
    let name = serde_json::to_value(found.guard).ok();
    GuardView {
        guard: name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned(),
        touched: found.touched as u32,
        of: found.of as u32,
        sentence: found.sentence.clone(),
    }
}
