internal import SocketSystem

/// The threads that the runtime's global executor starts for itself: one for each processor, and
/// one or two for its timers and the main queue.
///
/// If the system refuses it one, it waits in the thread that has work for it until there is one: an
/// event loop would stand still for ever, without a word. So the library tries, before it relies on
/// them.
enum RuntimeThreads {
    /// Fails if the system has no room for them now.
    static func check() throws(Errno) { try tryThreads(availableProcessors + 2) }
}
