//! The `vca` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    vca::cli::main()
}
