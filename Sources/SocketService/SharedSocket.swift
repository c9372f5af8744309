public import AsyncSockets
internal import SocketSystem
internal import Synchronization

/// A socket with a name, or several sockets with one name, to be inherited by other processes.
///
/// A listening one is bound and listens, so clients can connect from the beginning. This process
/// does not accept them: the workers that inherit the socket do (`TCPListener.inherited(named:)`).
public final class SharedSocket: Sendable {
    /// The name by which it is inherited.
    public let name: String

    /// The address; the first one, if there are several.
    public let localAddress: SocketAddress

    /// The sockets; none after `close()`.
    private let descriptors: Mutex<[CInt]>

    /// The file of the shared Unix socket; nil if there is none, or if it does not belong to this
    /// process.
    let file: SocketFile?

    /// Takes over descriptors, at least one, that have no other owner.
    private init(
        _ name: String,
        owning descriptors: [CInt],
        file: SocketFile? = nil
    ) throws(SocketError) {
        self.name = name
        self.file = file
        self.descriptors = Mutex(descriptors)
        do throws(SocketError) {
            try Self.require(name)
            localAddress = try SocketAddress(ofSocket: descriptors[0], for: .inherit)
        } catch {
            for descriptor in descriptors { closeDescriptor(descriptor) }
            throw error
        }
    }

    deinit { close() }

    /// Makes further descriptors of the sockets. The caller must close them.
    func duplicates() throws(SocketError) -> [CInt] {
        let result = descriptors.withLock { descriptors -> Result<[CInt], SocketError> in
            if descriptors.isEmpty { return .failure(SocketError(.inherit, code: .closed)) }
            return Result { () throws(SocketError) in try Self.duplicates(of: descriptors) }
        }
        return try result.get()
    }

    /// Makes a further descriptor for each one, or none: if one fails, the others are closed again.
    private static func duplicates(of descriptors: [CInt]) throws(SocketError) -> [CInt] {
        var numbers: [CInt] = []
        do throws(Errno) {
            for descriptor in descriptors {
                numbers.append(try duplicateDescriptor(descriptor).release())
            }
            return numbers
        } catch {
            for number in numbers { closeDescriptor(number) }
            throw SocketError(.inherit, error)
        }
    }

    /// Gives up this process's share of the socket. Clients are refused once no process has it any
    /// more. Closing twice is not an error.
    public func close() {
        let descriptors = descriptors.withLock { descriptors in
            defer { descriptors = [] }
            return descriptors
        }
        for descriptor in descriptors { closeDescriptor(descriptor) }
    }
}

// MARK: - Listening

extension SharedSocket {
    /// Binds a TCP socket to an address and listens. If this process itself inherited sockets under
    /// the name, it takes over all of those instead.
    ///
    /// - Parameters:
    ///   - address: The address to listen at.
    ///   - name: The name by which it is inherited: no colon, no control characters, not empty.
    ///   - options: The options of the listener; `shards` has no meaning here.
    /// - Returns: The socket.
    /// - Throws: As `TCPListener.bind(to:options:on:)`.
    public static func listen(
        at address: String,
        named name: String,
        options: ListenOptions = ListenOptions()
    ) throws(SocketError) -> SharedSocket {
        try require(name)
        let address = try SocketAddress(address)
        if let inherited = try inherited(named: name) { return inherited }
        let listener = try TCPListener.bind(
            to: address,
            options: options.withoutShards,
            on: ChildLoop.shared.group(for: .bind)
        )
        defer { listener.close() }
        return try SharedSocket(of: listener, named: name)
    }

    /// Listens at every address of a host. If this process itself inherited sockets under the name,
    /// it takes over all of those instead.
    ///
    /// - Parameters:
    ///   - host: A name such as `localhost`, or an IP address.
    ///   - port: The port; with 0 the kernel chooses one that is free at all the addresses.
    ///   - name: The name by which the sockets are inherited.
    ///   - options: The options of the listener; `shards` has no meaning here.
    /// - Returns: The sockets, which workers inherit as one listener.
    /// - Throws: As `TCPListener.bind(to:port:options:resolver:on:)`.
    public static func listen(
        at host: String,
        port: UInt16,
        named name: String,
        options: ListenOptions = ListenOptions()
    ) async throws -> SharedSocket {
        try require(name)
        if let inherited = try inherited(named: name) { return inherited }
        let listener = try await TCPListener.bind(
            to: host,
            port: port,
            options: options.withoutShards,
            on: ChildLoop.shared.group(for: .bind)
        )
        defer { listener.close() }
        return try SharedSocket(of: listener, named: name)
    }

    private static func inherited(named name: String) throws(SocketError) -> SharedSocket? {
        let numbers = try InheritedDescriptors.shared.takeTCPListeners(named: name)
        return numbers.isEmpty ? nil : try SharedSocket(name, owning: numbers)
    }

    private static func require(_ name: String) throws(SocketError) {
        let isValid = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
        if isValid, !name.isEmpty { return }
        throw SocketError(
            .inherit,
            code: .invalidArgument,
            reason: "a socket's name is printable ASCII without spaces and colons"
        )
    }
}

// MARK: - Sockets that this process uses, too

extension SharedSocket {
    /// Takes over duplicates of sockets' descriptors, at least one.
    private convenience init(
        _ name: String,
        file: SocketFile? = nil,
        _ duplicate: () throws(SocketError) -> [OwnedDescriptor]
    ) throws(SocketError) {
        var numbers: [CInt] = []
        do throws(SocketError) {
            for descriptor in try duplicate() { numbers.append(try descriptor.detach()) }
        } catch {
            for number in numbers { closeDescriptor(number) }
            throw error.during(.inherit)
        }
        try self.init(name, owning: numbers, file: file)
    }

    /// Shares the sockets of a listener of this process: one, or one for each shard or address. The
    /// listener stays as it is.
    ///
    /// - Parameters:
    ///   - listener: The listener.
    ///   - name: The name by which they are inherited.
    /// - Throws: `SocketError`: `.closed` if the listener is closed, `.tooManyDescriptors`,
    ///   `.invalidArgument` for a name that cannot be passed.
    public convenience init(of listener: TCPListener, named name: String) throws(SocketError) {
        try self.init(name) { () throws(SocketError) in try listener.duplicateDescriptors() }
    }

    /// Shares the socket of a Unix listener of this process.
    ///
    /// The listener stays as it is, and so does its file: the process that bound it removes it when
    /// it closes its listener; workers do not. A `HotRestart` that succeeds hands over the file to
    /// the new version, which then removes it.
    ///
    /// - Parameters:
    ///   - listener: The listener.
    ///   - name: The name by which it is inherited.
    /// - Throws: `SocketError`: `.closed`, `.tooManyDescriptors`, `.invalidArgument`.
    public convenience init(of listener: UnixListener, named name: String) throws(SocketError) {
        try self.init(name, file: listener.file) { () throws(SocketError) in
            [try listener.duplicateDescriptor()]
        }
    }

    /// Shares the socket of a Unix packet listener of this process; otherwise as for a
    /// `UnixListener`.
    ///
    /// - Parameters:
    ///   - listener: The listener.
    ///   - name: The name by which it is inherited.
    /// - Throws: `SocketError`: `.closed`, `.tooManyDescriptors`, `.invalidArgument`.
    public convenience init(
        of listener: UnixPacketListener,
        named name: String
    ) throws(SocketError) {
        try self.init(name, file: listener.file) { () throws(SocketError) in
            [try listener.duplicateDescriptor()]
        }
    }

    /// Shares a UDP socket of this process: each datagram goes to one of the receiving processes.
    ///
    /// - Parameters:
    ///   - socket: The socket.
    ///   - name: The name by which it is inherited.
    /// - Throws: `SocketError`: `.closed`, `.tooManyDescriptors`, `.invalidArgument`.
    public convenience init(of socket: UDPSocket, named name: String) throws(SocketError) {
        try self.init(name) { () throws(SocketError) in [try socket.duplicateDescriptor()] }
    }

    /// Shares a Unix datagram socket of this process: each datagram goes to one of the receiving
    /// processes.
    ///
    /// - Parameters:
    ///   - socket: The socket.
    ///   - name: The name by which it is inherited.
    /// - Throws: `SocketError`: `.closed`, `.tooManyDescriptors`, `.invalidArgument`.
    public convenience init(of socket: UnixDatagramSocket, named name: String) throws(SocketError) {
        try self.init(name, file: socket.file) { () throws(SocketError) in
            [try socket.duplicateDescriptor()]
        }
    }
}

extension ListenOptions {
    /// The same for one socket: shards are for a process that accepts.
    fileprivate var withoutShards: ListenOptions {
        var options = self
        options.shards = .none
        return options
    }
}
