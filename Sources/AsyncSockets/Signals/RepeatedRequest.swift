package import SocketSystem

/// Tells a request that a signal repeats from the same request that comes twice.
///
/// A service manager may signal each process of a unit, and a supervisor signals its workers, too;
/// `timeout(1)` signals its command, and then the command's group. These come at once; a person who
/// presses Control-C again takes longer.
package struct RepeatedRequest: Sendable {
    /// The moment of the last signal; nil before the first.
    private var last: MonotonicTime?

    /// - Parameter isBegun: Whether the first signal came just now.
    package init(after isBegun: Bool = false) { last = isBegun ? .now : nil }

    /// Whether no signal has come yet.
    package var isFirst: Bool { last == nil }

    /// Takes in a signal; whether it is a request of its own.
    package mutating func isAnother(at moment: MonotonicTime = .now) -> Bool {
        defer { last = moment }
        guard let last else { return true }
        return moment >= last.advanced(by: .milliseconds(100))
    }
}
