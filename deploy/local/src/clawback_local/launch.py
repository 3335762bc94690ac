"""Executes another program that ends with its supervisor.

Run as a separate script (`python -I -S launch.py SUPERVISOR_PID DEATH_SIGNAL IDENTITY -- argv…`), because its work
between fork and exec must not happen inside the supervisor. IDENTITY is one of

- `self`: the current user;
- `namespace`: nobody in a new user namespace, which is still the current user outside. PostgreSQL refuses to run as
  root or as a user without a name, and another user could not enter a folder that only the current user can enter;
- a number: that user and group, for machines where root may not create a user namespace.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
CANNOT = 126
NOBODY = 65534


def main(argv: list[str]) -> None:
    """Sets the identity, ties the process to the supervisor, and executes the program."""
    supervisor, death_signal, identity, _, *program = argv
    try:
        take_identity(identity)
        tie_to(int(supervisor), int(death_signal))
        os.execvp(program[0], program)  # noqa: S606 - executing another program is the purpose
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]} as {identity}: {error}\n")
        raise SystemExit(CANNOT) from None


def take_identity(identity: str) -> None:
    """Changes the user; errors are OSError."""
    if identity == "namespace":
        uid, gid = os.geteuid(), os.getegid()
        _checked(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{NOBODY} {uid} 1")
        _write("/proc/self/gid_map", f"{NOBODY} {gid} 1")
    elif identity != "self":
        number = int(identity)
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)


def tie_to(supervisor: int, death_signal: int) -> None:
    """Makes the kernel signal this process when the supervisor dies.

    Called after a change of user, which resets this.
    """
    _checked(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
    if os.getppid() != supervisor:
        raise SystemExit(CANNOT)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib would double the start-up time of every process
        file.write(text)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(sys.argv[1:])
