# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts around it
# Our file and its folder: whose they are, what it holds, how it is written (drop_in.rs, transaction/).
readonly units=/etc/systemd/system
readonly lock_file=/run/ssm-keepalive.lock
readonly lock_seconds=30
readonly most_bytes=1048576 # of a file that is read
readonly most_files=256     # that a unit may have
marker="# Written by ssm-keepalive, see ssm-keepalive(8); 'ssm-keepalive remove' takes it back."

temporary=''
pending=no
folder=''
target=''

# PATH KIND: whether it is of that kind and root's alone to write; sets mode and, when it is not, fault.
element() {
  fault="$1 is no folder, and it is left alone"
  if [ "$2" = - ]; then fault="$1 is no regular file, and it is left alone"; fi
  listing=$(ls -ldn -- "$1") || return 1
  at=$1
  kind=$2
  # Mode, links, owner, and more.
  # shellcheck disable=SC2086
  set -- $listing
  mode=$1
  case $mode in
    "$kind"*) ;;
    *) return 1 ;;
  esac
  fault="$at does not belong to root"
  if [ "$3" != 0 ]; then return 1; fi
  # With an access list the group's bits are its mask (acl(5)).
  fault="$at can be written by others than root"
  case $mode in
    ?????w*|????????w*) return 1 ;;
  esac
}

# Only root can change what is in the folder of the units.
trust_units() {
  for place in / /etc /etc/systemd "$units"; do
    element "$place" d || refuse folder "$fault"
  done
}

# The lock of a file that nobody but root can open; it ends with this process.
lock() {
  element /run d || refuse lock "$fault"
  (set -C; umask 077; : >"$lock_file")
  element "$lock_file" - || refuse lock "$fault"
  case $mode in
    ????------*) ;;
    *) refuse lock "$lock_file is no file that only root can open: others could hold its lock; remove it" ;;
  esac
  exec 9<"$lock_file"
  tries=0
  # Some shells hand no descriptor on but those of the command's own.
  until flock -n 8 8<&9; do
    if [ "$?" != 1 ]; then refuse tools 'flock(1) of util-linux or busybox does not work here'; fi
    tries=$((tries + 1))
    if [ "$tries" -gt "$lock_seconds" ]; then
      refuse busy "another run holds the lock of $lock_file: try again when it has ended"
    fi
    sleep 1
  done
}

durable() {
  sync "$1" || sync
}

# TASK: what our reader says of the file.
read_target() {
  { cat "$target" && echo .; } | awk -v task="$1" -v marker="$marker" "$reader"
}

# LINE WHY: the file is left alone.
leave() {
  present=foreign
  unfit=foreign-file
  why="$target is left alone: line $1: $2; move what is yours to another *.conf beside it"
}

# UNIT: sets folder, target, present (absent, ours, hand, foreign), previous, the text that is there, and its mode; of
# ours its span and the mode of the file that it has kept.
look() {
  folder=$units/$1.d
  target=$folder/restart.conf
  present=absent unfit='' why='' previous='' previous_mode=0644 ours_span='' kept_mode=''
  if [ ! -e "$folder" ] && [ ! -L "$folder" ]; then return; fi
  if ! element "$folder" d; then
    present=foreign unfit=folder why=$fault
    return
  fi
  if [ ! -e "$target" ] && [ ! -L "$target" ]; then return; fi
  if ! element "$target" -; then
    present=foreign unfit=foreign-file why=$fault
    return
  fi
  # A mode that others than ours have is kept, too.
  case $mode in
    -rw-r--r--*) ;;
    *) previous_mode=$(printf '%s\n' "$mode" | awk -v task=mode "$reader") ;;
  esac
  size=$(($(wc -c <"$target")))
  if [ "$size" -gt "$most_bytes" ]; then
    leave 1 'it is larger than 1 MiB'
    return
  fi
  if [ "$(($(tr -d '\000' <"$target" | wc -c)))" != "$size" ]; then
    leave 1 'it has a control character'
    return
  fi
  previous=$(cat "$target" && echo .)
  previous=${previous%.}
  judged=$(read_target judge)
  case $judged in
    ours\ *)
      present=ours
      judged=${judged#ours }
      ours_span=${judged#* }
      kept_mode=${judged%% *}
      if [ "$kept_mode" = - ]; then kept_mode=''; fi
      ;;
    hand) present=hand ;;
    foreign\ *)
      judged=${judged#foreign }
      leave "${judged%% *}" "${judged#* }"
      ;;
    *) refuse folder "$target cannot be read" ;;
  esac
}

# PATH…: removes the temporary files that killed runs have left for these.
sweep_of() {
  set +f
  for path in "$@"; do
    for left in "$path".*.tmp; do
      digits=${left#"$path".}
      case ${digits%.tmp} in
        ''|*[!0-9]*) ;;
        *) rm -f "$left" ;;
      esac
    done
  done
  set -f
}

sweep() {
  sweep_of "$folder/.restart.conf"
}

open_folder() {
  if [ ! -d "$folder" ]; then
    made=$(mkdir -m 0755 "$folder" 2>&1) || refuse folder "$made"
    durable "$units"
  fi
  element "$folder" d || refuse folder "$fault"
  sweep
}

# TEXT MODE: our temporary file, which is new, holds all of it. chown(2) may take bits of the mode away.
fill() {
  set -C
  { printf %s "$1" >"$temporary"; } && chown 0:0 "$temporary" && chmod "$2" "$temporary" && durable "$temporary" &&
    [ "$(cat "$temporary" && echo .)" = "$1." ]
}

# TEXT MODE: the file holds it, whole and durable, or is as it was; why says what stood against it.
put() {
  temporary=$folder/.restart.conf.$$.tmp
  if why=$(fill "$1" "$2" 2>&1) && why=$(mv -f "$temporary" "$target" 2>&1); then
    temporary=''
    durable "$folder"
    return
  fi
  why="$target cannot be written: $why"
  rm -f "$temporary"
  return 1
}

clear_folder() {
  if rmdir "$folder"; then durable "$units"; fi
}

# What is not proven goes, and what was there is back.
take_back() {
  pending=no
  before=$previous.
  if [ "$was" = absent ]; then before=''; fi
  now=''
  if [ -e "$target" ]; then now=$(cat "$target" && echo .); fi
  back=yes
  if [ "$now" != "$before" ]; then
    if [ -n "$before" ]; then
      put "$previous" "$previous_mode" || back=no
    else
      rm -f "$target" || back=no
      durable "$folder"
    fi
  fi
  clear_folder
  shown=''
  if [ "$back" = yes ] && systemd daemon-reload; then
    changed=no
    words="$words; the state before is back"
  else
    code=not-reverted
    words="$words; and the state before could not be put back"
  fi
}
