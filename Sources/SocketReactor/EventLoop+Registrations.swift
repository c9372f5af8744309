package import SocketSystem
internal import Synchronization

extension EventLoop {
    /// Takes a socket in: from now on its operations can wait.
    ///
    /// - Parameters:
    ///   - descriptor: Non-blocking; the registration will close it.
    ///   - interest: What is watched from the beginning, beside what operations will arm.
    ///   - failsLate: Where the poller cannot watch the descriptor, the first operation that has
    ///     to wait says so, not this call.
    /// - Returns: The socket's membership in this loop.
    /// - Throws: `.closed` where the loop has ended, `.system` where the poller refuses.
    package func register(
        _ descriptor: consuming Descriptor,
        interest: Interest = .read,
        failsLate: Bool = false
    ) throws(OperationFailure) -> Registration {
        let registration = try register(
            adopting: descriptor.rawValue,
            interest: interest,
            failsLate: failsLate
        )
        _ = descriptor.release()
        return registration
    }

    /// The same for a descriptor that stays its giver's where this throws.
    package func register(
        adopting number: CInt,
        interest: Interest = .read,
        failsLate: Bool = false
    ) throws(OperationFailure) -> Registration {
        let errorsOnly = interest == .error
        // What the poller arms by itself needs no arming by operations.
        let armed = poller.isEdgeTriggered ? interest.union(.read) : []
        let result = shared.withLock { shared -> Result<Registration, OperationFailure> in
            guard shared.phase == .running || shared.phase == .retiring else {
                return .failure(.closed)
            }
            let key = shared.table.reserveKey()
            var watchFailure: Errno?
            do throws(Errno) {
                try poller.add(number, key: key, interest: poller.isEdgeTriggered ? interest : [])
            } catch {
                guard failsLate else {
                    shared.table.remove(key)
                    return .failure(.system(error))
                }
                watchFailure = error
            }
            let registration = Registration(
                descriptor: number,
                loop: self,
                key: key,
                armed: watchFailure == nil ? armed : [],
                watchFailure: watchFailure,
                errorsOnly: errorsOnly
            )
            shared.table.set(key, registration)
            return .success(registration)
        }
        let registration = try result.get()
        registrationCount.wrappingAdd(1, ordering: .relaxed)
        return registration
    }

    /// Changes what the poller watches of a registration, whose turn the caller holds.
    ///
    /// - Returns: nil, or how the wait that wanted it ends at once.
    func update(_ registration: Registration, arm: () -> Void) -> WaitOutcome? {
        let failure = shared.withLock { shared -> WaitOutcome? in
            if registration.isClosed || registration.watchFailure != nil { return .closed }
            arm()
            do throws(Errno) {
                try poller.update(
                    registration.descriptor,
                    key: registration.key,
                    interest: registration.armed
                )
                return nil
            } catch {
                // The descriptor was closed or replaced behind our back: let the call say so.
                return .ready
            }
        }
        if failure == nil { changed() }
        return failure
    }

    /// Forgets a registration whose descriptor is still open.
    func deregister(_ registration: Registration) {
        shared.withLock { shared in
            if shared.table.remove(registration.key) {
                poller.remove(registration.descriptor)
                registrationLeft(phase: shared.phase)
            }
        }
        changed()
    }

    /// Makes sure that a registration that is about to go is not looked at any more.
    func forget(_ key: UInt64) {
        shared.withLock { shared in _ = shared.table.remove(key) }
    }

    private func registrationLeft(phase: Phase) {
        let count = registrationCount.wrappingSubtract(1, ordering: .relaxed).newValue
        // A retiring loop may have waited for this.
        if phase != .running, count == 0 { hasMail.store(true, ordering: .sequentiallyConsistent) }
    }

    private func changed() {
        if poller.needsWakeAfterChange || hasMail.load(ordering: .relaxed) { wakeIfParked() }
    }
}
