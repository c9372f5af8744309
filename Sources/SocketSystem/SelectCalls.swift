internal import CSocketSystem
internal import Glibc

/// Waits until a member of one of the sets is ready, select(2), and leaves the ready ones in them.
///
/// After the time-out, after a signal and after an error the sets have no meaning: take them as
/// empty.
///
/// - Parameters:
///   - readable: The descriptors that are watched for reading.
///   - writable: The descriptors that are watched for writing.
///   - urgent: The descriptors that are watched for urgent data.
///   - milliseconds: How long to wait; -1 for ever.
/// - Returns: How many members are left in the sets.
/// - Throws: EBADF if one of them is no open descriptor.
package func selectReady(
    _ readable: inout DescriptorSet,
    _ writable: inout DescriptorSet,
    _ urgent: inout DescriptorSet,
    milliseconds: CInt
) throws(Errno) -> Int {
    let extent = max(readable.extent, writable.extent, urgent.extent)
    let count = unsafe readable.withWords { readable in
        unsafe writable.withWords { writable in
            unsafe urgent.withWords { urgent in
                // SAFETY: each has a bit for each number below `capacity`, which `extent` is not
                // above.
                unsafe csock_select(extent, readable, writable, urgent, milliseconds)
            }
        }
    }
    if count == -EINTR { return 0 }
    return Int(try check(count))
}
