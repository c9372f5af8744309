internal import SocketSystem

/// The peer of a connected UDP socket, and what is needed to change it.
struct UDPPeer: Sendable {
    /// The peer; nil for none.
    var address: SocketAddress?
    /// The interface that the socket was bound to by connecting it; 0 for none.
    var interface: CInt = 0
    /// Whether the program asked for the socket's own address. If not, the kernel chooses it
    /// whenever the socket gets a peer after having none.
    let hasOwnAddress: Bool

    init(_ address: SocketAddress? = nil, interface: CInt = 0, local: SocketAddress?) {
        self.address = address
        self.interface = interface
        hasOwnAddress = local?.ip.map { !$0.unmapped.isUnspecified } ?? false
    }

    /// Connects the socket; if that fails, it keeps the peer that it has.
    mutating func connect(_ socket: CInt, to address: SocketAddress) throws(Errno) {
        let old = self
        // Otherwise the kernel would keep the address and the interface that it chose for the first
        // peer.
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

    /// Removes the peer, so that the socket can send to and receive from any address.
    mutating func dissolve(_ socket: CInt) throws(Errno) {
        // Even without a peer, the kernel would release what belongs to one.
        if address == nil { return }
        address = nil
        try dissolveDatagramSocket(socket, boundTo: interface)
        interface = 0
    }
}
