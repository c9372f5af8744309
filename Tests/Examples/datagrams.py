"""UDPEcho, Broadcast, Multicast and Discovery."""
import contextlib
import os
import re
import signal
import socket
import struct
import sys
import time

from kit import (
    Example, Program, check, check_failure, check_usage, compiled, port_of, run, sources
)


@contextlib.contextmanager
def foreign_programs():
    """Textbook programs by their languages, each as the beginning of a command."""
    with compiled("datagrams.c") as program:
        found = {"Python": [sys.executable, sources / "datagrams.py"]}
        if program:
            found["C"] = [program]
        yield found


def processor_time(program):
    """The seconds that a program has run."""
    fields = open(f"/proc/{program.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def udp_echo():
    with Example("UDPEcho", "127.0.0.1:0") as server, foreign_programs() as programs:
        address = server.address()
        port = port_of(address)
        for language, command in programs.items():
            result = run(*command, "ask", port)
            check(f"a {language} client has datagrams of 0 to 65,507 bytes echoed",
                  result.stdout == b"ok\n", result.stderr.decode())
        with contextlib.ExitStack() as stack:
            peers = []
            for number in range(20):
                peer = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                peer.settimeout(20)
                peer.sendto(b"%d" % number, ("127.0.0.1", port))
                peers.append(peer)
            good = all(peer.recv(100) == b"%d" % number for number, peer in enumerate(peers))
            check("each of 20 clients gets its own datagram back", good)
        check_failure(f"bind {address}: address already in use (EADDRINUSE)", "UDPEcho", address)
        with contextlib.suppress(PermissionError):
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as forger:
                before = processor_time(server)
                forged = struct.pack("!HHHH", port, port, 8 + 5, 0) + b"forge"
                forger.sendto(forged, ("127.0.0.1", 0))
                time.sleep(0.5)
                used = processor_time(server) - before
                check("UDPEcho does not answer itself", used < 0.2, f"{used} s")
        check("UDPEcho leaves on SIGTERM and exits 0", server.end() == 0)
    with Example("UDPEcho", "[::1]:0") as server:
        port = port_of(server.address())
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
            client.settimeout(20)
            client.sendto(b"six", ("::1", port))
            check("UDPEcho answers over IPv6", client.recv(100) == b"six")
        check("UDPEcho leaves on SIGINT and exits 0", server.end(signal.SIGINT) == 0)
    for wrong in (["127.0.0.1"], ["localhost:9"], ["unix:/x"], ["-h"], ["a", "b"]):
        check_usage("UDPEcho", *wrong)


def messages(example, address):
    """Broadcast and Multicast, each with itself and with textbook programs."""
    with foreign_programs() as programs:
        with Example(example, "receive", f"{address}:0") as receiver:
            here = receiver.address()
            with Example(example, "receive", here) as another:
                check(f"two {example} share a port", another.address() == here)
                for language, command in programs.items():
                    run(*command, "send", address, port_of(here), "one", "", "two", check=True)
                    for program in (receiver, another):
                        heard = [program.line() for _ in range(3)]
                        good = all(
                            re.fullmatch(rf"127\.0\.0\.1:\d+: {text}", line)
                            for text, line in zip(["one", "", "two"], heard)
                        )
                        check(f"{example} hears a {language} program", good, heard)
                check(f"{example} receive exits 0 on SIGINT", another.end(signal.SIGINT) == 0)
            with Example(example, "send", here) as sender:
                first = [receiver.line() for _ in range(2)]
                source = first[0].removesuffix(": message 1")
                check(f"{example} numbers its messages",
                      first == [f"{source}: message 1", f"{source}: message 2"], first)
                check("and says what it sends", sender.line() == "sent message 1")
                check(f"{example} send exits 0 on SIGTERM", sender.end() == 0)
            check(f"{example} receive exits 0 on SIGTERM", receiver.end() == 0)
        for language, command in programs.items():
            with Program(*command, "receive", address, 0, 2) as receiver:
                port = receiver.line()
                with Example(example, "send", f"{address}:{port}") as sender:
                    heard = [receiver.line() for _ in range(2)]
                    good = all(
                        re.fullmatch(rf"127\.0\.0\.1:\d+: message {number}", line)
                        for number, line in enumerate(heard, 1)
                    )
                    check(f"a {language} program hears {example}", good, heard)
                    sender.end()
    for wrong in ([], ["shout"], ["send", "x"], ["receive", "x"], ["send", address],
                  ["send", "[::1]:9"], ["receive", "unix:/x"]):
        check_usage(example, *wrong)


def broadcast():
    messages("Broadcast", "127.255.255.255")
    # A socket that does not share has the port.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as owner:
        owner.bind(("127.255.255.255", 0))
        address = f"127.255.255.255:{owner.getsockname()[1]}"
        check_failure(f"bind {address}: address already in use (EADDRINUSE)",
                      "Broadcast", "receive", address)


def multicast():
    messages("Multicast", "239.0.0.10")
    check_usage("Multicast", "send", "127.0.0.1:9")
    check_usage("Multicast", "receive", "[ff02::1:5%lo]:9", "nowhere0", "more")
    check_failure('list interfaces: no interface is named "nowhere0"',
                  "Multicast", "receive", "239.0.0.10:9", "nowhere0")


def check_discovery(where, ada, grace):
    """Two peers in one place or two."""
    for program, other in ((ada, "grace"), (grace, "ada")):
        program.until("1 peer")
        line = program.line()
        check(f"Discovery finds a peer {where}", line.startswith(f"  {other} at "), line)
    check("Discovery exits 0 on SIGTERM", grace.end() == 0)
    check("and is missed", ada.until("peer") == "0 peers")
    check("Discovery exits 0 on SIGINT", ada.end(signal.SIGINT) == 0)


def discovery():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("239.0.0.11", 0))
        group = f"239.0.0.11:{probe.getsockname()[1]}"
    with Example("Discovery", "ada", group) as ada, Example("Discovery", "grace", group) as grace:
        check_discovery("on this machine", ada, grace)
    check_usage("Discovery", "ada", "239.0.0.11")
    check_usage("Discovery", "ada", "127.0.0.1:9")
    check_failure('list interfaces: no interface is named "nowhere0"',
                  "Discovery", "ada", group, "nowhere0")


@contextlib.contextmanager
def two_hosts():
    """Two network namespaces with a cable between them; each as the beginning of a command. None
    where they may not be made."""
    names = [f"examples{os.getpid()}{side}" for side in "lr"]
    left, right = (f"ip -n {name}" for name in names)
    script = f"""set -e
        ip netns add {names[0]}; ip netns add {names[1]}
        {left} link add v0 type veth peer name v0 netns {names[1]}
        {left} link set v0 addrgenmode none; {right} link set v0 addrgenmode none
        {left} link set v0 up; {right} link set v0 up
        {left} addr add fe80::1/64 dev v0 nodad; {right} addr add fe80::2/64 dev v0 nodad"""
    try:
        made = run("sh", "-c", script)
        if made.returncode:
            print("left out, as namespaces cannot be made:", made.stderr.decode())
            yield None
        else:
            yield [["ip", "netns", "exec", name] for name in names]
    finally:
        for name in names:
            run("ip", "netns", "del", name)


def ipv6_groups():
    with two_hosts() as hosts:
        if not hosts:
            return
        left, right = hosts
        # The receiver names the interface as the zone, the sender as an argument.
        with Example("Multicast", "receive", "[ff02::1:5%v0]:0", prefix=right) as receiver:
            port = port_of(receiver.address())
            with Example("Multicast", "send", f"[ff02::1:5]:{port}", "v0", prefix=left) as sender:
                line = receiver.line()
                good = re.fullmatch(r"\[fe80::1%v0\]:\d+: message 1", line)
                check("Multicast reaches an IPv6 group on another host", good, line)
                check("Multicast send exits 0", sender.end() == 0)
            check("Multicast receive exits 0", receiver.end() == 0)
        group = "[ff02::1:6%v0]:9998"
        with Example("Discovery", "ada", group, prefix=left) as ada:
            with Example("Discovery", "grace", group, "v0", prefix=right) as grace:
                check_discovery("on another host by IPv6", ada, grace)


sections = [udp_echo, broadcast, multicast, discovery, ipv6_groups]
