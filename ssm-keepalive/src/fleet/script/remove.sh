# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts around it
# Takes our files away; what they were written over comes back (remove.rs, remove/).

# CODE WORDS UNIT: a failure; the first one is told, and the others of our files are removed all the same.
fail() {
  if [ -n "$failed_code" ]; then return; fi
  failed_code=$1
  failed_words=$2
  failed_unit=$3
}

# UNIT: takes our file away, or puts it back where that is not proven.
remove_one() {
  look "$1"
  # A failure of it is foreign, too.
  case $present in
    foreign)
      fail "$unfit" "$why" "$1"
      return
      ;;
    ours) ;;
    *) return ;;
  esac
  sweep
  if [ -n "$kept_mode" ]; then
    if ! unfold; then
      fail folder "$target is left alone: the file that it has kept cannot be read" "$1"
      return
    fi
    put "$kept" "$kept_mode" || {
      unproven=folder
      give_back "$1"
      return
    }
    end='removed, and the file written by hand is back'
  else
    why=$(rm -f "$target" 2>&1) || {
      fail folder "$why" "$1"
      return
    }
    durable "$folder"
    end='removed'
  fi
  clear_folder
  if is_back_to_others "$1"; then
    changed=yes
    unit=$1
    done_words=$end
    name_winner
  else
    give_back "$1"
  fi
}

# Sets kept to the file that ours has kept; ours says the same of it.
unfold() {
  ask kept "$previous" || return 1
  kept=$reading
  ask quote "$kept" || return 1
  case $previous in
    *"$newline$reading${newline}["*) ;;
    *) return 1 ;;
  esac
}

# UNIT: whether what its other files say holds again (remove/proof.rs); else unproven is the code, and why the reason.
is_back_to_others() {
  unproven=systemctl
  shown=''
  systemd daemon-reload || {
    why="systemctl daemon-reload: $said"
    return 1
  }
  reloaded=yes
  show "$1" || {
    why="systemctl show $1: $said"
    return 1
  }
  decide '' || {
    unproven='unit-file'
    why=$unread
    return 1
  }
  if [ "$load" != loaded ]; then
    end="$end; systemd has no such unit"
    return
  fi
  if [ -n "$unread" ]; then
    unproven='unit-file'
    why=$unread
    return 1
  fi
  ask_defaults || return 1
  has="Restart=$restart RestartSec=$wait StartLimitIntervalSec=$limit"
  should="Restart=${restart_is:-no} RestartSec=${wait_is:-$default_wait} StartLimitIntervalSec=${limit_is:-$default_limit}"
  if [ "$has" = "$should" ]; then return; fi
  unproven=not-proven
  why="without the file $1 has $has where its files say $should: look at it with 'systemctl cat $1'"
  return 1
}

# What holds where no file says anything (systemd-system.conf(5)).
ask_defaults() {
  default_wait=100ms default_limit=10s
  systemd show --property \
    DefaultRestartUSec,DefaultStartLimitIntervalUSec,DefaultStartLimitIntervalSec,DefaultStartLimitInterval || {
    why="systemctl show: $said"
    return 1
  }
  IFS=$newline
  for property in $said; do
    value=${property#*=}
    case $property in
      DefaultStartLimitIntervalSec=*|DefaultStartLimitInterval=*) value=${value}us ;;
    esac
    span "$value" || {
      unset IFS
      why=$said
      return 1
    }
    case $property in
      DefaultRestartUSec=*) default_wait=${spanned:-$default_wait} ;;
      DefaultStartLimitInterval*) default_limit=${spanned:-$default_limit} ;;
    esac
  done
  unset IFS
}

# UNIT: our file is there again, and the reason is told.
give_back() {
  reason=$why
  if put_back && systemd daemon-reload; then
    fail "$unproven" "$reason; the file of ssm-keepalive is back" "$1"
  else
    changed=yes
    fail not-reverted "$reason; and the file of ssm-keepalive could not be put back" "$1"
  fi
  shown=''
}

# Sets concerned to the unit that is asked for, or to the known ones and all with a file of ours.
find_concerned() {
  concerned=$asked_for
  if [ "$asked_for" != - ]; then return; fi
  concerned="$snap $package"
  set +f
  for place in "$units"/*.service.d; do
    place=${place#"$units"/}
    place=${place%.d}
    case $place in
      "$snap"|"$package"|*[!A-Za-z0-9:_.\\@-]*|[!A-Za-z0-9_]*|*@.service) ;;
      *)
        # One that cannot be read may be ours.
        if ! look "$place" || [ "$present" = ours ]; then concerned="$concerned $place"; fi
        ;;
    esac
  done
  set -f
}

# Whether remove has left nothing of ours; nothing is changed.
gone() {
  if [ "$asked_for" = - ]; then
    survey "$snap" "$package"
    if [ "$loaded_count" = 1 ]; then unit=$loaded; fi
    if [ "$running_count" = 1 ]; then unit=$running; fi
  fi
  failed_code='' failed_words='' failed_unit=''
  find_concerned
  for place in $concerned; do
    look "$place"
    must_show "$place"
    case $present in
      foreign) fail "$unfit" "$why" "$place" ;;
      ours) fail still-there "$target is still there" "$place" ;;
      *)
        case $present\ $drop_ins\  in
          absent*\ "$target"\ *) fail still-there "$target is gone, but systemd still goes by it: systemctl daemon-reload" "$place" ;;
        esac
        ;;
    esac
  done
  look_for_watch
  if [ "$watch" = ours ]; then fail still-there "$watch_path, of the watch, is still there" ''; fi
  if [ -n "$failed_code" ]; then
    unit=${failed_unit:-$unit}
    refuse "$failed_code" "$failed_words"
  fi
  if [ -n "$unit" ]; then
    must_show "$unit"
    decide '' || refuse unit-file "$unread"
    name_winner
  fi
  words='no file of ours is there'
  code=ok
}

remove() {
  lock
  trust_units
  find_concerned
  failed_code='' failed_words='' failed_unit='' done_words='' reloaded=no
  # What is begun is ended.
  trap '' HUP INT QUIT TERM
  # First, so that nobody restarts what is being changed.
  remove_watch
  for place in $concerned; do
    remove_one "$place"
  done
  # An earlier run may have been killed before it did so.
  if [ "$reloaded" = no ]; then reload; fi
  if [ "$watch" = gone ]; then
    prove_no_watch
    done_words="${done_words:+$done_words; }the watch is removed"
  fi
  if [ -n "$failed_code" ]; then
    unit=$failed_unit
    refuse "$failed_code" "$failed_words"
  fi
  words=${done_words:-already so: no file of ours is there}
  code=ok
}
