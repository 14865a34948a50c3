"""Confine this process for good: namespaces, a root of its own, landlock, seccomp. Linux only, no package.

Each function raises OSError where the kernel lacks it or refuses this user. None of them can be undone, so a
process tries it in a child first (`can_separate`) or is about to run foreign code anyway.
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_RDONLY, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x1000, 0x4000, 0x40000
_PDEATHSIG, _SET_SECCOMP, _NO_NEW_PRIVS = 1, 22, 38
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_NOBODY = 65534


# Namespaces --------------------------------------------------------------------------------------


def separate(*, network: bool, hidden: Sequence[str]) -> None:
    """Enter namespaces of our own, with nothing changed if the kernel refuses."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEWUSER | _NEWNS | (0 if network else _NEWNET))
    # The same user outside. Inside never 0, whose programs would get all capabilities of the namespace.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user or _NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group or _NOBODY} {group} 1")
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    for path in map(Path, hidden):
        if path.is_dir():
            _call("mount", b"none", bytes(path), b"tmpfs", _MS_RDONLY, None)
        elif path.exists():
            _call("mount", b"/dev/null", bytes(path), None, _MS_BIND, None)
    if not network:
        # Several processes of one training meet there, and wandb's two.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def can_separate() -> bool:
    """Whether this kernel lets this user have namespaces."""
    return can(separate, network=False, hidden=())


def can(confine: Callable[..., None], *arguments: object, **words: object) -> bool:
    """Whether a function of this module works here. In a child, as it cannot be undone."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            confine(*arguments, **words)
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def leave_only(folders: Sequence[Path]) -> None:
    """Make these folders all that is left of the file system. After `separate`."""
    folders = _outermost(folders)
    opened = [os.open(folder, os.O_PATH | os.O_DIRECTORY) for folder in folders]  # the new root may cover one
    root = Path("/tmp")  # noqa: S108  (ours alone: it is covered in this namespace only)
    _call("mount", b"none", bytes(root), b"tmpfs", 0, None)
    for folder, number in zip(folders, opened, strict=True):
        place = root / folder.relative_to("/")
        place.mkdir(parents=True)
        _call("mount", b"/proc/self/fd/%d" % number, bytes(place), None, _MS_BIND | _MS_REC, None)
        os.close(number)
    os.chroot(root)
    os.chdir("/")


def _outermost(folders: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in sorted({one.resolve() for one in folders}):
        if not any(folder.is_relative_to(one) for one in found):
            found.append(folder)
    return found


# Landlock ----------------------------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # of every architecture
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""By version of landlock: how many kinds of access to files it knows, which are the bits from the lowest."""


def read_only_below(folders: Sequence[Path]) -> None:
    """Landlock: files are opened below these folders only, for reading; TCP and signals are refused too.

    Raises OSError on Linux before 5.13, and where landlock is switched off.
    """
    version = _call("syscall", _CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    files = (1 << _RIGHTS[max(known for known in _RIGHTS if known <= version)]) - 1
    network, scopes = (0b11 if version >= 4 else 0), (0b11 if version >= 6 else 0)
    words = (files, network, scopes)[: 1 if version < 4 else 2 if version < 6 else 3]
    rules = struct.pack(f"{len(words)}Q", *words)
    ruleset = _call("syscall", _CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    for folder in folders:
        number = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        rule = struct.pack("=Qi", _READ_FILE | _READ_DIRECTORY, number)
        _call("syscall", _ADD_RULE, ruleset, 1, rule, 0)
        os.close(number)
    gain_nothing()
    _call("syscall", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


# Seccomp -----------------------------------------------------------------------------------------

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""By machine: what the kernel calls it, and the column of `_CALLS`."""

_CALLS = (
    # Read and look; a file is opened for reading only (below).
    *((0, 63), (19, 65), (17, 67), (8, 62), (3, 57), (5, 80), (262, 79), (4,), (6,), (332, 291)),
    *((21,), (269, 48), (439, 439), (89,), (267, 78), (79, 17), (217, 61), (7,), (271, 73), (270, 72)),
    *((1, 64), (20, 66)),  # write: to the one pipe that is open
    *((9, 222), (10, 226), (11, 215), (12, 214), (25, 216), (28, 233)),  # memory
    *(
        (202, 98),
        (24, 124),
        (204, 123),
        (334, 293),
        (324, 283),
        (273, 99),
        (158,),
        (186, 178),
    ),  # threads: one
    *(
        (13, 134),
        (14, 135),
        (15, 139),
        (131, 132),
        (37,),
        (36, 102),
        (38, 103),
    ),  # signals and alarms of its own
    *((35, 101), (230, 115), (228, 113), (229, 114), (96, 169), (201,), (100, 153), (98, 165)),  # time
    *(
        (39, 172),
        (110, 173),
        (102, 174),
        (104, 176),
        (107, 175),
        (108, 177),
        (63, 160),
        (99, 179),
    ),  # who, where
    *((97, 163), (318, 278), (231, 94), (60, 93)),  # its limits, random bytes, the end
)
"""The system calls that Python's own computing needs: (x86_64, aarch64), or x86_64 alone.

read readv pread64 lseek close fstat newfstatat stat lstat statx, access faccessat faccessat2 readlink
readlinkat getcwd getdents64 poll ppoll pselect6, write writev, mmap mprotect munmap brk mremap madvise,
futex sched_yield sched_getaffinity rseq membarrier set_robust_list arch_prctl gettid, rt_sigaction
rt_sigprocmask rt_sigreturn sigaltstack alarm getitimer setitimer, nanosleep clock_nanosleep clock_gettime
clock_getres gettimeofday time times getrusage, getpid getppid getuid getgid geteuid getegid uname sysinfo,
getrlimit getrandom exit_group exit
"""

_OPENAT, _PRLIMIT = (257, 56), (302, 261)
_TO_WRITE = (
    os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000
)  # the last: O_TMPFILE
_LOAD, _EQUALS, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _THIRD, _THIRD_HIGH = 0, 4, 16, 32, 36  # offsets into what a filter sees
_ALLOWED, _REFUSED, _KILLED = 0x7FFF0000, 0x00050001, 0x80000000  # refused: EPERM


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def compute_only() -> None:
    """Seccomp: from now on this process computes and reads files, and the kernel refuses all else (EPERM).

    No process or thread, no signal to another process, no socket, no file written. Its open files stay.
    """
    if platform.machine() not in _ARCHITECTURES:
        raise OSError(f"no filter of system calls for {platform.machine()}")
    architecture, column = _ARCHITECTURES[platform.machine()]
    calls = [one[column] for one in _CALLS if column < len(one)]
    # (what, where to if so, where to if not, value); "": the next step.
    steps: list[tuple[int, str, str, int]] = [
        (_LOAD, "", "", _ARCHITECTURE),
        (_EQUALS, "", "killed", architecture),
        (_LOAD, "", "", _NUMBER),
        (_AT_LEAST, "refused", "", 0x40000000),  # x32 has numbers of its own
        *((_EQUALS, "allowed", "", call) for call in calls),
        (_EQUALS, "openat", "", _OPENAT[column]),
        (_EQUALS, "prlimit", "refused", _PRLIMIT[column]),
    ]
    places = {"openat": len(steps), "prlimit": len(steps) + 2}
    steps += [
        (_LOAD, "", "", _THIRD),
        (_HAS_BIT, "refused", "allowed", _TO_WRITE),
        (_LOAD, "", "", _FIRST),
        (_EQUALS, "", "refused", 0),  # its own process
        (_LOAD, "", "", _THIRD),
        (_EQUALS, "", "refused", 0),  # and no limit to set
        (_LOAD, "", "", _THIRD_HIGH),
        (_EQUALS, "allowed", "refused", 0),
    ]
    places |= {"allowed": len(steps), "refused": len(steps) + 1, "killed": len(steps) + 2}
    steps += [(_RETURN, "", "", _ALLOWED), (_RETURN, "", "", _REFUSED), (_RETURN, "", "", _KILLED)]
    packed = b"".join(
        struct.pack("=HBBI", what, *(places[to] - place - 1 if to else 0 for to in (yes, no)), value)
        for place, (what, yes, no, value) in enumerate(steps)
    )
    gain_nothing()
    _call("prctl", _SET_SECCOMP, 2, ctypes.byref(_Filter(len(steps), packed)), 0, 0)


# Limits ------------------------------------------------------------------------------------------


def gain_nothing() -> None:
    """No program that this process becomes has more rights than it."""
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)


def end_with_parent(signal: int) -> None:
    """The kernel sends `signal` when the process that forked this one ends."""
    _call("prctl", _PDEATHSIG, signal, 0, 0, 0)


def limit(which: int, most: int) -> None:
    """A limit of `resource` that is not raised again; at most the present one."""
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def _call(name: str, *arguments: object) -> int:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    result: int = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
