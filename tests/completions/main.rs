//! Writes what bash, zsh and fish complete after the programs whose words clap knows, into `<program>/completions`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in bed::completions::generated() {
        let path = workspace.join(file.path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, file.text)?;
    }
    Ok(())
}
