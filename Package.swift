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
        .library(name: "AsyncSockets", targets: ["AsyncSockets"])
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
    ]
}

/// One executable per folder in `Examples`; each knows the public product only.
var examples: [Target] {
    [
        .target(
            name: "ExampleSupport",
            dependencies: ["AsyncSockets"],
            path: "Examples/Support",
            // It calls C, which the examples themselves need not see.
            swiftSettings: Array(settings.dropFirst())
        )
    ]
        + exampleNames.map { name in
            .executableTarget(
                name: name,
                dependencies: ["AsyncSockets", "ExampleSupport"],
                path: "Examples/\(name)",
                swiftSettings: settings
            )
        }
}

var exampleNames: [String] {
    [
        "Backends",
        "Broadcast",
        "Chat",
        "Discovery",
        "EchoClient",
        "EchoServer",
        "HTTPHello",
        "HalfClose",
        "HotRestart",
        "Multicast",
        "MulticoreEcho",
        "PassDescriptor",
        "PreforkEcho",
        "UDPEcho",
        "UnixEcho",
    ]
}
