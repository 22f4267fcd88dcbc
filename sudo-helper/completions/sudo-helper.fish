# sudo-helper(8) in fish.

# The words before the one that is typed that are neither an option nor its value.
function __sudo_helper_given
    set -l words (commandline -opc)[2..]
    set -l given
    while set -q words[1]
        if test "$words[1]" = --policy
            set -e words[1]
        else if not string match -q -- '-*' $words[1]
            set -a given $words[1]
        end
        set -e words[1]
    end
    set -q given[1]; and printf '%s\n' $given
end

# Whether the request is one of these; none: that there is no word yet.
function __sudo_helper_asks
    set -l given (__sudo_helper_given)
    if set -q argv[1]
        contains -- "$given[1]" $argv
    else
        not set -q given[1]
    end
end

# The same without explain in front.
function __sudo_helper_operation
    set -l given (__sudo_helper_given)
    test "$given[1]" = explain; and set -e given[1]
    set -q given[1]; and printf '%s\n' $given
end

# Whether these words, and no more, are there; explain may stand before them.
function __sudo_helper_after
    set -l given (__sudo_helper_operation)
    test "$given" = "$argv"
end

function __sudo_helper_service_verb
    set -l given (__sudo_helper_operation)
    test (count $given) -eq 2; and test "$given[1]" = service
end

function __sudo_helper_packages
    set -l given (__sudo_helper_operation)
    test "$given[1]" = package; and contains -- "$given[2]" $argv
end

complete -c sudo-helper -f
complete -c sudo-helper -n __sudo_helper_after -a service -d 'What systemctl does to one unit'
complete -c sudo-helper -n __sudo_helper_after -a package -d 'What apt-get does'
complete -c sudo-helper -n __sudo_helper_after -a run -d 'What the policy itself defines'
complete -c sudo-helper -n __sudo_helper_asks -a list -d 'What is allowed, and its risks'
complete -c sudo-helper -n __sudo_helper_asks -a explain -d 'Whether an operation is allowed, and why'
complete -c sudo-helper -n __sudo_helper_asks -a pending -d 'What waits for approval'
complete -c sudo-helper -n __sudo_helper_asks -a approve -d 'Approve what waits'
complete -c sudo-helper -n __sudo_helper_asks -a deny -d 'Deny what waits'
complete -c sudo-helper -n __sudo_helper_asks -a wait -d 'Run what was approved'
complete -c sudo-helper -n __sudo_helper_asks -a default-policy -d 'Print a policy to begin with'
complete -c sudo-helper -n __sudo_helper_asks -a check-policy -d 'Say what is wrong with a policy'
complete -c sudo-helper -n __sudo_helper_asks -a probe -d 'Answer, for an installer'
complete -c sudo-helper -n __sudo_helper_asks -a ssh -d 'Run SSH_ORIGINAL_COMMAND'
complete -c sudo-helper -n '__sudo_helper_after service' -a 'status start stop restart reload enable disable'
complete -c sudo-helper -n '__sudo_helper_after package' -a 'install remove update upgrade autoremove autoclean repair'
complete -c sudo-helper -n __sudo_helper_service_verb -a '(systemctl list-units --all --plain --no-legend --no-pager --type=service,socket,timer,path,mount 2>/dev/null | string replace -r " .*" "")'
complete -c sudo-helper -n '__sudo_helper_packages install' -a '(apt-cache --no-generate pkgnames (commandline -ct) 2>/dev/null)'
complete -c sudo-helper -n '__sudo_helper_packages remove' -a '(dpkg-query --show --showformat="\${Package}\n" 2>/dev/null)'
complete -c sudo-helper -n '__sudo_helper_asks check-policy' -F
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks service package run' -l dry-run -d 'Print what would be done, and do nothing'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks service package run' -l no-wait -d 'Under approval: answer at once, with an id'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks service package run wait' -l compat-exit -d '0 also when the operation failed'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks service' -l no-block -d 'Do not wait for the unit'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks list pending' -l json -d 'JSON on a terminal too'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks pending' -l watch -d 'Go on telling'
complete -c sudo-helper -n '__sudo_helper_asks; or __sudo_helper_asks explain' -l policy -r -F -d 'The policy, instead of the one of this machine'
complete -c sudo-helper -s h -l help -d 'Print a summary'
complete -c sudo-helper -s V -l version -d 'Print the version'
