import AsyncSockets
import Glibc
import SocketSystem
import TestKit
import Testing

/// Two ends of a connection over a listener.
func unixPair(
    receivesDescriptors: Bool = false
) async throws -> (client: UnixConnection, server: UnixConnection) {
    let listener = try UnixListener.bind(
        to: .unixUnnamed,
        options: ListenOptions(receivesDescriptors: receivesDescriptors)
    )
    defer { listener.close() }
    async let client = UnixConnection.connect(to: listener.localAddress)
    let server = try await listener.accept()
    return (try await client, server)
}

func packetPair() async throws -> (client: UnixPacketConnection, server: UnixPacketConnection) {
    let listener = try UnixPacketListener.bind(to: .unixUnnamed)
    defer { listener.close() }
    async let client = UnixPacketConnection.connect(to: listener.localAddress)
    let server = try await listener.accept()
    return (try await client, server)
}

/// A pipe whose writing end goes on a journey: its reader tells whether any copy is still open.
final class TracedDescriptor: Sendable {
    /// The writing end.
    let writer: OwnedDescriptor
    private let reader: CInt

    init() {
        // Closed on exec from the beginning: other tests start processes at any moment.
        guard let ends = try? openPipe() else { preconditionFailure("no pipe: errno \(errno)") }
        _ = fcntl(ends.writer, F_SETFL, 0)
        reader = ends.reader
        writer = OwnedDescriptor(adopting: ends.writer)
    }

    deinit { Glibc.close(reader) }

    /// Whether no process holds a copy of the writing end.
    var isClosedEverywhere: Bool {
        var byte: UInt8 = 0
        return unsafe read(reader, &byte, 1) == 0
    }

    /// Whether no process has a copy of the writing end in the end: a thread apart closes what was
    /// passed, and a child that another test is starting has one for a moment.
    func isClosed() async -> Bool { await eventually { isClosedEverywhere } }

    /// How many of this process's descriptors are the writing end.
    var copiesHere: Int {
        var pipe = stat()
        unsafe fstat(reader, &pipe)
        return (0..<CInt(4096)).count { number in
            var other = stat()
            guard number != reader, unsafe fstat(number, &other) == 0 else { return false }
            return other.st_ino == pipe.st_ino && other.st_dev == pipe.st_dev
        }
    }

    /// What was written to the passed copies.
    func received() -> String {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = unsafe read(reader, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

extension OwnedDescriptor {
    /// Writes to the file.
    func write(_ text: String) throws {
        try withDescriptor { number in
            var text = text
            _ = text.withUTF8 { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        }
    }

    /// Whether the descriptor is closed by exec.
    var isCloseOnExec: Bool {
        (try? withDescriptor { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 }) ?? false
    }
}

/// Binds to the address of a dead socket. The socket may be alive for a moment: a child that
/// another test is starting has a copy of every socket.
func onceDead<Socket>(_ bind: () async throws -> Socket) async throws -> Socket {
    var result: Result<Socket, any Error>?
    _ = await eventually {
        do {
            result = .success(try await bind())
        } catch {
            result = .failure(error)
            return (error as? SocketError)?.code != .addressInUse
        }
        return true
    }
    return try #require(result).get()
}

/// Whether the kernel can refuse descriptors (SO_PASSRIGHTS, Linux 6.16).
let kernelRefusesDescriptors: Bool = {
    let socket = try? UnixDatagramSocket.pair().0
    return (try? socket?.get(.receiveDescriptors)) != nil
}()

// MARK: - Raw calls

/// A Unix socket of plain blocking system calls.
struct RawUnixSocket: ~Copyable {
    let descriptor: CInt

    init(owning descriptor: CInt) { self.descriptor = descriptor }

    init(_ type: __socket_type) {
        descriptor = socket(AF_UNIX, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    }

    deinit { Glibc.close(descriptor) }

    /// 0, or an error number.
    func bind(to path: String) -> CInt {
        unsafe Self.withAddress(path) { unsafe Glibc.bind(descriptor, $0, $1) } == 0 ? 0 : errno
    }

    /// 0, or an error number.
    func connect(to path: String) -> CInt {
        unsafe Self.withAddress(path) { unsafe Glibc.connect(descriptor, $0, $1) } == 0 ? 0 : errno
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: path.utf8)
        }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// sendmsg(2) with any control data; what it returned, or a negated error number.
@discardableResult
func sendRaw(_ bytes: [UInt8], control: [UInt8], on descriptor: CInt) -> Int {
    var (bytes, control) = (bytes, control)
    return unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe control.withUnsafeMutableBytes { control in
            var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                var message = unsafe msghdr()
                unsafe message.msg_iov = vector
                unsafe message.msg_iovlen = 1
                unsafe message.msg_control = control.baseAddress
                unsafe message.msg_controllen = control.count
                let result = unsafe sendmsg(descriptor, &message, CInt(MSG_NOSIGNAL))
                return result < 0 ? -Int(errno) : result
            }
        }
    }
}

/// The control message that passes descriptors.
func rights(_ descriptors: [CInt]) -> [UInt8] {
    controlMessage(type: 1, data: descriptors.flatMap { bytes(of: $0) })
}

/// A control message of the level SOL_SOCKET, padded.
func controlMessage(type: CInt, data: [UInt8], length: Int? = nil) -> [UInt8] {
    var message = bytes(of: length ?? 16 + data.count)
    message += bytes(of: SOL_SOCKET) + bytes(of: type) + data
    while message.count % 8 != 0 { message.append(0) }
    return message
}

func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}
