# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts before it
# OP UNIT NONCE SPAN…: install, remove or prove, and the answer (install.rs, remove.rs, verify.rs).

# VALUE: line is that line without what would continue it.
record_line() {
  plain "$1" "$most_bytes"
  while :; do
    case $plain in
      *\ |*\\) plain=${plain%?} ;;
      *) break ;;
    esac
  done
  line="# before: $plain"
}

# The values before, as comments.
record() {
  recorded=''
  for value in "Restart=$restart" "RestartUSec=$wait" "StartLimitIntervalUSec=$limit" "StartLimitBurst=$burst" \
    "RestartPreventExitStatus=$prevent"; do
    record_line "$value"
    recorded=$recorded$line$newline
  done
}

# Sets text to what is to be there.
plan() {
  case $present in
    foreign) refuse "$unfit" "$why" ;;
    ours) recorded=$(read_target record)$newline ;;
    *) record ;;
  esac
  if [ "$recorded" = "$newline" ]; then recorded=''; fi
  if [ "$present" = hand ]; then recorded=$recorded$(read_target quote)$newline; fi
  text="$marker$newline$recorded${newline}[Unit]${newline}StartLimitIntervalSec=0$newline$newline"
  text="${text}[Service]${newline}Restart=always${newline}RestartSec=$wanted$newline"
  must_decide "$target"
  if [ "${steps_is:-0}" = 0 ]; then return; fi
  systemd --version || refuse systemctl "systemctl --version: $said"
  version=${said#systemd }
  version=${version%%[!0-9]*}
  if [ "${version:-0}" -ge "$growth_since" ]; then
    text="${text}RestartSteps=0${newline}RestartMaxDelaySec=infinity$newline"
  fi
}

# FILE LINE: who goes before ours, or why nobody does.
blame() {
  case " $drop_ins " in
    *" $target "*) ;;
    *)
      refuse not-effective "$unit has $holds all the same: systemd does not read $target; 'systemctl cat' shows what it reads"
      ;;
  esac
  if [ -z "$1" ] || [ "$1" = "$target" ]; then
    refuse not-effective "$unit has $holds all the same: no file says so; 'journalctl -b _PID=1' may tell what systemd does not understand"
  fi
  winner=$1
  refuse not-effective "$unit has $holds all the same: $1, line $2, goes before ours; change or remove it"
}

# The file that decides, where it is none of ours.
name_winner() {
  winner=${wait_by:-$limit_by}
  winner=${restart_by:-$winner}
}

# SPAN: whether all three settings hold (proof.rs).
effective() {
  must_show "$unit"
  if [ "$restart" = always ] && [ "$wait" = "$1" ] && [ "$limit" = 0 ]; then
    winner=$target
    return
  fi
  must_decide ''
  if [ "$restart" != always ]; then
    holds=Restart=$restart
    blame "$restart_by" "$restart_at"
  elif [ "$wait" != "$1" ]; then
    holds=RestartSec=${wait:-?}
    blame "$wait_by" "$wait_at"
  fi
  holds=StartLimitIntervalSec=${limit:-?}
  blame "$limit_by" "$limit_at"
}

# What is done about an agent that does not run (agent.rs).
start() {
  if [ "$file_state" = disabled ]; then words="$words; the agent is disabled and will not run after a reboot"; fi
  case $active in
    inactive) words="$words; the agent was stopped, and is left so" ;;
    failed)
      # CLD_EXITED (waitid(2)) with the status of an agent that waits for the reboot that it has asked for.
      if [ "$how $status" = '1 194' ]; then
        words="$words; the agent waits for the reboot that it has asked for"
        return
      fi
      if ! systemd reset-failed -- "$unit" || ! systemd start -- "$unit"; then
        refuse not-started "the drop-in is in place and counts, but the agent is as it was: $said"
      fi
      words="$words; the agent had failed, and was started"
      ;;
  esac
}

install() {
  lock
  # What is recorded as the values before is what the files say, not what systemd read of a file that is gone.
  reload
  choose
  trust_units
  look "$unit"
  plan
  prevented=$prevent
  was=$present
  words=''
  if [ "$text" = "$previous" ]; then
    reload
    effective "$wanted"
    words='already so'
  else
    pending=yes
    open_folder
    put "$text" || refuse folder "$why"
    changed=yes
    reload
    effective "$wanted"
    pending=no
    words=installed
  fi
  if [ "$present$has_kept" != absent ] && [ "$present$has_kept" != ours ]; then
    words="$words; the text of a file written by hand is kept, and comes back with remove"
  fi
  case " $prevented " in
    *' 194 '*)
      case " $prevent " in
        *' 194 '*) ;;
        *) words="$words; RestartPreventExitStatus=194 is gone: systemd would start an agent that waits for a reboot" ;;
      esac
      ;;
  esac
  start
  code=ok
}

# UNIT: takes our file away; what it was written over comes back.
remove_one() {
  look "$1"
  case $present in
    foreign)
      failed_code=${failed_code:-$unfit}
      failed_words=${failed_words:-$why}
      failed_unit=${failed_unit:-$1}
      return
      ;;
    ours) ;;
    *) return ;;
  esac
  sweep
  ended=removed
  if [ -n "$has_kept" ]; then
    kept=$(read_target kept && echo .)
    put "${kept%.}" || ended=''
    done_words='removed, and the file written by hand is back'
  else
    why=$(rm -f "$target" 2>&1) || ended=''
    durable "$folder"
    done_words='removed'
  fi
  clear_folder
  if [ -z "$ended" ]; then
    failed_code=${failed_code:-folder} failed_words=${failed_words:-$why} failed_unit=${failed_unit:-$1}
    return
  fi
  changed=yes
  removed="$removed $1"
}

# UNIT: whether what its other files say holds again (remove/proof.rs).
back_to_others() {
  must_show "$1"
  if [ "$load" != loaded ]; then
    done_words="$done_words; systemd has no such unit"
    return
  fi
  default_wait=100ms default_limit=10s
  systemd show --property DefaultRestartUSec,DefaultStartLimitIntervalUSec || refuse systemctl "systemctl show: $said"
  IFS=$newline
  for property in $said; do
    span "${property#*=}"
    case $property in
      DefaultRestartUSec=*) default_wait=${spanned:-$default_wait} ;;
      DefaultStartLimitIntervalUSec=*) default_limit=${spanned:-$default_limit} ;;
    esac
  done
  unset IFS
  must_decide ''
  has="Restart=$restart RestartSec=$wait StartLimitIntervalSec=$limit"
  should="Restart=${restart_is:-no} RestartSec=${wait_is:-$default_wait} StartLimitIntervalSec=${limit_is:-$default_limit}"
  if [ "$has" != "$should" ]; then
    refuse not-proven "the file is gone, but $1 has $has where its files say $should: look at it with 'systemctl cat $1'"
  fi
  name_winner
}

remove() {
  lock
  trust_units
  concerned=$asked_for
  if [ "$asked_for" = - ]; then
    concerned="$snap $package"
    set +f
    for place in "$units"/*.service.d; do
      place=${place#"$units"/}
      place=${place%.d}
      case $place in
        "$snap"|"$package"|*[!A-Za-z0-9:_.\\@-]*|[!A-Za-z0-9_]*|*@.service) ;;
        *)
          look "$place"
          if [ "$present" = ours ]; then concerned="$concerned $place"; fi
          ;;
      esac
    done
    set -f
  fi
  removed='' failed_code='' failed_words='' failed_unit='' done_words='already so: no file of ours is there'
  # What is begun is ended.
  trap '' HUP INT QUIT TERM
  for place in $concerned; do
    remove_one "$place"
  done
  reload
  for place in $removed; do
    unit=$place
    back_to_others "$place"
  done
  if [ -n "$failed_code" ]; then
    unit=$failed_unit
    refuse "$failed_code" "$failed_words"
  fi
  words=$done_words
  code=ok
}

prove() {
  choose
  look "$unit"
  decide ''
  name_winner
  case $present in
    absent)
      instead=$winner
      if [ -z "$winner" ]; then instead="systemd's own values"; fi
      refuse not-installed "$target is not there; what counts instead: $instead"
      ;;
    hand) refuse hand-made "$target was written by hand: install takes it over, and remove brings it back" ;;
    foreign) refuse "$unfit" "$why" ;;
  esac
  effective "$ours_span"
  words="systemd starts it again $wait after it ends, however often"
  code=ok
}

main() {
  op=$1
  asked_for=$2
  if [ "$asked_for" != - ]; then unit=$asked_for; fi
  nonce=$3
  shift 3
  wanted=$*
  trap conclude EXIT
  trap 'refuse interrupted "a signal ended the script"' HUP INT QUIT TERM
  # Whoever does not read the answer holds nothing up.
  trap '' PIPE
  for tool in awk cat chmod chown ls mkdir mv rm rmdir sleep sync tr wc; do
    command -v "$tool" || refuse tools "there is no $tool(1) here"
  done
  if [ "$op" != prove ]; then
    if [ "$(id -u)" != 0 ]; then refuse not-root 'only root may change the units of this host'; fi
    command -v flock || refuse tools 'there is no flock(1) here, and so no lock against other runs: install util-linux'
  fi
  if [ ! -d /run/systemd/system ]; then refuse no-systemd 'systemd is not process 1 here, as in most containers'; fi
  case $op in
    install) install ;;
    remove) remove ;;
    prove) prove ;;
  esac
  exit
}
