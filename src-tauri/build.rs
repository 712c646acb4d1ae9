//! Tells Tauri where the capabilities live, and lets a fresh clone build before its page is built.

use std::path::Path;

fn main() {
    let index = Path::new("ui/dist/index.html");
    if !index.exists() {
        // Otherwise `generate_context!` fails on a clone without a built page.
        std::fs::create_dir_all("ui/dist").expect("ui/dist can be made");
        std::fs::write(
            index,
            "<!doctype html><title>The Ghost</title><p>Run <code>make run</code> once.</p>",
        )
        .expect("a page can be written");
        println!("cargo:warning=ui/dist was missing; a placeholder page is embedded");
    }
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=tauri.conf.json");
    tauri_build::try_build(
        tauri_build::Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*"),
    )
    .expect("tauri build");
}
