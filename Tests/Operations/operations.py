#!/usr/bin/env python3
"""What an operator does to a server under load, with real clients: wrk, systemd-socket-activate.

usage: operations.py DIRECTORY_OF_EXECUTABLES [TEST…]

Without wrk the tests that need it are left out; without systemd-socket-activate a few lines of
Python do what it does.
"""

import contextlib
import ctypes
import errno
import os
import pty
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# A script that a shell runs in the background has it ignored, and so would the servers.
signal.signal(signal.SIGINT, signal.default_int_handler)

BINARIES = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".build/release")
CONNECTIONS = 32


def needs(*programs):
    """Marks a test that is left out if a program is not installed."""

    def mark(test):
        test.needs = programs
        return test

    return mark


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def children(process):
    """The direct children of a process, with their states: Z is a zombie."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == process:
            found[int(entry)] = state
    return found


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cpu_seconds(process):
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """A server as a child of this script; all that it starts ends with it."""

    def __init__(self, *command, prefix=(), preexec=None, environment=None, pass_fds=()):
        self.output = tempfile.NamedTemporaryFile(mode="r")
        program = os.path.join(BINARIES, command[0])
        self.process = subprocess.Popen(
            [*prefix, program, *command[1:]],
            stdout=open(self.output.name, "w"),
            stderr=subprocess.STDOUT,
            preexec_fn=preexec,
            pass_fds=pass_fds,
            env={**os.environ, **(environment or {})},
        )
        self.others = set()

    @property
    def text(self):
        with open(self.output.name) as output:
            return output.read()

    def wait_for(self, pattern, count=1):
        try:
            until(pattern, lambda: len(re.findall(pattern, self.text)) >= count)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def workers(self):
        found = children(self.process.pid)
        self.others |= set(found)
        return found

    def terminate(self, number=signal.SIGTERM):
        workers = self.workers()
        self.process.send_signal(number)
        status = self.process.wait(timeout=15)
        until("no leftover worker", lambda: not any(is_alive(worker) for worker in workers))
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.workers()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for other in self.others:
            if is_alive(other):
                os.kill(other, signal.SIGKILL)


class Load:
    """wrk for some seconds; its answers and errors afterwards."""

    def __init__(self, port, seconds):
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"],
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(0.7)

    def finish(self):
        output = self.process.communicate(timeout=60)[0]
        errors = dict.fromkeys(("connect", "read", "write", "timeout"), 0)
        for name, number in re.findall(r"(connect|read|write|timeout) (\d+)", output):
            errors[name] = int(number)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        errors["status"] = int(bad.group(1)) if bad else 0
        answers = int(re.search(r"(\d+) requests in", output).group(1))
        print(f"    {answers} answers, errors {errors}")
        assert answers > 100, output
        return errors


def get(port, path="/", timeout=5):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
        return answer


def without_errors(errors):
    assert not any(errors.values()), errors


@needs("wrk")
def test_killed_worker():
    port = free_port()
    with Server("HTTPHello", f"127.0.0.1:{port}", "2") as server:
        server.wait_for("ready", 2)
        load = Load(port, 4)
        for _ in range(2):
            before = server.workers()
            os.kill(next(iter(before)), signal.SIGKILL)
            until("another worker", lambda: len(set(server.workers()) - set(before)) == 1)
            time.sleep(0.7)
        errors = load.finish()
        # Each of the two had at most all connections in flight.
        assert errors["read"] + errors["write"] <= 2 * CONNECTIONS, errors
        assert errors["connect"] == errors["timeout"] == errors["status"] == 0, errors
        assert "Z" not in server.workers().values()
        assert server.terminate() == 0


@needs("wrk")
def test_rolling_replacement():
    port = free_port()
    with Server("HTTPHello", f"127.0.0.1:{port}", "2") as server:
        server.wait_for("ready", 2)
        before = set(server.workers())
        load = Load(port, 6)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("ended: exit status 0", 2)
        without_errors(load.finish())
        assert not before & set(server.workers())
        assert len(server.workers()) == 2 and "Z" not in server.workers().values()
        assert server.terminate() == 0


@needs("wrk")
def test_hot_restart():
    port = free_port()
    with Server("HTTPHello", f"127.0.0.1:{port}") as server:
        server.wait_for("listening on")
        load = Load(port, 6)
        first = server.process
        first.send_signal(signal.SIGUSR2)
        server.wait_for("has taken over")
        successor = int(re.search(r"process (\d+) has taken over", server.text).group(1))
        server.others.add(successor)
        assert first.wait(timeout=15) == 0
        # The successor is upgraded in its turn.
        os.kill(successor, signal.SIGUSR2)
        server.wait_for("has taken over", 2)
        last = int(re.findall(r"process (\d+) has taken over", server.text)[1])
        server.others.add(last)
        until("the second one has left", lambda: not is_alive(successor))
        without_errors(load.finish())
        assert b"Hello" in get(port)
        os.kill(last, signal.SIGTERM)
        until("the last one has left", lambda: not is_alive(last))


class KeepAliveClients:
    """Clients that ask again and again, connect anew when told to, and tell a request that was
    lost on a connection in service from a connection that was never served."""

    def __init__(self, port, count=16):
        self.port, self.answers, self.lost, self.stops = port, 0, [], False
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stops:
            served = 0
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                    while not self.stops:
                        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                        answer = b""
                        while not answer.endswith(b"Hello, world!\n"):
                            chunk = client.recv(4096)
                            if not chunk:
                                raise ConnectionError("end of stream")
                            answer += chunk
                        served += 1
                        self.answers += 1
                        if b"Connection: close" in answer:
                            break
            except OSError as error:
                if served:
                    self.lost.append(error)
                else:
                    time.sleep(0.01)

    def finish(self):
        self.stops = True
        for thread in self.threads:
            thread.join()
        print(f"    {self.answers} answers, lost {self.lost}")


class ReplaceableProgram:
    """A copy of an example whose file can be replaced by one that fails."""

    def __init__(self, name):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, name)
        shutil.copy(os.path.join(BINARIES, name), self.path)

    def spoil(self, script="exit 9"):
        os.unlink(self.path)
        with open(self.path, "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(self.path, 0o755)


@needs("wrk")
def test_failed_replacement():
    port = free_port()
    program = ReplaceableProgram("HTTPHello")
    with Server(program.path, f"127.0.0.1:{port}", "2") as server:
        server.wait_for("ready", 2)
        before = set(server.workers())
        program.spoil()
        load = Load(port, 2)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("ended: exit status 9")
        without_errors(load.finish())
        assert set(server.workers()) == before, "what is old serves on"
        assert server.terminate() == 0


@needs("wrk")
def test_failed_hot_restart():
    port = free_port()
    program = ReplaceableProgram("HTTPHello")
    with Server(program.path, f"127.0.0.1:{port}") as server:
        server.wait_for("listening on")
        program.spoil()
        load = Load(port, 2)
        server.process.send_signal(signal.SIGUSR2)
        server.wait_for("serving on: .*exit status 9")
        without_errors(load.finish())
        assert not server.workers(), "no zombie"
        assert server.terminate() == 0


def test_terminate_under_load():
    for workers in ("2", "0"):
        port = free_port()
        with Server("HTTPHello", f"127.0.0.1:{port}", workers) as server:
            server.wait_for("ready" if workers == "2" else "listening on", 2 if workers == "2" else 1)
            clients = KeepAliveClients(port)
            time.sleep(0.7)
            assert server.terminate() == 0
            clients.finish()
            assert clients.answers > 100 and not clients.lost


def test_supervisor_killed():
    port = free_port()
    with Server("PreforkEcho", f"127.0.0.1:{port}", "2") as server:
        server.wait_for("ready", 2)
        workers = server.workers()
        server.process.kill()
        server.process.wait()
        until("workers end by themselves", lambda: not any(is_alive(one) for one in workers))


def test_interrupted():
    # At any moment after the first line: also before the workers are ready.
    for lines in (1, 3):
        port = free_port()
        with Server("PreforkEcho", f"127.0.0.1:{port}", "2") as server:
            server.wait_for("ready" if lines == 3 else "listening on", 2 if lines == 3 else 1)
            assert server.terminate(signal.SIGINT) == 0, server.text


ACTIVATE = """
import os, sys
number, name, *command = sys.argv[1:]
os.dup2(int(number), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execv(command[0], command)
"""


def activated(*command):
    """A server that inherits its listening socket, and that socket."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    prefix = [sys.executable, "-c", ACTIVATE, str(listener.fileno()), "http"]
    return Server(*command, prefix=prefix, pass_fds=[listener.fileno()]), listener


def activated_by_systemd(*command):
    """The same by systemd's program, if there is one; its first client starts it."""
    if not shutil.which("systemd-socket-activate"):
        server, listener = activated(*command)
        with listener:
            return server, listener.getsockname()[1]
    port = free_port()
    prefix = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=http"]
    server = Server(*command, prefix=prefix)
    server.wait_for("Listening on")
    assert b"Hello" in get(port)
    return server, port


def test_systemd():
    server, port = activated_by_systemd("HTTPHello")
    with server:
        server.wait_for(f"listening on 127.0.0.1:{port}")
        assert b"Hello" in get(port)
        if shutil.which("wrk"):
            without_errors(Load(port, 2).finish())
        assert server.terminate() == 0


def test_supervisor_under_systemd():
    # Its own address is another one: what it inherits counts.
    server, port = activated_by_systemd("HTTPHello", f"127.0.0.1:{free_port()}", "2")
    with server:
        server.wait_for(f"listening on 127.0.0.1:{port}")
        server.wait_for(r"worker \d+ ready", 2)
        before = set(server.workers())
        assert len(before) == 2, server.text
        assert b"Hello" in get(port)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("ended: exit status 0", 2)
        after = set(server.workers())
        assert len(after) == 2 and not before & after, server.text
        assert b"Hello" in get(port)
        assert server.terminate() == 0


def test_failing_server():
    """A server whose listening socket is of no use any more ends and says so."""
    for name, socket_name in (("HTTPHello", "http"), ("HotRestart", "echo")):
        listener = socket.create_server(("127.0.0.1", 0))
        prefix = [sys.executable, "-c", ACTIVATE, str(listener.fileno()), socket_name]
        with Server(name, prefix=prefix, pass_fds=[listener.fileno()]) as server, listener:
            server.wait_for("listening on")
            listener.shutdown(socket.SHUT_RDWR)
            assert server.process.wait(timeout=15) == 1, server.text
            assert "accept" in server.text, server.text


def test_listen_pid_of_another():
    port = free_port()
    variables = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
    with Server("HTTPHello", f"127.0.0.1:{port}", environment=variables) as server:
        server.wait_for("listening on")
        assert b"Hello" in get(port)
        assert server.terminate() == 0


@contextlib.contextmanager
def service_manager():
    """A socket that receives what systemd would, and its address."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(10)
            yield manager, path


def test_notify_socket():
    with service_manager() as (manager, path):
        port = free_port()
        with Server(
            "HTTPHello", f"127.0.0.1:{port}", environment={"NOTIFY_SOCKET": path}
        ) as server:
            assert manager.recv(4096) == b"READY=1"
            assert server.terminate() == 0
            assert manager.recv(4096) == b"STOPPING=1"


def test_supervisor_and_service_manager():
    """What systemd hears of a supervisor with Type=notify-reload and WatchdogSec=."""
    with service_manager() as (manager, path):
        beats = 0

        def next_news():
            nonlocal beats
            while (message := manager.recv(4096).decode()) == "WATCHDOG=1":
                beats += 1
            return message

        port = free_port()
        variables = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}
        with Server("HTTPHello", f"127.0.0.1:{port}", "2", environment=variables) as server:
            assert next_news() == "READY=1"
            started = time.monotonic()
            while beats < 5:
                assert manager.recv(4096) == b"WATCHDOG=1"
                beats += 1
            # One every 0.1 s, and on a machine without a break no more.
            assert time.monotonic() - started > 0.3
            server.process.send_signal(signal.SIGHUP)
            reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", next_news())
            assert abs(int(reloading[1]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)) < 10
            assert next_news() == "READY=1"
            server.process.send_signal(signal.SIGTERM)
            assert next_news() == "STOPPING=1"
            assert server.process.wait(timeout=15) == 0


@needs("setpriv")
def test_worker_without_privileges():
    """A worker that has become another user is heard, and ends with its supervisor."""
    if os.geteuid() != 0:
        print("    only root can become another user: left out")
        return
    port = free_port()
    program = ReplaceableProgram("PreforkEcho")
    os.chmod(program.directory.name, 0o755)
    real = os.path.join(program.directory.name, "real")
    shutil.copy(program.path, real)
    with Server(program.path, f"127.0.0.1:{port}", "2") as server:
        server.wait_for("ready", 2)
        program.spoil(f'exec setpriv --reuid=65534 --regid=65534 --clear-groups {real} "$@"')
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("ended: exit status 0", 2)
        workers = server.workers()
        assert {os.stat(f"/proc/{worker}").st_uid for worker in workers} == {65534}
        server.process.kill()
        server.process.wait()
        until("workers end by themselves", lambda: not any(is_alive(one) for one in workers))


class UnixClients:
    """Clients of an echo server at a path, one after the other. A client that is not let in was
    refused. One that was let in and got no answer was cut off: a server that leaves does not wait
    for silent clients."""

    def __init__(self, path):
        self.path, self.answers, self.refused, self.cut, self.stops = path, 0, [], [], False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stops:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                try:
                    client.connect(self.path)
                except OSError as error:
                    self.refused.append(error)
                    time.sleep(0.01)
                    continue
                try:
                    client.sendall(b"ping")
                    if client.recv(4) != b"ping":
                        raise ConnectionError("end of stream")
                    self.answers += 1
                except OSError as error:
                    self.cut.append(error)

    def finish(self, restarts):
        self.stops = True
        self.thread.join()
        print(f"    {self.answers} answers, refused {self.refused}, cut off {self.cut}")
        assert self.answers > 100 and not self.refused
        # There is one client at a time, so each version that leaves finds one at most.
        assert len(self.cut) <= restarts


def test_hot_restart_at_path():
    """The file of a Unix socket outlives the old version, and not the last one."""
    program = ReplaceableProgram("HotRestart")
    path = os.path.join(program.directory.name, "socket")
    with Server(program.path, f"unix:{path}") as server:
        server.wait_for("listening on")
        clients = UnixClients(path)
        processes = [server.process.pid]
        for count in (1, 2):
            os.kill(processes[-1], signal.SIGUSR2)
            server.wait_for("has taken over", count)
            number = int(re.findall(r"process (\d+) has taken over", server.text)[-1])
            server.others.add(number)
            processes.append(number)
            if count == 1:
                assert server.process.wait(timeout=15) == 0
            until("the old version has left", lambda: not is_alive(processes[-2]))
            answers = clients.answers
            until("answers of the new version", lambda: clients.answers > answers + 50)
        clients.finish(restarts=2)
        # One that does not get ready takes nothing away.
        program.spoil()
        os.kill(processes[-1], signal.SIGUSR2)
        server.wait_for("serving on: .*exit status 9")
        assert os.path.exists(path)
        os.kill(processes[-1], signal.SIGTERM)
        until("the last version has left", lambda: not is_alive(processes[-1]))
        assert not os.path.exists(path)


def test_terminated_while_restarting():
    """SIGTERM ends a server whose new version is being started, and that, too."""
    for name, number in (("HTTPHello", signal.SIGTERM), ("HotRestart", signal.SIGINT)):
        program = ReplaceableProgram(name)
        with Server(program.path, f"127.0.0.1:{free_port()}") as server:
            server.wait_for("listening on")
            program.spoil("exec sleep 60")
            server.process.send_signal(signal.SIGUSR2)
            until("the new version", server.workers)
            assert server.terminate(number) == 0, server.text


def test_blocked_signals():
    port = free_port()

    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    with Server("HTTPHello", f"127.0.0.1:{port}", preexec=block) as server:
        server.wait_for("listening on")
        assert server.terminate() == 0


def test_pipelining():
    port = free_port()
    with Server("HTTPHello", f"127.0.0.1:{port}") as server:
        server.wait_for("listening on")
        one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(one * 99 + one.replace(b"Host: x", b"Connection: close"))
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        assert answer.count(b"HTTP/1.1 200 OK") == 100 == answer.count(b"Hello, world!\n")
        assert answer.count(b"Connection: close") == 1
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            for byte in one:
                client.sendall(bytes([byte]))
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 400")
        assert server.terminate() == 0


def test_slow_requests():
    """Requests in pieces of any size, bodies among them; a head without end is refused."""
    port = free_port()
    body = b"x" * 300_000
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with Server("HTTPHello", f"127.0.0.1:{port}") as server:
        server.wait_for("listening on")
        for size in (1, 7, 1000, 70_000, len(one) * 3):
            text = one * 2 + b"HEAD / HTTP/1.1\nConnection: close\n\n"
            if size == 1:
                text = text[len(one) * 2 - 5000 :]
                text = b"PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5000\r\n\r\n" + text
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for start in range(0, len(text), size):
                    client.sendall(text[start : start + size])
                answer = b""
                while chunk := client.recv(65536):
                    answer += chunk
            count = 1 if size == 1 else 2
            assert answer.count(b"Hello, world!\n") == count, (size, answer)
            assert answer.count(b"HTTP/1.1 200 OK") == count + 1, (size, answer)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 4000)
            assert client.recv(65536).startswith(b"HTTP/1.1 400")
        assert server.terminate() == 0


@needs("wrk")
def test_descriptor_exhaustion():
    port = free_port()

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    with Server("HTTPHello", f"127.0.0.1:{port}", preexec=limit) as server:
        server.wait_for("listening on")
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        time.sleep(0.5)
        before = cpu_seconds(server.process.pid)
        time.sleep(3)
        used = cpu_seconds(server.process.pid) - before
        print(f"    CPU in 3 s without a free descriptor: {used:.2f} s")
        assert used < 0.3
        one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        clients[0].sendall(one)
        clients[0].settimeout(5)
        assert b"Hello" in clients[0].recv(4096)
        for client in clients:
            client.close()
        assert b"Hello" in get(port)
        load = Load(port, 2)
        # More connections than descriptors: clients that are not accepted wait, none is refused.
        errors = load.finish()
        assert errors["connect"] == errors["read"] == errors["write"] == 0, errors
        assert server.terminate() == 0


def successor_of(server, count=1):
    """The process that has taken over."""
    server.wait_for("has taken over", count)
    number = int(re.findall(r"process (\d+) has taken over", server.text)[-1])
    server.others.add(number)
    return number


def test_deployment_by_link():
    """A restart runs what a link leads to now, however the program was started by it."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("one", "two"):
            os.mkdir(os.path.join(directory, name))
            for program in ("HotRestart", "PreforkEcho"):
                shutil.copy(os.path.join(BINARIES, program), os.path.join(directory, name))
        link = os.path.join(directory, "now")

        def deploy(name):
            os.symlink(name, link + ".new")
            os.replace(link + ".new", link)

        here = f"cd {link} &&"
        for start in (f"exec {link}/HotRestart", f"{here} exec ./HotRestart",
                      f"cd {directory} && exec now/HotRestart",
                      f"{here} PATH={link} && exec HotRestart"):
            deploy("one")
            prefix = ["sh", "-c", start + ' "$1"']
            with Server("sh", f"127.0.0.1:{free_port()}", prefix=prefix) as server:
                server.wait_for("listening on")
                deploy("two")
                server.process.send_signal(signal.SIGUSR2)
                new = successor_of(server)
                assert os.readlink(f"/proc/{new}/exe") == f"{directory}/two/HotRestart", start
                assert server.process.wait(timeout=15) == 0
                os.kill(new, signal.SIGTERM)
                until("the new one has left", lambda: not is_alive(new))
        deploy("one")
        with Server(f"{link}/PreforkEcho", f"127.0.0.1:{free_port()}", "2") as server:
            server.wait_for(r"worker \d+ ready", 2)
            deploy("two")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("ended: exit status 0", 2)
            files = {os.readlink(f"/proc/{worker}/exe") for worker in server.workers()}
            assert files == {f"{directory}/two/PreforkEcho"}, files
            assert server.terminate() == 0


@needs("unshare")
def test_first_process_of_container():
    """Process 1 is not replaced: all others would end with it."""
    prefix = ["unshare", "-rpf", "--mount-proc"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        print("    no namespace of processes can be made: left out")
        return
    with Server("HTTPHello", f"127.0.0.1:{free_port()}", prefix=prefix) as server:
        server.wait_for("listening on")
        first = next(iter(server.workers()))
        os.kill(first, signal.SIGUSR2)
        server.wait_for("serving on: hot restart: process 1 cannot be replaced")
        os.kill(first, signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0, server.text


class Refused:
    """A list of system calls that fail with an error number, as in a hardened unit; seccomp(2)."""

    numbers = {"pidfd_send_signal": 424, "pidfd_open": 434, "close_range": 436,
               "pipe2": 293 if os.uname().machine == "x86_64" else 59}

    def __init__(self, *calls, error=errno.EPERM):
        load, jump, give = 0x20, 0x15, 0x06  # struct sock_filter: code, yes, no, value
        code = [struct.pack("HBBI", load, 0, 0, 0)]
        for call in calls:
            code.append(struct.pack("HBBI", jump, 0, 1, self.numbers[call]))
            code.append(struct.pack("HBBI", give, 0, 0, 0x00050000 | error))
        code.append(struct.pack("HBBI", give, 0, 0, 0x7FFF0000))
        self.code = ctypes.create_string_buffer(b"".join(code))
        self.program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(self.code))
        self.libc = ctypes.CDLL(None, use_errno=True)

    def __call__(self):
        no_new_privileges, seccomp, filtered = 38, 22, 2
        assert self.libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
        assert self.libc.prctl(seccomp, filtered, self.program, 0, 0) == 0, ctypes.get_errno()


def test_refused_calls():
    """Workers are started, replaced, asked and killed, whichever of these calls is refused."""
    # What the supervisor has and its workers must not have.
    stray = os.pipe()
    for calls in (["pipe2"], ["pidfd_open"], ["close_range"], ["pidfd_send_signal"],
                  ["pipe2", "pidfd_open", "close_range", "pidfd_send_signal"]):
        for error in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            port = free_port()
            refused = Refused(*calls, error=error)
            with Server(
                "PreforkEcho", f"127.0.0.1:{port}", "2", preexec=refused, pass_fds=stray
            ) as server:
                server.wait_for(r"worker \d+ ready", 2)
                for worker in server.workers():
                    for link in os.scandir(f"/proc/{worker}/fd"):
                        assert os.readlink(link) != os.readlink(f"/proc/self/fd/{stray[0]}")
                os.kill(next(iter(server.workers())), signal.SIGKILL)
                server.wait_for("ended: killed by SIGKILL")
                server.wait_for(r"worker \d+ ready", 3)
                assert server.terminate() == 0, server.text
                assert server.text.count("ended: exit status 0") == 2, server.text
                assert "cannot be signalled" not in server.text


def test_without_standard_descriptors():
    """What a program prints never goes into a socket, and its workers have all three."""
    def close():
        for number in (0, 1, 2):
            os.close(number)

    port = free_port()
    program = ReplaceableProgram("PreforkEcho")
    with Server(program.path, f"127.0.0.1:{port}", "2", preexec=close) as server:
        until("a listener", lambda: not subprocess.run(
            ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], capture_output=True).returncode)
        until("workers", lambda: len(server.workers()) == 2)
        for process in (server.process.pid, *server.workers()):
            for number in (0, 1, 2):
                link = f"/proc/{process}/fd/{number}"
                assert not os.path.exists(link) or os.readlink(link) == "/dev/null", link
        for worker in server.workers():
            assert os.readlink(f"/proc/{worker}/fd/1") == "/dev/null"
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"hello")
                assert client.recv(100) == b"hello"
        assert server.terminate() == 0


class Terminal:
    """A server in the foreground of a terminal, and a client that it serves."""

    def __init__(self, ignored=()):
        self.port = free_port()
        self.output = tempfile.NamedTemporaryFile(mode="r")
        self.pid, self.keyboard = pty.fork()
        if self.pid == 0:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            log = os.open(self.output.name, os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            program = os.path.join(BINARIES, "PreforkEcho")
            os.execv(program, [program, f"127.0.0.1:{self.port}", "2"])
        until("workers", lambda: self.text.count(" ready") >= 2)
        self.workers = set(children(self.pid))
        self.client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.exchange()

    @property
    def text(self):
        with open(self.output.name) as output:
            return output.read()

    def exchange(self):
        self.client.sendall(b"x")
        assert self.client.recv(1) == b"x", self.text

    def type(self, key):
        os.write(self.keyboard, key)

    def wait(self):
        end = until("its end", lambda: os.waitpid(self.pid, os.WNOHANG)[0] and True)
        until("no worker is left", lambda: not any(is_alive(one) for one in self.workers))
        return end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        for process in (self.pid, *self.workers):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)


def test_terminal():
    """What a terminal sends to the whole group reaches the supervisor alone."""
    with Terminal() as terminal:
        terminal.type(b"\x03")
        until("the workers were asked", lambda: terminal.text.count("leaving") == 2)
        terminal.wait()
        assert terminal.text.count("ended: exit status 0") == 2, terminal.text
    with Terminal() as terminal:
        os.killpg(terminal.pid, signal.SIGHUP)
        until("successors", lambda: terminal.text.count(" ready") >= 4)
        until("an end", lambda: terminal.text.count("ended: exit status 0") == 2)
        terminal.workers |= set(children(terminal.pid))
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.wait()
        assert "SIGHUP" not in terminal.text, terminal.text
    # nohup(1), and a shell that has no jobs.
    with Terminal(ignored=[signal.SIGHUP, signal.SIGINT]) as terminal:
        os.killpg(terminal.pid, signal.SIGHUP)
        terminal.type(b"\x03")
        os.close(terminal.keyboard)
        # These would have been taken in before this one.
        for worker in terminal.workers:
            with open(f"/proc/{worker}/status") as status:
                ignored = re.search(r"SigIgn:\s*(\w+)", status.read())[1]
            assert int(ignored, 16) & 0b11 == 0b11
        terminal.exchange()
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.wait()
        assert terminal.text.count("started") == 2, terminal.text


def test_second_signal():
    """A second SIGTERM or Control-C does not wait for a client that does not read."""
    for name, number, listening in (("HotRestart", signal.SIGINT, "listening on"),
                                    ("EchoServer", signal.SIGTERM, "listening on"),
                                    ("PreforkEcho", signal.SIGINT, r"worker \d+ ready")):
        port = free_port()
        with Server(name, f"127.0.0.1:{port}") as server, socket.socket() as client:
            server.wait_for(listening)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.settimeout(1)
            with contextlib.suppress(TimeoutError):
                while True:
                    client.sendall(bytes(1 << 20))
            server.process.send_signal(number)
            time.sleep(0.3)
            assert server.process.poll() is None, server.text
            begun = time.monotonic()
            assert server.terminate(number) == 0, server.text
            # The drain is five seconds.
            assert time.monotonic() - begun < 4, name


def test_silent_client_while_leaving():
    """A client that was accepted a moment before, and sends a moment later, is served."""
    for name in ("HotRestart", "PreforkEcho"):
        port = free_port()
        with Server(name, f"127.0.0.1:{port}", *(["1"] if name == "PreforkEcho" else [])) as server:
            server.wait_for("listening on" if name == "HotRestart" else r"worker \d+ ready")
            clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(20)]
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            for client in clients:
                client.sendall(b"late")
            for client in clients:
                assert client.recv(10) == b"late"
                assert client.recv(10) == b""
                client.close()
            assert server.process.wait(timeout=15) == 0


@needs("setpriv", "prlimit")
def test_no_thread_to_be_had():
    """A server that cannot have its threads says so, and does not hang."""
    if os.geteuid() != 0:
        print("    only root can become another user: left out")
        return
    user = 64000 + os.getpid() % 1000
    program = ReplaceableProgram("EchoServer")
    os.chmod(program.directory.name, 0o755)
    prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    for most in range(1, 12):
        limited = ["prlimit", f"--nproc={most}", *prefix]
        with Server(program.path, "127.0.0.1:0", prefix=limited) as server:
            until("an outcome", lambda: server.process.poll() is not None
                  or "listening on" in server.text)
            if server.process.poll() is None:
                port = int(re.search(r"listening on .*:(\d+)", server.text)[1])
                with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                    client.sendall(b"hello")
                    assert client.recv(10) == b"hello"
                assert server.terminate() == 0
            else:
                assert server.process.returncode == 1, server.text
                assert "pids.max" in server.text, server.text


def main():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name in sys.argv[2:] or tests:
        print(name, flush=True)
        missing = [one for one in getattr(tests[name], "needs", ()) if not shutil.which(one)]
        if missing:
            print(f"    not installed: {', '.join(missing)}: left out")
        else:
            tests[name]()
    print("all passed")


if __name__ == "__main__":
    main()
