# dropuid(1) in fish.

# USER and the command's words before the one that is typed, without the options.
function __dropuid_operands
    set -l words (commandline -opc)[2..]
    while set -q words[1]
        if contains -- $words[1] --drop-groups --env-file --env-file-if-exists --env-allow --keep-env --keep-fd
            set -e words[1]
        else if test "$words[1]" = --
            set -q words[2]; and printf '%s\n' $words[2..]
            return
        else if not string match -q -- '-*' $words[1]
            printf '%s\n' $words
            return
        end
        set -e words[1]
    end
end

function __dropuid_has_user
    set -l operands (__dropuid_operands)
    set -q operands[1]
end

function __dropuid_command
    set -l words (__dropuid_operands)[2..]
    test "$words[1]" = --; and set -e words[1]
    set -a words (commandline -ct)
    # Else complete(1) takes it for its own option.
    string match -q -- '-*' $words[1]; or __fish_complete_subcommand --commandline $words
end

function __dropuid_user
    set -l word (string split -m 1 : -- (commandline -ct))
    if set -q word[2]
        __fish_print_groups | string replace -r '^' "$word[1]:"
    else
        __fish_complete_users
    end
end

complete -c dropuid -f
complete -c dropuid -n __dropuid_has_user -a '(__dropuid_command)'
complete -c dropuid -n 'not __dropuid_has_user' -a '(__dropuid_user)'
complete -c dropuid -n 'not __dropuid_has_user' -l wait -d 'Stay, relay signals, return the status'
complete -c dropuid -n 'not __dropuid_has_user' -l no-new-privs -d 'Setuid programs and sudo give nothing'
complete -c dropuid -n 'not __dropuid_has_user' -l drop-groups -x -a '(__fish_complete_list , __fish_print_groups)' -d 'Leave these groups'
complete -c dropuid -n 'not __dropuid_has_user' -l env-file -r -F -d 'Add its lines, read as the user'
complete -c dropuid -n 'not __dropuid_has_user' -l env-file-if-exists -r -F -d 'The same, but it may be missing'
complete -c dropuid -n 'not __dropuid_has_user' -l env-allow -x -d 'Take only these from env files'
complete -c dropuid -n 'not __dropuid_has_user' -l clear-env -d 'Start with an empty environment'
complete -c dropuid -n 'not __dropuid_has_user' -l keep-env -x -a '(__fish_complete_list , "set -nx")' -d 'With --clear-env: keep these'
complete -c dropuid -n 'not __dropuid_has_user' -l keep-fd -x -d 'Leave these descriptors open'
complete -c dropuid -n 'not __dropuid_has_user' -l own-stdio -d 'Give pipes on 1 and 2 to the user'
complete -c dropuid -n 'not __dropuid_has_user' -l new-session -d 'Leave the terminal of the caller'
complete -c dropuid -n 'not __dropuid_has_user' -l share-tty -d 'Keep it, although it could be typed into'
complete -c dropuid -n 'not __dropuid_has_user' -l verbose -d 'Say on stderr that root was dropped'
complete -c dropuid -n 'not __dropuid_has_user' -l explain -d 'Print what would be done, and do nothing'
complete -c dropuid -n 'not __dropuid_has_user' -l json -d 'With --explain: one JSON object'
complete -c dropuid -n 'not __dropuid_has_user' -s h -l help -d 'Print a summary'
complete -c dropuid -n 'not __dropuid_has_user' -s V -l version -d 'Print the version'
