// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing of it reaches the product. Its folders under `Sources` point at the product's
// targets: compiled here they carry the fuzzer's coverage counters, and their `package` declarations can be seen.

/// The fuzzer's library without a `main`; `scripts/fuzz.sh` finds it in the toolchain.
let runtime = Context.environment["FUZZER_RUNTIME"] ?? ""

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Optimised for the number of inputs a second, with assertions kept: they are oracles too.
    // Readers that are internal to their target are entries too.
    .unsafeFlags(["-sanitize=fuzzer", "-assert-config", "Debug", "-enable-testing"]),
]

func fuzzed(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

let package = Package(
    name: "mlaas-helper-fuzz",
    targets: [
        .systemLibrary(name: "CUV", pkgConfig: "libuv"),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CExpat", pkgConfig: "expat"),
        .target(name: "CPlatform"),
        .target(name: "CThreadNumber"),
        .target(name: "CBytes"),
        .target(name: "CFuzzer"),
        fuzzed("Bytes", ["CBytes"]),
        fuzzed("HTTP", ["Bytes"]),
        fuzzed("XML", ["CExpat"]),
        fuzzed("HTTPCorpus", ["HTTP"]),
        fuzzed("JSON", ["Bytes"]),
        fuzzed("EventLoop", ["Bytes", "CUV", "CPlatform"]),
        fuzzed("Crypto", ["Bytes", "COpenSSL"]),
        fuzzed("TLS", ["EventLoop", "Crypto"]),
        fuzzed("Redis", ["EventLoop", "TLS", "Crypto", "CHiredis"]),
        fuzzed("Telemetry", ["Bytes", "CThreadNumber"]),
        fuzzed("HTTPClient", ["EventLoop", "Crypto", "HTTP", "Telemetry", "CCurl"]),
        fuzzed("OpenAI"),
        fuzzed("HelperCore", ["Bytes", "Crypto", "OpenAI", "Telemetry"]),
        fuzzed("Upstream", ["HelperCore", "HTTPClient", "HTTP", "Telemetry"]),
        fuzzed(
            "Keycloak", ["Bytes", "HelperCore", "Upstream", "HTTPClient", "HTTP", "Crypto", "JSON", "Telemetry"]),
        fuzzed("Configuration", ["Bytes"]),
        fuzzed(
            "ThreeScale",
            ["Bytes", "Crypto", "HelperCore", "Upstream", "HTTPClient", "HTTP", "JSON", "Telemetry", "XML"]),
        fuzzed("SharedState", ["Bytes", "HelperCore", "Redis", "Crypto", "EventLoop", "Telemetry"]),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "CFuzzer", "Bytes", "Configuration", "HTTP", "HTTPClient", "HTTPCorpus", "JSON", "Redis", "Crypto",
                "HelperCore", "Keycloak", "SharedState", "ThreeScale",
            ],
            swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-Xlinker", runtime]), .linkedLibrary("stdc++")]),
    ]
)
