//! The examples of a manual page, in mdoc(7).

/// Each of them, in order, as mandoc(1) shows it.
pub fn examples(page: &str) -> Vec<String> {
    let (_, after) = page.split_once("\n.Sh EXAMPLES\n").expect("EXAMPLES");
    let section = after.split_once("\n.Sh ").map_or(after, |(section, _)| section);
    let blocks = section.split("\n.Bd -literal").skip(1);
    let inner = blocks.filter_map(|block| block.split_once('\n')?.1.split_once("\n.Ed"));
    let examples: Vec<String> = inner.map(|(text, _)| format!("{}\n", text.replace("\\e", "\\"))).collect();
    assert!(!section.contains("\n.Dl "), "an example that is no block would not be run");
    assert!(examples.iter().all(|text| !text.lines().any(|line| line.starts_with('.'))), "{examples:?}");
    examples
}
