import Glibc

/// A process with an /etc/hosts, an /etc/resolv.conf and an /etc/nsswitch.conf of its own, in a
/// mount namespace: unshare(1), mount(8). It takes root.
enum NameSandbox {
    /// Whether this machine lets us.
    static let isPossible = run("unshare -m true").hasSuffix("status 0")

    /// Runs the probe; returns the lines that it prints.
    ///
    /// - Parameters:
    ///   - argument: What it shall try.
    ///   - nameServer: The only address that is asked, on port 53.
    ///   - sources: The sources of hosts, as nsswitch.conf(5) has them.
    ///   - options: The options of resolv.conf(5).
    /// - Returns: The lines, and `status 0` if it ended well.
    static func probe(
        _ argument: String,
        nameServer: String,
        sources: String,
        options: String
    ) -> [String] {
        let output = run(
            """
            folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT && cd "$folder" || exit 1
            printf '127.0.0.7 four.test Four-Alias.test\\n::1 both.test\\n' > hosts
            printf '127.0.0.8 both.test\\n127.0.0.9 xn--bcher-kva.test\\n' >> hosts
            printf 'nameserver \(nameServer)\\noptions \(options)\\n' > resolv.conf
            printf 'search search.test\\n' >> resolv.conf
            printf 'hosts: \(sources)\\nservices: files\\n' > nsswitch.conf
            unshare -m sh -c '
                for file in hosts resolv.conf nsswitch.conf
                do mount --bind $file /etc/$file || exit 1
                done
                exec timeout 50 \(folderOfThisProgram)/NameProbe \(argument)'
            """
        )
        return output.split(separator: "\n").map(String.init)
    }

    /// Runs a script of the shell; returns what it prints, and its status.
    private static func run(_ script: String) -> String {
        // SAFETY: Swift lends the strings zero-terminated; the stream is used until it is closed.
        guard let stream = unsafe popen("exec 2>&1 </dev/null\n" + script, "re") else { return "" }
        var text: [UInt8] = []
        while case let byte = unsafe getc(stream), byte != EOF { text.append(UInt8(byte)) }
        let status = unsafe pclose(stream)
        return String(decoding: text, as: UTF8.self) + "status \(status)"
    }

    private static var folderOfThisProgram: String {
        var path = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the buffer is not empty, and the call writes at most as many bytes as it has.
        let count = unsafe path.withUnsafeMutableBytes { buffer in
            unsafe readlink(
                "/proc/self/exe",
                buffer.baseAddress!.assumingMemoryBound(to: CChar.self),
                buffer.count
            )
        }
        let text = String(decoding: path.prefix(max(count, 0)), as: UTF8.self)
        return text.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    }
}
