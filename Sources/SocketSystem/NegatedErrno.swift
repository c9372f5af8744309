internal import CSocketSystem

/// Turns the shim's convention, a result or a negated errno, into a result or a thrown `Errno`.
@discardableResult
@inline(__always)
func check(_ result: CInt) throws(Errno) -> CInt {
    guard result < 0 else { return result }
    throw failure(-result)
}

@inline(never)
private func failure(_ number: CInt) -> Errno {
    let errno = Errno(rawValue: number)
    return errno.isRefusal ? Errno(rawValue: number, refused: csock_take_refusal()) : errno
}
