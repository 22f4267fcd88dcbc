//! Writes what bash, zsh and fish complete after the programs whose words clap knows, into `<program>/completions`.

use std::fs;
use std::io;

fn main() -> io::Result<()> {
    for file in bed::completions::generated() {
        let path = bed::workspace().join(file.path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, file.text)?;
    }
    Ok(())
}
