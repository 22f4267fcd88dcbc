# capture-run(1) in fish.

# LOG, STATUS and the command's words before the one that is typed, without the options.
function __capture_run_operands
    set -l valued --mode --max-size --mask --mask-file --output-error --log-error --result --map-exit --timeout \
        --idle-timeout -s --signal -k --kill-after --drain-timeout --drain-max
    set -l words (commandline -opc)[2..]
    while set -q words[1]
        if contains -- $words[1] $valued
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

function __capture_run_begins
    set -l operands (__capture_run_operands)
    not set -q operands[1]
end

function __capture_run_has_files
    set -l operands (__capture_run_operands)
    set -q operands[2]
end

function __capture_run_command
    set -l words (__capture_run_operands)[3..]
    test "$words[1]" = --; and set -e words[1]
    set -a words (commandline -ct)
    # Else complete(1) takes it for its own option.
    string match -q -- '-*' $words[1]; or __fish_complete_subcommand --commandline $words
end

complete -c capture-run -n __capture_run_has_files -f -a '(__capture_run_command)'
complete -c capture-run -n __capture_run_begins -s a -l append -d 'Keep what LOG holds'
complete -c capture-run -n __capture_run_begins -l mode -x -d 'Make a new LOG with this mode'
complete -c capture-run -n __capture_run_begins -l no-follow -d 'Refuse symbolic links'
complete -c capture-run -n __capture_run_begins -l max-size -x -d 'Keep the head and the tail of LOG'
complete -c capture-run -n __capture_run_begins -l timestamps -d 'Begin each line of LOG with the time'
complete -c capture-run -n __capture_run_begins -l strip-ansi -d 'Remove escape sequences from LOG'
complete -c capture-run -n __capture_run_begins -l mask -x -a '(set -nx)' -d 'Hide the value of this variable'
complete -c capture-run -n __capture_run_begins -l mask-file -r -F -d 'Hide what this file holds'
complete -c capture-run -n __capture_run_begins -l output-error -x -a 'warn warn-nopipe exit exit-nopipe' -d 'What a failed write to stdout leads to'
complete -c capture-run -n __capture_run_begins -l log-error -x -a 'warn fail' -d 'What a failed write to LOG leads to'
complete -c capture-run -n __capture_run_begins -l result -r -F -d 'Write a record in JSON'
complete -c capture-run -n __capture_run_begins -l result-argv -d 'With --result: the arguments as well'
complete -c capture-run -n __capture_run_begins -l map-exit -x -d 'FROM=TO: report TO for FROM'
complete -c capture-run -n __capture_run_begins -l timeout -x -d 'End the command after this'
complete -c capture-run -n __capture_run_begins -l idle-timeout -x -d 'End it after this without output'
complete -c capture-run -n __capture_run_begins -s s -l signal -x -a 'TERM INT HUP QUIT KILL USR1 USR2' -d 'How it is told to end'
complete -c capture-run -n __capture_run_begins -s k -l kill-after -x -d 'When it is killed after that'
complete -c capture-run -n __capture_run_begins -l foreground -d 'Leave it in the group of the terminal'
complete -c capture-run -n __capture_run_begins -l kill-tree -d 'End all that it started'
complete -c capture-run -n __capture_run_begins -l drain-timeout -x -d 'Wait this long for more output'
complete -c capture-run -n __capture_run_begins -l drain-max -x -d 'And no longer than this in all'
complete -c capture-run -n __capture_run_begins -s h -l help -d 'Print a summary'
complete -c capture-run -n __capture_run_begins -s V -l version -d 'Print the version'
