internal import SocketSystem

extension SocketAddress {
    /// The address of a socket that was made elsewhere.
    package init(
        ofSocket descriptor: CInt,
        for operation: SocketError.Operation
    ) throws(SocketError) {
        do throws(Errno) {
            guard let bound = SocketAddress(try SocketSystem.localAddress(of: descriptor)) else {
                throw .wrongAddressFamily
            }
            self = bound
        } catch {
            throw SocketError(operation, error)
        }
    }
}
