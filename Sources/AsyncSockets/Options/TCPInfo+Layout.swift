extension TCPInfo {
    /// Reads the kernel's `struct tcp_info`; only its beginning may be present.
    init(_ bytes: [UInt8]) {
        let layout = Layout(bytes: bytes)
        state = State(rawValue: layout.byte(0))
        congestionState = CongestionState(rawValue: layout.byte(1))
        retransmissionTimeouts = Int(layout.byte(2))
        unansweredProbes = Int(layout.byte(3))
        backoff = Int(layout.byte(4))
        features = Features(rawValue: layout.byte(5))
        // Bit fields, the first one in the low bits on every machine that Swift runs on.
        sendWindowScale = Int(layout.byte(6) & 0xf)
        receiveWindowScale = Int(layout.byte(6) >> 4)
        deliveryRateIsLimitedByApplication = layout.byte(7) & 1 != 0

        retransmissionTimeout = layout.microseconds(8)
        acknowledgementTimeout = layout.microseconds(12)
        sendMaximumSegmentSize = layout.count(16)
        receiveMaximumSegmentSize = layout.count(20)
        unacknowledgedSegments = layout.count(24)
        selectivelyAcknowledgedSegments = layout.count(28)
        lostSegments = layout.count(32)
        retransmittedSegments = layout.count(36)
        timeSinceDataSent = layout.milliseconds(44)
        timeSinceDataReceived = layout.milliseconds(52)
        timeSinceAcknowledgementReceived = layout.milliseconds(56)

        pathMTU = layout.count(60)
        receiveSlowStartThreshold = layout.count(64)
        roundTripTime = layout.microseconds(68)
        roundTripTimeVariation = layout.microseconds(72)
        // The kernel starts with "infinite".
        slowStartThreshold = layout.count(76) >= 0x7fff_ffff ? nil : layout.count(76)
        congestionWindow = layout.count(80)
        advertisedMaximumSegmentSize = layout.count(84)
        reordering = layout.count(88)
        receiveRoundTripTime = layout.microseconds(92)
        receiveSpace = layout.count(96)
        totalRetransmittedSegments = layout.count(100)

        pacingRate = layout.long(104) == .max ? nil : layout.long(104)
        maximumPacingRate = layout.long(112) == .max ? nil : layout.long(112)
        bytesAcknowledged = layout.long(120)
        bytesReceived = layout.long(128)
        segmentsSent = layout.count(136)
        segmentsReceived = layout.count(140)
        unsentBytes = layout.count(144)
        let hasMinimum = layout.has(148, 4) && layout.count(148) != UInt32.max
        minimumRoundTripTime = hasMinimum ? layout.microseconds(148) : nil
        dataSegmentsReceived = layout.count(152)
        dataSegmentsSent = layout.count(156)
        deliveryRate = layout.long(160)
        busyTime = layout.longMicroseconds(168)
        timeLimitedByPeerWindow = layout.longMicroseconds(176)
        timeLimitedBySendBuffer = layout.longMicroseconds(184)
        segmentsDelivered = layout.count(192)
        segmentsDeliveredWithCongestionMark = layout.count(196)
        bytesSent = layout.long(200)
        bytesRetransmitted = layout.long(208)
        duplicatesReported = layout.count(216)
        reorderingsSeen = layout.count(220)
        segmentsReceivedOutOfOrder = layout.count(224)
        peerWindow = layout.has(228, 4) ? layout.count(228) : nil
        ownWindow = layout.has(232, 4) ? layout.count(232) : nil
    }

    /// The structure's bytes; offsets past their end read as zero.
    private struct Layout {
        let bytes: [UInt8]

        func has(_ offset: Int, _ size: Int) -> Bool { bytes.count >= offset + size }

        func byte(_ offset: Int) -> UInt8 { has(offset, 1) ? bytes[offset] : 0 }

        /// An integer in the machine's byte order.
        private func integer<Integer: FixedWidthInteger>(_ offset: Int) -> Integer {
            let size = Integer.bitWidth / 8
            guard has(offset, size) else { return 0 }
            // Put together as a big-endian number; its bytes in memory are then those that were
            // read.
            let number = bytes[offset..<offset + size].reduce(Integer.zero) {
                $0 << 8 | Integer($1)
            }
            return number.bigEndian
        }

        func count(_ offset: Int) -> Int { Int(integer(offset) as UInt32) }

        func long(_ offset: Int) -> UInt64 { integer(offset) }

        func microseconds(_ offset: Int) -> Duration { .microseconds(count(offset)) }

        func milliseconds(_ offset: Int) -> Duration { .milliseconds(count(offset)) }

        func longMicroseconds(_ offset: Int) -> Duration {
            .microseconds(Int64(clamping: long(offset)))
        }
    }
}
