//! Daemons and what controls them.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::Row;

const RELOAD: &str = "allow: systemctl reload NAME";

pub(super) const ROWS: &[Row] = &[
    Row::unless(
        "service invoke-rc.d rc-service",
        &[Form::of(&[
            Word::Name,
            Word::Is(&["start", "stop", "restart", "reload", "force-reload", "try-restart"]),
        ])],
        "runs a file by a name that may lead out of /etc/init.d, and shows the status in a pager",
        "allow: service NAME restart, or systemctl restart NAME",
    ),
    Row::unless(
        "nginx",
        &[
            Form::of(&[]).needs("-t").with(Options { flags: &["-q"], values: &[] }),
            Form::of(&[Word::Is(&["reload", "reopen", "quit", "stop"])]).needs("-s"),
        ],
        "reads a configuration of its caller's choice, which loads modules and writes files as root",
        "allow: nginx -t, and nginx -s reload or systemctl reload nginx",
    ),
    Row::unless(
        "apache2ctl apachectl",
        &[Form::of(&[Word::Is(&["configtest", "graceful", "restart", "start", "stop"])])],
        "reads a configuration of its caller's choice, which loads modules and writes files as root",
        "allow: apache2ctl configtest, and apache2ctl graceful",
    ),
    Row::unless(
        "sshd",
        &[Form::of(&[]).needs("-t")],
        "reads a configuration of its caller's choice, which names programs that it starts as root",
        "allow: sshd -t, which only checks, and systemctl reload ssh",
    ),
    Row::unless(
        "supervisorctl",
        &[
            Form::of(&[Word::Is(&["start", "stop", "restart", "status"]), Word::Name])
                .needs("--configuration=/etc/supervisor/supervisord.conf"),
            Form::of(&[Word::Is(&["start", "stop", "restart", "status"]), Word::Name])
                .needs("--configuration=/etc/supervisord.conf"),
        ],
        "reads the configuration of its caller's folder, which names Python modules to load, and has a prompt of its own",
        "allow one verb for one program, such as: supervisorctl --configuration=/etc/supervisor/supervisord.conf restart NAME",
    ),
    Row::unless(
        "fail2ban-client",
        &[
            Form::of(&[Word::Is(&["ping", "status", "reload"])]),
            Form::of(&[Word::Is(&["status", "reload"]), Word::Name]),
            Form::of(&[Word::Is(&["unban"]), Word::Address]),
        ],
        "sets the commands that fail2ban runs as root",
        "allow: fail2ban-client status, or: fail2ban-client reload",
    ),
    Row::unless(
        "postfix",
        &[Form::of(&[Word::Is(&["start", "stop", "reload", "status", "check", "flush"])])],
        "reads a configuration and starts scripts of its caller's choice",
        "allow: postfix reload",
    ),
    Row::never(
        "apache2 httpd caddy haproxy php-fpm lighttpd named squid traefik envoy varnishd rsyslogd syslog-ng \
         postconf postmap postalias newaliases master dovecot doveadm opendkim vsftpd proftpd pure-ftpd \
         smbd nmbd slapd slapadd slapcat unbound unbound-control rndc kea-dhcp4 dhcpd mosquitto monit \
         supervisord pm2 runsvdir runsv sv s6-svscan s6-supervise s6-svc svc svscan cupsd cupsctl lpadmin \
         snmpd zabbix_agentd zabbix_agent2 telegraf collectd nrpe icinga2 fluentd fluent-bit vector \
         filebeat logstash auditd auditctl auditspd mysqld mariadbd mysqld_safe postgres pg_ctl \
         pg_ctlcluster mongod redis-server memcached etcd consul vault influxd grafana-server tor privoxy \
         varnishncsa nfsd exportfs rpc.mountd tgtadm targetcli iscsid multipathd uwsgi gunicorn chronyd \
         chronyc ntpd ntpdate sssd winbindd keepalived corosync pcs crm dbus-daemon polkitd acpid apcupsd \
         upsmon smartd udisksd",
        "reads a configuration or socket of its caller's choice, which names programs, modules or files of root's",
        RELOAD,
    ),
];
