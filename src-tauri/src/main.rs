//! The program: the command line where there are words after the name, the window otherwise.

fn main() {
    std::process::exit(ghost_app::main());
}
