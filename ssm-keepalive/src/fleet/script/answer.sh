# shellcheck shell=sh disable=SC2034,SC2154 # with the other scripts after it
# Surroundings, and the one answer: lines of the nonce's between two that frame them. Nothing else is said.
set -uf
umask 022
unset IFS ENV BASH_ENV CDPATH TMOUT POSIXLY_CORRECT LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT AWKPATH AWKLIBPATH
unset SYSTEMD_UNIT_PATH SYSTEMD_BYPASS_HIDEPID SYSTEMD_IGNORE_CHROOT SYSTEMD_OFFLINE SYSTEMD_COLORS SYSTEMD_LOG_LEVEL
unset SYSTEMD_LOG_TARGET SYSTEMD_PAGERSECURE DBUS_SYSTEM_BUS_ADDRESS DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
SYSTEMD_PAGER=
export PATH LC_ALL SYSTEMD_PAGER
cd / || exit 1
exec 3>&1 >/dev/null 2>&1 </dev/null

newline='
'
# Characters of a value: with all of them the frame stays below 2000 (answer.rs).
readonly most_word=40
readonly most_name=255
readonly most_path=300
readonly most_words=480

op=''
unit=''
nonce=''
code='ended-early'
words='the script ended before it was done'
changed=no
winner=''

# CODE WORDS: the end, as a failure.
refuse() {
  code=$1
  words=$2
  exit 1
}

# TEXT MOST: plain is the text of that many printable characters, empty when that fails.
plain() {
  plain=$1
  if [ "${#plain}" -gt "$2" ]; then
    plain=$(printf '%.*s...' "$(($2 - 3))" "$1") || plain=''
  fi
  case $plain in
    *[!\ -~]*) ;;
    *) return 0 ;;
  esac
  bytes=${#plain}
  plain=$(printf %s "$plain" | tr -c ' -~' '?') || plain=''
  # What was cut off on the way is not the text.
  if [ "${#plain}" = "$bytes" ]; then return 0; fi
  plain=''
  return 1
}

# KEY TEXT MOST
fact() {
  plain "$2" "$3" || plain='?'
  printf '%s %s=%s\n' "$nonce" "$1" "$plain"
}

answer() {
  printf '%s begin\n' "$nonce"
  fact op "$op" "$most_word"
  fact code "$code" "$most_word"
  fact unit "$unit" "$most_name"
  fact path "${unit:+$units/$unit.d/restart.conf}" "$most_path"
  fact restart "$restart" "$most_word"
  fact restart_sec "$wait" "$most_word"
  fact limit_interval "$limit" "$most_word"
  fact winner "$winner" "$most_path"
  fact changed "$changed" "$most_word"
  fact words "$words" "$most_words"
  printf '%s end\n' "$nonce"
}

# At the end, however it comes: what is not proven is taken back, and the answer given. A bare return here, and in all
# that this calls, is with the status from before the trap (return of POSIX; bash does so): they have theirs.
conclude() {
  trap '' HUP INT QUIT TERM
  trap - EXIT
  unset IFS
  if [ -n "$temporary" ]; then rm -f "$temporary"; fi
  if [ "$pending" = yes ]; then take_back; fi
  if [ -z "$unit" ] || ! show "$unit" || [ "$load" != loaded ]; then forget; fi
  answer >&3
  if [ "$code" = ok ]; then exit 0; else exit 1; fi
}
