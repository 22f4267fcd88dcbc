//! Accounts, the kernel, disks and the network.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::{Because, Row};

const BY_ROOT: &str = "let root do this once; it is not for an unattended account";

const FIREWALL: Options = Options {
    flags: &[
        "-A",
        "-I",
        "-D",
        "-C",
        "-L",
        "-S",
        "-F",
        "-Z",
        "-N",
        "-X",
        "-P",
        "-p",
        "-s",
        "-d",
        "-i",
        "-o",
        "-j",
        "-m",
        "-t",
        "-n",
        "-v",
        "-x",
        "-w",
        "--append",
        "--insert",
        "--delete",
        "--check",
        "--list",
        "--list-rules",
        "--flush",
        "--policy",
        "--table",
        "--jump",
        "--match",
        "--protocol",
        "--source",
        "--destination",
        "--in-interface",
        "--out-interface",
        "--numeric",
        "--verbose",
        "--wait",
        "--line-numbers",
        "--dport",
        "--sport",
        "--dports",
        "--sports",
        "--ports",
        "--state",
        "--ctstate",
        "--comment",
        "--icmp-type",
        "--icmpv6-type",
        "--syn",
        "--limit",
        "--limit-burst",
        "--reject-with",
        "--log-prefix",
        "--log-level",
        "--to-destination",
        "--to-source",
        "--to-ports",
        "--uid-owner",
        "--gid-owner",
        "--src-range",
        "--dst-range",
        "--src-type",
        "--dst-type",
    ],
    values: &[],
};

const SHORT: Options = Options { flags: &["-4", "-6", "-s", "-br", "-j", "-d", "-o"], values: &[] };

/// No `rest` of any words: `xdp object FILE` and `encap bpf in object FILE` load programs, and `restore`
/// reads standard input.
const IP: &[Form] = &[
    Form::of(&[Word::Is(&["link", "addr", "address", "a", "route", "r", "neigh", "rule"])]).with(SHORT),
    Form::of(&[
        Word::Is(&["link", "addr", "address", "a", "route", "r", "neigh", "rule"]),
        Word::Is(&["show", "list"]),
    ])
    .with(SHORT)
    .rest(Word::Name),
    Form::of(&[Word::Is(&["link"]), Word::Is(&["set"]), Word::Name, Word::Is(&["up", "down"])]),
    Form::of(&[
        Word::Is(&["link"]),
        Word::Is(&["set"]),
        Word::Is(&["dev"]),
        Word::Name,
        Word::Is(&["up", "down"]),
    ]),
    Form::of(&[Word::Is(&["link"]), Word::Is(&["set"]), Word::Name, Word::Is(&["mtu"]), Word::Number]),
    Form::of(&[
        Word::Is(&["addr", "address"]),
        Word::Is(&["add", "del", "replace"]),
        Word::Address,
        Word::Is(&["dev"]),
        Word::Name,
    ]),
    Form::of(&[
        Word::Is(&["route"]),
        Word::Is(&["add", "del", "replace"]),
        Word::Address,
        Word::Is(&["via"]),
        Word::Address,
    ]),
    Form::of(&[
        Word::Is(&["route"]),
        Word::Is(&["add", "del", "replace"]),
        Word::Address,
        Word::Is(&["dev"]),
        Word::Name,
    ]),
    Form::of(&[
        Word::Is(&["route"]),
        Word::Is(&["add", "del", "replace"]),
        Word::Address,
        Word::Is(&["via"]),
        Word::Address,
        Word::Is(&["dev"]),
        Word::Name,
    ]),
];

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "passwd chpasswd chgpasswd gpasswd useradd usermod userdel adduser deluser addgroup groupadd \
         groupmod groupmems newusers chsh chfn chage pwconv pwunconv grpconv pwck authconfig authselect \
         pam-auth-update faillock ldapmodify kadmin.local smbpasswd grpunconv groupdel delgroup cpgr cppw \
         realm adcli pdbedit kpasswd saslpasswd2 htpasswd google-authenticator lusermod luseradd",
        "changes who may log in, and as whom: root's own password included",
        BY_ROOT,
    ),
    Row::never("sudoers-install cvtsudoers", "writes the rules of sudo itself", BY_ROOT),
    Row::unless(
        "visudo",
        &[Form::of(&[]).needs("-c").with(Options { flags: &["-s", "-q"], values: &[] })],
        "edits the rules of sudo itself, with an editor of the caller's choice",
        "allow: visudo -c, which only checks them",
    ),
    Row::never(
        "mount fusermount fusermount3 sshfs losetup cryptsetup dmsetup debugfs xfs_db xfs_io fdisk sfdisk \
         cfdisk gdisk sgdisk parted mkfs mke2fs mkfs.ext4 mkfs.xfs mkfs.btrfs btrfs zfs zpool lvm lvcreate \
         mdadm partclone swapon mkswap e2image mount.cifs mount.nfs udisksctl testdisk photorec hdparm \
         blkdiscard tune2fs resize2fs e2fsck fsck dumpe2fs xfs_repair xfs_copy ntfsclone ntfs-3g mount.ntfs \
         mount.ntfs-3g mkfs.ext2 mkfs.ext3 mkfs.vfat mkfs.fat mkntfs wipefs partprobe kpartx nvme sg_dd \
         veracrypt vgcfgrestore lvextend pvcreate vgcreate bcachefs cryptsetup-reencrypt",
        "puts other files in the place of root's, or reads and writes the disk past them",
        "let root write a mount unit or a line of fstab, and allow: systemctl start NAME.mount",
    ),
    Row::never(
        "insmod kexec grub-install grub-mkconfig update-grub grub-reboot grub-editenv efibootmgr dracut \
         mkinitramfs update-initramfs mkinitcpio kernel-install dkms flashrom fwupdmgr wrmsr devmem devmem2 \
         setpci update-binfmts ldconfig setserial keyctl mokutil depmod grub2-mkconfig grub2-install \
         grub-set-default grubby lilo extlinux rc-update update-rc.d chkconfig insserv rcconf sysv-rc-conf \
         mkosi fwupdtool flashcp nvram ukify sbctl kmod ldattach",
        "changes what the kernel, the loader or the next boot runs",
        BY_ROOT,
    ),
    Row::unless(
        "modprobe rmmod",
        &[Form::of(&[Word::Name]).with(Options { flags: &["-r", "-q", "-v"], values: &[] })],
        "loads the module and the configuration that its caller names",
        "allow one module by its name, such as: modprobe wireguard",
    ),
    Row::unless(
        "sysctl",
        &[
            Form::of(&[]).needs("--system"),
            Form::of(&[]).needs("-p"),
            Form::of(&[Word::Setting])
                .with(Options { flags: &["-w", "-q", "-n", "-e"], values: &[] })
                .rest(Word::Setting),
        ],
        "sets what the kernel starts as root and what it lets others do, or reads settings from any file",
        "allow one setting of vm or net, such as: sysctl -w vm.swappiness=10, or: sysctl --system",
    ),
    Row {
        names: "iptables ip6tables iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy ebtables arptables",
        why: "starts the program that its caller names with --modprobe, and loads filters from files",
        instead: "name the whole rule of the firewall in the command, each option by itself",
        safe: &[Form::of(&[]).with(FIREWALL).rest(Word::Rule)],
        because: &[Because {
            words: &["--m", "--mo", "--mod", "--modp*", "-M*"],
            why: "starts the program that it names",
            instead: "leave the option out",
        }],
    },
    Row::never(
        "iptables-restore ip6tables-restore ebtables-restore arptables-restore iptables-apply \
         xtables-nft-multi xtables-legacy-multi ipset nft ufw-init shorewall ferm",
        "loads the rules of a firewall from its input or a file, and starts the program that its caller names",
        "let root write the rules, and allow: systemctl reload NAME",
    ),
    Row::unless(
        "ip",
        IP,
        "starts programs in network namespaces, loads programs into the kernel, and runs the commands of a file",
        "name the whole command, such as: ip link set eth0 up, or: ip route add 10.0.0.0/8 via 192.168.0.1",
    ),
    Row::never(
        "tc wpa_cli wpa_supplicant hostapd dnsmasq bridge devlink",
        "runs the commands or scripts of a file that its caller names",
        "allow a program of root's with the one command that is needed",
    ),
    Row::unless(
        "wg",
        &[Form::of(&[Word::Is(&["show"])]), Form::of(&[Word::Is(&["show"]), Word::Name])],
        "shows private keys, and reads any file as one",
        "allow: wg show, or: systemctl restart wg-quick@NAME",
    ),
    Row::unless(
        "dmesg",
        &[Form::of(&[]).with(Options {
            flags: &["-T", "-t", "-x", "-w", "-k", "-u", "-c", "-C", "-P", "--nopager", "--ctime"],
            values: &[("--level", Word::Text)],
        })],
        "shows its output in a pager with --human, and reads any file with --file",
        "allow: dmesg -T",
    ),
];
