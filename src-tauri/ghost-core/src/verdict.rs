//! Does the candidate write more like its writer than the best that can be had without it?
//!
//! Judged on pieces nobody has learned from, by how many bits a byte of the writer's own text costs
//! (VOICE 5.3): fewer bits, less surprise. Knows neither bases nor adapters, only their numbers,
//! and draws no chance of its own, so that the same evidence has the same verdict for ever.
//!
//! Of the gate in VOICE 8.3 this is G0, G1 and G4. How a draft *sounds* (G2) and the guardrails
//! (G3, `BLOCKED`) are missing until they are measured; the reasons say so.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::id::PieceId;

/// Fewer pieces prove nothing.
const LEAST_PIECES: usize = 8;
/// What the candidate must save, as a share of what the best without it needs.
const LEAST_GAIN: f64 = 0.02;
/// Chance that luck alone does as well, above which nothing is shipped.
const MOST_LUCK: f64 = 0.05;
/// How much better the incumbent may be.
const MOST_LOSS: f64 = 0.005;
/// Sign flips and resamples where not all can be looked at.
const DRAWS: u32 = 10_000;
/// Up to this many pieces every flip of signs is looked at.
const MOST_EXACT: usize = 14;

/// What is done with a candidate (VOICE 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// It writes from now on.
    Ship,
    /// The present ghost goes on writing.
    Keep,
    /// Too little to judge by.
    Unproven,
    /// A guardrail stands in the way.
    Blocked,
    /// Worse than the prompt: it is put away.
    Retire,
}

/// One held-out piece, and the bits a byte of it costs each way of writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Which piece.
    pub piece: PieceId,
    /// Its length.
    pub bytes: usize,
    /// The bare base.
    pub base: f64,
    /// The base with the best prompt.
    pub prompt: f64,
    /// The new adapter.
    pub adapter: f64,
    /// The adapter that writes now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// Everything a verdict is reached from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One for each held-out piece.
    pub held_out: Vec<HeldOut>,
}

/// What the candidate is held against: the better of the two on these pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rival {
    /// The bare base.
    Base,
    /// The base with the best prompt.
    #[default]
    Prompt,
}

/// The figures of a verdict: means over pieces, in bits a byte. All 0 (luck 1) without pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Pieces judged on.
    pub n: usize,
    /// The bare base.
    pub base: f64,
    /// The base with the best prompt.
    pub prompt: f64,
    /// The candidate.
    pub adapter: f64,
    /// The adapter that writes now.
    pub incumbent: Option<f64>,
    /// Which of base and prompt is the better.
    pub rival: Rival,
    /// What the candidate has to beat: the better of base and prompt.
    pub floor: f64,
    /// Share of `floor` the candidate saves; below 0 it costs more.
    pub gain_over_prompt: f64,
    /// Chance that luck alone does as well (one-sided sign-flip permutation).
    pub p_value: f64,
    /// Pieces on which the candidate needs fewer bits.
    pub wins: usize,
    /// 95 % interval of `gain_over_prompt` (percentile bootstrap over pieces).
    pub interval: [f64; 2],
}

/// A decision, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is done.
    pub decision: Decision,
    /// Sentences for the writer, with the writer's own figures; the decisive one is the last but
    /// one.
    pub reasons: Vec<String>,
    /// The figures.
    pub measures: Measures,
}

/// Reaches a verdict; the number makes its flips and resamples repeatable.
pub fn judge(evidence: &Evidence, random_seed: u64) -> Verdict {
    let held_out = usable(evidence);
    let unusable = evidence.held_out.len() - held_out.len();
    let measures = Measures::of(&held_out, random_seed);
    let mut reasons = measures.sentences();
    let (decision, why) = decide(&measures, unusable);
    reasons.push(why);
    reasons.push("How much its drafts sound like you is not measured yet.".to_owned());
    Verdict { decision, reasons, measures }
}

/// The pieces with figures to count on, each once; where one has an incumbent, all must.
fn usable(evidence: &Evidence) -> Vec<&HeldOut> {
    // Above eight bits a byte stands worse than chance; a thousand is no measurement.
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

fn decide(measures: &Measures, unusable: usize) -> (Decision, String) {
    let n = measures.n;
    if unusable > 0 {
        let why = format!("{} could not be measured, so nothing is decided.", pieces(unusable));
        return (Decision::Unproven, why);
    }
    if n < LEAST_PIECES {
        let why = format!(
            "{} held out: {LEAST_PIECES} are needed to tell skill from luck.",
            if n == 1 { "1 piece is".to_owned() } else { format!("{} are", pieces(n)) }
        );
        return (Decision::Unproven, why);
    }
    if measures.gain_over_prompt <= 0.0 {
        let why = "It is no better than what you have without it, so it is put away.";
        return (Decision::Retire, why.to_owned());
    }
    if let Some(incumbent) = measures.incumbent
        && measures.adapter > incumbent * (1.0 + MOST_LOSS)
    {
        let why = "The ghost you have writes more like you, so it goes on writing.";
        return (Decision::Keep, why.to_owned());
    }
    if measures.gain_over_prompt < LEAST_GAIN {
        let why = format!(
            "It saves {}; {} is the least worth a change.",
            percent(measures.gain_over_prompt),
            percent(LEAST_GAIN)
        );
        return (Decision::Keep, why);
    }
    if measures.p_value > MOST_LUCK {
        let why = "It is better, but luck could have done as well; nothing changes.";
        return (Decision::Keep, why.to_owned());
    }
    let why = "It writes more like you than anything you have, so it writes from now on.";
    (Decision::Ship, why.to_owned())
}

impl Measures {
    fn of(held_out: &[&HeldOut], random_seed: u64) -> Measures {
        let n = held_out.len();
        let mean = |of: &dyn Fn(&HeldOut) -> f64| {
            held_out.iter().map(|held| of(held)).sum::<f64>() / n.max(1) as f64
        };
        let (base, prompt) = (mean(&|t| t.base), mean(&|t| t.prompt));
        let (rival, floor) =
            if base < prompt { (Rival::Base, base) } else { (Rival::Prompt, prompt) };
        let pairs: Vec<(f64, f64)> = held_out
            .iter()
            .map(|held| match rival {
                Rival::Base => (held.base, held.adapter),
                Rival::Prompt => (held.prompt, held.adapter),
            })
            .collect();
        let mut chance = Chance::new(random_seed);
        let saved: Vec<f64> = pairs.iter().map(|(rival, own)| rival - own).collect();
        Measures {
            n,
            base,
            prompt,
            adapter: mean(&|t| t.adapter),
            incumbent: held_out
                .iter()
                .any(|held| held.incumbent.is_some())
                .then(|| mean(&|t| t.incumbent.unwrap_or(0.0))),
            rival,
            floor,
            gain_over_prompt: gain(pairs.iter().copied()),
            p_value: luck(&saved, &mut chance),
            wins: saved.iter().filter(|&&saved| saved > 0.0).count(),
            interval: interval(&pairs, &mut chance),
        }
    }

    fn sentences(&self) -> Vec<String> {
        if self.n == 0 {
            return Vec::new();
        }
        let rival = match self.rival {
            Rival::Base => "the base without a prompt",
            Rival::Prompt => "your best prompt",
        };
        let mut said = vec![
            format!(
                "On {} the new ghost needs {:.2} bits a byte; {rival} needs {:.2} ({}). It is \
                 better on {} of {} (chance of this by luck {}).",
                if self.n == 1 {
                    "1 held-out piece".to_owned()
                } else {
                    format!("{} held-out pieces", self.n)
                },
                self.adapter,
                self.floor,
                compared(self.floor, self.adapter),
                self.wins,
                self.n,
                percent(self.p_value),
            ),
            format!(
                "It likely saves between {} and {} (95 times of 100).",
                percent(self.interval[0]),
                percent(self.interval[1])
            ),
        ];
        if let Some(incumbent) = self.incumbent {
            said.push(format!(
                "The ghost you have needs {incumbent:.2} ({}).",
                compared(incumbent, self.adapter)
            ));
        }
        said
    }
}

/// What is saved of what the rivals need, over (rival, candidate) pairs.
fn gain(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (rival, own) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    if rival > 0.0 { (rival - own) / rival } else { 0.0 }
}

/// The share of sign flips of `saved` whose sum is as large as the sum seen: all of them up to
/// `MOST_EXACT` pieces, then `DRAWS` of them, the one seen included.
fn luck(saved: &[f64], chance: &mut Chance) -> f64 {
    let seen: f64 = saved.iter().sum();
    // Sums of the same numbers in another order differ in their last bits.
    let slack = saved.iter().map(|saved| saved.abs()).sum::<f64>() * 1e-12;
    let flipped = |signs: u64| {
        let signed = saved.iter().enumerate();
        let sum: f64 =
            signed.map(|(i, saved)| if signs >> (i % 64) & 1 == 1 { -saved } else { *saved }).sum();
        u32::from(sum >= seen - slack)
    };
    if saved.len() <= MOST_EXACT {
        let flips = 1u64 << saved.len();
        return f64::from((0..flips).map(flipped).sum::<u32>()) / flips as f64;
    }
    let mut as_large = 1;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for stretch in saved.chunks(64) {
            let signs = chance.bits();
            for (i, saved) in stretch.iter().enumerate() {
                sum += if signs >> i & 1 == 1 { -saved } else { *saved };
            }
        }
        as_large += u32::from(sum >= seen - slack);
    }
    f64::from(as_large) / f64::from(DRAWS + 1)
}

fn interval(pairs: &[(f64, f64)], chance: &mut Chance) -> [f64; 2] {
    if pairs.is_empty() {
        return [0.0; 2];
    }
    let n = pairs.len();
    let mut gains: Vec<f64> =
        (0..DRAWS).map(|_| gain((0..n).map(|_| pairs[chance.below(n as u64) as usize]))).collect();
    gains.sort_by(f64::total_cmp);
    let at = |share: f64| gains[(share * f64::from(DRAWS - 1)).round() as usize];
    [at(0.025), at(0.975)]
}

/// "7 % more": `other` beside `own`.
fn compared(other: f64, own: f64) -> String {
    let more = if own > 0.0 { other / own - 1.0 } else { 0.0 };
    match percent(more.abs()).as_str() {
        "0 %" => "as many".to_owned(),
        amount if more < 0.0 => format!("{amount} fewer"),
        amount => format!("{amount} more"),
    }
}

/// "7 %", "0.2 %", "under 0.1 %".
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        small if small < 0.05 => "under 0.1 %".to_owned(),
        small if small < 9.95 => format!("{} %", format!("{percent:.1}").trim_end_matches(".0")),
        _ => format!("{percent:.0} %"),
    }
}

fn pieces(n: usize) -> String {
    if n == 1 { "1 piece".to_owned() } else { format!("{n} pieces") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Nine pieces the base needs 1.3 bits a byte for, with these figures for the others.
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
        Evidence { held_out: held_out.collect() }
    }

    fn decision(evidence: &Evidence) -> Decision {
        judge(evidence, 1).decision
    }

    #[test]
    fn clearly_better_than_the_prompt_ships() {
        let verdict = judge(&nine(1.14, 1.06, None), 1);
        assert_eq!(verdict.decision, Decision::Ship);
        assert_eq!(
            verdict.reasons[0],
            "On 9 held-out pieces the new ghost needs 1.07 bits a byte; your best prompt needs \
             1.15 (7.5 % more). It is better on 9 of 9 (chance of this by luck 0.2 %)."
        );
        assert_eq!(verdict.measures.p_value, 1.0 / 512.0);
    }

    #[test]
    fn worse_than_the_prompt_is_put_away() {
        assert_eq!(decision(&nine(1.06, 1.14, None)), Decision::Retire);
        assert_eq!(decision(&nine(1.1, 1.1, None)), Decision::Retire);
    }

    #[test]
    fn a_bare_base_can_be_the_better_rival() {
        let verdict = judge(&nine(1.4, 1.25, None), 1);
        assert_eq!(verdict.measures.rival, Rival::Base);
        assert!(verdict.reasons[0].contains("the base without a prompt"));
    }

    #[test]
    fn a_little_better_is_not_worth_a_change() {
        let verdict = judge(&nine(1.1, 1.085, None), 1);
        assert_eq!(verdict.decision, Decision::Keep);
        assert!(verdict.reasons.iter().any(|r| r.starts_with("It saves 1.4 %")));
    }

    #[test]
    fn a_better_incumbent_goes_on_writing() {
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.0))), Decision::Keep);
        assert_eq!(decision(&nine(1.2, 1.1, Some(1.108))), Decision::Ship);
    }

    #[test]
    fn what_luck_can_do_is_not_shipped() {
        let mut evidence = nine(1.1, 1.1, None);
        evidence.held_out[0].adapter = 0.5;
        let verdict = judge(&evidence, 1);
        assert!(verdict.measures.gain_over_prompt > LEAST_GAIN);
        assert_eq!(verdict.decision, Decision::Keep);
    }

    #[test]
    fn seven_pieces_prove_nothing_but_are_told_of() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.truncate(7);
        let verdict = judge(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert!(verdict.reasons[0].contains("7 of 7"));
    }

    #[test]
    fn no_pieces_have_no_figures() {
        let mut evidence = nine(1.15, 1.0, None);
        evidence.held_out.clear();
        let verdict = judge(&evidence, 1);
        assert_eq!(verdict.decision, Decision::Unproven);
        assert_eq!((verdict.measures.n, verdict.measures.p_value), (0, 1.0));
    }

    #[test]
    fn figures_that_are_none_decide_nothing() {
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
                let verdict = judge(&evidence, 1);
                assert_eq!(verdict.decision, Decision::Unproven);
                let wire = serde_json::to_string(&verdict).unwrap();
                // What is not a number would come back as null, and be refused.
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
        assert_eq!(judge(&evidence, 1), judge(&evidence, 1));
    }

    #[test]
    fn flips_drawn_agree_with_flips_counted() {
        let mut chance = Chance::new(9);
        let few: Vec<f64> = (0..14).map(|_| chance.unit() - 0.35).collect();
        let exact = luck(&few, &mut chance);
        let mut padded = few.clone();
        padded.push(0.0);
        assert!((luck(&padded, &mut chance) - exact).abs() < 0.02);
    }

    /// Pieces of their own difficulty; the candidate differs from the prompt by `effect` and noise.
    fn drawn(n: i64, effect: f64, chance: &mut Chance) -> Evidence {
        let mut bell = || (0..12).map(|_| chance.unit()).sum::<f64>() - 6.0;
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
        Evidence { held_out: held_out.collect() }
    }

    fn shipped(trials: u32, n: i64, effect: f64, chance: &mut Chance) -> f64 {
        let shipped = (0..trials).filter(|_| decision(&drawn(n, effect, chance)) == Decision::Ship);
        shipped.count() as f64 / f64::from(trials)
    }

    #[test]
    fn shuffled_labels_hardly_ever_ship() {
        let mut chance = Chance::new(11);
        assert!(shipped(200, 10, 0.0, &mut chance) <= 0.05);
        assert!(shipped(60, 16, 0.0, &mut chance) <= 0.05);
    }

    #[test]
    fn a_real_difference_mostly_ships() {
        // An effect as large as its noise: VOICE 8.2 has .89 at ten pieces.
        let mut chance = Chance::new(12);
        let power = shipped(100, 10, 0.05, &mut chance);
        assert!((0.75..=1.0).contains(&power), "{power}");
    }
}
