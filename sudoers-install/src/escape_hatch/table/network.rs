//! Programs that talk to other hosts.

use crate::escape_hatch::row::Row;

const AS_CALLER: &str =
    "run it as the caller, and allow a program of root's for the one step that needs root";

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "ssh slogin mosh scp rsync rclone autossh ssh-copy-id ssh-keygen ssh-add nc ncat netcat nc.openbsd \
         nc.traditional socat openssl gnutls-cli stunnel stunnel4 curl wget aria2c axel httpie http xh tftp \
         rsh rcp rlogin restic borg borgmatic duplicity rsnapshot rdiff-backup ansible ansible-playbook \
         ansible-console salt salt-call salt-ssh puppet chef-client chef-solo nmap masscan tcpdump tshark \
         dumpcap wireshark ettercap openvpn wg-quick pppd dhclient dhcpcd aws gcloud az sendmail exim exim4 \
         msmtp procmail fetchmail lwp-request GET POST HEAD psftp pscp plink vpnc openconnect nmcli nmtui \
         netplan cloud-init tailscaled zerotier-cli rdate rpcclient smbget cadaver chisel frpc ngrok \
         cloudflared ovs-vsctl ovs-ofctl snmpget syncthing minio mbsync offlineimap getmail mpop socket",
        "starts programs or writes files where its options and configuration say, with what comes over the network",
        AS_CALLER,
    ),
    Row::never("whois finger", "sends what it is told to any host, for which it needs no root", AS_CALLER),
];
