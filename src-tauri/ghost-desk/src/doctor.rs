//! How things stand, in sentences a writer can pass on.

use crate::Desk;
use crate::failure::Result;
use crate::store::bases;
use crate::wire::{DoctorReport, Finding, RunStateName};

impl Desk {
    pub(crate) fn doctor(&self) -> Result<DoctorReport> {
        let findings =
            vec![self.look_at_store()?, self.look_at_base()?, device(self), self.look_at_runs()?];
        Ok(DoctorReport { well: findings.iter().all(|finding| finding.well), findings })
    }

    fn look_at_store(&self) -> Result<Finding> {
        let store = self.store();
        let check: String = store.on().query_row("PRAGMA quick_check", [], |row| row.get(0))?;
        let well = check == "ok";
        let place = self.folder().root().display();
        Ok(finding(
            "store",
            well,
            if well {
                format!("Everything you wrote is in {place}, and it is whole.")
            } else {
                format!(
                    "The store in {place} is damaged; copies of the last days are in its backups folder."
                )
            },
        ))
    }

    fn look_at_base(&self) -> Result<Finding> {
        if bases::in_use(self.store().on())?.is_none() {
            return Ok(finding("base", false, crate::base::no_base().message));
        }
        Ok(match self.ghost(None) {
            Ok(ghost) => {
                let card = &ghost.base.card;
                finding(
                    "base",
                    true,
                    format!(
                        "The base is {} ({}, {} million weights).",
                        card.name,
                        card.quantisation,
                        card.parameters / 1_000_000
                    ),
                )
            }
            Err(failure) => finding("base", false, failure.message),
        })
    }

    fn look_at_runs(&self) -> Result<Finding> {
        let runs = self.runs()?.runs;
        let failed = runs.first().is_some_and(|run| run.state == RunStateName::Failed);
        Ok(finding(
            "runs",
            !failed,
            match runs.first() {
                None => "Nothing has been learned yet.".into(),
                Some(run) if failed => format!(
                    "The last run failed: {}",
                    run.notes.last().map_or("no reason was kept.", |note| note)
                ),
                Some(run) => format!(
                    "There are {} runs; the last began {}.",
                    runs.len(),
                    &run.started_at[..run.started_at.len().min(10)]
                ),
            },
        ))
    }
}

fn device(desk: &Desk) -> Finding {
    let device = desk.device().info();
    finding("device", true, format!("It computes on {}: {}", device.name, device.reason))
}

fn finding(about: &str, well: bool, sentence: String) -> Finding {
    Finding { about: about.into(), well, sentence }
}
