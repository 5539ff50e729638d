// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing of it reaches the product.
let package = Package(
    name: "Model",
    targets: [.executableTarget(name: "Model", path: "Sources/Model", swiftSettings: [.swiftLanguageMode(.v6)])]
)
