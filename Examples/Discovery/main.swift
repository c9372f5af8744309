// Peers that find each other: each sends its name to a multicast group once a second, and a peer
// that was silent for three seconds is removed. Start several; SIGINT and SIGTERM end one.
//
//     swift run Discovery ada &
//     swift run Discovery grace
import AsyncSockets
import ExampleSupport
internal import Glibc

await runExample("Discovery [NAME] [GROUP:PORT] [INTERFACE]", arguments: 3) { arguments in
    let name = arguments.first ?? "peer-\(getpid())"
    let group = try Group(
        arguments.count > 1 ? arguments[1] : "239.0.0.11:9998",
        on: arguments.count > 2 ? arguments[2] : nil
    )
    // Two sockets: the group's port is shared by all peers of the machine; the sender has a port of
    // its own, by which the others recognise it.
    let member = try UDPSocket.bind(to: group.address, options: UDPOptions(reuseAddress: true))
    try member.join(group.ip, on: group.interface)
    let options = UDPOptions(multicastInterface: group.interface)
    let sender = try UDPSocket.bind(to: group.senderAddress, options: options)

    let peers = Peers(except: name)
    try await withCancellation(on: .interrupt, .terminate) {
        say("\(name) is looking for peers at \(group.address) on \(group.interface.name)")
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await announce(name, by: sender, to: group.address) }
            tasks.addTask { try await listen(to: member, for: peers) }
            tasks.addTask { try await expire(peers) }
            // None of them ends by itself: what the first one throws ends all.
            try await tasks.next()
        }
    }
}

func announce(_ name: String, by socket: UDPSocket, to group: SocketAddress) async throws {
    while true {
        do {
            try await socket.send(name, to: group)
        } catch let error as SocketError {
            // The interface may be up again in a second.
            complain("\(error)")
        }
        try await Task.sleep(for: .seconds(1))
    }
}

func listen(to socket: UDPSocket, for peers: Peers) async throws {
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
