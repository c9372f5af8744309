import Glibc
import SocketReactor
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketSystem

@Suite(.fewAtOnce, .endsHangs)
struct SocketErrorTests {
    private let here = SocketAddress.ipv4(.loopback, port: 51234)
    private let there = SocketAddress.ipv4(.loopback, port: 9)

    @Test("An error is a sentence: operation, addresses, cause")
    func sentences() {
        #expect(
            "\(SocketError(.connect, .connectionRefused, local: here, remote: there))"
                == "connect 127.0.0.1:9 from 127.0.0.1:51234: connection refused (ECONNREFUSED)"
        )
        #expect(
            "\(SocketError(.connect, .connectionRefused, remote: there))"
                == "connect 127.0.0.1:9: connection refused (ECONNREFUSED)"
        )
        #expect(
            "\(SocketError(.bind, .addressInUse, local: here))"
                == "bind 127.0.0.1:51234: address already in use (EADDRINUSE)"
        )
        #expect(
            "\(SocketError(.read, .connectionReset, local: here, remote: there))"
                == "read from 127.0.0.1:9 at 127.0.0.1:51234: "
                + "connection reset by peer (ECONNRESET)"
        )
        #expect(
            "\(SocketError(.write, .brokenPipe, local: here, remote: there, bytesWritten: 70))"
                == "write to 127.0.0.1:9 from 127.0.0.1:51234: broken pipe (EPIPE); "
                + "70 bytes had been written"
        )
        #expect("\(SocketError(.accept, code: .closed))" == "accept: the socket is closed")
        #expect(
            "\(SocketError(.read, code: .timedOut, local: here, remote: there))"
                == "read from 127.0.0.1:9 at 127.0.0.1:51234: timed out"
        )
    }

    @Test("A cause that misleads comes with a hint")
    func hints() {
        #expect(
            "\(SocketError(.bind, .accessDenied, local: .ipv4(.loopback, port: 80)))"
                == "bind 127.0.0.1:80: permission denied (EACCES); "
                + "ports below 1024 are for privileged processes"
        )
        #expect(
            "\(SocketError(.bind, .accessDenied, local: here))"
                == "bind 127.0.0.1:51234: permission denied (EACCES)"
        )
        #expect(
            "\(SocketError(.accept, .processDescriptorLimit))"
                == "accept: too many open files (EMFILE); "
                + "the process's descriptor limit (ulimit -n) is reached"
        )
        let broadcast = SocketAddress.ipv4(.broadcast, port: 9)
        #expect(
            "\(SocketError(.send, .accessDenied, remote: broadcast))"
                == "send to 255.255.255.255:9: permission denied (EACCES); "
                + "a broadcast address needs the option broadcast"
        )
        let other = SocketAddress.ipv4(IPv4Address(203, 0, 113, 1), port: 9)
        #expect(
            "\(SocketError(.send, .accessDenied, remote: other))"
                == "send to 203.0.113.1:9: permission denied (EACCES)"
        )
    }

    @Test("What others have written can neither forge a line nor hide one, and is not long")
    func foreignTexts() {
        let texts = [
            "a\nb": #"a\nb"#, "a\r\nb": #"a\r\nb"#, "\0": #"\u{0}"#, "\u{1b}[2J": #"\u{1b}[2J"#,
            "\u{202e}x": #"\u{202e}x"#, "\u{2066}": #"\u{2066}"#, "a\u{2028}b": #"a\u{2028}b"#,
            "a\u{85}b": #"a\u{85}b"#, "\u{200b}": #"\u{200b}"#, "é漢 \"x\"": "é漢 \"x\"",
        ]
        for (text, shown) in texts {
            #expect(text.printable() == shown)
            #expect(SocketError(.resolve, code: .invalidName, reason: text).reason == shown)
        }
        let long = "<" + String(repeating: "x", count: 1_000_000) + ">"
        let error = SocketError(.resolve, code: .invalidName, reason: long)
        let sentence = "\(error)"
        #expect(sentence.count < 2200 && sentence.contains("…(1000002 bytes)…"))
        #expect(sentence.hasSuffix(">"))
        #expect(error.during(.bind).reason == error.reason)
        // Marks that are all one character to Swift.
        let stacked = "e" + String(repeating: "\u{301}", count: 1_000_000)
        #expect("\(SocketError(.resolve, code: .invalidName, reason: stacked))".utf8.count < 5000)
    }

    @Test("Names of users are shown so wherever they stand", arguments: ["\u{202e}\n\0", "\u{1b}"])
    func foreignNames(text: String) async throws {
        let long = text + String(repeating: "x", count: 100_000)
        for name in [text, long] {
            let attempts: [() async throws -> Any] = [
                { try SocketAddress(name) }, { try SocketAddress("unix:/\(name)\0") },
                { try IPAddress(name) }, { try HostName(name) },
                { try NetworkInterface.named(name) },
                { try await TCPConnection.connect(to: name) },
                { try await TCPConnection.connect(to: "\(name):http") },
                { try UDPSocket.bind(to: name) },
                { throw SocketError(.resolve, code: .nameLookupFailed, reason: name) },
            ]
            for attempt in attempts {
                let error = await #expect(throws: SocketError.self) { _ = try await attempt() }
                let sentence = try "\(#require(error))"
                #expect(sentence.unicodeScalars.allSatisfy { $0.isPrintable }, "\(sentence)")
                #expect(sentence.utf8.count < 3000)
            }
        }
    }

    @Test("A value in a sentence is printed as the value that it is")
    func optionalValues() throws {
        let socket = try UDPSocket.bind(to: "127.0.0.1:0")
        let error = #expect(throws: SocketError.self) { try socket.set(.linger, to: .seconds(-1)) }
        #expect(error?.reason == "linger = -1.0 seconds")
        #expect("\(SocketOptionSetting.set(.linger, .seconds(2)))" == "linger = 2.0 seconds")
        #expect("\(SocketOptionSetting.set(.linger, nil))" == "linger = nil")
        #expect("\(SocketOptionSetting.set(.noDelay, true))" == "noDelay = true")
        #expect("\(SocketOptionSetting.set(.bindToDevice, "a\nb"))" == #"bindToDevice = a\nb"#)
    }

    @Test("Errors of threads and of loops name what is missing")
    func missingThreads() {
        let error = SocketError(noThreadFor: .listen, .again)
        #expect("\(error)".contains("ulimit -u") && "\(error)".contains("pids.max"))
        func unwatched(_ backend: PollerBackend) -> String {
            let error = SocketError(
                unwatched: .system(.processDescriptorLimit),
                .adopt,
                backend: backend,
                local: nil,
                remote: nil
            )
            return "\(error)"
        }
        #expect(unwatched(.select).contains("FD_SETSIZE"))
        #expect(!unwatched(.epoll).contains("FD_SETSIZE"))
    }

    @Test("Numbers that ask for the same answer share a code")
    func codes() {
        #expect(SocketError(.bind, Errno(rawValue: EPERM)).code == .permissionDenied)
        #expect(SocketError(.accept, Errno(rawValue: ENFILE)).code == .tooManyDescriptors)
        #expect(SocketError(.accept, Errno(rawValue: ENFILE)).errno == ENFILE)
        #expect(SocketError(.open, Errno(rawValue: EPROTONOSUPPORT)).code == .notSupported)
        #expect(SocketError.Code.errno(ECONNREFUSED) == .connectionRefused)
        #expect(SocketError(.bind, Errno(rawValue: EROFS)).code == .errno(EROFS))
        #expect(SocketError(.read, code: .closed).errno == nil)
        #expect(SocketError.Code.connectionRefused.description == "connection refused")
        let named: [SocketError.Code] = [
            .closed, .busy, .invalidAddress, .unexpectedEndOfStream, .limitExceeded,
            .nameNotFound, .nameTemporarilyUnavailable,
        ]
        #expect(Set(named).count == named.count)
        #expect(named.allSatisfy { !$0.description.contains("unknown") })
    }

    @Test("A parser's error inside a larger operation keeps its cause")
    func during() throws {
        let error = try #require(throws: SocketError.self) { try SocketAddress("1.2.3.4") }
        #expect(
            "\(error.during(.bind))"
                == "bind: \"1.2.3.4\" is not a socket address: the port is missing at character 8"
        )
        #expect(error.during(.bind).code == .invalidAddress)
    }

    @Test("Equal are errors that say the same")
    func equality() {
        let error = SocketError(.connect, .connectionRefused, local: here, remote: there)
        #expect(error == SocketError(.connect, .connectionRefused, local: here, remote: there))
        #expect(error != SocketError(.connect, .connectionRefused, remote: there))
        #expect(Set([error, error]).count == 1)
        #expect(MemoryLayout<SocketError>.size == MemoryLayout<Int>.size)
    }
}
