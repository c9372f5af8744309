/// A message's bytes, or some of them: one of several datagrams that the kernel has joined.
package struct MessagePart: Sendable {
    /// Which message of its batch.
    package let index: Int
    /// Where in the message the part begins.
    package let start: Int
    /// How many bytes the part has.
    package let count: Int

    @inlinable
    package init(index: Int, start: Int, count: Int) {
        self.index = index
        self.start = start
        self.count = count
    }
}
