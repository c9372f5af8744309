import AsyncSockets
import Synchronization

/// A name server of a test's own, over UDP and TCP at one port. It shares no line with the
/// library's reading and writing of messages. Each of its datagrams comes after a false one of
/// another sender.
final class ScriptedNameServer: Sendable {
    struct Question: Hashable, Sendable {
        /// In lower case, without a final dot.
        let name: String
        let version: IPAddress.Version
        let isOverTCP: Bool
        /// Whether it says how much room there is, EDNS.
        let isExtended: Bool
        /// The message.
        let bytes: [UInt8]

        /// `A host.test`
        var text: String { (version == .v4 ? "A " : "AAAA ") + name }
    }

    enum Answer: Sendable {
        case silence
        /// The addresses of the version that is asked for, perhaps by way of aliases.
        case addresses([String], aliases: [String] = [])
        /// A response code, with the question.
        case code(UInt8)
        /// The addresses over TCP; over UDP the note that they are too many.
        case long([String])
        /// These messages, one after the other.
        case messages([[UInt8]])
    }

    let address: SocketAddress
    private let socket: UDPSocket
    private let listener: TCPListener
    private let log = Mutex<[Question]>([])
    private let script: @Sendable (Question) -> Answer

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - address: Where it listens.
    ///   - script: What it answers.
    /// - Throws: `SocketError` if the address cannot be bound.
    init(
        at address: String = "127.0.0.1:0",
        _ script: @escaping @Sendable (Question) -> Answer
    ) throws {
        self.script = script
        listener = try TCPListener.bind(to: address)
        self.address = listener.localAddress
        socket = try UDPSocket.bind(to: listener.localAddress)
        let (socket, listener) = (socket, listener)
        let impostor = try UDPSocket.bind(to: "127.0.0.1:0")
        Task { [weak self] in
            while let datagram = try? await socket.receive() {
                for answer in self?.answers(to: datagram.bytes, isOverTCP: false) ?? [] {
                    // Somebody else is always quicker, with another address.
                    let forged = answer.dropLast() + [(answer.last ?? 0) ^ 0xff]
                    try? await impostor.send(Array(forged), to: datagram.source)
                    try? await socket.send(answer, to: datagram.source)
                }
            }
        }
        Task { [weak self] in
            for await connection in listener {
                guard let head = try? await connection.read(exactly: 2),
                    let message = try? await connection.read(
                        exactly: Int(head[0]) << 8 | Int(head[1])
                    )
                else { continue }
                for answer in self?.answers(to: message, isOverTCP: true) ?? [] {
                    try? await connection.write(Self.octets(answer.count) + answer)
                }
                connection.close()
            }
        }
    }

    deinit { stop() }

    func stop() {
        socket.close()
        listener.close()
    }

    /// What it was asked, in order.
    var questions: [Question] { log.withLock { $0 } }
    /// The same in short.
    var asked: [String] { questions.map(\.text) }

    private func answers(to bytes: [UInt8], isOverTCP: Bool) -> [[UInt8]] {
        var labels: [String] = []
        var position = 12
        while bytes[position] != 0 {
            let end = position + 1 + Int(bytes[position])
            labels.append(String(decoding: bytes[position + 1..<end], as: UTF8.self).lowercased())
            position = end
        }
        let question = Question(
            name: labels.joined(separator: "."),
            version: bytes[position + 2] == 1 ? .v4 : .v6,
            isOverTCP: isOverTCP,
            isExtended: bytes[11] == 1,
            bytes: Array(bytes[..<(position + 5)])
        )
        log.withLock { $0.append(question) }
        switch script(question) {
        case .silence: return []
        case .code(let code): return [Self.message(question, code: code)]
        case .addresses(let texts, let aliases):
            return [Self.message(question, texts, aliases: aliases)]
        case .long(let texts):
            return [Self.message(question, isOverTCP ? texts : [], isTruncated: !isOverTCP)]
        case .messages(let messages): return messages
        }
    }

    /// An answer to a question.
    static func message(
        _ question: Question,
        _ addresses: [String] = [],
        aliases: [String] = [],
        code: UInt8 = 0,
        isTruncated: Bool = false
    ) -> [UInt8] {
        let ips = addresses.compactMap { try? IPAddress($0) }.filter {
            $0.version == question.version
        }
        let count = aliases.count + ips.count
        var bytes = question.bytes
        bytes.replaceSubrange(
            2..<12,
            with: [isTruncated ? 0x83 : 0x81, 0x80 | code, 0, 1, 0, UInt8(count), 0, 0, 0, 0]
        )
        // A pointer to the question's name.
        var owner: [UInt8] = [0xc0, 12]
        for alias in aliases {
            let target = name(alias)
            bytes += owner + [0, 5, 0, 1, 0, 0, 0, 60] + octets(target.count) + target
            owner = target
        }
        for ip in ips {
            let data = octets(of: ip)
            let type: UInt8 = ip.version == .v4 ? 1 : 28
            bytes += owner + [0, type, 0, 1, 0, 0, 0, 60] + octets(data.count) + data
        }
        return bytes
    }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func octets(_ count: Int) -> [UInt8] { [UInt8(count >> 8), UInt8(count & 0xff)] }

    private static func octets(of ip: IPAddress) -> [UInt8] {
        switch ip {
        case .v4(let ip): [ip.octets.0, ip.octets.1, ip.octets.2, ip.octets.3]
        case .v6(let ip): ip.groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        }
    }
}
