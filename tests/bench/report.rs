//! BENCHMARKS.md, and the READMEs beside it that quote its ratios.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use bed::benchmarks::{Section, parse, render, renewed};
use tempfile::NamedTempFile;

const TITLE: &str = "# Benchmarks

`make bench` has written this file: each program and its peers in one run, turn by turn. A ratio is our figure to the
peer's: of times, memory, calls and processes less is better, of rates and throughput more. Targets are of the ratio, or
of our figure where they say so; those that are not met stay here as such. A figure of several rounds is their median,
or the quantile that its row names; in brackets stand their tenth and ninetieth percentile, less the same as the figure
where something is taken away. Figures without brackets are of one run.

Commands are as one would type them; words in capitals are files or sockets. `bench` is the program that has measured
(`make bench` makes it, from tests/bench).
";

/// Writes the file, and what was measured into the READMEs of its folder and of the folders in it.
pub fn write(file: &Path, machine: &str, sections: &[Section]) -> io::Result<()> {
    let text = render(&head(machine), sections);
    parse(&text).map_err(io::Error::other)?;
    replace(file, &text)?;
    let above = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for (folder, readme) in readmes(above)? {
        let old = fs::read_to_string(&readme)?;
        let (new, complaints) = renewed(&old, &folder, sections);
        for complaint in complaints {
            writeln!(io::stderr(), "bench: {}: {complaint}", readme.display())?;
        }
        if new != old {
            replace(&readme, &new)?;
        }
    }
    Ok(())
}

fn head(machine: &str) -> String {
    let lines: String = machine.lines().map(|line| format!("\n- {line}")).collect();
    format!("{TITLE}{lines}\n- privtools {}", env!("CARGO_PKG_VERSION"))
}

/// Each with the name of its folder, which is that of the program.
fn readmes(above: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = vec![(String::new(), above.join("README.md"))];
    for entry in fs::read_dir(above)? {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path().join("README.md")));
    }
    found.retain(|(_, readme)| readme.is_file());
    Ok(found)
}

/// Whole or not at all; its owner, or that of its folder, keeps it where root measures.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder))?;
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    fchown(new.as_file(), Some(owner.uid()), Some(owner.gid()))?;
    new.as_file().set_permissions(Permissions::from_mode(0o644))?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| io::Error::other(format!("{}: {}", path.display(), error.error)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_quotes_beside_it_are_written_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("one")).expect("a folder");
        fs::write(path("README.md"), "no quotes\n").expect("written");
        let table = "| measured | peer | ratio |\n|---|---|---|\n| f | tee | 9.9 |\n";
        fs::write(path("one/README.md"), table).expect("written");
        let row = ["f", "1 ms", "tee", "2 ms", "0.500", "-", "-", "`a`", "`b`"].map(str::to_owned);
        let section = Section { program: "one".to_owned(), rows: vec![row], ..Section::default() };
        let file = path("BENCHMARKS.md");
        write(&file, "a machine\nits name service", std::slice::from_ref(&section)).expect("written");
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.contains("\n- a machine\n- its name service\n"), "{text}");
        assert_eq!(parse(&text), Ok(vec![section.clone()]));
        assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o777, 0o644);
        assert_eq!(fs::read_to_string(path("one/README.md")).expect("a file"), table.replace("9.9", "0.500"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);

        let twice = Section { rows: vec![section.rows[0].clone(); 2], ..section };
        write(&file, "another", &[twice]).expect_err("a row that stands twice");
        assert_eq!(fs::read_to_string(&file).expect("a file"), text);
    }
}
