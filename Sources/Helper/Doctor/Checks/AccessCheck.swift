package import HelperCore

/// Whether each name in MLAAS_SERVICE_ROLES is a service's: a rule for another name restricts nothing.
package struct AccessCheck: Check {
    private static let shownMax = 10

    private let unknown: [String]
    private let rules: Int

    /// - Parameter systemNames: of the services that 3scale lists.
    package init(_ policy: AccessPolicy, systemNames: [String]) {
        let known = Set(systemNames)
        rules = policy.serviceRoles.count
        unknown = policy.serviceRoles.keys.filter { !known.contains($0) }.sorted()
    }

    package var findings: [Finding] {
        guard rules > 0 else { return [] }
        guard !unknown.isEmpty else {
            return [Finding("access.services", .ok, "each service that MLAAS_SERVICE_ROLES names is there")]
        }
        let names = unknown.prefix(Self.shownMax).map { "'\($0)'" }.joined(separator: ", ")
        return [
            Finding(
                "access.services", .warning,
                "MLAAS_SERVICE_ROLES names services that are not there, so that these rules restrict nothing: \(names)",
                advice:
                    "Use the service's system_name as GET /api/services answers it; upper and lower case matter")
        ]
    }
}

/// Whether the proxy of a service that the lists of all proxies lack can be read alone: the catalogue is partial where not.
package struct ProxyCheck: Check {
    /// One service, and what the call for its proxy brought.
    package struct Reading: Sendable {
        let id: Int
        let name: String
        let observation: Observation

        package init(id: Int, name: String, observation: Observation) {
            self.id = id
            self.name = name
            self.observation = observation
        }
    }

    private let reading: Reading

    package init(_ reading: Reading) { self.reading = reading }

    package var findings: [Finding] {
        let cause: String
        switch reading.observation.outcome {
        case .answered(200, _, _): return []
        case .answered(let status, _, _): cause = "answers \(status)"
        case .failed(let error): cause = "fails: \(error)"
        }
        return [
            Finding(
                "service.proxy", .warning,
                "the proxy of service '\(reading.name)' (\(reading.id)) cannot be read: "
                    + "GET services/\(reading.id)/proxy.json \(cause). It keeps its last known form, or gets no keys",
                advice:
                    "Open the service's integration settings in the admin portal, and promote its configuration again")
        ]
    }
}
