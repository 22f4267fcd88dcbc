//! Programs of the distribution that tests use or compare with.

use std::path::Path;

/// Each by its path and the Debian package that has it; several where releases differ.
const TOOLS: [(&str, &str); 26] = [
    ("/usr/sbin/gosu", "gosu"),
    ("/usr/bin/gosu", "gosu"),
    ("/usr/bin/setpriv", "util-linux"),
    ("/usr/bin/setsid", "util-linux"),
    ("/usr/bin/sudo", "sudo"),
    ("/usr/bin/strace", "strace"),
    ("/sbin/setcap", "libcap2-bin"),
    ("/usr/sbin/setcap", "libcap2-bin"),
    ("/usr/bin/python3", "python3"),
    ("/usr/lib/python3/dist-packages/dotenv", "python3-dotenv"),
    ("/usr/lib/libnss_extrausers.so.2", "libnss-extrausers"),
    ("/usr/lib/x86_64-linux-gnu/libnss_extrausers.so.2", "libnss-extrausers"),
    ("/usr/lib/aarch64-linux-gnu/libnss_extrausers.so.2", "libnss-extrausers"),
    ("/usr/bin/getent", "libc-bin"),
    ("/usr/bin/env", "coreutils"),
    ("/usr/bin/busybox", "busybox-static"),
    ("/bin/busybox", "busybox-static"),
    ("/usr/bin/ansible-inventory", "ansible-core"),
    ("/usr/bin/bash", "bash"),
    ("/bin/bash", "bash"),
    ("/usr/bin/zsh", "zsh"),
    ("/bin/zsh", "zsh"),
    ("/usr/bin/fish", "fish"),
    ("/usr/share/bash-completion/bash_completion", "bash-completion"),
    ("/usr/bin/aws", "awscli"),
    ("/usr/bin/jq", "jq"),
];

/// The path of a tool, or of a module, by the last part of it.
///
/// # Panics
/// When its package is not installed.
pub fn tool(name: &str) -> &'static str {
    let named = |path: &str| Path::new(path).file_name().is_some_and(|last| last == name);
    let mut known = TOOLS.iter().filter(|(path, _)| named(path)).peekable();
    let (_, package) = known.peek().unwrap_or_else(|| panic!("no package is known for {name}"));
    let found = known.find(|(path, _)| Path::new(path).exists()).map(|(path, _)| path);
    found.unwrap_or_else(|| panic!("{name} is missing: install the Debian package {package}"))
}
