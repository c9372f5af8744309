internal import SocketReactor
internal import SocketSystem

/// Whether each loop of a group has a listening socket of its own, and who gets which connection.
///
/// A sharded listener is one listener still: one `for await` takes the connections of all its
/// sockets, and `serve` takes them with one accepting task for each loop. A connection stays on the
/// loop that accepted it, so the loops share nothing. That pays where connections are many and
/// short; where they are few and long, one socket spreads them more evenly.
public struct ListenShards: Hashable, Sendable {
    private let value: UInt8

    private init(_ value: UInt8) { self.value = value }

    /// One listening socket; each connection joins the loop that has the fewest.
    public static let none = ListenShards(0)

    /// One socket for each loop (`SO_REUSEPORT` in `socket(7)`); the kernel spreads the connections
    /// by a hash of their addresses.
    public static let perLoop = ListenShards(1)

    /// One socket for each loop, and a connection goes to the loop with the number of the processor
    /// that received it (`SO_ATTACH_REUSEPORT_CBPF` in `socket(7)`).
    ///
    /// For a group with pinned threads, one for each processor of the machine, and a network
    /// interface that spreads its interrupts over them. With others it is right, but pointless.
    public static let perLoopByProcessor = ListenShards(2)
}

extension ListenerCore {
    /// Takes a bound socket and makes one more for each further loop, all at the same address.
    ///
    /// - Parameters:
    ///   - first: Bound; its port is the port of all.
    ///   - address: What it was bound to.
    ///   - options: How to listen.
    ///   - group: The loops, each of which gets a socket.
    ///   - makeAnother: Makes another socket at an address.
    /// - Returns: The listener.
    /// - Throws: What any of the sockets throws; then none is left.
    static func listenSharded(
        _ first: consuming Descriptor,
        at address: SocketAddress,
        options: ListenOptions,
        on group: EventLoopGroup,
        _ makeAnother: (SocketAddress) throws(SocketError) -> Descriptor
    ) throws(SocketError) -> ListenerCore {
        let loops = try group.loops(for: .listen).loops
        let bound = try startListening(first.rawValue, at: address, backlog: options.backlog)
        if options.shards == .perLoopByProcessor {
            do throws(Errno) {
                try steerByProcessor(first.rawValue, count: loops.count)
            } catch {
                throw SocketError(.listen, error, local: bound)
            }
        }
        var shards = [try group.register(first, on: loops[0], for: .listen, local: bound)]
        do throws(SocketError) {
            for loop in loops.dropFirst() {
                let socket = try makeAnother(bound)
                _ = try startListening(socket.rawValue, at: bound, backlog: options.backlog)
                shards.append(try group.register(socket, on: loop, for: .listen, local: bound))
            }
        } catch {
            for shard in shards { shard.close() }
            throw error
        }
        return ListenerCore(
            shards: shards,
            group: group,
            localAddress: bound,
            staysOnLoop: true
        )
    }
}
