package import SocketSystem

/// What an event loop cannot do without, and the system refused.
package struct LoopRefusal: Error, Hashable, Sendable {
    /// The system call.
    package let call: String
    package let errno: Errno

    package init(call: String, errno: Errno) {
        self.call = call
        self.errno = errno
    }

    /// Whether the system does not have or allow the call; otherwise it lacks something now.
    package var isForGood: Bool {
        errno.isRefusal
    }

    /// Runs a system call.
    static func naming<Value: ~Copyable>(
        _ call: String,
        _ body: () throws(Errno) -> Value
    ) throws(LoopRefusal) -> Value {
        do throws(Errno) {
            return try body()
        } catch {
            throw LoopRefusal(call: call, errno: error)
        }
    }
}
