internal import SocketReactor
internal import SocketSystem

/// Sees to it that the two halves of a lookup mean the same host.
///
/// Each half, the question for one version of IP, tries the names that a short name may mean, in
/// order. The first of the names that has an address of any version is the one that is meant; the
/// other half then has no address elsewhere. A half that found something behind other names waits
/// for the other half to be past those, but not longer than the resolution delay.
struct SearchAgreement: Sendable {
    private struct State: Sendable {
        /// How many names each half is past.
        var passed: [IPAddress.Version: Int]
        /// The name that is meant.
        var chosen: Int?
    }

    private let state: WaitList<State>
    /// How long a half waits for the other.
    private let patience: Duration

    /// - Parameters:
    ///   - versions: The versions that are asked for.
    ///   - patience: How long a half waits for the other.
    init(_ versions: Set<IPAddress.Version>, patience: Duration = Resolver.resolutionDelay) {
        self.patience = patience
        let passed = versions.map { ($0, 0) }
        state = WaitList(State(passed: Dictionary(passed) { first, _ in first }))
    }

    /// A half is past so many names: they have no address of its version.
    func pass(_ count: Int, _ version: IPAddress.Version) {
        state.unpark { $0.passed[version] = count }
    }

    /// A half has ended without an address.
    func end(_ version: IPAddress.Version) { pass(.max, version) }

    /// A half has found addresses.
    ///
    /// - Parameters:
    ///   - index: How many names stand before this one.
    ///   - version: The half's version.
    ///   - loop: Keeps the time.
    /// - Returns: Whether it is this name that is meant.
    /// - Throws: `cancelled`, `closed` if the loop has ended.
    func choose(
        _ index: Int,
        _ version: IPAddress.Version,
        on loop: EventLoop
    ) async throws(OperationFailure) -> Bool {
        let end = MonotonicTime.now.advanced(by: patience)
        do throws(OperationFailure) {
            let deadline = index == 0 ? nil : Deadline(end, keeper: loop)
            try await state.park(deadline: deadline) { state in
                let other = state.passed[version.other] ?? .max
                return other >= index || state.chosen != nil ? () : nil
            }
        } catch {
            if error != .timedOut { throw error }
        }
        return state.unpark { state in
            state.chosen = state.chosen ?? index
            return state.chosen == index
        }
    }
}
