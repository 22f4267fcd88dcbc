//! Programs that show files: with root's rights any of them, wherever a link leads.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::Row;

const READS: &str = "reads any file: the digests of passwords, private keys, tokens";
const BY_PATH: &str = "name the log by its path in /var/log, after the options; or give the caller's group or an ACL the right to read the file";
const BY_ACL: &str = "give the caller's group or an ACL the right to read the file";

const LINES: &[(&str, Word)] =
    &[("-n", Word::Number), ("--lines", Word::Number), ("-c", Word::Number), ("--bytes", Word::Number)];
const GREP: Options = Options {
    flags: &[
        "-i", "-v", "-c", "-n", "-w", "-x", "-h", "-H", "-q", "-s", "-o", "-a", "-E", "-F", "-G", "-P", "-l",
        "-L", "-b",
    ],
    values: &[("-m", Word::Number), ("-A", Word::Number), ("-B", Word::Number), ("-C", Word::Number)],
};

pub(super) const ROWS: &[Row] = &[
    Row::unless(
        "cat",
        &[Form::of(&[Word::Log])
            .with(Options { flags: &["-n", "-b", "-s", "-v", "-A", "-E", "-T"], values: &[] })
            .rest(Word::Log)],
        READS,
        BY_PATH,
    ),
    Row::unless(
        "head",
        &[Form::of(&[Word::Log]).with(Options { flags: &["-q", "-v"], values: LINES }).rest(Word::Log)],
        READS,
        BY_PATH,
    ),
    Row::unless(
        "tail",
        &[Form::of(&[Word::Log])
            .with(Options { flags: &["-q", "-v", "-f", "-F", "--retry"], values: LINES })
            .rest(Word::Log)],
        READS,
        BY_PATH,
    ),
    Row::unless(
        "wc",
        &[Form::of(&[Word::Log])
            .with(Options { flags: &["-l", "-w", "-c", "-m"], values: &[] })
            .rest(Word::Log)],
        READS,
        BY_PATH,
    ),
    Row::unless("zcat bzcat xzcat zstdcat", &[Form::of(&[Word::Log]).rest(Word::Log)], READS, BY_PATH),
    Row::unless(
        "grep egrep fgrep",
        &[Form::of(&[Word::Text, Word::Log]).with(GREP).rest(Word::Log)],
        READS,
        "name one pattern and then the log by its path in /var/log, after the options; or give the caller's group or an ACL the right to read the file",
    ),
    Row::never(
        "tac nl od hexdump hd strings base64 base32 base58 basenc basez ascii85 atobm cut paste join fold \
         fmt pr rev column colrm expand unexpand file look diff diff3 cmp comm sdiff wdiff colordiff icdiff \
         zgrep zegrep zfgrep xzgrep bzgrep zdiff zcmp jq xmllint readelf objdump nm addr2line ul cksum sum \
         md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum shasum soelim zsoelim nroff troff \
         groff eqn tbl pic grap refer wall write arp fping ssh-keyscan ascii-xfr date tsort ptx numfmt ag \
         pcregrep pcre2grep agrep csvtool csvcut highlight redcarpet uuencode du hostname getent dig \
         nsupdate espeak clamscan clamdscan psad last lastb ss xmodmap xrdb xinput pdftotext qrencode mtr \
         iftop logger bc ab mypy pyright tsc yelp zathura sops age gpg gpg2 gpgsm pass mosquitto_pub \
         mosquitto_sub varnishlog volatility aureport ausearch loadkeys setfont",
        READS,
        BY_ACL,
    ),
];
