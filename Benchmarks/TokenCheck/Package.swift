// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing of it reaches the product. Its folders under `Sources` point at the product's
// targets, whose `package` declarations can then be seen.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func target(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

let package = Package(
    name: "mlaas-helper-token-check",
    targets: [
        .target(name: "CThreadNumber"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        target("Crypto", ["COpenSSL"]),
        target("JSON"),
        target("Telemetry", ["CThreadNumber"]),
        target("HelperCore", ["Crypto", "Telemetry"]),
        // Without what sends requests: keys come from memory here.
        target("Keycloak", ["HelperCore", "Crypto", "JSON", "Telemetry"], exclude: ["HTTPKeySource.swift"]),
        .executableTarget(
            name: "TokenCheck", dependencies: ["Keycloak", "HelperCore", "Crypto", "JSON", "Telemetry"],
            swiftSettings: settings),
    ]
)
