// swift-tools-version: 6.2
import PackageDescription

// What is measured with: a package of its own, so that nothing of it reaches the product. Its folders under `Sources` that
// are links point at the product's targets, whose `package` declarations can then be seen.

/// `make linear` asks for readers that are internal to their target, in a build of its own: what is measured otherwise is
/// built as it ships.
let isTestable = Context.environment["MLAAS_LINEAR"] != nil

let settings: [SwiftSetting] =
    (isTestable ? [.unsafeFlags(["-enable-testing"])] : []) + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]

func target(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// 4. Every reader of bytes from outside, and a search for what costs it most.
let readers: [Target] = [
    .systemLibrary(name: "CHiredis"),
    .target(name: "CCount"),
    target("Redis", ["EventLoop", "TLS", "Crypto", "CHiredis"]),
    .systemLibrary(name: "CCMark"),
    target("Markdown", ["CCMark"]),
    target("WireContract", ["JSON"]),
    target(
        "HelperHTTP",
        [
            "Bytes", "EventLoop", "HTTP", "HTTPServer", "HelperCore", "JSON", "Crypto", "Markdown", "OpenAI",
            "Telemetry", "WireContract",
        ]),
    program(
        "Readers",
        [
            "Bytes", "CCount", "Crypto", "HTTP", "HTTPServer", "HelperCore", "HelperHTTP", "JSON", "Keycloak", "Redis",
            "Telemetry",
        ]),
]

let package = Package(
    name: "mlaas-helper-benchmarks",
    products: [
        .executable(name: "load", targets: ["load"]),
        .executable(name: "mint", targets: ["mint"]),
        .executable(name: "TokenCheck", targets: ["TokenCheck"]),
        .executable(name: "VerifyServer", targets: ["VerifyServer"]),
    ] + (isTestable ? [.executable(name: "Readers", targets: ["Readers"])] : []),
    targets: [
        // 1. The product's parts.
        .target(name: "CThreadNumber"),
        .target(name: "CPlatform"),
        .target(name: "CBytes"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CUV", pkgConfig: "libuv"),
        target("Crypto", ["Bytes", "COpenSSL"]),
        target("JSON", ["Bytes"]),
        target("Telemetry", ["Bytes", "CThreadNumber"]),
        target("EventLoop", ["Bytes", "CUV", "CPlatform"]),
        target("Bytes", ["CBytes"]),
        target("HTTP", ["Bytes"]),
        target("TLS", ["EventLoop", "Crypto"]),
        target("HTTPServer", ["Bytes", "EventLoop", "TLS", "Crypto", "HTTP", "Telemetry"]),
        target("OpenAI"),
        target("HelperCore", ["Bytes", "Crypto", "OpenAI", "Telemetry"]),
        // Without what sends requests: keys come from memory or a file here.
        target(
            "Keycloak", ["Bytes", "HelperCore", "Crypto", "JSON", "Telemetry"],
            exclude: ["HTTPKeySource.swift", "KeycloakSignIn.swift", "SignInEndpoints.swift"]),

        // 2. Programs in C: what asks, and what signs the tokens that are sent.
        .executableTarget(name: "load"),
        .executableTarget(name: "mint", dependencies: ["COpenSSL"]),

        // 3. The token check by itself, in a loop and behind the server.
        program("TokenCheck", ["Keycloak", "HelperCore", "Crypto", "JSON", "Telemetry"]),
        program(
            "VerifyServer",
            ["Keycloak", "HelperCore", "Crypto", "EventLoop", "HTTP", "HTTPServer", "Telemetry"]),
    ] + (isTestable ? readers : [])
)
