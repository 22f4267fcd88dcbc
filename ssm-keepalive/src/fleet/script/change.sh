# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts before it
# OP UNIT NONCE SPAN…: install, remove, prove or gone, and the answer (install.rs, verify.rs, reboot_gap.rs).

# VALUE: line is that line without what would continue it.
record_line() {
  plain "$1" "$most_bytes" || refuse tools 'tr(1) does not work here'
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
    ours)
      ask record "$previous" || refuse folder "$target cannot be read"
      recorded=$reading
      ;;
    *) record ;;
  esac
  if [ "$present" = hand ]; then
    if [ "$previous_mode" != 0644 ]; then recorded="$recorded# kept-mode: $previous_mode$newline"; fi
    ask quote "$previous" || refuse folder "$target cannot be read"
    recorded=$recorded$reading
  fi
  ask_version
  if [ "${version:-$unit_limit_since}" -ge "$unit_limit_since" ]; then
    text="[Unit]${newline}StartLimitIntervalSec=0$newline${newline}[Service]"
  else
    text="[Service]${newline}StartLimitInterval=0"
  fi
  text="$marker$newline$recorded$newline$text${newline}Restart=always${newline}RestartSec=$wanted$newline"
  must_decide "$target"
  if [ "${steps_is:-0}" != 0 ] && [ "${version:-0}" -ge "$growth_since" ]; then
    text="${text}RestartSteps=0${newline}RestartMaxDelaySec=infinity$newline"
  fi
  check_plan
}

# What is about to be written is ours, and holds all of the file in whose place it comes.
check_plan() {
  keeps=${kept_mode:--}
  if [ "$present" = hand ]; then keeps=$previous_mode; fi
  if ask judge "$text" && [ "$reading" = "ours $keeps $wanted$newline" ]; then
    if [ "$present" != hand ]; then return; fi
    if ask kept "$text" && [ "$reading" = "$previous" ]; then return; fi
  fi
  refuse folder "$target is left alone: what is to be written comes out otherwise"
}

# FILE LINE VALUE: who goes before ours, or why nobody does; VALUE for what ours says nothing of.
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
  if [ -n "$3" ]; then
    refuse not-effective "$unit has $holds all the same: $1, line $2, with $3 sets it, and ours does not: another install takes it back"
  fi
  refuse not-effective "$unit has $holds all the same: $1, line $2, goes before ours; change or remove it"
}

# The file that decides, where it is none of ours.
name_winner() {
  winner=${wait_by:-$limit_by}
  winner=${restart_by:-$winner}
}

# Whether the wait grows with each restart.
grows() {
  case $steps in ''|0|*[!0-9]*) return 1 ;; esac
  case $most_wait in ''|infinity) return 1 ;; esac
}

# SPAN: whether all settings hold (proof.rs).
effective() {
  must_show "$unit"
  if [ "$restart" = always ] && [ "$wait" = "$1" ] && ! grows && [ "$limit" = 0 ]; then
    winner=$target
    return
  fi
  must_decide ''
  if [ "$restart" != always ]; then
    holds=Restart=$restart
    blame "$restart_by" "$restart_at" ''
  elif [ "$wait" != "$1" ]; then
    holds=RestartSec=${wait:-?}
    blame "$wait_by" "$wait_at" ''
  elif grows; then
    holds=RestartSteps=$steps
    # What ours has kept of another file is in comments.
    case $text in
      *"${newline}RestartSteps="*) blame "$steps_by" "$steps_at" '' ;;
      *) blame "$steps_by" "$steps_at" "$steps_is" ;;
    esac
  fi
  holds=StartLimitIntervalSec=${limit:-?}
  blame "$limit_by" "$limit_at" ''
}

# Says so when an agent would be started before the reboot that it has asked for (reboot_gap.rs).
warn_of_reboot() {
  case " $prevent " in *' 194 '*) return ;; esac
  case $newline$recorded in
    *"$newline# before: RestartPreventExitStatus="*)
      had=${recorded#*"# before: RestartPreventExitStatus="}
      case " ${had%%"$newline"*} " in
        *' 194 '*)
          words="$words; RestartPreventExitStatus=194 is gone: systemd would start an agent that waits for a reboot"
          return
          ;;
      esac
      ;;
  esac
  if ask late "$wait" && [ "$reading" = "yes$newline" ]; then return; fi
  words="$words; the unit has no RestartPreventExitStatus=194: systemd would start an agent that has asked for a reboot \
before that comes; --restart-sec 65s, or more, lets the reboot come first"
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
  look "$unit" || refuse "$unfit" "$why"
  plan
  was=$present
  words=''
  if [ "$text" = "$previous" ]; then
    reload
    effective "$wanted"
    words='already so'
  else
    pending=yes
    open_folder
    put "$text" 0644 || refuse folder "$why"
    changed=yes
    reload
    effective "$wanted"
    pending=no
    words=installed
  fi
  if [ "$present" = hand ] || [ -n "$kept_mode" ]; then
    words="$words; the text of a file written by hand is kept, and comes back with remove"
  fi
  warn_of_reboot
  start
  code=ok
}

prove() {
  choose
  look "$unit" || refuse "$unfit" "$why"
  decide '' || refuse unit-file "$unread"
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
  text=$previous
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
  if [ "$op" = install ] || [ "$op" = remove ]; then
    if [ "$(id -u)" != 0 ]; then refuse not-root 'only root may change the units of this host'; fi
    command -v flock || refuse tools 'there is no flock(1) here, and so no lock against other runs: install util-linux'
  fi
  if [ ! -d /run/systemd/system ]; then refuse no-systemd 'systemd is not process 1 here, as in most containers'; fi
  case $op in
    install) install ;;
    remove) remove ;;
    prove) prove ;;
    gone) gone ;;
  esac
  exit
}
