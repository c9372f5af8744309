"""UnixEcho and PassDescriptor, and EchoServer at a path."""
import os
import pathlib
import socket
import stat
import tempfile

from kit import Example, check, check_echo, check_failure, check_usage, folder, port_of, run
from streams import echo_with_c


def unix_echo():
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/echo"
        for example, argument in (("UnixEcho", path), ("EchoServer", f"unix:{path}")):
            with Example(example, argument) as server:
                check(f"{example} tells its path", server.address() == argument)
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(20)
                    client.connect(path)
                    client.sendall(b"hello")
                    check(f"{example} answers at a path", client.recv(100) == b"hello")
                echo_with_c(path)
                if example == "UnixEcho":
                    mode = stat.S_IMODE(os.stat(path).st_mode)
                    check("nobody else may connect", mode == 0o600, oct(mode))
                sentence = "address already in use (EADDRINUSE): another socket has it"
                check_failure(f"bind unix:{path}: {sentence}", example, argument)
                check(f"{example} exits 0 on SIGTERM", server.end() == 0)
                check("and removes its path", not os.path.exists(path))
    check_usage("UnixEcho", "a", "b")
    check_usage("UnixEcho", 200 * "x")


def pass_descriptor():
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/pass"
        with Example("PassDescriptor", "give", path, "LICENSE") as giver:
            giver.address()
            taken = run(folder / "PassDescriptor", "take", path)
            check("PassDescriptor hands a file over",
                  taken.stdout == pathlib.Path("LICENSE").read_bytes(), taken.stderr.decode())
            check("and exits 0", giver.wait() == 0 and taken.returncode == 0)
        with Example("PassDescriptor", "listen", path, "127.0.0.1:0") as giver:
            port = port_of(giver.line())
            giver.address()
            with Example("PassDescriptor", "take", path) as taker:
                check("PassDescriptor hands a listening socket over",
                      port_of(taker.until("accepting on")) == port)
                check("the giver leaves and exits 0", giver.wait() == 0)
                check_echo("the taker serves", port)
                check("the taker exits 0 on SIGTERM", taker.end() == 0)
        check_failure(f"connect unix:{path}: no such file or directory (ENOENT)",
                      "PassDescriptor", "take", path)
    for wrong in ([], ["give"], ["take"], ["lend", "x"], ["listen", "/tmp/x", "127.0.0.1"],
                  ["take", 200 * "x"]):
        check_usage("PassDescriptor", *wrong)


sections = [unix_echo, pass_descriptor]
