import AsyncSockets
import Glibc

/// The first lookups of the process come while no descriptor is free. They say so, and those that
/// come later are as good as ever.
func fullTable() async {
    // The loops have descriptors of their own, and so has the event loop of libdispatch, which ends
    // the program if it can get none when it begins.
    try? await Task.sleep(for: .milliseconds(20), clock: .continuous)
    try? await Task.sleep(for: .milliseconds(20), clock: .suspending)
    _ = EventLoopGroup.shared.loopCount
    _ = await addresses("localhost")
    var limit = rlimit(rlim_cur: 64, rlim_max: 64)
    // SAFETY: the structure is a local.
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let names = ["bücher.live.test", "bücher.test", "host.live.test", "four.test"]
    var held: [CInt] = []
    while case let number = dup(0), number >= 0 { held.append(number) }
    for name in names {
        let failure = await code { _ = try await Resolver.system.resolve(name, port: 1) }
        expect(failure == .tooManyDescriptors, "\(name): \(String(describing: failure))")
        let bound = await code { _ = try await TCPListener.bind(to: name, port: 0) }
        expect(bound == .tooManyDescriptors, "bind to \(name): \(String(describing: bound))")
    }
    for number in held { close(number) }
    expect(await addresses("bücher.live.test", .v4) == "127.0.0.1", "an IDNA name of the DNS")
    expect(await addresses("bücher.test") == "127.0.0.9", "an IDNA name of the hosts file")
    expect(await addresses("host.live.test", .v4) == "127.0.0.1", "a name of the DNS")

    // The files are known now; libidn2 is loaded; the sockets for the questions are lacking.
    held = []
    while case let number = dup(0), number >= 0 { held.append(number) }
    for name in ["bücher.live.test", "host.live.test"] {
        let failure = await code { _ = try await Resolver.system.resolve(name, port: 1) }
        expect(failure == .tooManyDescriptors, "\(name) again: \(String(describing: failure))")
    }
    // Room for one half only.
    if let number = held.popLast() { close(number) }
    let half = await code { _ = try await Resolver.system.resolve("host.live.test", port: 1) }
    expect(half == .tooManyDescriptors || half == nil, "one half: \(String(describing: half))")
}
