//! The program: the command line if there are arguments, otherwise the window.

fn main() {
    std::process::exit(ghost_app::main());
}
