# shellcheck shell=sh disable=SC2154,SC2034 # with facts.sh and helper.sh before it, and root.sh after it
# /etc/sudoers.d: its lock, the files in it, and the previous state of ours.
#
# As transaction.rs has it: .FILE.previous is there from before the new file gets its name until that is
# proven, as a second name of the old file, or empty when there was none. The lock is lock.rs's: of a file
# that only root can open. It is the kernel's and goes with the last process that has descriptor 9.
readonly sudoers=/etc/sudoers.d
readonly lock_file=/run/sudoers-install.lock
readonly lock_seconds=30

# What was renamed or removed reaches the disk; sync(1) of old knows no operands.
settle() {
  sync "$sudoers" 2>/dev/null || sync
}

inode() {
  # shellcheck disable=SC2046 # the number and the name
  set -- $(ls -di -- "$1" 2>/dev/null) ''
  printf %s "$1"
}

# A previous file that is the file itself, or whose file is gone: nothing to take back.
unchanged() {
  [ ! -e "$target" ] || [ "$(inode "$previous")" = "$(inode "$target")" ]
}

# The previous state is back. An empty file goes last: without it the rule would count as proven.
revert() {
  if unchanged; then
    rm -f "$previous"
  elif [ -s "$previous" ]; then
    mv -f "$previous" "$target"
  else
    rm -f "$target" && settle && rm -f "$previous"
  fi && settle
}

# The folders are root's, and so is the lock's file, which nobody else can open; made when it is missing.
lockable() {
  if ! elements /etc "$sudoers" /run "$lock_file"; then
    if [ "$fault $at" != "missing $lock_file" ]; then return 1; fi
    (: >>"$lock_file") 2>/dev/null || return 1
    element "$lock_file" - || return 1
  fi
  case $mode in
    ????------*) ;;
    *) return 1 ;;
  esac
}

lock() {
  if ! lockable; then
    case $at in
      /etc*) refuse "folder-$fault" "$at" ;;
      *) refuse lock "$lock_file" ;;
    esac
  fi
  exec 9<"$lock_file"
  tries=0
  until flock -n 9 2>/dev/null; do
    # Another status is that of a flock(1) that is none.
    if [ "$?" != 1 ]; then refuse tools flock; fi
    unless_interrupted
    tries=$((tries + 1))
    if [ "$tries" -gt "$lock_seconds" ]; then refuse busy "$lock_file"; fi
    sleep 1
  done
}

# FILE: whether it holds the text that is to be there.
holds_rule() {
  sha256_of "$1"
  [ "$digest" = "$rule_sha256" ]
}

# What a killed run has left: temporaries go; a file that is the wanted one may still be proven.
recover() {
  set +f
  set -- "$sudoers/.$file."*.tmp
  set -f
  if [ -e "$1" ] || [ -L "$1" ]; then rm -f "$@"; fi
  if [ -e "$previous" ] || [ -L "$previous" ]; then
    if ! element "$previous" -; then refuse "previous-$fault" "$previous"; fi
    if [ "$action" = install ] && ! unchanged && holds_rule "$target"; then
      live=yes
    else
      revert || refuse not-reverted "$previous"
    fi
  fi
}

# UID PATH: the text to install, as it would be for that uid and that program (drop_in.rs).
rendered() {
  body=${rule%"$newline"}
  marker=${body%%"$newline"*}
  grant=${body##*"$newline"}
  comments=${body#*"$newline"}
  comments=${comments%"$grant"}
  token=${grant%%' ALL='*}
  case $token in
    '#'*)
      token=#$1
      named=${comments##*'# #'}
      comments="${comments%%'# #'*}# #$1 ${named#* }"
      ;;
  esac
  printf '%s\n%s' "${marker%%' uid='*} uid=$1 user=${marker#*' user='}" "$comments"
  printf '%s ALL=(root) NOPASSWD: %s\n' "$token" "$2"
}

# A file of ours or none: what this program writes for this account, byte for byte, but for the uid and the
# path that it had then.
ours() {
  if [ ! -e "$target" ] && [ ! -L "$target" ]; then return; fi
  if [ -L "$target" ] || [ ! -f "$target" ]; then return 1; fi
  there=$(head -c "$most_fact" "$target" 2>/dev/null)
  there_uid=${there#'# sudoers-install 1 uid='}
  there_uid=${there_uid%% *}
  case $there_uid in
    ''|0*|*[!0-9]*|???????????*) return 1 ;;
  esac
  there_path=${there##*' NOPASSWD: '}
  case $there_path/ in
    /|[!/]*|*[!A-Za-z0-9/._+-]*|*//*|*/./*|*/../*) return 1 ;;
  esac
  if [ "$there_uid" -gt 4294967295 ] || [ "${#there_path}" -gt 1000 ]; then return 1; fi
  sum=$(rendered "$there_uid" "$there_path" | sha256sum)
  sha256_of "$target"
  [ "${sum%% *}" = "$digest" ]
}

# Ours, none, or the rule alone, as it is pasted by hand (drop_in.rs).
replaceable() {
  if ours; then return; fi
  if [ -L "$target" ] || [ ! -f "$target" ]; then return 1; fi
  grant=${rule%"$newline"}
  sha256_of "$target"
  for form in '%s\n' '%s' '%s\r\n'; do
    # shellcheck disable=SC2059 # one of these
    sum=$(printf "$form" "${grant##*"$newline"}" | sha256sum)
    if [ "${sum%% *}" = "$digest" ]; then return; fi
  done
  return 1
}

# FILE: whether its mode and its owner are as they are to be.
proper() {
  # shellcheck disable=SC2046 # mode, links, owner, group, and more
  set -- $(ls -ldn -- "$1" 2>/dev/null) '' '' '' ''
  # The dot is that of a label (ls(1), SELinux).
  [ "${1%.} $3 $4" = '-r--r----- 0 0' ]
}

in_place() {
  [ -f "$target" ] && proper "$target" && holds_rule "$target"
}

# The new file under a name that sudo passes over.
write() {
  (umask 0337 && set -C && printf %s "$rule" >"$temporary") 2>/dev/null || refuse write "$temporary$capped"
  # Where the folder hands a group or an access list down.
  if ! proper "$temporary"; then
    { chown 0:0 "$temporary" && chmod 0440 "$temporary"; } || refuse write "$temporary"
  fi
  # Also what a full disk has cut off, whatever the shell made of that.
  holds_rule "$temporary" || refuse other-text "$temporary$capped"
}

# The previous state gets its second name before the new one gets its first; the disk has both by then, and all
# of the new file.
keep_previous() {
  if [ -f "$target" ]; then
    ln "$target" "$previous" || refuse write "$previous"
  else
    (set -C && : >"$previous") 2>/dev/null || refuse write "$previous"
  fi
  live=yes
  sync "$temporary" "$sudoers" 2>/dev/null || sync
}

# Those that let this user run that helper, and nothing else.
replace_legacy() {
  find_legacy
  for name in $legacy_names; do
    old=$sudoers/$name
    if [ -f "$old" ] && [ ! -L "$old" ] && only_legacy "$old"; then
      rm -f "$old" && state=installed
    fi
  done
  settle
}

# FILE: whether it is one rule of that installer for this user, and comments (legacy.rs).
only_legacy() {
  rules=0
  tab=$(printf '\t')
  while read -r line || [ -n "$line" ]; do
    programs="${line#"$user ALL=(ALL) NOPASSWD: "}, "
    case $line in
      ''|'# '*) continue ;;
      "${programs%', '}") return 1 ;;
    esac
    while [ -n "$programs" ]; do
      case ${programs%%', '*} in
        *[\ \,\"\\$tab]*) return 1 ;;
        /*/systems-manager-helper) ;;
        *) return 1 ;;
      esac
      programs=${programs#*', '}
    done
    rules=$((rules + 1))
  done <"$1"
  [ "$rules" = 1 ]
}
