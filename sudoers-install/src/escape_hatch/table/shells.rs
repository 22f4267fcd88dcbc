//! Shells, interpreters, editors, pagers, and clients that have a command for a shell.

use crate::escape_hatch::row::Row;

const OWN_RULE: &str = "name each command that is needed, with its arguments, in a rule of its own";
const OWN_SCRIPT: &str =
    "allow a program of root's that does the one thing needed, in a folder that only root can write";
const NO_PAGER: &str = "let the caller page what a program without a pager prints";
const AS_CALLER: &str = "give the caller a way to do this without root: its own account, a group, or an ACL";

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "sh bash rbash dash ash zsh rzsh ksh ksh93 rksh mksh lksh pdksh oksh csh tcsh fish posh yash rc es \
         elvish nu xonsh pwsh busybox toybox sash slsh osh ysh git-shell lshell busybox.static bash-static \
         zsh5 ksh2020 sh.distrib hush mrsh",
        "is a shell: it runs whatever its caller types or puts in a file",
        OWN_RULE,
    ),
    Row::never(
        "python facter cowsay cowthink crash dosbox tasksh pypy ipython bpython perl raku ruby irb pry \
         jruby node nodejs deno bun lua luajit texlua luatex php php-cgi phpdbg tclsh wish expect awk gawk \
         mawk nawk original-awk R Rscript julia octave octave-cli guile racket sbcl clisp ecl erl escript \
         elixir iex ghci runghc ocaml scala java jshell jrunscript jjs groovy kotlin swipl gprolog gst \
         gforth dc m4 gnuplot gimp ts-node tsx dotnet mono csi clojure bb janet ptpython pdb tcc yabasic \
         byebug pike newlisp picolisp fennel ipython3 runhaskell bpython3 perl5 blender inkscape qjs mujs \
         quickjs frida pygmentize",
        "is an interpreter: its caller gives it a program to run",
        OWN_SCRIPT,
    ),
    Row::never(
        "vi vim vim.basic vim.tiny vim.nox vim.gtk3 vim.athena gvim nvim view rview rvim vimdiff vimtutor \
         ex evim nvi elvis vile nano rnano pico ed red emacs emacs-nox emacs-gtk emacsclient mg zile jed \
         joe jmacs jstar rjoe micro hx helix kak ne le mc mcedit mcview mcdiff editor sensible-editor gedit \
         kate code tilde dte aee vis ranger nnn lf vifm bashbug perlbug aspell ispell hunspell sc visidata \
         vd wordgrinder vim.motif vim.gtk vim.gnome emacs-lucid emacs-pgtk xemacs gvimdiff rgvim rgview \
         xpad",
        "is an editor: it starts a shell and writes any file",
        "let the caller edit a copy of its own, and allow a program of root's that checks and installs it",
    ),
    Row::never(
        "sudoedit vipw vigr",
        "edits files of root's with an editor of the caller's choice",
        "let the caller edit a copy of its own, and allow a program of root's that checks and installs it",
    ),
    Row::never(
        "less lesspipe more most pg pager sensible-pager lv bat batcat moar ov man info pinfo perldoc pydoc \
         ri zless zmore bzless bzmore xzless xzmore zstdless w3m lynx links elinks sensible-browser \
         www-browser whiptail dialog multitail lnav top htop atop glances xmore bmon btop bpytop iotop nmon",
        "starts a shell or an editor, or signals and opens what it shows, from inside a full-screen view",
        NO_PAGER,
    ),
    Row::never(
        "mysql mariadb psql sqlite3 sqlite sqlplus redis-cli mongo mongosh clickhouse-client duckdb isql \
         ftp lftp sftp telnet ncftp smbclient gdb lldb cgdb msfconsole mutt neomutt alpine mail mailx \
         s-nail nail heirloom-mailx bsd-mailx irssi weechat bconsole ipmitool tin rtorrent hping3 asterisk \
         minicom picocom cu tio mysqladmin mycli pgcli litecli usql sqlcmd bluetoothctl knife ksshell \
         rabbitmqctl kadmin ldapvi iwctl vtysh birdc ginsh redis",
        "has a command that starts a shell, or that writes any file",
        AS_CALLER,
    ),
];
