//! Programs that write files of the caller's choice.

use crate::escape_hatch::row::Row;

const OWN_SCRIPT: &str = "allow a program of root's that does this for the one file that is meant, in a folder that only root can write";

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "cp gcp mv install ln link tee sponge dd dcfldd ddrescue truncate split csplit touch rm unlink \
         shred mkdir mknod mkfifo rename prename mmv patch genisoimage enscript tdbtool cupsfilter sed gsed \
         sort shuf uniq iconv xxd objcopy elfedit strip patchelf uudecode pandoc gs convert magick ffmpeg \
         pdftex pdflatex latex tex xetex lualatex dos2unix unix2dos xmlstarlet xsltproc crudini augtool yq \
         dasel wipe fallocate pax dmidecode iptables-save ip6tables-save ebtables-save arptables-save \
         exiftool exiv2 tic infotocap ncdu gdu tree gtester qpdf mkpasswd dvips efax zic lwp-download \
         urlget pg_dump pg_dumpall pg_restore pg_basebackup mysqldump mariadb-dump mysqlimport mongodump \
         mongoexport sqldiff wkhtmltopdf localedef certutil keytool msgattrib msgcat msgconv msgmerge \
         msguniq msgfmt jpegtran optipng wodim growisofs",
        "changes files as root: a path of a rule, a key, or what root runs next",
        OWN_SCRIPT,
    ),
    Row::never(
        "tar bsdtar star cpio arj zip unzip funzip 7z 7za 7zr rar unrar ar gzip gunzip bzip2 bunzip2 xz \
         unxz zstd unzstd lz4 lzma lzop compress uncompress pigz pbzip2 unsquashfs mksquashfs jar shar ptar \
         atool dump restore",
        "unpacks or writes files as root where its caller says, and some of these start other programs",
        OWN_SCRIPT,
    ),
    Row::never(
        "chmod chown chgrp chattr setfacl setfattr setcap chcon restorecon setfiles semanage semodule \
         apparmor_parser aa-complain aa-disable setenforce",
        "changes who may do what with a file, or what a program may do",
        "let root set the owner and mode once, or with systemd-tmpfiles",
    ),
];
