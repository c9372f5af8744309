internal import Glibc

/// The answer of a non-blocking transfer: how many bytes moved, or why none did.
public struct Transfer: Hashable, Sendable {
    /// The kernel's answer: a count, or a negated errno.
    @usableFromInline let answer: Int
    /// Whether the kernel ended a read before the bytes it has were all taken; see `ReadStyle`.
    package let stoppedEarly: Bool

    @inlinable
    init(answer: Int) { self.init(answer: answer, stoppedEarly: false) }

    @usableFromInline
    init(answer: Int, stoppedEarly: Bool) {
        self.answer = answer
        self.stoppedEarly = stoppedEarly
    }

    /// The bytes moved, or nil if the call failed.
    @inlinable
    public var count: Int? { answer >= 0 ? answer : nil }

    /// Whether the call would have had to wait. A send that has begun to make a connection, as fast
    /// open does, answers EINPROGRESS.
    public var mustWait: Bool { answer == -Int(EAGAIN) || answer == -Int(EINPROGRESS) }

    /// Why the call failed; it has no meaning unless `count` is nil.
    @inlinable
    public var errno: Errno { failure(CInt(truncatingIfNeeded: -answer)) }
}

/// Repeats a call for as long as a signal interrupts it, EINTR: no signal means anything here.
@inline(__always)
func uninterrupted(_ call: () -> Int) -> Transfer {
    while true {
        let answer = call()
        if answer != -Int(EINTR) { return Transfer(answer: answer) }
    }
}
