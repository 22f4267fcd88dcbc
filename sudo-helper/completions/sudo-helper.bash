# sudo-helper(8) in bash, with bash-completion.

_sudo_helper_units() {
    local units
    units=$(systemctl list-units --all --plain --no-legend --no-pager --type=service,socket,timer,path,mount \
        2>/dev/null | cut -d ' ' -f 1)
    mapfile -t COMPREPLY < <(compgen -W "$units" -- "$cur")
}

_sudo_helper_packages() {
    case $1 in
        install) mapfile -t COMPREPLY < <(apt-cache --no-generate pkgnames "$cur" 2>/dev/null) ;;
        remove) mapfile -t COMPREPLY < <(dpkg-query --show --showformat='${Package}\n' "$cur*" 2>/dev/null) ;;
    esac
}

# The options that go with this request.
_sudo_helper_options() {
    local options='-h --help -V --version'
    case $1 in
        service) options+=' --dry-run --no-wait --compat-exit --no-block' ;;
        package | run) options+=' --dry-run --no-wait --compat-exit' ;;
        wait) options+=' --compat-exit' ;;
        list) options+=' --json' ;;
        pending) options+=' --json --watch' ;;
        explain) options+=' --policy' ;;
        '') options+=' --dry-run --no-block --no-wait --compat-exit --json --watch --policy' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

_sudo_helper() {
    local cur prev words cword split
    _init_completion -s -n : || return

    # The words before this one that are neither an option nor its value.
    local at given=()
    for ((at = 1; at < cword; at++)); do
        case ${words[at]} in
            --policy) ((at += 1)) ;;
            -*) ;;
            *) given+=("${words[at]}") ;;
        esac
    done
    if [[ $prev == --policy ]]; then
        _filedir json
        return
    fi
    $split && return
    if [[ $cur == -* ]]; then
        _sudo_helper_options "${given[0]-}"
        return
    fi

    local operations='service package run'
    if [[ ${given[0]-} == explain ]]; then
        given=("${given[@]:1}")
    else
        operations+=' list explain pending approve deny wait default-policy check-policy probe ssh'
    fi
    case ${#given[@]},${given[0]-} in
        0,) mapfile -t COMPREPLY < <(compgen -W "$operations" -- "$cur") ;;
        1,service)
            mapfile -t COMPREPLY < <(compgen -W 'status start stop restart reload enable disable' -- "$cur")
            ;;
        1,package)
            mapfile -t COMPREPLY < <(compgen -W 'install remove update upgrade autoremove autoclean repair' -- "$cur")
            ;;
        2,service) _sudo_helper_units ;;
        *,package) _sudo_helper_packages "${given[1]}" ;;
        1,check-policy) _filedir json ;;
    esac
} && complete -F _sudo_helper sudo-helper
