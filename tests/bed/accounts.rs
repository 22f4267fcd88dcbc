//! The accounts of every bed.

/// passwd(5). `twin` is a second name of ubuntu's number, `1234` a name that looks like another one.
pub const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/bash
toor:x:0:0:also root:/root:/bin/sh
ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash
twin:x:1000:1003:second name:/home/ubuntu:/bin/sh
other:x:1001:1003:Other:/home/other:/bin/sh
0day:x:1010:1010:name with a digit first:/home/0day:/bin/sh
1234:x:1011:1011:name of digits only:/home/1234:/bin/sh
007:x:1015:1015:name of digits that is no number:/home/007:/bin/sh
rootgroup:x:1012:0:primary group of root:/home/rootgroup:/bin/sh
inroot:x:1013:1013:member of the group of root:/home/inroot:/bin/sh
bare:x:1014:1014:no home and no shell::
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

/// group(5). ubuntu's are those of a cloud image, and two of its own.
pub const GROUP: &str = "\
root:x:0:inroot
tty:x:5:
disk:x:6:inroot
sudo:x:27:ubuntu
shadow:x:42:
lxd:x:110:ubuntu
docker:x:998:ubuntu,other
ubuntu:x:1000:
devs:x:1001:ubuntu
extra:x:1002:ubuntu,other
other:x:1003:
0day:x:1010:
1234:x:1011:
inroot:x:1013:
bare:x:1014:
4321:x:1020:
nogroup:x:65534:
";

/// `UID:GID:GROUPS` of ubuntu.
pub const UBUNTU: &str = "1000:1000:27,110,998,1000,1001,1002";

/// ubuntu's number.
pub const UBUNTU_UID: u32 = 1000;

/// sudoers(5): ubuntu is in the group sudo, but needs a password that it does not have.
pub const SUDOERS: &str = "Defaults !syslog, !lecture\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n";

/// nsswitch.conf(5) as Debian and Ubuntu ship it.
pub const NSSWITCH: &str = "passwd: files systemd\ngroup: files systemd\nshadow: files\n";

/// Nobody has a password.
#[must_use]
pub fn shadow() -> String {
    let names = PASSWD.lines().filter_map(|line| line.split(':').next());
    names.map(|name| format!("{name}:*:19000:0:99999:7:::\n")).collect()
}
