internal import Synchronization

/// The control data of one received message, and the owner of the descriptors that came in it.
///
/// The descriptors that nobody has taken are closed with this object.
package final class ReceivedControl: Sendable {
    /// The control data as the kernel wrote it, for `ControlMessage` and `PacketControl` to read.
    package let bytes: [UInt8]
    /// Whether some of it was lost for want of room, MSG_CTRUNC.
    package let isTruncated: Bool
    /// The descriptors that nobody has taken.
    private let rights: Mutex<[CInt]>
    /// A pidfd of the sender that nobody has taken.
    private let process: Mutex<CInt?>

    /// Takes over control data and its descriptors, which nobody else will close.
    package init(_ bytes: [UInt8], isTruncated: Bool) {
        self.bytes = bytes
        let passed = ControlMessage.rights(in: bytes.span)
        let moved = passed.compactMap(movedUp)
        self.isTruncated = isTruncated || moved.count < passed.count
        rights = Mutex(moved)
        process = Mutex(ControlMessage.processDescriptor(in: bytes.span).flatMap(movedUp))
    }

    deinit {
        for descriptor in rights.withLock({ $0 }) { closeDescriptor(descriptor) }
        if let descriptor = process.withLock({ $0 }) { closeDescriptor(descriptor) }
    }

    /// What the kernel says about an IP datagram.
    package var packet: PacketControl {
        let bytes = bytes
        return PacketControl(bytes.span)
    }

    /// The sender of a Unix message; nil unless the socket asks for it.
    package var credentials: ProcessCredentials? {
        let bytes = bytes
        return ControlMessage.credentials(in: bytes.span).map { ProcessCredentials($0) }
    }

    /// Gives the pidfd of the sender away; nil if there is none, and the second time.
    package func takeProcessDescriptor() -> CInt? { process.withLock { $0.take() } }

    /// Gives all descriptors away, close-on-exec, to be closed by the caller. A second call gives
    /// none.
    package func takeDescriptors() -> [CInt] {
        rights.withLock { rights in
            defer { rights = [] }
            return rights
        }
    }
}
