/// The answer of a call that receives one message, beside the bytes that it wrote.
package struct ReceivedMessage: Sendable {
    /// The message's true length, or why there was none.
    package let transfer: Transfer
    /// Whether control data was lost for want of room.
    package let isControlTruncated: Bool
    /// How many bytes of control data came.
    package let controlCount: Int
}
