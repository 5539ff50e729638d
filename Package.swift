// swift-tools-version: 6.2
import PackageDescription

// MARK: Settings for every Swift target

/// Each upcoming feature is adopted everywhere, so that code reads the same in every target.
let upcomingFeatures: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335: `any` shows where dispatch is dynamic
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444: a file imports what it uses
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409: the import list says what a file exposes
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461: helpers stay on their caller's loop
]

/// Memory safety is checked by the compiler: only the targets that wrap a C library may say `unsafe`.
let memorySafety: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
]

/// Continuous integration sets CI=true; elsewhere a newer compiler's warnings do not stop a build.
let warnings: [SwiftSetting] = Context.environment["CI"] == "true" ? [.treatAllWarnings(as: .error)] : []

let settings: [SwiftSetting] = [.swiftLanguageMode(.v6)] + upcomingFeatures + memorySafety + warnings

// MARK: Targets

/// A Swift target in `Sources/<folder>/<name>`.
func target(_ folder: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)", swiftSettings: settings)
}

func executable(_ folder: String, _ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)", swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: dependencies, path: "Tests/\(name)Tests", resources: resources,
        swiftSettings: [.swiftLanguageMode(.v6)] + upcomingFeatures + warnings)
}

let package = Package(
    name: "mlaas-helper",
    products: [
        .executable(name: "mlaas-helper", targets: ["mlaas-helper"]),
        .executable(name: "mlaas", targets: ["mlaas"]),
        .executable(name: "mlaas-sandbox", targets: ["mlaas-sandbox"]),
    ],
    targets: [
        // 1. What C gives us: a module map and a shim each.
        .systemLibrary(name: "CUV", path: "Sources/C/CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(
            name: "CCurl", path: "Sources/C/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Sources/C/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        // Without pkg-config: Debian's file holds a flag that SwiftPM refuses, and the library is where compilers look.
        .systemLibrary(name: "CHiredis", path: "Sources/C/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CCMark", path: "Sources/C/CCMark", providers: [.apt(["libcmark-dev"])]),
        .systemLibrary(
            name: "CExpat", path: "Sources/C/CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .target(name: "CPlatform", path: "Sources/C/CPlatform"),
        .target(name: "CThreadNumber", path: "Sources/C/CThreadNumber"),
        .target(name: "CBytes", path: "Sources/C/CBytes"),

        // 2. What packages would give us; knows nothing of MLaaS.
        target("Runtime", "Bytes", ["CBytes"]),
        target("Runtime", "EventLoop", ["Bytes", "CUV", "CPlatform"]),
        target("Runtime", "Crypto", ["Bytes", "COpenSSL"]),
        target("Runtime", "JSON", ["Bytes"]),
        target("Runtime", "HTTP", ["Bytes"]),
        target("Runtime", "Markdown", ["CCMark"]),
        target("Runtime", "XML", ["CExpat"]),
        target("Runtime", "TLS", ["EventLoop", "Crypto"]),
        target("Runtime", "HTTPServer", ["Bytes", "EventLoop", "TLS", "Crypto", "HTTP", "Telemetry"]),
        target("Runtime", "HTTPClient", ["Bytes", "EventLoop", "Crypto", "HTTP", "Telemetry", "CCurl"]),
        target("Runtime", "Telemetry", ["Bytes", "CThreadNumber"]),
        target("Runtime", "Redis", ["Bytes", "EventLoop", "HTTP", "TLS", "Crypto", "CHiredis"]),
        target("Runtime", "OTLP", ["Bytes", "HTTPClient", "HTTP", "JSON", "Telemetry"]),
        target("Runtime", "Configuration", ["Bytes"]),
        target("Runtime", "Arguments"),

        // 3. The product: no C module, no pointer.
        target("Helper", "OpenAI"),
        target("Helper", "WireContract", ["JSON"]),
        target("Helper", "HelperCore", ["Bytes", "Crypto", "OpenAI", "Telemetry"]),
        target("Helper", "Upstream", ["HelperCore", "HTTPClient", "HTTP", "Telemetry"]),
        target(
            "Helper", "Keycloak",
            ["Bytes", "HelperCore", "Upstream", "HTTPClient", "HTTP", "Crypto", "JSON", "Telemetry"]),
        target(
            "Helper", "ThreeScale",
            ["Bytes", "Crypto", "HelperCore", "Upstream", "HTTPClient", "HTTP", "JSON", "Telemetry", "XML"]),
        target("Helper", "Doctor", ["Bytes", "HelperCore", "ThreeScale", "HTTPClient", "HTTP", "Crypto", "JSON"]),
        target("Helper", "SharedState", ["Bytes", "HelperCore", "Redis", "Crypto", "EventLoop", "Telemetry"]),
        target(
            "Helper", "HelperHTTP",
            [
                "Bytes", "WireContract", "HelperCore", "HTTPServer", "HTTP", "EventLoop", "Crypto", "JSON", "Markdown",
                "OpenAI", "Telemetry",
            ]),
        target(
            "Helper", "HelperServer",
            [
                "Bytes", "WireContract", "HelperCore", "HelperHTTP", "Keycloak", "ThreeScale", "SharedState", "Redis",
                "Doctor",
                "EventLoop",
                "Crypto", "JSON", "HTTP",
                "HTTPServer",
                "HTTPClient", "OTLP", "Telemetry", "Configuration", "Arguments",
            ]),
        executable("Helper", "mlaas-helper", ["HelperServer", "EventLoop"]),
        target(
            "Helper", "HelperCLI",
            [
                "Arguments", "Bytes", "Configuration", "Crypto", "EventLoop", "HTTP", "HTTPClient", "HTTPServer",
                "JSON", "OpenAI", "Telemetry", "WireContract",
            ]),
        executable("Helper", "mlaas", ["HelperCLI", "EventLoop"]),

        // 4. Believable fakes that listen on loopback; nothing above depends on them.
        target("Sandbox", "SandboxSupport", ["EventLoop", "HTTP", "HTTPServer", "JSON"]),
        target("Sandbox", "KeycloakSandbox", ["Bytes", "SandboxSupport", "HTTP", "HTTPServer", "JSON", "Crypto"]),
        target("Sandbox", "ThreeScaleSandbox", ["Bytes", "SandboxSupport", "EventLoop", "HTTP", "HTTPServer", "JSON"]),
        target(
            "Sandbox", "Sandbox",
            [
                "SandboxSupport", "KeycloakSandbox", "ThreeScaleSandbox", "EventLoop", "HTTP", "HTTPServer", "JSON",
                "Telemetry", "Arguments",
            ]),
        executable("Sandbox", "mlaas-sandbox", ["Sandbox", "EventLoop"]),

        // Not a product: for measuring the runtime by itself.
        .executableTarget(
            name: "bench-server", dependencies: ["EventLoop", "HTTP", "HTTPServer", "Telemetry"],
            path: "Benchmarks/bench-server", swiftSettings: settings),

        // Not a product either: explores every way in which calls of the shipped provisioning can go on.
        .executableTarget(
            name: "ProvisioningModel", dependencies: ["HelperCore"], path: "Model/Sources/ProvisioningModel",
            swiftSettings: settings),

        // 5. Tests: one folder per target.
        .target(
            name: "TestSupport", path: "Tests/TestSupport",
            swiftSettings: [.swiftLanguageMode(.v6)] + upcomingFeatures + warnings),
        tests("Bytes", ["Bytes", "TestSupport"]),
        tests("EventLoop", ["EventLoop", "LoopTesting", "TestSupport"]),
        tests("Crypto", ["Bytes", "Crypto", "TestSupport"]),
        tests("JSON", ["JSON"]),
        tests("Markdown", ["Markdown"]),
        tests("XML", ["XML"]),
        .target(
            name: "LoopTesting", dependencies: ["EventLoop"], path: "Tests/LoopTesting",
            swiftSettings: [.swiftLanguageMode(.v6)] + upcomingFeatures + warnings),
        .target(
            name: "HTTPCorpus", dependencies: ["HTTP"], path: "Tests/HTTPCorpus",
            swiftSettings: [.swiftLanguageMode(.v6)] + upcomingFeatures + warnings),
        tests("HTTP", ["HTTP", "HTTPCorpus"]),
        tests(
            "HTTPServer",
            [
                "HTTPServer", "HTTP", "HTTPCorpus", "LoopTesting", "EventLoop", "Crypto", "TLS", "Telemetry",
                "SandboxSupport", "TestSupport",
            ]),
        tests(
            "HTTPClient",
            [
                "HTTPClient", "HTTP", "HTTPServer", "EventLoop", "LoopTesting", "Crypto", "SandboxSupport",
                "Telemetry", "TestSupport",
            ]),
        tests("Redis", ["Bytes", "Redis", "EventLoop"]),
        tests("Telemetry", ["Telemetry"]),
        tests("Configuration", ["Configuration"]),
        tests("Arguments", ["Arguments"]),
        tests("OpenAI", ["OpenAI"]),
        tests(
            "HelperCore",
            [
                "HelperCore", "Crypto", "EventLoop", "HTTPClient", "HTTPServer", "Telemetry", "TestSupport",
                "ThreeScale",
                "ThreeScaleSandbox",
            ]),
        tests(
            "Keycloak",
            ["Keycloak", "HelperCore", "HTTPClient", "Crypto", "JSON", "EventLoop", "Telemetry", "TestSupport"]),
        tests(
            "ThreeScale",
            ["ThreeScale", "HelperCore", "HTTP", "HTTPClient", "JSON", "EventLoop", "Telemetry", "TestSupport"]),
        tests("Doctor", ["Doctor", "HelperCore", "HTTPClient", "JSON"]),
        tests(
            "SharedState",
            ["Bytes", "SharedState", "HelperCore", "Redis", "EventLoop", "Telemetry", "LoopTesting", "TestSupport"]),
        tests(
            "HelperHTTP",
            [
                "Bytes", "WireContract", "HelperHTTP", "HelperServer", "HelperCore", "HTTP", "HTTPServer", "JSON",
                "Telemetry",
            ]),
        tests(
            "HelperServer",
            [
                "HelperServer", "HelperHTTP", "EventLoop", "HTTP", "HTTPClient", "Configuration", "Arguments",
                "Keycloak",
                "HelperCore", "Telemetry",
            ]),
        tests(
            "HelperCLI",
            ["HelperCLI", "WireContract", "Arguments", "EventLoop", "HTTP", "HTTPServer", "JSON", "TestSupport"]),
        tests("ThreeScaleSandbox", ["ThreeScaleSandbox", "SandboxSupport", "JSON", "HTTP", "HTTPServer"]),
    ]
)
