/// Turns the shim's convention, a result or a negated errno, into a result or a thrown `Errno`.
@discardableResult
@inline(__always)
func check(_ result: CInt) throws(Errno) -> CInt {
    guard result < 0 else { return result }
    throw Errno(rawValue: -result)
}
