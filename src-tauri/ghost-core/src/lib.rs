//! The words of The Ghost, and what follows from words alone.
//!
//! A **seed** becomes a **draft**; the writer **ships** something better; the **edit** between the
//! two becomes a **row**; rows become a **run**; a **verdict** decides whether the new **adapter**
//! takes over. The files are listed in that order, and none uses a noun to its right:
//!
//! ```text
//! archive ┐
//!         ├▶ seed ─▶ draft ─▶ edit ─▶ row ─▶ run ─▶ verdict
//! ```
//!
//! Absent on purpose: files, the clock, chance, the database, tensors. What the world knows is
//! passed in, so everything here can be tested by its sentences.

mod align;
pub mod chance;
pub mod cut;
pub mod id;
pub mod normalize;
mod seen;
pub mod words;

pub mod archive;
pub mod seed;

pub mod outline;

pub mod draft;

pub mod edit;

pub mod measure;
pub mod near;
pub mod program;
pub mod row;

pub mod run;

pub mod choice;

pub mod guard;
pub mod profile;
pub mod voice;

pub mod verdict;

pub mod fold;

pub mod fit;
