import AsyncSockets
import TestKit
import Testing

// MARK: - Cancellation

extension StreamCheck {
    static let cancellations = [
        StreamCheck("cancelling wakes a reader, who has consumed nothing") { pair in
            let (a, b) = try await pair()
            let reading = Task { try await a.read(exactly: 4) }
            try await b.write("abc")
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            try await b.write("d")
            #expect(try await a.read(exactly: 4) == Array("abcd".utf8))
        },
        StreamCheck("a cancelled task reads and writes nothing, even if it could") { pair in
            let (a, b) = try await pair()
            try await b.write("ready")
            let (idle, other) = try await pair()
            try await other.write("x")
            #expect(try await idle.read(atMost: 10) == Array("x".utf8))
            let task = Task {
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                let codes = [
                    await code { _ = try await a.read(atMost: 10) },
                    await code { _ = try await a.read(exactly: 1) },
                    await code { _ = try await a.read(exactly: 0) },
                    await code { _ = try await idle.read(exactly: 0) },
                    await code { _ = try await a.read(until: [0x61]) },
                    await code { for try await _ in a {} },
                    await code { try await a.write("x") },
                    await code { try await a.write("") },
                    await code { try await a.write(contentsOf: [[1]]) },
                ]
                return codes
            }
            #expect(await task.value.allSatisfy { $0 == .testCancelled })
            #expect(a.bytesWritten == 0)
            #expect(try await a.read(exactly: 5) == Array("ready".utf8))
        },
        StreamCheck("cancelling wakes a clogged writer; the connection knows what went out") {
            pair in
            let (a, b) = try await pair()
            let writing = Task { try await a.write(clog) }
            #expect(await eventually { a.bytesWritten > 0 })
            writing.cancel()
            await #expect(throws: CancellationError.self) { try await writing.value }
            let written = a.bytesWritten
            #expect(written < clog.count)
            a.close()
            #expect(try await b.readToEnd().count == written)
        },
        StreamCheck("a connection works after cancelled operations") { pair in
            let (a, b) = try await pair()
            for round in 0..<200 {
                let reading = Task { try await a.read(atMost: 1) }
                if round % 2 == 0 { await Task.yield() }
                reading.cancel()
                await #expect(throws: CancellationError.self) { try await reading.value }
            }
            try await b.write("x")
            #expect(try await a.read(atMost: 1) == [0x78])
            try await a.write("y")
            #expect(try await b.read(atMost: 1) == [0x79])
        },
        StreamCheck("cancellation and arrival race without a loss") { pair in
            let (a, b) = try await pair()
            var random = SeededGenerator()
            for round in 0..<500 {
                let byte = UInt8(truncatingIfNeeded: round)
                let reading = Task { try await a.read(atMost: 1) }
                async let sending: Void = b.write([byte])
                if Bool.random(using: &random) { await Task.yield() }
                reading.cancel()
                let read = try? await reading.value
                try await sending
                if let read {
                    #expect(read == [byte], "seed \(random.seed)")
                } else {
                    #expect(try await a.read(atMost: 1) == [byte], "seed \(random.seed)")
                }
            }
        },
        StreamCheck("`close` in a cancelled task closes") { pair in
            let (a, b) = try await pair()
            let task = Task {
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                a.close()
            }
            await task.value
            #expect(try await b.read(atMost: 1) == nil)
        },
        StreamCheck("a writer in line can be cancelled, the others go on") { pair in
            let (a, b) = try await pair()
            async let first: Void = a.write(clog)
            #expect(await eventually { a.bytesWritten > 0 })
            let second = Task { try await a.write("never") }
            await Task.yield()
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            async let third: Void = a.write("third")
            #expect(try await b.read(exactly: clog.count) == clog)
            _ = try await (first, third)
            #expect(try await b.read(exactly: 5) == Array("third".utf8))
        },
    ]
}

// MARK: - Buffered reads

extension StreamCheck {
    static let reads = [
        StreamCheck("`read(into:)` takes what has arrived and leaves the rest") { pair in
            let (a, b) = try await pair()
            try await b.write("abcdefg")
            var bytes = [UInt8](repeating: 0, count: 3)
            var all: [UInt8] = []
            while all.count < 7 {
                var span = bytes.mutableSpan
                let count = try await a.read(into: &span)
                #expect((1...3).contains(count))
                all += bytes[..<count]
            }
            #expect(all == Array("abcdefg".utf8))
            b.close()
            var span = bytes.mutableSpan
            #expect(try await a.read(into: &span) == 0)
        },
        StreamCheck("reading into nothing reads nothing, and does not wait") { pair in
            let (a, _) = try await pair()
            var bytes: [UInt8] = []
            var span = bytes.mutableSpan
            #expect(try await a.read(into: &span) == 0)
        },
        StreamCheck("a delimiter is found wherever the stream is split") { pair in
            let (a, b) = try await pair()
            for split in 0...8 {
                let message = Array("one\r\ntwo".utf8)
                try await b.write(message.prefix(split))
                async let line = a.read(until: Array("\r\n".utf8))
                await Task.yield()
                try await b.write(message.dropFirst(split))
                #expect(try await line == Array("one\r\n".utf8))
                #expect(try await a.read(exactly: 3) == Array("two".utf8))
            }
        },
        StreamCheck("a delimiter that begins again within itself is found") { pair in
            let (a, b) = try await pair()
            for byte in "aaab-aab|" { try await b.write(String(byte)) }
            #expect(try await a.read(until: Array("aab".utf8)) == Array("aaab".utf8))
            #expect(try await a.read(until: Array("aab".utf8)) == Array("-aab".utf8))
            #expect(try await a.read(until: Array("|".utf8)) == Array("|".utf8))
        },
        StreamCheck("the limit of `read(until:)` counts the delimiter, and keeps the bytes") {
            pair in
            let (a, b) = try await pair()
            try await b.write("12345\n")
            #expect(await code { _ = try await a.read(until: [10], limit: 5) } == .limitExceeded)
            #expect(try await a.read(until: [10], limit: 6) == Array("12345\n".utf8))
            try await b.write("123456")
            #expect(await code { _ = try await a.read(until: [10], limit: 6) } == .limitExceeded)
            #expect(try await a.read(exactly: 6) == Array("123456".utf8))
        },
        StreamCheck("an early end is an error, and what arrived stays") { pair in
            let (a, b) = try await pair()
            try await b.write("abc")
            b.close()
            #expect(await code { _ = try await a.read(exactly: 4) } == .unexpectedEndOfStream)
            #expect(await code { _ = try await a.read(until: [10]) } == .unexpectedEndOfStream)
            #expect(a.unreadBytes == Array("abc".utf8))
            #expect(try await a.read(atMost: 2) == Array("ab".utf8))
            #expect(try await a.readToEnd() == Array("c".utf8))
            #expect(try await a.read(until: [10]) == nil)
            #expect(await code { _ = try await a.read(exactly: 1) } == .unexpectedEndOfStream)
        },
        StreamCheck("sizes that make no sense are `.invalidArgument`") { pair in
            let (a, _) = try await pair()
            #expect(await code { _ = try await a.read(atMost: 0) } == .invalidArgument)
            #expect(await code { _ = try await a.read(exactly: -1) } == .invalidArgument)
            #expect(await code { _ = try await a.read(until: []) } == .invalidArgument)
            #expect(await code { _ = try await a.read(until: [1], limit: 0) } == .invalidArgument)
        },
        StreamCheck("no bytes are there at once, before a message, after it and at the end") {
            pair in
            let (a, b) = try await pair()
            #expect(try await a.read(exactly: 0) == [])
            try await b.write("body")
            #expect(try await a.read(exactly: 4) == Array("body".utf8))
            #expect(try await a.read(exactly: 0) == [])
            b.close()
            #expect(try await a.readToEnd() == [])
            #expect(try await a.read(exactly: 0) == [])
            a.close()
            #expect(await code { _ = try await a.read(exactly: 0) } == .closed)
        },
        StreamCheck("chunks, buffered reads and spans share one stream") { pair in
            let (a, b) = try await pair()
            try await b.write("head\nbodytail")
            #expect(try await a.read(until: [10]) == Array("head\n".utf8))
            #expect(try await a.read(exactly: 4) == Array("body".utf8))
            var bytes = [UInt8](repeating: 0, count: 2)
            var span = bytes.mutableSpan
            #expect(try await a.read(into: &span) == 2)
            #expect(bytes == Array("ta".utf8))
            b.close()
            #expect(try await a.readToEnd() == Array("il".utf8))
        },
        StreamCheck("chunks that are kept or changed stay as they are when others come") { pair in
            let (a, b) = try await pair()
            var kept: [(chunk: [UInt8], round: UInt8)] = []
            var iterator = b.makeAsyncIterator()
            for round in UInt8(0)..<60 {
                try await a.write([UInt8](repeating: round, count: 16))
                var chunk = try #require(try await iterator.next())
                let same = chunk
                if round.isMultiple(of: 3) { chunk[0] = 255 }
                // Now and then a chunk of either kind is not kept at all.
                if round.isMultiple(of: 4) { continue }
                kept.append((same, round))
                if round.isMultiple(of: 3) { #expect(chunk == [255] + same.dropFirst()) }
            }
            for (chunk, round) in kept { #expect(chunk.allSatisfy { $0 == round }) }
            #expect(kept.map(\.chunk.count).reduce(0, +) == 45 * 16)
        },
        StreamCheck("lines end with LF, with CR LF or with the stream") { pair in
            let (a, b) = try await pair()
            try await b.write("one\ntwo\r\n\n\r\nlast")
            b.close()
            var lines: [String] = []
            for try await line in a.lines { lines.append(line) }
            #expect(lines == ["one", "two", "", "", "last"])
        },
        StreamCheck("a line that is too long is an error; broken UTF-8 is repaired") { pair in
            let (a, b) = try await pair()
            try await b.write([0x61, 0xff, 0x0a])
            try await b.write("a line too long")
            var lines = a.lines(limit: 8).makeAsyncIterator()
            #expect(try await lines.next() == "a\u{fffd}")
            await #expect(throws: SocketError.self) { try await a.read(until: [10], limit: 8) }
            #expect(try await a.read(exactly: 6) == Array("a line".utf8))
        },
    ]
}

// MARK: - Writes

extension StreamCheck {
    static let writes = [
        StreamCheck("a writer waits until the reader takes something") { pair in
            let (a, b) = try await pair()
            let writing = Task { try await a.write(clog) }
            #expect(await eventually { a.bytesWritten > 0 })
            #expect(a.bytesWritten < clog.count)
            #expect(try await b.read(exactly: clog.count) == clog)
            try await writing.value
            #expect(a.bytesWritten == clog.count)
        },
        StreamCheck("writes at the same time are contiguous, each") { pair in
            let (a, b) = try await pair()
            let size = 300_001
            try await withThrowingTaskGroup { tasks in
                for writer in UInt8(0)..<8 {
                    tasks.addTask {
                        let bytes = [UInt8](repeating: writer, count: size)
                        for round in 0..<2 {
                            if (Int(writer) + round) % 2 == 0 {
                                try await a.write(bytes)
                            } else {
                                try await a.write(
                                    contentsOf: [bytes.dropLast(7), [], bytes.suffix(7)].map {
                                        Array($0)
                                    }
                                )
                            }
                        }
                    }
                }
                for _ in 0..<16 {
                    let message = try await b.read(exactly: size)
                    #expect(message.allSatisfy { $0 == message[0] })
                }
                try await tasks.waitForAll()
            }
        },
        StreamCheck("more buffers than one system call takes, and empty ones between") { pair in
            let (a, b) = try await pair()
            var random = SeededGenerator()
            let buffers = (0..<5000).map { index in
                index % 7 == 0 ? [] : random.bytes(Int.random(in: 1...900, using: &random))
            }
            let writing = Task {
                try await a.write(contentsOf: buffers)
                try a.shutdown(.write)
            }
            #expect(try await b.readToEnd() == Array(buffers.joined()), "seed \(random.seed)")
            try await writing.value
        },
        StreamCheck("many one-byte writes arrive as one stream") { pair in
            let (a, b) = try await pair()
            var random = SeededGenerator()
            let bytes = random.bytes(5000)
            async let received = b.readToEnd()
            for byte in bytes { try await a.write([byte]) }
            try a.shutdown(.write)
            #expect(try await received == bytes)
        },
    ]
}
