# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts around it
# The watch that ssm-keepalive install --watch has made on this host is removed (watch/installed.rs, watch/files.rs).
readonly watch_service=ssm-keepalive-watch.service
readonly watch_timer=ssm-keepalive-watch.timer
readonly wants="$units/timers.target.wants"
readonly memory=/var/lib/ssm-keepalive

# NAME: whether that file is there and ours to remove; a failure is told.
has_watch_file() {
  if [ ! -e "$units/$1" ] && [ ! -L "$units/$1" ]; then return 1; fi
  watch=foreign
  if ! element "$units/$1" -; then
    fail foreign-file "$fault" ''
    return 1
  fi
  IFS= read -r first <"$units/$1"
  if [ "$first" != "$marker" ]; then
    fail foreign-file "$units/$1 is left alone: ssm-keepalive has not written it so; move or remove it" ''
    return 1
  fi
  watch=ours
  watch_path=$units/$1
}

# Sets watch: none, ours, foreign, or other for one of another unit than asked for.
look_for_watch() {
  watch=none
  for name in "$watch_timer" "$watch_service"; do
    has_watch_file "$name"
    if [ "$watch" = foreign ]; then return; fi
  done
  link=$wants/$watch_timer
  if [ -L "$link" ]; then
    watch=foreign
    case $(ls -ld -- "$link") in
      *"$link -> $watch_timer"|*"$link -> "*"/$watch_timer") watch=ours watch_path=$link ;;
    esac
  elif [ -e "$link" ]; then
    watch=foreign
  fi
  if [ "$watch" = foreign ]; then
    fail foreign-file "$link is left alone: ssm-keepalive has not made it so; move or remove it" ''
    return
  fi
  if [ "$asked_for" = - ] || [ ! -e "$units/$watch_service" ]; then return; fi
  ask_of watched "$units/$watch_service" || {
    watch=foreign
    fail folder "$units/$watch_service cannot be read" ''
    return
  }
  if [ "$reading" != "$asked_for$newline" ]; then watch=other; fi
}

# Stops and removes it with what it remembers; watch is gone then. Systemd has to read its files after that.
remove_watch() {
  look_for_watch
  if [ "$watch" != ours ]; then return; fi
  # The timer first, so that it starts no other look. A unit that is not loaded is stopped.
  for name in "$watch_timer" "$watch_service"; do
    if systemd show --property LoadState -- "$name" && [ "$said" = LoadState=not-found ]; then continue; fi
    systemd stop -- "$name" || {
      fail systemctl "systemctl stop $name: $said" ''
      return
    }
  done
  why=$(rm -f "$wants/$watch_timer" "$units/$watch_service" "$units/$watch_timer" 2>&1) || {
    changed=yes
    fail folder "$why" ''
    return
  }
  sweep_of "$units/.$watch_service" "$units/.$watch_timer"
  if rmdir "$wants" || [ ! -d "$wants" ]; then durable "$units"; else durable "$wants"; fi
  durable "$units"
  if element "$memory" d; then
    rm -f "$memory/watch.json"
    sweep_of "$memory/.watch.json"
    rmdir "$memory"
  fi
  watch=gone
  changed=yes
}

# Whether systemd, which has read its files again, has no watch any more.
prove_no_watch() {
  for name in "$watch_timer" "$watch_service"; do
    systemd show --property LoadState,ActiveState -- "$name" || {
      fail systemctl "systemctl show $name: $said" ''
      return
    }
    case $newline$said$newline in
      *"${newline}ActiveState=active$newline"*|*"${newline}LoadState=loaded$newline"*)
        fail not-proven "the files of the watch are gone, but systemd still has $name: see systemctl cat $name" ''
        ;;
      *"${newline}ActiveState=failed$newline"*) systemd reset-failed -- "$name" ;;
    esac
  done
}
