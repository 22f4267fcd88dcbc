"""sudo-helper's `service status`, as one would write it with argparse and subprocess."""
import argparse
import json
import subprocess
import sys
import syslog

POLICY = "/etc/sudo-helper/policy.json"
FLAGS = ["/usr/bin/systemctl", "--system", "--no-pager", "--no-ask-password", "--plain"]
PROPERTIES = "Id,Names,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,MainPID,NRestarts,Type"
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb", "PAGER": "cat",
    "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0", "SYSTEMD_URLIFY": "0", "SYSTEMD_EMOJI": "0",
}


def run(*words):
    return subprocess.run([*FLAGS, *words], env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, start_new_session=True, timeout=1800)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("category", choices=["service"])
    parser.add_argument("verb", choices=["status"])
    parser.add_argument("name")
    asked = parser.parse_args()
    operation = f"service {asked.verb} {asked.name}"
    with open(POLICY) as file:
        allowed = json.load(file).get("services", {}).get(asked.name, [])
    syslog.openlog("stand-in", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(f"event=request operation={operation!r}")
    if asked.verb not in allowed:
        print(json.dumps({"success": False, "error": f"{operation} is not allowed", "code": "denied"}))
        sys.exit(3)
    unit = asked.name + ".service"
    state = dict(line.split("=", 1) for line in run("-p", PROPERTIES, "show", "--", unit).stdout.splitlines())
    ran = run("-n", "0", "-l", "status", "--", unit)
    syslog.syslog(f"event=result operation={operation!r} returncode={ran.returncode}")
    print(json.dumps({"success": ran.returncode in (0, 3), "returncode": ran.returncode, "stdout": ran.stdout,
                      "stderr": ran.stderr, "active": state["ActiveState"] == "active", **state}))


main()
