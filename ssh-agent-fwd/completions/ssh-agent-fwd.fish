# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ssh_agent_fwd_global_optspecs
    string join \n h/help V/version
end

function __fish_ssh_agent_fwd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ssh_agent_fwd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ssh_agent_fwd_using_subcommand
    set -l cmd (__fish_ssh_agent_fwd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -s V -l version -d 'Print version'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "up" -d 'Provision a user: agent, keys, forwarder, ssh files, or change nothing'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "down" -d 'Take an instance down, so that nothing of it is left'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "exec" -d 'Run a command with an agent and a forwarder of its own'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "load" -d 'Put a manifest\'s keys back after drop, those that the policy names'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "list" -d 'List an instance\'s keys, and what each may sign'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "drop" -d 'Have an instance\'s agent forget every key, now'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "status" -d 'Tell whether an instance is ready, and what helps if it is not'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "check" -d 'Say what the policy decides of a captured connection, and why'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_needs_command" -f -a "serve" -d 'Serve an agent\'s keys to others, as policy says, in the foreground'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l manifest -d 'The manifest: a private file of root\'s, or - for standard input' -r -F
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l ready-fd -d 'Write a newline there when everything is ready' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l foreground -d 'Stay until a signal comes or a daemon ends'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l system-ssh-config -d 'Write files of root\'s in /etc/ssh, and none in the home'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l record-required -d 'Sign nothing that cannot be recorded'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l dry-run -d 'Say what would be done, and do nothing'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -s q -l quiet -d 'Print no warnings'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand up" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand down" -l name -d 'The instance' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand down" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand down" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand exec" -l manifest -d 'The manifest: a private file of the caller\'s, or - for standard input' -r -F
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand exec" -l record-required -d 'Sign nothing that cannot be recorded'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand exec" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand load" -l manifest -d 'The manifest: a private file of root\'s, or - for standard input' -r -F
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand load" -l name -d 'The instance [default: the one that the manifest names]' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand load" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand load" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand list" -l name -d 'The instance' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand list" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand list" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand drop" -l name -d 'The instance' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand drop" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand drop" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand status" -l name -d 'The instance' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand status" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand status" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand check" -l name -d 'The instance whose policy counts' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand check" -l policy -d 'This policy instead, a JSON file of root\'s' -r -F
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand check" -l unverified -d 'Take it that the agent has verified no session-bind'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand check" -l json -d 'Answer with one JSON object'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand check" -s h -l help -d 'Print help'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l listen -d 'The socket for clients, in a folder of root\'s' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l agent -d 'The socket of the agent' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l allow-user -d 'A user that may connect too, by name or uid' -r -f -a "(__fish_complete_users)"
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l allow-group -d 'A group whose members may too, by name or gid' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l policy -d 'What may be signed; without it nothing is' -r -F
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l mode -d 'The socket\'s mode [default: 600, 660 for a group]' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l record -d 'The record\'s place: stderr or syslog' -r -f -a "stderr\t'Standard error'
syslog\t'syslog(3), as LOG_AUTHPRIV'"
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l ready-fd -d 'Write a newline there when clients are served' -r
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l allow-opaque -d 'Sign also what is neither a login nor SSHSIG'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -l record-required -d 'Sign nothing that cannot be recorded'
complete -c ssh-agent-fwd -n "__fish_ssh_agent_fwd_using_subcommand serve" -s h -l help -d 'Print help'
