internal import SocketSystem

/// Whom a UDP socket talks to, and what must be known to change that.
struct UDPPeer: Sendable {
    /// The peer; nil for none.
    var address: SocketAddress?
    /// The interface that the socket was bound to by connecting it; 0 for none.
    var interface: CInt = 0
    /// Whether the socket's own address is one that was asked for. If not, the kernel chooses it
    /// for each peer that comes after none.
    let hasOwnAddress: Bool

    init(_ address: SocketAddress? = nil, interface: CInt = 0, local: SocketAddress?) {
        self.address = address
        self.interface = interface
        hasOwnAddress = local?.ip.map { !$0.unmapped.isUnspecified } ?? false
    }

    /// Connects the socket; where that fails, it keeps the peer that it has.
    mutating func connect(_ socket: CInt, to address: SocketAddress) throws(Errno) {
        let old = self
        // Else the kernel would keep the address, and the interface, that it has chosen for the
        // first peer.
        if !hasOwnAddress || interface != 0 { try dissolve(socket) }
        do throws(Errno) {
            interface = try connectDatagramSocket(socket, to: address.storage)
            self.address = address
        } catch {
            if self.address == nil, let previous = old.address {
                interface = (try? connectDatagramSocket(socket, to: previous.storage)) ?? 0
                self.address = previous
            }
            throw error
        }
    }

    /// Lets the socket talk to anybody.
    mutating func dissolve(_ socket: CInt) throws(Errno) {
        // Without a peer the kernel would still let go of what belongs to one.
        if address == nil { return }
        address = nil
        try dissolveDatagramSocket(socket, boundTo: interface)
        interface = 0
    }
}
