use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::*;
use crate::command_line::CommandLine;
use crate::drop_in::{self, DropIn};
use crate::effective::{Asked, last_match_on};

fn parse(text: &str) -> Sudoers {
    Sudoers::parse(text, Path::new("/f"))
}

/// What a text says, in one form.
fn shape(text: &str) -> String {
    let read = parse(text);
    let entries = read.entries.iter().map(|entry| match &entry.kind {
        Kind::Rule(rule) => {
            let grants = rule.grants.iter().map(|grant| {
                let grants = grant.grants.iter().map(shape_of_grant).collect::<Vec<_>>().join(", ");
                format!("{} = {grants}", members(&grant.hosts))
            });
            format!("{} {}", members(&rule.users), grants.collect::<Vec<_>>().join(" : "))
        }
        Kind::Aliases(aliases) => {
            let alias = |alias: &Alias| match &alias.members {
                AliasMembers::Users(list) => format!("users {} = {}", alias.name, members(list)),
                AliasMembers::Runas(list) => format!("runas {} = {}", alias.name, members(list)),
                AliasMembers::Hosts(list) => format!("hosts {} = {}", alias.name, members(list)),
                AliasMembers::Commands(list) => format!("commands {} = {}", alias.name, members(list)),
            };
            aliases.iter().map(alias).collect::<Vec<_>>().join(" : ")
        }
        Kind::Defaults(defaults) => {
            let scope = match &defaults.scope {
                Scope::Always => String::new(),
                Scope::Users(list) => format!(":{}", members(list)),
                Scope::Runas(list) => format!(">{}", members(list)),
                Scope::Hosts(list) => format!("@{}", members(list)),
                Scope::Commands(list) => format!("!{}", members(list)),
            };
            let settings =
                defaults.settings.iter().map(|setting| format!("{} {:?}", setting.name, setting.change));
            format!("Defaults{scope} {}", settings.collect::<Vec<_>>().join(", "))
        }
        Kind::Include(include) => {
            format!("include{} {}", if include.folder { "dir" } else { "" }, include.path)
        }
    });
    let faults = read.faults.iter().map(|(place, why)| format!("{}: {why}", place.line));
    entries.chain(faults).collect::<Vec<_>>().join("; ")
}

fn members<T: std::fmt::Debug>(members: &[Member<T>]) -> String {
    let one = |member: &Member<T>| format!("{}{:?}", if member.negated { "!" } else { "" }, member.what);
    members.iter().map(one).collect::<Vec<_>>().join(",").replace('"', "'")
}

fn shape_of_grant(grant: &Grant) -> String {
    let mut shape = String::new();
    if let Some(runas) = &grant.runas {
        shape.push_str(&format!("({}:{})", members(&runas.users), members(&runas.groups)));
    }
    shape.extend(grant.options.iter().map(|(name, value)| format!("{name}={value} ")));
    shape.extend(grant.password.map(|yes| format!("password={yes} ")));
    shape.extend(grant.setenv.map(|yes| format!("setenv={yes} ")));
    let command = match &grant.command.what {
        Command::Program { path, arguments, digests } => format!("{}{path} {arguments:?}", digests.join(" ")),
        other => format!("{other:?}"),
    };
    format!("{shape}{}{command}", if grant.command.negated { "!" } else { "" })
}

#[test]
fn a_text_is_read_as_sudo_reads_it() {
    for (text, expected) in [
        ("# only a comment \\\nu ALL=ALL\n", "Name('u') All = All"),
        ("u ALL=ALL # and why", "Name('u') All = All"),
        ("#1000 ALL=ALL\n#-x\n", "Uid(1000) All = All"),
        (
            "%g,%#5,+n,!A,\\ALL,\"%a b\",\"D\\b\",a\\x41\\ b ALL=ALL",
            "Group('g'),Gid(5),Netgroup('n'),!Alias('A'),Name('ALL'),Group('a b'),Name('D\\\\b'),Name('aA b') All = All",
        ),
        ("%:x, !!u ALL=ALL", "OtherGroup('x'),Name('u') All = All"),
        (
            "u h1,!H,10.0.0.0/8,::1,fe80::/10,+n,w*.x = ALL",
            "Name('u') Name('h1'),!Alias('H'),Network('10.0.0.0/8'),Network('::1'),Network('fe80::/10'),Netgroup('n'),Name('w*.x') = All",
        ),
        (
            "u ALL=(a:g) NOPASSWD:SETENV: /a, PASSWD: /b, (c) /d : h = /e",
            "Name('u') All = (Name('a'):Name('g'))password=false setenv=true /a Any, \
             (Name('a'):Name('g'))password=true setenv=true /b Any, \
             (Name('c'):)password=true setenv=true /d Any : Name('h') = /e Any",
        ),
        ("u ALL=() /a, (:) /b, (:g) /c", "Name('u') All = (:)/a Any, (:)/b Any, (:Name('g'))/c Any"),
        (
            "u ALL=CWD=/tmp TIMEOUT=2m NOEXEC: NOPASSWD: EXEC: /a",
            "Name('u') All = CWD=/tmp TIMEOUT=2m EXEC=yes password=false /a Any",
        ),
        (
            "u ALL=/a \"\", /b  x   y , /c --k=v =z",
            "Name('u') All = /a None, /b Text(\"x y\"), /c Text(\"--k=v =z\")",
        ),
        (
            "u ALL=/a x\\,y\\:z\\=\\#\\\\ \\*[a], /b # c",
            "Name('u') All = /a Text(\"x,y:z=#\\\\ \\\\*[a]\"), /b Any",
        ),
        ("u ALL=/a b\\\nc d\\\n   e\nv ALL=ALL", "Name('u') All = /a Text(\"bc d e\"); Name('v') All = All"),
        ("u ALL=/a\\ b (x)!y", "Name('u') All = /a b Text(\"(x)!y\")"),
        ("u ALL=sudoedit /etc/x, list, /d/", "Name('u') All = Sudoedit(Text(\"/etc/x\")), List, /d/ Any"),
        (
            "u ALL=sha256:aa+/=, sha224:bb !/a x, ^/b(,|:)$ ^c,d$, /e",
            "Name('u') All = !sha256:aa+/= sha224:bb/a Text(\"x\"), ^/b(,|:)$ Text(\"^c,d$\"), /e Any",
        ),
        (
            "User_Alias A = a, %b : B_1 = !c\nHost_Alias H = ::1 : I = x\nRunas_Alias R = #0\n\
             Cmnd_Alias C = /a x, !/b, C2\nCmd_Alias D = ALL",
            "users A = Name('a'),Group('b') : users B_1 = !Name('c'); hosts H = Network('::1') : hosts I = Name('x'); \
             runas R = Uid(0); commands C = Program { path: '/a', arguments: Text('x'), digests: [] },\
             !Program { path: '/b', arguments: Any, digests: [] },Alias('C2'); commands D = All",
        ),
        (
            "Defaults env_reset, !x, a=b, c = \"d \\\n  e\\\"\", f += g\\ h, i -= -1",
            "Defaults env_reset On, x Off, a Set(\"b\"), c Set(\"d e\\\"\"), f Add(\"g h\"), i Remove(\"-1\")",
        ),
        (
            "Defaults:a,%b !x\nDefaults@h x\nDefaults>r x\nDefaults!/a, C x\nDefaults !y",
            "Defaults:Name('a'),Group('b') x Off; Defaults@Name('h') x On; Defaults>Name('r') x On; \
             Defaults!Program { path: '/a', arguments: Any, digests: [] },Alias('C') x On; Defaults y Off",
        ),
        (
            "@include a\n  #includedir /b\\ c # d\n@includedir \"/e f\"\n#includes\n",
            "include a; includedir /b c; includedir /e f",
        ),
        (
            "\"Defaults\" ALL=ALL\nDefaultsx ALL=ALL",
            "Name('Defaults') All = All; Name('Defaultsx') All = All",
        ),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_said_with_its_line_and_the_rest_is_read() {
    for (text, why) in [
        ("u ALL", "it ends too early; = is missing"),
        ("u ALL=ls", "ls is not an absolute path"),
        ("u ALL=\"/a b\"", "'\"' is not expected here; a command is an absolute path"),
        ("u ALL=/a\\*b", "a backslash before a character that needs none in a path"),
        ("u ALL=/a \\\"", "a backslash before a character that needs none in arguments"),
        ("u ALL=/a, x", "x is not an absolute path"),
        ("u ALL=NOPASSWD: TIMEOUT=2 /a", "'=' is not expected here"),
        ("u ALL=/a, \\\n", "it ends too early; a command is an absolute path"),
        ("u ALL=!sha256:aa /a", "sha256 is not an absolute path"),
        ("u ALL=sha256:aa, /a", "'/' is not expected here; a digest or a command belongs there"),
        ("u ALL=(a:%g) ALL", "groups after the colon have no % before them"),
        ("u ALL=ALL x", "'x' is not expected here"),
        ("u ALL=ALL\r", "'\\r' is not expected here"),
        ("u, ALL=ALL", "'=' is not expected here"),
        ("#99999999999 ALL=ALL", "99999999999 is no id"),
        ("\"u ALL=ALL", "a quote without its end"),
        ("Defaults", "it ends too early"),
        ("Defaults a b", "'b' is not expected here"),
        ("Defaults !a=b", "a is both negated and given a value"),
        ("User_Alias a = b", " is no name for an alias: capital letters, digits and underscores are"),
        ("User_Alias ALL = b", "ALL is no name for an alias: capital letters, digits and underscores are"),
        ("@include", "it ends too early"),
        ("u ALL=^/a", "a regular expression without its $"),
    ] {
        let read = parse(&format!("v ALL=ALL\n\n{text}\nw ALL=ALL\n"));
        let faults: Vec<(u32, &str)> = read.faults.iter().map(|(at, why)| (at.line, why.as_str())).collect();
        assert_eq!(faults, [(3, why)], "{text}");
        assert_eq!(read.entries.len(), 2, "{text}");
    }
}

#[test]
fn a_command_has_the_line_that_it_stands_on() {
    let read = parse("# x\nu ALL=/a, \\\n  /b, /c \\\n x\n\nv ALL=ALL");
    let lines = read.entries.iter().flat_map(|entry| match &entry.kind {
        Kind::Rule(rule) => {
            rule.grants[0].grants.iter().map(|grant| (entry.place.line, grant.line)).collect()
        }
        _ => Vec::new(),
    });
    assert_eq!(lines.collect::<Vec<_>>(), [(2, 2), (2, 3), (2, 3), (6, 6)]);
}

#[test]
fn files_are_read_in_sudos_order_and_what_it_passes_over_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| fs::write(at(name), text).expect("written");
    fs::create_dir(at("d")).expect("made");
    fs::create_dir(at("d/sub")).expect("made");
    write(
        "main",
        "a ALL=ALL\n@includedir d\n@include other\n@include missing\n@includedir nothing\nz ALL=ALL\n",
    );
    write("other", "o ALL=ALL\n@include other\n");
    for name in ["10-b", "1-a", "x.y", "old~", ".hidden", "Za"] {
        write(&format!("d/{name}"), &format!("{} ALL=ALL\nbad\n", name.replace(['-', '.', '~'], "_")));
    }
    symlink("../other", at("d/link")).expect("a link");
    let read = Sudoers::read_anybodys(&at("main")).expect("read");
    let names: Vec<String> = read
        .entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Rule(rule) => Some(members(&rule.users)),
            _ => None,
        })
        .collect();
    let first = ["a", "1_a", "10_b", "Za", "o"].map(|name| format!("Name('{name}')"));
    assert_eq!(names[..5], first);
    assert_eq!(names.last().map(String::as_str), Some("Name('z')"));
    assert_eq!(read.ignored, [at("d/.hidden"), at("d/old~"), at("d/x.y")]);
    assert!(read.includes_dir(&at("d")) && read.includes_dir(&at("nothing")) && !read.includes_dir(&at("e")));
    let whys: Vec<&str> = read.faults.iter().map(|(_, why)| why.as_str()).collect();
    assert!(whys.iter().any(|why| why.contains("more than 128 files that include each other")), "{whys:?}");
    assert!(whys.iter().any(|why| why.contains("missing: No such file")), "{whys:?}");
    assert!(!whys.iter().any(|why| why.contains("nothing")), "{whys:?}");
    assert!(Sudoers::read_anybodys(&at("missing")).is_err());
    assert!(Sudoers::read_anybodys(&at("d")).is_err());
}

#[test]
fn files_that_others_can_write_or_that_are_too_long_are_faults() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (main, long) = (folder.path().join("main"), folder.path().join("long"));
    fs::write(&main, "@include long\n").expect("written");
    fs::write(&long, vec![b'#'; 1024 * 1024 + 1]).expect("written");
    let read = Sudoers::read(&main).expect("read");
    assert!(read.faults[0].1.contains("it is longer than 1048576 bytes"), "{:?}", read.faults);
    fs::set_permissions(&main, PermissionsExt::from_mode(0o666)).expect("set");
    let error = Sudoers::read(&main).expect_err("refused").to_string();
    assert!(error.contains("sudo does not read it"), "{error}");
    Sudoers::read_anybodys(&main).expect("read");
}

#[test]
fn the_count_of_entries_is_bounded() {
    let read = parse(&"u ALL=ALL\n".repeat(parser::MAX_ENTRIES + 10));
    assert_eq!(read.entries.len(), parser::MAX_ENTRIES);
    assert!(read.faults[0].1.contains("the rest is not read"), "{:?}", read.faults);
}

/// Pieces of which sudoers files are made.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "u",
        "ALL",
        "A",
        "=",
        ",",
        ":",
        "!",
        "(",
        ")",
        " ",
        "\t",
        "\n",
        "\\",
        "\\\n",
        "#",
        "\"",
        "/a",
        "%",
        "+",
        "^",
        "$",
        "*",
        "Defaults",
        "User_Alias ",
        "Cmnd_Alias ",
        "NOPASSWD:",
        "TIMEOUT=",
        "sha256:aa ",
        "sudoedit",
        "@include ",
        "#includedir ",
        "::1",
        "-",
        "1",
        "\\x4",
        "\r",
        "é",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_installed_is_read_as_what_was_meant(text in "/no/such( [!-~]{1,8}){0,4}") {
        let Ok(command) = CommandLine::parse(&text) else { return Ok(()) };
        let grant = drop_in::Grant::Commands(vec![command.clone()]);
        let file = DropIn { uid: 1001, user: "u".to_owned(), token: "u".to_owned(), grant };
        let read = parse(&file.render());
        prop_assert_eq!(&read.faults, &[]);
        let decided = |arguments: &[String]| {
            let asked = Asked { user: "u", uid: 1001, groups: &[], program: &command.program, arguments };
            last_match_on(&read, &asked, "host").map(|found| (found.allowed, found.password, found.certain))
        };
        prop_assert_eq!(decided(&command.arguments), Some((true, false, true)));
        let more = [&command.arguments[..], &["more".to_owned()]].concat();
        prop_assert_eq!(decided(&more), None);
    }

    #[test]
    fn every_text_is_read_without_a_panic(text in prop_oneof![pieces(), ".*"]) {
        let read = parse(&text);
        let lines = u32::try_from(text.matches('\n').count()).expect("few") + 1;
        for (place, why) in &read.faults {
            prop_assert!((1..=lines).contains(&place.line) && !why.is_empty());
            prop_assert!(!why.contains(char::is_control), "{:?}", why);
        }
        for entry in &read.entries {
            prop_assert!((1..=lines).contains(&entry.place.line));
        }
        // An entry that is understood is understood with others around it.
        if read.faults.is_empty() && !text.ends_with('\\') {
            let around = parse(&format!("x ALL=ALL\n{text}\ny ALL=ALL\n"));
            prop_assert_eq!(around.entries.len(), read.entries.len() + 2, "{:?}", around.faults);
        }
    }
}
