"""The servers on many cores and in many processes, each once, and Backends. What they do under load
is tried by Tests/Operations."""
import contextlib
import os
import re
import signal
import urllib.request

from kit import (
    Example, check, check_echo, check_failure, check_usage, folder, port_of, run, taken_port
)


def check_server(example, *more):
    """An echo server whose first argument is an address."""
    with Example(example, "127.0.0.1:0", *more) as server:
        port = port_of(server.address())
        for number in range(4):
            check_echo(f"{example} answers client {number}", port)
        check(f"{example} exits 0 on SIGTERM", server.end() == 0)


def check_manners(example):
    check_usage(example, "127.0.0.1")
    check_usage(example, "a", "b", "c", "d")
    with taken_port() as address:
        check_failure(f"bind {address}: address already in use (EADDRINUSE)", example, address)


def multicore_echo():
    check_server("MulticoreEcho")
    check_manners("MulticoreEcho")


def prefork_echo():
    check_server("PreforkEcho", "2")
    check_manners("PreforkEcho")


def hot_restart():
    with Example("HotRestart", "127.0.0.1:0") as server:
        address = server.address()
        port = port_of(address)
        check_echo("HotRestart answers", port)
        os.kill(server.pid, signal.SIGUSR2)
        # The successor writes to the same output; which of the two lines is first is open.
        lines = sorted(server.line() for _ in range(2))
        check("its successor listens at the same address", lines[0] == f"listening on {address}")
        match = re.fullmatch(r"process (\d+) has taken over", lines[1])
        check("and has taken over", match, lines)
        successor = int(match.group(1))
        try:
            check("the old version exits 0", server.wait() == 0)
            check_echo("the successor answers", port)
            os.kill(successor, signal.SIGTERM)
            check("and leaves on SIGTERM", server.line() is None)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(successor, signal.SIGKILL)
    check_manners("HotRestart")


def http_hello():
    with Example("HTTPHello", "127.0.0.1:0") as server:
        address = server.address()
        with urllib.request.urlopen(f"http://{address}/", timeout=20) as answer:
            check("HTTPHello answers", answer.status == 200 and answer.read())
        check("HTTPHello exits 0 on SIGTERM", server.end() == 0)
    check_manners("HTTPHello")


def backends():
    result = run(folder / "Backends", "10", "20")
    output = result.stdout.decode()
    check("Backends compares all four", "epoll  epoll-level         poll       select" in output)
    for count in (10, 20):
        check(f"and serves {count} connections by each",
              re.search(rf"^ +{count}( +\d+/s){{4}}\n( +[\d.]+ µs){{4}}$", output, re.M))
    check("Backends exits 0", result.returncode == 0, result.stderr.decode())
    for wrong in (["many"], ["0"], ["serve", "kqueue"]):
        check_usage("Backends", *wrong)


sections = [multicore_echo, prefork_echo, hot_restart, http_hello, backends]
