"""What the checks of the examples share."""
import contextlib
import pathlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

# A script that a shell runs in the background has it ignored, and so would the examples.
signal.signal(signal.SIGINT, signal.default_int_handler)
sources = pathlib.Path(__file__).parent.parent / "Peers"
# The folder of the executables.
folder = pathlib.Path(sys.argv[1])
passed = failed = 0


def check(name, good, more=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok      " if good else "FAILED  ") + name, more, flush=True)


def attempt(section):
    """Runs a section of checks: one that breaks off has failed, and the others go on."""
    try:
        section()
    except Exception:
        check(section.__name__, False, traceback.format_exc())


class Program:
    """A running program; a check waits for each of its lines. It is killed if a check breaks off."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.lines = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").removesuffix("\n"))
        self.lines.put(None)

    def line(self):
        """The next line; None at the end of the output, once no process has it open."""
        try:
            return self.lines.get(timeout=20)
        except queue.Empty:
            raise AssertionError(f"{self.process.args}: no line within 20 seconds") from None

    def until(self, wanted):
        """The first line that has a text in it."""
        while (line := self.line()) is not None:
            if wanted in line:
                return line
        raise AssertionError(f"{self.process.args}: ended without a line with {wanted!r}")

    def address(self):
        """The address in a server's first line."""
        line = self.line() or "nothing"
        assert line.startswith("listening on "), line
        return line.removeprefix("listening on ")

    def end(self, number=signal.SIGTERM):
        """Asks it to leave; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def wait(self):
        return self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Example(Program):
    def __init__(self, name, *arguments, prefix=()):
        super().__init__(*prefix, folder / name, *arguments)


def run(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, timeout=60, **options)


def check_usage(name, *arguments):
    """A wrong argument prints the usage and exits 2."""
    result = run(folder / name, *arguments)
    good = result.returncode == 2 and f"usage: {name}".encode() in result.stderr
    words = " ".join([name, *arguments])[:60]
    check(f"a wrong argument exits 2: {words}", good, "" if good else result)


def check_failure(text, name, *arguments):
    """A failure prints a sentence, in which PORT is any port, and exits 1."""
    result = run(folder / name, *arguments)
    sentence = re.escape(text).replace("PORT", r"\d+")
    said = re.fullmatch(f"{sentence}\n", result.stderr.decode(errors="replace"))
    good = result.returncode == 1 and said
    check(f"a failure exits 1: {name}", good, "" if good else result)


@contextlib.contextmanager
def taken_port():
    """The address of a port that another socket has."""
    with socket.create_server(("127.0.0.1", 0)) as owner:
        yield f"127.0.0.1:{owner.getsockname()[1]}"


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def check_echo(name, port, message=b"hello"):
    """One client of TCP is echoed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        echo = b""
        while chunk := client.recv(65536):
            echo += chunk
    check(name, echo == message)


def rss(server):
    """The memory of a program in KiB."""
    for line in open(f"/proc/{server.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


@contextlib.contextmanager
def compiled(source):
    """A C client as a program; None if there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if not compiler:
        print("left out, as there is no C compiler:", source)
        yield None
        return
    with tempfile.TemporaryDirectory() as temporary:
        program = f"{temporary}/client"
        subprocess.run([compiler, "-O2", "-pthread", "-o", program, sources / source], check=True)
        yield program
