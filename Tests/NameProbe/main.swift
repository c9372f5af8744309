// What only a process with a hosts file and a name server of its own can try. The tests start it
// in a mount namespace where /etc/hosts has `four.test`, `both.test` and a name with an umlaut, and
// /etc/resolv.conf names a server that takes every question and never answers.
//
// It prints a line for each finding; a line that begins with FAILED is one too many.

import AsyncSockets

/// Prints what was found.
func expect(_ condition: Bool, _ what: String) {
    print(condition ? "ok: \(what)" : "FAILED: \(what)")
}

func addresses(_ name: String, _ version: IPAddress.Version) async -> String {
    do {
        let found = try await Resolver.system.addresses(of: name, version)
        return found.map(\.description).joined(separator: " ")
    } catch let error as SocketError {
        return "\(error)"
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
case "silent": try await silentServer()
default: print("FAILED: usage: NameProbe hosts|silent")
}
print("done")
