// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "swift-async-sockets",
    products: [
        .library(name: "AsyncSockets", targets: ["AsyncSockets"]),
        .library(name: "SocketService", targets: ["SocketService"]),
    ],
    targets: [
        // The floors, bottom to top; each may know only what stands above it in this list.
        .target(name: "CSocketSystem", cSettings: [.treatAllWarnings(as: .error)]),
        .target(name: "SocketSystem", dependencies: ["CSocketSystem"], swiftSettings: settings),
        .target(name: "SocketReactor", dependencies: ["SocketSystem"], swiftSettings: settings),
        .target(
            name: "AsyncSockets",
            dependencies: ["SocketReactor", "SocketSystem"],
            swiftSettings: settings
        ),
        // For services; client programs do not need it.
        .target(
            name: "SocketService",
            dependencies: ["AsyncSockets", "SocketReactor", "SocketSystem"],
            swiftSettings: settings
        ),
    ] + tests + examples,
    swiftLanguageModes: [.v6]
)

var tests: [Target] {
    [
        // What tests share; no product.
        .target(
            name: "TestKit",
            dependencies: ["AsyncSockets", "SocketSystem"],
            path: "Tests/TestKit",
            swiftSettings: settings
        ),
        // Tries what takes a hosts file of its own, in a namespace; started by the tests of names.
        .executableTarget(
            name: "NameProbe",
            dependencies: ["AsyncSockets"],
            path: "Tests/NameProbe",
            swiftSettings: settings
        ),
        // Tries the library by chance for as long as one likes; what it needs from C stands beside it.
        .target(
            name: "CStress",
            path: "Tests/Stress/System",
            cSettings: [.treatAllWarnings(as: .error)]
        ),
        .executableTarget(
            name: "stress",
            dependencies: ["AsyncSockets", "SocketService", "TestKit", "CStress"],
            path: "Tests/Stress/Tool",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SocketSystemTests",
            dependencies: ["SocketSystem", "TestKit"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SocketReactorTests",
            dependencies: ["SocketReactor", "SocketSystem", "TestKit"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AsyncSocketsTests",
            dependencies: [
                "AsyncSockets", "SocketReactor", "SocketSystem", "TestKit", "NameProbe",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SocketServiceTests",
            dependencies: ["SocketService", "AsyncSockets", "SocketSystem", "TestKit"],
            swiftSettings: settings
        ),
    ]
}

/// One executable per folder in `Examples`; each knows the public products only.
var examples: [Target] {
    // They call C, which the examples themselves need not see.
    let supportSettings = Array(settings.dropFirst())
    let support: [Target] = [
        .target(
            name: "ExampleSupport",
            dependencies: ["AsyncSockets"],
            path: "Examples/Support",
            swiftSettings: supportSettings
        ),
        .target(
            name: "ServiceSupport",
            dependencies: ["AsyncSockets", "SocketService", "ExampleSupport"],
            path: "Examples/ServiceSupport",
            swiftSettings: supportSettings
        ),
    ]
    return support
        + socketExamples.map { example($0, ["AsyncSockets", "ExampleSupport"]) }
        + serviceExamples.map {
            example($0, ["AsyncSockets", "SocketService", "ExampleSupport", "ServiceSupport"])
        }
}

func example(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: "Examples/\(name)",
        swiftSettings: settings
    )
}

var socketExamples: [String] {
    [
        "Backends",
        "Broadcast",
        "Chat",
        "Discovery",
        "EchoClient",
        "EchoServer",
        "HalfClose",
        "Multicast",
        "MulticoreEcho",
        "PassDescriptor",
        "UDPEcho",
        "UnixEcho",
    ]
}

/// The examples that run as services: replaced while they run, supervised, or under systemd.
var serviceExamples: [String] { ["HTTPHello", "HotRestart", "PreforkEcho"] }
