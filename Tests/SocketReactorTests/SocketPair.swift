import Glibc
import SocketSystem
import Synchronization
import Testing

/// Two connected Unix stream sockets, close-on-exec and non-blocking. Closed with the object, where
/// nobody has taken them.
final class SocketPair: Sendable {
    let ours: CInt
    let theirs: CInt
    private let owned: Mutex<Set<CInt>>

    init() throws {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        // SAFETY: the array has room for two.
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Errno(rawValue: errno) }
        (ours, theirs) = (ends[0], ends[1])
        owned = Mutex(Set(ends))
    }

    deinit { owned.withLock { for number in $0 { closeDescriptor(number) } } }

    /// One of the two, to be closed by somebody else.
    func take(_ number: CInt) -> Descriptor {
        _ = owned.withLock { $0.remove(number) }
        return Descriptor(owning: number)
    }

    func closeTheirs() { _ = take(theirs) }
}

/// Another number of a descriptor, the first free one from `number` on.
func duplicate(of descriptor: CInt, atLeast number: CInt) throws -> CInt {
    try #require(number < descriptorLimit)
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, number)
    guard duplicate >= 0 else { throw Errno(rawValue: errno) }
    return duplicate
}

/// How many descriptors the process may have; as many as the system allows from the first use on.
let descriptorLimit: Int = {
    var limit = rlimit()
    // SAFETY: both calls look at a local only.
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
}()

/// How many nanoseconds the calling thread has been on a processor.
func threadProcessorTime() -> Int64 {
    var time = timespec()
    // SAFETY: writes to a local.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
