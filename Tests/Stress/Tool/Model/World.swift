import AsyncSockets
import Glibc
import TestKit

/// What all programs of a run share.
struct World: Sendable {
    /// Loops of every backend, one thread and two.
    let groups: [EventLoopGroup]
    /// Whether system calls fail at random, so that errors need no other cause.
    let failing: Bool

    init(failing: Bool) throws {
        self.failing = failing
        groups = try EventLoopGroup.Backend.all.flatMap { backend in
            try [1, 2].map { try EventLoopGroup(loops: $0, backend: backend) }
        }
    }

    /// Whether an error may have been made by a fault. An interrupted call is not a failure.
    func blamesFault(_ error: any Error) -> Bool {
        guard failing, let number = (error as? SocketError)?.errno else { return false }
        return number != EINTR
    }
}

/// A program broke the model.
struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The code of an error; `.testCancelled` for cancellation.
func code(_ error: any Error) -> SocketError.Code? {
    error is CancellationError ? .testCancelled : (error as? SocketError)?.code
}

extension SeededGenerator {
    /// True once in so many times.
    mutating func once(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &self)]
    }

    /// Most often few bytes, at times many.
    mutating func size(upTo most: Int) -> Int {
        let top = once(in: 8) ? most : once(in: 3) ? min(most, 20_000) : min(most, 300)
        return Int.random(in: 0...top, using: &self)
    }

    /// A generator for another task.
    mutating func split() -> SeededGenerator { SeededGenerator(seed: next()) }
}

/// Ways to end an operation from outside.
enum Interruption: Sendable {
    case none
    /// After so many yields.
    case cancel(Int)
    case timeout(Duration)

    init(_ random: inout SeededGenerator, oneIn count: Int = 4) {
        guard random.once(in: count) else {
            self = .none
            return
        }
        self =
            random.once(in: 3)
            ? .timeout(.microseconds(Int.random(in: 1...2000, using: &random)))
            : .cancel(Int.random(in: 0...20, using: &random))
    }

    /// Runs an operation; nil if it was ended from outside as it was asked to.
    func around<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        switch self {
        case .none: return try await operation()
        case .cancel(let yields):
            return try await withThrowingTaskGroup(of: Value.self) { tasks in
                tasks.addTask { try await operation() }
                for _ in 0..<yields { await Task.yield() }
                tasks.cancelAll()
                do { return try await tasks.next() } catch is CancellationError { return nil }
            }
        case .timeout(let time):
            do {
                return try await withTimeout(time, operation)
            } catch let error as SocketError where error.code == .timedOut { return nil }
        }
    }
}

/// Bytes that are known by their places.
struct Pattern: Sendable {
    static let most = 1024 * 1024
    private static let period = 65_521
    private static let bytes: [UInt8] = {
        var random = SeededGenerator(seed: 1)
        let once = random.bytes(period)
        return Array(repeatElement(once, count: most / period + 2).joined())
    }()

    /// Tells one stream from another.
    let key: Int

    init(_ random: inout SeededGenerator) {
        key = Int.random(in: 0..<Self.period, using: &random)
    }

    private func slice(_ position: Int, _ count: Int) -> ArraySlice<UInt8> {
        let start = (position + key) % Self.period
        return Self.bytes[start..<start + count]
    }

    func bytes(at position: Int, count: Int) -> [UInt8] { Array(slice(position, count)) }

    /// Whether these bytes stand at that place; any number of them.
    func holds(_ bytes: ArraySlice<UInt8>, at position: Int) -> Bool {
        var rest = bytes
        var place = position
        while !rest.isEmpty {
            let part = rest.prefix(Self.most)
            if !slice(place, part.count).elementsEqual(part) { return false }
            rest = rest.dropFirst(part.count)
            place += part.count
        }
        return true
    }
}
