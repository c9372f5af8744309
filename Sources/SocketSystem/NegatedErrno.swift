internal import CSocketSystem

/// Turns the shim's convention, a result or a negated errno, into a result or a thrown `Errno`.
@discardableResult
@inline(__always)
func check(_ result: CInt) throws(Errno) -> CInt {
    guard result < 0 else { return result }
    throw failure(-result)
}

/// The error of a number that a call has just returned.
@usableFromInline
@inline(never)
func failure(_ number: CInt) -> Errno {
    let errno = Errno(rawValue: number)
    return errno.isRefusal ? Errno(rawValue: number, refused: csock_take_refusal()) : errno
}
