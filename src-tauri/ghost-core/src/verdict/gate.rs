//! The gate: whether a candidate replaces the adapter in use, and the reasons for it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, GuardrailCheck, HeldOut, VoiceScores};
use super::measures::{Measures, RemoteComparison, VoiceMeasures, guardrail_results};
use super::wording::{percent, pieces, range};
use crate::guardrails::{Finding, Guardrail};
use crate::rng::Rng;

/// Test pieces (and seeds) needed for a decision.
pub(crate) const MIN_PIECES: usize = 8;
/// Share of the baseline's bits that the candidate must save.
const MIN_GAIN: f64 = 0.02;
/// Highest p-value at which a candidate ships.
const MAX_P_VALUE: f64 = 0.05;
/// The same if an adapter is already in use: many attempts must not add up to a lucky one.
const MAX_P_VALUE_AGAIN: f64 = 0.01;
/// Maximum loss to the adapter in use, as a share of its bits.
const MAX_LOSS: f64 = 0.005;
/// Minimum gain of the drafts' voice score over the prompt's: a tenth of the scale.
const MIN_VOICE_GAIN: f64 = 0.10;
/// Maximum loss of voice score to the adapter in use.
const MAX_VOICE_LOSS: f64 = 0.03;
/// Scores of the writer's own held-out pieces at which the voice measure is trusted.
const OWN_SCORES: [f64; 2] = [0.65, 1.15];
/// Maximum score of the base model's drafts, and maximum distance from 0 of other authors.
const MAX_OTHER_SCORE: f64 = 0.25;
/// Area under the ROC curve needed between the writer's pieces and the base model's drafts.
const MIN_AUC: f64 = 0.90;
/// Edits needed for their preferences to count.
const MIN_EDITS: usize = 10;
/// Share of drafts that may fail a guardrail that the writer's own pieces fail now and then.
const MAX_TOUCHED: f64 = 0.10;
/// Label shuffles in the permutation check.
const SHUFFLES: usize = 40;

/// The decision on a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// It becomes the adapter in use.
    Ship,
    /// The adapter in use stays.
    Keep,
    /// There is too little evidence.
    Unproven,
    /// A guardrail blocks it.
    Blocked,
    /// It is worse than the prompt and is archived.
    Retire,
}

/// A decision and its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Sentences for the writer with the writer's own figures. The decisive one comes last, except
    /// for a note on what was not measured.
    pub reasons: Vec<String>,
    /// The figures.
    pub measures: Measures,
}

/// Decides on a candidate. `random_seed` makes resampling and sign flips repeatable.
///
/// Before a candidate ships for its voice, a permutation check tests the gate itself: with the labels
/// shuffled many times, the same figures must not ship more often than the significance level.
pub fn decide(evidence: &Evidence, random_seed: u64) -> Verdict {
    let mut verdict = decide_once(evidence, random_seed);
    if verdict.decision != Decision::Ship || verdict.measures.voice.is_none() {
        return verdict;
    }
    let mut rng = Rng::new(random_seed ^ 0x5AFE);
    let ships = |shuffled: &Evidence| decide_once(shuffled, random_seed).decision == Decision::Ship;
    let shipped = (0..SHUFFLES).filter(|_| ships(&evidence.shuffled(&mut rng))).count();
    verdict.measures.label_shuffles = Some([shipped, SHUFFLES]);
    let why = verdict.reasons.pop().unwrap_or_default();
    verdict.reasons.push(format!(
        "Permutation check: with shuffled labels, {shipped} of {SHUFFLES} would have passed."
    ));
    if shipped as f64 > MAX_P_VALUE * SHUFFLES as f64 {
        verdict.decision = Decision::Unproven;
        verdict.reasons.push(
            "That is too often for the result to mean anything, so no decision was made."
                .to_owned(),
        );
    } else {
        verdict.reasons.push(why);
    }
    verdict
}

fn decide_once(evidence: &Evidence, random_seed: u64) -> Verdict {
    let held_out = usable(evidence);
    let unusable = evidence.held_out.len() - held_out.len();
    let mut measures = Measures::of(&held_out, random_seed);
    measures.voice =
        evidence.voice.as_ref().and_then(|scores| VoiceMeasures::of(scores, random_seed));
    measures.style = evidence.style;
    measures.preference = evidence.preference;
    measures.guardrails = evidence.guardrails.as_ref().map(guardrail_results).unwrap_or_default();
    measures.remote = evidence.remote.as_ref().and_then(RemoteComparison::of);
    let mut reasons = measures.sentences();
    if let Some(folds) = evidence.folds {
        reasons.push(format!(
            "The archive is small, so the recipe was cross-validated: {folds} adapters were trained, \
             each without some of the pieces, and tested on the pieces left out."
        ));
    }
    reasons.extend(measures.remote.as_ref().map(RemoteComparison::sentence));
    reasons.extend(evidence.remote.as_ref().and_then(|remote| remote.error.clone()));
    let (decision, why) = gate(&measures, unusable, evidence);
    reasons.push(why);
    if evidence.voice.is_none() {
        reasons.push("The voice of its drafts has not been measured yet.".to_owned());
    }
    Verdict { decision, reasons, measures }
}

/// The pieces with valid figures, each once. If one has a figure of the adapter in use, all must.
fn usable(evidence: &Evidence) -> Vec<&HeldOut> {
    // Above eight bits per byte is worse than chance; a thousand is not a measurement.
    let figure = |bits: f64| (0.0..1_000.0).contains(&bits);
    let mut seen = HashSet::new();
    let has_incumbent = evidence.held_out.iter().any(|held| held.incumbent.is_some());
    let usable = evidence.held_out.iter().filter(|held| {
        held.bytes > 0
            && [held.base, held.prompt].iter().all(|&bits| figure(bits) && bits > 0.0)
            && figure(held.adapter)
            && (!has_incumbent || held.incumbent.is_some_and(figure))
            && seen.insert(held.piece)
    });
    usable.collect()
}

fn gate(measures: &Measures, unusable: usize, evidence: &Evidence) -> (Decision, String) {
    let because = |decision, why: &str| (decision, why.to_owned());
    if unusable > 0 {
        let why = format!(
            "{} could not be measured, so no decision was made. Run the evaluation again.",
            pieces(unusable)
        );
        return (Decision::Unproven, why);
    }
    if let Some(why) = evidence.guardrails.as_ref().and_then(blocked) {
        return (Decision::Blocked, why);
    }
    let n = measures.n;
    if n < MIN_PIECES {
        let why = format!(
            "{} held out; at least {MIN_PIECES} are needed to rule out chance. An archive of about \
             12 pieces has enough.",
            if n == 1 { "1 piece is".to_owned() } else { format!("{} are", pieces(n)) }
        );
        return (Decision::Unproven, why);
    }
    let has_voice_gain = measures.voice.as_ref().is_some_and(|voice| voice.gain > 0.0);
    if measures.gain_over_prompt <= 0.0 && !has_voice_gain {
        let why = "It is no better than what you have without it, so it was archived.";
        return because(Decision::Retire, why);
    }
    if let Some(incumbent) = measures.incumbent
        && measures.adapter > incumbent * (1.0 + MAX_LOSS)
    {
        let why = "The adapter in use writes more like you; keeping it.";
        return because(Decision::Keep, why);
    }
    if measures.gain_over_prompt < MIN_GAIN {
        let why = format!(
            "It saves {} of the bits; at least {} is required to switch.",
            percent(measures.gain_over_prompt),
            percent(MIN_GAIN)
        );
        return (Decision::Keep, why);
    }
    let again = measures.incumbent.is_some() || evidence.incumbent_contaminated;
    let max_p_value = if again { MAX_P_VALUE_AGAIN } else { MAX_P_VALUE };
    if measures.p_value > max_p_value {
        let why = format!(
            "It is better, but the probability of this by chance is {} (at most {} is accepted). \
             Nothing changes.",
            percent(measures.p_value),
            percent(max_p_value)
        );
        return (Decision::Keep, why);
    }
    if let Some([prompt, adapter]) = evidence.style
        && (adapter >= prompt || adapter.is_nan() || prompt.is_nan())
    {
        let why = "It learned your topics, not your style: it predicts your function words and \
                   punctuation no better than your best prompt does. Nothing changes.";
        return because(Decision::Keep, why);
    }
    if let Some(scores) = &evidence.voice
        && let Some(found) = voice_gate(measures, scores, max_p_value)
    {
        return found;
    }
    if let Some(preference) = evidence.preference.filter(|one| one.pairs >= MIN_EDITS) {
        let other = preference.incumbent.unwrap_or(preference.prompt).max(preference.prompt);
        if preference.adapter.is_nan() || preference.adapter < other {
            let why = format!(
                "It finds your edited text likelier than the original draft {} of the time; without \
                 it the figure is {}. What you have understands your edits better; keeping it.",
                percent(preference.adapter),
                percent(other)
            );
            return (Decision::Keep, why);
        }
    }
    if let Some(remote) = measures.remote.as_ref().filter(|remote| remote.remote_is_as_good()) {
        let why = format!(
            "{} sounds at least as much like you, is at least as fast and costs no more, so this \
             adapter was archived.",
            remote.name
        );
        return (Decision::Retire, why);
    }
    if evidence.incumbent_contaminated {
        let why = "It writes more like you than your best prompt, so it is now in use. It could not \
                   be compared with your previous adapter, which was trained on some of the \
                   held-out pieces.";
        return because(Decision::Ship, why);
    }
    because(Decision::Ship, "It writes more like you than anything you have, so it is now in use.")
}

/// The guardrail that blocks the candidate, in a sentence. One draft that copies or contains a phrase
/// of a language model is enough; what the writer's own pieces do now and then may occur in some.
fn blocked(check: &GuardrailCheck) -> Option<String> {
    if let Some(finding) = check.together.iter().find(|finding| finding.blocked) {
        return Some(format!("Blocked by a guardrail. {}", finding.sentence));
    }
    let guardrails = [
        (Guardrail::CopiedRun, true),
        (Guardrail::NearDuplicate, true),
        (Guardrail::MachineText, true),
        (Guardrail::CopiedShare, false),
        (Guardrail::Repetition, false),
        (Guardrail::Coherence, false),
        (Guardrail::Length, false),
        (Guardrail::Topic, false),
    ];
    let n = check.drafts.len();
    guardrails.into_iter().find_map(|(guard, one_is_enough)| {
        let blocks = |finding: &&Finding| finding.guard == guard && finding.blocked;
        let found: Vec<&Finding> =
            check.drafts.iter().filter_map(|draft| draft.iter().find(blocks)).collect();
        let max = if one_is_enough { 0.0 } else { MAX_TOUCHED * n as f64 };
        let first = found.first().filter(|_| found.len() as f64 > max)?;
        Some(format!(
            "Blocked by a guardrail in {} of {n} drafts. For example: {}",
            found.len(),
            first.sentence
        ))
    })
}

/// The voice condition that keeps a candidate from shipping; `None` if all are met.
fn voice_gate(
    measures: &Measures,
    scores: &VoiceScores,
    max_p_value: f64,
) -> Option<(Decision, String)> {
    let unproven = |why: String| Some((Decision::Unproven, why));
    let keep = |why: String| Some((Decision::Keep, why));
    let Some(voice) = measures.voice.as_ref().filter(|voice| voice.n >= MIN_PIECES) else {
        return unproven(format!(
            "Drafts from at least {MIN_PIECES} seeds are needed to measure its voice."
        ));
    };
    if !(OWN_SCORES[0]..=OWN_SCORES[1]).contains(&voice.own) {
        return unproven(format!(
            "Your own pieces score {} on the voice measure ({} is expected), so it cannot be trusted \
             yet. More pieces by you alone make it reliable.",
            percent(voice.own),
            range(OWN_SCORES)
        ));
    }
    if voice.reference_authors.abs() > MAX_OTHER_SCORE {
        return unproven(format!(
            "Other authors score {} on the voice measure ({} is expected), so it cannot be trusted \
             yet.",
            percent(voice.reference_authors),
            range([-MAX_OTHER_SCORE, MAX_OTHER_SCORE])
        ));
    }
    if voice.base > MAX_OTHER_SCORE || voice.auc_against_base < MIN_AUC {
        return unproven(format!(
            "The base model's drafts cannot be distinguished reliably from your pieces: they score {} \
             (at most {} is expected), and a piece of yours scores higher {} of the time (at least {} \
             is expected). No decision was made.",
            percent(voice.base),
            percent(MAX_OTHER_SCORE),
            percent(voice.auc_against_base),
            percent(MIN_AUC)
        ));
    }
    if let Some(incumbent) = voice.incumbent {
        if voice.adapter < incumbent - MAX_VOICE_LOSS {
            return keep(format!(
                "The drafts of the adapter in use score {}, the new ones {}; keeping it.",
                percent(incumbent),
                percent(voice.adapter)
            ));
        }
        let better = measures.incumbent.is_some_and(|bits| measures.adapter < bits);
        if !better && voice.adapter <= incumbent {
            return keep("No improvement over the current adapter; keeping it.".to_owned());
        }
    }
    let too_close = |name: &str, other: f64| {
        keep(format!(
            "Its drafts score {}, {name} {}; they must score at least {:.0} points higher. Nothing \
             changes.",
            percent(voice.adapter),
            percent(other),
            100.0 * MIN_VOICE_GAIN
        ))
    };
    if voice.gain < MIN_VOICE_GAIN {
        return too_close("drafts with your best prompt", voice.prompt);
    }
    // A prompt can make drafts worse, so the base model has to be beaten as well.
    if voice.adapter < voice.base + MIN_VOICE_GAIN {
        return too_close("drafts of the base model", voice.base);
    }
    if voice.p_value > max_p_value || voice.interval[0] <= 0.0 {
        return keep(format!(
            "Its drafts sound more like you, but the difference could be chance: the probability is \
             {} (at most {} is accepted) and the 90 % interval of the gain is {}. Nothing changes.",
            percent(voice.p_value),
            percent(max_p_value),
            range(voice.interval)
        ));
    }
    if scores.against_base.is_some_and(|[adapter, prompt]| adapter.is_nan() || adapter < prompt) {
        return keep(
            "Its drafts are more like the base model's than drafts with your best prompt are. \
             Nothing changes."
                .to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::evidence::{DraftScores, Preference, RemoteEvidence};
    use super::super::measures::Baseline;
    use super::super::statistics::mean;
    use super::*;
    use crate::id::PieceId;

    /// Nine pieces for which the base needs 1.3 bits per byte, with these figures for the others.
    fn nine(prompt: f64, candidate: f64, incumbent: Option<f64>) -> Evidence {
        let wobble = |i: i64| 1.0 + 0.01 * (i % 3) as f64;
        let held_out = (0..9).map(|i| HeldOut {
            piece: PieceId(i),
            bytes: 3_000,
            base: 1.3,
            prompt: prompt * wobble(i),
            adapter: candidate * wobble(i + 1),
            incumbent,
        });
        Evidence { held_out: held_out.collect(), ..Evidence::default() }
    }

    fn decision(evidence: &Evidence) -> Decision {
        decide(evidence, 1).decision
    }

    #[test]
    fn a_clear_improvement_on_the_prompt_ships() {
        let verdict = decide(&nine(1.14, 1.06, None), 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert_eq!(
            verdict.reasons[0],
            "On 9 held-out pieces the new adapter needs 1.07 bits per byte; your best prompt needs \
             1.15 (7.5 % more). It is better on 9 of 9 (probability by chance 0.2 %)."
        );
        assert_eq!(verdict.measures.p_value, 1.0 / 512.0);
    }

    #[test]
    fn a_candidate_worse_than_the_prompt_is_archived() {
        assert_eq!(decision(&nine(1.06, 1.14, None)), Decision::Retire);
        assert_eq!(decision(&nine(1.1, 1.1, None)), Decision::Retire);
    }

    #[test]
    fn the_base_model_can_be_the_better_baseline() {
        let verdict = decide(&nine(1.4, 1.25, None), 1);
        assert_eq!(verdict.measures.baseline, Baseline::Base);
        assert!(verdict.reasons[0].contains("the base model without a prompt"));
    }

    #[test]
    fn a_small_improvement_is_not_worth_a_change() {
        let verdict = decide(&nine(1.1, 1.085, None), 1);
        assert_eq!(verdict.decision, Decision::Keep);
        assert!(verdict.reasons.iter().any(|r| r.starts_with("It saves 1.4 %")));
    }

    #[test]
    fn replacing_a_contaminated_incumbent_needs_a_lower_p_value() {
        let mut evidence = nine(1.0, 0.9, None);
        assert!(decide(&evidence, 1).reasons.concat().contains("than anything you have"));
        evidence.incumbent_contaminated = true;
        let verdict = decide(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert!(verdict.reasons.concat().contains("could not be compared"));
        // Better on eight of nine: a p-value of 0.02.
        for held in &mut evidence.held_out {
            (held.prompt, held.adapter) = (1.0, if held.piece == PieceId(0) { 1.1 } else { 0.9 });
        }
        evidence.incumbent_contaminated = false;
        let first = decide(&evidence, 1);
        evidence.incumbent_contaminated = true;
        let again = decide(&evidence, 1);
        assert_eq!([first.decision, again.decision], [Decision::Ship, Decision::Keep]);
    }

    #[test]
    fn a_better_incumbent_stays() {
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.0))), Decision::Keep);
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.108))), Decision::Ship);
    }

    #[test]
    fn an_insignificant_improvement_does_not_ship() {
        let mut evidence = nine(1.1, 1.1, None);
        evidence.held_out[0].adapter = 0.5;
        let verdict = decide(&evidence, 1);
        assert!(verdict.measures.gain_over_prompt > MIN_GAIN);
        assert_eq!(verdict.decision, Decision::Keep);
    }

    #[test]
    fn seven_pieces_are_reported_but_prove_nothing() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.truncate(7);
        let verdict = decide(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert!(verdict.reasons[0].contains("7 of 7"));
    }

    #[test]
    fn without_pieces_there_are_no_figures() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.clear();
        let verdict = decide(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert_eq!((verdict.measures.n, verdict.measures.p_value), (0, 1.0));
    }

    #[test]
    fn invalid_figures_decide_nothing() {
        let spoil: [fn(&mut HeldOut); 7] = [
            |t| t.bytes = 0,
            |t| t.adapter = f64::NAN,
            |t| t.prompt = f64::INFINITY,
            |t| t.base = -1.0,
            |t| t.prompt = 0.0,
            |t| t.incumbent = Some(f64::NAN),
            |t| t.piece = PieceId(3),
        ];
        for spoil in spoil {
            for all in [false, true] {
                let mut evidence = nine(1.15, 1.0, Some(1.1));
                let end = if all { 9 } else { 1 };
                evidence.held_out[..end].iter_mut().for_each(spoil);
                let verdict = decide(&evidence, 1);
                assert_eq!(verdict.decision, Decision::Unproven);
                let wire = serde_json::to_string(&verdict).unwrap();
                // NaN would be written as null and rejected when read back.
                let back: Verdict = serde_json::from_str(&wire).unwrap();
                assert_eq!(back.reasons, verdict.reasons);
            }
        }
    }

    #[test]
    fn an_incumbent_measured_on_some_pieces_only_decides_nothing() {
        let mut evidence = nine(1.15, 1.0, Some(1.1));
        evidence.held_out[2].incumbent = None;
        assert_eq!(decision(&evidence), Decision::Unproven);
    }

    #[test]
    fn the_same_evidence_has_the_same_verdict() {
        let evidence = nine(1.15, 1.1, None);
        assert_eq!(decide(&evidence, 1), decide(&evidence, 1));
    }

    /// The same nine with two drafts for each seed, of these mean scores.
    fn scored(adapter: f64, prompt: f64) -> Evidence {
        let wobble = |mean: f64, i: usize| vec![mean + 0.02 * (i % 3) as f64, mean - 0.02];
        let drafts = (0..9).map(|i| DraftScores {
            adapter: wobble(adapter, i),
            prompt: wobble(prompt, i + 1),
            incumbent: Vec::new(),
        });
        let voice = VoiceScores {
            drafts: drafts.collect(),
            own: vec![0.8, 0.9, 1.0, 1.1],
            base: vec![-0.1, 0.0, 0.1],
            reference_authors: vec![-0.2, 0.1, 0.2],
            ..VoiceScores::default()
        };
        Evidence { voice: Some(voice), ..nine(1.14, 1.06, None) }
    }

    fn changed(evidence: Evidence, change: impl Fn(&mut VoiceScores)) -> Evidence {
        let mut evidence = evidence;
        change(evidence.voice.as_mut().unwrap());
        evidence
    }

    fn finding(guard: Guardrail, blocked: bool) -> Finding {
        let sentence = "It copies.".to_owned();
        Finding { guard, figure: 1.0, limit: 0.5, blocked, sentence }
    }

    #[test]
    fn drafts_that_sound_more_like_the_writer_ship() {
        let verdict = decide(&scored(0.61, 0.38), 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert!(verdict.reasons[2].contains("its drafts score 61 %"), "{:?}", verdict.reasons);
        assert!(verdict.reasons[2].contains("with your best prompt 38 %"));
        assert!(verdict.reasons.last().unwrap().starts_with("It writes more like you"));
    }

    #[test]
    fn a_permutation_check_precedes_shipping() {
        let evidence = scored(0.61, 0.38);
        let verdict = decide(&evidence, 1);
        // With one or two of nine pieces swapped it still ships; that happens now and then.
        assert!(
            verdict.measures.label_shuffles.is_some_and(|[shipped, of]| shipped <= 2 && of == 40)
        );
        assert!(verdict.reasons.iter().any(|r| r.contains("of 40 would have passed")));
        let mut rng = Rng::new(1);
        let shuffled = evidence.shuffled(&mut rng);
        let swapped = shuffled.held_out.iter().filter(|held| held.adapter > held.prompt).count();
        assert!((1..9).contains(&swapped), "{swapped} of 9");
        let losses = |evidence: &Evidence| {
            let gain = |seed: &DraftScores| mean(&seed.adapter) - mean(&seed.prompt);
            evidence.voice.as_ref().unwrap().drafts.iter().filter(|one| gain(one) < 0.0).count()
        };
        assert_eq!((losses(&evidence), (1..9).contains(&losses(&shuffled))), (0, true));
        assert_eq!(decide(&scored(0.45, 0.38), 1).measures.label_shuffles, None, "nothing ships");
    }

    #[test]
    fn drafts_that_sound_no_more_like_the_writer_do_not_ship() {
        assert_eq!(decision(&scored(0.45, 0.38)), Decision::Keep);
        assert_eq!(decision(&scored(0.20, 0.38)), Decision::Keep);
        let worse = Evidence { held_out: nine(1.06, 1.14, None).held_out, ..scored(0.2, 0.38) };
        assert_eq!(decision(&worse), Decision::Retire);
    }

    #[test]
    fn one_good_seed_is_not_significant() {
        let lucky = changed(scored(0.38, 0.38), |voice| voice.drafts[0].adapter = vec![2.0]);
        assert_eq!(decision(&lucky), Decision::Keep);
    }

    #[test]
    fn an_unreliable_voice_measure_proves_nothing() {
        let spoil: [fn(&mut VoiceScores); 6] = [
            |voice| voice.own = vec![0.5; 4],
            |voice| voice.reference_authors = vec![0.4; 4],
            |voice| voice.base = vec![0.3; 4],
            |voice| voice.base = vec![-0.9, -0.9, 1.0, 1.05],
            |voice| voice.base.clear(),
            |voice| voice.drafts[3].prompt = vec![f64::NAN],
        ];
        for spoil in spoil {
            assert_eq!(decision(&changed(scored(0.61, 0.38), spoil)), Decision::Unproven);
        }
        let few = changed(scored(0.61, 0.38), |voice| voice.drafts.truncate(7));
        assert_eq!(decision(&few), Decision::Unproven);
    }

    #[test]
    fn a_failed_guardrail_blocks_any_candidate() {
        let checked = |drafts: Vec<Vec<Finding>>, together| Evidence {
            guardrails: Some(GuardrailCheck { drafts, together }),
            ..scored(0.61, 0.38)
        };
        let clean = vec![finding(Guardrail::CopiedRun, false)];
        let mut drafts = vec![clean.clone(); 20];
        assert_eq!(decision(&checked(drafts.clone(), Vec::new())), Decision::Ship);
        drafts[4] = vec![finding(Guardrail::Repetition, true)];
        assert_eq!(decision(&checked(drafts.clone(), Vec::new())), Decision::Ship);
        drafts[5..7].fill(vec![finding(Guardrail::Repetition, true)]);
        assert_eq!(decision(&checked(drafts.clone(), Vec::new())), Decision::Blocked);
        let mut drafts = vec![clean; 20];
        drafts[9] = vec![finding(Guardrail::CopiedRun, true)];
        let verdict = decide(&checked(drafts.clone(), Vec::new()), 1);
        assert_eq!(verdict.decision, Decision::Blocked);
        assert_eq!(
            verdict.reasons.last().unwrap(),
            "Blocked by a guardrail in 1 of 20 drafts. For example: It copies."
        );
        let together = vec![finding(Guardrail::Length, true)];
        assert_eq!(decision(&checked(Vec::new(), together)), Decision::Blocked);
    }

    #[test]
    fn learning_topics_is_not_learning_style() {
        let mut evidence = scored(0.61, 0.38);
        evidence.style = Some([0.5, 0.5]);
        assert_eq!(decision(&evidence), Decision::Keep);
        evidence.style = Some([0.5, 0.48]);
        assert_eq!(decision(&evidence), Decision::Ship);
    }

    #[test]
    fn preferences_count_from_ten_edits() {
        let mut evidence = scored(0.61, 0.38);
        let preference = Preference { pairs: 9, adapter: 0.4, prompt: 0.6, incumbent: None };
        evidence.preference = Some(preference);
        assert_eq!(decision(&evidence), Decision::Ship);
        evidence.preference = Some(Preference { pairs: 10, ..preference });
        assert_eq!(decision(&evidence), Decision::Keep);
    }

    #[test]
    fn an_adapter_closer_to_the_base_model_than_the_prompt_does_not_ship() {
        let against_base = |adapter, prompt| {
            decision(&changed(scored(0.61, 0.38), |voice| {
                voice.against_base = Some([adapter, prompt])
            }))
        };
        assert_eq!(
            (against_base(0.5, 0.4), against_base(0.3, 0.4)),
            (Decision::Ship, Decision::Keep)
        );
    }

    #[test]
    fn an_adapter_that_is_no_better_than_a_remote_model_is_archived() {
        let compared = |voice: f64, seconds: f64, cost: f64| Evidence {
            remote: Some(RemoteEvidence {
                name: "large-1".into(),
                voice: vec![[voice, 0.6]; 9],
                seconds: [vec![seconds; 9], vec![4.0; 9]],
                cost: [vec![cost; 9], vec![0.001; 9]],
                error: None,
            }),
            ..scored(0.61, 0.38)
        };
        let all = decide(&compared(0.7, 2.0, 0.0), 1);
        assert_eq!(all.decision, Decision::Retire);
        let sentence = "Compared with large-1 on 9 seeds: voice 60 % (large-1: 70 %), 95th percentile of \
                        the time per draft 4.0 s (large-1: 2.0 s), mean cost per draft 0.0010 \
                        (large-1: 0.0000).";
        assert!(all.reasons.iter().any(|r| r == sentence), "{:?}", all.reasons);
        for (voice, seconds, cost) in [(0.5, 2.0, 0.0), (0.7, 9.0, 0.0), (0.7, 2.0, 0.01)] {
            assert_eq!(decision(&compared(voice, seconds, cost)), Decision::Ship);
        }
        let mut lost = compared(0.7, 2.0, 0.0);
        let remote = lost.remote.as_mut().unwrap();
        (remote.seconds[1], remote.error) = (Vec::new(), Some("The model did not respond.".into()));
        let verdict = decide(&lost, 1);
        assert_eq!(verdict.decision, Decision::Ship, "a time that was not measured is not worse");
        assert!(verdict.reasons.iter().any(|r| r == "The model did not respond."));
    }

    #[test]
    fn an_incumbent_that_sounds_more_like_the_writer_stays() {
        let against = |incumbent: f64, bits: f64| {
            let mut evidence = changed(scored(0.61, 0.38), |h| {
                h.drafts.iter_mut().for_each(|d| d.incumbent = vec![incumbent])
            });
            evidence.held_out.iter_mut().for_each(|held| held.incumbent = Some(bits));
            decision(&evidence)
        };
        assert_eq!(against(0.70, 1.2), Decision::Keep);
        assert_eq!(against(0.63, 1.2), Decision::Ship);
        assert_eq!(against(0.63, 1.0695), Decision::Keep, "neither better");
    }

    #[test]
    fn random_drafts_almost_never_ship() {
        let mut rng = Rng::new(21);
        let mut shipped = 0;
        for _ in 0..100 {
            let mut v = || (0..2).map(|_| 0.4 + 0.6 * (rng.next_f64() - 0.5)).collect::<Vec<_>>();
            let drafts: Vec<DraftScores> = (0..9)
                .map(|_| DraftScores { adapter: v(), prompt: v(), incumbent: Vec::new() })
                .collect();
            let evidence = changed(scored(0.0, 0.0), |voice| voice.drafts = drafts.clone());
            shipped += u32::from(decision(&evidence) == Decision::Ship);
        }
        assert!(shipped <= 5, "{shipped}");
    }

    /// Pieces of random difficulty; the candidate differs from the prompt by `effect` and noise.
    fn drawn(n: i64, effect: f64, rng: &mut Rng) -> Evidence {
        let mut bell = || (0..12).map(|_| rng.next_f64()).sum::<f64>() - 6.0;
        let held_out = (0..n).map(|i| {
            let prompt = 1.1 + 0.1 * bell();
            HeldOut {
                piece: PieceId(i),
                bytes: 3_000,
                base: 2.0,
                prompt,
                adapter: prompt - effect - 0.05 * bell(),
                incumbent: None,
            }
        });
        Evidence { held_out: held_out.collect(), ..Evidence::default() }
    }

    fn shipped(trials: u32, n: i64, effect: f64, rng: &mut Rng) -> f64 {
        let shipped = (0..trials).filter(|_| decision(&drawn(n, effect, rng)) == Decision::Ship);
        shipped.count() as f64 / f64::from(trials)
    }

    #[test]
    fn a_candidate_without_an_effect_almost_never_ships() {
        let mut rng = Rng::new(11);
        assert!(shipped(200, 10, 0.0, &mut rng) <= 0.05);
        assert!(shipped(60, 16, 0.0, &mut rng) <= 0.05);
    }

    #[test]
    fn a_real_effect_ships_most_of_the_time() {
        // An effect as large as its noise has a power of about 0.89 with ten pieces.
        let mut rng = Rng::new(12);
        let power = shipped(100, 10, 0.05, &mut rng);
        assert!((0.75..=1.0).contains(&power), "{power}");
    }
}
