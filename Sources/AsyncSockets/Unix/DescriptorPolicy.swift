internal import SocketReactor
internal import SocketSystem
internal import Synchronization

/// What happens to descriptors that the peer of a stream passes.
enum DescriptorPolicy: UInt8, AtomicRepresentable, Sendable {
    /// None can come: the stream is TCP, or the kernel refuses them (SO_PASSRIGHTS, Linux 6.16). A
    /// plain recv(2) tells all.
    case refused
    /// Some may come. The read that meets them closes them. It ends there, so a short read does not
    /// mean that everything was read.
    case closed
    /// The program asked for them: they are kept with their bytes.
    case received
}

extension DescriptorPolicy {
    /// The policy of a Unix stream on which nothing can have come before this call.
    init(receives: Bool, of registration: Registration) {
        let isRefused = receives ? false : registration.use(carriesOnlyBytes) ?? false
        self = receives ? .received : isRefused ? .refused : .closed
    }
}

extension SocketOptionSetting {
    /// The kernel refuses descriptors, if it can.
    static var refusesDescriptors: SocketOptionSetting { .ifSupported(.receiveDescriptors, false) }
}

extension Registration {
    /// Lets the kernel accept or refuse descriptors, if it can.
    func admitDescriptors(_ admits: Bool) {
        _ = use { try? SocketOption.receiveDescriptors.write(admits, to: $0) }
    }
}

/// Whether the kernel lets in nothing that ends a read of a Unix stream before its bytes do:
/// descriptors, or the credentials of another sender.
private func carriesOnlyBytes(_ socket: CInt) -> Bool {
    // A kernel that does not know the option passes descriptors always.
    guard (try? OptionCalls.integer(.passRights, on: socket)) == 0 else { return false }
    return [OptionName.passCredentials, .passProcess].allSatisfy { option in
        ((try? OptionCalls.integer(option, on: socket)) ?? 0) == 0
    }
}
