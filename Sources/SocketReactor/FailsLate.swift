/// Whether a registration is made although the poller cannot watch its descriptor.
package enum FailsLate: Sendable {
    case never
    /// Not for want of what may soon be had, see `Remedy.pause`.
    case unlessPassing
    case always
}
