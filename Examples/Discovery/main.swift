// Discovery [NAME] [GROUP:PORT] [INTERFACE]: peers that find each other. Each tells the group its
// name once a second; who has not been heard for three seconds is gone.

import AsyncSockets
internal import Glibc

let usage = "usage: Discovery [NAME] [GROUP:PORT] [INTERFACE]"
let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count <= 3, arguments.first?.hasPrefix("-") != true else {
    complain(usage, exitWith: 2)
}

do {
    let name = arguments.first ?? "peer-\(getpid())"
    let group = try SocketAddress(arguments.count > 1 ? arguments[1] : "239.0.0.11:9998")
    guard let ip = group.ip else { complain(usage, exitWith: 2) }
    let interface: NetworkInterface =
        try arguments.count > 2 ? .named(arguments[2]) : .loopback

    let socket = try UDPSocket.bind(to: group, options: UDPOptions(reuseAddress: true))
    try socket.join(ip, on: interface)
    if group.family == .ipv6 {
        try socket.set(.multicastInterfaceIPv6, to: interface.index)
    } else {
        try socket.set(.multicastInterface, to: interface.index)
    }
    say("\(name) is looking for peers at \(group) on \(interface.name)")
    let peers = Peers(except: name)
    try await withEventLoops {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await announce(name, on: socket, to: group) }
            tasks.addTask { try await listen(on: socket, for: peers) }
            tasks.addTask { try await expire(peers) }
            try await tasks.waitForAll()
        }
    }
} catch {
    complain("Discovery: \(error)", exitWith: 1)
}

func announce(_ name: String, on socket: UDPSocket, to group: SocketAddress) async throws {
    while true {
        try await socket.send(name, to: group)
        try await Task.sleep(for: .seconds(1))
    }
}

func listen(on socket: UDPSocket, for peers: Peers) async throws {
    for try await datagram in socket {
        let name = String(decoding: datagram.bytes, as: UTF8.self)
        await peers.heard(name, from: datagram.source)
    }
}

func expire(_ peers: Peers) async throws {
    while true {
        try await Task.sleep(for: .seconds(1))
        await peers.forgetSilent(for: .seconds(3))
    }
}

/// Who is there. Prints the table whenever it changes.
actor Peers {
    private let ownName: String
    private var seen: [String: (address: SocketAddress, moment: ContinuousClock.Instant)] = [:]

    init(except ownName: String) { self.ownName = ownName }

    func heard(_ name: String, from address: SocketAddress) {
        if name == ownName { return }
        let isNew = seen.updateValue((address, .now), forKey: name) == nil
        if isNew { show() }
    }

    func forgetSilent(for patience: Duration) {
        let before = seen.count
        seen = seen.filter { $0.value.moment.duration(to: .now) < patience }
        if seen.count != before { show() }
    }

    private func show() {
        say("\(seen.count) \(seen.count == 1 ? "peer" : "peers")")
        for (name, peer) in seen.sorted(by: { $0.key < $1.key }) {
            say("  \(name) at \(peer.address)")
        }
    }
}

func say(_ line: String) {
    print(line)
    fflush(nil)
}

func complain(_ line: String, exitWith status: CInt) -> Never {
    var line = line + "\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
    exit(status)
}
