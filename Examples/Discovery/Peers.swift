import AsyncSockets
import ExampleSupport

/// The peers that are there. Prints the table whenever it changes.
actor Peers {
    private let ownName: String
    private var seen: [String: (address: SocketAddress, moment: ContinuousClock.Instant)] = [:]

    init(except ownName: String) { self.ownName = ownName }

    func heard(_ name: String, from address: SocketAddress) {
        // One's own announcements come back, as the group is on this machine, too.
        if name == ownName { return }
        // Anybody on the network can make up names.
        if seen[name] == nil, seen.count >= 1000 { return }
        let before = seen.updateValue((address, .now), forKey: name)
        if before?.address != address { show() }
    }

    func forgetSilent(for patience: Duration) {
        let before = seen.count
        seen = seen.filter { $0.value.moment.duration(to: .now) < patience }
        if seen.count != before { show() }
    }

    private func show() {
        say("\(seen.count) \(seen.count == 1 ? "peer" : "peers")")
        for (name, peer) in seen.sorted(by: { $0.key < $1.key }) {
            say("  \(printable(name)) at \(peer.address)")
        }
    }
}
