internal import SocketReactor
internal import SocketSystem

extension UDPSocket {
    /// Sends one datagram with options of its own: a source address, an interface, a hop limit or a
    /// class of service.
    ///
    /// The corresponding system call is `sendmsg(2)` with control messages.
    ///
    /// - Parameters:
    ///   - bytes: The content; may be empty.
    ///   - address: The destination; nil means the connected peer.
    ///   - options: The options of the datagram.
    /// - Throws: As `send(_:to:)`; `.invalidArgument` for a source that is not an address of this
    ///   machine or of that interface (for IPv4 also `.networkUnreachable`), or a class of service
    ///   above 63; `.noSuchInterface` for an interface that does not exist.
    public func send(
        _ bytes: Span<UInt8>,
        to address: SocketAddress?,
        options: SendOptions
    ) async throws {
        let control = try control(options, to: address)
        do throws(OperationFailure) {
            try await core.send(bytes, to: address, control: control)
        } catch {
            guard error == .system(.invalidArgument), let source = options.source else {
                throw self.error(error, .send, remote: address, count: bytes.count)
            }
            throw SocketError(
                .send,
                .invalidArgument,
                local: localAddress,
                remote: address ?? remoteAddress,
                reason: SocketError.absence(of: source, options.interfaceIndex)
            )
        }
    }

    /// Sends one datagram with options of its own; see ``send(_:to:options:)-(Span<UInt8>,_,_)``.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - address: The destination; nil means the connected peer.
    ///   - options: The options of the datagram.
    /// - Throws: As for a span.
    public func send(
        _ bytes: [UInt8],
        to address: SocketAddress?,
        options: SendOptions
    ) async throws {
        try await send(bytes.span, to: address, options: options)
    }

    /// Sends a text as UTF-8 in one datagram with options of its own; see
    /// ``send(_:to:options:)-(Span<UInt8>,_,_)``.
    ///
    /// - Parameters:
    ///   - text: The content.
    ///   - address: The destination; nil means the connected peer.
    ///   - options: The options of the datagram.
    /// - Throws: As for a span.
    public func send(
        _ text: String,
        to address: SocketAddress?,
        options: SendOptions
    ) async throws {
        try await send(text.utf8.span, to: address, options: options)
    }

    private func control(
        _ options: SendOptions,
        to address: SocketAddress?
    ) throws(SocketError) -> [UInt8] {
        let target = (address ?? remoteAddress)?.ip?.unmapped ?? options.source?.unmapped
        var options = options
        options.source = options.source?.unmapped
        let isIPv4: Bool
        if case .v4 = target { isIPv4 = true } else { isIPv4 = !isIPv6 }
        if let fault = fault(options, isIPv4: isIPv4) {
            throw SocketError(.send, code: fault.code, remote: address, reason: fault.reason)
        }
        var socketClass: UInt8 = 0
        if (options.dscp == nil) != (options.ecn == nil) {
            // The kernel takes both fields together: one that is not given keeps the socket's
            // value.
            let option: SocketOption<Int> = isIPv4 ? .typeOfService : .trafficClass
            socketClass = UInt8(truncatingIfNeeded: try get(option))
        }
        let family: SocketAddress.Family = isIPv4 ? .ipv4 : .ipv6
        return options.control(family: family.rawValue, socketClass: socketClass)
    }

    /// The fault in the options, found before the kernel is asked.
    private func fault(
        _ options: SendOptions,
        isIPv4: Bool
    ) -> (code: SocketError.Code, reason: String)? {
        if let source = options.source {
            if isIPv4 != (SocketAddress(source, port: 0).family == .ipv4) {
                return (.wrongAddressFamily, "a datagram cannot go there from \(source)")
            }
            if source.lacksZone, options.interfaceIndex ?? 0 == 0 {
                return (.invalidArgument, SocketError.zoneNeeded(by: source))
            }
            if source.isMulticast {
                return (.invalidArgument, "\(source) is a group, from which nobody can send")
            }
        }
        if let dscp = options.dscp, dscp > 63 {
            return (.invalidArgument, "the class of service \(dscp) is greater than 63")
        }
        return nil
    }
}
