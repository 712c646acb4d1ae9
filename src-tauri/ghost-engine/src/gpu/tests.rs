//! The tensors of a card, on candle's processor device, held to the plain processor: each operation
//! forth and back, then whole models; and what is done where a card fails.

#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};

use super::frozen::Frozen;
use super::{Gpu, Resident, ops};
use crate::base::{Base, Gate, Pairs};
use crate::block::{self, BlockType};
use crate::cpu::Cpu;
use crate::kernel::{Attended, Heads, Kernel, Norm, Turns};
use crate::lora::{Lora, Target};
use crate::model::{Cache, Dropout, Keep, Learner, Model, Told};
use crate::oracle::{close, kinds, learned, near_one, plain, some, tokens, told, weights};
use crate::tiny::{self, Tiny};
use crate::weight::Weight;

fn tensor<S: Into<candle_core::Shape>>(values: &[f32], shape: S) -> Tensor {
    Tensor::from_slice(values, shape.into(), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Rows of heads (n × heads · dim), as the processor has them, as heads of rows.
fn heads(rows: &[f32], heads: usize, dim: usize) -> Tensor {
    ops::apart(&tensor(rows, (rows.len() / (heads * dim), heads * dim)), heads).unwrap()
}

#[test]
fn a_norm_forth_and_back() {
    let (n, width) = (5, 24);
    let (x, dy, weight) = (some(n * width, 1, 2.0), some(n * width, 2, 1.0), near_one(width, 3));
    let norm = Norm { weight: &weight, eps: 1e-5 };
    let (mut y, mut dx) = (vec![0.0; n * width], vec![0.0; n * width]);
    Cpu::plain().norm(&x, norm, &mut y);
    Cpu::plain().norm_back(&x, norm, &dy, &mut dx);
    let (x, dy, weight) = (tensor(&x, (n, width)), tensor(&dy, (n, width)), tensor(&weight, width));
    close("forth", &values(&ops::norm(&x, &weight, 1e-5).unwrap()), &y, 1e-5);
    close("back", &values(&ops::norm_back(&x, &weight, 1e-5, &dy).unwrap()), &dx, 1e-5);
}

#[test]
fn heads_turn_there_and_back() {
    let (n, of, dim) = (7, 3, 16);
    let x = some(n * of * dim, 1, 1.0);
    for (pairs, dims) in [(Pairs::Halves, 16), (Pairs::Interleaved, 16), (Pairs::Interleaved, 8)] {
        let angles = some(n * dims / 2, 2, 3.0);
        let cos: Vec<f32> = angles.iter().map(|a| a.cos()).collect();
        let sin: Vec<f32> = angles.iter().map(|a| a.sin()).collect();
        let ours = ops::Turns {
            cos: tensor(&cos, (n, dims / 2)),
            sin: tensor(&sin, (n, dims / 2)),
            back: tensor(&sin, (n, dims / 2)).neg().unwrap(),
            dims,
            pairs,
        };
        for back in [false, true] {
            let mut turned = x.clone();
            let turns = Turns { cos: cos.clone(), sin: sin.clone(), dims, pairs };
            Cpu::plain().turn(&mut turned, dim, &turns, back);
            let ours = ops::turn(&heads(&x, of, dim), &ours, back).unwrap();
            close("turned", &values(&ops::beside(&ours).unwrap()), &turned, 1e-5);
        }
    }
}

#[test]
fn attention_forth_and_back() {
    let (n, q_heads, kv_heads, dim) = (9, 4, 2, 8);
    for (past, window) in [(0, None), (0, Some(3)), (6, None), (6, Some(4))] {
        let seen = past + n;
        let (q, dout) = (some(n * q_heads * dim, 1, 2.0), some(n * q_heads * dim, 2, 1.0));
        let (k, v) = (some(seen * kv_heads * dim, 3, 2.0), some(seen * kv_heads * dim, 4, 1.0));
        let shape = Heads { q: q_heads, kv: kv_heads, dim, window };
        let (mut out, mut lse) = (vec![0.0; q.len()], vec![0.0; n * q_heads]);
        Cpu::plain().attend(&q, &k, &v, shape, past, &mut out, &mut lse);
        let mask = ops::mask(n, past, window, &Device::Cpu).unwrap();
        let (tq, tk, tv) =
            (heads(&q, q_heads, dim), heads(&k, kv_heads, dim), heads(&v, kv_heads, dim));
        let ours = ops::attend(&tq, &tk, &tv, mask.as_ref()).unwrap();
        close("forth", &values(&ours), &out, 1e-5);
        if past > 0 {
            continue; // nothing is learned with a past
        }
        let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
        let saw = Attended { q: &q, k: &k, v: &v, out: &out, lse: &lse };
        Cpu::plain().attend_back(saw, shape, &dout, &mut dq, &mut dk, &mut dv);
        let dout = tensor(&dout, (n, q_heads * dim));
        let ours = ops::attend_back(&tq, &tk, &tv, mask.as_ref(), &dout).unwrap();
        for (name, ours, theirs) in [("dq", ours.0, dq), ("dk", ours.1, dk), ("dv", ours.2, dv)] {
            close(name, &values(&ops::beside(&ours).unwrap()), &theirs, 1e-5);
        }
    }
}

#[test]
fn the_last_position_alone_needs_no_mask_unless_a_window_hides_some() {
    let mask = |n, past, window| ops::mask(n, past, window, &Device::Cpu).unwrap().is_some();
    assert!(!mask(1, 8, None) && !mask(1, 8, Some(9)) && mask(1, 9, Some(9)) && mask(2, 0, None));
}

#[test]
fn gates_forth_and_back() {
    let n = 300;
    let (gate, up, dout) = (some(n, 1, 6.0), some(n, 2, 1.0), some(n, 3, 1.0));
    for kind in [Gate::Silu, Gate::Gelu] {
        let (mut out, mut dgate, mut dup) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        Cpu::plain().gate(kind, &gate, &up, &mut out);
        Cpu::plain().gate_back(kind, &gate, &up, &dout, &mut dgate, &mut dup);
        let (gate, up, dout) = (tensor(&gate, n), tensor(&up, n), tensor(&dout, n));
        close("forth", &values(&ops::gate(kind, &gate, &up).unwrap()), &out, 1e-5);
        let ours = ops::gate_back(kind, &gate, &up, &dout).unwrap();
        close("dgate", &values(&ours.0), &dgate, 1e-5);
        close("dup", &values(&ours.1), &dup, 1e-5);
    }
}

#[test]
fn every_kind_of_weight_multiplies_forth_and_back() {
    let (n, rows, cols) = (5, 96, 512);
    let (x, dy) = (some(n * cols, 1, 1.0), some(n * rows, 2, 1.0));
    let mut one_aside = vec![0u8; 1];
    for kind in BlockType::ALL {
        let bytes = block::some_blocks(kind, rows * cols, 5);
        let weight = Weight::new(rows, cols, kind, bytes.clone().into()).unwrap();
        let (mut y, mut dx) = (vec![0.0; n * rows], vec![0.0; n * cols]);
        Cpu::plain().linear(&x, &weight, &mut y);
        Cpu::plain().linear_back(&dy, &weight, &mut dx);
        // candle's own products are of eight bits with blocks, of sixteen with half floats.
        let within = match kind {
            BlockType::F32 => 1e-5,
            BlockType::F16 | BlockType::BF16 => 1e-2,
            _ => 2e-2,
        };
        one_aside.truncate(1);
        one_aside.extend(&bytes);
        let odd = crate::weight::Bytes::from(one_aside.clone());
        let odd = odd.part(1..bytes.len() + 1).unwrap();
        for weight in [weight, Weight::new(rows, cols, kind, odd).unwrap()] {
            let frozen = Frozen::new(&weight, &Device::Cpu).unwrap();
            let name = format!("{kind:?}");
            close(&name, &values(&frozen.times(&tensor(&x, (n, cols))).unwrap()), &y, within);
            close(&name, &values(&frozen.back(&tensor(&dy, (n, rows))).unwrap()), &dx, 1e-2);
            let mut row = vec![0.0; cols];
            weight.unpack_rows(7..8, &mut row);
            let ids = Tensor::new(&[7u32], &Device::Cpu).unwrap();
            close(&name, &values(&frozen.take(&ids).unwrap()), &row, 1e-6);
        }
    }
}

#[test]
fn half_floats_do_not_overflow() {
    let (rows, cols) = (4, 64);
    let weight = Weight::new(rows, cols, BlockType::F16, {
        block::some_blocks(BlockType::F16, rows * cols, 5).into()
    });
    let frozen = Frozen::new(&weight.unwrap(), &Device::Cpu).unwrap();
    let y = frozen.times(&tensor(&some(cols, 1, 1e6), (1, cols))).unwrap();
    assert!(values(&y).iter().all(|y| y.is_finite()));
    let nothing = frozen.times(&tensor(&vec![0.0; cols], (1, cols))).unwrap();
    assert!(values(&nothing).iter().all(|y| *y == 0.0));
}

#[test]
fn surprise_and_its_slope() {
    let (n, vocab, width) = (6, 40, 16);
    let (hidden, shares) = (some(n * width, 1, 1.0), some(n, 3, 1.0));
    let head = Weight::from_f32(vocab, width, some(vocab * width, 2, 1.0));
    let targets: Vec<u32> = (0..n as u32).map(|i| i * 5 % vocab as u32).collect();
    let (mut nll, mut d) = (vec![0.0; n], vec![0.0; n * width]);
    Cpu::plain().cross_entropy(&hidden, &head, &targets, &mut nll, Some((&shares, &mut d)));
    let (hidden, shares) = (tensor(&hidden, (n, width)), tensor(&shares, n));
    let targets = Tensor::new(targets, &Device::Cpu).unwrap();
    let frozen = Frozen::new(&head, &Device::Cpu).unwrap();
    let ours = ops::cross_entropy(&hidden, &frozen, &targets, Some(&shares)).unwrap();
    close("nll", &values(&ours.0), &nll, 1e-5);
    close("slope", &values(&ours.1.unwrap()), &d, 1e-5);
    assert!(ops::cross_entropy(&hidden, &frozen, &targets, None).unwrap().1.is_none());
}

/// candle's own processor device in the place of a card.
fn card() -> Gpu {
    Gpu::on(Device::Cpu)
}

fn learn(model: &Model, lora: &Lora, told: Told) -> (f64, Lora) {
    let mut gradients = lora.zeros_like();
    let loss = Learner::default().learn(model, told, &mut gradients);
    (loss, gradients)
}

#[track_caller]
fn close_gradients(kind: &str, ours: &(f64, Lora), theirs: &(f64, Lora), within: f32) {
    let (loss, their_loss) = (ours.0, theirs.0);
    assert!((loss / their_loss - 1.0).abs() < f64::from(within), "{kind}: {loss}, {their_loss}");
    for ((name, ours), theirs) in ours.1.names().zip(ours.1.tensors()).zip(theirs.1.tensors()) {
        close(&format!("{kind} {name}"), ours, theirs, within);
    }
}

/// How much farther apart than in `f32` two homes may be where weights are half floats, which the
/// card multiplies as such: their last bit is a 256th, and a product of them within a hundredth.
fn slack(base: &Base) -> f32 {
    match Target::Q.weight(&base.layers[0]).block {
        BlockType::F32 => 1.0,
        _ => 100.0,
    }
}

#[test]
fn every_kind_of_base_reads_as_on_the_processor() {
    for (kind, base) in kinds() {
        let (card, lora, tokens) = (card(), learned(&base), tokens(&base, 90));
        for lora in [None, Some(&lora)] {
            let (ours, theirs) = (Model::new(&base, lora).on(&card), plain(&base, lora));
            close(
                kind,
                &ours.all_logits(&tokens),
                &theirs.all_logits(&tokens),
                1e-4 * slack(&base),
            );
            let surprise = |model: &Model| model.surprise(&tokens, 5, &mut Cache::new(&base));
            close(kind, &surprise(&ours), &surprise(&theirs), 1e-4 * slack(&base));
        }
        assert_eq!(card.failure(), None, "{kind}");
    }
}

#[test]
fn a_token_at_a_time_is_the_same_and_a_part_can_be_forgotten() {
    for (kind, base) in kinds() {
        let (card, lora, tokens) = (card(), learned(&base), tokens(&base, 60));
        let (ours, theirs) = (Model::new(&base, Some(&lora)).on(&card), plain(&base, Some(&lora)));
        let (mut cache, mut cpu) = (Cache::new(&base), Cache::new(&base));
        let stretches = [&tokens[..30], &tokens[30..31], &tokens[31..32], &tokens[32..60]];
        for stretch in stretches {
            let (a, b) = (ours.forward(stretch, &mut cache), theirs.forward(stretch, &mut cpu));
            close(kind, &a, &b, 1e-4 * slack(&base));
        }
        cache.truncate(20);
        cpu.truncate(20);
        let (a, b) =
            (ours.forward(&tokens[3..9], &mut cache), theirs.forward(&tokens[3..9], &mut cpu));
        close(kind, &a, &b, 1e-4 * slack(&base));
        assert_eq!(cache.len(), 26);
    }
}

#[test]
fn a_longer_past_than_a_page_is_read_on() {
    let base = tiny::base(1);
    let (card, tokens) = (card(), tokens(&base, 1100));
    let (ours, theirs) = (Model::new(&base, None).on(&card), plain(&base, None));
    let (mut cache, mut cpu) = (Cache::new(&base), Cache::new(&base));
    for stretch in [&tokens[..1000], &tokens[1000..1023], &tokens[1023..1100]] {
        close(
            "paged",
            &ours.forward(stretch, &mut cache),
            &theirs.forward(stretch, &mut cpu),
            1e-4,
        );
    }
}

#[test]
fn loss_and_every_gradient_are_the_processors() {
    for (kind, base) in kinds() {
        let (card, lora) = (card(), learned(&base));
        let (tokens, mut weights) = (tokens(&base, 70), weights(70));
        weights[9] = -0.5; // one that should not be said
        for dropout in [None, Some(Dropout { share: 0.2, seed: 5 })] {
            let told = Told { dropout, ..told(&tokens, &weights) };
            let theirs = learn(&plain(&base, Some(&lora)), &lora, told);
            let model = Model::new(&base, Some(&lora)).on(&card);
            let ours = learn(&model, &lora, told);
            close_gradients(kind, &ours, &theirs, 1e-3 * slack(&base));
            let again = learn(&model, &lora, Told { keep: Keep::NONE, ..told });
            assert!(again == ours, "{kind}: computing again is the same as keeping");
        }
        assert_eq!(card.failure(), None, "{kind}");
    }
}

#[test]
fn quantised_bases_are_near() {
    for (family, block) in
        [("llama", BlockType::Q8_0), ("qwen3", BlockType::Q4_1), ("gemma3", BlockType::Q8_0)]
    {
        let base = Tiny { family, block, random_seed: 3, ..Tiny::default() }.base();
        let (card, lora) = (card(), learned(&base));
        let (tokens, weights) = (tokens(&base, 50), weights(50));
        let model = Model::new(&base, Some(&lora)).on(&card);
        let theirs = plain(&base, Some(&lora));
        close(family, &model.all_logits(&tokens), &theirs.all_logits(&tokens), 0.05);
        let told = told(&tokens, &weights);
        close_gradients(family, &learn(&model, &lora, told), &learn(&theirs, &lora, told), 0.1);
        assert_eq!(card.failure(), None, "{family}");
    }
}

#[test]
fn one_card_serves_two_bases_in_turn_and_two_adapters_at_once() {
    let (one, two, card) = (tiny::base(1), tiny::base(2), card());
    let (lora, tokens) = (learned(&one), tokens(&one, 20));
    let (mut bare, mut with) = (Cache::new(&one), Cache::new(&one));
    let (ours, adapted) =
        (Model::new(&one, None).on(&card), Model::new(&one, Some(&lora)).on(&card));
    ours.forward(&tokens[..10], &mut bare);
    adapted.forward(&tokens[..10], &mut with);
    let between = Model::new(&two, None).on(&card).all_logits(&tokens);
    close("the other base", &between, &plain(&two, None).all_logits(&tokens), 1e-4);
    for (model, cache, lora) in [(ours, &mut bare, None), (adapted, &mut with, Some(&lora))] {
        let theirs = plain(&one, lora).forward(&tokens, &mut Cache::new(&one));
        close("in turn", &model.forward(&tokens[10..], cache), &theirs, 1e-4);
    }
}

#[test]
fn a_card_that_fails_in_the_middle_of_a_draft_costs_the_draft_nothing() {
    let base = tiny::base(1);
    let (card, lora, tokens) = (card(), learned(&base), tokens(&base, 40));
    let (ours, theirs) = (Model::new(&base, Some(&lora)).on(&card), plain(&base, Some(&lora)));
    let (mut cache, mut cpu) = (Cache::new(&base), Cache::new(&base));
    for stretch in [&tokens[..30], &tokens[30..31]] {
        ours.forward(stretch, &mut cache);
        theirs.forward(stretch, &mut cpu);
    }
    card.fail("out of memory".into());
    for stretch in [&tokens[31..32], &tokens[32..]] {
        let (a, b) = (ours.forward(stretch, &mut cache), theirs.forward(stretch, &mut cpu));
        close("on the processor", &a, &b, 1e-4);
    }
    cache.truncate(10);
    cpu.truncate(10);
    let (a, b) = (ours.forward(&tokens[..3], &mut cache), theirs.forward(&tokens[..3], &mut cpu));
    close("after forgetting", &a, &b, 1e-4);
    assert_eq!(card.failure(), Some("out of memory"));
}

#[test]
fn a_card_that_has_failed_leaves_learning_to_the_processor() {
    let base = tiny::base(1);
    let (card, lora) = (card(), learned(&base));
    let (tokens, weights) = (tokens(&base, 40), weights(40));
    card.fail("it was unplugged".into());
    let told = told(&tokens, &weights);
    let ours = learn(&Model::new(&base, Some(&lora)).on(&card), &lora, told);
    close_gradients("llama", &ours, &learn(&plain(&base, Some(&lora)), &lora, told), 1e-3);
}

#[test]
fn a_card_with_other_answers_is_not_trusted() {
    let (base, other, card) = (tiny::base(1), tiny::base(2), card());
    let mut wrong = Resident::new(&other, &Device::Cpu).unwrap();
    wrong.claim(&base);
    let error = card.trust(&base, &wrong).unwrap_err().to_string();
    assert!(error.contains("not the processor's"), "{error}");
    card.trust(&base, &Resident::new(&base, &Device::Cpu).unwrap()).unwrap();
    card.trust_learning(&base).unwrap();
    assert!(super::alike("answers", &[1.0, f32::NAN], &[1.0, 2.0]).is_err());
}

#[test]
fn a_panic_below_is_a_failure_like_any_other() {
    let card = card();
    let asked: Option<()> = card.ask(|| panic!("no library `cuda`.\nsearched everywhere"));
    assert_eq!((asked, card.failure()), (None, Some("no library `cuda`")));
    assert_eq!(card.ask(|| Ok(1)), None, "it is not asked again");
}
