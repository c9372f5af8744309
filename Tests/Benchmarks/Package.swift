// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the one it measures keeps no dependency.
let package = Package(
    name: "benchmarks",
    targets: [
        .target(name: "Support", path: "Support"),
        .executableTarget(name: "load", dependencies: ["Support"], path: "Load"),
        .executableTarget(
            name: "bare",
            dependencies: ["Support"],
            path: "Bare",
            linkerSettings: [.linkedLibrary("pthread")]
        ),
    ]
)
