internal import SocketSystem

/// A Unix socket that is bound to its address.
struct BoundUnixSocket: ~Copyable {
    let socket: Descriptor
    /// The file that binding made; nil for an abstract name.
    let file: SocketFile?
}

/// Makes a Unix socket and binds it.
///
/// - Parameters:
///   - type: `SocketKind.stream` or another.
///   - address: The address; unnamed to let the kernel choose an abstract name.
///   - settings: The socket's options, set before it is bound.
///   - options: The treatment of the file.
///   - operation: The caller's operation, for errors.
/// - Returns: The socket and its file.
/// - Throws: `.addressInUse` if another socket has the address, and the errors of the system calls.
func bindUnix(
    _ type: CInt,
    to address: SocketAddress,
    _ settings: [SocketOptionSetting],
    _ options: SocketFileOptions,
    for operation: SocketError.Operation
) throws(SocketError) -> BoundUnixSocket {
    try requireUnix(address, for: operation)
    let socket = try makeSocket(.unix(type), settings, local: nil, for: operation)
    guard let path = address.unixPathBytes else {
        do throws(Errno) {
            try bindSocket(socket.rawValue, to: address.storage)
            _ = try SocketSystem.localAddress(of: socket.rawValue)
        } catch {
            throw SocketError(operation, error, local: address)
        }
        return BoundUnixSocket(socket: socket, file: nil)
    }
    let file = try bindToPath(path, of: address, socket.rawValue, options, for: operation)
    return BoundUnixSocket(socket: socket, file: file)
}

private func bindToPath(
    _ path: [UInt8],
    of address: SocketAddress,
    _ socket: CInt,
    _ options: SocketFileOptions,
    for operation: SocketError.Operation
) throws(SocketError) -> SocketFile {
    let permissions = options.permissions.map { $0 & 0o777 }
    let obstacle: String?
    do throws(Errno) {
        // Linux makes the file with the permissions of the socket's own inode, less the umask.
        if let permissions { try setSocketPermissions(permissions, of: socket) }
        obstacle = try bind(socket, to: address, path, options)
    } catch {
        throw SocketError(operation, error, local: address)
    }
    if let obstacle {
        throw SocketError(operation, .addressInUse, local: address, reason: obstacle)
    }
    do throws(Errno) {
        _ = try SocketSystem.localAddress(of: socket)
        let identity = try fileIdentity(atPath: path)
        let file = SocketFile(
            path: path,
            identity: identity,
            removesOnClose: options.removesOnClose
        )
        if let permissions, identity.permissions != permissions {
            try setPermissions(permissions, of: identity, atPath: path)
        }
        return file
    } catch {
        try? removeFile(atPath: path)
        throw SocketError(operation, error, local: address, reason: "the socket's file")
    }
}

/// Binds, and replaces a stale socket if requested.
///
/// - Returns: Nil, or the reason why the address is not free.
private func bind(
    _ socket: CInt,
    to address: SocketAddress,
    _ path: [UInt8],
    _ options: SocketFileOptions
) throws(Errno) -> String? {
    if try bindIfFree(socket, to: address) { return nil }
    guard options.replacesStale else { return "there is a file" }
    // Two processes that find the same stale file must not both replace it: the second one would
    // remove the first one's new file.
    guard let lock = try PathLock(path) else { return "another process is just binding it" }
    defer { lock.end() }
    for _ in 0..<8 {
        if let file = try existingFile(atPath: path) {
            guard file.isSocket else { return "there is a file that is not a socket" }
            switch try state(of: address) {
            case .live: return "another socket has it"
            case .unknown: return "there is a socket, and we may not ask whether it is in use"
            case .gone: continue
            case .stale: break
            }
            // Remove only the file whose socket was asked, as far as two calls can tell.
            guard try existingFile(atPath: path) == file else { continue }
            do throws(Errno) {
                try removeFile(atPath: path)
            } catch {
                if error != .noSuchFile { throw error }
            }
        }
        if try bindIfFree(socket, to: address) { return nil }
    }
    return "others keep binding it"
}

private func bindIfFree(_ socket: CInt, to address: SocketAddress) throws(Errno) -> Bool {
    do throws(Errno) {
        try bindSocket(socket, to: address.storage)
        return true
    } catch {
        if error == .addressInUse { return false }
        throw error
    }
}

private func existingFile(atPath path: [UInt8]) throws(Errno) -> FileIdentity? {
    do throws(Errno) {
        return try fileIdentity(atPath: path)
    } catch {
        if error == .noSuchFile { return nil }
        throw error
    }
}

/// Whether a socket is behind a file.
private enum SocketFileState {
    case live
    /// No process has it open any more.
    case stale
    /// There is no file now.
    case gone
    /// Its permissions do not let this process ask.
    case unknown
}

/// Finds out whether a socket is behind a file.
///
/// A datagram socket asks, because it disturbs no one. A listener refuses it for its wrong type,
/// without a connection that the listener would have to accept.
///
/// - Throws: If there is no socket to ask with. That says nothing about the file.
private func state(of address: SocketAddress) throws(Errno) -> SocketFileState {
    let probe = try openSocket(.unix(SocketKind.datagram))
    do throws(Errno) {
        try connectSocket(probe.rawValue, to: address.storage)
        return .live
    } catch {
        switch error {
        case .connectionRefused: return .stale
        case .noSuchFile: return .gone
        case .accessDenied: return .unknown
        default: return .live
        }
    }
}

func requireUnix(
    _ address: SocketAddress,
    for operation: SocketError.Operation
) throws(SocketError) {
    if address.family == .unix { return }
    let isLocal = operation == .bind
    throw SocketError(
        operation,
        code: .wrongAddressFamily,
        local: isLocal ? address : nil,
        remote: isLocal ? nil : address,
        reason: "a Unix socket needs an address such as unix:/path or unix:@name"
    )
}
