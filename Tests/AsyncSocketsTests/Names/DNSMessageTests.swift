import TestKit
import Testing

@testable import AsyncSockets

@Suite(.fewAtOnce, .endsHangs)
struct DNSMessageTests {
    private static let id: UInt16 = 0x1234

    private static func question(
        _ name: String = "host.test",
        _ version: IPAddress.Version = .v4
    ) throws -> DNSQuestion {
        DNSQuestion(name: try #require(DNSName(name)), version: version)
    }

    /// An answer to an A question for `host.test`: a header with the flags and the numbers of
    /// questions, answers and extras, the question, and the rest.
    private static func answer(
        _ rest: [UInt8],
        answers: UInt8,
        flags: [UInt8] = [0x81, 0x80],
        questions: UInt8 = 1,
        extras: UInt8 = 0
    ) -> [UInt8] {
        let header: [UInt8] = [0x12, 0x34] + flags + [0, questions, 0, answers, 0, 0, 0, extras]
        let question: [UInt8] = questions == 0 ? [] : hostTest + [0, 1, 0, 1]
        return header + question + rest
    }

    /// `host.test`, in odd capitals.
    private static let hostTest: [UInt8] = [4] + Array("hOst".utf8) + [4] + Array("TEST".utf8) + [0]

    private static func record(_ owner: [UInt8], type: UInt8, _ data: [UInt8]) -> [UInt8] {
        owner + [0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    private func read(_ message: [UInt8]) throws -> DNSReply? {
        DNSReply(message, to: try Self.question(), id: Self.id)
    }

    private let ours = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    private let pointer: [UInt8] = [0xc0, 12]

    @Test("A question is a header, the name, the type and the class; and the room for an answer")
    func questionBytes() throws {
        let plain = try Self.question("A.b", .v6).message(id: 0x0102, isExtended: false)
        let header: [UInt8] = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        #expect(plain == header + [1, 0x61, 1, 0x62, 0, 0, 28, 0, 1])
        let extended = try Self.question("A.b", .v4).message(id: 0x0102, isExtended: true)
        #expect(extended[11] == 1)
        #expect(extended.suffix(15) == [0, 1, 0, 1] + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
    }

    @Test("Names have labels of 63 and at most 255 bytes")
    func names() throws {
        let label = String(repeating: "a", count: 63)
        #expect(DNSName(label + ".b") != nil)
        #expect(DNSName(label + "a.b") == nil)
        #expect(DNSName("a..b") == nil)
        #expect(DNSName("") == nil)
        let three = "\(label).\(label).\(label)."
        #expect(DNSName(three + String(repeating: "b", count: 61)) != nil)
        #expect(DNSName(three + String(repeating: "b", count: 62)) == nil)
        #expect(DNSName("Host.TEST") == DNSName("host.test"))
    }

    @Test("Addresses are found, and those of other names, types and classes are not")
    func addresses() throws {
        let records = [
            Self.record(pointer, type: 1, [192, 0, 2, 1]),
            Self.record(Self.hostTest, type: 1, [192, 0, 2, 2]),
            Self.record([5] + Array("other".utf8) + [0], type: 1, [192, 0, 2, 3]),
            Self.record(pointer, type: 28, [UInt8](repeating: 1, count: 16)),
            Self.record(pointer, type: 16, [1, 2]),
        ]
        let reply = try read(Self.answer(records.flatMap(\.self), answers: 5))
        #expect(reply == .addresses([ours, .v4(IPv4Address(192, 0, 2, 2))]))
        #expect(try read(Self.answer([], answers: 0)) == .addresses([]))
        let six = [UInt8](repeating: 0, count: 15) + [1]
        let question = try Self.question("a", .v6)
        let message: [UInt8] =
            [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0x61, 0, 0, 28, 0, 1]
            + Self.record(pointer, type: 28, six)
        #expect(DNSReply(message, to: question, id: Self.id) == .addresses([.v6(.loopback)]))
    }

    @Test("Aliases are followed in any order, and not for ever")
    func aliases() throws {
        let (a, b): ([UInt8], [UInt8]) = ([1, 0x61, 0], [1, 0x62, 0])
        let chain = [
            Self.record(b, type: 1, [192, 0, 2, 1]), Self.record(a, type: 5, b),
            Self.record(pointer, type: 5, a),
        ]
        #expect(
            try read(Self.answer(chain.flatMap(\.self), answers: 3)) == .addresses([ours])
        )
        let circle = [
            Self.record(pointer, type: 5, a), Self.record(a, type: 5, b),
            Self.record(b, type: 5, a),
        ]
        #expect(try read(Self.answer(circle.flatMap(\.self), answers: 3)) == .addresses([]))
    }

    @Test("What is no answer to the question is passed over")
    func strangers() throws {
        let good = Self.answer(Self.record(pointer, type: 1, [192, 0, 2, 1]), answers: 1)
        #expect(try read(good) == .addresses([ours]))
        #expect(DNSReply(good, to: try Self.question(), id: 1) == nil)
        #expect(DNSReply(good, to: try Self.question("other.test"), id: Self.id) == nil)
        #expect(DNSReply(good, to: try Self.question("host.test", .v6), id: Self.id) == nil)
        // A question, a notification, and a class of another world.
        #expect(try read(Self.answer([], answers: 0, flags: [1, 0])) == nil)
        #expect(try read(Self.answer([], answers: 0, flags: [0xa1, 0x80])) == nil)
        var other = good
        other[25] = 3
        #expect(try read(other) == nil)
        #expect(try read([]) == nil)
        #expect(try read(Self.answer([], answers: 0, questions: 0)) == nil)
    }

    @Test("The server's codes")
    func codes() throws {
        func reply(_ code: UInt8, _ first: UInt8 = 0x81, questions: UInt8 = 1) throws -> DNSReply? {
            let flags = [first, 0x80 | code]
            return try read(Self.answer([], answers: 0, flags: flags, questions: questions))
        }
        #expect(try reply(1) == .notUnderstood)
        #expect(try reply(2) == .refused)
        #expect(try reply(3) == .noSuchName)
        #expect(try reply(4) == .notUnderstood)
        #expect(try reply(5) == .refused)
        #expect(try reply(1, questions: 0) == .notUnderstood)
        #expect(try reply(2, questions: 0) == .refused)
        #expect(try reply(0, 0x83) == .truncated)
        // It knows nothing and asks nobody.
        #expect(try read(Self.answer([], answers: 0, flags: [0x81, 0])) == .refused)
        #expect(try read(Self.answer([], answers: 0, flags: [0x85, 0])) == .addresses([]))
    }

    @Test("An answer that is not whole, or whose names lead forward or in a circle, is none")
    func broken() throws {
        let record = Self.record(pointer, type: 1, [192, 0, 2, 1])
        for length in 0..<record.count {
            let message = Self.answer(Array(record.prefix(length)), answers: 1)
            #expect(try read(message) == .refused)
        }
        let here = UInt8(Self.answer([], answers: 0).count)
        for owner: [UInt8] in [
            [0xc0, here], [0xc0, here + 2], [0xff, 0xff], [1, 0x61, 0xc0, here], [0x40, 0],
            [0x80, 0], [63, 1],
        ] {
            let record = Self.record(owner, type: 1, [192, 0, 2, 1])
            #expect(try read(Self.answer(record, answers: 1)) == .refused)
        }
        // Each pointer leads back, but the name grows too long.
        let label = [63] + [UInt8](repeating: 0x61, count: 63)
        let long = label + label + label + label + [0]
        let tooLong = Self.record(long, type: 1, [192, 0, 2, 1])
        #expect(try read(Self.answer(tooLong, answers: 1)) == .refused)
        for length in [0, 3, 5, 16] {
            let data = [UInt8](repeating: 1, count: length)
            let record = Self.record(pointer, type: 1, data)
            #expect(try read(Self.answer(record, answers: 1)) == .refused)
        }
        let target = Self.record(pointer, type: 5, [1, 0x61, 0, 0])
        #expect(try read(Self.answer(target, answers: 1)) == .refused)
    }

    @Test("Any bytes are read without harm")
    func anyBytes() throws {
        var random = SeededGenerator()
        let good = Self.answer(
            Self.record(pointer, type: 5, [1, 0x61, 0xc0, 12])
                + Self.record([1, 0x61, 0xc0, 12], type: 1, [192, 0, 2, 1]),
            answers: 2
        )
        let question = try Self.question()
        for round in 0..<20_000 {
            var bytes = good
            if round % 4 == 0 {
                bytes = random.bytes(Int(random.next() % 600))
                if bytes.count > 12 { bytes.replaceSubrange(0..<8, with: good[0..<8]) }
            }
            for _ in 0..<random.next() % 4 where !bytes.isEmpty {
                let index = Int(random.next() % UInt64(bytes.count))
                bytes[index] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(min(bytes.count, Int(random.next() % 5)))
            _ = DNSReply(bytes, to: question, id: Self.id)
        }
    }
}
