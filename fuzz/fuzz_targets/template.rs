//! A base's chat template: whatever it says, it makes a prompt or an error, in bounded memory.
#![no_main]

use ghost_engine::Base;
use ghost_engine::chat::Message;
use ghost_fuzz::tiny;

libfuzzer_sys::fuzz_target!(|template: &str| {
    let Ok(base) = Base::read(tiny::with_template(template).into()) else { return };
    let say = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let messages =
        [say("system", "You write."), say("user", "Rain."), say("assistant", "It rains.")];
    if let Ok(prompt) = base.chat.tokens(&base.tokenizer, &messages, true) {
        assert!(prompt.iter().all(|id| (*id as usize) < base.tokenizer.vocab_size()));
    }
});
