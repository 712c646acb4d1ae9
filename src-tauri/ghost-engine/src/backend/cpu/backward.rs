//! The transformer's backward pass on the CPU, by hand: gradients of the adapter alone.

use crate::backend::cpu::activations::{GradBuffers, LayerActivations};
use crate::backend::cpu::forward::{LayerPass, Transformer, add};
use crate::backend::dropout::apply_dropout;
use crate::cpu::activation::gated_activation_backward;
use crate::cpu::attention::{AttentionActivations, attention_backward};
use crate::cpu::linear::linear_backward;
use crate::cpu::lora::lora_backward;
use crate::cpu::norm::rms_norm_backward;
use crate::cpu::rope::rope;
use crate::lora::{InputSite, Lora, Target};

impl Transformer<'_> {
    /// Adds to `dx` the gradient of `input` through all targets that read it, and to `gradients` those
    /// of the adapter's pairs. `dx` is `None` where nothing below needs it.
    #[allow(clippy::too_many_arguments)]
    fn project_backward<const N: usize>(
        &self,
        pass: &LayerPass,
        site: InputSite,
        input: &[f32],
        readers: [(Target, &[f32]); N],
        lora_activations: &[Vec<f32>; 4],
        gradients: &mut Lora,
        ddropped: &mut [f32],
        mut dx: Option<&mut [f32]>,
    ) {
        let dropped = pass.dropped(site, input);
        if let Some(dx) = &mut dx {
            for (target, dy) in readers {
                linear_backward(self.cpu, dy, target.weight(pass.layer), dx);
            }
        }
        let Some(lora) = self.lora else { return };
        let loras = readers.map(|(target, _)| lora.view(pass.n, target));
        let dys = readers.map(|(_, dy)| dy);
        let mut pairs = gradients.layers[pass.n].each_mut().map(Some);
        let mut grads = readers.map(|(target, _)| {
            let pair = pairs[target as usize].take().expect("a target reads one site once");
            (&mut *pair.a, &mut *pair.b)
        });
        let u = &lora_activations[site as usize];
        match (dx, pass.dropout) {
            (Some(dx), Some(dropout)) => {
                // Dropout's mask is applied once, to the sum over all readers.
                let ddropped = &mut ddropped[..input.len()];
                ddropped.fill(0.0);
                let x = dropped.as_deref().unwrap_or(input);
                lora_backward(x, &loras, u, &dys, &mut grads, Some(&mut *ddropped));
                apply_dropout(dropout, pass.n, site, ddropped);
                add(dx, ddropped);
            }
            (dx, _) => {
                let x = dropped.as_deref().unwrap_or(input);
                lora_backward(x, &loras, u, &dys, &mut grads, dx);
            }
        }
    }

    /// One layer's backward pass: `grads.d` is the gradient of its output and becomes that of its
    /// input.
    pub(super) fn layer_backward(
        &self,
        pass: &LayerPass,
        saved: &LayerActivations,
        grads: &mut GradBuffers,
        gradients: &mut Lora,
    ) {
        let (config, layer, cpu) = (&self.base.config, pass.layer, self.cpu);
        let GradBuffers { d, dnormed, dact, dgate, dup, dh, dattn_out, dq, dk, dv, ddropped } =
            grads;
        let lora = &saved.lora;

        let dy = self.post_norm_backward(&layer.post_ffn_norm, &saved.down_unnormed, d, dnormed);
        dact.fill(0.0);
        let (site, readers) = (InputSite::Down, [(Target::Down, dy)]);
        self.project_backward(
            pass,
            site,
            &saved.act,
            readers,
            lora,
            gradients,
            ddropped,
            Some(dact),
        );
        gated_activation_backward(cpu, config.activation, &saved.gate, &saved.up, dact, dgate, dup);
        dh.fill(0.0);
        let readers = [(Target::Gate, &**dgate), (Target::Up, &**dup)];
        let (site, input) = (InputSite::FeedForward, &saved.ffn_normed);
        self.project_backward(pass, site, input, readers, lora, gradients, ddropped, Some(dh));
        rms_norm_backward(cpu, &saved.residual, self.norm(&layer.ffn_norm), dh, d);

        let dy = self.post_norm_backward(&layer.post_attn_norm, &saved.o_unnormed, d, dnormed);
        dattn_out.fill(0.0);
        let readers = [(Target::O, dy)];
        let (site, out) = (InputSite::Output, &saved.attn_out);
        self.project_backward(pass, site, out, readers, lora, gradients, ddropped, Some(dattn_out));
        let LayerActivations { q, k, v, lse, .. } = saved;
        let attention = AttentionActivations { q, k, v, out, lse };
        attention_backward(cpu, attention, self.heads(layer), dattn_out, dq, dk, dv);
        for (dy, norm, unnormed, table) in [
            (&mut **dq, &layer.q_norm, &saved.q_unnormed, pass.rope.map(|rope| rope.q)),
            (&mut **dk, &layer.k_norm, &saved.k_unnormed, pass.rope.map(|rope| rope.k)),
        ] {
            if let Some(table) = table {
                rope(dy, config.head_dim, table, true);
            }
            if let Some(norm) = norm {
                let dnormed = &mut dnormed[..dy.len()];
                dnormed.copy_from_slice(dy);
                dy.fill(0.0);
                rms_norm_backward(cpu, unnormed, self.norm(norm), dnormed, dy);
            }
        }
        // Nothing needs the gradient of the embeddings.
        let needed = pass.n > 0;
        dh.fill(0.0);
        let readers = [(Target::Q, &**dq), (Target::K, &**dk), (Target::V, &**dv)];
        let (site, input) = (InputSite::Attention, &saved.attn_normed);
        let into = needed.then_some(&mut **dh);
        self.project_backward(pass, site, input, readers, lora, gradients, ddropped, into);
        if needed {
            rms_norm_backward(cpu, &saved.input, self.norm(&layer.attn_norm), dh, d);
        }
    }

    /// The gradient before a post norm; `d` itself where there is none.
    fn post_norm_backward<'d>(
        &self,
        norm: &Option<Vec<f32>>,
        input: &[f32],
        d: &'d [f32],
        dnormed: &'d mut [f32],
    ) -> &'d [f32] {
        let Some(norm) = norm else { return d };
        let dinput = &mut dnormed[..d.len()];
        dinput.fill(0.0);
        rms_norm_backward(self.cpu, input, self.norm(norm), d, dinput);
        dinput
    }
}
