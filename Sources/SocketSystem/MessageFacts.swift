/// What is asked about every message that is handed out, in one piece.
package struct MessageFacts: Sendable {
    /// Which message of its batch it is.
    package let index: Int
    /// How many bytes are here.
    package let count: Int
    /// How many bytes were sent.
    package let length: Int
    /// Where it came from, in host order; nil for another family than IPv4.
    package let ipv4: (address: UInt32, port: UInt16)?
    /// Whether control data came with it, or was lost for want of room.
    package let hasControl: Bool
}
