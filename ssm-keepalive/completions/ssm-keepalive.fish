# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ssm_keepalive_global_optspecs
    string join \n h/help V/version
end

function __fish_ssm_keepalive_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ssm_keepalive_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ssm_keepalive_using_subcommand
    set -l cmd (__fish_ssm_keepalive_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -s V -l version -d 'Print version'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "install" -d 'Have systemd bring the agent back, and prove that it will'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "status" -d 'Tell how the agent is, and whether it would come back'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "verify" -d 'Prove that systemd would bring it back'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "remove" -d 'Remove what install has written, and prove what counts then'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "print" -d 'Print the drop-in that install would write'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "deploy" -d 'Have it on many instances, through AWS Systems Manager'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "fleet-status" -d 'Tell of many whether systemd would bring their agents back'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_needs_command" -f -a "watch" -d 'Restart the agent if it is asleep for too long'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l restart-sec -d 'How long systemd waits before a start' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l asleep-for -d 'For how long it has to be asleep' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l root -d 'Write to the image in this folder, prove nothing' -r -F
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l restart -d 'Restart the agent 5 s later, apart from this call'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l no-start -d 'Leave an agent that has failed as it is'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l start -d 'Start an agent that was stopped'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l enable -d 'Enable an agent that is disabled'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l watch -d 'Have a timer restart an agent that is asleep'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l dry-run -d 'Show the change and make none'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand install" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand status" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand status" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand status" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand verify" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand verify" -l kill -d 'Kill the agent\'s main process, and wait until it is back'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand verify" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand verify" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand remove" -l unit -d 'The unit [default: each that has a drop-in of ours]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand remove" -l root -d 'Remove it from the image in this folder, prove nothing' -r -F
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand remove" -l dry-run -d 'Show the change and make none'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand remove" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand remove" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand print" -l restart-sec -d 'How long systemd waits before a start' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand print" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l instance-ids -d 'These instances' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l targets -d 'By tag, like Key=tag:role,Values=web,db' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l profile -d 'The profile of the aws CLI' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l region -d 'The region [default: that of the profile]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l document-timeout -d 'Seconds the script may run there' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l restart-sec -d 'The wait before a start' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l max-concurrency -d 'On how many instances at a time [default: all]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l max-errors -d 'How many may fail before no other is begun with' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l all-online -d 'All that Systems Manager has online'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l remove -d 'Remove what was installed'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -l dry-run -d 'Show which instances, and change none'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand deploy" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l instance-ids -d 'These instances' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l targets -d 'By tag, like Key=tag:role,Values=web,db' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l profile -d 'The profile of the aws CLI' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l region -d 'The region [default: that of the profile]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l document-timeout -d 'Seconds the script may run there' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l all-online -d 'All that Systems Manager has online'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand fleet-status" -s h -l help -d 'Print help'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand watch" -l unit -d 'The unit [default: whichever agent\'s is there]' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand watch" -l asleep-for -d 'For how long it has to be asleep' -r
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand watch" -l json -d 'One JSON object a line'
complete -c ssm-keepalive -n "__fish_ssm_keepalive_using_subcommand watch" -s h -l help -d 'Print help'
