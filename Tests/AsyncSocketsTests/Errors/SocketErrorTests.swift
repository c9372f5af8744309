import Glibc
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
                + "if this is a broadcast address, set the option broadcast"
        )
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
