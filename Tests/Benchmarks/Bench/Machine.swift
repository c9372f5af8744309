import Foundation

/// What the figures were measured on.
struct Machine: Codable, Equatable {
    var processor: String
    var cores: Int
    var kernel: String
    var congestionControl: String
    /// Whether the network was a namespace of its own.
    var ownNamespace: Bool

    static func here() -> Machine {
        func read(_ path: String) -> String {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let model = read("/proc/cpuinfo").split(separator: "\n")
            .first { $0.hasPrefix("model name") || $0.hasPrefix("CPU implementer") }
        let name = model?.split(separator: ":").last.map(String.init) ?? "unknown processor"
        return Machine(
            processor: name.trimmingCharacters(in: .whitespaces),
            cores: ProcessInfo.processInfo.processorCount,
            kernel: read("/proc/sys/kernel/osrelease"),
            congestionControl: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            ownNamespace: Namespace.isOwn
        )
    }

    /// One line for captions.
    var caption: String {
        "\(processor), \(cores) cores, Linux \(kernel), \(congestionControl)"
            + (ownNamespace ? " in a network namespace of its own" : ", the host's network")
    }
}
