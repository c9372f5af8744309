// What only a process with a hosts file and a name server of its own can try. The tests start it in
// a mount namespace where /etc/hosts has `four.test`, `both.test` and a name with an umlaut, and
// /etc/resolv.conf names a server of the test's: names with `half` have an IPv4 address and no
// answer for IPv6, names with `live` have both addresses, and others are never answered.
//
// It prints a line for each finding; a line that begins with FAILED is one too many.

import AsyncSockets
import Glibc

/// Prints what was found.
func expect(_ condition: Bool, _ what: String) {
    print(condition ? "ok: \(what)" : "FAILED: \(what)")
}

/// The addresses that a name has, or the error.
func addresses(_ name: String, _ version: IPAddress.Version? = nil) async -> String {
    do {
        let found = try await Resolver.system.resolve(name, port: 1, version: version)
        return found.map { $0.ip?.description ?? "" }.joined(separator: " ")
    } catch {
        return "\(error)"
    }
}

func code(_ body: () async throws -> Void) async -> SocketError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? SocketError)?.code
    }
}

switch CommandLine.arguments.dropFirst().first {
case "hosts": try await hostsFile()
case "halves": try await halves()
case "dead": try await deadNames()
case "full": await fullTable()
case "exhaustion": try await exhaustion()
default: print("FAILED: usage: NameProbe hosts|halves|dead|full|exhaustion")
}
print("done")
// Threads of the C library may wait for minutes still.
fflush(nil)
_exit(0)
