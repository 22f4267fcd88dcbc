//! The session of `sudoers-install cluster` with a host: one for all, with a known key where a password goes
//! through it, read by nobody else, and gone with whom it was for.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use bed::{Host, Network, Operator, Running, Terminal, capture, eventually, spawn};
use sudoers_install::remote::{Nonce, ProgramPath, Survey};

/// The account that gets the rule.
const AGENT: &str = "ai-agent";
/// The login: sudo with the password.
const ADMIN: &str = "admin";
const PASSWORD: &str = "battery' $(staple) \\horse";
const RULE: &str = "/etc/sudoers.d/zz-sudo-helper-ai-agent";
/// Lists a folder and all below it, with the times.
const ALL: &str = "%p %y %m %T@\\n";

/// Hosts, the second of which needs no password, and an operator with a folder for temporary files.
struct Site {
    asks: Host,
    asks_not: Host,
    operator: Operator,
}

impl Site {
    fn boot() -> Option<Self> {
        let network = Network::new()?;
        let [asks, asks_not] = network.boot(["asks", "asks-not"]);
        let operator = Operator::of(&network);
        thread::scope(|scope| {
            for host in [&asks, &asks_not] {
                scope.spawn(|| furnish(host, &operator));
            }
        });
        let rule = format!("{ADMIN} ALL=(ALL) NOPASSWD: ALL\n");
        asks_not.write("/etc/sudoers.d/admin", rule, 0o440, "root:root");
        operator.knows(&[&asks, &asks_not]);
        let entry =
            |host: &Host| format!("{}: {{hostname: {}, user: {ADMIN}}}\n", host.name(), host.address());
        operator.write("inventory.yaml", &(entry(&asks) + &entry(&asks_not)));
        fs::create_dir(operator.path("tmp")).expect("a folder");
        Some(Self { asks, asks_not, operator })
    }

    fn hosts(&self) -> [&Host; 2] {
        [&self.asks, &self.asks_not]
    }

    fn command(&self) -> Command {
        let words = [
            "cluster",
            "--json",
            "--inventory",
            "/root/inventory.yaml",
            "--user",
            AGENT,
            "--password-fd",
            "0",
        ];
        let mut command = self.operator.command("sudoers-install", &words);
        command.envs(["TMPDIR", "XDG_RUNTIME_DIR"].map(|name| (name, "/root/tmp")));
        command
    }

    /// The code of each host.
    fn run(&self) -> [String; 2] {
        let output = with_input(self.command(), format!("{PASSWORD}\n").as_bytes());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        self.hosts().map(|host| {
            let of_host = |row: &serde_json::Value| row["alias"] == host.name();
            let row = text.lines().filter_map(|line| serde_json::from_str(line).ok()).find(of_host);
            row.unwrap_or_else(|| panic!("{output:?}"))["code"].as_str().expect("a word").to_owned()
        })
    }

    /// All that the operator has.
    fn files(&self) -> String {
        let mut find = Command::new("find");
        find.arg(self.operator.path(".")).args(["-printf", ALL]);
        String::from_utf8(capture(find).stdout).expect("text")
    }
}

fn furnish(host: &Host, operator: &Operator) {
    host.install("sudo-helper");
    host.user(AGENT);
    host.user(ADMIN);
    host.run(&["usermod", "-aG", "sudo", ADMIN]).success();
    host.run(&["sh", "-c", "printf '%s\\n' \"$0\" | chpasswd", &format!("{ADMIN}:{PASSWORD}")]).success();
    operator.may_enter(host, ADMIN);
}

fn with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("a child can be waited for")
}

/// How many sessions the login has had.
fn sessions(host: &Host) -> usize {
    let accepted = |entry: &serde_json::Value| {
        entry["MESSAGE"].as_str().is_some_and(|message| message.starts_with("Accepted publickey for admin"))
    };
    host.journal().iter().filter(|entry| accepted(entry)).count()
}

/// Whether a process that shares a namespace of this kind with `other` has this in its command line.
fn runs(kind: &str, other: i32, text: &str) -> bool {
    let of = fs::read_link(format!("/proc/{other}/ns/{kind}")).expect("a namespace");
    fs::read_dir("/proc").expect("/proc").flatten().any(|entry| {
        fs::read_link(entry.path().join("ns").join(kind)).is_ok_and(|namespace| namespace == of)
            && fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
    })
}

#[test]
fn one_session_does_all_on_a_host() {
    let Some(site) = Site::boot() else { return };
    assert_eq!(site.run(), ["installed", "installed"]);
    assert_eq!(site.hosts().map(sessions), [1, 1]);
    assert_eq!(site.run(), ["configured", "configured"]);
    assert_eq!(site.hosts().map(sessions), [2, 2]);
}

#[test]
fn a_password_goes_to_known_keys_only() {
    let Some(site) = Site::boot() else { return };
    site.operator.knows(&[]);
    assert_eq!(site.run(), ["unknown-key", "unknown-key"]);
    // A key that nobody keeps may be another's at the next connection.
    let accepting = "StrictHostKeyChecking accept-new\n";
    site.operator.write(".ssh/config", &format!("{accepting}UserKnownHostsFile /dev/null\n"));
    assert_eq!(site.run(), ["unknown-key", "installed"]);
    site.asks.run(&["test", "-e", RULE]).failure();
    let sudo =
        |entry: &serde_json::Value| entry["MESSAGE"].as_str().is_some_and(|it| it.contains("(sudo:auth)"));
    assert!(!site.asks.journal().iter().any(sudo), "no password was tried");
    // Where the configuration keeps it, it is known when the password goes.
    site.operator.write(".ssh/config", accepting);
    assert_eq!(site.run(), ["installed", "configured"]);
    assert_eq!(sessions(&site.asks), 3, "the survey twice, and one to the known key");
}

#[test]
fn who_reads_before_sudo_gets_nothing() {
    let Some(site) = Site::boot() else { return };
    let reads = "IFS= read -r -t 1 line; printf '<%s>' \"$line\" >>~/eaten\n";
    site.asks.write(&format!("/home/{ADMIN}/.bashrc"), reads, 0o644, ADMIN);
    assert_eq!(site.run(), ["installed", "installed"]);
    site.asks.run(&["cat", &format!("/home/{ADMIN}/eaten")]).success().stdout("<>");
}

#[test]
fn nothing_is_left_behind() {
    let Some(site) = Site::boot() else { return };
    // The first call puts the program among them.
    let _ = site.command();
    let files = site.files();
    assert_eq!(site.run(), ["installed", "installed"]);
    // The key for the interrupt, and a kill: both while sessions wait for a password that does not come.
    for signal in [2, 9] {
        let running = Running::start(site.command());
        let waits = |host: &Host| runs("pid", host.leader(), "sudoers-install");
        eventually("the sessions are there", || site.hosts().into_iter().all(waits));
        running.signal(signal);
        assert_eq!(running.status(), 128 + signal);
        eventually("the sessions have ended", || {
            !site.hosts().into_iter().any(|host| waits(host) || runs("pid", host.leader(), "sshd: admin"))
        });
        let network = site.asks.network().keeper();
        eventually("no ssh is left", || !runs("net", network, "ssh\0"));
    }
    assert_eq!(site.files(), files);
    for host in site.hosts() {
        host.run(&["sh", "-c", "ls -A /etc/sudoers.d | grep '^[.]'"]).failure();
        host.run(&["find", "/tmp", "/var/tmp", "-user", ADMIN]).success().stdout("");
    }
}

#[test]
fn what_a_lost_connection_has_cut_off_is_not_run() {
    let Some(site) = Site::boot() else { return };
    let busybox = fs::read("/usr/bin/busybox").expect("busybox: the Debian package busybox-static");
    site.asks.write("/usr/bin/busybox", busybox, 0o755, "root");
    let nonce = Nonce::fresh().expect("random");
    let helper = ProgramPath::parse("/usr/bin/sudo-helper").expect("a path");
    let survey = Survey { nonce: &nonce, helper: &helper, grantee: None }.command().expect("a command line");
    let (login, end) = (["/bin/bash", "-c", &survey], format!("sudoers-install {nonce} end"));
    let begin = |order: &str| {
        let mut running = Running::start(site.asks.command_as(ADMIN, &login));
        while running.line().expect("an answer") != end {}
        running.write(order.as_bytes());
        running
    };
    let ready = format!("sudoers-install {nonce} ready");
    let text = format!("printf 'é: '; head -n 1; echo\n#{nonce}");
    let order = |input: &str, kept: usize| format!("{} {input}\n{}", text.len(), &text[..kept]);
    for shell in ["dash", "bash", "busybox"] {
        site.asks.run(&["ln", "-sf", shell, "/bin/sh"]).success();
        for (input, said) in [("none", "é: "), ("line", "é: more")] {
            let mut running = begin(&order(input, text.len()));
            assert_eq!(running.line().as_deref(), Some(&*ready), "{shell}");
            running.write(if input == "line" { b"go\nmore\n" } else { b"go\n" });
            assert_eq!(running.line().as_deref(), Some(said), "{shell}");
        }
        for cut in [order("line", text.len() - 1), order("line", 20), "5".to_owned(), String::new()] {
            let output = with_input(site.asks.command_as(ADMIN, &login), cut.as_bytes());
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.ends_with(&format!("{end}\n")), "{shell}: {cut}: {said}");
        }
        // One that is not told to go on runs nothing: sudo would count a password that does not come as a wrong one.
        for left in ["", "g"] {
            let input = order("line", text.len()) + left;
            let output = with_input(site.asks.command_as(ADMIN, &login), input.as_bytes());
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.ends_with(&format!("{ready}\n")), "{shell}: {left}: {said}");
        }
    }
}

#[test]
fn hosts_that_have_died_meanwhile_are_given_up_before_the_password_is_sent_anywhere() {
    let Some(site) = bed::site::Site::boot(["good", "gone", "again"]) else { return };
    let words = ["cluster", "--inventory", "/root/inventory.yaml", "--user", AGENT];
    let mut command = site.operator.wrapped(&Terminal::session(), "sudoers-install", &words);
    command.env("TERM", "xterm");
    let terminal = Terminal::open();
    let settings = terminal.settings();
    let mut running = terminal.run(command);
    eventually("it asks for the password", || !settings.of_keys()[0]);
    site.host("gone").refuse();
    for name in ["gone", "again"] {
        site.host(name).run(&["pkill", "-KILL", "-u", ADMIN]).success();
    }
    running.write(format!("{PASSWORD}\n").as_bytes());
    drop(settings);
    let (said, status) = (running.rest().join("\n"), running.status());
    assert_eq!(status, 1, "{said}");
    let at = |line: &str| said.find(line).unwrap_or_else(|| panic!("{line}: {said}"));
    assert!(at("gone: failed (refused)") < at("good: installed"), "{said}");
    assert!(at("gone: failed (refused)") < at("again: installed"), "{said}");
    let [good, gone, again] = &site.hosts;
    assert_eq!([good, gone, again].map(sessions), [1, 1, 2]);
}

/// For sh: the command after it may have as many processes and threads as $0 says, itself among them.
const WITHOUT_THREADS: &str = r#"
chown -R 4242:4242 /root
exec prlimit --nproc="$0:$0" setpriv --reuid=4242 --regid=4242 --clear-groups -- "$@"
"#;

#[test]
fn each_host_has_a_row_where_no_threads_can_be_made() {
    let Some(network) = Network::new() else { return };
    let operator = Operator::of(&network);
    let names = ["one", "two", "three", "four"];
    let entry = |name: &str| format!("{name}: {{hostname: 127.0.0.1, user: {ADMIN}}}\n");
    operator.write("inventory.yaml", &names.map(entry).concat());
    let words = ["cluster", "--json", "--inventory", "/root/inventory.yaml", "--user", AGENT];
    // The inventory is read by a thread of its own.
    for most in ["2", "3"] {
        let before = ["sh", "-ec", WITHOUT_THREADS, most];
        let output = capture(operator.wrapped(&before, "sudoers-install", &words));
        bed::site::assert_told(&output, &names.map(|name| (name, "ssh-failed")));
    }
}
