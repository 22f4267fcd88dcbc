# shellcheck shell=sh disable=SC2154,SC2034 # with facts.sh, account.sh, helper.sh and folder.sh before it
# ACTION NONCE FILE USER UID HELPER TEXT SHA256 LEGACY: the transaction, as root.
#
# A signal is noted, and what was begun is ended.
exec </dev/null
cd / || exit 1
# Limits of the caller's are none of root's. Without CAP_SYS_RESOURCE (setrlimit(2)) a hard one stays, and then
# what is refused for it says so.
capped=''
ulimit -f unlimited 2>/dev/null || capped=", with a limit on the size of files that root may not lift (ulimit -f $(ulimit -f))"
# shellcheck disable=SC3045 # known to all of dash, bash and busybox
ulimit -t unlimited 2>/dev/null

action=$1
nonce=$2
file=$3
user=$4
uid=$5
helper=$6
rule=$7
rule_sha256=$8
legacy=$9

readonly most_proofs=8      # that are begun when a signal ends each, within the limit

target=$sudoers/$file
previous=$sudoers/.$file.previous
temporary=$sudoers/.$file.$$.tmp

state=refused
code=ok
words=''
probe=unasked
killed=no
foreign=''
live=no
interrupted=no
if [ "$action" = status ]; then state=status; fi

# CODE WORDS: the end; what is live is taken back.
refuse() {
  code=$1
  words=$2
  exit 1
}

unless_interrupted() {
  if [ "$interrupted" = yes ]; then refuse interrupted ''; fi
}

report() {
  pending=no
  digest=''
  if [ -e "$previous" ]; then pending=yes; fi
  if [ -f "$target" ]; then sha256_of "$target"; fi
  find_legacy
  printf 'sudoers-install %s begin\n' "$nonce"
  word state "$state"
  word code "$code"
  text words "$words"
  word sha256 "$digest"
  word pending "$pending"
  word probe "$probe"
  text foreign "$foreign"
  text legacy "$legacy_names"
  printf 'sudoers-install %s end\n' "$nonce"
}

conclude() {
  trap - EXIT
  if [ -e "$temporary" ]; then rm -f "$temporary"; fi
  if [ "$live" = yes ]; then
    if unchanged; then state=refused; else state=reverted; fi
    revert || code=not-reverted
  fi
  answer=$(report 2>/dev/null)
  # Whoever does not read the answer holds nobody else up.
  exec 9<&-
  printf '%s\n' "$answer" 2>/dev/null
  if [ "$code" = ok ]; then exit 0; else exit 1; fi
}

trap conclude EXIT
# All that sudo(8) hands on, from any process of the login's.
trap 'interrupted=yes' HUP INT QUIT TERM USR1 USR2
# A connection that is gone: printing fails, and ends nothing. Nor is it stopped with the lock.
trap : PIPE TSTP

tools() {
  if [ "$own_uid" != 0 ]; then refuse root "$(id)"; fi
  first /usr/bin/sudo /bin/sudo /usr/local/bin/sudo
  sudo=$found
  first /usr/sbin/visudo /usr/bin/visudo /sbin/visudo /usr/local/sbin/visudo
  visudo=$found
  if [ -z "$sudo" ] || [ -z "$visudo" ]; then refuse tools 'sudo visudo'; fi
  for tool in sha256sum flock od sync; do
    command -v "$tool" >/dev/null || refuse tools "$tool"
  done
}

account() {
  has=$(id -u -- "$user" 2>/dev/null) || refuse no-account "$user"
  if [ "$has" != "$uid" ] || [ "$uid" = 0 ]; then refuse other-uid "$user $has"; fi
  gid=$(id -g -- "$user") || refuse no-account "$user"
  case $rule in
    *"$newline$user ALL="*) namesakes "$user" "$uid" || refuse tools 'grep /etc/passwd' ;;
    *) return ;;
  esac
  if [ -n "$known" ]; then refuse ambiguous-user "sudo knows the uid of '$user' by the name '$known'"; fi
  if [ -n "$alike" ]; then refuse ambiguous-user "sudo does not tell '$user' from '$alike'"; fi
}

# All of the configuration: sets checked, what visudo(8) says, and complaints, what of that is against it.
check_all() {
  checked=$({ (limited "$visudo" -c 2>&1); echo "$?"; } | head -c "$most_output")
  case ${checked##*"$newline"} in
    [01]) ;;
    *) refuse visudo "$checked" ;;
  esac
  checked=${checked%[01]}
  complaints=''
  IFS=$newline
  for line in $checked; do
    case $line in
      *': parsed OK') ;;
      *) complaints=$complaints${complaints:+$newline}$line ;;
    esac
  done
  unset IFS
}

# Whether our file is read. Not every visudo names the files that it has read.
included() {
  case $newline$checked in
    *"$newline$target: parsed OK$newline"*) return ;;
  esac
  grep -Eq "^[@#]includedir[[:space:]]+\"?$sudoers/?\"?([[:space:]]|\$)" /etc/sudoers
}

# What is there now and was not there before is of our making.
compare_all() {
  before=$complaints
  check_all
  new=''
  IFS=$newline
  for complaint in $complaints; do
    case $newline$before$newline in
      *"$newline$complaint$newline"*) ;;
      *) new=$new$complaint$newline ;;
    esac
  done
  unset IFS
  if [ -n "$new" ]; then refuse visudo "$new"; fi
}

stage() {
  write
  said=$(limited "$visudo" -c -s -f "$temporary" 2>&1) || refuse visudo "$said"
}

# NAME: found is the program of that name, or empty; in the order of PATH, which the probe does not have.
where() {
  first "/usr/sbin/$1" "/usr/bin/$1" "/sbin/$1" "/bin/$1"
}

# COMMAND…: whether the helper answers what that starts; said is what was heard, and killed whether a signal
# ended each. The user's processes may send one to sudo (kill(2)): it is asked again, and a right answer stands
# however sudo ended. Descriptor 4 passes by head(1), which keeps what it has read to itself.
answers() {
  where setsid
  proofs=0
  end=$(($(date +%s) + limit))
  while :; do
    # A process that was stopped may hold the pipe open.
    said=$({
      {
        (apart=$found && limited "$@" 2>&1 4>&-)
        # Not by timeout(1), when that is over.
        if [ "$?" -gt 128 ] && [ "$(date +%s)" -lt "$end" ]; then echo "killed $nonce" >&4; fi
      } | limited head -c "$most_output" 4>&-
    } 4>&1 2>/dev/null)
    if proves "$said" "$nonce" "$helper" "$helper_sha256"; then
      probe=yes
      return
    fi
    case $said in
      *"killed $nonce"*) killed=yes ;;
      *) killed=no && return 1 ;;
    esac
    proofs=$((proofs + 1))
    if [ "$proofs" -ge "$most_proofs" ] || [ "$(date +%s)" -ge "$end" ]; then return 1; fi
  done
}

# As the user of the rule, whom the helper answers. With that user's ids sudo is the first program that runs:
# the user could trace any other, and answer in its stead (ptrace(2)). What runs may be by another rule's leave:
# ours has to be one that sudo reads.
prove() {
  if ! included; then
    refuse not-included "sudo does not read $sudoers, for /etc/sudoers has no such line: add '@includedir $sudoers' with visudo"
  fi
  probe=no
  set -- -k -n -- "$helper" probe "$nonce"
  where setpriv
  setpriv=$found
  if answers env -i "$setpriv" --reuid="$uid" --regid="$gid" --init-groups -- "$sudo" "$@"; then return; fi
  # Whether it is one that can, as root.
  if [ "$killed" = yes ]; then
    : # It was asked.
  elif "$setpriv" --reuid=0 --regid=0 --init-groups -- true 2>/dev/null; then
    : # It was asked.
  elif runuser -u root -- true 2>/dev/null; then
    where runuser
    answers env -i "$found" -u "$user" -- "$sudo" "$@"
  else
    # As the shell that it starts.
    where su
    answers env -i "$found" -s "$sudo" -- "$user" "$@"
  fi
  if [ "$probe" = yes ]; then return; fi
  if [ "$killed" = yes ]; then
    # proof.rs says the same.
    refuse proof-killed "signals ended sudo before the helper had answered, so that the rule for '$user' is not proven: a process of that account may have sent them; stop them all (pkill -STOP -u $uid, or loginctl terminate-user $uid), and run this again"
  fi
  refuse not-proven "$said"
}

install() {
  account
  examine "$helper"
  if [ "$fault" != good ]; then refuse "helper-$fault" "$at"; fi
  replaceable || refuse foreign-file "$target"
  check_all
  foreign=$complaints
  outcome=unchanged
  if [ "$live" = yes ]; then
    outcome=installed
  elif ! in_place; then
    outcome=installed
    stage
    unless_interrupted
    keep_previous
    mv -f "$temporary" "$target" || refuse write "$target"
    settle
    compare_all
  fi
  prove
  live=no
  rm -f "$previous"
  settle
  state=$outcome
  if [ "$legacy" = replace-legacy ]; then replace_legacy; fi
}

remove() {
  state=absent
  if [ ! -e "$target" ] && [ ! -L "$target" ]; then return; fi
  state=refused
  ours || refuse foreign-file "$target"
  check_all
  foreign=$complaints
  unless_interrupted
  rm -f "$target" || refuse write "$target"
  settle
  state=removed
}

status() {
  check_all
  foreign=$complaints
  if [ ! -e "$target" ]; then refuse absent "$target"; fi
  account
  examine "$helper"
  if [ "$fault" != good ]; then refuse "helper-$fault" "$at"; fi
  prove
  if ! in_place; then refuse changed "$target"; fi
}

tools
lock
case $action in
  install) recover && install ;;
  remove) recover && remove ;;
  status) status ;;
esac
