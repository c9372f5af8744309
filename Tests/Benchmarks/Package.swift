// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the one it measures keeps no dependency.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "swift-async-sockets", path: "../.."),
        .package(url: "https://github.com/apple/swift-nio", .upToNextMinor(from: "2.101.0")),
        .package(url: "https://github.com/swhitty/FlyingFox", .upToNextMinor(from: "0.27.0")),
    ],
    targets: [
        .target(name: "Support", path: "Support"),
        .target(name: "Spread", path: "Spread"),
        .executableTarget(name: "load", dependencies: ["Support"], path: "Load"),
        .executableTarget(name: "bare", dependencies: ["Support", "Spread"], path: "Bare"),
        .executableTarget(name: "bench", path: "Bench"),
        .target(name: "PeerSupport", path: "Peers/Support"),
        .executableTarget(
            name: "ours",
            dependencies: [
                "PeerSupport", "Spread",
                .product(name: "AsyncSockets", package: "swift-async-sockets"),
            ],
            path: "Ours"
        ),
        .executableTarget(
            name: "nio",
            dependencies: [
                "PeerSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Peers/NIO"
        ),
        .executableTarget(
            name: "flyingsocks",
            dependencies: ["PeerSupport", .product(name: "FlyingSocks", package: "FlyingFox")],
            path: "Peers/FlyingSocks"
        ),
    ]
)
