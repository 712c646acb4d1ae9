//! The words of The Ghost, and everything that follows from words alone.
//!
//! A **seed** becomes a **draft**; the writer **ships** something better; the **edit** between the two
//! becomes a **row**; rows become a **run**; a **verdict** decides whether the new **adapter** is used.
//! The modules are listed in that order; files do not import each other in cycles.
//!
//! ```text
//! archive ┐
//!         ├▶ seed ─▶ draft ─▶ edit ─▶ row ─▶ run ─▶ verdict
//! ```
//!
//! Files, the clock, the database, tensors and system randomness are left out on purpose. Everything
//! from outside is passed in, so everything here can be tested without it.
//!
//! # Questions and answers
//!
//! **Where does an edit become a row?** In [`row::Row::of_edit`]; the words the writer cut become
//! [`row::Row::of_cuts`], and replaced phrases become preference pairs ([`preference::PreferencePair`]).
//!
//! **Which pieces are trained on?** [`split::assign`] decides, by date and without near duplicates on both
//! sides. A small archive is cross-validated instead ([`cross_validation`]).
//!
//! **How is the voice measured?** By the ensemble in [`voice`], over text without its content words.
//!
//! **Who decides whether an adapter ships?** [`verdict::decide`]: the conditions are in `verdict/gate.rs`,
//! the permutation test and the bootstrap in `verdict/statistics.rs`, the checks of drafts in
//! [`guardrails`].
//!
//! **Is a wording part of a prompt?** That of [`seed::Seed::request`], [`outline::RequestScope::request`]
//! and [`program`] is: a change there changes drafts and makes existing adapters worse.
//!
//! **Why are some things written by hand?** The presentable word diff ([`edit`]) has to merge and place
//! changes as a reader would describe them, which no diff library does. The voice measures need exact
//! repeatability and figures that no stylometry library exposes. Diffs for measuring must be exact in
//! bounded time (`lcs.rs`).

pub mod id;
mod lcs;
pub mod normalize;
pub mod rng;
mod sketch;
pub mod words;

pub mod chunk;

pub mod archive;
pub mod seed;

pub mod outline;

pub mod draft;

pub mod edit;

pub mod measure;
pub mod near_duplicates;
pub mod program;
pub mod split;

pub mod row;

pub mod run;

pub mod preference;

pub mod guardrails;
pub mod profile;
pub mod voice;

pub mod verdict;

pub mod cross_validation;

pub mod readiness;
