import Glibc
import TestKit
import Testing

@testable import AsyncSockets
@testable import SocketSystem

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct SocketOptionTests {
    /// Sets an option to each value in turn and reads it back.
    private func check<Value: Sendable & Equatable>(
        _ option: SocketOption<Value>,
        _ values: Value...,
        on descriptor: CInt,
        location: SourceLocation = #_sourceLocation
    ) {
        for value in values {
            do {
                try option.write(value, to: descriptor)
                let read = try option.read(from: descriptor)
                #expect(read == value, "\(option.name)", sourceLocation: location)
            } catch {
                Issue.record("\(option.name) = \(value): \(error)", sourceLocation: location)
            }
        }
    }

    @Test("Options of a TCP socket are set and read back")
    func optionsOfTCP() throws {
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        let descriptor = tcp.descriptor
        check(.noDelay, true, false, on: descriptor)
        check(.cork, true, false, on: descriptor)
        check(.keepAlive, true, false, on: descriptor)
        check(.keepAliveIdle, .seconds(30), .seconds(32767), on: descriptor)
        check(.keepAliveInterval, .seconds(5), on: descriptor)
        check(.keepAliveCount, 1, 127, on: descriptor)
        check(.linger, .seconds(3), .zero, nil, on: descriptor)
        check(.userTimeout, .milliseconds(1500), .zero, on: descriptor)
        check(.congestionControl, "reno", on: descriptor)
        check(.fastOpenConnect, true, false, on: descriptor)
        check(.unsentLowWaterMark, 16384, .max, on: descriptor)
        check(.connectRetries, 2, on: descriptor)
        check(.orphanTimeout, .seconds(3), nil, on: descriptor)
        check(.receiveLowWaterMark, 100, 1, on: descriptor)
        check(.maximumPacingRate, 1_000_000, .max, on: descriptor)
        try SocketOption.quickAck.write(true, to: descriptor)
        try SocketOption.maximumSegmentSize.write(1000, to: descriptor)
        try SocketOption.windowClamp.write(65536, to: descriptor)
    }

    @Test("Options of every socket are set and read back")
    func optionsOfEverySocket() throws {
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        let descriptor = tcp.descriptor
        check(.reuseAddress, true, false, on: descriptor)
        check(.reusePort, true, false, on: descriptor)
        check(.broadcast, true, false, on: descriptor)
        check(.dontRoute, true, false, on: descriptor)
        check(.outOfBandInline, true, false, on: descriptor)
        check(.receiveTimestamps, true, false, on: descriptor)
        check(.receiveDropCount, true, false, on: descriptor)
        check(.priority, 6, 0, on: descriptor)
        check(.incomingCPU, 1, on: descriptor)
        check(.timeToLive, 17, 255, on: descriptor)
        check(.typeOfService, 0xb8, on: descriptor)
        check(.freeBind, true, false, on: descriptor)
        check(.bindAddressNoPort, true, false, on: descriptor)
        check(.pathMTUDiscovery, .always, .wanted, .never, on: descriptor)
        // The kernel doubles it.
        try SocketOption.sendBufferSize.write(20000, to: descriptor)
        #expect(try SocketOption.sendBufferSize.read(from: descriptor) == 40000)
        try SocketOption.receiveBufferSize.write(20000, to: descriptor)
        #expect(try SocketOption.receiveBufferSize.read(from: descriptor) == 40000)
    }

    @Test("What the kernel alone decides is read")
    func readOnly() throws {
        let tcp = RawSocket(AF_INET6, SOCK_STREAM)
        let descriptor = tcp.descriptor
        #expect(try SocketOption.family.read(from: descriptor) == .ipv6)
        #expect(try SocketOption.socketType.read(from: descriptor) == 1)
        #expect(try SocketOption.protocolNumber.read(from: descriptor) == 6)
        #expect(try SocketOption.acceptsConnections.read(from: descriptor) == false)
        #expect(try SocketOption.error.read(from: descriptor) == nil)
        #expect(try SocketOption.cookie.read(from: descriptor) > 0)
        #expect(throws: Errno.noSuchOption) {
            try SocketOption.socketType.write(2, to: descriptor)
        }
        #expect(throws: Errno.noSuchOption) {
            try SocketOption.sendBufferSizeBeyondLimit.read(from: descriptor)
        }
    }

    @Test("Options of an IPv6 socket are set and read back")
    func optionsOfIPv6() throws {
        let udp = RawSocket(AF_INET6, SOCK_DGRAM)
        let descriptor = udp.descriptor
        check(.v6Only, true, false, on: descriptor)
        check(.hopLimit, 17, 255, on: descriptor)
        check(.trafficClass, 0x28, on: descriptor)
        check(.pathMTUDiscoveryIPv6, .always, .wanted, .never, .probe, on: descriptor)
        check(.receivePacketInfoIPv6, true, on: descriptor)
        check(.receiveHopLimit, true, on: descriptor)
        check(.receiveTrafficClass, true, on: descriptor)
        check(.receiveErrorsIPv6, true, on: descriptor)
        check(.multicastLoopbackIPv6, false, true, on: descriptor)
        check(.multicastAllIPv6, false, true, on: descriptor)
        check(.multicastHopLimit, 0, 1, 255, on: descriptor)
        check(.multicastInterfaceIPv6, 1, 0, on: descriptor)
        // The options of IPv4 are there too, for the mapped traffic.
        check(.timeToLive, 9, on: descriptor)
    }

    @Test("Options of an IPv4 datagram socket are set and read back")
    func ipv4Datagrams() throws {
        let udp = RawSocket(AF_INET, SOCK_DGRAM)
        let descriptor = udp.descriptor
        check(.receivePacketInfo, true, on: descriptor)
        check(.receiveTimeToLive, true, on: descriptor)
        check(.receiveTypeOfService, true, on: descriptor)
        check(.receiveErrors, true, on: descriptor)
        check(.multicastLoopback, false, true, on: descriptor)
        check(.multicastAll, false, true, on: descriptor)
        check(.multicastTimeToLive, 0, 1, 255, on: descriptor)
        check(.multicastInterfaceAddress, .loopback, .any, on: descriptor)
        try SocketOption.multicastInterface.write(1, to: descriptor)
        #expect(throws: Errno.outOfRange) {
            try SocketOption.multicastInterface.write(.max, to: descriptor)
        }
    }

    @Test("A listener's options are set and read back")
    func listener() throws {
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        #expect(listen(tcp.descriptor, 10) == 0)
        #expect(try SocketOption.acceptsConnections.read(from: tcp.descriptor))
        check(.fastOpen, 16, on: tcp.descriptor)
        try SocketOption.deferAccept.write(.seconds(5), to: tcp.descriptor)
        #expect(try SocketOption.deferAccept.read(from: tcp.descriptor) >= .seconds(5))
    }

    @Test("Any integer option is in reach")
    func escapeHatch() throws {
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        let option = SocketOption.integer(level: SOL_SOCKET, name: SO_KEEPALIVE)
        check(option, 1, 0, on: tcp.descriptor)
        #expect(throws: Errno.noSuchOption) {
            try SocketOption.integer(level: SOL_SOCKET, name: 9999).read(from: tcp.descriptor)
        }
    }

    @Test("A value that the kernel cannot take is an error and never a trap")
    func badValues() throws {
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        let descriptor = tcp.descriptor
        for value in [Int.max, Int.min, 1 << 31] {
            #expect(throws: Errno.outOfRange) {
                try SocketOption.sendBufferSize.write(value, to: descriptor)
            }
        }
        for value in [Duration.seconds(-1), .milliseconds(-1), .seconds(Int64.max)] {
            #expect(throws: Errno.outOfRange) {
                try SocketOption.keepAliveIdle.write(value, to: descriptor)
            }
            #expect(throws: Errno.outOfRange) {
                try SocketOption.linger.write(value, to: descriptor)
            }
        }
        #expect(throws: Errno.invalidArgument) {
            try SocketOption.keepAliveIdle.write(.zero, to: descriptor)
        }
        #expect(throws: Errno.invalidArgument) {
            try SocketOption.congestionControl.write("re\0no", to: descriptor)
        }
        #expect(throws: Errno.nameTooLong) {
            try SocketOption.congestionControl.write(
                String(repeating: "a", count: 16),
                to: descriptor
            )
        }
        #expect(throws: Errno.noSuchFile) {
            try SocketOption.congestionControl.write("nosuch", to: descriptor)
        }
        #expect(throws: Errno.badDescriptor) { try SocketOption.noDelay.write(true, to: -1) }
        #expect(throws: Errno.badDescriptor) { try SocketOption.tcpInfo.read(from: -1) }
    }

    @Test("A fraction of a unit is rounded up")
    func rounding() throws {
        #expect(try Duration.milliseconds(1).count(of: .seconds(1)) == 1)
        #expect(try Duration.seconds(3).count(of: .seconds(1)) == 3)
        #expect(try Duration.nanoseconds(1_000_000_001).count(of: .milliseconds(1)) == 1001)
        #expect(
            try Duration(secondsComponent: 0, attosecondsComponent: 1).count(
                of: .microseconds(1)
            ) == 1
        )
        #expect(try Duration.seconds(CInt.max).count(of: .seconds(1)) == .max)
        #expect(try Duration.milliseconds(CInt.max).count(of: .milliseconds(1)) == .max)
        #expect(throws: Errno.outOfRange) {
            try (Duration.milliseconds(CInt.max) + .nanoseconds(1)).count(of: .milliseconds(1))
        }
    }

    @Test("Settings of different types stand in one list")
    func settings() throws {
        let settings: [SocketOptionSetting] = [
            .set(.noDelay, true), .set(.keepAliveIdle, .seconds(9)), .set(.priority, 3),
            .set(.linger, nil), .set(.congestionControl, "reno"),
        ]
        let tcp = RawSocket(AF_INET, SOCK_STREAM)
        for setting in settings { try setting.apply(to: tcp.descriptor) }
        #expect(try SocketOption.noDelay.read(from: tcp.descriptor))
        #expect(try SocketOption.keepAliveIdle.read(from: tcp.descriptor) == .seconds(9))
        #expect(settings[2].description == "priority = 3")
    }

    @Test("A failed option says its name and the value")
    func failedOptionSaysWhich() {
        let address = SocketAddress.ipv4(.loopback, port: 80)
        #expect(
            "\(SocketOption.keepAliveCount.writeError(.invalidArgument, value: 0, local: address))"
                == "set option 127.0.0.1:80: invalid argument (EINVAL): keepAliveCount = 0"
        )
    }
}
