# shellcheck shell=sh disable=SC2154,SC2034 # with answer.sh before it; the scripts after it use what it sets
# What systemd knows, and which unit is meant (systemctl.rs, properties.rs, selection.rs).
readonly snap=snap.amazon-ssm-agent.amazon-ssm-agent.service
readonly package=amazon-ssm-agent.service
readonly asked=LoadState,UnitFileState,FragmentPath,DropInPaths,ActiveState,Restart,RestartUSec,RestartSteps,RestartMaxDelayUSec,RestartPreventExitStatus,StartLimitIntervalUSec,StartLimitIntervalSec,StartLimitInterval,StartLimitBurst,ExecMainStatus,ExecMainCode
readonly seconds=100          # that systemd may take to answer; starting a unit may take its TimeoutStartSec=
readonly unit_limit_since=230 # the first systemd with StartLimitIntervalSec= of [Unit] (its NEWS)
readonly growth_since=254     # the first with RestartSteps= (systemd.service(5))

# That of busybox has a process of its own, which outlives the command for a second: it holds no output up.
if timeout -k 2 "$seconds" true 3>&-; then bound="timeout -k 2 $seconds"; else bound=''; fi

# WORDS…: said is what systemctl(1) says to them.
systemd() {
  # shellcheck disable=SC2086 # its words
  said=$($bound systemctl --no-pager --no-ask-password "$@" 2>&1 3>&- 9>&-) || return 1
  if [ "${#said}" -le "$most_bytes" ]; then return 0; fi
  said="it says more than $most_bytes bytes"
  return 1
}

# Whether reading is all of what our reader says. Its input ends in the nonce, and then its output does, too: a program
# that does not start, or ends early, leaves no part that could be taken for the whole.
whole() {
  case $reading in
    *"$nonce") reading=${reading%"$nonce"} ;;
    *) return 1 ;;
  esac
}

# TASK TEXT
ask() {
  reading=$(printf %s "$2$nonce" | awk -v task="$1" -v marker="$marker" -v end="$nonce" "$reader") && whole
}

# TASK PATH
ask_of() {
  reading=$({ tr '\000' '\n' <"$2" && printf %s "$nonce"; } |
    awk -v task="$1" -v marker="$marker" -v end="$nonce" "$reader") && whole
}

# Nothing is known of a unit; shown is the one of which something is.
forget() {
  shown=''
  load='' file_state='' fragment='' drop_ins='' active='' restart='' wait='' prevent='' limit='' burst=''
  steps='' most_wait='' status='' how=''
}
forget

# TEXT: spanned is the span as ssm-keepalive prints it, empty for what is none.
span() {
  ask span "$1" || {
    said='awk(1) does not read its values'
    return 1
  }
  spanned=${reading%";$newline"}
}

# Sets version to the number of systemd, empty for one that cannot be told, which is taken for a new one.
ask_version() {
  systemd --version || refuse systemctl "systemctl --version: $said"
  version=''
  case $said in
    'systemd '*)
      version=${said#systemd }
      version=${version%%[!0-9]*}
      ;;
  esac
}

# VALUE: limit is the span of this many microseconds, in which the systemd of 235 and before has it (properties.rs).
plain_limit() {
  case $1 in
    ''|*[!0-9]*) limit='' ;;
    *) limit=$1us ;;
  esac
}

# UNIT: what systemd knows of it, asked for unless that is known since it last read its files.
show() {
  if [ "$shown" = "$1" ]; then return 0; fi
  forget
  systemd show --property "$asked" -- "$1" || return 1
  IFS=$newline
  for property in $said; do
    case $property in
      LoadState=*) load=${property#*=} ;;
      UnitFileState=*) file_state=${property#*=} ;;
      FragmentPath=*) fragment=${property#*=} ;;
      DropInPaths=*) drop_ins=${property#*=} ;;
      ActiveState=*) active=${property#*=} ;;
      Restart=*) restart=${property#*=} ;;
      RestartUSec=*) wait=${property#*=} ;;
      RestartPreventExitStatus=*) prevent=${property#*=} ;;
      RestartSteps=*) steps=${property#*=} ;;
      RestartMaxDelayUSec=*) most_wait=${property#*=} ;;
      StartLimitIntervalUSec=*) limit=${property#*=} ;;
      StartLimitIntervalSec=*|StartLimitInterval=*) plain_limit "${property#*=}" ;;
      StartLimitBurst=*) burst=${property#*=} ;;
      ExecMainStatus=*) status=${property#*=} ;;
      ExecMainCode=*) how=${property#*=} ;;
    esac
  done
  unset IFS
  if [ "$load" = loaded ]; then
    # Both at once: most of the time goes into programs that are started.
    span "$wait$newline$limit" || return 1
    wait=${spanned%%;*}
    limit=${spanned#*"$newline"}
  fi
  shown=$1
}

must_show() {
  show "$1" || refuse systemctl "systemctl show $1: $said"
}

reload() {
  shown=''
  systemd daemon-reload || refuse systemctl "systemctl daemon-reload: $said"
}

# UNIT…: what is there of these.
survey() {
  loaded='' loaded_count=0 running='' running_count=0 masked='' broken='' orphan=''
  for candidate in "$@"; do
    must_show "$candidate"
    case $load in
      loaded)
        loaded=$candidate
        loaded_count=$((loaded_count + 1))
        case $active in
          active|activating|reloading)
            running=$candidate
            running_count=$((running_count + 1))
            ;;
        esac
        ;;
      masked) masked=$candidate ;;
      bad-setting|error) broken=${broken:-$candidate} ;;
      *)
        look "$candidate"
        if [ "$present" = ours ]; then orphan=${orphan:-$candidate}; fi
        ;;
    esac
  done
}

# Sets unit to the one that is asked for, or that of the two known which is there.
choose() {
  if [ "$asked_for" = - ]; then set -- "$snap" "$package"; else set -- "$asked_for"; fi
  unit=''
  survey "$@"
  if [ "$loaded_count" = 1 ]; then
    unit=$loaded
  elif [ "$loaded_count" != 0 ] && [ "$running_count" = 1 ]; then
    unit=$running
  elif [ "$loaded_count" != 0 ]; then
    refuse two-units "there are two agents here, $1 and $2, and not just one of them runs: give --unit"
  elif [ -n "$masked" ]; then
    unit=$masked
    refuse masked "$unit is masked, so systemd will not start it: systemctl unmask $unit takes that away"
  elif [ -n "$broken" ]; then
    unit=$broken
    refuse unit-broken "systemd cannot load $unit: see systemctl status $unit, and mend its file"
  elif [ -n "$orphan" ]; then
    unit=$orphan
    refuse orphaned "the agent of $unit is gone, and the drop-in of ssm-keepalive is still there: remove it"
  else
    refuse no-agent "there is no SSM agent here: systemd knows no $1${2:+ nor $2}; install the agent, or give --unit"
  fi
  must_show "$unit"
}

# PATH: which file decides each setting, without that one (precedence.rs); unread is why one is passed over, and with it
# all after it where this fails.
decide() {
  unread=''
  restart_by='' restart_at='' restart_is='' wait_by='' wait_at='' wait_is=''
  limit_by='' limit_at='' limit_is='' steps_by='' steps_at='' steps_is=''
  # shellcheck disable=SC2086 # paths, as systemd separates them
  set -- "$1" "$fragment" $drop_ins
  if [ "$#" -gt "$most_files" ]; then
    unread="the unit has more than $most_files files"
    return 1
  fi
  without=$1
  shift
  for file in "$@"; do
    if [ ! -f "$file" ] || [ "$file" = "$without" ]; then continue; fi
    if measure "$file" && [ "$size" -gt "$most_bytes" ]; then
      unread="$file, a file of the unit, is larger than $most_bytes bytes"
      continue
    fi
    if [ -z "$size" ] || ! ask_of decide "$file"; then
      unread="$file, a file of the unit, cannot be read"
      return 1
    fi
    IFS=$newline
    for setting in $reading; do
      value=${setting#* }
      line=${value%% *}
      value=${value#* }
      case $setting in
        Restart\ *) restart_by=$file restart_at=$line restart_is=$value ;;
        RestartSec\ *) wait_by=$file wait_at=$line wait_is=$value ;;
        RestartSteps\ *) steps_by=$file steps_at=$line steps_is=$value ;;
        *) limit_by=$file limit_at=$line limit_is=$value ;;
      esac
    done
    unset IFS
  done
}

must_decide() {
  decide "$1"
  if [ -n "$unread" ]; then refuse unit-file "$unread"; fi
}
