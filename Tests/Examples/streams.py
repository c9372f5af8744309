"""EchoServer, EchoClient, HalfClose and Chat."""
import asyncio
import os
import pathlib
import shutil
import signal
import socket
import struct
import time
import zlib

from kit import (
    Example, check, check_echo, check_failure, check_usage, compiled, folder, port_of, rss, run
)


def echo_with_programs(port):
    text = b"one\ntwo\nthree\n"
    for name, command in [
        ("nc", ["nc", "-N", "127.0.0.1", port]),
        ("socat", ["socat", "-t", "10", "-", f"TCP:127.0.0.1:{port}"]),
    ]:
        if shutil.which(name):
            check(f"{name} is echoed", run(*command, input=text).stdout == text)
        else:
            print("left out", name)
    echo_with_c(port)


def echo_with_c(address):
    """`address` is a port, or the path of a Unix socket."""
    with compiled("blocking.c") as client:
        for mib, name in [("0", "one byte at a time"), ("100", "100 MiB and a half-close")]:
            if client:
                result = run(client, address, mib)
                good = result.returncode == 0
                check(f"a C client is echoed {name}", good, result.stderr.decode())


def echo_with_python(server, port):
    for size in (1, 100, 70_000):
        check_echo(f"Python is echoed {size} bytes", port, os.urandom(size))

    async def many():
        async def one(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            message = b"%d\n" % number
            writer.write(message)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer == message

        return all(await asyncio.gather(*(one(number) for number in range(300))))

    check("300 asyncio clients at once are echoed", asyncio.run(many()))

    # A client that never reads: the server must stop reading from it, not collect its bytes.
    before = rss(server)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(1)
        sent = 0
        try:
            while sent < 1 << 30:
                sent += client.send(bytes(1 << 20))
        except TimeoutError:
            pass
        grown = rss(server) - before
        check("a client that never reads is held back", sent < 1 << 28, f"{sent >> 20} MiB sent")
        check("and costs the server little", grown < 8192, f"{grown} KiB")

    # Resets in mid-stream, and the server goes on.
    for _ in range(100):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(bytes(100_000))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    check_echo("it lives after 100 resets", port)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and connections(server) > 1:
        time.sleep(0.05)
    check("no connection stays behind", connections(server) <= 1, f"{connections(server)}")


def connections(server):
    """The server's sockets: its listener, which each loop may have a descriptor of, and its clients."""
    links = pathlib.Path(f"/proc/{server.pid}/fd").iterdir()
    return len({name for name in map(os.readlink, links) if name.startswith("socket:")})


def echo_server():
    with Example("EchoServer", "127.0.0.1:0") as server:
        address = server.address()
        port = port_of(address)
        echo_with_programs(port)
        echo_with_python(server, port)
        client = run(folder / "EchoClient", address, "5")
        expected = "".join(f"message {number}\n" for number in range(1, 6))
        check("EchoClient prints what comes back", client.stdout.decode() == expected)
        check_failure(
            f"bind {address}: address already in use (EADDRINUSE)", "EchoServer", address
        )
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(b"x")
            idle.recv(1)
            check("EchoServer leaves on SIGTERM and exits 0", server.end() == 0)
    with Example("EchoServer", "127.0.0.1:0") as server:
        address = server.address()
        check("EchoServer leaves on SIGINT and exits 0", server.end(signal.SIGINT) == 0)
    check_failure(
        f"connect {address} from 127.0.0.1:PORT: connection refused (ECONNREFUSED)",
        "EchoClient",
        address,
    )
    for example in ("EchoServer", "EchoClient", "HalfClose", "Chat"):
        check_usage(example, "a", "b", "c")
    for example in ("EchoServer", "EchoClient", "Chat"):
        check_usage(example, "127.0.0.1")
        check_usage(example, "two..dots:9")
        check_usage(example, "[::1%nowhere]:9")
    check_usage("EchoServer", "unix:/" + 200 * "x")


def half_close():
    result = run(folder / "HalfClose", "LICENSE")
    content = pathlib.Path("LICENSE").read_bytes()
    expected = f"{len(content)} bytes, CRC-32 {zlib.crc32(content)}"
    check("HalfClose tells size and checksum", result.stdout.decode().endswith(expected + "\n"))
    check_failure("cannot read no such file", "HalfClose", "no such file")


def chat():
    with Example("Chat", "127.0.0.1:0") as server:
        port = port_of(server.address())
        guests = []
        for number in range(4):
            guest = socket.create_connection(("127.0.0.1", port))
            guest.settimeout(20)
            guests.append(guest.makefile("rwb", buffering=0))
            if number:
                assert guests[0].readline() == b"* guest %d joined\n" % (number + 1)
        # The last guest never reads; the others must not notice.
        line = b"x" * 3000
        for number in range(3000):
            guests[0].write(line + b"\n")
            if number % 50 == 49:
                guests[0].write(b"mark %d\n" % number)
                while (heard := guests[1].readline()) != b"guest 1: mark %d\n" % number:
                    assert heard, "the room closed"
        check("a slow reader does not stall the room", True)
        check("and costs the server little", rss(server) < 100_000, f"{rss(server)} KiB")
        check("Chat leaves on SIGTERM and exits 0", server.end() == 0)


sections = [echo_server, half_close, chat]
