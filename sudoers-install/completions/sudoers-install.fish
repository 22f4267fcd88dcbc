# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sudoers_install_global_optspecs
    string join \n h/help V/version
end

function __fish_sudoers_install_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sudoers_install_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sudoers_install_using_subcommand
    set -l cmd (__fish_sudoers_install_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -s V -l version -d 'Print version'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -f -a "install" -d 'Put a rule in place on this host'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -f -a "remove" -d 'Remove the rules that this program has written'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -f -a "status" -d 'Tell which rules are in place, and whether they have effect'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -f -a "lint" -d 'Tell which rules of sudoers files lead to root'
complete -c sudoers-install -n "__fish_sudoers_install_needs_command" -f -a "cluster" -d 'The same on every host of an inventory'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l user -d 'The account that gets the rule [default: the one that called sudo]' -r -f -a "(__fish_complete_users)"
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l helper -d 'The program that the rule names [default: sudo-helper beside this program or in a system folder]' -r -F
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l command -d 'Allow this command with these arguments instead of sudo-helper; may be given several times' -r
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l replace-legacy -d 'Remove the rules of systems-manager-helper once the new one is proven'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l dry-run -d 'Show the change and make none'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -l json -d 'One JSON object a line'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand install" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand remove" -l user -d 'Only the rules of this account [default: all that this program has written]' -r -f -a "(__fish_complete_users)"
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand remove" -l dry-run -d 'Show the change and make none'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand remove" -l json -d 'One JSON object a line'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand remove" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand status" -l json -d 'One JSON object a line'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand status" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand lint" -l json -d 'One JSON object a line'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand lint" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l inventory -d 'The hosts; - for standard input [default: ~/.config/agent-utilities/inventory.yaml]' -r -F
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l limit -d 'Only hosts whose alias or group fits the pattern' -r
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l skip -d 'Never contact this host; may be repeated' -r
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l jobs -d 'Hosts at a time' -r
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l user -d 'The account of the rule [default: the login]' -r -f -a "(__fish_complete_users)"
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l helper -d 'The rule\'s program' -r -F
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l password-fd -d 'Read the sudo password there, and do not ask' -r
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l accept-new-host-keys -d 'Accept keys that ssh does not know; never changed'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l allow-login-grantee -d 'Send the password also to the rule\'s account'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l replace-legacy -d 'Remove systems-manager-helper\'s, once proven'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l keep-going -d 'Go on after a host has refused the password'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l dry-run -d 'Show the change and make none'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -l json -d 'One JSON object a line'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -s h -l help -d 'Print help'
complete -c sudoers-install -n "__fish_sudoers_install_using_subcommand cluster" -f -a "install status remove"
