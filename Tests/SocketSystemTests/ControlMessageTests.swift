import SocketSystem
import TestKit
import Testing

@Suite("Control data")
struct ControlMessageTests {
    /// All messages, as level, type and data.
    private func messages(_ bytes: [UInt8]) -> [(CInt, CInt, [UInt8])] {
        var all: [(CInt, CInt, [UInt8])] = []
        ControlMessage.forEach(in: bytes.span) { level, type, data in
            var copy: [UInt8] = []
            for index in data.indices { copy.append(data[index]) }
            all.append((level, type, copy))
        }
        return all
    }

    @Test("what is built is read again")
    func roundTrip() {
        var builder = ControlBuilder()
        builder.append(level: 1, type: 2, data: [1, 2, 3])
        builder.append(level: -4, type: .max, data: [])
        builder.append(level: 5, type: 6, integer: UInt16(0x0102))
        #expect(builder.bytes.count == ControlMessage.space(for: 3) + 2 * 16 + 8)
        let read = messages(builder.bytes)
        #expect(read.map(\.0) == [1, -4, 5])
        #expect(read.map(\.1) == [2, .max, 6])
        #expect(read.map(\.2) == [[1, 2, 3], [], [2, 1]])
    }

    @Test("descriptors are found wherever they stand")
    func descriptorsAreFound() {
        var builder = ControlBuilder()
        builder.append(level: 0, type: 0, data: [1])
        builder.append(rights: [3, 4])
        builder.append(rights: [5])
        #expect(ControlMessage.rights(in: builder.bytes.span) == [3, 4, 5])
        // A half descriptor at the end is none.
        #expect(ControlMessage.rights(in: builder.bytes.span.extracting(first: 46)) == [3])
    }

    @Test(
        "lengths that lie lead nowhere",
        arguments: [0, 1, 15, 17, 1000, .max, .min, -1] as [Int]
    )
    func lyingLengthsLeadNowhere(length: Int) {
        var bytes: [UInt8] = []
        bytes.append(integer: length)
        bytes.append(integer: CInt(1))
        bytes.append(integer: CInt(1))
        bytes += [1, 2, 3, 4, 5, 6, 7, 8]
        let read = messages(bytes)
        #expect(read.count <= 1)
        #expect((read.first?.2.count ?? 0) <= 8)
    }

    @Test("garbage and every truncation of it are survived")
    func garbageIsSurvived() {
        var builder = ControlBuilder()
        builder.append(rights: [7, 8, 9])
        builder.append(level: 0, type: 8, data: Array(0..<12))
        builder.append(level: 41, type: 50, data: Array(0..<20))
        builder.append(level: 1, type: 2, data: Array(0..<12))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = builder.bytes
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255)
            }
            let part = bytes.span.extracting(first: Int.random(in: 0...bytes.count))
            _ = PacketControl(part)
            _ = ControlMessage.rights(in: part)
            _ = ControlMessage.credentials(in: part)
        }
    }
}
