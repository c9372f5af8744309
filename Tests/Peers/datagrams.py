"""Datagrams as textbooks send them, by blocking sendto and recvfrom, all on the loopback interface.
Does the same as datagrams.c, where the arguments are explained."""
import ipaddress
import socket
import sys

LOOPBACK = socket.inet_aton("127.0.0.1")


def make_socket():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(50)
    return made


def bind_and_tell(bound, address, port):
    bound.bind((address, port))
    print(bound.getsockname()[1], flush=True)


def echo(count):
    server = make_socket()
    bind_and_tell(server, "127.0.0.1", 0)
    for _ in range(int(count)):
        data, source = server.recvfrom(65536)
        server.sendto(data, source)


def ask(port):
    client = make_socket()
    server = ("127.0.0.1", int(port))
    for number, size in enumerate([1, 0, 1472, 65507, 0, 9]):
        data = bytes((k * 31 + number) % 256 for k in range(size))
        client.sendto(data, server)
        assert client.recvfrom(65536) == (data, server), f"{size} bytes did not come back"
    print("ok")


def send(address, port, *texts):
    sender = make_socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, LOOPBACK)
    for text in texts:
        sender.sendto(text.encode(), (address, int(port)))


def receive(address, port, count):
    receiver = make_socket()
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ipaddress.ip_address(address).is_multicast:
        membership = socket.inet_aton(address) + LOOPBACK
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    bind_and_tell(receiver, address, int(port))
    for _ in range(int(count)):
        data, (host, source) = receiver.recvfrom(65536)
        print(f"{host}:{source}: {data.decode()}", flush=True)


{"echo": echo, "ask": ask, "send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
